"""Tests of what both kinds of attack keep: bytes, seeds, classifiers, rows, channels."""

from typing import Any

import numpy as np
import pytest
import torch
from attacked_digits import (
    CLASSES,
    METRICS,
    PLAIN,
    PROTOCOL,
    SECTION,
    TEST,
    WHITENED,
    attacked,
    budget,
    classifiers,
    data,
    digits,
    trial,
    untrained,
)

from retrial import image_attacks
from retrial.adversarial.gradient_attacks import judged
from retrial.core.config import validated
from retrial.core.seeds import generator
from retrial.core.trial import Trial
from retrial.image_attacks import Protocol
from retrial.image_classification import classifier_of
from retrial.nets.image_classifiers import tensors
from retrial.running.store import pack
from retrial.studies import attack_cifar10, attack_mnist

STUDIES = {"attack_mnist": attack_mnist, "attack_cifar10": attack_cifar10}


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
