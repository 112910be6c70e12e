"""Tests of the attacks on image classifiers: profiles, and tiny runs of both arms."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from programs import PROFILES, ROOT, configured
from ruamel.yaml import YAML
from tiny_digits import mnist_shaped

from retrial import image_attacks, image_classification
from retrial.adversarial.gradient_attacks import fgsm, from_bytes, judged
from retrial.adversarial.quality import Quality, quality
from retrial.core import records
from retrial.core.config import read_sections, section, validated
from retrial.core.errors import RetrialError
from retrial.core.seeds import generator
from retrial.core.trial import Metric, Result, Trial
from retrial.image_attacks import Budget, Protocol
from retrial.image_classification import classifier_of
from retrial.judging.ledger import load_claims
from retrial.nets.image_classifiers import build, tensors
from retrial.running.store import pack
from retrial.studies import attack_cifar10, attack_mnist, classifier_cifar10, classifier_mnist

STUDIES = {"attack_mnist": attack_mnist, "attack_cifar10": attack_cifar10}
CLASSIFIERS = {"attack_mnist": classifier_mnist, "attack_cifar10": classifier_cifar10}
# Of each study: what the arms are, and which of them a profile runs.
ARMS = {
    "attack_mnist": {
        f"{kind}/{victim}" for kind in ("image", "amortised")
        for victim in ("plain", "recipe", "robust")
    },
    "attack_cifar10": {
        f"{kind}/{victim}" for kind in ("image", "amortised") for victim in ("brief", "robust")
    },
}  # fmt: skip
RUN = {
    ("attack_mnist", "smoke"): {"image/plain", "amortised/plain", "amortised/robust"},
    ("attack_mnist", "quick"): {"image/plain", "amortised/plain"},
    ("attack_mnist", "paper"): ARMS["attack_mnist"] - {"amortised/recipe"},
    ("attack_cifar10", "smoke"): {"image/brief", "amortised/brief"},
    ("attack_cifar10", "quick"): {"image/brief", "amortised/brief"},
    ("attack_cifar10", "paper"): ARMS["attack_cifar10"],
}
CLASSES = 10
TRAIN, TEST, HELD_OUT, LADDER = 60, 40, 20, 12
# Of the test images, those of this class show another one: the victim has them wrong.
MISTAKEN, SHOWN = 3, 5
SHARES = ("success", "transfer", "referee_right")
METRICS = {"misclassified", *SHARES, *Quality._fields}
COMMON = {"labels", "rows", "before", "predicted", "refereed", "known", "confidence", "quality"}
CURVES = ["epsilon", "fgsm", "pgd", "noise", "f"]

CYCLE = {
    "name": "one_cycle", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 5e-4,
    "warm_up": 0.25,
}  # fmt: skip
TRAINING: dict[str, Any] = {
    "epochs": 12, "batch": 16, "optimiser": CYCLE, "label_smoothing": 0.0, "shift": 0,
    "flip": False, "robust": None,
}  # fmt: skip
POOLED: dict[str, Any] = {"network": "pooled", "widths": [4, 6, 6, 8]}
PLAIN: dict[str, Any] = {"network": "plain", "widths": [4, 6, 8]}
WHITENED: dict[str, Any] = {"network": "whitened", "widths": [4, 8, 8]}
SECTION = {
    "device": "cpu",
    "classifiers": {"recipe": POOLED, "plain": PLAIN},
    "victims": {"recipe": "plain", "plain": "recipe"},
    "generator": {
        "channels": [8], "learning_rate": 0.01,
        "reconstruction": {"error": 1e-3, "steps": 20},
        "fooling": {"confidence": 0.5, "steps": 8, "distance": 10.0},
    },
    "amortised": {
        "channels": [8], "learning_rate": 0.01, "batch": 16, "reconstruction_steps": 10,
        "fooling_steps": 30, "distance": 5.0,
    },
    "ladder": {"epsilons": [0.0, 0.1, 0.3, 1.0], "steps": 3, "reach": 2.5},
}  # fmt: skip
PROTOCOL = validated(SECTION, Protocol, "attack_mnist")
ONE_EACH = dict.fromkeys(image_attacks.arms(PROTOCOL), 1)
WHOLE: dict[str, Any] = {
    "seeds": ONE_EACH, "images": 1, "held_out": HELD_OUT, "ladder": LADDER,
    "steps_at_most": None, "classifiers_whole": True,
}  # fmt: skip


def budget(**rest: Any) -> Budget:
    return Budget(**WHOLE | rest)


def trial(arm: str, seed: int = 0, protocol: Protocol = PROTOCOL, **rest: Any) -> Trial:
    given = budget(seeds={arm: seed + 1}, **rest)
    listed = image_attacks.trials("attack_tiny", protocol, given)
    return next(one for one in listed if one.seed == seed)


def digits() -> dict[str, np.ndarray]:
    """A bright square for each class; the test images of one class show another."""
    found = mnist_shaped(TRAIN, TEST)
    images, labels = found["test_images"], found["test_labels"]
    images[labels == MISTAKEN] = images[labels == SHOWN]
    return found


@cache
def classifiers() -> dict[str, np.ndarray]:
    """The weights of two classifiers of two seeds, as their study leaves them."""
    protocol = validated(
        {
            "device": "cpu",
            "arms": {
                "recipe": POOLED | {"recipe": TRAINING},
                "plain": PLAIN
                | {"recipe": TRAINING | {"optimiser": {"name": "adam", "learning_rate": 0.005}}},
            },
        },
        image_classification.Protocol,
        "classifier_tiny",
    )
    given = image_classification.Budget(
        seeds={"recipe": 2, "plain": 2}, epochs_at_most={}, train_at_most=None, test_at_most=None
    )
    return {
        records.array_key(one.arm, one.seed, name): weight
        for one in image_classification.trials("classifier_tiny", protocol, given)
        for name, weight in image_classification.run(one, digits()).weights.items()
    }


def data() -> dict[str, np.ndarray]:
    return digits() | classifiers()


def untrained(arm: str, seed: int, architecture: dict[str, Any], side: int, channels: int) -> Any:
    """The weights of a classifier at its first weights, as their study would leave them."""
    draws = torch.Generator().manual_seed(seed)
    images = np.random.default_rng(seed).integers(0, 256, (8, side, side, channels), np.uint8)
    network = build(architecture["network"], architecture["widths"], channels, side, draws, images)
    return {
        records.array_key(arm, seed, name): one for name, one in tensors(network.eval()).items()
    }


@cache
def attacked(arm: str, seed: int = 0) -> Result:
    """The result of a trial on `data`."""
    return image_attacks.run(trial(arm, seed), data())


def victim(arm: str, seed: int = 0) -> torch.nn.Module:
    return classifier_of(data(), arm, seed, SECTION["classifiers"][arm], (TEST, 28, 28))


def originals(result: Result) -> np.ndarray:
    """(n, 1, 28, 28) test images of a result's rows."""
    return digits()["test_images"][result.arrays["rows"]][:, None]


