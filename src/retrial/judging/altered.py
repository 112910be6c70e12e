"""Which files of the ledger are not as git has them.

A claim may be edited and judged before it is committed, so a difference is told and no error; a
flipped digit of a printed number would otherwise be judged without a word.
"""

import subprocess
from pathlib import Path


def altered(folder: Path) -> list[Path]:
    """The files of the ledger in `folder` that were changed, added or removed since the commit.

    Paths begin as `folder` does. None where there is no git or no commit.
    """
    command = [
        "git",
        "-C",
        str(folder),
        "diff",
        "--name-only",
        "--relative",
        "-z",
        "HEAD",
        "--",
        ".",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return []
    return [folder / name for name in done.stdout.split("\0") if name.endswith(".yaml")]


def notes(folder: Path, family: str = "") -> list[str]:
    """A line for each altered file; of a `family`, for those that name it or are removed."""
    return [
        f"note: {path}: {'not as committed' if path.exists() else 'removed since the commit'}; "
        f"`git diff HEAD {path}` says how"
        for path in altered(folder)
        if not path.exists() or f"family: {family}" in path.read_text("utf-8", errors="replace")
    ]
