"""Runs the trials of a study: replayed from the store, or on workers, heavy ones first.

A trial's bytes do not depend on what it was grouped with, on how many workers there were, or on
where it ran: a worker gets a trial and the places of its data, and nothing else.
"""

import importlib
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
from joblib.externals.loky.process_executor import TerminatedWorkerError
from numpy._core._multiarray_umath import __cpu_features__
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from safetensors import SafetensorError
from safetensors.numpy import load_file
from threadpoolctl import threadpool_info

import retrial
from retrial.core.config import Compute
from retrial.core.errors import RetrialError
from retrial.core.records import Finished, damaged
from retrial.core.trial import Result, Trial
from retrial.running.digest import TENSORS, fingerprint
from retrial.running.store import Store

# What `execute` takes: a study module, the places and the trials of one call, and its data.
Call = tuple[str, tuple[int, ...], tuple[Trial, ...], tuple[str, ...]]
# Seconds within which a cluster and its first worker must answer.
PATIENCE = 10

Observer = Callable[[Finished], None]


class Answer(NamedTuple):
    """What a worker sends back: a result, or the traceback of what was raised.

    `mistake` is the line of a user's error, where that was raised. `unfit` says why this worker
    must not run any trial.
    """

    place: int
    result: Result | None
    traceback: str = ""
    seconds: float = 0.0
    mistake: str = ""
    unfit: str = ""


@cache
def load_arrays(places: tuple[str, ...]) -> Mapping[str, np.ndarray]:
    """The arrays of a study's data, read-only.

    A place is a folder, whose `.npy` files are mapped into memory and whose `.csv` tables are read
    by file stem, or a file `*.safetensors`, whose tensors are read by their keys. Raises
    RetrialError for such a file or table that is missing or damaged.
    """
    found: dict[str, np.ndarray] = {}
    for place in map(Path, places):
        if place.suffix == TENSORS:
            found |= load_tensors(place)
        else:
            for path in sorted(place.glob("*.npy")):
                found[path.stem] = np.load(path, mmap_mode="r", allow_pickle=False)
            for path in sorted(place.glob("*.csv")):
                found[path.stem] = load_table(path)
    return found


def load_table(path: Path) -> np.ndarray:
    """A table with a header as a structured array (rows,), read-only: a field for each column.

    Columns of numbers are int64 or float64, others text. Raises RetrialError for a table that has
    no row, or rows of unequal length.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) < 2:
            raise damaged(path)
        table = np.genfromtxt(lines, delimiter=",", names=True, dtype=None, encoding="utf-8")
    except ValueError:
        raise damaged(path) from None
    rows: np.ndarray = np.atleast_1d(table)
    rows.flags.writeable = False
    return rows


def load_tensors(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file by key, read-only; RetrialError when it is missing or damaged."""
    try:
        tensors: dict[str, np.ndarray] = load_file(path)
    except FileNotFoundError:
        raise RetrialError(f"{path}: no such file, run `dvc repro` first") from None
    except SafetensorError:
        raise damaged(path) from None
    for tensor in tensors.values():
        tensor.flags.writeable = False
    return tensors


def execute(
    study: str, indices: tuple[int, ...], trials: tuple[Trial, ...], places: tuple[str, ...]
) -> list[Answer]:
    """Run trials in a worker process, several as one program; never raises.

    When a program of several raises, each is run by itself, so that only those fail that must.
    """
    if unfit := without_pins():
        return [Answer(index, None, unfit=unfit) for index in indices]
    start = time.perf_counter()
    try:
        module, data = importlib.import_module(study), load_arrays(places)
        results = (
            [module.run(trials[0], data)] if len(trials) == 1 else module.run_together(trials, data)
        )
    except Exception as error:
        if len(trials) == 1:
            mistake = str(error) if isinstance(error, RetrialError) else ""
            return [Answer(indices[0], None, traceback.format_exc(), mistake=mistake)]
        alone = zip(indices, trials, strict=True)
        return [execute(study, (index,), (trial,), places)[0] for index, trial in alone]
    seconds = (time.perf_counter() - start) / len(trials)
    answered = zip(indices, results, strict=True)
    return [Answer(index, result, seconds=seconds) for index, result in answered]


