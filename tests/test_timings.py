"""What a stage took is measured where it computed trials, and kept where it replayed them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from retrial.core.config import Compute
from retrial.core.trial import Metric, Result, Trial
from retrial.running import timings
from retrial.running.memory import own_peak
from retrial.running.store import Store
from retrial.running.timings import (
    CountingStore,
    digest_of,
    factors,
    kept,
    measurement,
    read_timings,
)


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process have had 100 bytes, and the largest of its workers 7."""
    monkeypatch.setattr(timings, "own_peak", lambda: 100)
    monkeypatch.setattr(timings, "largest_worker", lambda: 7)


def compute(workers: int = 3, backend: str = "local") -> Compute:
    return Compute(backend=backend, address=None if backend == "local" else "x:1", workers=workers)


def test_a_run_that_computed_is_measured() -> None:
    found = measurement(["a", "b", "c", "d", "e"], 4, 12.34, compute())
    assert found == {
        "trials": digest_of(["a", "b", "c", "d", "e"]), "computed": 4, "replayed": 1,
        "wall_seconds": 12.3, "workers": 3, "peak_bytes": 100 + 3 * 7,
    }  # fmt: skip


@pytest.mark.parametrize(("workers", "computed", "ran"), [(3, 2, 2), (1, 9, 2), (1, 1, 1)])
def test_no_more_workers_count_than_ran(workers: int, computed: int, ran: int) -> None:
    found = measurement(list("abcdefghi"), computed, 1.0, compute(workers))
    assert (found["workers"], found["peak_bytes"]) == (ran, 100 + ran * 7)


def test_a_replay_measures_nothing() -> None:
    found = measurement(["a", "b"], 0, 1.0, compute())
    assert (found["computed"], found["replayed"]) == (0, 2)
    assert found["wall_seconds"] is found["workers"] is found["peak_bytes"] is None


def test_the_memory_of_a_cluster_is_not_known() -> None:
    found = measurement(["a"], 1, 1.0, compute(backend="dask"))
    assert found["wall_seconds"] == 1.0
    assert found["workers"] is found["peak_bytes"] is None


def test_of_the_same_trials_the_fuller_run_stays() -> None:
    full = {"trials": "x", "computed": 9}
    for new in ({"trials": "x", "computed": 0}, {"trials": "x", "computed": 8}):
        assert kept(full, new) is full
    for new in ({"trials": "x", "computed": 9}, {"trials": "y", "computed": 0}):
        assert kept(full, new) is new
    assert kept(None, full) is full


def test_trials_are_told_apart_by_order_and_number() -> None:
    digests = {digest_of(one) for one in (["a", "b"], ["b", "a"], ["a"], ["ab"], [])}
    assert len(digests) == 5


def test_what_is_put_is_counted(tmp_path: Path) -> None:
    store, result = CountingStore(tmp_path), Result({"accuracy": Metric(0.5, 2)})
    store.put("f" * 32, result, 1.5)
    assert store.computed == ["f" * 32]
    found = Store(tmp_path).get("f" * 32)
    assert found is not None
    assert found[1] == 1.5
    assert store.get("0" * 32) is None
    assert store.computed == ["f" * 32]


@pytest.mark.parametrize("text", ["", "{", '{"linear": [2.0]}', "[]"])
def test_a_file_of_another_form_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "timings.json"
    assert read_timings(path) == {}
    path.write_text(text)
    assert read_timings(path) == {}
    path.write_text(json.dumps({"seconds": {}, "stage": {}}))
    assert read_timings(path) == {"seconds": {}, "stage": {}}


def test_seconds_per_unit_of_cost_by_hand() -> None:
    costs = [("a", 1.0), ("a", 3.0), ("b", 0.5), ("free", 0.0)]
    trials = [Trial("s", arm, seed, {}, cost=cost) for seed, (arm, cost) in enumerate(costs)]
    assert factors(trials, [1.0, 5.0, 2.0, 9.0]) == {"a": 1.5, "b": 4.0}


MEASURE = """
import numpy as np
from retrial.running.memory import largest_worker, own_peak
import joblib

def fill(size):
    return int(np.ones(size, np.uint8).sum())

if __name__ == "__main__":
    before = own_peak()
    joblib.Parallel(2)(joblib.delayed(fill)(size) for size in (300_000_000, 1, 1, 1))
    print(before, own_peak(), largest_worker())
"""


def test_the_memory_of_a_worker_is_the_workers(tmp_path: Path) -> None:
    (tmp_path / "measure.py").write_text(MEASURE)
    done = subprocess.run(
        [sys.executable, "-W", "error", tmp_path / "measure.py"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    before, after, worker = map(int, done.stdout.split())
    assert worker > 300_000_000 > before
    assert before <= after < 300_000_000
    assert own_peak() > 10_000_000
