"""One step of back-propagation by hand on a 2-2-2 sigmoid network (report 003, Exercise 6).

The report gives w₅…w₈ for the forward pass and assumes others for the backward pass. Each reading
is worked out with its weights throughout: every product, output, error signal, increment and new
weight, and the updates of the two biases, which the report leaves out. Each bias is shared by the
two neurons of its layer.
"""

from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace
from typing import Literal

import mpmath
import numpy as np
import torch

from retrial.core.models import FrozenModel, Positive
from retrial.worked.hand_forward import forward_lines
from retrial.worked.sheet import DIGITS, Line, Sheet, Slip, Value, number, rational

Four = tuple[float, float, float, float]
Reading = Literal["given", "assumed"]

# Relative to a weight, below the smallest increment by seven orders of magnitude.
WEIGHT_TOLERANCE = 1e-17
# What w₅…w₈ change within the step is a few parts in 10⁹ of the hidden neurons' error signals.
ERROR_TOLERANCE = 1e-12


class Given(FrozenModel):
    """The exercise as stated: inputs, targets, w₁…w₄, both readings of w₅…w₈, biases, rate."""

    inputs: tuple[float, float]
    targets: tuple[float, float]
    hidden_weights: Four
    given_weights: Four
    assumed_weights: Four
    hidden_bias: float
    output_bias: float
    learning_rate: Positive


def sheet(given: Given, chance: np.random.Generator, reading: Reading) -> Sheet:
    """All lines, in rationals up to the first sigmoid and in DIGITS digits from there on."""
    weights, others = given.given_weights, given.assumed_weights
    if reading == "assumed":
        weights, others = others, weights
    stated = {
        "i1": given.inputs[0],
        "i2": given.inputs[1],
        "t1": given.targets[0],
        "t2": given.targets[1],
        "b1": given.hidden_bias,
        "b2": given.output_bias,
        "rate": given.learning_rate,
        **{f"w{n}": w for n, w in enumerate((*given.hidden_weights, *weights), start=1)},
    }
    exact: dict[str, Value] = {name: rational(value) for name, value in stated.items()}
    exact["others"] = [rational(w) for w in others]
    proof = differentiated(stated)
    lines = forward_lines(proof)
    lines |= {f"output_error_{k}": output_error(k, proof) for k in (1, 2)}
    for n in (5, 6, 7, 8):
        lines[f"step_w{n}"] = output_step(n, proof)
        lines[f"new_w{n}"] = new_value(f"w{n}", exact, proof)
    lines |= {f"hidden_error_{j}": hidden_error(j, proof) for j in (1, 2)}
    lines["backward"] = backward_line(weights, proof)
    for n in (1, 2, 3, 4):
        lines[f"step_w{n}"] = hidden_step(n, proof)
        lines[f"new_w{n}"] = new_value(f"w{n}", exact, proof)
    for n, layer in ((1, "hidden"), (2, "output")):
        lines[f"step_b{n}"] = bias_step(n, layer, proof)
        lines[f"new_b{n}"] = new_value(f"b{n}", exact, proof)
    return Sheet(exact, lines)


def output_error(k: int, proof: dict[str, float]) -> Line:
    """δ of an output: the derivative of ½Σ(o − t)² by its weighted sum."""
    o, t = f"o{k}", f"t{k}"
    return Line(
        rf"\delta_{{o_{k}}} = (o_{k} - t_{k})\, o_{k} (1 - o_{k})",
        lambda v: (getattr(v, o) - getattr(v, t)) * getattr(v, o) * (1 - getattr(v, o)),
        proof[f"output_error_{k}"],
        (
            Slip(
                f"target_minus_output_{k}",
                "The difference is taken as target minus output.",
                lambda v: -(getattr(v, o) - getattr(v, t)) * getattr(v, o) * (1 - getattr(v, o)),
            ),
            Slip(
                f"output_slope_dropped_{k}",
                "The slope o(1 − o) of the sigmoid is left out.",
                lambda v: getattr(v, o) - getattr(v, t),
            ),
            Slip(
                f"complement_dropped_{k}",
                "The factor 1 − o of the sigmoid's slope is left out.",
                lambda v: (getattr(v, o) - getattr(v, t)) * getattr(v, o),
            ),
        ),
    )


