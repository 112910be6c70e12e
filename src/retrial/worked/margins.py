"""Geometric and functional margins of a given linear classifier (report 002, A, Q3).

The samples are lost with the exercise's image. As the second weight is 0, only their first
coordinates matter. They are rebuilt from the printed functional margins, which are therefore not
tested; the second coordinates are drawn at random. All else follows and is tested: geometric
margins, minima, support vectors, and the prediction for a further point.

The geometric margin is proved as the way to the foot of the perpendicular on the line, the
functional one by its definition.
"""

from fractions import Fraction

import mpmath
import numpy as np
import torch

from retrial.core.models import FrozenModel, Positive
from retrial.worked.rationals import Vector, dot, length
from retrial.worked.sheet import Line, Sheet, Slip, number, rational


class Given(FrozenModel):
    """The classifier, the samples' first coordinates and labels, and the point to classify.

    `reach` bounds the second coordinates, which are drawn.
    """

    w: tuple[float, float]
    b: float
    x: tuple[float, ...]
    y: tuple[int, ...]
    reach: Positive
    query: tuple[float, float]


def sheet(given: Given, chance: np.random.Generator) -> Sheet:
    """Scores, both margins, their minima, the support vectors and the prediction."""
    drawn = chance.uniform(-given.reach, given.reach, len(given.x)).round(3)
    points = np.column_stack([given.x, drawn])
    labels = np.asarray(given.y, float)
    w = np.asarray(given.w)
    query = np.asarray([given.query])
    feet = signed_distances(w, given.b, points) * labels
    by_definition = labels * scores_by_torch(given, points)
    exact = {
        "w": [rational(one) for one in given.w],
        "b": rational(given.b),
        "x": [[rational(one) for one in point] for point in points.tolist()],
        "y": [Fraction(label) for label in given.y],
        "query": [rational(one) for one in given.query],
    }
    lines = {
        "norm": Line(r"\lVert w \rVert", lambda v: length(v.w), np.linalg.norm(w), tolerance=1e-12),
        "scores": Line(
            r"w \cdot x_i + b",
            lambda v: [score(v.w, v.b, point) for point in v.x],
            scores_by_torch(given, points),
            (
                Slip(
                    "bias_left_out",
                    "The bias is left out of the scores.",
                    lambda v: [score(v.w, Fraction(0), point) for point in v.x],
                ),
                Slip(
                    "weights_exchanged",
                    "The two weights stand in exchanged order.",
                    lambda v: [score(v.w[::-1], v.b, point) for point in v.x],
                ),
            ),
        ),
        "geometric": Line(
            r"\gamma_i = \frac{y_i (w \cdot x_i + b)}{\lVert w \rVert}",
            lambda v: [one / v.norm for one in by_label(v.scores, v.y)],
            feet,
            (
                Slip(
                    "not_divided_by_the_norm",
                    "The score is not divided by the norm of w.",
                    lambda v: by_label(v.scores, v.y),
                ),
            ),
        ),
        "functional": Line(
            r"\hat\gamma_i = \lVert w \rVert\,\gamma_i = y_i (w \cdot x_i + b)",
            lambda v: [v.norm * one for one in v.geometric],
            by_definition,
            (
                Slip(
                    "norm_over_norm",
                    "The factor in front is ‖w‖/‖w‖ = 1 in place of ‖w‖: the line gives the "
                    "geometric margin once more.",
                    lambda v: [v.norm / v.norm * one for one in v.geometric],
                ),
            ),
        ),
        "least_geometric": Line(
            r"\min_i \gamma_i",
            lambda v: min(v.geometric),
            np.sort(feet)[0],
            (
                Slip(
                    "largest_geometric",
                    "The largest margin is taken in place of the smallest.",
                    lambda v: max(v.geometric),
                ),
                Slip(
                    "functional_for_geometric",
                    "The functional margins are taken in place of the geometric ones.",
                    lambda v: min(v.functional),
                ),
            ),
        ),
        "least_functional": Line(
            r"\min_i \hat\gamma_i",
            lambda v: min(v.functional),
            np.sort(by_definition)[0],
            (
                Slip(
                    "largest_functional",
                    "The largest margin is taken in place of the smallest.",
                    lambda v: max(v.functional),
                ),
                Slip(
                    "geometric_for_functional",
                    "The geometric margins are taken in place of the functional ones.",
                    lambda v: min(v.geometric),
                ),
            ),
        ),
        "supports": Line(
            r"\{i : \gamma_i = \min_j \gamma_j\}",
            lambda v: [i for i, one in enumerate(v.geometric, 1) if one == v.least_geometric],
            1 + np.flatnonzero(np.isclose(feet, feet.min(), rtol=1e-9)),
            (
                Slip(
                    "first_of_the_nearest",
                    "Of the samples that share the smallest margin only the first is named.",
                    lambda v: [1 + v.geometric.index(v.least_geometric)],
                ),
                Slip(
                    "counted_from_zero",
                    "The samples are counted from 0 in place of 1.",
                    lambda v: [i for i, one in enumerate(v.geometric) if one == v.least_geometric],
                ),
            ),
        ),
        "query_score": Line(
            r"w \cdot x + b",
            lambda v: score(v.w, v.b, v.query),
            scores_by_torch(given, query)[0],
            (
                Slip(
                    "bias_left_out_of_query",
                    "The bias is left out of the score.",
                    lambda v: score(v.w, Fraction(0), v.query),
                ),
                Slip(
                    "coordinates_exchanged",
                    "The two coordinates of the point stand in exchanged order.",
                    lambda v: score(v.w, v.b, v.query[::-1]),
                ),
            ),
        ),
        "query_class": Line(
            r"\operatorname{sign}(w \cdot x + b)",
            lambda v: np.sign(float(v.query_score)),
            np.sign(signed_distances(w, given.b, query))[0],
        ),
        "wrong_side": Line(
            r"\gamma \text{ of the same point, were it of the other class}",
            lambda v: -v.query_class * number(v.query_score) / v.norm,
            -abs(signed_distances(w, given.b, query)[0]),
            (
                Slip(
                    "absolute_value",
                    "With |w·x + b| in place of y (w·x + b) a sample on the wrong side has a "
                    "positive margin too.",
                    lambda v: abs(number(v.query_score)) / v.norm,
                ),
            ),
        ),
    }
    return Sheet(exact, lines, {"w": w, "b": np.asarray([given.b]), "x": points, "y": labels})


