"""Verdicts on printed curves, on synthetic records with answers known beforehand."""

from pathlib import Path

import numpy as np
import pytest

from retrial.core import records
from retrial.core.errors import RetrialError
from retrial.core.records import Finished, Records
from retrial.core.trial import Metric, Result, Trial
from retrial.judging.curves import spans
from retrial.judging.judge import Family, judge_claim, judge_family
from retrial.judging.ledger import Claim, Evidence
from retrial.judging.verdicts import headline, heads

PRINTED = ("0.10", "0.20", "0.90", "0.91", "0.92")


def claims(printed: tuple[str, ...] = PRINTED, fitted: int = 2, **changes: object) -> list[Claim]:
    base: dict = {
        "report": "009", "family": "toy", "where": "here", "quote": "q", "statement": "s",
        "kind": "curve", "quantity": "accuracy", "unit": "fraction", "choices": ("rate",),
        "regardless": "whatever the rate",
        "evidence": Evidence(arm="net", metric="accuracy"),
    }  # fmt: skip
    return [
        Claim(
            **base
            | {"id": f"e{i}", "epoch": i, "printed": text}
            | {"fitted": ("rate",) if i <= fitted else ()}
            | changes
        )
        for i, text in enumerate(printed, start=1)
    ]


def family(
    tmp_path: Path,
    ledger: list[Claim],
    curve: tuple[float, ...] = (0.5, 0.5, 0.90, 0.91, 0.92),
    seeds: int = 5,
    sd: float = 0.001,
    search: Records | None = None,
    **rest: object,
) -> Family:
    chance = np.random.default_rng(0)
    whole = bool(rest.pop("whole", True))
    lost = int(rest.pop("lost", 0))  # type: ignore[call-overload]
    trials = []
    for seed in range(seeds):
        values: list = [float(x) for x in np.array(curve) + chance.normal(0, sd, len(curve))]
        diverged = seed < lost
        detail = {"epoch": 4, "step": 1, "tensor": "loss"}
        status: dict = {"status": "diverged", "detail": detail} if diverged else {}
        result = Result(
            {"accuracy": Metric(values[-1], 100)},
            curves={"accuracy": [*values[:3], 0.098] if diverged else values},
            **status,
        )
        trials.append(Finished(Trial("toy", "net", seed, {}, whole), result, f"f{seed}"))
    records.write(tmp_path, "toy", trials, [], {})
    return Family(Records.load(tmp_path), {one.id: one for one in ledger}, "paper", search)


def test_the_fitted_epochs_are_left_out_and_the_rest_has_one_verdict(tmp_path: Path) -> None:
    ledger = claims()
    rows = judge_family(ledger, family(tmp_path, ledger))
    # Epochs 1 and 2 are far off: with them, the curve would not be reproduced.
    assert {row["verdict"] for row in rows} == {"reproduced"}
    assert all("judged on epochs 3–5 (1–2 chose rate)" in row["reason"] for row in rows)
    assert [round(row["measured"], 2) for row in rows] == [0.5, 0.5, 0.9, 0.91, 0.92]
    assert all(row["low"] < row["measured"] < row["high"] for row in rows)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5]
    # The margin is that of the claim's own epoch.
    assert [row["margin"] for row in rows] == [0.01, 0.01, 0.01, 0.01, 0.01]
    with_all = claims(fitted=0)
    (first, *_) = judge_family(with_all, family(tmp_path, with_all))
    assert first["verdict"] == "contradicted"
    assert "judged on epochs 1–5:" in first["reason"]


def test_a_curve_far_off_is_contradicted_and_a_wide_one_is_open(tmp_path: Path) -> None:
    ledger = claims()
    far = judge_claim(ledger[3], family(tmp_path, ledger, (0.1, 0.2, 0.8, 0.81, 0.82)))
    assert far["verdict"] == "contradicted"
    wide = judge_claim(ledger[3], family(tmp_path, ledger, sd=0.05))
    assert wide["verdict"] == "inconclusive"
    # Margins of .01 and an SD of .05: each run is some 4 margins off, the mean curve less.
    assert "lottery: single seeds are " in wide["reason"]
    assert wide["seeds_needed"] is None


