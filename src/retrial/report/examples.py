"""Adversarial examples as the chapters on attacks count them: one row an image and target.

From the arrays of a study of `retrial.image_attacks`, all seeds of an arm together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrial.core.records import Records
from retrial.judging.statements.attacks import MEASURES
from retrial.report.numbers import drawn
from retrial.statistics import wilson

Array = NDArray[Any]

NONE = "–"
KINDS = {"image": "f of one image", "amortised": "f of all images"}


@dataclass(frozen=True)
class Examples:
    """Changed images whose originals the victim has right, one row an image and target, all (n,).

    `seed` of the trial; classes: `source` shown, `target` wanted, `predicted` by the victim,
    `refereed` by the referee; `quality` (6, n) in the order of MEASURES; `known`: the referee has
    the original right. `steps`, updates of step two, where every image has a generator of its own,
    else None. `images` were taken, and the victim had `misclassified` of them wrong before.
    """

    seed: Array
    source: Array
    target: Array
    predicted: Array
    refereed: Array
    quality: Array
    known: Array
    steps: Array | None
    images: int
    misclassified: int

    @property
    def asked(self) -> Array:
        """(n,) successes on images whose original the referee has right."""
        found: Array = self.hit & self.known
        return found

    @property
    def hit(self) -> Array:
        """(n,) whether the victim says the target."""
        found: Array = self.predicted == self.target
        return found

    def measure(self, name: str) -> Array:
        """A measure of the successes."""
        found: Array = self.quality[MEASURES.index(name), self.hit]
        return found

    def by_seed(self) -> list[float]:
        """The share of targets reached, seed by seed; a seed without a row has none."""
        return [float(self.hit[self.seed == seed].mean()) for seed in np.unique(self.seed)]

    def counts(self, classes: int) -> tuple[Array, Array]:
        """(classes, classes) rows that reach their target, and all rows, by source and target."""
        place = self.source.astype(int) * classes + self.target
        reached, tried = (np.bincount(p, minlength=classes**2) for p in (place[self.hit], place))
        return reached.reshape(classes, classes), tried.reshape(classes, classes)


def examples(records: Records, arm: str) -> Examples:
    """The examples of an arm, over its seeds."""
    own = arm.startswith("image/")
    parts: dict[str, list[Array]] = {}
    images = misclassified = 0
    for trial in records.of(arm):
        found = {
            name: records.array(arm, trial["seed"], name)
            for name in ("labels", "before", "predicted", "refereed", "known",
                         "quality", "steps" if own else "targets")
        }  # fmt: skip
        labels, shape = found["labels"][:, None].astype(int), found["predicted"].shape
        right = found["before"][:, None] == labels
        images, misclassified = images + len(labels), misclassified + int((~right).sum())
        rows = {
            "seed": np.full(shape, trial["seed"]),
            "source": np.broadcast_to(labels, shape),
            "target": np.broadcast_to(np.arange(shape[1]), shape),
            "predicted": found["predicted"],
            "refereed": found["refereed"],
            "known": np.broadcast_to(found["known"][:, None].astype(bool), shape),
        }
        if own:
            rows["steps"] = found["steps"]
        else:
            rows["target"] = found["targets"].astype(int)[:, None]
        tried = right & (rows["target"] != labels)
        for name, values in rows.items():
            parts.setdefault(name, []).append(values[tried])
        parts.setdefault("quality", []).append(found["quality"][:, tried].astype(float))
    joined = {name: np.concatenate(values, axis=-1) for name, values in parts.items()}
    return Examples(
        joined["seed"], joined["source"], joined["target"], joined["predicted"],
        joined["refereed"], joined["quality"], joined["known"], joined.get("steps"),
        images, misclassified,
    )  # fmt: skip


def of_kind(records: Records, kind: str) -> list[str]:
    """The arms of a kind that were run, `image` or `amortised`."""
    return [arm for arm in records.arms() if arm.startswith(f"{kind}/")]


def victim_of(arm: str) -> str:
    """The classifier that an arm attacks."""
    return arm.split("/")[1]


def titled(arm: str) -> str:
    """An arm in words, as Markdown."""
    return f"{KINDS[arm.split('/')[0]]}, *{victim_of(arm)}*"


def plainly(arm: str) -> str:
    """An arm in words, without Markdown."""
    return titled(arm).replace("*", "")


def share_cells(found: Array, records: Records, arms: Sequence[str], what: str) -> list[str]:
    """The share of true values (n,) and its nineteen-in-twenty Wilson interval, as two cells."""
    if not len(found):
        return [NONE, NONE]
    ends = wilson(int(found.sum()), len(found))
    return [
        drawn(float(found.mean()), records, arms, what, ".3f"),
        " to ".join(drawn(end, records, arms, f"end of the interval of {what}", ".3f")
                    for end in ends),
    ]  # fmt: skip
