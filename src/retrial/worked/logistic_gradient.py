"""Gradients of logistic regression with every line on the way (report 001, theory, question 1).

The report differentiates the cross-entropy of ŷ = σ(w·x + b) by the weights and by the bias, sets
the gradients to zero and states the update rules. Each of its lines is checked on random data. At
the end stands what a gradient of zero does say: the sum of (ŷ − y)x is zero, while no single ŷ of
a model with finite weights can equal a label.
"""

import numpy as np
import torch

from retrial.core.models import Count, FrozenModel, Positive
from retrial.worked.differentiate import gradient
from retrial.worked.sheet import Line, Sheet, Slip, Value


class Given(FrozenModel):
    """Sizes of the random data; the counterexample; the overlapping classes of the figure.

    `positives` and `sizes` count the samples with y = 1, and all samples, at x = 0 and at x = 1.
    `apart` is the distance of the two classes' means, in standard deviations.
    """

    samples: Count
    features: Count
    learning_rate: Positive
    positives: tuple[Count, Count]
    sizes: tuple[Count, Count]
    figure_samples: Count
    apart: Positive


def sheet(given: Given, chance: np.random.Generator) -> Sheet:
    """All lines on random weights, inputs and labels, in float64."""
    x = chance.normal(size=(given.samples, given.features))
    y = chance.permutation(np.arange(given.samples) % 2).astype(float)
    w, b = chance.normal(size=given.features), chance.normal()
    proof = differentiated(x, y, w, b, given.learning_rate)
    few_x, few_y = counterexample(given)
    known = {
        "x": x, "y": y, "w": w, "b": b, "rate": given.learning_rate,
        "few_x": few_x, "few_y": few_y,
    }  # fmt: skip
    lines = {
        "outputs": Line(
            r"\hat y(x_n) = \frac{1}{1+e^{-(w x_n+b)}}",
            lambda v: 1 / (1 + np.exp(-(v.x @ v.w + v.b))),
            proof["outputs"],
        ),
        "slopes": Line(
            r"f'(x) = f(x)(1-f(x))",
            lambda v: v.outputs * (1 - v.outputs),
            proof["slopes"],
        ),
        **weight_lines(proof),
        **bias_lines(proof),
        "stationary": Line(
            r"\sum_n (\hat y(x_n) - y_n)\,x_n = 0, \quad \sum_n (\hat y(x_n) - y_n) = 0",
            lambda v: [v.few_y[v.few_x == one].mean() for one in v.few_x],
            fitted(few_x[:, None], few_y)[0],
            (
                Slip(
                    "term_by_term",
                    "The sum is dropped: it is zero where the residuals of the samples balance, "
                    "but each residual is taken to be zero by itself.",
                    lambda v: [v.few_y[[n]].mean() for n in range(len(v.few_x))],
                ),
            ),
            tolerance=1e-8,
        ),
    }
    return Sheet(known, lines, overlapping(given, chance))


