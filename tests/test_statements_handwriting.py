"""Tests of what report 004 says about unseen handwriting, on made records."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import made

from retrial.core.records import Records
from retrial.judging.judge import Family, judge_claim
from retrial.judging.ledger import Claim, find, load_claims
from retrial.judging.outcome import Outcome
from retrial.judging.statements import TESTS

IMAGES = 1000
STEPS = ("height", "rotation", "flips", "blur", "brightness", "gamma")
ARMS = ("none", "report", *(f"report/{step}" for step in STEPS), "large/report", "digits")
# Accuracy on UCI's digits and on corrupted digits.
Pair = tuple[float, float]


def claim(name: str) -> Claim:
    return find(load_claims(), f"004-3-{name}")


def correct(share: float, seed: int) -> np.ndarray:
    """(images,) of which about `share` are right, the same ones but for a few."""
    found = np.zeros(IMAGES, np.uint8)
    found[: round(share * IMAGES) + seed % 3 - 1] = 1
    return found


def networks(
    folder: Path,
    accuracies: Mapping[str, Pair],
    seeds: int = 10,
    status: Mapping[str, str] | None = None,
) -> Records:
    def one(arm: str, seed: int) -> dict[str, Any]:
        digits, corrupted = accuracies.get(arm, (0.8, 0.8))
        right = correct(digits, seed)
        worse = correct(corrupted, seed + 1).astype(np.float32)
        metrics = {
            "accuracy_digits": (float(right.mean()), IMAGES),
            "accuracy_corrupted": (float(worse.mean()), IMAGES),
            "accuracy_mnist": (0.99, 10_000),
        }
        state = (status or {}).get(arm, "ok")
        arrays = {"correct": right, "correct_corrupted": worse}
        return {"metrics": metrics, "arrays": arrays, "status": state}

    return made(folder, "handwriting", dict.fromkeys(ARMS, seeds), one)


def judged(name: str, records: Records) -> Outcome:
    one = claim(name)
    return TESTS[one.evidence.test or ""](one, records)


@pytest.mark.parametrize(
    ("report", "verdict", "start"),
    [
        ((0.9, 0.9), "reproduced", "accuracy of report less none"),
        ((0.7, 0.7), "contradicted", "accuracy of report less none"),
        ((0.8, 0.8), "contradicted", "accuracy of report less none"),
        ((0.9, 0.7), "inconclusive", "reading: the stand-ins differ; "),
        ((0.7, 0.9), "inconclusive", "reading: the stand-ins differ; "),
        ((0.9, 0.8), "inconclusive", "reading: the stand-ins differ; "),
    ],
)
def test_a_sentence_is_decided_where_both_stand_ins_decide_it_alike(
    tmp_path: Path, report: Pair, verdict: str, start: str
) -> None:
    found = judged("aug-good", networks(tmp_path, {"report": report}))
    assert found.verdict == verdict
    assert found.reason.startswith(start)
    assert found.measured == pytest.approx(report[0] - 0.8)
    assert found.n == 10
    # No number of seeds decides what hangs on the set.
    assert found.seeds_needed is None


def test_fewer_parameters_are_compared_with_more_of_them(tmp_path: Path) -> None:
    found = judged("small", networks(tmp_path, {"large/report": (0.7, 0.7), "none": (0.9, 0.9)}))
    assert found.verdict == "reproduced"
    assert "report less large/report" in found.reason


@pytest.mark.parametrize("seeds", [2, 5])
def test_too_few_seeds_decide_nothing(tmp_path: Path, seeds: int) -> None:
    found = judged("aug-good", networks(tmp_path, {"report": (0.9, 0.9)}, seeds))
    assert found.verdict == "inconclusive"
    assert "seeds" in found.reason
    assert found.seeds_needed == 10


def test_a_network_that_diverged_is_no_evidence(tmp_path: Path) -> None:
    lost = networks(tmp_path, {"report": (0.9, 0.9)}, status={"none": "diverged"})
    found = judged("aug-good", lost)
    assert (found.verdict, found.reason) == ("inconclusive", "10 of 10 runs of none diverged")
    # The sentence on further steps does not read the arm without any.
    assert judged("aug-bad", lost).verdict == "reproduced"


def test_no_step_helps_where_none_is_better_on_both(tmp_path: Path) -> None:
    found = judged("aug-bad", networks(tmp_path, {"report/flips": (0.6, 0.6)}))
    assert found.verdict == "reproduced"
    assert found.reason.count("does not help") == len(STEPS)


def test_one_step_that_helps_contradicts_the_sentence(tmp_path: Path) -> None:
    found = judged("aug-bad", networks(tmp_path, {"report/blur": (0.9, 0.9)}))
    assert found.verdict == "contradicted"
    assert "report/blur helps" in found.reason
    assert found.measured == pytest.approx(0.1)


@pytest.mark.parametrize("pair", [(0.9, 0.8), (0.8, 0.9), (0.9, 0.7)])
def test_a_step_that_helps_on_one_stand_in_leaves_the_sentence_open(
    tmp_path: Path, pair: Pair
) -> None:
    found = judged("aug-bad", networks(tmp_path, {"report/blur": pair}))
    assert found.verdict == "inconclusive"
    assert "report/blur open" in found.reason


def test_a_step_that_helps_elsewhere_is_told_before_one_that_is_open(tmp_path: Path) -> None:
    pairs = {"report/blur": (0.9, 0.9), "report/gamma": (0.9, 0.7)}
    assert judged("aug-bad", networks(tmp_path, pairs)).verdict == "contradicted"


def test_a_printed_accuracy_stays_untestable_beside_its_stand_ins(tmp_path: Path) -> None:
    records = networks(tmp_path, {"digits": (0.4, 0.5)})
    one = claim("mnist-kens")
    row = judge_claim(one, Family(records, {one.id: one}, "paper"))
    assert row["verdict"] == "untestable"
    # In the unit of the print, per cent.
    assert row["measured"] == pytest.approx(
        100 * records.metric("digits", "accuracy_digits").mean()
    )
    assert row["measured"] == pytest.approx(40, abs=0.2)
    assert row["reason"].startswith("the handwriting on which the accuracy was taken is lost")
    assert "on UCI's digits" in row["reason"]


def test_a_budget_that_cuts_the_arms_leaves_the_sentences_open(tmp_path: Path) -> None:
    def one(arm: str, seed: int) -> dict[str, Any]:
        right = correct(0.8, seed)
        metrics = {"accuracy_digits": (0.8, IMAGES), "accuracy_corrupted": (0.8, 1000)}
        arrays = {"correct": right, "correct_corrupted": right.astype(np.float32)}
        return {"metrics": metrics, "arrays": arrays, "whole": False}

    records = made(tmp_path, "handwriting", dict.fromkeys(ARMS, 10), one)
    for name in ("aug-good", "aug-bad", "small"):
        entry = claim(name)
        row = judge_claim(entry, Family(records, {entry.id: entry}, "quick"))
        assert row["verdict"] == "inconclusive"
        assert row["reason"].startswith("budget: ")
