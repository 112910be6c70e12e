"""What theory says of wide random networks: how signals and gradients change from layer to layer.

Mean field (Poole et al. 2016; Schoenholz et al. 2017): in a wide network whose weights have
variance σ²/inputs and whose biases are 0, pre-activations are normal, and their second moment q
goes from layer to layer by q ← σ² E[f(√q z)²], z normal. The second moment of a gradient is
multiplied, going back one layer, by χ = σ² E[f'(√q z)²], and so is the distance of two close
inputs, going on: at χ = 1 both survive any depth, else they are gone, or explode, after a few
times ξ = 1/|ln χ| layers.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrial.nets.activations import ActivationName, activation

Array = NDArray[Any]

NODES = 200
LARGEST = 1e12
# Some six scales, after which a correlation is gone (Schoenholz et al. 2017, section 5).
SCALES = 6


class Fate(NamedTuple):
    """After many layers: `moment` q, its `factor` per layer there, and χ, that of gradients.

    A moment that grows without end is inf, with the factors that it grows by.
    """

    moment: float
    factor: float
    chi: float

    @property
    def scale(self) -> float:
        """ξ in layers; inf at χ = 1."""
        return math.inf if self.chi == 1 else 1 / abs(math.log(self.chi))


def moments(name: ActivationName, q: float) -> tuple[float, float]:
    """E[f(√q z)²] and E[f'(√q z)²] for z normal, by Gauss and Hermite's rule.

    Exact for ReLU, whose kink the rule meets in its middle.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()
    z = (math.sqrt(q) * nodes)[None, :]
    function = activation(name, 1, NODES, np.float64)
    value = function.forward(z.copy())
    slope = function.backward(np.ones_like(z))
    return float(weights @ value[0] ** 2), float(weights @ slope[0] ** 2)


def fate(name: ActivationName, sigma: float, start: float = 1.0, layers: int = 1000) -> Fate:
    """Where q and χ go for weights of variance `sigma`²/inputs, from q = `start` on."""
    q, factor = start, 1.0
    for _ in range(layers):
        value, _ = moments(name, q)
        factor = sigma**2 * value / q
        if abs(factor - 1) < 1e-12 or not 1 / LARGEST < q < LARGEST:
            break
        q *= factor
    _, slope = moments(name, q)
    chi = sigma**2 * slope
    ended = math.inf if q >= LARGEST else 0.0 if q <= 1 / LARGEST else q
    return Fate(ended, factor, chi)
