"""What the library networks of report 002, section C share: images, draws, scores.

Fashion-MNIST with pixels in 0…1, as the report divides them by 255. All studies of the section
key their draws by the seed alone, so that comparisons between their arms are paired.
"""

import itertools
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.seeds import integer
from retrial.nets.library_mlp import LibraryNetwork, clipped_log_loss
from retrial.training.library_fit import Schedule, SolverName
from retrial.training.sgd import Labelled

Array = NDArray[Any]

NAMES = (
    "T-shirt", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
CLASSES = len(NAMES)
PIXELS = 784
# Multiply-adds of training that one core does in a second, roughly; it only orders the work.
SPEED = 2.0e10


class Network(FrozenModel):
    """A library network and how it is fitted; `hidden` are the widths from the input on."""

    hidden: Annotated[tuple[Count, ...], Field(min_length=1)]
    solver: SolverName
    learning_rate: Positive
    batch: Count
    epochs: Count
    tolerance: Positive | None


def schedule(config: Mapping[str, Any]) -> Schedule:
    """The part of a trial's config that says how its network is fitted."""
    return Schedule(**{name: config[name] for name in Schedule.model_fields})


class Scores(NamedTuple):
    """A classifier on one part: mean loss in nats, accuracy in 0…1, classes (n,) uint8."""

    loss: float
    accuracy: float
    predictions: Array


def pixels(images: Array, rows: Array) -> Array:
    """Images `rows` of (N, 28, 28) uint8 as (n, 784) float32 in 0…1."""
    chosen = images[rows].reshape(len(rows), -1)
    return np.divide(chosen, np.float32(255), dtype=np.float32)


def part(data: Mapping[str, Array], name: str) -> Labelled:
    """A part of the split: "train" from the training file, the others from the test file."""
    source = "train" if name == "train" else "test"
    rows = data[name]
    labels = data[f"{source}_labels"][rows].astype(np.int64)
    return Labelled(pixels(data[f"{source}_images"], rows), labels)


def random_seed(seed: int) -> int:
    """The whole number that stands for scikit-learn's `random_state` of a seed."""
    return integer("fashion", seed) % 2**32


def random_state(seed: int) -> np.random.RandomState:
    """The generator that draws a network's weights, then shuffles its examples."""
    return np.random.RandomState(random_seed(seed))


def score(network: LibraryNetwork, examples: Labelled) -> Scores:
    """Loss (clipped as the library clips it), accuracy and classes of a classifier."""
    probabilities = network.outputs(examples.inputs)
    predictions = probabilities.argmax(axis=1)
    of_label = probabilities[np.arange(len(predictions)), examples.labels]
    accuracy = float((predictions == examples.labels).mean())
    return Scores(clipped_log_loss(of_label), accuracy, predictions.astype(np.uint8))


def seconds(sizes: tuple[int, ...], images: int, epochs: int) -> float:
    """Rough seconds of training a network of layer `sizes` on one core."""
    weights = sum(a * b for a, b in itertools.pairwise(sizes))
    # Forward, and twice as much back.
    return 3 * weights * images * epochs / SPEED
