import shutil
import subprocess
from pathlib import Path

import pytest

from retrial.core import records
from retrial.core.errors import RetrialError
from retrial.core.records import Finished
from retrial.core.trial import Metric, Result, Trial
from retrial.running import tracking
from retrial.tools import track

AROUND = {"code": "c0de", "lock": "10cc", "data": {"mnist/train_images.npy": "da7a"}, "pins": {}}


def finished(seed: int, study: str = "kernels") -> Finished:
    result = Result(
        {"accuracy": Metric(0.5, 100), "loss": Metric(None, 100)},
        curves={"loss": [2.0, None, float("inf"), 1.0]},
    )
    return Finished(Trial(study, "rbf", seed, {"C": 1.0}), result, f"{study}{seed:025d}")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with an initialised database: MLflow takes seconds to make one."""
    root = tmp_path_factory.mktemp("template")
    with tracking.quiet():
        tracking.connect(root)
    return root


@pytest.fixture
def root(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(tracking.URI_VARIABLE, raising=False)
    shutil.copy(template / tracking.DATABASE, tmp_path)
    return tmp_path


def test_a_creation_that_was_killed_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / tracking.ARTIFACTS).mkdir()
    (tmp_path / tracking.ARTIFACTS / ".unfinished.db").write_bytes(b"SQLite format 3")
    watch = tracking.observer("kernels", AROUND, tmp_path)
    watch(finished(0))
    assert len(runs(tmp_path)) == 1


def write(root: Path, seeds: range, study: str = "kernels") -> None:
    folder = root / "data/results" / study
    records.write(folder, study, [finished(seed, study) for seed in seeds], [], AROUND)


def runs(root: Path, study: str = "kernels") -> list:
    with tracking.quiet():
        client = tracking.connect(root)
        experiment = client.get_experiment_by_name(f"retrial/{study}")
        return list(tracking.all_runs(client, experiment.experiment_id))


def test_an_observed_trial_is_one_flat_run_with_its_tags(root: Path) -> None:
    watch = tracking.observer("kernels", AROUND, root)
    watch(finished(3))
    (run,) = runs(root)
    wanted = {
        "fingerprint": finished(3).fingerprint,
        "study": "kernels",
        "family": "kernels",
        "stage": "kernels",
        "arm": "rbf",
        "seed": "3",
        "lock": "10cc",
        "data.mnist/train_images.npy": "da7a",
    }
    assert wanted.items() <= run.data.tags.items()
    assert "mlflow.parentRunId" not in run.data.tags
    assert run.data.params == {"C": "1.0"}
    assert run.info.status == "FINISHED"


def test_what_is_not_finite_is_left_out_and_times_follow_steps(root: Path) -> None:
    watch = tracking.observer("kernels", AROUND, root)
    watch(finished(0))
    (run,) = runs(root)
    assert run.data.metrics == {"accuracy": 0.5, "epoch/loss": 1.0}
    with tracking.quiet():
        history = tracking.connect(root).get_metric_history(run.info.run_id, "epoch/loss")
    points = [(point.step, point.timestamp, point.value) for point in history]
    assert points == [(1, 1000, 2.0), (4, 4000, 1.0)]


def test_observing_and_tracking_again_adds_nothing(root: Path) -> None:
    write(root, range(3))
    for _ in range(2):
        watch = tracking.observer("kernels", AROUND, root)
        watch(finished(0))
    assert [done.added for done in track.track(root)] == [2]
    assert [done.added for done in track.track(root)] == [0]
    assert len(runs(root)) == 3


def test_a_run_left_open_is_completed_without_doubled_points(root: Path) -> None:
    watch = tracking.observer("kernels", AROUND, root)
    watch(finished(0))
    (run,) = runs(root)
    with tracking.quiet():
        client = tracking.connect(root)
        client.update_run(run.info.run_id, status="RUNNING")
    write(root, range(1))
    assert [done.added for done in track.track(root)] == [1]
    with tracking.quiet():
        assert len(client.get_metric_history(run.info.run_id, "epoch/loss")) == 2
    assert len(runs(root)) == 1


def test_of_two_runs_with_one_fingerprint_the_earlier_stays(root: Path) -> None:
    watch = tracking.observer("kernels", AROUND, root)
    watch(finished(0))
    (first,) = runs(root)
    with tracking.quiet():
        client = tracking.connect(root)
        again = client.create_run(
            first.info.experiment_id, tags={"fingerprint": finished(0).fingerprint}
        )
    assert again.info.start_time >= first.info.start_time
    tracking.Index.open("kernels", root)
    assert [run.info.run_id for run in runs(root)] == [first.info.run_id]


def test_track_adds_md5s_the_commit_and_claims(root: Path) -> None:
    write(root, range(1))
    (root / "dvc.lock").write_text(
        "schema: '2.0'\nstages:\n  kernels:\n    cmd: x\n"
        "    deps:\n    - path: data/raw/mnist\n      md5: aa.dir\n"
        "    outs:\n    - path: data/results/kernels/records.json\n      md5: bb\n"
    )
    git = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "dvc.lock"], ["commit", "-qm", "t"]):
        subprocess.run([*git, *arguments], check=True)
    track.track(root, {("kernels", "rbf"): ["000-1", "000-2"]})
    (run,) = runs(root)
    tags = run.data.tags
    assert tags["md5.data/raw/mnist"] == "aa.dir"
    assert tags["md5.data/results/kernels/records.json"] == "bb"
    assert (tags["claims"], tags["dirty"], len(tags["commit"])) == ("000-1,000-2", "false", 40)


@pytest.mark.parametrize(
    "uri", ["http://user:secret@127.0.0.1:9", "sqlite:///{folder}/params.yaml/a.db", "strange://x"]
)
def test_an_unreachable_server_is_one_warning_line_and_no_failure(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "params.yaml").touch()
    monkeypatch.setenv(tracking.URI_VARIABLE, uri.format(folder=tmp_path))
    watch = tracking.observer("kernels", AROUND, tmp_path)
    for seed in range(3):
        watch(finished(seed))
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert "`retrial track` sends them later" in output.err
    assert "secret" not in output.err
    write(tmp_path, range(1))
    with pytest.raises(RetrialError, match="did not take a run"):
        track.track(tmp_path)
    assert not (tmp_path / tracking.DATABASE).exists()
