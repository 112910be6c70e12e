"""One step of each linear unit on random inputs, beside the gradient of a loss by autograd.

The losses: the perceptron criterion max(0, −(2y − 1)z), whose gradient is the perceptron's rule
although the step itself has no slope; ½(y − z)²; ½(y − σ(z))²; and the cross-entropy of σ(z).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from retrial.machines.linear_units import PERCEPTRON, UNITS, Unit, sigmoid, with_bias

Array = NDArray[Any]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

LOSSES: dict[str, Loss] = {
    "perceptron": lambda z, y: functional.relu((1 - 2 * y) * z),
    "adaline": lambda z, y: (y - z) ** 2 / 2,
    "sigmoid_squared": lambda z, y: (y - torch.sigmoid(z)) ** 2 / 2,
    "logistic": lambda z, y: functional.binary_cross_entropy_with_logits(z, y, reduction="none"),
}
CHANGES = (
    ("perceptron", "adaline"),
    ("adaline", "sigmoid_squared"),
    ("sigmoid_squared", "logistic"),
    ("perceptron", "logistic"),
)


def steps(inputs: int, features: int, rate: float, chance: np.random.Generator) -> dict[str, float]:
    """Steps for random inputs and weights, normal, and random labels, in float64.

    `<unit>_difference` is the largest difference, over inputs and weights, between the unit's step
    and −η times the gradient of its loss; `largest_difference` the same of the perceptron's rule
    with the sigmoid in place of the step, beside the cross-entropy. `<unit>_to_<unit>` is what the
    change from one to the other moves a step by: root mean square, as a share of the first's.
    """
    x = with_bias(chance.normal(size=(inputs, features)))
    w, y = chance.normal(size=x.shape), chance.integers(0, 2, inputs).astype(float)
    z = (w * x).sum(axis=1)

    def moved(unit: Unit) -> Array:
        return rate * unit.error(y, z)[:, None] * x

    def difference(unit: Unit, loss: str) -> float:
        return float(np.abs(moved(unit) + rate * gradient(LOSSES[loss], w, x, y)).max())

    found = {f"{name}_difference": difference(unit, name) for name, unit in UNITS.items()}
    found["largest_difference"] = difference(replace(PERCEPTRON, output=sigmoid), "logistic")
    for first, second in CHANGES:
        before, after = moved(UNITS[first]), moved(UNITS[second])
        share = np.sqrt(((after - before) ** 2).mean() / (before**2).mean())
        found[f"{first}_to_{second}"] = float(share)
    return found


def gradient(loss: Loss, weights: Array, inputs: Array, labels: Array) -> Array:
    """(n, features + 1) gradient of each input's loss by its own weights, all float64."""
    at = torch.tensor(weights, requires_grad=True)
    z = (at * torch.tensor(inputs)).sum(dim=1)
    return np.asarray(torch.autograd.grad(loss(z, torch.tensor(labels)).sum(), at)[0])
