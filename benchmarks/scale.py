"""What a cluster costs: the trials of one study on 1, 2 and 4 worker processes of this machine.

    python benchmarks/scale.py [--study initialisation] [--data raw/mnist …] [--root data]

Real processes: a Dask scheduler and workers as `make cluster` starts them, with an empty cache, so
that they are sent their data; the trials are those of the quick profile, none from the store. For
each number of workers: wall seconds, the seconds that workers were busy, and processor seconds of
the submitting process (pickling, writing finished trials), of the scheduler and of the workers.
The serial share is what only one process can do, the submitting one and the scheduler, over all
processor seconds; it compares on a busy machine too, which the wall's seconds do not. Then 2,000
calls without work, for what one call costs by itself. About a minute and a half on a quiet machine.
"""

import argparse
import importlib
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from retrial.core import records
from retrial.core.config import Compute, profile_path, section
from retrial.core.records import Finished
from retrial.core.trial import Trial
from retrial.running.dask_cluster import on_dask
from retrial.running.references import references
from retrial.running.store import Store, pack
from retrial.running.sweep import Answer, answers
from retrial.tools.cluster import environment

WORKERS = (1, 2, 4)
EMPTY_CALLS = 2000


class Cluster(NamedTuple):
    """A running cluster: its address, and the processes of its scheduler and of its workers."""

    address: str
    scheduler: psutil.Process
    workers: psutil.Process

    def seconds(self) -> tuple[float, float]:
        """Processor seconds so far of the scheduler, and of the workers with their nannies."""
        family = [self.workers, *self.workers.children(recursive=True)]
        return processor(self.scheduler), sum(map(processor, family))


def processor(process: psutil.Process) -> float:
    """Processor seconds of a process so far, without its children's."""
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def cluster(workers: int, folder: Path) -> Iterator[Cluster]:
    """A cluster whose workers have neither data nor cache, in `folder`."""
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "retrial.tools.cluster", str(workers), "--port", str(port)]
    child = subprocess.Popen(
        command, cwd=folder, env={**environment(), "RETRIAL_CACHE": str(folder / "cache")},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert child.stdout is not None
        child.stdout.readline()
        address = f"tcp://127.0.0.1:{port}"
        await_workers(address, workers)
        scheduler, started = psutil.Process(child.pid).children()
        yield Cluster(address, scheduler, started)
    finally:
        child.terminate()
        child.wait()


def await_workers(address: str, workers: int) -> None:
    from distributed import Client

    with Client(address, timeout=60) as client:
        client.wait_for_workers(workers)


def measured(
    study: str, trials: list[Trial], data: list[Path], workers: int, folder: Path
) -> tuple[float, ...]:
    """Wall, busy, submitting, scheduling and working seconds of all trials."""
    with cluster(workers, folder) as found:
        compute = Compute(backend="dask", address=found.address, workers=0)
        store = Store(folder / "store")
        before, own, start = found.seconds(), time.process_time(), time.perf_counter()
        busy, finished = 0.0, []
        costs = [trial.cost for trial in trials]
        for answer in answers(study, trials, range(len(trials)), data, compute, costs):
            assert answer.result is not None, answer
            key = f"{answer.place:032x}"
            store.put(key, answer.result, answer.seconds)
            finished.append(Finished(trials[answer.place], answer.result, key))
            busy += answer.seconds
        records.write(folder / "records", study, finished, (), {})
        wall, own = time.perf_counter() - start, time.process_time() - own
        scheduling, working = (b - a for a, b in zip(before, found.seconds(), strict=True))
        kept = sum(len(pack(one.result, 0.0)) for one in finished)
    print(
        f"{workers:>8} {wall:>8.1f} {busy:>8.1f} {own:>10.2f} {scheduling:>10.2f} {working:>9.1f}"
        f" {(own + scheduling) / (own + scheduling + working):>8.1%} {kept / len(trials):>10.0f}",
        flush=True,
    )
    return wall, busy, own, scheduling, working


def nothing(call: int) -> list[Answer]:
    """A call without work."""
    return [Answer(call, None)]


def unused(digest: str) -> bytes:
    """The content that no call without work asks for."""
    raise KeyError(digest)


def empty_calls(folder: Path) -> None:
    """Print what a call costs that does nothing."""
    with cluster(2, folder) as found:
        compute = Compute(backend="dask", address=found.address, workers=0)
        before, own, start = found.seconds(), time.process_time(), time.perf_counter()
        count = sum(1 for _ in on_dask(nothing, range(EMPTY_CALLS), compute, unused))
        wall, own = time.perf_counter() - start, time.process_time() - own
        scheduling = found.seconds()[0] - before[0]
    print(
        f"a call without work: {1e3 * wall / count:.2f} ms of the wall, {1e3 * own / count:.2f} ms "
        f"of the submitting process, {1e3 * scheduling / count:.2f} ms of the scheduler"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="initialisation")
    parser.add_argument("--data", nargs="+", default=["raw/mnist", "splits/full_mnist"])
    parser.add_argument("--root", type=Path, default=Path("data"))
    options = parser.parse_args()
    name = f"retrial.studies.{options.study}"
    study = importlib.import_module(name)
    data = [options.root / one for one in options.data]
    protocol = section(Path("params.yaml"), options.study, study.Protocol)
    trials = study.trials(protocol, section(profile_path("quick"), options.study, study.Budget))
    sizes = [path.stat().st_size for path in references(data).values()]
    load = os.getloadavg()[0]
    print(f"{options.study}: {len(trials)} trials, {os.cpu_count()} cores, load before {load:.1f}")
    each = len(pickle.dumps(trials)) / len(trials)
    print(f"bytes out: data, once a worker: {sum(sizes):,}; each trial {each:.0f}")
    heads = ("wall s", "busy s", "submit s", "schedule s", "work s", "serial", "bytes back")
    print(f"{'workers':>8} {heads[0]:>8} {heads[1]:>8} {heads[2]:>10} {heads[3]:>10} {heads[4]:>9} "
          f"{heads[5]:>8} {heads[6]:>10}")  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        first, *more = (
            measured(name, trials, data, workers, Path(temporary, str(workers)))
            for workers in WORKERS
        )
        told = (f"{n}: {first[0] / one[0]:.2f}×" for n, one in zip(WORKERS[1:], more, strict=True))
        print(f"speed-up by the wall, workers {', '.join(told)}")
        empty_calls(Path(temporary, "empty"))


if __name__ == "__main__":
    main()
