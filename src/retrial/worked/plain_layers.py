"""Layers without activations, and the derivatives of the sigmoid and of ReLU (report 000, Q1 a, b).

A stack of linear layers is one linear layer, and with two outputs one threshold unit: the collapsed
weights and bias against the stack itself, run layer by layer on random inputs. The derivatives of
both activations, alone and through a chain of layers, against automatic differentiation, and how
far from zero the sigmoid's lasts.
"""

import math
from itertools import pairwise
from types import SimpleNamespace
from typing import Annotated

import mpmath
import numpy as np
import torch
from pydantic import Field

from retrial.core.models import Count, FrozenModel, Positive
from retrial.worked.differentiate import Function, differentiated
from retrial.worked.functions import sigmoid
from retrial.worked.sheet import DIGITS, Line, Sheet, Slip, number, rational

# Where the figure of the derivatives is drawn.
DRAWN = np.linspace(-8, 8, 321)


class Given(FrozenModel):
    """Sizes of random inputs.

    `widths` are those of the linear layers, inputs first; `spread` the standard deviation of the
    points at which derivatives are taken; `share` the part of its largest value down to which the
    sigmoid's derivative counts as left; `depth` the length of a chain of activations.
    """

    widths: Annotated[tuple[Count, ...], Field(min_length=4)]
    inputs: Count
    points: Count
    spread: Positive
    share: Annotated[float, Field(gt=0, lt=0.25)]
    depth: Count


