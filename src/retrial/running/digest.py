"""What a trial's result depends on, as hashes: data, lock, pins, and the code it imports."""

import ast
import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import grimp

import retrial
from retrial.core.errors import RetrialError
from retrial.core.records import canonical
from retrial.core.trial import Trial

LOCK = Path("requirements.lock")
# What a file with the weights of an earlier study ends in.
TENSORS = ".safetensors"
PACKAGE = Path(retrial.__file__).parent


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's content, as hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def data_hashes(places: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of every array and table of `places`, by `folder name/file name`.

    A place is a folder, of which arrays and tables count, or a file that an earlier study left.
    Raises RetrialError when such a file is not there.
    """
    return {
        f"{path.parent.name}/{path.name}": file_sha256(path)
        for place in places
        for path in data_files(place)
    }


def data_files(place: Path) -> list[Path]:
    """The files of a folder that are data, by name; or the file `place` itself."""
    if place.suffix == TENSORS:
        if not place.is_file():
            raise RetrialError(f"{place}: no such file, run `dvc repro` first")
        return [place]
    return [path for path in sorted(place.iterdir()) if path.suffix in {".npy", ".csv"}]


@cache
def import_graph() -> grimp.ImportGraph:
    """The imports among the modules of this package."""
    return grimp.build_graph("retrial", cache_dir=None)


def imported_modules(module: str) -> set[str]:
    """`module`, all that it imports from this package, and their parent packages."""
    found = {module, *import_graph().find_upstream_modules(module)}
    # Importing a.b runs a/__init__.py as well, which the graph does not show.
    ancestors = {name.rsplit(".", i)[0] for name in found for i in range(1, name.count(".") + 1)}
    if not ancestors <= found:
        for name in ancestors - found:
            found |= {name, *import_graph().find_upstream_modules(name)}
    return found


def module_path(module: str) -> Path:
    """The source file of a module of this package."""
    base = PACKAGE.joinpath(*module.split(".")[1:])
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def code_digest(module: str) -> str:
    """A hash of the code that `module` imports, blind to comments, docstrings and layout."""
    parts = {name: syntax_digest(module_path(name)) for name in sorted(imported_modules(module))}
    return hashlib.sha256(canonical(parts).encode()).hexdigest()


def syntax_digest(path: Path) -> str:
    """A hash of a source file's syntax tree without its docstrings; "" for a namespace package."""
    if not path.exists():
        return ""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def surroundings(module: str, data: Mapping[str, str]) -> dict[str, Any]:
    """All that every trial of a study module depends on besides its own config and seed."""
    return {
        "code": code_digest(module),
        "data": dict(data),
        "lock": file_sha256(LOCK),
        "pins": dict(retrial.PINS),
    }


def fingerprint(trial: Trial, around: Mapping[str, Any]) -> str:
    """The key of a trial in the store, 32 hex digits.

    `whole` and `cost` say nothing about what is computed and are left out.
    """
    content = {
        "study": trial.study,
        "arm": trial.arm,
        "seed": trial.seed,
        "config": trial.config,
        "around": dict(around),
    }
    return hashlib.sha256(canonical(content).encode()).hexdigest()[:32]