def output_step(n: int, proof: dict[str, float]) -> Line:
    """The increment of one of w₅…w₈."""
    k, j = (1 if n < 7 else 2), (1 if n % 2 else 2)
    output = (
        f"output_for_hidden_{n}",
        f"The output o{k} stands in place of the hidden activation h{j}.",
        f"o{k}",
    )
    neighbour = (
        f"other_hidden_{n}",
        f"The activation of the other hidden neuron stands in place of h{j}.",
        f"h{3 - j}",
    )
    return weight_step(n, proof, f"o_{k}", f"output_error_{k}", f"h{j}", (output, neighbour))


def hidden_error(j: int, proof: dict[str, float]) -> Line:
    """δ of a hidden neuron, with the weights as they are before the update."""
    a, b, wrong = j + 4, j + 6, 7 - j

    def without_slope(v: SimpleNamespace, first: str = f"w{a}", second: str = f"w{b}") -> Value:
        return v.output_error_1 * getattr(v, first) + v.output_error_2 * getattr(v, second)

    def slope(v: SimpleNamespace) -> Value:
        return getattr(v, f"h{j}") * (1 - getattr(v, f"h{j}"))

    return Line(
        rf"\delta_{{h_{j}}} = h_{j} (1 - h_{j}) "
        rf"\left(\delta_{{o_1}} w_{a} + \delta_{{o_2}} w_{b}\right)",
        lambda v: slope(v) * without_slope(v),
        proof[f"hidden_error_{j}"],
        (
            Slip(
                f"updated_weights_{j}",
                f"The errors are sent back through w{a} and w{b} as they are after the update, "
                "not as they were in the forward pass.",
                lambda v: slope(v) * without_slope(v, f"new_w{a}", f"new_w{b}"),
            ),
            Slip(
                f"row_for_column_{j}",
                f"w{wrong}, which belongs to the other hidden neuron, stands in place of one of "
                f"w{a} and w{b}.",
                lambda v: (
                    slope(v)
                    * (
                        without_slope(v, second=f"w{wrong}")
                        if j == 1
                        else without_slope(v, first=f"w{wrong}")
                    )
                ),
            ),
            Slip(
                f"hidden_slope_dropped_{j}",
                "The slope h(1 − h) of the sigmoid is left out.",
                without_slope,
            ),
            Slip(
                f"hidden_complement_dropped_{j}",
                "The factor 1 − h of the sigmoid's slope is left out.",
                lambda v: getattr(v, f"h{j}") * without_slope(v),
            ),
        ),
        ERROR_TOLERANCE,
    )


def backward_line(weights: Sequence[float], proof: dict[str, float]) -> Line:
    """Both hidden neurons' δ: a backward pass belongs to the weights of its forward pass."""

    def backward(v: SimpleNamespace, w: Sequence[Value]) -> Value:
        back = [v.output_error_1 * w[j] + v.output_error_2 * w[j + 2] for j in (0, 1)]
        return [h * (1 - h) * one for h, one in zip((v.h1, v.h2), back, strict=True)]

    values = ",\\, ".join(f"{w:g}" for w in weights)
    return Line(
        rf"(w_5,\, w_6,\, w_7,\, w_8) = ({values}) \quad "
        r"\text{forward and backward}",
        lambda v: backward(v, [v.w5, v.w6, v.w7, v.w8]),
        [proof["hidden_error_1"], proof["hidden_error_2"]],
        (
            Slip(
                "weights_exchanged",
                "The forward pass is made with one set of weights from the hidden to the output "
                "layer and the backward pass with another: the result is the gradient of no "
                "network.",
                lambda v: backward(v, v.others),
            ),
        ),
    )


def hidden_step(n: int, proof: dict[str, float]) -> Line:
    """The increment of one of w₁…w₄."""
    j, m = (1 if n < 3 else 2), (1 if n % 2 else 2)
    activation = (
        f"hidden_for_input_{n}",
        f"The hidden activation h{j} stands in place of the input i{m}.",
        f"h{j}",
    )
    neighbour = (
        f"other_input_{n}",
        f"The other input stands in place of i{m}.",
        f"i{3 - m}",
    )
    return weight_step(n, proof, f"h_{j}", f"hidden_error_{j}", f"i{m}", (activation, neighbour))


