"""The chain rule through sigmoid, sigmoid and softmax (report 000, question 2, part a).

The report calls the desired output O and the network's own output Y, states
loss = −Σᵢ yᵢ log Oᵢ, and multiplies Jacobians down to the first layer. The factors are checked one
by one and the whole product against automatic differentiation. Both readings of the loss are
worked out: "printed" takes it as it stands; "exchanged" gives y and O the roles that they have in
the usual cross-entropy, −Σᵢ Oᵢ log yᵢ.

The printed product holds the weight matrices untransposed, so it is defined only where both hidden
layers are as wide as the output; the networks here are. All vectors are columns (n, 1).
"""

from typing import Literal, NamedTuple

import numpy as np
import torch
from torch.autograd.functional import jacobian

from retrial.core.models import Count, FrozenModel
from retrial.worked.functions import sigmoid, softmax
from retrial.worked.sheet import Line, Sheet, Slip, Value

Reading = Literal["printed", "exchanged"]

OUTPUTS = 2
UNTRANSPOSED = "The weight matrix is not transposed: the error is carried back as if it were input."


class Given(FrozenModel):
    """Widths of the network, and of how many random networks the figure shows the angles."""

    inputs: Count
    hidden: tuple[Count, Count]
    networks: Count


class Network(NamedTuple):
    """Weights (to, from), biases (n, 1), input x and desired output (2, 1), entries in (0, 1)."""

    w1: np.ndarray
    b1: np.ndarray
    w2: np.ndarray
    b2: np.ndarray
    w3: np.ndarray
    b3: np.ndarray
    x: np.ndarray
    desired: np.ndarray


class Forward(NamedTuple):
    """Sums z, activations a, and the output y of the softmax, all as columns."""

    z1: np.ndarray
    a1: np.ndarray
    z2: np.ndarray
    a2: np.ndarray
    z3: np.ndarray
    y: np.ndarray


def sheet(given: Given, chance: np.random.Generator, reading: Reading) -> Sheet:
    """The whole chain on a random network, in float64."""
    network = random_network(given, chance)
    proof = differentiated(network, reading)
    lines = {
        "output": Line(
            r"Y = \operatorname{softmax}(Z^{(3)})",
            lambda v: softmax(v.z3, axis=-2),
            proof["y"],
        ),
        "d_output": loss_gradient(reading, proof["d_y"]),
        "softmax_jacobian": Line(
            r"\nabla_{\mathrm{Softmax}}(z) = \frac{e^{z_1+z_2}}{(e^{z_1}+e^{z_2})^2}"
            r"\begin{bmatrix} 1 & -1 \\ -1 & 1 \end{bmatrix}",
            lambda v: softmax_jacobian(v.z3),
            proof["softmax_jacobian"],
            (
                Slip(
                    "off_diagonal_sign",
                    "The entries off the diagonal have lost their minus sign.",
                    lambda v: np.abs(softmax_jacobian(v.z3)),
                ),
            ),
        ),
        "sigmoid_jacobian": Line(
            r"\nabla_{\mathrm{Sigmoid}}(z) = \operatorname{diag}"
            r"\left(\sigma(z_i)(1-\sigma(z_i))\right)",
            lambda v: sigmoid_jacobian(v.z2),
            proof["sigmoid_jacobian"],
            (
                Slip(
                    "activation_for_slope",
                    "The factor 1 − σ is dropped: the activation stands for its slope.",
                    lambda v: sigmoid(v.z2) * np.eye(len(v.z2)),
                ),
            ),
        ),
        "d_z3": Line(
            r"\frac{\partial L}{\partial Z^{(3)}} = \nabla_{\mathrm{Softmax}}(Z^{(3)})"
            r"\,\frac{\partial L}{\partial Y}",
            lambda v: v.softmax_jacobian @ v.d_output,
            proof["d_z3"],
        ),
        "d_z2": Line(
            r"\frac{\partial L}{\partial Z^{(2)}} = \nabla_{\mathrm{Sigmoid}}(Z^{(2)})"
            r"\,W^{(3)\top}\,\frac{\partial L}{\partial Z^{(3)}}",
            lambda v: v.sigmoid_jacobian @ v.w3.T @ v.d_z3,
            proof["d_z2"],
            (
                Slip(
                    "w3_untransposed", UNTRANSPOSED, lambda v: v.sigmoid_jacobian @ v.w3 @ v.d_z3
                ),
            ),
        ),
        "d_z1": Line(
            r"\frac{\partial L}{\partial Z^{(1)}} = \nabla_{\mathrm{Sigmoid}}(Z^{(1)})"
            r"\,W^{(2)\top}\,\frac{\partial L}{\partial Z^{(2)}}",
            lambda v: sigmoid_jacobian(v.z1) @ v.w2.T @ v.d_z2,
            proof["d_z1"],
            (
                Slip(
                    "w2_untransposed",
                    UNTRANSPOSED,
                    lambda v: sigmoid_jacobian(v.z1) @ v.w2 @ v.d_z2,
                ),
            ),
        ),
        "d_w1": Line(
            r"\frac{\partial L}{\partial W^{(1)}} = " + typeset_chain(reading) + r"\,X^\top",
            lambda v: backward(network, v.d_output) @ v.x.T,
            proof["d_w1"],
            (
                Slip(
                    "chain_untransposed",
                    "Neither weight matrix is transposed.",
                    lambda v: printed_backward(network, v.d_output) @ v.x.T,
                    single=False,
                ),
                Slip(
                    "chain_as_printed",
                    f"Here {astray(reading)} and neither weight matrix is transposed, so that the "
                    "product is defined only for hidden layers as wide as the output.",
                    lambda v: printed_backward(network, np.log(v.desired)) @ v.x.T,
                    single=False,
                ),
            ),
        ),
        "first_row": Line(
            r"\frac{\partial L}{\partial w^{(1)}_{11}} = " + typeset_chain(reading, r"^{[1]}")
            + r"\,x_1, \quad \frac{\partial L}{\partial b^{(1)}_1} = "
            + typeset_chain(reading, r"^{[1]}"),
            lambda v: weight_and_bias(backward(network, v.d_output, rows=slice(1)), v.x),
            proof["first_weight_and_bias"],
            (
                Slip(
                    "row_as_printed",
                    "That the first row is enough is right, but the product is that of the whole "
                    f"chain: {astray(reading)} and neither weight matrix is transposed.",
                    lambda v: weight_and_bias(
                        printed_backward(network, np.log(v.desired), rows=slice(1)), v.x
                    ),
                    single=False,
                ),
                Slip(
                    "second_row",
                    "The second row of the first matrix is taken.",
                    lambda v: weight_and_bias(
                        backward(network, v.d_output, rows=slice(1, 2)), v.x
                    ),
                ),
            ),
        ),
    }  # fmt: skip
    known = network._asdict() | forward(network)._asdict()
    return Sheet(known, lines, {"cosines": cosines(given, chance, reading)})


