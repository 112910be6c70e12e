"""Two classes in the plane, to train and to test on: drawn, or halves of Iris.

Drawn classes are normal with unit deviation in every direction; their means lie `distance` apart
on the first axis, so that no rule is right more often than Φ(distance/2). With a `margin`, points
that are not at least that far on their own side of the line halfway are drawn again: the classes
are then separable, and the best rule is always right.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationInfo, field_validator
from scipy import special
from scipy.optimize import linprog

from retrial.core.errors import RetrialError
from retrial.core.models import FrozenModel, Positive

Array = NDArray[Any]


class Gaussians(FrozenModel):
    """Drawn classes: the distance of their means, and the margin; null where they overlap."""

    distance: Positive
    margin: Positive | None

    @field_validator("margin")
    @classmethod
    def within_reach(cls, margin: float | None, info: ValidationInfo) -> float | None:
        """Further out, points would have to be drawn again and again."""
        most = info.data.get("distance", np.inf) / 2
        if margin is not None and margin > most:
            raise ValueError(f"expected at most half the distance, {most:g}")
        return margin


class Flowers(FrozenModel):
    """Two classes of Iris in two of its columns."""

    classes: tuple[Literal[0, 1, 2], Literal[0, 1, 2]]
    columns: tuple[Literal[0, 1, 2, 3], Literal[0, 1, 2, 3]]

    @field_validator("classes", "columns")
    @classmethod
    def differ(cls, pair: tuple[int, int]) -> tuple[int, int]:
        """A class or a column beside itself says nothing."""
        if pair[0] == pair[1]:
            raise ValueError("expected two different ones")
        return pair


class Examples(NamedTuple):
    """Inputs (n, 2) and labels (n,) of 0 and 1, float64."""

    inputs: Array
    labels: Array


class Split(NamedTuple):
    """What is trained on and tested on; `rows` (tested,) of all examples, where there are such."""

    train: Examples
    test: Examples
    rows: Array | None = None


def drawn(distance: float, margin: float | None, n: int, chance: np.random.Generator) -> Examples:
    """(n, 2) inputs, half of each class; `margin` None: the classes overlap."""
    labels = np.arange(n) % 2.0
    ahead = distance / 2 + chance.normal(size=n)
    while margin is not None and (again := ahead < margin).any():
        ahead[again] = distance / 2 + chance.normal(size=again.sum())
    return Examples(np.stack([(2 * labels - 1) * ahead, chance.normal(size=n)], axis=1), labels)


def bayes_accuracy(distance: float, margin: float | None) -> float:
    """The share of drawn examples that the best of all rules has right."""
    return 1.0 if margin is not None else float(special.ndtr(distance / 2))


def halves(
    data: Mapping[str, Array],
    classes: Sequence[int],
    columns: Sequence[int],
    chance: np.random.Generator,
) -> Split:
    """Half of two classes' rows to train on, the others to test on; the second class is 1.

    `data` has `features` (rows, 4) and `labels` (rows,). Half of each class is drawn, rounded down.
    `rows` are positions among the rows of both classes. Raises RetrialError where a class has fewer
    than two rows, so that a part would be without it.
    """
    kept = np.flatnonzero(np.isin(data["labels"], classes))
    inputs = np.asarray(data["features"][kept][:, list(columns)], float)
    labels = np.asarray(data["labels"][kept] == classes[1], float)
    first = []
    for label, name in enumerate(classes):
        own = np.flatnonzero(labels == label)
        if len(own) < 2:
            raise RetrialError(
                f"iris: class {name} has {len(own)} rows, expected at least 2, one for each half"
            )
        first.append(chance.permutation(own)[: len(own) // 2])
    train = np.sort(np.concatenate(first))
    test = np.setdiff1d(np.arange(len(kept)), train)
    parts = [Examples(inputs[rows], labels[rows]) for rows in (train, test)]
    return Split(parts[0], parts[1], test)


def standardised(split: Split) -> tuple[Split, Array, Array]:
    """Both parts with the training inputs' mean 0 and SD 1; that mean and SD, (2,) each."""
    mean, sd = split.train.inputs.mean(axis=0), split.train.inputs.std(axis=0)
    parts = [Examples((one.inputs - mean) / sd, one.labels) for one in (split.train, split.test)]
    return Split(parts[0], parts[1], split.rows), mean, sd


def separable(examples: Examples) -> bool:
    """Whether some line has every example on its own side, by linear programming."""
    sides = 2 * examples.labels - 1
    ahead = sides[:, None] * np.column_stack([examples.inputs, np.ones(len(sides))])
    found = linprog(np.zeros(ahead.shape[1]), -ahead, -np.ones(len(sides)), bounds=(None, None))
    return bool(found.status == 0)
