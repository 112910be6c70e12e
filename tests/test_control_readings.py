"""What the sources of the controls leave open: which readings were run, and what they settle."""

from pathlib import Path
from typing import Any

import pytest
from made_records import made

from retrial.core.records import Records
from retrial.judging.control_readings import RUNS, control_readings
from retrial.judging.judge import Family, judge_claim
from retrial.judging.ledger import load_claims

ROOT = Path(__file__).parents[1]
CLAIMS = {claim.id: claim for claim in load_claims(ROOT / "claims/controls")}
ARMS = {
    "mnist/pairwise": 1,
    "mnist/pairwise/squashed": 1,
    "mnist/neighbours": 1,
    "mnist/neighbours/box": 1,
    "mnist/rbf": 5,
    "mnist/mlp/mse_300": 5,
    "mnist/svm": 1,
}
METRICS = ("test_error", "wider_error", "vote_error", "nearest_error")


def records(tmp_path: Path, **errors: float) -> Records:
    """All errors 0.5 but those of `arm__metric`; the network's falls from pass to pass."""

    def make(arm: str, seed: int) -> dict[str, Any]:
        near = 0.0001 * seed
        key = arm.removeprefix("mnist/").replace("/", "_")
        found = {name: (errors.get(f"{key}__{name}", 0.5) + near, 10_000) for name in METRICS}
        curve = [1 - one - near for one in (0.09, 0.047, 0.02)]
        return {"metrics": found, "curves": {"test_accuracy": curve}}

    return made(tmp_path, "controls", ARMS, make)


def judged(claim: str, of: Records) -> tuple[str, str]:
    row = judge_claim(CLAIMS[claim], Family(of, CLAIMS, "paper"))
    return row["verdict"], row["reason"]


@pytest.mark.parametrize("claim", RUNS)
def test_the_judged_reading_is_the_claims_own_and_names_its_guesses(
    claim: str, tmp_path: Path
) -> None:
    found = control_readings(CLAIMS[claim], records(tmp_path), None)
    (own,) = [one for one in found if one.judged]
    assert own.arm == CLAIMS[claim].evidence.arm
    assert all(set(one.levels) == set(CLAIMS[claim].guesses) for one in found)
    assert len(found) == len(RUNS[claim])


def test_a_contradiction_stands_where_every_reading_breaks(tmp_path: Path) -> None:
    verdict, reason = judged("control-neighbours", records(tmp_path))
    assert verdict == "contradicted"
    assert "in all 3 other readings" in reason


def test_another_reading_undoes_it(tmp_path: Path) -> None:
    of = records(tmp_path, pairwise_squashed__test_error=0.076)
    verdict, reason = judged("control-pairwise", of)
    assert verdict == "inconclusive"
    assert "read otherwise (the units: squashed) it holds" in reason


def test_so_does_a_guess_that_nothing_else_was_run_for(tmp_path: Path) -> None:
    verdict, reason = judged("control-machine", records(tmp_path))
    assert verdict == "inconclusive"
    assert "nothing else was recorded for C, γ" in reason


def test_a_network_has_a_reading_after_each_pass(tmp_path: Path) -> None:
    of = records(tmp_path, mlp_mse_300__test_error=0.02)
    found = control_readings(CLAIMS["control-hidden-300"], of, None)
    assert [(one.levels["the passes"], one.judged) for one in found] == [
        ("1", False), ("2", False), ("3", True)
    ]  # fmt: skip
    assert found[1].mean == pytest.approx(4.72)
    verdict, reason = judged("control-hidden-300", of)
    assert verdict == "inconclusive"
    assert "the passes: 2" in reason


def test_what_was_reproduced_stays_so(tmp_path: Path) -> None:
    verdict, _ = judged("control-radial", records(tmp_path, rbf__test_error=0.036))
    assert verdict == "reproduced"
