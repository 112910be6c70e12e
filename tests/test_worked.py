"""Every worked line agrees with its proof, and no slip does."""

import ast
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrial.core import records
from retrial.core.config import section
from retrial.core.errors import RetrialError
from retrial.core.records import Finished, Records
from retrial.core.trial import Trial
from retrial.judging.judge import Family, judge_claim
from retrial.judging.ledger import Claim, load_claims
from retrial.studies import worked
from retrial.worked.sheet import Line, Sheet, Slip, holds

ROOT = Path(__file__).parents[1]
PROTOCOL = section(ROOT / "params.yaml", "worked", worked.Protocol)
BUDGET = section(ROOT / "profiles/smoke.yaml", "worked", worked.Budget)
TRIALS = {trial.arm: trial for trial in worked.trials(PROTOCOL, BUDGET)}
SHEETS = {arm: worked.sheets_of(TRIALS[arm]) for arm in worked.EXERCISES}
LINES = [(arm, line) for arm, sheets in SHEETS.items() for line in sheets[0].lines]
SLIPS = [
    (arm, line, slip)
    for arm, sheets in SHEETS.items()
    for slip, (line, _) in sheets[0].slips().items()
]
CLAIMS = [claim for claim in load_claims(ROOT / "claims") if claim.family == "worked"]


@pytest.mark.parametrize(("arm", "line"), LINES)
def test_a_line_agrees_with_its_proof(arm: str, line: str) -> None:
    assert all(holds(sheet, line) for sheet in SHEETS[arm])


@pytest.mark.parametrize(("arm", "line", "slip"), SLIPS)
def test_a_slip_in_the_place_of_its_line_fails_the_proof(arm: str, line: str, slip: str) -> None:
    assert not all(holds(sheet, line, slip) for sheet in SHEETS[arm])


@pytest.mark.parametrize(
    "claim", [c for c in CLAIMS if c.evidence.arm in SHEETS], ids=lambda claim: claim.id
)
def test_a_line_that_a_claim_rests_on_has_a_slip(claim: Claim) -> None:
    assert claim.evidence.metric is not None
    line = claim.evidence.metric.partition(".")[0]
    assert SHEETS[claim.evidence.arm][0].lines[line].slips, f"{claim.id}: nothing can fail {line}"


def test_no_printed_value_stands_in_the_code_of_a_study() -> None:
    printed = {
        Fraction(number).limit_denominator(10**15)
        for claim in CLAIMS
        for number in re.findall(r"\d*\.\d+(?:e-?\d+)?", claim.printed)
        # Numbers of one or two digits stand in any code.
        if len(number.replace(".", "").lstrip("0")) > 2
    }
    assert printed
    for path in sorted((ROOT / "src/retrial/worked").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, float):
                constant = Fraction(repr(node.value)).limit_denominator(10**15)
                assert constant not in printed, f"{path.name}:{node.lineno}: {node.value}"


def toy_claim(**changes: Any) -> Claim:
    evidence = {"arm": "toy", "metric": "area", "test": "worked_number", "deterministic": True}
    content = {
        "id": "000-1", "report": "000", "family": "worked", "where": "1", "quote": "q",
        "statement": "s", "kind": "exact", "tex": "a",
        "evidence": evidence | changes.pop("evidence", {}),
    }  # fmt: skip
    return Claim.model_validate(content | changes)


def toy_sheet(given: Any, chance: np.random.Generator) -> Sheet:
    sides = {"a": Fraction(3, 2), "b": Fraction(5, 4)}
    slips = (
        Slip("sum", "The sides were added.", lambda v: v.a + v.b),
        Slip("cube", "A side too many, and doubled.", lambda v: 2 * v.a**2 * v.b, single=False),
    )
    return Sheet(
        sides,
        {
            "area": Line("A = a b", lambda v: v.a * v.b, Fraction(15, 8), slips),
            "half": Line("A / 2", lambda v: v.area / 2, Fraction(15, 16)),
            "sides": Line("(a, b)", lambda v: [v.a, v.b], [1.5, 1.25]),
        },
        {"drawn": np.arange(3.0)},
    )


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Family:
    monkeypatch.setattr(worked, "EXERCISES", {"toy": worked.Exercise("relu_regression", toy_sheet)})
    trial = worked.trials(PROTOCOL, BUDGET)[0]
    done = [Finished(trial, worked.run(trial, {}), "0" * 32)]
    records.write(tmp_path / "worked", "worked", done, [], {})
    return Family(Records.load(tmp_path / "worked"), {}, "quick")


