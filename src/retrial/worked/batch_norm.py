r"""Batch normalisation by hand (report 001, theory 2).

x̂ᵢ = xᵢ − μ, yᵢ = γx̂ᵢ + β: the gradient of any loss in x, for batches of several sizes, its limits
n → ∞ and n = 1; and, with the division by σ, what a factor on the weights below does.

The report lets the mean's term −γ/n Σ ∂L/∂yⱼ vanish as n grows because 1/n does. But the sum grows
with n. What is left is −γ times the mean upstream gradient, which is γ/n · ∂L/∂β: it vanishes where
the shift β is stationary, falls like 1/√n for independent upstream gradients of mean zero, and
stays where they have a common component.
"""

from itertools import product
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from retrial.core.models import Count, FrozenModel, Positive
from retrial.worked.sheet import Line, Sheet, Slip

Array = NDArray[np.float64]


class Given(FrozenModel):
    """γ (`gain`), β (`shift`), batch sizes; what the limits and the scaled weights are tried on.

    A batch of `large` holds a drawn `pattern` of upstream gradients over and over, so that their
    mean is known. The mean square of the mean's term is tried on `signs` upstream gradients
    `common` ± `spread`. `inputs` and `units`: of the layer whose weights take `weight_scale`.
    """

    gain: float
    shift: float
    sizes: tuple[Count, ...]
    pattern: Annotated[int, Field(ge=2)]
    large: Count
    signs: Annotated[int, Field(ge=2, le=16)]
    spread: Positive
    common: Positive
    inputs: Count
    units: Count
    weight_scale: Positive


