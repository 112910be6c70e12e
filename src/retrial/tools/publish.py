"""Copies paper-profile results into reports/published/, where git keeps them.

What is published must be what committed code makes of the paper profile: the tree is clean but for
the profile itself, and every stage behind the results agrees with dvc.lock file by file, which a
failed stage, or one whose inputs changed later, does not. The published report is made anew from
all that is published.
"""

import json
import platform
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from retrial.core.config import PARAMS, profile_path, read_yaml
from retrial.core.errors import RetrialError
from retrial.core.records import ARRAYS, CURVES, PROVENANCE, RECORDS
from retrial.judging.ledger import CLAIMS, Claim, load_claims
from retrial.judging.searches import SEARCHES
from retrial.judging.verdicts import RESULTS, TABLE, VERDICTS, read_rows, table
from retrial.report.book import write_published
from retrial.running.digest import LOCK as REQUIREMENTS
from retrial.running.digest import file_sha256
from retrial.running.stage import TIMINGS
from retrial.tools.locks import (
    LOCK,
    Stage,
    git,
    git_show,
    judge_stage,
    read_lock,
    stale,
    stale_params,
    study_stage,
    upstream,
)
from retrial.tools.places import MANIFEST, PUBLISHED

PROFILE = "paper"
ROWS = "verdicts.json"
# Studies that a family's own study runs on, and that no claim belongs to.
BEFORE = {"code_classifier": ["features"]}
# All arrays that git is to hold, for all families together.
ARRAYS_AT_MOST = 25_000_000


def publish(families: Sequence[str] = (), root: Path = Path()) -> list[Path]:
    """Publish `families` (default: all with verdicts); the files that were written.

    Raises RetrialError, and writes nothing, when code is uncommitted, a stage failed or is out of
    date, or results are of another profile.
    """
    require_committed(root)
    lock = read_lock(root / LOCK)
    found = sorted(path.stem for path in (root / VERDICTS).glob("*.json"))
    for family in families:
        if family not in found:
            known = ", ".join(found) or "none"
            raise RetrialError(f"{VERDICTS}: no verdicts of family {family!r}, found {known}")
    chosen = list(families) or found
    if not chosen:
        raise RetrialError(f"{VERDICTS}: no verdicts, run `make study PROFILE={PROFILE}` first")
    for family in chosen:
        require_paper(family, lock, root)
    written = [path for family in chosen for path in copy_family(family, root)]
    drop_arrays(root)
    written = [path for path in written if path.exists()]
    written += [write_lock(chosen, lock, root), *write_tables(root)]
    written += write_published(root / PUBLISHED, PROFILE, root)
    written.append(write_manifest(chosen, root))
    return written


def require_committed(root: Path) -> None:
    """Refuse a tree with changes besides the profile's line, its dvc.lock and published files."""
    status = git(["status", "--porcelain", "-uall", "--no-renames", "-z"], root)
    if status.returncode:
        raise RetrialError(f"{root.resolve()}: no git repository, publishing needs a commit")
    for entry in status.stdout.split("\0"):
        path = Path(entry[3:])
        if not entry or path == Path(LOCK) or path.is_relative_to(PUBLISHED):
            continue
        if path == PARAMS and only_the_profile_differs(root):
            continue
        raise RetrialError(
            f"{path}: uncommitted ({entry[:2].strip()}); publishing allows the profile in {PARAMS} "
            "as the only change, commit or undo this one"
        )


def only_the_profile_differs(root: Path) -> bool:
    """True when params.yaml differs from the committed one in the profile's line at most."""
    committed = git_show("HEAD", PARAMS.as_posix(), root).splitlines()
    present = (root / PARAMS).read_text(encoding="utf-8").splitlines()
    differing = [pair for pair in zip(committed, present, strict=False) if pair[0] != pair[1]]
    return len(committed) == len(present) and all(
        line.startswith("profile:") for pair in differing for line in pair
    )


def require_paper(family: str, lock: Mapping[str, Stage], root: Path) -> None:
    """Refuse a family whose verdicts are of another profile, or do not follow from this tree."""
    path = root / VERDICTS / f"{family}.json"
    for row in read_rows(path):
        if row["profile"] != PROFILE:
            raise RetrialError(
                f"{path}: profile = {row['profile']!r}: expected {PROFILE!r}, run "
                f"`make study PROFILE={PROFILE}` first"
            )
    require_fresh(judge_stage(lock, family) or f"judge@{family}", lock, root)
    budget = f"{profile_path(PROFILE).as_posix()}: "
    for study in studies_of(family):
        stage = study_stage(lock, study)
        require_fresh(stage, lock, root)
        if not any(key.startswith(budget) for key in lock[stage].params):
            raise RetrialError(f"{LOCK}: stage {stage} did not read profiles/{PROFILE}.yaml")


def require_fresh(stage: str, lock: Mapping[str, Stage], root: Path) -> None:
    """Refuse a stage that failed, or that would run again: its files are not those of the lock."""
    if stage not in lock:
        raise RetrialError(f"{LOCK}: stage {stage} has not run, or failed; run `dvc repro {stage}`")
    for name in upstream(lock, stage):
        # The profile's own line is put back after a paper run.
        params = [key for key in stale_params(lock[name], root) if key != f"{PARAMS}: profile"]
        for path in [*stale(lock[name], root), *params]:
            raise RetrialError(
                f"{path}: not what stage {name} had in {LOCK}: the stage failed or is out of date, "
                f"run `make study PROFILE={PROFILE}` again"
            )


