"""Report 004, exercise 2 C: convolutional classifiers of CIFAR-10.

    plain       stands for the report's, whose figure is lost: an introductory network, trained for
                as many epochs as the report states, no augmentation
    recipe      ours: whitened patches, images moved and mirrored, one cycle of SGD
    brief       the same with fewer channels, for half as long
    robust      the network of `brief`, trained adversarially

The weights of all of them go on to the attacks. Arms of a seed share the order of their batches.
"""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from retrial import image_classification
from retrial.core.trial import Result, Trial
from retrial.image_classification import Budget, Protocol, skipped

NAME = "classifier_cifar10"

__all__ = ["NAME", "Budget", "Protocol", "run", "skipped", "trials"]


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed."""
    return image_classification.trials(NAME, protocol, budget)


def run(trial: Trial, data: Mapping[str, NDArray[Any]]) -> Result:
    """One classifier, trained and looked at: see `retrial.image_classification.run`."""
    return image_classification.run(trial, data)
