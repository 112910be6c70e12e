import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from programs import PROFILES, ROOT, configured
from tiny_handwriting import (
    ADDED,
    CLAIMED,
    DOWNLOADED,
    OTHERS,
    SECOND,
    SECTION,
    STEPS,
    TRAIN,
    budget,
    data,
    protocol,
    trial,
    with_emnist,
)
from wrong_sections import changed, refused

from retrial.core.config import read_sections
from retrial.core.errors import RetrialError
from retrial.studies import handwriting
from retrial.studies.handwriting import (
    Budget,
    Protocol,
    arms_of,
    skipped,
    training_digits,
    trials,
)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_runs_the_arms_of_params(profile: str) -> None:
    stated, given = configured(handwriting, profile)
    listed = trials(stated, given)
    assert {one.arm for one in listed} | set(skipped(stated, given)) >= CLAIMED | OTHERS
    assert {one.arm for one in listed}.isdisjoint(skipped(stated, given))
    assert len({(one.arm, one.seed) for one in listed}) == len(listed)
    assert all(one.whole == (profile == "paper") for one in listed)
    if profile == "paper":
        assert given.other_seeds >= 3
        assert given.seeds >= given.other_seeds


def test_the_arms_and_their_order() -> None:
    found = list(arms_of(protocol()))
    assert set(found) == CLAIMED | OTHERS
    # Of equally good ones the earlier one is chosen: the simpler one comes first.
    assert found[:8] == ["none", "report", *ADDED]
    for one, other in (("report", "all"), ("none", "large/none"), ("digits", "digits/alone")):
        assert found.index(one) < found.index(other)


def test_an_arm_has_its_steps() -> None:
    stated = SECTION["ranges"]
    for step in STEPS:
        for arm, steps in (
            ("none", ()),
            ("large/none", ()),
            ("report", ("zoom", "width")),
            ("large/report", ("zoom", "width")),
            ("digits/alone", ("zoom", "width")),
            *((one, ("zoom", "width", one.split("/")[1])) for one in ADDED),
            ("all", STEPS),
            *((f"all/{left}", tuple(one for one in STEPS if one != left)) for left in STEPS),
        ):
            expected = stated[step] if step in steps else 0
            assert trial(arm).config["ranges"][step] == expected, (arm, step)


def test_arms_differ_in_what_their_name_says() -> None:
    report = trial("report").config
    assert report["widths"] == [2, 3]
    assert (report["mnist"], report["second"], report["way"]) == (True, None, None)
    assert report["repeats"] is None
    expected = {
        "large/report": {"widths": [4, 5]},
        "large/none": {"widths": [4, 5], "ranges": dict.fromkeys(STEPS, 0)},
        "digits": {"second": ["digits"], "repeats": 3},
        "digits/transposed": {"second": ["digits"], "repeats": 3, "way": "transposed"},
        "digits/inverted": {"second": ["digits"], "repeats": 3, "way": "inverted"},
        "digits/alone": {"second": ["digits"], "repeats": 7, "mnist": False},
    }
    for arm, differs in expected.items():
        assert trial(arm).config == report | differs, arm


@pytest.mark.parametrize("more", [["emnist"], ["numbers"], ["emnist", "numbers"]])
def test_more_sources_add_their_arms(more: list[str]) -> None:
    stated = protocol(more=more)
    theirs = {f"{source}{way}" for source in more for way in ("", "/transposed", "/inverted")}
    theirs |= {"emnist+numbers"} if len(more) == 2 else set()
    assert set(arms_of(stated)) == CLAIMED | OTHERS | theirs
    assert set(skipped(stated, budget())) == DOWNLOADED - theirs
    for arm in theirs:
        config = trial(arm, stated=stated).config
        assert config["second"] == arm.split("/")[0].split("+")
        assert config["mnist"]


