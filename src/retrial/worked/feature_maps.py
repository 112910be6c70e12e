"""Two maps that make three toy data sets linearly separable (report 000, section 4.2).

The maps are |x − α| and ‖x − v‖. The data sets are lost with their figures, so what is checked is
the condition under which each map separates data of the kind that the text describes: an inner
class within r of the centre of symmetry, an outer one farther than R from it. `rebuilt` works this
out on data made for the purpose, `random` on random radii, α and v. The margin is half the gap
between the mapped classes, negative where they overlap; it is proved by mapping points.
"""

import math
from typing import Any, Literal, NamedTuple

import numpy as np

from retrial.core.models import Count, FrozenModel
from retrial.worked.mapped_points import (
    Interval,
    Pair,
    Rings,
    across,
    along,
    bisected,
    edge,
    from_alpha,
    from_centre,
    margin,
    mirror,
    mirrored,
    mirrored_across,
    placed,
    reflected,
    ring,
    same_radius,
    together,
)
from retrial.worked.rationals import length
from retrial.worked.sheet import Line, Sheet, Slip, number, rational


class Given(FrozenModel):
    """The settings of the maps as printed, data rebuilt for them, and the size of random checks."""

    interval: Interval
    disk: Rings
    rings: Rings
    cases: Count


class Case(NamedTuple):
    """A random case: r, R, α and v of the first two maps; v and radii (a, m₁, m₂, b, α) of both.

    `x` is a point, for its mirror image.
    """

    r: float
    R: float
    alpha: float
    v: np.ndarray
    w: np.ndarray
    radii: tuple[float, float, float, float, float]
    x: np.ndarray


def sheet(
    given: Given, chance: np.random.Generator, reading: Literal["rebuilt", "random"]
) -> Sheet:
    """The margins of the rebuilt data sets, or those of random ones."""
    return _rebuilt(given) if reading == "rebuilt" else _random(given, chance)