def loss_gradient(reading: Reading, truth: Value) -> Line:
    """The line ∂L/∂Y, in one of the two readings of the loss."""
    if reading == "printed":
        return Line(
            r"\frac{\partial L}{\partial Y} = -\log O",
            lambda v: -np.log(v.desired),
            truth,
            (
                Slip(
                    "sign_lost",
                    "The minus sign of the loss −Σ y log O is lost on differentiation.",
                    lambda v: np.log(v.desired),
                ),
            ),
        )
    return Line(
        r"\frac{\partial L}{\partial y_i} = -\frac{O_i}{y_i}",
        lambda v: -v.desired / v.y,
        truth,
        (
            Slip(
                "roles_exchanged",
                "The logarithm is taken of the desired output in place of the network's.",
                lambda v: -np.log(v.desired),
            ),
            Slip(
                "gradient_as_printed",
                "The logarithm is taken of the desired output and the minus sign is lost.",
                lambda v: np.log(v.desired),
                single=False,
            ),
        ),
    )


def typeset_chain(reading: Reading, row: str = "") -> str:
    """∂L/∂Z⁽¹⁾ in TeX; `row` marks the one row taken of the first matrix."""
    top = r"(-\log O)" if reading == "printed" else r"\left(-\frac{O}{Y}\right)"
    return (
        rf"\nabla_{{\mathrm{{Sigmoid}}}}{row}(Z^{{(1)}})\,W^{{(2)\top}}"
        r"\,\nabla_{\mathrm{Sigmoid}}(Z^{(2)})\,W^{(3)\top}"
        rf"\,\nabla_{{\mathrm{{Softmax}}}}(Z^{{(3)}})\,{top}"
    )


def astray(reading: Reading) -> str:
    """What is wrong with log O as the gradient of the loss by the output, in a clause."""
    if reading == "printed":
        return "the minus sign of log O is lost"
    return "the term log O stands for the gradient −O/Y"


def random_network(given: Given, chance: np.random.Generator, stack: int | None = None) -> Network:
    """Normal weights and inputs, a desired output with both entries positive; or a stack of them.

    One-hot targets are left out: the printed loss is infinite for them.
    """
    lead = () if stack is None else (stack,)
    first, second = given.hidden
    desired = chance.uniform(0.05, 0.95, (*lead, 1, 1))
    return Network(
        chance.normal(size=(*lead, first, given.inputs)),
        chance.normal(size=(*lead, first, 1)),
        chance.normal(size=(*lead, second, first)),
        chance.normal(size=(*lead, second, 1)),
        chance.normal(size=(*lead, OUTPUTS, second)),
        chance.normal(size=(*lead, OUTPUTS, 1)),
        chance.normal(size=(*lead, given.inputs, 1)),
        np.concatenate([desired, 1 - desired], axis=-2),
    )


