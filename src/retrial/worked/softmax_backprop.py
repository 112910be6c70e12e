"""Back-propagation through softmax, leaky ReLU and dropout (report 001, theory, 3).

A network of two layers on random inputs: z¹ = W¹x + b¹, â = leaky ReLU(z¹), a = dropout(â),
z² = W²a + b², ŷ = softmax(z²), L = −Σ yᵢ log ŷᵢ with one class right. Checked are the derivatives
of each part and that of L by W¹, against torch's own layers and automatic differentiation.
"""

from itertools import product
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional

from retrial.core.models import Count, FrozenModel, Positive
from retrial.worked.functions import softmax
from retrial.worked.sheet import Line, Sheet, Slip, Value


class Given(FrozenModel):
    """Sizes of the random network, probability of dropping a unit, slope of the leaky ReLU."""

    inputs: Count
    hidden: Count
    classes: Annotated[int, Field(ge=2)]
    drop: Annotated[float, Field(gt=0, lt=1)]
    slope: Positive


def sheet(given: Given, chance: np.random.Generator) -> Sheet:
    """All derivatives in float64; torch's dropout is seeded, so that its mask can be read."""
    sizes: dict[str, tuple[int, ...]] = {
        "x": (given.inputs,),
        "W1": (given.hidden, given.inputs),
        "b1": (given.hidden,),
        "W2": (given.classes, given.hidden),
        "b2": (given.classes,),
    }
    # Weights by one over the root of the units that they add: no class is all but certain.
    drawn = {
        name: chance.standard_normal(size) / (np.sqrt(size[1]) if len(size) == 2 else 1)
        for name, size in sizes.items()
    }
    label, seed = int(chance.integers(given.classes)), int(chance.integers(2**31))
    ones = torch.ones(given.hidden, dtype=torch.float64)
    exercise = {
        **drawn,
        "y": np.eye(given.classes)[label],
        "drop": given.drop,
        "slope": given.slope,
        "mask": (dropout(ones, given.drop, seed) > 0).numpy().astype(float),
    }
    proof = differentiated(drawn, label, given, seed)
    lines = {
        "z1": Line(r"z^{(1)} = W^{(1)} x + b^{(1)}", lambda v: v.W1 @ v.x + v.b1, proof["z1"]),
        "yhat": Line(
            r"\hat y = \operatorname{softmax}(W^{(2)} a^{(1)} + b^{(2)})",
            lambda v: softmax(v.W2 @ (v.mask / (1 - v.drop) * leaky(v.z1, v.slope)) + v.b2),
            proof["yhat"],
        ),
        "softmax": Line(
            r"\frac{\partial \hat y_k}{\partial z_i^{(2)}} = \hat y_k (\delta_{ki} - \hat y_i)",
            lambda v: np.diag(v.yhat) - np.outer(v.yhat, v.yhat),
            proof["softmax"],
            (
                Slip(
                    "delta_dropped",
                    "The case i ≠ k is taken for i = k as well: the Kronecker delta is dropped.",
                    lambda v: -np.outer(v.yhat, v.yhat),
                ),
            ),
        ),
        "dLdz": Line(
            r"\frac{\partial L}{\partial z^{(2)}} = \hat y - y",
            lambda v: v.yhat - v.y,
            proof["z2"],
            (
                Slip(
                    "label_dropped",
                    "Only the classes i ≠ k are worked out, where the derivative is ŷᵢ; at the "
                    "right class k it is ŷₖ − 1. The term −y is dropped.",
                    lambda v: v.yhat,
                ),
            ),
        ),
        "leaky": Line(
            r"\frac{\partial \hat a_j^{(1)}}{\partial z_j^{(1)}} = "
            r"\begin{cases} 1 & z_j^{(1)} > 0 \\ \alpha & z_j^{(1)} \le 0 \end{cases}",
            lambda v: np.where(v.z1 > 0, 1.0, v.slope),
            proof["leaky"],
            (
                Slip(
                    "leak_dropped",
                    "The leak is dropped, already where the activation is written out: this is the "
                    "derivative of the plain ReLU, that of the leaky one is α for z ≤ 0.",
                    lambda v: np.where(v.z1 > 0, 1.0, 0.0),
                ),
            ),
        ),
        "dropout": Line(
            r"\frac{\partial a^{(1)}}{\partial \hat a^{(1)}} = \tfrac{1}{1 - p}\,\Lambda,\quad "
            r"\Lambda = \operatorname{diag}(m)",
            lambda v: np.diag(v.mask) / (1 - v.drop),
            proof["dropout"],
            (
                Slip(
                    "scaled_by_drop",
                    "The kept units are scaled by p, the probability of being dropped, where "
                    "dropout in training scales them by 1/(1 − p) (or, as first published, not at "
                    "all; in the mean over masks the factor is 1 − p).",
                    lambda v: v.drop * np.diag(v.mask),
                ),
            ),
        ),
        "mean_dropout": Line(
            r"\operatorname{E}\left[\Lambda\right] = (1 - p)\,I",
            lambda v: (1 - v.drop) * np.eye(len(v.mask)),
            mean_over_masks(given.hidden, given.drop),
            (
                Slip(
                    "drop_for_keep",
                    "The probabilities of dropping and of keeping a unit are exchanged.",
                    lambda v: v.drop * np.eye(len(v.mask)),
                ),
            ),
        ),
        "dW1": Line(
            r"\frac{\partial L}{\partial W^{(1)}} = \left((\hat y - y)^\top W^{(2)}\,"
            r"\tfrac{1}{1 - p} \Lambda\, \operatorname{diag}\frac{\partial \hat a^{(1)}}"
            r"{\partial z^{(1)}}\right)^\top x^\top",
            lambda v: np.outer((v.dLdz @ v.W2) @ v.dropout * v.leaky, v.x),
            proof["W1"],
            (
                Slip(
                    "three_slips",
                    "Three things differ: −y is dropped, p stands in the place of 1/(1 − p), and "
                    "the slopes of the leaky ReLU are not in the product. The order of the factors "
                    "and their shapes are right.",
                    lambda v: np.outer((v.yhat @ v.W2) @ (v.drop * np.diag(v.mask)), v.x),
                    single=False,
                ),
                Slip(
                    "slopes_dropped",
                    "The slopes of the leaky ReLU are not in the product.",
                    lambda v: np.outer((v.dLdz @ v.W2) @ v.dropout, v.x),
                ),
            ),
        ),
    }
    return Sheet(exercise, lines)


