"""Records: what the trials of a study returned, and its bytes on disk.

A results folder holds `records.json` (one entry per trial), `curves.csv` (per epoch),
`arrays.npz` (per-example predictions and what figures draw), `provenance.json` (what went in),
and `weights.safetensors` where a later stage needs weights. Keys are sorted, floats are the
shortest that round-trip, and nothing names a clock, a host, a path, a commit or a run.
"""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import save_file

from retrial.core.errors import RetrialError
from retrial.core.files import write_atomically
from retrial.core.trial import Result, Trial

RECORDS, CURVES, ARRAYS = "records.json", "curves.csv", "arrays.npz"
PROVENANCE, WEIGHTS = "provenance.json", "weights.safetensors"


class Finished(NamedTuple):
    """A trial with its result and its fingerprint (the key of the trial store)."""

    trial: Trial
    result: Result
    fingerprint: str


def canonical(content: Any) -> str:
    """JSON with sorted keys and no infinities: equal contents give equal bytes."""
    return json.dumps(content, sort_keys=True, allow_nan=False, ensure_ascii=False)


def array_key(arm: str, seed: int, name: str) -> str:
    """The name under which `arrays.npz` holds an array of a trial."""
    return f"{arm}:{seed}:{name}"


def entry(finished: Finished) -> dict[str, Any]:
    """The entry of one trial in `records.json`."""
    trial, result, fingerprint = finished
    return {
        "arm": trial.arm,
        "seed": trial.seed,
        "config": trial.config,
        "whole": trial.whole or result.decided,
        "status": result.status,
        "detail": result.detail,
        "metrics": {
            name: {"value": finite(metric.value), "n": metric.n}
            for name, metric in result.metrics.items()
        },
        "fingerprint": fingerprint,
    }


def finite(value: float | int | None) -> float | int | None:
    """`value` as JSON can hold it: NumPy scalars as Python's, nan and infinities as None."""
    if value is None:
        return None
    plain = value.item() if isinstance(value, np.generic) else value
    return plain if np.isfinite(plain) else None


def write(
    folder: Path,
    study: str,
    finished: Sequence[Finished],
    skipped: Sequence[str],
    provenance: Mapping[str, Any],
) -> None:
    """Write the records of a study below `folder`, in the order of `finished`."""
    folder.mkdir(parents=True, exist_ok=True)
    body = ",\n".join(canonical(entry(one)) for one in finished)
    head = f'"skipped": {canonical(list(skipped))},\n"study": {canonical(study)},\n'
    write_atomically(folder / RECORDS, f'{{{head}"trials": [\n{body}\n]}}\n'.encode())
    write_atomically(folder / CURVES, curves_csv(finished).encode())
    arrays = {
        array_key(one.trial.arm, one.trial.seed, name): array
        for one in finished
        for name, array in sorted(one.result.arrays.items())
    }
    buffer = io.BytesIO()
    # Stored, not deflated: zlib's bytes differ between its versions.
    np.savez(buffer, allow_pickle=False, **arrays)
    write_atomically(folder / ARRAYS, buffer.getvalue())
    text = json.dumps(provenance, sort_keys=True, indent=1, allow_nan=False)
    write_atomically(folder / PROVENANCE, f"{text}\n".encode())
    weights = {
        array_key(one.trial.arm, one.trial.seed, name): np.ascontiguousarray(array)
        for one in finished
        for name, array in sorted(one.result.weights.items())
    }
    if weights:
        save_file(weights, folder / WEIGHTS)


def curves_csv(finished: Sequence[Finished]) -> str:
    """All curves as one table: arm, seed, epoch, then one column per curve."""
    names = sorted({name for one in finished for name in one.result.curves})
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["arm", "seed", "epoch", *names])
    for trial, result, _ in finished:
        epochs = max((len(curve) for curve in result.curves.values()), default=0)
        for epoch in range(epochs):
            row = [finite(result.curves[n][epoch]) if n in result.curves else None for n in names]
            table.writerow([trial.arm, trial.seed, epoch + 1, *row])
    return text.getvalue()


def damaged(path: Path) -> RetrialError:
    """The error for results that are not what a stage left."""
    return RetrialError(f"{path}: damaged, run `dvc checkout`")


