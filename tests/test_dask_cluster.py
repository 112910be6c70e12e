"""Trials on a Dask cluster whose workers or scheduler are killed: real processes, real kills."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import logged_study
import pytest
import toy_study
from cluster import Cluster
from logged_study import LOG, steps
from processes import wait_for
from test_sweep import AROUND, TWO, written

from retrial.core.config import Compute
from retrial.core.errors import RetrialError
from retrial.core.trial import Trial
from retrial.running import dask_cluster, lost
from retrial.running.digest import fingerprint
from retrial.running.store import Store
from retrial.running.sweep import sweep

TRIALS = toy_study.trials(10, seconds=0.4)
SCRIPT = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from test_dask_cluster import TRIALS
from test_sweep import AROUND, written
from retrial.core.config import Compute
from retrial.running import dask_cluster
from retrial.running.store import Store
from retrial.running.sweep import sweep
dask_cluster.LOOK = 0.1
root = Path({root!r})
compute = Compute(backend="dask", address={address!r}, workers=0)
found, _ = sweep("logged_study", TRIALS, [root / "data"], AROUND, compute, Store(root / "store"))
written(found, root / "records")
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Two workers, whose trials are logged."""
    monkeypatch.setenv(LOG, str(tmp_path / "log"))
    with Cluster(tmp_path / "dask") as found:
        found.start_workers(2)
        yield found


class Run:
    """A sweep in a process of its own, on a cluster, and what can be seen of it."""

    def __init__(self, root: Path, cluster: Cluster) -> None:
        self.root = root
        path = [part for part in sys.path if part]
        script = SCRIPT.format(path=path, root=str(root), address=cluster.address)
        with (root / "told").open("wb") as told:
            self.process = subprocess.Popen([sys.executable, "-c", script], stderr=told)

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def told(self) -> str:
        return (self.root / "told").read_text()

    def kept(self) -> set[int]:
        """The seeds of the trials that are on this machine's disk."""
        store = Store(self.root / "store")
        return {one.seed for one in TRIALS if store.path(fingerprint(one, AROUND)).exists()}

    def at_work(self) -> set[int]:
        """The processes that are in the middle of a trial."""
        begun: Counter[int] = Counter()
        for step in steps(self.root / "log"):
            begun[step.process] += 1 if step.what == "begun" else -1
        return {process for process, count in begun.items() if count}

    def in_the_middle(self) -> set[int]:
        """Wait until trials are kept and two more at work; the seeds of those kept for a while.

        What came last the scheduler may not yet know to be kept.
        """
        self.wait_for(lambda: len(self.kept()) >= 2)
        kept = self.kept()
        self.wait_for(lambda: len(self.kept()) > len(kept) and len(self.at_work()) == 2)
        return kept

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait for what this run is to do before it ends."""
        wait_for(lambda: condition() or self.process.poll() is not None)
        assert condition(), self.told()

    def end_with_the_bytes_of_one_machine(self, kept: set[int]) -> None:
        """Those that were `kept` at the kill were run once, and all others are there as well."""
        assert self.process.wait() == 0, self.told()
        begun = Counter(step.seed for step in steps(self.root / "log") if step.what == "begun")
        assert {begun[seed] for seed in kept} == {1}
        here, _ = sweep(
            "toy_study", TRIALS, [self.root / "data"], AROUND, TWO, Store(self.root / "here")
        )
        there = {path.name: path.read_bytes() for path in (self.root / "records").iterdir()}
        assert there == written(here, self.root / "here-records")


def test_a_worker_that_is_killed_in_mid_trial_loses_no_finished_trial(
    data: list[Path], tmp_path: Path, cluster: Cluster
) -> None:
    with Run(tmp_path, cluster) as run:
        kept = run.in_the_middle()
        os.kill(min(run.at_work()), signal.SIGKILL)
        run.end_with_the_bytes_of_one_machine(kept)
    assert "is gone, its trials run again; 1 at work" in run.told()
    assert "Traceback" not in run.told()


def test_after_all_workers_are_killed_the_run_goes_on_with_new_ones(
    data: list[Path], tmp_path: Path, cluster: Cluster
) -> None:
    with Run(tmp_path, cluster) as run:
        kept = run.in_the_middle()
        for worker in cluster.workers:
            worker.kill()
        run.wait_for(lambda: "none left; waiting 300 s" in run.told())
        cluster.start_workers(1)
        run.end_with_the_bytes_of_one_machine(kept)
    assert "workers are back: 1 at work" in run.told()
    assert "Traceback" not in run.told()


def test_after_the_scheduler_is_killed_and_started_again_the_run_goes_on(
    data: list[Path], tmp_path: Path, cluster: Cluster
) -> None:
    with Run(tmp_path, cluster) as run:
        kept = run.in_the_middle()
        cluster.scheduler.kill()
        cluster.scheduler.wait()
        run.wait_for(lambda: "the scheduler is gone" in run.told())
        cluster.start_scheduler()
        cluster.start_workers(2)
        run.end_with_the_bytes_of_one_machine(kept)
    assert "the scheduler is back" in run.told()
    assert "Traceback" not in run.told()


@pytest.mark.parametrize(
    ("victim", "told"),
    [("workers", "no worker came back"), ("scheduler", "no scheduler with a worker came back")],
)
def test_a_cluster_that_stays_away_ends_the_run_with_one_line_and_what_was_finished(
    data: list[Path], tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch,
    victim: str, told: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(dask_cluster, "LOOK", 0.1)
    monkeypatch.setattr(dask_cluster, "RETURN", 1.0)
    monkeypatch.setattr(lost, "PATIENCE", 1)
    victims = cluster.workers if victim == "workers" else [cluster.scheduler]

    def kill(_: object) -> None:
        for process in victims:
            process.kill()
            process.wait()

    dask = Compute(backend="dask", address=cluster.address, workers=0)
    store = Store(tmp_path / "store")
    with pytest.raises(RetrialError) as caught:
        sweep("logged_study", TRIALS, data, AROUND, dask, store, kill)
    assert str(caught.value) == (
        f"dask cluster {cluster.address}: {told} within 1 s; "
        "finished trials are kept, run it again to go on"
    )
    assert 1 <= len(list((tmp_path / "store").rglob("*.trial"))) < len(TRIALS)


def test_a_trial_that_ends_its_workers_is_one_line_after_all_others(
    data: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOG, str(tmp_path / "log"))
    greedy = Trial(logged_study.NAME, "greedy", 0, {"killed": True}, cost=9.0)
    # It ends two workers, and not the third one as well; none of them has a second call in hand,
    # which would be suspected with it.
    settings = {
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION": "1.0",
    }
    with Cluster(tmp_path / "dask", settings) as cluster:
        cluster.start_workers(3)
        dask = Compute(backend="dask", address=cluster.address, workers=0)
        with pytest.raises(RetrialError, match=r"^a worker was killed.*give the cluster's workers"):
            sweep(
                "logged_study", [greedy, *TRIALS[:4]], data, AROUND, dask,
                Store(tmp_path / "store"),
            )  # fmt: skip
    assert len(list((tmp_path / "store").rglob("*.trial"))) == 4
