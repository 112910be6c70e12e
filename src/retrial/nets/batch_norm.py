"""Batch normalisation for stacks of networks (Ioffe and Szegedy 2015), with its derivative."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
# What is added to a variance, and how much of a running average stays at each step: torch's.
EPSILON, KEPT = 1e-5, 0.9


class BatchNorm:
    """Gain and shift of one layer, (members, 2, width), and the running averages of its inputs."""

    def __init__(self, affine: Array, gradient: Array) -> None:
        self.affine, self.gradient = affine, gradient
        affine[:, 0] = 1
        members, _, width = affine.shape
        self.mean = np.zeros((members, width, 1), affine.dtype)
        self.variance = np.ones((members, width, 1), affine.dtype)
        self.active = False

    def training(self, active: bool) -> None:
        """Normalise by each batch from now on, or by the running averages."""
        self.active = active

    def on(self, n: int) -> "OnBatch":
        """The normalisation of batches of `n` examples."""
        return OnBatch(self, n)


class OnBatch:
    """A `BatchNorm` with the buffers of one batch size; works in place."""

    def __init__(self, norm: BatchNorm, n: int) -> None:
        members, _, width = norm.affine.shape
        self._norm = norm
        self._average = np.full((n, 1), 1 / n, norm.affine.dtype)
        self._normal = np.empty((members, width, n), norm.affine.dtype)
        self._scratch = np.empty_like(self._normal)
        self._inverse = np.empty((members, width, 1), norm.affine.dtype)

    def forward(self, x: Array) -> None:
        """Replace `x` (members, width, n) by gain · (x − mean) / √(variance + ε) + shift."""
        norm = self._norm
        mean, variance = norm.mean, norm.variance
        if norm.active:
            # Means over examples as products: the order of their terms is the same in any stack.
            mean = np.matmul(x, self._average)
            np.subtract(x, mean, out=self._normal)
            np.multiply(self._normal, self._normal, out=self._scratch)
            variance = np.matmul(self._scratch, self._average)
            for running, new in ((norm.mean, mean), (norm.variance, variance)):
                running *= KEPT
                running += (1 - KEPT) * new
        else:
            np.subtract(x, mean, out=self._normal)
        np.divide(1, np.sqrt(variance + EPSILON), out=self._inverse)
        self._normal *= self._inverse
        np.multiply(self._normal, norm.affine[:, 0, :, None], out=x)
        x += norm.affine[:, 1, :, None]

    def backward(self, delta: Array) -> None:
        """Set the gradients of gain and shift; replace `delta` by the gradient of the input.

        Only for a batch that was normalised by itself.
        """
        norm, n = self._norm, delta.shape[-1]
        np.multiply(delta, self._normal, out=self._scratch)
        along = np.matmul(self._scratch, self._average)
        mean = np.matmul(delta, self._average)
        norm.gradient[:, 0] = along[:, :, 0] * n
        norm.gradient[:, 1] = mean[:, :, 0] * n
        delta -= mean
        np.multiply(self._normal, along, out=self._scratch)
        delta -= self._scratch
        delta *= self._inverse * norm.affine[:, 0, :, None]
