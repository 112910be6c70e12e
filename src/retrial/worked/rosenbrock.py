"""Gradient descent and Newton's method on Rosenbrock's function (report 001, practical part, 1).

Two sheets. `formulas`: the printed value, gradient and Hessian at random points, proved by a
library's value and by automatic differentiation. `descents`: both methods from the stated start
with the stated step and stopping rules. The path of gradient descent is proved by a second descent
whose gradients come from complex steps of the value alone, Newton's path by automatic
differentiation, and the minimum by least squares on the two residuals.

What the report calls steps is the length of a history, into which its code puts the start, the
point after every update, and the last point once more.
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import least_squares, rosen

from retrial.core.models import Count, FrozenModel, Positive
from retrial.worked.sheet import Line, Sheet, Slip

Point = tuple[float, float]
# Far below rounding: a complex step has no difference in which digits could cancel.
COMPLEX_STEP = 1e-30
# Of the points of gradient descent every so many-th is compared, and so many are drawn.
COMPARED, DRAWN = 20, 400
# A step halved more often than this is nothing.
HALVINGS = 60


class Given(FrozenModel):
    """What the exercise and the printed code state.

    `tolerance` stops gradient descent when f improves by less, and Newton's method when the norm
    of the gradient is less. `near` is how far "close to 1" may be, `shown` how many of Newton's
    steps are compared with those of a line search, `points` how many random points each draw has.
    """

    start: tuple[float, float]
    step_length: Positive
    tolerance: Positive
    most_steps: Count
    newton_step_length: Positive
    near: Positive
    shown: Count
    points: Count


def formulas(given: Given, chance: np.random.Generator) -> Sheet:
    """Value, gradient and Hessian as printed, on (points, 2) normal numbers."""
    points = chance.normal(scale=2.0, size=(given.points, 2))
    tensors = [torch.tensor(point, dtype=torch.float64) for point in points]
    autograd = torch.autograd.functional
    lines = {
        "value": Line(
            r"f(x) = 100 (x_1 - x_0^2)^2 + (x_0 - 1)^2",
            lambda v: [value(*x) for x in v.points],
            values_along(points),
            (
                Slip(
                    "square_forgotten",
                    "The inner square of the first coordinate is left out.",
                    lambda v: [100 * (b - a) ** 2 + (a - 1) ** 2 for a, b in v.points],
                ),
            ),
        ),
        "gradient": Line(
            r"\nabla f(x) = \begin{bmatrix} -400 x_0 (x_1 - x_0^2) + 2 (x_0 - 1) \\"
            r" 200 (x_1 - x_0^2) \end{bmatrix}",
            lambda v: [gradient(*x) for x in v.points],
            np.array([autograd.jacobian(residual_form, x).numpy() for x in tensors]),
            (
                Slip(
                    "inner_sign",
                    "The inner derivative −2x₀ of the first square has lost its minus.",
                    lambda v: [
                        (400 * a * (b - a**2) + 2 * (a - 1), 200 * (b - a**2)) for a, b in v.points
                    ],
                ),
            ),
        ),
        "hessian": Line(
            r"\nabla^2 f(x) = \begin{bmatrix} 1200 x_0^2 - 400 x_1 + 2 & -400 x_0 \\"
            r" -400 x_0 & 200 \end{bmatrix}",
            lambda v: [hessian(*x) for x in v.points],
            np.array([autograd.hessian(residual_form, x).numpy() for x in tensors]),
            (
                Slip(
                    "product_rule",
                    "Of the product x₀(x₁ − x₀²) only the second factor is differentiated.",
                    lambda v: [
                        ((800 * a**2 + 2, -400 * a), (-400 * a, 200.0)) for a, _ in v.points
                    ],
                ),
            ),
        ),
    }
    return Sheet({"points": points.tolist()}, lines)


def descents(given: Given, chance: np.random.Generator) -> Sheet:
    """Both methods from the stated start: paths, numbers of updates, last points."""
    path, newton_path = descended(given, gradient), newton(given, 0)
    proof = np.array(descended(given, gradient_by_complex_steps))
    newton_proof = np.array(newton_by_differentiation(given))
    minimum = least_squares(residuals, given.start, xtol=1e-15, ftol=1e-15, gtol=1e-15).x
    lines = {
        "path": Line(
            r"x^{(k+1)} = x^{(k)} - \alpha \nabla f(x^{(k)})",
            lambda v: path[::COMPARED],
            proof[::COMPARED],
        ),
        "steps": Line(
            r"\min \{ k : |f(x^{(k)}) - f(x^{(k-1)})| < \varepsilon \}",
            lambda v: len(path) - 1,
            1 + int(np.argmax(np.abs(np.diff(values_along(proof))) < given.tolerance)),
            (
                Slip(
                    "entries_counted",
                    "The entries of the history are counted as steps: it holds the start as well, "
                    "and the last point twice.",
                    lambda v: len([*path, path[-1]]),
                ),
                Slip(
                    "last_step_uncounted",
                    "The loop is left before its counter has seen the last step.",
                    lambda v: len(path) - 2,
                ),
            ),
        ),
        "optimum": Line(
            r"x^{(\mathrm{last})}",
            lambda v: path[-1],
            proof[-1],
            (
                Slip(
                    "coordinates_exchanged",
                    "The two coordinates stand in exchanged order, as a line of Persian, which "
                    "runs from right to left, sets two numbers that were typed from left to right.",
                    lambda v: path[-1][::-1],
                ),
            ),
        ),
        "near": Line(
            r"\max_i |x^{(\mathrm{last})}_i - x^{\ast}_i|"
            rf" \le {given.near:g}, \quad x^{{\ast}} = \operatorname{{argmin}} f",
            lambda v: v.optimum,
            minimum,
            (
                Slip(
                    "first_for_last",
                    "The first point of the path is taken in place of the last.",
                    lambda v: path[0],
                ),
            ),
            given.near,
        ),
        "newton_path": Line(
            r"x^{(k+1)} = x^{(k)} - \nabla^2 f(x^{(k)})^{-1} \nabla f(x^{(k)})",
            lambda v: newton_path,
            newton_proof,
        ),
        "newton_steps": Line(
            r"\min \{ k : \| \nabla f(x^{(k)}) \| < \varepsilon \}",
            lambda v: len(newton_path) - 1,
            len(newton_proof) - 1,
            (
                Slip(
                    "newton_entries_counted",
                    "The entries of the history are counted, with the start among them.",
                    lambda v: len(newton_path),
                ),
            ),
        ),
        "newton_optimum": Line(
            r"x^{(\mathrm{last})}",
            lambda v: newton_path[-1],
            minimum,
            (
                Slip(
                    "one_step_short",
                    "The point before the last step is taken.",
                    lambda v: newton_path[-2],
                ),
            ),
        ),
        "newton_values": Line(
            r"x^{(k+1)} = x^{(k)} - t_k \nabla^2 f(x^{(k)})^{-1} \nabla f(x^{(k)}),"
            r" \quad t_k = 1 \text{ for all } k",
            lambda v: [value(*x) for x in newton_path[: given.shown + 1]],
            values_along(newton_proof)[: given.shown + 1],
            (
                # The printed docstring promises a method that the code under it is not: no slip
                # of a line, so nothing is explained by it.
                Slip(
                    "line_search",
                    "The code takes every step whole, uphill as well, and never reads its step "
                    "length: a line search would halve a step until f falls.",
                    lambda v: [value(*x) for x in newton(given, HALVINGS)[: given.shown + 1]],
                    single=False,
                ),
            ),
        ),
    }
    kept = np.unique(np.geomspace(1, len(proof), DRAWN).astype(int)) - 1
    arrays = {
        "descent_steps": kept.astype(np.float64),
        "descent_path": proof[kept],
        "descent_values": values_along(proof[kept]),
        "newton_path": newton_proof,
        "newton_values": values_along(newton_proof),
    }
    return Sheet({}, lines, arrays)


def value(x0: float, x1: float) -> float:
    """Rosenbrock's function."""
    return 100 * (x1 - x0**2) ** 2 + (x0 - 1) ** 2


