"""Tests of what report 003 says of perceptron and logistic regression, on made records."""

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
from retrial.judging.statements.perceptron import _accuracy
from retrial.statistics import order_test

CLAIMS = load_claims()
SETS = ("overlapping", "virginica", "separable", "barely", "setosa")
UNITS = ("perceptron", "logistic", "perceptron_sigmoid")
ROWS = 100
PRIOR = 0.693


def claim(name: str) -> Claim:
    return find(CLAIMS, f"003-1-{name}")


def judged(name: str, records: Records) -> Outcome:
    one = claim(name)
    return TESTS[one.evidence.test or ""](one, records)


def of_half(seed: int, share: float) -> np.ndarray:
    """(rows,) of which half are tested, and about `share` of these right, most the same."""
    found = np.full(ROWS, -1, np.int8)
    rows = (np.arange(ROWS // 2) * 2 + seed % 2) % ROWS
    found[rows] = 0
    found[rows[: round(share * len(rows))]] = 1
    return found


def units(
    folder: Path,
    accuracies: Mapping[str, float] | None = None,
    seeds: int = 10,
    losses: Mapping[str, float] | None = None,
    separable: float = 0,
    worst: float = 1e-16,
    apart: float = 1e-3,
    status: Mapping[str, str] | None = None,
    whole: bool = True,
    shake: float = 0.001,
) -> Records:
    """Records in which every unit has an accuracy of .8, but those of `accuracies`."""

    def one(arm: str, seed: int) -> dict[str, Any]:
        name, _, unit = arm.partition("/")
        wave = shake * ((-1) ** seed) * (1 + seed % 3)
        accuracy = (accuracies or {}).get(arm, 0.8)
        loss = (losses or {}).get(arm, 0.4) + 0.001 * seed
        found: dict[str, Any] = {"whole": whole, "status": (status or {}).get(arm, "ok")}
        found["config"] = {"flowers": {}} if name in ("virginica", "setosa") else {}
        found["arrays"] = {"tested": of_half(seed, accuracy)} if name == "virginica" else {}
        found["metrics"] = {
            "test_accuracy": accuracy + (wave if unit == "logistic" else 0),
            "log_loss": loss,
            "scaled_log_loss": loss - 0.01,
            "prior_log_loss": PRIOR,
            "separable": float(separable and name == "virginica" and seed < separable),
            "largest_difference": worst,
            "weights_apart": apart * (1 + 0.1 * (seed % 4)),
        }
        return found

    arms = [f"{name}/{unit}" for name in SETS for unit in UNITS]
    return made(
        folder, "perceptron", dict.fromkeys([*arms, "overlapping/limit", "update"], seeds), one
    )


BETTER = {"overlapping/logistic": 0.85, "virginica/logistic": 0.9}


def test_logistic_regression_is_preferable_where_all_parts_hold(tmp_path: Path) -> None:
    found = judged("lr-vs-perc", units(tmp_path, BETTER))
    assert found.verdict == "reproduced"
    assert found.measured == pytest.approx(0.05, abs=0.001)
    assert found.n == 10
    assert "Holm over 2: overlapping +0.0" in found.reason
    # Of probabilities all five sets are asked.
    assert found.reason.count("holds") == 2 + len(SETS)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"overlapping/logistic": 0.7}, "overlapping -0.0999 [-0.10"),
        ({"virginica/logistic": 0.5}, "virginica -0.3"),
        # As right as the other, to less than what would matter.
        ({"overlapping/logistic": 0.8}, "fails (no difference that matters)"),
    ],
)
def test_a_set_on_which_it_is_not_better_contradicts(
    tmp_path: Path, changes: dict[str, float], told: str
) -> None:
    found = judged("lr-vs-perc", units(tmp_path, {**BETTER, **changes}))
    assert found.verdict == "contradicted"
    assert told in found.reason


def test_a_difference_within_the_noise_is_open_with_the_seeds_that_it_needs(tmp_path: Path) -> None:
    noisy = units(tmp_path, {**BETTER, "overlapping/logistic": 0.82}, shake=0.05)
    found = judged("lr-vs-perc", noisy)
    assert found.verdict == "inconclusive"
    assert "open (precision)" in found.reason
    assert (found.seeds_needed or 0) > 10


@pytest.mark.parametrize(("loss", "verdict"), [(0.9, "contradicted"), (PRIOR, "inconclusive")])
def test_probabilities_must_say_more_than_class_shares(
    tmp_path: Path, loss: float, verdict: str
) -> None:
    # Around it, the mean of what seeds add being .0045.
    losses = {"setosa/logistic": loss - 0.0045}
    found = judged("lr-vs-perc", units(tmp_path, BETTER, losses=losses))
    assert found.verdict == verdict
    # More seeds are asked for only where an order is open.
    assert found.seeds_needed is None


