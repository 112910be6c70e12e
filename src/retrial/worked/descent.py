"""Gradient descent and Newton's method (report 000, question 2, part b).

Gradient descent is checked as the report tells it: sample after sample, a step against the
gradient of that sample's loss. Newton's rule is printed as w − L/L', with the learning rate 1/L';
that is Newton's iteration for a root of L. The minimum of L is a root of L', so the rule that the
report describes in words (go to the minimum of the second-order Taylor polynomial) is w − L'/L''.
"""

from collections.abc import Callable

import numpy as np
import torch

from retrial.core.models import Count, FrozenModel, Positive
from retrial.worked.differentiate import differentiated
from retrial.worked.sheet import Line, Sheet, Slip, Value


class Given(FrozenModel):
    """Sizes of the random losses, and the quadratic losses of the figure.

    Those are curvature/2 · (w − minimum_at)² + lowest, from `start`, for each of `lowest`.
    """

    samples: Count
    features: Count
    learning_rate: Positive
    newton_steps: Count
    curvature: Positive
    minimum_at: float
    lowest: tuple[float, ...]
    start: float
    steps: Count


def sheet(given: Given, chance: np.random.Generator) -> Sheet:
    """Both rules on random losses, in float64."""
    x = chance.normal(size=(given.samples, given.features))
    y = chance.normal(size=given.samples)
    w = chance.normal(size=given.features)
    curvature, lowest = chance.uniform(0.5, 3.0), chance.uniform(0.5, 2.0)
    minimum, place = chance.normal(), chance.normal()
    root = chance.normal(size=(given.features, given.features))
    hessian = root @ root.T + np.eye(given.features)
    vector_minimum = chance.normal(size=given.features)
    # Above e the loss e^w − count·w has roots: the slip ends at one of them, beside the minimum.
    count = chance.uniform(3.0, 6.0)
    known = {
        "x": x, "y": y, "w": w, "rate": given.learning_rate,
        "a": curvature, "c": minimum, "d": lowest, "place": place,
        "hessian": hessian, "centre": vector_minimum, "count": count,
    }  # fmt: skip
    passed = descended(x, y, w, given.learning_rate)
    lines = {
        "descent_step": Line(
            r"w_{t+1} = w_t - \eta \nabla \ell(w_t)",
            lambda v: v.w - v.rate * sample_gradient(v.w, v.x[0], v.y[0]),
            passed[0],
            (
                Slip(
                    "ascent",
                    "The step goes along the gradient, up the loss.",
                    lambda v: v.w + v.rate * sample_gradient(v.w, v.x[0], v.y[0]),
                ),
            ),
        ),
        "one_pass": Line(
            r"w_{t+1} = w_t - \eta \nabla \ell_t(w_t), \quad t = 1, \dots, n",
            lambda v: one_pass(v.w, v.x, v.y, v.rate),
            passed[-1],
            (
                Slip(
                    "gradients_at_start",
                    "All gradients are taken at the first weights.",
                    lambda v: (
                        v.w
                        - v.rate
                        * sum(sample_gradient(v.w, a, b) for a, b in zip(v.x, v.y, strict=True))
                    ),
                ),
            ),
        ),
        "newton_step": Line(
            r"\omega_{t+1} = \omega_t - \frac{\mathcal{L}'(\omega_t)}{\mathcal{L}''(\omega_t)}",
            lambda v: v.place - v.a * (v.place - v.c) / v.a,
            minimum,
            (
                Slip(
                    "loss_for_gradient",
                    "The loss and its gradient stand in place of the gradient and the Hessian: "
                    "the rule looks for a point where the loss is zero, not for its minimum.",
                    lambda v: v.place - quadratic(v.place, v.a, v.c, v.d) / (v.a * (v.place - v.c)),
                ),
            ),
        ),
        "newton_rate": Line(
            r"\eta_t = \frac{1}{\mathcal{L}''(\omega_t)}",
            lambda v: 1 / v.a,
            rate_to_minimum(curvature, minimum, lowest, place),
            (
                Slip(
                    "first_derivative",
                    "The first derivative stands in place of the second.",
                    lambda v: 1 / (v.a * (v.place - v.c)),
                ),
            ),
        ),
        "newton_step_vector": Line(
            r"\omega_{t+1} = \omega_t - H(\omega_t)^{-1} \nabla \mathcal{L}(\omega_t)",
            lambda v: v.w - np.linalg.solve(v.hessian, v.hessian @ (v.w - v.centre)),
            vector_minimum,
            (
                Slip(
                    "hessian_lost",
                    "The gradient is not divided by the Hessian.",
                    lambda v: v.w - v.hessian @ (v.w - v.centre),
                ),
            ),
        ),
        "newton_minimum": Line(
            r"\lim_{t \to \infty} \omega_t = \operatorname{arg\,min} \mathcal{L}",
            lambda v: iterated(
                lambda w: w - (np.exp(w) - v.count) / np.exp(w), 0.0, given.newton_steps
            )[-1],
            lowest_point(count),
            (
                Slip(
                    "root_of_loss",
                    "Each step divides the loss by its gradient.",
                    lambda v: iterated(
                        lambda w: w - (np.exp(w) - v.count * w) / (np.exp(w) - v.count),
                        0.0,
                        given.newton_steps,
                    )[-1],
                ),
            ),
        ),
    }
    return Sheet(known, lines, paths(given))


