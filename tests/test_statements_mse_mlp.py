"""Tests of report 001's sentences on its networks, on records with answers known beforehand."""

import re
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
from retrial.statistics import order_test, seeds_for_half_width
from retrial.statistics.order import _evidence, seeds_beyond
from retrial.studies import mse_mlp

CLAIMS = load_claims(Path(__file__).parents[1] / "claims")
IMAGES = 2000
OTHER = {"running_accuracy": "test_accuracy", "test_accuracy": "running_accuracy"}
CONFIG = {"batch": 32, "epochs": 20, "loss": "mse", "rate": 0.5, "scaling": "inverted"}


def claim(name: str, **evidence: object) -> Claim:
    """The ledger's own claim, so that its thresholds are the ones that are tested."""
    one = find(CLAIMS, f"001-P2-{name}")
    return one.model_copy(update={"evidence": one.evidence.model_copy(update=evidence)})


def arm(name: str, level: float, seeds: int = 10, sd: float = 0.001, **rest) -> list[Finished]:
    """Networks with a test accuracy near `level`; gap and further metrics in `rest`.

    `lost` of them have diverged: they keep their numbers, as networks that give class 0 do.
    """
    chance = np.random.default_rng(sum(name.encode()))
    config = CONFIG | rest.pop("config", {})
    lost = rest.pop("lost", 0)
    gap, masked = rest.pop("gap", 0.01), rest.pop("masked", level)
    curves = {"running_accuracy": rest.pop("curve", None), "test_accuracy": rest.pop("tests", None)}
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
            "train_accuracy": 0.7,
            "clean_train_accuracy": 0.9,
        }
        result = Result(
            {key: Metric(value, IMAGES) for key, value in metrics.items()},
            status="diverged" if seed < lost else "ok",
            curves={
                key: [x - seed * 1e-5 for x in (values or [level] * len(curves[OTHER[key]] or [0]))]
                for key, values in curves.items()
            },
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
    assert "nothing of the report is tested by this but the length of its logs" in right.reason
    for lost, verdict in ((3, "inconclusive"), (10, "contradicted")):
        found = judged(tmp_path, one, arm("sigmoid", 0.8, lost=lost), arm("relu", 0.9))
        assert found.verdict == verdict
        assert f"{20 - lost} of 20 runs train to the end" in found.reason
    longer = claim("setup", thresholds={**one.evidence.thresholds, "log": 19})
    assert judged(tmp_path, longer, arm("sigmoid", 0.8), arm("relu", 0.9)).verdict == "contradicted"
    with pytest.raises(RetrialError, match="the study does not train with"):
        judged(tmp_path, one, arm("sigmoid", 0.8, config={"batch": 64}), arm("relu", 0.9))


def test_the_length_of_the_log_is_that_of_the_ledgers_curves() -> None:
    one = claim("setup")
    for name in one.evidence.arms:
        epochs = [x.epoch for x in CLAIMS if x.epoch is not None and x.evidence.arm == name]
        assert max(epochs) == one.evidence.threshold("log")


@pytest.mark.parametrize(
    ("from_ten", "verdict"),
    [(0.9989, "reproduced"), (0.97, "contradicted"), (0.995047, "inconclusive")],
)
def test_memorised_is_a_threshold_from_the_stated_epoch_on(
    tmp_path: Path, from_ten: float, verdict: str
) -> None:
    one = claim("overfit-e10")
    curve = [0.5] * 9 + [from_ten] + [0.999] * 5
    found = judged(tmp_path, one, arm("deep", 0.98, curve=curve))
    assert found.verdict == verdict
    # Beside the print stands the epoch that it is of; the lowest decides.
    assert found.measured == pytest.approx(from_ten - 4.5e-5)
    assert ("seeds would decide" in found.reason) == (verdict == "inconclusive")
    assert (found.seeds_needed is not None) == (verdict == "inconclusive")
    assert "the print itself, 0.9989, passes this threshold" in found.reason
    # A later epoch that falls below counts as well.
    relapse = judged(tmp_path, one, arm("deep", 0.98, curve=[0.999] * 12 + [0.9]))
    assert relapse.verdict == "contradicted"
    assert relapse.measured == pytest.approx(0.999, abs=1e-4)
    short = judged(tmp_path, one, arm("deep", 0.98, curve=[0.999] * 5))
    assert short.verdict == "inconclusive"
    for lost, verdict_then in ((1, "inconclusive"), (10, "contradicted")):
        gone = judged(tmp_path, one, arm("deep", 0.98, curve=curve, lost=lost))
        assert gone.verdict == verdict_then
        assert gone.reason == f"{lost} of 10 runs of deep diverged"


def test_the_seeds_that_memorised_asks_for_are_the_fewest_that_decide(tmp_path: Path) -> None:
    one = claim("overfit-e10")
    needed = []
    for at in (0.995047, 0.995057):
        found = judged(tmp_path, one, arm("deep", 0.98, curve=[0.5] * 9 + [at] * 3))
        sd, room = float(np.std(np.arange(10) * 1e-5, ddof=1)), at - 4.5e-5 - 0.995
        assert found.verdict == "inconclusive"
        assert found.seeds_needed == pytest.approx(seeds_for_half_width(sd, room), abs=1)
        needed.append(found.seeds_needed or 0)
    assert needed[0] > 2 * needed[1] > 20


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


NOISY = ("noise/deep/0.4", "size/deep/1000")


def overfits(tmp_path: Path, deep: list[Finished], relu: list[Finished]) -> Outcome:
    one = claim("overfit-reason", others=NOISY)
    beside = [arm(name, 0.6, gap=0.3) for name in NOISY]
    return judged(tmp_path, one, deep, relu, *beside)


@pytest.mark.parametrize(
    ("deep", "gap", "verdict", "halves"),
    [
        (0.90, 0.03, "reproduced", "larger holds, that it is worse on new data holds;"),
        # Worse for another reason than overfitting.
        (0.90, 0.00, "inconclusive", "larger does not hold, that it is worse on new data holds;"),
        (0.98, 0.00, "contradicted", "larger does not hold, that it is worse on new data does not"),
        (0.98, 0.03, "contradicted", "larger gap, yet does better on new data"),
        (0.93, 0.03, "contradicted", "yet does no different in a way that matters on new data"),
    ],
)
def test_overfitting_is_a_larger_gap_and_worse_on_new_data(
    tmp_path: Path, deep: float, gap: float, verdict: str, halves: str
) -> None:
    found = overfits(tmp_path, arm("deep", deep, gap=gap), arm("relu", 0.930))
    assert found.verdict == verdict
    assert halves in found.reason
    assert found.reason.startswith("that its gap is larger")
    assert ("it overfits in the sense" in found.reason) == ("yet does" in halves)


def test_what_stands_beside_overfitting(tmp_path: Path) -> None:
    course = [0.90] * 9 + [0.97, 0.985, 0.98]
    deep = arm("deep", 0.98, gap=0.02, tests=course)
    found = overfits(tmp_path, deep, arm("relu", 0.930))
    told = "0.9700 in epoch 10, 0.9850 in epoch 11, the highest of all epochs, 0.9800 in epoch 12"
    assert told in found.reason.replace("0.9699", "0.9700")
    # With wrong labels a gap would mix what is learned by heart with what is seen through.
    noisy, small = found.reason.split("beside: ")[1].split(", size/")
    assert "training 0.7000 against the labels given, 0.9000 against the right ones" in noisy
    assert "gap" not in noisy
    assert "(gap +0.3" in small


def test_overfitting_is_open_with_few_seeds_or_runs_that_diverged(tmp_path: Path) -> None:
    few = overfits(tmp_path, arm("deep", 0.9, 5, gap=0.03), arm("relu", 0.930, 5))
    assert (few.verdict, few.seeds_needed) == ("inconclusive", 10)
    assert "seeds: 5, at least 10 are needed" in few.reason
    for lost in (1, 10):
        gone = overfits(tmp_path, arm("deep", 0.1, lost=lost), arm("relu", 0.930))
        assert (gone.verdict, gone.measured) == ("inconclusive", None)
        assert gone.reason == f"{lost} of 10 runs of deep diverged"


def prevents(tmp_path: Path, with_: list[Finished], without: list[Finished]) -> Outcome:
    one = claim("dropout-role", others=("grid/a", "grid/b"))
    three = {"epochs": 3}
    grid = [arm("grid/a", 0.9, 3, config=three), arm("grid/b", 0.97, 3, gap=0.002, config=three)]
    return judged(tmp_path, one, with_, without, *grid)


@pytest.mark.parametrize(
    ("test", "gap", "verdict", "begins"),
    [
        # A smaller gap at no cost; a smaller gap since nothing was learned; no smaller gap.
        (0.985, 0.005, "reproduced", "the gap is smaller; accuracy is kept"),
        (0.500, -0.03, "contradicted", "the gap is smaller; accuracy is lost"),
        (0.985, 0.030, "contradicted", "the gap is not smaller; accuracy is kept"),
    ],
)
def test_overfitting_is_prevented_if_gap_and_accuracy_say_so(
    tmp_path: Path, test: float, gap: float, verdict: str, begins: str
) -> None:
    deep = arm("deep", 0.983, gap=0.016, tests=[0.9] * 19 + [0.98, 0.983])
    found = prevents(tmp_path, arm("dropout", test, gap=gap), deep)
    assert found.verdict == verdict
    assert found.reason.startswith(begins)
    assert "the maximum over 2 cells of the grid, of 3 epochs each" in found.reason
    assert "of grid/b, with a gap of" in found.reason
    # The other network after the epochs of the one with dropout, not after its own.
    assert re.search(r"test accuracy of deep: 0\.9(80|79)\d in epoch 20", found.reason)
    few = prevents(tmp_path, arm("dropout", test, gap=gap), deep[:5])
    assert (few.verdict, few.seeds_needed) == ("inconclusive", 10)
    lost = prevents(tmp_path, arm("dropout", test, gap=gap, lost=2), deep)
    assert (lost.verdict, lost.reason) == ("inconclusive", "2 of 10 runs of dropout diverged")


@pytest.mark.parametrize(
    ("test", "gap", "open_", "decidable"),
    [
        # Likely lost, but seeds differ much; so near to the limit that these images cannot tell.
        (0.968, 0.005, "(precision: accuracy)", True),
        (0.9715, 0.005, "(images: accuracy)", False),
        (0.9825, 0.0295, "(precision: gap)", True),
    ],
)
def test_a_half_that_is_open_says_what_would_decide_it(
    tmp_path: Path, test: float, gap: float, open_: str, decidable: bool
) -> None:
    deep = arm("deep", 0.983, gap=0.03)
    found = prevents(tmp_path, arm("dropout", test, gap=gap, sd=0.012), deep)
    assert found.verdict == "inconclusive"
    assert open_ in found.reason
    assert (found.seeds_needed is not None and found.seeds_needed > 10) == decidable


def test_the_seeds_for_one_side_are_the_fewest_that_are_enough() -> None:
    chance = np.random.default_rng(1)
    differences = chance.normal(-0.004, 0.003, 10)

    def at(n: int) -> float:
        """The lower end with n seeds of the same mean and SD."""
        return _evidence(n, 10_000, one.mean, one.sd_seeds, one.sd_images).low

    differences -= differences.mean() + 0.0047
    one = order_test(differences, 0.01, 10_000)
    needed = seeds_beyond(one, -0.005)
    assert needed is not None
    assert at(needed) >= -0.005 > at(needed - 1)
    # On too few images no number of seeds is enough.
    assert seeds_beyond(order_test(differences, 0.5, 100), -0.005) is None


# Logs of 27 epochs from the fourth on: the printed one, and one that is 0.05 above it.
LOG = [float(x) for x in str(claim("dropout-test").evidence.threshold("log")).split()]
NEAR, FAR = ([0.3] * 3 + [x + by for x in LOG] for by in (0.0, 0.05))


def dropout(
    tmp_path: Path, level: float, masked: float, unscaled: float, lost: int = 0, **config: object
) -> Outcome:
    one = claim("dropout-test", others=("grid/unscaled",))
    other = arm(
        "grid/unscaled", unscaled, curve=NEAR, config={"scaling": "unscaled"} | config, lost=lost
    )
    return judged(tmp_path, one, arm("dropout", level, masked=masked, curve=FAR), other)


def test_a_dropout_network_that_gives_the_print_needs_no_fault(tmp_path: Path) -> None:
    found = dropout(tmp_path, 0.504, 0.504, 0.2)
    assert (found.verdict, found.fault) == ("reproduced", None)
    assert "5.0 of 10 classes are predicted" in found.reason
    # A fault that gives the print as well explains nothing that is not explained.
    assert "in whose range the print lies as well" in found.reason
    assert "explains" not in found.reason


def test_two_faults_are_tried_where_it_does_not(tmp_path: Path) -> None:
    on = dropout(tmp_path, 0.97, 0.504, 0.2)
    assert (on.verdict, on.fault) == ("explained", "always_on")
    assert re.search(
        r"gives 0\.50\d\d, a further run in \[0\.50\d+, 0\.50\d+\], without the fault in "
        r"\[0\.9\d+, 0\.9\d+\], which explains the print",
        on.reason,
    )
    unscaled = dropout(tmp_path, 0.97, 0.9, 0.504)
    assert (unscaled.verdict, unscaled.fault) == ("explained", "unscaled")
    neither = dropout(tmp_path, 0.97, 0.9, 0.2)
    assert (neither.verdict, neither.fault) == ("contradicted", None)
    assert "(2 faults tried)" in neither.reason
    assert {on.fault, unscaled.fault} == set(DROPOUT_FAULTS)


@pytest.mark.parametrize(
    ("masked", "unscaled", "nearest"),
    [(0.5045, 0.5060, "always_on"), (0.5060, 0.5040, "unscaled")],
)
def test_of_two_faults_that_give_the_print_the_nearer_one_is_named(
    tmp_path: Path, masked: float, unscaled: float, nearest: str
) -> None:
    found = dropout(tmp_path, 0.97, masked, unscaled)
    assert (found.verdict, found.fault) == ("explained", nearest)
    assert f"unscaled and always_on give the print, {nearest} has the mean nearest" in found.reason


def test_beside_a_fault_stands_how_far_its_training_is_from_the_printed_log(
    tmp_path: Path,
) -> None:
    found = dropout(tmp_path, 0.97, 0.504, 0.2)
    # Margins of an accuracy near a half are a percent: 0.05 above is about five of them.
    own = "its training (the right network's own) is 5.00 margins off"
    assert own in found.reason.replace("4.99", "5.00").replace("5.01", "5.00")
    assert "its training is 0.00 margins off the printed log in epochs 4–30" in found.reason


def test_the_printed_log_of_the_fault_test_is_the_ledgers_curve() -> None:
    printed = {
        one.epoch: float(one.printed)
        for one in CLAIMS
        if one.evidence.arm == "dropout"
        and one.evidence.metric == "running_accuracy"
        and one.epoch is not None
        and not one.fitted
    }
    first = claim("dropout-test").evidence.threshold("log_from")
    assert [(first + i, x) for i, x in enumerate(LOG)] == sorted(printed.items())


def test_a_fault_whose_runs_diverged_explains_nothing(tmp_path: Path) -> None:
    found = dropout(tmp_path, 0.97, 0.9, 0.504, lost=1)
    assert (found.verdict, found.fault) == ("contradicted", None)
    assert "gives 0.5037 (1 of 10 runs of grid/unscaled diverged)" in re.sub(
        r"gives 0\.50\d\d", "gives 0.5037", found.reason
    )


def test_an_arm_that_differs_in_more_than_the_fault_explains_nothing(tmp_path: Path) -> None:
    found = dropout(tmp_path, 0.97, 0.9, 0.504, epochs=3)
    assert found.verdict == "contradicted"
    assert "unscaled at test (but other epochs) gives 0.50" in found.reason
    assert "the print lies" not in found.reason


def test_every_arm_that_the_ledger_names_is_one_of_the_study() -> None:
    root = Path(__file__).parents[1]
    protocol = section(root / "params.yaml", mse_mlp.NAME, mse_mlp.Protocol)
    named = {name for one in CLAIMS if one.family == mse_mlp.NAME for name in one.evidence.arms}
    assert named <= set(mse_mlp.arms(protocol))
