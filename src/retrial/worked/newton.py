"""Newton's method for the minimum of g, and how fast it is (report 001, theory, 6).

Minimising g by x − g′/g″ is root finding on f = g′. Its error obeys eₙ₊₁ ≈ f″/(2f′)·eₙ²; the
report also bounds the step by the square of the error. All is checked with many digits on four
functions g, of which one has a negative f″ and one a constant below ¼.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import mpmath
import numpy as np

from retrial.core.models import Count, FrozenModel
from retrial.worked.sheet import DIGITS, Line, Sheet, Slip, Value

# Iterates of each function that are checked against the minimum of the parabola.
SHOWN = 3
Real = Callable[[mpmath.mpf], mpmath.mpf]


class Function(NamedTuple):
    """A function g with its typeset form (TeX), f = g′, f′ and f″; `bracket` holds its minimum.

    |f″| is monotone between the start and the minimum.
    """

    tex: str
    g: Real
    f: Real
    slope: Real
    bend: Real
    bracket: tuple[float, float]


FUNCTIONS: Mapping[str, Function] = {
    "exponential": Function(
        "e^x - 2x", lambda x: mpmath.exp(x) - 2 * x, lambda x: mpmath.exp(x) - 2, mpmath.exp,
        mpmath.exp, (0, 1),
    ),
    "quartic": Function(
        r"\frac{x^4}{4} + \frac{x^2}{2} - x", lambda x: x**4 / 4 + x**2 / 2 - x,
        lambda x: x**3 + x - 1, lambda x: 3 * x**2 + 1, lambda x: 6 * x, (0, 1),
    ),
    "barrier": Function(
        r"\frac{x^2}{2} - \ln x", lambda x: x**2 / 2 - mpmath.log(x), lambda x: x - 1 / x,
        lambda x: 1 + 1 / x**2, lambda x: -2 / x**3, (0.5, 1.75),
    ),
    "cosine": Function(
        r"\frac{x^2}{2} - \sin x", lambda x: x**2 / 2 - mpmath.sin(x),
        lambda x: x - mpmath.cos(x), lambda x: 1 + mpmath.sin(x), mpmath.cos, (0, 1),
    ),
}  # fmt: skip


class Given(FrozenModel):
    """Where each function of FUNCTIONS is started, steps, and the digits of the measurement."""

    starts: dict[str, float]
    steps: Count
    digits: Count


class Path(NamedTuple):
    """A function's iterates x₀ … and its minimum."""

    iterates: list[mpmath.mpf]
    minimum: mpmath.mpf


def sheet(given: Given, chance: np.random.Generator) -> Sheet:
    """Steps, rate and bound, proved by parabolas of g, by bracketing and by measured errors."""
    with mpmath.workdps(given.digits):
        starts = {name: mpmath.mpf(given.starts[name]) for name in FUNCTIONS}
        paths = {
            name: Path(
                newton(function, starts[name], given.steps),
                mpmath.findroot(function.f, function.bracket, solver="anderson"),
            )
            for name, function in FUNCTIONS.items()
        }
        measured = [error(path, -1) / error(path, -2) ** 2 for path in paths.values()]
        lowest = [lowest_of_parabolas(one, starts[name]) for name, one in FUNCTIONS.items()]
    held = [True] * (len(FUNCTIONS) * given.steps)
    lines = {
        "iterates": Line(
            r"x_{k+1} = x_k - \frac{f(x_k)}{f'(x_k)} = x_k - \frac{g'(x_k)}{g''(x_k)}",
            lambda v: iterates(v.starts, lambda one, x: one.f(x) / one.slope(x)),
            lowest,
            (
                Slip(
                    "half_dropped",
                    "The quadratic term of the Taylor polynomial loses its ½: every step is half "
                    "as long.",
                    lambda v: iterates(v.starts, lambda one, x: one.f(x) / (2 * one.slope(x))),
                ),
                Slip(
                    "derivative_up",
                    "The step for the minimum of g is taken on f = g′ itself: f′/f″ in place of "
                    "f/f′, one derivative too many.",
                    lambda v: iterates(v.starts, lambda one, x: one.slope(x) / one.bend(x)),
                ),
            ),
        ),
        "minimum": Line(
            r"x^\ast = \lim_{k \to \infty} x_k,\quad f(x^\ast) = 0",
            lambda v: [newton(FUNCTIONS[name], x, given.steps)[-1] for name, x in v.starts.items()],
            [path.minimum for path in paths.values()],
        ),
        "rate": Line(
            r"e_{n+1} \approx \left(\frac{f''(x^\ast)}{f'(x^\ast)} - "
            r"\frac{f''(x^\ast)}{2 f'(x^\ast)}\right) e_n^2 = "
            r"\frac{f''(x^\ast)}{2 f'(x^\ast)}\,e_n^2",
            lambda v: [bend(one, x) - bend(one, x) / 2 for one, x in at_minimum(v.minimum)],
            measured,
            (
                Slip(
                    "denominator_cut",
                    "The term f″e of the denominator is dropped as small; it is of the order of "
                    "what remains, which comes out with the wrong sign.",
                    lambda v: [-bend(one, x) / 2 for one, x in at_minimum(v.minimum)],
                ),
                Slip(
                    "half_of_rate_dropped",
                    "The ½ of the Taylor polynomial's quadratic term is dropped.",
                    lambda v: [bend(one, x) for one, x in at_minimum(v.minimum)],
                ),
            ),
        ),
        "orders": Line(
            r"\left|x_{k+1} - x^\ast\right| = O(\left|e_k\right|^2),\quad "
            r"\left|x_{k+1} - x_k\right| = O(\left|e_k\right|)",
            lambda v: [order(path, one) for one in (error, step) for path in paths.values()],
            [2] * len(FUNCTIONS) + [1] * len(FUNCTIONS),
        ),
        "bound": Line(
            r"\left\|x_{k+1} - x^\ast\right\| \le C \left\|x_k - x^\ast\right\|^2,\quad "
            r"C = \frac{\max |f''|}{2 |f'(x_k)|}",
            lambda v: bounded(paths, after, constant, given.digits),
            held,
            (
                Slip(
                    "step_for_error",
                    "The step xₖ₊₁ − xₖ stands in the place of the error xₖ₊₁ − x*.",
                    lambda v: bounded(paths, step, constant, given.digits),
                ),
                Slip(
                    "quarter_of_square",
                    "The step xₖ₊₁ − xₖ stands in the place of the error xₖ₊₁ − x*: a step is "
                    "about as long as the error before it, which no multiple of that error's "
                    "square bounds near the solution. And ¼ stands for a constant that depends "
                    "on f.",
                    lambda v: bounded(paths, step, lambda *_: mpmath.mpf(1) / 4, given.digits),
                    single=False,
                ),
            ),
        ),
    }
    arrays = {
        "errors": [
            [abs(error(path, k)) for k in range(given.steps + 1)] for path in paths.values()
        ],
        "steps": [[abs(step(path, k)) for k in range(given.steps)] for path in paths.values()],
        "constants": [abs(one) for one in measured],
    }
    return Sheet(
        {"starts": starts},
        lines,
        {
            "functions": np.array([one.tex for one in FUNCTIONS.values()]),
            **{name: np.array(one, float) for name, one in arrays.items()},
        },
    )


