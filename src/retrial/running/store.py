"""The trial store: finished trials in the user's cache folder, one file each.

It does not depend on the working folder: DVC deletes a stage's outs before it runs and may run it
elsewhere. A file is written whole or not at all, so a run that was killed at any point is taken
up after its last finished trial. It begins with the SHA-256 of the rest: a damaged trial is run
again, never replayed.
"""

import hashlib
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.files import cache_folder, write_atomically
from retrial.core.records import Finished, canonical, finite
from retrial.core.trial import Metric, Result, Trial

HEAD = "result"
SUFFIX = ".trial"
DIGEST = hashlib.sha256().digest_size


def pack(result: Result, seconds: float) -> bytes:
    """A result as a digest and one uncompressed npz: a JSON head as bytes, then the arrays."""
    head = {
        "metrics": {k: [finite(m.value), m.n] for k, m in result.metrics.items()},
        "status": result.status,
        "decided": result.decided,
        "detail": result.detail,
        "curves": {k: [finite(v) for v in curve] for k, curve in result.curves.items()},
        "seconds": seconds,
    }
    members = {HEAD: np.frombuffer(canonical(head).encode(), dtype=np.uint8)}
    members |= {f"array:{name}": array for name, array in result.arrays.items()}
    members |= {f"weight:{name}": array for name, array in result.weights.items()}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **members)
    payload = buffer.getvalue()
    return hashlib.sha256(payload).digest() + payload


def unpack(content: bytes) -> tuple[Result, float]:
    """The result in a file of the store and the seconds that it took; ValueError when damaged."""
    digest, payload = content[:DIGEST], content[DIGEST:]
    if hashlib.sha256(payload).digest() != digest:
        raise ValueError("damaged")
    with np.load(io.BytesIO(payload), allow_pickle=False) as members:
        head = json.loads(members[HEAD].tobytes())
        arrays, weights = (
            {
                name.removeprefix(prefix): members[name]
                for name in members.files
                if name.startswith(prefix)
            }
            for prefix in ("array:", "weight:")
        )
    result = Result(
        metrics={name: Metric(*pair) for name, pair in head["metrics"].items()},
        status=head["status"],
        decided=head["decided"],
        detail=head["detail"],
        curves=head["curves"],
        arrays=arrays,
        weights=weights,
    )
    return result, head["seconds"]


@dataclass(frozen=True)
class Store:
    """Finished trials by fingerprint below `folder`."""

    folder: Path

    @classmethod
    def default(cls) -> "Store":
        """The store in the user's cache folder (RETRIAL_CACHE moves it)."""
        return cls(cache_folder() / "trials")

    def path(self, fingerprint: str) -> Path:
        """Where the trial of this fingerprint lies."""
        return self.folder / fingerprint[:2] / f"{fingerprint}{SUFFIX}"

    def get(self, fingerprint: str) -> tuple[Result, float] | None:
        """A finished trial and its seconds; None when it is not there or its file is damaged."""
        path = self.path(fingerprint)
        try:
            return unpack(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            print(f"note: {path}: damaged, its trial is run again", file=sys.stderr, flush=True)
            path.unlink(missing_ok=True)
            return None

    def put(self, fingerprint: str, result: Result, seconds: float) -> None:
        """Keep a finished trial; RetrialError when the folder is full or cannot be written."""
        write_atomically(self.path(fingerprint), pack(result, seconds))


@dataclass(frozen=True)
class Stored(Sequence[Finished]):
    """Finished trials that are read from the store when they are asked for, one at a time."""

    store: Store
    trials: Sequence[Trial]
    fingerprints: Sequence[str]

    def __len__(self) -> int:
        return len(self.trials)

    @overload
    def __getitem__(self, index: int) -> Finished: ...
    @overload
    def __getitem__(self, index: slice) -> list[Finished]: ...
    def __getitem__(self, index: int | slice) -> Finished | list[Finished]:
        """A finished trial; RetrialError where the store has it no more."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        fingerprint = self.fingerprints[index]
        found = self.store.get(fingerprint)
        if found is None:
            path = self.store.path(fingerprint)
            raise RetrialError(f"{path}: was finished and is no more; run `dvc repro` again")
        return Finished(self.trials[index], found[0], fingerprint)
