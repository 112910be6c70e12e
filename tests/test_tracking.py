import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from retrial.core import records
from retrial.core.errors import RetrialError
from retrial.core.records import Finished
from retrial.core.trial import Metric, Result, Trial
from retrial.judging.verdicts import COLUMNS
from retrial.running import tracking
from retrial.tools import archive, track
from retrial.tools.published import archive_of

AROUND = {"code": "c0de", "lock": "10cc", "data": {"mnist/train_images.npy": "da7a"}, "pins": {}}


def finished(seed: int, study: str = "kernels", arm: str = "rbf") -> Finished:
    result = Result(
        {"accuracy": Metric(0.5, 100), "loss": Metric(None, 100)},
        curves={"loss": [2.0, None, float("inf"), 1.0]},
    )
    config = {"C": 1.0, "kernel": arm, "optimiser": {"name": "adam", "rates": [0.1, 0.2]}}
    return Finished(Trial(study, arm, seed, config), result, f"{study}-{arm}-{seed}")


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


def write(
    root: Path, seeds: range, study: str = "kernels", arms: tuple[str, ...] = ("rbf",)
) -> Path:
    folder = root / "data/results" / study
    trials = [finished(seed, study, arm) for arm in arms for seed in seeds]
    records.write(folder, study, trials, [], AROUND)
    return folder


def row(claim: str, *trials: Finished) -> dict:
    filled = dict.fromkeys([*COLUMNS, "evidence", "fitted"], "")
    told = {"id": claim, "family": "kernels", "fingerprints": [one.fingerprint for one in trials]}
    return filled | told


def judge(root: Path, *rows: dict) -> None:
    path = root / "data/results/verdicts/kernels.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(rows))


def publish(root: Path, folder: Path, *rows: dict) -> None:
    """Make the records of `folder` the published ones."""
    place = root / "reports/published"
    archived = archive_of(folder.name, place)
    archived.parent.mkdir(parents=True)
    archive.pack(folder, archived)
    (place / "verdicts.json").write_text(json.dumps(rows))


def runs(root: Path, study: str = "kernels", where: str = "") -> list:
    with tracking.quiet():
        client = tracking.connect(root)
        experiment = client.get_experiment_by_name(f"retrial/{study}")
        if where:
            return list(client.search_runs([experiment.experiment_id], where))
        return list(tracking.all_runs(client, experiment.experiment_id))


def names(root: Path, where: str) -> set[str]:
    return {run.info.run_name for run in runs(root, where=where)}


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
    assert run.data.params == {
        "C": "1.0",
        "kernel": "rbf",
        "optimiser.name": "adam",
        "optimiser.rates": "[0.1, 0.2]",
    }
    assert run.info.status == "FINISHED"


def test_a_study_says_what_it_is(root: Path) -> None:
    with tracking.quiet():
        client = tracking.connect(root)
        made_before = client.create_experiment("retrial/kernels")
        tracking.Index.open("kernels", root)
        found = client.get_experiment(made_before).tags
        unknown = client.get_experiment(tracking.Index.open("own", root).experiment).tags
    assert found["mlflow.note.content"] == "Kernels on 1,000 digits (report 000, section 6)."
    assert unknown["mlflow.note.content"] == ""


def test_what_is_not_finite_is_left_out_and_times_follow_steps(root: Path) -> None:
    watch = tracking.observer("kernels", AROUND, root)
    watch(finished(0))
    (run,) = runs(root)
    assert run.data.metrics == {"accuracy": 0.5, "epoch/loss": 1.0}
    with tracking.quiet():
        history = tracking.connect(root).get_metric_history(run.info.run_id, "epoch/loss")
    points = [(point.step, point.timestamp, point.value) for point in history]
    assert points == [(1, 1000, 2.0), (4, 4000, 1.0)]


