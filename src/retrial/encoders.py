"""Ways to make few numbers of an image: the encoder of a network, principal components, chance.

All of them are applied alike: linear layers, weights (inputs, outputs) and biases (outputs,), each
with the same activation after it. What is estimated here is estimated in float64, with signs that
do not depend on the linear algebra library.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrial.core.errors import RetrialError
from retrial.fashion import PIXELS

Array = NDArray[Any]
Activation = Literal["relu", "identity"]


@dataclass(frozen=True)
class Encoder:
    """Linear layers from an image to its code; `activation` follows each of them."""

    weights: Sequence[Array]
    biases: Sequence[Array]
    activation: Activation

    def codes(self, inputs: Array) -> Array:
        """The codes (n, code size) of `inputs` (n, features), in the element type of both."""
        x = inputs
        for weight, bias in zip(self.weights, self.biases, strict=True):
            x = x @ weight
            x += bias
            if self.activation == "relu":
                np.maximum(x, 0, out=x)
        return x

    def tensors(self) -> dict[str, Array]:
        """`weight_0`, `bias_0`, … as float32, the form in which a stage hands an encoder on."""
        named = {}
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            named[f"weight_{layer}"] = weight.astype(np.float32)
            named[f"bias_{layer}"] = bias.astype(np.float32)
        return named


class Components(NamedTuple):
    """Principal axes of a sample: mean (features,), axes (features, rank), variances (rank,).

    Variances fall from the first axis on; they are divided by n - 1.
    """

    mean: Array
    axes: Array
    variances: Array

    def encoder(self) -> Encoder:
        """The projection on the axes as an encoder: the mean goes into the bias."""
        return Encoder([self.axes], [-self.mean @ self.axes], "identity")

    def reconstructions(self, inputs: Array) -> Array:
        """Each row of (n, features) float64 at its nearest point on the plane of the axes."""
        return (inputs - self.mean) @ self.axes @ self.axes.T + self.mean


def widths(hidden: Sequence[int]) -> list[int]:
    """The widths of an autoencoder's encoder: hidden layers up to the one in the middle.

    ValueError when the number of layers is even: there is no middle.
    """
    if len(hidden) % 2 == 0:
        raise ValueError(f"{len(hidden)} hidden layers: expected an odd number, for a middle one")
    return list(hidden[: len(hidden) // 2 + 1])


def require_room(code_size: int, features: int) -> None:
    """ValueError when a code of `code_size` numbers is larger than the input of `features`."""
    if code_size > features:
        raise ValueError(
            f"code size {code_size} is larger than the input of {features} values: "
            f"expected at most {features}"
        )


def principal_components(inputs: Array, rank: int) -> Components:
    """The first `rank` principal axes of `inputs` (n, features), in float64.

    The loading of largest size on each axis is positive. ValueError when the rank is larger than
    the number of features.
    """
    require_room(rank, inputs.shape[1])
    x = inputs.astype(np.float64)
    mean = x.mean(axis=0)
    x -= mean
    variances, axes = np.linalg.eigh(x.T @ x / (len(x) - 1))
    # eigh sorts upwards.
    variances, axes = variances[::-1][:rank], axes[:, ::-1][:, :rank]
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(rank)]
    return Components(mean, axes * np.where(largest < 0, -1.0, 1.0), variances)


def random_projection(features: int, size: int, chance: np.random.Generator) -> Encoder:
    """A Gaussian matrix (features, size) over √size, which keeps squared distances on average.

    Johnson and Lindenstrauss 1984. ValueError when the size is larger than the input.
    """
    require_room(size, features)
    weight = chance.standard_normal((features, size)) / np.sqrt(size)
    return Encoder([weight.astype(np.float32)], [np.zeros(size, np.float32)], "identity")


def tensor(data: Mapping[str, Array], key: str, file: str) -> Array:
    """A tensor that an earlier stage left; RetrialError names the key and the file without it."""
    if key not in data:
        raise RetrialError(
            f"{file}: no tensor {key!r}, expected it from the seeds of that stage's budget"
        )
    return data[key]


def dead_units(codes: Array) -> int:
    """How many units of `codes` (n, units) are 0 for every example."""
    return int((~codes.any(axis=0)).sum())


def effective_rank(codes: Array) -> float | None:
    """(Σλ)² / Σλ² of the eigenvalues λ of the covariance of `codes` (n, units): 1…units.

    The participation ratio: the number of axes if all that count had equal variance. None when
    the codes do not vary.
    """
    x = codes.astype(np.float64)
    x -= x.mean(axis=0)
    covariance = x.T @ x
    # Trace and Frobenius norm are the sums of the eigenvalues and of their squares.
    squares = float((covariance**2).sum())
    return float(np.trace(covariance)) ** 2 / squares if squares else None


def require_hidden(hidden: tuple[int, ...]) -> tuple[int, ...]:
    """Hidden widths of an autoencoder of 28 × 28 images whose code fits; ValueError if not."""
    require_room(widths(hidden)[-1], PIXELS)
    return hidden
