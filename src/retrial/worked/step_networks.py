"""A network that adds up the steps of a piecewise function (report 000, Q1 d).

The figure of the function is lost; the text keeps the thresholds. Layer 1 tests whether x is above
each of them, layer 2 emits by how much the function differs from its previous interval, as an
absolute value, which the output adds or subtracts as the function rises or falls. Checked for
random heights, hence for any. The text may also be read as speaking of slopes: the same with ReLU
units and the differences of slopes gives any continuous function of straight pieces.
"""

from bisect import bisect_left
from fractions import Fraction
from itertools import pairwise
from typing import Annotated

import numpy as np
from pydantic import Field

from retrial.core.models import Count, FrozenModel
from retrial.worked.sheet import Line, Sheet, Slip


class Given(FrozenModel):
    """Thresholds as rationals, and a grid: `per_unit` points to the unit, one unit beyond them.

    `highest` bounds the steps, which are drawn as whole numbers of quarters.
    """

    thresholds: Annotated[tuple[str, ...], Field(min_length=2)]
    per_unit: Count
    highest: Count


def sheet(given: Given, chance: np.random.Generator) -> Sheet:
    """Values of random functions on a grid with all thresholds on it, in rationals."""
    thresholds = [Fraction(one) for one in given.thresholds]
    low, high = int(min(thresholds)) - 1, int(max(thresholds)) + 1
    points = [
        Fraction(k, given.per_unit) for k in range(low * given.per_unit, high * given.per_unit + 1)
    ]
    heights = drawn_values(len(thresholds) + 1, given.highest, chance)
    slopes = drawn_values(len(thresholds) + 1, given.highest, chance)
    defined = [heights[bisect_left(thresholds, x)] for x in points]
    exact = {"x": points, "t": thresholds, "h": heights, "s": slopes}
    lines = {
        "tests": Line(
            r"u_i(x) = [\,x > t_i\,]",
            lambda v: [[step(x - t) for t in v.t] for x in v.x],
            # Below the k-th threshold and not on it: k of them are passed, the first ones.
            [[i < bisect_left(thresholds, x) for i in range(len(thresholds))] for x in points],
            (
                Slip(
                    "at_threshold",
                    "The units of layer 1 are active at their threshold already.",
                    lambda v: [[1 - step(t - x) for t in v.t] for x in v.x],
                ),
            ),
        ),
        "differences": Line(
            r"d_i = h_i - h_{i-1}",
            lambda v: [b - a for a, b in pairwise(v.h)],
            jumps(defined, points, thresholds),
            (
                Slip(
                    "height_itself",
                    "Layer 2 emits the height of the interval in place of its difference to the "
                    "previous one.",
                    lambda v: v.h[1:],
                ),
            ),
        ),
        "steps": Line(
            r"f(x) = h_0 + \sum_{i=1}^{3} \operatorname{sgn}(d_i)\,|d_i|\,u_i(x)",
            lambda v: summed(v.h[0], [sign(d) * abs(d) for d in v.differences], v.tests),
            defined,
            (
                Slip(
                    "no_sign",
                    "The absolute differences are added up whether the function rises or falls.",
                    lambda v: summed(v.h[0], [abs(d) for d in v.differences], v.tests),
                ),
            ),
        ),
        "ramps": Line(
            r"f(x) = h_0 + s_0 (x - t_1) + \sum_{i=1}^{3} (s_i - s_{i-1})\,\mathrm{ReLU}(x - t_i)",
            lambda v: [
                v.h[0] + v.s[0] * (x - v.t[0]) + sum(
                    (b - a) * max(Fraction(0), x - t)
                    for t, (a, b) in zip(v.t, pairwise(v.s), strict=True)
                )
                for x in v.x
            ],
            [walked(x, heights[0], thresholds, slopes) for x in points],
            (
                Slip(
                    "no_sign_of_slopes",
                    "The absolute differences of slopes are added up whether the slope grows or "
                    "falls.",
                    lambda v: [
                        v.h[0] + v.s[0] * (x - v.t[0]) + sum(
                            abs(b - a) * max(Fraction(0), x - t)
                            for t, (a, b) in zip(v.t, pairwise(v.s), strict=True)
                        )
                        for x in v.x
                    ],
                ),
            ),
        ),
        "grid_points": Line(
            r"\text{points of the grid}",
            lambda v: len(v.x),
            (high - low) * given.per_unit + 1,
        ),
    }  # fmt: skip
    arrays = {
        "thresholds": np.array([float(t) for t in thresholds]),
        "heights": np.array([float(h) for h in heights]),
        "differences": np.array([float(b - a) for a, b in pairwise(heights)]),
        "points": np.array([float(x) for x in points]),
        "values": np.array([float(y) for y in defined]),
    }
    return Sheet(exact, lines, arrays)


def drawn_values(count: int, highest: int, chance: np.random.Generator) -> list[Fraction]:
    """Random whole quarters that rise at least once and fall at least once, from above 0."""
    rises = [1, -1, *chance.choice([-1, 1], count - 3)]
    chance.shuffle(rises)
    found = [Fraction(int(chance.integers(1, highest + 1)), 4)]
    for rise in rises:
        found.append(found[-1] + Fraction(int(rise) * int(chance.integers(1, highest + 1)), 4))
    return found


def step(z: Fraction) -> int:
    """1 above 0, else 0: a threshold unit."""
    return int(z > 0)


def sign(d: Fraction) -> int:
    """−1, 0 or 1."""
    return (d > 0) - (d < 0)


def summed(first: Fraction, weights: list[Fraction], tests: list[list[int]]) -> list[Fraction]:
    """The output unit: its bias and the weighted tests, for each point."""
    return [first + sum(w * u for w, u in zip(weights, row, strict=True)) for row in tests]


def jumps(
    values: list[Fraction], points: list[Fraction], thresholds: list[Fraction]
) -> list[Fraction]:
    """By how much the function changes from each threshold to the next point of the grid."""
    places = [points.index(t) for t in thresholds]
    return [values[i + 1] - values[i] for i in places]


def walked(
    x: Fraction, value: Fraction, thresholds: list[Fraction], slopes: list[Fraction]
) -> Fraction:
    """The function of straight pieces at x: from its first threshold, piece by piece."""
    if x <= thresholds[0]:
        return value + slopes[0] * (x - thresholds[0])
    for start, end, slope in zip(thresholds, [*thresholds[1:], x], slopes[1:], strict=True):
        value += slope * (min(x, end) - start) if x > start else 0
    return value