# The profiles.


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_runs_the_arms_of_params(name: str, profile: str) -> None:
    study = STUDIES[name]
    protocol, given = configured(study, profile)
    assert set(image_attacks.arms(protocol)) == ARMS[name]
    assert set(given.seeds) == RUN[name, profile]
    listed, skipped = study.trials(protocol, given), study.skipped(protocol, given)
    assert {one.arm for one in listed} == RUN[name, profile]
    assert len(skipped) == len(set(skipped))
    assert set(skipped) == ARMS[name] - RUN[name, profile]
    assert {one.study for one in listed} == {name}
    for arm, seeds in given.seeds.items():
        assert [one.seed for one in listed if one.arm == arm] == list(range(seeds))
    # Only the paper's profile is the protocol itself; verdicts need three seeds of it.
    assert all(one.whole == (profile == "paper") for one in listed)
    if profile == "paper":
        assert min(given.seeds.values()) >= 3


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("profile", PROFILES)
def test_the_trials_are_those_of_the_protocol(name: str, profile: str) -> None:
    protocol, given = configured(STUDIES[name], profile)
    stated = protocol.model_dump(mode="json")
    most = given.steps_at_most or 10**9
    for one in STUDIES[name].trials(protocol, given):
        config = one.config
        records.canonical(config)
        assert config["device"] in ("cpu", "cuda")
        assert one.cost > 0
        assert one.arm.endswith(f"/{config['victim']}")
        assert config["referee"] == stated["victims"][config["victim"]]
        assert config["classifiers"] == {
            key: stated["classifiers"][key] for key in (config["victim"], config["referee"])
        }
        if one.arm.startswith("image/"):
            assert config["images"] == given.images
            expected = stated["generator"]
            for step in ("reconstruction", "fooling"):
                steps = min(expected[step]["steps"], most)
                assert config["generator"][step] == expected[step] | {"steps": steps}
            assert config["generator"]["channels"] == expected["channels"]
            assert config["generator"]["learning_rate"] == expected["learning_rate"]
        else:
            assert (config["held_out"], config["ladder_images"]) == (given.held_out, given.ladder)
            assert config["ladder"] == stated["ladder"]
            expected = stated["amortised"]
            cut = {
                key: min(expected[key], most) for key in ("reconstruction_steps", "fooling_steps")
            }
            assert config["amortised"] == expected | cut


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_attacked_has_been_trained(name: str, profile: str) -> None:
    listed = STUDIES[name].trials(*configured(STUDIES[name], profile))
    before = CLASSIFIERS[name].trials(*configured(CLASSIFIERS[name], profile))
    trained = {(one.arm, one.seed) for one in before}
    for one in listed:
        assert (one.config["victim"], one.seed) in trained
        referees = {seed for arm, seed in trained if arm == one.config["referee"]}
        assert referees
        # There is a referee of another seed for each victim.
        assert profile != "paper" or referees - {one.seed}
    needed = {arm for one in listed for arm in (one.config["victim"], one.config["referee"])}
    whole = all(one.whole for one in before if one.arm in needed)
    assert configured(STUDIES[name], profile)[1].classifiers_whole == whole


@pytest.mark.parametrize("name", STUDIES)
def test_the_architectures_are_those_that_were_trained(name: str) -> None:
    protocol, _ = configured(STUDIES[name], "paper")
    before, _ = configured(CLASSIFIERS[name], "paper")
    for arm, architecture in protocol.classifiers.items():
        trained = before.arms[arm]
        assert (architecture.network, architecture.widths) == (trained.network, trained.widths)
    for one, referee in protocol.victims.items():
        assert {one, referee} <= set(protocol.classifiers)
        assert one != referee