def sigmoid_jacobian(z: np.ndarray) -> np.ndarray:
    """The diagonal Jacobian (…, n, n) of the sigmoid of columns (…, n, 1)."""
    return sigmoid(z) * (1 - sigmoid(z)) * np.eye(z.shape[-2])


def softmax_jacobian(z: np.ndarray) -> np.ndarray:
    """The Jacobian (…, 2, 2) of the softmax over two classes."""
    power = np.exp(z)
    entry = np.exp(z.sum(axis=-2, keepdims=True)) / power.sum(axis=-2, keepdims=True) ** 2
    return entry * np.array([[1.0, -1.0], [-1.0, 1.0]])


def forward(network: Network) -> Forward:
    """The forward pass."""
    z1 = network.w1 @ network.x + network.b1
    a1 = sigmoid(z1)
    z2 = network.w2 @ a1 + network.b2
    a2 = sigmoid(z2)
    z3 = network.w3 @ a2 + network.b3
    return Forward(z1, a1, z2, a2, z3, softmax(z3, axis=-2))


def backward(network: Network, d_output: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
    """∂L/∂Z⁽¹⁾ as one product, or only `rows` of it."""
    w2, w3 = (np.swapaxes(one, -1, -2) for one in (network.w2, network.w3))
    return product(forward(network), w2, w3, d_output, rows)


def printed_backward(
    network: Network, d_output: np.ndarray, rows: slice = slice(None)
) -> np.ndarray:
    """The same product with the weight matrices as the report has them."""
    return product(forward(network), network.w2, network.w3, d_output, rows)


def product(
    state: Forward, w2: np.ndarray, w3: np.ndarray, d_output: np.ndarray, rows: slice
) -> np.ndarray:
    """∇Sigmoid(Z⁽¹⁾)[rows] · w2 · ∇Sigmoid(Z⁽²⁾) · w3 · ∇Softmax(Z⁽³⁾) · ∂L/∂Y."""
    first = sigmoid_jacobian(state.z1)[..., rows, :]
    found: np.ndarray = (
        first @ w2 @ sigmoid_jacobian(state.z2) @ w3 @ softmax_jacobian(state.z3) @ d_output
    )
    return found


def weight_and_bias(row: np.ndarray, x: np.ndarray) -> list[float]:
    """∂L/∂w and ∂L/∂b of one unit's first weight and bias from its (1, 1) row of ∂L/∂Z⁽¹⁾."""
    return [float(row[0, 0] * x[0, 0]), float(row[0, 0])]


def cosines(given: Given, chance: np.random.Generator, reading: Reading) -> np.ndarray:
    """(networks,) cosines of the angles between the right gradient and the printed one.

    They are those of ∂L/∂Z⁽¹⁾: the gradients by the weights are these times the same row Xᵀ.
    """
    networks = random_network(given, chance, given.networks)
    logarithm = np.log(networks.desired)
    top = -logarithm if reading == "printed" else -networks.desired / forward(networks).y
    return cosine(backward(networks, top), printed_backward(networks, logarithm))


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cosine of the angle between columns (…, n, 1)."""
    found: np.ndarray = np.sum(a * b, axis=(-2, -1)) / (
        np.linalg.norm(a, axis=(-2, -1)) * np.linalg.norm(b, axis=(-2, -1))
    )
    return found


def differentiated(network: Network, reading: Reading) -> dict[str, Value]:
    """Output, Jacobians and gradients by torch, from nothing but the forward pass and the loss."""
    t = {name: torch.tensor(value) for name, value in network._asdict().items()}
    leaves = [t[name].requires_grad_() for name in ("w1", "b1")]
    z1 = t["w1"] @ t["x"] + t["b1"]
    z2 = t["w2"] @ torch.sigmoid(z1) + t["b2"]
    z3 = t["w3"] @ torch.sigmoid(z2) + t["b3"]
    y = torch.softmax(z3, dim=0)
    if reading == "printed":
        loss = -torch.sum(y * torch.log(t["desired"]))
    else:
        loss = -torch.sum(t["desired"] * torch.log(y))
    gradients = torch.autograd.grad(loss, [y, z3, z2, z1, *leaves])
    found = dict(zip(("d_y", "d_z3", "d_z2", "d_z1", "d_w1", "d_b1"), gradients, strict=True))
    found["y"] = y.detach()
    found["softmax_jacobian"] = jacobian(lambda z: torch.softmax(z, dim=0), z3.detach().ravel())
    found["sigmoid_jacobian"] = jacobian(torch.sigmoid, z2.detach().ravel())
    found["first_weight_and_bias"] = torch.stack([found["d_w1"][0, 0], found["d_b1"][0, 0]])
    return {name: value.numpy() for name, value in found.items()}
