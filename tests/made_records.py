"""Records made up for tests of verdicts: arms with metrics, curves and arrays by seed."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from retrial.core import records
from retrial.core.records import Finished, Records
from retrial.core.trial import Metric, Result, Trial

Make = Callable[[str, int], Mapping[str, Any]]


def made(folder: Path, study: str, arms: Mapping[str, int], make: Make) -> Records:
    """Records of `study` with so many seeds of each arm; `make(arm, seed)` says what each holds.

    Keys: metrics (name → value, or (value, n)), curves, arrays, config, status, whole.
    """
    found = []
    for arm, seeds in arms.items():
        for seed in range(seeds):
            one = make(arm, seed)
            metrics = {
                name: Metric(*value) if isinstance(value, tuple) else Metric(value, 100)
                for name, value in one.get("metrics", {}).items()
            }
            result = Result(
                metrics,
                status=one.get("status", "ok"),
                curves=one.get("curves", {}),
                arrays=one.get("arrays", {}),
            )
            trial = Trial(study, arm, seed, one.get("config", {}), one.get("whole", True))
            found.append(Finished(trial, result, f"{arm}:{seed}"))
    records.write(folder, study, found, [], {})
    return Records.load(folder)
