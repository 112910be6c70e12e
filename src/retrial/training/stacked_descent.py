"""Training of stacked networks in small batches, each member on an order of its own."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrial.nets.squared_error import check_labels
from retrial.nets.stacked import StackedNetwork
from retrial.training.optimisers import Optimiser
from retrial.training.sgd import Divergence, Labelled

Array = NDArray[Any]

# Evaluation goes faster in larger chunks than training's batches.
CHUNK = 250


class Evaluation(NamedTuple):
    """A network on one data set: mean loss in nats, accuracy in 0…1, classes (n,) uint8.

    The class of an example whose logits are not all finite is 0.
    """

    loss: float
    accuracy: float
    predictions: Array


@dataclass
class History:
    """What training leaves behind of one member besides its parameters.

    `curves` has one value per epoch begun of running_loss, running_accuracy, test_loss and
    test_accuracy; `divergence` is where a number first ceased to be finite, which ends the
    member's training: its parameters are all nan from then on.
    """

    curves: dict[str, list[float]] = field(default_factory=dict)
    divergence: Divergence | None = None


def with_ones(inputs: Array) -> Array:
    """Inputs (n, features) with a last column of ones, (n, features + 1), as networks want them."""
    extended = np.ones((len(inputs), inputs.shape[1] + 1), inputs.dtype)
    extended[:, :-1] = inputs
    return extended


def train(
    network: StackedNetwork,
    examples: Labelled,
    tests: Labelled,
    orders: Sequence[Iterator[Array]],
    batch: int,
    epochs: int,
    optimiser: Optimiser,
    after: Callable[[int], None] = lambda epoch: None,
) -> list[History]:
    """Descend in batches through each member's own orders, permutations (n,) of the examples.

    The inputs end in a column of ones. The last batch of an epoch may be smaller. Running loss and
    accuracy are means over an epoch's examples, each as the network was when it met them. After
    each epoch the networks are evaluated on `tests`, and `after` is called with its number from 1.
    ValueError for a label outside the classes.
    """
    for part in (examples, tests):
        check_labels(part.labels, network.sizes[-1])
    histories = [History() for _ in range(network.members)]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        for epoch in range(1, epochs + 1):
            ended = [history.divergence is not None for history in histories]
            if all(ended):
                break
            network.training(True)
            order = np.stack([next(one) for one in orders])
            losses, right = _descend(network, examples, order, batch, optimiser, epoch, histories)
            network.training(False)
            tested = evaluate(network, tests)
            for member, history in enumerate(histories):
                if ended[member]:
                    continue
                found = {
                    "running_loss": float(losses[member].mean(dtype=np.float64)),
                    "running_accuracy": float(right[member].mean(dtype=np.float64)),
                    "test_loss": tested[member].loss,
                    "test_accuracy": tested[member].accuracy,
                }
                for name, value in found.items():
                    history.curves.setdefault(name, []).append(value)
                if history.divergence is None and not math.isfinite(tested[member].loss):
                    _lost(network, member, history, epoch, -(-order.shape[1] // batch))
            after(epoch)
    return histories


def _descend(
    network: StackedNetwork,
    examples: Labelled,
    order: Array,
    batch: int,
    optimiser: Optimiser,
    epoch: int,
    histories: Sequence[History],
) -> tuple[Array, Array]:
    """One epoch; losses and whether they were right, (members, examples), in the orders' order."""
    members, count = order.shape
    labels = examples.labels[order]
    losses, right = np.empty((members, count), np.float32), np.empty((members, count), bool)
    rows = np.empty((members, batch, examples.inputs.shape[1]), examples.inputs.dtype)
    for step, start in enumerate(range(0, count, batch), start=1):
        at = slice(start, min(start + batch, count))
        size = at.stop - start
        program = network.program(size)
        x = rows if size == batch else np.empty((members, size, rows.shape[2]), rows.dtype)
        # "clip" reads straight into the buffer; the default mode makes a copy first.
        np.take(examples.inputs, order[:, at], axis=0, out=x, mode="clip")
        found = program.losses(program.forward(x), labels[:, at])
        losses[:, at], right[:, at] = found
        total = found[0].sum(axis=1)
        if not np.isfinite(total).all():
            for member, history in enumerate(histories):
                if history.divergence is None and not np.isfinite(total[member]):
                    _lost(network, member, history, epoch, step)
        program.backward()
        optimiser.step()
    return losses, right


def _lost(network: StackedNetwork, member: int, history: History, epoch: int, step: int) -> None:
    """Note where a member diverged, and make all of it nan, whatever stands beside it."""
    tensor = "logits"
    for layer, weight in enumerate(network.weights, start=1):
        if not np.isfinite(weight[member]).all():
            tensor = f"weight {layer}"
            break
    history.divergence = Divergence(epoch, step, tensor)
    network.parameters[member] = np.nan


def evaluate(network: StackedNetwork, part: Labelled) -> list[Evaluation]:
    """Each member on all of `part`, whose inputs end in a column of ones."""
    count = len(part.labels)
    losses = np.empty((network.members, count), np.float32)
    predictions = np.empty((network.members, count), np.uint8)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        for start in range(0, count, CHUNK):
            at = slice(start, min(start + CHUNK, count))
            program = network.program(at.stop - start)
            logits = program.forward(part.inputs[at])
            finite = np.isfinite(logits).all(axis=1)
            predictions[:, at] = np.where(finite, logits.argmax(axis=1), 0)
            losses[:, at], _ = program.losses(logits, part.labels[at])
    return [
        Evaluation(
            float(losses[member].mean(dtype=np.float64)),
            float(np.mean(predictions[member] == part.labels)),
            predictions[member],
        )
        for member in range(network.members)
    ]
