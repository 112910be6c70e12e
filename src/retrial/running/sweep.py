"""Runs the trials of a study: replayed from the store, or on workers, heavy ones first.

A trial's bytes do not depend on what it was grouped with, on how many workers there were, or on
where it ran: a worker of this machine gets trials and the places of their data, one of a cluster
gets trials and the hashes of their data, and nothing else.
"""

import importlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import joblib
import numpy as np
from joblib.externals.loky.process_executor import TerminatedWorkerError
from numpy._core._multiarray_umath import __cpu_features__
from safetensors import SafetensorError
from safetensors.numpy import load_file
from threadpoolctl import threadpool_info

import retrial
from retrial.core.config import Compute
from retrial.core.errors import RetrialError, describe
from retrial.core.records import Finished, damaged
from retrial.core.trial import Result, Trial
from retrial.running.calls import calls, expected, grouped
from retrial.running.dask_cluster import on_dask
from retrial.running.digest import TENSORS, code_digest, data_files, fingerprint
from retrial.running.lost import killed
from retrial.running.parent import die_with
from retrial.running.progress import progress
from retrial.running.ray_cluster import on_ray
from retrial.running.references import Lacking, Reference, content_of, located, references
from retrial.running.store import Store, Stored

# The trials of one program, and their places among all.
Part = tuple[tuple[int, ...], tuple[Trial, ...]]
# What numbers rest on besides this package: other versions may give other bytes.
RESTS_ON = ("numpy", "scipy", "scikit-learn", "torch")

Observer = Callable[[Finished], None]


class Answer(NamedTuple):
    """What a worker sends back: a result, or the traceback of what was raised.

    `mistake` is the line of a user's error, where that was raised. `unfit` says why this worker
    must not run any trial, `lacking` which data files it must be sent first, by their SHA-256.
    `worker` is who answers: machine and process.
    """

    place: int
    result: Result | None
    traceback: str = ""
    seconds: float = 0.0
    mistake: str = ""
    unfit: str = ""
    lacking: tuple[str, ...] = ()
    worker: str = ""


class Task(NamedTuple):
    """What travels to a cluster's worker: trials, and by hash what they are run on.

    `files` are the data. `code` is the digest of the study's code, "" for one outside of this
    package, and `versions` are those of RESTS_ON: a worker with others runs nothing.
    """

    study: str
    parts: tuple[Part, ...]
    files: tuple[Reference, ...]
    code: str
    versions: tuple[str, ...]


@cache
def load_arrays(places: tuple[str, ...]) -> Mapping[str, np.ndarray]:
    """The arrays of a study's data, read-only.

    A place is a folder or one file. Files `.npy` are mapped into memory and tables `.csv` are read
    by file stem; the tensors of a file `.safetensors` are read by their keys. Raises
    RetrialError for such a file or table that is missing or damaged.
    """
    found: dict[str, np.ndarray] = {}
    for place in map(Path, places):
        for path in [place] if place.is_file() else data_files(place):
            if path.suffix == TENSORS:
                found |= load_tensors(path)
            elif path.suffix == ".npy":
                found[path.stem] = load_array(path)
            else:
                found[path.stem] = load_table(path)
    return found


def load_array(path: Path) -> np.ndarray:
    """An array of a `.npy` file, mapped into memory, read-only; RetrialError when it is damaged."""
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError):
        raise damaged(path) from None
    return array


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


def execute_all(study: str, parts: tuple[Part, ...], places: tuple[str, ...]) -> list[Answer]:
    """Run the programs of one call, one after the other, as `execute` does."""
    worker = f"{os.uname().nodename}:{os.getpid()}"
    answers = [answer for part in parts for answer in execute(study, *part, places)]
    return [answer._replace(worker=worker) for answer in answers]


def execute_task(task: Task, *contents: bytes) -> list[Answer]:
    """Run the programs of one call on a cluster's worker; never raises.

    One answer without a result says which data files the worker lacks; the call is then to be sent
    again with their `contents`, which it keeps.
    """
    first = task.parts[0][0][0]
    if unfit := other_than(task.study, task.code, task.versions):
        return [Answer(first, None, unfit=unfit)]
    try:
        places = located(task.files, contents)
    except Lacking as lacking:
        return [Answer(first, None, lacking=lacking.args)]
    except (RetrialError, OSError) as error:
        return [Answer(first, None, unfit=f"worker {os.uname().nodename}: {describe(error)}")]
    return execute_all(task.study, task.parts, places)


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
def other_than(study: str, code: str, versions: tuple[str, ...]) -> str:
    """One line when this worker has other code of a study, or other libraries; "" if not.

    Its trials would be kept under the fingerprint of what the submitting machine has.
    """
    node = os.uname().nodename
    for name, here, there in zip(RESTS_ON, installed(), versions, strict=True):
        if here != there:
            return f"worker {node}: {name} {here}, expected {there}; install requirements.lock"
    if own_code(study) != code:
        return f"worker {node}: other code of {study}, expected that of the submitting machine"
    return ""


