"""Page-width entries of claims, and the same lines in a terminal."""

from pathlib import Path
from typing import Any

import pytest

from retrial.core import records as disk
from retrial.core.records import Finished, Records
from retrial.core.trial import Metric, Result, Trial
from retrial.report.entries import entries, entry
from retrial.report.markup import plain
from retrial.report.terminal import in_terminal


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """A sheet of one line, with a slip that halves it."""
    detail = {
        "lines": {"weight": {"tex": "w", "value": ["1/5"]}},
        "slips": {"halved": {"line": "weight", "values": {"weight": ["1/10"]}}},
    }
    result = Result({"weight": Metric(0.2, 0)}, detail=detail)
    one = Finished(Trial("worked", "sheet", 0, {}), result, "f" * 32)
    disk.write(tmp_path / "worked", "worked", [one], [], {})
    return Records.load(tmp_path / "worked")


def row(name: str = "003-6-w5", **changes: Any) -> dict[str, Any]:
    return {
        "id": name, "where": "Ex6", "verdict": "explained", "tex": "w = 0.1", "right": "w = 0.2",
        "why": "A factor <2> was dropped.", "reason": "worked out, 0.2", "statement": "w is 0.1",
        "choices": [], "fitted": [], "fault": "halved", "printed": "0.1",
        "evidence": {"arm": "sheet", "metric": "weight", "test": "worked_number"},
    } | changes  # fmt: skip


def test_an_entry_has_both_lines_and_a_sentence(records: Records) -> None:
    text = entry(row(), records)
    assert "$w = 0.1$" in text
    assert "$w = 0.2$" in text
    assert r"A factor \<2\> was dropped\." in text
    assert "{#line-003-6-w5}" in text.replace(".entry ", "")
    assert 'verdict("explained"' in text


def test_what_is_explained_is_told_as_a_story(records: Records) -> None:
    text = entry(row(), records)
    labels = ["printed", "right", "suspicion", "put back", "gives"]
    places = [text.index(f'class="label">{label}<') for label in labels]
    assert places == sorted(places)
    assert "[0.1](#sources-worked" in text
    other = entry(row(verdict="impossible"), records)
    assert "suspicion" not in other
    assert r"A factor \<2\> was dropped\." in other


def test_a_right_line_stands_once(records: Records) -> None:
    assert entry(row(verdict="reproduced"), records).count("$") == 2


def test_without_a_line_the_statement_stands_there(records: Records) -> None:
    text = entry(row(tex="", right="", why=""), records)
    assert "w is 0\\.1" in text
    assert "worked out, 0\\.2" in text


def test_entries_are_those_of_a_prefix_and_none_goes_missing(records: Records) -> None:
    rows = [row("003-6-w5"), row("002-A1-w2"), row("003-6-w6")]
    assert len(entries(records, rows, "003-6", "002-A1")) == 3
    assert len(entries(records, rows, "003-6")) == 2
    with pytest.raises(ValueError, match="no claim begins with '004'"):
        entries(records, rows, "003-6", "004")


def test_plain_text_holds_no_markdown() -> None:
    assert plain("a*b_c $x$ [y](z) `c`") == r"a\*b\_c \$x\$ \[y\]\(z\) \`c\`"


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        ("", ""),
        (r"w_5' = w_5 - \eta\,\delta_{o_1} h_1", "w₅^′ = w₅ − ηδ_(o₁)h₁"),
        (r"\frac{\partial L}{\partial w}", "(∂L)/(∂w)"),
        (r"\tfrac12 + \frac{a}{\frac{b}{c}}", "1/2 + a/(b/c)"),
        (r"\begin{bmatrix} a & b \\ c & d \end{bmatrix}", "[a, b; c, d]"),
        (r"\begin{cases} 1 & x > 0 \\ 0 & x \le 0 \end{cases}", "{1, x > 0; 0, x ≤ 0}"),
        (r"\sum_{i=1}^n x_i", "∑_(i = 1)^nx_i"),
        (r"\sqrt{\frac{a}{b}}", "√(a/b)"),
        (r"\left[0,\,\infty\right)", "[0, ∞)"),
    ],
)
def test_in_terminal(tex: str, text: str) -> None:
    assert in_terminal(tex) == text