def weight_lines(proof: dict[str, Value]) -> dict[str, Line]:
    """From the two terms of the loss to the update of the weights."""
    return {
        "first_term": Line(
            r"\frac{\partial}{\partial w_j}\left(y_n \ln \hat y(x_n)\right) = "
            r"y_n(1-\hat y(x_n))\,x_{n,j}",
            lambda v: (v.y * (1 - v.outputs))[:, None] * v.x,
            proof["first_term"],
        ),
        "second_term": Line(
            r"\frac{\partial}{\partial w_j}\left((1-y_n) \ln(1-\hat y(x_n))\right) = "
            r"\hat y(x_n)(1-y_n)(-x_{n,j})",
            lambda v: (v.outputs * (1 - v.y))[:, None] * -v.x,
            proof["second_term"],
            (
                Slip(
                    "inner_derivative_sign",
                    "The minus sign of the inner derivative of 1 − ŷ is lost.",
                    lambda v: (v.outputs * (1 - v.y))[:, None] * v.x,
                ),
            ),
        ),
        "terms_added": Line(
            r"\frac{\partial E}{\partial w_j} = -\sum_n \left(y_n(1-\hat y(x_n))\,x_{n,j} + "
            r"\hat y(x_n)(1-y_n)(-x_{n,j})\right)",
            lambda v: -np.sum(v.first_term + v.second_term, axis=0),
            proof["gradient_w"],
            (
                Slip(
                    "product_for_sum",
                    "The plus sign between the two terms is lost, and they are multiplied.",
                    lambda v: -np.sum(v.first_term * v.second_term, axis=0),
                ),
            ),
        ),
        "intermediate": Line(
            r"\frac{\partial E}{\partial w_j} = "
            r"\sum_n x_{n,j}\left(-y_n(1-\hat y(x_n)) + \hat y(x_n)(1-y_n)\right)",
            lambda v: v.x.T @ (-v.y * (1 - v.outputs) + v.outputs * (1 - v.y)),
            proof["gradient_w"],
            (
                Slip(
                    "minus_kept",
                    "The minus sign has been taken into the bracket and still stands before the "
                    "sum; the line that follows from this one is Σ x(y − ŷ).",
                    lambda v: -v.x.T @ (-v.y * (1 - v.outputs) + v.outputs * (1 - v.y)),
                ),
            ),
        ),
        "gradient_w": Line(
            r"\frac{\partial E}{\partial w_j} = \sum_n x_{n,j}(\hat y(x_n) - y_n)",
            lambda v: v.x.T @ (v.outputs - v.y),
            proof["gradient_w"],
            (
                Slip(
                    "residual_sign",
                    "Output and label are exchanged in the residual.",
                    lambda v: v.x.T @ (v.y - v.outputs),
                ),
            ),
        ),
        "condition": Line(
            r"\sum_n \left(\frac{1}{1+e^{-(w x_n+b)}} - y_n\right) x_n = 0",
            lambda v: (1 / (1 + np.exp(-(v.x @ v.w + v.b))) - v.y) @ v.x,
            proof["gradient_w"],
            (
                Slip(
                    "minus_before_exponential",
                    "The minus sign of the sigmoid's exponent stands before the exponential: "
                    "1 − e^z for 1 + e^−z, which has a pole at z = 0 and never lies between "
                    "0 and 1.",
                    lambda v: (1 / (1 + -np.exp(v.x @ v.w + v.b)) - v.y) @ v.x,
                ),
            ),
        ),
        "step_w": Line(
            r"w_t = w_{t-1} - \eta \sum_n (\hat y(x_n) - y_n)\,x_n",
            lambda v: v.w - v.rate * v.gradient_w,
            proof["step_w"],
            (
                Slip(
                    "weights_ascend",
                    "The step goes along the gradient, up the loss.",
                    lambda v: v.w + v.rate * v.gradient_w,
                ),
            ),
        ),
    }


def bias_lines(proof: dict[str, Value]) -> dict[str, Line]:
    """The same for the bias."""
    return {
        "first_term_b": Line(
            r"\frac{\partial}{\partial b}\left(y_n \ln \hat y(x_n)\right) = y_n(1-\hat y(x_n))",
            lambda v: v.y * (1 - v.outputs),
            proof["first_term_b"],
        ),
        "second_term_b": Line(
            r"\frac{\partial}{\partial b}\left((1-y_n) \ln(1-\hat y(x_n))\right) = "
            r"-\frac{1-y_n}{1-\hat y(x_n)}\,\hat y(x_n)(1-\hat y(x_n)) = \hat y(x_n)(y_n-1)",
            lambda v: -(1 - v.y) / (1 - v.outputs) * v.slopes,
            proof["second_term_b"],
            (
                Slip(
                    "inner_derivative_sign_b",
                    "The minus sign of the inner derivative of 1 − ŷ is lost.",
                    lambda v: (1 - v.y) / (1 - v.outputs) * v.slopes,
                ),
            ),
        ),
        "gradient_b": Line(
            r"\frac{\partial E}{\partial b} = -\sum_n (y_n - \hat y(x_n))",
            lambda v: -np.sum(v.y - v.outputs),
            proof["gradient_b"],
        ),
        "step_b": Line(
            r"b_t = b_{t-1} + \eta \sum_n (y_n - \hat y(x_n))",
            lambda v: v.b + v.rate * np.sum(v.y - v.outputs),
            proof["step_b"],
            (
                Slip(
                    "bias_ascends",
                    "The step goes along the gradient, up the loss.",
                    lambda v: v.b - v.rate * np.sum(v.y - v.outputs),
                ),
            ),
        ),
    }