@pytest.mark.parametrize("seeds", [2, 9])
def test_few_seeds_decide_nothing(tmp_path: Path, seeds: int) -> None:
    found = judged("lr-vs-perc", units(tmp_path, BETTER, seeds))
    assert found.verdict == "inconclusive"
    assert "seeds" in found.reason
    assert found.seeds_needed == 10


def test_sets_that_can_be_separated_do_not_overlap(tmp_path: Path) -> None:
    found = judged("lr-vs-perc", units(tmp_path, BETTER, separable=3))
    assert found.verdict == "inconclusive"
    assert found.reason == "3 of 10 training sets of virginica can be separated"


def test_a_unit_that_diverged_is_no_evidence(tmp_path: Path) -> None:
    lost = units(tmp_path, BETTER, status={"barely/logistic": "diverged"})
    found = judged("lr-vs-perc", lost)
    assert found.verdict == "inconclusive"
    assert found.reason == "10 of 10 runs of barely/logistic diverged"


def test_halves_of_the_same_flowers_bring_the_chance_in_them(tmp_path: Path) -> None:
    records = units(tmp_path, BETTER)
    found = _accuracy(records, range(10), "virginica/logistic", "virginica/perceptron")
    # Of fifty tested flowers 45 and 40 are right: in every half five more, ten of all flowers.
    of_flowers = np.zeros(ROWS)
    of_flowers[80:90] = 1
    expected = order_test(np.full(10, 0.1), of_flowers.std(ddof=1), ROWS)
    assert found == expected
    assert found.se == pytest.approx(0.3 / 10, rel=0.01)


def test_a_flower_that_was_never_tested_says_nothing(tmp_path: Path) -> None:
    def one(arm: str, seed: int) -> dict[str, Any]:
        right = [1, 1, -1, 0] if arm == "a/logistic" else [0, 1, -1, 0]
        arrays = {"tested": np.array(right, np.int8)}
        return {"config": {"flowers": {}}, "arrays": arrays}

    records = made(tmp_path, "perceptron", {"a/logistic": 3, "a/perceptron": 3}, one)
    found = _accuracy(records, range(3), "a/logistic", "a/perceptron")
    assert (found.m, found.mean) == (3, pytest.approx(1 / 3))
    assert found.sd_images == pytest.approx(np.std([1, 0, 0], ddof=1))


AFTER = {"overlapping/perceptron_sigmoid": 0.6}


def test_the_rule_with_a_sigmoid_is_logistic_regression(tmp_path: Path) -> None:
    found = judged("equiv", units(tmp_path, losses=AFTER))
    assert found.verdict == "reproduced"
    assert found.reason.count("holds") == 2
    assert "after the training instead, it gives other probabilities on overlapping" in found.reason
    assert "log loss +0.2000" in found.reason
    assert "+0.1900 with the scale that fits best" in found.reason


@pytest.mark.parametrize(
    ("worst", "apart", "verdict"),
    [
        (1e-3, 1e-3, "contradicted"),
        (1.1e-12, 1e-3, "contradicted"),
        (1e-16, 0.2, "contradicted"),
        # The interval lies about the threshold.
        (1e-16, 0.01 / 1.13, "inconclusive"),
    ],
)
def test_either_part_of_the_equivalence_may_fail(
    tmp_path: Path, worst: float, apart: float, verdict: str
) -> None:
    found = judged("equiv", units(tmp_path, losses=AFTER, worst=worst, apart=apart))
    assert found.verdict == verdict


def test_another_reading_that_does_not_differ_is_told_as_such(tmp_path: Path) -> None:
    found = judged("equiv", units(tmp_path))
    assert found.verdict == "reproduced"
    assert "it is not shown to give other probabilities" in found.reason
    lost = units(tmp_path / "lost", status={"overlapping/perceptron_sigmoid": "diverged"})
    assert judged("equiv", lost).reason.endswith("it is not comparable")


@pytest.mark.parametrize("name", ["lr-vs-perc", "equiv"])
def test_a_budget_that_cuts_the_epochs_leaves_the_sentences_open(tmp_path: Path, name: str) -> None:
    one = claim(name)
    records = units(tmp_path, BETTER, whole=False)
    row = judge_claim(one, Family(records, {one.id: one}, "smoke"))
    assert row["verdict"] == "inconclusive"
    assert row["reason"].startswith("budget: ")


def test_the_row_of_a_decided_claim_names_its_assumption(tmp_path: Path) -> None:
    one = claim("equiv")
    row = judge_claim(one, Family(units(tmp_path), {one.id: one}, "quick"))
    assert row["verdict"] == "reproduced"
    assert "error of its rule is taken at the sigmoid's output" in row["assumes"][0]
