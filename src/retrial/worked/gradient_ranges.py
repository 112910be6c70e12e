"""Ranges of gradients and of their factors (report 004, exercise 1, A and D).

The report multiplies ranges: ∂E/∂w = ∂E/∂y · ∂y/∂ν · ∂ν/∂w, with an output y of a softmax layer, a
target t that is 0 or 1, and as ∂ν/∂w the activation of a neuron of the layer below. The sheets
`squared_error` (A) and `cross_entropy` (D) keep to that: each factor runs over its range by itself.
`coupled` takes the printed formula of A at its word, in which y is the activation f(ν) whose
derivative stands beside it. `lecun` is the derivative of LeCun's activation at random arguments.

Ranges are worked out by interval arithmetic on closed forms in which each variable stands once, or
from the stationary points of a polynomial. They are proved by search, with derivatives by automatic
differentiation. Which ends are attained is said in words.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial

import numpy as np
import torch
from numpy.polynomial import Polynomial

from retrial.core.models import Count, FrozenModel, Positive
from retrial.worked.differentiate import differentiated, gradient
from retrial.worked.gradient_factors import (
    ACTIVATIONS,
    MINUS_TO_ONE,
    OUTPUTS,
    ZERO_TO_ONE,
    by_output,
    by_weight,
    derivative_range,
    half_square,
    log_loss,
    sigmoid_derivative,
)
from retrial.worked.ranges import (
    ALL,
    ONE,
    ZERO,
    Range,
    Search,
    absolute,
    hull,
    minus,
    plus,
    polynomial_range,
    products,
    searched,
    squares,
)
from retrial.worked.sheet import Line, Sheet, Slip, rational

DRAWN = np.linspace(-6, 6, 241)


class Given(FrozenModel):
    """LeCun's activation A·tanh(Bx) + Cx with B as a ratio, and how the extremes are searched for.

    `points` are the random arguments of a draw, `kept_digits` the decimals that the exponents of
    the report's formulas keep of B.
    """

    amplitude: Positive
    stretch: tuple[Count, Count]
    slope: Positive
    kept_digits: Count
    search: Search
    points: Count


def squared_error(given: Given, chance: np.random.Generator) -> Sheet:
    """E = ½ Σ (t − y)²: the factors and their products, each factor by itself."""
    error = partial(by_output, half_square)
    search = partial(searched, given.search)
    lines = {
        "error": Line(
            r"\frac{\partial E}{\partial y} = y - t\ \text{(ends not attained)},"
            r" \quad [\inf, \sup]",
            lambda v: minus(ZERO_TO_ONE, ZERO_TO_ONE),
            search(error, 1, target=True),
            (
                Slip(
                    "error_sign_dropped",
                    "The sign of y − t is dropped: where the target is 1, y − t is negative.",
                    lambda v: absolute(minus(ZERO_TO_ONE, ZERO_TO_ONE)),
                ),
                Slip(
                    "target_left_out",
                    "The target is left out of y − t.",
                    lambda v: minus(ZERO_TO_ONE, (ZERO, ZERO)),
                ),
            ),
        ),
        "tanh_derivative": Line(
            r"\tanh'(\nu) = 1 - \tanh^2(\nu)\ \text{(infimum not attained)}, \quad [\inf, \sup]",
            lambda v: minus((ONE, ONE), squares(MINUS_TO_ONE)),
            search(partial(gradient, torch.tanh), 1),
            (
                Slip(
                    "square_dropped",
                    "The square of the hyperbolic tangent is dropped.",
                    lambda v: minus((ONE, ONE), MINUS_TO_ONE),
                ),
            ),
        ),
        "sigmoid_derivative": Line(
            r"\sigma'(\nu) = \tfrac{1}{4} - (\sigma(\nu) - \tfrac{1}{2})^2"
            r"\ \text{(infimum not attained)}, \quad [\inf, \sup]",
            lambda v: sigmoid_derivative(),
            search(partial(gradient, torch.sigmoid), 1),
            (
                Slip(
                    "second_factor_dropped",
                    "Of σ(1 − σ) only the first factor is left.",
                    lambda v: ZERO_TO_ONE,
                ),
            ),
        ),
        "relu_gradient": gradient_line(
            given,
            "relu",
            lambda v: ZERO_TO_ONE,
            Slip(
                "relu_activation_left_out",
                "The activation of the layer below, which has no upper bound, is left out.",
                lambda v: products(v.error, ZERO_TO_ONE),
            ),
        ),
        "tanh_gradient": gradient_line(
            given,
            "tanh",
            lambda v: v.tanh_derivative,
            Slip(
                "sigmoid_slope_for_tanh",
                "The derivative of the sigmoid stands in place of that of tanh.",
                lambda v: products(v.error, v.sigmoid_derivative, OUTPUTS["tanh"]),
            ),
        ),
        "sigmoid_gradient": gradient_line(
            given,
            "sigmoid",
            lambda v: v.sigmoid_derivative,
            Slip(
                "sigmoid_slope_left_out",
                "The derivative of the sigmoid is left out.",
                lambda v: products(v.error, OUTPUTS["sigmoid"]),
            ),
        ),
        "hidden_gradient": Line(
            r"\frac{\partial E}{\partial w^{(r-1)}} = \left( \sum_j \delta_j w_j^{(r)} \right)"
            r" \sigma'(\nu^{(r-1)})\, y^{(r-2)} \in (-\infty, \infty)",
            lambda v: products(v.error, ALL, v.sigmoid_derivative, OUTPUTS["sigmoid"]),
            search(
                lambda u, w, z, a, t: error(u, t) * w * gradient(torch.sigmoid, z) * a.sigmoid(),
                4,
                target=True,
            ),
            (
                Slip(
                    "weights_left_out",
                    "The range of the last layer is used for all: in a hidden layer the error "
                    "arrives as a sum over the weights of the next layer, which have no bounds.",
                    lambda v: products(v.error, v.sigmoid_derivative, OUTPUTS["sigmoid"]),
                ),
            ),
        ),
    }
    curves = {name: differentiated(f, DRAWN) for name, f in ACTIVATIONS.items()}
    return Sheet({}, lines, {"argument": DRAWN, **curves})


def gradient_line(given: Given, name: str, slope: Callable[..., Range], *slips: Slip) -> Line:
    """The gradient of a weight of the last layer with one of the activations."""
    f = ACTIVATIONS[name]
    return Line(
        r"\frac{\partial E}{\partial w} = (y - t)\, f'(\nu)\, y^{(r-1)}"
        r"\ \text{(ends not attained)}, \quad [\inf, \sup]",
        lambda v: products(v.error, slope(v), OUTPUTS[name]),
        searched(
            given.search,
            lambda u, z, a, t: by_output(half_square, u, t) * gradient(f, z) * f(a),
            3,
            target=True,
        ),
        slips,
    )


def coupled(given: Given, chance: np.random.Generator) -> Sheet:
    """E = ½ (t − f(wa + b))², differentiated by w as a whole; a is an activation of f as well."""
    # y − t, and the derivative of the activation in terms of its output y.
    derivatives = {"tanh": Polynomial([1, 0, -1]), "sigmoid": Polynomial([0, 1, -1])}
    errors = [Polynomial([-t, 1]) for t in (0, 1)]
    ranges: dict[str, Range] = {
        name: hull(polynomial_range(error * slope, OUTPUTS[name]) for error in errors)
        for name, slope in derivatives.items()
    }
    # Where it is not 0, the derivative of ReLU is 1.
    ranges["relu"] = hull([minus(OUTPUTS["relu"], ZERO_TO_ONE), (ZERO, ZERO)])
    lines = {
        f"{name}_gradient": coupled_line(given, name, products(ranges[name], OUTPUTS[name]))
        for name in ACTIVATIONS
    }
    arrays = {"argument": DRAWN}
    for name in derivatives:
        y = ACTIVATIONS[name](torch.from_numpy(DRAWN)).numpy()
        for t in (0, 1):
            arrays[f"{name}_{t}"] = (y - t) * differentiated(ACTIVATIONS[name], DRAWN)
    return Sheet({}, lines, arrays)


def coupled_line(given: Given, name: str, found: Range) -> Line:
    """The gradient of a weight of the last layer whose output is the activation itself."""
    return Line(
        r"\frac{\partial E}{\partial w} = (f(\nu) - t)\, f'(\nu)\, y^{(r-1)}, \quad [\inf, \sup]",
        lambda v: found,
        searched(given.search, partial(by_weight, ACTIVATIONS[name]), 2, target=True),
        (
            Slip(
                f"{name}_sign_dropped",
                "The sign of y − t is dropped: where the target is the larger, y − t is negative.",
                lambda v: absolute(found),
            ),
        ),
    )


def cross_entropy(given: Given, chance: np.random.Generator) -> Sheet:
    """E = −Σ t log y with LeCun's activation: each factor by itself, and their product."""
    f = partial(activation, given)
    error = partial(by_output, log_loss)
    factor = rational(given.amplitude) * Fraction(*given.stretch)
    slope = rational(given.slope)
    lines = {
        "error": Line(
            r"\frac{\partial E}{\partial y} = -\frac{t}{y}\ \text{(only the supremum attained)},"
            r" \quad [\inf, \sup]",
            # y in [0, 1]: its reciprocal is at least 1.
            lambda v: products((-ONE, -ONE), ZERO_TO_ONE, (ONE, math.inf)),
            searched(given.search, error, 1, target=True),
            (
                Slip(
                    "minus_dropped",
                    "The minus before the sum is dropped.",
                    lambda v: products(ZERO_TO_ONE, (ONE, math.inf)),
                ),
            ),
        ),
        "derivative": Line(
            r"f'(\nu) = A B (1 - \tanh^2(B \nu)) + C\ \text{(only the supremum attained)},"
            r" \quad [\inf, \sup]",
            lambda v: derivative_range(factor, slope),
            searched(given.search, partial(gradient, f), 1),
            (
                Slip(
                    "inner_derivative_dropped",
                    "The inner derivative B of tanh(Bν) is dropped.",
                    lambda v: derivative_range(rational(given.amplitude), slope),
                ),
                Slip(
                    "linear_term_dropped",
                    "The derivative of the linear term is dropped.",
                    lambda v: derivative_range(factor, ZERO),
                ),
            ),
        ),
        "activation": Line(
            r"f(\nu) = A \tanh(B \nu) + C \nu, \quad [\inf, \sup]",
            lambda v: plus(products((rational(given.amplitude),) * 2, MINUS_TO_ONE), ALL),
            searched(given.search, f, 1),
            (
                Slip(
                    "linear_term_forgotten",
                    "The linear term, without which the activation is bounded, is dropped.",
                    lambda v: products((rational(given.amplitude),) * 2, MINUS_TO_ONE),
                ),
            ),
        ),
        "gradient": Line(
            r"\frac{\partial E}{\partial w} = -\frac{t}{y}\, f'(\nu)\, y^{(r-1)},"
            r" \quad [\inf, \sup]",
            lambda v: products(v.error, v.derivative, v.activation),
            searched(
                given.search, lambda u, z, a, t: error(u, t) * gradient(f, z) * f(a), 3, target=True
            ),
            (
                Slip(
                    "positive_activations",
                    "The activations of the layer below are taken without their sign.",
                    lambda v: products(v.error, v.derivative, absolute(v.activation)),
                ),
            ),
        ),
    }
    return Sheet({}, lines, {"argument": DRAWN, "lecun": differentiated(f, DRAWN)})


