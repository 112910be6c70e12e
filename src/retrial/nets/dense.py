"""Fully connected networks in NumPy, from scratch: layers that know their own derivative.

A network is a list of layers. `forward` runs them in order, `backward` in reverse, and each layer
hands on an array that it owns; all buffers are allocated once for the largest batch, so a training
step allocates nothing of size. Arrays are (examples, features) throughout. The element type is the
caller's: float32 to train, float64 to check gradients.

All weights and biases lie in one flat array, and all gradients in another of the same layout, so
that an SGD step is two passes over memory for the whole network.
"""

import itertools
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LEAKY_SLOPE = 0.01


class Layer(Protocol):
    """What a network asks of a layer."""

    def forward(self, x: Array) -> Array:
        """Return the layer's output, (n, out); the array is reused by the next call."""
        ...

    def backward(self, delta: Array) -> Array | None:
        """Take dloss/doutput, store the parameters' gradients, return dloss/dinput."""
        ...


class Linear:
    """`x @ weight + bias`; weight (inputs, outputs), bias (outputs,), both views into flat arrays.

    `first` marks the layer that reads the data: nobody needs the gradient of its input, which
    would cost as much as the layer's forward pass.
    """

    def __init__(
        self,
        weight: Array,
        bias: Array,
        weight_gradient: Array,
        bias_gradient: Array,
        batch: int,
        first: bool,
    ) -> None:
        self.weight, self.bias = weight, bias
        self.weight_gradient, self.bias_gradient = weight_gradient, bias_gradient
        self.first = first
        inputs, outputs = weight.shape
        self._output = np.empty((batch, outputs), weight.dtype)
        self._delta = None if first else np.empty((batch, inputs), weight.dtype)
        self._ones = np.ones(batch, weight.dtype)
        self._input: Array = self._output[:0]

    def forward(self, x: Array) -> Array:
        """Return (n, outputs) for `x` (n, inputs), n at most the batch that was allocated."""
        self._input = x
        out = self._output[: len(x)]
        np.matmul(x, self.weight, out=out)
        out += self.bias
        return out

    def backward(self, delta: Array) -> Array | None:
        """Set both gradients from `delta` (n, outputs); return (n, inputs), None if first."""
        np.matmul(self._input.T, delta, out=self.weight_gradient)
        # As a product with ones: BLAS sums the columns faster than a reduction along axis 0.
        np.matmul(self._ones[: len(delta)], delta, out=self.bias_gradient)
        if self._delta is None:
            return None
        return np.matmul(delta, self.weight.T, out=self._delta[: len(delta)])


class Activation:
    """An elementwise function that overwrites its input; the derivative is taken from the output.

    That is possible for the four functions here because each of them determines its derivative:
    y(1-y), [y>0], [y>0]+slope[y<=0], 1-y². `backward` overwrites `delta` as well.
    """

    def __init__(self, name: str, batch: int, width: int, dtype: Any) -> None:
        self.name = name
        self._value = _VALUES[name]
        self._times_derivative = _DERIVATIVES[name]
        self._scratch = np.empty((batch, width), dtype)
        self._output: Array = self._scratch[:0]

    def forward(self, x: Array) -> Array:
        """Return f(x), in the memory of `x` (n, width)."""
        self._value(x, self._scratch[: len(x)])
        self._output = x
        return x

    def backward(self, delta: Array) -> Array:
        """Return delta · f'(x), in the memory of `delta` (n, width)."""
        self._times_derivative(delta, self._output, self._scratch[: len(delta)])
        return delta


def _sigmoid(x: Array, scratch: Array) -> None:
    # exp overflows to inf for x below -88 (float32), and 1/(1+inf) is the right limit, 0.
    np.negative(x, out=x)
    np.exp(x, out=x)
    x += 1
    np.reciprocal(x, out=x)


def _sigmoid_derivative(delta: Array, y: Array, scratch: Array) -> None:
    np.subtract(1, y, out=scratch)
    scratch *= y
    delta *= scratch


def _relu(x: Array, scratch: Array) -> None:
    np.maximum(x, 0, out=x)


def _relu_derivative(delta: Array, y: Array, scratch: Array) -> None:
    np.greater(y, 0, out=scratch, casting="unsafe")
    delta *= scratch


def _leaky_relu(x: Array, scratch: Array) -> None:
    np.multiply(x, LEAKY_SLOPE, out=scratch)
    np.maximum(x, scratch, out=x)


def _leaky_relu_derivative(delta: Array, y: Array, scratch: Array) -> None:
    np.greater(y, 0, out=scratch, casting="unsafe")
    np.maximum(scratch, LEAKY_SLOPE, out=scratch)
    delta *= scratch


def _tanh(x: Array, scratch: Array) -> None:
    np.tanh(x, out=x)


