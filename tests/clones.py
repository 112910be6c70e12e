"""A copy of the working tree that tests run the real pipeline in."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from retrial.core.files import cache_folder

ROOT = Path(__file__).parents[1]


class Clone:
    """A copy of the working tree with a trial store and a DVC cache of its own."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.root = root
        self.environment = {
            **os.environ,
            "RETRIAL_CACHE": str(cache),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(root / "src"),
            "PYTHONUNBUFFERED": "1",
            # A shell that stays in memory above a command that it was not told to exec.
            "SHELL": "/bin/sh",
        }

    def __call__(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.root, env=self.environment, capture_output=True, text=True
        )

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=self.environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def replace(self, file: str, pattern: str, text: str) -> None:
        path = self.root / file
        changed, count = re.subn(pattern, text, path.read_text(), count=1, flags=re.MULTILINE)
        assert count == 1, f"{file} has no {pattern}"
        path.write_text(changed)


def clone_to(folder: Path, without: str | None = None) -> Clone:
    """Copy the working tree below `folder`, its files below `without` left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    root = folder / "clone"
    for name in filter(None, listed):
        source, target = ROOT / name, root / name
        if source.is_file() and not (without and Path(name).is_relative_to(without)):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    cache = folder / "cache"
    cache.mkdir()
    # Downloads are shared, pinned by their content; trials are not: they must be computed here.
    downloads = cache_folder() / "data"
    downloads.mkdir(parents=True, exist_ok=True)
    (cache / "data").symlink_to(downloads)
    clone = Clone(root, cache)
    for command in (
        ("git", "init", "-q"),
        ("git", "config", "user.email", "test@example.org"),
        ("git", "config", "user.name", "test"),
        ("git", "add", "-A"),
        ("git", "commit", "-q", "-m", "clone"),
    ):
        done = clone(*command)
        assert done.returncode == 0, done.stderr
    clone.replace("params.yaml", r"^profile: .*$", "profile: smoke")
    return clone
