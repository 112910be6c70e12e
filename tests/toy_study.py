"""A study of the least size, for tests of the frame; importable by worker processes."""

import os
import signal
import time
from collections.abc import Mapping

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.seeds import generator
from retrial.core.trial import Metric, Result, Trial

NAME = "toy"


def trials(count: int, seconds: float = 0.0) -> list[Trial]:
    return [Trial(NAME, f"arm{i % 2}", i, {"seconds": seconds}) for i in range(count)]


def run(trial: Trial, data: Mapping[str, np.ndarray]) -> Result:
    if trial.config.get("raises"):
        raise ValueError("this trial was told to raise")
    if trial.config.get("mistake"):
        raise RetrialError(trial.config["mistake"])
    if trial.config.get("killed"):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(trial.config["seconds"])
    draws = generator(NAME, trial.seed, "draws").normal(size=100).astype(np.float32)
    weights = np.asarray(data["weights"])
    return Result(
        {"mean": Metric(float(draws @ weights), 100)},
        curves={"draw": [float(x) for x in draws[:3]]},
        arrays={"draws": draws},
    )
