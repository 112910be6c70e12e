"""Plain SGD in small batches, with the averages that a training log prints.

At 32 examples a step, a small network spends as much time between its matrix products as in them;
so this loop reads a batch into memory that it keeps, keeps the outputs, and takes the averages once
an epoch.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrial.nets.dense import Activation, Linear
from retrial.nets.regularised import RegularisedNetwork
from retrial.nets.squared_error import check_labels
from retrial.training.sgd import Divergence, Labelled

Array = NDArray[Any]


class Evaluation(NamedTuple):
    """A network on one data set: mean loss, accuracy in 0…1, classes (n,) uint8."""

    loss: float
    accuracy: float
    predictions: Array


@dataclass
class History:
    """What training leaves behind besides the network.

    `curves` has one value per epoch begun of running_loss, running_accuracy, test_loss and
    test_accuracy; `divergence` is the first place where a number ceased to be finite, which ends
    training.
    """

    curves: dict[str, list[float]] = field(default_factory=dict)
    divergence: Divergence | None = None


def train(
    network: RegularisedNetwork,
    examples: Labelled,
    tests: Labelled,
    orders: Iterable[Array],
    batch: int,
    learning_rate: float,
) -> History:
    """Descend once through each order, a permutation (n,) of the examples, in batches.

    The last batch of an epoch may be smaller. The running loss and accuracy are means over the
    examples of an epoch, each as the network was when it met them, dropout's mask on: what a
    training loop prints. After each epoch the network is evaluated on `tests`, mask off.
    Dropout is off when the function returns. ValueError for a label outside the classes.
    """
    classes = network.weights[-1].shape[1]
    check_labels(examples.labels, classes)
    check_labels(tests.labels, classes)
    history = History()
    rows = np.empty((batch, examples.inputs.shape[1]), examples.inputs.dtype)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        for epoch, order in enumerate(orders, start=1):
            network.masked(True)
            loss, accuracy, broken = _descend(network, examples, order, rows, learning_rate)
            network.masked(False)
            tested = evaluate(network, tests)
            for name, value in (
                ("running_loss", loss),
                ("running_accuracy", accuracy),
                ("test_loss", tested.loss),
                ("test_accuracy", tested.accuracy),
            ):
                history.curves.setdefault(name, []).append(value)
            if broken is None and not math.isfinite(tested.loss):
                broken = -(-len(order) // batch), _non_finite_parameters(network) or "loss on test"
            if broken is not None:
                history.divergence = Divergence(epoch, *broken)
                break
    return history


def _descend(
    network: RegularisedNetwork, examples: Labelled, order: Array, rows: Array, learning_rate: float
) -> tuple[float, float, tuple[int, str] | None]:
    """One epoch: running loss and accuracy, and the step (from 1) and tensor that broke, if any."""
    batch, total, seen, broken = len(rows), 0.0, 0, None
    labels = examples.labels[order]
    outputs = np.empty((len(order), network.weights[-1].shape[1]), network.parameters.dtype)
    for step, start in enumerate(range(0, len(order), batch), start=1):
        chosen = order[start : start + batch]
        size = len(chosen)
        # "clip" reads straight into the buffer; the default mode makes a copy first.
        x = np.take(examples.inputs, chosen, axis=0, out=rows[:size], mode="clip")
        found = network.forward(x)
        loss = network.objective.forward(found, labels[start : start + size])
        outputs[start : start + size] = found
        total += loss * size
        seen += size
        if not math.isfinite(loss):
            tensor = _non_finite_parameters(network)
            if tensor is not None and step > 1:
                broken = step - 1, tensor
            else:
                broken = step, tensor or _non_finite_value(network, x)
            break
        network.backward()
        network.descend(learning_rate)
    correct = _classes(outputs[:seen]) == labels[:seen]
    return total / seen, float(np.mean(correct)), broken


def _non_finite_parameters(network: RegularisedNetwork) -> str | None:
    """The first non-finite parameter, in the order backpropagation reaches them."""
    for layer in reversed(range(len(network.weights))):
        if not np.isfinite(network.biases[layer]).all():
            return f"bias {layer + 1}"
        if not np.isfinite(network.weights[layer]).all():
            return f"weight {layer + 1}"
    return None


def _non_finite_value(network: RegularisedNetwork, x: Array) -> str:
    """The first non-finite tensor of the forward pass over `x`, run again without dropout."""
    network.masked(False)
    linear = 0
    for layer in network.layers:
        x = layer.forward(x)
        linear += isinstance(layer, Linear)
        if not np.isfinite(x).all():
            if isinstance(layer, Activation):
                return f"hidden activation {linear}"
            is_last = linear == len(network.weights)
            return "outputs" if is_last else f"hidden pre-activation {linear}"
    return "loss"


def _classes(outputs: Array) -> Array:
    """The class of the largest output of each row, uint8; 0 where an output is nan or infinite."""
    finite = np.isfinite(outputs.max(axis=1))
    return np.where(finite, outputs.argmax(axis=1), 0).astype(np.uint8)


def evaluate(network: RegularisedNetwork, part: Labelled) -> Evaluation:
    """The network on all of `part`, in chunks of its batch size, dropout as it stands.

    The class is that of the largest output. With dropout active the masks are drawn from the same
    generator as training's: evaluate so only once training has ended, for else it changes what
    follows.
    """
    check_labels(part.labels, network.weights[-1].shape[1])
    predictions = np.empty(len(part.labels), np.uint8)
    total = 0.0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        for start in range(0, len(part.labels), network.batch):
            labels = part.labels[start : start + network.batch]
            outputs = network.forward(part.inputs[start : start + network.batch])
            total += network.objective.forward(outputs, labels) * len(labels)
            predictions[start : start + len(labels)] = _classes(outputs)
    accuracy = float(np.mean(predictions == part.labels))
    return Evaluation(total / len(part.labels), accuracy, predictions)
