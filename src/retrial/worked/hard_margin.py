"""A hard-margin support vector machine of four points by its dual (report 000, 4.1).

The dual is solved by sequential quadratic programming (SciPy), its solution written in rationals
and put into the Karush–Kuhn–Tucker conditions exactly; scikit-learn's machine with a large C stands
beside it. The proof is geometry: the line of largest margin halves the shortest way between the
convex hulls of the classes, which is found by trying all corners and edges in rationals.
"""

from collections.abc import Sequence
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import torch

from retrial.core.models import FrozenModel, Positive
from retrial.worked.differentiate import differentiated
from retrial.worked.hard_margin_dual import (
    augmented,
    bordered_system,
    conditions,
    exact_ranks,
    gram,
    no_freedom,
    ones,
    solved_dual,
    spread,
)
from retrial.worked.hulls import Solution, by_hulls, half_gap, weights_of
from retrial.worked.rationals import Vector, dot, length
from retrial.worked.sheet import Line, Sheet, Slip, rational


class Given(FrozenModel):
    """Points of the plane with their labels, ±1, and the C that stands for a hard margin."""

    x: tuple[tuple[float, float], ...]
    y: tuple[int, ...]
    penalty: Positive


def sheet(given: Given, chance: np.random.Generator) -> Sheet:
    """From the dual's matrix to w, b and the margin, in rationals."""
    x = [[rational(entry) for entry in point] for point in given.x]
    y = [Fraction(label) for label in given.y]
    proof = by_hulls(x, y)
    w, b, excess = weights_of(x, y, proof.multipliers), proof.bias, proof.bounds
    exact = {"x": x, "y": y}
    machine = fitted_machine(given)
    bordered = bordered_system(gram(x, y), y)
    lines = {
        "gram": Line(
            r"G_{ij} = y_i y_j\, x_i \cdot x_j:\quad G",
            lambda v: [entry for row in gram(v.x, v.y) for entry in row],
            minus_hessian(given).ravel(),
            (
                Slip(
                    "gram_without_labels",
                    "The labels are left out of the coefficients.",
                    lambda v: [entry for row in gram(v.x, ones(v.y)) for entry in row],
                ),
                Slip(
                    "gram_with_one_label",
                    "Each coefficient has the label of one of its points in place of both.",
                    lambda v: [
                        label * dot(p, q) for p, label in zip(v.x, v.y, strict=True) for q in v.x
                    ],
                ),
            ),
        ),
        "ranks": Line(
            r"\operatorname{rank} G,\ \operatorname{rank}\,(G \mid 1)",
            lambda v: exact_ranks(gram(v.x, v.y), ones(v.y)),
            [
                np.linalg.matrix_rank(np.asarray(one, float))
                for one in augmented(gram(x, y), ones(y))
            ],
        ),
        "ranks_with_b": Line(
            r"\operatorname{rank} K,\ \operatorname{rank}\,(K \mid r),\quad "
            r"K = \begin{bmatrix} G & y \\ y^\top & 0 \end{bmatrix},\ "
            r"r = \begin{bmatrix} 1 \\ 0 \end{bmatrix}",
            lambda v: exact_ranks(*bordered_system(gram(v.x, v.y), v.y)),
            [np.linalg.matrix_rank(np.asarray(one, float)) for one in augmented(*bordered)],
        ),
        "multipliers": Line(
            r"\lambda_i",
            lambda v: solved_dual(v.x, v.y).multipliers,
            proof.multipliers,
            (
                Slip(
                    "equality_left_out",
                    "The constraint Σyᵢλᵢ = 0 is left out, as if the line had to pass through the "
                    "origin.",
                    lambda v: solved_dual(v.x, v.y, equality=False).multipliers,
                ),
                Slip(
                    "half_left_out",
                    "The ½ before the quadratic term of the dual is left out, which halves all λ.",
                    lambda v: [one / 2 for one in solved_dual(v.x, v.y).multipliers],
                ),
            ),
        ),
        "bounds": Line(r"\mu_i", lambda v: solved_dual(v.x, v.y).bounds, excess),
        "equality": Line(
            r"b \text{ as the multiplier of } y^\top\lambda = 0",
            lambda v: solved_dual(v.x, v.y).bias,
            b,
        ),
        "kkt": Line(
            r"\left[\,G\lambda + b y - \mu - 1,\ y^\top\lambda,\ \lambda^\top\mu,\ "
            r"\min(0, \lambda, \mu)\,\right]",
            lambda v: conditions(
                gram(v.x, v.y), v.y, Solution(v.multipliers, v.equality, v.bounds)
            ),
            [0] * (len(y) + 3),
        ),
        "spread": Line(
            r"\max \lambda_i - \min \lambda_i \text{ over all solutions of the dual}",
            lambda v: spread(v.x, v.y, v.multipliers),
            no_freedom(x, y, excess),
        ),
        "supports": Line(
            r"\{i : \lambda_i > 0\}",
            lambda v: [i for i, one in enumerate(v.multipliers, 1) if one > 0],
            [i for i, one in enumerate(proof.multipliers, 1) if one > 0],
        ),
        "weights": Line(
            r"w = \sum_i \lambda_i y_i x_i",
            lambda v: weights_of(v.x, v.y, v.multipliers),
            w,
            (
                Slip(
                    "labels_left_out",
                    "The sum lacks the labels yᵢ. As it stands it gives another vector than the "
                    "one that is printed behind it, which is right.",
                    lambda v: weights_of(v.x, ones(v.y), v.multipliers),
                ),
            ),
        ),
        "bias": Line(
            r"b = y_s - w \cdot x_s",
            lambda v: bias_of(v.x, v.y, v.weights, v.multipliers),
            b,
            (
                Slip(
                    "other_class",
                    "The label of the support vector has the sign of the other class.",
                    lambda v: bias_of(v.x, [-one for one in v.y], v.weights, v.multipliers),
                ),
                Slip(
                    "no_support_vector",
                    "The bias is taken from the last point, which lies beyond the margin.",
                    lambda v: v.y[-1] - dot(v.weights, v.x[-1]),
                ),
            ),
        ),
        "table": Line(
            "w",
            lambda v: list(v.weights),
            w,
            (
                Slip(
                    "sign_in_the_table",
                    "The second entry has the other sign. It was lost after the calculation: the "
                    "bias of the same table belongs to the right sign, and with the printed "
                    "weights both points of class −1 lie on the wrong side.",
                    lambda v: turned(v.weights),
                ),
            ),
        ),
        "margins": Line(
            r"y_i (w \cdot x_i + b)",
            lambda v: functional_margins(v.x, v.y, v.table, v.bias),
            [one + 1 for one in excess],
        ),
        "margin": Line(
            r"\tfrac{1}{\lVert w \rVert}",
            lambda v: 1 / length(v.weights),
            half_gap(x, y),
        ),
        "machine": Line(
            r"[w_1, w_2, b] \text{ by scikit-learn}",
            lambda v: machine,
            [*w, b],
            # The machine stops at a tolerance of its own.
            tolerance=1e-6,
        ),
    }
    for i in range(len(x)):
        lines[f"row{i + 1}"] = stationarity(given, i, proof)
    arrays = {
        "x": np.asarray(given.x, float),
        "y": np.asarray(given.y, float),
        "multipliers": np.asarray(proof.multipliers, float),
        "line": np.asarray([*w, b], float),
        "table_line": np.asarray([*turned(w), b], float),
    }
    return Sheet(exact, lines, arrays)


