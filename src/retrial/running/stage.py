"""The edge of a study stage: configuration and files in, records out, and what they took."""

import json
import os
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from retrial.core import records
from retrial.core.config import (
    PARAMS,
    Compute,
    check_sections,
    profile_name,
    profile_path,
    section,
)
from retrial.core.errors import RetrialError, reported
from retrial.running.digest import data_hashes, surroundings
from retrial.running.store import Store
from retrial.running.sweep import die_with, sweep
from retrial.running.timings import TIMINGS, CountingStore, kept, measurement, read_timings
from retrial.running.tracking import observer


@reported
def run_study(study: ModuleType, data: Sequence[str], results: str) -> None:
    """Run the study module `study` on the arrays of `data`; leave its records in `results`.

    `data` are folders, and files `*.safetensors` that earlier studies left. Protocol: the study's
    section of params.yaml. Budget: its section of the chosen profile.
    """
    start = time.perf_counter()
    # DVC that is killed alone would leave its stage at work, beside the next run.
    if "DVC_STAGE" in os.environ:
        die_with(os.getppid())
    require_avx2()
    name = study.NAME
    profile = profile_name()
    check_sections(PARAMS, profile_path(profile))
    protocol = section(PARAMS, name, study.Protocol)
    budget = section(profile_path(profile), name, study.Budget)
    compute = section(PARAMS, "compute", Compute)
    places = [Path(place) for place in data]
    around = surroundings(study.__name__, data_hashes(places))
    trials = study.trials(protocol, budget)
    print(f"{name}: profile {profile}, {len(trials)} trials", flush=True)
    store = CountingStore(Store.default().folder)
    finished, seconds = sweep(
        study.__name__, trials, places, around, compute, store, observer(name, around)
    )
    provenance = {
        **around,
        "stage": name,
        "protocol": protocol.model_dump(mode="json"),
        "budget": budget.model_dump(mode="json"),
    }
    skipped = study.skipped(protocol, budget)
    records.write(Path(results), name, finished, skipped, provenance)
    costs: dict[str, list[float]] = defaultdict(list)
    for trial, spent in zip(trials, seconds, strict=True):
        costs[trial.arm].append(round(spent, 3))
    path = Path(results) / TIMINGS
    fingerprints = [one.fingerprint for one in finished]
    taken = time.perf_counter() - start
    measured = measurement(fingerprints, len(store.computed), taken, compute)
    stage = kept(read_timings(path).get("stage"), measured)
    # No out of any stage: clocks differ from run to run.
    path.write_text(json.dumps({"seconds": costs, "stage": stage}, indent=1, sort_keys=True) + "\n")


def require_avx2() -> None:
    """Stop with a clear message on an x86-64 machine without AVX2; other machines may go on."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return
    if os.uname().machine == "x86_64" and "avx2" not in flags:
        raise RetrialError("/proc/cpuinfo: no AVX2; the study's bytes are defined for AVX2 and up")