def studies_of(family: str) -> list[str]:
    """The family's study, the search for its open choices, and what it runs on, where there are."""
    search = [SEARCHES[family].study] if family in SEARCHES else []
    return [family, *search, *BEFORE.get(family, [])]


def copy_family(family: str, root: Path) -> list[Path]:
    """Copy the records and verdicts of a family; the files that were written."""
    written = []
    for study in studies_of(family):
        target = root / PUBLISHED / study
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in (RECORDS, CURVES, PROVENANCE, ARRAYS):
            written.append(_copy(root / RESULTS / study / name, target / name))
    rows = root / VERDICTS / f"{family}.json"
    written.append(_copy(rows, root / PUBLISHED / family / ROWS))
    return written


def _copy(source: Path, target: Path) -> Path:
    shutil.copyfile(source, target)
    return target


def drop_arrays(root: Path) -> None:
    """Remove the largest arrays until all published ones together are small enough for git."""
    arrays = sorted(
        (root / PUBLISHED).glob(f"*/{ARRAYS}"), key=lambda path: path.stat().st_size, reverse=True
    )
    while sum(path.stat().st_size for path in arrays) > ARRAYS_AT_MOST:
        arrays.pop(0).unlink()


def write_lock(families: Iterable[str], lock: Mapping[str, Stage], root: Path) -> Path:
    """Put the stages of `families` into the published lock; other families keep theirs."""
    target = root / PUBLISHED / LOCK
    fresh = read_yaml(root / LOCK)
    merged = read_yaml(target) if target.exists() else {"schema": fresh["schema"], "stages": {}}
    names = {name for one in families for name in upstream(lock, judge_stage(lock, one))}
    for name in [*names, "verdicts", "report"]:
        if name in fresh["stages"]:
            merged["stages"][name] = fresh["stages"][name]
    merged["stages"] = dict(sorted(merged["stages"].items()))
    yaml = YAML()
    yaml.default_flow_style = False
    with target.open("w", encoding="utf-8") as stream:
        yaml.dump(merged, stream)
    return target


def write_tables(root: Path) -> list[Path]:
    """The verdicts of all published families as one table and as one list."""
    found = {
        row["id"]: row
        for path in sorted((root / PUBLISHED).glob(f"*/{ROWS}"))
        for row in read_rows(path)
    }
    order = [claim.id for claim in load_claims(root / CLAIMS)]
    rows = [found[claim] for claim in order if claim in found]
    csv_path, json_path = root / PUBLISHED / TABLE.name, root / PUBLISHED / ROWS
    csv_path.write_text(table(rows), encoding="utf-8")
    _write_json(json_path, rows)
    return [csv_path, json_path]


def write_manifest(families: Iterable[str], root: Path) -> Path:
    """What differs from run to run and therefore stands nowhere else: commit, CPU, times."""
    path = root / PUBLISHED / MANIFEST
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    manifest: dict[str, Any] = {key: old.get(key, {}) for key in ("families", "timings", "data")}
    head = git(["rev-parse", "HEAD"], root).stdout.strip()
    for family in families:
        manifest["families"][family] = {
            "commit": head,
            "cpu": cpu_model(),
            "requirements": file_sha256(root / REQUIREMENTS),
        }
        for study in studies_of(family):
            folder = root / RESULTS / study
            provenance = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
            manifest["data"].update(provenance["data"])
            timings = folder / TIMINGS
            if timings.exists():
                manifest["timings"][study] = json.loads(timings.read_text(encoding="utf-8"))
    manifest["seconds"] = {
        study: {arm: round(sum(seconds), 1) for arm, seconds in arms.items()}
        for study, arms in manifest["timings"].items()
    }
    manifest["margins"] = margins(load_claims(root / CLAIMS), root)
    manifest["files"] = {
        file.relative_to(path.parent).as_posix(): file_sha256(file)
        for file in sorted(path.parent.rglob("*"))
        if file.is_file() and file != path
    }
    _write_json(path, manifest)
    return path


def margins(claims: Iterable[Claim], root: Path) -> dict[str, str]:
    """For each claim with a margin of its own: the commit that last touched its block.

    A margin must have been there before the runs that it judges.
    """
    found: dict[str, str] = {}
    blames: dict[str, list[tuple[str, str]]] = {}
    for claim in claims:
        if claim.margin is None:
            continue
        name = (CLAIMS / f"{claim.report}.yaml").as_posix()
        if name not in blames:
            blames[name] = blame(name, root)
        for commit, line in block(blames[name], claim.id):
            if "margin:" in line:
                found[claim.id] = commit
                break
    return found


def blame(path: str, root: Path) -> list[tuple[str, str]]:
    """(commit, line) of a file at HEAD."""
    commit, lines = "", []
    for line in git(["blame", "--line-porcelain", "HEAD", "--", path], root).stdout.splitlines():
        head = line.split(" ", 1)[0]
        if line.startswith("\t"):
            lines.append((commit, line[1:]))
        elif len(head) == 40 and not line.startswith("\t"):
            commit = head
    return lines


def block(lines: Sequence[tuple[str, str]], claim: str) -> list[tuple[str, str]]:
    """The lines of one claim in a file of the ledger."""
    starts = [i for i, (_, line) in enumerate(lines) if line.strip().startswith("- id:")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        if lines[start][1].split("id:", 1)[1].strip().strip("\"'") == claim:
            return list(lines[start:end])
    return []


def cpu_model() -> str:
    """The CPU's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _write_json(path: Path, content: Any) -> None:
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    path.write_text(f"{text}\n", encoding="utf-8")
