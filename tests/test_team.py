"""A team's MLflow: a real `mlflow server` with PostgreSQL, two people, and servers that stop."""

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import wait_for
from servers import PASSWORD, Database, Server, database, lacking, mlflow_server
from synthetic import FAMILY, project

from retrial.core import records
from retrial.core.records import Finished
from retrial.core.trial import Metric, Result, Trial
from retrial.running import tracking

pytestmark = pytest.mark.skipif(bool(lacking()), reason=lacking())

AROUND = {"code": "c0de", "lock": "10cc", "data": {"mnist/train_images.npy": "da7a"}, "pins": {}}
EPOCHS = 30
# What takes seconds comes before the start, so that both write at the same time.
TOGETHER = """
import sys, time
from pathlib import Path
import mlflow.tracking
from retrial.cli import main
place, name = Path(sys.argv.pop(1)), sys.argv.pop(1)
(place / f"{name}.ready").touch()
while not (place / "go").exists():
    time.sleep(0.001)
main()
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Database]:
    with database() as one:
        yield one


@pytest.fixture(scope="module")
def server(postgres: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("artifacts") / "files"
    folder.mkdir()
    with mlflow_server(postgres.uri, folder) as one:
        yield one


def finished(prefix: str, seed: int) -> Finished:
    curve = [1 / epoch for epoch in range(1, EPOCHS + 1)]
    result = Result({"accuracy": Metric(0.5, 100)}, curves={"loss": curve, "accuracy": curve})
    config = {"C": 1.0, "optimiser": {"name": "adam", "rates": [0.1, 0.2]}}
    return Finished(Trial(FAMILY, "linear", seed, config), result, f"{prefix}-{seed}")


def person(root: Path, prefix: str, seeds: range) -> Path:
    """A person's clone with records of the trials `seeds`."""
    project(root)
    trials = [finished(prefix, seed) for seed in seeds]
    records.write(root / "data/results" / FAMILY, FAMILY, trials, [], AROUND)
    return root


def environment(uri: str) -> dict[str, str]:
    return {**os.environ, tracking.URI_VARIABLE: uri, "PYTHONWARNINGS": "ignore"}


def track(root: Path, uri: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "retrial", "track"]
    return subprocess.run(command, cwd=root, env=environment(uri), capture_output=True, text=True)


def runs(server: Server, prefix: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """All runs by fingerprint, deleted ones too, from the earliest to the latest."""
    monkeypatch.setenv(tracking.URI_VARIABLE, server.uri)
    found: dict[str, list[Any]] = defaultdict(list)
    with tracking.quiet():
        from mlflow.entities import ViewType

        client = tracking.connect(Path())
        experiment = client.get_experiment_by_name(f"retrial/{FAMILY}")
        page = client.search_runs(
            [experiment.experiment_id], f"tags.fingerprint LIKE '{prefix}-%'", ViewType.ALL, 10000
        )
        assert not page.token
        for run in sorted(page, key=tracking.age):
            found[run.data.tags["fingerprint"]].append(run)
    return found


def is_whole(server: Server, run: Any) -> bool:
    with tracking.quiet():
        history = tracking.connect(Path()).get_metric_history(run.info.run_id, "epoch/loss")
    return (
        run.info.status == "FINISHED"
        and run.data.params == {"C": "1.0", "optimiser.name": "adam",
                                "optimiser.rates": "[0.1, 0.2]"}
        and run.data.metrics == {"accuracy": 0.5, "epoch/loss": 1 / EPOCHS,
                                 "epoch/accuracy": 1 / EPOCHS}
        and [point.step for point in history] == list(range(1, EPOCHS + 1))
        and run.data.tags["current"] == "true"
    )  # fmt: skip


def test_two_people_at_once_leave_no_gap_and_the_earlier_run_stays(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [person(tmp_path / name, "both", range(60)) for name in ("one", "two")]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", TOGETHER, str(tmp_path), root.name, "track"],
            cwd=root,
            env=environment(server.uri),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for root in people
    ]
    wait_for(lambda: len(list(tmp_path.glob("*.ready"))) == len(people))
    (tmp_path / "go").touch()
    told = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0, 0], told
    found = runs(server, "both", monkeypatch)
    assert sorted(found) == sorted(finished("both", seed).fingerprint for seed in range(60))
    for key, several in found.items():
        first, *later = several
        assert first.info.lifecycle_stage == "active", key
        assert is_whole(server, first), key
        assert {run.info.lifecycle_stage for run in later} <= {"deleted"}, key
    for root in people:
        assert "60 trials, 0 new" in track(root, server.uri).stdout
    assert runs(server, "both", monkeypatch).keys() == found.keys()


def test_people_with_different_records_share_what_they_have_in_common(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = person(tmp_path / "one", "part", range(4))
    two = person(tmp_path / "two", "part", range(2, 6))
    assert "4 trials, 4 new" in track(one, server.uri).stdout
    assert "4 trials, 2 new" in track(two, server.uri).stdout
    assert [len(several) for several in runs(server, "part", monkeypatch).values()] == [1] * 6


def test_the_server_is_on_loopback_and_keeps_artifacts_in_its_folder(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert track(person(tmp_path / "one", "file", range(1)), server.uri).returncode == 0
    ((run,),) = runs(server, "file", monkeypatch).values()
    with tracking.quiet():
        tracking.connect(Path()).log_text(run.info.run_id, "a note", "note.txt")
    assert [path.read_text() for path in server.artifacts.rglob("note.txt")] == ["a note"]
    assert server.listens_on() == {"127.0.0.1"}


@pytest.mark.parametrize("stopped", ["server", "postgres"])
def test_what_does_not_answer_is_one_line_and_is_sent_later(
    stopped: str, request: pytest.FixtureRequest, server: Server, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    root = person(tmp_path / "one", stopped, range(3))
    path = root / "data/results" / FAMILY / records.RECORDS
    before = path.read_bytes()
    service: Server | Database = request.getfixturevalue(stopped)
    service.stop()
    try:
        done = track(root, server.uri)
    finally:
        service.start()
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert f"data/results/{FAMILY}: MLflow at {server.uri} did not take a run" in line
    assert PASSWORD not in line
    assert path.read_bytes() == before
    again = track(root, server.uri)
    assert "3 trials, 3 new" in again.stdout, again.stderr
    found = runs(server, stopped, monkeypatch)
    assert len(found) == 3
    for (run,) in found.values():
        assert is_whole(server, run)