@pytest.mark.parametrize("name", STUDIES)
def test_the_ledger_asks_for_arms_that_are_run(name: str) -> None:
    claims = [one for one in load_claims(ROOT / "claims") if one.family == name]
    assert claims
    assert {arm for one in claims for arm in one.evidence.arms} <= RUN[name, "paper"]


@pytest.mark.parametrize("arm", ONE_EACH)
def test_a_trial_is_whole_unless_something_is_cut(arm: str) -> None:
    kind, most = arm.split("/")[0], {"image": 20, "amortised": 30}
    assert trial(arm).whole
    assert not trial(arm, classifiers_whole=False).whole
    # As many steps as are stated, or more, cut nothing.
    for steps in (most[kind], 99):
        assert trial(arm, steps_at_most=steps).config == trial(arm).config
        assert trial(arm, steps_at_most=steps).whole
    cut = trial(arm, steps_at_most=most[kind] - 1)
    assert cut.config != trial(arm).config
    assert not cut.whole
    assert not trial(arm, steps_at_most=most[kind], classifiers_whole=False).whole


def test_each_step_of_a_training_is_cut() -> None:
    cut = trial("image/recipe", steps_at_most=10).config["generator"]
    assert (cut["reconstruction"]["steps"], cut["fooling"]["steps"]) == (10, 8)
    cut = trial("amortised/recipe", steps_at_most=12).config["amortised"]
    assert (cut["reconstruction_steps"], cut["fooling_steps"]) == (10, 12)
    cut = trial("amortised/recipe", steps_at_most=1).config["amortised"]
    assert (cut["reconstruction_steps"], cut["fooling_steps"]) == (1, 1)


def test_an_arm_without_seeds_is_left_out() -> None:
    given = budget(seeds={"image/plain": 2})
    listed = image_attacks.trials("tiny", PROTOCOL, given)
    assert [(one.arm, one.seed) for one in listed] == [("image/plain", 0), ("image/plain", 1)]
    skipped = image_attacks.skipped(PROTOCOL, given)
    assert skipped == ["image/recipe", "amortised/recipe", "amortised/plain"]


def test_more_work_costs_more() -> None:
    assert trial("image/recipe", images=2).cost == 2 * trial("image/recipe").cost
    assert trial("amortised/recipe", steps_at_most=2).cost < trial("amortised/recipe").cost


# One generator an image and target.


class Again(NamedTuple):
    """What a test finds by itself in stored images (n, k, 1, 28, 28)."""

    predicted: np.ndarray
    refereed: np.ndarray
    confidence: np.ndarray
    measures: np.ndarray


def looked_at(stored: np.ndarray, before: np.ndarray, network: Any, referee: Any) -> Again:
    """Each image by itself: classes and confidence (n, k), the measures (6, n, k)."""
    shape = stored.shape[:2]
    words = [[judged(network, one) for one in row[:, None]] for row in stored]
    others = [[judged(referee, one) for one in row[:, None]] for row in stored]
    measures = np.zeros((len(Quality._fields), *shape))
    for place, original in enumerate(before):
        measures[:, place] = quality(stored[place], np.stack([original] * shape[1]))
    return Again(
        np.array([[one.classes[0] for one in row] for row in words]),
        np.array([[one.classes[0] for one in row] for row in others]),
        np.array([[one.confidences.max() for one in row] for row in words]),
        measures,
    )


def agree(result: Result, found: Again) -> None:
    """The arrays of a result are what was found."""
    arrays = result.arrays
    np.testing.assert_array_equal(arrays["predicted"], found.predicted)
    np.testing.assert_array_equal(arrays["refereed"], found.refereed)
    np.testing.assert_allclose(arrays["confidence"], found.confidence, rtol=1e-5)
    np.testing.assert_array_equal(arrays["quality"], found.measures.astype(np.float32))


def expected_metrics(arrays: Mapping[str, np.ndarray], targets: np.ndarray) -> dict[str, Metric]:
    """The metrics by hand, from the arrays of a result and its targets (n, k)."""
    hits, asked, transferred, seen, tried = [], 0, 0, 0, 0
    labels = arrays["labels"]
    for image, label in enumerate(labels):
        if arrays["before"][image] != label:
            continue
        for column, target in enumerate(targets[image]):
            if target == label:
                continue
            tried += 1
            if arrays["predicted"][image, column] != target:
                continue
            hits.append((image, column))
            if not arrays["known"][image]:
                continue
            asked += 1
            transferred += int(arrays["refereed"][image, column] == target)
            seen += int(arrays["refereed"][image, column] == label)
    n = len(hits)
    metrics = {
        "misclassified": Metric(int((arrays["before"] != labels).sum()), len(labels)),
        "success": Metric(n / tried if tried else None, tried),
        "transfer": Metric(transferred / asked if asked else None, asked),
        "referee_right": Metric(seen / asked if asked else None, asked),
    }
    for name, values in zip(Quality._fields, arrays["quality"], strict=True):
        metrics[name] = Metric(float(np.mean([values[one] for one in hits])) if n else None, n)
    return metrics