@pytest.mark.parametrize(
    ("changes", "verdict", "why"),
    [
        ({"printed": "1.875"}, "reproduced", "The printed number is right."),
        ({"printed": "2.75"}, "explained", "The sides were added."),
        ({"printed": "5.625"}, "contradicted", "A side too many, and doubled."),
        ({"printed": "1.3"}, "contradicted", "No slip that was tried gives it."),
        ({"printed": "1.3", "arithmetic": "1.5 * 1.25"}, "impossible", "give 1.875."),
        (
            {"printed": "2.4", "arithmetic": "1.5 * 1.6"},
            "contradicted",
            "the numbers printed in it",
        ),
        ({"printed": "1.38", "evidence": {"metric": "half"}}, "explained", "sides were added"),
        (
            {"printed": "1.38", "takes": {"area": "2.75"}, "evidence": {"metric": "half"}},
            "explained",
            "sides were added",
        ),
        (
            {"printed": "1.38", "takes": {"area": "2.6"}, "evidence": {"metric": "half"}},
            "contradicted",
            "No slip",
        ),
        ({"printed": "1.3", "remark": "A guess."}, "contradicted", "A guess."),
        ({"printed": "1.25", "evidence": {"metric": "sides.1"}}, "reproduced", "right"),
        ({"printed": "[1.5, 1.25]", "evidence": {"metric": "sides"}}, "reproduced", "right"),
        ({"printed": "[1.25, 1.5]", "evidence": {"metric": "sides"}}, "contradicted", "No slip"),
        (
            {"printed": "2.4", "arithmetic": "1.5 * 1.6", "evidence": {"test": "own_product"}},
            "reproduced",
            "the numbers printed in it",
        ),
        (
            {"printed": "2.5", "arithmetic": "1.5 * 1.6", "evidence": {"test": "own_product"}},
            "impossible",
            "give 2.4.",
        ),
        ({"kind": "formula", "evidence": {"test": "worked_line"}}, "reproduced", "right"),
        (
            {"kind": "formula", "evidence": {"test": "worked_line", "slip": "sum"}},
            "explained",
            "The sides were added.",
        ),
        (
            {"kind": "formula", "evidence": {"test": "worked_line", "slip": "cube"}},
            "contradicted",
            "A side too many",
        ),
    ],
)
def test_verdicts(toy: Family, changes: dict[str, Any], verdict: str, why: str) -> None:
    row = judge_claim(toy_claim(**changes), toy)
    assert row["verdict"] == verdict
    assert why in row["why"]
    assert (row["fault"] is not None) == (verdict == "explained")


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        ({"metric": "volume"}, "no metric 'volume'"),
        ({"test": "worked_line", "slip": "product"}, r"evidence.slip = 'product': expected one of"),
        ({"test": "own_product"}, "arithmetic: missing"),
    ],
)
def test_a_mistake_in_the_ledger_is_one_line(
    toy: Family, evidence: dict[str, Any], told: str
) -> None:
    with pytest.raises(RetrialError, match=rf"^claims/000.yaml: 000-1: .*{told}"):
        judge_claim(toy_claim(printed="1", evidence=evidence), toy)


def test_a_wrong_line_fails_its_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(given: Any, chance: np.random.Generator) -> Sheet:
        return Sheet({}, {"one": Line("1", lambda v: 1, 2)})

    monkeypatch.setattr(worked, "EXERCISES", {"toy": worked.Exercise("relu_regression", wrong)})
    trial = worked.trials(PROTOCOL, BUDGET)[0]
    with pytest.raises(ValueError, match=r"toy: one: differs from its proof by 0\.5"):
        worked.run(trial, {})


def test_a_run_has_no_memory() -> None:
    trial: Trial = next(iter(TRIALS.values()))
    assert worked.run(trial, {}).metrics == worked.run(trial, {}).metrics