def _rebuilt(given: Given) -> Sheet:
    line, disk, rings = given.interval, given.disk, given.rings
    inner, outer = np.array(line.inner), np.array(line.outer)
    assert rings.alpha is not None
    fold = rings.alpha
    disk_points, rings_points = placed(disk), placed(rings)

    def on_line(alpha: float) -> float:
        return margin(inner, outer, from_alpha(alpha))

    def about(v: Pair) -> float:
        return margin(*disk_points, from_centre(v))

    def folded(v: Pair, alpha: float = fold) -> float:
        return margin(*rings_points, lambda x: np.abs(from_centre(v)(x) - alpha))

    exact: dict[str, Any] = {
        "middle": rational(line.centre),
        "alpha": rational(line.alpha),
        "r": max(abs(rational(x) - rational(line.centre)) for x in line.inner),
        "R": min(abs(rational(x) - rational(line.centre)) for x in line.outer),
        "disk_r": rational(max(disk.inner)),
        "disk_R": rational(min(disk.outer)),
        "on_rings": same_radius(disk),
        "disk_v": [rational(x) for x in disk.centre],
        "rings_r": max(abs(rational(x) - rational(fold)) for x in rings.inner),
        "rings_R": min(abs(rational(x) - rational(fold)) for x in rings.outer),
        "rings_v": [rational(x) for x in rings.centre],
    }
    lines = {
        "interval_centred": Line(
            r"\tfrac{1}{2}(R - r)", lambda v: (v.R - v.r) / 2, on_line(line.centre)
        ),
        "interval": Line(
            r"\tfrac{1}{2}(R - r) - |\alpha - 4|",
            lambda v: (v.R - v.r) / 2 - abs(v.alpha - v.middle),
            on_line(line.alpha),
            (
                Slip(
                    "one_class_moves",
                    "Only the inner class is moved by α; the outer one comes as much closer.",
                    lambda v: (v.R - v.r - abs(v.alpha - v.middle)) / 2,
                ),
            ),
        ),
        "interval_cost": Line(
            r"|\alpha - 4|",
            lambda v: abs(v.alpha - v.middle),
            on_line(line.centre) - on_line(line.alpha),
        ),
        "interval_range": Line(
            r"4 \mp \tfrac{1}{2}(R - r)",
            lambda v: [v.middle - (v.R - v.r) / 2, v.middle + (v.R - v.r) / 2],
            [
                edge(on_line, line.centre, line.centre - float(exact["R"])),
                edge(on_line, line.centre, line.centre + float(exact["R"])),
            ],
        ),
        "interval_together": Line(
            r"|x - \alpha| = |x' - \alpha| \iff x = x'\ \text{or}\ x + x' = 2\alpha",
            lambda v: [mirrored(line, v.alpha), mirrored(line, v.middle)],
            [together(inner, outer, from_alpha(a)) for a in (line.alpha, line.centre)],
            (
                Slip(
                    "sum_is_alpha",
                    "Points are taken to meet where their sum is α, not twice α.",
                    lambda v: [mirrored(line, v.alpha / 2), mirrored(line, v.middle / 2)],
                ),
            ),
        ),
        "interval_across": Line(
            r"\#\{x + x' = 2\alpha,\ x\ \text{inner},\ x'\ \text{outer}\}",
            lambda v: [mirrored_across(line, v.alpha), mirrored_across(line, v.middle)],
            [across(inner, outer, from_alpha(a)) for a in (line.alpha, line.centre)],
        ),
        "disk_centred": Line(
            r"\tfrac{1}{2}(R - r)", lambda v: (v.disk_R - v.disk_r) / 2, about((0.0, 0.0))
        ),
        "disk": Line(
            r"\tfrac{1}{2}(R - r) - \|v\|",
            lambda v: number(v.disk_centred) - length(v.disk_v),
            about(disk.centre),
            (
                Slip(
                    "largest_coordinate",
                    "The largest coordinate of v stands in the place of its length.",
                    lambda v: v.disk_centred - max(v.disk_v),
                ),
            ),
        ),
        "disk_cost": Line(
            r"\|v\|", lambda v: length(v.disk_v), about((0.0, 0.0)) - about(disk.centre)
        ),
        "disk_reach": Line(
            r"\tfrac{1}{2}(R - r)",
            lambda v: v.disk_centred,
            edge(lambda s: about(along(disk.centre, s)), 0.0, float(exact["disk_R"])),
        ),
        "disk_together": Line(
            r"\#\{\|x - v\| = \|x' - v\|\}",
            lambda v: [reflected(disk), v.on_rings],
            [together(*disk_points, from_centre(v)) for v in (disk.centre, (0.0, 0.0))],
            (
                Slip(
                    "mirror_line_paired",
                    "The points on the line through the origin and v, which are their own mirror "
                    "images, are paired too.",
                    lambda v: [len(disk_points[0]) // 2 + len(disk_points[1]) // 2, v.on_rings],
                ),
            ),
        ),
        "disk_across": Line(
            r"\#\{\|x - v\| = \|x' - v\|,\ x\ \text{inner},\ x'\ \text{outer}\}",
            lambda v: [bisected(*disk_points, disk.centre), bisected(*disk_points, (0.0, 0.0))],
            [across(*disk_points, from_centre(v)) for v in (disk.centre, (0.0, 0.0))],
        ),
        "rings_centred": Line(
            r"\tfrac{1}{2}(R - r)", lambda v: (v.rings_R - v.rings_r) / 2, folded((0.0, 0.0))
        ),
        "rings": Line(
            r"\tfrac{1}{2}(R - r) - \|v\|",
            lambda v: number(v.rings_centred) - length(v.rings_v),
            folded(rings.centre),
        ),
        "rings_cost": Line(
            r"\|v\|", lambda v: length(v.rings_v), folded((0.0, 0.0)) - folded(rings.centre)
        ),
        "rings_reach": Line(
            r"\tfrac{1}{2}(R - r)",
            lambda v: v.rings_centred,
            edge(lambda s: folded(along(rings.centre, s)), 0.0, 1.0),
        ),
    }  # fmt: skip
    alphas = np.linspace(line.centre - 1, line.centre + 1, 81)
    steps = np.linspace(-1, 1, 41)
    shifts = np.linspace(0, 2 * math.hypot(*rings.centre), 41)
    folds = np.linspace(fold - 1, fold + 1, 41)
    arrays = {
        "interval_inner": inner, "interval_outer": outer, "alphas": alphas,
        "interval_margins": np.array([on_line(a) for a in alphas]),
        "disk_inner": disk_points[0], "disk_outer": disk_points[1], "steps": steps,
        "disk_margins": np.array([[about((x, y)) for x in steps] for y in steps]),
        "rings_inner": rings_points[0], "rings_outer": rings_points[1],
        "shifts": shifts, "folds": folds,
        "rings_margins": np.array(
            [[folded(along(rings.centre, s), a) for s in shifts] for a in folds]
        ),
    }  # fmt: skip
    return Sheet(exact, lines, arrays)


def _random(given: Given, chance: np.random.Generator) -> Sheet:
    """The three margins for random radii, α and v, as many `cases` of each as are given."""
    middle = given.interval.centre
    cases = [_case(chance, middle) for _ in range(given.cases)]
    exact = {"middle": middle, "cases": cases}
    lines = {
        "interval": Line(
            r"|x - \alpha|\ \text{separates} \iff |\alpha - 4| < \tfrac{1}{2}(R - r),\quad "
            r"\text{margin} = \tfrac{1}{2}(R - r) - |\alpha - 4|",
            lambda v: [(c.R - c.r) / 2 - abs(c.alpha - v.middle) for c in v.cases],
            [_interval_margin(c, middle) for c in cases],
            (
                Slip(
                    "one_class_moves",
                    "Only the inner class is moved by α; the outer one comes as much closer.",
                    lambda v: [
                        (c.R - c.r - abs(c.alpha - v.middle)) / 2 for c in v.cases
                    ],
                ),
            ),
        ),
        "disk": Line(
            r"\|x - v\|\ \text{separates} \iff \|v\| < \tfrac{1}{2}(R - r),\quad "
            r"\text{margin} = \tfrac{1}{2}(R - r) - \|v\|",
            lambda v: [(c.R - c.r) / 2 - math.hypot(*c.v) for c in v.cases],
            [_disk_margin(c) for c in cases],
            (
                Slip(
                    "largest_coordinate",
                    "The largest coordinate of v stands in the place of its length.",
                    lambda v: [(c.R - c.r) / 2 - np.abs(c.v).max() for c in v.cases],
                ),
            ),
        ),
        "rings": Line(
            r"\text{margin} = \tfrac{1}{2}\min\left\{2\alpha - a - m_2,\ m_1 - a,\ b - m_2,\ "
            r"b + m_1 - 2\alpha\right\} - \|v\|",
            lambda v: [rings_margin(c) - math.hypot(*c.w) for c in v.cases],
            [_rings_margin(c) for c in cases],
            (
                Slip(
                    "centre_forgotten",
                    "The first map is taken to give the radii themselves, as if v were the origin.",
                    lambda v: [rings_margin(c) for c in v.cases],
                ),
            ),
        ),
        "together": Line(
            r"\|x - v\| = \|x' - v\|\quad\text{for}\quad "
            r"x' = 2\,\frac{x^\top v}{v^\top v}\,v - x",
            lambda v: [math.hypot(*(mirror(c.x, c.v) - c.v)) for c in v.cases],
            [math.hypot(*(c.x - c.v)) for c in cases],
        ),
    }  # fmt: skip
    return Sheet(exact, lines)


def rings_margin(case: Case) -> float:
    """The margin of |x − α| on the radii themselves: a below, m₁ … m₂ between, b above."""
    a, m1, m2, b, fold = case.radii
    return float(min(2 * fold - a - m2, m1 - a, b - m2, b + m1 - 2 * fold)) / 2


def _case(chance: np.random.Generator, middle: float) -> Case:
    """Random radii, α and v: wide enough that some maps separate and some do not."""
    r, far = chance.uniform(0.2, 2), chance.uniform(0.2, 3)
    outer = r + far
    a, m1, m2, b = np.cumsum(chance.uniform(0.3, 2, 4))
    w = along(tuple(chance.normal(size=2)), chance.uniform(0, min(m1, (b - a) / 2)))
    reach = math.hypot(*w)
    return Case(
        r=r,
        R=outer,
        alpha=middle + chance.uniform(-outer, outer),
        v=np.array(along(tuple(chance.normal(size=2)), chance.uniform(0, outer))),
        w=np.array(w),
        radii=(a, m1, m2, b, chance.uniform(a + reach, b - reach)),
        x=chance.normal(size=2),
    )


def _interval_margin(case: Case, middle: float) -> float:
    inner = middle + case.r * np.linspace(-1, 1, 7)
    outer = case.R + np.linspace(0, 1, 4)
    return margin(inner, np.concatenate([middle - outer, middle + outer]), from_alpha(case.alpha))


def _disk_margin(case: Case) -> float:
    start = math.atan2(case.v[1], case.v[0])
    inner = np.concatenate([ring(s * case.r, 16, start) for s in (0, 0.5, 1)])
    outer = np.concatenate([ring(case.R + s, 16, start) for s in (0, 0.5, 1)])
    return margin(inner, outer, from_centre((case.v[0], case.v[1])))


def _rings_margin(case: Case) -> float:
    v, (a, m1, m2, b, fold) = case.w, case.radii
    start = math.atan2(v[1], v[0])
    inner = np.concatenate([ring(radius, 16, start) for radius in np.linspace(m1, m2, 3)])
    outer = np.concatenate([ring(radius, 16, start) for radius in (0, a / 2, a, b, b + 1)])
    return margin(inner, outer, lambda x: np.abs(from_centre((v[0], v[1]))(x) - fold))
