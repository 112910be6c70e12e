"""What a stage took: seconds of its trials, its wall time and its memory, beside its records.

Clocks and memory differ from run to run, so the file is no out of any stage and nothing that the
study finds depends on it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import joblib

from retrial.core.config import Compute
from retrial.core.trial import Result, Trial
from retrial.running.memory import largest_worker, own_peak
from retrial.running.store import Store

TIMINGS = "timings.json"
KEYS = {"seconds", "stage"}


@dataclass(frozen=True)
class CountingStore(Store):
    """A store that counts the trials that were computed in this run, by their fingerprints."""

    computed: list[str] = field(default_factory=list)

    def put(self, fingerprint: str, result: Result, seconds: float) -> None:
        """Keep a finished trial as Store does, and count it."""
        super().put(fingerprint, result, seconds)
        self.computed.append(fingerprint)


def measurement(
    fingerprints: Sequence[str], computed: int, seconds: float, compute: Compute
) -> dict[str, Any]:
    """What a stage took, where it computed trials; a replay alone says nothing of that.

    `trials`: a digest of their `fingerprints`. `computed`, `replayed`: how many were run and how
    many came from the store. `wall_seconds`: `seconds`, from the stage's start to its records.
    `peak_bytes`: an upper bound of resident memory, this process plus `workers` times the largest
    of them. The last three are None after a replay, the last two where a cluster did the work.
    """
    # One worker asked for is two processes that take turns.
    workers = min(max(2, compute.workers or joblib.cpu_count()), computed)
    local = computed and compute.backend == "local"
    return {
        "trials": digest_of(fingerprints),
        "computed": computed,
        "replayed": len(fingerprints) - computed,
        "wall_seconds": round(seconds, 1) if computed else None,
        "workers": workers if local else None,
        "peak_bytes": own_peak() + workers * largest_worker() if local else None,
    }


def kept(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """Of two measurements of the same trials that of the run which computed more of them.

    The later where they are of other trials, or computed equally many.
    """
    if old and old["trials"] == new["trials"] and old["computed"] > new["computed"]:
        return old
    return new


def factors(trials: Sequence[Trial], seconds: Sequence[float]) -> dict[str, float]:
    """Measured seconds per unit of a trial's cost, by arm; arms without a cost are left out.

    Costs follow the profile, and so what a trial of another profile will take can be told.
    """
    costs: dict[str, float] = {}
    spent: dict[str, float] = {}
    for trial, one in zip(trials, seconds, strict=True):
        costs[trial.arm] = costs.get(trial.arm, 0.0) + trial.cost
        spent[trial.arm] = spent.get(trial.arm, 0.0) + one
    return {arm: float(f"{spent[arm] / cost:.4g}") for arm, cost in costs.items() if cost > 0}


def digest_of(fingerprints: Iterable[str]) -> str:
    """A SHA-256 of trials in their order, as hex."""
    return sha256("\n".join(fingerprints).encode()).hexdigest()


def read_timings(path: Path) -> dict[str, Any]:
    """What a stage left in timings.json; {} for none.

    {"seconds": {arm: [...]}, "stage": {...}, "factors": {arm: ...}}, the last not in files of
    earlier versions. A file of another form is none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) and found.keys() - {"factors"} == KEYS else {}
