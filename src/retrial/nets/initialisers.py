"""Initial weights: pure functions of a shape, a scale and a generator. Biases start at zero."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Initialiser = Callable[[int, int, np.random.Generator], Array]


def zero(inputs: int, outputs: int, generator: np.random.Generator) -> Array:
    """All zeros, (inputs, outputs); draws nothing."""
    return np.zeros((inputs, outputs))


def normal(standard_deviation: float) -> Initialiser:
    """Normal with mean 0 and the given standard deviation in every layer, whatever its width."""

    def draw(inputs: int, outputs: int, generator: np.random.Generator) -> Array:
        return generator.standard_normal((inputs, outputs)) * standard_deviation

    return draw


def uniform(half_width: float) -> Initialiser:
    """Uniform on [-half_width, half_width) in every layer, whatever its width."""

    def draw(inputs: int, outputs: int, generator: np.random.Generator) -> Array:
        return generator.uniform(-half_width, half_width, (inputs, outputs))

    return draw


def glorot_uniform(inputs: int, outputs: int, generator: np.random.Generator) -> Array:
    """Uniform with variance 2/(inputs + outputs): Glorot and Bengio 2010, equation 16."""
    half_width = np.sqrt(6 / (inputs + outputs))
    return generator.uniform(-half_width, half_width, (inputs, outputs))


def he_normal(inputs: int, outputs: int, generator: np.random.Generator) -> Array:
    """Normal with variance 2/inputs: He et al. 2015, equation 10."""
    return generator.standard_normal((inputs, outputs)) * np.sqrt(2 / inputs)


def fill(weights: list[Array], initialiser: Initialiser, generator: np.random.Generator) -> None:
    """Draw every weight matrix (inputs, outputs) in order, in place.

    The draws are made in float64 and rounded, so that networks of two element types begin at the
    same point.
    """
    for weight in weights:
        weight[...] = initialiser(weight.shape[0], weight.shape[1], generator)
