"""Real clusters: a scheduler and workers as processes, in a folder of their own.

Its workers have an empty cache and none of the submitting machine's data.
"""

import pickle
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import psutil
import pytest
import toy_study
from processes import alive, wait_for
from test_sweep import AROUND, TWO, written

from retrial.core.config import Compute
from retrial.core.errors import RetrialError
from retrial.core.trial import Trial
from retrial.running import sweep as sweeping
from retrial.running.store import Store
from retrial.running.sweep import Answer, Task, execute_task, installed, other_than, sweep
from retrial.tools import cluster as clusters

BIN = Path(sys.executable).parent


@pytest.fixture
def data(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "here/data/raw/toy"
    folder.mkdir(parents=True)
    np.save(folder / "weights.npy", np.linspace(0, 1, 100, dtype=np.float32))
    return [folder]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process of `python -m retrial.tools.cluster` and the address of its scheduler."""
    folder.mkdir()
    port = free_port()
    environment = {**clusters.environment(), "RETRIAL_CACHE": str(folder / "cache")}
    environment.pop("RETRIAL_DATA", None)
    child = subprocess.Popen(
        [sys.executable, "-m", "retrial.tools.cluster", str(workers), "--port", str(port)],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    family: list[psutil.Process] = []
    try:
        assert child.stdout is not None
        told = child.stdout.readline()
        assert f"backend: dask, address: 'tcp://127.0.0.1:{port}'" in told
        yield child, f"tcp://127.0.0.1:{port}"
    finally:
        family = psutil.Process(child.pid).children(recursive=True) if alive_pid(child) else []
        child.terminate()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()
    wait_for(lambda: not any(alive(one) for one in family))


def alive_pid(child: subprocess.Popen[str]) -> bool:
    return child.poll() is None


def on(address: str, trials: list[Trial], data: list[Path], folder: Path, backend: Any = "dask"):
    where = Compute(backend=backend, address=address, workers=0)
    found, _ = sweep("toy_study", trials, data, AROUND, where, Store(folder / "store"))
    return written(found, folder / "records")


def test_workers_elsewhere_give_the_same_bytes_from_data_that_they_were_sent(
    data: list[Path], tmp_path: Path
) -> None:
    trials = toy_study.trials(6)
    with cluster(tmp_path / "there", 2) as (child, address):
        far = on(address, trials, data, tmp_path / "far")
        kept = [path for path in (tmp_path / "there/cache").rglob("*") if path.is_file()]
        assert [path.read_bytes() for path in kept] == [(data[0] / "weights.npy").read_bytes()]
        # Its processes end with it, even where it cannot end them itself.
        family = psutil.Process(child.pid).children(recursive=True)
        assert len(family) >= 4
        sockets = [one for process in family for one in process.net_connections("tcp")]
        open_to = {one.laddr.ip for one in sockets if one.status == psutil.CONN_LISTEN}
        assert open_to == {"127.0.0.1"}
        if shutil.which("setpriv"):
            child.send_signal(signal.SIGKILL)
            wait_for(lambda: not any(alive(one) for one in family))
    found, _ = sweep("toy_study", trials, data, AROUND, TWO, Store(tmp_path / "near/store"))
    assert far == written(found, tmp_path / "near/records")


def tasks_for(
    data: list[Path], trials: list[Trial], backend: Any, monkeypatch: pytest.MonkeyPatch
) -> list[Task]:
    seen: list[Task] = []

    def on_cluster(execute: Any, tasks: list[Task], *_: Any) -> list[Answer]:
        assert execute is execute_task
        seen.extend(tasks)
        raise RetrialError("seen")

    monkeypatch.setattr(sweeping, f"on_{backend}", on_cluster)
    where = Compute(backend=backend, address="x:1", workers=0)
    with pytest.raises(RetrialError, match="seen"):
        sweep("toy_study", trials, data, AROUND, where, Store(data[0] / "store"))
    return seen


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_no_path_of_the_submitting_machine_travels(
    backend: str, data: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = tasks_for(data, toy_study.trials(3), backend, monkeypatch)
    assert [len(task.parts) for task in tasks] == [1, 1, 1]
    assert [one.name for one in tasks[0].files] == ["toy/weights.npy"]
    ours = {tmp_path, Path.cwd(), Path.home(), Path(sys.prefix), *map(Path, sys.path)}
    ours = {path for path in ours if len(path.parts) > 2}
    assert tmp_path in ours
    for dumps in (pickle.dumps, cloudpickle.dumps):
        sent = dumps((execute_task, tasks))
        assert b"toy/weights.npy" in sent
        assert not [path for path in ours if str(path).encode() in sent]
        assert socket.gethostname().encode() not in sent


def test_a_worker_of_another_version_or_code_runs_nothing(
    data: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    task, *_ = tasks_for(data, toy_study.trials(1), "dask", monkeypatch)
    assert other_than(task.study, task.code, task.versions) == ""
    older = ("1.0", *task.versions[1:])
    (answer,) = execute_task(task._replace(versions=older))
    assert f"numpy {installed()[0]}, expected 1.0; install requirements.lock" in answer.unfit
    study = "retrial.studies.perceptron"
    (answer,) = execute_task(task._replace(study=study, code="0" * 64))
    assert answer.unfit.endswith(
        f": other code of {study}, expected that of the submitting machine"
    )
    assert other_than(study, sweeping.own_code(study), task.versions) == ""


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(RetrialError, match=rf"^127\.0\.0\.1:{port}: address already in use; "):
            clusters.require_free("127.0.0.1", port)
    clusters.require_free("127.0.0.1", free_port())


@contextmanager
def ray_cluster(folder: Path) -> Iterator[str]:
    """A Ray head on this machine with two workers, as docs/scale.md starts it, and its address."""
    folder.mkdir()
    port = free_port()
    environment = {
        **clusters.environment(), "RETRIAL_CACHE": str(folder / "cache"),
        "RAY_USAGE_STATS_ENABLED": "0",
    }  # fmt: skip
    environment.pop("RETRIAL_DATA", None)
    head = [
        BIN / "ray", "start", "--head", "--block", "--node-ip-address", "127.0.0.1",
        "--port", str(port), "--num-cpus", "2", "--include-dashboard", "false",
        "--object-store-memory", "100000000",
    ]  # fmt: skip
    child = subprocess.Popen(
        head, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"127.0.0.1:{port}"
    finally:
        family = psutil.Process(child.pid).children(recursive=True)
        child.terminate()
        child.wait()
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    wait_for(lambda: not any(alive(one) for one in family))


def test_a_ray_cluster_gives_the_same_bytes(
    data: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = toy_study.trials(4)
    with ray_cluster(tmp_path / "ray") as address:
        wait_for(lambda: listens(address))
        far = on(address, trials, data, tmp_path / "far", "ray")
        kept = [path for path in (tmp_path / "ray/cache").rglob("*") if path.is_file()]
        assert [path.read_bytes() for path in kept] == [(data[0] / "weights.npy").read_bytes()]
    found, _ = sweep("toy_study", trials, data, AROUND, TWO, Store(tmp_path / "near/store"))
    assert far == written(found, tmp_path / "near/records")


def listens(address: str) -> bool:
    host, port = address.split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0
