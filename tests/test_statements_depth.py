"""Tests of report 004's sentences on depth, on records with answers known beforehand."""

from pathlib import Path

import numpy as np
import pytest
from made_records import made

from retrial.judging.judge import Family, judge_claim
from retrial.judging.ledger import Claim, find, load_claims
from retrial.judging.outcome import Outcome
from retrial.judging.statements import TESTS

CLAIMS = load_claims(Path(__file__).parents[1] / "claims")
IMAGES = 400
ACTIVATIONS, DEPTHS = ("relu", "tanh", "sigmoid"), (5, 20, 40)


def claim(name: str) -> Claim:
    return find(CLAIMS, f"004-1{name}")


def table(folder: Path, test, train=lambda activation, depth: 0.95, seeds=10, status="ok"):
    """A recorded table: test and training accuracy as functions of activation and depth."""

    def make(arm, seed):
        activation, depth = arm.split("/")
        chance = np.random.default_rng([seed, 7])
        # The same images are hard for all networks of a seed.
        difficulty = chance.random(IMAGES)
        right = difficulty < test(activation, int(depth))
        accuracy = float(right.mean())
        noise = 0.0005 * chance.standard_normal()
        return {
            "metrics": {
                "test_accuracy": (accuracy, IMAGES),
                "gap": train(activation, int(depth)) + noise - accuracy,
                "train_accuracy": train(activation, int(depth)) + noise,
            },
            "arrays": {"correct_bits": np.packbits(right)},
            "status": status if activation == "tanh" else "ok",
        }

    arms = {f"{activation}/{depth}": seeds for activation in ACTIVATIONS for depth in DEPTHS}
    return made(folder, "depth", arms, make)


def judged(one: Claim, found) -> Outcome:
    return TESTS[one.evidence.test or ""](one, found)


def falling(activation: str, depth: int) -> float:
    return {5: 0.9, 20: 0.7, 40: 0.5}[depth]


def test_shallow_networks_that_are_best_in_every_cell_are_best(tmp_path: Path) -> None:
    outcome = judged(claim("B-best5"), table(tmp_path, falling))
    assert outcome.verdict == "reproduced"
    assert outcome.n == 10
    assert "relu/20 +0.19" in outcome.reason
    assert "Holm over 6" in outcome.reason


def test_one_deeper_network_that_is_better_contradicts_it(tmp_path: Path) -> None:
    def test(activation, depth):
        return 0.98 if (activation, depth) == ("tanh", 20) else falling(activation, depth)

    outcome = judged(claim("B-best5"), table(tmp_path, test))
    assert outcome.verdict == "contradicted"


def test_fewer_than_ten_seeds_leave_it_open_and_say_how_many_are_needed(tmp_path: Path) -> None:
    outcome = judged(claim("B-best5"), table(tmp_path, falling, seeds=4))
    assert (outcome.verdict, outcome.seeds_needed) == ("inconclusive", 10)


def test_runs_that_diverged_are_not_compared(tmp_path: Path) -> None:
    outcome = judged(claim("B-best5"), table(tmp_path, falling, status="diverged"))
    assert (outcome.verdict, outcome.seeds_needed) == ("inconclusive", None)
    assert "tanh/20 is open (10 of 10 runs of tanh/5 diverged" in outcome.reason
    assert "relu/20 +0.19" in outcome.reason


def test_a_cell_that_fails_is_seen_beside_one_that_diverged(tmp_path: Path) -> None:
    def test(activation, depth):
        return 0.98 if (activation, depth) == ("relu", 20) else falling(activation, depth)

    outcome = judged(claim("B-best5"), table(tmp_path, test, status="diverged"))
    assert outcome.verdict == "contradicted"


def test_a_gap_that_carries_the_loss_is_a_failure_to_generalise(tmp_path: Path) -> None:
    outcome = judged(claim("B-deep-gen"), table(tmp_path, falling))
    assert outcome.verdict == "reproduced"


def test_a_training_accuracy_that_falls_with_the_test_is_a_failure_to_learn(
    tmp_path: Path,
) -> None:
    outcome = judged(
        claim("B-deep-gen"), table(tmp_path, falling, lambda *cell: falling(*cell) + 0.05)
    )
    assert outcome.verdict == "contradicted"
    assert "sigmoid/40 loses 0.3985 of test accuracy and 0.4000 of training" in outcome.reason


def test_activations_that_differ_leave_open_which_are_meant(tmp_path: Path) -> None:
    def train(activation, depth):
        return falling(activation, depth) + 0.05 if activation == "sigmoid" else 0.95

    outcome = judged(claim("B-deep-gen"), table(tmp_path, falling, train))
    assert outcome.verdict == "inconclusive"
    assert outcome.reason.startswith("reading: of which activations is not stated; relu/20 loses")
    assert "and 0.0000 of training accuracy" in outcome.reason


def test_a_small_loss_that_the_gap_carries_is_no_small_difference(tmp_path: Path) -> None:
    def test(activation, depth):
        return 0.9 if activation != "tanh" or depth == 5 else 0.88

    outcome = judged(claim("B-deep-gen"), table(tmp_path, test))
    assert outcome.verdict == "reproduced"
    assert "relu" not in outcome.reason


def test_where_nothing_is_lost_nothing_is_explained(tmp_path: Path) -> None:
    outcome = judged(claim("B-deep-gen"), table(tmp_path, lambda *_: 0.9))
    assert outcome.verdict == "inconclusive"
    assert "nothing is to be explained" in outcome.reason


@pytest.mark.parametrize(("after", "verdict"), [(0.629, "contradicted"), (0.92, "reproduced")])
def test_the_print_decides_what_is_small(tmp_path: Path, after: float, verdict: str) -> None:
    one = claim("C-relu40")
    thresholds = one.evidence.thresholds | {"after": after}
    one = one.model_copy(
        update={"evidence": one.evidence.model_copy(update={"thresholds": thresholds})}
    )
    found = table(tmp_path, falling)
    row = judge_claim(one, Family(found, {c.id: c for c in CLAIMS}, "quick"))
    assert row["verdict"] == verdict
    assert "measured: 0.6" in row["reason"] or "measured: 0.7" in row["reason"]
