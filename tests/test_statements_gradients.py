"""Tests of report 004's sentences on gradients, on records with answers known beforehand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_records import made

from retrial.gradient_flow import decay_metrics
from retrial.judging.ledger import Claim, find, load_claims
from retrial.judging.outcome import Outcome
from retrial.judging.statements import TESTS
from retrial.judging.statements.gradients import within

CLAIMS = load_claims(Path(__file__).parents[1] / "claims")
QUANTILES = 5


def claim(name: str) -> Claim:
    return find(CLAIMS, f"004-1{name}")


def judged(one: Claim, found) -> Outcome:
    return TESTS[one.evidence.test or ""](one, found)


READINGS = ("gradients/sgd", "gradients/adam", "other/glorot_uniform", "other/default")


def gradients(
    folder: Path, one: Claim, peaks, bias=lambda of_weights: of_weights, seeds=5, others=None
):
    """Records of a claim's arms whose largest gradients, back from the output, `peaks` gives.

    `others` gives those of the other readings, where they are not the same.
    """

    def make(arm, seed):
        of_reading = peaks if others is None or arm.startswith(READINGS[0]) else others
        _, _, activation, depth = arm.split("/")
        steps = np.arange(int(depth) + 1)
        noise = 1 + 0.02 * np.random.default_rng([seed, int(depth)]).random(len(steps))
        weights = (of_reading(activation, steps) * noise)[::-1]
        both = np.stack([weights, bias(weights)])
        quantiles = np.repeat(both[:, :, None], QUANTILES, axis=2)
        metrics = dict(decay_metrics("trained", quantiles))
        return {
            "metrics": {name: tuple(metric) for name, metric in metrics.items()},
            "arrays": {"trained": quantiles, "untrained": quantiles},
        }

    arms = [arm.replace(READINGS[0], reading) for reading in READINGS for arm in one.evidence.arms]
    return made(folder, "depth", dict.fromkeys(arms, seeds), make)


def by_factor(sigmoid: float, others: float = 1.0):
    return lambda activation, steps: (sigmoid if activation == "sigmoid" else others) ** steps


@pytest.mark.parametrize(
    ("sigmoid", "others", "verdict"),
    [
        (0.2, 1.0, "reproduced"),  # .2³ is below 1%
        (0.5, 1.0, "contradicted"),  # 7 layers
        (0.02, 1.0, "reproduced"),  # 2 layers, still around 3
        (0.002, 1.0, "contradicted"),  # 1 layer
        (0.2, 0.2, "contradicted"),  # the others do not avoid it
    ],
)
def test_the_sigmoid_alone_vanishes_in_around_three_layers(
    tmp_path: Path, sigmoid: float, others: float, verdict: str
) -> None:
    one = claim("C-3steps")
    found = gradients(tmp_path, one, by_factor(sigmoid, others))
    assert judged(one, found).verdict == verdict


@pytest.mark.parametrize(
    ("relu", "verdict"),
    [
        (0.8, "reproduced"),  # .8⁴⁰ is 1e-4, the sigmoid's 1e-28
        (1.0, "contradicted"),  # nowhere small
        (0.22, "contradicted"),  # as small as the sigmoid's
        (0.0, "inconclusive"),  # no gradient at all
    ],
)
def test_small_but_not_vanishing(tmp_path: Path, relu: float, verdict: str) -> None:
    one = claim("C-relu-conv0")
    outcome = judged(one, gradients(tmp_path, one, by_factor(0.2, relu)))
    assert outcome.verdict == verdict
    assert ("5 of 5 relu networks pass no gradient" in outcome.reason) == (relu == 0)


@pytest.mark.parametrize(
    ("sigmoid", "others", "verdict"),
    [
        (0.2, 0.95, "reproduced"),
        (0.2, 1.05, "reproduced"),
        (0.2, 0.7, "contradicted"),
        (0.8, 1.0, "contradicted"),
    ],
)
def test_steady_next_to_an_exponential_fall(
    tmp_path: Path, sigmoid: float, others: float, verdict: str
) -> None:
    one = claim("C-steady")
    assert judged(one, gradients(tmp_path, one, by_factor(sigmoid, others))).verdict == verdict


def test_a_fall_that_is_no_straight_line_is_not_exponential(tmp_path: Path) -> None:
    one = claim("C-steady")

    def peaks(activation, steps):
        # All of the fall in the first step: steep, but no line.
        return np.where(steps > 0, 1e-30, 1.0) if activation == "sigmoid" else 1.0 + 0 * steps

    assert judged(one, gradients(tmp_path, one, peaks)).verdict == "contradicted"


def test_biases_that_fall_as_weights_do_are_alike_and_others_not(tmp_path: Path) -> None:
    one = claim("C-bias")
    alike = gradients(tmp_path / "a", one, by_factor(0.2, 0.9), lambda weights: 3 * weights)
    assert judged(one, alike).verdict == "reproduced"
    apart = gradients(tmp_path / "b", one, by_factor(0.2, 0.9), lambda weights: weights**2)
    assert judged(one, apart).verdict == "contradicted"


def test_a_contradiction_needs_all_recorded_readings(tmp_path: Path) -> None:
    one = claim("C-3steps")
    far, near = by_factor(0.5), by_factor(0.2)
    outcome = judged(one, gradients(tmp_path / "a", one, far))
    assert outcome.verdict == "contradicted"
    assert outcome.reason.endswith("and so with adam, glorot_uniform, default")
    outcome = judged(one, gradients(tmp_path / "b", one, far, others=near))
    assert outcome.verdict == "inconclusive"
    assert outcome.reason.startswith("reading: sigmoid, 5: ")
    assert "but with adam it is reproduced: sigmoid, 5: 3" in outcome.reason
    # What holds as chosen holds, given the choice.
    found = gradients(tmp_path / "c", one, near, others=far)
    assert judged(one, found).verdict == "reproduced"


def test_a_reading_that_the_profile_leaves_out_could_undo_a_contradiction(tmp_path: Path) -> None:
    one = claim("C-3steps")
    found = gradients(tmp_path, one, by_factor(0.5))
    skipped = [arm for arm in found.arms() if arm.startswith("other/default")]
    kept = [trial for trial in found.trials if trial["arm"] not in skipped]
    outcome = judged(one, replace(found, skipped=tuple(skipped), trials=tuple(kept)))
    assert outcome.verdict == "inconclusive"
    assert outcome.reason.endswith("; default is not run in this profile")


def test_a_network_that_diverged_leaves_its_cell_open(tmp_path: Path) -> None:
    one = claim("C-steady")
    found = gradients(tmp_path, one, by_factor(0.2, 0.95))
    lost = [
        trial | {"status": "diverged"} if trial["arm"] == "gradients/sgd/tanh/20" else trial
        for trial in found.trials
    ]
    outcome = judged(one, replace(found, trials=tuple(lost)))
    assert outcome.verdict == "inconclusive"
    assert "5 of 5 runs of gradients/sgd/tanh/20 diverged: open" in outcome.reason


def test_a_slope_that_is_no_number_leaves_it_open(tmp_path: Path) -> None:
    one = claim("C-bias")
    outcome = judged(one, gradients(tmp_path, one, by_factor(0.2, 0.0)))
    assert outcome.verdict == "inconclusive"
    assert "of 5 of 5 seeds it is no number" in outcome.reason


def curves(folder: Path, off, seeds=5):
    """Learning curves of claim 1D: LeCun's runs are `off(depth)` times those of tanh."""
    one = claim("D-similar")

    def make(arm, seed):
        activation, depth = arm.split("/")
        noise = 1 + 0.001 * np.random.default_rng([seed, int(depth), len(activation)]).random(50)
        factor = off(int(depth)) if activation == "lecun" else 1.0
        loss = factor * noise * np.linspace(1.0, 0.2, 50)
        accuracy = np.clip(0.9 * noise / factor, 0, 1)
        return {
            "curves": {
                "running_loss": loss.tolist(), "test_loss": loss.tolist(),
                "running_accuracy": accuracy.tolist(), "test_accuracy": accuracy.tolist(),
            }
        }  # fmt: skip

    return one, made(folder, "depth", dict.fromkeys(one.evidence.arms, seeds), make)


