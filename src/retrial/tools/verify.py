"""Checks published results: hashes, verdicts, code, margins, and a sample of trials run again.

A trial that is run again gets a fresh process, its data after their hashes were compared, and
neither the trial store nor the DVC cache. Its record, curves and arrays must come out byte for
byte, and its weights where they are here. A published trial that ran on what an earlier study left
needs those very weights, which are too large to publish: without them a note says how to get them.
With qemu-user installed trials are run on an emulated Haswell as well.
"""

import csv
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from retrial.core.config import read_yaml
from retrial.core.errors import RetrialError
from retrial.core.partitioned import Partitioned, load_records
from retrial.core.records import (
    ARRAYS,
    CURVES,
    RECORDS,
    WEIGHTS,
    Records,
    array_key,
    canonical,
)
from retrial.judging.ledger import CLAIMS, load_claims
from retrial.judging.verdicts import RESULTS, TABLE, table
from retrial.running.digest import TENSORS, file_sha256
from retrial.running.integrity import require_intact
from retrial.tools.manifest import read_manifest, unchanged
from retrial.tools.margins import History, commits, late
from retrial.tools.places import MANIFEST, PUBLISHED, ROWS
from retrial.tools.publish import SIZE_AT_MOST
from retrial.tools.published import (
    PROFILE,
    by_family,
    judged_again,
    laid_out,
    published_rows,
    published_studies,
)

PIPELINE = Path("dvc.yaml")
EMULATOR = ("qemu-x86_64", "-cpu", "Haswell")
# Where the data of trials lies, as <folder>/<file>: data/domains has a place of its own.
DATA = (Path("data/raw"), Path("data/splits"), RESULTS, Path("data"))


@dataclass(frozen=True)
class Check:
    """One thing that was checked; `wrong` says in one line what was found instead.

    `note` says why it could not be checked.
    """

    what: str
    wrong: str = ""
    note: str = ""


def published(root: Path) -> Iterator[Check]:
    """All that is published, but for trials, which take time: `trials` runs those again."""
    yield from hashes(root)
    yield from verdicts(root)
    yield from code(root)
    yield from margins(root)


def hashes(root: Path) -> Iterator[Check]:
    """Every published file against the manifest, and files that the manifest does not name.

    The whole must be within the size that publishing allows. Raises RetrialError when nothing is
    published.
    """
    folder = root / PUBLISHED
    if not (folder / MANIFEST).exists():
        raise RetrialError(f"{folder / MANIFEST}: no such file, nothing is published")
    files = read_manifest(folder)["files"]
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
    size = sum((folder / name).stat().st_size for name in present)
    wrong = f"are more than {SIZE_AT_MOST}" if size > SIZE_AT_MOST else ""
    yield Check(f"{size} bytes of {PUBLISHED}", wrong)


def verdicts(root: Path) -> Iterator[Check]:
    """Every published family judged again from its published records."""
    folder, claims = root / PUBLISHED, load_claims(root / CLAIMS)
    rows = published_rows(folder)
    for name, found in by_family(rows).items():
        old = {row["id"]: row for row in found}
        try:
            judged = {row["id"]: row for row in judged_again(name, claims, old, folder)}
            differing = [
                claim
                for claim, row in old.items()
                if canonical(judged.get(claim)) != canonical(row)
            ]
            told = f"{len(differing)} of {len(old)} differ: {', '.join(differing[:5])}"
            wrong = told if differing else ""
        except RetrialError as error:
            wrong = str(error)
        yield Check(f"verdicts of {name} from its published records", wrong)
    same = (folder / TABLE.name).read_text(encoding="utf-8") == table(rows)
    what = f"{PUBLISHED / TABLE.name} is the table of {ROWS}"
    yield Check(what, "" if same else "has other rows")
    known = {row["id"] for row in rows}
    lacking = [claim.id for claim in claims if claim.id not in known]
    wrong = f"{len(lacking)} have none: {', '.join(lacking[:5])}"
    yield Check(f"{len(claims)} claims with a published verdict", wrong if lacking else "")


def code(root: Path) -> Iterator[Check]:
    """For each published study, whether its trials would run the code that they ran."""
    folder = root / PUBLISHED
    for study in published_studies(folder):
        try:
            again = f"is not; run `make study PROFILE={PROFILE}` and publish it again"
            wrong = "" if unchanged(study, folder) else again
        except RetrialError as error:
            wrong = str(error)
        yield Check(f"code of {study} is what it was when published", wrong)


