"""The dual of a hard-margin support vector machine, in rationals.

With G the matrix of yᵢyⱼ xᵢ·xⱼ, the dual is to maximise Σλ − ½ λᵀGλ with λ ≥ 0 and Σ yᵢλᵢ = 0. Its
stationarity is (Gλ)ᵢ + yᵢb − μᵢ = 1: b is the multiplier of the equality and μᵢ that of λᵢ ≥ 0,
which is 0 for every point on the margin.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from scipy.optimize import linprog, minimize

from retrial.worked.hulls import Solution
from retrial.worked.rationals import Vector, dot, rank

# Denominators of the rationals that the solver's floats are taken for.
LARGEST_DENOMINATOR = 10_000


def gram(x: Sequence[Vector], y: Vector) -> list[list[Fraction]]:
    """G: yᵢyⱼ xᵢ·xⱼ."""
    signed = [[label * one for one in point] for point, label in zip(x, y, strict=True)]
    return [[dot(p, q) for q in signed] for p in signed]


def solved_dual(x: Sequence[Vector], y: Vector, equality: bool = True) -> Solution:
    """The dual's solution and multipliers by SLSQP, its floats taken for near rationals.

    Without `equality`, Σyλ = 0 is not demanded, and b is 0.
    """
    G, labels = np.asarray(gram(x, y), float), np.asarray(y, float)
    balanced = {"type": "eq", "fun": lambda a: labels @ a, "jac": lambda a: labels}
    positive = {"type": "ineq", "fun": lambda a: a, "jac": lambda a: np.eye(len(labels))}
    found = minimize(
        lambda a: a @ G @ a / 2 - a.sum(),
        np.zeros(len(y)),
        jac=lambda a: G @ a - 1,
        method="SLSQP",
        constraints=[balanced, positive] if equality else [positive],
        options={"ftol": 1e-14},
    )
    if not found.success:
        raise ValueError(f"the dual was not solved: {found.message}")
    near = [Fraction(one).limit_denominator(LARGEST_DENOMINATOR) for one in found.x]
    # SciPy's Lagrangian subtracts multipliers times constraints, ours adds b Σyλ.
    of = [Fraction(one).limit_denominator(LARGEST_DENOMINATOR) for one in found.multipliers]
    return Solution(near, -of[0], of[1:]) if equality else Solution(near, Fraction(0), of)


def conditions(G: Sequence[Vector], y: Vector, at: Solution) -> list[Fraction]:
    """The Karush–Kuhn–Tucker conditions of the dual as numbers that are 0 at its solution."""
    stationary = [
        dot(row, at.multipliers) + label * at.bias - bound - 1
        for row, label, bound in zip(G, y, at.bounds, strict=True)
    ]
    negative = min(Fraction(0), *at.multipliers, *at.bounds)
    return [*stationary, dot(y, at.multipliers), dot(at.multipliers, at.bounds), negative]


def spread(x: Sequence[Vector], y: Vector, multipliers: Vector) -> list[float]:
    """How far each λᵢ ranges over all solutions of the dual, by linear programs.

    These are the λ ≥ 0 with Σλy = 0 that give the same w, which is unique, and the same Σλ.
    """
    signs = np.asarray(y, float)
    equal = np.vstack([np.asarray(x, float).T * signs, signs, np.ones(len(y))])
    right = equal @ np.asarray(multipliers, float)
    ranges = []
    for one in np.eye(len(y)):
        least, most = (linprog(sign * one, A_eq=equal, b_eq=right) for sign in (1, -1))
        if not (least.success and most.success):
            raise ValueError(f"no extremes over the dual's solutions: {least.message}")
        ranges.append(-most.fun - least.fun)
    return ranges


def no_freedom(x: Sequence[Vector], y: Vector, excess: Vector) -> list[Fraction]:
    """The spread of λ where the points on the margin leave it no freedom: zeros.

    Raises ValueError where they do: their rows yᵢ(xᵢ, 1) are dependent.
    """
    on = [
        [label * one for one in (*point, Fraction(1))]
        for point, label, more in zip(x, y, excess, strict=True)
        if more == 0
    ]
    if rank(on) < len(on):
        raise ValueError("the dual has more than one solution")
    return [Fraction(0)] * len(y)


def exact_ranks(matrix: Sequence[Vector], right: Vector) -> list[int]:
    """The ranks of a matrix without and with its right side, in rationals."""
    return [rank(one) for one in augmented(matrix, right)]


def augmented(matrix: Sequence[Vector], right: Vector) -> tuple[list, list]:
    """A matrix, and the same with its right side as a last column."""
    return [list(row) for row in matrix], [[*row, r] for row, r in zip(matrix, right, strict=True)]


def bordered_system(G: Sequence[Vector], y: Vector) -> tuple[list[list[Fraction]], list[Fraction]]:
    """Gλ + by = 1 with yᵀλ = 0: matrix and right side."""
    rows = [[*row, label] for row, label in zip(G, y, strict=True)]
    return [*rows, [*y, Fraction(0)]], [*ones(y), Fraction(0)]


def ones(y: Vector) -> list[Fraction]:
    """As many ones as there are points."""
    return [Fraction(1)] * len(y)
