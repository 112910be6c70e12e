"""Linear regression with dropout, J = ∓½ (y_d − Σ δ_k w_k x_k)², δ ~ N(1, s²) (report 001, T5).

The gradient for one example and one mask; the mean over the masks of the squared error, which is
the error without masks plus s² Σ w_k² x_k², an L2 penalty that weighs every weight with its input;
the weights that minimise it; and the loss with a plain L2 penalty.

The leading coefficient of J is garbled in the text: `sign` is −1 for the text as it stands, with a
minus, and 1 for a loss to be minimised.
"""

from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from retrial.core.models import Count, FrozenModel, Positive
from retrial.worked.differentiate import differentiated
from retrial.worked.sheet import Line, Sheet, Slip

Array = NDArray[np.float64]

# Standard errors that a mean over drawn masks may be off by.
STANDARD_ERRORS = 6


class Given(FrozenModel):
    """Numbers of `examples` and `inputs`, s of the masks, λ, drawn masks.

    `noise` is the standard deviation of the targets about a line; a figure shows `problems` more.
    """

    examples: Count
    inputs: Count
    noise: Positive
    problems: Count
    mask_sd: Positive
    penalty: Positive
    masks: Count


def sheet(given: Given, chance: np.random.Generator, sign: int) -> Sheet:
    """The lines on random data; expectations proved by quadrature, gradients by torch."""
    x = chance.standard_normal((given.examples, given.inputs))
    w, true = chance.standard_normal((2, given.inputs))
    y = x @ true + given.noise * chance.standard_normal(given.examples)
    mask = 1 + given.mask_sd * chance.standard_normal(given.inputs)
    drawn = 1 + given.mask_sd * chance.standard_normal((given.masks, given.inputs))
    sampled = squared_error(y[0], x[0], w, drawn)
    expected = quadrature(w, x, y, given.mask_sd).detach().numpy()
    standard_error = sampled.std(ddof=1) / np.sqrt(given.masks)
    exact = {
        "x": x, "y": y, "w": w, "mask": mask, "sampled": sampled,
        "coefficient": sign / 2, "s": given.mask_sd, "penalty": given.penalty,
    }  # fmt: skip
    shown = "-" if sign < 0 else ""
    lines = {
        "error": Line(
            r"e = y_d - \sum_k \delta_k w_k x_k",
            lambda v: v.y[0] - (v.mask * v.w * v.x[0]).sum(),
            y[0] - np.diag(mask) @ x[0] @ w,
        ),
        "gradient": Line(
            rf"J_1 = {shown}\tfrac{{1}}{{2}} e^2: \quad \frac{{\partial J_1}}{{\partial w_i}} = "
            + ("" if sign < 0 else "-")
            + r"\delta_i x_i \left(y_d - \sum_k \delta_k w_k x_k\right)",
            lambda v: 2 * v.coefficient * v.error * -(v.mask * v.x[0]),
            gradient(sign, w, x[0], y[0], mask),
            (
                Slip(
                    "sign_lost",
                    "The minus before the sum, which the chain rule brings down, is lost.",
                    lambda v: 2 * v.coefficient * v.error * (v.mask * v.x[0]),
                ),
                Slip(
                    "mask_lost",
                    "The derivative of the sum is taken without the mask.",
                    lambda v: 2 * v.coefficient * v.error * -v.x[0],
                ),
                Slip(
                    "half_lost",
                    "The factor 2 of the square is kept and the ½ before it is lost.",
                    lambda v: 2 * np.sign(v.coefficient) * v.error * -(v.mask * v.x[0]),
                ),
            ),
        ),
        "expected_loss": Line(
            r"\operatorname{E}_\delta\left[\left(y_d - \sum_k \delta_k w_k x_k\right)^2\right] = "
            r"\left(y_d - \sum_k w_k x_k\right)^2 + \sigma^2 \sum_k w_k^2 x_k^2",
            lambda v: (v.y - v.x @ v.w) ** 2 + v.s**2 * (v.x**2 @ v.w**2),
            expected,
            (
                Slip(
                    "mean_mask_only",
                    "The masks are replaced by their mean, as if they had no variance.",
                    lambda v: (v.y - v.x @ v.w) ** 2,
                ),
                Slip(
                    "deviation_for_variance",
                    "The penalty is weighed with σ in place of σ².",
                    lambda v: (v.y - v.x @ v.w) ** 2 + v.s * (v.x**2 @ v.w**2),
                ),
            ),
        ),
        "sampled_loss": Line(
            r"\frac{1}{M} \sum_{m=1}^M \left(y_d - \sum_k \delta_k^{(m)} w_k x_k\right)^2",
            lambda v: v.sampled.mean(),
            expected[0],
            (
                Slip(
                    "no_masks_drawn",
                    "No masks are drawn: the error of the mean mask.",
                    lambda v: (v.y[0] - v.x[0] @ v.w) ** 2,
                ),
            ),
            tolerance=STANDARD_ERRORS * standard_error / expected[0],
        ),
        "minimiser": Line(
            r"w^* = \left(X^\top X + \sigma^2 \operatorname{diag}(X^\top X)\right)^{-1} X^\top y",
            lambda v: penalised(v.x, v.y, v.s**2 * np.diag((v.x**2).sum(axis=0))),
            minimiser(x, y, given.mask_sd),
            (
                Slip(
                    "least_squares",
                    "The penalty is left out.",
                    lambda v: penalised(v.x, v.y, np.zeros((v.x.shape[1],) * 2)),
                ),
                Slip(
                    "equal_penalties",
                    "All weights are penalised alike, as by a plain L2 penalty.",
                    lambda v: penalised(v.x, v.y, v.s**2 * len(v.x) * np.eye(v.x.shape[1])),
                ),
            ),
        ),
        "l2": Line(
            r"\mathrm{loss} = \sum_{i=1}^n \mathrm{Loss}(\hat y_i, y_i) + "
            r"\lambda \sum_{j=1}^m w_j^2",
            lambda v: ((v.y - v.x @ v.w) ** 2).sum() + v.penalty * (v.w**2).sum(),
            posterior(w, x, y, given.penalty),
            (
                Slip(
                    "squares_dropped",
                    "The weights are added up without their squares: the sum can be made as "
                    "negative as one likes and penalises no size.",
                    lambda v: ((v.y - v.x @ v.w) ** 2).sum() + v.penalty * v.w.sum(),
                ),
                Slip(
                    "l1",
                    "The absolute values of the weights are added up: an L1 penalty.",
                    lambda v: ((v.y - v.x @ v.w) ** 2).sum() + v.penalty * np.abs(v.w).sum(),
                ),
            ),
        ),
    }
    return Sheet(exact, lines, shrinking(given, chance))