def differentiated(
    x: np.ndarray, y: np.ndarray, w: np.ndarray, b: float, rate: float
) -> dict[str, Value]:
    """Terms, gradients and steps by torch, from nothing but the loss."""
    inputs, labels = torch.tensor(x), torch.tensor(y)
    weights = torch.tensor(w, requires_grad=True)
    bias = torch.tensor(b, dtype=torch.float64, requires_grad=True)

    def terms(weights: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        z = inputs @ weights + bias
        log = torch.nn.functional.logsigmoid
        # 1 − σ(z) = σ(−z).
        return labels * log(z), (1 - labels) * log(-z)

    by_term = torch.autograd.functional.jacobian(terms, (weights, bias))
    first, second = terms(weights, bias)
    by_weights, by_bias = torch.autograd.grad(-torch.sum(first + second), (weights, bias))
    z = inputs @ weights + bias
    found = {
        "outputs": torch.sigmoid(z),
        "slopes": gradient(torch.sigmoid, z),
        "first_term": by_term[0][0],
        "second_term": by_term[1][0],
        "first_term_b": by_term[0][1],
        "second_term_b": by_term[1][1],
        "gradient_w": by_weights,
        "gradient_b": by_bias,
        "step_w": weights - rate * by_weights,
        "step_b": bias - rate * by_bias,
    }
    return {name: value.detach().numpy() for name, value in found.items()}


def counterexample(given: Given) -> tuple[np.ndarray, np.ndarray]:
    """Samples at x = 0 and x = 1 with both labels at each place: (n,) x and (n,) y."""
    x = np.repeat([0.0, 1.0], given.sizes)
    y = [
        float(i < ones)
        for ones, size in zip(given.positives, given.sizes, strict=True)
        for i in range(size)
    ]
    return x, np.array(y)


def fitted(x: np.ndarray, y: np.ndarray, steps: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Logistic regression on (n, d) x without penalty: (n,) outputs, (d + 1,) weights, bias last.

    Newton's method on derivatives by torch. Classes that can be separated have no finite solution.
    """
    inputs = torch.tensor(np.column_stack([x, np.ones(len(x))]))
    labels = torch.tensor(y)

    def loss(weights: torch.Tensor) -> torch.Tensor:
        z = inputs @ weights
        return torch.sum(torch.nn.functional.softplus(z) - labels * z)

    weights = torch.zeros(inputs.shape[1], dtype=torch.float64)
    for _ in range(steps):
        slope = torch.autograd.functional.jacobian(loss, weights)
        if float(slope.abs().max()) < 1e-12:
            break
        hessian = torch.autograd.functional.hessian(loss, weights)
        weights = weights - torch.linalg.solve(hessian, slope)
    return torch.sigmoid(inputs @ weights).numpy(), weights.numpy()


def overlapping(given: Given, chance: np.random.Generator) -> dict[str, np.ndarray]:
    """Two overlapping normal classes on a line and the model fitted to them, for the figure."""
    y = np.arange(given.figure_samples) % 2
    x = chance.normal(size=given.figure_samples) + given.apart * (y - 0.5)
    outputs, weights = fitted(x[:, None], y.astype(float))
    return {"x": x, "y": y.astype(float), "outputs": outputs, "weights": weights}
