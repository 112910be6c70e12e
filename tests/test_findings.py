"""The findings of the first page: told while their claims bear them out, asked otherwise."""

import re
from pathlib import Path
from typing import Any

import pytest

from retrial.judging.ledger import load_claims
from retrial.report import findings
from retrial.report.findings import FINDINGS, Finding, lotteries, paragraph, too_low, turned

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\[((?:\\.|[^]\\])*)\]\(([^ )]*)[^)]*\)(?:\{[^}]*\})?")
LOTTERY = "given 1 fitted choice (the rate): lottery: mean 0.7; the print is one draw"


def row(name: str, family: str, verdict: str, **fields: Any) -> dict[str, Any]:
    evidence = {"arm": "a", "metric": "loss", "thresholds": {"before": 0.96, "after": 0.629}}
    return {
        "id": name, "report": name[:3], "family": family, "where": "Table 1", "kind": "statement",
        "verdict": verdict, "printed": "0.5", "measured": 0.25, "low": 0.2, "high": 0.3, "n": 10,
        "fault": None, "reason": "", "fitted": [], "stage": family, "profile": "paper",
        "evidence": {**evidence, "metric": fields.pop("metric", "loss")}, **fields,
    }  # fmt: skip


def made() -> list[dict[str, Any]]:
    """Rows that bear out every finding."""
    low = "cross-entropy 0.0292 with accuracy 94.13%: at least 0.040630 needed"
    loss, other = findings.LOSS, findings.OTHER_LOSS
    impossible: dict[str, Any] = {"kind": "value", "reason": low}
    return [
        row(loss, "scratch_grid", "impossible", fault=findings.MEAN_OVER_CLASSES, **impossible),
        row(other, "scratch_grid", "impossible", **impossible),
        row(findings.ACCURACY, "scratch_grid", "inconclusive", printed="94.13", metric="accuracy"),
        row(findings.SUM, "worked", "explained", printed="-11.65", measured=-7.65),
        row(findings.HIDDEN, "worked", "impossible", printed="0.999988", measured=0.00047),
        row("003-6-p1", "worked", "reproduced"),
        *(row(name, "worked", "contradicted") for name in findings.WEIGHTS),
        *(
            row(name, "titanic_losses", "explained", fault=findings.LOG_SOFTMAX)
            for name in findings.TITANIC
        ),
        row(findings.DROPOUT, "mse_mlp", "inconclusive", reason=LOTTERY, printed="0.5041"),
        row(findings.BATCH, "library_grid", "inconclusive", reason=LOTTERY, measured=128.0),
        row(findings.DEEPER, "mse_mlp", "contradicted"),
        row(findings.PREVENTS, "mse_mlp", "contradicted", measured=-0.26),
        row(findings.INVARIANT, "shift", "contradicted"),
        row(findings.SMALL, "depth", "contradicted"),
    ]


def changed(name: str, **fields: Any) -> list[dict[str, Any]]:
    return [{**one, **fields} if one["id"] == name else one for one in made()]


def plain(text: str) -> str:
    """Markdown without its links' targets."""
    return LINK.sub(r"\1", text).replace("\\", "")


# What each finding rests on: a claim, and what would undo it.
UNDONE: list[tuple[str, dict[str, Any]]] = [
    (findings.LOSS, {"verdict": "contradicted"}),
    (findings.WEIGHTS[-1], {"verdict": "reproduced"}),
    (findings.TITANIC[-1], {"fault": "another"}),
    (findings.BATCH, {"reason": "budget: this profile cuts the protocol short"}),
    (findings.INVARIANT, {"verdict": "inconclusive"}),
]


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.families[0])
def test_a_finding_is_told_with_its_claims_and_chapters(finding: Finding) -> None:
    text = paragraph(finding, made())
    assert text.startswith(f"**{finding.title}** ")
    assert finding.question not in text
    for name in finding.claims:
        assert f"[{name}](#{name})" in text
    for family in finding.families:
        assert f'href="#family-{family.replace("_", "-")}"' in text


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.families[0])
def test_no_numeral_of_a_finding_is_typed(finding: Finding) -> None:
    told = finding.told(made())
    assert not re.search(r"\d", re.sub(r"[Rr]eport 00\d", "", LINK.sub("", told)))
    assert LINK.search(told)


