"""Activations beside those of `retrial.nets.dense`: LeCun's scaled tanh, and GELU.

Their derivative is not a function of their output alone, so each keeps one array of its input's
shape. Like the others they work in the memory of what they are given.
"""

from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import special

from retrial.nets import dense

Array = NDArray[Any]
ActivationName = Literal["relu", "leakyrelu", "gelu", "tanh", "lecun", "sigmoid"]
NAMES: tuple[ActivationName, ...] = get_args(ActivationName)

# LeCun's activation, amplitude · tanh(stretch · x) + slope · x (report 004, exercise 1 D, after
# LeCun et al. 1998, "Efficient BackProp", section 4.4).
AMPLITUDE, STRETCH, SLOPE = 1.7159, 2 / 3, 0.01


class Elementwise(Protocol):
    """What a network asks of an activation."""

    def forward(self, x: Array) -> Array:
        """Return f(x), in the memory of `x`."""
        ...

    def backward(self, delta: Array) -> Array:
        """Return delta · f'(x) for the last `forward`, in the memory of `delta`."""
        ...


class LeCun:
    """1.7159 tanh(2x/3) + 0.01x of arrays (batch, width); keeps the tanh."""

    def __init__(self, batch: int, width: int, dtype: Any) -> None:
        self._tanh = np.empty((batch, width), dtype)
        self._scratch = np.empty((batch, width), dtype)

    def forward(self, x: Array) -> Array:
        """Return f(x), in the memory of `x` (batch, width)."""
        np.multiply(x, STRETCH, out=self._tanh)
        np.tanh(self._tanh, out=self._tanh)
        np.multiply(self._tanh, AMPLITUDE, out=self._scratch)
        x *= SLOPE
        x += self._scratch
        return x

    def backward(self, delta: Array) -> Array:
        """Return delta · f'(x), in the memory of `delta` (batch, width)."""
        np.multiply(self._tanh, self._tanh, out=self._scratch)
        np.subtract(1, self._scratch, out=self._scratch)
        self._scratch *= AMPLITUDE * STRETCH
        self._scratch += SLOPE
        delta *= self._scratch
        return delta


class GELU:
    """x Φ(x) of arrays (batch, width), Φ the normal distribution (Hendrycks and Gimpel 2016)."""

    def __init__(self, batch: int, width: int, dtype: Any) -> None:
        self._input = np.empty((batch, width), dtype)
        self._phi = np.empty((batch, width), dtype)
        self._scratch = np.empty((batch, width), dtype)

    def forward(self, x: Array) -> Array:
        """Return x Φ(x), in the memory of `x` (batch, width)."""
        self._input[...] = x
        special.ndtr(x, out=self._phi)
        x *= self._phi
        return x

    def backward(self, delta: Array) -> Array:
        """Return delta · (Φ(x) + x φ(x)), in the memory of `delta` (batch, width)."""
        np.multiply(self._input, self._input, out=self._scratch)
        self._scratch *= -0.5
        np.exp(self._scratch, out=self._scratch)
        self._scratch *= 1 / np.sqrt(2 * np.pi)
        self._scratch *= self._input
        self._scratch += self._phi
        delta *= self._scratch
        return delta


class Shared(dense.Activation):
    """An activation whose scratch memory others use as well, between its calls."""

    def __init__(self, name: str, scratch: Array) -> None:
        super().__init__(name, 0, 0, scratch.dtype)
        self._scratch = scratch


def activation(
    name: ActivationName, batch: int, width: int, dtype: Any, scratch: Array | None = None
) -> Elementwise:
    """The activation of that name for arrays of (batch, width).

    `scratch` (batch, width) is memory that it may overwrite in any call, and so may others.
    """
    if name == "lecun":
        return LeCun(batch, width, dtype)
    if name == "gelu":
        return GELU(batch, width, dtype)
    if scratch is not None:
        return Shared(name, scratch)
    return dense.Activation(name, batch, width, dtype)
