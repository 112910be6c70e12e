"""Report 004, exercise 2 A: convolutional classifiers of MNIST.

    plain       stands for the report's, whose figure is lost: an introductory network, trained for
                as many epochs as the report states, no augmentation
    recipe      ours: batch normalisation, digits moved by up to two pixels, one cycle of SGD
    robust      the same network, trained adversarially

The weights of all of them go on to the attacks. Arms of a seed share the order of their batches.
"""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from retrial import image_classification
from retrial.core.trial import Result, Trial
from retrial.image_classification import Budget, Protocol, skipped

NAME = "classifier_mnist"

__all__ = ["NAME", "Budget", "Protocol", "run", "skipped", "trials"]


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed."""
    return image_classification.trials(NAME, protocol, budget)


def run(trial: Trial, data: Mapping[str, NDArray[Any]]) -> Result:
    """One classifier, trained and looked at: see `retrial.image_classification.run`."""
    return image_classification.run(trial, data)