def test_the_order_of_more_sources_does_not_matter() -> None:
    stated = protocol(more=["numbers", "emnist"])
    assert arms_of(stated) == arms_of(protocol(more=["emnist", "numbers"]))
    assert skipped(stated, budget()) == []
    with pytest.raises(RetrialError, match="expected each source at most once"):
        protocol(more=["emnist", "emnist"])


def test_claimed_arms_and_the_others_have_their_seeds() -> None:
    listed = trials(protocol(), budget(seeds=3, other_seeds=2))
    for arm in CLAIMED | OTHERS:
        seeds = [one.seed for one in listed if one.arm == arm]
        assert seeds == list(range(3 if arm in CLAIMED else 2)), arm
    assert {one.study for one in listed} == {"handwriting"}


def test_without_other_seeds_only_claimed_arms_run() -> None:
    given = budget(other_seeds=0)
    assert {one.arm for one in trials(protocol(), given)} == CLAIMED
    assert set(skipped(protocol(), given)) == OTHERS | DOWNLOADED


def test_a_trial_is_whole_unless_something_is_cut() -> None:
    assert trial("report").whole
    # As many as are stated, or more, cut nothing.
    assert trial("report", epochs_at_most=2).whole
    assert trial("report", epochs_at_most=9).config["recipe"]["epochs"] == 2
    cut = trial("report", epochs_at_most=1)
    assert (cut.whole, cut.config["recipe"]["epochs"]) == (False, 1)
    assert not trial("report", train_at_most=30).whole
    assert not trial("report", corrupted_at_most=4).whole
    assert trial("report", train_at_most=30).config["train_at_most"] == 30
    assert trial("report", corrupted_at_most=4).config["corrupted_at_most"] == 4


def test_the_recipe_and_the_configs_are_json() -> None:
    for one in trials(protocol(more=["emnist", "numbers"]), budget()):
        assert json.loads(json.dumps(one.config)) == one.config
        assert one.config["recipe"] == protocol().recipe.model_dump(mode="json")


def test_more_work_costs_more() -> None:
    assert trial("large/report").cost > 2 * trial("report").cost > 0
    assert trial("report", epochs_at_most=1).cost < trial("report").cost
    assert trial("report", train_at_most=6000).cost < trial("report").cost


def test_mnist_alone_is_as_its_rows_say() -> None:
    found = data()
    found["train"] = found["train"][::-1][:50].copy()
    images, labels = training_digits(trial("report").config, found)
    np.testing.assert_array_equal(images, found["train_images"][found["train"]])
    np.testing.assert_array_equal(labels, found["train_labels"][found["train"]])
    images, labels = training_digits(trial("report", train_at_most=7).config, found)
    np.testing.assert_array_equal(images, found["train_images"][found["train"][:7]])
    assert len(labels) == 7


def test_a_second_source_follows_mnist_as_often_as_it_says() -> None:
    found = data()
    images, labels = training_digits(trial("digits").config, found)
    assert len(images) == len(labels) == TRAIN + 3 * SECOND
    np.testing.assert_array_equal(images[:TRAIN], found["train_images"])
    for time in range(3):
        part = slice(TRAIN + time * SECOND, TRAIN + (time + 1) * SECOND)
        np.testing.assert_array_equal(images[part], found["second_images"])
        np.testing.assert_array_equal(labels[part], found["second_labels"])
    assert images.dtype == np.uint8


def test_the_second_source_alone() -> None:
    images, labels = training_digits(trial("digits/alone").config, data())
    np.testing.assert_array_equal(images, np.tile(data()["second_images"], (7, 1, 1)))
    np.testing.assert_array_equal(labels, np.tile(data()["second_labels"], 7))


def test_a_way_turns_the_second_source_only() -> None:
    found = data()
    plain, labels = training_digits(trial("digits").config, found)
    for way, turned in (
        ("transposed", plain[TRAIN:].transpose(0, 2, 1)),
        ("inverted", 255 - plain[TRAIN:]),
    ):
        images, same = training_digits(trial(f"digits/{way}").config, found)
        np.testing.assert_array_equal(images[:TRAIN], plain[:TRAIN])
        np.testing.assert_array_equal(images[TRAIN:], turned)
        assert (images[TRAIN:] != plain[TRAIN:]).any()
        np.testing.assert_array_equal(same, labels)