def _tanh_derivative(delta: Array, y: Array, scratch: Array) -> None:
    np.multiply(y, y, out=scratch)
    np.subtract(1, scratch, out=scratch)
    delta *= scratch


_VALUES = {"sigmoid": _sigmoid, "relu": _relu, "leakyrelu": _leaky_relu, "tanh": _tanh}
_DERIVATIVES = {
    "sigmoid": _sigmoid_derivative,
    "relu": _relu_derivative,
    "leakyrelu": _leaky_relu_derivative,
    "tanh": _tanh_derivative,
}
ACTIVATIONS = tuple(_VALUES)


class SoftmaxCrossEntropy:
    """Mean of -log softmax(logits)[label], by log-sum-exp: finite for all finite logits.

    After `forward`, `spread` holds the largest difference of two logits of one example and
    `largest` the largest logit, which say what a softmax without these precautions would do.
    """

    def __init__(self, batch: int, classes: int, dtype: Any) -> None:
        self._delta = np.empty((batch, classes), dtype)
        self._rows = np.arange(batch)
        self._sums = np.empty((batch, 1), dtype)
        self._labels: Array = self._rows[:0]
        self.spread = 0.0
        self.largest = 0.0

    def forward(self, logits: Array, labels: Array) -> float:
        """Return the mean loss in nats of `logits` (n, classes) against integer `labels` (n,)."""
        n = len(logits)
        rows, delta, sums = self._rows[:n], self._delta[:n], self._sums[:n]
        top = logits.max(axis=1, keepdims=True)
        np.subtract(logits, top, out=delta)
        self.largest, self.spread = float(top.max()), -float(delta.min())
        of_label = delta[rows, labels]
        np.exp(delta, out=delta)
        np.sum(delta, axis=1, keepdims=True, out=sums)
        self._labels = labels
        return float((np.log(sums[:, 0]) - of_label).mean(dtype=np.float64))

    def backward(self) -> Array:
        """Return dloss/dlogits of the last `forward`, (n, classes): (softmax - one-hot) / n."""
        n = len(self._labels)
        delta = self._delta[:n]
        delta /= self._sums[:n]
        delta[self._rows[:n], self._labels] -= 1
        delta /= n
        return delta


class DenseNetwork:
    """A multilayer perceptron: linear layers with one activation between them, softmax on top.

    `sizes` are the widths from input to classes, for example (784, 256, 128, 64, 32, 10); `batch`
    is the largest number of examples of one call. `weights[k]` (sizes[k], sizes[k+1]) and
    `biases[k]` are views into `parameters`, and `weight_gradients`, `bias_gradients` views into
    `gradients`. All parameters start at zero; `retrial.nets.initialisers` fills the weights.
    """

    def __init__(
        self, sizes: Sequence[int], activation: str, batch: int, dtype: Any = np.float32
    ) -> None:
        shapes = list(itertools.pairwise(sizes))
        count = sum(inputs * outputs + outputs for inputs, outputs in shapes)
        self.parameters: Array = np.zeros(count, dtype)
        self.gradients: Array = np.zeros(count, dtype)
        self._shapes = shapes
        self.weights, self.biases = self.views(self.parameters)
        self.weight_gradients, self.bias_gradients = self.views(self.gradients)
        self.layers: list[Layer] = []
        for k, (_, outputs) in enumerate(shapes):
            self.layers.append(
                Linear(
                    self.weights[k],
                    self.biases[k],
                    self.weight_gradients[k],
                    self.bias_gradients[k],
                    batch,
                    first=k == 0,
                )
            )
            if k < len(shapes) - 1:
                self.layers.append(Activation(activation, batch, outputs, dtype))
        self.loss = SoftmaxCrossEntropy(batch, sizes[-1], dtype)
        self.batch = batch

    def forward(self, x: Array) -> Array:
        """Return the logits, (n, classes), of `x` (n, sizes[0]), n ≤ batch; reused by each call."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self) -> None:
        """Set `gradients` to those of the mean loss that `loss.forward` has just computed."""
        delta: Array | None = self.loss.backward()
        for layer in reversed(self.layers):
            if delta is not None:
                delta = layer.backward(delta)

    def descend(self, learning_rate: float) -> None:
        """Take one step of plain gradient descent; overwrites `gradients` with the step."""
        np.multiply(self.gradients, learning_rate, out=self.gradients)
        np.subtract(self.parameters, self.gradients, out=self.parameters)

    def views(self, flat: Array) -> tuple[list[Array], list[Array]]:
        """Each layer's weight matrix and bias vector, as views into `flat` (parameters,)."""
        weights, biases, start = [], [], 0
        for inputs, outputs in self._shapes:
            weights.append(flat[start : start + inputs * outputs].reshape(inputs, outputs))
            start += inputs * outputs
            biases.append(flat[start : start + outputs])
            start += outputs
        return weights, biases
