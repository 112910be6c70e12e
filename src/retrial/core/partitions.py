"""Records that do not fit into memory: parquet files of a fixed number of trials each.

A study keeps its records in this form when dvc.yaml names the folder `parts` among its outs, and
must when it has more than MOST_WHOLE trials. `parts/00000.parquet` and so on hold what
`records.json`, `curves.csv` and `arrays.npz` hold of other studies, ROWS trials each in the study's
order; `records.json` then names the arms of each part, and the other two are empty. Weights stay
one file, as later stages read it. Equal trials give equal bytes: nothing is compressed.
"""

import io
import itertools
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from retrial.core import records
from retrial.core.config import read_yaml
from retrial.core.errors import RetrialError
from retrial.core.files import write_atomically
from retrial.core.records import RECORDS, Finished, canonical, entry, finite
from retrial.core.trial import Result

PARTS = "parts"
PIPELINE = Path("dvc.yaml")
# Other records are written and read whole: at 14 kB a trial 700 MB.
MOST_WHOLE = 50_000
ROWS = 1_024
# The columns of a metric are its value and its sample size, null where a trial lacks the metric.
VALUE, SIZE, CURVE, ARRAY = "value:", "n:", "curve:", "array:"
# Of a trial: how long its curves are.
EPOCHS = "epochs"


def partitioned(results: Path, trials: int, pipeline: Path = PIPELINE) -> bool:
    """Whether a study of so many trials keeps the records below `results` in parts.

    Raises:
        RetrialError: it must, but dvc.yaml does not name that folder.
    """
    parts = (results / PARTS).as_posix()
    declared = pipeline.exists() and parts in _outs(read_yaml(pipeline)["stages"])
    if trials > MOST_WHOLE and not declared:
        raise RetrialError(
            f"{pipeline}: {trials} trials below {results}: expected {parts} among the outs of a "
            f"stage of more than {MOST_WHOLE} (docs/scale.md)"
        )
    return declared


def _outs(stages: Mapping[str, Any]) -> Iterator[str]:
    """All outs that are named in full or, in a stage for each of some items, by ${item}."""
    for stage in stages.values():
        items = stage.get("foreach", [""])
        for out in stage.get("do", stage).get("outs", ()):
            path = out if isinstance(out, str) else next(iter(out))
            yield from (re.sub(r"\$\{(item|key)\}", item, path) for item in items)


def write(
    folder: Path,
    study: str,
    finished: Iterable[Finished],
    skipped: Sequence[str],
    provenance: Mapping[str, Any],
) -> None:
    """Write the records of a study below `folder`, in the order of `finished`, part by part."""
    shutil.rmtree(folder / PARTS, ignore_errors=True)
    waiting = iter(finished)
    parts: list[dict[str, Any]] = []
    curves: set[str] = set()
    heirs: list[Finished] = []
    while part := list(itertools.islice(waiting, ROWS)):
        name = f"{len(parts):05}.parquet"
        write_atomically(folder / PARTS / name, _packed(part))
        arms = list(dict.fromkeys(one.trial.arm for one in part))
        parts.append({"file": name, "trials": len(part), "arms": arms})
        curves |= _names(one.result.curves for one in part)
        heirs += [
            one._replace(result=Result({}, weights=one.result.weights))
            for one in part
            if one.result.weights
        ]
    records.write(folder, study, heirs, skipped, provenance)
    index = {"curves": sorted(curves), "parts": parts, "skipped": list(skipped), "study": study}
    write_atomically(folder / RECORDS, f"{json.dumps(index, sort_keys=True, indent=1)}\n".encode())


def _packed(part: Sequence[Finished]) -> bytes:
    """A part as a parquet file."""
    # Loaded here: no other study waits for it.
    import pyarrow
    from pyarrow import parquet

    buffer = io.BytesIO()
    table = pyarrow.table(dict(_columns(part)))
    parquet.write_table(table, buffer, compression="none", write_page_checksum=True)
    return buffer.getvalue()


def _columns(part: Sequence[Finished]) -> Iterator[tuple[str, Any]]:
    """The columns of a part by name; a number that no float64 is becomes null."""
    import pyarrow

    entries, results = [entry(one) for one in part], [one.result for one in part]
    for name in ("arm", "status", "fingerprint"):
        yield name, pyarrow.array([one[name] for one in entries], pyarrow.string())
    for name in ("config", "detail"):
        yield name, pyarrow.array([canonical(one[name]) for one in entries], pyarrow.string())
    yield "seed", pyarrow.array([one["seed"] for one in entries], pyarrow.int64())
    yield "whole", pyarrow.array([one["whole"] for one in entries], pyarrow.bool_())
    lengths = [max(map(len, one.curves.values()), default=0) for one in results]
    yield EPOCHS, pyarrow.array(lengths, pyarrow.int64())
    for name in sorted(_names(one["metrics"] for one in entries)):
        found = [one["metrics"].get(name, {"value": None, "n": None}) for one in entries]
        yield VALUE + name, pyarrow.array([one["value"] for one in found], pyarrow.float64())
        yield SIZE + name, pyarrow.array([one["n"] for one in found], pyarrow.int64())
    for name in sorted(_names(one.curves for one in results)):
        lists = [[finite(value) for value in one.curves.get(name, ())] for one in results]
        yield CURVE + name, pyarrow.array(lists, pyarrow.list_(pyarrow.float64()))
    for name in sorted(_names(one.arrays for one in results)):
        packed = [_npy(one.arrays[name]) if name in one.arrays else None for one in results]
        yield ARRAY + name, pyarrow.array(packed, pyarrow.large_binary())


def _names(found: Iterable[Iterable[str]]) -> set[str]:
    return {name for names in found for name in names}


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
