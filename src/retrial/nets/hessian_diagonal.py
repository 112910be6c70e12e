"""The diagonal of a ReLU network's Hessian, exactly and by LeCun's recursion.

The loss is the mean softmax cross-entropy. In any single weight the logits z of a ReLU network are
piecewise linear, so that almost everywhere d²L/dw² = (dz/dw)ᵀ (diag p − p pᵀ) dz/dw, the diagonal
of the Gauss-Newton matrix: the variance of dz/dw under the class probabilities p. With J the
Jacobian of the logits by a layer's pre-activations, and x the layer's inputs, the weight from i to
j has x_i² times the variance of J_j.

LeCun, Denker and Solla (1990), who prune by this diagonal, hand second derivatives back from layer
to layer as if those of two units of a layer had no mixed term. `recursive_diagonal` is that.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrial.nets.dense import Activation, DenseNetwork, Linear

Array = NDArray[Any]
Diagonal = list[NDArray[np.float64]]
# Second derivatives of each example's loss by the pre-activations of each layer, (n, outputs), from
# the layers' weights, their inputs and the class probabilities.
Curvatures = Callable[[Sequence[Array], Sequence[Array], Array], list[Array]]

# Examples at once: the Jacobians of so many stay in the cache.
CHUNK = 250


def hessian_diagonal(network: DenseNetwork, inputs: Array) -> Diagonal:
    """d²L/dw² of every weight, like the weights (inputs, outputs), float64, at least 0.

    L is the mean cross-entropy over the images `inputs` (n, features); its second derivatives do
    not depend on the labels. ValueError for no image and for an activation other than ReLU.
    """
    return _diagonal(network, inputs, _exact)


def recursive_diagonal(network: DenseNetwork, inputs: Array) -> Diagonal:
    """The same without mixed terms, as LeCun, Denker and Solla (1990) have it.

    Exact in the last layer only.
    """
    return _diagonal(network, inputs, _recursive)


def layer_inputs(network: DenseNetwork, x: Array) -> tuple[list[Array], Array]:
    """What each linear layer is given, (n, inputs) each, and the logits (n, classes).

    `x` (n, features), n at most the network's batch. Both are views of the network's own memory,
    good until its next call. ValueError for an activation other than ReLU.
    """
    given = []
    for layer in network.layers:
        if isinstance(layer, Linear):
            given.append(x)
        elif isinstance(layer, Activation) and layer.name != "relu":
            raise ValueError(f"activation {layer.name!r}: expected relu")
        x = layer.forward(x)
    return given, x


def _diagonal(network: DenseNetwork, inputs: Array, curvatures: Curvatures) -> Diagonal:
    if not len(inputs):
        raise ValueError("inputs: expected at least 1 image")
    sizes = [len(network.weights[0]), *(weight.shape[1] for weight in network.weights)]
    exact = DenseNetwork(sizes, "relu", CHUNK, np.float64)
    exact.parameters[:] = network.parameters
    # The copy is a ReLU network whatever the original is.
    layer_inputs(network, inputs[:1])
    sums = [np.zeros(weight.shape) for weight in exact.weights]
    for start in range(0, len(inputs), CHUNK):
        given, logits = layer_inputs(exact, inputs[start : start + CHUNK].astype(np.float64))
        of_layers = curvatures(exact.weights, given, _softmax(logits))
        for total, x, second in zip(sums, given, of_layers, strict=True):
            total += np.square(x).T @ second
    return [total / len(inputs) for total in sums]


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _exact(weights: Sequence[Array], given: Sequence[Array], p: Array) -> list[Array]:
    n, classes = p.shape
    jacobian: Array = np.broadcast_to(np.eye(classes), (n, classes, classes))
    found: list[Array] = []
    for layer in reversed(range(len(weights))):
        # A variance about the mean: a difference of squares could be rounded to less than 0.
        spread = np.square(jacobian - np.matmul(p[:, None], jacobian))
        found.insert(0, np.matmul(p[:, None], spread)[:, 0])
        if layer:
            width = jacobian.shape[2]
            jacobian = (jacobian.reshape(-1, width) @ weights[layer].T).reshape(n, classes, -1)
            jacobian *= (given[layer] > 0)[:, None]
    return found


def _recursive(weights: Sequence[Array], given: Sequence[Array], p: Array) -> list[Array]:
    found = [p * (1 - p)]
    for layer in reversed(range(1, len(weights))):
        handed = found[0] @ np.square(weights[layer]).T
        found.insert(0, handed * (given[layer] > 0))
    return found
