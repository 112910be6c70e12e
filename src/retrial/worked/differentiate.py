"""Derivatives by automatic differentiation: what the formulas are proved by."""

from collections.abc import Callable

import numpy as np
import torch

Function = Callable[[torch.Tensor], torch.Tensor]


def gradient(function: Function, at: torch.Tensor) -> torch.Tensor:
    """The derivative of a number by a tensor; of a function entry by entry, its derivatives."""
    at = at.detach().clone().requires_grad_()
    return torch.autograd.grad(function(at).sum(), at)[0]


def differentiated(function: Function, points: np.ndarray | float) -> np.ndarray:
    """The same at an array, in float64."""
    return np.asarray(gradient(function, torch.tensor(points, dtype=torch.float64)))