def installed() -> tuple[str, ...]:
    """The versions of RESTS_ON here."""
    return tuple(version(name) for name in RESTS_ON)


@cache
def own_code(study: str) -> str:
    """The digest of a study's code here; "" for one outside of this package."""
    return code_digest(study) if study.startswith("retrial.") else ""


def sweep(
    study: str,
    trials: Sequence[Trial],
    data: Sequence[Path],
    around: Mapping[str, Any],
    compute: Compute,
    store: Store,
    observer: Observer | None = None,
    factors: Mapping[str, float] = MappingProxyType({}),
) -> tuple[Stored, list[float]]:
    """Run all trials of the study module `study`; results and seconds in the order of `trials`.

    Results stay in the store, and are read from there one at a time.

    Finished trials are written to the store at once and shown to `observer`. A trial that raises
    is reported with its config and traceback while the others go on; RetrialError at the end, which
    begins with the line of a user's mistake where trials found one. `factors` are seconds per unit
    of a trial's cost by arm, as an earlier run measured them.
    """
    keys = [fingerprint(trial, around) for trial in trials]
    done: dict[int, float] = {}
    failed: list[str] = []
    mistakes: list[str] = []
    awaited = expected(trials, factors)
    with progress(study, sum(awaited)) as show:

        def finish(index: int, result: Result, seconds: float, worker: str = "") -> None:
            done[index] = seconds
            if observer is not None:
                observer(Finished(trials[index], result, keys[index]))
            show(awaited[index], worker, seconds)

        for index, key in enumerate(keys):
            found = store.get(key)
            if found is not None:
                finish(index, *found)
        waiting = [index for index in range(len(trials)) if index not in done]
        if waiting:
            # One line here, where workers would report every trial that cannot read them.
            for place in data:
                if place.suffix == TENSORS:
                    load_tensors(place)
        for answer in answers(study, trials, waiting, data, compute, awaited):
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
                finish(answer.place, answer.result, answer.seconds, answer.worker)
    if failed:
        told = f"{min(mistakes)}; " if mistakes else ""
        raise RetrialError(
            f"{told}{study}: {len(failed)} of {len(trials)} trials failed, the others are kept: "
            + ", ".join(sorted(set(failed)))
        )
    return Stored(store, trials, keys), [done[index] for index in range(len(trials))]


def answers(
    study: str,
    trials: Sequence[Trial],
    waiting: Sequence[int],
    data: Sequence[Path],
    compute: Compute,
    awaited: Sequence[float],
) -> Iterator[Answer]:
    """The answers of the workers, as they come; `awaited` are the seconds of each trial."""
    if not waiting:
        return
    workers = compute.workers or joblib.cpu_count()
    local = compute.backend == "local"
    programs = grouped(study, trials, waiting)
    parts = [
        tuple((tuple(program), tuple(trials[i] for i in program)) for program in call)
        for call in calls(programs, awaited, workers if local else None)
    ]
    if local:
        places = tuple(str(place.resolve()) for place in data)
        yield from on_this_machine([(study, call, places) for call in parts], workers)
        return
    files = references(data)
    paths = {one.sha256: path for one, path in files.items()}
    code, versions = own_code(study), installed()
    tasks = [Task(study, call, tuple(files), code, versions) for call in parts]
    on = {"dask": on_dask, "ray": on_ray}[compute.backend]
    yield from on(execute_task, tasks, compute, lambda one: content_of(paths[one], one))


def on_this_machine(
    work: Sequence[tuple[str, tuple[Part, ...], tuple[str, ...]]], workers: int
) -> Iterator[Answer]:
    """The answers of so many worker processes of this machine."""
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
            for found in jobs(joblib.delayed(execute_all)(*call) for call in work):
                yield from found
        except TerminatedWorkerError:
            raise killed("lower compute.workers in params.yaml") from None


def _report_failure(trial: Trial, text: str) -> None:
    print(
        f"{trial.study}: trial {trial.arm} with seed {trial.seed} raised; "
        f"config {trial.config}\n{text}",
        file=sys.stderr,
        flush=True,
    )
