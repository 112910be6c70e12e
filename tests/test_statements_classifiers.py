"""Tests of report 004's accuracies of networks that are lost, on made records."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from made_attacks import claim, judged, row
from made_records import made

from retrial.core.records import Records


def classifiers(
    folder: Path,
    study: str,
    whole: bool = True,
    diverged: Sequence[tuple[str, int]] = (),
    **means: float | list[float],
) -> Records:
    """Arms with test accuracies: so many as are given, or three that differ by 0.0002.

    The 95% interval of such three is the mean ± 0.0005, t = 4.303 at two degrees of freedom.
    """

    def make(arm, seed):
        mean = means[arm]
        value = mean[seed] if isinstance(mean, list) else mean + 0.0002 * (seed - 1)
        status = "diverged" if (arm, seed) in diverged else "ok"
        metrics = {"test_accuracy": (value, 10_000)}
        return {"metrics": metrics, "status": status, "whole": whole}

    arms = {arm: len(mean) if isinstance(mean, list) else 3 for arm, mean in means.items()}
    return made(folder, study, arms, make)


def mnist(folder: Path, **rest: Any) -> Records:
    return classifiers(folder, "classifier_mnist", **rest)


def cifar10(folder: Path, **rest: Any) -> Records:
    return classifiers(folder, "classifier_cifar10", **rest)


def test_a_stand_in_near_the_print_reproduces_it(tmp_path: Path) -> None:
    outcome = judged(claim("A-acc"), mnist(tmp_path, plain=0.9935, recipe=0.9955))
    assert outcome.verdict == "reproduced"
    assert outcome.measured == pytest.approx(99.35)
    assert outcome.n == 3


def test_a_network_on_the_other_side_of_the_print_leaves_it_open(tmp_path: Path) -> None:
    found = mnist(tmp_path, plain=0.987, recipe=0.9955)
    outcome = judged(claim("A-acc"), found)
    assert outcome.verdict == "inconclusive"
    # The number is the stand-in's, with its own interval.
    assert outcome.measured == pytest.approx(98.7)
    assert outcome.low < 98.7 < outcome.high < 99
    assert (outcome.n, outcome.seeds_needed) == (3, None)
    assert outcome.reason.startswith("reading: mean 98.700, sd 0.020 over 3 seeds; outside ")
    assert outcome.reason.endswith(
        "; but the network is lost, and at the print or beyond it lies recipe with "
        "99.55 [99.5, 99.6]"
    )
    told = row(claim("A-acc"), found)
    assert told["verdict"] == "inconclusive"
    assert told["reason"] == outcome.reason


def test_a_stand_in_above_and_another_network_below_leave_it_open_too(tmp_path: Path) -> None:
    outcome = judged(claim("A-acc"), mnist(tmp_path, plain=0.9975, recipe=0.991))
    assert outcome.verdict == "inconclusive"
    assert outcome.reason.endswith("beyond it lies recipe with 99.1 [99.05, 99.15]")


@pytest.mark.parametrize(
    ("plain", "recipe"), [(0.987, 0.9905), (0.9905, 0.987), (0.9965, 0.9975), (0.9975, 0.9965)]
)
def test_networks_on_one_side_of_the_print_contradict_it(
    tmp_path: Path, plain: float, recipe: float
) -> None:
    found = mnist(tmp_path, plain=plain, recipe=recipe)
    outcome = judged(claim("A-acc"), found)
    assert outcome.verdict == "contradicted"
    assert "lost" not in outcome.reason
    assert row(claim("A-acc"), found)["verdict"] == "contradicted"


# The print is 0.9939. With means of 0.9930 and an sd of 0.0005 the half width is 0.00124, with one
# of 0.0001 it is 0.00025.
@pytest.mark.parametrize(
    ("recipe", "reaches"),
    [
        ([0.9951, 0.9955, 0.9959], True),
        ([0.9939, 0.9939, 0.9939], True),
        ([0.9925, 0.9930, 0.9935], True),
        ([0.9929, 0.9930, 0.9931], False),
    ],
)
def test_a_network_reaches_the_print_with_some_of_its_interval(
    tmp_path: Path, recipe: list[float], reaches: bool
) -> None:
    above = judged(claim("A-acc"), mnist(tmp_path, plain=0.987, recipe=recipe))
    assert above.verdict == ("inconclusive" if reaches else "contradicted")
    assert ("the network is lost" in above.reason) == reaches
    # The same below the print, which lies in the middle between a value and its mirror.
    mirrored = [2 * 0.9939 - one for one in recipe]
    below = judged(claim("A-acc"), mnist(tmp_path / "below", plain=0.9995, recipe=mirrored))
    assert below.verdict == above.verdict


def test_a_network_that_diverged_is_on_no_side(tmp_path: Path) -> None:
    # One run is enough, wherever its accuracy lies.
    found = mnist(tmp_path, plain=0.987, recipe=0.9955, diverged=[("recipe", 1)])
    outcome = judged(claim("A-acc"), found)
    assert outcome.verdict == "contradicted"
    assert "lost" not in outcome.reason
    # Another one may still be.
    rest = {"plain": 0.75, "brief": 0.85, "recipe": 0.89}
    found = cifar10(tmp_path / "two", **rest, diverged=[("brief", 2)])
    outcome = judged(claim("C-acc"), found)
    assert outcome.verdict == "inconclusive"
    assert outcome.reason.endswith("beyond it lies recipe with 0.89 [0.8895, 0.8905]")


def test_two_runs_are_too_few_for_a_side(tmp_path: Path) -> None:
    found = mnist(tmp_path, plain=0.987, recipe=[0.9955, 0.9955])
    assert judged(claim("A-acc"), found).verdict == "contradicted"


def test_every_network_on_the_other_side_is_named_and_no_other(tmp_path: Path) -> None:
    outcome = judged(claim("C-acc"), cifar10(tmp_path, plain=0.75, brief=0.85, recipe=0.89))
    assert outcome.verdict == "inconclusive"
    assert outcome.reason.endswith(
        "beyond it lies brief with 0.85 [0.8495, 0.8505], recipe with 0.89 [0.8895, 0.8905]"
    )
    one = cifar10(tmp_path / "one", plain=0.75, brief=0.7, recipe=0.89)
    outcome = judged(claim("C-acc"), one)
    assert outcome.verdict == "inconclusive"
    assert "brief" not in outcome.reason
    below = cifar10(tmp_path / "below", plain=0.75, brief=0.7, recipe=0.8)
    assert judged(claim("C-acc"), below).verdict == "contradicted"


def test_what_the_rule_for_numbers_leaves_open_stays_as_it_is(tmp_path: Path) -> None:
    wide = [0.985, 0.992, 0.999]
    outcome = judged(claim("A-acc"), mnist(tmp_path, plain=wide, recipe=0.9955))
    assert outcome.verdict == "inconclusive"
    assert outcome.reason.startswith("lottery: ")
    few = mnist(tmp_path / "few", plain=[0.98, 0.981], recipe=0.9955)
    outcome = judged(claim("A-acc"), few)
    assert (outcome.verdict, outcome.seeds_needed) == ("inconclusive", 3)
    assert outcome.reason.startswith("seeds: 2")


def test_a_stand_in_that_diverged_contradicts_nothing(tmp_path: Path) -> None:
    every = [("plain", seed) for seed in range(3)]
    for lost, tail in ((every[:1], ""), (every, "; but the network is lost")):
        found = mnist(tmp_path / str(len(lost)), plain=0.987, recipe=0.9955, diverged=lost)
        outcome = judged(claim("A-acc"), found)
        assert (outcome.verdict, outcome.measured) == ("inconclusive", None)
        assert outcome.reason.endswith(
            f"{len(lost)} of 3 runs diverged and have no such number{tail}"
        )


def test_a_short_profile_decides_nothing_of_a_classifier(tmp_path: Path) -> None:
    found = mnist(tmp_path, whole=False, plain=0.9939, recipe=0.9955)
    told = row(claim("A-acc"), found)
    assert told["verdict"] == "inconclusive"
    assert told["reason"].startswith("budget: ")
