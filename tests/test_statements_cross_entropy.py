"""Tests of what report 003 says of the two losses, on made records."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import made

from retrial import classification_losses as losses
from retrial.core.records import Records
from retrial.judging.judge import Family, judge_claim
from retrial.judging.ledger import Claim, find, load_claims
from retrial.judging.outcome import Outcome
from retrial.judging.statements import TESTS
from retrial.judging.statements.cross_entropy import confident_from

IMAGES = 1000
FIRST, SECOND = "cross_entropy", "squared_error"


@functools.cache
def ledger() -> list[Claim]:
    return load_claims()


def claim(name: str) -> Claim:
    return find(ledger(), f"003-2-{name}")


def judged(name: str, records: Records) -> Outcome:
    one = claim(name)
    return TESTS[one.evidence.test or ""](one, records)


def networks(
    folder: Path,
    task: str,
    scores: Mapping[str, float],
    metric: str,
    seeds: int = 10,
    ends: Mapping[str, int] | None = None,
    status: str = "ok",
    whole: bool = True,
    spread: float = 0.001,
) -> Records:
    """Both arms of a task with a score each, `ends` of their picks being at an end."""

    def one(arm: str, seed: int) -> dict[str, Any]:
        loss = arm.split("/")[1]
        # Seeds differ in steps that add up to nothing over ten of them.
        value = scores[loss] + spread * (seed % 5 - 2) * (1 if loss == FIRST else 0.5)
        right = np.arange(IMAGES) < round(value * IMAGES)
        return {
            "metrics": {
                metric: (value if metric != "test_accuracy" else float(right.mean()), IMAGES),
                "picked_end": (int(seed < (ends or {}).get(loss, 0)), 0),
            },
            "arrays": {"correct_bits": np.packbits(right)},
            "status": status if loss == SECOND else "ok",
            "whole": whole,
        }

    arms = {f"{task}/{loss}": seeds for loss in (FIRST, SECOND)}
    return made(folder, "cross_entropy", arms, one)


@pytest.mark.parametrize(
    ("first", "second", "spread", "verdict"),
    [
        (0.95, 0.85, 0.001, "reproduced"),
        (0.85, 0.95, 0.001, "contradicted"),
        (0.9, 0.9, 0.001, "contradicted"),
        (0.904, 0.9, 0.01, "inconclusive"),
    ],
)
def test_more_accurate(
    tmp_path: Path, first: float, second: float, spread: float, verdict: str
) -> None:
    scores = {FIRST: first, SECOND: second}
    records = networks(tmp_path, "balanced", scores, "test_accuracy", spread=spread)
    found = judged("better", records)
    assert found.verdict == verdict
    assert found.measured == pytest.approx(first - second, abs=1e-9)
    assert found.n == 10
    assert f"test accuracy {first:.4f} with cross-entropy, {second:.4f}" in found.reason
    assert "at an end of the ladder: 0 of 10 and 0 of 10" in found.reason
    assert ("no difference that matters" in found.reason) == (first == second)


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [(0.8, 0.6, "reproduced"), (0.6, 0.8, "contradicted"), (0.7, 0.7, "contradicted")],
)
def test_better_where_one_is_rare(
    tmp_path: Path, first: float, second: float, verdict: str
) -> None:
    records = networks(tmp_path, "imbalanced", {FIRST: first, SECOND: second}, "test_pr_auc")
    found = judged("imbal", records)
    assert found.verdict == verdict
    assert found.measured == pytest.approx(first - second)


def test_a_difference_that_chance_hides_is_open(tmp_path: Path) -> None:
    scores = {FIRST: 0.72, SECOND: 0.7}
    records = networks(tmp_path, "imbalanced", scores, "test_pr_auc", spread=0.1)
    found = judged("imbal", records)
    assert found.verdict == "inconclusive"
    assert "(precision)" in found.reason
    assert found.seeds_needed is not None


@pytest.mark.parametrize(("task", "name", "metric"), [
    ("balanced", "better", "test_accuracy"), ("imbalanced", "imbal", "test_pr_auc"),
])  # fmt: skip
@pytest.mark.parametrize("loss", [FIRST, SECOND])
@pytest.mark.parametrize(("ends", "verdict"), [(2, "reproduced"), (3, "inconclusive")])
def test_rates_at_an_end_of_the_ladder_are_not_tuned(
    tmp_path: Path, task: str, name: str, metric: str, loss: str, ends: int, verdict: str
) -> None:
    scores = {FIRST: 0.95, SECOND: 0.7}
    found = judged(name, networks(tmp_path, task, scores, metric, ends={loss: ends}))
    assert found.verdict == verdict
    assert found.reason.startswith("ladder: ") == (verdict == "inconclusive")
    assert found.seeds_needed is None


@pytest.mark.parametrize("seeds", [2, 5])
@pytest.mark.parametrize(("task", "name", "metric"), [
    ("balanced", "better", "test_accuracy"), ("imbalanced", "imbal", "test_pr_auc"),
])  # fmt: skip
def test_too_few_seeds_decide_no_order(
    tmp_path: Path, seeds: int, task: str, name: str, metric: str
) -> None:
    found = judged(name, networks(tmp_path, task, {FIRST: 0.9, SECOND: 0.6}, metric, seeds))
    assert found.verdict == "inconclusive"
    assert "seeds" in found.reason


def test_a_trial_that_diverged_at_every_rate_is_no_evidence(tmp_path: Path) -> None:
    scores = {FIRST: 0.9, SECOND: 0.6}
    for task, name, metric in (
        ("balanced", "better", "test_accuracy"),
        ("imbalanced", "imbal", "test_pr_auc"),
    ):
        found = judged(name, networks(tmp_path / name, task, scores, metric, status="diverged"))
        assert found.verdict == "inconclusive"
        assert found.reason == f"10 of 10 runs of {task}/squared_error diverged"


@pytest.mark.parametrize(
    ("error", "spread", "verdict"),
    [(0.01, 0.001, "reproduced"), (0.03, 0.001, "contradicted"), (0.02, 0.01, "inconclusive")],
)
def test_calibrated_where_the_whole_interval_is(
    tmp_path: Path, error: float, spread: float, verdict: str
) -> None:
    scores = {FIRST: error, SECOND: 0.05}
    records = networks(tmp_path, "balanced", scores, "test_ece", spread=spread)
    found = judged("calib", records)
    assert found.verdict == verdict
    assert found.measured == pytest.approx(error)
    assert found.low is not None
    assert found.high is not None
    assert found.low < error < found.high
    assert "at most 0.02; with squared error 0.05" in found.reason


def test_calibration_of_two_seeds_is_open(tmp_path: Path) -> None:
    scores = {FIRST: 0.01, SECOND: 0.01}
    found = judged("calib", networks(tmp_path, "balanced", scores, "test_ece", 2))
    assert (found.verdict, found.measured) == ("inconclusive", None)


def formulas(folder: Path, **apart: float) -> Records:
    names = [f"{loss}{way}" for loss in (FIRST, SECOND) for way in ("", "_library", "_network")]
    metrics = {name: (apart.get(name, 0.0), 1600) for name in names} | {"decimals": (12, 0)}
    return made(folder, "cross_entropy", {"formulas": 1}, lambda *_: {"metrics": metrics})


@pytest.mark.parametrize(("name", "loss"), [("ce", FIRST), ("mse", SECOND)])
@pytest.mark.parametrize("way", ["", "_library", "_network"])
def test_a_formula_that_differs_from_any_other_way_is_contradicted(
    tmp_path: Path, name: str, loss: str, way: str
) -> None:
    right = judged(name, formulas(tmp_path / "right"))
    assert right.verdict == "reproduced"
    assert right.n == 1600
    found = judged(name, formulas(tmp_path / "wrong", **{f"{loss}{way}": 0.25}))
    assert found.verdict == "contradicted"
    assert "0.2" in found.reason
    other = SECOND if loss == FIRST else FIRST
    beside = judged(name, formulas(tmp_path / "beside", **{f"{other}{way}": 0.25}))
    assert beside.verdict == "reproduced"


def shapes(folder: Path, **changes: np.ndarray) -> Records:
    logits = np.linspace(0, 20, 81)
    arrays = {
        "logit": logits,
        "probability": losses.probability(logits),
        FIRST: np.stack(losses.wrong_cross_entropy(logits)),
        SECOND: np.stack(losses.wrong_squared_error(logits)),
    } | changes
    given = {"metrics": {"points": (len(logits), 0)}, "arrays": arrays}
    return made(folder, "cross_entropy", {"confidence": 1}, lambda *_: given)


def test_confident_errors_cost_more(tmp_path: Path) -> None:
    found = judged("penalty", shapes(tmp_path))
    assert found.verdict == "reproduced"
    # At logits of 2 and 2.25: 3.07 against 3.10 times, then 3.39 against 3.27, at 0.905.
    assert "(below 0.905 the squared error's is)" in found.reason
    assert "larger at 81 and its derivative at 81 of 81 points" in found.reason


def test_losses_that_change_places_are_contradicted(tmp_path: Path) -> None:
    logits = np.linspace(0, 20, 81)
    exchanged = {
        FIRST: np.stack(losses.wrong_squared_error(logits)),
        SECOND: np.stack(losses.wrong_cross_entropy(logits)),
    }
    found = judged("penalty", shapes(tmp_path, **exchanged))
    assert found.verdict == "contradicted"
    assert found.reason.count(": fails") == 3


@pytest.mark.parametrize("part", range(3))
def test_every_part_must_hold(tmp_path: Path, part: int) -> None:
    logits = np.linspace(0, 20, 81)
    entropy, square = (
        np.stack(shape(logits))
        for shape in (losses.wrong_cross_entropy, losses.wrong_squared_error)
    )
    if part == 0:
        entropy[1, 5] = 0
    elif part == 1:
        # Near 0.95, where it is still larger, it is no more times that at one half.
        entropy[0, 12] = 1.1 * square[0, 12]
    else:
        square[1, -1] = 0.001
    found = judged("penalty", shapes(tmp_path, **{FIRST: entropy, SECOND: square}))
    assert found.verdict == "contradicted"
    words = [text.rsplit(": ", 1)[1] for text in found.reason.split("; ")]
    assert words == ["fails" if place == part else "holds" for place in range(3)]


def test_from_which_confidence_on() -> None:
    given = np.array([0.5, 0.6, 0.7, 0.8])
    assert confident_from(given, np.array([False, True, False, True])) == 0.8
    assert confident_from(given, np.array([True] * 4)) == 0.5
    assert confident_from(given, np.array([True, True, True, False])) is None


def test_without_chance_one_trial_decides(tmp_path: Path) -> None:
    for name, records in (
        ("penalty", shapes(tmp_path / "shapes")),
        ("ce", formulas(tmp_path / "formulas")),
    ):
        entry = claim(name)
        row = judge_claim(entry, Family(records, {entry.id: entry}, "quick"))
        assert row["verdict"] == "reproduced"


def test_a_budget_that_cuts_training_leaves_its_sentences_open(tmp_path: Path) -> None:
    for name, task, metric in (
        ("better", "balanced", "test_accuracy"),
        ("imbal", "imbalanced", "test_pr_auc"),
        ("calib", "balanced", "test_ece"),
    ):
        scores = {FIRST: 0.9, SECOND: 0.6}
        records = networks(tmp_path / name, task, scores, metric, whole=False)
        entry = claim(name)
        row = judge_claim(entry, Family(records, {entry.id: entry}, "quick"))
        assert row["verdict"] == "inconclusive"
        assert row["reason"].startswith("budget: ")