def margins(root: Path) -> Iterator[Check]:
    """For each published family, whether its margins came before its first paper records.

    Thresholds of statement tests that came later are noted. A clone without all of its history
    cannot tell.
    """
    folder, claims = root / PUBLISHED, load_claims(root / CLAIMS)
    try:
        history = History.read(root)
    except RetrialError as error:
        yield Check("margins before the first paper records", note=str(error))
        return
    for name, rows in by_family(published_rows(folder)).items():
        owned = [claim for claim in claims if claim.family == name]
        found = late(name, owned, rows, history)
        since = f"of its first paper records, {found.first[:12] or 'not committed yet'}"
        wrong = f"later than that: {', '.join(found.margins)}"
        what = f"{found.stated} margins of {name} are those {since}"
        yield Check(what, wrong if found.margins else "")
        if found.thresholds:
            what = f"thresholds of {name} are those {since}"
            yield Check(what, note=f"other or later ones: {', '.join(found.thresholds)}")
    told = commits(claims, history)
    other = [key for key, one in read_manifest(folder)["margins"].items() if told.get(key) != one]
    wrong = f"has other commits for {', '.join(other[:5])}"
    what = f"{PUBLISHED / MANIFEST} names the commits of {len(told)} claims' own numbers"
    yield Check(what, wrong if other or len(told) != len(read_manifest(folder)["margins"]) else "")


def trials(root: Path, sample: int, seed: int = 0) -> Iterator[Check]:
    """`sample` trials of each study, drawn by `seed`, run again: published ones where there are."""
    folder = root / PUBLISHED
    archived = published_studies(folder)
    for study in archived:
        with laid_out(folder, [study]) as view:
            records = load_records(view / study)
            if file := absent(records, root):
                reason = f"they ran on {RESULTS / file} of profile {PROFILE}, which is not there: "
                reason += f"run `make study PROFILE={PROFILE}` first"
                yield Check(f"trials of {records.study}, again", note=reason)
            else:
                yield from trials_of(records, root, sample, seed)
    found = {path.parent.name: path.parent for path in (root / RESULTS).glob(f"*/{RECORDS}")}
    for study in sorted(set(found) - set(archived)):
        try:
            require_intact([RESULTS / study], root)
        except RetrialError as error:
            yield Check(f"records of {study} are what its stage left", str(error))
        else:
            yield from trials_of(load_records(found[study]), root, sample, seed)
    if not archived and not found:
        raise RetrialError(f"{RESULTS}: no records, run `make study` first")


def trials_of(records: Records, root: Path, sample: int, seed: int) -> Iterator[Check]:
    """`sample` trials of `records`, drawn by `seed`, run again and compared.

    Each check names the resident memory of the process that ran them.
    """
    if isinstance(records, Partitioned):
        # Curves and arrays are compared in the files that whole records have.
        yield Check(f"trials of {records.study}, again", note="their records are in parts")
        return
    # A sample that can be drawn again, no secret.
    chance = random.Random(f"{seed}:{records.study}")  # noqa: S311
    drawn = chance.sample(records.trials, min(sample, len(records.trials)))
    if not drawn:
        return
    places = data_places(records, root)
    for prefix in prefixes():
        where = " on an emulated Haswell" if prefix else ""
        with tempfile.TemporaryDirectory() as out:
            peak = run_again(records.study, drawn, places, Path(out), prefix)
            again = load_records(Path(out))
            for trial in drawn:
                what = f"{records.study}: {trial['arm']}, seed {trial['seed']}, again{where}"
                wrong = difference(records, again, trial)
                yield Check(f"{what} ({peak / 1e6:.0f} MB at most)", wrong)


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

    Folders with arrays, and files of tensors, as `run_study` takes them and in its order.
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
    return declared_order(found, records.study, root)


def declared_order(places: Iterable[Path], study: str, root: Path) -> list[Path]:
    """`places` as the study's stage declares them in dvc.yaml; others first, as they come.

    The records name their data in the order of the alphabet, and of two arrays of one name the
    later place has the one that a trial is given.
    """
    path = root / PIPELINE
    stages = read_yaml(path)["stages"] if path.exists() else {}
    declared = [root / dep for dep in stages.get(study, {}).get("deps", ())]
    return sorted(places, key=lambda one: declared.index(one) if one in declared else -1)


def run_again(
    study: str,
    entries: Sequence[dict[str, Any]],
    places: Sequence[Path],
    out: Path,
    prefix: Sequence[str] = (),
) -> int:
    """Run the trials of `entries` in a fresh process; RetrialError when it fails.

    The most resident memory that the process had, in bytes.
    """
    command = [*prefix, sys.executable, "-m", "retrial.tools.rerun", study, str(out)]
    done = subprocess.run(
        [*command, *(str(place.resolve()) for place in places)],
        input=canonical(list(entries)), capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise RetrialError(f"{study}: {last.removeprefix('error: ')}")
    return int(done.stdout.splitlines()[-1])


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
