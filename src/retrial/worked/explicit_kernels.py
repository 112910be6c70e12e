"""Three kernels, and their maps written out: every monomial with its weight."""

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from scipy.linalg import solve

from retrial.core.models import Count, FrozenModel, Positive

KINDS = ("linear", "polynomial", "rbf")


class Parameters(FrozenModel):
    """Of (1 + x·y)^degree and exp(−γ‖x − y‖²), and the number of inputs.

    `series` is the degree to which the map of the latter is expanded.
    """

    inputs: Count
    degree: Count
    gamma: Positive
    series: Count


def kernel(kind: str, given: Parameters) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """x·y, (1 + x·y)^d or exp(−γ‖x − y‖²) over the last axis."""
    if kind == "linear":
        return lambda x, y: (x * y).sum(-1)
    if kind == "polynomial":
        return lambda x, y: (1 + (x * y).sum(-1)) ** given.degree
    return lambda x, y: np.exp(-given.gamma * ((x - y) ** 2).sum(-1))


def inner_product(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The inner products of two (n, features) sets of mapped points, row by row."""
    products: np.ndarray = np.einsum("ij,ij->i", x, y)
    return products


def cosine(
    product_of: Callable[[np.ndarray, np.ndarray], np.ndarray], x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """The cosines between points under an inner product, row by row."""
    return product_of(x, y) / np.sqrt(product_of(x, x) * product_of(y, y))


def explicit(kind: str, given: Parameters) -> Callable[[np.ndarray], np.ndarray]:
    """The kernel's map, (points, inputs) → (points, features); RBF's is cut off at `series`.

    exp(−γ‖x − y‖²) = exp(−γ‖x‖²) exp(−γ‖y‖²) Σ_k (2γ x·y)^k / k!, and (x·y)^k is the sum of all
    monomials of degree k with their multinomial coefficients.
    """
    if kind == "linear":
        return lambda x: x
    if kind == "polynomial":
        powers = np.array(exponents(given.inputs, given.degree))
        weights = [multinomial((given.degree - sum(k), *k)) for k in powers.tolist()]
        return lambda x: monomials(x, powers) * np.sqrt(weights)
    powers = np.array(exponents(given.inputs, given.series))
    weights = [
        (2 * given.gamma) ** sum(k) / math.prod(map(math.factorial, k)) for k in powers.tolist()
    ]
    return lambda x: (
        np.exp(-given.gamma * (x**2).sum(1))[:, None] * monomials(x, powers) * np.sqrt(weights)
    )


@cache
def exponents(inputs: int, degree: int) -> list[tuple[int, ...]]:
    """The exponents of all monomials of some inputs up to a degree, found by going through all."""
    if inputs == 0:
        return [()]
    return [
        (first, *rest)
        for first in range(degree + 1)
        for rest in exponents(inputs - 1, degree - first)
    ]


def multinomial(counts: Sequence[int]) -> int:
    """In how many ways a product of sums gives a monomial with these exponents."""
    return math.factorial(sum(counts)) // math.prod(map(math.factorial, counts))


def monomials(x: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """(points, features) values of monomials at (points, inputs)."""
    values: np.ndarray = (x[:, None, :] ** powers).prod(2)
    return values


def ridge(
    mapped: Callable[[np.ndarray], np.ndarray], x: np.ndarray, targets: np.ndarray, penalty: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Ridge regression in the space of an explicit map: one weight per feature."""
    design = mapped(x)
    weights = solve(design.T @ design + penalty * np.eye(design.shape[1]), design.T @ targets)
    return lambda new: mapped(new) @ weights
