"""Files at the edge: the user's cache folder, and writing whole or not at all."""

import contextlib
import hashlib
import os
from pathlib import Path

import platformdirs

from retrial.core.errors import RetrialError

CACHE_VARIABLE = "RETRIAL_CACHE"


def cache_folder() -> Path:
    """Retrial's cache folder: $RETRIAL_CACHE, else the user's cache folder of the platform."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("retrial"))


def sha256(content: bytes) -> str:
    """The SHA-256 of `content`, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """Write `path` whole or not at all: temporary file, fsync, rename.

    Raises:
        RetrialError: the folder cannot be written, or there is no space left on it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        hint = (
            f"; make room or name another cache folder in {CACHE_VARIABLE}"
            if path.is_relative_to(cache_folder())
            else ""
        )
        raise RetrialError(
            f"{path}: cannot be written: {(error.strerror or str(error)).lower()}{hint}"
        ) from None
