"""The line of largest margin between two classes by geometry, in rationals.

It halves the shortest way between the convex hulls of the classes; that is found by trying all
corners and edges. The shares that corners have in its ends are the dual's multipliers but for a
factor.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import NamedTuple

import mpmath

from retrial.worked.rationals import Vector, dot, products
from retrial.worked.sheet import DIGITS, number


class Solution(NamedTuple):
    """λ of the dual with the multipliers of its constraints: b of Σyλ = 0 and μ of λ ≥ 0."""

    multipliers: list[Fraction]
    bias: Fraction
    bounds: list[Fraction]


def by_hulls(x: Sequence[Vector], y: Vector) -> Solution:
    """The dual's solution: λ, b, and how far beyond the margin each point lies, yᵢ(w·xᵢ + b) − 1.

    Labels are ±1. Raises ValueError where the hulls touch or a class is empty.
    """
    shares, gap = nearest(x, y)
    multipliers = [2 * share / gap for share in shares]
    ends = [weights_of(x, [Fraction(label == side) for label in y], shares) for side in (1, -1)]
    across = [a - b for a, b in zip(*ends, strict=True)]
    middle = [(a + b) / 2 for a, b in zip(*ends, strict=True)]
    margins = [
        label * dot([a - m for a, m in zip(point, middle, strict=True)], across) / (gap / 2)
        for point, label in zip(x, y, strict=True)
    ]
    return Solution(multipliers, -2 * dot(across, middle) / gap, [one - 1 for one in margins])


def nearest(x: Sequence[Vector], y: Vector) -> tuple[list[Fraction], Fraction]:
    """The shortest way between the classes' convex hulls: convex weights of its ends, length².

    Between polygons that do not meet, one end is a corner and the other lies on an edge.
    """
    best: tuple[list[Fraction], Fraction] | None = None
    for corner, start, end in product(range(len(x)), repeat=3):
        if y[start] != y[end] or y[corner] == y[start]:
            continue
        along = [b - a for a, b in zip(x[start], x[end], strict=True)]
        to_corner = [b - a for a, b in zip(x[start], x[corner], strict=True)]
        share = Fraction(0)
        if any(along):
            share = min(Fraction(1), max(Fraction(0), dot(to_corner, along) / dot(along, along)))
        rest = [c - share * a for c, a in zip(to_corner, along, strict=True)]
        length = dot(rest, rest)
        if best is None or length < best[1]:
            shares = [Fraction(0)] * len(x)
            shares[corner] = Fraction(1)
            shares[start] += 1 - share
            shares[end] += share
            best = shares, length
    if best is None or not best[1]:
        raise ValueError("the classes touch or one is empty: no margin")
    return best


def half_gap(x: Sequence[Vector], y: Vector) -> mpmath.mpf:
    """Half of the distance between the hulls."""
    with mpmath.workdps(DIGITS):
        return mpmath.sqrt(number(nearest(x, y)[1])) / 2


def weights_of(x: Sequence[Vector], y: Vector, multipliers: Vector) -> list[Fraction]:
    """Σ λᵢ yᵢ xᵢ."""
    factors = products(multipliers, y)
    return [dot(factors, axis) for axis in zip(*x, strict=True)]
