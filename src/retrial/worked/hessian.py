"""The Jacobian of the gradient is the Hessian (report 001, theory, 4).

Checked on random smooth functions y(u, v, z), and on the function that shows what it needs:
where second derivatives are not continuous, their order matters, and the two are each other's
transpose.
"""

from collections.abc import Callable
from fractions import Fraction

import mpmath
import numpy as np
import torch

from retrial.core.models import Count, FrozenModel
from retrial.worked.sheet import DIGITS, Line, Sheet, Slip, Value

VARIABLES = 3


class Given(FrozenModel):
    """Number of waves that a random smooth function is the sum of."""

    waves: Count


def sheet(given: Given, chance: np.random.Generator) -> Sheet:
    """y(x) = Σₜ cₜ sin(aₜ·x + φₜ) at a random point, and Peano's function at the origin."""
    waves = chance.standard_normal((given.waves, VARIABLES))
    heights, phases = chance.standard_normal((2, given.waves))
    point = chance.standard_normal(VARIABLES)

    def surface(*x: mpmath.mpf) -> mpmath.mpf:
        angles = [
            sum(a * one for a, one in zip(map(float, wave), x, strict=True)) + float(phase)
            for wave, phase in zip(waves, phases, strict=True)
        ]
        return sum(float(c) * mpmath.sin(one) for c, one in zip(heights, angles, strict=True))

    a, c, phi = (torch.tensor(one, dtype=torch.float64) for one in (waves, heights, phases))

    def gradient(x: torch.Tensor) -> torch.Tensor:
        return a.T @ (c * torch.cos(a @ x + phi))

    lines = {
        "gradient": Line(
            r"\nabla y = \left(\frac{\partial y}{\partial u}, \frac{\partial y}{\partial v}, "
            r"\frac{\partial y}{\partial z}\right)^\top",
            lambda v: gradient(torch.tensor(v.point)).numpy(),
            [partial_derivative(surface, point, (i,)) for i in range(VARIABLES)],
        ),
        "jacobian": Line(
            r"J_{\nabla y} = \left[\frac{\partial \nabla y}{\partial u}\;"
            r"\frac{\partial \nabla y}{\partial v}\;\frac{\partial \nabla y}{\partial z}\right]"
            r" = H",
            lambda v: jacobian(gradient, v.point),
            [
                [partial_derivative(surface, point, (i, j)) for j in range(VARIABLES)]
                for i in range(VARIABLES)
            ],
            (
                Slip(
                    "jacobian_twice",
                    "The first derivatives are multiplied with each other where the gradient is "
                    "to be differentiated once more.",
                    lambda v: np.outer(v.gradient, v.gradient),
                ),
            ),
        ),
        "mixed": Line(
            r"\left(\frac{\partial}{\partial v}\frac{\partial f}{\partial u}, "
            r"\frac{\partial}{\partial u}\frac{\partial f}{\partial v}\right)(0, 0),\quad "
            r"f = uv\,\frac{u^2 - v^2}{u^2 + v^2}",
            lambda v: [
                peano_u(Fraction(0), v.near) / v.near,
                peano_v(v.near, Fraction(0)) / v.near,
            ],
            mixed_by_quotients(),
            (
                Slip(
                    "order_exchanged",
                    "The two orders of differentiation are taken to be one where the second "
                    "derivatives are not continuous.",
                    lambda v: [peano_u(Fraction(0), v.near) / v.near] * 2,
                ),
            ),
        ),
    }
    return Sheet({"point": point, "near": Fraction(1, 1000)}, lines)


def jacobian(gradient: Callable[[torch.Tensor], torch.Tensor], point: np.ndarray) -> np.ndarray:
    """(n, n) derivatives of a gradient: those by the j-th variable stand in column j."""
    found: torch.Tensor = torch.autograd.functional.jacobian(gradient, torch.tensor(point))
    return found.numpy()


def partial_derivative(
    surface: Callable[..., mpmath.mpf], point: np.ndarray, by: tuple[int, ...]
) -> Value:
    """The derivative by the variables `by`, by difference quotients of many digits."""
    with mpmath.workdps(DIGITS):
        orders = tuple(by.count(i) for i in range(len(point)))
        return mpmath.diff(surface, tuple(map(float, point)), orders)


def peano(u: Value, v: Value) -> Value:
    """f(u, v) = uv(u² − v²)/(u² + v²)."""
    return u * v * (u**2 - v**2) / (u**2 + v**2)


def peano_u(u: Fraction, v: Fraction) -> Fraction:
    """∂f/∂u away from the origin, where it is 0."""
    return v * (u**4 + 4 * u**2 * v**2 - v**4) / (u**2 + v**2) ** 2


def peano_v(u: Fraction, v: Fraction) -> Fraction:
    """∂f/∂v away from the origin, where it is 0."""
    return u * (u**4 - 4 * u**2 * v**2 - v**4) / (u**2 + v**2) ** 2


def mixed_by_quotients() -> list[Fraction]:
    """Both mixed derivatives of f at the origin by difference quotients of f, the inner one first.

    The inner step is so much smaller that its limit comes first.
    """
    outer, inner = Fraction(1, 10**3), Fraction(1, 10**12)

    def quotient(f: Callable[[Fraction], Fraction], step: Fraction) -> Fraction:
        return (f(step) - f(-step)) / (2 * step)

    return [
        quotient(lambda v: quotient(lambda u: peano(u, v), inner), outer),
        quotient(lambda u: quotient(lambda v: peano(u, v), inner), outer),
    ]
