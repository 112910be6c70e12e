"""Verdicts on synthetic records, one for each rule; the numbers are worked by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrial.core import records
from retrial.core.errors import RetrialError
from retrial.core.records import Finished, Records
from retrial.core.trial import Metric, Result, Trial
from retrial.judging.judge import Family, judge_claim
from retrial.judging.ledger import Claim, Evidence, Possible
from retrial.judging.verdicts import headline

# statistics.md, "value": reproduced, contradicted, lottery.
NEAR = (0.9301, 0.9325, 0.9310, 0.9318, 0.9296)
FAR = (0.978, 0.976, 0.979, 0.977, 0.980)
WIDE = (0.1135, 0.1135, 0.1135, 0.9510, 0.9480, 0.9530, 0.9490, 0.9500, 0.9470, 0.9520)


def claim(**changes: object) -> Claim:
    base: dict = {
        "id": "c",
        "report": "009",
        "family": "toy",
        "where": "Table 1",
        "quote": "q",
        "statement": "s",
        "kind": "value",
        "printed": "0.9312",
        "unit": "fraction",
        "quantity": "accuracy",
        "evidence": Evidence(arm="near", metric="accuracy"),
    }
    return Claim(**(base | changes))


def trial(
    arm: str, seed: int, metrics: dict[str, float | None], whole: bool = True, **rest: Any
) -> Finished:
    result = Result({name: Metric(value, 10_000) for name, value in metrics.items()}, **rest)
    return Finished(Trial("toy", arm, seed, {}, whole), result, f"{arm}{seed}")


@pytest.fixture
def family(tmp_path: Path) -> Family:
    trials = [trial("near", i, {"accuracy": x}) for i, x in enumerate(NEAR)]
    trials += [trial("far", i, {"accuracy": x}) for i, x in enumerate(FAR)]
    trials += [trial("far/normal", i, {"accuracy": x}) for i, x in enumerate(FAR)]
    trials += [trial("wide", i, {"accuracy": x}) for i, x in enumerate(WIDE)]
    trials += [trial("cut", i, {"accuracy": x}, whole=False) for i, x in enumerate(NEAR)]
    trials += [trial("one", 0, {"accuracy": 0.1135})]
    trials += [
        trial("loss", i, {"loss": 2.0 + x, "loss_per_entry": (2.0 + x) / 10})
        for i, x in enumerate((0.300, 0.302, 0.301))
    ]
    trials += [
        trial("lost", i, {"train_loss": None if i < lost else 0.5, "train_logit_spread": 900.0})
        for lost in (3,)
        for i in range(3)
    ]
    trials += [trial("kept", i, {"train_loss": 0.5, "train_logit_spread": 900.0}) for i in range(3)]
    # A network that has diverged gives every image class 0, and so has an accuracy.
    broken: dict = {"status": "diverged", "detail": {"epoch": 1, "step": 9, "tensor": "loss"}}
    trials += [trial("broken", i, {"accuracy": 0.098}, **broken) for i in range(5)]
    trials += [
        trial("shaky", i, {"accuracy": x}, **(broken if i == 2 else {})) for i, x in enumerate(NEAR)
    ]
    records.write(tmp_path, "toy", trials, ["left-out"], {"lock": "x"})
    return Family(Records.load(tmp_path), {}, "quick")


def verdict(family: Family, **changes: object) -> dict:
    return judge_claim(claim(**changes), family)


@pytest.mark.parametrize(
    ("arm", "printed", "expected"),
    [
        ("near", "0.9312", "reproduced"),
        ("far", "0.5041", "contradicted"),
        ("wide", "0.629", "inconclusive"),
    ],
)
def test_a_value_is_judged_by_equivalence_and_prediction(
    family: Family, arm: str, printed: str, expected: str
) -> None:
    row = verdict(family, printed=printed, evidence=Evidence(arm=arm, metric="accuracy"))
    assert row["verdict"] == expected
    if arm == "wide":
        assert row["reason"].startswith("lottery")
    else:
        assert row["low"] <= row["measured"] <= row["high"]


def test_percentages_are_judged_in_the_unit_of_the_print(family: Family) -> None:
    row = verdict(family, printed="93.12", unit="percent")
    assert row["verdict"] == "reproduced"
    assert row["measured"] == pytest.approx(93.1)
    assert row["margin"] == pytest.approx(1.0)


def test_a_cut_protocol_is_inconclusive_whatever_it_measured(family: Family) -> None:
    row = verdict(family, evidence=Evidence(arm="cut", metric="accuracy"))
    assert (row["verdict"], row["reason"].split(":")[0]) == ("inconclusive", "budget")
    row = verdict(family, evidence=Evidence(arm="left-out", metric="accuracy"))
    assert (row["verdict"], row["reason"].split(":")[0]) == ("inconclusive", "budget")


def test_a_number_without_chance_is_compared_exactly(family: Family) -> None:
    exact = Evidence(arm="one", metric="accuracy", deterministic=True)
    assert verdict(family, printed=".113", evidence=exact)["verdict"] == "reproduced"
    assert "cut off" in verdict(family, printed=".113", evidence=exact)["reason"]
    assert verdict(family, printed=".115", evidence=exact)["verdict"] == "contradicted"
    single = verdict(family, evidence=Evidence(arm="one", metric="accuracy"))
    assert (single["verdict"], single["reason"].split(":")[0]) == ("inconclusive", "seeds")


def test_an_accuracy_that_is_no_fraction_of_its_test_set_is_impossible(family: Family) -> None:
    row = verdict(family, printed="0.9312", possible=Possible(of=100))
    assert row["verdict"] == "impossible"
    assert (
        verdict(family, printed="0.9312", possible=Possible(of=10_000))["verdict"] == "reproduced"
    )


def test_a_loss_below_what_its_accuracy_allows_is_impossible_and_the_fault_stands_beside(
    family: Family,
) -> None:
    accuracy = claim(id="acc", printed="11.24", unit="percent", possible=Possible(of=60_000))
    with_ledger = Family(family.records, {"acc": accuracy}, "quick")
    row = judge_claim(
        claim(
            printed="0.2301",
            quantity="loss",
            possible=Possible(accuracy="acc"),
            fault="mean_over_classes",
            evidence=Evidence(arm="loss", metric="loss"),
        ),
        with_ledger,
    )
    assert row["verdict"] == "impossible"
    assert "0.23010" in row["reason"]
    assert row["fault"] == "mean_over_classes"


def test_a_contradicted_number_that_a_fault_gives_is_explained(family: Family) -> None:
    changes: dict = {
        "printed": "0.2301",
        "quantity": "loss",
        "evidence": Evidence(arm="loss", metric="loss"),
    }
    assert verdict(family, **changes)["verdict"] == "contradicted"
    row = verdict(family, fault="mean_over_classes", **changes)
    assert (row["verdict"], row["fault"]) == ("explained", "mean_over_classes")


def test_a_printed_nan_is_reproduced_contradicted_or_explained(family: Family) -> None:
    def judged(arm: str, fault: str | None = None) -> str:
        evidence = Evidence(arm=arm, metric="train_loss", test="not_a_number")
        changes = {"printed": "nan", "kind": "statement", "evidence": evidence, "fault": fault}
        return verdict(family, **changes)["verdict"]

    assert judged("lost") == "reproduced"
    assert judged("kept") == "contradicted"
    assert judged("kept", "log_of_softmax") == "explained"


def test_what_is_lost_is_untestable_and_what_was_fitted_is_told(family: Family) -> None:
    proxy = Evidence(arm="near", metric="accuracy", test="proxy")
    row = verdict(family, kind="statement", lost="the figure is lost", evidence=proxy)
    assert row["verdict"] == "untestable"
    assert row["reason"].startswith("the figure is lost; as a proxy, ")
    row = verdict(family, choices=("rate", "epochs"))
    assert row["reason"].startswith("given 2 fitted choices (rate, epochs): ")
    assert headline(verdict(family, fitted=("rate",))) == "reproduced, but fitted on"
    assert headline(row) == "reproduced"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"evidence": Evidence(arm="near", metric="acuracy")}, "no metric 'acuracy'"),
        ({"evidence": Evidence(arm="naer", metric="accuracy")}, "no arm 'naer'"),
        ({"evidence": Evidence(arm="near")}, "evidence.metric: missing"),
        ({"evidence": Evidence(arm="near", test="tset")}, "evidence.test = 'tset'"),
        ({"quantity": ""}, "quantity: missing"),
        ({"possible": Possible(accuracy="x")}, "no such claim"),
        ({"fault": "fualt"}, "fault = 'fualt': expected one of"),
        (
            {"evidence": Evidence(arm="near", metric="acuracy", test="proxy")},
            "no metric 'acuracy'",
        ),
        (
            {"evidence": Evidence(arm="near", test="invariant")},
            "evidence.against: missing",
        ),
        (
            {"evidence": Evidence(arm="near", against="far", test="invariant")},
            "evidence.thresholds.consistency: missing",
        ),
    ],
)
def test_a_claim_that_cannot_be_judged_is_one_line(
    family: Family, changes: dict, message: str
) -> None:
    with pytest.raises(RetrialError, match=message) as caught:
        verdict(family, **changes)
    assert str(caught.value).startswith("claims/009.yaml: c: ")
    assert "\n" not in str(caught.value)


def test_runs_that_diverged_are_no_number(family: Family) -> None:
    row = verdict(
        family,
        printed="0.5",
        quantity="loss",
        evidence=Evidence(arm="lost", metric="train_loss"),
    )
    assert row["verdict"] == "contradicted"
    assert row["measured"] is None
    assert not np.isnan(row["n"])


@pytest.mark.parametrize(
    ("arm", "printed", "expected", "lost"),
    [("broken", "0.098", "contradicted", 5), ("shaky", "0.9312", "inconclusive", 1)],
)
def test_the_accuracy_of_a_run_that_diverged_is_none(
    family: Family, arm: str, printed: str, expected: str, lost: int
) -> None:
    row = verdict(family, printed=printed, evidence=Evidence(arm=arm, metric="accuracy"))
    assert (row["verdict"], row["measured"]) == (expected, None)
    assert row["reason"].startswith(f"{lost} of 5 runs diverged")


def test_counts_that_do_not_sum_are_impossible(family: Family) -> None:
    parts = {
        name: claim(id=name, printed=printed, kind="count", unit="count")
        for name, printed in (("a", "400"), ("b", "601"))
    }
    sums = Possible(sums=("a", "b"))
    exact = Evidence(arm="one", metric="accuracy", deterministic=True)
    changes: dict = {"kind": "count", "unit": "count", "possible": sums, "evidence": exact}
    whole = Family(family.records, parts, "quick")
    assert judge_claim(claim(printed="1000", **changes), whole)["verdict"] == "impossible"
    assert judge_claim(claim(printed="1001", **changes), whole)["verdict"] == "contradicted"


def test_a_cut_run_stands_beside_no_impossible_number(family: Family) -> None:
    cut = Evidence(arm="cut", metric="accuracy")
    row = verdict(family, printed="0.9312", possible=Possible(of=100), evidence=cut)
    assert (row["verdict"], row["measured"]) == ("impossible", None)


def test_a_lost_claim_is_untestable_even_where_its_proxy_was_not_run(family: Family) -> None:
    proxy = Evidence(arm="left-out", metric="accuracy", test="proxy")
    row = verdict(family, kind="statement", lost="the figure is lost", evidence=proxy)
    assert (row["verdict"], row["reason"]) == ("untestable", "the figure is lost")


def test_a_number_that_another_searched_reading_gives_is_not_contradicted(
    family: Family, tmp_path: Path
) -> None:
    def search(accuracy: float, distribution: str = "normal") -> Records:
        config = {
            "activation": "far",
            "draw": {"distribution": distribution, "scale": 1.0},
            "learning_rate": 0.1,
        }
        result = Result({}, curves={"accuracy": [0.1, accuracy]})
        found = Finished(Trial("search", "far/normal-1.0/0.1", 1000, config), result, "f")
        folder = tmp_path / f"{distribution}{accuracy}"
        records.write(folder, "search", [found], [], {})
        return Records.load(folder)

    changes: dict = {
        "printed": "0.5041",
        "evidence": Evidence(arm="far/normal", metric="accuracy"),
        "choices": ("rate",),
        "family": "scratch_grid",
    }
    near = Family(family.records, {}, "paper", search(0.5))
    row = judge_claim(claim(**changes), near)
    assert row["verdict"] == "inconclusive"
    assert "normal 1 at learning rate 0.1 and 2 epochs comes within the margin" in row["reason"]
    for other in (search(0.7), search(0.5, "uniform")):
        elsewhere = Family(family.records, {}, "paper", other)
        row = judge_claim(claim(**changes), elsewhere)
        # No other rate of this network was recorded.
        assert row["verdict"] == "inconclusive"
        assert "comes within the margin" not in row["reason"]
        stands = claim(**changes, regardless="whatever the rate")
        assert judge_claim(stands, elsewhere)["verdict"] == "contradicted"
