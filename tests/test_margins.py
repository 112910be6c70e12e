"""Git tells whether a margin came before the first paper records that it judges."""

from pathlib import Path

import pytest
from synthetic import CLAIM, FAMILY, git, project, write_results

from retrial.core.errors import RetrialError
from retrial.judging.ledger import load_claims
from retrial.judging.verdicts import read_rows
from retrial.tools import verify
from retrial.tools.margins import History, Late, commits, first_published, late
from retrial.tools.publish import publish

FIRST = "reports/published/records/kernels.tar.xz"
THRESHOLD = "evidence: {arm: linear, metric: accuracy, thresholds: {share: 0.5}}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose paper results are published and committed."""
    project(tmp_path)
    write_results(tmp_path, "paper")
    publish([], tmp_path)
    commit(tmp_path)
    return tmp_path


def commit(root: Path, old: str = "", new: str = "") -> str:
    """Commit what there is, with a change of the ledger; the commit."""
    path = root / "claims/000.yaml"
    path.write_text(path.read_text().replace(old, new))
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "next")
    return head(root)


def head(root: Path, back: int = 0) -> str:
    """The commit so many before the last."""
    from retrial.tools.locks import git as asked

    return asked(["rev-parse", f"HEAD~{back}"], root).stdout.strip()


def found(root: Path) -> Late:
    claims, rows = load_claims(root / "claims"), read_rows(root / "reports/published/verdicts.json")
    return late(FAMILY, claims, rows, History.read(root))


def checks(root: Path) -> dict[str, tuple[str, str]]:
    return {one.what: (one.wrong, one.note) for one in verify.margins(root)}


def test_a_margin_before_its_records_holds(root: Path) -> None:
    assert found(root) == Late(head(root), [], [], 1)
    assert first_published(FAMILY, root) == head(root)
    assert commits(load_claims(root / "claims"), History.read(root)) == {CLAIM: head(root, 1)}
    since = f"of its first paper records, {head(root)[:12]}"
    assert checks(root) == {
        f"1 margins of {FAMILY} are those {since}": ("", ""),
        "reports/published/manifest.json names the commits of 1 claims' own numbers": ("", ""),
    }


def test_a_margin_after_its_records_is_found(root: Path) -> None:
    first = head(root)
    commit(root, "margin: 0.02", "margin: 0.05")
    assert found(root) == Late(first, [CLAIM], [], 0)
    wrong = [one.wrong for one in verify.margins(root)]
    assert wrong == [f"later than that: {CLAIM}", f"has other commits for {CLAIM}"]


def test_an_uncommitted_margin_is_found(root: Path) -> None:
    path = root / "claims/000.yaml"
    path.write_text(path.read_text().replace("margin: 0.02", "margin: 0.05"))
    assert found(root).margins == [CLAIM]


def test_a_margin_that_came_with_its_records_is_found(tmp_path: Path) -> None:
    project(tmp_path)
    commit(tmp_path, "        margin: 0.02\n        margin_reason: two digits are printed\n")
    write_results(tmp_path, "paper")
    publish([], tmp_path)
    path = tmp_path / "claims/000.yaml"
    stated = "quantity: accuracy\n        margin: 0.02\n        margin_reason: because"
    commit(tmp_path, "quantity: accuracy", stated)
    assert "margin: 0.02" in path.read_text()
    assert found(tmp_path).margins == [CLAIM]


def test_moved_lines_and_reasons_are_no_later_margin(root: Path) -> None:
    since = commits(load_claims(root / "claims"), History.read(root))
    commit(root, "two digits are printed", "it is printed with two digits")
    commit(root, 'report: "000"\n', '# The ledger.\n\nreport: "000"\n')
    assert found(root).margins == []
    assert commits(load_claims(root / "claims"), History.read(root)) == since


def test_a_default_margin_is_that_of_the_first_published_row(root: Path) -> None:
    history, claims = History.read(root), load_claims(root / "claims")
    plain = [claims[0].model_copy(update={"margin": None, "margin_reason": ""})]
    row = {"id": CLAIM, "margin": 0.02}
    assert late(FAMILY, plain, [row], history).margins == []
    assert late(FAMILY, plain, [{**row, "margin": 0.03}], history).margins == [CLAIM]
    # Nothing was measured: there is no margin to compare.
    assert late(FAMILY, plain, [{**row, "margin": None}], history) == Late(head(root), [], [], 0)


def test_later_thresholds_are_noted(root: Path) -> None:
    commit(root, "evidence: {arm: linear, metric: accuracy}", THRESHOLD)
    assert found(root)[1:] == ([], [CLAIM], 1)
    notes = [note for _, note in checks(root).values() if note]
    assert notes == [f"other or later ones: {CLAIM}"]


def test_records_in_the_folders_of_before_count_as_published(tmp_path: Path) -> None:
    project(tmp_path)
    folder = tmp_path / "reports/published" / FAMILY
    folder.mkdir(parents=True)
    (folder / "records.json").write_text("{}")
    (folder / "verdicts.json").write_text(f'[{{"id": "{CLAIM}", "margin": 0.01}}]')
    first = commit(tmp_path)
    for path in folder.iterdir():
        path.unlink()
    (tmp_path / FIRST).parent.mkdir(parents=True)
    (tmp_path / FIRST).write_text("packed")
    commit(tmp_path)
    assert first_published(FAMILY, tmp_path) == first
    claims, history = load_claims(tmp_path / "claims"), History.read(tmp_path)
    assert late(FAMILY, claims, [{"id": CLAIM, "margin": 0.02}], history).margins == [CLAIM]
    assert late(FAMILY, claims, [{"id": CLAIM, "margin": 0.01}], history).margins == []


def test_a_family_that_is_not_published_has_none_later(tmp_path: Path) -> None:
    project(tmp_path)
    claims = load_claims(tmp_path / "claims")
    history = History.read(tmp_path)
    assert first_published(FAMILY, tmp_path) == ""
    assert late(FAMILY, claims, [{"id": CLAIM, "margin": 0.02}], history) == Late("", [], [], 1)


def test_without_all_of_its_history_a_clone_cannot_tell(root: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(root, "clone", "-q", "--depth", "1", root.resolve().as_uri(), str(clone))
    with pytest.raises(RetrialError, match="no git repository with its whole history"):
        History.read(clone)
    (one,) = verify.margins(clone)
    assert one.wrong == ""
    assert one.note.endswith("no git repository with its whole history")


def test_a_ledger_of_another_form_ends_the_history(tmp_path: Path) -> None:
    project(tmp_path)
    commit(tmp_path, "margin: 0.02", "old: 1\n        margin: 0.02")
    newest = commit(tmp_path, "old: 1\n        margin: 0.02", "margin: 0.02")
    history = History.read(tmp_path)
    assert [commit for commit, _ in history.ledgers] == [newest]
    assert history.touched(load_claims(tmp_path / "claims")[0]) == newest