def test_observing_and_tracking_again_adds_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(root, write(root, range(3)), row("000-1", finished(0)))
    judge(root, row("000-2", finished(0), finished(1)))
    for _ in range(2):
        watch = tracking.observer("kernels", AROUND, root)
        watch(finished(0))
    assert [done.added for done in track.track(root)] == [2, 0]
    first = {run.info.run_id: run.data for run in runs(root)}
    with monkeypatch.context() as nothing:
        for name in ("log_batch", "create_run", "set_experiment_tag", "set_tag"):
            nothing.setattr(f"mlflow.tracking.MlflowClient.{name}", None)
        assert [done.added for done in track.track(root)] == [0, 0]
        track.after_study(root)
    assert len(first) == 3
    for run in runs(root):
        assert run.data.tags == first[run.info.run_id].tags
        assert run.data.metrics == first[run.info.run_id].metrics


def test_a_run_left_open_is_completed_without_doubled_points(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = tracking.observer("kernels", AROUND, root)
    watch(finished(0))
    (run,) = runs(root)
    with tracking.quiet():
        client = tracking.connect(root)
        client.update_run(run.info.run_id, status="RUNNING")
    # A param never changes in MLflow: one that an older version wrote in another way stays.
    monkeypatch.setattr(tracking, "parameters", lambda _: {"C": "one", "depth": "2"})
    write(root, range(1))
    assert [done.added for done in track.track(root)] == [1]
    with tracking.quiet():
        assert len(client.get_metric_history(run.info.run_id, "epoch/loss")) == 2
    (run,) = runs(root)
    assert (run.data.params["C"], run.data.params["depth"]) == ("1.0", "2")


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
    judge(root, row("000-2", finished(0)), row("000-1", finished(0)))
    track.track(root)
    (run,) = runs(root)
    tags = run.data.tags
    assert tags["md5.data/raw/mnist"] == "aa.dir"
    assert tags["md5.data/results/kernels/records.json"] == "bb"
    assert (tags["claims"], tags["dirty"], len(tags["commit"])) == ("000-1,000-2,", "false", 40)


def test_runs_are_found_by_claim_arm_seed_param_and_metric(root: Path) -> None:
    write(root, range(2), arms=("rbf", "linear/1", "linear/255"))
    linear = [finished(seed, arm="linear/1") for seed in range(2)]
    judge(root, row("000-1", *linear), row("000-10", finished(0)), row("000-1-b", *linear[:1]))
    track.after_study(root)
    both = {"linear/1 · 0", "linear/1 · 1"}
    assert names(root, "tags.claims LIKE '%000-1,%'") == both
    assert names(root, "tags.claims LIKE '%000-1%'") == both | {"rbf · 0"}
    assert names(root, "tags.claims LIKE '%000-1-b,%' and tags.current = 'true'") == {
        "linear/1 · 0"
    }
    assert names(root, "tags.arm LIKE 'linear/%' and tags.seed = '1'") == {
        "linear/1 · 1",
        "linear/255 · 1",
    }
    assert names(root, "params.kernel = 'rbf' and metrics.accuracy > 0.4") == {"rbf · 0", "rbf · 1"}
    assert names(root, "params.`optimiser.name` = 'sgd'") == set()


def test_each_filter_of_the_readme_chooses_some_runs(root: Path) -> None:
    text = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
    filters = re.findall(r"\| `((?:tags|params|metrics)\.[^`]*)` \|", text)
    assert len(filters) == 3
    result = Result({}, status="diverged")
    other = Finished(Trial("kernels", "subset/rbf/255", 0, {"pixel_top": 255}), result, "other")
    folder = write(root, range(1))
    publish(root, folder, row("003-2-calib", finished(0)))
    records.write(folder, "kernels", [other], [], AROUND)
    track.track(root)
    found = [names(root, where) for where in filters]
    assert found == [{"rbf · 0"}, {"subset/rbf/255 · 0"}, {"subset/rbf/255 · 0"}]


def test_the_runs_of_an_arm_differ_by_seed_alone(root: Path) -> None:
    write(root, range(3), arms=("rbf", "linear"))
    track.track(root)
    found = [(run.data.tags["arm"], run.data.tags["seed"]) for run in runs(root)]
    assert sorted(found) == [(arm, str(seed)) for arm in ("linear", "rbf") for seed in range(3)]


def test_runs_of_other_records_are_told_apart_and_rest_under_no_claim(root: Path) -> None:
    publish(root, write(root, range(2)), row("000-1", finished(0), finished(1)))
    write(root, range(1, 3))
    judge(root, row("000-2", finished(1), finished(2)))
    track.track(root)
    found = {
        run.data.tags["seed"]: [
            run.data.tags.get(key) for key in ("published", "current", "claims")
        ]
        for run in runs(root)
    }
    assert found == {
        "0": ["true", "false", "000-1,"],
        "1": ["true", "true", "000-1,000-2,"],
        "2": ["false", "true", "000-2,"],
    }
    write(root, range(3, 4))
    judge(root, row("000-2", finished(3)))
    track.after_study(root)
    assert names(root, "tags.current = 'true'") == {"rbf · 3"}
    assert names(root, "tags.claims LIKE '%000-2,%'") == {"rbf · 3"}
    assert names(root, "tags.published = 'true'") == {"rbf · 0", "rbf · 1"}


def test_a_tag_holds_whole_ids_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track, "TAG_LENGTH", 13)
    assert track.joined(["000-3", "000-1", "000-2"]) == "000-1,000-2,"


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
    capsys.readouterr()
    track.after_study(tmp_path)
    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)
    assert output.err.startswith(f"warning: {tmp_path}/data/results/kernels: MLflow at ")
    assert output.err.endswith("; `retrial track` tries again\n")
    assert not (tmp_path / tracking.DATABASE).exists()


