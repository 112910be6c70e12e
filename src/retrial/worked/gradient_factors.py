"""The factors of a gradient: closed forms of their ranges, and their values by differentiation."""

import math
from collections.abc import Mapping
from fractions import Fraction

import torch

from retrial.worked.differentiate import gradient
from retrial.worked.ranges import ONE, ZERO, Function, Range, minus, plus, products, squares

ZERO_TO_ONE: Range = (ZERO, ONE)
MINUS_TO_ONE: Range = (-ONE, ONE)
# What the activations take, limits included.
OUTPUTS: Mapping[str, Range] = {
    "relu": (ZERO, math.inf),
    "tanh": MINUS_TO_ONE,
    "sigmoid": ZERO_TO_ONE,
}
ACTIVATIONS: Mapping[str, Function] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}


def sigmoid_derivative() -> Range:
    """σ(1 − σ) with the square completed, so that σ stands once."""
    quarter, half = ONE / 4, ONE / 2
    return minus((quarter, quarter), squares(minus(ZERO_TO_ONE, (half, half))))


def derivative_range(factor: Fraction, slope: Fraction) -> Range:
    """factor·(1 − s²) + slope for s in [−1, 1]."""
    return plus(
        products((factor, factor), minus((ONE, ONE), squares(MINUS_TO_ONE))), (slope, slope)
    )


def by_output(loss: Function, logit: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """∂E/∂y at the first output of a softmax of two, whose second logit is 0."""
    y = torch.softmax(torch.stack([logit, torch.zeros_like(logit)]), dim=0)[0]
    return gradient(lambda y: loss(y, target), y)


def by_weight(
    f: Function, bias: torch.Tensor, z: torch.Tensor, target: torch.Tensor
) -> torch.Tensor:
    """∂E/∂w at w = 0 for an output f(w·f(z) + bias) and the squared error: ν is the bias."""
    return gradient(lambda w: half_square(f(w * f(z) + bias), target), torch.zeros_like(bias))


def half_square(y: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """½ (t − y)²."""
    return (target - y) ** 2 / 2


def log_loss(y: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """−t log y."""
    return -target * torch.log(y)
