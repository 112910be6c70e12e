"""Networks of one shape side by side: one program trains them all, each as if it were alone.

Narrow networks in small batches spend their time between matrix products. Here every product,
activation and update runs over a stack of members, (members, …) arrays, so that what a call costs
is shared. `np.matmul` of stacks calls BLAS once per member, and nothing else mixes members, so a
member's numbers do not depend, to the last bit, on which others stand beside it or how many.

Inside, arrays are (members, features, examples). A layer's output has a last row of ones, and its
weights (members, outputs, inputs + 1) a last column of biases: a bias costs no call of its own,
and the rows that an activation works on are one block of memory.
"""

import itertools
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from retrial.nets.activations import ActivationName, activation
from retrial.nets.batch_norm import BatchNorm, OnBatch

Array = NDArray[Any]
# What a hidden layer has besides its weights and activation.
Block = Literal["plain", "normalised", "residual"]


class Layer(Protocol):
    """What a program asks of a layer."""

    def forward(self, x: Array) -> Array:
        """Return the output for `x` (members, inputs + 1, n), its last row ones."""
        ...

    def backward(self, delta: Array) -> Array:
        """Take dloss/doutput (members, outputs, n), store gradients, return dloss/dinput."""
        ...


class Linear:
    """`weight @ x`, then normalisation and activation in the same memory where there are such.

    `first` marks the layer that reads the data, (n, inputs + 1) or (members, n, inputs + 1):
    nobody needs the gradient of its input. `delta` takes that gradient for the others, (members,
    inputs, n), and `scratch` (members, outputs · n) what the activation needs for a moment.
    """

    def __init__(
        self,
        weight: Array,
        gradient: Array,
        n: int,
        act: ActivationName | None,
        norm: OnBatch | None,
        first: bool,
        delta: Array | None,
        scratch: Array,
    ) -> None:
        members, outputs, inputs = weight.shape[0], weight.shape[1], weight.shape[2] - 1
        self.weight, self.gradient, self.norm, self.first = weight, gradient, norm, first
        self._inner = weight[:, :, :inputs].transpose(0, 2, 1)
        self._full = np.ones((members, outputs + 1, n), weight.dtype)
        self.rows = self._full[:, :outputs]
        # The same memory, (members, outputs · n): one long run for an elementwise function.
        self._flat = self._full.reshape(members, -1)[:, : outputs * n]
        self._act = activation(act, members, outputs * n, weight.dtype, scratch) if act else None
        self._delta = delta
        self._input: Array = self._full

    def forward(self, x: Array) -> Array:
        """Return (members, outputs + 1, n), the last row ones."""
        self._input = x
        np.matmul(self.weight, x.swapaxes(-1, -2) if self.first else x, out=self.rows)
        if self.norm is not None:
            self.norm.forward(self.rows)
        if self._act is not None:
            self._act.forward(self._flat)
        return self._full

    def backward(self, delta: Array) -> Array:
        """Set `gradient` from `delta` (members, outputs, n), which it overwrites."""
        if self._act is not None:
            self._act.backward(delta.reshape(len(delta), -1))
        if self.norm is not None:
            self.norm.backward(delta)
        inputs = self._input if self.first else self._input.swapaxes(-1, -2)
        np.matmul(delta, inputs, out=self.gradient)
        return delta if self._delta is None else np.matmul(self._inner, delta, out=self._delta)


class Residual:
    """A layer of as many outputs as inputs that is added to its own input (He et al. 2016)."""

    def __init__(self, inner: Linear) -> None:
        self._inner = inner
        members, width, n = inner.rows.shape
        self._full = np.ones((members, width + 1, n), inner.rows.dtype)
        self.rows = self._full[:, :-1]
        self._delta = np.empty_like(inner.rows)

    def forward(self, x: Array) -> Array:
        """Return x + f(x), the last row ones."""
        self._inner.forward(x)
        np.add(self._inner.rows, x[:, :-1], out=self.rows)
        return self._full

    def backward(self, delta: Array) -> Array:
        """Return dloss/dx for `delta` (members, outputs, n)."""
        self._delta[...] = delta
        found = self._inner.backward(self._delta)
        found += delta
        return found