@cache
def without_pins() -> str:
    """One line when NumPy or BLAS loaded in this process before the pins were set; "" if not.

    A cluster's worker may have loaded them long before this package, which then sets its pins in
    vain; what the libraries themselves say is looked at.
    """
    disabled = retrial.PINS["NPY_DISABLE_CPU_FEATURES"].split()
    loose = any(__cpu_features__.get(name) for name in disabled)
    for library in threadpool_info():
        loose |= library["num_threads"] != int(retrial.PINS["OMP_NUM_THREADS"])
        if library["internal_api"] == "openblas" and os.uname().machine == "x86_64":
            loose |= library["architecture"] != retrial.PINS["OPENBLAS_CORETYPE"]
    pins = " ".join(f"{name}={value!r}" for name, value in retrial.PINS.items())
    return f"worker {os.uname().nodename}: start it with {pins}" if loose else ""


@cache
def die_with(parent: int) -> None:
    """End this process soon after its parent has ended, however it ended.

    A killed run must leave no orphan that computes beside the next run. Polling is used since
    the kernel's parent-death signal is tied to the parent's thread and not to its process.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def sweep(
    study: str,
    trials: Sequence[Trial],
    data: Sequence[Path],
    around: Mapping[str, Any],
    compute: Compute,
    store: Store,
    observer: Observer | None = None,
) -> tuple[list[Finished], list[float]]:
    """Run all trials of the study module `study`; results and seconds in the order of `trials`.

    Finished trials are written to the store at once and shown to `observer`. A trial that raises
    is reported with its config and traceback while the others go on; RetrialError at the end, which
    begins with the line of a user's mistake where trials found one.
    """
    keys = [fingerprint(trial, around) for trial in trials]
    done: dict[int, tuple[Finished, float]] = {}
    failed: list[str] = []
    mistakes: list[str] = []
    with progress(study, trials) as advance:

        def finish(index: int, result: Result, seconds: float) -> None:
            done[index] = Finished(trials[index], result, keys[index]), seconds
            if observer is not None:
                observer(done[index][0])
            advance(trials[index].cost)

        for index, key in enumerate(keys):
            found = store.get(key)
            if found is not None:
                finish(index, *found)
        waiting = [index for index in range(len(trials)) if index not in done]
        waiting.sort(key=lambda index: -trials[index].cost)
        if waiting:
            # One line here, where workers would report every trial that cannot read them.
            for place in data:
                if place.suffix == TENSORS:
                    load_tensors(place)
        for answer in answers(study, trials, waiting, data, compute):
            if answer.unfit:
                raise RetrialError(answer.unfit)
            if answer.result is None:
                failed.append(trials[answer.place].arm)
                if answer.mistake:
                    mistakes.append(answer.mistake)
                else:
                    _report_failure(trials[answer.place], answer.traceback)
            else:
                store.put(keys[answer.place], answer.result, answer.seconds)
                finish(answer.place, answer.result, answer.seconds)
    if failed:
        told = f"{min(mistakes)}; " if mistakes else ""
        raise RetrialError(
            f"{told}{study}: {len(failed)} of {len(trials)} trials failed, the others are kept: "
            + ", ".join(sorted(set(failed)))
        )
    ordered = [done[index] for index in range(len(trials))]
    return [one for one, _ in ordered], [seconds for _, seconds in ordered]


def answers(
    study: str,
    trials: Sequence[Trial],
    waiting: Sequence[int],
    data: Sequence[Path],
    compute: Compute,
) -> Iterator[Answer]:
    """The answers of the workers, as they come."""
    if not waiting:
        return
    places = tuple(str(place.resolve()) for place in data)
    calls = [
        (study, tuple(group), tuple(trials[i] for i in group), places)
        for group in grouped(study, trials, waiting)
    ]
    on = {"local": on_this_machine, "dask": on_dask, "ray": on_ray}[compute.backend]
    yield from on(calls, compute)


def grouped(study: str, trials: Sequence[Trial], waiting: Sequence[int]) -> list[list[int]]:
    """The places of trials that are run by one call each, the heaviest call first.

    A study whose trials can be one program says by `together(trial)` what such trials share, and
    by `AT_ONCE` how many there are at most in one; all others run trial by trial.
    """
    module = importlib.import_module(study)
    if not hasattr(module, "together"):
        return [[index] for index in waiting]
    kinds: dict[Hashable, list[int]] = {}
    for index in sorted(waiting):
        kinds.setdefault(module.together(trials[index]), []).append(index)
    groups = []
    for kind in kinds.values():
        # As equal as can be: 7 of at most 5 are programs of 3 and 4.
        count = -(-len(kind) // module.AT_ONCE)
        ends = [len(kind) * i // count for i in range(count + 1)]
        groups += [kind[start:end] for start, end in pairwise(ends)]
    return sorted(groups, key=lambda group: -sum(trials[index].cost for index in group))


def on_this_machine(calls: Sequence[Call], compute: Compute) -> Iterator[Answer]:
    """The answers of worker processes of this machine."""
    workers = compute.workers or joblib.cpu_count()
    # A worker that never gets a trial must end with this process as well.
    with joblib.parallel_config("loky", initializer=die_with, initargs=(os.getpid(),)):
        # With n_jobs=1 joblib would run trials in this process, where libraries may have loaded
        # before the pins; dispatching one at a time to two workers keeps one busy.
        jobs = joblib.Parallel(
            n_jobs=max(2, workers),
            return_as="generator_unordered",
            pre_dispatch=workers,
            batch_size=1,
        )
        try:
            for found in jobs(joblib.delayed(execute)(*call) for call in calls):
                yield from found
        except TerminatedWorkerError:
            raise killed("lower compute.workers in params.yaml") from None


# joblib has backends for both kinds of cluster, but it runs trials in this process when the
# cluster has one thread, waits for ever when a worker is lost, and gets no answer from Ray before
# the last.


def on_dask(calls: Sequence[Call], compute: Compute) -> Iterator[Answer]:
    """The answers of a Dask cluster's workers."""
    from distributed import Client, KilledWorker, as_completed

    with ExitStack() as stack:
        try:
            client = stack.enter_context(Client(compute.address, timeout=PATIENCE))
            client.wait_for_workers(1, timeout=PATIENCE)
        except OSError as error:
            raise no_cluster(compute, error) from None
        try:
            for future in as_completed([client.submit(execute, *call) for call in calls]):
                yield from future.result()
        except KilledWorker:
            raise killed("give the cluster's workers more") from None


