"""The manifest of what is published: what differs from run to run and stands nowhere else.

families    by family: the commit of its results, the CPU, SHA-256 of requirements.lock
data        by file: the SHA-256 of what trials ran on
timings     by study and arm: the seconds of each trial
stages      by study: what its stage took (`stage_entry`), and `scheduled_seconds`, the wall time
            that its trials' own seconds give two workers, whenever these were measured
margins     by claim with numbers of its own: the commit since which the ledger has them
changed     the studies whose code is no more what it was when they were published
files       by file below reports/published: its SHA-256
"""

import heapq
import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retrial.core.errors import RetrialError
from retrial.core.partitioned import load_records
from retrial.core.records import PROVENANCE, Records
from retrial.judging.ledger import CLAIMS, load_claims
from retrial.running.digest import LOCK as REQUIREMENTS
from retrial.running.digest import code_digest, file_sha256, module_path
from retrial.running.store import Store
from retrial.running.timings import TIMINGS, digest_of, read_timings
from retrial.tools.archive import member
from retrial.tools.locks import git
from retrial.tools.margins import History, commits
from retrial.tools.places import MANIFEST
from retrial.tools.published import archive_of, published_studies

# Trials that run at once on the machine that the study is planned for.
WORKERS = 2
# How a stage's peak memory was found, where the stage itself measured it.
OF_STAGE = "an upper bound: the stage's own process and {workers} times its largest worker"


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of the published `folder`; {} for none."""
    path = folder / MANIFEST
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def write_manifest(folder: Path, content: Mapping[str, Any]) -> Path:
    """Write the manifest of the published `folder`, with the hashes of what lies there now."""
    path = folder / MANIFEST
    files = {
        file.relative_to(folder).as_posix(): file_sha256(file)
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file != path
    }
    text = json.dumps(
        {**content, "files": files}, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False
    )
    path.write_text(f"{text}\n", encoding="utf-8")
    return path


def manifest(
    old: Mapping[str, Any],
    families: Mapping[str, Sequence[str]],
    results: Path,
    folder: Path,
    root: Path,
) -> dict[str, Any]:
    """The manifest after `families` with their studies were published from `results`.

    `old` is the one before it, whose entries of other families stay. The studies' archives lie
    below `folder`.
    """
    kept = ("families", "data", "timings", "stages")
    new: dict[str, Any] = {key: dict(old.get(key, {})) for key in kept}
    about = {
        "commit": git(["rev-parse", "HEAD"], root).stdout.strip(),
        "cpu": cpu_model(),
        "requirements": file_sha256(root / REQUIREMENTS),
    }
    for family, studies in families.items():
        new["families"][family] = about
        for study in studies:
            records = load_records(results / study)
            new["data"] |= records.provenance["data"]
            left = read_timings(results / study / TIMINGS)
            seconds = trial_seconds(records, left, Store.default())
            entry = stage_entry(seconds, left.get("stage"), records)
            archive = archive_of(study, folder)
            same = old.get("files", {}).get(archive.relative_to(folder).as_posix())
            if same == file_sha256(archive):
                # What an earlier run measured of these very records holds on after a replay.
                seconds = seconds or old["timings"][study]
                entry = known(old["stages"][study], entry)
            new["timings"][study], new["stages"][study] = seconds, entry
    for study, entry in new["stages"].items():
        spent = [one for seconds in new["timings"][study].values() for one in seconds]
        entry["scheduled_seconds"] = round(makespan(spent, WORKERS), 1) if spent else None
    try:
        margins = commits(load_claims(root / CLAIMS), History.read(root))
    except RetrialError:  # a clone without all of its history
        margins = old.get("margins", {})
    return {**new, "margins": margins, "changed": changed_studies(folder)}


def trial_seconds(
    records: Records, timings: Mapping[str, Any], store: Store
) -> dict[str, list[float]]:
    """The seconds of each of the records' trials by arm; {} where they are not known.

    `timings` is what the study's stage left beside its records. It is no out of DVC, and may be of
    another run: then the trial store tells, if it still has all trials.
    """
    if timings and timings["stage"]["trials"] == digest(records):
        seconds: dict[str, list[float]] = timings["seconds"]
        return seconds
    found: dict[str, list[float]] = {}
    for trial in records.trials:
        stored = store.get(trial["fingerprint"])
        if stored is None:
            return {}
        found.setdefault(trial["arm"], []).append(round(stored[1], 3))
    return found


def digest(records: Records) -> str:
    """The digest of the records' trials, as a stage's measurement has it."""
    return digest_of(trial["fingerprint"] for trial in records.trials)


def stage_entry(
    seconds: Mapping[str, Sequence[float]], measured: Mapping[str, Any] | None, records: Records
) -> dict[str, Any]:
    """What the manifest says of a stage; None where nothing was measured.

    `trial_seconds`: of all its trials. `computed`, `replayed`: how many the measured run computed
    itself and took from the store. `wall_seconds`: of that run. `peak_bytes`: resident memory, and
    `peak_of` what that is of.
    """
    own = measured if measured and measured["trials"] == digest(records) else {}
    peak = own.get("peak_bytes")
    return {
        "trial_seconds": round(sum(map(sum, seconds.values())), 1) if seconds else None,
        **{key: own.get(key) for key in ("computed", "replayed", "wall_seconds")},
        "peak_bytes": peak,
        "peak_of": OF_STAGE.format(workers=own["workers"]) if peak else None,
    }


def known(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Of two entries for the same records the later, where it measured more than trials' times."""
    if new["wall_seconds"] is not None:
        return new
    return {**old, "trial_seconds": new["trial_seconds"] or old["trial_seconds"]}


def makespan(seconds: Sequence[float], cores: int) -> float:
    """When the last of `cores` workers ends, the longest trials being started first."""
    ends = [0.0] * cores
    for one in sorted(seconds, reverse=True):
        heapq.heappush(ends, heapq.heappop(ends) + one)
    return max(ends)


def changed_studies(folder: Path) -> list[str]:
    """The published studies whose trial code is no more what it was when they were published."""
    return [study for study in published_studies(folder) if not unchanged(study, folder)]


def unchanged(study: str, folder: Path) -> bool:
    """Whether a published study's trials would run the code that its records came from."""
    provenance = json.loads(member(archive_of(study, folder), PROVENANCE))
    module = f"retrial.studies.{study}"
    return module_path(module).exists() and bool(provenance["code"] == code_digest(module))


def cpu_model() -> str:
    """The CPU's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
