"""Networks of threshold units for any region and any function (report 000, Q1 e).

The figures are lost. Rebuilt from the text: a convex polygon takes one unit per side in layer 1 and
one that demands all of them in layer 2; a union of such shapes takes one unit more, and with it a
region need not be convex. A function of one variable is a sum of bumps of two units each, scaled to
the height that the function has there. Regions are checked on a grid by counting crossings in whole
numbers, for shapes that are given and for random ones. Functions are random polygonal lines on
(0, 1], whose largest distance to the bumps, and whose modulus of continuity, are known exactly.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.spatial import ConvexHull

from retrial.core.models import Count, FrozenModel
from retrial.worked.sheet import Line, Sheet, Slip
from retrial.worked.threshold_units import Layer, fires, grid

# Vertices in whole numbers, against the clock.
Polygon = tuple[tuple[int, int], ...]

# Where a bound is met exactly, float64 may stand this much above it.
ROUNDING = 1e-9


class Given(FrozenModel):
    """Shapes, and the sizes of random shapes and functions.

    `polygons` are convex, their vertices whole numbers against the clock, within ±reach, and so is
    the grid; the drawn map is `finer`. A random shape is the hull of `hull_of` points. A function
    has `pieces` straight pieces; it is built of 2, 4, … 2^`doublings` bumps and looked at in
    `per_piece` steps of each piece. Powers of two for `pieces` and `per_piece` put every edge of a
    bump on the grid.
    """

    polygons: Annotated[tuple[Polygon, ...], Field(min_length=2)]
    reach: Count
    finer: Count
    random_shapes: Count
    hull_of: Annotated[int, Field(ge=3)]
    pieces: Count
    per_piece: Count
    doublings: Annotated[int, Field(ge=2, le=16)]
    drawn_bumps: tuple[Count, ...]


def sheet(given: Given, chance: np.random.Generator) -> Sheet:
    """Regions and functions by networks, against their definitions."""
    points = grid(given.reach, 1)
    shapes = [random_polygon(given, chance) for _ in range(given.random_shapes)]
    knots = np.concatenate([[0.0], np.cumsum(chance.standard_normal(given.pieces))])
    bumps = [2**k for k in range(1, given.doublings + 1)]
    steps = given.pieces * given.per_piece
    x = looked_at(steps, bumps[-1])
    values = polygonal(knots, x)
    exact = {
        "drawn_shapes": union_network(given.polygons),
        "random_shapes": union_network(shapes),
        "points": points,
        "bumps": bumps,
        "knots": knots,
        "x": x,
        "f": values,
    }
    lines = {
        "union": Line(
            r"y(x) = \left[\,\sum_s \left[\,\sum_{i \in s} [\,w_i^\top x + b_i > 0\,] > n_s - "
            r"\tfrac{1}{2}\,\right] > \tfrac{1}{2}\,\right]",
            lambda v: fires(v.drawn_shapes, v.points)[:, 0],
            inside_any(points, given.polygons),
            (
                Slip(
                    "all_for_any",
                    "The last unit demands all shapes in place of any: it gives their "
                    "intersection.",
                    lambda v: fires([*v.drawn_shapes[:2], demanding_all(v.drawn_shapes[2])],
                                    v.points)[:, 0],
                ),
            ),
        ),
        "random_union": Line(
            r"y(x) = \left[\,x \in \bigcup_s P_s\,\right]",
            lambda v: fires(v.random_shapes, v.points)[:, 0],
            inside_any(points, shapes),
            (
                Slip(
                    "any_for_all",
                    "A shape's unit is content with one of its half-planes in place of all.",
                    lambda v: fires(
                        [v.random_shapes[0], content_with_any(v.random_shapes[1]),
                         v.random_shapes[2]],
                        v.points,
                    )[:, 0],
                ),
            ),
        ),
        "units": Line(
            r"\text{threshold units} = 2N",
            lambda v: [2 * n for n in v.bumps],
            [sum(len(biases) for _, biases in bump_layers(n)) for n in bumps],
        ),
        "modulus": Line(
            r"\omega(\delta) = \max_{|x - y| \le \delta} |f(x) - f(y)|, \quad "
            r"\delta = \tfrac{1}{N}",
            # The difference is linear between knots, so it is largest with one end on a knot.
            lambda v: [modulus_by_knots(v.knots, 1 / n) for n in v.bumps],
            [modulus_by_trial(knots, steps, steps // n) for n in bumps],
            (
                Slip(
                    "knots_only",
                    "Both ends are looked for on knots only.",
                    lambda v: [modulus_by_knots(v.knots, 1 / n, knots_only=True) for n in v.bumps],
                ),
            ),
        ),
        "errors": Line(
            r"\max_x |f(x) - \hat f(x)|, \quad \hat f(x) = \sum_{i=1}^{N} h_i \left([\,x > x_{i-1}"
            r"\,] - [\,x > x_i\,]\right)",
            lambda v: [np.abs(v.f - bump_sum(v.knots, v.x, n)).max() for n in v.bumps],
            [largest_half_range(knots, n) for n in bumps],
            (
                Slip(
                    "no_fall",
                    "The second unit of each bump is dropped: what rises does not fall again.",
                    lambda v: [np.abs(v.f - bump_sum(v.knots, v.x, n, fall=0)).max()
                               for n in v.bumps],
                ),
                Slip(
                    "unscaled",
                    "The bumps are added up without being scaled to the height of the function.",
                    lambda v: [np.abs(v.f - bump_sum(np.ones_like(v.knots), v.x, n)).max()
                               for n in v.bumps],
                ),
            ),
        ),
        "within": Line(
            r"\max_x |f(x) - \hat f(x)| \le \tfrac{1}{2}\,\omega\left(\tfrac{1}{N}\right)",
            lambda v: [e <= m / 2 * (1 + ROUNDING)
                       for e, m in zip(v.errors, v.modulus, strict=True)],
            [True] * len(bumps),
            (
                Slip(
                    "half_a_bump",
                    "The modulus is taken over half the width of a bump in place of the whole.",
                    lambda v: [e <= modulus_by_knots(v.knots, 0.5 / n) / 2 * (1 + ROUNDING)
                               for e, n in zip(v.errors, v.bumps, strict=True)],
                ),
            ),
        ),
        "falling": Line(
            r"\max_x |f - \hat f_{2N}| \le \max_x |f - \hat f_N|",
            lambda v: [b <= a * (1 + ROUNDING) for a, b in pairwise(v.errors)],
            [True] * (len(bumps) - 1),
        ),
        "grid_points": Line(
            r"\text{points of the grid}",
            lambda v: len(v.points),
            (2 * given.reach + 1) ** 2,
        ),
    }  # fmt: skip
    return Sheet(exact, lines, {**drawn_regions(given, shapes), **drawn_functions(given, knots, x)})


def random_polygon(given: Given, chance: np.random.Generator) -> Polygon:
    """The hull of random points with whole coordinates, about the middle of a random place."""
    while True:
        points = chance.integers(-given.reach, given.reach + 1, (given.hull_of, 2)) // 2
        points += chance.integers(-given.reach // 2, given.reach // 2 + 1, 2)
        if np.linalg.matrix_rank(points - points[0]) == 2:
            return tuple((int(x), int(y)) for x, y in points[ConvexHull(points).vertices])


def union_network(polygons: Sequence[Polygon]) -> list[Layer]:
    """A unit for each side of each convex polygon, one for each polygon, and one for any."""
    sides = [side for polygon in polygons for side in sides_of(polygon)]
    counts = [len(polygon) for polygon in polygons]
    weights = np.array([(ay - by, bx - ax) for (ax, ay), (bx, by) in sides], dtype=float)
    biases = np.array([ax * (by - ay) - ay * (bx - ax) for (ax, ay), (bx, by) in sides])
    owner = np.repeat(np.eye(len(polygons)), counts, axis=1)
    return [
        (weights, biases.astype(float)),
        (owner, 0.5 - np.array(counts)),
        (np.ones((1, len(polygons))), np.array([-0.5])),
    ]


def demanding_all(layer: Layer) -> Layer:
    """A layer whose units need all their inputs."""
    return layer[0], 0.5 - layer[0].sum(axis=1)


def content_with_any(layer: Layer) -> Layer:
    """A layer whose units need one of their inputs."""
    return layer[0], np.full(len(layer[0]), -0.5)


def sides_of(polygon: Polygon) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The sides of a polygon, the last one back to its first vertex."""
    return list(pairwise([*polygon, polygon[0]]))


