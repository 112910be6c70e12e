"""The published report is made of what is published, and of nothing else."""

import shutil
from pathlib import Path

import pytest
from synthetic_report import NOTEBOOK, ROOT, TEMPLATE, write_results

from retrial.report import book


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose only chapter is published and which has no results of its own."""
    monkeypatch.setattr(book, "CHAPTERS", {"toy": ["toy"]})
    shutil.copytree(TEMPLATE, tmp_path / "reports/template")
    shutil.copy(ROOT / "reports/overview.py", tmp_path / "reports")
    (tmp_path / "reports/toy.py").write_text(NOTEBOOK, encoding="utf-8")
    results = write_results(tmp_path)
    published = tmp_path / "reports/published"
    shutil.move(results / "toy", published / "toy")
    shutil.move(results / "verdicts/toy.json", published / "toy/verdicts.json")
    shutil.rmtree(results)
    return tmp_path


def test_it_is_made_of_what_is_published_the_same_each_time(root: Path) -> None:
    published = root / "reports/published"
    written = book.write_published(published, "paper", root)
    assert written == [published / "report.html", published / "report.pdf"]
    html = written[0].read_text(encoding="utf-8")
    assert "profile <strong>paper</strong>" in html
    assert 'id="000-6.0-reproduced"' in html
    first = [path.read_bytes() for path in written]
    assert [path.read_bytes() for path in book.write_published(published, "paper", root)] == first
    # What it was laid out in is gone.
    assert list((root / "data").iterdir()) == []


@pytest.mark.parametrize("name", ["verdicts.json", "arrays.npz"])
def test_a_chapter_without_its_results_leaves_the_report_as_it_is(root: Path, name: str) -> None:
    published = root / "reports/published"
    (published / "report.html").write_text("old")
    (published / "toy" / name).unlink()
    assert book.write_published(published, "paper", root) == []
    assert (published / "report.html").read_text() == "old"
