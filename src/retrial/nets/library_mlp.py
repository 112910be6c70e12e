"""The network of scikit-learn's MLPClassifier and MLPRegressor, in preallocated buffers.

The reports' library networks, number for number: the same draws of the initial weights, the same
losses with the same penalty, the same gradients, so that a test can compare every epoch's loss
with the library's own. It is written again since a grid of hundreds of fits pays for it (float32,
no allocation in a step, one flat array of parameters) and since the library hands out no
validation loss on the way. Layers are those of `retrial.nets.dense`.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from retrial.nets.dense import Activation, DenseNetwork

Array = NDArray[Any]
Hidden = Literal["logistic", "tanh", "relu", "identity"]
Task = Literal["classify", "regress"]

NAMES = {"logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}


class LibraryNetwork(DenseNetwork):
    """A multilayer perceptron whose weights and biases are drawn as scikit-learn draws them.

    `task` "classify" puts a softmax with cross-entropy on the outputs, "regress" half the squared
    error, averaged over examples and outputs. `penalty` is scikit-learn's alpha: half of it times
    the sum of the squared weights, divided by the batch's size, is added to the loss. `chance` goes
    on to shuffle the examples, as the library's does. ValueError for a layer of no units.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: Hidden,
        task: Task,
        batch: int,
        chance: np.random.RandomState,
        penalty: float = 1e-4,
        dtype: Any = np.float32,
    ) -> None:
        for layer, size in enumerate(sizes):
            if size < 1:
                raise ValueError(f"size of layer {layer} = {size!r}: expected at least 1 unit")
        super().__init__(sizes, NAMES.get(activation, "relu"), batch, dtype)
        if activation == "identity":
            self.layers = [one for one in self.layers if not isinstance(one, Activation)]
        self.activation, self.task, self.penalty, self.chance = activation, task, penalty, chance
        # Glorot and Bengio's bound, for the logistic function a smaller one; biases share it.
        factor = 2.0 if activation == "logistic" else 6.0
        for weight, bias in zip(self.weights, self.biases, strict=True):
            bound = np.sqrt(factor / sum(weight.shape))
            weight[:] = chance.uniform(-bound, bound, weight.shape)
            bias[:] = chance.uniform(-bound, bound, len(bias))
        self._delta = np.empty((batch, sizes[-1]), dtype)
        self._rows = np.arange(batch)

    def backpropagate(self, x: Array, targets: Array) -> float:
        """Set `gradients` to those of the penalised mean loss on (n, inputs); return that loss.

        `targets` are classes (n,) or values (n, outputs).
        """
        n = len(x)
        delta: Array | None = self._delta[:n]
        outputs = self.forward(x)
        if self.task == "classify":
            loss = self._cross_entropy(outputs, targets)
        else:
            np.subtract(outputs, targets, out=delta)
            # Half the mean square over outputs; its gradient is the sum's, as the library has it.
            flat = self._delta[:n].ravel()
            loss = 0.5 * float(flat @ flat) / flat.size
        # Dividing here is the mean over examples for all gradients at once.
        self._delta[:n] /= n
        for layer in reversed(self.layers):
            if delta is not None:
                delta = layer.backward(delta)
        squares = 0.0
        for weight, gradient in zip(self.weights, self.weight_gradients, strict=True):
            flat = weight.ravel()
            squares += float(flat @ flat)
            gradient += self.penalty / n * weight
        return loss + 0.5 * self.penalty * squares / n

    def _cross_entropy(self, logits: Array, labels: Array) -> float:
        """Leave softmax - one-hot in the buffer; the mean loss, clipped as the library clips it."""
        n = len(logits)
        probabilities = self._delta[:n]
        softmax(logits, out=probabilities)
        of_label = probabilities[self._rows[:n], labels]
        probabilities[self._rows[:n], labels] -= 1
        return clipped_log_loss(of_label)

    def outputs(self, inputs: Array) -> Array:
        """The network on any number of examples: probabilities (n, classes) or values."""
        found = np.empty((len(inputs), self.biases[-1].size), inputs.dtype)
        for start in range(0, len(inputs), self.batch):
            part = slice(start, start + self.batch)
            found[part] = self.forward(inputs[part])
        return softmax(found, out=found) if self.task == "classify" else found

    def hidden_outputs(self, inputs: Array, layer: int) -> Array:
        """The outputs of hidden layer `layer` (from 1), after its activation: (n, its width)."""
        per_layer = 1 if self.activation == "identity" else 2
        found = np.empty((len(inputs), self.biases[layer - 1].size), inputs.dtype)
        for start in range(0, len(inputs), self.batch):
            x = inputs[start : start + self.batch]
            for each in self.layers[: layer * per_layer]:
                x = each.forward(x)
            found[start : start + self.batch] = x
        return found


def softmax(logits: Array, out: Array) -> Array:
    """Probabilities of each row of `logits`, into `out`."""
    np.subtract(logits, logits.max(axis=1, keepdims=True), out=out)
    np.exp(out, out=out)
    out /= out.sum(axis=1, keepdims=True)
    return out


def clipped_log_loss(of_label: Array) -> float:
    """Mean -log of the labels' probabilities (n,), kept one float64 epsilon from 0 and 1.

    So the library clips what its users give it, which is float64; for float32 it would clip at a
    larger epsilon, and cut the loss of a confident mistake from 36 nats to 16.
    """
    epsilon = np.finfo(np.float64).eps
    return -float(np.log(np.clip(of_label.astype(np.float64), epsilon, 1 - epsilon)).mean())
