"""A toy study whose trials depend on where they run, as `config["on"]` says."""

import multiprocessing
import os
from collections.abc import Mapping

import numpy as np
import psutil

from retrial.core.seeds import generator
from retrial.core.trial import Metric, Result, Trial

NAME = "restless"
# Joblib has two processes for one worker.
MOST = 3


def trials(on: str, count: int = 4) -> list[Trial]:
    return [Trial(NAME, f"arm{i}", i, {"on": on}) for i in range(count)]


def run(trial: Trial, data: Mapping[str, np.ndarray]) -> Result:
    on = trial.config["on"]
    if on == "raised":
        raise ValueError("this trial was told to raise")
    if on == "ended":
        os._exit(0)
    value = float(generator(NAME, trial.seed, "draws").normal())
    if on == "hash seed":
        value = float(hash(trial.arm))
    if on == "workers" and multiprocessing.current_process().name.startswith("Loky"):
        siblings = psutil.Process(os.getppid()).children()
        workers = [one for one in siblings if "popen_loky" in " ".join(one.cmdline())]
        value += len(workers) > MOST
    print("a line of the study's own")
    return Result({"value": Metric(value, 1)}, arrays={"draws": np.float32([value])})
