"""Tests of report 004's sentences on reached targets, on made records."""

from pathlib import Path

import numpy as np
import pytest
from made_attacks import CLASSES, FROG, always, attacks, claim, judged, never, row

from retrial.adversarial.quality import Quality
from retrial.judging.statements.attacks import MEASURES, attacked


def test_the_measures_stand_in_the_order_of_their_tuple() -> None:
    assert Quality._fields == MEASURES


def test_runs_are_a_seed_and_one_image_of_each_class(tmp_path: Path) -> None:
    found = attacks(
        tmp_path,
        hit=lambda seed, image, label, target: (seed + image + label + target) % 2 == 0,
        wrong=lambda seed, image, label: (seed, image, label) == (1, 0, 3),
        known=lambda seed, image, label: (seed, image, label) != (2, 1, 4),
        seen=lambda seed, image, label, target: target != 9,
        look=lambda seed, image, label, target: {"levels": 64 * seed + 32 * image + label},
        images=2,
    )
    runs = attacked(claim("B-digits"), found)
    assert runs.hit.shape == runs.seen.shape == (5, 5, CLASSES)
    assert runs.known.shape == (5, 5, 1)
    assert runs.measures.shape == (6, 5, 5, CLASSES)
    assert runs.misclassified == 1
    # An image that is its own target is no success.
    own = np.eye(CLASSES)[:5] == 1
    assert not runs.hit[:, own].any()
    levels = runs.measures[MEASURES.index("levels")]
    # The first target of class 1's images: seed and image of each run that is kept.
    np.testing.assert_array_equal(levels[:, 1, 0], [1, 33, 97, 129, 161])
    # Of the second image of seed 0: class 2 to target 4 is odd, to target 5 is even.
    assert not runs.hit[1, 2, 4]
    assert runs.hit[1, 2, 5]
    # What the referee says of originals, and of what was changed.
    np.testing.assert_array_equal(np.argwhere(~runs.known[..., 0]), [[4, 4]])
    assert not runs.seen[..., 9].any()
    assert runs.seen[:4, ..., :9].all()


def test_generators_that_reach_all_targets_in_all_runs_reproduce_it(tmp_path: Path) -> None:
    found = attacks(tmp_path)
    outcome = judged(claim("B-digit1"), found)
    assert outcome.verdict == "reproduced"
    assert outcome.reason == "3 of 3 runs reach all 9 targets, 27 of 27 targets are reached"
    assert (outcome.measured, outcome.n, outcome.high) == (1, 3, 1)
    # n / (n + z²) with z = 1.96, of three runs: targets of a run are no sample.
    assert outcome.low == pytest.approx(3 / (3 + 1.959964**2))
    digits = judged(claim("B-digits"), found)
    assert digits.verdict == "reproduced"
    assert digits.reason == "3 of 3 runs reach all 45 targets, 135 of 135 targets are reached"
    assert (digits.measured, digits.low, digits.n) == (1, outcome.low, 3)
    assert row(claim("B-digit1"), found)["verdict"] == "reproduced"


def test_one_target_that_one_run_misses_leaves_it_open(tmp_path: Path) -> None:
    found = attacks(tmp_path, hit=lambda *one: one != (2, 0, 1, 7))
    outcome = judged(claim("B-digit1"), found)
    assert outcome.verdict == "inconclusive"
    assert outcome.reason == (
        "lottery: 2 of 3 runs reach all 9 targets, 26 of 27 targets are reached; "
        "f and its stops are not stated"
    )
    # Of the share of runs, by hand: (2/3 + z²/6 ± z·√(2/27 + z²/36)) / (1 + z²/3).
    assert outcome.measured == pytest.approx(2 / 3)
    assert outcome.low == pytest.approx(0.20765, abs=1e-5)
    assert outcome.high == pytest.approx(0.93851, abs=1e-5)
    assert judged(claim("B-digits"), found).verdict == "inconclusive"
    assert row(claim("B-digit1"), found)["verdict"] == "inconclusive"


def test_one_target_that_every_run_misses_is_no_lottery(tmp_path: Path) -> None:
    found = attacks(tmp_path, hit=lambda seed, image, label, target: (label, target) != (1, 7))
    outcome = judged(claim("B-digit1"), found)
    assert (outcome.verdict, outcome.measured, outcome.low) == ("inconclusive", 0, 0)
    assert outcome.reason == (
        "reading: none of 3 runs reach all 9 targets, 24 of 27 targets are reached; "
        "f and its stops are not stated"
    )


