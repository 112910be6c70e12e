"""Locks that DVC was killed while it wrote: `retrial study` mends them before it runs DVC."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from synthetic import git, project

from retrial.tools import pipeline
from retrial.tools.locks import LOCK
from retrial.tools.pipeline import mend


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pipeline, "WRITING", 0)
    return project(tmp_path)


@pytest.mark.parametrize("kept", [0, 20, -8])
def test_a_cut_lock_is_replaced_by_the_committed_one(
    root: Path, kept: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = root / LOCK
    git(root, "add", "-f", LOCK)
    git(root, "commit", "-q", "--allow-empty", "-m", "lock")
    whole = path.read_bytes()
    path.write_bytes(whole[:kept] + (b"\n  loose" if kept < 0 else b""))
    mend(root)
    assert path.read_bytes() == whole
    told = capsys.readouterr().err
    assert told == (
        f"warning: {path}: cut short, DVC was killed while it wrote it; "
        "the committed one is in its place\n"
    )


def test_a_cut_lock_that_was_never_committed_is_removed(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(root, "rm", "-q", "--cached", "--ignore-unmatch", LOCK)
    git(root, "commit", "-q", "--allow-empty", "-m", "no lock")
    (root / LOCK).write_text("schema: '2.0'\nsta")
    mend(root)
    assert not (root / LOCK).exists()
    assert "cut short" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", '{"read": {"a"'])
def test_a_cut_list_of_readers_and_writers_is_removed(
    root: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = root / pipeline.RWLOCK
    path.parent.mkdir(parents=True)
    path.write_text(text)
    mend(root)
    assert not path.exists()
    assert capsys.readouterr().err == (
        f"warning: {path}: cut short, DVC was killed while it wrote it; removed\n"
    )
    path.write_text('{"read": {}}')
    mend(root)
    assert path.exists()


def test_a_whole_lock_stays_as_it_is(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = (root / LOCK).read_bytes() + b"\n"
    (root / LOCK).write_bytes(changed)
    mend(root)
    assert (root / LOCK).read_bytes() == changed
    (root / LOCK).unlink()
    mend(root)
    assert not (root / LOCK).exists()
    assert capsys.readouterr().err == ""


def test_a_lock_that_another_run_is_writing_is_left_to_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (root / LOCK).read_bytes()
    (root / LOCK).write_bytes(whole[:20])
    # What the other run does meanwhile.
    ending = SimpleNamespace(sleep=lambda _: (root / LOCK).write_bytes(whole + b"\n"))
    monkeypatch.setattr(pipeline, "time", ending)
    mend(root)
    assert (root / LOCK).read_bytes() == whole + b"\n"
    assert capsys.readouterr().err == ""
