"""What `retrial show` tells of a claim."""

from typing import Any

from retrial.judging.ledger import Claim
from retrial.report.card import card, measured, short


def claim() -> Claim:
    return Claim(
        id="000-1", report="000", family="toy", where="1", quote="q", statement="s",
        kind="value", printed="0.91", unit="fraction", quantity="accuracy", tex=r"w_5 = 0.91",
        evidence={"arm": "good", "metric": "accuracy"},
    )  # fmt: skip


def row(**changes: Any) -> dict[str, Any]:
    return {
        "verdict": "reproduced", "measured": 0.9, "low": 0.88, "high": 0.92, "n": 3, "margin": 0.01,
        "reason": "close", "right": "", "why": "", "fault": None, "stage": "toy",
        "inputs_md5": "0" * 32, "fingerprints": ["f" * 32], "profile": "quick",
        "evidence": {"arm": "good", "metric": "accuracy", "others": []},
    } | changes  # fmt: skip


def test_a_card_leaves_out_what_is_empty() -> None:
    lines = dict(card(claim(), row(), "inconclusive"))
    assert lines["line"] == "w₅ = 0.91"
    assert lines["measured"] == "0.9 [0.88, 0.92], n = 3"
    assert lines["margin"] == "±0.01 (the default of its quantity)"
    assert lines["evidence"] == "arm good, metric accuracy"
    assert lines["trials"] == "f" * 12
    assert lines["published"] == "inconclusive"
    assert "rendering" not in lines
    assert "why" not in lines


def test_a_claim_that_was_not_run_has_a_card() -> None:
    lines = dict(card(claim(), None, "–"))
    assert lines["verdict"] == "(not run here yet)"
    assert "stage" not in lines


def test_a_worked_line_stands_with_its_own_digits() -> None:
    assert measured(row(right="w = 0.9")) == ""
    assert measured(row(low=None)) == "0.9, n = 3"


def test_short() -> None:
    assert (short("0.123456"), short(None), short("")) == ("0.12346", "–", "–")
