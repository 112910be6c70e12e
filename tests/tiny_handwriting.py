"""A study of handwriting on which networks learn in no time: its section, trials and data."""

from typing import Any

import numpy as np
from tiny_digits import mnist_shaped

from retrial.core.config import validated
from retrial.core.trial import Trial
from retrial.studies.handwriting import (
    Budget,
    Protocol,
    trials,
)

TRAIN, TEST, SECOND, DIGITS, CORRUPTED = 60, 20, 12, 15, 8
SEVERITIES = 5
CORRUPTIONS, PAGES = ("blur", "rotation", "fog"), ("all", "no_box", "nothing")
STEPS = ("zoom", "width", "height", "rotation", "flips", "blur", "brightness", "gamma")
SECTION: dict[str, Any] = {
    "small": [2, 3],
    "large": [4, 5],
    "recipe": {
        "epochs": 2, "batch": 16, "label_smoothing": 0.0, "shift": 0, "flip": False,
        "robust": None, "optimiser": {
            "name": "one_cycle", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 5e-4,
            "warm_up": 0.25,
        },
    },
    "ranges": {
        "zoom": 0.1, "width": 0.11, "height": 0.12, "rotation": 10.0, "flips": 0.5, "blur": 1.0,
        "brightness": 0.3, "gamma": 0.6,
    },
    "repeats": {"beside": 3, "alone": 7},
    "more": [],
}  # fmt: skip
ADDED = [f"report/{step}" for step in STEPS[2:]]
CLAIMED = {"none", "report", *ADDED, "large/none", "large/report"}
OTHERS = {
    "all", *(f"all/{step}" for step in STEPS), "digits", "digits/transposed", "digits/inverted",
    "digits/alone",
}  # fmt: skip
DOWNLOADED = {
    "emnist", "emnist/transposed", "emnist/inverted", "numbers", "numbers/transposed",
    "numbers/inverted", "emnist+numbers",
}  # fmt: skip
# Of small and large, of augmented and not, of one and of two sources.
SOME = ("none", "report", "all", "large/report", "digits/inverted", "digits/alone")


def protocol(**changes: Any) -> Protocol:
    return validated(SECTION | changes, Protocol, "handwriting")


def budget(**changes: Any) -> Budget:
    whole = {
        "seeds": 1, "other_seeds": 1, "epochs_at_most": None, "train_at_most": None,
        "corrupted_at_most": None,
    }  # fmt: skip
    return Budget(**whole | changes)


def trial(arm: str, seed: int = 0, stated: Protocol | None = None, **changes: Any) -> Trial:
    given = budget(seeds=seed + 1, other_seeds=seed + 1, **changes)
    found = trials(stated or protocol(), given)
    return next(one for one in found if (one.arm, one.seed) == (arm, seed))


def data() -> dict[str, np.ndarray]:
    """Bright squares for classes; of every domain other pictures, labels without an order."""
    found, chance = mnist_shaped(TRAIN, TEST), np.random.default_rng(5)
    for part, size in (("train", TRAIN), ("test", TEST)):
        order = chance.permutation(size)
        for kind in ("images", "labels"):
            found[f"{part}_{kind}"] = found[f"{part}_{kind}"][order]
    tests = found["test_images"]
    found["moved_images"] = np.roll(tests, 3, axis=2)
    other = mnist_shaped(SECOND, DIGITS)
    for name, part in (("second", "train"), ("digits", "test")):
        found[f"{name}_images"] = np.roll(other[f"{part}_images"], 1, axis=1)
        found[f"{name}_labels"] = other[f"{part}_labels"]
    for at, name in enumerate(CORRUPTIONS):
        worse = [np.roll(tests[:CORRUPTED], at + one, axis=1) for one in range(SEVERITIES)]
        found[f"corrupted_{name}"] = np.stack(worse)
    for at, name in enumerate(PAGES):
        found[f"pages_{name}"] = np.roll(found["digits_images"], 2 + at, axis=2)
    found["sheets"] = np.full((DIGITS, 96, 96), 200, np.uint8)
    return found


def with_emnist() -> dict[str, np.ndarray]:
    found, more = data(), mnist_shaped(20, 11)
    for name, part in (("emnist", "train"), ("emnist_test", "test")):
        found[f"{name}_images"] = np.roll(more[f"{part}_images"], 5, axis=2)
        found[f"{name}_labels"] = more[f"{part}_labels"]
    return found
