"""Checks published results: their hashes, their verdicts, and a sample of trials run again.

A trial that is run again gets a fresh process, the data of data/raw and data/splits after their
hashes were compared, and neither the trial store nor the DVC cache. Its record, curves and arrays
must come out byte for byte. With qemu-user installed it is run on an emulated Haswell as well.
"""

import csv
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.records import ARRAYS, CURVES, Records, array_key, canonical
from retrial.judging.judge import Family, judge_family
from retrial.judging.ledger import CLAIMS, load_claims
from retrial.judging.verdicts import RESULTS, SEARCHES, read_rows
from retrial.running.digest import file_sha256
from retrial.tools.places import MANIFEST, PUBLISHED
from retrial.tools.publish import PROFILE, ROWS

EMULATOR = ("qemu-x86_64", "-cpu", "Haswell")
DATA = (Path("data/raw"), Path("data/splits"))


@dataclass(frozen=True)
class Check:
    """One thing that was checked; `wrong` says in one line what was found instead.

    `note` says why it could not be checked.
    """

    what: str
    wrong: str = ""
    note: str = ""


def hashes(root: Path) -> Iterator[Check]:
    """Every published file against the manifest, and files that the manifest does not name."""
    folder = root / PUBLISHED
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    except FileNotFoundError:
        raise RetrialError(f"{folder / MANIFEST}: no such file, nothing is published") from None
    for name, digest in sorted(files.items()):
        path = folder / name
        if not path.exists():
            yield Check(f"{PUBLISHED / name}", "is missing")
        elif file_sha256(path) != digest:
            yield Check(f"{PUBLISHED / name}", "has another SHA-256 than the manifest says")
        else:
            yield Check(f"{PUBLISHED / name}")
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for name in sorted(present - {MANIFEST, *files}):
        yield Check(f"{PUBLISHED / name}", "is not in the manifest")


def verdicts(root: Path) -> Iterator[Check]:
    """Every published family judged again from its published records."""
    claims = load_claims(root / CLAIMS)
    ledger = {claim.id: claim for claim in claims}
    for path in sorted((root / PUBLISHED).glob(f"*/{ROWS}")):
        what = f"verdicts of {path.parent.name} from its published records"
        if not (path.parent / ARRAYS).exists():
            reason = f"{ARRAYS} was too large to publish, run the study to judge it"
            yield Check(what, note=reason)
            continue
        published = {row["id"]: row for row in read_rows(path)}
        search = SEARCHES.get(path.parent.name)
        family = Family(
            Records.load(path.parent),
            ledger,
            PROFILE,
            Records.load(path.parent.parent / search) if search else None,
        )
        owned = [claim for claim in claims if claim.id in published]
        judged = {row["id"]: row for row in judge_family(owned, family)}
        differing = [
            claim
            for claim, row in published.items()
            if canonical(judged.get(claim)) != canonical(row)
        ]
        wrong = f"{len(differing)} of {len(published)} differ: {', '.join(differing[:5])}"
        yield Check(what, wrong if differing else "")


def trials(root: Path, sample: int, seed: int = 0) -> Iterator[Check]:
    """`sample` trials of each study, drawn by `seed`, run again: published ones where there are."""
    for folder in record_folders(root):
        records = Records.load(folder)
        drawn = random.Random(f"{seed}:{records.study}").sample(
            records.trials, min(sample, len(records.trials))
        )
        if not drawn:
            continue
        folders = data_folders(records, root)
        for prefix in prefixes():
            where = " on an emulated Haswell" if prefix else ""
            with tempfile.TemporaryDirectory() as out:
                run_again(records.study, drawn, folders, Path(out), prefix)
                again = Records.load(Path(out))
                for trial in drawn:
                    what = f"{records.study}: {trial['arm']}, seed {trial['seed']}, again{where}"
                    yield Check(what, difference(records, again, trial))


def record_folders(root: Path) -> list[Path]:
    """The folders with records, published ones first; one for each study."""
    found: dict[str, Path] = {}
    for base in (PUBLISHED, RESULTS):
        for path in sorted((root / base).glob("*/records.json")):
            found.setdefault(path.parent.name, path.parent)
    if not found:
        raise RetrialError(f"{RESULTS}: no records, run `make study` first")
    return list(found.values())


def prefixes() -> list[tuple[str, ...]]:
    """How trials are started: natively, and emulated where qemu-user is installed."""
    return [(), EMULATOR] if shutil.which(EMULATOR[0]) else [()]


def data_folders(records: Records, root: Path) -> list[Path]:
    """The folders that the records' data came from, after comparing every file's SHA-256."""
    found: dict[Path, None] = {}
    for name, digest in records.provenance["data"].items():
        places = [root / base / name for base in DATA if (root / base / name).exists()]
        matching = [path.parent for path in places if file_sha256(path) == digest]
        if not matching:
            state = "has another SHA-256 than when the trials ran" if places else "is missing"
            raise RetrialError(f"data of {records.study}: {name} {state}; run `dvc repro` first")
        found[matching[0]] = None
    return list(found)


def run_again(
    study: str,
    entries: Sequence[dict[str, Any]],
    folders: Sequence[Path],
    out: Path,
    prefix: Sequence[str] = (),
) -> None:
    """Run the trials of `entries` in a fresh process; RetrialError when it fails."""
    command = [*prefix, sys.executable, "-m", "retrial.tools.rerun", study, str(out)]
    done = subprocess.run(
        [*command, *(str(folder.resolve()) for folder in folders)],
        input=canonical(list(entries)), capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise RetrialError(f"{study}: {last.removeprefix('error: ')}")


def difference(old: Records, new: Records, trial: dict[str, Any]) -> str:
    """What of a trial came out differently; "" when nothing did."""
    arm, seed = trial["arm"], trial["seed"]
    entry = next(one for one in new.trials if (one["arm"], one["seed"]) == (arm, seed))
    parts = [
        key
        for key in ("status", "detail", "metrics")
        if canonical(entry[key]) != canonical(trial[key])
    ]
    if curve_lines(old.folder, arm, seed) != curve_lines(new.folder, arm, seed):
        parts.append("curves")
    if (old.folder / ARRAYS).exists():
        parts += differing_arrays(old.folder, new.folder, array_key(arm, seed, ""))
    return f"differs in {', '.join(parts)}" if parts else ""


def curve_lines(folder: Path, arm: str, seed: int) -> list[tuple[str, ...]]:
    """A trial's curves as printed, column by column in the order of names, empty ones left out."""
    lines = (folder / CURVES).read_text(encoding="utf-8").splitlines()
    names, *rows = csv.reader(lines)
    own = [row for row in rows if row[:2] == [arm, str(seed)]]
    columns = [tuple(column) for column in zip(names, *own, strict=True)] if own else []
    return [column for column in columns if any(column[1:])]


def differing_arrays(old: Path, new: Path, prefix: str) -> list[str]:
    """The names of a trial's arrays that differ in a byte, in dtype or in shape."""
    with (
        np.load(old / ARRAYS, allow_pickle=False) as before,
        np.load(new / ARRAYS, allow_pickle=False) as after,
    ):
        names = sorted({name for name in (*before, *after) if name.startswith(prefix)})
        return [
            name.removeprefix(prefix)
            for name in names
            if name not in before or name not in after or not _equal(before[name], after[name])
        ]


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
