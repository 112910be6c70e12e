"""Data files by content: what a cluster's worker is told of them instead of a path.

A worker looks for a file in its own data folders, then in its own cache, and proves its SHA-256
before it is used. What it has nowhere, the submitting machine sends; it is proved again and kept
in the worker's cache folder, `data-by-hash/<sha256>/`.
"""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from retrial.core.errors import RetrialError
from retrial.core.files import cache_folder, sha256, write_atomically
from retrial.running.digest import data_files, file_sha256

# Folders, divided as in PATH, in which a worker looks for data files; `data` where it is not set.
DATA_VARIABLE = "RETRIAL_DATA"
# Where the pipeline leaves data below such a folder.
BELOW = ("", "raw", "splits", "domains", "results")
BY_HASH = "data-by-hash"


class Reference(NamedTuple):
    """A data file: its name (folder/file, no more of its path) and its SHA-256 in hex."""

    name: str
    sha256: str


class Lacking(Exception):  # noqa: N818 - no error: an answer to the submitting machine
    """A worker has no file with some SHA-256 values, which are its arguments."""


def references(places: Sequence[Path]) -> dict[Reference, Path]:
    """The files of a study's data by what a worker is told of them, in the order of reading.

    A place is a folder, or a file that an earlier study left, as `load_arrays` takes them. Raises
    RetrialError when such a file is not there.
    """
    return {
        Reference(f"{path.parent.name}/{path.name}", file_sha256(path)): path
        for place in places
        for path in data_files(place)
    }


def located(files: Sequence[Reference], contents: Sequence[bytes] = ()) -> tuple[str, ...]:
    """Where this worker has each of `files`; `contents` are what was sent of those it lacked.

    Raises Lacking where it still lacks some, and RetrialError when its cache cannot be written.
    """
    sent = {sha256(content): content for content in contents}
    found, lacking = [], []
    for one in files:
        if one.sha256 in sent and not has(one):
            write_atomically(cached(one), sent[one.sha256])
        if has(one):
            found.append(place_of(one))
        else:
            lacking.append(one.sha256)
    if lacking:
        raise Lacking(*dict.fromkeys(lacking))
    return tuple(found)


def has(file: Reference) -> bool:
    """Whether this worker has a file of this content."""
    try:
        place_of(file)
    except FileNotFoundError:
        return False
    return True


@cache
def place_of(file: Reference) -> str:
    """Where this worker has a file of this content, proved once; FileNotFoundError for nowhere.

    A file of that name with another content is passed over: it is of another profile, or damaged.
    """
    roots = os.environ.get(DATA_VARIABLE, "data").split(os.pathsep)
    own = [Path(root, below, file.name) for root in roots for below in BELOW]
    for path in [*own, cached(file)]:
        if path.is_file() and file_sha256(path) == file.sha256:
            return str(path.resolve())
    raise FileNotFoundError(file.name)


def cached(file: Reference) -> Path:
    """Where a worker's cache keeps a file; its name stays, for it says what the file holds."""
    return cache_folder() / BY_HASH / file.sha256 / Path(file.name).name


def content_of(path: Path, digest: str) -> bytes:
    """The content of a file to be sent; RetrialError when it is no more what trials are keyed by.

    `digest` is the SHA-256 of what it was when the study began.
    """
    content = path.read_bytes()
    if sha256(content) != digest:
        raise RetrialError(f"{path}: changed while the study ran; run it again")
    return content