def lecun(given: Given, chance: np.random.Generator) -> Sheet:
    """The derivative of LeCun's activation as a formula, at normal arguments."""
    f = partial(activation, given)
    points = chance.normal(scale=2.0, size=given.points)
    stretch = Fraction(*given.stretch)
    unit = 10**given.kept_digits
    exact = {
        "points": points,
        "amplitude": rational(given.amplitude),
        "stretch": stretch,
        "cut": Fraction(math.floor(stretch * unit), unit),
        "slope": given.slope,
    }
    lines = {
        "factor": Line(
            r"f'(x) = A B (1 - \tanh^2(B x)) + C, \quad A B",
            lambda v: v.amplitude * v.stretch,
            differentiated(f, np.zeros(1))[0] - given.slope,
            (
                Slip(
                    "inner_derivative_left_out",
                    "The inner derivative B of tanh(Bx) is left out.",
                    lambda v: v.amplitude,
                ),
            ),
        ),
        "derivative": Line(
            r"f'(x) = A B (1 - \tanh^2(B x)) + C",
            lambda v: float(v.factor) * (1 - np.tanh(float(v.stretch) * v.points) ** 2) + v.slope,
            differentiated(f, points),
            (
                Slip(
                    "exponents_cut",
                    "In the exponents B is cut to two decimals.",
                    lambda v: (
                        float(v.factor) * (1 - np.tanh(float(v.cut) * v.points) ** 2) + v.slope
                    ),
                ),
            ),
        ),
    }
    return Sheet(exact, lines)


def activation(given: Given, x: torch.Tensor) -> torch.Tensor:
    """LeCun's activation A·tanh(Bx) + Cx."""
    over, under = given.stretch
    return given.amplitude * torch.tanh(over * x / under) + given.slope * x
