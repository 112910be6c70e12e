"""A training loop that looks at the network at stated moments, whatever the network is made of."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Predictions = NDArray[np.uint8]


@dataclass
class History:
    """What was seen at each check, in order.

    `images_seen` counts training images with repetition, `loss` is the mean training loss in nats
    since the check before, `accuracy` that of `predictions` (those of the last check). `diverged`
    is the (epoch, step) of the first non-finite loss, both counted from 1.
    """

    images_seen: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    predictions: Predictions = field(default_factory=lambda: np.empty(0, np.uint8))
    diverged: tuple[int, int] | None = None


def check_steps(examples: int, batch: int, epochs: float, checks: Sequence[float]) -> list[int]:
    """The steps after which to look, in order: `checks` in epochs, every epoch's end, the last.

    An epoch has ⌈examples/batch⌉ steps; moments are rounded to whole steps, and those beyond
    `epochs` fall away.
    """
    per_epoch = math.ceil(examples / batch)
    last = max(1, round(epochs * per_epoch))
    moments = [round(check * per_epoch) for check in checks]
    ends = range(per_epoch, last, per_epoch)
    return sorted({step for step in (*moments, *ends, last) if 1 <= step <= last})


def train(
    step: Callable[[Array], float],
    predict: Callable[[], Predictions],
    labels: Array,
    orders: Iterable[Array],
    batch: int,
    checks: Sequence[int],
    enough: float = math.inf,
) -> History:
    """Take the steps of `orders` (permutations, one per epoch) and look after those in `checks`.

    `step(rows)` trains on one batch of row numbers and returns its loss before the
    update; `predict()` gives the classes of the test images, to compare with `labels`. Training
    ends after the last check, at the first whose accuracy is at least `enough`, or at the first
    non-finite loss, which counts as a check.
    """
    history = History()
    pending = list(checks)
    number, seen, total, since = 0, 0, 0.0, 0
    for epoch, order in enumerate(orders, start=1):
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            number += 1
            loss = step(rows)
            seen += len(rows)
            total += loss * len(rows)
            since += len(rows)
            if not math.isfinite(loss):
                history.diverged = (epoch, start // batch + 1)
            elif number != pending[0]:
                continue
            history.predictions = predict()
            history.images_seen.append(seen)
            history.loss.append(total / since)
            history.accuracy.append(float(np.mean(history.predictions == labels)))
            total, since = 0.0, 0
            pending = pending[1:]
            if not pending or history.diverged or history.accuracy[-1] >= enough:
                return history
    return history
