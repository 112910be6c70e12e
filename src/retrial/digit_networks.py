"""The digits and networks of report 001, part 2, as its study and its search build them.

Apart from both, so that a change of either leaves the other's finished trials as they are.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrial.core.seeds import generator
from retrial.nets.regularised import RegularisedNetwork, initialise
from retrial.training.sgd import Labelled

Array = NDArray[Any]

CLASSES = 10
# Evaluation goes faster in larger chunks than training's batch of 32.
CHUNK = 500
# Mean and standard deviation of all pixels of MNIST's training images, in 0…1.
PIXEL_MEAN, PIXEL_DEVIATION = 0.1307, 0.3081

Pixels = Literal["unit", "standardised"]
Initialiser = Literal["glorot_normal", "glorot_uniform", "he_normal", "default"]


class Seconds(NamedTuple):
    """What a network takes on one core under the pins, with dropout or without.

    `trained` is an epoch over 60,000 images, `tested` a pass over 10,000. They only order the work.
    """

    trained: float
    tested: float


SECONDS = {"small": Seconds(0.43, 0.025), "deep": Seconds(6.9, 0.31)}


def labelled(
    data: Mapping[str, Array], part: str, pixels: Pixels, rows: Array | None = None
) -> Labelled:
    """Images of a part, "train" or "test", as float32 (n, 784), and their labels (n,) int64.

    `data` holds `train_images` and `test_images` (N, 28, 28) uint8 with their labels, and the
    indices `train` and `test` into them; `rows` (n,) chooses among these, None takes all. Pixels
    are in 0…1 ("unit") or have mean 0 and standard deviation 1 over the training images
    ("standardised").
    """
    chosen = data[part] if rows is None else data[part][rows]
    images = data[f"{part}_images"][chosen].reshape(len(chosen), -1)
    inputs = np.divide(images, np.float32(255), dtype=np.float32)
    if pixels == "standardised":
        inputs -= np.float32(PIXEL_MEAN)
        inputs /= np.float32(PIXEL_DEVIATION)
    return Labelled(inputs, data[f"{part}_labels"][chosen].astype(np.int64))


def build(config: Mapping[str, Any], inputs: int, study: str, seed: int) -> RegularisedNetwork:
    """The network at its initial weights; equal seeds give equal draws and masks in every arm."""
    network = RegularisedNetwork(
        (inputs, *config["hidden"], CLASSES),
        config["activation"],
        max(config["batch"], CHUNK),
        config["loss"],
        config["rate"],
        config["scaling"],
        generator(study, seed, "masks"),
    )
    initialise(network, config["initialiser"], generator(study, seed, "init"))
    return network


def orders(study: str, seed: int, examples: int, epochs: int) -> Iterator[Array]:
    """A new permutation (examples,) for each epoch; the same for every arm of a seed."""
    shuffle = generator(study, seed, "order")
    for _ in range(epochs):
        yield shuffle.permutation(examples)