def stationarity(given: Given, i: int, proof: Solution) -> Line:
    """Row i of the dual's stationarity, its left side at the solution; proved by autograd."""
    x = [[rational(entry) for entry in point] for point in given.x]
    row = gram(x, [Fraction(label) for label in given.y])[i]
    left = " ".join(
        f"{'+' if entry >= 0 else ''}{entry}\\lambda_{j}" for j, entry in enumerate(row, 1)
    ).removeprefix("+")
    sign = "+" if given.y[i] > 0 else "-"
    tex, beyond = f"{left} {sign} b", proof.bounds[i] > 0
    if beyond:
        tex += rf" - \mu_{i + 1}"

    def work(v: SimpleNamespace) -> Fraction:
        return dot(gram(v.x, v.y)[i], v.multipliers) + v.y[i] * v.bias - v.bounds[i]

    def printed(v: SimpleNamespace) -> Fraction:
        return dot(gram(v.x, v.y)[i], v.multipliers)

    label = "y" + "₀₁₂₃₄₅₆₇₈₉"[i + 1]
    one = Slip(
        f"row{i + 1}_without_b",
        f"The coefficients are right, but the row lacks {label}b, b being the multiplier of the "
        "equality constraint Σyᵢλᵢ = 0. The right λ does not solve the row as printed, and no λ "
        "solves the four printed rows together.",
        printed,
    )
    two = Slip(
        f"row{i + 1}_without_multipliers",
        f"The coefficients are right, but the row lacks {label}b, b being the multiplier of the "
        "equality constraint, and that of λ ≥ 0 too, as its point lies beyond the margin: with b "
        "alone it would still not hold. No λ solves the four printed rows together.",
        printed,
        single=False,
    )
    return Line(rf"{tex} = 1", work, 1 - gradient(given, proof)[i], (two if beyond else one,))


