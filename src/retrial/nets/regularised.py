"""The dense network with dropout and a choice of losses, and the ways to initialise it.

Layers, losses and the order of computation are those of `retrial.nets.dense`; dropout layers stand
after the hidden activations.
"""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from retrial.nets import initialisers
from retrial.nets.dense import Activation, DenseNetwork, Layer, SoftmaxCrossEntropy
from retrial.nets.dropout import Dropout, Scaling, check_rate
from retrial.nets.squared_error import MeanSquaredError, check_labels

Array = NDArray[Any]
Loss = Literal["mse", "ce"]


class Objective(Protocol):
    """What a network asks of a loss."""

    def forward(self, outputs: Array, labels: Array) -> float:
        """Return the mean loss of `outputs` (n, classes) against `labels` (n,)."""
        ...

    def backward(self) -> Array:
        """Return dloss/doutputs of the last `forward`."""
        ...


class CheckedCrossEntropy(SoftmaxCrossEntropy):
    """The cross-entropy of the dense network, which would take a label of -1 for the last class."""

    def forward(self, logits: Array, labels: Array) -> float:
        """Return the mean loss in nats; ValueError for a label outside the classes."""
        check_labels(labels, logits.shape[1])
        return super().forward(logits, labels)


class RegularisedNetwork(DenseNetwork):
    """A dense network whose hidden units are dropped at `rate`, under the loss named `loss`.

    "mse" is the mean squared error of the outputs, "ce" the softmax cross-entropy of the outputs
    as logits; `objective` is the one in use, whatever the inherited `loss`. `dropout` holds the
    dropout layers, one after each hidden activation and all drawing from `chance`; none at rate 0.
    ValueError for a rate outside [0, 1) and for a layer of no units.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str,
        batch: int,
        loss: Loss,
        rate: float,
        scaling: Scaling,
        chance: np.random.Generator,
        dtype: Any = np.float32,
    ) -> None:
        check_rate(rate)
        for layer, size in enumerate(sizes):
            if size < 1:
                raise ValueError(f"size of layer {layer} = {size!r}: expected at least 1 unit")
        super().__init__(sizes, activation, batch, dtype)
        objective = MeanSquaredError if loss == "mse" else CheckedCrossEntropy
        self.objective: Objective = objective(batch, sizes[-1], dtype)
        layers: list[Layer] = []
        self.dropout: list[Dropout] = []
        hidden = iter(sizes[1:])
        for each in self.layers:
            layers.append(each)
            if rate > 0 and isinstance(each, Activation):
                mask = Dropout(rate, batch, next(hidden), dtype, chance, scaling)
                self.dropout.append(mask)
                layers.append(mask)
        self.layers = layers

    def masked(self, active: bool) -> None:
        """Let dropout draw masks from now on, or be the identity."""
        for layer in self.dropout:
            layer.active = active

    def backward(self) -> None:
        """Set `gradients` to those of the mean loss that `objective.forward` has just computed."""
        delta: Array | None = self.objective.backward()
        for layer in reversed(self.layers):
            if delta is not None:
                delta = layer.backward(delta)


def glorot_normal(inputs: int, outputs: int, generator: np.random.Generator) -> Array:
    """Normal with variance 2/(inputs + outputs): Glorot and Bengio 2010, equation 16."""
    return generator.standard_normal((inputs, outputs)) * np.sqrt(2 / (inputs + outputs))


def default(inputs: int, outputs: int, generator: np.random.Generator) -> Array:
    """Uniform on ±1/√inputs, as torch's Linear draws weights (variance 1/(3 inputs))."""
    half_width = 1 / np.sqrt(inputs)
    return generator.uniform(-half_width, half_width, (inputs, outputs))


INITIALISERS: dict[str, initialisers.Initialiser] = {
    "glorot_normal": glorot_normal,
    "glorot_uniform": initialisers.glorot_uniform,
    "he_normal": initialisers.he_normal,
    "default": default,
}


def initialise(network: DenseNetwork, name: str, generator: np.random.Generator) -> None:
    """Draw the parameters of `network` by one of INITIALISERS.

    "default" draws the biases too, uniform on ±1/√inputs as torch's Linear does; those of the
    others are zero. All weights are drawn before any bias, so that one seed gives networks of
    either uniform initialiser the same weights but for a factor in each layer.
    """
    initialisers.fill(network.weights, INITIALISERS[name], generator)
    for weight, bias in zip(network.weights, network.biases, strict=True):
        half_width = 1 / np.sqrt(len(weight)) if name == "default" else 0.0
        bias[:] = generator.uniform(-half_width, half_width, len(bias)) if half_width else 0
