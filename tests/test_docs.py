"""The pages below docs/: the worked example is run as it stands there, and links lead somewhere."""

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from clones import ROOT, Clone, clone_to
from pypdf import PdfReader

PAGE = ROOT / "docs/add_a_study.md"
FAMILY, CLAIM, PRINTED = "nearest_mean", "demo-1-accuracy", '"0.90"'
LINES_AT_MOST = 100
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# What a block is for stands in the line above it.
BLOCK = re.compile(
    r"^(?P<where>New file|At the end of|In) (?P<files>`[^`]+`(?:, `[^`]+`)*)"
    r"(?:, (?P<side>above|below) (?:the|each) line with `(?P<anchor>[^`]+)`)?:\n\n"
    r"```\w+\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# The chapters of the report but the example's need the whole study.
RENDER = f"""
from pathlib import Path
from retrial.report import book
book.CHAPTERS = {{{FAMILY!r}: book.CHAPTERS[{FAMILY!r}]}}
book.AFTER = []
book.write_report(book.RESULTS, "quick", Path("one.html"), Path("one.pdf"))
"""


class Addition(NamedTuple):
    """A block of the page, the files that it goes into, and how many lines it adds to them all."""

    text: str
    files: list[str]
    where: str
    side: str | None
    anchor: str | None

    def apply(self, root: Path) -> int:
        """Put the block into the project at `root`; the lines added, blank ones not counted."""
        own = sum(bool(line.strip()) for line in self.text.splitlines())
        return sum(own * self._into(root / name) for name in self.files)

    def _into(self, path: Path) -> int:
        if self.where == "New file":
            assert not path.exists(), f"{path.name} is there already"
            path.write_text(self.text)
            return 1
        lines = path.read_text().splitlines(keepends=True)
        if self.where == "At the end of":
            path.write_text("".join([*lines, self.text]))
            return 1
        assert self.anchor is not None
        places = [i for i, line in enumerate(lines) if self.anchor in line]
        assert places, f"{path.name} has no line with {self.anchor}"
        for i in reversed(places):
            lines.insert(i + (self.side == "below"), self.text)
        path.write_text("".join(lines))
        return len(places)


def additions() -> list[Addition]:
    return [
        Addition(
            one["text"], one["files"].strip("`").split("`, `"), one["where"], one["side"],
            one["anchor"],
        )
        for one in BLOCK.finditer(PAGE.read_text())
    ]  # fmt: skip


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """The project with the example, its stage and its judge run, and what was added counted."""
    found = clone_to(tmp_path_factory.mktemp("docs"), without="reports/published")
    found.replace("params.yaml", "^profile: .*$", "profile: quick")
    for one in additions():
        one.apply(found.root)
    done = found("dvc", "repro", f"judge@{FAMILY}")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    yield found
    shutil.rmtree(found.root.parent, ignore_errors=True)


def verdict(clone: Clone) -> dict:
    rows = json.loads((clone.root / f"data/results/verdicts/{FAMILY}.json").read_text())
    assert [row["id"] for row in rows] == [CLAIM]
    return rows[0]


def test_every_block_of_the_page_is_used() -> None:
    assert len(additions()) == len(re.findall(r"^```\w", PAGE.read_text(), re.MULTILINE))


def test_the_example_is_short(tmp_path: Path) -> None:
    for one in additions():
        for name in one.files:
            if (ROOT / name).exists():
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, tmp_path / name)
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    assert sum(one.apply(tmp_path) for one in additions()) < LINES_AT_MOST


def test_the_example_has_the_verdict_that_the_page_shows(clone: Clone) -> None:
    row = verdict(clone)
    assert (row["verdict"], row["n"]) == ("reproduced", 10)
    # The terminal's card stands on the page but for its hashes.
    card = clone("retrial", "show", CLAIM).stdout.splitlines()
    shown = [f"    {line}" for line in card if not line.startswith(("stage", "trials"))]
    page = PAGE.read_text().splitlines()
    assert [line for line in shown if line.rstrip() not in page] == []


def test_the_example_stands_in_the_report(clone: Clone) -> None:
    done = clone(sys.executable, "-c", RENDER)
    assert done.returncode == 0, done.stderr[-3000:]
    html = (clone.root / "one.html").read_text()
    assert f'id="{CLAIM}"' in html
    family = html[html.index(f'id="family-{FAMILY.replace("_", "-")}"') :]
    assert f'href="#{CLAIM}"' in family
    assert f"{verdict(clone)['measured']:.3f}" in family
    pages = "".join(page.extract_text() for page in PdfReader(clone.root / "one.pdf").pages)
    assert CLAIM in pages.replace("\u200b", "").replace("\n", "")


def test_the_example_declares_what_it_imports_and_is_laid_out_as_the_house_does(
    clone: Clone,
) -> None:
    tests = "tests/test_dependencies.py"
    done = clone(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests, "-k",
                 f"{FAMILY} or report")  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    files = [name for one in additions() for name in one.files if name.endswith(".py")]
    assert clone("ruff", "check", *files).stdout.strip() == "All checks passed!"
    assert clone("ruff", "format", "--check", *files).returncode == 0


def test_another_print_is_judged_without_a_trial(clone: Clone) -> None:
    store = clone.root.parent / "cache/trials"
    trials = len(list(store.rglob("*.trial")))
    assert trials == 10
    clone.replace("claims/demo.yaml", f"printed: {PRINTED}", 'printed: "0.95"')
    try:
        done = clone("dvc", "repro", f"judge@{FAMILY}")
        assert done.returncode == 0, done.stderr[-3000:]
        assert f"Running stage '{FAMILY}'" not in done.stdout
        assert verdict(clone)["verdict"] == "contradicted"
    finally:
        clone.replace("claims/demo.yaml", 'printed: "0.95"', f"printed: {PRINTED}")
    assert len(list(store.rglob("*.trial"))) == trials


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"https?://", target):
            name, _, anchor = target.partition("#")
            path = page.parent / name if name else page
            assert path.exists(), f"{page.name} links {target}"
            if anchor:
                heads = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
                assert anchor in {
                    re.sub(r"[^\w\- ]", "", h).lower().replace(" ", "-") for h in heads
                }


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text()
    for added in additions():
        for name in added.files if added.where == "New file" else []:
            text = text.replace(name, "README.md")
    roots = ("src", "tests", "docs", "stages", "claims", "profiles", "benchmarks")
    for name in re.findall(rf"`((?:{'|'.join(roots)})/[\w./-]*)`", text):
        assert (ROOT / name).exists(), f"{page.name} names {name}"