def newton(function: Function, start: mpmath.mpf, steps: int) -> list[mpmath.mpf]:
    """x₀ … x_steps of root finding on f."""
    path = [start]
    for _ in range(steps):
        x = path[-1]
        path.append(x - function.f(x) / function.slope(x))
    return path


def iterates(
    starts: Mapping[str, mpmath.mpf], length: Callable[[Function, mpmath.mpf], mpmath.mpf]
) -> list[list[mpmath.mpf]]:
    """The first x₁ … of each function, each smaller than the one before by `length`."""
    found = []
    for name, x in starts.items():
        found.append([x := x - length(FUNCTIONS[name], x) for _ in range(SHOWN)])
    return found


def lowest_of_parabolas(function: Function, start: mpmath.mpf) -> list[mpmath.mpf]:
    """x₁ …, each the lowest point of g's Taylor parabola at the one before, from values of g."""
    x, found = start, []
    for _ in range(SHOWN):
        _, linear, quadratic = mpmath.taylor(function.g, x, 2)
        x = x - linear / (2 * quadratic)
        found.append(x)
    return found


def at_minimum(minima: Sequence[mpmath.mpf]) -> list[tuple[Function, mpmath.mpf]]:
    """Each function with its minimum."""
    return list(zip(FUNCTIONS.values(), minima, strict=True))


def bend(function: Function, x: mpmath.mpf) -> mpmath.mpf:
    """f″/f′ at x."""
    return function.bend(x) / function.slope(x)


def error(path: Path, k: int) -> mpmath.mpf:
    """eₖ = xₖ − x*."""
    return path.iterates[k] - path.minimum


def after(path: Path, k: int) -> mpmath.mpf:
    """eₖ₊₁ = xₖ₊₁ − x*."""
    return error(path, k + 1)


def step(path: Path, k: int) -> mpmath.mpf:
    """xₖ₊₁ − xₖ."""
    return path.iterates[k + 1] - path.iterates[k]


def constant(function: Function, path: Path, k: int) -> mpmath.mpf:
    """The largest |f″| between xₖ and x*, over 2|f′(xₖ)|."""
    x = path.iterates[k]
    bends = abs(function.bend(x)), abs(function.bend(path.minimum))
    return max(bends) / (2 * abs(function.slope(x)))


def bounded(
    paths: Mapping[str, Path],
    left: Callable[[Path, int], mpmath.mpf],
    factor: Callable[[Function, Path, int], mpmath.mpf],
    digits: int,
) -> list[bool]:
    """Whether |left| ≤ factor·eₖ², for each function and iterate in turn."""
    with mpmath.workdps(digits):
        return [
            bool(abs(left(path, k)) <= factor(FUNCTIONS[name], path, k) * error(path, k) ** 2)
            for name, path in paths.items()
            for k in range(len(path.iterates) - 1)
        ]


def order(path: Path, size: Callable[[Path, int], mpmath.mpf]) -> Value:
    """The power of eₖ that the size of the next error, or of the step, falls with."""
    with mpmath.workdps(DIGITS):
        last = len(path.iterates) - 2
        which = (last - 1, last) if size is step else (last, last + 1)
        fall = mpmath.log(abs(size(path, which[1]) / size(path, which[0])))
        return fall / mpmath.log(abs(error(path, last) / error(path, last - 1)))
