"""The toy study with a log of which process began and ended which trial, for tests that kill."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import toy_study

from retrial.core.trial import Result, Trial

NAME = toy_study.NAME
LOG = "RETRIAL_TEST_LOG"
trials = toy_study.trials


class Step(NamedTuple):
    """A line of the log."""

    what: str
    seed: int
    process: int


def log(what: str, trial: Trial) -> None:
    """Append a line, whole even beside other processes."""
    line = f"{what} {trial.seed} {os.getpid()}\n".encode()
    place = os.open(os.environ[LOG], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(place, line)
    os.close(place)


def steps(path: Path) -> list[Step]:
    """The lines of a log; none before its first."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [Step(what, int(seed), int(process)) for what, seed, process in map(str.split, lines)]


def run(trial: Trial, data: Mapping[str, np.ndarray]) -> Result:
    log("begun", trial)
    result = toy_study.run(trial, data)
    log("ended", trial)
    return result
