"""Draws of MNIST's digits as they come, and of two digits of which one is rare."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrial.core.errors import RetrialError
from retrial.core.seeds import generator
from retrial.training.sgd import Labelled

Array = NDArray[Any]
Config = Mapping[str, Any]
Data = Mapping[str, Array]

CLASSES = 10


class Parts(NamedTuple):
    """Images to learn from, to pick a rate by and to test on, and a weight for each of the last."""

    train: Labelled
    validation: Labelled
    test: Labelled
    weights: NDArray[np.float64]


def balanced_parts(study: str, seed: int, config: Config, data: Data) -> Parts:
    """`train` and `validation` images of the training file, drawn without replacement.

    `data` holds `train_images` and `test_images` (N, 28, 28) uint8 with their labels, and the
    indices `train` and `test` into them; the first `test_at_most` are tested on, null: all.
    RetrialError where there are too few, or where the draw leaves a digit without an image.
    """
    rows, wanted = data["train"], config["train"] + config["validation"]
    if wanted > len(rows):
        raise RetrialError(
            f"{study}.balanced: train + validation = {wanted}: expected at most {len(rows)} images"
        )
    drawn = rows[generator(study, seed, "images").permutation(len(rows))[:wanted]]
    train, validation = (
        labelled(data, "train", part) for part in np.split(drawn, [config["train"]])
    )
    for digit in range(CLASSES):
        if digit not in train.labels:
            raise RetrialError(
                f"{study}.balanced: train = {config['train']}: the draw of seed {seed} leaves out "
                f"digit {digit}, expected an image of each of {CLASSES}"
            )
    test = labelled(data, "test", data["test"][: config["test_at_most"]])
    return Parts(train, validation, test, np.ones(len(test.labels)))


def imbalanced_parts(study: str, seed: int, config: Config, data: Data) -> Parts:
    """The same of the digits `common` (label 0) and `rare` (label 1), a `rare_share` of them rare.

    In training and validation the share is exact, but for rounding. Rare digits in such a ratio
    would be few among the test images: all of both digits are tested on, and the rare ones
    weighted so that they are that share.
    """
    rows: dict[str, list[Array]] = {"train": [], "validation": []}
    counts = {part: digit_counts(config, config[part]) for part in rows}
    for place, kind in enumerate(("common", "rare")):
        own = data["train"][data["train_labels"][data["train"]] == config[kind]]
        first, second = (counts[part][place] for part in rows)
        if first + second > len(own):
            raise RetrialError(
                f"{study}.imbalanced: train + validation = {first + second} images of digit "
                f"{config[kind]}: expected at most {len(own)}"
            )
        order = generator(study, seed, kind).permutation(len(own))
        rows["train"].append(own[order[:first]])
        rows["validation"].append(own[order[first : first + second]])
    tests, found = data["test"][: config["test_at_most"]], []
    for kind in ("common", "rare"):
        found.append(tests[data["test_labels"][tests] == config[kind]])
        if not len(found[-1]):
            raise RetrialError(
                f"{study}: test_at_most = {config['test_at_most']}: leaves no test image of digit "
                f"{config[kind]}, expected more"
            )
    train, validation, test = (
        _rare_or_not(labelled(data, part, np.concatenate(chosen)), config["rare"])
        for part, chosen in (("train", rows["train"]), ("train", rows["validation"]),
                             ("test", found))
    )  # fmt: skip
    common, rare = (len(one) for one in found)
    ratio = config["rare_share"] / (1 - config["rare_share"])
    return Parts(train, validation, test, np.where(test.labels == 1, ratio * common / rare, 1.0))


def digit_counts(config: Config, many: int) -> tuple[int, int]:
    """How many of so many images show the common digit, and the rare one."""
    rare = round(config["rare_share"] * many)
    return many - rare, rare


def labelled(data: Data, part: str, rows: Array) -> Labelled:
    """Images of a file, "train" or "test", as float32 (n, 784) in 0…1, and their digits (n,)."""
    images = data[f"{part}_images"][rows].reshape(len(rows), -1)
    inputs = np.divide(images, np.float32(255), dtype=np.float32)
    return Labelled(inputs, data[f"{part}_labels"][rows].astype(np.int64))


def _rare_or_not(part: Labelled, rare: int) -> Labelled:
    return Labelled(part.inputs, (part.labels == rare).astype(np.int64))
