import csv
import json
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from synthetic import CLAIM, FAMILY, git, project, write_results

from retrial.core.errors import RetrialError
from retrial.judging.searches import Search
from retrial.tools import publish as module
from retrial.tools.locks import md5, profiles, read_lock
from retrial.tools.publish import publish
from retrial.tools.verify import hashes

PUBLISHED = Path("reports/published")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project after a paper run, with params.yaml put back to quick."""
    project(tmp_path)
    write_results(tmp_path, "paper")
    return tmp_path


def refused(root: Path, match: str) -> None:
    with pytest.raises(RetrialError, match=match):
        publish([FAMILY], root)
    assert not (root / PUBLISHED).exists()


def test_paper_results_are_copied_with_lock_tables_and_manifest(root: Path) -> None:
    written = {str(path.relative_to(root / PUBLISHED)) for path in publish([], root)}
    assert written == {
        *(f"{FAMILY}/{name}" for name in ("records.json", "curves.csv", "arrays.npz")),
        *(f"{FAMILY}/{name}" for name in ("provenance.json", "verdicts.json")),
        "dvc.lock", "verdicts.csv", "verdicts.json", "manifest.json",
    }  # fmt: skip
    with (root / PUBLISHED / "verdicts.csv").open(newline="") as stream:
        assert [row["id"] for row in csv.DictReader(stream)] == [CLAIM]
    lock = read_lock(root / PUBLISHED / "dvc.lock")
    assert profiles(lock) == {"paper"}
    assert lock == read_lock(root / "dvc.lock")
    manifest = json.loads((root / PUBLISHED / "manifest.json").read_text())
    assert manifest["timings"] == {FAMILY: {"linear": [2.0, 2.0]}}
    assert manifest["data"] == {"mnist/train_images.npy": "d"}
    assert len(manifest["families"][FAMILY]["commit"]) == 40
    assert manifest["margins"] == {CLAIM: manifest["families"][FAMILY]["commit"]}
    assert not [check for check in hashes(root) if check.wrong]


def test_publishing_again_gives_the_same_files(root: Path) -> None:
    before = {path: path.read_bytes() for path in publish([], root)}
    assert {path: path.read_bytes() for path in publish([FAMILY], root)} == before


def test_the_profile_may_differ(root: Path) -> None:
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("quick", "paper"))
    assert publish([FAMILY], root)


def test_any_other_param_may_not(root: Path) -> None:
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("1.0", "2.0"))
    refused(root, r"^params.yaml: uncommitted")


@pytest.mark.parametrize("name", ["src/code.py", "src/new.py", "claims/000.yaml"])
def test_uncommitted_code_is_refused(root: Path, name: str) -> None:
    with (root / name).open("a") as stream:
        stream.write("# changed\n")
    refused(root, f"^{name}: uncommitted")


def test_another_profile_is_refused(root: Path) -> None:
    write_results(root, "quick")
    refused(root, "profile = 'quick': expected 'paper'")


def test_code_committed_after_the_run_is_refused(root: Path) -> None:
    (root / "src/code.py").write_text("a = 2\n")
    git(root, "commit", "-qam", "later")
    refused(root, f"^src: not what stage {FAMILY} had")


def test_a_failed_stage_is_refused(root: Path) -> None:
    # DVC removes a stage's outs before it runs, and after a failure.
    (root / "data/results" / FAMILY / "records.json").unlink()
    refused(root, f"records.json: not what stage {FAMILY} had")


def test_an_unknown_family_is_refused(root: Path) -> None:
    with pytest.raises(RetrialError, match="no verdicts of family 'shift', found kernels"):
        publish(["shift"], root)


def test_large_arrays_stay_out(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ARRAYS_AT_MOST", 10)
    assert not [path for path in publish([], root) if path.name == "arrays.npz"]
    assert not (root / PUBLISHED / FAMILY / "arrays.npz").exists()


def test_a_changed_published_file_is_found(root: Path) -> None:
    publish([], root)
    (root / PUBLISHED / "verdicts.csv").write_text("id\n")
    (root / PUBLISHED / "stray").write_text("")
    wrong = {check.what: check.wrong for check in hashes(root) if check.wrong}
    assert list(wrong) == [str(PUBLISHED / "verdicts.csv"), str(PUBLISHED / "stray")]


def test_a_renamed_file_is_refused(root: Path) -> None:
    git(root, "mv", "src/code.py", "src/moved.py")
    refused(root, r"^src/code.py: uncommitted")


def with_search(root: Path, profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the family one that has a search, which ran under `profile`."""
    search = Search("search", lambda claims, records: [], None)
    monkeypatch.setattr(module, "SEARCHES", {FAMILY: search})
    shutil.copytree(root / "data/results" / FAMILY, root / "data/results/search")
    out = "data/results/search/records.json"
    lock = YAML(typ="safe").load((root / "dvc.lock").read_text())
    stage = {"path": out, "md5": md5(root / out)}
    budget = {f"profiles/{profile}.yaml": {FAMILY: {"seeds": {"paper": 2, "quick": 1}[profile]}}}
    lock["stages"]["search"] = {"params": budget, "outs": [stage]}
    judge = lock["stages"].pop(f"judge@{FAMILY}")
    judge["deps"].append(stage)
    lock["stages"][f"judge_after_search@{FAMILY}"] = judge
    with (root / "dvc.lock").open("w") as stream:
        YAML().dump(lock, stream)


def test_what_a_family_runs_on_is_published_with_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_search(root, "paper", monkeypatch)
    monkeypatch.setattr(module, "SEARCHES", {})
    monkeypatch.setattr(module, "BEFORE", {FAMILY: ["search"]})
    assert root / PUBLISHED / "search/records.json" in publish([FAMILY], root)


def test_a_search_is_published_with_its_family(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_search(root, "paper", monkeypatch)
    assert root / PUBLISHED / "search/records.json" in publish([FAMILY], root)
    assert "search" in read_lock(root / PUBLISHED / "dvc.lock")


def test_a_search_of_another_profile_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_search(root, "quick", monkeypatch)
    refused(root, "stage search did not read profiles/paper.yaml")


def test_a_search_that_is_out_of_date_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_search(root, "paper", monkeypatch)
    (root / "data/results/search/records.json").unlink()
    refused(root, "records.json: not what stage search had")
