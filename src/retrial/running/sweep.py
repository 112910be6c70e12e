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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from retrial.core.config import Compute
from retrial.core.errors import RetrialError
from retrial.core.records import Finished
from retrial.core.trial import Result, Trial
from retrial.running.digest import fingerprint
from retrial.running.store import Store

Observer = Callable[[Finished], None]


class Answer(NamedTuple):
    """What a worker sends back: a result, or the traceback of what was raised."""

    place: int
    result: Result | None
    traceback: str
    seconds: float


@cache
def load_arrays(folders: tuple[str, ...]) -> Mapping[str, np.ndarray]:
    """The `.npy` files of some folders by file stem, mapped into memory read-only."""
    return {
        path.stem: np.load(path, mmap_mode="r", allow_pickle=False)
        for folder in folders
        for path in sorted(Path(folder).glob("*.npy"))
    }


def execute(
    index: int, study: str, trial: Trial, folders: tuple[str, ...], parent: int | None
) -> Answer:
    """Run one trial in a worker process; never raises."""
    if parent is not None:
        die_with(parent)
    start = time.perf_counter()
    try:
        result = importlib.import_module(study).run(trial, load_arrays(folders))
        return Answer(index, result, "", time.perf_counter() - start)
    except Exception:
        return Answer(index, None, traceback.format_exc(), time.perf_counter() - start)


@cache
def die_with(parent: int) -> None:
    """End this worker soon after its parent process has ended, however it ended.

    A killed stage must leave no orphan that computes beside the next run. Polling is used since
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
    is reported with its config and traceback while the others go on; RetrialError at the end.
    """
    keys = [fingerprint(trial, around) for trial in trials]
    done: dict[int, tuple[Finished, float]] = {}
    failed: list[str] = []
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
        for answer in answers(study, trials, waiting, data, compute):
            if answer.result is None:
                failed.append(trials[answer.place].arm)
                _report_failure(trials[answer.place], answer.traceback)
            else:
                store.put(keys[answer.place], answer.result, answer.seconds)
                finish(answer.place, answer.result, answer.seconds)
    if failed:
        raise RetrialError(
            f"{study}: {len(failed)} of {len(trials)} trials failed, the others are kept: "
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
    folders = tuple(str(folder.resolve()) for folder in data)
    parent = os.getpid() if compute.backend == "local" else None
    workers = compute.workers or joblib.cpu_count()
    with cluster(compute):
        # With n_jobs=1 joblib would run trials in this process, where libraries may have loaded
        # before the pins; dispatching one at a time to two workers keeps one busy.
        jobs = joblib.Parallel(
            n_jobs=max(2, workers),
            return_as="generator_unordered",
            pre_dispatch=workers,
            batch_size=1,
        )
        call = joblib.delayed(execute)
        yield from jobs(call(i, study, trials[i], folders, parent) for i in waiting)


def cluster(compute: Compute) -> AbstractContextManager[Any]:
    """The joblib backend that `compute` names."""
    if compute.backend == "local":
        return joblib.parallel_config("loky")
    stack = ExitStack()
    try:
        if compute.backend == "dask":
            from distributed import Client

            stack.enter_context(Client(compute.address, timeout="10s"))
        else:
            import ray
            from ray.util.joblib import register_ray

            ray.init(address=compute.address, log_to_driver=False)
            register_ray()
    except (OSError, TimeoutError, ConnectionError) as error:
        raise RetrialError(
            f"params.yaml: compute.address = {compute.address!r}: no {compute.backend} cluster "
            f"answers there ({type(error).__name__}); start one or set compute.backend: local"
        ) from None
    stack.enter_context(joblib.parallel_config(compute.backend))
    return stack


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
