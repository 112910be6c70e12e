"""What section 5 of report 000 says of kernels: the trick, Cauchy and Schwarz, the mean's norm.

Three kernels (linear, polynomial, RBF) are worked out without their maps and proved by explicit
ones: all monomials with their multinomial weights, for RBF those of its power series. Operations
are counted by numbers that keep a tally. Lagrange's identity is exact, in random rationals.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from itertools import product

import numpy as np
import torch
from scipy.linalg import solve

from retrial.core.models import Count, Positive
from retrial.worked.differentiate import differentiated
from retrial.worked.explicit_kernels import (
    KINDS,
    Parameters,
    cosine,
    explicit,
    exponents,
    inner_product,
    kernel,
    ridge,
)
from retrial.worked.rationals import dot
from retrial.worked.sheet import Line, Sheet, Slip

# Pairs of points that the figure shows of each kernel.
SHOWN = 40


class Given(Parameters):
    """The kernels' parameters and the sizes of random inputs.

    Operations are counted for all numbers of inputs and all degrees up to `most_inputs` and
    `most_degree`.
    """

    pairs: Count
    samples: Count
    entries: Count
    ridge: Positive
    most_inputs: Count
    most_degree: Count


class Tally:
    """A number that counts the multiplications of itself and all that come from it."""

    def __init__(self, count: list[int]) -> None:
        self.count = count

    def __mul__(self, other: "Tally") -> "Tally":
        self.count[0] += 1
        return Tally(self.count)

    def __add__(self, other: "Tally | int") -> "Tally":
        return Tally(self.count)


def sheet(given: Given, chance: np.random.Generator) -> Sheet:
    """All lines on one draw of inputs."""
    x, y = chance.uniform(-1, 1, (2, given.pairs, given.inputs))
    points, new = (chance.uniform(-1, 1, (given.samples, given.inputs)) for _ in range(2))
    targets = chance.normal(size=given.samples)
    kept = np.arange(given.inputs) < max(1, given.inputs // 2)
    a, b = (
        [Fraction(int(one), int(under)) for one, under in zip(*drawn, strict=True)]
        for drawn in zip(
            chance.integers(-9, 10, (2, given.entries)),
            chance.integers(1, 10, (2, given.entries)),
            strict=True,
        )
    )
    maps = {kind: explicit(kind, given) for kind in KINDS}
    mapped = {kind: (maps[kind](x), maps[kind](y)) for kind in KINDS}
    sizes = list(product(range(1, given.most_inputs + 1), range(1, given.most_degree + 1)))
    in_place = {
        "x": x, "y": y, "points": points, "new": new, "targets": targets, "kept": kept,
        "a": a, "b": b, "sizes": sizes,
    }  # fmt: skip

    def gram(kind: str, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return kernel(kind, given)(one[:, None], other[None])

    def predicted(penalty: float) -> np.ndarray:
        weights = solve(gram("polynomial", points, points) + penalty * np.eye(len(points)), targets)
        return gram("polynomial", new, points) @ weights

    lines = {
        "kernels": Line(
            r"K(x, y) = \Phi(x)^\top \Phi(y)",
            lambda v: [kernel(kind, given)(v.x, v.y) for kind in KINDS],
            [inner_product(*pair) for pair in mapped.values()],
            (
                Slip(
                    "constant_after_power",
                    "The constant of the polynomial kernel is added after the power.",
                    lambda v: [
                        kernel("linear", given)(v.x, v.y) ** given.degree + 1
                        if kind == "polynomial"
                        else kernel(kind, given)(v.x, v.y)
                        for kind in KINDS
                    ],
                ),
            ),
        ),
        "predictions": Line(
            r"k(x)^\top (K + \lambda I)^{-1} t",
            lambda v: predicted(given.ridge),
            ridge(maps["polynomial"], points, targets, given.ridge)(new),
            (
                Slip(
                    "penalty_per_sample",
                    "The penalty is multiplied with the number of samples.",
                    lambda v: predicted(given.ridge * given.samples),
                ),
            ),
        ),
        "features": Line(
            r"\binom{n + d}{d}",
            lambda v: [math.comb(n + d, d) for n, d in v.sizes],
            [len(exponents(n, d)) for n, d in sizes],
            (
                Slip(
                    "no_lower_degrees",
                    "Only the monomials of the full degree are counted.",
                    lambda v: [math.comb(n + d - 1, d) for n, d in v.sizes],
                ),
            ),
        ),
        "multiplications": Line(
            r"n + d - 1 = \min\left\{n + d - 1,\ \binom{n + d}{d}\right\}",
            lambda v: [n + d - 1 for n, d in v.sizes],
            [min(by_kernel(n, d), by_map(len(exponents(n, d)))) for n, d in sizes],
            (
                Slip(
                    "power_for_free",
                    "The power is counted as one multiplication.",
                    lambda v: [n + 1 for n, _ in v.sizes],
                ),
            ),
        ),
        "stored": Line(
            r"n = \min\left\{n,\ \binom{n + d}{d}\right\}",
            lambda v: [n for n, _ in v.sizes],
            [min(n, len(exponents(n, d))) for n, d in sizes],
        ),
        "crossover": Line(
            r"Q^2 > Q \binom{n + d}{d} \iff Q > \binom{n + d}{d}",
            lambda v: [many + 1 for many in v.features],
            [crossover(len(exponents(n, d))) for n, d in sizes],
        ),
        "selected": Line(
            r"K(x, y) = \sum_{i \in S} x_i y_i,\quad "
            r"\frac{\partial K}{\partial x_i} = 0 \iff i \notin S",
            lambda v: v.kept.astype(int),
            sensitive(lambda one, other: (one[kept] * other[kept]).sum(), x[0], y[0]),
            (
                Slip(
                    "summed",
                    "The map to one feature is the sum of all inputs: fewer features than inputs, "
                    "but every input counts and none is selected.",
                    lambda v: np.ones_like(v.kept, dtype=int),
                ),
            ),
        ),
        "trick": Line(
            r"K(x, y) = \Phi(x)^\top \Phi(y),\quad n + d - 1 < \binom{n + d}{d},\quad "
            r"K(x, y) = \sum_{i \in S} x_i y_i\ \text{selects}\ S",
            lambda v: [*v.predictions, *v.multiplications, *v.stored, *v.selected],
            [
                *ridge(maps["polynomial"], points, targets, given.ridge)(new),
                *(min(by_kernel(n, d), by_map(len(exponents(n, d)))) for n, d in sizes),
                *(min(n, len(exponents(n, d))) for n, d in sizes),
                *sensitive(lambda one, other: (one[kept] * other[kept]).sum(), x[0], y[0]),
            ],
            (
                Slip(
                    "selection_by_any_map",
                    "Any map to fewer features is taken to select, even the sum of all inputs.",
                    lambda v: [
                        *v.predictions, *v.multiplications, *v.stored, *np.ones_like(v.selected)
                    ],
                ),
            ),
        ),
        "bound": Line(
            r"K(x, y)^2 \leq K(x, x)\,K(y, y)",
            # The greater side: the proof takes the greater of both, of explicit maps.
            lambda v: [
                kernel(kind, given)(v.x, v.x) * kernel(kind, given)(v.y, v.y) for kind in KINDS
            ],
            [
                np.maximum(
                    inner_product(p, p) * inner_product(q, q), inner_product(p, q) ** 2
                )
                for p, q in mapped.values()
            ],
            (
                Slip(
                    "distance_for_kernel",
                    "A squared distance, which is no inner product, stands in the kernel's place.",
                    lambda v: [
                        ((v.x - v.x) ** 2).sum(1) * ((v.y - v.y) ** 2).sum(1) for _ in KINDS
                    ],
                ),
            ),
        ),
        "defect": Line(
            r"K(x, x)\,K(y, y) - K(x, y)^2 = \tfrac{1}{2} \sum_{i} \sum_{j} "
            r"(a_i b_j - a_j b_i)^2",
            lambda v: [
                kernel(kind, given)(v.x, v.x) * kernel(kind, given)(v.y, v.y)
                - kernel(kind, given)(v.x, v.y) ** 2
                for kind in KINDS
            ],
            [
                [(np.subtract(np.outer(p, q), np.outer(q, p)) ** 2).sum() / 2
                 for p, q in zip(*mapped[kind], strict=True)]
                for kind in KINDS
            ],
        ),
        "lagrange": Line(
            r"\sum_{i=1}^n \sum_{j=1}^n (a_i b_j - a_j b_i)^2 = "
            r"2 \sum_{i=1}^n a_i^2 \sum_{i=1}^n b_i^2 - 2 \left(\sum_{i=1}^n a_i b_i\right)^2",
            lambda v: crossed(v.a, v.b),
            2 * dot(a, a) * dot(b, b) - 2 * dot(a, b) ** 2,
            (
                Slip(
                    "a_for_b",
                    "The sum starts from a in the place of b: it is zero for every x and y.",
                    lambda v: crossed(v.a, v.a),
                ),
            ),
            tolerance=1e-30,
        ),
        "mean_norm": Line(
            r"\|\mu_\Phi\| = \frac{1}{Q} \sqrt{\sum_{m=1}^Q \sum_{n=1}^Q K(x_m, x_n)}",
            lambda v: [
                math.sqrt(gram(kind, v.points, v.points).sum()) / len(v.points) for kind in KINDS
            ],
            [np.linalg.norm(maps[kind](points).mean(0)) for kind in KINDS],
            (
                Slip(
                    "diagonal_only",
                    "Only the terms with m = n are summed.",
                    lambda v: [
                        math.sqrt(np.trace(gram(kind, v.points, v.points))) / len(v.points)
                        for kind in KINDS
                    ],
                ),
                Slip(
                    "root_of_count",
                    "The sum is divided by Q inside the root, not by its square.",
                    lambda v: [
                        math.sqrt(gram(kind, v.points, v.points).sum() / len(v.points))
                        for kind in KINDS
                    ],
                ),
            ),
        ),
    }  # fmt: skip
    one, other = chance.uniform(-1, 1, (2, SHOWN, given.inputs))
    arrays = {
        "cosines": np.array([cosine(kernel(kind, given), one, other) for kind in KINDS]),
        "explicit_cosines": np.array(
            [cosine(inner_product, maps[kind](one), maps[kind](other)) for kind in KINDS]
        ),
        "sizes": np.array(sizes, dtype=float),
        "features": np.array([math.comb(n + d, d) for n, d in sizes], dtype=float),
        "multiplications": np.array([n + d - 1 for n, d in sizes], dtype=float),
    }
    return Sheet(in_place, lines, arrays)


@cache
def by_kernel(inputs: int, degree: int) -> int:
    """Multiplications of (1 + x·y)^d, counted."""
    count = [0]
    base = sum((Tally(count) * Tally(count) for _ in range(inputs)), Tally(count)) + 1
    power = base
    for _ in range(degree - 1):
        power = power * base
    return count[0]


@cache
def by_map(features: int) -> int:
    """Multiplications of the inner product of two points that are mapped already, counted."""
    count = [0]
    sum((Tally(count) * Tally(count) for _ in range(features)), Tally(count))
    return count[0]


@cache
def crossover(features: int) -> int:
    """The fewest points whose matrix of kernel values holds more numbers than the mapped points."""
    points = 1
    while points * points <= points * features:
        points += 1
    return points


def sensitive(
    product_of: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], x: np.ndarray, y: np.ndarray
) -> list[int]:
    """Which inputs a kernel depends on: 1 where its derivative by the input is not zero."""
    other = torch.tensor(y, dtype=torch.float64)
    return [int(entry != 0) for entry in differentiated(lambda one: product_of(one, other), x)]


def crossed(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    """ΣΣ (aᵢ bⱼ − aⱼ bᵢ)²."""
    places = range(len(a))
    return sum(((a[i] * b[j] - a[j] * b[i]) ** 2 for i in places for j in places), Fraction(0))
