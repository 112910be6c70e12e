"""The squared error of class probabilities: a loss on logits, and the score that it is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrial.nets.dense import SoftmaxCrossEntropy

Array = NDArray[Any]


class SoftmaxBrier(SoftmaxCrossEntropy):
    """Mean over examples of Σ (softmax(logits) - one-hot)², the sum over classes: 0…2.

    Brier 1950, "Verification of forecasts expressed in terms of probability". Where there are two
    classes it is twice the squared error of one probability. It takes the place of a dense
    network's cross-entropy, whose interface and buffers it has.
    """

    def __init__(self, batch: int, classes: int, dtype: Any) -> None:
        super().__init__(batch, classes, dtype)
        self._probabilities = np.empty((batch, classes), dtype)
        self._products = np.empty((batch, classes), dtype)

    def forward(self, logits: Array, labels: Array) -> float:
        """Return the mean score of `logits` (n, classes) against integer `labels` (n,)."""
        n = len(logits)
        errors, probabilities, sums = self._delta[:n], self._probabilities[:n], self._sums[:n]
        top = logits.max(axis=1, keepdims=True)
        np.subtract(logits, top, out=probabilities)
        self.largest, self.spread = float(top.max()), -float(probabilities.min())
        np.exp(probabilities, out=probabilities)
        np.sum(probabilities, axis=1, keepdims=True, out=sums)
        probabilities /= sums
        np.copyto(errors, probabilities)
        errors[self._rows[:n], labels] -= 1
        self._labels = labels
        flat = errors.ravel()
        return float(flat @ flat) / n

    def backward(self) -> Array:
        """Return dloss/dlogits of the last `forward`, (n, classes).

        With errors e = p - one-hot that is 2 p (e - Σ p e) / n: where the softmax is sure of any
        class, right or wrong, it vanishes.
        """
        n = len(self._labels)
        delta, probabilities = self._delta[:n], self._probabilities[:n]
        products, sums = self._products[:n], self._sums[:n]
        np.multiply(delta, probabilities, out=products)
        np.sum(products, axis=1, keepdims=True, out=sums)
        delta -= sums
        delta *= probabilities
        delta *= 2 / n
        return delta


def brier_score(probabilities: NDArray[np.float64], labels: Array) -> float:
    """The same score, 0…2, of probabilities (n, classes) and integer labels (n,)."""
    errors = probabilities.copy()
    errors[np.arange(len(labels)), labels] -= 1
    return float((errors**2).sum(axis=1).mean())
