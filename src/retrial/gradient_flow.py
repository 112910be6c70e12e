"""What reaches each layer of deep networks: gradients of one batch, layer by layer, in float64.

In float64, since a sigmoid network of 40 layers has gradients below what float32 can tell from 0.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrial.core.trial import Metric
from retrial.nets.stacked import StackedNetwork
from retrial.training.sgd import Labelled

Array = NDArray[Any]

PARTS = ("weights", "biases")
QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
# On a linear axis, less than the width of a line under the largest value.
VISIBLE = 0.01


class Decay(NamedTuple):
    """A straight line through the logarithm of gradients over layers, from the output back.

    `slope` in decades per layer (negative: smaller towards the input), `fit` its R² in 0…1, both
    nan where a gradient is 0; `steps` how many layers back it is below 1% of the largest and stays
    there, or all layers where it does not: 0 where all are 0, nan where one is not finite.
    """

    slope: float
    fit: float
    steps: float


def in_double(network: StackedNetwork) -> StackedNetwork:
    """The same networks, plain ones, at the same weights in float64."""
    double = StackedNetwork(
        network.sizes, network.act, network.members, network.block, dtype=np.float64
    )
    double.parameters[...] = network.parameters
    return double


def backpropagated(network: StackedNetwork, batch: Labelled) -> StackedNetwork:
    """The networks in float64, with the gradients of the mean loss of `batch`."""
    double = in_double(network)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        program = double.program(len(batch.labels))
        program.losses(program.forward(batch.inputs.astype(np.float64)), batch.labels)
        program.backward()
    return double


def layer_gradients(network: StackedNetwork, batch: Labelled) -> Array:
    """Quantiles of |∂loss/∂parameter|, (members, parts, layers, quantiles), input first.

    Parts as PARTS, quantiles as QUANTILES (the last one is the largest), over the parameters of a
    layer; `batch` has its inputs with a column of ones.
    """
    double = backpropagated(network, batch)
    found = np.empty((network.members, len(PARTS), len(double.weights), len(QUANTILES)))
    for layer, gradient in enumerate(double.weight_gradients):
        for part, values in enumerate((gradient[:, :, :-1], gradient[:, :, -1])):
            flat = np.abs(values).reshape(network.members, -1)
            found[:, part, layer] = np.quantile(flat, QUANTILES, axis=1).T
    return found


def decay(peaks: Array) -> Decay:
    """The decay of gradients (layers,), at least three and the input's first."""
    back = np.asarray(peaks, dtype=float)[::-1]
    if not np.isfinite(back).all():
        return Decay(float("nan"), float("nan"), float("nan"))
    seen = np.flatnonzero((back >= VISIBLE * back.max()) & (back > 0))
    steps = float(seen[-1]) + 1 if len(seen) else 0.0
    if back.min() == 0:
        return Decay(float("nan"), float("nan"), steps)
    x, y = np.arange(len(back)) - (len(back) - 1) / 2, np.log10(back)
    y -= y.mean()
    slope = float((x * y).sum() / (x * x).sum())
    total = float((y * y).sum())
    # Equal gradients leave nothing but rounding about their line.
    fit = slope**2 * float((x * x).sum()) / total if total > 1e-20 else 1.0
    return Decay(slope, fit, steps)


def decay_metrics(when: str, quantiles: Array) -> Mapping[str, Metric]:
    """Metrics of one member's `quantiles` (parts, layers, quantiles), named after `when`.

    Of the largest gradients of each part: `<when>_<part>_decay` (decades per layer back), `_fit`,
    `_steps`, and `_least`, the log₁₀ of the smallest layer's over the largest layer's.
    """
    metrics = {}
    for part, of_part in zip(PARTS, quantiles[..., -1], strict=True):
        found = decay(of_part)
        top, least = float(of_part.max()), float(of_part.min())
        values = {
            "decay": found.slope,
            "fit": found.fit,
            "steps": found.steps,
            "least": float(np.log10(least / top)) if 0 < least <= top < np.inf else float("nan"),
        }
        for name, value in values.items():
            metrics[f"{when}_{part}_{name}"] = Metric(float(value), of_part.size)
    return metrics
