"""Tests of report 001's sentences on its networks, on records with answers known beforehand."""

from pathlib import Path

import numpy as np
import pytest

from retrial.core import records
from retrial.core.config import section
from retrial.core.errors import RetrialError
from retrial.core.records import Finished, Records
from retrial.core.trial import Metric, Result, Trial
from retrial.judging.dropout_faults import DROPOUT_FAULTS
from retrial.judging.judge import Family, judge_claim
from retrial.judging.ledger import Claim, find, load_claims
from retrial.judging.outcome import Outcome
from retrial.judging.statements import TESTS
from retrial.studies import mse_mlp

CLAIMS = load_claims(Path(__file__).parents[1] / "claims")
IMAGES = 2000
CONFIG = {"batch": 32, "epochs": 20, "loss": "mse", "rate": 0.5, "scaling": "inverted"}


def claim(name: str, **evidence: object) -> Claim:
    """The ledger's own claim, so that its thresholds are the ones that are tested."""
    one = find(CLAIMS, f"001-P2-{name}")
    return one.model_copy(update={"evidence": one.evidence.model_copy(update=evidence)})


def arm(name: str, level: float, seeds: int = 10, sd: float = 0.001, **rest) -> list[Finished]:
    """Networks with a test accuracy near `level`; gap and further metrics in `rest`."""
    chance = np.random.default_rng(sum(name.encode()))
    config = CONFIG | rest.pop("config", {})
    status = rest.pop("status", "ok")
    gap, masked = rest.pop("gap", 0.01), rest.pop("masked", level)
    curve = rest.pop("curve", None)
    found = []
    for seed in range(seeds):
        right = np.zeros(IMAGES, np.uint8)
        right[: round((level + chance.normal(0, sd)) * IMAGES)] = 1
        accuracy = float(right.mean())
        metrics = {
            "test_accuracy": accuracy,
            "masked_test_accuracy": masked + chance.normal(0, sd),
            "gap": gap + chance.normal(0, sd),
            "predicted_classes": 5,
        }
        result = Result(
            {key: Metric(value, IMAGES) for key, value in metrics.items()},
            status=status,
            curves={} if curve is None else {"running_accuracy": [x - seed * 1e-5 for x in curve]},
            arrays={"correct": right},
        )
        found.append(Finished(Trial("mse_mlp", name, seed, config), result, f"{name}{seed}"))
    return found


def loaded(tmp_path: Path, *arms: list[Finished]) -> Records:
    records.write(tmp_path, "mse_mlp", [one for some in arms for one in some], [], {})
    return Records.load(tmp_path)


def judged(tmp_path: Path, one: Claim, *arms: list[Finished]) -> Outcome:
    assert one.evidence.test is not None
    return TESTS[one.evidence.test](one, loaded(tmp_path, *arms))


def test_the_stated_setup_is_what_is_trained(tmp_path: Path) -> None:
    one = claim("setup")
    right = judged(tmp_path, one, arm("sigmoid", 0.8), arm("relu", 0.9))
    assert right.verdict == "reproduced"
    assert "batches of 32 for 20 epochs" in right.reason
    lost = judged(tmp_path, one, arm("sigmoid", 0.8, status="diverged"), arm("relu", 0.9))
    assert lost.verdict == "contradicted"
    with pytest.raises(RetrialError, match="the study does not train with"):
        judged(tmp_path, one, arm("sigmoid", 0.8, config={"batch": 64}), arm("relu", 0.9))


@pytest.mark.parametrize(
    ("from_ten", "verdict"),
    [(0.9989, "reproduced"), (0.97, "contradicted"), (0.995045, "inconclusive")],
)
def test_memorised_is_a_threshold_from_the_stated_epoch_on(
    tmp_path: Path, from_ten: float, verdict: str
) -> None:
    one = claim("overfit-e10")
    curve = [0.5] * 9 + [from_ten] + [0.999] * 5
    found = judged(tmp_path, one, arm("deep", 0.98, curve=curve))
    assert found.verdict == verdict
    # A later epoch that falls below counts as well.
    relapse = judged(tmp_path, one, arm("deep", 0.98, curve=[0.999] * 12 + [0.9]))
    assert relapse.verdict == "contradicted"
    short = judged(tmp_path, one, arm("deep", 0.98, curve=[0.999] * 5))
    assert short.verdict == "inconclusive"


def test_what_was_changed_is_compared_with_the_reports_own_code(tmp_path: Path) -> None:
    one = claim("overfit-text")
    found = judged(tmp_path, one, arm("deep", 0.98))
    assert found.verdict == "contradicted"
    for told in ("no layer of 512 before", "1 to 5 hidden layers, not 3 to 5", "no dropout"):
        assert told in found.reason
    as_told = {**one.evidence.thresholds, "before": "784-512-256-128-10", "dropout_before": 1}
    true = claim("overfit-text", thresholds=as_told)
    assert judged(tmp_path, true, arm("deep", 0.98)).verdict == "reproduced"


