"""A DVC remote in a folder carries results to a second clone, which then trains nothing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from clones import Clone, clone_to

STUDY = "iris_boundary"
STAGES = ("fetch@iris", "split@iris", STUDY)
OUTS = Path("data/results") / STUDY


def done(clone: Clone, *command: str) -> str:
    """What a command prints that succeeds."""
    ended = clone(*command)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended.stdout


def contents(root: Path) -> dict[str, bytes]:
    names = ("arrays.npz", "curves.csv", "provenance.json", "records.json")
    return {name: (root / OUTS / name).read_bytes() for name in names}


def trials(clone: Clone) -> int:
    return len(list(Path(clone.environment["RETRIAL_CACHE"]).rglob("*.trial")))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A clone that has run one study, committed its lock and pushed to a folder."""
    folder = tmp_path_factory.mktemp("first")
    clone = clone_to(folder)
    done(clone, "dvc", "repro", STUDY)
    assert trials(clone) > 0
    done(clone, "dvc", "remote", "add", "--default", "team", str(folder / "remote"))
    done(clone, "git", "commit", "-q", "-am", "a run, and where it is kept")
    done(clone, "dvc", "push", "--run-cache", *STAGES)
    yield clone
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def second(first: Clone, tmp_path: Path) -> Clone:
    """Another person's clone through git: no data, no results, an empty trial store."""
    done(first, "git", "clone", "-q", str(first.root), str(tmp_path / "clone"))
    (tmp_path / "cache").mkdir()
    clone = Clone(tmp_path / "clone", tmp_path / "cache")
    assert not (clone.root / "data").exists()
    return clone


def test_a_second_clone_pulls_and_trains_nothing(first: Clone, second: Clone) -> None:
    done(second, "dvc", "pull", *STAGES)
    assert contents(second.root) == contents(first.root)
    assert "Running stage" not in done(second, "dvc", "repro", STUDY)
    assert trials(second) == 0
    assert done(second, "git", "status", "--porcelain") == ""


def test_the_run_cache_carries_what_another_lock_has_forgotten(first: Clone, second: Clone) -> None:
    done(second, "dvc", "pull", "--run-cache", *STAGES)
    shutil.rmtree(second.root / "data")
    (second.root / "dvc.lock").unlink()
    told = done(second, "dvc", "repro", STUDY)
    assert f"Stage '{STUDY}' is cached - skipping run" in told
    assert "Running stage" not in told
    assert contents(second.root) == contents(first.root)
    assert trials(second) == 0


def test_an_absent_remote_is_said_file_by_file_and_a_later_pull_succeeds(
    first: Clone, second: Clone, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    remote = first.root.parent / "remote"
    remote.rename(away)
    try:
        ended = second("dvc", "pull", *STAGES)
    finally:
        away.rename(remote)
    assert ended.returncode != 0
    assert f"{OUTS}/records.json" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    done(second, "dvc", "pull", *STAGES)
    assert contents(second.root) == contents(first.root)
