from pathlib import Path

import pytest
from synthetic import CLAIM, FAMILY, project, write_results

from retrial.core.errors import RetrialError
from retrial.tools.diff import cache_folder, difference, here, lines, there


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return project(tmp_path)


def test_nothing_moves_without_a_change(root: Path) -> None:
    change = difference(there("HEAD", root), here(root))
    assert change.moved == []
    assert change.causes == {FAMILY: []}
    assert lines(change) == ["0 verdicts moved; 0 others kept theirs with another measurement."]


def test_a_moved_verdict_comes_with_the_params_that_moved_it(root: Path) -> None:
    write_results(root, "paper", "contradicted")
    change = difference(there("HEAD", root), here(root))
    assert [(old["verdict"], new["verdict"]) for old, new in change.moved] == [
        ("reproduced", "contradicted")
    ]
    assert change.causes[FAMILY] == [
        f"profiles/paper.yaml: {FAMILY}.seeds: – → 2",
        f"profiles/quick.yaml: {FAMILY}.seeds: 1 → –",
        "params.yaml: profile: quick → paper",
    ]
    assert lines(change)[0].startswith(f"{CLAIM}: reproduced → contradicted (printed 0.91")


def test_changed_code_is_named(root: Path) -> None:
    (root / "src/code.py").write_text("a = 2\n")
    write_results(root, verdict="contradicted")
    assert difference(there("HEAD", root), here(root)).causes == {FAMILY: ["src changed"]}


def test_other_bytes_from_equal_inputs_are_named(root: Path) -> None:
    write_results(root, verdict="contradicted")
    (cause,) = difference(there("HEAD", root), here(root)).causes[FAMILY]
    assert cause == f"stage judge@{FAMILY} gave other bytes from equal inputs"


def test_the_published_run_is_a_revision_too(root: Path) -> None:
    folder = root / "reports/published"
    folder.mkdir(parents=True)
    for name in ("dvc.lock", "data/results/verdicts.csv"):
        (folder / Path(name).name).write_bytes((root / name).read_bytes())
    assert difference(there("published", root), here(root)).moved == []


def test_verdicts_that_left_the_cache_are_one_line(root: Path) -> None:
    for path in cache_folder(root).rglob("*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(RetrialError, match="not in the DVC cache"):
        there("HEAD", root)


def test_a_configured_cache_is_found(root: Path) -> None:
    (root / ".dvc/config.local").write_text("[cache]\n    dir = ../elsewhere\n")
    assert cache_folder(root).resolve() == (root / "elsewhere").resolve()


def test_no_run_is_one_line(root: Path) -> None:
    (root / "data/results/verdicts.csv").unlink()
    with pytest.raises(RetrialError, match="run `make study` first"):
        here(root)
