"""Tests of report 003's sentences on initial weights and activations, on made-up records."""

from pathlib import Path

import numpy as np
import pytest
from made_records import made

from retrial.judging.ledger import Claim, find, load_claims
from retrial.judging.outcome import Outcome
from retrial.judging.statements import TESTS

CLAIMS = load_claims(Path(__file__).parents[1] / "claims")
IMAGES = 400
# The accuracy of a network that gives every image one class.
CONSTANT = 0.1


def claim(name: str) -> Claim:
    return find(CLAIMS, f"003-{name}")


def judged(one: Claim, found) -> Outcome:
    return TESTS[one.evidence.test or ""](one, found)


@pytest.mark.parametrize(
    ("name", "value", "verdict"),
    [
        # Four standard errors of 32,000 weights: 4 · 2 · √(2/32,000) = .063.
        ("3-he", 2.06, "reproduced"),
        ("3-he", 2.07, "contradicted"),
        ("3-he-tanh", 25 / 9, "inconclusive"),
        ("3-he-tanh", 1.0, "reproduced"),
        ("3-xavier", 1.94, "reproduced"),
        ("3-xavier", 1.93, "contradicted"),
    ],
)
def test_a_named_variance_is_compared_within_the_error_of_a_draw(
    tmp_path: Path, name: str, value: float, verdict: str
) -> None:
    one = claim(name)
    arms = {one.evidence.arm: 1, one.evidence.rival(): 5}

    def make(arm, seed):
        factors = {"forward_factor": 0.99 + 0.001 * seed, "predicted_forward_factor": 1.0}
        drawn = {one.evidence.metric: (value, 32_000)}
        return {"metrics": factors if arm != "library" else drawn}

    outcome = judged(one, made(tmp_path, "initialisation", arms, make))
    assert outcome.verdict == verdict
    assert ("LeCun et al. (1998)" in outcome.reason) == (verdict == "inconclusive")
    assert "is multiplied by 0.992 a layer (theory: 1), which keeps them" in outcome.reason


def signals(folder: Path, small: float, large: float):
    """Gradients' second moments that change by so many decades a layer, going back."""
    one = claim("3-random")

    def make(arm, seed):
        slope = (small if arm.endswith("0.01") else large) + 0.001 * seed
        logs = slope * np.arange(40)[::-1]
        return {
            "metrics": {"gradient_total": float(logs[0] - logs[-1])},
            "arrays": {"moments": np.stack([np.ones(40), 10.0**logs])},
        }

    return one, made(folder, "initialisation", dict.fromkeys(one.evidence.arms, 5), make)


@pytest.mark.parametrize(
    ("small", "large", "verdict"),
    [(-1, 1, "reproduced"), (-1, 0, "contradicted"), (0.5, 1, "contradicted")],
)
def test_plain_random_weights_vanish_and_explode(tmp_path, small, large, verdict) -> None:
    one, found = signals(tmp_path, small, large)
    assert judged(one, found).verdict == verdict


def pairing(folder: Path, accuracy, seeds=10, shallow=None):
    """Pairs of beginnings; `shallow` gives the accuracies of a map of five layers, by σ."""
    one = claim("3-pairing")

    def make(arm, seed):
        kind, activation, start = arm.split("/")[:3]
        if kind == "map":
            return {"metrics": {"test_accuracy": shallow(float(arm.split("/")[3]))}}
        right = np.random.default_rng(seed).random(IMAGES) < accuracy(activation, start)
        return {
            "metrics": {
                "test_accuracy": (float(right.mean()), IMAGES),
                "predicted_classes": 1 if accuracy(activation, start) == CONSTANT else 10,
            },
            "arrays": {"correct_bits": np.packbits(right)},
        }

    arms = dict.fromkeys(one.evidence.arms, seeds)
    if shallow is not None:
        arms |= {f"map/{act}/5/{sigma}": 3 for act in ("tanh", "sigmoid") for sigma in (1.0, 1.4)}
    return one, made(folder, "initialisation", arms, make)


def test_every_pair_must_have_the_claimed_order(tmp_path: Path) -> None:
    def claimed(activation, start):
        return 0.9 if (activation == "relu") == (start == "he_normal") else 0.6

    one, found = pairing(tmp_path / "a", claimed)
    outcome = judged(one, found)
    assert outcome.verdict == "reproduced"
    assert "relu from he_normal less relu from glorot_normal +0.3" in outcome.reason
    one, found = pairing(tmp_path / "b", lambda *cell: 0.9 if cell[1] == "he_normal" else 0.6)
    assert judged(one, found).verdict == "contradicted"
    one, found = pairing(tmp_path / "c", claimed, seeds=3)
    outcome = judged(one, found)
    assert (outcome.verdict, outcome.seeds_needed) == ("inconclusive", 10)


