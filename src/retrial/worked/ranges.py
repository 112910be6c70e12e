"""Ranges of functions: interval arithmetic, stationary points, and a search that needs neither.

A range is a pair (infimum, supremum), infinities included.
"""

import math
from collections.abc import Callable, Iterable
from fractions import Fraction

import numpy as np
import torch
from numpy.polynomial import Polynomial

from retrial.core.models import Count, FrozenModel, Positive

End = Fraction | float
Range = tuple[End, End]
Function = Callable[..., torch.Tensor]

ZERO, ONE = Fraction(0), Fraction(1)
ALL: Range = (-math.inf, math.inf)
# More grid points than this along one variable find nothing better.
MOST_ALONG = 101


class Search(FrozenModel):
    """How extremes are searched for.

    `reaches` are the half-widths of a box and of a larger one, `evaluations` the points of a grid
    in them, `zooms` how often the box is halved.
    """

    reaches: tuple[Positive, Positive]
    evaluations: Count
    zooms: Count


def minus(a: Range, b: Range) -> Range:
    """All differences of numbers of two ranges."""
    return a[0] - b[1], a[1] - b[0]


def plus(a: Range, b: Range) -> Range:
    """All sums of numbers of two ranges."""
    return a[0] + b[0], a[1] + b[1]


def products(*ranges: Range) -> Range:
    """All products; zero times infinity is zero, for a factor that is zero all along."""
    found: Range = (ONE, ONE)
    for one in ranges:
        ends: list[End] = [a * b if a and b else ZERO for a in found for b in one]
        found = min(ends), max(ends)
    return found


def squares(a: Range) -> Range:
    """All squares of numbers of a range."""
    return products(absolute(a), absolute(a))


def absolute(a: Range) -> Range:
    """All magnitudes of numbers of a range."""
    ends: list[End] = [max(end, -end) for end in a]
    return (ZERO if a[0] <= 0 <= a[1] else min(ends)), max(ends)


def hull(ranges: Iterable[Range]) -> Range:
    """The smallest range that holds all the others."""
    ends = [end for one in ranges for end in one]
    return min(ends), max(ends)


def polynomial_range(polynomial: Polynomial, domain: Range) -> Range:
    """The values of a polynomial between two finite ends: there and at its stationary points."""
    low, high = (float(end) for end in domain)
    turns = [root.real for root in np.atleast_1d(polynomial.deriv().roots()) if root.imag == 0]
    values = [float(polynomial(x)) for x in (low, high, *turns) if low <= x <= high]
    return min(values), max(values)


def searched(search: Search, function: Function, free: int, target: bool = False) -> Range:
    """The extremes of a function of `free` real variables and, with `target`, of a t in {0, 1}.

    An end that grows with the box is an infinity. The function takes and gives (n,) tensors.
    """
    boxes = [
        [sign * highest(search, function, reach, free, target, sign) for sign in (-1, 1)]
        for reach in search.reaches
    ]
    low, high = (
        math.copysign(math.inf, end) if abs(end) > 2 * abs(before) > 0 else end
        for before, end in zip(*boxes, strict=True)
    )
    return low, high


def highest(
    search: Search, function: Function, reach: float, free: int, target: bool, sign: int
) -> float:
    """The largest value of ± the function in a box, by zooming in on the best point of a grid.

    Grids are even in arsinh(x), so that they see all scales.
    """
    edge = math.asinh(reach)
    # An odd number holds the middle.
    count = min(int(search.evaluations ** (1 / free)), MOST_ALONG) // 2 * 2 + 1
    centre, half, best = np.zeros(free), edge, -math.inf
    for _ in range(search.zooms):
        axes = [np.clip(c + half * np.linspace(-1, 1, count), -edge, edge) for c in centre]
        places = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, free)
        for t in (0.0, 1.0) if target else (None,):
            variables = [torch.from_numpy(np.sinh(column)) for column in places.T]
            if t is not None:
                variables.append(torch.full((len(places),), t, dtype=torch.float64))
            values = sign * function(*variables)
            place = int(torch.argmax(values))
            if values[place] > best:
                best, centre = float(values[place]), places[place]
        half /= 2
    return best
