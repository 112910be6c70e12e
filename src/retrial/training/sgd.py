"""Plain stochastic gradient descent on a dense network, until it ends or diverges."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrial.nets.dense import Activation, DenseNetwork, Linear

Array = NDArray[Any]

# What breaks a cross-entropy that is written without log-sum-exp: a probability of exactly 0,
# whose logarithm times a one-hot 0 is nan, appears when the logits of one example lie further
# apart than half the smallest subnormal allows; exp itself overflows above its largest argument.
LOG_ZERO_SPREAD = {"float32": 103.9721, "float64": 745.1333}
EXP_OVERFLOW = {"float32": 88.7229, "float64": 709.7828}


class Labelled(NamedTuple):
    """Examples with their classes: inputs (n, features), labels (n,) integers."""

    inputs: Array
    labels: Array


class Evaluation(NamedTuple):
    """A network on one data set: mean loss in nats, accuracy in 0…1, classes (n,) uint8.

    `spread` is the largest difference of two logits of one example; nan where a logit is.
    """

    loss: float
    accuracy: float
    predictions: Array
    spread: float


class Divergence(NamedTuple):
    """Where a number first ceased to be finite; epoch and step count from 1."""

    epoch: int
    step: int
    tensor: str


@dataclass
class History:
    """What training leaves behind besides the network.

    `curves` has one value per finished epoch of "<set>_loss" and "<set>_accuracy"; `final` the
    last evaluation of each set; `gradient_peaks` per linear layer the largest |weight gradient|
    seen in the last step of any epoch; `naive` maps a fault of an unprotected softmax
    ("log_zero_float32", "exp_overflow_float64", …) to the (epoch, step) where it would have
    struck first.
    """

    curves: dict[str, list[float]] = field(default_factory=dict)
    final: dict[str, Evaluation] = field(default_factory=dict)
    gradient_peaks: list[float] = field(default_factory=list)
    naive: dict[str, tuple[int, int]] = field(default_factory=dict)
    divergence: Divergence | None = None


def train(
    network: DenseNetwork,
    examples: Labelled,
    sets: Mapping[str, Labelled],
    orders: Iterable[Array],
    batch: int,
    learning_rate: float,
) -> History:
    """Descend once through each order, a permutation (n,) of the examples, in batches.

    The last batch of an epoch may be smaller. After each epoch the network is evaluated on each
    of `sets`, which costs a forward pass; training stops at the first non-finite number.
    """
    history = History(gradient_peaks=[0.0] * len(network.weights))
    rows = np.empty((batch, examples.inputs.shape[1]), examples.inputs.dtype)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        for epoch, order in enumerate(orders, start=1):
            history.divergence = _descend(
                network, examples, order, rows, learning_rate, epoch, history
            )
            for layer, step in enumerate(network.weight_gradients):
                # `descend` left the step, learning rate times gradient, in place of the gradient.
                peak = float(np.abs(step).max()) / learning_rate
                history.gradient_peaks[layer] = max(history.gradient_peaks[layer], peak)
            history.final = {name: evaluate(network, part) for name, part in sets.items()}
            for name, evaluation in history.final.items():
                history.curves.setdefault(f"{name}_loss", []).append(evaluation.loss)
                history.curves.setdefault(f"{name}_accuracy", []).append(evaluation.accuracy)
                if history.divergence is None and not math.isfinite(evaluation.loss):
                    steps = -(-len(order) // batch)
                    tensor = _non_finite_parameters(network) or f"loss on {name}"
                    history.divergence = Divergence(epoch, steps, tensor)
            if history.divergence is not None:
                break
    return history


def _descend(
    network: DenseNetwork,
    examples: Labelled,
    order: Array,
    rows: Array,
    learning_rate: float,
    epoch: int,
    history: History,
) -> Divergence | None:
    """One epoch; returns at once at the first non-finite loss, saying where it came from."""
    batch = len(rows)
    for step, start in enumerate(range(0, len(order), batch), start=1):
        chosen = order[start : start + batch]
        # "clip" reads straight into the buffer; the default mode makes a copy first.
        x = np.take(examples.inputs, chosen, axis=0, out=rows[: len(chosen)], mode="clip")
        loss = network.loss.forward(network.forward(x), examples.labels[chosen])
        _note_naive_faults(network, history, epoch, step)
        if not math.isfinite(loss):
            tensor = _non_finite_parameters(network)
            if tensor is not None and step > 1:
                return Divergence(epoch, step - 1, tensor)
            return Divergence(epoch, step, tensor or _non_finite_value(network, x))
        network.backward()
        network.descend(learning_rate)
    return None


def _note_naive_faults(network: DenseNetwork, history: History, epoch: int, step: int) -> None:
    # "not ≤" rather than ">": logits that are nan break every softmax.
    for kind, limit in LOG_ZERO_SPREAD.items():
        if not network.loss.spread <= limit:
            history.naive.setdefault(f"log_zero_{kind}", (epoch, step))
    for kind, limit in EXP_OVERFLOW.items():
        if not network.loss.largest <= limit:
            history.naive.setdefault(f"exp_overflow_{kind}", (epoch, step))


def _non_finite_parameters(network: DenseNetwork) -> str | None:
    """The first non-finite tensor of the step just taken, in the order backpropagation has.

    Checked only after a loss has failed, from what `descend` left in the gradient buffers, so
    that training pays nothing for it.
    """
    if np.isfinite(network.parameters).all():
        return None
    for layer in reversed(range(len(network.weights))):
        if not np.isfinite(network.bias_gradients[layer]).all():
            return f"gradient of bias {layer + 1}"
        if not np.isfinite(network.weight_gradients[layer]).all():
            return f"gradient of weight {layer + 1}"
    for layer, weight in enumerate(network.weights, start=1):
        if not np.isfinite(weight).all():
            return f"weight {layer}"
    return "bias"


def _non_finite_value(network: DenseNetwork, x: Array) -> str:
    """The first non-finite tensor of the forward pass over `x`, run again layer by layer."""
    linear = 0
    for layer in network.layers:
        x = layer.forward(x)
        if isinstance(layer, Linear):
            linear += 1
        if not np.isfinite(x).all():
            if isinstance(layer, Activation):
                return f"hidden activation {linear}"
            is_last = linear == len(network.weights)
            return "logits" if is_last else f"hidden pre-activation {linear}"
    return "loss"


def evaluate(network: DenseNetwork, part: Labelled) -> Evaluation:
    """The network on all of `part`, in chunks of its batch size.

    The class is that of the largest logit. Where a logit is nan or infinite the softmax of the
    example is all nan, and `np.argmax` of it gives class 0: that is what is recorded.
    """
    predictions = np.empty(len(part.labels), np.uint8)
    total, spread = 0.0, 0.0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        for start in range(0, len(part.labels), network.batch):
            labels = part.labels[start : start + network.batch]
            logits = network.forward(part.inputs[start : start + network.batch])
            total += network.loss.forward(logits, labels) * len(labels)
            spread = float(np.maximum(spread, network.loss.spread))
            finite = np.isfinite(logits.max(axis=1))
            predictions[start : start + len(labels)] = np.where(finite, logits.argmax(axis=1), 0)
    accuracy = float(np.mean(predictions == part.labels))
    return Evaluation(total / len(part.labels), accuracy, predictions, spread)