def inside_any(points: np.ndarray, polygons: Sequence[Polygon]) -> list[bool]:
    """Whether each of (n, 2) whole points lies in the interior of a polygon."""
    whole = points.astype(int).tolist()
    return [any(is_inside(x, y, polygon) for polygon in polygons) for x, y in whole]


def is_inside(x: int, y: int, polygon: Polygon) -> bool:
    """Whether a point is in the interior: a ray to the right crosses an odd number of sides."""
    odd = False
    for (ax, ay), (bx, by) in sides_of(polygon):
        turn = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
        if turn == 0 and min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by):
            return False
        if (ay > y) != (by > y) and (turn > 0) == (by > ay):
            odd = not odd
    return odd


def looked_at(steps: int, most: int) -> np.ndarray:
    """Points of (0, 1]: a grid, and the first number above each edge of the narrowest bumps."""
    edges = np.arange(most) / most
    return np.union1d(np.arange(1, steps + 1) / steps, np.nextafter(edges, 2.0))


def polygonal(knots: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The polygonal line through evenly spaced knots on [0, 1]."""
    return np.interp(x, np.linspace(0, 1, len(knots)), knots)


def bump_layers(bumps: int) -> list[Layer]:
    """The hidden layer of N bumps: a unit for the left edge of each and one for the right."""
    edges = np.arange(bumps + 1) / bumps
    return [(np.ones((2 * bumps, 1)), -np.concatenate([edges[:-1], edges[1:]]))]


def bump_sum(knots: np.ndarray, x: np.ndarray, bumps: int, fall: float = 1.0) -> np.ndarray:
    """The output for points x: bumps as high as the middle of the function's range below them.

    `fall` is the size of the weight that takes a bump down again, as a part of its height.
    """
    low, high = ranges(knots, bumps)
    heights = (low + high) / 2
    return fires(bump_layers(bumps), x[:, None]) @ np.concatenate([heights, -fall * heights])


def ranges(knots: np.ndarray, bumps: int) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest value of the function below each bump: on its edges or a knot."""
    fine = max(bumps, len(knots) - 1)
    values = polygonal(knots, np.arange(fine + 1) / fine)
    below = np.lib.stride_tricks.sliding_window_view(values, fine // bumps + 1)[:: fine // bumps]
    return below.min(axis=1), below.max(axis=1)


def largest_half_range(knots: np.ndarray, bumps: int) -> float:
    """What a height in the middle of its range is off by, at most, over all bumps."""
    low, high = ranges(knots, bumps)
    return float((high - low).max() / 2)


def modulus_by_knots(knots: np.ndarray, delta: float, knots_only: bool = False) -> float:
    """The modulus of continuity of a polygonal line, with one end of every pair on a knot."""
    places = np.linspace(0, 1, len(knots))
    others = places if knots_only else np.concatenate([places, places - delta, places + delta])
    near = np.abs(others - places[:, None]) <= delta
    differences = np.abs(polygonal(knots, others) - knots[:, None])
    return float(np.max(differences, where=near & (others >= 0) & (others <= 1), initial=0))


def modulus_by_trial(knots: np.ndarray, steps: int, most: int) -> float:
    """The same over all pairs of a grid that are at most `most` of its steps apart."""
    values = polygonal(knots, np.arange(steps + 1) / steps)
    return max(float(np.abs(values[k:] - values[:-k]).max()) for k in range(1, most + 1))


def drawn_regions(given: Given, shapes: Sequence[Polygon]) -> dict[str, np.ndarray]:
    """What the figure of the regions draws: vertices, and maps on a finer grid."""
    points = grid(given.reach, given.finer)
    found = {
        "map": fires(union_network(given.polygons), points).astype(np.uint8)[:, 0],
        "random_map": fires(union_network(shapes), points).astype(np.uint8)[:, 0],
    }
    for name, polygons in (("shape", given.polygons), ("random_shape", shapes)):
        found |= {f"{name}_{i}": np.array(polygon) for i, polygon in enumerate(polygons)}
    return found


def drawn_functions(given: Given, knots: np.ndarray, x: np.ndarray) -> dict[str, np.ndarray]:
    """What the figures of the bumps draw: the function, and some sums of bumps."""
    sums = {f"bumps_{n}": bump_sum(knots, x, n) for n in given.drawn_bumps}
    return {"x": x, "f": polygonal(knots, x), **sums}
