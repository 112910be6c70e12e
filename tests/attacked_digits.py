"""Tiny attacks on tiny classifiers of digits, for the tests of the attack studies."""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from tiny_digits import mnist_shaped

from retrial import image_attacks, image_classification
from retrial.adversarial.gradient_attacks import judged
from retrial.adversarial.quality import Quality, quality
from retrial.core import records
from retrial.core.config import validated
from retrial.core.trial import Metric, Result, Trial
from retrial.image_attacks import Budget, Protocol
from retrial.image_classification import classifier_of
from retrial.nets.image_classifiers import build, tensors

CLASSES = 10
TRAIN, TEST, HELD_OUT, LADDER = 60, 40, 20, 12
# Of the test images, those of this class show another one: the victim has them wrong.
MISTAKEN, SHOWN = 3, 5
SHARES = ("success", "transfer", "referee_right")
METRICS = {"misclassified", *SHARES, *Quality._fields}
COMMON = {"labels", "rows", "before", "predicted", "refereed", "known", "confidence", "quality"}
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