def test_other_classes_are_no_concern(tmp_path: Path) -> None:
    found = attacks(tmp_path, hit=lambda seed, image, label, target: label <= 4)
    assert judged(claim("B-digits"), found).verdict == "reproduced"
    found = attacks(tmp_path / "frog", hit=lambda *one: one[2] == 6, **FROG)
    assert judged(claim("C-frog"), found).verdict == "reproduced"


def test_what_the_referee_says_is_no_concern_of_the_victim(tmp_path: Path) -> None:
    found = attacks(tmp_path, seen=never, known=never)
    assert judged(claim("B-digits"), found).verdict == "reproduced"


def test_generators_that_reach_nothing_leave_it_open(tmp_path: Path) -> None:
    # An image that is its own target is predicted as such, which is no success.
    outcome = judged(claim("B-digit1"), attacks(tmp_path, hit=never))
    assert outcome.verdict == "inconclusive"
    assert (outcome.measured, outcome.low) == (0, 0)
    # z² / (n + z²).
    assert outcome.high == pytest.approx(1.959964**2 / (3 + 1.959964**2))
    assert outcome.reason.startswith(
        "reading: none of 3 runs reach all 9 targets, 0 of 27 targets are reached; "
    )


def test_runs_with_an_image_that_was_wrong_before_are_set_apart(tmp_path: Path) -> None:
    # That image is led nowhere, so that it would be seen among the others.
    found = attacks(
        tmp_path,
        hit=lambda *one: one[:3] != (1, 0, 3),
        wrong=lambda *one: one == (1, 0, 3),
        seeds=4,
    )
    outcome = judged(claim("B-digits"), found)
    assert outcome.verdict == "reproduced"
    assert outcome.n == 3
    assert outcome.reason == (
        "3 of 3 runs reach all 45 targets, 135 of 135 targets are reached; "
        "set apart, misclassified before: 1"
    )
    # The 1 of that run was right.
    outcome = judged(claim("B-digit1"), found)
    assert (outcome.verdict, outcome.n) == ("reproduced", 4)
    assert "set apart" not in outcome.reason
    # It is told of an open verdict as well.
    missed = attacks(tmp_path / "missed", wrong=lambda *one: one == (1, 0, 3), hit=never, seeds=4)
    assert judged(claim("B-digits"), missed).reason.endswith(
        "0 of 135 targets are reached; set apart, misclassified before: 1; "
        "f and its stops are not stated"
    )


@pytest.mark.parametrize(("seeds", "wrong"), [(2, -1), (3, 0)])
def test_too_few_runs_are_not_judged(tmp_path: Path, seeds: int, wrong: int) -> None:
    found = attacks(tmp_path, wrong=lambda seed, *_: seed == wrong, seeds=seeds)
    outcome = judged(claim("B-digit1"), found)
    assert (outcome.verdict, outcome.measured, outcome.n) == ("inconclusive", None, 2)
    aside = "; set apart, misclassified before: 1" if wrong == 0 else ""
    assert outcome.reason == f"seeds: 2 with a run, at least 3 are needed{aside}"


def test_two_images_of_two_seeds_are_two_seeds(tmp_path: Path) -> None:
    outcome = judged(claim("B-digit1"), attacks(tmp_path, seeds=2, images=2))
    assert (outcome.verdict, outcome.n) == ("inconclusive", 4)
    assert outcome.reason == "seeds: 2 with a run, at least 3 are needed"


def test_nothing_is_judged_when_all_was_wrong_before(tmp_path: Path) -> None:
    outcome = judged(claim("B-digit1"), attacks(tmp_path, wrong=always))
    assert (outcome.verdict, outcome.measured, outcome.n) == ("inconclusive", None, 0)
    assert outcome.reason == (
        "seeds: 0 with a run, at least 3 are needed; set apart, misclassified before: 3"
    )
    runs = attacked(claim("B-digits"), attacks(tmp_path / "shapes", wrong=always))
    assert runs.hit.shape == runs.seen.shape == (0, 5, CLASSES)
    assert runs.known.shape == (0, 5, 1)
    assert runs.measures.shape == (6, 0, 5, CLASSES)


def test_many_images_of_one_victim_are_no_seeds(tmp_path: Path) -> None:
    found = attacks(tmp_path, seeds=1, images=4)
    told = row(claim("B-digit1"), found)
    assert (told["verdict"], told["seeds_needed"]) == ("inconclusive", 3)
    assert told["reason"].startswith("seeds: 1, at least 3 are needed")


def test_a_short_profile_decides_nothing_of_an_attack(tmp_path: Path) -> None:
    told = row(claim("B-digit1"), attacks(tmp_path, whole=False))
    assert told["verdict"] == "inconclusive"
    assert told["reason"].startswith("budget: ")
