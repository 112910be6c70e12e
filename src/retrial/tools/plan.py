"""How long a profile takes beforehand, and how much memory and disk, from recorded timings.

A trial's time is its own rough cost, corrected by what trials of its arm really took: on this
machine (data/results/<study>/timings.json) or where the published results were made
(reports/published/manifest.json). For the paper profile the published timings come first, since
the last run here may be of a profile that cuts trials short.
"""

import importlib
import json
import pkgutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from types import ModuleType
from typing import Any, Literal

import joblib
from pydantic import ValidationError

from retrial import studies
from retrial.core.config import (
    PARAMS,
    Compute,
    check_sections,
    profile_path,
    read_sections,
    require_profile,
    section,
)
from retrial.core.records import PROVENANCE
from retrial.core.trial import Trial
from retrial.judging.verdicts import RESULTS
from retrial.running.timings import TIMINGS, read_timings
from retrial.tools.archive import member
from retrial.tools.manifest import makespan, read_manifest
from retrial.tools.places import PUBLISHED
from retrial.tools.published import archive_of

GB = 1e9
# Resident memory of a worker with torch and CIFAR-10 loaded, and of the stage that leads them.
WORKER, LEADER = 0.7 * GB, 0.5 * GB
# .venv, downloads and decoded arrays of the five data sets with DVC's copies of them.
INSTALLED, DATA = 3.1 * GB, 1.2 * GB
# Splits, verdicts and the report, with the start of each stage's process.
AROUND_SECONDS = 45.0

Source = Literal["this machine", "published", "estimate"]
Timings = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Estimate:
    """What a study asks for: `busy` core-seconds, `wall` seconds on the given cores."""

    study: str
    trials: int
    busy: float
    wall: float
    source: Source


@dataclass(frozen=True)
class Recorded:
    """Measured seconds by arm, and the trials that took them."""

    timings: Timings
    trials: Sequence[Trial]
    source: Source

    def factors(self) -> tuple[dict[str, float], float]:
        """Seconds per unit of cost, by arm and for the study as a whole."""
        costs: dict[str, list[float]] = {}
        for trial in self.trials:
            costs.setdefault(trial.arm, []).append(trial.cost)
        arms = {
            arm: fmean(seconds) / fmean(costs[arm])
            for arm, seconds in self.timings.items()
            if seconds and arm in costs
        }
        spent = sum(sum(self.timings[arm]) for arm in arms)
        cost = sum(fmean(costs[arm]) * len(self.timings[arm]) for arm in arms)
        return arms, spent / cost if cost else 1.0


def study_modules() -> dict[str, ModuleType]:
    """The study modules by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(studies.__path__))
    return {name: importlib.import_module(f"retrial.studies.{name}") for name in names}


def plan(profile: str, cores: int, root: Path = Path()) -> list[Estimate]:
    """An estimate for each study of a profile; RetrialError when a setting is not valid.

    It reads every section, so a mistake shows even where DVC would find every stage done.
    """
    require_profile(profile, root)
    check_sections(root / PARAMS, profile_path(profile, root))
    section(root / PARAMS, "compute", Compute)
    wanted = read_sections(profile_path(profile, root))
    estimates = []
    for name, study in study_modules().items():
        if name not in wanted:
            continue
        protocol = section(root / PARAMS, name, study.Protocol)
        budget = section(profile_path(profile, root), name, study.Budget)
        trials = study.trials(protocol, budget)
        estimates.append(estimate(name, trials, recorded(name, study, profile, root), cores))
    return estimates


def workers(root: Path = Path()) -> int:
    """How many trials a study runs at once on this machine."""
    return section(root / PARAMS, "compute", Compute).workers or joblib.cpu_count()


def estimate(study: str, trials: Sequence[Trial], past: Recorded | None, cores: int) -> Estimate:
    """The time of `trials` on `cores` workers, in the light of recorded timings where given."""
    arms, whole = past.factors() if past else ({}, 1.0)
    seconds = [trial.cost * arms.get(trial.arm, whole) for trial in trials]
    source = past.source if past else "estimate"
    return Estimate(study, len(trials), sum(seconds), makespan(seconds, cores), source)


def recorded(name: str, study: ModuleType, profile: str, root: Path) -> Recorded | None:
    """The timings of a study's last run here or of its published results; None for neither."""
    places = [of_last_run, of_published]
    if profile == "paper":
        places.reverse()
    for place in places:
        timings, provenance, source = place(name, root)
        if not timings or not provenance:
            continue
        try:
            protocol = study.Protocol.model_validate_json(json.dumps(provenance["protocol"]))
            budget = study.Budget.model_validate_json(json.dumps(provenance["budget"]))
        except (ValidationError, KeyError):
            continue  # records of an older protocol tell nothing about this one
        trials = study.trials(protocol, budget)
        # Timings are no out of DVC: after a checkout they may be of another run than the records.
        counts = Counter(trial.arm for trial in trials)
        if all(counts[arm] == len(seconds) for arm, seconds in timings.items()):
            return Recorded(timings, trials, source)
    return None


def of_last_run(name: str, root: Path) -> tuple[Timings, Mapping[str, Any], Source]:
    """The trial seconds and the provenance of a study's last run here; {} for what is not there."""
    folder = root / RESULTS / name
    try:
        provenance = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        provenance = {}
    return read_timings(folder / TIMINGS).get("seconds", {}), provenance, "this machine"


def of_published(name: str, root: Path) -> tuple[Timings, Mapping[str, Any], Source]:
    """The trial seconds and the provenance of a study's published results; {} for none."""
    folder = root / PUBLISHED
    timings = read_manifest(folder).get("timings", {}).get(name, {})
    archive = archive_of(name, folder)
    known = timings and archive.exists()
    provenance = json.loads(member(archive, PROVENANCE)) if known else {}
    return timings, provenance, "published"


def duration(seconds: float) -> str:
    """Seconds in the unit that a person would use."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def lines(profile: str, estimates: Sequence[Estimate], cores: int, root: Path) -> list[str]:
    """The plan as text."""
    total = sum(one.wall for one in estimates) + AROUND_SECONDS
    out = [f"profile {profile}, {cores} cores, after installation and downloads:"]
    out += [
        f"  {one.study:<16} {one.trials:>5} trials {duration(one.wall):>8}  ({one.source})"
        for one in estimates
    ]
    out.append(f"  {'splits, verdicts, report':<28} {duration(AROUND_SECONDS):>8}")
    out.append(f"  in all about {duration(total)}; finished trials are not run again")
    results = sum(path.stat().st_size for path in (root / "data").rglob("*") if path.is_file())
    out.append(
        f"memory about {(LEADER + cores * WORKER) / GB:.1f} GB; disk about {INSTALLED / GB:.1f} GB "
        f"for .venv and {max(DATA, 2 * results) / GB:.1f} GB for data and results"
    )
    return out
