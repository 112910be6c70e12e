"""The manifest says what stages took, and which code is no more what was published."""

import json
from pathlib import Path

import pytest
from synthetic import CLAIM, FAMILY, finished, git, project, write_results

from retrial.core import records
from retrial.core.records import Records
from retrial.running.digest import code_digest
from retrial.running.store import Store
from retrial.running.timings import digest_of
from retrial.tools.archive import pack
from retrial.tools.manifest import (
    changed_studies,
    digest,
    makespan,
    read_manifest,
    stage_entry,
    trial_seconds,
    write_manifest,
)
from retrial.tools.publish import publish
from retrial.tools.published import archive_of


@pytest.fixture
def made(tmp_path: Path) -> Records:
    """The records of two trials."""
    records.write(tmp_path / FAMILY, FAMILY, [finished(0), finished(1)], [], {"code": "c"})
    return Records.load(tmp_path / FAMILY)


def left(made: Records, **changes: object) -> dict:
    stage = {
        "trials": digest(made), "computed": 2, "replayed": 0, "wall_seconds": 3.0, "workers": 2,
        "peak_bytes": 1000,
    }  # fmt: skip
    return {"seconds": {"linear": [1.0, 2.5]}, "stage": {**stage, **changes}}


def test_all_of_a_publication_stands_in_it(tmp_path: Path) -> None:
    project(tmp_path)
    write_results(tmp_path, "paper")
    publish([], tmp_path)
    found = read_manifest(tmp_path / "reports/published")
    commit = found["families"][FAMILY]["commit"]
    assert len(commit) == 40
    assert set(found["families"][FAMILY]) == {"commit", "cpu", "requirements"}
    assert found["data"] == {"mnist/train_images.npy": "d"}
    assert found["timings"] == {FAMILY: {"linear": [2.0, 2.0]}}
    assert found["stages"] == {
        FAMILY: {
            "trial_seconds": 4.0, "scheduled_seconds": 2.0, "computed": 2, "replayed": 0,
            "wall_seconds": 3.0, "peak_bytes": 1_000_000,
            "peak_of": "an upper bound: the stage's own process and 2 times its largest worker",
        }
    }  # fmt: skip
    assert found["margins"] == {CLAIM: commit}
    assert found["changed"] == [FAMILY]
    names = ("dvc.lock", f"records/{FAMILY}.tar.xz", "verdicts.csv", "verdicts.json")
    assert list(found["files"]) == list(names)


def test_a_clone_without_history_keeps_the_margins(tmp_path: Path) -> None:
    project(tmp_path / "whole")
    write_results(tmp_path / "whole", "paper")
    publish([], tmp_path / "whole")
    before = read_manifest(tmp_path / "whole/reports/published")
    git(tmp_path / "whole", "add", "-A")
    git(tmp_path / "whole", "commit", "-qm", "published")
    url = (tmp_path / "whole").resolve().as_uri()
    git(tmp_path, "clone", "-q", "--depth", "1", url, str(tmp_path / "part"))
    (tmp_path / "part/data/results").mkdir(parents=True)
    write_results(tmp_path / "part", "paper")
    publish([], tmp_path / "part")
    assert read_manifest(tmp_path / "part/reports/published")["margins"] == before["margins"]


def test_times_are_those_of_the_records(made: Records, tmp_path: Path) -> None:
    assert trial_seconds(made, left(made), Store(tmp_path / "store")) == {"linear": [1.0, 2.5]}


def test_times_of_another_run_give_way_to_the_stores(made: Records, tmp_path: Path) -> None:
    other = left(made, trials=digest_of(["other"]))
    store = Store(tmp_path / "store")
    store.put(finished(0).fingerprint, finished(0).result, 7.0)
    for timings in (other, {}):
        assert trial_seconds(made, timings, store) == {}
    store.put(finished(1).fingerprint, finished(1).result, 8.0)
    for timings in (other, {}):
        assert trial_seconds(made, timings, store) == {"linear": [7.0, 8.0]}


def test_a_measurement_of_another_run_says_nothing(made: Records) -> None:
    measured = left(made)["stage"]
    assert stage_entry({"linear": [1.0, 2.5]}, measured, made)["wall_seconds"] == 3.0
    for other in ({**measured, "trials": "other"}, None):
        assert stage_entry({"linear": [1.0, 2.5]}, other, made) == {
            "trial_seconds": 3.5, "computed": None, "replayed": None, "wall_seconds": None,
            "peak_bytes": None, "peak_of": None,
        }  # fmt: skip
    assert stage_entry({}, measured, made)["trial_seconds"] is None


def test_a_replay_has_no_memory(made: Records) -> None:
    measured = left(made, computed=0, wall_seconds=None, workers=None, peak_bytes=None)["stage"]
    found = stage_entry({"linear": [1.0]}, measured, made)
    assert (found["computed"], found["peak_bytes"], found["peak_of"]) == (0, None, None)


@pytest.mark.parametrize(
    ("study", "code", "changed"),
    [
        (FAMILY, code_digest(f"retrial.studies.{FAMILY}"), []),
        (FAMILY, "c", [FAMILY]),
        ("no_more", "c", ["no_more"]),
    ],
)
def test_changed_code_is_named(
    made: Records, tmp_path: Path, study: str, code: str, changed: list[str]
) -> None:
    (made.folder / "provenance.json").write_text(json.dumps({"code": code}))
    pack(made.folder, archive_of(study, tmp_path / "published"))
    assert changed_studies(tmp_path / "published") == changed


def test_a_replay_of_the_same_records_keeps_what_was_measured(tmp_path: Path) -> None:
    project(tmp_path)
    write_results(tmp_path, "paper")
    publish([], tmp_path)
    folder, path = tmp_path / "reports/published", tmp_path / f"data/results/{FAMILY}/timings.json"
    first = read_manifest(folder)
    replay = json.loads(path.read_text())
    replay["stage"] |= {"computed": 0, "wall_seconds": None, "workers": None, "peak_bytes": None}
    path.write_text(json.dumps(replay))
    publish([], tmp_path)
    assert read_manifest(folder)["stages"] == first["stages"]
    # Times that are not known any more are those of the same records.
    path.unlink()
    publish([], tmp_path)
    assert read_manifest(folder)["stages"] == first["stages"]
    assert read_manifest(folder)["timings"] == first["timings"]


def test_other_records_keep_nothing(tmp_path: Path) -> None:
    project(tmp_path)
    write_results(tmp_path, "paper")
    publish([], tmp_path)
    folder = tmp_path / "reports/published"
    archive_of(FAMILY, folder).write_bytes(b"others")
    write_manifest(folder, read_manifest(folder))
    (tmp_path / f"data/results/{FAMILY}/timings.json").unlink()
    publish([], tmp_path)
    found = read_manifest(folder)
    assert found["timings"] == {FAMILY: {}}
    assert set(found["stages"][FAMILY].values()) == {None}


@pytest.mark.parametrize(
    ("seconds", "cores", "end"),
    [([3.0, 2.0, 2.0, 1.0], 2, 4.0), ([1.0] * 5, 2, 3.0), ([5.0], 4, 5.0), ([], 2, 0.0)],
)
def test_makespan(seconds: list[float], cores: int, end: float) -> None:
    assert makespan(seconds, cores) == end