def test_the_reason_names_the_spread_of_a_lottery_and_the_seeds_of_an_open_mean(
    tmp_path: Path,
) -> None:
    ledger = claims(("0.5",), fitted=0)

    def judged(*margins: float) -> str:
        trials = [
            Finished(
                Trial("toy", "net", seed, {}),
                Result({}, curves={"accuracy": [0.5 + off / 100]}),
                f"f{seed}",
            )
            for seed, off in enumerate(margins)
        ]
        records.write(tmp_path, "toy", trials, [], {})
        rest = Family(Records.load(tmp_path), {"e1": ledger[0]}, "paper")
        return str(judge_claim(ledger[0], rest)["reason"])

    told = judged(0, 3, -2, 1, -3)
    assert "single seeds are 0.00 to 3.00 margins off, their median 2.00; the mean curve" in told
    assert "precision: 8 seeds would tell it from 1" in judged(1.0, -1.6, 0.9, -1.5)


def test_too_few_seeds_and_a_cut_protocol_decide_nothing(tmp_path: Path) -> None:
    ledger = claims()
    few = judge_claim(ledger[2], family(tmp_path, ledger, seeds=2))
    assert (few["verdict"], few["reason"].split(":")[0]) == ("inconclusive", "seeds")
    short = family(tmp_path, ledger, (0.1, 0.2), whole=False)
    cut = judge_claim(ledger[3], short)
    assert (cut["verdict"], cut["reason"].split(":")[0]) == ("inconclusive", "budget")
    assert cut["measured"] is None
    assert judge_claim(ledger[0], short)["measured"] == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(("lost", "verdict"), [(1, "inconclusive"), (5, "contradicted")])
def test_runs_that_diverge_have_no_curve(tmp_path: Path, lost: int, verdict: str) -> None:
    ledger = claims()
    row = judge_claim(ledger[4], family(tmp_path, ledger, lost=lost))
    assert row["verdict"] == verdict
    assert f"{lost} of 5 runs lose their numbers" in row["reason"]
    # The accuracy of .098 that a diverged run still has in its epoch is no number.
    fourth = judge_claim(ledger[3], family(tmp_path, ledger, lost=lost))["measured"]
    assert fourth is None if lost == 5 else fourth == pytest.approx(0.91, abs=0.01)
    third = judge_claim(ledger[2], family(tmp_path, ledger, lost=lost))["measured"]
    assert third == pytest.approx(0.9, abs=0.01)


def test_a_curve_without_chance_is_compared_at_its_decimals(tmp_path: Path) -> None:
    ledger = claims()
    assert judge_claim(ledger[2], family(tmp_path, ledger, sd=0))["verdict"] == "reproduced"
    other = family(tmp_path, ledger, (0.5, 0.5, 0.90, 0.91, 0.93), sd=0)
    assert judge_claim(ledger[2], other)["verdict"] == "contradicted"


def test_losses_printed_as_zero_have_a_margin_of_one_unit(tmp_path: Path) -> None:
    ledger = claims(("0.5", "0.1", "0.0001", "0.0000"), quantity="loss")
    row = judge_family(ledger, family(tmp_path, ledger, (0.5, 0.1, 9e-5, 4e-5), sd=1e-6))[3]
    assert (row["verdict"], row["margin"]) == ("reproduced", pytest.approx(1e-4))


