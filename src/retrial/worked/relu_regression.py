"""One step of gradient descent by hand on ŷ = w₂·ReLU(w₁x + b₁) + b₂ (report 002, A, Q1).

The report states the mean squared error and updates with δ = y − ŷ, which is the gradient of half
of it. Both readings are worked out: `factor` is 2 for the gradient of the mean squared error and 1
for the delta rule.
"""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import torch

from retrial.core.models import FrozenModel, Positive
from retrial.worked.rationals import mean, products
from retrial.worked.sheet import Line, Sheet, Slip, Value, rational

PARAMETERS = ("w1", "b1", "w2", "b2")


class Given(FrozenModel):
    """The exercise as stated: inputs x, targets y, parameters, learning rate."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    w1: float
    b1: float
    w2: float
    b2: float
    learning_rate: Positive


def sheet(given: Given, chance: np.random.Generator, factor: int) -> Sheet:
    """All lines in rationals; proved by automatic differentiation in float64."""
    proof = differentiated(given, factor)
    exact = {
        "x": [rational(x) for x in given.x],
        "y": [rational(y) for y in given.y],
        **{name: rational(getattr(given, name)) for name in PARAMETERS},
        "rate": rational(given.learning_rate),
        "factor": factor,
    }
    count = len(given.x)
    step = rf"\eta\, \tfrac{{{factor}}}{{{count}}} \sum_i"
    lines = {
        "hidden": Line(
            r"a_i = \mathrm{ReLU}(w_1 x_i + b_1)",
            lambda v: activations(v, v.w1, v.b1),
            proof["hidden"],
            (
                Slip(
                    "output_weight_for_hidden_weight",
                    "The weight w2 of the output stands in place of w1.",
                    lambda v: activations(v, v.w2, v.b1),
                ),
            ),
        ),
        "outputs": Line(
            r"\hat y_i = w_2 a_i + b_2",
            lambda v: [v.w2 * a + v.b2 for a in v.hidden],
            proof["outputs"],
            (
                Slip(
                    "output_weight_dropped",
                    "The hidden activation is not multiplied with w2.",
                    lambda v: [a + v.b2 for a in v.hidden],
                ),
            ),
        ),
        "squares": Line(
            r"\sum_i (\hat y_i - y_i)^2",
            lambda v: sum((o - y) ** 2 for o, y in zip(v.outputs, v.y, strict=True)),
            proof["loss"] * count,
            (
                Slip(
                    "not_squared",
                    "The differences are summed without being squared.",
                    lambda v: sum(y - o for o, y in zip(v.outputs, v.y, strict=True)),
                ),
                Slip(
                    "sum_squared",
                    "The sum of the differences is squared in place of each difference.",
                    lambda v: sum(y - o for o, y in zip(v.outputs, v.y, strict=True)) ** 2,
                ),
                Slip(
                    "first_sample_dropped",
                    "The first sample is left out of the sum.",
                    lambda v: sum(
                        (o - y) ** 2 for o, y in zip(v.outputs[1:], v.y[1:], strict=True)
                    ),
                ),
                Slip(
                    "last_sample_dropped",
                    "The last sample is left out of the sum.",
                    lambda v: sum(
                        (o - y) ** 2 for o, y in zip(v.outputs[:-1], v.y[:-1], strict=True)
                    ),
                ),
                Slip(
                    "squares_subtracted",
                    "The squares of targets and outputs are subtracted in place of the square of "
                    "their difference.",
                    lambda v: sum(y**2 - o**2 for o, y in zip(v.outputs, v.y, strict=True)),
                ),
            ),
        ),
        "loss": Line(
            rf"L = \tfrac{{1}}{{{count}}} \sum_i (\hat y_i - y_i)^2",
            lambda v: v.squares / len(v.x),
            proof["loss"],
            (Slip("halved", "The mean is halved as well.", lambda v: v.squares / len(v.x) / 2),),
        ),
        "deltas": Line(
            r"\delta_i = y_i - \hat y_i",
            lambda v: [y - o for o, y in zip(v.outputs, v.y, strict=True)],
            proof["deltas"],
            (
                Slip(
                    "output_minus_target",
                    "The difference is taken as output minus target.",
                    lambda v: [o - y for o, y in zip(v.outputs, v.y, strict=True)],
                ),
            ),
        ),
        "mean_delta": Line(
            rf"\bar\delta = \tfrac{{1}}{{{count}}} \sum_i \delta_i",
            lambda v: mean(v.deltas),
            proof["deltas"].mean(),
            (Slip("sum_for_mean", "The sum is not divided.", lambda v: sum(v.deltas)),),
        ),
        "step_w2": Line(
            rf"\Delta w_2 = {step} \delta_i a_i",
            lambda v: v.rate * v.factor * mean(products(v.deltas, v.hidden)),
            -given.learning_rate * proof["w2"],
            (
                Slip(
                    "output_for_hidden",
                    "The sum weighs each δ with the output ŷ of its sample in place of the "
                    "hidden activation a that the weight multiplies.",
                    lambda v: v.rate * v.factor * mean(products(v.deltas, v.outputs)),
                ),
                Slip(
                    "input_for_hidden",
                    "The sum weighs each δ with the input x in place of the hidden activation a.",
                    lambda v: v.rate * v.factor * mean(products(v.deltas, v.x)),
                ),
                Slip(
                    "product_of_means",
                    "The mean of δ is multiplied with the mean of a, in place of the mean of the "
                    "products.",
                    lambda v: v.rate * v.factor * mean(v.deltas) * mean(v.hidden),
                ),
            ),
        ),
        "new_w2": Line(
            r"w_2' = w_2 + \Delta w_2",
            lambda v: v.w2 + v.step_w2,
            proof["new_w2"],
            (Slip("w2_uphill", "The increment is subtracted.", lambda v: v.w2 - v.step_w2),),
        ),
        "new_b2": Line(
            rf"b_2' = b_2 + {step} \delta_i",
            lambda v: v.b2 + v.rate * v.factor * v.mean_delta,
            proof["new_b2"],
            (
                Slip(
                    "added_to_w1",
                    "The increment of b2 is added to w1.",
                    lambda v: v.w1 + v.rate * v.factor * v.mean_delta,
                ),
            ),
        ),
        "hidden_deltas": Line(
            r"\delta_{1i} = \mathrm{ReLU}'(w_1 x_i + b_1)\, w_2\, \delta_i",
            lambda v: backward(v, v.w2),
            proof["hidden_deltas"],
            (
                Slip(
                    "hidden_weight_for_output_weight",
                    "The error is sent back through w1, which leads into the hidden neuron, in "
                    "place of w2, which leads out of it.",
                    lambda v: backward(v, v.w1),
                ),
                Slip(
                    "updated_output_weight",
                    "The error is sent back through w2 as it is after the update.",
                    lambda v: backward(v, v.new_w2),
                ),
                Slip(
                    "output_weight_left_out",
                    "The error is sent back without the factor w2.",
                    lambda v: backward(v, 1),
                ),
            ),
        ),
        "mean_hidden_delta": Line(
            rf"\bar\delta_1 = \tfrac{{1}}{{{count}}} "
            r"\sum_i \mathrm{ReLU}'(w_1 x_i + b_1)\, w_2\, \delta_i",
            lambda v: mean(v.hidden_deltas),
            proof["hidden_deltas"].mean(),
            (Slip("hidden_sum", "The sum is not divided.", lambda v: sum(v.hidden_deltas)),),
        ),
        "new_w1": Line(
            rf"w_1' = w_1 + {step} \delta_{{1i}} x_i",
            lambda v: v.w1 + v.rate * v.factor * mean(products(v.hidden_deltas, v.x)),
            proof["new_w1"],
            (
                Slip(
                    "first_input_for_all",
                    "The mean hidden δ is multiplied with the first input, in place of the mean "
                    "of the products of all three.",
                    lambda v: v.w1 + v.rate * v.factor * v.mean_hidden_delta * v.x[0],
                ),
                Slip(
                    "input_product_of_means",
                    "The mean hidden δ is multiplied with the mean input, in place of the mean "
                    "of the products.",
                    lambda v: v.w1 + v.rate * v.factor * v.mean_hidden_delta * mean(v.x),
                ),
                Slip(
                    "hidden_weight_and_first_input",
                    "Two changes at once: the error is sent back through w1 in place of w2, and "
                    "its mean is multiplied with the first input alone.",
                    lambda v: v.w1 + v.rate * v.factor * mean(backward(v, v.w1)) * v.x[0],
                    single=False,
                ),
            ),
        ),
        "new_b1": Line(
            rf"b_1' = b_1 + {step} \delta_{{1i}}",
            lambda v: v.b1 + v.rate * v.factor * v.mean_hidden_delta,
            proof["new_b1"],
            (
                Slip(
                    "sum_in_b1",
                    "The sum of the hidden δ is not divided.",
                    lambda v: v.b1 + v.rate * v.factor * sum(v.hidden_deltas),
                ),
            ),
        ),
        "new_outputs": Line(
            r"\hat y_i' = w_2' \mathrm{ReLU}(w_1' x_i + b_1') + b_2'",
            lambda v: predictions(v, v.new_w1, v.new_b1, v.new_w2, v.new_b2),
            proof["new_outputs"],
            (
                Slip(
                    "output_bias_not_added",
                    "The new b2 is left out.",
                    lambda v: predictions(v, v.new_w1, v.new_b1, v.new_w2, 0),
                ),
                Slip(
                    "hidden_bias_not_added",
                    "The new b1 is left out.",
                    lambda v: predictions(v, v.new_w1, 0, v.new_w2, v.new_b2),
                ),
            ),
        ),
        "new_loss": Line(
            rf"L' = \tfrac{{1}}{{{count}}} \sum_i (\hat y_i' - y_i)^2",
            lambda v: loss_of(v, v.new_outputs),
            proof["new_loss"],
            (
                Slip(
                    "only_w2_learns",
                    "Only w2 is replaced by its new value.",
                    lambda v: loss_of(v, predictions(v, v.w1, v.b1, v.new_w2, v.b2)),
                ),
            ),
        ),
        "decreases": Line(
            r"L' < L",
            lambda v: v.new_loss < v.loss,
            bool(proof["new_loss"] < proof["loss"]),
            (
                Slip(
                    "uphill",
                    "All four increments are taken with the wrong sign.",
                    lambda v: (
                        loss_of(
                            v,
                            predictions(
                                v,
                                *(2 * getattr(v, p) - getattr(v, f"new_{p}") for p in PARAMETERS),
                            ),
                        )
                        < v.loss
                    ),
                ),
            ),
        ),
    }
    return Sheet(exact, lines)


def differentiated(given: Given, factor: int) -> dict[str, Value]:
    """Outputs, loss, gradients and one step by torch, for factor/2 times the mean squared error.

    The δ are those of ½Σ(ŷ − y)², with the sign of a descent.
    """
    tensors = {
        name: torch.tensor(getattr(given, name), dtype=torch.float64, requires_grad=True)
        for name in PARAMETERS
    }
    x, y = (torch.tensor(one, dtype=torch.float64) for one in (given.x, given.y))

    def forward() -> tuple[torch.Tensor, ...]:
        sums = tensors["w1"] * x + tensors["b1"]
        hidden = torch.relu(sums)
        outputs = tensors["w2"] * hidden + tensors["b2"]
        return sums, hidden, outputs, torch.nn.functional.mse_loss(outputs, y)

    sums, hidden, outputs, loss = forward()
    found = {"hidden": hidden, "outputs": outputs, "loss": loss}
    half = 0.5 * torch.sum((outputs - y) ** 2)
    by_sums, by_outputs = torch.autograd.grad(half, (sums, outputs), retain_graph=True)
    found |= {"deltas": -by_outputs, "hidden_deltas": -by_sums}
    gradients = torch.autograd.grad(loss * factor / 2, list(tensors.values()))
    found |= dict(zip(tensors, gradients, strict=True))
    with torch.no_grad():
        for tensor, gradient in zip(tensors.values(), gradients, strict=True):
            tensor -= given.learning_rate * gradient
    _, _, new_outputs, new_loss = forward()
    found |= {"new_outputs": new_outputs, "new_loss": new_loss}
    found |= {f"new_{name}": tensor for name, tensor in tensors.items()}
    return {name: value.detach().numpy() for name, value in found.items()}


def activations(v: SimpleNamespace, weight: Fraction, bias: Fraction) -> list[Fraction]:
    """The hidden activation of each sample."""
    return [relu(weight * x + bias) for x in v.x]


def backward(v: SimpleNamespace, weight: Fraction | int) -> list[Fraction]:
    """The hidden δ of each sample when the error is sent back through `weight`."""
    return [weight * d if a > 0 else Fraction(0) for a, d in zip(v.hidden, v.deltas, strict=True)]


def predictions(
    v: SimpleNamespace, w1: Fraction, b1: Fraction | int, w2: Fraction, b2: Fraction | int
) -> list[Fraction]:
    """The output for each sample, of a network with these parameters."""
    return [w2 * relu(w1 * x + b1) + b2 for x in v.x]


def loss_of(v: SimpleNamespace, outputs: list[Fraction]) -> Fraction:
    """The mean squared error of some outputs."""
    return mean([(o - y) ** 2 for o, y in zip(outputs, v.y, strict=True)])


def relu(z: Fraction) -> Fraction:
    """The larger of z and 0."""
    return max(Fraction(0), z)