def score(w: Vector, b: Fraction, point: Vector) -> Fraction:
    """w·x + b."""
    return dot(w, point) + b


def by_label(scores: Vector, y: Vector) -> list[mpmath.mpf]:
    """Scores times labels: positive where the classifier is right."""
    return [number(label * one) for one, label in zip(scores, y, strict=True)]


def scores_by_torch(given: Given, points: np.ndarray) -> np.ndarray:
    """w·x + b of (n, 2) points by torch's linear layer."""
    w, b, x = (torch.tensor(one, dtype=torch.float64) for one in ([given.w], [given.b], points))
    found: np.ndarray = torch.nn.functional.linear(x, w, b)[:, 0].numpy()
    return found


def signed_distances(w: np.ndarray, b: float, points: np.ndarray) -> np.ndarray:
    """From the line w·z + b = 0 to (n, 2) points: the way to the foot of the perpendicular.

    Positive on the side to which w points.
    """
    # The foot z is the nearest point of the line: z + t w = x and w·z = −b.
    system = np.block([[np.eye(2), w[:, None]], [w, np.zeros(1)]])
    found = np.linalg.solve(system, np.column_stack([points, np.full(len(points), -b)]).T).T
    return np.linalg.norm(points - found[:, :2], axis=1) * np.sign(found[:, 2])
