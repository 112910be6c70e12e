"""Runs a sample of trials of every study under several conditions, and compares the bytes.

A sample is of the last run, or of the published records where the last run has no trials of a
study. Its first trial is the cheapest, the others are the cheapest of other arms, as far as they
are within the seconds that are given. Under each condition one fresh process runs all samples, in
itself or on workers of its own with an empty trial store, and every trial must leave the record,
curves, arrays and weights that it left before. An emulator takes 10 to 50 times as long and runs
no more of each sample than is within seconds of its own.
"""

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from retrial.core.errors import RetrialError
from retrial.core.partitioned import Partitioned, load_records
from retrial.core.records import RECORDS, Records
from retrial.judging.verdicts import RESULTS
from retrial.report.same_bytes import RECORDED, recorded
from retrial.running.store import Store
from retrial.running.timings import TIMINGS, read_timings
from retrial.tools.listing import columns
from retrial.tools.manifest import read_manifest, trial_seconds
from retrial.tools.places import PUBLISHED
from retrial.tools.published import laid_out, published_studies
from retrial.tools.rerun_many import Order
from retrial.tools.verify import data_places, difference

EMULATOR = "qemu-x86_64"
# How many characters of a reason stand below the table.
REASON = 200
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Condition:
    """How trials are run: `workers` (0: in the process itself), Python's hash seed, emulated CPU.

    The hash seed is given, so that one run is like the next; records come from runs without.
    """

    name: str
    workers: int = 0
    hash_seed: int = 0
    cpu: str = ""

    def prefix(self) -> tuple[str, ...]:
        """What stands before the command."""
        return (EMULATOR, "-cpu", self.cpu) if self.cpu else ()

    def unavailable(self) -> str:
        """Why this machine cannot run it; "" if it can."""
        if not self.cpu:
            return ""
        if os.uname().machine != "x86_64":
            return f"Python is built for {os.uname().machine} here, {EMULATOR} cannot run it"
        if shutil.which(EMULATOR) is None:
            return f"{EMULATOR} is not installed (Debian's package qemu-user has it)"
        return ""


CONDITIONS = (
    Condition("native"),
    Condition("1 worker", workers=1),
    Condition("2 workers", workers=2),
    Condition("4 workers", workers=4),
    Condition("hash seed", hash_seed=1234),
    Condition("Haswell", cpu="Haswell"),
    Condition("EPYC", cpu="EPYC"),
)


def conditions(names: Sequence[str]) -> list[Condition]:
    """The conditions of these names, all of them for none; RetrialError for a name that is none."""
    known = {condition.name: condition for condition in CONDITIONS}
    for name in names:
        if name not in known:
            raise RetrialError(f"--condition = {name!r}: expected one of {', '.join(known)}")
    return [known[name] for name in names or known]


@dataclass(frozen=True)
class Sample:
    """Trials of a study with their known seconds, the records that they left, and their data.

    `skipped` says why none of them can be run.
    """

    study: str
    module: str
    source: str
    records: Records
    trials: tuple[dict[str, Any], ...] = ()
    seconds: tuple[float, ...] = ()
    places: tuple[Path, ...] = ()
    skipped: str = ""


@dataclass(frozen=True)
class Cell:
    """What came of a study under a condition: same, differs, failed or skipped, and why."""

    state: str
    why: str = ""


Table = dict[str, dict[str, Cell]]


def chosen(
    records: Records, spent: Mapping[str, Sequence[float]], count: int, at_most: float
) -> list[tuple[float, dict[str, Any]]]:
    """At most `count` trials of `records` with their seconds, which sum up to at most `at_most`.

    `spent` has the seconds of each arm's trials in order. The first is the cheapest of all; an arm
    comes again only after all others. None when the cheapest takes longer.
    """
    ranked = []
    for arm, seconds in spent.items():
        # Of equally cheap ones the first: trials themselves have no order.
        own = sorted(zip(seconds, range(len(seconds)), records.of(arm), strict=True))
        ranked += [(rank, one, arm, trial) for rank, (one, _, trial) in enumerate(own)]
    found: list[tuple[float, dict[str, Any]]] = []
    for _, one, _, trial in sorted(ranked, key=lambda known: known[:3]):
        if len(found) < count and sum(taken for taken, _ in found) + one <= at_most:
            found.append((one, trial))
    return found


