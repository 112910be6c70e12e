"""Records in parts beside records in one file: what writing and reading many trials takes.

    python benchmarks/large_records.py [--trials 40000] [--rounds 3]

Trials of 14 kB, the mean of a store of 9,533: four metrics, two curves of 20 epochs, 1,600 numbers
of one array, in ten arms. Each form is written, and then read three ways, by processes of their own
that take turns: CPU seconds and the most memory that each had resident, both medians. Trials are
made while they are written, as a stage reads them from its store.

Expected on 2 cores of Zen 4: parts are written in a fifth of the memory, the same for any number of
trials, and a metric or an array is read in a tenth of the time or less.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrial.core.records import Finished

ROOT = Path(__file__).resolve().parent.parent
FORMS = ("whole", "parts")
DEEDS = ("write", "metric", "trials", "array")
ARMS = 10


def made(count: int) -> "Iterator[Finished]":
    import numpy as np

    from retrial.core.records import Finished
    from retrial.core.trial import Metric, Result, Trial

    chance = np.random.default_rng(0)
    for i in range(count):
        metrics = {f"metric_{k}": Metric(float(chance.random()), 10_000) for k in range(4)}
        curves = {f"curve_{k}": chance.random(20).tolist() for k in range(2)}
        result = Result(metrics, curves=curves, arrays={"array": chance.random(1600)})
        arm, seed = divmod(i, count // ARMS)
        yield Finished(Trial("large", f"arm{arm}", seed, {"rate": 0.1}), result, f"{i:032x}")


def do(form: str, deed: str, folder: Path, count: int) -> None:
    """One deed, and on standard output its CPU seconds and this process's largest memory."""
    sys.path.insert(0, str(ROOT / "src"))
    from retrial.core import partitions, records
    from retrial.core.partitioned import load_records

    start = time.process_time()
    if deed == "write" and form == "parts":
        partitions.write(folder, "large", made(count), [], {})
    elif deed == "write":
        records.write(folder, "large", list(made(count)), [], {})
    else:
        found = load_records(folder)
        arm = found.arms()[ARMS // 2]
        if deed == "metric":
            found.metric(arm, "metric_1")
        elif deed == "trials":
            found.of(arm)
        else:
            found.array(arm, count // ARMS // 2, "array")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(time.process_time() - start, peak)


def taken(form: str, deed: str, folder: Path, count: int) -> tuple[float, float]:
    """CPU seconds and bytes of one deed in a process of its own."""
    options = ["--trials", str(count), "--deed", form, deed, str(folder / form)]
    told = subprocess.run([sys.executable, __file__, *options], check=True, stdout=subprocess.PIPE)
    seconds, peak = map(float, told.stdout.split())
    return seconds, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--deed", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.deed:
        form, deed, folder = arguments.deed
        do(form, deed, Path(folder), arguments.trials)
        return
    print(f"{arguments.trials} trials, medians of {arguments.rounds} rounds")
    with tempfile.TemporaryDirectory() as name:
        for deed in DEEDS:
            found: dict[str, list[tuple[float, float]]] = {form: [] for form in FORMS}
            for _ in range(arguments.rounds):
                for form in FORMS:
                    found[form].append(taken(form, deed, Path(name), arguments.trials))
            (slow, large), (fast, small) = (
                [statistics.median(column) for column in zip(*found[form], strict=True)]
                for form in FORMS
            )
            print(
                f"{deed:7s} whole {slow:7.2f} s {large / 1e6:7.0f} MB   "
                f"parts {fast:7.2f} s {small / 1e6:7.0f} MB   "
                f"{slow / fast:6.1f}× the time, {large / small:5.1f}× the memory"
            )


if __name__ == "__main__":
    main()
