"""Runs DVC: the whole study under a profile, or the stages behind one family."""

import os
import subprocess
import sys
from pathlib import Path

from retrial.core.config import PARAMS, profile_name, profile_path
from retrial.core.errors import RetrialError
from retrial.running.tracking import PUBLISHED
from retrial.tools.locks import LOCK, git, lock_at, profiles, read_lock, report


def run_profile(profile: str, root: Path = Path()) -> None:
    """Run the whole pipeline under `profile`; params.yaml has its own profile again afterwards.

    Raises RetrialError when the profile is unknown or a stage fails.
    """
    usual = profile_name(root / PARAMS)
    if not profile_path(profile, root).exists():
        known = ", ".join(
            sorted(path.stem for path in profile_path("*", root).parent.glob("*.yaml"))
        )
        raise RetrialError(f"profile {profile!r}: expected one of {known}")
    if profile == usual:
        dvc(["repro"], root)
        return
    before = (root / PARAMS).read_bytes()
    try:
        dvc(["exp", "run", "-S", f"profile={profile}"], root)
    finally:
        (root / PARAMS).write_bytes(before)


def run_family(family: str, root: Path = Path()) -> None:
    """Run the stages that the verdicts of `family` need."""
    dvc(["repro", f"judge@{family}"], root)


def dvc(arguments: list[str], root: Path) -> None:
    """Run DVC with its output on this terminal; RetrialError when it fails."""
    # A stage is `python stages/…`: the python of this environment must come first.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"}
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