@contextmanager
def samples(
    root: Path, count: int, at_most: float, only: Sequence[str] = ()
) -> Iterator[list[Sample]]:
    """A sample of every study of the project at `root`, or of `only` those that are named.

    Raises RetrialError for a name that is none, and when there are no records at all.
    """
    left = {path.parent.name for path in (root / RESULTS).glob(f"*/{RECORDS}")}
    archived = published_studies(root / PUBLISHED)
    known = sorted({*left, *archived})
    if not known:
        raise RetrialError(f"{RESULTS}: no records, run `make study` first")
    for name in only:
        if name not in known:
            raise RetrialError(f"--study = {name!r}: no records, expected of {', '.join(known)}")
    with laid_out(root / PUBLISHED, [name for name in archived if name in (only or known)]) as view:
        timings = read_manifest(root / PUBLISHED).get("timings", {})
        yield [
            _sample(study, root, view, timings.get(study, {}), count, at_most)
            for study in known
            if study in (only or known)
        ]


def _sample(
    study: str, root: Path, view: Path, published: Mapping[str, Any], count: int, at_most: float
) -> Sample:
    own, source = root / RESULTS / study, "last run"
    records = load_records(own) if (own / RECORDS).exists() else None
    spent: Mapping[str, Any] = {}
    if records and records.trials:
        spent = trial_seconds(records, read_timings(own / TIMINGS), Store.default())
    if records is None or (not spent and (view / study).exists()):
        records, source, spent = load_records(view / study), "published", published
    name = f"retrial.studies.{study}"
    if isinstance(records, Partitioned):
        return Sample(study, name, source, records, skipped="its records are in parts")
    if not records.trials:
        return Sample(study, name, source, records, skipped="it has no trials in this profile")
    if not spent:
        reason = "what its trials take is not known, run its stage"
        return Sample(study, name, source, records, skipped=reason)
    taken = chosen(records, spent, count, at_most)
    if not taken:
        least = min(second for seconds in spent.values() for second in seconds)
        reason = f"its cheapest trial takes {least:g} s, more than the {at_most:g} s given"
        return Sample(study, name, source, records, skipped=reason)
    try:
        places = tuple(data_places(records, root))
    except RetrialError as error:
        return Sample(study, name, source, records, skipped=str(error))
    seconds, trials = zip(*taken, strict=True)
    return Sample(study, name, source, records, trials, seconds, places)


def compared(
    found: Sequence[Sample], under: Sequence[Condition], emulated: float, tell: Tell
) -> Table:
    """What came of every sample under every condition, by study and condition's name.

    An emulated CPU runs the first trials of a sample as far as they took at most `emulated` seconds
    together. `tell` gets a line whenever a study is done.
    """
    table: Table = {sample.study: {} for sample in found}

    def run(condition: Condition) -> None:
        for study, cell in _cells(condition, found, emulated):
            table[study][condition.name] = cell
            if cell.state != "skipped":
                tell(f"{condition.name}: {study}: {cell.state}{': ' if cell.why else ''}{cell.why}")

    for condition in under:
        if not condition.cpu:
            run(condition)
    slow = [condition for condition in under if condition.cpu]
    if slow:
        # Each takes one core for long.
        with ThreadPoolExecutor(len(slow)) as pool:
            list(pool.map(run, slow))
    return table


def _cells(
    condition: Condition, found: Sequence[Sample], emulated: float
) -> Iterator[tuple[str, Cell]]:
    wanted: dict[str, Sample] = {}
    for sample in found:
        reason = condition.unavailable() or sample.skipped
        if condition.cpu and not reason and sample.seconds[0] > emulated:
            reason = (
                f"its cheapest trial takes {sample.seconds[0]:g} s without emulation, "
                f"more than the {emulated:g} s given"
            )
        if reason:
            yield sample.study, Cell("skipped", reason)
        else:
            wanted[sample.study] = sample
    with tempfile.TemporaryDirectory() as name:
        orders = {
            study: order(sample, Path(name) / study, emulated if condition.cpu else math.inf)
            for study, sample in wanted.items()
        }
        for study, wrong in answers(condition, list(orders.values())):
            again = Path(name) / study
            yield study, Cell("failed", wrong) if wrong else judged(wanted[study], again)


