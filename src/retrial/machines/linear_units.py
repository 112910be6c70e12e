"""Single linear units that learn example by example, each one line away from the one before.

A unit has weights w, the bias last. For an input x that ends in 1 it gives o(z) with z = w·x, and
it decides for class 1 where that is above one half. With labels y of 0 and 1 it learns by

    w += η · (y − o(z)) · s(o(z)) · x

`perceptron`
:   o is the step: the weights change at mistakes only (Rosenblatt 1958).
`adaline`
:   o is the identity: the delta rule, the gradient of ½(y − z)² (Widrow and Hoff 1960).
`sigmoid_squared`
:   o is the sigmoid and s its slope o(1 − o): the gradient of ½(y − o)².
`logistic`
:   o is the sigmoid without that slope: the gradient of the cross-entropy, logistic regression.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from retrial.core.errors import RetrialError

Array = NDArray[Any]
Function = Callable[[Array], Array]


@dataclass(frozen=True)
class Unit:
    """A unit by its `output` at z, and by the `slope` that its error is multiplied with, at o."""

    output: Function
    slope: Callable[[Array], Array | float]

    def error(self, labels: Array, z: Array) -> Array:
        """(y − o) · s(o), entry by entry: what a step of size η adds to w is η · error · x."""
        output = self.output(z)
        found: Array = (labels - output) * self.slope(output)
        return found


def step(z: Array) -> Array:
    """1 above 0, else 0."""
    return np.heaviside(z, 0.0)


def identity(z: Array) -> Array:
    """What comes in."""
    return z


def sigmoid(z: Array) -> Array:
    """1/(1 + exp(−z)), entry by entry; 0 or 1 where exp would overflow."""
    found: Array = special.expit(z)
    return found


def one(_: Array) -> float:
    """The slope of a unit that takes its error as it is."""
    return 1.0


def sigmoid_slope(output: Array) -> Array:
    """The derivative of the sigmoid, from its value."""
    return output * (1 - output)


PERCEPTRON = Unit(output=step, slope=one)
ADALINE = replace(PERCEPTRON, output=identity)
SIGMOID_SQUARED = replace(ADALINE, output=sigmoid, slope=sigmoid_slope)
LOGISTIC = replace(SIGMOID_SQUARED, slope=one)
UNITS = {
    "perceptron": PERCEPTRON,
    "adaline": ADALINE,
    "sigmoid_squared": SIGMOID_SQUARED,
    "logistic": LOGISTIC,
}


class Training(NamedTuple):
    """What a training of several units at once leaves, by epoch.

    `weights` (epochs, members, features + 1) at the end of each, `mistakes` (epochs, members) that
    a unit made on examples as they came, `changed` (epochs, members) whether any moved its weights.
    """

    weights: Array
    mistakes: Array
    changed: Array


def with_bias(inputs: Array) -> Array:
    """Inputs (…, features) with a last column of ones."""
    return np.concatenate([inputs, np.ones((*inputs.shape[:-1], 1))], axis=-1)


def decisions(unit: Unit, z: Array) -> Array:
    """Whether the unit decides for class 1, entry by entry."""
    found: Array = unit.output(z) > 0.5
    return found


def train(unit: Unit, inputs: Array, labels: Array, orders: Array, rates: Array) -> Training:
    """Train members of one kind, each on its own examples in its own order, from weights of 0.

    `inputs` (members, n, features), `labels` (members, n) of 0 and 1, `orders` (members, epochs, n)
    of positions, `rates` (epochs,) the η of each epoch; all of float64 but `orders`. A member's
    weights do not depend on the others. Raises RetrialError for other labels.
    """
    check_labels(labels)
    members, epochs, n = orders.shape
    # Columns first: members then differ in the last axis alone, and all operations go entry by
    # entry. A sum over an axis may take another order where there are more members.
    columns = with_bias(inputs).transpose(1, 2, 0)
    targets = np.ascontiguousarray(labels.T, dtype=float)
    weights = np.zeros((columns.shape[1], members))
    every = np.arange(members)
    kept = np.empty((epochs, members, len(weights)))
    mistakes = np.empty((epochs, members), np.int64)
    changed = np.empty((epochs, members), bool)
    z = np.empty((n, members))
    with np.errstate(over="ignore", invalid="ignore"):
        for epoch in range(epochs):
            order = orders[:, epoch].T
            x = np.ascontiguousarray(columns[order, :, every].transpose(0, 2, 1))
            y = targets[order, every]
            for now in range(n):
                z[now] = _weighted_sum(weights, x[now])
                weights += rates[epoch] * unit.error(y[now], z[now]) * x[now]
            kept[epoch] = weights.T
            mistakes[epoch] = (decisions(unit, z) != (y > 0)).sum(axis=0)
            changed[epoch] = (unit.error(y, z) != 0).any(axis=0)
    return Training(kept, mistakes, changed)


def _weighted_sum(weights: Array, x: Array) -> Array:
    products = weights * x
    total = products[0]
    for product in products[1:]:
        total = total + product
    return total


def check_labels(labels: Array) -> None:
    """Raise RetrialError where a label is neither 0 nor 1."""
    wrong = labels[(labels != 0) & (labels != 1)]
    if wrong.size:
        raise RetrialError(f"labels: found {wrong.flat[0]!s}, expected 0 and 1")


def cross_entropy(z: Array, labels: Array) -> float:
    """Mean of −ln of the probability that σ(z) gives the label, in nats; z, labels (n,)."""
    # ln(1 + exp(−z)) for class 1, ln(1 + exp(z)) for class 0; it loses no digit in either tail.
    return float(np.logaddexp(0, (1 - 2 * labels) * z).mean())