def same_metrics(found: Mapping[str, Metric], expected: Mapping[str, Metric]) -> None:
    assert set(found) == set(expected) == METRICS
    for name, metric in expected.items():
        assert found[name].n == metric.n, name
        # Measures are kept in float32 among the arrays.
        assert found[name].value == pytest.approx(metric.value, rel=1e-6), name


EVERY_TARGET = np.tile(np.arange(CLASSES), (CLASSES, 1))


def test_a_result_on_images_holds_what_is_promised() -> None:
    result = attacked("image/recipe")
    assert result.status == "ok"
    assert set(result.metrics) == METRICS
    assert (result.curves, result.weights) == ({}, {})
    assert {name: one.shape for name, one in result.arrays.items()} == {
        "labels": (10,), "rows": (10,), "before": (10,), "steps": (10, 10),
        "predicted": (10, 10), "refereed": (10, 10), "known": (10,), "confidence": (10, 10),
        "quality": (6, 10, 10), "pictures": (10, 10, 1, 28, 28),
    }  # fmt: skip
    assert {name: one.dtype.name for name, one in result.arrays.items()} == {
        "labels": "uint8", "rows": "int32", "before": "uint8", "steps": "int32",
        "predicted": "uint8", "refereed": "uint8", "known": "uint8", "confidence": "float32",
        "quality": "float32", "pictures": "uint8",
    }  # fmt: skip
    arrays = result.arrays
    np.testing.assert_array_equal(arrays["labels"], np.arange(CLASSES))
    # Of its own class an image is its original.
    known = arrays["refereed"].diagonal() == arrays["labels"]
    np.testing.assert_array_equal(arrays["known"], known)
    np.testing.assert_array_equal(digits()["test_labels"][arrays["rows"]], arrays["labels"])
    # As many steps as it took, at most as many as are stated, none for the own class.
    assert arrays["steps"].max() == SECTION["generator"]["fooling"]["steps"]
    assert (np.diag(arrays["steps"]) == 0).all()
    assert np.unique(arrays["steps"]).size > 2


def test_the_own_class_has_the_original() -> None:
    arrays = attacked("image/recipe").arrays
    own = np.arange(CLASSES)
    pictures = arrays["pictures"][own, own]
    np.testing.assert_array_equal(pictures, originals(attacked("image/recipe")))
    np.testing.assert_array_equal(arrays["predicted"][own, own], arrays["before"])
    np.testing.assert_array_equal(
        arrays["quality"][:, own, own],
        np.array([0, 0, np.inf, 1, 0, 0], np.float32)[:, None].repeat(CLASSES, axis=1),
    )
    # Nothing else is the original.
    changed = arrays["quality"][Quality._fields.index("changed")]
    assert (changed[~np.eye(CLASSES, dtype=bool)] > 0).all()


def test_what_is_predicted_is_read_off_the_pictures() -> None:
    result = attacked("image/recipe")
    before = originals(result)
    classes = judged(victim("recipe"), before).classes
    np.testing.assert_array_equal(result.arrays["before"], classes)
    # The referee is another classifier, of the next seed.
    found = looked_at(result.arrays["pictures"], before, victim("recipe"), victim("plain", 1))
    agree(result, found)


def test_shares_are_those_of_images_that_were_right_before() -> None:
    result = attacked("image/recipe")
    arrays = result.arrays
    assert list(np.flatnonzero(arrays["before"] != arrays["labels"])) == [MISTAKEN]
    assert arrays["before"][MISTAKEN] == SHOWN
    same_metrics(result.metrics, expected_metrics(arrays, EVERY_TARGET))
    assert result.metrics["misclassified"] == (1, 10)
    assert result.metrics["success"].n == 9 * 9
    # The attack succeeds and fails, also on the image that does not count.
    hit = (arrays["predicted"] == EVERY_TARGET) & ~np.eye(CLASSES, dtype=bool)
    assert 9 < hit.sum() < 80
    assert hit[MISTAKEN].any()
    assert 0 < result.metrics["transfer"].n < hit.sum()


def test_of_several_images_the_first_of_each_class_is_pictured() -> None:
    one = trial("image/recipe", images=2, steps_at_most=1)
    result = image_attacks.run(one, data())
    arrays = result.arrays
    np.testing.assert_array_equal(arrays["labels"], np.repeat(np.arange(CLASSES), 2))
    assert len(set(arrays["rows"].tolist())) == 20
    assert arrays["predicted"].shape == (20, CLASSES)
    assert arrays["quality"].shape == (6, 20, CLASSES)
    assert arrays["steps"].max() == 1
    same_metrics(result.metrics, expected_metrics(arrays, np.tile(np.arange(CLASSES), (20, 1))))
    assert result.metrics["misclassified"] == (2, 20)
    # The first ones are those of a budget of one.
    fewer = attacked("image/recipe").arrays
    np.testing.assert_array_equal(arrays["rows"][::2], fewer["rows"])
    assert arrays["pictures"].shape == (10, 10, 1, 28, 28)
    found = looked_at(
        arrays["pictures"], originals(result)[::2], victim("recipe"), victim("plain", 1)
    )
    np.testing.assert_array_equal(arrays["predicted"][::2], found.predicted)
    np.testing.assert_array_equal(arrays["quality"][:, ::2], found.measures.astype(np.float32))


