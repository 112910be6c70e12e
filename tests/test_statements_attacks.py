"""Tests of report 004's sentences on classifiers and adversarial examples, on made records."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import made

from retrial.adversarial.quality import Quality
from retrial.core.records import Records
from retrial.judging.judge import Family, judge_claim
from retrial.judging.ledger import Claim, find, load_claims
from retrial.judging.outcome import Outcome
from retrial.judging.statements import TESTS
from retrial.judging.statements.attacks import MEASURES, attacked

CLAIMS = load_claims(Path(__file__).parents[1] / "claims")
CLASSES = 10
# What is near its original, as `quality` has it; see MEASURES.
NEAR = {"linf": 4 / 255, "l2": 0.5, "psnr": 40.0, "ssim": 0.99, "levels": 4, "changed": 0.5}

# Of the changed image of (seed, image of its class, class, target).
Say = Callable[[int, int, int, int], bool]
Look = Callable[[int, int, int, int], dict[str, float]]


def claim(name: str) -> Claim:
    return find(CLAIMS, f"004-2{name}")


def judged(one: Claim, found: Records) -> Outcome:
    return TESTS[one.evidence.test or ""](one, found)


def row(one: Claim, found: Records) -> dict:
    return judge_claim(one, Family(found, {c.id: c for c in CLAIMS}, "paper"))


# The classifiers.


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


# The attacks.


def always(*_: int) -> bool:
    return True


def never(*_: int) -> bool:
    return False


def attacks(
    folder: Path,
    hit: Say = always,
    wrong: Callable[[int, int, int], bool] = never,
    seen: Say = always,
    known: Callable[[int, int, int], bool] = always,
    look: Look = lambda *_: {},
    arm: str = "image/plain",
    seeds: int = 3,
    images: int = 1,
    whole: bool = True,
) -> Records:
    """Attacks on so many images of each class: what is hit, what the referee sees, what changed.

    `wrong` (seed, image, class): the victim has the original wrong; `known`: the referee has it
    right. Images that are their own targets are the originals. What misses its target stays what
    it was.
    """

    def make(_, seed):
        labels = np.repeat(np.arange(CLASSES, dtype=np.uint8), images)
        before = labels.copy()
        predicted = np.repeat(labels[:, None], CLASSES, axis=1)
        refereed = predicted.copy()
        knows = np.zeros(len(labels), np.uint8)
        quality = np.zeros((len(MEASURES), len(labels), CLASSES), np.float32)
        for place, label in enumerate(labels):
            own = seed, place % images, int(label)
            knows[place] = known(*own)
            if wrong(*own):
                before[place] = (label + 1) % CLASSES
            for target in range(CLASSES):
                if target == label:
                    predicted[place, target] = before[place]
                    quality[:, place, target] = 0, 0, np.inf, 1, 0, 0
                    continue
                if hit(*own, target):
                    predicted[place, target] = target
                if not seen(*own, target):
                    refereed[place, target] = target
                found = NEAR | look(*own, target)
                quality[:, place, target] = [found[name] for name in MEASURES]
        arrays = {
            "labels": labels,
            "before": before,
            "predicted": predicted,
            "refereed": refereed,
            "known": knows,
            "quality": quality,
        }
        return {"arrays": arrays, "whole": whole}

    return made(folder, "attack", {arm: seeds}, make)


FROG = {"arm": "image/brief"}


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


def test_what_a_viewer_would_see_is_not_tested_but_a_referee_is_asked(tmp_path: Path) -> None:
    one = claim("B-human")
    found = attacks(tmp_path)
    outcome = judged(one, found)
    # Nine images of a run are no sample, so that there is no interval.
    assert (outcome.verdict, outcome.measured, outcome.n) == ("inconclusive", 1, 3)
    assert (outcome.low, outcome.high) == (None, None)
    told = row(one, found)
    assert told["verdict"] == "untestable"
    assert told["reason"] == (
        "the images are lost, and no human was asked; as a proxy, another classifier still says "
        "what 27 of 27 such images show, at least the 0.95 that would stand for obvious; "
        "medians: 4 grey levels at most, SSIM 0.990, PSNR 40.0 dB"
    )


# Of 60 images, 57 are 0.95.
@pytest.mark.parametrize(("unseen", "word"), [(3, "at least"), (4, "less than")])
def test_a_share_is_compared_with_what_would_stand_for_obvious(
    tmp_path: Path, unseen: int, word: str
) -> None:
    found = attacks(
        tmp_path,
        hit=lambda *one: one[3] not in (2, 3, 4),
        seen=lambda seed, image, label, target: target != 9 or seed >= unseen,
        seeds=10,
    )
    outcome = judged(claim("B-human"), found)
    assert outcome.measured == pytest.approx(1 - unseen / 60)
    assert outcome.reason.startswith(
        f"another classifier still says what {60 - unseen} of 60 such images show, "
        f"{word} the 0.95 that would stand for obvious; medians: "
    )


def test_the_referee_is_asked_about_successes_only(tmp_path: Path) -> None:
    # Seven targets of a 1 are reached, and three of these images no longer show one. Those that
    # missed their target, and other digits, all would.
    found = attacks(
        tmp_path,
        hit=lambda seed, image, label, target: label == 1 and target >= 3,
        seen=lambda seed, image, label, target: label == 1 and target not in (4, 6, 8),
        look=lambda seed, image, label, target: (
            {"levels": target**2, "ssim": 0.01 * target**2, "psnr": target**2 / 2}
            if label == 1 and target >= 3
            else {}
        ),
    )
    outcome = judged(claim("B-human"), found)
    assert outcome.n == 3
    assert outcome.measured == pytest.approx(4 / 7)
    assert "what 12 of 21 such images show, less than the 0.95 " in outcome.reason
    # The middle one of targets 3 … 9.
    assert outcome.reason.endswith("medians: 36 grey levels at most, SSIM 0.360, PSNR 18.0 dB")


def test_the_referee_is_asked_only_where_it_has_the_original_right(tmp_path: Path) -> None:
    # It is right about none of the changed images of the seed whose original it has wrong, and
    # about eight of nine of the others.
    found = attacks(
        tmp_path,
        known=lambda seed, *_: seed != 1,
        seen=lambda seed, image, label, target: seed != 1 and target != 9,
    )
    outcome = judged(claim("B-human"), found)
    assert outcome.measured == pytest.approx(16 / 18)
    assert "what 16 of 18 such images show" in outcome.reason
    assert outcome.n == 3
    # Another class's original is no concern, and another image's of its class is none.
    other = attacks(tmp_path / "other", known=lambda seed, image, label: label == 1)
    assert "27 of 27 such images" in judged(claim("B-human"), other).reason
    two = attacks(tmp_path / "two", known=lambda seed, image, label: image == 0, images=2)
    assert "27 of 27 such images" in judged(claim("B-human"), two).reason


def test_reached_targets_are_not_denied_where_the_referee_cannot_be_asked(tmp_path: Path) -> None:
    outcome = judged(claim("B-human"), attacks(tmp_path, known=never))
    assert (outcome.verdict, outcome.measured, outcome.n) == ("inconclusive", None, 3)
    assert "no target was reached" not in outcome.reason


def test_what_the_eye_cannot_tell_is_not_tested_but_is_measured(tmp_path: Path) -> None:
    one = claim("C-invisible")
    found = attacks(tmp_path, **FROG)
    outcome = judged(one, found)
    assert (outcome.verdict, outcome.measured, outcome.n) == ("inconclusive", 1, 3)
    assert (outcome.low, outcome.high) == (None, None)
    told = row(one, found)
    assert told["verdict"] == "untestable"
    assert told["reason"] == (
        "the images are lost, and no human was asked; as a proxy, 27 of 27 such images differ by "
        "at most 8 grey levels with an SSIM of at least 0.95; "
        "medians: 4 grey levels at most, SSIM 0.990, PSNR 40.0 dB"
    )
    assert told["measured"] == 1


@pytest.mark.parametrize(
    ("measures", "alike"),
    [
        ({"levels": 8}, True),
        ({"levels": 9}, False),
        ({"ssim": 0.951}, True),
        ({"ssim": 0.949}, False),
        # Other measures decide nothing.
        ({"linf": 1.0, "l2": 9.0, "psnr": 1.0, "changed": 1.0}, True),
    ],
)
def test_both_measures_decide_what_is_alike(
    tmp_path: Path, measures: dict[str, float], alike: bool
) -> None:
    found = attacks(tmp_path, look=lambda *one: measures if one[3] == 2 else {}, **FROG)
    outcome = judged(claim("C-invisible"), found)
    assert outcome.measured == pytest.approx(1 if alike else 8 / 9)


def test_images_that_missed_their_target_are_not_alike(tmp_path: Path) -> None:
    found = attacks(
        tmp_path,
        hit=lambda *one: one[3] < 4,
        look=lambda *one: {"levels": 200} if one[3] < 2 else {},
        **FROG,
    )
    outcome = judged(claim("C-invisible"), found)
    assert outcome.n == 3
    assert outcome.measured == pytest.approx(0.5)
    assert outcome.reason.startswith("6 of 12 such images differ by at most 8 grey levels ")


def test_what_the_referee_knows_is_no_concern_of_what_changed(tmp_path: Path) -> None:
    outcome = judged(claim("C-invisible"), attacks(tmp_path, known=never, seen=never, **FROG))
    assert outcome.reason.startswith("27 of 27 such images differ ")


@pytest.mark.parametrize("name", ["B-human", "C-invisible"])
def test_without_a_success_there_is_nothing_to_look_at(tmp_path: Path, name: str) -> None:
    one = claim(name)
    found = attacks(tmp_path, hit=never, arm=one.evidence.arm)
    outcome = judged(one, found)
    assert (outcome.verdict, outcome.measured, outcome.n) == ("inconclusive", None, 3)
    assert outcome.reason == "no target was reached"
    told = row(one, found)
    assert told["verdict"] == "untestable"
    assert told["reason"].endswith("no human was asked; as a proxy, no target was reached")


@pytest.mark.parametrize("name", ["B-human", "C-invisible"])
def test_nothing_is_left_when_all_was_wrong_before(tmp_path: Path, name: str) -> None:
    one = claim(name)
    outcome = judged(one, attacks(tmp_path, wrong=always, arm=one.evidence.arm))
    assert (outcome.verdict, outcome.measured, outcome.n) == ("inconclusive", None, 0)
    assert outcome.reason == "no target was reached"


@pytest.mark.parametrize("name", ["B-human", "C-invisible"])
def test_a_short_profile_is_named_beside_the_proxy(tmp_path: Path, name: str) -> None:
    one = claim(name)
    told = row(one, attacks(tmp_path, arm=one.evidence.arm, whole=False))
    assert told["verdict"] == "untestable"
    assert "; as a proxy (cut short by this profile), " in told["reason"]


def with_thresholds(one: Claim, **rest: float | str) -> Claim:
    thresholds = one.evidence.thresholds | rest
    evidence = one.evidence.model_copy(update={"thresholds": thresholds})
    return one.model_copy(update={"evidence": evidence})


def test_thresholds_are_the_ledgers(tmp_path: Path) -> None:
    one = claim("B-human")
    found = attacks(tmp_path, seen=lambda *one: one[3] != 9)
    assert one.evidence.thresholds == {"classes": "1", "seen": 0.95}
    assert "24 of 27 such images show, less than the 0.95 that" in judged(one, found).reason
    lower = judged(with_thresholds(one, seen=0.8), found)
    assert "24 of 27 such images show, at least the 0.8 that" in lower.reason
    both = judged(with_thresholds(one, classes="1 9"), found)
    # Of a 9 there is no target 9.
    assert "51 of 54 such images" in both.reason
    frog = claim("C-invisible")
    assert frog.evidence.thresholds == {"classes": "6", "levels": 8, "ssim": 0.95}
    found = attacks(tmp_path / "frog", **FROG)
    assert judged(with_thresholds(frog, levels=3), found).measured == 0
    assert judged(with_thresholds(frog, ssim=0.995), found).measured == 0