def test_an_experiment_that_another_makes_at_the_same_moment_is_shared(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tracking.quiet():
        client = tracking.connect(root)
        others = client.create_experiment("retrial/kernels")
        by_name = type(client).get_experiment_by_name
        answers = iter([None])
        monkeypatch.setattr(
            type(client),
            "get_experiment_by_name",
            lambda self, name: next(answers, by_name(self, name)),
        )
        assert tracking.Index.open("kernels", root).experiment == others


def test_a_run_deleted_as_the_later_of_two_while_it_is_written_gives_way(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, range(2))
    with tracking.quiet():
        client = tracking.connect(root)
        log_batch = type(client).log_batch
        earlier = []

        def late(self: object, run: str, *arguments: object, **more: object) -> None:
            # Another person's run of the same trial, begun before ours, and ours deleted for it.
            if not earlier:
                ours = client.get_run(run)
                begun = ours.info.start_time - 1
                made = client.create_run(ours.info.experiment_id, begun, ours.data.tags)
                earlier.append(made.info.run_id)
                client.delete_run(run)
            log_batch(self, run, *arguments, **more)

        monkeypatch.setattr(type(client), "log_batch", late)
        track.track(root)
    found = {run.data.tags["fingerprint"]: run for run in runs(root)}
    assert len(found) == len(runs(root)) == 2
    first = found[finished(0).fingerprint]
    assert first.info.run_id == earlier[0]
    for run in found.values():
        assert run.info.status == "FINISHED"
        assert run.data.metrics == {"accuracy": 0.5, "epoch/loss": 1.0}


def test_a_run_that_another_begins_meanwhile_is_no_second_one(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, range(2))
    with tracking.quiet():
        client = tracking.connect(root)
        create_run = type(client).create_run
        others = []

        def after_another(self: object, experiment: str, **more: object) -> object:
            others.append(create_run(client, experiment, 1, more["tags"]).info.run_id)
            return create_run(self, experiment, **more)

        monkeypatch.setattr(type(client), "create_run", after_another)
        track.track(root)
    assert len(others) == 2
    assert {run.info.run_id for run in runs(root)} == set(others)
    assert {run.info.status for run in runs(root)} == {"FINISHED"}


def test_a_write_that_the_database_refuses_once_is_tried_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.exceptions import MlflowException

    write(root, range(1))
    with tracking.quiet():
        client = tracking.connect(root)
        log_batch = type(client).log_batch
        refusals = [MlflowException("duplicate key")]

        def refusing(*arguments: object, **more: object) -> None:
            if refusals:
                raise refusals.pop()
            log_batch(*arguments, **more)

        monkeypatch.setattr(type(client), "log_batch", refusing)
        assert [done.added for done in track.track(root)] == [1]
        refusals += [MlflowException("duplicate key")] * tracking.TRIES
        write(root, range(2))
        with pytest.raises(RetrialError, match="duplicate key"):
            track.track(root)