def test_pictures_are_those_of_one_seed() -> None:
    later = image_attacks.run(trial("image/recipe", 1, steps_at_most=1), data())
    assert set(later.arrays) == {*COMMON, "steps"}
    assert set(attacked("image/recipe").arrays) == {*COMMON, "steps", "pictures"}


# One generator for all.


def captured(monkeypatch: pytest.MonkeyPatch, arm: str, **rest: Any) -> tuple[Result, list]:
    """A result, and all images that it stored: those of f, then of each step of the ladder."""
    stored: list[np.ndarray] = []
    to_bytes = image_attacks.to_bytes

    def kept(images: torch.Tensor) -> np.ndarray:
        stored.append(to_bytes(images))
        return stored[-1]

    monkeypatch.setattr(image_attacks, "to_bytes", kept)
    return image_attacks.run(trial(arm, **rest), data()), stored


def test_an_amortised_result_holds_what_is_promised() -> None:
    result = attacked("amortised/recipe")
    assert result.status == "ok"
    assert set(result.metrics) == METRICS
    assert result.weights == {}
    assert {name: (one.shape, one.dtype.name) for name, one in result.arrays.items()} == {
        "labels": ((20,), "uint8"), "rows": ((20,), "int32"), "before": ((20,), "uint8"),
        "targets": ((20,), "uint8"), "predicted": ((20, 1), "uint8"),
        "refereed": ((20, 1), "uint8"), "known": ((20,), "uint8"),
        "confidence": ((20, 1), "float32"), "quality": ((6, 20, 1), "float32"),
    }  # fmt: skip
    arrays = result.arrays
    assert len(set(arrays["rows"].tolist())) == HELD_OUT
    np.testing.assert_array_equal(digits()["test_labels"][arrays["rows"]], arrays["labels"])
    assert (arrays["targets"] != arrays["labels"]).all()
    assert arrays["targets"].max() < CLASSES
    # By chance, each image has one of the nine others.
    assert len(set(((arrays["targets"] - arrays["labels"]) % CLASSES).tolist())) > 4
    assert list(result.curves) == CURVES
    assert result.curves["epsilon"] == SECTION["ladder"]["epsilons"]
    assert {len(curve) for curve in result.curves.values()} == {4}


def test_amortised_shares_are_read_off_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    result, stored = captured(monkeypatch, "amortised/recipe")
    monkeypatch.undo()
    assert pack(result, 0.0) == pack(attacked("amortised/recipe"), 0.0)
    before = originals(result)
    np.testing.assert_array_equal(result.arrays["before"], judged(victim("recipe"), before).classes)
    agree(result, looked_at(stored[0][:, None], before, victim("recipe"), victim("plain", 1)))
    arrays = result.arrays
    same_metrics(result.metrics, expected_metrics(arrays, arrays["targets"][:, None]))
    # Both those that count and others are led to their targets.
    hit = arrays["predicted"][:, 0] == arrays["targets"]
    wrong = arrays["before"] != arrays["labels"]
    assert result.metrics["misclassified"] == (int(wrong.sum()), HELD_OUT)
    assert wrong.any()
    assert 0 < hit[~wrong].mean() < 1


@pytest.mark.parametrize("arm", ["amortised/recipe", "amortised/plain"])
def test_at_no_distance_the_ladder_is_the_victims_accuracy(arm: str) -> None:
    result = attacked(arm)
    labels, before = (result.arrays[name][:LADDER] for name in ("labels", "before"))
    accuracy = float((before == labels).mean())
    assert 0 < accuracy < 1
    for name in CURVES[1:]:
        assert result.curves[name][0] == accuracy


def test_the_ladder_is_read_off_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    result, stored = captured(monkeypatch, "amortised/recipe")
    monkeypatch.undo()
    network, images = victim("recipe"), originals(result)[:LADDER]
    labels = result.arrays["labels"][:LADDER]
    truth = torch.from_numpy(labels.astype(np.int64))
    epsilons = SECTION["ladder"]["epsilons"]
    changed, ladder = stored[0][:LADDER], iter(stored[1:])
    assert len(stored) == 1 + 4 * len(epsilons)
    for place, epsilon in enumerate(epsilons):
        found = {name: next(ladder) for name in CURVES[1:]}
        for name, one in found.items():
            accuracy = float((judged(network, one).classes == labels).mean())
            assert result.curves[name][place] == accuracy
            # No value is further off than epsilon, up to half a level of rounding.
            far = np.abs(one.astype(int) - images).max()
            assert far <= 255 * epsilon + 0.5
            assert far > 0 or epsilon == 0
        expected = fgsm(network, from_bytes(images), truth, epsilon)
        np.testing.assert_array_equal(found["fgsm"], image_attacks.to_bytes(expected))
        # Noise is as large as it may be, where the range lets it.
        moves = np.abs(found["noise"].astype(int) - images)
        assert moves[images == 255].max() >= 255 * epsilon - 0.5
        # f at that distance goes where f went, and no further.
        move = changed.astype(int) - images
        clipped = images + np.clip(move, -255 * epsilon, 255 * epsilon)
        assert np.abs(found["f"] - clipped).max() <= 1
    np.testing.assert_array_equal(found["f"], changed)


