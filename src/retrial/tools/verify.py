"""Checks published results: their hashes, their verdicts, and a sample of trials run again.

A trial that is run again gets a fresh process, its data after their hashes were compared, and
neither the trial store nor the DVC cache. Its record, curves and arrays must come out byte for
byte, and its weights where they are here. A published trial that ran on what an earlier study left
needs those very weights, which are too large to publish: without them a note says how to get them.
With qemu-user installed trials are run on an emulated Haswell as well.
"""

import csv
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from retrial.core.errors import RetrialError
from retrial.core.records import ARRAYS, CURVES, WEIGHTS, Records, array_key, canonical
from retrial.judging.judge import Family, judge_family
from retrial.judging.ledger import CLAIMS, load_claims
from retrial.judging.searches import SEARCHES
from retrial.judging.verdicts import RESULTS, read_rows
from retrial.running.digest import TENSORS, file_sha256
from retrial.tools.places import MANIFEST, PUBLISHED
from retrial.tools.publish import PROFILE, ROWS

EMULATOR = ("qemu-x86_64", "-cpu", "Haswell")
DATA = (Path("data/raw"), Path("data/splits"), RESULTS)


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
            Records.load(path.parent.parent / search.study) if search else None,
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
        if folder.parent == root / PUBLISHED and (file := absent(records, root)):
            reason = f"they ran on {RESULTS / file} of profile {PROFILE}, which is not there: run "
            reason += f"`make study PROFILE={PROFILE}` first"
            yield Check(f"trials of {records.study}, again", note=reason)
            continue
        places = data_places(records, root)
        for prefix in prefixes():
            where = " on an emulated Haswell" if prefix else ""
            with tempfile.TemporaryDirectory() as out:
                run_again(records.study, drawn, places, Path(out), prefix)
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


def absent(records: Records, root: Path) -> str:
    """A file of an earlier study that the records' trials ran on and that is not here; "" if none.

    That of another profile is another file.
    """
    for name, digest in records.provenance["data"].items():
        path = root / RESULTS / name
        if path.suffix == TENSORS and not (path.exists() and file_sha256(path) == digest):
            return str(name)
    return ""


def data_places(records: Records, root: Path) -> list[Path]:
    """Where the records' data came from, after comparing every file's SHA-256.

    Folders with arrays, and files of tensors, as `run_study` takes them.
    """
    found: dict[Path, None] = {}
    for name, digest in records.provenance["data"].items():
        places = [root / base / name for base in DATA if (root / base / name).exists()]
        matching = [path for path in places if file_sha256(path) == digest]
        if not matching:
            state = "has another SHA-256 than when the trials ran" if places else "is missing"
            raise RetrialError(f"data of {records.study}: {name} {state}; run `dvc repro` first")
        place = matching[0] if matching[0].suffix == TENSORS else matching[0].parent
        found[place] = None
    return list(found)


def run_again(
    study: str,
    entries: Sequence[dict[str, Any]],
    places: Sequence[Path],
    out: Path,
    prefix: Sequence[str] = (),
) -> None:
    """Run the trials of `entries` in a fresh process; RetrialError when it fails."""
    command = [*prefix, sys.executable, "-m", "retrial.tools.rerun", study, str(out)]
    done = subprocess.run(
        [*command, *(str(place.resolve()) for place in places)],
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
    prefix = array_key(arm, seed, "")
    if (old.folder / ARRAYS).exists():
        with (
            np.load(old.folder / ARRAYS, allow_pickle=False) as before,
            np.load(new.folder / ARRAYS, allow_pickle=False) as after,
        ):
            parts += differing_arrays(before, after, prefix)
    if (old.folder / WEIGHTS).exists():
        parts += differing_arrays(weights(old.folder), weights(new.folder), prefix)
    return f"differs in {', '.join(parts)}" if parts else ""


def curve_lines(folder: Path, arm: str, seed: int) -> list[tuple[str, ...]]:
    """A trial's curves as printed, column by column in the order of names, empty ones left out."""
    lines = (folder / CURVES).read_text(encoding="utf-8").splitlines()
    names, *rows = csv.reader(lines)
    own = [row for row in rows if row[:2] == [arm, str(seed)]]
    columns = [tuple(column) for column in zip(names, *own, strict=True)] if own else []
    return [column for column in columns if any(column[1:])]


def weights(folder: Path) -> dict[str, np.ndarray]:
    """The weights in a folder of records; none when no trial left any."""
    found: dict[str, np.ndarray] = load_file(path) if (path := folder / WEIGHTS).exists() else {}
    return found


def differing_arrays(
    old: Mapping[str, np.ndarray], new: Mapping[str, np.ndarray], prefix: str
) -> list[str]:
    """The names of a trial's arrays that differ in a byte, in dtype or in shape."""
    names = sorted({name for name in (*old, *new) if name.startswith(prefix)})
    return [
        name.removeprefix(prefix)
        for name in names
        if name not in old or name not in new or not _equal(old[name], new[name])
    ]


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
