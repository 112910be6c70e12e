"""Dropout: units are switched off by chance while a network trains (Srivastava et al. 2014)."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Scaling = Literal["inverted", "unscaled"]


class Dropout:
    """A layer after an activation that switches each unit off with probability `rate` in [0, 1).

    While `active`, every call of `forward` draws a new mask from `chance`; otherwise the layer is
    the identity and draws nothing. `scaling` says what becomes of the units that stay:

    - "inverted": they are divided by 1 - rate, so that the expected output is the input, and at
      evaluation, with `active` false, nothing remains to be done;
    - "unscaled": they are left as they are, and at evaluation too. That is a fault: the layers
      that follow were trained on inputs that are smaller by 1 - rate. (Classical dropout multiplies
      by 1 - rate at evaluation.)

    `batch` and `width` are the largest input's shape. ValueError for a rate outside [0, 1).
    """

    def __init__(
        self,
        rate: float,
        batch: int,
        width: int,
        dtype: Any,
        chance: np.random.Generator,
        scaling: Scaling,
    ) -> None:
        check_rate(rate)
        self.rate, self.scaling, self.active = rate, scaling, True
        # Of the element type, for else NumPy would compute the mask in float64.
        self._factor = np.dtype(dtype).type(1 / (1 - rate) if scaling == "inverted" else 1)
        self._chance = chance
        self._kept = np.empty((batch, width), np.bool_)
        self._mask = np.empty((batch, width), dtype)
        self._output = np.empty((batch, width), dtype)

    def forward(self, x: Array) -> Array:
        """Return the masked `x` (n, width) in the layer's own memory, or `x` when not active.

        Not in the memory of `x`, from which the activation takes its derivative.
        """
        if not self.active:
            return x
        n = len(x)
        kept, mask = self._kept[:n], self._mask[:n]
        self._chance.random(dtype=mask.dtype, out=mask)
        np.greater_equal(mask, self.rate, out=kept)
        np.multiply(kept, self._factor, out=mask)
        return np.multiply(x, mask, out=self._output[:n])

    def backward(self, delta: Array) -> Array:
        """Return dloss/dinput of the last `forward`, in the memory of `delta` (n, width)."""
        if self.active:
            delta *= self._mask[: len(delta)]
        return delta


def check_rate(rate: float) -> None:
    """ValueError that names a dropout rate outside [0, 1): at 1 nothing would be left."""
    if not 0 <= rate < 1:
        raise ValueError(f"dropout rate = {rate!r}: expected a number in [0, 1)")