def gradient(x0: float, x1: float) -> Point:
    """Its gradient as the report's code has it."""
    return -400 * x0 * (x1 - x0**2) + 2 * (x0 - 1), 200 * (x1 - x0**2)


def hessian(x0: float, x1: float) -> tuple[Point, Point]:
    """Its Hessian as the report's code has it."""
    return (1200 * x0**2 - 400 * x1 + 2, -400 * x0), (-400 * x0, 200.0)


def descended(given: Given, slope: Callable[[float, float], Point]) -> list[Point]:
    """The start and the point after each update, until f improves by less than the tolerance."""
    x0, x1 = given.start
    path = [(x0, x1)]
    before = value(x0, x1)
    while len(path) <= given.most_steps:
        g0, g1 = slope(x0, x1)
        x0, x1 = x0 - given.step_length * g0, x1 - given.step_length * g1
        path.append((x0, x1))
        now = value(x0, x1)
        if abs(before - now) < given.tolerance:
            break
        before = now
    return path


def newton(given: Given, halvings: int) -> list[Point]:
    """The start and the point after each step, until the gradient's norm is below the tolerance.

    With `halvings`, a line search: each step is halved, at most as often, until f falls.
    """
    x0, x1 = given.start
    path = [(x0, x1)]
    while len(path) <= given.most_steps:
        g0, g1 = gradient(x0, x1)
        if (g0**2 + g1**2) ** 0.5 < given.tolerance:
            break
        (a, b), (_, d) = hessian(x0, x1)
        # Cramer's rule.
        s0, s1 = (d * g0 - b * g1) / (a * d - b * b), (a * g1 - b * g0) / (a * d - b * b)
        length = given.newton_step_length if halvings else 1.0
        for _ in range(halvings):
            if value(x0 - length * s0, x1 - length * s1) < value(x0, x1):
                break
            length /= 2
        x0, x1 = x0 - length * s0, x1 - length * s1
        path.append((x0, x1))
    return path