def differentiated(
    drawn: dict[str, np.ndarray], label: int, given: Given, seed: int
) -> dict[str, Value]:
    """Values and derivatives of all parts, by torch's layers and automatic differentiation."""
    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in drawn.items()}
    z1 = functional.linear(tensors["x"], tensors["W1"], tensors["b1"])
    active = functional.leaky_relu(z1, given.slope)
    kept = dropout(active, given.drop, seed)
    z2 = functional.linear(kept, tensors["W2"], tensors["b2"])
    loss = functional.cross_entropy(z2, torch.tensor(label))
    gradients: Any = torch.autograd.grad(loss, [tensors["W1"], z2], retain_graph=True)
    (slopes,) = torch.autograd.grad(active.sum(), z1)
    jacobian = torch.autograd.functional.jacobian
    found = {
        "z1": z1,
        "yhat": torch.softmax(z2, 0),
        "softmax": jacobian(lambda z: torch.softmax(z, 0), z2.detach()),
        "leaky": slopes,
        "dropout": jacobian(lambda a: dropout(a, given.drop, seed), active.detach()),
        "W1": gradients[0],
        "z2": gradients[1],
    }
    return {name: value.detach().numpy() for name, value in found.items()}


def dropout(values: torch.Tensor, drop: float, seed: int) -> torch.Tensor:
    """Dropout in training as torch has it, with the mask of a seed; torch's generator stays."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return functional.dropout(values, drop)


def mean_over_masks(units: int, drop: float) -> np.ndarray:
    """(units, units) mean of diag(m), summed over all masks m with their probabilities."""
    masks = np.array(list(product([0.0, 1.0], repeat=units)))
    weights = np.prod(np.where(masks > 0, 1 - drop, drop), axis=1)
    return np.diag(weights @ masks)


def leaky(z: np.ndarray, slope: float) -> np.ndarray:
    """The leaky ReLU."""
    return np.where(z > 0, z, slope * z)
