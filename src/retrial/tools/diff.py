"""Which verdicts moved since another run, and which params or files moved them.

A revision's verdicts are found through its dvc.lock: the md5 that it gives to verdicts.csv names
a file in the DVC cache. "published" stands for the paper-profile results in reports/published/.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrial.core.errors import RetrialError
from retrial.judging.verdicts import TABLE
from retrial.report.card import short
from retrial.tools.locks import (
    Difference,
    Stage,
    compare,
    judge_stage,
    lock_at,
    outs_of,
    read_lock,
    upstream,
)
from retrial.tools.places import PUBLISHED

PUBLISHED_NAME = "published"
Row = Mapping[str, str]


@dataclass(frozen=True)
class Run:
    """The verdicts of one run and the lock that it left."""

    rows: dict[str, Row]
    lock: dict[str, Stage]


@dataclass(frozen=True)
class Change:
    """How a run differs from another.

    `moved`: (old row, new row) with different verdicts. `added`, `gone`: ids. `measured`: how
    many claims kept their verdict with another measurement. `causes`: by family, what changed.
    """

    moved: list[tuple[Row, Row]]
    added: list[str]
    gone: list[str]
    measured: int
    causes: dict[str, list[str]]


def rows_by_id(text: str) -> dict[str, Row]:
    """A verdict table by id."""
    return {row["id"]: row for row in csv.DictReader(io.StringIO(text))}


def read_table(path: Path) -> dict[str, Row]:
    """The verdict table at `path` by id; RetrialError when it is not there."""
    try:
        return rows_by_id(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RetrialError(f"{path}: no such file, run `make study` first") from None


def here(root: Path = Path()) -> Run:
    """The last run of the working tree."""
    return Run(read_table(root / TABLE), read_lock(root / "dvc.lock"))


def there(revision: str, root: Path = Path()) -> Run:
    """The run of a git revision, or of reports/published for "published"."""
    if revision == PUBLISHED_NAME:
        folder = root / PUBLISHED
        return Run(read_table(folder / TABLE.name), read_lock(folder / "dvc.lock"))
    lock = lock_at(revision, root)
    for stage in lock.values():
        if TABLE.as_posix() in stage.outs:
            path = cached(stage.outs[TABLE.as_posix()], root)
            return Run(read_table(path), lock)
    raise RetrialError(f"dvc.lock at {revision}: no stage leaves {TABLE}")


def cached(digest: str, root: Path = Path()) -> Path:
    """Where the DVC cache holds the file of this md5; RetrialError when it does not."""
    path = cache_folder(root) / "files" / "md5" / digest[:2] / digest[2:]
    if not path.exists():
        raise RetrialError(
            f"{path}: these verdicts are not in the DVC cache; check that revision out and run "
            "`make study` once, or compare with `retrial diff published`"
        )
    return path


def cache_folder(root: Path) -> Path:
    """DVC's cache folder, as .dvc/config and .dvc/config.local name it."""
    folder = root / ".dvc" / "cache"
    for name in ("config", "config.local"):
        path = root / ".dvc" / name
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        section = ""
        for line in (line.strip() for line in lines):
            if line.startswith("["):
                section = line.strip("[]'\" ")
            elif section == "cache" and line.partition("=")[0].strip() == "dir":
                folder = root / ".dvc" / line.partition("=")[2].strip()
    return folder


def difference(old: Run, new: Run) -> Change:
    """What moved from `old` to `new`, and why."""
    common = [key for key in new.rows if key in old.rows]
    moved = [
        (old.rows[key], new.rows[key])
        for key in common
        if old.rows[key]["verdict"] != new.rows[key]["verdict"]
    ]
    steady = [key for key in common if old.rows[key]["verdict"] == new.rows[key]["verdict"]]
    changed = {one.stage: one for one in compare(old.lock, new.lock)}
    return Change(
        moved,
        [key for key in new.rows if key not in old.rows],
        [key for key in old.rows if key not in new.rows],
        sum(old.rows[key]["measured"] != new.rows[key]["measured"] for key in steady),
        {
            family: causes(family, changed, new.lock)
            for family in dict.fromkeys(row["family"] for row in new.rows.values())
        },
    )


def causes(family: str, changed: Mapping[str, Difference], lock: Mapping[str, Stage]) -> list[str]:
    """What changed in a family's stages: params with both values, and files that no stage made.

    A stage that gives other bytes from equal inputs is named too: then the machine differs.
    """
    produced = outs_of(lock)
    found: dict[str, None] = {}
    stage = judge_stage(lock, family)
    for name in upstream(lock, stage) if stage else []:
        one = changed[name]
        for key, (before, after) in one.params.items():
            found[f"{key}: {shown(before)} → {shown(after)}"] = None
        for path in one.deps:
            if path not in produced:
                found[f"{path} changed"] = None
        if one.kind == "bytes":
            found[f"stage {name} gave other bytes from equal inputs"] = None
        if one.kind == "added":
            found[f"stage {name} is new"] = None
    return list(found)


def shown(value: Any) -> str:
    """A param's value; a dash where the key was not there."""
    return "–" if value is None else str(value)


def lines(change: Change) -> list[str]:
    """The change as text, the moved verdicts first."""
    out = []
    for old, new in change.moved:
        out.append(
            f"{new['id']}: {old['verdict']} → {new['verdict']} (printed {new['printed'] or '–'}, "
            f"measured {short(old['measured'])} → {short(new['measured'])})"
        )
        out.append(f"    {new['reason']}")
    out.append(
        f"{len(change.moved)} verdicts moved; {change.measured} others kept theirs with another "
        "measurement."
    )
    out += _listed("new", change.added) + _listed("gone", change.gone)
    for family, found in change.causes.items():
        if found:
            out.append(f"{family}, what changed:")
            out += [f"    {cause}" for cause in found]
    return out


def _listed(name: str, ids: Sequence[str]) -> list[str]:
    return [f"{len(ids)} {name}: {', '.join(ids)}"] if ids else []
