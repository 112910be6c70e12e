"""The edge of a study stage: configuration and files in, records out, and what they took."""

import json
import os
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from safetensors import SafetensorError

from retrial.core import partitions, records
from retrial.core.config import (
    PARAMS,
    Compute,
    check_sections,
    profile_name,
    profile_path,
    section,
)
from retrial.core.errors import RetrialError, reported
from retrial.core.files import write_atomically
from retrial.core.models import FrozenModel
from retrial.core.names import NAME
from retrial.core.partitions import partitioned
from retrial.core.trial import Trial
from retrial.running.digest import data_hashes, surroundings
from retrial.running.integrity import require_intact
from retrial.running.parent import end_with_dvc
from retrial.running.store import Store
from retrial.running.sweep import sweep
from retrial.running.timings import (
    TIMINGS,
    CountingStore,
    factors,
    kept,
    measurement,
    read_timings,
)
from retrial.running.tracking import observer

# Of one arm: a hundred times what a study beyond one machine is planned for.
SEEDS = 1_000_000


@reported
def run_study(study: ModuleType, data: Sequence[str], results: str) -> None:
    """Run the study module `study` on the arrays of `data`; leave its records in `results`.

    `data` are folders, and files `*.safetensors` that earlier studies left. Protocol: the study's
    section of params.yaml. Budget: its section of the chosen profile.
    """
    start = time.perf_counter()
    end_with_dvc()
    require_avx2()
    name = study.NAME
    profile = profile_name()
    check_sections(PARAMS, profile_path(profile))
    protocol = section(PARAMS, name, study.Protocol)
    budget = section(profile_path(profile), name, study.Budget)
    require_countable(budget, f"{profile_path(profile)}: {name}")
    compute = section(PARAMS, "compute", Compute)
    places = [Path(place) for place in data]
    require_intact(places)
    around = surroundings(study.__name__, data_hashes(places))
    trials = study.trials(protocol, budget)
    require_names(trials, name)
    in_parts = partitioned(Path(results), len(trials))
    print(f"{name}: profile {profile}, {len(trials)} trials", flush=True)
    store = CountingStore(Store.default().folder)
    before = read_timings(Path(results) / TIMINGS).get("factors", {})
    # An index of so many runs is larger than the records themselves.
    watch = None if in_parts else observer(name, around)
    finished, seconds = sweep(study.__name__, trials, places, around, compute, store, watch, before)
    provenance = {
        **around,
        "stage": name,
        "protocol": protocol.model_dump(mode="json"),
        "budget": budget.model_dump(mode="json"),
    }
    skipped = study.skipped(protocol, budget)
    write = partitions.write if in_parts else records.write
    try:
        write(Path(results), name, finished if in_parts else list(finished), skipped, provenance)
    except SafetensorError as error:
        raise unwritten(Path(results) / records.WEIGHTS, error) from None
    costs: dict[str, list[float]] = defaultdict(list)
    for trial, spent in zip(trials, seconds, strict=True):
        costs[trial.arm].append(round(spent, 3))
    path = Path(results) / TIMINGS
    taken = time.perf_counter() - start
    measured = measurement(finished.fingerprints, len(store.computed), taken, compute)
    stage = kept(read_timings(path).get("stage"), measured)
    # No out of any stage: clocks differ from run to run.
    left = {"factors": factors(trials, seconds), "seconds": costs, "stage": stage}
    text = json.dumps(left, indent=1, sort_keys=True)
    write_atomically(path, f"{text}\n".encode())


def unwritten(path: Path, error: SafetensorError) -> RetrialError:
    """The error for weights that cannot be written, as for any other file."""
    found = re.search(r"os error (\d+)", str(error))
    reason = os.strerror(int(found[1])).lower() if found else str(error)
    return RetrialError(f"{path}: cannot be written: {reason}")


def require_names(trials: Sequence[Trial], study: str) -> None:
    """Refuse an arm whose name could not stand in the report, in MLflow and in a claim file alike.

    Keys and texts of params.yaml become parts of arms' names. Raises RetrialError.
    """
    for trial in trials:
        if not re.fullmatch(NAME, trial.arm):
            raise RetrialError(
                f"{PARAMS}: {study}: makes an arm {trial.arm!r}, "
                "expected letters, digits and . _ + / - only in its name"
            )


def require_countable(budget: FrozenModel, where: str) -> None:
    """Refuse more than SEEDS seeds, whose trials would fill memory before the first of them ran.

    Raises:
        RetrialError: begins with `where` and names the key and the number.
    """
    waiting: list[tuple[str, Any]] = [(where, budget.model_dump(mode="json"))]
    while waiting:
        place, content = waiting.pop()
        if isinstance(content, dict):
            waiting += [(f"{place}.{key}", value) for key, value in content.items()]
        elif isinstance(content, int) and content > SEEDS and "seeds" in place.removeprefix(where):
            raise RetrialError(f"{place} = {content}: expected at most {SEEDS} seeds")


def require_avx2() -> None:
    """Stop with a clear message on an x86-64 machine without AVX2; other machines may go on."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return
    if os.uname().machine == "x86_64" and "avx2" not in flags:
        raise RetrialError("/proc/cpuinfo: no AVX2; the study's bytes are defined for AVX2 and up")
