"""The faults of a dropout layer, each as a one-line change of the right computation.

`DROPOUT_FAULTS` names them. Each holds the right line and the faulty one, how the study makes runs
with it, and a detector that users can call on their own code: on any function
`dropout(x, training)` that masks an array (n, units) of floats with masks of its own drawing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

DropoutFunction = Callable[[np.ndarray, bool], np.ndarray]

# Units of one example that a detector looks at, and the standard errors that two means may differ
# by: a fault at a rate of 0.001 is found, and not one right function in a hundred million accused.
UNITS = 1_000_000
STANDARD_ERRORS = 6


@dataclass(frozen=True)
class DropoutFault:
    """A named fault.

    `right` and `faulty` are the line of code before and after. A network has the fault that was
    trained with masks of this `scaling` and is evaluated with masks on where `masked`. `detect`
    finds the fault in anybody's dropout function.
    """

    name: str
    summary: str
    right: str
    faulty: str
    scaling: Literal["inverted", "unscaled"]
    masked: bool
    detect: Callable[[DropoutFunction], bool]


def keeps_expectation(dropout: DropoutFunction) -> bool:
    """Whether units have the same mean in training as at evaluation.

    So they have under inverted dropout (1 in both) and under classical dropout (1 - rate in both).
    """
    training, evaluation = (_of_ones(dropout, training) for training in (True, False))
    error = np.sqrt((training.var() + evaluation.var()) / UNITS)
    # Means of a million equal numbers are equal but for their rounding.
    difference = abs(training.mean() - evaluation.mean())
    return bool(difference <= STANDARD_ERRORS * error + 1e-6 * abs(evaluation.mean()))


def masks_at_evaluation(dropout: DropoutFunction) -> bool:
    """Whether equal units leave the function unequal when it is told that training is over."""
    return bool(np.ptp(_of_ones(dropout, False)) > 0)


def _of_ones(dropout: DropoutFunction, training: bool) -> np.ndarray:
    # One example with many units: a function may well use one mask for all examples of a call.
    # Of a fresh array and copied, because a function may work in place or reuse its output.
    return np.array(dropout(np.ones((1, UNITS)), training), np.float64)


DROPOUT_FAULTS = {
    fault.name: fault
    for fault in (
        DropoutFault(
            name="unscaled",
            summary="units are dropped in training, and nothing is rescaled then or at evaluation",
            right="x * mask / (1 - rate) if training else x",
            faulty="x * mask if training else x",
            scaling="unscaled",
            masked=False,
            detect=lambda dropout: not keeps_expectation(dropout),
        ),
        DropoutFault(
            name="always_on",
            summary="units are dropped at evaluation as well",
            right="x * mask / (1 - rate) if training else x",
            faulty="x * mask / (1 - rate)",
            scaling="inverted",
            masked=True,
            detect=masks_at_evaluation,
        ),
    )
}
