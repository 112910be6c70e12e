"""The project around the working folder: `retrial` commands run in its root."""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from retrial.core.errors import RetrialError

P = ParamSpec("P")
T = TypeVar("T")
# Files that a user names: resolved before a command moves to the root.
ANY = click.Path(path_type=Path, resolve_path=True)
EXISTING = click.Path(exists=True, path_type=Path, resolve_path=True)


def in_project(command: Callable[P, T]) -> Callable[P, T]:
    """Run a command in the root of the project around the working folder."""

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        start = Path.cwd()
        for folder in (start, *start.parents):
            if (folder / "params.yaml").exists() and (folder / "claims").is_dir():
                os.chdir(folder)
                return command(*args, **kwargs)
        raise RetrialError(f"{start}: not inside a Retrial project, expected params.yaml, claims/")

    return wrapper