def test_attacks_by_gradients_do_more_than_noise_of_their_size() -> None:
    curves = attacked("amortised/recipe").curves
    # At 0.1.
    assert curves["pgd"][1] < curves["noise"][1]
    assert curves["fgsm"][1] < curves["noise"][1]
    assert curves["pgd"][2] <= curves["fgsm"][2]


def test_steps_of_pgd_are_a_share_of_the_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    pgd = image_attacks.pgd

    def spied(classifier: Any, images: Any, labels: Any, *given: Any, **more: Any) -> Any:
        calls.append((*given, more["start"]))
        return pgd(classifier, images, labels, *given, **more)

    monkeypatch.setattr(image_attacks, "pgd", spied)
    image_attacks.run(trial("amortised/recipe", steps_at_most=1), data())
    assert [one[:3] for one in calls] == [
        (0.0, 0.0, 3), (0.1, 2.5 * 0.1 / 3, 3), (0.3, 2.5 * 0.3 / 3, 3), (1.0, 2.5 / 3, 3),
    ]  # fmt: skip
    for epsilon, *_, start in calls:
        assert start.shape == (LADDER, 1, 28, 28)
        assert start.abs().max() <= epsilon
        # The same places of the ball at every distance.
        torch.testing.assert_close(start, epsilon * calls[-1][-1])
    assert calls[-1][-1].min() < -0.9
    assert calls[-1][-1].max() > 0.9


def test_the_generator_has_not_seen_what_judges_it() -> None:
    one, whole = trial("amortised/recipe", steps_at_most=3), data()
    expected = pack(image_attacks.run(one, whole), 0.0)
    # The split's rows decide, whatever lies in the file.
    shuffled = generator("test").permutation(TRAIN).astype(np.int32)
    other = whole | {"train": np.argsort(shuffled).astype(np.int32)}
    for kind in ("images", "labels"):
        other[f"train_{kind}"] = whole[f"train_{kind}"][shuffled]
    assert pack(image_attacks.run(one, other), 0.0) == expected
    # It learns from those images, and from nothing else of its file.
    dark = whole | {"train_images": whole["train_images"] // 2}
    assert pack(image_attacks.run(one, dark), 0.0) != expected
    more = whole | {
        f"train_{kind}": np.concatenate([whole[f"train_{kind}"], whole[f"test_{kind}"]])
        for kind in ("images", "labels")
    }
    assert pack(image_attacks.run(one, more), 0.0) == expected


def test_a_batch_is_at_most_all_images() -> None:
    content = changed(SECTION, "amortised.batch", 1000)
    protocol = validated(content, Protocol, "attack_mnist")
    result = image_attacks.run(trial("amortised/recipe", 0, protocol, steps_at_most=1), data())
    assert result.metrics["success"].n > 0


# Both.


@pytest.mark.parametrize("arm", ["image/recipe", "amortised/recipe"])
def test_the_same_trial_gives_the_same_bytes(arm: str) -> None:
    state = torch.get_rng_state()
    expected = pack(attacked(arm), 0.0)
    assert pack(image_attacks.run(trial(arm), data()), 0.0) == expected
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("arm", ["image/recipe", "amortised/recipe"])
def test_seeds_and_studies_draw_for_themselves(arm: str) -> None:
    def rows(study: str, seed: int) -> np.ndarray:
        one = trial(arm, seed, steps_at_most=1)
        result = image_attacks.run(Trial(study, arm, seed, one.config), data())
        return result.arrays["rows"]

    found = [rows("one", 0), rows("one", 1), rows("other", 0)]
    assert len({one.tobytes() for one in found}) == 3


@pytest.mark.parametrize("kind", ["image", "amortised"])
def test_victims_of_a_seed_share_their_images(kind: str) -> None:
    one, other = (attacked(f"{kind}/{name}").arrays for name in ("recipe", "plain"))
    np.testing.assert_array_equal(one["rows"], other["rows"])
    if kind == "amortised":
        np.testing.assert_array_equal(one["targets"], other["targets"])


@pytest.mark.parametrize("arm", ["image/recipe", "amortised/recipe"])
def test_the_classifiers_are_left_as_they_were(monkeypatch: pytest.MonkeyPatch, arm: str) -> None:
    made: list[torch.nn.Module] = []

    def spied(*given: Any) -> torch.nn.Module:
        made.append(classifier_of(*given))
        return made[-1]

    monkeypatch.setattr(image_attacks, "classifier_of", spied)
    found = data()
    before = {key: one.tobytes() for key, one in found.items()}
    image_attacks.run(trial(arm, steps_at_most=3), found)
    assert {key: one.tobytes() for key, one in found.items()} == before
    assert len(made) == 2
    for network, name in zip(made, ("recipe:0", "plain:1"), strict=True):
        assert not network.training
        assert all(weight.grad is None for weight in network.parameters())
        # Of the pooled network these are its running statistics as well.
        for key, one in tensors(network).items():
            assert np.atleast_1d(one).tobytes() == before[f"{name}:{key}"], key
    assert any("running_var" in key for key in tensors(made[0]))


@pytest.mark.parametrize(
    ("seed", "trained", "expected"),
    [(0, [0, 1, 2], 1), (1, [0, 1, 2], 2), (2, [0, 1, 2], 0), (0, [0], 0), (0, [11, 2], 2)],
)
def test_the_referee_is_of_another_seed_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, seed: int, trained: list[int], expected: int
) -> None:
    found = digits()
    found |= {
        key.replace("recipe:0", f"recipe:{seed}"): one
        for key, one in classifiers().items()
        if key.startswith("recipe:0")
    }
    for other in trained:
        found |= untrained("plain", other, PLAIN, 28, 1)
    # Classifiers that begin alike are others.
    found |= untrained("plainer", seed + 1, PLAIN, 28, 1)
    asked = []

    def spied(weights: Any, arm: str, seed: int, *rest: Any) -> torch.nn.Module:
        asked.append((arm, seed))
        return classifier_of(weights, arm, seed, *rest)

    monkeypatch.setattr(image_attacks, "classifier_of", spied)
    image_attacks.run(trial("amortised/recipe", seed, steps_at_most=1), found)
    assert asked == [("recipe", seed), ("plain", expected)]


