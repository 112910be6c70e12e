"""Tests of what report 001 prints of its loss functions, on made records."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from made_records import made

from retrial.core import records as disk
from retrial.core.records import Finished, Records
from retrial.core.trial import Metric, Result, Trial
from retrial.judging.judge import Family, judge_claim
from retrial.judging.ledger import Claim, load_claims
from retrial.judging.outcome import Outcome
from retrial.judging.statements import TESTS
from retrial.judging.statements.titanic_losses import counts_behind

ARMS = ("l1/0.001", "mse/0.01", "mse/continued", "bce/0.001", "l1/broadcast", "mse/broadcast",
        "majority", "one_rule")  # fmt: skip
# Over splits: loss and accuracy of the networks, and with the fault of the evaluation.
RIGHT = {"validation_loss": 0.2, "validation_accuracy": 0.78}
PRINTED = {"validation_loss_as_printed": 0.4, "validation_accuracy_as_printed": 0.6}
TRAINING = {
    "l1/0.001": (0.8, 0.5),
    "mse/0.01": (0.82, 0.5),
    "l1/broadcast": (0.6, 0.005),
    "mse/broadcast": (0.6, 0.016),
    "majority": (0.6, 0.0),
}


# Read once: the ledger takes longer than all of these tests.
@cache
def ledger() -> Mapping[str, Claim]:
    return {one.id: one for one in load_claims()}


def claim(name: str) -> Claim:
    return ledger()[f"001-P3-{name}"]


def crew(
    folder: Path,
    changes: Mapping[str, Mapping[str, float]] | None = None,
    seeds: int = 10,
    spread: float = 0.03,
    status: Mapping[str, str] | None = None,
) -> Records:
    """Records of all arms; values differ between seeds by `spread`, alike in all arms of a seed."""

    def one(arm: str, seed: int) -> dict[str, Any]:
        moved = spread * (seed - (seeds - 1) / 2) / seeds
        values = {**RIGHT, **PRINTED}
        if arm in ("majority", "l1/broadcast", "mse/broadcast"):
            values["validation_accuracy"] = 0.6
        values["train_accuracy"], values["train_separation"] = TRAINING.get(arm, (0.8, 0.5))
        values |= (changes or {}).get(arm, {})
        # Paired differences are not all equal.
        own = 0.002 * ((seed + len(arm)) % 3 - 1)
        metrics = {
            name: (value + moved + own, 571 if name.startswith("train") else 143)
            for name, value in values.items()
        }
        return {"metrics": metrics, "status": (status or {}).get(arm, "ok")}

    return made(folder, "titanic_losses", dict.fromkeys(ARMS, seeds), one)


def judged(name: str, records: Records) -> Outcome:
    one = claim(name)
    return TESTS[one.evidence.test or ""](one, records)


def row(name: str, records: Records, profile: str = "paper") -> dict[str, Any]:
    return judge_claim(claim(name), Family(records, ledger(), profile))


def test_the_counts_behind_both_prints_by_hand() -> None:
    # (50/32 + 7/15)/5 = 0.40583 and 86/143 = 60.14%.
    assert counts_behind("0.4058", "60.14", 143, 32) == [(57, 7)]
    # An accuracy that is no j/143, and a loss that no division into batches gives.
    assert counts_behind("0.4058", "60.00", 143, 32) == []
    assert counts_behind("0.9000", "60.14", 143, 32) == []
    # Batches of equal size: the mean of batches is that of rows, wherever the ones lie.
    assert counts_behind("0.25", "75.00", 8, 4) == [(2, 0), (2, 1), (2, 2)]
    # No more ones than the other batches hold can be outside the last one.
    assert counts_behind("1.0", "0.0", 6, 4) == [(6, 2)]


@pytest.mark.parametrize("name", ["l1-loss", "l1-acc", "mse-loss", "mse-acc"])
def test_a_print_that_the_fault_alone_gives_is_explained(name: str, tmp_path: Path) -> None:
    found = row(name, crew(tmp_path))
    assert (found["verdict"], found["fault"]) == ("explained", "log_softmax_of_one_output")
    assert "57 of 143 survive, 7 of them in the last batch" in found["reason"]
    assert "log-softmax of a single output" in found["reason"]
    scale = 100 if name.endswith("acc") else 1
    expected = RIGHT["validation_accuracy" if scale == 100 else "validation_loss"]
    assert found["measured"] == pytest.approx(scale * expected, abs=scale * 0.005)


def test_a_print_that_the_right_evaluation_gives_is_reproduced(tmp_path: Path) -> None:
    records = crew(tmp_path, {"l1/0.001": {"validation_loss": 0.4058}})
    assert row("l1-loss", records)["verdict"] == "reproduced"


def test_a_print_that_neither_gives_stays_contradicted(tmp_path: Path) -> None:
    records = crew(tmp_path, {"l1/0.001": {"validation_loss_as_printed": 0.7}})
    found = row("l1-loss", records)
    assert found["verdict"] == "contradicted"
    assert "log_softmax_of_one_output does not explain it" in found["reason"]


def test_a_print_within_a_wide_range_is_open(tmp_path: Path) -> None:
    records = crew(tmp_path, {"l1/0.001": {"validation_loss": 0.35}}, spread=0.5)
    found = row("l1-loss", records)
    assert found["verdict"] == "inconclusive"
    assert found["reason"].startswith("lottery")
    assert "57 of 143" in found["reason"]


def test_readings_of_the_training_that_differ_leave_a_print_open(tmp_path: Path) -> None:
    records = crew(tmp_path, {"mse/continued": {"validation_loss": 0.4058}})
    found = row("mse-loss", records)
    assert found["verdict"] == "inconclusive"
    assert found["reason"].startswith("reading: ")
    assert "mse/continued: 0.4058" in found["reason"]
    assert row("mse-acc", records)["verdict"] == "explained"


def test_too_few_splits_decide_no_print(tmp_path: Path) -> None:
    for name in ("l1-loss", "mse-acc", "train-bug", "bce"):
        found = row(name, crew(tmp_path / name, seeds=2))
        assert found["verdict"] == "inconclusive"
        assert "seeds: 2" in found["reason"]


def test_a_diverged_network_has_no_printed_number(tmp_path: Path) -> None:
    lost = dict.fromkeys(("l1/0.001", "mse/continued"), "diverged")
    records = crew(tmp_path, status=lost)
    assert judged("l1-loss", records).reason.startswith("10 of 10 runs diverged")
    assert "mse/continued: 10 of 10 runs diverged" in judged("mse-loss", records).reason


def test_a_loop_blind_to_own_labels_does_not_fit_them(tmp_path: Path) -> None:
    found = judged("train-bug", crew(tmp_path))
    assert found.verdict == "contradicted"
    assert found.reason.count(": fails") == 4
    assert "at least 0.5 of the latter" in found.reason


def test_a_loop_that_does_as_well_as_own_labels_fits_them(tmp_path: Path) -> None:
    same = {"train_accuracy": 0.82, "train_separation": 0.5}
    records = crew(tmp_path, {"l1/broadcast": same, "mse/broadcast": same})
    found = judged("train-bug", records)
    assert found.verdict == "reproduced"
    assert found.reason.count(": holds") == 4


def test_one_loss_that_is_not_fitted_contradicts_the_loop(tmp_path: Path) -> None:
    same = {"train_accuracy": 0.82, "train_separation": 0.5}
    found = judged("train-bug", crew(tmp_path, {"l1/broadcast": same}))
    assert found.verdict == "contradicted"
    assert found.reason.count(": holds") == 2


@pytest.mark.parametrize("separation", [0.25, 0.2501])
def test_a_loop_at_the_threshold_is_open(separation: float, tmp_path: Path) -> None:
    half = {"train_accuracy": 0.82, "train_separation": separation}
    same = {"train_accuracy": 0.82, "train_separation": 0.5}
    records = crew(tmp_path, {"l1/broadcast": half, "mse/broadcast": same})
    assert judged("train-bug", records).verdict == "inconclusive"


def test_own_labels_that_teach_nothing_leave_the_loop_open(tmp_path: Path) -> None:
    nothing = {"train_accuracy": 0.6, "train_separation": 0.0}
    records = crew(tmp_path, {"l1/0.001": nothing, "mse/0.01": nothing})
    found = judged("train-bug", records)
    assert found.verdict == "inconclusive"
    assert found.reason.count(": open") == 2


@pytest.mark.parametrize(
    ("accuracy", "verdict"), [(0.78, "reproduced"), (0.5, "contradicted"), (0.6, "contradicted")]
)
def test_a_logit_is_compared_with_the_majority(
    accuracy: float, verdict: str, tmp_path: Path
) -> None:
    records = crew(tmp_path, {"bce/0.001": {"validation_accuracy": accuracy}})
    found = judged("bce", records)
    assert found.verdict == verdict
    assert found.measured == pytest.approx(accuracy - 0.6, abs=0.003)
    assert "when corrected for the rows that splits share" in found.reason
    assert "less one_rule" in found.reason


def test_nine_splits_do_not_order_a_logit_and_the_majority(tmp_path: Path) -> None:
    found = judged("bce", crew(tmp_path, seeds=9))
    assert (found.verdict, found.seeds_needed) == ("inconclusive", 10)
    assert "seeds: 9" in found.reason


def test_a_diverged_logit_is_no_evidence(tmp_path: Path) -> None:
    found = judged("bce", crew(tmp_path, status={"bce/0.001": "diverged"}))
    assert (found.verdict, found.reason) == ("inconclusive", "10 of 10 runs of bce/0.001 diverged")


def loop(folder: Path, kind: str) -> Records:
    """Records of the printed loop under NLLLoss, which raises `kind` on float targets."""
    raised = {"kind": kind, "message": "expected Long" if kind else "", "warning": ""}
    whole = {"kind": "IndexError", "message": "Target 1 is out of bounds.", "warning": ""}
    metrics = {"raises": Metric(int(bool(kind)), 0)}
    result = Result(metrics, detail={"float": raised, "whole": whole})
    one = Finished(Trial("titanic_losses", "nll/printed", 0, {}), result, "0")
    disk.write(folder, "titanic_losses", [one], [], {})
    return Records.load(folder)


def test_code_that_raises_does_not_run(tmp_path: Path) -> None:
    # One run decides what has no chance in it.
    found = row("nll", loop(tmp_path / "raises", "RuntimeError"))
    assert found["verdict"] == "contradicted"
    assert "raises RuntimeError: expected Long" in found["reason"]
    assert "on whole targets the printed loop raises IndexError: Target 1" in found["reason"]
    assert row("nll", loop(tmp_path / "runs", ""))["verdict"] == "reproduced"


@pytest.mark.parametrize(
    ("name", "metric", "right"),
    [
        ("n", "rows", 714),
        ("train-n", "train_size", 571),
        ("val-n", "validation_size", 143),
        ("model", "printed_hidden_layers", 2),
    ],
)
def test_counts_are_compared_exactly(name: str, metric: str, right: int, tmp_path: Path) -> None:
    for value, verdict in ((right, "reproduced"), (right + 1, "contradicted")):

        def one(arm: str, seed: int, value: int = value) -> dict[str, Any]:
            return {"metrics": {metric: (value, 0)}}

        records = made(tmp_path / verdict, "titanic_losses", {"setup": 1}, one)
        assert row(name, records, "smoke")["verdict"] == verdict


def test_the_ledger_reads_what_the_study_records() -> None:
    # Arms of the ledger are arms of the study as params.yaml has it.
    from retrial.core.config import PARAMS, section
    from retrial.studies import titanic_losses as study

    arms = study.arms(section(PARAMS, "titanic_losses", study.Protocol))
    own = [one for one in ledger().values() if one.family == "titanic_losses"]
    assert len(own) == 11
    assert {arm for one in own for arm in one.evidence.arms} <= set(arms)
    assert {one.report for one in own} == {"001"}
