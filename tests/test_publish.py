import csv
import json
import re
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from synthetic import CLAIM, FAMILY, git, project, write_results

from retrial.core.errors import RetrialError
from retrial.judging.ledger import load_claims
from retrial.judging.searches import Search
from retrial.judging.verdicts import read_rows
from retrial.tools import publish as module
from retrial.tools.locks import md5, profiles, read_lock
from retrial.tools.publish import publish
from retrial.tools.published import archive_of, judged_again, laid_out
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
    names = (f"records/{FAMILY}.tar.xz", "dvc.lock", "verdicts.csv", "verdicts.json")
    assert written == {*names, "manifest.json"}
    folder = root / PUBLISHED
    assert written == {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    with (root / PUBLISHED / "verdicts.csv").open(newline="") as stream:
        assert [row["id"] for row in csv.DictReader(stream)] == [CLAIM]
    lock = read_lock(root / PUBLISHED / "dvc.lock")
    assert profiles(lock) == {"paper"}
    # What is made of all families is made anew of all that is published.
    own = {
        name: stage for name, stage in read_lock(root / "dvc.lock").items() if name != "verdicts"
    }
    assert lock == own
    with laid_out(root / PUBLISHED) as view:
        results = root / "data/results"
        for name in (f"{FAMILY}/records.json", f"{FAMILY}/arrays.npz"):
            assert (view / name).read_bytes() == (results / name).read_bytes()
        rows = read_rows(results / f"verdicts/{FAMILY}.json")
        assert read_rows(view / f"verdicts/{FAMILY}.json") == rows
    assert not [check for check in hashes(root) if check.wrong]


def test_nothing_else_is_left_behind(root: Path) -> None:
    before = {path for path in root.rglob("*") if ".git" not in path.parts}
    publish([], root)
    after = {path for path in root.rglob("*") if ".git" not in path.parts}
    assert {path.relative_to(root).parts[:2] for path in after - before} == {
        ("reports",), ("reports", "published"),
    }  # fmt: skip


def test_the_other_families_keep_their_records_and_are_judged_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The family's readings are of other arms than this project has.
    monkeypatch.setattr("retrial.judging.multiverse.NUMBERS", {})
    publish([], root)
    claims = (root / "claims/000.yaml").read_text()
    other = claims.split("groups:\n")[1].replace(FAMILY, "shift").replace(CLAIM, "000-3-x")
    (root / "claims/000.yaml").write_text(claims + other)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "another")
    rows = read_rows(root / PUBLISHED / "verdicts.json")
    rows.append({**rows[0], "id": "000-3-x", "family": "shift", "verdict": "untestable"})
    (root / PUBLISHED / "verdicts.json").write_text(json.dumps(rows))
    shutil.copy(archive_of(FAMILY, root / PUBLISHED), archive_of("shift", root / PUBLISHED))
    write_results(root, "paper", "contradicted")
    publish([FAMILY], root)
    rows = read_rows(root / PUBLISHED / "verdicts.json")
    found = {row["id"]: row["verdict"] for row in rows}
    again = judged_again("shift", load_claims(root / "claims"), ["000-3-x"], root / PUBLISHED)
    assert found == {CLAIM: "contradicted", "000-3-x": again[0]["verdict"]}
    assert again[0]["verdict"] != "untestable"
    assert archive_of("shift", root / PUBLISHED).exists()


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


def test_what_is_too_large_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish([], root)
    before = {path: path.read_bytes() for path in (root / PUBLISHED).rglob("*") if path.is_file()}
    size = sum(map(len, before.values()))
    # As much as that is still published.
    monkeypatch.setattr(module, "SIZE_AT_MOST", size)
    publish([], root)
    monkeypatch.setattr(module, "SIZE_AT_MOST", size - 1)
    largest = sorted(before.items(), key=lambda pair: -len(pair[1]))[:3]
    named = ", ".join(f"{path.relative_to(root / PUBLISHED)} {len(text)}" for path, text in largest)
    told = f"{PUBLISHED}: {size} bytes: expected at most {size - 1}; the largest are {named}"
    with pytest.raises(RetrialError, match=f"^{re.escape(told)}$"):
        publish([], root)
    after = {path: path.read_bytes() for path in (root / PUBLISHED).rglob("*") if path.is_file()}
    assert after == before


def committed(root: Path, old: str = "", new: str = "") -> None:
    """Commit what there is, with a change of the ledger."""
    path = root / "claims/000.yaml"
    path.write_text(path.read_text().replace(old, new))
    git(root, "add", "-A")
    git(root, "commit", "-qm", "next")


def test_a_margin_later_than_its_records_is_refused(root: Path) -> None:
    publish([], root)
    committed(root, "margin: 0.02", "margin: 0.05")
    write_results(root, "paper")
    told = f"margin of {CLAIM}: later than the first paper records of {FAMILY}, commit"
    with pytest.raises(RetrialError, match=told):
        publish([], root)


def test_a_reason_may_be_worded_anew(root: Path) -> None:
    publish([], root)
    committed(root, "two digits are printed", "it is printed with two digits")
    write_results(root, "paper")
    assert publish([], root)


def test_a_study_without_claims_is_published_by_its_name(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_search(root, "paper", monkeypatch)
    monkeypatch.setattr(module, "SEARCHES", {})
    monkeypatch.setattr(module, "WITHOUT_CLAIMS", ("search",))
    assert archive_of("search", root / PUBLISHED) in publish(["search"], root)
    assert json.loads((root / PUBLISHED / "verdicts.json").read_text()) == []
    assert list(read_lock(root / PUBLISHED / "dvc.lock")) == ["search"]
    publish([], root)
    assert [row["id"] for row in read_rows(root / PUBLISHED / "verdicts.json")] == [CLAIM]
    (root / "data/results/search/records.json").unlink()
    with pytest.raises(RetrialError, match=f"no verdicts of family 'search', found {FAMILY}"):
        publish(["search"], root)


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
    assert archive_of("search", root / PUBLISHED) in publish([FAMILY], root)


def test_a_search_is_published_with_its_family(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_search(root, "paper", monkeypatch)
    assert archive_of("search", root / PUBLISHED) in publish([FAMILY], root)
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
