"""What theory says of wide random networks: how signals and gradients change from layer to layer.

Mean field (Poole et al. 2016; Schoenholz et al. 2017): in a wide network whose weights have
variance σ²/inputs and whose biases are 0, pre-activations are normal, and their second moment q
goes from layer to layer by q ← σ² E[f(√q z)²], z normal. The second moment of a gradient is
multiplied, going back one layer, by χ = σ² E[f'(√q z)²], and so is the distance of two close
inputs, going on: at χ = 1 both survive any depth, else they are gone, or explode, after a few
times ξ = 1/|ln χ| layers.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from retrial.nets.activations import ActivationName, activation

# Midpoints in ±12 standard deviations, none of them at 0 where ReLU has its kink: fine enough for
# activations that are narrow beside √q, where Gauss and Hermite's nodes would miss them.
NODES, REACH = 20_000, 12.0
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
    """E[f(√q z)²] and E[f'(√q z)²] for z normal, by the midpoint rule."""
    nodes = (np.arange(NODES) + 0.5) * (2 * REACH / NODES) - REACH
    weights = np.exp(-(nodes**2) / 2)
    weights /= weights.sum()
    x = (math.sqrt(q) * nodes)[None, :]
    function = activation(name, 1, NODES, np.float64)
    with np.errstate(over="ignore", under="ignore"):
        value = function.forward(x.copy())
        slope = function.backward(np.ones_like(x))
    return float(weights @ value[0] ** 2), float(weights @ slope[0] ** 2)


@cache
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
