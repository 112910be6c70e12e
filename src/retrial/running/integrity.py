"""Whether files are still what the stages behind them left, by the md5s in dvc.lock.

DVC looks at the files that it is asked about, by their times, and what it takes from its cache it
takes on trust. Here the bytes are read: a flipped bit, or a file that was cut, emptied or removed,
would otherwise be trained on or judged.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

from retrial.core.errors import RetrialError

LOCK = Path("dvc.lock")
OBJECTS = Path(".dvc/cache/files/md5")
# What .dvcignore names: no part of any input.
IGNORED = ("__pycache__", ".ipynb_checkpoints", "*.swp", "*~", ".DS_Store")
# The lines of dvc.lock as DVC writes them; its YAML takes seconds to parse.
STAGE = re.compile(r"  (\S.*):$")
PART = re.compile(r"    (\w+):")
OUT = re.compile(r"    - path: (.+)$")
MD5 = re.compile(r"      md5: (\S+)$")


class Out(NamedTuple):
    """A file or folder that a stage left: its path in the project, and what DVC calls its md5."""

    stage: str
    path: Path
    md5: str


def outs(lock: Path) -> Iterator[Out]:
    """What the stages of a dvc.lock left, in its order; nothing where there is no such file."""
    try:
        lines = lock.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    except UnicodeDecodeError:
        raise RetrialError(f"{lock}: damaged, run `git checkout {lock}`") from None
    stage = part = path = ""
    for line in lines:
        if found := STAGE.match(line):
            stage, part = found[1], ""
        elif found := PART.match(line):
            part = found[1]
        elif part == "outs" and (found := OUT.match(line)):
            path = found[1]
        elif part == "outs" and (found := MD5.match(line)):
            yield Out(stage, Path(path), found[1])


def require_intact(paths: Iterable[Path], root: Path = Path()) -> None:
    """Refuse files below `root` that are not what their stages left.

    Each of `paths`, relative to `root`, is a file or a folder that a stage left, lies within such
    a folder, or has such outs below it. What dvc.lock does not name is not looked at.

    Raises:
        RetrialError: names the first file that is missing or has other bytes, and its stage.
    """
    wanted = list(paths)
    for out in outs(root / LOCK):
        if any(out.path.is_relative_to(path) or path.is_relative_to(out.path) for path in wanted):
            require_out(out, root)


def require_out(out: Out, root: Path) -> None:
    """Refuse one out of a stage that is missing or has other bytes than dvc.lock says."""
    found = md5(root / out.path)
    if found == out.md5:
        return
    for path, expected in expected_files(out, root).items():
        digest = md5(root / path)
        if digest != expected:
            raise not_left(path, out.stage, expected, digest)
    raise not_left(out.path, out.stage, out.md5, found)


def not_left(path: Path, stage: str, expected: str, found: str) -> RetrialError:
    """The error for a file that is not what a stage left; `found` is "" where it is missing."""
    what = f"damaged: md5 {found}" if found else "is missing"
    return RetrialError(
        f"{path}: {what}, but {LOCK} says that stage {stage} left md5 {expected}; "
        f"remove {path} and run `dvc repro {stage}`"
    )


def expected_files(out: Out, root: Path) -> dict[Path, str]:
    """The md5 of each file of a folder by path, from DVC's cache; nothing where it is not there."""
    path = root / OBJECTS / out.md5[:2] / out.md5[2:]
    if not out.md5.endswith(".dir") or not path.is_file():
        return {}
    content = path.read_bytes()
    if f"{_md5(content).hexdigest()}.dir" != out.md5:
        return {}
    return {out.path / entry["relpath"]: entry["md5"] for entry in json.loads(content)}


def _md5(content: bytes = b"") -> Any:
    return hashlib.md5(content, usedforsecurity=False)


def md5(path: Path) -> str:
    """What DVC calls the md5 of a file or, with `.dir` at its end, of a folder; "" for nothing."""
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, _md5).hexdigest()
    if not path.is_dir():
        return ""
    entries = [
        {"md5": md5(file), "relpath": file.relative_to(path).as_posix()}
        for file in path.rglob("*")
        if file.is_file() and not ignored(file.relative_to(path))
    ]
    entries.sort(key=lambda entry: entry["relpath"])
    text = json.dumps(entries, sort_keys=True).encode()
    return f"{_md5(text).hexdigest()}.dir"


def ignored(path: Path) -> bool:
    """True for a path that .dvcignore leaves out."""
    return any(fnmatch(part, pattern) for part in path.parts for pattern in IGNORED)