def test_what_the_print_decides_is_decided_in_every_profile(tmp_path: Path) -> None:
    one = find(CLAIMS, "001-P2-overfit-text")
    cut = [
        Finished(Trial("mse_mlp", "deep", 0, CONFIG, whole=False), one_.result, "f")
        for one_ in arm("deep", 0.98, seeds=1)
    ]
    row = judge_claim(one, Family(loaded(tmp_path, cut), {}, "smoke"))
    assert row["verdict"] == "contradicted"


@pytest.mark.parametrize(
    ("deep", "verdict"),
    [(0.90, "reproduced"), (0.98, "contradicted"), (0.930, "contradicted")],
)
def test_generalising_less_is_an_order_of_test_accuracies(
    tmp_path: Path, deep: float, verdict: str
) -> None:
    one = claim("overfit-reason", others=("noise/deep/0.4",))
    noisy = arm("noise/deep/0.4", 0.6, gap=0.3)
    found = judged(tmp_path, one, arm("deep", deep), arm("relu", 0.930), noisy)
    assert found.verdict == verdict
    assert "beside: noise/deep/0.4 0.5996 (+0.3004)" in found.reason
    few = judged(tmp_path, one, arm("deep", deep, 5), arm("relu", 0.930, 5), noisy)
    assert few.verdict == "inconclusive"
    assert "seeds: 5, at least 10 are needed" in few.reason


@pytest.mark.parametrize(
    ("test", "gap", "verdict"),
    [
        # A smaller gap at no cost; a smaller gap since nothing was learned; no smaller gap.
        (0.985, 0.005, "reproduced"),
        (0.500, 0.000, "contradicted"),
        (0.985, 0.030, "contradicted"),
    ],
)
def test_overfitting_is_prevented_if_gap_and_accuracy_say_so(
    tmp_path: Path, test: float, gap: float, verdict: str
) -> None:
    one = claim("dropout-role", others=("grid/a", "grid/b"))
    grid = [arm("grid/a", 0.9, 3), arm("grid/b", 0.97, 3, gap=0.002)]
    deep = arm("deep", 0.983, gap=0.016)
    found = judged(tmp_path, one, arm("dropout", test, gap=gap), deep, *grid)
    assert found.verdict == verdict
    assert "the best of 2 cells of the grid is grid/b" in found.reason
    few = judged(tmp_path, one, arm("dropout", test, gap=gap), deep[:5], *grid)
    assert (few.verdict, few.seeds_needed) == ("inconclusive", 10)


def dropout(tmp_path: Path, level: float, masked: float, unscaled: float, **config) -> Outcome:
    one = claim("dropout-test", others=("grid/unscaled",))
    other = arm("grid/unscaled", unscaled, config={"scaling": "unscaled"} | config)
    return judged(tmp_path, one, arm("dropout", level, masked=masked), other)


def test_a_dropout_network_that_gives_the_print_needs_no_fault(tmp_path: Path) -> None:
    found = dropout(tmp_path, 0.504, 0.5, 0.2)
    assert (found.verdict, found.fault) == ("reproduced", None)
    assert "5.0 of 10 classes are predicted" in found.reason


def test_two_faults_are_tried_where_it_does_not(tmp_path: Path) -> None:
    on = dropout(tmp_path, 0.97, 0.504, 0.2)
    assert (on.verdict, on.fault) == ("explained", "always_on")
    unscaled = dropout(tmp_path, 0.97, 0.9, 0.504)
    assert (unscaled.verdict, unscaled.fault) == ("explained", "unscaled")
    neither = dropout(tmp_path, 0.97, 0.9, 0.2)
    assert (neither.verdict, neither.fault) == ("contradicted", None)
    assert "(2 faults tried)" in neither.reason
    assert {on.fault, unscaled.fault} == set(DROPOUT_FAULTS)


def test_an_arm_that_differs_in_more_than_the_fault_explains_nothing(tmp_path: Path) -> None:
    found = dropout(tmp_path, 0.97, 0.9, 0.504, epochs=3)
    assert found.verdict == "contradicted"
    assert "unscaled at test (but other epochs) gives 0.50" in found.reason


def test_every_arm_that_the_ledger_names_is_one_of_the_study() -> None:
    root = Path(__file__).parents[1]
    protocol = section(root / "params.yaml", mse_mlp.NAME, mse_mlp.Protocol)
    named = {name for one in CLAIMS if one.family == mse_mlp.NAME for name in one.evidence.arms}
    assert named <= set(mse_mlp.arms(protocol))