def order(sample: Sample, out: Path, at_most: float = math.inf) -> Order:
    """The order for a sample's first trials, of at most `at_most` seconds; `out` is for records."""
    count = sum(total <= at_most for total in accumulate(sample.seconds))
    return {
        "study": sample.study,
        "module": sample.module,
        "trials": [
            (one["arm"], one["seed"], one["config"], one["whole"]) for one in sample.trials[:count]
        ],
        "seconds": list(sample.seconds[:count]),
        "data": [str(place.resolve()) for place in sample.places],
        "out": str(out),
    }


def judged(sample: Sample, folder: Path) -> Cell:
    """The cell of a sample whose trials, or some of them, left their records in `folder`."""
    again = load_records(folder)
    ran = {(one["arm"], one["seed"]) for one in again.trials}
    wrong = [
        f"{trial['arm']}, seed {trial['seed']}, {told}"
        for trial in sample.trials
        if (trial["arm"], trial["seed"]) in ran
        if (told := difference(sample.records, again, trial))
    ]
    return Cell("differs", "; ".join(wrong)) if wrong else Cell("same")


def answers(condition: Condition, orders: Sequence[Order]) -> Iterator[tuple[str, str]]:
    """For each order, as it is done, its study and what went wrong ("" if nothing did).

    A process that ends before it answered is started again for the orders after that one.
    """
    command = [*condition.prefix(), sys.executable, "-m", "retrial.tools.rerun_many"]
    waiting = list(orders)
    while waiting:
        with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as errors:
            json.dump(waiting, given)
            given.seek(0)
            process = subprocess.Popen(
                [*command, str(condition.workers)],
                stdin=given, stdout=subprocess.PIPE, stderr=errors, text=True,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(sys.path),
                    "PYTHONHASHSEED": str(condition.hash_seed),
                },
            )  # fmt: skip
            with process:
                for line in process.stdout or ():
                    # A study may print as well.
                    if line.startswith('{"study"'):
                        told = json.loads(line)
                        waiting = [one for one in waiting if one["study"] != told["study"]]
                        yield told["study"], told["wrong"]
            if waiting:
                errors.seek(0)
                last = (errors.read().strip().splitlines() or ["it said nothing"])[-1]
                ended = f"ended with exit status {process.returncode}: {last}"
                yield waiting.pop(0)["study"], ended


def lines(found: Sequence[Sample], table: Table, under: Sequence[Condition]) -> list[str]:
    """The table study × condition, with the reasons below it, and a line that counts."""
    reasons: dict[str, str] = {}
    rows = [["study", "records", "trials", *(condition.name for condition in under)]]
    for sample in found:
        row = [sample.study, sample.source, str(len(sample.trials))]
        for condition in under:
            cell = table[sample.study][condition.name]
            mark = reasons.setdefault(cell.why, f"[{len(reasons) + 1}]") if cell.why else ""
            row.append(f"{cell.state} {mark}".strip())
        rows.append(row)
    cells = Counter(cell.state for row in table.values() for cell in row.values())
    told = (f"{cells[state]} {state}" for state in ("same", "differs", "failed", "skipped"))
    notes = [f"{mark} {shortened(reason)}" for reason, mark in reasons.items()]
    return [*columns(rows), *notes, f"{len(found)} studies: {', '.join(told)}"]


def shortened(reason: str) -> str:
    """A reason, at most REASON characters of it."""
    return reason if len(reason) <= REASON else f"{reason[: REASON - 1]}…"


def unexpected(table: Table, known: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The studies that failed, or that differ where `known` does not have it."""
    return [
        study
        for study, row in table.items()
        if any(
            cell.state == "failed" or (cell.state == "differs" and name not in known.get(study, {}))
            for name, cell in row.items()
        )
    ]


def record(table: Table, path: Path = RECORDED) -> None:
    """Write what differed for the report's limits; what was skipped or failed stays as it was."""
    found = recorded(path)
    for study, row in table.items():
        own = found.setdefault(study, {})
        for name, cell in row.items():
            if cell.state == "same":
                own.pop(name, None)
            elif cell.state == "differs":
                own[name] = cell.why
    kept = {study: own for study, own in found.items() if own}
    path.write_text(f"{json.dumps(kept, indent=1, sort_keys=True)}\n", encoding="utf-8")


def ran(table: Iterable[Mapping[str, Cell]]) -> bool:
    """Whether any trial of a table was run."""
    return any(cell.state != "skipped" for row in table for cell in row.values())
