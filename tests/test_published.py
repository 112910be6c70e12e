"""What is published is read as a run leaves it; the published report is made of nothing else."""

import json
import shutil
from pathlib import Path

import pytest
from published_records import FOLDER
from synthetic_report import NOTEBOOK, ROOT, TEMPLATE, rows, write_results

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.tools import publish
from retrial.tools.archive import MEMBERS, pack
from retrial.tools.manifest import read_manifest
from retrial.tools.published import archive_of, by_family, laid_out, published_studies


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose only chapter is published and which has no results of its own."""
    monkeypatch.setattr(publish, "CHAPTERS", {"toy": ["toy"]})
    monkeypatch.setattr(publish, "WITHOUT_CLAIMS", ("toy",))
    monkeypatch.setattr("retrial.report.book.CHAPTERS", {"toy": ["toy"]})
    monkeypatch.setattr("retrial.report.book.AFTER", [])
    monkeypatch.setattr("retrial.report.book.AFTER", [])
    shutil.copytree(TEMPLATE, tmp_path / "reports/template")
    shutil.copy(ROOT / "reports/overview.py", tmp_path / "reports")
    (tmp_path / "reports/toy.py").write_text(NOTEBOOK, encoding="utf-8")
    results = write_results(tmp_path)
    published = tmp_path / "reports/published"
    pack(results / "toy", archive_of("toy", published))
    (published / "verdicts.json").write_text(json.dumps(rows()), encoding="utf-8")
    shutil.rmtree(results)
    return tmp_path


def test_it_is_laid_out_as_a_run_leaves_it(root: Path) -> None:
    with laid_out(root / "reports/published") as view:
        files = {str(path.relative_to(view)) for path in view.rglob("*") if path.is_file()}
        assert files == {*(f"toy/{name}" for name in MEMBERS), "verdicts/toy.json"}
        assert json.loads((view / "verdicts/toy.json").read_text()) == rows()
        assert {"good", "bad"} <= set(Records.load(view / "toy").arms())
    assert not view.exists()


def test_what_is_not_published_is_one_line(root: Path) -> None:
    with (
        pytest.raises(RetrialError, match=r"pins.tar.xz: no such file, its study is not published"),
        laid_out(root / "reports/published", ["pins"]),
    ):
        pass


def test_rows_are_told_apart_by_family() -> None:
    one, two, three = ({"family": name, "id": i} for i, name in enumerate("bab"))
    assert by_family([one, two, three]) == {"b": [one, three], "a": [two]}


def test_the_report_is_made_of_it_the_same_each_time(root: Path) -> None:
    published = root / "reports/published"
    written = publish.write_published(published, "paper", root)
    assert written == [published / "report.html", published / "report.pdf"]
    html = written[0].read_text(encoding="utf-8")
    assert "profile <strong>paper</strong>" in html
    assert 'id="000-6.0-reproduced"' in html
    first = [path.read_bytes() for path in written]
    again = publish.write_published(published, "paper", root)
    assert [path.read_bytes() for path in again] == first
    # What it was laid out in is gone.
    assert list((root / "data").iterdir()) == []


@pytest.mark.parametrize("name", ["verdicts.json", "records/toy.tar.xz"])
def test_a_chapter_without_its_results_leaves_the_report_as_it_is(root: Path, name: str) -> None:
    published = root / "reports/published"
    (published / "report.html").write_text("old")
    (published / name).unlink()
    assert publish.write_published(published, "paper", root) == []
    assert (published / "report.html").read_text() == "old"


def test_the_published_times_are_those_of_the_published_trials() -> None:
    timings = read_manifest(FOLDER)["timings"]
    assert sorted(timings) == published_studies(FOLDER)
    with laid_out(FOLDER) as view:
        for study, seconds in timings.items():
            records = Records.load(view / study)
            counts = {arm: len(records.of(arm)) for arm in records.arms()}
            assert {arm: len(found) for arm, found in seconds.items()} == counts, study
