"""Runs DVC: the whole study under a profile, or the stages behind one family."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retrial.core.config import PARAMS, profile_name, read_sections, require_profile
from retrial.core.errors import RetrialError
from retrial.core.files import write_atomically
from retrial.tools.locks import LOCK, git, judge_stage, lock_at, profiles, read_lock, report
from retrial.tools.places import PUBLISHED

PIPELINE = Path("dvc.yaml")
PROFILE_LINE = re.compile(r"^profile:.*$", re.MULTILINE)
# Where DVC notes which of its processes reads and writes which file.
RWLOCK = Path(".dvc/tmp/rwlock")
# Seconds in which DVC has written one of its locks.
WRITING = 3
# DVC commits an experiment, for which git wants a name; a name in the environment comes first.
IDENTITY = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "retrial"), ("EMAIL", "retrial@localhost"))
}


def run_profile(profile: str, root: Path = Path()) -> None:
    """Run the whole pipeline under `profile`; params.yaml has its own profile again afterwards.

    Raises RetrialError when the profile is unknown or a stage fails.
    """
    usual = profile_name(root / PARAMS)
    if require_profile(profile, root) == usual:
        dvc(["repro"], root)
        return
    with profile_line(profile, root):
        dvc(["exp", "run"], root)


@contextmanager
def profile_line(profile: str, root: Path) -> Iterator[None]:
    """Let params.yaml name `profile` within the block, however the block ends.

    No other line is touched: `dvc exp run -S` would write the file anew, without its layout and
    some of its comments, and what a user changes there during a long run is to stay.
    """
    path = root / PARAMS
    found = PROFILE_LINE.search(path.read_text(encoding="utf-8"))
    if found is None:
        raise RetrialError(f"{path}: expected a line `profile: …`")

    def put(line: str) -> None:
        text = path.read_text(encoding="utf-8")
        write_atomically(path, PROFILE_LINE.sub(lambda _: line, text, count=1).encode())

    # An exception, unlike the signal's own action, comes past the clause that puts the line back.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        put(f"profile: {profile}")
        yield
    finally:
        put(found.group())
        signal.signal(signal.SIGTERM, before)


def run_family(family: str, root: Path = Path()) -> None:
    """Run the stages that the verdicts of `family` need."""
    stage = judge_stage(stage_names(root), family)
    if not stage:
        raise RetrialError(f"{PIPELINE}: no stage judges family {family!r}")
    dvc(["repro", stage], root)


def stage_names(root: Path) -> list[str]:
    """The stages of dvc.yaml, those of a list by item."""
    stages = read_sections(root / PIPELINE)["stages"].items()
    return [
        full
        for name, stage in stages
        for full in (
            [f"{name}@{item}" for item in stage["foreach"]] if "foreach" in stage else [name]
        )
    ]


def mend(root: Path = Path()) -> None:
    """Take away what DVC left cut short where it was killed while it wrote: it would not start.

    DVC writes `dvc.lock` in place, which takes up to a second, and its list of who reads and
    writes which file. The committed dvc.lock comes in the place of the cut one, where there is
    one: what that knew beyond it, DVC's cache and the trial store still hold.
    """
    cut = [path for path in (root / LOCK, root / RWLOCK) if _is_cut(path)]
    if not cut:
        return
    # Another DVC that is at work may be writing them now.
    time.sleep(WRITING)
    for path in filter(_is_cut, cut):
        found = git(["show", f"HEAD:{LOCK}"], root) if path.name == LOCK else None
        if found is not None and found.returncode == 0:
            write_atomically(path, found.stdout.encode())
            now = "the committed one is in its place"
        else:
            path.unlink(missing_ok=True)
            now = "removed"
        print(
            f"warning: {path}: cut short, DVC was killed while it wrote it; {now}",
            file=sys.stderr,
            flush=True,
        )


def _is_cut(path: Path) -> bool:
    """Whether `path`, one of DVC's two locks, is there and not whole."""
    try:
        if path.name != LOCK:
            json.loads(path.read_text(encoding="utf-8"))
        elif path.exists():
            read_sections(path)
            read_lock(path)
    except FileNotFoundError:
        return False
    except (RetrialError, ValueError):
        return True
    return False


def dvc(arguments: list[str], root: Path) -> None:
    """Run DVC with its output on this terminal; RetrialError when it fails."""
    mend(root)
    # A stage is `python stages/…`: the python of this environment must come first.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**IDENTITY, **os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], cwd=root, env=environment, check=False
    )
    if done.returncode:
        raise RetrialError(
            f"dvc {' '.join(arguments)}: stopped with exit status {done.returncode}, the reason "
            "stands above; finished trials are kept, run it again to go on"
        )


def lock_report(root: Path = Path()) -> list[str]:
    """Lines on which stages agree with the committed dvc.lock, or with the published one.

    The committed lock is compared unless it is of another profile than this run.
    """
    new = read_lock(root / LOCK)
    published = root / PUBLISHED / LOCK
    if git(["cat-file", "-e", f"HEAD:{LOCK}"], root).returncode == 0:
        old = lock_at("HEAD", root)
        if profiles(old) == profiles(new):
            return report(old, new)
    if published.exists() and profiles(old := read_lock(published)) == profiles(new):
        return report(old, new, f"published {LOCK}")
    return [f"No committed {LOCK} of profile {', '.join(sorted(profiles(new)))} to compare with."]