def sample_gradient(w: np.ndarray, x: np.ndarray, y: float) -> np.ndarray:
    """The gradient of one sample's loss ½(w·x − y)²."""
    found: np.ndarray = (w @ x - y) * x
    return found


def one_pass(w: np.ndarray, x: np.ndarray, y: np.ndarray, rate: float) -> np.ndarray:
    """The weights after one step for each sample, in turn."""
    for sample, target in zip(x, y, strict=True):
        w = w - rate * sample_gradient(w, sample, target)
    return w


def descended(x: np.ndarray, y: np.ndarray, w: np.ndarray, rate: float) -> list[np.ndarray]:
    """The weights after each sample, with gradients by torch from the samples' losses."""
    weights = torch.tensor(w)
    found = []
    for sample, target in zip(torch.tensor(x), torch.tensor(y), strict=True):
        weights.requires_grad_()
        (gradient,) = torch.autograd.grad(0.5 * (weights @ sample - target) ** 2, weights)
        weights = weights.detach() - rate * gradient
        found.append(weights.numpy())
    return found


def quadratic(w: Value, curvature: float, minimum_at: float, lowest: float) -> Value:
    """The loss curvature/2 · (w − minimum_at)² + lowest."""
    return curvature / 2 * (w - minimum_at) ** 2 + lowest


def rate_to_minimum(curvature: float, minimum: float, lowest: float, place: float) -> float:
    """The learning rate with which one step of gradient descent ends at a quadratic's minimum."""
    slope = differentiated(lambda w: quadratic(w, curvature, minimum, lowest), place)
    return (place - minimum) / float(slope)


def lowest_point(count: float) -> float:
    """The minimum of e^w − count·w, by bisection of its derivative from torch."""
    low, high = -5.0, 5.0
    for _ in range(60):
        middle = (low + high) / 2
        slope = differentiated(lambda w: torch.exp(w) - count * w, middle)
        low, high = (low, middle) if slope > 0 else (middle, high)
    return (low + high) / 2


def iterated(rule: Callable[[float], float], start: float, steps: int) -> list[float]:
    """`start` and the places after each of `steps` applications of a rule."""
    places = [start]
    for _ in range(steps):
        places.append(float(rule(places[-1])))
    return places


def paths(given: Given) -> dict[str, np.ndarray]:
    """The rules on the quadratic losses of the figure: places (steps + 1,) from `start`.

    `printed` has one row for each of `lowest`; the other rules do not see that value.
    """
    a, c = given.curvature, given.minimum_at
    return {
        "descent": np.array(
            iterated(lambda w: w - given.learning_rate * a * (w - c), given.start, given.steps)
        ),
        "newton": np.array(iterated(lambda w: w - a * (w - c) / a, given.start, given.steps)),
        "printed": np.array([printed_path(given, lowest) for lowest in given.lowest]),
    }


def printed_path(given: Given, lowest: float) -> list[float]:
    """The places of w − L/L' on one quadratic loss."""
    a, c = given.curvature, given.minimum_at
    return iterated(
        lambda w: w - quadratic(w, a, c, lowest) / (a * (w - c)), given.start, given.steps
    )