def weight_step(
    n: int,
    proof: dict[str, float],
    neuron: str,
    error: str,
    carried: str,
    mistaken: Sequence[tuple[str, str, str]],
) -> Line:
    """The increment of a weight that carries a value to a neuron.

    `mistaken` names slips: why, and which line stands in place of the one carried.
    """

    def step(v: SimpleNamespace, value: str = carried) -> Value:
        return -v.rate * getattr(v, error) * getattr(v, value)

    exchanged = [Slip(name, why, partial(step, value=other)) for name, why, other in mistaken]
    doubled = Slip(
        f"factor_two_{n}",
        "The error is not halved: a factor 2 remains of the square.",
        lambda v: 2 * step(v),
    )
    return Line(
        rf"\Delta w_{n} = -\eta\, \delta_{{{neuron}}} {carried[0]}_{carried[1]}",
        step,
        -proof["rate"] * proof[f"w{n}"],
        (*exchanged, doubled),
    )


def bias_step(n: int, layer: str, proof: dict[str, float]) -> Line:
    """The increment of a bias, which the two neurons of its layer share."""
    first, second = f"{layer}_error_1", f"{layer}_error_2"
    s = layer[0]
    return Line(
        rf"\Delta b_{n} = -\eta \left(\delta_{{{s}_1}} + \delta_{{{s}_2}}\right)",
        lambda v: -v.rate * (getattr(v, first) + getattr(v, second)),
        -proof["rate"] * proof[f"b{n}"],
        (
            Slip(
                f"bias_of_one_neuron_{n}",
                "Only the first neuron of the layer moves the bias that both share.",
                lambda v: -v.rate * getattr(v, first),
            ),
        ),
    )


def new_value(name: str, exact: dict[str, Value], proof: dict[str, float]) -> Line:
    """A weight or bias after the step."""
    letter, n = name[0], name[1:]
    with mpmath.workdps(DIGITS):
        truth = number(exact[name]) - number(exact["rate"]) * proof[name]
    return Line(
        rf"{letter}_{n}' = {letter}_{n} + \Delta {letter}_{n}",
        lambda v: getattr(v, name) + getattr(v, f"step_{name}"),
        truth,
        (
            Slip(
                f"step_sign_{name}",
                "The increment is taken with the wrong sign.",
                # mpmath adds its numbers to rationals but does not subtract them.
                lambda v: getattr(v, name) + -getattr(v, f"step_{name}"),
            ),
        ),
        WEIGHT_TOLERANCE,
    )


def differentiated(stated: dict[str, float]) -> dict[str, float]:
    """All quantities by matrix products and automatic differentiation of ½Σ(o − t)² in float64.

    Weights and biases stand for their gradients, everything else for its value.
    """
    tensors = {name: torch.tensor(x, dtype=torch.float64) for name, x in stated.items()}
    inputs, targets = (
        torch.stack([tensors[f"{name}1"], tensors[f"{name}2"]]) for name in ("i", "t")
    )
    first, second = (
        torch.stack([tensors[f"w{n}"] for n in range(start, start + 4)]).reshape(2, 2)
        for start in (1, 5)
    )
    b1, b2 = tensors["b1"], tensors["b2"]
    for one in (first, second, b1, b2):
        one.requires_grad_()
    sums = first @ inputs + b1
    hidden = torch.sigmoid(sums)
    output_sums = second @ hidden + b2
    outputs = torch.sigmoid(output_sums)
    error = 0.5 * torch.sum((outputs - targets) ** 2)
    by = torch.autograd.grad(error, (first, second, b1, b2, sums, output_sums))
    numbered: dict[str, torch.Tensor] = {
        "z": torch.cat([sums, output_sums]),
        "h": hidden,
        "p": (second * hidden).flatten(),
        "o": outputs,
        "w": torch.cat([by[0].flatten(), by[1].flatten()]),
        "b": torch.stack(by[2:4]),
        "hidden_error_": by[4],
        "output_error_": by[5],
    }
    found = {
        f"{name}{n}": float(one)
        for name, values in numbered.items()
        for n, one in enumerate(values.tolist(), start=1)
    }
    return found | {"rate": stated["rate"]}
