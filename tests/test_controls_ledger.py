"""The ledger of the positive controls: apart from the claims, and with the judge's own margins."""

from pathlib import Path
from typing import Any

import pytest
from made_records import made

from retrial.core.config import section
from retrial.core.errors import RetrialError
from retrial.judging.judge import Family, judge_family
from retrial.judging.ledger import TOTAL, Claim, load_claims
from retrial.statistics import default_margin, parse_printed
from retrial.studies import controls

ROOT = Path(__file__).parents[1]
CLAIMS = load_claims(ROOT / "claims/controls")
BY_ID = {claim.id: claim for claim in CLAIMS}
PROTOCOL = section(ROOT / "params.yaml", controls.NAME, controls.Protocol)


def test_no_control_is_a_claim_of_the_reports() -> None:
    ledger = load_claims(ROOT / "claims")
    assert not set(BY_ID) & {claim.id for claim in ledger}
    assert len(ledger) <= TOTAL
    assert {claim.family for claim in CLAIMS} == {controls.NAME}
    assert controls.NAME not in {claim.family for claim in ledger}
    assert all(claim.id.startswith("control-") for claim in CLAIMS)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_control_names_an_arm_that_fits_it(claim: Claim) -> None:
    arm = claim.evidence.arm
    assert arm in controls.arms(PROTOCOL)
    # Without chance in the arm a number is exact; with chance it needs a margin.
    assert claim.evidence.deterministic != controls.drawn(arm)
    assert claim.printed.rstrip("0") in claim.quote
    assert claim.assumes or arm in controls.LIBRARY


@pytest.mark.parametrize(
    "claim", [one for one in CLAIMS if one.margin is not None], ids=lambda claim: claim.id
)
def test_a_margin_is_the_default_of_the_accuracy_that_an_error_leaves(claim: Claim) -> None:
    printed = parse_printed(claim.printed)
    accuracy = 1 - float(printed.value) / 100
    assert claim.margin == pytest.approx(100 * default_margin("accuracy", accuracy, 0.0))
    assert claim.margin_reason.startswith("the default of the accuracy that it leaves")


def rows(tmp_path: Path, errors: dict[str, float]) -> dict[str, str]:
    """Verdicts where the arms with an error have it (networks in five near seeds)."""
    arms = {arm: 5 if controls.drawn(arm) else 1 for arm in controls.arms(PROTOCOL)}
    names = {claim.evidence.metric for claim in CLAIMS} | {"wider_error"}

    def make(arm: str, seed: int) -> dict[str, Any]:
        value = errors.get(arm, 0.5) + (0.0001 * seed if controls.drawn(arm) else 0.0)
        metrics = {str(name): (value, 10_000) for name in names}
        return {"metrics": metrics, "curves": {"test_accuracy": [0.5, 1 - value]}}

    found = judge_family(CLAIMS, Family(made(tmp_path, "controls", arms, make), BY_ID, "paper"))
    return {row["id"]: row["verdict"] for row in found}


def test_controls_are_judged_by_the_rules_of_claims(tmp_path: Path) -> None:
    found = rows(tmp_path, {"mnist/linear": 0.12, "mnist/lenet": 0.0095, "mnist/rbf": 0.036})
    assert found["control-linear"] == "reproduced"
    assert found["control-lenet"] == "reproduced"
    assert found["control-radial"] == "reproduced"
    assert found["control-pairwise"] == "contradicted"
    # Its rate of learning is a guess, and was run one way only.
    assert found["control-hidden-300"] == "inconclusive"


def test_a_mistake_names_the_file(tmp_path: Path) -> None:
    records = made(tmp_path, "controls", {"mnist/linear": 1}, lambda *_: {"metrics": {}})
    with pytest.raises(RetrialError, match=r"^claims/controls/mnist\.yaml: control-linear: "):
        judge_family([BY_ID["control-linear"]], Family(records, BY_ID, "paper"))
    for claim in CLAIMS:
        assert (ROOT / f"claims/{claim.report}.yaml").exists()


def test_an_exact_control_is_as_strict_as_its_digits(tmp_path: Path) -> None:
    assert rows(tmp_path, {"mnist/linear": 0.1194})["control-linear"] == "contradicted"
