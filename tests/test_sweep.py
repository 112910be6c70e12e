import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import toy_study

from retrial.core import records
from retrial.core.config import Compute
from retrial.core.errors import RetrialError
from retrial.core.records import Finished
from retrial.core.trial import Trial
from retrial.running.store import Store
from retrial.running.sweep import sweep

AROUND = {"code": "0", "data": {}, "lock": "0", "pins": {}}
TWO = Compute(backend="local", address=None, workers=2)
ONE = Compute(backend="local", address=None, workers=1)


@pytest.fixture
def data(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "data"
    folder.mkdir()
    np.save(folder / "weights.npy", np.linspace(0, 1, 100, dtype=np.float32))
    return [folder]


def run(trials: list[Trial], data: list[Path], store: Path, compute: Compute, observer=None):
    return sweep("toy_study", trials, data, AROUND, compute, Store(store), observer)[0]


def written(found: list[Finished], folder: Path) -> dict[str, bytes]:
    records.write(folder, "toy", found, [], {})
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_bytes_do_not_depend_on_workers_grouping_or_replay(
    data: list[Path], tmp_path: Path
) -> None:
    trials = toy_study.trials(6)
    two = written(run(trials, data, tmp_path / "s1", TWO), tmp_path / "r1")
    one = written(run(trials, data, tmp_path / "s2", ONE), tmp_path / "r2")
    run(trials[3:], data, tmp_path / "s3", ONE)
    mixed = written(run(trials, data, tmp_path / "s3", TWO), tmp_path / "r3")
    assert two == one == mixed


def test_a_finished_trial_is_not_run_again(data: list[Path], tmp_path: Path) -> None:
    seen: list[str] = []
    trials = toy_study.trials(3)
    run(trials, data, tmp_path / "s", ONE, lambda one: seen.append(one.fingerprint))
    # Had a trial been run again, the missing data would have made it fail.
    again = run(trials, [], tmp_path / "s", ONE, lambda one: seen.append(one.fingerprint))
    assert [one.fingerprint for one in again] == seen[3:]
    assert sorted(seen[:3]) == sorted(seen[3:])


def test_a_trial_that_raises_stops_no_other(
    data: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = Trial("toy", "bad", 0, {"raises": True})
    with pytest.raises(RetrialError, match="1 of 5 trials failed, the others are kept: bad"):
        run([bad, *toy_study.trials(4)], data, tmp_path / "s", TWO)
    told = capfd.readouterr().err
    assert "'raises': True" in told
    assert "this trial was told to raise" in told
    assert len(list((tmp_path / "s").rglob("*.npz"))) == 4


def test_a_fingerprint_covers_what_a_result_depends_on() -> None:
    from retrial.running.digest import fingerprint

    base = Trial("s", "a", 0, {"x": 1})
    keys = {
        fingerprint(base, AROUND),
        fingerprint(Trial("s", "a", 1, {"x": 1}), AROUND),
        fingerprint(Trial("s", "b", 0, {"x": 1}), AROUND),
        fingerprint(Trial("s", "a", 0, {"x": 2}), AROUND),
        *(fingerprint(base, AROUND | {part: {"changed": "1"}}) for part in AROUND),
    }
    assert len(keys) == 4 + len(AROUND)
    assert fingerprint(Trial("s", "a", 0, {"x": 1}, whole=False, cost=9), AROUND) in keys


SCRIPT = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
import toy_study
from test_sweep import AROUND, TWO, written
from retrial.running.store import Store
from retrial.running.sweep import sweep
trials = toy_study.trials(8, seconds=0.4)
root = Path({root!r})
found, _ = sweep("toy_study", trials, [root / "data"], AROUND, TWO, Store(root / "store"))
written(found, root / "records")
"""


@pytest.mark.parametrize("whole_group", [False, True])
def test_killed_in_the_middle_it_resumes_to_the_same_bytes_and_leaves_no_orphan(
    data: list[Path], tmp_path: Path, whole_group: bool
) -> None:
    script = SCRIPT.format(path=[p for p in sys.path if p], root=str(tmp_path))
    child = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    wait_for(lambda: len(list((tmp_path / "store").rglob("*.npz"))) >= 2)
    family = psutil.Process(child.pid).children(recursive=True)
    assert family
    os.killpg(child.pid, signal.SIGKILL) if whole_group else os.kill(child.pid, signal.SIGKILL)
    child.wait()
    wait_for(lambda: not any(alive(process) for process in family))
    kept = {path.name for path in (tmp_path / "store").rglob("*.npz")}
    assert 2 <= len(kept) < 8

    subprocess.run([sys.executable, "-c", script], check=True)
    trials = toy_study.trials(8, seconds=0.4)
    fresh = written(run(trials, data, tmp_path / "fresh", TWO), tmp_path / "fresh-records")
    resumed = {p.name: p.read_bytes() for p in (tmp_path / "records").iterdir()}
    assert resumed == fresh


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def wait_for(condition, tries: int = 600) -> None:
    for _ in range(tries):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("what the test waits for did not happen")
