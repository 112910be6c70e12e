"""Trials that may be trained in one program, as the tests of their studies look at them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from retrial.core.config import profile_path, section
from retrial.core.trial import Result, Trial
from retrial.running.store import pack

ROOT = Path(__file__).parents[1]
PROFILES = ("smoke", "quick", "paper")
# A section that all of them have, and the curves that all of them keep.
TRAINING: dict[str, Any] = {
    "width": 6,
    "batch": 16,
    "optimiser": "sgd",
    "learning_rate": 0.1,
    "initialiser": "glorot_uniform",
}
CURVES = {"running_loss", "running_accuracy", "test_loss", "test_accuracy"}


def packed(study: ModuleType, trial: Trial, data: Mapping[str, np.ndarray]) -> bytes:
    """What the store keeps of a trial that is run by itself."""
    return pack(study.run(trial, data), 0.0)


def packed_beside(
    study: ModuleType, trial: Trial, trials: Sequence[Trial], data: Mapping[str, np.ndarray]
) -> bytes:
    """What the store keeps of a trial that is run with all others that may share its program."""
    group = [one for one in trials if study.together(one) == study.together(trial)]
    assert len(group) > 1
    # Not the first of its program, wherever the study lists it.
    group = [one for one in group if one != trial] + [trial]
    return pack(study.run_together(group, data)[-1], 0.0)


def right(result: Result) -> np.ndarray:
    """Whether each test image is right, (images,) of 0 and 1."""
    bits = result.arrays["correct_bits"]
    assert bits.dtype == np.uint8
    count = result.metrics["test_accuracy"].n
    assert len(bits) == -(-count // 8)
    return np.unpackbits(bits, count=count)


def configured(study: ModuleType, profile: str) -> tuple[Any, Any]:
    """The protocol of params.yaml and the budget of a profile."""
    return (
        section(ROOT / "params.yaml", study.NAME, study.Protocol),
        section(profile_path(profile, ROOT), study.NAME, study.Budget),
    )


def is_whole(study: ModuleType, profile: str) -> bool:
    """Whether the profile leaves nothing out of the protocol of params.yaml; both are valid."""
    protocol, budget = configured(study, profile)
    trials, skipped = study.trials(protocol, budget), study.skipped(protocol, budget)
    run = {trial.arm for trial in trials}
    assert run.isdisjoint(skipped)
    assert run | set(skipped) == set(study.arms(protocol))
    assert len({(trial.arm, trial.seed) for trial in trials}) == len(trials)
    return not skipped and all(trial.whole for trial in trials)