def test_another_depth_that_has_it_as_claimed_leaves_a_contradiction_open(tmp_path: Path) -> None:
    def he_everywhere(activation, start):
        return 0.9 if start == "he_normal" else 0.6

    one, found = pairing(tmp_path / "a", he_everywhere, shallow=lambda sigma: 0.9 - sigma / 10)
    outcome = judged(one, found)
    assert outcome.verdict == "inconclusive"
    assert "in the map tanh has it as claimed: 0.800 against 0.760 at 5 layers" in outcome.reason
    one, found = pairing(tmp_path / "b", he_everywhere, shallow=lambda sigma: 0.5 + sigma / 10)
    assert judged(one, found).verdict == "contradicted"


def test_a_pair_that_never_learned_is_open(tmp_path: Path) -> None:
    def accuracy(activation, start):
        if activation == "sigmoid":
            return CONSTANT
        return 0.9 if (activation == "relu") == (start == "he_normal") else 0.6

    one, found = pairing(tmp_path / "a", accuracy)
    outcome = judged(one, found)
    assert (outcome.verdict, outcome.seeds_needed) == ("inconclusive", None)
    assert "no network of sigmoid from glorot_normal or sigmoid from he_normal" in outcome.reason
    one, found = pairing(tmp_path / "b", lambda *_: CONSTANT)
    assert judged(one, found).verdict == "inconclusive"


HIDDEN = {
    "relu/1.0": {
        "trained_sparse": 0.5, "trained_weights_decay": -0.05, "untrained_dead": 0.02,
        "trained_dead": 0.02, "trained_highest": 7.0, "passes": 3, "transcendental": 0,
    },
    "relu/10.0": {"untrained_dead": 0.02, "trained_dead": 0.2},
    "sigmoid/1.0": {
        "trained_weights_decay": -0.6, "untrained_weights_decay": -0.6,
        "trained_lowest": 0.01, "trained_highest": 0.99,
        "trained_mean": 0.5, "trained_saturated": 0.2, "passes": 7, "transcendental": 1,
    },
    "tanh/1.0": {"passes": 4, "transcendental": 1},
}  # fmt: skip
RELU, SIGMOID = "4-relu", "4-sig"


def hidden(folder: Path, arm: str = "", **changes: float):
    def make(name, seed):
        metrics = HIDDEN[name] | (changes if name == arm else {})
        # Counts do not differ between seeds, shares do.
        return {
            "metrics": {
                key: value if isinstance(value, int) else value * (1 + 0.001 * seed)
                for key, value in metrics.items()
            }
        }

    return made(folder, "activations", dict.fromkeys(HIDDEN, 5), make)


@pytest.mark.parametrize("name", [RELU, SIGMOID])
def test_a_list_holds_when_all_its_points_do(tmp_path: Path, name: str) -> None:
    outcome = judged(claim(name), hidden(tmp_path))
    assert outcome.verdict == "reproduced"
    assert "not tested: " in outcome.reason


@pytest.mark.parametrize(
    ("name", "arm", "changes"),
    [
        (RELU, "relu/1.0", {"trained_sparse": 0.05}),
        (RELU, "sigmoid/1.0", {"trained_weights_decay": -0.01}),
        (RELU, "relu/1.0", {"transcendental": 1}),
        (RELU, "tanh/1.0", {"passes": 2}),
        (RELU, "relu/1.0", {"trained_highest": 0.9}),
        (SIGMOID, "sigmoid/1.0", {"trained_highest": 1.01}),
        (
            SIGMOID,
            "sigmoid/1.0",
            {"trained_weights_decay": -0.2, "untrained_weights_decay": -0.2},
        ),
        (SIGMOID, "sigmoid/1.0", {"trained_mean": 0.01}),
        (SIGMOID, "sigmoid/1.0", {"passes": 3}),
    ],
)
def test_one_point_that_does_not_show_contradicts_the_list(
    tmp_path: Path, name: str, arm: str, changes: dict
) -> None:
    assert judged(claim(name), hidden(tmp_path, arm, **changes)).verdict == "contradicted"


@pytest.mark.parametrize(
    ("name", "arm", "changes"),
    [
        # What can happen is not refuted where it did not.
        (RELU, "relu/10.0", {"trained_dead": 0.02}),
        (SIGMOID, "sigmoid/1.0", {"trained_saturated": 0.0}),
        (SIGMOID, "sigmoid/1.0", {"trained_weights_decay": -0.2}),
    ],
)
def test_what_could_happen_elsewhere_stays_open(
    tmp_path: Path, name: str, arm: str, changes: dict
) -> None:
    assert judged(claim(name), hidden(tmp_path, arm, **changes)).verdict == "inconclusive"