def on_ray(calls: Sequence[Call], compute: Compute) -> Iterator[Answer]:
    """The answers of a Ray cluster's workers."""
    import ray

    try:
        ray.init(address=compute.address, log_to_driver=False)
    except OSError as error:
        raise no_cluster(compute, error) from None
    try:
        task = ray.remote(execute)
        running = [task.remote(*call) for call in calls]
        while running:
            (first,), running = ray.wait(running)
            yield from ray.get(first)
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
        raise killed("give the cluster's workers more") from None
    finally:
        ray.shutdown()


def killed(advice: str) -> RetrialError:
    """The error for a worker that ended while it ran a trial."""
    return RetrialError(
        f"a worker was killed, most likely for want of memory; finished trials are kept, {advice} "
        "and run it again"
    )


def no_cluster(compute: Compute, error: OSError) -> RetrialError:
    """The error for a cluster that does not answer."""
    return RetrialError(
        f"params.yaml: compute.address = {compute.address!r}: no {compute.backend} cluster "
        f"answers there ({type(error).__name__}); start one or set compute.backend: local"
    )


def _report_failure(trial: Trial, text: str) -> None:
    print(
        f"{trial.study}: trial {trial.arm} with seed {trial.seed} raised; "
        f"config {trial.config}\n{text}",
        file=sys.stderr,
        flush=True,
    )


@contextmanager
def progress(study: str, trials: Sequence[Trial]) -> Iterator[Callable[[float], None]]:
    """A progress bar with an ETA by cost, quiet without a terminal; yields `advance(cost)`."""
    bar = Progress(
        TextColumn(study),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    task = bar.add_task(study, total=sum(trial.cost for trial in trials))
    with bar:
        yield lambda cost: bar.update(task, advance=cost)