def test_a_cut_keeps_the_share_of_each_source() -> None:
    found = data()
    images, labels = training_digits(trial("digits", train_at_most=20).config, found)
    # A third of 60 and of 12.
    assert len(labels) == 20 + 3 * 4
    np.testing.assert_array_equal(images[20:24], found["second_images"][:4])
    images, labels = training_digits(trial("digits/alone", train_at_most=30).config, found)
    np.testing.assert_array_equal(images, np.tile(found["second_images"][:6], (7, 1, 1)))
    np.testing.assert_array_equal(labels, np.tile(found["second_labels"][:6], 7))
    # More than there are cuts nothing.
    assert len(training_digits(trial("digits", train_at_most=99).config, found)[0]) == 96


def test_a_cut_leaves_something_of_each_source() -> None:
    images, _ = training_digits(trial("digits/alone", train_at_most=4).config, data())
    np.testing.assert_array_equal(images, np.tile(data()["second_images"][:1], (7, 1, 1)))


def test_large_sources_are_shown_once() -> None:
    found, stated = with_emnist(), protocol(more=["emnist", "numbers"])
    found |= {"numbers_images": found["digits_images"], "numbers_labels": found["digits_labels"]}
    images, labels = training_digits(trial("emnist+numbers", stated=stated).config, found)
    for name, whole in (("images", images), ("labels", labels)):
        expected = [found[f"{source}_{name}"] for source in ("train", "emnist", "numbers")]
        np.testing.assert_array_equal(whole, np.concatenate(expected))


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        ("ranges.turn", 3.0, "ranges.turn = 3.0: unknown key"),
        ("ranges.zoom", 1.0, "ranges.zoom = 1.0: "),
        ("ranges.rotation", 181.0, "ranges.rotation = 181.0: "),
        ("ranges.flips", 1.5, "ranges.flips = 1.5: "),
        ("ranges.gamma", -0.5, "ranges.gamma = -0.5: "),
        ("ranges.blur", "much", "ranges.blur = 'much': "),
        (
            "more",
            ["emnist", "letters"],
            "more.1 = 'letters': input should be 'emnist' or 'numbers'",
        ),
        ("more", "emnist", "more = 'emnist': "),
        ("small", [], "small = (): "),
        ("large", [8, 0], "large.1 = 0: "),
        ("recipe.epochs", 0, "recipe.epochs = 0: "),
        ("repeats.beside", 0, "repeats.beside = 0: "),
        ("networks", 3, "networks = 3: unknown key, expected one of large, more, ranges, recipe"),
    ],
)
def test_params_that_are_wrong_are_told_in_one_line(
    tmp_path: Path, keys: str, value: Any, said: str
) -> None:
    wrong = changed(read_sections(ROOT / "params.yaml")["handwriting"], keys, value)
    assert refused(tmp_path, "handwriting", wrong, Protocol).startswith(said)


@pytest.mark.parametrize(("key", "value"), [("shift", 2), ("flip", True)])
def test_what_only_other_studies_move_by_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    section = read_sections(ROOT / "params.yaml")["handwriting"]
    said = refused(tmp_path, "handwriting", changed(section, f"recipe.{key}", value), Protocol)
    assert said.startswith("recipe = ")
    assert said.endswith("expected shift 0 and flip false: ranges say how digits are changed")


@pytest.mark.parametrize(
    ("key", "value"),
    [("seeds", 0), ("other_seeds", -1), ("epochs_at_most", 0), ("train_at_most", 0.5)],
)
def test_a_budget_that_is_wrong_is_told_in_one_line(tmp_path: Path, key: str, value: Any) -> None:
    content = read_sections(ROOT / "profiles" / "paper.yaml")["handwriting"] | {key: value}
    assert refused(tmp_path, "handwriting", content, Budget).startswith(f"{key} = {value}: ")
