"""Report 004, exercise 2 C: images of CIFAR-10 that a generator changes until a classifier errs.

The arms are those of `retrial.image_attacks`, by victim.
"""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from retrial import image_attacks
from retrial.core.trial import Result, Trial
from retrial.image_attacks import Budget, Protocol, skipped

NAME = "attack_cifar10"

__all__ = ["NAME", "Budget", "Protocol", "run", "skipped", "trials"]


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed."""
    return image_attacks.trials(NAME, protocol, budget)


def run(trial: Trial, data: Mapping[str, NDArray[Any]]) -> Result:
    """One victim under attack: see `retrial.image_attacks.run`."""
    return image_attacks.run(trial, data)