@pytest.mark.parametrize("arm", ["image/recipe", "amortised/recipe"])
def test_a_victim_that_has_all_wrong_has_no_shares(arm: str) -> None:
    found = data()
    found["test_labels"] = (found["test_labels"] + 1) % CLASSES
    result = image_attacks.run(trial(arm, steps_at_most=2), found)
    arrays, count = result.arrays, len(result.arrays["labels"])
    assert (arrays["before"] != arrays["labels"]).all()
    assert result.metrics["misclassified"] == (count, count)
    for name in METRICS - {"misclassified"}:
        assert result.metrics[name] == (None, 0)
    pack(result, 0.0)


def test_rows_count_in_the_test_file() -> None:
    whole = data()
    # A split may take any of the file's images, in any order.
    chosen = generator("test").permutation(TEST).astype(np.int32)[: TEST - 5]
    for arm in ("image/recipe", "amortised/recipe"):
        one = trial(arm, steps_at_most=1)
        arrays = image_attacks.run(one, whole | {"test": chosen}).arrays
        assert set(arrays["rows"].tolist()) <= set(chosen.tolist())
        np.testing.assert_array_equal(whole["test_labels"][arrays["rows"]], arrays["labels"])
        if "pictures" in arrays:
            own = np.arange(CLASSES)
            np.testing.assert_array_equal(
                arrays["pictures"][own, own, 0], whole["test_images"][arrays["rows"]]
            )


def coloured() -> dict[str, np.ndarray]:
    """Images of CIFAR-10's shape, and two untrained classifiers of them."""
    rng = np.random.default_rng(2)
    found = {
        f"{part}_images": rng.integers(0, 256, (TEST, 32, 32, 3), np.uint8)
        for part in ("train", "test")
    }
    for part in ("train", "test"):
        found[f"{part}_labels"] = (np.arange(TEST) % CLASSES).astype(np.uint8)
        found[part] = np.arange(TEST, dtype=np.int32)
    return (
        found
        | untrained("brief", 0, WHITENED, 32, 3)
        | untrained("recipe", 0, WHITENED | {"widths": [6, 8, 8]}, 32, 3)
    )


@pytest.mark.parametrize("kind", ["image", "amortised"])
def test_images_of_three_channels_are_attacked_too(kind: str) -> None:
    content = SECTION | {
        "classifiers": {"brief": WHITENED, "recipe": WHITENED | {"widths": [6, 8, 8]}},
        "victims": {"brief": "recipe"},
    }
    protocol = validated(content, Protocol, "attack_cifar10")
    given = budget(seeds={f"{kind}/brief": 1}, held_out=6, ladder=3, steps_at_most=1)
    (one,) = attack_cifar10.trials(protocol, given)
    found = coloured()
    result = attack_cifar10.run(one, found)
    rows, wide = result.arrays["rows"], CLASSES if kind == "image" else 1
    assert result.arrays["predicted"].shape == (len(rows), wide)
    classes = judged(
        classifier_of(found, "brief", 0, WHITENED, (TEST, 32, 32, 3)),
        np.ascontiguousarray(found["test_images"][rows].transpose(0, 3, 1, 2)),
    ).classes
    np.testing.assert_array_equal(result.arrays["before"], classes)
    if kind == "image":
        pictures, own = result.arrays["pictures"], np.arange(CLASSES)
        assert pictures.shape == (10, 10, 3, 32, 32)
        np.testing.assert_array_equal(
            pictures[own, own].transpose(0, 2, 3, 1), found["test_images"][rows]
        )
    else:
        labels = result.arrays["labels"][:3]
        assert result.curves["pgd"][0] == float((classes[:3] == labels).mean())


def test_a_study_is_the_shared_attack_under_its_name() -> None:
    given = budget(seeds={"amortised/recipe": 1}, steps_at_most=1)
    for name, study in STUDIES.items():
        (one,) = study.trials(PROTOCOL, given)
        assert one.study == name == study.NAME
        assert study.skipped(PROTOCOL, given) == image_attacks.skipped(PROTOCOL, given)
        expected = image_attacks.run(Trial(name, one.arm, 0, one.config), data())
        assert pack(study.run(one, data()), 0.0) == pack(expected, 0.0)


# Bad input.


def refused(tmp_path: Path, name: str, content: dict[str, Any], model: type) -> str:
    """What is said of a section of a file."""
    path = tmp_path / "params.yaml"
    with path.open("w") as stream:
        YAML(typ="safe").dump({name: content}, stream)
    with pytest.raises(RetrialError) as error:
        section(path, name, model)
    said = str(error.value)
    assert said.startswith(f"{path}: {name}.")
    assert "\n" not in said
    return said.removeprefix(f"{path}: {name}.")


