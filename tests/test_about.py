"""What a claim's row opens to: where it is shown, and how the table shows it."""

import re
from pathlib import Path

import pytest
import synthetic_report as synthetic

from retrial.core.errors import RetrialError
from retrial.judging.ledger import load_claims
from retrial.report import show, tables
from retrial.report.about import BY_LINE, FIGURES, about, figure_of

ROOT = Path(__file__).parents[1]


def test_every_family_has_a_figure_of_its_claims() -> None:
    owners = {claim.family for claim in load_claims(ROOT / "claims")}
    assert owners == set(FIGURES) | {BY_LINE}


def test_figures_that_are_linked_are_drawn() -> None:
    paths = [*(ROOT / "reports").rglob("*.py"), *(ROOT / "src/retrial/report").glob("*.py")]
    texts = [p.read_text(encoding="utf-8") for p in paths if p.name != "about.py"]
    literals = {s for text in texts for s in re.findall(r'"([a-z0-9{}-]+)"', text)}

    def drawn(name: str) -> bool:
        """Whether a literal names the figure, be it as f"{name}-accuracy" or f"shift-{what}"."""
        found = (
            re.fullmatch(re.sub(r"{\w+}", "([a-z0-9-]+)", literal), name)
            for literal in literals
            if re.search("[a-z]{4,}", re.sub(r"{\w+}", "", literal))
        )
        return any(match and literals.issuperset(match.groups()) for match in found)

    assert [n for names in FIGURES.values() for n in names.values() if not drawn(n)] == []
    assert not drawn("scratch-lost")
    assert not drawn("lost-accuracy")


def test_figure_by_metric_and_by_line() -> None:
    evidence = {"metric": "train_loss"}
    claim = {"id": "002-x", "family": "scratch_grid", "evidence": evidence}
    assert figure_of(claim) == "figure-scratch-loss"
    claim["evidence"] = {"metric": "train_accuracy"}
    assert figure_of(claim) == "figure-scratch-accuracy"
    assert figure_of({**claim, "family": BY_LINE}) == "line-002-x"
    assert figure_of({**claim, "family": "toy"}) == ""


def test_a_row_opens_to_protocol_picture_and_figure(tmp_path: Path) -> None:
    results = synthetic.write_results(tmp_path)
    rows = [{**synthetic.row(1, "reproduced"), "measured": 0.92}]
    found = about(rows, results)[rows[0]["id"]]
    assert found["protocol"].startswith("Takes the results of a. good (5 runs): draw (scale 2), ")
    assert "5 runs from 0.9 to 0.94; line at 0.91, band of ±0.01" in found["picture"]
    text = tables.verdict_table(rows, {rows[0]["id"]: {**found, "figure": "figure-toy"}})
    assert f"<dt>Protocol</dt><dd>{found['protocol']}</dd>" in text
    assert f"<dt>Its runs</dt><dd>{found['picture']}</dd>" in text
    assert '<a href="#figure-toy">where it is shown</a>' in text


def test_a_row_without_more_is_as_its_verdict_has_it() -> None:
    text = tables.verdict_table([synthetic.row(1, "reproduced")])
    assert "<dt>Measured</dt><dd>0.9000 [0.8800, 0.9200], n = 3</dd>" in text
    assert f'<span class="prints">{"f" * 12}</span>' in text
    assert "Protocol" not in text
    assert "where it is shown" not in text


def test_records_that_are_missing_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(RetrialError, match=r"toy/records\.json: no such file"):
        about(synthetic.rows(), tmp_path)


def test_undecided_claims_are_counted_by_family_curves_once() -> None:
    rows = synthetic.rows()
    curve = [synthetic.row(7 + i, "inconclusive") | {"kind": "curve"} for i in range(3)]
    text = show.undecided_table([*rows, *curve], ["toy", "none"], "A caption.")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 4  # head, rule, toy, all
    for line in lines[2:]:
        assert "[7](" in line
        assert "[2 (29%)](" in line
        assert "[1 (14%)](" in line
    assert "none" not in text
