"""Stories of faults: what is put back, and what comes out of it."""

import re
from pathlib import Path
from typing import Any

import pytest

from retrial.core import records as disk
from retrial.core.records import Finished, Records
from retrial.core.trial import Metric, Result, Trial
from retrial.judging.faults import FAULTS
from retrial.judging.statements.worked import UNBOUNDED
from retrial.report.stories import one_line, slip_told, story

DETAIL = {
    "lines": {
        "weight": {"tex": "w", "value": ["1/5"]},
        "range": {"tex": "r", "value": ["-inf", "inf"]},
        "outputs": {"tex": "o", "value": ["1", "2"]},
        "step": {"tex": "s", "value": None},
    },
    "slips": {
        "halved": {"line": "weight", "values": {"weight": ["1/10"], "outputs": ["1", "-3/2"]}},
        "sign_dropped": {"line": "range", "values": {"range": ["0", "inf"]}},
        "squared": {"line": "step", "values": {}},
        "doubled": {"line": "weight", "values": {"weight": ["2/5"]}},
    },
}


@pytest.fixture
def records(tmp_path: Path) -> Records:
    metrics = {
        "step.difference": Metric(0.0, 16), "step.squared": Metric(284.0, 16),
        "step.halved": Metric(2 * UNBOUNDED, 16),
    }  # fmt: skip
    one = Finished(Trial("worked", "sheet", 0, {}), Result(metrics, detail=DETAIL), "f" * 32)
    disk.write(tmp_path / "worked", "worked", [one], [], {})
    return Records.load(tmp_path / "worked")


def told(text: str) -> str:
    """Without the links of its numbers."""
    return re.sub(r"\[((?:[^][]|\[[^]]*\])*)\]\(#[^)]*\)\{\.number\}", r"\1", text)


def row(metric: str, fault: str, printed: str, test: str = "worked_number") -> dict[str, Any]:
    evidence = {"arm": "sheet", "metric": metric, "test": test}
    return {"evidence": evidence, "fault": fault, "printed": printed}


@pytest.mark.parametrize(
    ("metric", "fault", "printed", "tried", "given"),
    [
        ("weight", "halved", "0.1", 2, "0.1 in place of 0.2."),
        ("range", "sign_dropped", "[0, inf]", 1, r"\[0, ∞\] in place of \[−∞, ∞\]."),
        ("outputs.1", "halved", "-1.5", 1, "−1.5 in place of 2."),
    ],
)
def test_a_number_with_its_slip(
    records: Records, metric: str, fault: str, printed: str, tried: int, given: str
) -> None:
    put_back, comes_out = slip_told(row(metric, fault, printed), records)
    assert told(put_back) == f"`{fault}`, one change of the right line, of {tried} that were tried."
    assert told(comes_out) == given


def test_a_formula_with_its_slip(records: Records) -> None:
    put_back, comes_out = slip_told(row("step", "squared", "", "worked_line"), records)
    assert put_back == "`squared`, one change of the right line."
    assert told(comes_out) == (
        "The printed line. Its value is off by up to 280 times the right one on 16 random inputs."
    )
    _, comes_out = slip_told(row("step", "halved", "", "worked_line"), records)
    assert "off without bound on" in comes_out


def test_a_story_has_its_parts_in_their_order() -> None:
    text = story("x", "a", "b", "c", "d")
    assert re.findall(r"^\*\*(.*?)\*\* (.)$", text, re.MULTILINE) == [
        ("Printed.", "a"), ("Suspicion.", "b"), ("Put back.", "c"), ("Comes out.", "d"),
    ]  # fmt: skip
    assert "#story-x}" in text


def test_a_fault_is_one_line_for_another() -> None:
    fault = FAULTS["broadcast_targets"]
    assert one_line(fault) == f"One line: `{fault.faulty}` for `{fault.right}`."
