"""How far a classifier's probabilities can be believed."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.integer[Any]]
BINS = 15


class Reliability(NamedTuple):
    """Images by their confidence, the probability of the class that they are given, in equal bins.

    All (bins,): how `many` images, their mean `confidence` and `accuracy`, 0 in an empty bin.
    """

    many: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Probabilities (n, classes), in float64; all 0 where a network has lost its numbers."""
    shifted = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):
        shifted -= shifted.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    found = exponentials / exponentials.sum(axis=1, keepdims=True)
    return np.nan_to_num(found, nan=0.0)


def reliability(
    probabilities: NDArray[np.float64], labels: Labels, bins: int = BINS
) -> Reliability:
    """Confidence against accuracy, from probabilities (n, classes) and labels (n,)."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    at_least_one = np.maximum(count, 1)
    return Reliability(
        count,
        np.bincount(place, confidence, bins) / at_least_one,
        np.bincount(place, correct, bins) / at_least_one,
    )


def calibration_error(found: Reliability) -> float:
    """Expected calibration error, 0…1: the gap of confidence and accuracy, weighted by images.

    Guo, Pleiss, Sun and Weinberger 2017, "On calibration of modern neural networks".
    """
    gaps = np.abs(found.confidence - found.accuracy)
    return float((found.many * gaps).sum() / found.many.sum())


def log_loss(probabilities: NDArray[np.float64], labels: Labels) -> float:
    """Mean negative log-likelihood in nats; a probability that rounds to 0 counts as the least."""
    given = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(given, np.finfo(np.float64).tiny)).mean())