def turned(w: Vector) -> list[Fraction]:
    """The weights with the sign of the last one turned."""
    return [*w[:-1], -w[-1]]


def bias_of(x: Sequence[Vector], y: Vector, w: Vector, multipliers: Vector) -> Fraction:
    """The bias, y − w·x of the first support vector."""
    s = next(i for i, one in enumerate(multipliers) if one > 0)
    return y[s] - dot(w, x[s])


def functional_margins(x: Sequence[Vector], y: Vector, w: Vector, b: Fraction) -> list[Fraction]:
    """yᵢ(w·xᵢ + b)."""
    return [label * (dot(w, point) + b) for point, label in zip(x, y, strict=True)]


def minus_hessian(given: Given) -> np.ndarray:
    """The second derivative of the dual function with its sign turned, by torch."""
    anywhere = torch.ones(len(given.y), dtype=torch.float64)
    found = torch.autograd.functional.hessian(lambda a: dual_function(given, a), anywhere)
    return -found.numpy()


def gradient(given: Given, at: Solution) -> np.ndarray:
    """The derivative of the dual's Lagrangian by λ, by torch."""
    y = torch.tensor(given.y, dtype=torch.float64)
    bounds = torch.tensor([float(one) for one in at.bounds], dtype=torch.float64)

    def lagrangian(a: torch.Tensor) -> torch.Tensor:
        return dual_function(given, a) - float(at.bias) * (a @ y) + a @ bounds

    return differentiated(lagrangian, np.asarray(at.multipliers, float))


def dual_function(given: Given, a: torch.Tensor) -> torch.Tensor:
    """Σλ − ½ |Σ λᵢyᵢxᵢ|² at λ = a."""
    x, y = (torch.tensor(one, dtype=torch.float64) for one in (given.x, given.y))
    return a.sum() - ((a * y) @ x).square().sum() / 2


def fitted_machine(given: Given) -> list[float]:
    """w₁, w₂ and b of scikit-learn's linear machine with a C that allows no slack."""
    # Every worker imports this module: the library takes longer to load than any sheet to work out.
    from sklearn.svm import SVC

    machine = SVC(kernel="linear", C=given.penalty, tol=1e-10).fit(given.x, given.y)
    return [*machine.coef_[0], machine.intercept_[0]]
