"""Networks with weights removed: which ones go, training without them, and what is left to store.

Four criteria rank the weights; `prune` removes those of the lowest scores. Biases stay. Magnitude:
as Han et al. (2015) prune. Sensitivity: Mozer and Smolensky (1989) for units, Lee et al. (2019) for
weights. Saliency: LeCun, Denker and Solla (1990), "Optimal Brain Damage". Random weights are the
baseline.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrial.core.errors import RetrialError
from retrial.nets.dense import DenseNetwork
from retrial.nets.hessian_diagonal import layer_inputs
from retrial.training.sgd import Labelled

Array = NDArray[Any]
Mask = NDArray[np.bool_]

Criterion = Literal["magnitude", "sensitivity", "obd", "random"]
# One ranking of all weights, or one in each layer.
Scope = Literal["global", "layer"]


def magnitudes(weights: Sequence[Array]) -> list[Array]:
    """|w| of every weight."""
    return [np.abs(weight) for weight in weights]


def sensitivities(network: DenseNetwork, examples: Labelled) -> list[Array]:
    """The mean over examples of |w · dL/dw|, L one example's loss: like the weights, float64.

    To first order, by how much the loss of an example changes when the weight is removed. The
    absolute value stands inside the mean: at trained weights the mean gradient is next to nothing,
    since those of the examples cancel. Needs a ReLU network and at least one example.
    """
    sums = [np.zeros(weight.shape) for weight in network.weights]
    for start in range(0, len(examples.labels), network.batch):
        labels = examples.labels[start : start + network.batch]
        given, logits = layer_inputs(network, examples.inputs[start : start + network.batch])
        network.loss.forward(logits, labels)
        # The loss is a mean over the batch, and its gradient a share of each example's.
        delta = network.loss.backward() * len(labels)
        for layer in reversed(range(len(sums))):
            sums[layer] += np.abs(given[layer]).T @ np.abs(delta)
            if layer:
                delta = (delta @ network.weights[layer].T) * (given[layer] > 0)
    scaled = zip(sums, network.weights, strict=True)
    return [total / len(examples.labels) * np.abs(weight) for total, weight in scaled]


def saliencies(weights: Sequence[Array], diagonal: Sequence[Array]) -> list[Array]:
    """½ h w² of every weight, h the `diagonal` of the Hessian: by how much the loss would rise."""
    pairs = zip(weights, diagonal, strict=True)
    return [h * np.square(weight, dtype=np.float64) / 2 for weight, h in pairs]


def prune(
    scores: Sequence[Array], sparsity: float, scope: Scope, kept: Sequence[Mask] | None = None
) -> list[Mask]:
    """Which weights are left when the share `sparsity` of all has gone, like `scores`.

    Those of the lowest scores (at least 0) go, over all layers or in each; of equal scores the
    earlier ones, by layer, input and output. What `kept` lacks is gone already, and counts.
    RetrialError for a sparsity outside [0, 1), for one that is all the weights of some layer, and
    for scores that are not finite. Over all layers, a layer may lose all its weights nevertheless:
    that is what the criterion does, and no mistake.
    """
    if not 0 <= sparsity < 1:
        raise RetrialError(f"sparsity {sparsity!r}: expected at least 0 and below 1")
    for layer, score in enumerate(scores, start=1):
        wrong = int((~np.isfinite(score)).sum())
        if wrong:
            raise RetrialError(
                f"scores of layer {layer}: {wrong} of {score.size} are nan or infinite, "
                "expected finite numbers"
            )
    if problem := emptied([score.size for score in scores], sparsity):
        raise RetrialError(f"sparsity {sparsity!r}: {problem}")
    left = kept or [np.ones(score.shape, np.bool_) for score in scores]
    flat = [
        np.where(mask, score, -np.inf).ravel() for score, mask in zip(scores, left, strict=True)
    ]
    if scope == "global":
        flat = [np.concatenate(flat)]
    stays = np.concatenate([_highest(values, sparsity) for values in flat])
    ends = np.cumsum([score.size for score in scores])[:-1]
    parts = zip(np.split(stays, ends), left, strict=True)
    return [part.reshape(mask.shape) & mask for part, mask in parts]


def emptied(sizes: Sequence[int], sparsity: float) -> str:
    """Which of layers of so many weights each would keep none at a sparsity; "" if none."""
    for layer, size in enumerate(sizes, start=1):
        if round(sparsity * size) >= size:
            return f"layer {layer} keeps none of its {size} weights"
    return ""


def _highest(scores: Array, sparsity: float) -> Mask:
    """Which of (n,) scores remain; a stable order, so that ties fall alike everywhere."""
    stays = np.ones(len(scores), np.bool_)
    stays[np.argsort(scores, kind="stable")[: round(sparsity * len(scores))]] = False
    return stays


class MaskedNetwork(DenseNetwork):
    """A dense network that keeps its removed weights at 0 while it learns."""

    def __init__(
        self, sizes: Sequence[int], activation: str, batch: int, dtype: Any = np.float32
    ) -> None:
        super().__init__(sizes, activation, batch, dtype)
        self._kept = np.ones_like(self.parameters)

    def keep(self, masks: Sequence[Mask]) -> None:
        """Remove the weights that `masks` lack, (inputs, outputs) each, and none but those."""
        for kept, mask in zip(self.views(self._kept)[0], masks, strict=True):
            kept[...] = mask
        self.parameters *= self._kept

    def descend(self, learning_rate: float) -> None:
        """Take one step of plain gradient descent on the weights that are left and the biases."""
        self.gradients *= self._kept
        super().descend(learning_rate)


class Paths(NamedTuple):
    """What a network computes with: multiply-adds an image, and hidden neurons that are cut off.

    A weight takes a multiply-add if it lies on a path from an input to an output. A neuron on no
    such path is constant or unheard; a constant can be added to the next layer's biases.
    """

    multiply_adds: int
    cut_off: int


def on_paths(masks: Sequence[Mask]) -> Paths:
    """The paths that are left by masks (inputs, outputs) of each layer."""
    fed: list[Mask] = [np.ones(len(masks[0]), np.bool_)]
    for mask in masks:
        fed.append(np.logical_or.reduce(mask & fed[-1][:, None], axis=0))
    heard: list[Mask] = [np.ones(masks[-1].shape[1], np.bool_)]
    for mask in reversed(masks):
        heard.insert(0, np.logical_or.reduce(mask & heard[0], axis=1))
    used = (
        int((mask & before[:, None] & after).sum())
        for mask, before, after in zip(masks, fed[:-1], heard[1:], strict=True)
    )
    hidden = zip(fed[1:-1], heard[1:-1], strict=True)
    return Paths(sum(used), sum(int((~(before & after)).sum()) for before, after in hidden))


def dense_bytes(network: DenseNetwork) -> int:
    """Bytes of all weights and biases, four each."""
    return 4 * network.parameters.size


def sparse_bytes(network: DenseNetwork) -> int:
    """Bytes of the network with each weight matrix as `encoded`, and its biases, four each."""
    biases = sum(4 * len(bias) for bias in network.biases)
    return biases + sum(len(encoded(weight)) for weight in network.weights)


def encoded(weight: Array) -> bytes:
    """A matrix (inputs, outputs) in the shortest of four encodings, and a byte that says which.

    0: all values; 1: a bit for each value, whether it is there, and those that are; 2: before each
    value how many zeros stand, 16 bits, in the order of inputs and outputs; 3: compressed rows,
    where each input's values end (32 bits), and each value's output (16 bits). All values are
    float32, little-endian, as are the numbers.
    """
    found = (_all(weight), _bitmap(weight), _gaps(weight), _rows(weight))
    return min((bytes([kind]) + content for kind, content in enumerate(found)), key=len)


def _all(weight: Array) -> bytes:
    return weight.astype("<f4").tobytes()


def _bitmap(weight: Array) -> bytes:
    there = weight != 0
    return np.packbits(there).tobytes() + _all(weight[there])


def _gaps(weight: Array) -> bytes:
    """Where more zeros stand than 16 bits count, a zero is stored as if it were a value."""
    flat = weight.ravel()
    places = np.flatnonzero(flat)
    zeros = np.diff(places, prepend=-1) - 1
    stored = np.arange(len(places)) + np.cumsum(zeros >> 16)
    count = stored[-1] + 1 if len(stored) else 0
    gaps, values = np.full(count, 0xFFFF, "<u2"), np.zeros(count, "<f4")
    gaps[stored], values[stored] = zeros & 0xFFFF, flat[places]
    return gaps.tobytes() + values.tobytes()


def _rows(weight: Array) -> bytes:
    there = weight != 0
    ends = np.cumsum(there.sum(axis=1)).astype("<u4")
    columns = np.nonzero(there)[1].astype("<u2" if weight.shape[1] <= 1 << 16 else "<u4")
    return ends.tobytes() + columns.tobytes() + _all(weight[there])
