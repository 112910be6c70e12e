"""Brings MLflow up to date with all records, and tells each run where its trial stands.

Tags that only this module writes: `claims`, the ids of the claims whose verdicts rest on the run,
each with a comma behind it, so that LIKE '%000-1,%' finds that claim and not 000-10; `current`,
whether the last run's records hold it; `published`, whether the published ones do; the md5s of
dvc.lock; and the commit.
"""

import csv
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from retrial.core.config import read_yaml
from retrial.core.errors import RetrialError
from retrial.core.partitioned import load_records
from retrial.core.partitions import PARTS
from retrial.core.records import CURVES, RECORDS, Finished, Records
from retrial.core.trial import Metric, Result, Trial
from retrial.judging.verdicts import RESULTS, VERDICTS, read_rows
from retrial.running.tracking import (
    FINGERPRINT,
    TAG_LENGTH,
    Index,
    Run,
    complaint,
    quiet,
    safe,
    tags,
)
from retrial.running.tracking import PARAMS as BATCH
from retrial.tools.locks import LOCK
from retrial.tools.places import PUBLISHED
from retrial.tools.published import archive_of, laid_out, published_rows

COMMIT, DIRTY = "commit", "dirty"
CLAIMS, CURRENT, IN_PRINT = "claims", "current", "published"
NO, YES = "false", "true"


class Tracked(NamedTuple):
    """What `track` did for one folder of records."""

    folder: Path
    trials: int
    added: int


class Source(NamedTuple):
    """Records that MLflow is to show: of the last run, or published ones.

    `folder` is where they lie for a reader, the archive of published ones. `tags` hold for each of
    their runs.
    """

    records: Records
    folder: Path
    tags: Mapping[str, str]


def track(root: Path, published: bool = True) -> list[Tracked]:
    """Bring MLflow up to date with all records below `root`, by default with published ones too.

    Raises RetrialError when MLflow does not answer; running again adds nothing.
    """
    git = commit(root)
    rows = list(verdict_rows(root))
    claims = claims_by_run(rows)
    done = []
    with sources(root, published) as found:
        for study, of_study in found.items():
            try:
                with quiet():
                    done += _track_study(study, of_study, root, claims, git)
            except Exception as error:
                where = of_study[0].folder
                raise RetrialError(f"{where}: {complaint(root, error)}") from error
    return done


def after_study(root: Path) -> None:
    """Bring MLflow up to date with the records of a study that has just ended.

    Where MLflow does not answer, one line says so: the study has succeeded all the same.
    """
    try:
        track(root, published=False)
    except RetrialError as error:
        print(f"warning: {error}; `retrial track` tries again", file=sys.stderr, flush=True)


def _track_study(
    study: str,
    found: Sequence[Source],
    root: Path,
    claims: Mapping[str, str],
    git: Mapping[str, str],
) -> list[Tracked]:
    """Send the trials of one study, and set the tags of all its runs, those of old trials too.

    What others send to the same server meanwhile is seen when the index is opened anew. That goes
    on until each trial has one whole run: of two runs the earlier stays, and if its writer left it
    open, it is completed here.
    """
    index = Index.open(study, root)
    done = []
    places = dict.fromkeys({CURRENT, IN_PRINT} & {key for one in found for key in one.tags}, NO)
    wanted: dict[str, dict[str, str]] = defaultdict(dict)
    sent: list[tuple[Finished, dict[str, str]]] = []
    for source in found:
        everything = finished_trials(source.records)
        added = 0
        for finished in everything:
            more = wanted[finished.fingerprint]
            more.update(source.tags)
            shown = {**places, **more, CLAIMS: claims.get(finished.fingerprint, ""), **git}
            given = tags(finished, source.records.provenance)
            sent.append((finished, {**given, **{k: v for k, v in shown.items() if v}}))
            added += index.add(*sent[-1])
        done.append(Tracked(source.folder, len(everything), added))
    written = any(one.added for one in done)
    while written or not wanted.keys() <= index.runs.keys():
        index = Index.open(study, root)
        written = sum(index.add(*one) for one in sent) > 0
    for fingerprint, run in list(index.runs.items()):
        more = {**places, **wanted.get(fingerprint, {}), CLAIMS: claims.get(fingerprint, "")}
        # The commit at which a run was first sent stays with it, unless that one was dirty.
        if fingerprint in wanted and run.tags.get(DIRTY) != NO:
            more |= git
        retag(index, run, more)
    return done


@contextmanager
def sources(root: Path, published: bool) -> Iterator[dict[str, list[Source]]]:
    """The records below `root` by study, published ones first: what follows has the last word.

    Published records are unpacked to files that exist only within the block.
    """
    found: dict[str, list[Source]] = defaultdict(list)
    with ExitStack() as stack:
        if published:
            place = root / PUBLISHED
            view = stack.enter_context(laid_out(place))
            for one in _sources(view, IN_PRINT, md5s(place / LOCK)):
                shown = archive_of(one.records.study, place)
                found[one.records.study].append(one._replace(folder=shown))
        for one in _sources(root / RESULTS, CURRENT, md5s(root / LOCK)):
            found[one.records.study].append(one)
        yield found


def _sources(base: Path, kind: str, sums: Mapping[str, Mapping[str, str]]) -> Iterator[Source]:
    for path in sorted(base.glob(f"*/{RECORDS}")):
        if (path.parent / PARTS).exists():
            # Its stage shows MLflow none of so many trials either.
            continue
        records = load_records(path.parent)
        everywhere = {f"md5.{safe(key)}": v for key, v in sums.get(records.study, {}).items()}
        yield Source(records, path.parent, {**everywhere, kind: YES})


def verdict_rows(root: Path) -> Iterator[Mapping[str, Any]]:
    """The verdict rows of the last run and the published ones, as far as there are any."""
    for path in sorted((root / VERDICTS).glob("*.json")):
        yield from read_rows(path)
    yield from published_rows(root / PUBLISHED)


def claims_by_run(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """By fingerprint: the ids of the claims whose verdicts rest on a trial, each with a comma.

    Ids that no tag could hold any more are left out.
    """
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for row in rows:
        for fingerprint in row["fingerprints"]:
            found[fingerprint][row["id"]] = None
    return {key: joined(ids) for key, ids in found.items()}


def joined(ids: Iterable[str]) -> str:
    """Ids in order of their text, each with a comma behind it, as many as a tag can hold."""
    text = ""
    for one in sorted(ids):
        if len(text) + len(one) + 1 > TAG_LENGTH:
            break
        text += f"{one},"
    return text


def retag(index: Index, run: Run, tags: Mapping[str, str]) -> None:
    """Set the tags of a known run that are new or have another value.

    An empty value is set only where it takes the place of another.
    """
    from mlflow.entities import RunTag

    changed = [RunTag(key, value) for key, value in tags.items() if run.tags.get(key, "") != value]

    def write(known: str) -> None:
        for start in range(0, len(changed), BATCH):
            index.client.log_batch(known, tags=changed[start : start + BATCH])

    if changed:
        index.write(run.tags[FINGERPRINT], write)
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
