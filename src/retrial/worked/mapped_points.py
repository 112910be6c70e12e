"""Points on a line and on rings, two maps of them, and the margin that a map leaves.

Pairs of points that a map puts at one position are counted twice over: by comparing what the map
gives, and by the symmetry that makes them meet.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from typing import Annotated

import numpy as np
from pydantic import Field

from retrial.core.models import FrozenModel, Positive
from retrial.worked.sheet import rational

# Two mapped points count as one where they are closer than rounding could part them.
SAME = 1e-9

Map = Callable[[np.ndarray], np.ndarray]
Pair = tuple[float, float]


class Interval(FrozenModel):
    """The first data set: points on a line about `centre`, and α."""

    centre: float
    inner: tuple[float, ...]
    outer: tuple[float, ...]
    alpha: float


class Rings(FrozenModel):
    """A data set of rings about the origin, by their radii; v, and α of the second map (or none).

    `per_ring` points stand on each ring at equal angles; a multiple of 8 puts some of them in the
    direction of the printed v.
    """

    inner: tuple[Positive, ...]
    outer: tuple[Positive, ...]
    per_ring: Annotated[int, Field(ge=8, multiple_of=8)]
    centre: Pair
    alpha: float | None = None


def margin(inner: np.ndarray, outer: np.ndarray, mapped: Map) -> float:
    """Half the gap between two mapped classes, whichever comes first; negative if they overlap."""
    one, other = mapped(inner), mapped(outer)
    return float(max(other.min() - one.max(), one.min() - other.max())) / 2


def from_alpha(alpha: float) -> Map:
    """The map x → |x − α|."""
    return lambda x: np.abs(x - alpha)


def from_centre(v: Pair) -> Map:
    """The map x → ‖x − v‖ of (n, 2) points."""
    return lambda x: np.hypot(x[:, 0] - v[0], x[:, 1] - v[1])


def ring(radius: float, count: int, start: float = 0.0) -> np.ndarray:
    """(count, 2) points at equal angles from `start` on a ring about the origin."""
    angles = start + 2 * np.pi * np.arange(count) / count
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def placed(data: Rings, start: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """The points of both classes, (n, 2) each."""
    inner, outer = (
        np.concatenate([ring(radius, data.per_ring, start) for radius in radii])
        for radii in (data.inner, data.outer)
    )
    return inner, outer


def along(v: Pair, distance: float) -> Pair:
    """The point in the direction of `v` at a distance from the origin."""
    scale = distance / math.hypot(*v)
    return v[0] * scale, v[1] * scale


def edge(margin_at: Callable[[float], float], inside: float, outside: float) -> float:
    """Where a margin changes its sign between a place that separates and one that does not."""
    if margin_at(inside) <= 0 or margin_at(outside) > 0:
        raise ValueError(f"the margin does not change its sign from {inside} to {outside}")
    for _ in range(80):
        middle = (inside + outside) / 2
        if margin_at(middle) > 0:
            inside = middle
        else:
            outside = middle
    return inside


def together(inner: np.ndarray, outer: np.ndarray, mapped: Map) -> int:
    """How many pairs of points, of whatever class, a map puts at one position."""
    values = np.concatenate([mapped(inner), mapped(outer)])
    return int(np.triu(np.abs(values[:, None] - values) < SAME, 1).sum())


def across(inner: np.ndarray, outer: np.ndarray, mapped: Map) -> int:
    """How many pairs of points of two classes a map puts at one position."""
    return int((np.abs(mapped(inner)[:, None] - mapped(outer)) < SAME).sum())


def bisected(inner: np.ndarray, outer: np.ndarray, v: Pair) -> int:
    """How many pairs of points of two classes have v on their perpendicular bisector."""
    apart = inner[:, None] - outer
    from_middle = np.array(v) - (inner[:, None] + outer) / 2
    return int((np.abs((apart * from_middle).sum(2)) < SAME).sum())


def mirrored(data: Interval, alpha: Fraction) -> int:
    """How many pairs of points on the line mirror each other in α."""
    points = [rational(x) for x in (*data.inner, *data.outer)]
    return sum(one + other == 2 * alpha for one, other in combinations(points, 2))


def mirrored_across(data: Interval, alpha: Fraction) -> int:
    """How many of them are of two classes."""
    inner, outer = ([rational(x) for x in part] for part in (data.inner, data.outer))
    return sum(one + other == 2 * alpha for one in inner for other in outer)


def same_radius(data: Rings) -> int:
    """How many pairs of points of a data set of rings stand on one ring."""
    return (len(data.inner) + len(data.outer)) * math.comb(data.per_ring, 2)


def reflected(data: Rings) -> int:
    """How many pairs of points of a ring mirror each other in the diagonal that v stands on.

    The angles of such a pair sum to a right angle.
    """
    if data.centre[0] != data.centre[1]:
        raise ValueError(f"v = {data.centre}: expected a point of the diagonal")
    pairs = combinations(range(data.per_ring), 2)
    per_ring = sum((one + other - data.per_ring // 4) % data.per_ring == 0 for one, other in pairs)
    return (len(data.inner) + len(data.outer)) * per_ring


def mirror(x: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The mirror image of a point in the line through the origin and v."""
    image: np.ndarray = 2 * (x @ v) / (v @ v) * v - x
    return image
