"""What the studies of deep networks return of a trained one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrial.core.trial import Metric, Result
from retrial.deep_networks import Config, curves
from retrial.training.sgd import Labelled
from retrial.training.stacked_descent import Evaluation, History

Array = NDArray[Any]


def correct_bits(found: Evaluation, part: Labelled) -> Array:
    """Whether each example of a part is right, eight a byte, first example in the highest bit."""
    return np.packbits(found.predictions == part.labels)


def result(
    config: Config, history: History, metrics: dict[str, Metric], arrays: dict[str, Array]
) -> Result:
    """A network's result: its curves, and where it diverged if it did."""
    divergence = history.divergence
    return Result(
        metrics=metrics,
        status="ok" if divergence is None else "diverged",
        # More epochs could not have changed a network that has diverged; more images could.
        decided=divergence is not None and config["train_at_most"] is None,
        detail={} if divergence is None else divergence._asdict(),
        curves=curves(history),
        arrays=arrays,
    )