def changed(content: dict[str, Any], keys: str, value: Any) -> dict[str, Any]:
    """`content` with another value at `keys`."""
    first, *rest = keys.split(".", 1)
    return content | {first: changed(content[first], rest[0], value) if rest else value}


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        ("ladder.epsilons", [0.0, -0.1], "ladder.epsilons.1 = -0.1: "),
        ("ladder.epsilons", [0.0, 1.5], "ladder.epsilons.1 = 1.5: "),
        ("ladder.epsilons", [float("nan")], "ladder.epsilons.0 = nan: "),
        ("ladder.steps", 0, "ladder.steps = 0: "),
        ("ladder.reach", 0.0, "ladder.reach = 0.0: "),
        ("generator.fooling.confidence", 1.0, "generator.fooling.confidence = 1.0: "),
        ("generator.fooling.confidence", 1, "generator.fooling.confidence = 1: "),
        ("generator.fooling.distance", 0.0, "generator.fooling.distance = 0.0: "),
        ("generator.reconstruction.error", -1.0, "generator.reconstruction.error = -1.0: "),
        ("generator.channels", [], "generator.channels = (): "),
        ("generator.channels", [8, 0], "generator.channels.1 = 0: "),
        ("amortised.channels", [], "amortised.channels = (): "),
        ("amortised.batch", 0, "amortised.batch = 0: "),
        ("amortised.distance", -1.0, "amortised.distance = -1.0: "),
        ("amortised.confidence", 0.5, "amortised.confidence = 0.5: unknown key"),
        ("classifiers.robust.network", "resnet", "classifiers.robust.network = 'resnet': input"),
        ("classifiers.robust.widths", [], "classifiers.robust.widths = (): "),
        ("device", "tpu", "device = 'tpu': input should be 'auto', 'cpu' or 'cuda'"),
    ],
)
def test_params_that_are_wrong_are_told_in_one_line(
    tmp_path: Path, keys: str, value: Any, said: str
) -> None:
    name = "attack_mnist"
    content = read_sections(ROOT / "params.yaml")[name]
    assert refused(tmp_path, name, changed(content, keys, value), Protocol).startswith(said)


@pytest.mark.parametrize("victims", [{"resnet": "robust"}, {"robust": "resnet"}])
def test_a_classifier_that_is_not_stated_is_told_in_one_line(
    tmp_path: Path, victims: dict[str, str]
) -> None:
    name = "attack_mnist"
    content = read_sections(ROOT / "params.yaml")[name]
    said = refused(tmp_path, name, changed(content, "victims", victims), Protocol)
    assert said.startswith("victims")
    assert "resnet" in said


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        ("images", 0, "images = 0: "),
        ("held_out", 0, "held_out = 0: "),
        ("ladder", 0.5, "ladder = 0.5: "),
        ("steps_at_most", 0, "steps_at_most = 0: "),
        ("classifiers_whole", "yes", "classifiers_whole = 'yes': "),
        ("seeds.image/robust", -1, "seeds.image/robust = -1: "),
    ],
)
def test_a_budget_that_is_wrong_is_told_in_one_line(
    tmp_path: Path, keys: str, value: Any, said: str
) -> None:
    name = "attack_cifar10"
    content = read_sections(ROOT / "profiles" / "paper.yaml")[name]
    assert refused(tmp_path, name, changed(content, keys, value), Budget).startswith(said)


def test_seeds_of_an_arm_that_is_not_there_are_told_in_one_line() -> None:
    given = budget(seeds={"image/recipe": 1, "image/resnet": 1})
    with pytest.raises(RetrialError, match=r"image/resnet[^\n]*: expected [^\n]*image/recipe"):
        image_attacks.trials("attack_mnist", PROTOCOL, given)


def without(prefix: str) -> dict[str, np.ndarray]:
    return {key: one for key, one in data().items() if not key.startswith(prefix)}


@pytest.mark.parametrize("kind", ["image", "amortised"])
@pytest.mark.parametrize(
    ("lost", "seed", "named"),
    [
        ("recipe:0:", 0, "no weights of recipe:0, found plain:0, plain:1, recipe:1"),
        ("none", 2, "no weights of recipe:2, found plain:0, plain:1, recipe:0, recipe:1"),
        ("plain:", 0, "no weights of plain:0, found recipe:0, recipe:1"),
    ],
)
def test_weights_that_are_not_there_are_named_in_one_line(
    kind: str, lost: str, seed: int, named: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(named)}$"):
        image_attacks.run(trial(f"{kind}/recipe", seed), without(lost))


@pytest.mark.parametrize("kind", ["image", "amortised"])
@pytest.mark.parametrize("name", ["recipe", "plain"])
def test_weights_of_another_architecture_are_refused_in_one_line(kind: str, name: str) -> None:
    content = changed(SECTION, f"classifiers.{name}.widths", [4, 6, 6])
    protocol = validated(content, Protocol, "attack_mnist")
    with pytest.raises(ValueError, match=r"^weights of another architecture: [^\n]*$"):
        image_attacks.run(trial(f"{kind}/recipe", 0, protocol), data())
