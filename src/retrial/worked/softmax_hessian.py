"""Gradient and Hessian of the softmax cross-entropy, and its definiteness (report 001, theory, 7).

Gradient and Hessian are checked against automatic differentiation, the quadratic form against the
variance that it is, and its sign in rationals on every direction of entries −1, 0 and 1.
"""

from fractions import Fraction
from itertools import product
from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from retrial.core.models import FrozenModel
from retrial.worked.functions import softmax
from retrial.worked.sheet import Line, Sheet, Slip

# What the figures draw: directions on a half circle, and multiples of the logits.
ANGLES = np.linspace(-90.0, 90.0, 121)
SHARPNESS = np.linspace(0.0, 5.0, 101)


class Given(FrozenModel):
    """Number of classes."""

    classes: Annotated[int, Field(ge=3)]


def sheet(given: Given, chance: np.random.Generator) -> Sheet:
    """L(z) = −Σ yₖ log softmaxₖ(z) at random z, for random y ≥ 0 that sum to one."""
    logits, direction = chance.standard_normal((2, given.classes))
    labels = chance.dirichlet(np.ones(given.classes))
    weights = [int(one) for one in chance.integers(1, 100, given.classes)]
    directions = [one for one in product((-1, 0, 1), repeat=given.classes) if any(one)]
    z, y = torch.tensor(logits), torch.tensor(labels)

    def loss(z: torch.Tensor) -> torch.Tensor:
        return -(y * torch.log_softmax(z, 0)).sum()

    probabilities = torch.softmax(z, 0).numpy()
    lines = {
        "yhat": Line(
            r"\hat y_i = \frac{e^{z_i}}{\sum_j e^{z_j}}",
            lambda v: softmax(v.z),
            probabilities,
        ),
        "gradient": Line(
            r"\frac{\partial L}{\partial z_i} = \hat y_i - y_i",
            lambda v: v.yhat - v.y,
            torch.autograd.functional.jacobian(loss, z).numpy(),
            (Slip("label_dropped", "The term −y is dropped.", lambda v: v.yhat),),
        ),
        "hessian": Line(
            r"H_{ij} = \hat y_i (\delta_{ij} - \hat y_j),\quad "
            r"H = \operatorname{diag}(\hat y) - \hat y \hat y^\top",
            lambda v: hessian(v.yhat),
            torch.autograd.functional.hessian(loss, z).numpy(),
            (
                Slip(
                    "corner_sign",
                    "The last entry of the first row has lost its minus sign.",
                    lambda v: with_corner(hessian(v.yhat), v.yhat[0] * v.yhat[-1]),
                ),
            ),
        ),
        "form": Line(
            r"v^\top H v = \sum_i v_i^2 \hat y_i (1 - \hat y_i) - "
            r"\sum_i \sum_{j \ne i} v_i v_j \hat y_i \hat y_j",
            lambda v: on_diagonal(v.v, v.hessian) + off_diagonal(v.v, v.hessian),
            variance(direction, probabilities),
            (
                Slip(
                    "diagonal_dropped",
                    "The double sum leaves out j = i, and with it the whole diagonal.",
                    lambda v: off_diagonal(v.v, v.hessian),
                ),
            ),
        ),
        "definiteness": Line(
            r"v^\top H v \ge 0,\quad v^\top H v = 0 \Leftrightarrow v_1 = \dots = v_K",
            lambda v: [len(set(one)) > 1 for one in v.directions],
            positive(weights, directions),
            (
                Slip(
                    "definite",
                    "H is only positive semidefinite: its rows sum to zero, so v = (1, …, 1) gives "
                    "exactly 0 and > should be ≥.",
                    lambda v: [any(one) for one in v.directions],
                ),
            ),
        ),
    }
    return Sheet({"z": logits, "y": labels, "v": direction, "directions": directions}, lines,
                 drawn(logits))  # fmt: skip


def hessian(yhat: np.ndarray) -> np.ndarray:
    """(K, K): diag(ŷ) − ŷŷᵀ."""
    return np.diag(yhat) - np.outer(yhat, yhat)


def with_corner(matrix: np.ndarray, entry: float) -> np.ndarray:
    """A copy of a matrix with another last entry in its first row."""
    changed = matrix.copy()
    changed[0, -1] = entry
    return changed


def on_diagonal(v: np.ndarray, matrix: np.ndarray) -> float:
    """Σᵢ vᵢ² Mᵢᵢ."""
    return float(sum(v[i] ** 2 * matrix[i, i] for i in range(len(v))))


def off_diagonal(v: np.ndarray, matrix: np.ndarray) -> float:
    """Σᵢ Σ_{j≠i} vᵢ vⱼ Mᵢⱼ."""
    places = range(len(v))
    return float(sum(v[i] * v[j] * matrix[i, j] for i in places for j in places if j != i))


def variance(values: np.ndarray, probabilities: np.ndarray) -> float:
    """The variance of a quantity that has these values with these probabilities."""
    mean = np.average(values, weights=probabilities)
    return float(np.average((values - mean) ** 2, weights=probabilities))


def positive(weights: list[int], directions: list[tuple[int, ...]]) -> list[bool]:
    """Whether vᵀHv > 0 for each direction v, in rationals, at ŷ in the ratio of the weights.

    Any positive ŷ is a softmax, that of its logarithms.
    """
    yhat = [Fraction(one, sum(weights)) for one in weights]
    places = range(len(yhat))
    matrix = [[yhat[i] * ((i == j) - yhat[j]) for j in places] for i in places]
    return [sum(v[i] * v[j] * matrix[i][j] for i in places for j in places) > 0 for v in directions]


def drawn(logits: np.ndarray) -> dict[str, np.ndarray]:
    """The form on a half circle through (1, …, 1), and H's eigenvalues as the logits grow.

    `form` is (3, angles) for the logits times 0, 1 and 3; the circle's other axis is the logits'
    own direction without its part along (1, …, 1). `eigenvalues` are (sharpness, K), ascending.
    """
    ones = np.full(len(logits), len(logits) ** -0.5)
    across = logits - (logits @ ones) * ones
    across /= np.linalg.norm(across)
    turn = np.deg2rad(ANGLES)[:, None]
    circle = np.cos(turn) * ones + np.sin(turn) * across
    scaled = [hessian(probabilities(times * logits)) for times in (0, 1, 3)]
    return {
        "angles": ANGLES,
        "form": np.array([np.einsum("ai,ij,aj->a", circle, one, circle) for one in scaled]),
        "sharpness": SHARPNESS,
        "eigenvalues": np.array(
            [np.linalg.eigvalsh(hessian(probabilities(times * logits))) for times in SHARPNESS]
        ),
    }


def probabilities(logits: np.ndarray) -> np.ndarray:
    """(K,) softmax."""
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()