def sheet(given: Given, chance: np.random.Generator) -> Sheet:
    """The lines on random batches and losses; proved by automatic differentiation."""
    if given.large % given.pattern:
        raise ValueError(f"large = {given.large}: expected a multiple of pattern = {given.pattern}")
    gain, shift = given.gain, given.shift
    # A batch of each size, with two vectors that make the loss of `loss`.
    batches = [chance.standard_normal((3, n)) for n in given.sizes]
    pattern = given.common + chance.standard_normal(given.pattern)
    repeated = np.tile(pattern, given.large // given.pattern)
    many = chance.standard_normal(given.large)
    single = chance.standard_normal(2)
    signs = [np.array(one) for one in product((-1.0, 1.0), repeat=given.signs)]
    below = chance.standard_normal((max(given.sizes), given.inputs))
    weights = chance.standard_normal((given.inputs, given.units))
    target = chance.standard_normal((max(given.sizes), given.units))
    exact = {
        "batches": [batch[0] for batch in batches],
        "losses": [batch[1:] for batch in batches],
        "n": given.sizes, "gain": gain, "shift": shift,
        "pattern": pattern, "single": single, "m": given.signs,
        "spread": given.spread, "common": given.common,
        "below": below, "weights": weights, "target": target, "scale": given.weight_scale,
    }  # fmt: skip
    proofs = [differentiated(batch[0], batch[1:], gain, shift) for batch in batches]
    alone = differentiated(single[:1], np.array([[single[1]], [0.0]]), gain, shift, linear=True)
    lines = {
        "normalised": Line(
            r"\hat x_i = x_i - \frac{1}{n} \sum_{j=1}^n x_j",
            lambda v: flat([x - x.mean() for x in v.batches]),
            flat([proof["normalised"] for proof in proofs]),
        ),
        "upstream": Line(
            r"\frac{\partial L}{\partial y_i} \quad \left(y_i = \gamma \hat x_i + \beta\right)",
            lambda v: flat(
                [
                    loss_gradient(v.gain * (x - x.mean()) + v.shift, a, b)
                    for x, (a, b) in zip(v.batches, v.losses, strict=True)
                ]
            ),
            flat([proof["upstream"] for proof in proofs]),
        ),
        "jacobian": Line(
            r"\frac{\partial \hat x_j}{\partial x_i} = \delta_{ij} - \frac{1}{n}",
            lambda v: flat([np.eye(n) - 1 / n for n in v.n]),
            flat([proof["jacobian"] for proof in proofs]),
            (
                Slip(
                    "mean_without_x",
                    "The derivative of the mean is left out.",
                    lambda v: flat([np.eye(n) for n in v.n]),
                ),
            ),
        ),
        "gradient": Line(
            r"\frac{\partial L}{\partial x_i} = \gamma \frac{\partial L}{\partial y_i} "
            r"\left(1 - \frac{1}{n}\right) - \frac{\gamma}{n} \sum_{j \neq i} "
            r"\frac{\partial L}{\partial y_j}",
            lambda v: each(v, lambda g, n: v.gain * (g * (1 - 1 / n) - (g.sum() - g) / n)),
            flat([proof["gradient"] for proof in proofs]),
            (
                Slip(
                    "own_term_twice",
                    "The sum runs over all examples, the own one included, which 1 − 1/n counts "
                    "already.",
                    lambda v: each(v, lambda g, n: v.gain * (g * (1 - 1 / n) - g.sum() / n)),
                ),
                Slip(
                    "mean_held_constant",
                    "The mean is held constant, as if it did not depend on the examples.",
                    lambda v: each(v, lambda g, n: v.gain * g),
                ),
                Slip(
                    "sum_added",
                    "The term of the other examples is added, not subtracted.",
                    lambda v: each(v, lambda g, n: v.gain * (g * (1 - 1 / n) + (g.sum() - g) / n)),
                ),
            ),
        ),
        "limit": Line(
            r"n \to \infty: \quad \frac{\partial L}{\partial x_i} \to \gamma \left("
            r"\frac{\partial L}{\partial y_i} - \lim_{n \to \infty} \frac{1}{n} \sum_{j=1}^n "
            r"\frac{\partial L}{\partial y_j}\right)",
            lambda v: v.gain * (v.pattern - v.pattern.mean()),
            differentiated(many, np.array([repeated, 0 * repeated]), gain, shift, linear=True)[
                "gradient"
            ][: given.pattern],
            (
                Slip(
                    "mean_term_dropped",
                    "The other examples' term is dropped because 1/n vanishes; but it is 1/n times "
                    "a sum of n − 1 terms, which tends to the mean upstream gradient, and that is "
                    "zero only where ∂L/∂β is.",
                    lambda v: v.gain * v.pattern,
                ),
            ),
        ),
        "limit_centred": Line(
            r"\sum_j \frac{\partial L}{\partial y_j} = 0: \quad "
            r"\frac{\partial L}{\partial x_i} = \gamma \frac{\partial L}{\partial y_i}",
            lambda v: v.gain * (v.pattern - v.pattern.mean()),
            differentiated(
                many,
                np.array([repeated - pattern.mean(), 0 * repeated]),
                gain,
                shift,
                linear=True,
            )["gradient"][: given.pattern],
        ),
        "mean_term": Line(
            r"\operatorname{E}\left[\left(\frac{\gamma}{n} \sum_{j=1}^n "
            r"\frac{\partial L}{\partial y_j}\right)^2\right] = \gamma^2 \left(m^2 + "
            r"\frac{s^2}{n}\right), \quad \operatorname{E}\frac{\partial L}{\partial y_j} = m, "
            r"\quad \operatorname{Var}\frac{\partial L}{\partial y_j} = s^2",
            lambda v: v.gain**2 * (v.common**2 + v.spread**2 / v.m),
            np.mean([(gain * (given.common + given.spread * one).mean()) ** 2 for one in signs]),
            (
                Slip(
                    "no_common_component",
                    "The common component of the upstream gradients is left out; the rest falls "
                    "like 1/n.",
                    lambda v: v.gain**2 * v.spread**2 / v.m,
                ),
            ),
        ),
        "alone": Line(
            r"n = 1: \quad \left[\hat x_1,\, \frac{\partial L}{\partial x_1},\, "
            r"\frac{\partial L}{\partial \gamma}\right] = \left[0,\, 0,\, 0\right]",
            lambda v: np.array(
                [
                    v.single[0] - v.single[:1].mean(),
                    v.gain * (v.single[1] - v.single[1:].mean()),
                    v.single[1] * (v.single[0] - v.single[:1].mean()),
                ]
            ),
            np.concatenate([alone["normalised"], alone["gradient"], alone["gain"]]),
            (
                Slip(
                    "mean_constant_alone",
                    "The mean is held constant, which it is not: with one example it is the "
                    "example.",
                    lambda v: np.array([0.0, v.gain * v.single[1], 0.0]),
                ),
            ),
        ),
        "alone_shift": Line(
            r"n = 1: \quad \frac{\partial L}{\partial \beta} = \frac{\partial L}{\partial y_1}",
            lambda v: v.single[1:],
            alone["shift"],
        ),
        "full_gradient": Line(
            r"\frac{\partial L}{\partial z_i} = \frac{\gamma}{\sigma} \left("
            r"\frac{\partial L}{\partial y_i} - \frac{1}{n} \sum_j \frac{\partial L}{\partial y_j}"
            r" - \frac{\hat x_i}{n} \sum_j \frac{\partial L}{\partial y_j} \hat x_j\right)",
            lambda v: full_backward(v.below @ v.weights, v.target, v.gain),
            weight_gradient(below, weights, target, gain, 1.0)["activations"],
            (
                Slip(
                    "deviation_held_constant",
                    "The standard deviation is held constant.",
                    lambda v: full_backward(v.below @ v.weights, v.target, v.gain, held=True),
                ),
            ),
        ),
        "scaled_gradient": Line(
            r"\operatorname{BN}(cWu) = \operatorname{BN}(Wu) \;\Rightarrow\; "
            r"\nabla L(cW) = \frac{1}{c} \nabla L(W)",
            lambda v: v.below.T @ v.full_gradient / v.scale,
            weight_gradient(below, weights, target, gain, given.weight_scale)["weights"],
            (
                Slip(
                    "scaled_up",
                    "The gradient is multiplied with the factor on the weights, as it is without "
                    "normalisation, and not divided by it.",
                    lambda v: v.below.T @ v.full_gradient * v.scale,
                ),
            ),
        ),
    }
    return Sheet(exact, lines, fall(given, chance))


def loss(y: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Σ aᵢ tanh yᵢ + ½ (Σ bᵢ yᵢ)²: every gradient depends on every output."""
    return (a * torch.tanh(y)).sum() + (b * y).sum() ** 2 / 2


def loss_gradient(y: Array, a: Array, b: Array) -> Array:
    """The derivative of `loss` in y (n,)."""
    return a * (1 - np.tanh(y) ** 2) + b * (b @ y)


def differentiated(
    x: Array, terms: Array, gain: float, shift: float, linear: bool = False
) -> dict[str, Any]:
    """Mean-only normalisation of x (n,) and the gradients of its loss, by torch.

    `terms` (2, n) are a and b of `loss`; with `linear` the loss is Σ aᵢ yᵢ, so that the upstream
    gradients are a. `jacobian` only for batches of the size of `loss`.
    """
    values = [
        torch.tensor(one, dtype=torch.float64, requires_grad=True) for one in (x, gain, shift)
    ]
    a, b = torch.tensor(terms, dtype=torch.float64)

    def centred(batch: torch.Tensor) -> torch.Tensor:
        return batch - batch.mean()

    hat = centred(values[0])
    y = values[1] * hat + values[2]
    total = (a * y).sum() if linear else loss(y, a, b)
    of = torch.autograd.grad(total, [*values, y])
    found = dict(zip(("gradient", "gain", "shift", "upstream"), of, strict=True))
    found["normalised"] = hat
    if not linear:
        found["jacobian"] = torch.autograd.functional.jacobian(centred, values[0])
    return {name: np.atleast_1d(value.detach().numpy()) for name, value in found.items()}


def each(v: Any, formula: Any) -> Array:
    """A formula of the upstream gradients and n, for every batch, as one array."""
    ends = np.cumsum(v.n)[:-1]
    return flat([formula(g, len(g)) for g in np.split(v.upstream, ends)])


def flat(arrays: list[Array]) -> Array:
    """All entries of some arrays, one after another."""
    return np.concatenate([array.ravel() for array in arrays])


def full_backward(z: Array, target: Array, gain: float, held: bool = False) -> Array:
    """Gradient of ½ Σ (y − target)² in z (n, units), y = γ(z − μ)/σ over the batch.

    `held` leaves out the derivative of σ.
    """
    deviation = z.std(axis=0)
    hat = (z - z.mean(axis=0)) / deviation
    g = gain * hat - target
    centred = g - g.mean(axis=0)
    return gain * (centred if held else centred - hat * (g * hat).mean(axis=0)) / deviation


def weight_gradient(
    below: Array, weights: Array, target: Array, gain: float, factor: float
) -> dict[str, Array]:
    """Gradients of the same loss in z and in the weights, which take `factor`, by torch."""
    inputs, wanted = (torch.tensor(one, dtype=torch.float64) for one in (below, target))
    w = torch.tensor(factor * weights, dtype=torch.float64, requires_grad=True)
    z = inputs @ w
    y = gain * (z - z.mean(dim=0)) / z.var(dim=0, unbiased=False).sqrt()
    of = torch.autograd.grad(((y - wanted) ** 2).sum() / 2, [z, w])
    return {name: one.numpy() for name, one in zip(("activations", "weights"), of, strict=True)}


def fall(given: Given, chance: np.random.Generator) -> dict[str, Array]:
    """For a figure: what the printed limit leaves out, by n, with and without a common component.

    Root mean square of γ times the mean of n upstream gradients, drawn with the given spread,
    relative to that of the printed γ ∂L/∂yᵢ; (2, draws, n) for no common component and the given.
    """
    sizes = 2 ** np.arange(12)
    draws = given.spread * chance.standard_normal((40, sizes[-1]))
    ratios = [
        [np.abs(one[:, :n].mean(axis=1)) / np.sqrt((one**2).mean(axis=1)) for n in sizes]
        for one in (draws, given.common + draws)
    ]
    return {"left_out": np.swapaxes(ratios, 1, 2), "left_out_sizes": sizes.astype(float)}