def test_an_accuracy_near_one_can_fail_where_it_has_no_floor(tmp_path: Path) -> None:
    printed, curve = (
        ("0.1", "0.2", "0.9980", "0.9996", "1.0000"),
        (0.1, 0.2, 0.9970, 0.9990, 0.9993),
    )
    usual = claims(printed)
    row = judge_claim(usual[2], family(tmp_path, usual, curve, sd=1e-7))
    assert (row["verdict"], row["margin"]) == ("reproduced", pytest.approx(0.002))
    assert "printed unit" not in row["reason"]
    bare = claims(printed, margin_floor=0.0, margin_reason="many images")
    rows = judge_family(bare, family(tmp_path, bare, curve, sd=1e-7))
    # A quarter of the printed error, .25·.002 and .25·.0004, but at least one printed unit.
    assert [row["margin"] for row in rows[2:]] == pytest.approx([0.0005, 0.0001, 0.0001])
    assert {row["verdict"] for row in rows} == {"contradicted"}
    # Distances 2, 6 and 7.
    assert "runs are 5.00 [5.00, 5.00] margins off" in rows[2]["reason"]
    assert "the worst epoch is 5, 7.00 margins off" in rows[2]["reason"]
    assert "in 2 of 3 judged epochs the margin is one printed unit" in rows[2]["reason"]
    some = claims(printed, margin_floor=0.0003, margin_reason="many images")
    margins = [row["margin"] for row in judge_family(some, family(tmp_path, some, curve))]
    assert margins[2:] == pytest.approx([0.0005, 0.0003, 0.0003])


def test_a_floor_is_a_fraction_whatever_the_unit(tmp_path: Path) -> None:
    ledger = claims(("99.80", "99.99"), 0, unit="percent", margin_floor=0, margin_reason="many")
    rows = judge_family(ledger, family(tmp_path, ledger, (0.998, 0.9999)))
    assert [row["margin"] for row in rows] == pytest.approx([0.05, 0.01])


def test_a_curve_that_is_all_fitted_decides_nothing(tmp_path: Path) -> None:
    ledger = claims(fitted=5)
    row = judge_claim(ledger[0], family(tmp_path, ledger))
    assert row["verdict"] == "inconclusive"
    assert "every printed epoch was used" in row["reason"]


def test_what_does_not_belong_together_is_one_line(tmp_path: Path) -> None:
    ledger = claims((*PRINTED, "0.93"))
    with pytest.raises(RetrialError, match="seed 0: 5 epochs, expected the 6 that are printed"):
        judge_claim(ledger[0], family(tmp_path, ledger))
    twice = [*claims(), claims()[4].model_copy(update={"id": "again"})]
    with pytest.raises(RetrialError, match="epoch = 5: again stands for it as well"):
        judge_claim(twice[0], family(tmp_path, twice))
    wrong = claims(evidence=Evidence(arm="net", metric="acuracy"))
    with pytest.raises(RetrialError, match="no column 'acuracy'"):
        judge_claim(wrong[0], family(tmp_path, wrong))


def test_a_curve_whose_choices_were_searched_for_a_few_epochs_is_not_contradicted(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "search"
    found = Finished(Trial("mse_search", "net/default/unit/0.1", 1000, {}), Result({}), "f")
    records.write(folder, "mse_search", [found], [], {})
    ledger = claims(regardless="")
    far = family(tmp_path, ledger, (0.1, 0.2, 0.8, 0.8, 0.8), search=Records.load(folder))
    row = judge_claim(ledger[3], far)
    assert row["verdict"] == "inconclusive"
    assert row["reason"].startswith("given 1 fitted choice (rate): reading: judged on epochs 3–5")
    assert row["reason"].endswith("nothing else was recorded for rate; other runs would decide")
    # Where the ledger says that no rate gives it, it is.
    stands = judge_claim(claims()[3], far)
    assert (stands["verdict"], stands["reason"][-17:]) == ("contradicted", "whatever the rate")


def test_headlines_count_a_curve_once_and_by_its_verdict(tmp_path: Path) -> None:
    ledger = claims()
    rows = judge_family(ledger, family(tmp_path, ledger))
    value = {**rows[0], "id": "v", "kind": "value"}
    kept = heads([value, *rows, {**value, "id": "w"}])
    assert [row["id"] for row in kept] == ["v", "e3", "w"]
    assert [headline(row) for row in kept][1] == "reproduced"
    assert [row["id"] for row in heads(rows[:2])] == ["e1"]


def test_epochs_are_told_as_ranges() -> None:
    assert spans([1, 2, 3, 5]) == "1–3, 5"
    assert spans([4]) == "4"
