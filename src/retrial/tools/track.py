"""Brings MLflow up to date with all records, and tells each run where its trial stands."""

import csv
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from retrial.core.config import read_yaml
from retrial.core.errors import RetrialError
from retrial.core.records import CURVES, RECORDS, Finished, Records
from retrial.core.trial import Metric, Result, Trial
from retrial.judging.verdicts import RESULTS
from retrial.running.tracking import PARAMS as BATCH
from retrial.running.tracking import TAG_LENGTH, Index, complaint, quiet, safe, tags
from retrial.tools.locks import LOCK
from retrial.tools.places import PUBLISHED

COMMIT, DIRTY = "commit", "dirty"

Claims = Mapping[tuple[str, str], Sequence[str]]


class Tracked(NamedTuple):
    """What `track` did for one folder of records."""

    folder: Path
    trials: int
    added: int


def track(root: Path, claims: Claims | None = None) -> list[Tracked]:
    """Bring MLflow up to date with all records below `root`, published ones included.

    `claims` maps (study, arm) to the ids of the claims that rest on that arm. Raises RetrialError
    when MLflow does not answer; running again adds nothing.
    """
    done = []
    git = commit(root)
    for base in (root / RESULTS, root / PUBLISHED):
        sums = md5s((root if base == root / RESULTS else base) / LOCK)
        for path in sorted(base.glob(f"*/{RECORDS}")):
            records = Records.load(path.parent)
            everywhere = {
                **{f"md5.{safe(key)}": value for key, value in sums.get(records.study, {}).items()},
                "published": str(base == root / PUBLISHED).lower(),
            }
            try:
                with quiet():
                    index = Index.open(records.study, root)
                    done.append(_track_folder(index, records, everywhere, git, claims or {}))
            except Exception as error:
                raise RetrialError(f"{path.parent}: {complaint(root, error)}") from error
    return done


def _track_folder(
    index: Index,
    records: Records,
    everywhere: Mapping[str, str],
    git: Mapping[str, str],
    claims: Claims,
) -> Tracked:
    added = 0
    everything = finished_trials(records)
    for finished in everything:
        added += index.add(finished, tags(finished, records.provenance))
        ids = claims.get((records.study, finished.trial.arm), ())
        more = dict(everywhere)
        if ids:
            more["claims"] = ",".join(ids)[:TAG_LENGTH]
        # The commit at which a run was first sent stays with it, unless that one was dirty.
        if index.runs[finished.fingerprint].tags.get(DIRTY) != "false":
            more |= git
        retag(index, finished.fingerprint, more)
    return Tracked(records.folder, len(everything), added)


def retag(index: Index, fingerprint: str, tags: Mapping[str, str]) -> None:
    """Set the tags of a known run that are new or have another value."""
    from mlflow.entities import RunTag

    run = index.runs[fingerprint]
    changed = [RunTag(key, value) for key, value in tags.items() if run.tags.get(key) != value]
    for start in range(0, len(changed), BATCH):
        index.client.log_batch(run.id, tags=changed[start : start + BATCH])
    run.tags.update(tags)


def finished_trials(records: Records) -> list[Finished]:
    """The trials of a results folder with their curves, as a stage's observer would see them."""
    curves: dict[tuple[str, str], dict[str, list[float | None]]] = defaultdict(
        lambda: defaultdict(list)
    )
    path = records.folder / CURVES
    if path.exists():
        with path.open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                of_trial = curves[row.pop("arm"), row.pop("seed")]
                row.pop("epoch")
                for name, value in row.items():
                    of_trial[name].append(float(value) if value else None)
    return [
        Finished(
            Trial(records.study, one["arm"], one["seed"], one["config"], one["whole"]),
            Result(
                {name: Metric(m["value"], m["n"]) for name, m in one["metrics"].items()},
                one["status"],
                detail=one["detail"],
                curves=dict(curves[one["arm"], str(one["seed"])]),
            ),
            one["fingerprint"],
        )
        for one in records.trials
    ]


def md5s(lock: Path) -> dict[str, dict[str, str]]:
    """By study: the md5s that a dvc.lock gives to the ins and outs of the study's stage."""
    if not lock.exists():
        return {}
    found: dict[str, dict[str, str]] = {}
    for stage in (read_yaml(lock) or {}).get("stages", {}).values():
        entries = [*stage.get("deps", []), *stage.get("outs", [])]
        sums = {one["path"]: str(one["md5"]) for one in entries if "md5" in one}
        for study in _studies(one["path"] for one in stage.get("outs", [])):
            found.setdefault(study, {}).update(sums)
    return found


def _studies(paths: Iterable[str]) -> set[str]:
    parts = [Path(path).parts for path in paths]
    base = RESULTS.parts
    return {
        path[len(base)] for path in parts if path[: len(base)] == base and len(path) > len(base)
    }


def commit(root: Path) -> dict[str, str]:
    """The commit of the working tree as tags, and whether it is dirty; empty outside git."""
    try:
        head, changes = (
            subprocess.run(
                ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
            ).stdout.strip()
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {COMMIT: head, DIRTY: str(bool(changes)).lower()}