@dataclass(frozen=True)
class Records:
    """The records of one study, read-only."""

    study: str
    skipped: tuple[str, ...]
    trials: tuple[dict[str, Any], ...]
    folder: Path
    provenance: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> "Records":
        """Read `folder`; raises RetrialError when a file is missing or damaged."""
        try:
            content = json.loads((folder / RECORDS).read_text(encoding="utf-8"))
            provenance = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
            return cls(
                content["study"],
                tuple(content["skipped"]),
                tuple(content["trials"]),
                folder,
                provenance,
            )
        except FileNotFoundError as error:
            raise RetrialError(f"{error.filename}: no such file, run `dvc repro` first") from None
        except (ValueError, KeyError, TypeError):
            raise damaged(folder) from None

    def arms(self) -> list[str]:
        """The arms that were run, in the order of the study."""
        return list(dict.fromkeys(trial["arm"] for trial in self.trials))

    def of(self, arm: str) -> list[dict[str, Any]]:
        """The trials of an arm by seed; RetrialError names the arms that there are."""
        found = [trial for trial in self.trials if trial["arm"] == arm]
        if not found:
            arms = ", ".join([*self.arms(), *self.skipped])
            raise RetrialError(f"{self.folder / RECORDS}: no arm {arm!r}, expected one of {arms}")
        return found

    def metric(self, arm: str, name: str) -> np.ndarray:
        """(seeds,) float64 values of a metric; None becomes nan."""
        values = [self._metric(trial, name)["value"] for trial in self.of(arm)]
        return np.array([np.nan if value is None else value for value in values], dtype=float)

    def sample_size(self, arm: str, name: str) -> int:
        """The sample size behind a metric (0: none)."""
        return int(self._metric(self.of(arm)[0], name)["n"])

    def _metric(self, trial: Mapping[str, Any], name: str) -> dict[str, Any]:
        if name not in trial["metrics"]:
            known = ", ".join(sorted(trial["metrics"]))
            raise RetrialError(
                f"{self.folder / RECORDS}: arm {trial['arm']!r} has no metric {name!r}, "
                f"expected one of {known}"
            )
        found: dict[str, Any] = trial["metrics"][name]
        return found

    def curve(self, arm: str, name: str) -> np.ndarray:
        """(seeds, epochs) float64 values of a curve, padded with nan."""
        seeds = [trial["seed"] for trial in self.of(arm)]
        columns, table = self._curves
        if name not in columns:
            raise RetrialError(f"{self.folder / CURVES}: no column {name!r}")
        rows: dict[int, list[float]] = {seed: [] for seed in seeds}
        for row in table.get(arm, ()):
            rows[int(row["seed"])].append(float(row[name]) if row[name] else np.nan)
        padded = np.full((len(seeds), max((len(row) for row in rows.values()), default=0)), np.nan)
        for line, seed in zip(padded, seeds, strict=True):
            line[: len(rows[seed])] = rows[seed]
        return padded

    @cached_property
    def _curves(self) -> tuple[Sequence[str], dict[str, list[dict[str, str]]]]:
        """The columns of curves.csv, and its rows by arm."""
        table: dict[str, list[dict[str, str]]] = {}
        with (self.folder / CURVES).open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            for row in reader:
                table.setdefault(row["arm"], []).append(row)
            return reader.fieldnames or (), table

    @cached_property
    def _arrays(self) -> Any:
        path = self.folder / ARRAYS
        try:
            return np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        except FileNotFoundError:
            raise RetrialError(f"{path}: no such file, run `dvc repro` first") from None
        except (ValueError, EOFError, zipfile.BadZipFile):
            raise damaged(path) from None

    def array(self, arm: str, seed: int, name: str) -> np.ndarray:
        """An array of one trial, such as its per-example predictions."""
        key = array_key(arm, seed, name)
        if key not in self._arrays:
            raise RetrialError(f"{self.folder / ARRAYS}: no array {key!r}")
        try:
            found: np.ndarray = self._arrays[key]
        except (ValueError, EOFError, zipfile.BadZipFile):
            raise damaged(self.folder / ARRAYS) from None
        return found

    def inputs_md5(self) -> str:
        """The md5 of what went in: protocol, budget, data, code, lock and pins."""
        return hashlib.md5(canonical(self.provenance).encode(), usedforsecurity=False).hexdigest()