def gradient_by_complex_steps(x0: float, x1: float) -> Point:
    """Im f(x + ih·eₖ)/h: the gradient from the residuals alone, exact to rounding."""
    h = COMPLEX_STEP
    a, b = complex(x0, h), complex(x1, h)
    return (
        ((10 * (x1 - a * a)) ** 2 + (1 - a) ** 2).imag / h,
        ((10 * (b - x0 * x0)) ** 2 + (1 - x0) ** 2).imag / h,
    )


def newton_by_differentiation(given: Given) -> list[list[float]]:
    """Newton's path with derivatives by torch and a linear solve in each step."""
    x = torch.tensor(given.start, dtype=torch.float64)
    path = [x.tolist()]
    while len(path) <= given.most_steps:
        slope = torch.autograd.functional.jacobian(residual_form, x)
        if torch.linalg.vector_norm(slope) < given.tolerance:
            break
        x = x - torch.linalg.solve(torch.autograd.functional.hessian(residual_form, x), slope)
        path.append(x.tolist())
    return path


def residuals(x: np.ndarray) -> np.ndarray:
    """The two residuals whose squares add up to the function."""
    return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])


def residual_form(x: torch.Tensor) -> torch.Tensor:
    """The function as the squared length of its residuals."""
    return torch.sum(torch.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]]) ** 2)


def values_along(path: np.ndarray) -> np.ndarray:
    """The function at each point of an (n, 2) path."""
    found: np.ndarray = rosen(path.T)
    return found
