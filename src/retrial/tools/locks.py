"""dvc.lock as data: what each stage read and left, and how two locks differ.

The lock names every stage's inputs and outs by md5, so two locks tell whether two runs left the
same bytes, and when not, which params or files made the difference.
"""

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from retrial.core.errors import RetrialError
from retrial.core.records import RECORDS
from retrial.judging.verdicts import RESULTS
from retrial.running.integrity import md5

LOCK = "dvc.lock"

Kind = Literal["same", "bytes", "inputs", "added", "removed"]


@dataclass(frozen=True)
class Stage:
    """A stage of a lock: md5s by path, params by `file: dotted.key`."""

    name: str
    deps: dict[str, str] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    outs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """How a stage differs between two locks.

    `kind`: "same"; "bytes" (equal inputs, other outs: what must not happen on machines that the
    bytes are defined for); "inputs" (params or deps differ); "added" or "removed". `outs` and
    `deps` are paths, `params` maps a key to its old and new value (None: not there).
    """

    stage: str
    kind: Kind
    outs: tuple[str, ...] = ()
    deps: tuple[str, ...] = ()
    params: dict[str, tuple[Any, Any]] = field(default_factory=dict)


def parse_lock(text: str, name: str = LOCK) -> dict[str, Stage]:
    """The stages of a lock by name; RetrialError when it is not one."""
    try:
        content = YAML(typ="safe").load(text) or {}
        return {
            stage: Stage(
                stage,
                _md5s(entry.get("deps", ())),
                {
                    f"{file}: {key}": value
                    for file, params in entry.get("params", {}).items()
                    for key, value in flat(params)
                },
                _md5s(entry.get("outs", ())),
            )
            for stage, entry in content.get("stages", {}).items()
        }
    except (YAMLError, AttributeError, KeyError, TypeError) as error:
        raise RetrialError(f"{name}: not a dvc.lock ({type(error).__name__})") from None


def _md5s(entries: list[dict[str, Any]]) -> dict[str, str]:
    return {entry["path"]: str(entry.get("md5", "")) for entry in entries}


def flat(params: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested params under dotted keys."""
    if isinstance(params, dict) and params:
        for key, value in params.items():
            yield from flat(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, params


def read_lock(path: Path) -> dict[str, Stage]:
    """The stages of the lock at `path`."""
    try:
        return parse_lock(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise RetrialError(f"{path}: no such file, run `dvc repro` first") from None


def lock_at(revision: str, root: Path = Path()) -> dict[str, Stage]:
    """The stages of dvc.lock as a git revision has it."""
    return parse_lock(git_show(revision, LOCK, root), f"{LOCK} at {revision}")


def git_show(revision: str, path: str, root: Path = Path()) -> str:
    """A file's text at a git revision; RetrialError when the revision or the file is unknown."""
    done = git(["show", f"{revision}:{path}"], root)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["git failed"])[0].removeprefix("fatal: ")
        raise RetrialError(f"{path} at revision {revision!r}: {reason}")
    return done.stdout


def git(arguments: list[str], root: Path = Path()) -> "subprocess.CompletedProcess[str]":
    """Run git in `root`; RetrialError when there is no git."""
    try:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise RetrialError("git: no such command, install git") from None


def compare(old: Mapping[str, Stage], new: Mapping[str, Stage]) -> list[Difference]:
    """Every stage of both locks, in the order of the new one, with how it differs."""
    found = [_compare(old.get(name), stage) for name, stage in new.items()]
    return found + [Difference(name, "removed") for name in old if name not in new]


def _compare(old: Stage | None, new: Stage) -> Difference:
    if old is None:
        return Difference(new.name, "added")
    outs = _changed(old.outs, new.outs)
    deps = _changed(old.deps, new.deps)
    params = {
        key: (old.params.get(key), new.params.get(key)) for key in _changed(old.params, new.params)
    }
    kind: Kind = "inputs" if deps or params else "bytes" if outs else "same"
    return Difference(new.name, kind, outs, deps, params)


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    keys = sorted({*old, *new})
    return tuple(key for key in keys if key not in old or key not in new or old[key] != new[key])


def outs_of(stages: Mapping[str, Stage]) -> set[str]:
    """All paths that some stage of the lock leaves."""
    return {path for stage in stages.values() for path in stage.outs}


def upstream(stages: Mapping[str, Stage], name: str) -> list[str]:
    """`name` and every stage whose outs it reads, directly or not, in the lock's order."""
    found, waiting = set(), [name]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        waiting += [
            other.name
            for other in stages.values()
            if any(_reads(dep, out) for dep in stages[current].deps for out in other.outs)
        ]
    return [stage for stage in stages if stage in found]


def judge_stage(names: Iterable[str], family: str) -> str:
    """The stage among `names` that judges `family`; "" for none."""
    found = (one for one in names if one.startswith("judge") and one.endswith(f"@{family}"))
    return next(found, "")


def study_stage(stages: Mapping[str, Stage], study: str) -> str:
    """The stage that leaves the records of `study`; its name, where a lock has none."""
    records = (RESULTS / study / RECORDS).as_posix()
    return next((name for name, stage in stages.items() if records in stage.outs), study)


def _reads(dep: str, out: str) -> bool:
    return dep == out or dep.startswith(f"{out}/") or out.startswith(f"{dep}/")


def profiles(stages: Mapping[str, Stage]) -> set[str]:
    """The profiles whose budgets the stages of a lock have read."""
    files = {Path(key.partition(": ")[0]) for stage in stages.values() for key in stage.params}
    return {file.stem for file in files if file.parts[:1] == ("profiles",)}


def report(
    old: Mapping[str, Stage], new: Mapping[str, Stage], name: str = f"committed {LOCK}"
) -> list[str]:
    """Lines that say which stages agree with the old lock, called `name`, and why others differ."""
    differences = compare(old, new)
    same = [one for one in differences if not one.outs and one.kind in ("same", "inputs")]
    lines = [f"{len(same)} of {len(differences)} stages have the bytes of the {name}."]
    produced = outs_of(new)
    for one in differences:
        if one in same:
            continue
        outs = ", ".join(one.outs)
        if one.kind in ("added", "removed"):
            lines.append(f"  {one.stage}: {one.kind} since the {name}")
        elif one.kind == "bytes":
            lines.append(f"  {one.stage}: other bytes from equal inputs: {outs}")
        else:
            own = [*one.params, *(dep for dep in one.deps if dep not in produced)]
            why = ", ".join(own) if own else "what earlier stages left"
            lines.append(f"  {one.stage}: {outs} (changed: {why})")
    if any(one.kind == "bytes" for one in differences):
        lines.append(
            "  Bytes are defined for x86-64 with AVX2 and the locked builds; on another machine "
            "they may differ."
        )
    return lines


def stale(stage: Stage, root: Path = Path()) -> list[str]:
    """The deps and outs of a stage whose files on disk are not those of the lock."""
    entries = {**stage.deps, **stage.outs}
    return [path for path, digest in entries.items() if md5(root / path) != digest]


def stale_params(stage: Stage, root: Path = Path()) -> list[str]:
    """The params of a stage, as `file: dotted.key`, that have another value on disk."""
    present: dict[str, Any] = {}
    for name in {key.partition(": ")[0] for key in stage.params}:
        path = root / name
        if path.exists():
            content = YAML(typ="safe").load(path.read_text(encoding="utf-8")) or {}
            present |= {f"{name}: {key}": value for key, value in flat(content)}
    return [key for key, value in stage.params.items() if present.get(key, ...) != value]
