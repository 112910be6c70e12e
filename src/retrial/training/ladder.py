"""Plain SGD at every rate of a ladder from one beginning, with the parameters at stated steps."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrial.nets.dense import DenseNetwork
from retrial.training.sgd import Labelled

Array = NDArray[Any]
Orders = Callable[[], Iterator[Array]]


def descend(
    network: DenseNetwork,
    examples: Labelled,
    orders: Iterator[Array],
    batch: int,
    learning_rate: float,
    checks: Sequence[int],
) -> Iterator[int]:
    """Take the steps of `orders` up to the last of `checks`, and pause after each of these.

    Yields the number of steps so far, and ends early at a loss that is not finite. An order is a
    permutation (n,) of the examples; the last batch of an epoch may be smaller.
    """
    step, pauses = 0, set(checks)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for order in orders:
            for start in range(0, len(order), batch):
                rows = order[start : start + batch]
                outputs = network.forward(examples.inputs[rows])
                if not math.isfinite(network.loss.forward(outputs, examples.labels[rows])):
                    return
                network.backward()
                network.descend(learning_rate)
                step += 1
                if step in pauses:
                    yield step
                if step >= checks[-1]:
                    return


def climb(
    network: DenseNetwork,
    examples: Labelled,
    orders: Orders,
    batch: int,
    rates: Sequence[float],
    checks: Sequence[int],
) -> Iterator[Iterator[int]]:
    """One `descend` for each rate, from the same parameters on and through the same orders."""
    begun = network.parameters.copy()
    for rate in rates:
        network.parameters[...] = begun
        yield descend(network, examples, orders(), batch, rate, checks)


def logits_of(network: DenseNetwork, inputs: Array) -> Array:
    """The logits (n, classes) of `inputs` (n, features), in chunks of the network's batch."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        chunks = range(0, len(inputs), network.batch)
        return np.concatenate(
            [network.forward(inputs[at : at + network.batch]).copy() for at in chunks]
        )


def growing_steps(last: int, growth: float) -> list[int]:
    """Ascending whole steps from 1 to `last`, each about `growth` times the one before."""
    count = math.ceil(math.log(last) / math.log(growth))
    return sorted({min(last, round(growth**power)) for power in range(count + 1)})
