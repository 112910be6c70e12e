"""Tests of what stands in for a viewer of report 004's images, on made records."""

from pathlib import Path

import pytest
from made_attacks import FROG, always, attacks, claim, judged, never, row

from retrial.judging.ledger import Claim


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