@pytest.mark.parametrize(
    ("off", "verdict"),
    [
        (lambda depth: 1.003, "reproduced"),
        (lambda depth: 1.4, "contradicted"),
        (lambda depth: 1.4 if depth == 40 else 1.003, "inconclusive"),
    ],
)
def test_curves_are_similar_within_the_margins_of_a_print(tmp_path: Path, off, verdict) -> None:
    one, found = curves(tmp_path, off)
    outcome = judged(one, found)
    assert outcome.verdict == verdict
    assert ("reading: the depth is not stated" in outcome.reason) == (verdict == "inconclusive")


@pytest.mark.parametrize(
    ("tanh", "lecun", "verdict"),
    [
        (0.95, 1.2, "reproduced"),  # smaller, and a flatter line
        (1.2, 0.95, "contradicted"),
    ],
)
def test_smaller_and_more_stable_gradients(
    tmp_path: Path, tanh: float, lecun: float, verdict: str
) -> None:
    one = claim("D-smaller")

    def peaks(activation, steps):
        return (1.0 if activation == "tanh" else 2.0) * {"tanh": tanh, "lecun": lecun}[
            activation
        ] ** steps

    assert judged(one, gradients(tmp_path, one, peaks)).verdict == verdict


def test_an_interval_is_inside_disjoint_or_neither() -> None:
    runs = [0.9, 1.0, 1.1]  # mean 1, 90% interval ± 2.92 · .1 / √3 = ± .169
    assert within(runs, 0.83, 1.17)[0] == "reproduced"
    assert within(runs, 0.84, 1.17)[0] == "inconclusive"
    assert within(runs, 1.16, 2.0)[0] == "inconclusive"
    assert within(runs, 1.17, 2.0)[0] == "contradicted"
    assert within(runs[:2], 0.0, 2.0) == ("inconclusive", "seeds: 2, at least 3 are needed")
    assert within([1.0, 1.0, 1.0], 1.0, 1.0)[0] == "reproduced"
    # One of ten cells that could fail is asked at 99%: ± 9.92 · .1 / √3 = ± .573.
    assert within(runs, 1.57, 2.0, cells=10)[0] == "inconclusive"
    assert within(runs, 1.58, 2.0, cells=10)[0] == "contradicted"
