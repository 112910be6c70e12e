"""Records in parts, read by column: a metric, a curve or an array of an arm, and no more of it."""

import io
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.partitions import ARRAY, CURVE, EPOCHS, PARTS, SIZE, VALUE
from retrial.core.records import CURVES, PROVENANCE, RECORDS, Records, array_key, damaged

if TYPE_CHECKING:
    import pyarrow

Part = Mapping[str, Any]
# How many columns a reader keeps, of those that it was asked for last.
KEPT = 4


def load_records(folder: Path) -> Records:
    """Read the records of a study, whole or in parts; RetrialError for missing or damaged ones."""
    try:
        content = json.loads((folder / RECORDS).read_text(encoding="utf-8"))
        if "parts" not in content:
            return Records.load(folder)
        provenance = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
        trials = cast(tuple[dict[str, Any], ...], Rows(folder / PARTS, content["parts"]))
        skipped, curves = tuple(content["skipped"]), frozenset(content["curves"])
        return Partitioned(content["study"], skipped, trials, folder, provenance, curves)
    except FileNotFoundError as error:
        raise RetrialError(f"{error.filename}: no such file, run `dvc repro` first") from None
    except (ValueError, KeyError, TypeError):
        raise damaged(folder) from None


@dataclass(frozen=True)
class Rows(Sequence[dict[str, Any]]):
    """The trials of parquet files below `folder`, as `Records.trials` holds those of other studies.

    A part is {"file": …, "trials": how many, "arms": […]}. Values of metrics are float64.
    """

    folder: Path
    parts: Sequence[Part]

    def __len__(self) -> int:
        return sum(part["trials"] for part in self.parts)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for part in self.parts:
            yield from self.entries(part)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        return next(itertools.islice(self, place, None))

    def read(self, part: Part, names: Sequence[str] | None = None) -> "pyarrow.Table":
        """The columns `names` of a part, as far as it has them; None for all but the arrays'."""
        # Loaded here: no other study waits for it.
        from pyarrow import parquet

        path = self.folder / part["file"]
        try:
            with parquet.ParquetFile(path, page_checksum_verification=True) as file:
                there = file.schema_arrow.names
                kept = [one for one in there if not one.startswith(ARRAY)]
                return file.read([one for one in names if one in there] if names else kept)
        except FileNotFoundError:
            raise RetrialError(f"{path}: no such file, run `dvc repro` first") from None
        except (OSError, ValueError):
            raise damaged(path) from None

    def entries(self, part: Part) -> list[dict[str, Any]]:
        """The trials of a part."""
        table = self.read(part)
        metrics = [one.removeprefix(SIZE) for one in table.column_names if one.startswith(SIZE)]
        return [
            {
                **{key: row[key] for key in ("arm", "seed", "whole", "status", "fingerprint")},
                **{key: json.loads(row[key]) for key in ("config", "detail")},
                "metrics": {
                    name: {"value": row[VALUE + name], "n": row[SIZE + name]}
                    for name in metrics
                    if row[SIZE + name] is not None
                },
            }
            for row in table.to_pylist()
        ]


@dataclass(frozen=True)
class Partitioned(Records):
    """The records of a study in parts, read-only; `curves` names the curves of all its trials."""

    curves: frozenset[str] = frozenset()

    @property
    def _rows(self) -> Rows:
        return cast(Rows, self.trials)

    def _parts(self, arm: str) -> list[Part]:
        found = [part for part in self._rows.parts if arm in part["arms"]]
        if not found:
            arms = ", ".join([*self.arms(), *self.skipped])
            raise RetrialError(f"{self.folder / RECORDS}: no arm {arm!r}, expected one of {arms}")
        return found

    @cached_property
    def _column(self) -> Callable[[str, str], list[Any]]:
        @lru_cache(maxsize=KEPT)
        def column(arm: str, name: str) -> list[Any]:
            """The values of an arm in a column by seed; None where a part does not have it."""
            found: list[Any] = []
            for part in self._parts(arm):
                table = self._rows.read(part, ["arm", name])
                arms = table["arm"].to_pylist()
                there = name in table.column_names
                values = table[name].to_pylist() if there else [None] * len(arms)
                found += itertools.compress(values, (one == arm for one in arms))
            return found

        return column

    @cached_property
    def _homes(self) -> Callable[[str], dict[int, str]]:
        @lru_cache(maxsize=KEPT)
        def homes(arm: str) -> dict[int, str]:
            """The file of each seed of an arm."""
            found: dict[int, str] = {}
            for part in self._parts(arm):
                table = self._rows.read(part, ["arm", "seed"])
                rows = zip(table["arm"].to_pylist(), table["seed"].to_pylist(), strict=True)
                found |= {seed: part["file"] for one, seed in rows if one == arm}
            return found

        return homes

    @cached_property
    def _packed(self) -> Callable[[str, str], dict[tuple[str, int], bytes]]:
        @lru_cache(maxsize=1)
        def packed(file: str, name: str) -> dict[tuple[str, int], bytes]:
            """The arrays of that name in a part, by arm and seed."""
            table = self._rows.read({"file": file}, ["arm", "seed", ARRAY + name])
            if ARRAY + name not in table.column_names:
                return {}
            return {
                (row["arm"], row["seed"]): row[ARRAY + name]
                for row in table.to_pylist()
                if row[ARRAY + name] is not None
            }

        return packed

    def arms(self) -> list[str]:
        """The arms that were run, in the order of the study."""
        return list(dict.fromkeys(arm for part in self._rows.parts for arm in part["arms"]))

    def of(self, arm: str) -> list[dict[str, Any]]:
        """The trials of an arm by seed; RetrialError names the arms that there are."""
        parts = self._parts(arm)
        return [one for part in parts for one in self._rows.entries(part) if one["arm"] == arm]

    def metric(self, arm: str, name: str) -> np.ndarray:
        """(seeds,) float64 values of a metric; None becomes nan."""
        if None in self._column(arm, SIZE + name):
            # Its error says which metrics there are.
            return super().metric(arm, name)
        return np.array(self._column(arm, VALUE + name), dtype=float)

    def sample_size(self, arm: str, name: str) -> int:
        """The sample size behind a metric (0: none)."""
        size = self._column(arm, SIZE + name)[0]
        return super().sample_size(arm, name) if size is None else int(size)

    def curve(self, arm: str, name: str) -> np.ndarray:
        """(seeds, epochs) float64 values of a curve, padded with nan."""
        lengths = self._column(arm, EPOCHS)
        if name not in self.curves:
            raise RetrialError(f"{self.folder / CURVES}: no column {name!r}")
        padded = np.full((len(lengths), max(lengths)), np.nan)
        for line, values in zip(padded, self._column(arm, CURVE + name), strict=True):
            line[: len(values or ())] = np.array(values or (), dtype=float)
        return padded

    def array(self, arm: str, seed: int, name: str) -> np.ndarray:
        """An array of one trial, such as its per-example predictions."""
        home = self._homes(arm).get(seed)
        found = home and self._packed(home, name).get((arm, seed))
        if not found:
            raise RetrialError(f"{self.folder / PARTS}: no array {array_key(arm, seed, name)!r}")
        array: np.ndarray = np.load(io.BytesIO(found), allow_pickle=False)
        return array
