"""The mean squared error between outputs and one-hot targets."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class MeanSquaredError:
    """Mean of (output - target)² over all examples and classes, targets being one-hot.

    The mean runs over both, as torch's MSELoss and report 001, P2, have it: outputs of 0 cost
    1/classes. `batch` is the largest number of examples of one call.
    """

    def __init__(self, batch: int, classes: int, dtype: Any) -> None:
        self._delta = np.empty((batch, classes), dtype)
        self._rows = np.arange(batch)
        self._n = 0

    def forward(self, outputs: Array, labels: Array) -> float:
        """Return the mean of `outputs` (n, classes) against integer `labels` (n,).

        ValueError for a label outside the classes.
        """
        check_labels(labels, outputs.shape[1])
        self._n = len(outputs)
        delta = self._delta[: self._n]
        np.copyto(delta, outputs)
        delta[self._rows[: self._n], labels] -= 1
        errors = delta.ravel()
        return float(errors @ errors) / errors.size

    def backward(self) -> Array:
        """Return dloss/doutputs of the last `forward`, (n, classes): 2 (output - target) / size."""
        delta = self._delta[: self._n]
        delta *= 2 / delta.size
        return delta


def check_labels(labels: Array, classes: int) -> None:
    """ValueError that names the first of `labels` (n,) that is not one of 0…classes - 1."""
    outside = (labels < 0) | (labels >= classes)
    if outside.any():
        place = int(outside.argmax())
        raise ValueError(f"label {labels[place]} at {place}: expected a class in 0…{classes - 1}")