def sheet(given: Given, chance: np.random.Generator) -> Sheet:
    """The stack in float64, the sigmoid's largest derivative and its reach exactly."""
    weights = [chance.standard_normal((n, m)) for m, n in pairwise(given.widths)]
    biases = [chance.standard_normal(n) for n in given.widths[1:]]
    inputs = chance.standard_normal((given.inputs, given.widths[0]))
    # A point at zero has no derivative of ReLU; a normal draw is never exactly there.
    points = given.spread * chance.standard_normal(given.points)
    start = abs(points[0])
    stack = layer_by_layer(weights, biases, inputs)
    exact = {
        "weights": weights,
        "biases": biases,
        "inputs": inputs,
        "points": points,
        "start": start,
        "share": rational(given.share),
        "depth": given.depth,
    }
    lines = {
        "weight": Line(
            r"W = W_L W_{L-1} \cdots W_1 = \frac{\partial f}{\partial x}",
            lambda v: product(v.weights, np.eye(v.inputs.shape[1])),
            jacobian(weights, biases, inputs[0]),
            (
                Slip(
                    "activation_left_in",
                    "A ReLU stays between the layers: its mask at the input enters the product, "
                    "which then is another one for other inputs.",
                    lambda v: masked_product(v.weights, v.biases, v.inputs[0]),
                ),
            ),
        ),
        "bias": Line(
            r"b = \sum_{l=1}^{L} W_L \cdots W_{l+1} b_l",
            lambda v: sum(product(v.weights[i + 1 :], b) for i, b in enumerate(v.biases)),
            layer_by_layer(weights, biases, np.zeros((1, given.widths[0])))[0],
            (
                Slip(
                    "last_bias_only",
                    "The biases of all layers but the last are dropped.",
                    lambda v: v.biases[-1],
                ),
            ),
        ),
        "outputs": Line(
            r"W_L(\cdots(W_1 x + b_1)\cdots) + b_L = W x + b",
            lambda v: v.inputs @ v.weight.T + v.bias,
            stack,
            (
                Slip(
                    "no_bias",
                    "The collapsed layer is taken without its bias.",
                    lambda v: v.inputs @ v.weight.T,
                ),
            ),
        ),
        "classes": Line(
            r"[\,f_2(x) > f_1(x)\,] = [\,(w_2 - w_1)^\top x + b_2 - b_1 > 0\,]",
            lambda v: v.inputs @ (v.weight[1] - v.weight[0]) + v.bias[1] - v.bias[0] > 0,
            np.argsort(stack[:, :2], axis=1)[:, 1] == 1,
            (
                Slip(
                    "wrong_sign",
                    "The outputs' weights and biases are subtracted the other way round.",
                    lambda v: v.inputs @ (v.weight[0] - v.weight[1]) + v.bias[0] - v.bias[1] > 0,
                ),
            ),
        ),
        "derivatives": Line(
            r"\sigma'(z) = \sigma(z)\left(1 - \sigma(z)\right) \le \min\left(\tfrac{1}{4}, "
            r"e^{-|z|}\right), \quad \mathrm{ReLU}'(z) = [z > 0]",
            lambda v: derivatives(sigmoid(v.points) * (1 - sigmoid(v.points)), v.points > 0, v),
            np.stack([differentiated(torch.sigmoid, points), differentiated(torch.relu, points),
                      np.ones(given.points)]),
            (
                Slip(
                    "no_complement",
                    "The factor 1 − σ is dropped: the sigmoid itself for its derivative, which "
                    "does not vanish on the right.",
                    lambda v: derivatives(sigmoid(v.points), v.points > 0, v),
                ),
                Slip(
                    "passes_both_sides",
                    "ReLU's derivative is taken to be one on the negative side too.",
                    lambda v: derivatives(
                        sigmoid(v.points) * (1 - sigmoid(v.points)), v.points > -np.inf, v
                    ),
                ),
            ),
        ),
        "largest": Line(
            r"\max_z \sigma'(z) = \sigma'(0)",
            lambda v: rational(0.5) * (1 - rational(0.5)),
            differentiated(torch.sigmoid, DRAWN).max(),
            (
                Slip(
                    "largest_of_output",
                    "The factor 1 − σ(0) is dropped.",
                    lambda v: rational(0.5),
                ),
            ),
        ),
        "reach": Line(
            r"|z| \;\text{with}\; \sigma'(z) = s\,\sigma'(0)",
            lambda v: logit((1 + mpmath.sqrt(number(1 - v.share))) / 2),
            searched_reach(given.share),
            (
                Slip(
                    "share_of_one",
                    "The share is taken of one and not of the largest derivative.",
                    lambda v: logit((1 + mpmath.sqrt(number(1 - 4 * v.share))) / 2),
                ),
            ),
        ),
        "ceiling": Line(
            r"\prod_{l=1}^{L} \sigma'(z_l) \le 4^{-L}",
            lambda v: [v.largest ** (i + 1) for i in range(v.depth)],
            # A bias of −1/2 keeps every layer at z = 0, where the derivative is largest.
            chained(lambda a: torch.sigmoid(a - 0.5), 0.5, given.depth),
            (
                Slip(
                    "output_for_derivative",
                    "Each layer passes its output σ(0) in place of its derivative.",
                    lambda v: [rational(0.5) ** (i + 1) for i in range(v.depth)],
                ),
            ),
        ),
        "sigmoid_chain": Line(
            r"\frac{\partial a_L}{\partial a_0} = \prod_{l=1}^{L} a_l (1 - a_l), "
            r"\quad a_l = \sigma(a_{l-1})",
            lambda v: np.cumprod([a * (1 - a) for a in activations(v.start, v.depth)]),
            chained(torch.sigmoid, start, given.depth),
            (
                Slip(
                    "last_layer_only",
                    "The chain rule's product is left out: the derivative of the last layer only.",
                    lambda v: np.array([a * (1 - a) for a in activations(v.start, v.depth)]),
                ),
            ),
        ),
        "relu_chain": Line(
            r"\frac{\partial a_L}{\partial a_0} = 1 \;\text{for}\; a_0 > 0, "
            r"\quad a_l = \mathrm{ReLU}(a_{l-1})",
            lambda v: np.full(v.depth, v.start > 0),
            chained(torch.relu, start, given.depth),
            (
                Slip(
                    "negative_side",
                    "The chain is entered on the negative side, where nothing passes.",
                    lambda v: np.full(v.depth, -v.start > 0),
                ),
            ),
        ),
    }  # fmt: skip
    arrays = {
        "z": DRAWN,
        "sigmoid_derivative": differentiated(torch.sigmoid, DRAWN),
        "relu_derivative": (DRAWN > 0).astype(float),
        "ceiling": np.array([0.25 ** (i + 1) for i in range(given.depth)]),
        "sigmoid_chain": chained(torch.sigmoid, start, given.depth),
        "relu_chain": chained(torch.relu, start, given.depth),
    }
    return Sheet(exact, lines, arrays)


