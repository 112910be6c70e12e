import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import toy_group
import toy_study
from distributed import LocalCluster
from processes import alive, wait_for
from safetensors.numpy import save_file

import retrial
from retrial.core import records
from retrial.core.config import Compute
from retrial.core.errors import RetrialError
from retrial.core.records import Finished
from retrial.core.trial import Trial
from retrial.running import lost
from retrial.running import sweep as sweeping
from retrial.running.store import Store, pack
from retrial.running.sweep import execute, grouped, load_arrays, sweep

AROUND = {"code": "0", "data": {}, "lock": "0", "pins": {}}
TWO = Compute(backend="local", address=None, workers=2)
ONE = Compute(backend="local", address=None, workers=1)


def run(
    trials: list[Trial], data: list[Path], store: Path, compute: Compute, observer=None,
    study: str = "toy_study",
):  # fmt: skip
    return sweep(study, trials, data, AROUND, compute, Store(store), observer)[0]


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


def test_tensors_of_an_earlier_study_are_data(data: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    weights = np.linspace(0, 1, 100, dtype=np.float32)
    save_file({"weights": weights, "relu:0:weight_0": weights.reshape(4, 25)}, path)
    trials = toy_study.trials(2)
    from_folder = written(run(trials, data, tmp_path / "s1", ONE), tmp_path / "r1")
    assert written(run(trials, [path], tmp_path / "s2", ONE), tmp_path / "r2") == from_folder
    found = load_arrays((str(data[0]), str(path)))["relu:0:weight_0"]
    assert (found.dtype, found.shape) == (np.float32, (4, 25))
    # A worker's trials share what was read once.
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "no such file, run `dvc repro` first"),
        (b"", "damaged, run `dvc checkout`"),
        (b"not tensors, but long enough to begin as if", "damaged, run `dvc checkout`"),
        ("cut", "damaged, run `dvc checkout`"),
    ],
)
def test_tensors_that_are_missing_or_damaged_are_one_line(
    content: bytes | str | None, told: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "weights.safetensors"
    if content == "cut":
        save_file({"weights": np.ones(9)}, path)
        path.write_bytes(path.read_bytes()[:-1])
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(RetrialError) as caught:
        run(toy_study.trials(3), [path], tmp_path / "s", ONE)
    assert str(caught.value) == f"{path}: {told}"
    assert "Traceback" not in capfd.readouterr().err


def test_a_table_of_a_folder_is_data_with_a_field_for_each_column(tmp_path: Path) -> None:
    (tmp_path / "ships.csv").write_text("Class,Name,Length\n1,Olympic,269.0\n2,Nomadic,67.5\n")
    ships = load_arrays((str(tmp_path),))["ships"]
    assert ships.dtype.names == ("Class", "Name", "Length")
    assert [ships.dtype[name].kind for name in ships.dtype.names] == ["i", "U", "f"]
    assert ships["Name"].tolist() == ["Olympic", "Nomadic"]
    assert ships["Length"].tolist() == [269.0, 67.5]
    with pytest.raises(ValueError, match="read-only"):
        ships["Class"][0] = 3


@pytest.mark.parametrize("text", ["", "a,b\n", "a,b\n1,2\n3\n", "a,b\n1,2,3\n", "\xff,b\n1,2\n"])
def test_a_damaged_table_is_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "ships.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(RetrialError) as caught:
        load_arrays((str(tmp_path),))
    assert str(caught.value) == f"{path}: damaged, run `dvc checkout`"


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
    assert len(list((tmp_path / "s").rglob("*.trial"))) == 4


def test_trials_of_one_kind_are_equal_programs_the_heaviest_first() -> None:
    trials = [*toy_group.trials(5), *toy_group.trials(1, factor=5.0)]
    # Costs grow with the place within a kind: 1 to 5, and 1 again.
    assert grouped("toy_group", trials, range(6)) == [[2, 3, 4], [0, 1], [5]]
    # Seven of at most three differ by one at most.
    seven = grouped("toy_group", toy_group.trials(7), range(7))
    assert sorted(len(group) for group in seven) == [2, 2, 3]
    # Four of at most three are two programs of two, in whatever order they wait.
    assert grouped("toy_group", trials, [4, 1, 0, 2]) == [[2, 4], [0, 1]]
    assert grouped("toy_group", trials, [5, 3]) == [[3], [5]]
    assert grouped("toy_study", trials, [2, 0, 1]) == [[2], [0], [1]]


def test_bytes_of_programs_do_not_depend_on_grouping_or_on_a_replay_of_a_part(
    data: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = [*toy_group.trials(5), *toy_group.trials(2, factor=5.0)]

    def bytes_of(name: str, *parts: list[Trial]) -> dict[str, bytes]:
        for part in parts:
            found = run(part, data, tmp_path / name, TWO, study="toy_group")
        return written(found, tmp_path / f"{name}-records")

    whole = bytes_of("whole", trials)
    # The programs were 0, 1, 2 and 3, 4 and 5, 6; with 3 and 5 replayed, 0, 1 and 2, 4 and 6.
    assert bytes_of("replayed", [trials[3], trials[5]], trials) == whole
    # A study that says nothing of programs runs trial by trial.
    monkeypatch.delattr(toy_group, "together")
    assert bytes_of("alone", trials) == whole


def test_a_user_s_mistake_that_trials_find_is_one_line(
    data: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "params.yaml: toy.share = 0.999: expected both classes"
    wrong = [Trial("toy", f"wrong{seed}", seed, {"mistake": line}) for seed in range(2)]
    with pytest.raises(RetrialError) as caught:
        run([*toy_study.trials(2), *wrong], data, tmp_path / "s", TWO)
    told = "toy_study: 2 of 4 trials failed, the others are kept: wrong0, wrong1"
    assert str(caught.value) == f"{line}; {told}"
    assert "Traceback" not in capsys.readouterr().err


def test_a_trial_that_raises_in_a_program_fails_alone(
    data: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "without_pins", str)
    bad = Trial("toy_group", "bad", 9, {"factor": 1.0, "raises": True})
    first, last = toy_group.trials(2)
    places = (str(data[0]),)
    toy_group.programs.clear()
    answers = execute("toy_group", (4, 7, 5), (first, bad, last), places)
    assert toy_group.programs == [3, 1, 1, 1]
    assert [answer.place for answer in answers] == [4, 7, 5]
    assert answers[1].result is None
    assert "this program was told to raise" in answers[1].traceback
    arrays = load_arrays(places)
    for answer, trial in ((answers[0], first), (answers[2], last)):
        assert answer.traceback == ""
        assert pack(answer.result, 0.0) == pack(toy_group.run(trial, arrays), 0.0)


def test_a_program_s_seconds_are_shared_by_its_trials(
    data: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(perf_counter=iter([10.0, 16.0]).__next__)
    monkeypatch.setattr(sweeping, "time", clock)
    monkeypatch.setattr(sweeping, "without_pins", str)
    answers = execute("toy_group", (0, 1), tuple(toy_group.trials(2)), (str(data[0]),))
    assert [answer.seconds for answer in answers] == [3.0, 3.0]


def test_the_others_of_a_program_that_raises_are_kept(
    data: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    trials = toy_group.trials(3)
    bad = Trial("toy_group", "bad", 9, {"factor": 1.0, "raises": True})
    told = "toy_group: 1 of 3 trials failed, the others are kept: bad"
    with pytest.raises(RetrialError, match=told):
        run([trials[0], bad, trials[2]], data, tmp_path / "s", TWO, study="toy_group")
    assert "trial bad with seed 9 raised" in capfd.readouterr().err
    assert len(list((tmp_path / "s").rglob("*.trial"))) == 2
    # Kept as they would be without it.
    mended = written(run(trials, data, tmp_path / "s", TWO, study="toy_group"), tmp_path / "r1")
    fresh = written(run(trials, data, tmp_path / "f", TWO, study="toy_group"), tmp_path / "r2")
    assert mended == fresh


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
trials = toy_study.trials({count}, seconds={seconds})
root = Path({root!r})
found, _ = sweep("toy_study", trials, [root / "data"], AROUND, TWO, Store(root / "store"))
written(found, root / "records")
"""


def script_for(root: Path, count: int, seconds: float) -> str:
    path = [part for part in sys.path if part]
    return SCRIPT.format(path=path, root=str(root), count=count, seconds=seconds)


@pytest.mark.parametrize("whole_group", [False, True])
def test_killed_in_the_middle_it_resumes_to_the_same_bytes_and_leaves_no_orphan(
    data: list[Path], tmp_path: Path, whole_group: bool
) -> None:
    script = script_for(tmp_path, 8, 0.4)
    child = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    wait_for(lambda: len(list((tmp_path / "store").rglob("*.trial"))) >= 2)
    family = psutil.Process(child.pid).children(recursive=True)
    assert family
    os.killpg(child.pid, signal.SIGKILL) if whole_group else os.kill(child.pid, signal.SIGKILL)
    child.wait()
    wait_for(lambda: not any(alive(process) for process in family))
    kept = {path.name for path in (tmp_path / "store").rglob("*.trial")}
    assert 2 <= len(kept) < 8

    subprocess.run([sys.executable, "-c", script], check=True)
    trials = toy_study.trials(8, seconds=0.4)
    fresh = written(run(trials, data, tmp_path / "fresh", TWO), tmp_path / "fresh-records")
    resumed = {p.name: p.read_bytes() for p in (tmp_path / "records").iterdir()}
    assert resumed == fresh


def test_a_worker_that_never_got_a_trial_ends_with_its_parent(
    data: list[Path], tmp_path: Path
) -> None:
    child = subprocess.Popen([sys.executable, "-c", script_for(tmp_path, 1, 600.0)])
    family: list[psutil.Process] = []

    def workers() -> list[psutil.Process]:
        family[:] = psutil.Process(child.pid).children(recursive=True)
        return [one for one in family if "popen_loky_posix" in " ".join(one.cmdline())]

    wait_for(lambda: len(workers()) == 2)
    # Time to start: a worker that is killed while it starts shows nothing.
    wait_for(lambda: all(one.num_threads() >= 2 for one in workers()))
    child.kill()
    child.wait()
    wait_for(lambda: not any(alive(process) for process in family))


def test_a_worker_that_is_killed_is_one_line(data: list[Path], tmp_path: Path) -> None:
    trials = [*toy_study.trials(2), Trial("toy", "greedy", 0, {"killed": True}, cost=0.1)]
    with pytest.raises(RetrialError, match=r"a worker was killed.*lower compute.workers"):
        run(trials, data, tmp_path / "s", TWO)


LATE = """
import numpy
import retrial
from retrial.running.sweep import execute
print(execute("no_study", (0,), (None,), ())[0].unfit)
"""


@pytest.mark.parametrize(("pins", "told"), [({}, "start it with"), (dict(retrial.PINS), "")])
def test_a_worker_that_loaded_numpy_before_the_pins_runs_nothing(
    pins: dict[str, str], told: str
) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in retrial.PINS}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path), **pins}
    # Two threads on any machine, whose own instruction set may be that of the pins.
    environment.setdefault("OPENBLAS_NUM_THREADS", "2")
    done = subprocess.run(
        [sys.executable, "-c", LATE], env=environment, capture_output=True, text=True, check=True
    )
    assert told in done.stdout
    assert bool(done.stdout.strip()) == bool(told)
    if told:
        assert done.stdout.count("\n") == 1
        assert "OPENBLAS_CORETYPE='Haswell'" in done.stdout


def test_a_worker_without_pins_stops_the_sweep(
    data: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfit = [sweeping.Answer(0, None, unfit="worker w: start it with A='1'")]
    monkeypatch.setattr(sweeping, "answers", lambda *_: iter(unfit))
    with pytest.raises(RetrialError, match=r"^worker w: start it with"):
        run(toy_study.trials(1), data, tmp_path / "s", ONE)


def test_a_dask_cluster_gives_the_same_bytes(
    data: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = toy_study.trials(4)
    monkeypatch.setenv("RETRIAL_CACHE", str(tmp_path / "cache"))
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0",
        local_directory=str(tmp_path / "dask"),
    ) as cluster:  # fmt: skip
        dask = Compute(backend="dask", address=cluster.scheduler_address, workers=0)
        far = written(run(trials, data, tmp_path / "s1", dask), tmp_path / "r1")
    assert far == written(run(trials, data, tmp_path / "s2", TWO), tmp_path / "r2")


def test_no_cluster_is_one_line(
    data: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost, "PATIENCE", 1)
    nowhere = Compute(backend="dask", address="tcp://127.0.0.1:9", workers=0)
    with pytest.raises(RetrialError, match="no dask cluster answers there"):
        run(toy_study.trials(1), data, tmp_path / "s", nowhere)


def test_a_finished_trial_is_on_disk_before_it_is_counted(
    data: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "s")
    trials = toy_study.trials(3)
    counted: list[int] = []

    @contextmanager
    def progress(name: str, total: float) -> Iterator[Callable[[float, str, float], None]]:
        yield lambda weight, worker, seconds: counted.append(
            len(list(store.folder.rglob("*.trial")))
        )

    monkeypatch.setattr(sweeping, "progress", progress)
    seen: list[bool] = []

    def observer(one: Finished) -> None:
        seen.append(store.get(one.fingerprint) is not None)

    run(trials, data, store.folder, ONE, observer)
    assert seen == [True] * 3
    assert counted == [1, 2, 3]
