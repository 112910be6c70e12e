"""Steps of gradient descent on stacks of parameters, in place: plain, with momentum, Adam.

All state and all arithmetic are elementwise, so a member of a stack moves as it would alone.
"""

import math
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
OptimiserName = Literal["sgd", "momentum", "adam"]

MOMENTUM = 0.9
# Kingma and Ba 2015, with the ε of torch (Keras has 1e-7).
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
# Adam passes over memory ten times: blocks of this many numbers stay in a core's cache meanwhile.
BLOCK = 1 << 14


class Optimiser(Protocol):
    """What a training loop asks of an optimiser."""

    def step(self) -> None:
        """Move the parameters by the gradients; overwrites the gradients."""
        ...


class SGD:
    """θ ← θ − η g, for parameters and gradients of one shape and a learning rate η."""

    def __init__(self, parameters: Array, gradients: Array, learning_rate: float) -> None:
        self._parameters, self._gradients, self._rate = parameters, gradients, learning_rate

    def step(self) -> None:
        """Move the parameters by the gradients; overwrites the gradients."""
        np.multiply(self._gradients, self._rate, out=self._gradients)
        np.subtract(self._parameters, self._gradients, out=self._parameters)


class Momentum:
    """v ← μ v − η g, θ ← θ + v, with μ = 0.9 (Polyak 1964)."""

    def __init__(self, parameters: Array, gradients: Array, learning_rate: float) -> None:
        self._parameters, self._gradients, self._rate = parameters, gradients, learning_rate
        self._velocity = np.zeros_like(parameters)

    def step(self) -> None:
        """Move the parameters by the gradients; overwrites the gradients."""
        np.multiply(self._gradients, self._rate, out=self._gradients)
        np.multiply(self._velocity, MOMENTUM, out=self._velocity)
        np.subtract(self._velocity, self._gradients, out=self._velocity)
        np.add(self._parameters, self._velocity, out=self._parameters)


class Adam:
    """Adam with bias correction (Kingma and Ba 2015, algorithm 1)."""

    def __init__(self, parameters: Array, gradients: Array, learning_rate: float) -> None:
        self._rate, self._steps = learning_rate, 0
        state = np.zeros_like(parameters), np.zeros_like(parameters)
        self._scratch = np.empty(min(BLOCK, parameters.size), parameters.dtype)
        flat = [one.reshape(-1) for one in (parameters, gradients, *state)]
        self._blocks = [
            tuple(one[start : start + BLOCK] for one in flat)
            for start in range(0, parameters.size, BLOCK)
        ]

    def step(self) -> None:
        """Move the parameters by the gradients; overwrites the gradients."""
        self._steps += 1
        unbias = math.sqrt(1 - BETA_2**self._steps)
        rate = self._rate * unbias / (1 - BETA_1**self._steps)
        for parameters, gradients, mean, square in self._blocks:
            scratch = self._scratch[: len(parameters)]
            mean *= BETA_1
            np.multiply(gradients, 1 - BETA_1, out=scratch)
            mean += scratch
            gradients *= gradients
            gradients *= 1 - BETA_2
            square *= BETA_2
            square += gradients
            np.sqrt(square, out=scratch)
            # ε counts beside the corrected root, as in the paper's algorithm.
            scratch += EPSILON * unbias
            np.divide(mean, scratch, out=scratch)
            scratch *= rate
            parameters -= scratch


OPTIMISERS: dict[str, type[SGD] | type[Momentum] | type[Adam]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "adam": Adam,
}


def optimiser(
    name: OptimiserName, parameters: Array, gradients: Array, learning_rate: float
) -> Optimiser:
    """The optimiser of that name, at its first step, for C-contiguous arrays of one shape."""
    return OPTIMISERS[name](parameters, gradients, learning_rate)