@pytest.mark.parametrize(
    ("finding", "undone"), list(zip(FINDINGS, UNDONE, strict=True)), ids=lambda one: str(one)[:20]
)
def test_a_finding_that_its_claims_do_not_bear_out_is_only_asked(
    finding: Finding, undone: tuple[str, dict[str, Any]]
) -> None:
    name, fields = undone
    rows = changed(name, **fields)
    if finding.claims == (findings.DEEPER, findings.PREVENTS, findings.INVARIANT, findings.SMALL):
        # Three of these four bear it out; two do not.
        assert finding.holds(rows)
        rows = [{**r, "verdict": "inconclusive"} if r["id"] == findings.SMALL else r for r in rows]
    text = plain(paragraph(finding, rows))
    assert text.startswith(f"**{finding.question}** The profile *paper* does not show it: ")
    assert finding.title not in text
    first = finding.claims[0]
    verdict = next(one["verdict"] for one in rows if one["id"] == first)
    assert f"{first} is *{verdict}*" in text


def test_a_finding_of_families_that_are_not_there() -> None:
    text = paragraph(FINDINGS[0], [])
    assert text == f"**{FINDINGS[0].question}** It is not among the families of this report."


def test_findings_say_the_numbers_of_their_rows() -> None:
    told = [plain(finding.told(made())) for finding in FINDINGS]
    assert "a cross-entropy of 0.5 beside an accuracy of 94.13%" in told[0]
    assert (
        "no less than 0.040630. So it is with 2 of the 2 losses of its table; 1 of them" in told[0]
    )
    assert "first weighted sum (−11.65, right −7.65)" in told[1]
    assert "None of its 8 updated weights is right; of its 11 lines 1 stand." in told[1]
    assert "2 printed results are one draw" in told[3]
    assert "0.5041, is on average 0.25 [0.20, 0.30]" in told[3]
    assert "costs 0.26 of test accuracy" in told[4]
    assert "one from 0.96 to 0.629." in told[4]


def test_a_conclusion_that_stands_is_not_told_as_turned_around() -> None:
    rows = changed(findings.SMALL, verdict="reproduced")
    assert turned(rows) == [findings.DEEPER, findings.PREVENTS, findings.INVARIANT]
    told = plain(FINDINGS[4].told(rows))
    assert told.startswith("The network that report 001 says to overfit is 0.250 better")
    assert "calls small" not in told


def test_losses_that_are_not_impossible_are_not_counted() -> None:
    rows = changed(findings.OTHER_LOSS, verdict="contradicted")
    assert [one["id"] for one in too_low(rows)] == [findings.LOSS]


def test_lotteries_count_a_curve_once_and_not_what_another_reading_would_be() -> None:
    curve = [
        row(f"001-e{i}", "mse_mlp", "inconclusive", kind="curve", reason="judged: lottery: wide")
        for i in range(3)
    ]
    beside = row(
        "002-x", "library_grid", "inconclusive", reason="precision: near; (lottery: as test)"
    )
    reproduced = row("002-y", "library_grid", "reproduced", reason="lottery: no")
    assert [one["id"] for one in lotteries([*curve, beside, reproduced])] == ["001-e0"]


def test_findings_name_claims_of_the_ledger() -> None:
    families = {claim.id: claim.family for claim in load_claims(ROOT / "claims")}
    for finding in FINDINGS:
        assert {families[name] for name in finding.claims} == set(finding.families)
    assert {families[name] for name in (findings.ACCURACY, *findings.WEIGHTS)} == {
        "scratch_grid",
        "worked",
    }