def product(weights: list[np.ndarray], last: np.ndarray) -> np.ndarray:
    """W_L ⋯ W_1 · `last`, of the matrix W_1 first in the list."""
    for weight in weights:
        last = weight @ last
    return last


def masked_product(
    weights: list[np.ndarray], biases: list[np.ndarray], x: np.ndarray
) -> np.ndarray:
    """The product with the mask of a ReLU after every layer but the last, at the input `x`."""
    found, a = np.eye(len(x)), x
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        z = weight @ a + bias
        mask = z > 0 if i < len(weights) - 1 else np.ones(len(z), bool)
        found, a = mask[:, None] * (weight @ found), np.where(mask, z, 0)
    return found


def layer_by_layer(
    weights: list[np.ndarray], biases: list[np.ndarray], inputs: np.ndarray
) -> np.ndarray:
    """(n, outputs) of the stack, each layer applied to the outputs of the one below."""
    a = inputs
    for weight, bias in zip(weights, biases, strict=True):
        a = a @ weight.T + bias
    return a


def jacobian(weights: list[np.ndarray], biases: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """The Jacobian of the stack at one input, by automatic differentiation."""

    def stack(a: torch.Tensor) -> torch.Tensor:
        for weight, bias in zip(weights, biases, strict=True):
            a = torch.nn.functional.linear(a, torch.from_numpy(weight), torch.from_numpy(bias))
        return a

    found: torch.Tensor = torch.autograd.functional.jacobian(stack, torch.from_numpy(x))
    return np.asarray(found)


def logit(y: mpmath.mpf) -> mpmath.mpf:
    """The z whose sigmoid is y."""
    return mpmath.log(y / (1 - y))


def derivatives(of_sigmoid: np.ndarray, of_relu: np.ndarray, v: SimpleNamespace) -> np.ndarray:
    """(3, points): both derivatives, and whether the sigmoid's keeps below 1/4 and e^−|z|."""
    bound = np.minimum(0.25, np.exp(-np.abs(v.points)))
    return np.stack([of_sigmoid, of_relu, of_sigmoid <= bound])


def activations(start: float, depth: int) -> list[float]:
    """The outputs of a chain of sigmoids with weights of one and no biases."""
    found = []
    for _ in range(depth):
        start = 1 / (1 + math.exp(-start))
        found.append(start)
    return found


def chained(layer: Function, start: float, depth: int) -> np.ndarray:
    """(depth,) derivatives of a chain of layers by its input, for one layer up to `depth`."""
    first = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    found, a = [], first
    for _ in range(depth):
        a = layer(a)
        found.append(torch.autograd.grad(a, first, retain_graph=True)[0].item())
    return np.array(found)


def searched_reach(share: float) -> mpmath.mpf:
    """Where the sigmoid's numerical derivative has fallen to a share of its largest, by search."""

    def above(z: mpmath.mpf) -> mpmath.mpf:
        slope = mpmath.diff(lambda t: 1 / (1 + mpmath.exp(-t)), z)
        return slope - number(rational(share)) / 4

    with mpmath.workdps(DIGITS):
        return mpmath.findroot(above, (0, 20), solver="anderson", tol=1e-30)
