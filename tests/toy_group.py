"""A toy study whose trials may be one program; importable by worker processes."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from retrial.core.seeds import generator
from retrial.core.trial import Metric, Result, Trial

NAME = "toy_group"
AT_ONCE = 3
# How many trials each program of this process had.
programs: list[int] = []


def trials(count: int, factor: float = 1.0) -> list[Trial]:
    """Trials of one kind, the later ones heavier."""
    return [Trial(NAME, f"arm{i % 2}", i, {"factor": factor}, cost=1.0 + i) for i in range(count)]


def together(trial: Trial) -> Hashable:
    return trial.config["factor"]


def run_together(trials: Sequence[Trial], data: Mapping[str, np.ndarray]) -> list[Result]:
    programs.append(len(trials))
    if len(trials) > AT_ONCE or len({together(trial) for trial in trials}) > 1:
        raise ValueError("these trials are no one program")
    if any(trial.config.get("raises") for trial in trials):
        raise ValueError("this program was told to raise")
    draws = np.stack([generator(NAME, trial.seed, "draws").normal(size=100) for trial in trials])
    draws = (trials[0].config["factor"] * draws).astype(np.float32)
    weights = np.asarray(data["weights"])
    return [Result({"mean": Metric(float(own @ weights), 100)}, arrays={"draws": own.copy()})
            for own in draws]  # fmt: skip


def run(trial: Trial, data: Mapping[str, np.ndarray]) -> Result:
    return run_together([trial], data)[0]