class Program:
    """What the members compute on batches of exactly `n` examples: layers with their buffers."""

    def __init__(self, layers: Sequence[Layer], members: int, classes: int, n: int, dtype: Any):
        self.layers = layers
        self._delta = np.empty((members, classes, n), dtype)
        self._ones = np.ones((1, classes), dtype)
        self._sums = np.empty((members, 1, n), dtype)
        self._members = np.arange(members)[:, None]
        self._examples = np.arange(n)
        self._labels: Array = self._examples

    def forward(self, x: Array) -> Array:
        """The logits (members, classes, n) of `x`; the array is reused by the next call.

        `x` is (n, inputs + 1), the same for all members, or (members, n, inputs + 1); its last
        column holds ones.
        """
        for layer in self.layers:
            x = layer.forward(x)
        return x[:, :-1]

    def losses(self, logits: Array, labels: Array) -> tuple[Array, Array]:
        """Cross-entropy in nats and whether it is right, both (members, n), of each example.

        `labels` are (n,) or (members, n) integers. By log-sum-exp: finite for all finite logits.
        An example is right when no logit is above that of its label.
        """
        delta = self._delta
        np.subtract(logits, logits.max(axis=1, keepdims=True), out=delta)
        of_label = delta[self._members, labels, self._examples]
        np.exp(delta, out=delta)
        # As a product: a sum along an axis may take its terms in another order in another stack.
        np.matmul(self._ones, delta, out=self._sums)
        self._labels = labels
        return np.log(self._sums[:, 0]) - of_label, of_label == 0

    def backward(self) -> None:
        """Set all gradients to those of the mean loss of the last `losses`."""
        delta = self._delta
        delta /= self._sums
        delta[self._members, self._labels, self._examples] -= 1
        delta *= 1 / delta.shape[-1]
        for layer in reversed(self.layers):
            delta = layer.backward(delta)


class StackedNetwork:
    """`members` multilayer perceptrons of one shape, softmax on top.

    `sizes` are the widths from input to classes, for example (784, 32, 32, 10). `weights[k]`
    (members, sizes[k+1], sizes[k] + 1), whose last column holds the biases, are views into
    `parameters` (members, all), `weight_gradients[k]` views into `gradients`. All begin at zero.
    `norms[k]` is the batch normalisation of hidden layer k, where the block has one; its gain
    and shift are parameters as well. In "residual" networks every hidden layer but the first is
    added to its input. ValueError for a layer of no units, and for residual layers of unequal
    widths.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        act: ActivationName,
        members: int,
        block: Block = "plain",
        dtype: Any = np.float32,
    ) -> None:
        for layer, size in enumerate(sizes):
            if size < 1:
                raise ValueError(f"size of layer {layer} = {size!r}: expected at least 1 unit")
        if block == "residual" and len(set(sizes[1:-1])) > 1:
            raise ValueError(f"hidden widths {tuple(sizes[1:-1])}: a residual network needs equal")
        self.sizes, self.act, self.members, self.block = tuple(sizes), act, members, block
        shapes = [(outputs, inputs + 1) for inputs, outputs in itertools.pairwise(sizes)]
        if block == "normalised":
            shapes += [(2, width) for width in sizes[1:-1]]
        count = sum(rows * columns for rows, columns in shapes)
        self.parameters = np.zeros((members, count), dtype)
        self.gradients = np.zeros((members, count), dtype)
        layers = len(sizes) - 1
        views, slopes = (self._views(flat, shapes) for flat in (self.parameters, self.gradients))
        self.weights, self.weight_gradients = views[:layers], slopes[:layers]
        self.norms = [
            BatchNorm(affine, gradient)
            for affine, gradient in zip(views[layers:], slopes[layers:], strict=True)
        ]
        self._programs: dict[int, Program] = {}

    def _views(self, flat: Array, shapes: Sequence[tuple[int, int]]) -> list[Array]:
        found, start = [], 0
        for rows, columns in shapes:
            part = flat[:, start : start + rows * columns]
            found.append(part.reshape(self.members, rows, columns))
            start += rows * columns
        return found

    def _empty(self, count: int, size: int) -> Array:
        return np.empty((count, self.members, size), self.parameters.dtype)

    def program(self, n: int) -> Program:
        """The program for batches of `n` examples; made once, its buffers kept."""
        if n not in self._programs:
            layers: list[Layer] = []
            last = len(self.weights) - 1
            # Two arrays for each width, taken in turns, and one for scratch: what is needed for a
            # moment only stays in a core's cache.
            shared = {width: self._empty(3, width * n) for width in self.sizes[1:]}
            for k, (weight, gradient) in enumerate(
                zip(self.weights, self.weight_gradients, strict=True)
            ):
                norm = self.norms[k].on(n) if k < len(self.norms) else None
                act = self.act if k < last else None
                inputs, outputs = self.sizes[k : k + 2]
                delta = shared[inputs][k % 2].reshape(self.members, inputs, n) if k else None
                scratch = shared[outputs][2]
                layer = Linear(weight, gradient, n, act, norm, k == 0, delta, scratch)
                residual = self.block == "residual" and 0 < k < last
                layers.append(Residual(layer) if residual else layer)
            self._programs[n] = Program(
                layers, self.members, self.sizes[-1], n, self.parameters.dtype
            )
        return self._programs[n]

    def training(self, active: bool) -> None:
        """Normalise by each batch from now on, or by the running averages."""
        for norm in self.norms:
            norm.training(active)