def squared_error(y: float, x: Array, w: Array, masks: Array) -> Array:
    """(y − Σ δ_k w_k x_k)² for masks δ (m, inputs), as (m,)."""
    return np.asarray((y - masks @ (w * x)) ** 2)


def gradient(sign: int, w: Array, x: Array, y: float, mask: Array) -> Array:
    """The derivative in w of ± half the squared error of one example and mask, by torch."""

    def half(weights: torch.Tensor) -> torch.Tensor:
        output = torch.nn.functional.linear(torch.tensor(mask * x), weights)
        target = torch.tensor(float(y), dtype=torch.float64)
        return sign * torch.nn.functional.mse_loss(output, target) / 2

    return differentiated(half, w)


def quadrature(w: Any, x: Array, y: Array, s: float) -> torch.Tensor:
    """The mean of the squared error over normal masks, for every example, (examples,).

    By Gauss and Hermite's rule in every mask, which is exact for polynomials as low as a square.
    """
    nodes, shares = np.polynomial.hermite_e.hermegauss(3)
    shares = shares / shares.sum()
    weights = torch.as_tensor(w, dtype=torch.float64)
    total = torch.zeros(len(y), dtype=torch.float64)
    for places in product(range(len(nodes)), repeat=x.shape[1]):
        mask = 1 + s * nodes[list(places)]
        outputs = torch.tensor(mask * x, dtype=torch.float64) @ weights
        total = total + np.prod(shares[list(places)]) * (torch.tensor(y) - outputs) ** 2
    return total


def minimiser(x: Array, y: Array, s: float) -> Array:
    """The weights at which the mean over masks is least: one Newton step on it, by torch."""

    def total(w: torch.Tensor) -> torch.Tensor:
        return quadrature(w, x, y, s).sum()

    start = torch.zeros(x.shape[1], dtype=torch.float64)
    slope = torch.autograd.functional.jacobian(total, start)
    hessian = torch.autograd.functional.hessian(total, start)
    return np.asarray(torch.linalg.solve(hessian, -slope).numpy())


def penalised(x: Array, y: Array, penalty: Array) -> Array:
    """(XᵀX + penalty)⁻¹ Xᵀy."""
    return np.asarray(np.linalg.solve(x.T @ x + penalty, x.T @ y), dtype=np.float64)


def posterior(w: Array, x: Array, y: Array, penalty: float) -> float:
    """The loss with its L2 penalty from its meaning: minus a log-density, but for a constant.

    Errors are normal with variance ½, weights normal with variance 1/(2λ).
    """
    weights = torch.tensor(w, dtype=torch.float64)
    errors = torch.tensor(y - x @ w, dtype=torch.float64)
    total = torch.zeros((), dtype=torch.float64)
    for values, variance in ((errors, 0.5), (weights, 1 / (2 * penalty))):
        normal = torch.distributions.Normal(0.0, torch.tensor(variance, dtype=torch.float64).sqrt())
        total = total + (normal.log_prob(torch.zeros_like(values)) - normal.log_prob(values)).sum()
    return float(total)


def shrinking(given: Given, chance: np.random.Generator) -> dict[str, Array]:
    """For a figure: by the masks' s, the minimising weights and the mean squared errors.

    `weights` (s, inputs) are those of one problem; `errors` (problems, s, 2) are of training and of
    new examples, without masks, on many.
    """
    deviations = np.linspace(0, 2, 41)
    x = chance.standard_normal((given.problems, given.examples, given.inputs))
    true = chance.standard_normal((given.problems, given.inputs, 1))
    y = x @ true + given.noise * chance.standard_normal((given.problems, given.examples, 1))
    gram = np.swapaxes(x, 1, 2) @ x
    penalty = deviations[:, None, None] ** 2 * (gram * np.eye(given.inputs))[:, None]
    found = np.linalg.solve(gram[:, None] + penalty, (np.swapaxes(x, 1, 2) @ y)[:, None])
    training = ((y[:, None] - x[:, None] @ found) ** 2).mean(axis=(2, 3))
    # Inputs of new examples are independent with variance 1.
    new = given.noise**2 + ((found - true[:, None]) ** 2).sum(axis=(2, 3))
    errors = np.stack([training, new], axis=2)
    return {"mask_sd": deviations, "weights": found[0, ..., 0], "errors": errors}
