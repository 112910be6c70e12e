"""Tests of report 002's sentences on its split and its library networks, on known records."""

import re
from pathlib import Path

import numpy as np
import pytest

from retrial.core import records
from retrial.core.errors import RetrialError
from retrial.core.records import Finished, Records
from retrial.core.trial import Metric, Result, Trial
from retrial.judging.judge import Family, judge_claim
from retrial.judging.ledger import Claim, find, load_claims
from retrial.judging.outcome import Outcome
from retrial.judging.possibility import check_accuracy, check_joint
from retrial.judging.statements import TESTS
from retrial.studies import library_mlp

CLAIMS = load_claims(Path(__file__).parents[1] / "claims")
NETWORKS = ("logistic", "tanh", "relu", "identity")
LEARNED = ("tanh", "relu", "identity")
IMAGES = 1000
SIZES = {"train": 8000, "validation": IMAGES, "test": IMAGES}
CONFIG = {"epochs": 100, "learning_rate": 2e-5}


def claim(name: str, **evidence: object) -> Claim:
    """The ledger's own claim, so that its thresholds are the ones that are tested."""
    one = find(CLAIMS, f"002-{name}")
    return one.model_copy(update={"evidence": one.evidence.model_copy(update=evidence)})


def printed(activation: str, what: str) -> str:
    return find(CLAIMS, f"002-C2-{activation}-{what}").printed


def approach(end: float, time: float, epochs: int = 100) -> list[float]:
    """A loss that comes from 2.3 towards `end`, at which it would be after some times `time`."""
    at = np.arange(epochs)
    return list(end + (2.3 - end) * np.exp(-at / time))


def arm(name: str, level: float = 0.84, seeds: int = 10, sd: float = 0.001, **rest) -> list:
    """Networks with a validation accuracy near `level`; `lost` of them have diverged."""
    chance = np.random.default_rng(sum(name.encode()))
    lost, gap = rest.pop("lost", 0), rest.pop("gap", 0.036)
    settled, losses = rest.pop("settled", 40), rest.pop("losses", (0.40, 0.49))
    curve = rest.pop("curve", approach(losses[0], 10))
    found = []
    for seed in range(seeds):
        right = np.zeros(IMAGES, np.uint8)
        right[: round((level + chance.normal(0, sd)) * IMAGES)] = 1
        accuracy = float(right.mean())
        metrics = {
            "train_accuracy": accuracy + gap,
            "validation_accuracy": accuracy,
            "test_accuracy": 0.83,
            "train_loss": losses[0] + chance.normal(0, 1e-4),
            "validation_loss": losses[1] + chance.normal(0, 1e-4),
            "gap": gap + chance.normal(0, sd),
            "settled": settled + (seed % 3 - 1),
            "epochs": 100,
        }
        sizes = {key: SIZES.get(key.split("_")[0], 0) for key in metrics}
        result = Result(
            {key: Metric(value, sizes[key]) for key, value in metrics.items()},
            status="diverged" if seed < lost else "ok",
            curves={"train_loss": [x - seed * 1e-5 for x in curve]},
            arrays={"validation_correct": right},
        )
        trial = Trial("library_mlp", name, seed, CONFIG | rest.get("config", {}))
        found.append(Finished(trial, result, f"{name}{seed}"))
    return found


def loaded(tmp_path: Path, *arms: list[Finished]) -> Records:
    records.write(tmp_path, "library_mlp", [one for some in arms for one in some], [], {})
    return Records.load(tmp_path)


def judged(tmp_path: Path, one: Claim, *arms: list[Finished]) -> Outcome:
    assert one.evidence.test is not None
    return TESTS[one.evidence.test](one, loaded(tmp_path, *arms))


# The split.

PRINTED_GAPS = {"tanh": 0.03588, "relu": 0.0325, "identity": 0.04138}


def split(tmp_path: Path, apart: dict, leaked: dict, seeds: int = 10, **evidence) -> Outcome:
    one = claim("C1-split", **evidence)
    own = [arm(name, gap=gap, seeds=seeds) for name, gap in apart.items()]
    leak = [arm(f"leak/{name}", gap=gap, seeds=seeds) for name, gap in leaked.items()]
    return judged(tmp_path, one, *own, *leak)


def test_the_gaps_tell_whether_the_validation_images_are_apart(tmp_path: Path) -> None:
    none = dict.fromkeys(LEARNED, 0.0)
    apart = split(tmp_path, PRINTED_GAPS, none)
    assert apart.verdict == "reproduced"
    assert apart.reason.startswith("the validation images are apart")
    assert "the printed gap of tanh is +0.0359" in apart.reason
    assert "16 of 60 fit, the smallest is 8000" in apart.reason
    leak = split(tmp_path, dict.fromkeys(LEARNED, 0.08), PRINTED_GAPS)
    assert leak.verdict == "contradicted"
    assert leak.reason.startswith("the validation images are among the training images")


@pytest.mark.parametrize(
    ("apart", "leaked", "seeds"),
    [
        # Both readings give the gaps, neither does, one network of three says otherwise, and with
        # three seeds the range of a single run is too wide to tell.
        (PRINTED_GAPS, PRINTED_GAPS, 10),
        (dict.fromkeys(LEARNED, 0.08), dict.fromkeys(LEARNED, 0.0), 10),
        (PRINTED_GAPS | {"relu": 0.08}, dict.fromkeys(LEARNED, 0.0), 10),
        (PRINTED_GAPS, dict.fromkeys(LEARNED, 0.03), 3),
    ],
)
def test_gaps_that_do_not_tell_leave_the_split_open(
    tmp_path: Path, apart: dict, leaked: dict, seeds: int
) -> None:
    found = split(tmp_path, apart, leaked, seeds)
    assert found.verdict == "inconclusive"
    assert found.reason.startswith("reading: the gaps do not tell")


def test_a_print_that_is_no_whole_number_of_images_contradicts_the_sizes(tmp_path: Path) -> None:
    thresholds = claim("C1-split").evidence.thresholds | {"relu": "0.86951 0.837"}
    found = split(tmp_path, PRINTED_GAPS, dict.fromkeys(LEARNED, 0.0), thresholds=thresholds)
    assert found.verdict == "contradicted"
    assert "0.86951 of relu, train" in found.reason
    wrong = claim("C1-split").evidence.thresholds | {"train": 7000}
    with pytest.raises(RetrialError, match="train = 7000: the study has 8000 images"):
        split(tmp_path, PRINTED_GAPS, dict.fromkeys(LEARNED, 0.0), thresholds=wrong)


def test_a_split_with_runs_that_diverged_or_few_seeds_is_open(tmp_path: Path) -> None:
    few = split(tmp_path, PRINTED_GAPS, dict.fromkeys(LEARNED, 0.0), seeds=2)
    assert (few.verdict, few.seeds_needed) == ("inconclusive", 3)
    arms = [arm(name, gap=PRINTED_GAPS[name]) for name in LEARNED]
    leaks = [arm(f"leak/{name}", gap=0.0, lost=2) for name in LEARNED]
    lost = judged(tmp_path, claim("C1-split"), *arms, *leaks)
    assert lost.verdict == "inconclusive"
    assert "2 of 10 runs of leak/tanh diverged" in lost.reason


# "relu performed best".


def best(tmp_path: Path, relu: float, tanh: float, others: float = 0.5, **rest) -> Outcome:
    arms = [arm("relu", relu, **rest), arm("tanh", tanh, **rest)]
    arms += [arm(name, others, **rest) for name in ("identity", "logistic")]
    return judged(tmp_path, claim("C2-best"), *arms)


@pytest.mark.parametrize(
    ("relu", "tanh", "others", "verdict"),
    [
        (0.87, 0.80, 0.5, "reproduced"),
        (0.80, 0.87, 0.5, "contradicted"),
        # Better than two is not best.
        (0.80, 0.70, 0.9, "contradicted"),
        # As good as another, as far as ten seeds tell.
        (0.837, 0.837, 0.5, "inconclusive"),
    ],
)
def test_best_is_better_than_each_of_the_others(
    tmp_path: Path, relu: float, tanh: float, others: float, verdict: str
) -> None:
    found = best(tmp_path, relu, tanh, others)
    assert found.verdict == verdict
    assert "on the test images relu 0.8300, tanh 0.8300" in found.reason


def test_as_good_as_another_is_not_best(tmp_path: Path) -> None:
    assert best(tmp_path, 0.837, 0.837, sd=0).verdict == "contradicted"


def test_a_difference_of_two_images_is_open_where_the_networks_disagree(tmp_path: Path) -> None:
    arms = [arm("relu", 0.837, sd=0), arm("tanh", 0.835, sd=0)]
    # The same accuracy with other images right.
    for one in arms[1]:
        one.result.arrays["validation_correct"][:] = one.result.arrays["validation_correct"][::-1]
    arms += [arm(name, 0.5) for name in ("identity", "logistic")]
    found = judged(tmp_path, claim("C2-best"), *arms)
    assert found.verdict == "inconclusive"
    assert re.search(r"[\d,]+ images would decide", found.reason)
    assert "837 against 835 of 1000, 2 images separate relu from tanh" in found.reason
    assert "cannot give less than p = 0.5 (McNemar)" in found.reason
    assert "relu alone gets 165.0 right, tanh 163.0" in found.reason
    assert found.measured == pytest.approx(0.002)


def test_best_needs_ten_seeds_that_did_not_diverge(tmp_path: Path) -> None:
    few = best(tmp_path, 0.87, 0.80, seeds=5)
    assert (few.verdict, few.seeds_needed) == ("inconclusive", 10)
    lost = best(tmp_path, 0.87, 0.80, lost=1)
    assert (lost.verdict, lost.measured) == ("inconclusive", None)


# "identity converge first but at more loss".


def first(tmp_path: Path, identity: dict, tanh: dict, relu: dict, seeds: int = 10) -> Outcome:
    named = {"identity": identity, "tanh": tanh, "relu": relu}
    arms = [arm(name, seeds=seeds, **rest) for name, rest in named.items()]
    return judged(tmp_path, claim("C2-identity"), *arms)


EARLY, LATE = {"settled": 30}, {"settled": 60}
HIGH, LOW = {"losses": (0.45, 0.52)}, {"losses": (0.40, 0.49)}


@pytest.mark.parametrize(
    ("identity", "rivals", "verdict"),
    [
        (EARLY | HIGH, LATE | LOW, "reproduced"),
        (LATE | HIGH, EARLY | LOW, "contradicted"),
        (EARLY | LOW, LATE | HIGH, "contradicted"),
        (EARLY | LOW, LATE | LOW, "contradicted"),
        # Higher by one of the two losses only.
        (EARLY | {"losses": (0.40, 0.52)}, LATE | LOW, "inconclusive"),
    ],
)
def test_both_halves_of_converging_first_must_hold(
    tmp_path: Path, identity: dict, rivals: dict, verdict: str
) -> None:
    found = first(tmp_path, identity, rivals, rivals)
    assert found.verdict == verdict
    assert found.reason.startswith("reading: ") == (verdict == "inconclusive")
    assert (
        "the printed table itself has a train loss of identity 0.4021, not above 0.4033 of tanh"
        in (found.reason)
    )
    assert "of relu" not in found.reason.split("itself")[1]


def test_one_rival_that_is_earlier_is_enough_to_contradict(tmp_path: Path) -> None:
    found = first(tmp_path, EARLY | HIGH, LATE | LOW, LOW | {"settled": 20})
    assert found.verdict == "contradicted"
    assert "relu converges -10.0 [" in found.reason
    few = first(tmp_path, EARLY | HIGH, LATE | LOW, LATE | LOW, seeds=4)
    assert (few.verdict, few.seeds_needed) == ("inconclusive", 10)
    assert few.reason.count("seeds: 4, at least 10") >= 1


# "logistic doesn't converge".

LINE = [2.3 - 0.007 * t for t in range(100)]


def converges(tmp_path: Path, curve: list, losses: tuple, others: list, *beside: list) -> Outcome:
    arms = [arm("logistic", curve=curve, losses=losses, seeds=3)]
    arms += [arm(name, curve=others, losses=(others[-1], 0.5), seeds=3) for name in LEARNED]
    return judged(tmp_path, claim("C2-logistic"), *arms, *beside)


@pytest.mark.parametrize(
    ("curve", "end", "others", "verdict"),
    [
        (LINE, 1.6, approach(0.4, 10), "reproduced"),
        # It has come to its end; it has not, but is no higher than the others.
        (approach(1.6, 10), 1.6, approach(0.4, 10), "contradicted"),
        (LINE, 0.6, approach(0.4, 10), "contradicted"),
        # A rule that calls none of them converged tells none apart.
        (LINE, 1.6, approach(0.4, 60), "inconclusive"),
        ([2.3] * 100, 2.3, approach(0.4, 10), "reproduced"),
    ],
)
def test_not_converged_is_still_falling_and_far_above(
    tmp_path: Path, curve: list, end: float, others: list, verdict: str
) -> None:
    found = converges(tmp_path, curve, (end, end), others)
    assert found.verdict == verdict
    unclear = "the rule does not call tanh or relu or identity converged"
    assert (unclear in found.reason) == (verdict == "inconclusive")


def test_the_threshold_is_three_time_constants(tmp_path: Path) -> None:
    for time, verdict in ((100 / 3.3, "contradicted"), (100 / 2.7, "reproduced")):
        found = converges(tmp_path, approach(1.6, time), (1.6, 1.6), approach(0.4, 10))
        assert found.verdict == verdict
    straight = converges(tmp_path, LINE, (1.6, 1.6), approach(0.4, 10))
    assert straight.measured == pytest.approx(0.101, abs=1e-3)


def test_other_schedules_stand_beside_and_decide_nothing(tmp_path: Path) -> None:
    beside = [
        arm("longer/logistic", seeds=3, losses=(0.45, 0.5), config={"epochs": 1000}),
        arm("faster/logistic", seeds=3, losses=(0.3, 0.5), config={"learning_rate": 1e-3}, lost=1),
    ]
    found = converges(tmp_path, LINE, (1.6, 1.6), approach(0.4, 10), *beside)
    assert found.verdict == "reproduced"
    assert re.search(
        r"longer/logistic \(1000 epochs at learning rate 2e-05\) ends at 0\.4", found.reason
    )
    assert "(1 of 3 runs of faster/logistic diverged)" in found.reason
    assert "beside" not in converges(tmp_path, LINE, (1.6, 1.6), approach(0.4, 10)).reason


def test_short_or_diverged_trainings_do_not_tell_of_convergence(tmp_path: Path) -> None:
    short = converges(tmp_path, LINE[:5], (1.6, 1.6), approach(0.4, 10))
    assert (short.verdict, short.reason) == ("inconclusive", "epochs: 5, at least 10 are needed")
    arms = [arm("logistic", curve=LINE, lost=1), *(arm(name) for name in LEARNED)]
    lost = judged(tmp_path, claim("C2-logistic"), *arms)
    assert lost.reason == "1 of 10 runs of logistic diverged"


# The ledger.


def test_printed_numbers_in_thresholds_are_the_ledgers() -> None:
    accuracies = {name: f"{printed(name, 'tracc')} {printed(name, 'vaacc')}" for name in NETWORKS}
    assert claim("C1-split").evidence.thresholds == {**accuracies, **SIZES}
    two = claim("C2-best").evidence
    assert two.threshold("printed") == printed(two.arm, "vaacc")
    assert two.threshold("printed_against") == printed(two.rival(), "vaacc")
    three = claim("C2-identity").evidence
    for part, what in (("train", "trloss"), ("validation", "valoss")):
        assert three.threshold(part) == " ".join(printed(name, what) for name in three.arms)


def test_margins_are_below_the_differences_that_the_sentence_turns_on() -> None:
    one = claim("C2-identity").evidence
    own, *rivals = (float(x) for x in str(one.threshold("validation")).split())
    assert all(float(one.threshold("loss")) * rival < (own - rival) / 2 for rival in rivals)
    two = claim("C2-best").evidence
    apart = float(two.threshold("printed")) - float(two.threshold("printed_against"))
    assert float(two.threshold("least")) == pytest.approx(apart / 2)


def test_every_printed_number_of_the_table_is_possible() -> None:
    for name in NETWORKS:
        for loss, accuracy, size in (("trloss", "tracc", 8000), ("valoss", "vaacc", 1000)):
            assert check_accuracy(printed(name, accuracy), size).ok
            assert check_joint(printed(name, loss), printed(name, accuracy), size).ok


def test_only_the_validation_losses_were_seen_by_the_search(tmp_path: Path) -> None:
    family = [one for one in CLAIMS if one.family == library_mlp.NAME]
    fitted = [one.id for one in family if one.fitted]
    assert fitted == [f"002-C2-{name}-valoss" for name in NETWORKS]
    assert len(family) == 20
    assert all(len(one.choices) == 6 for one in family)
    assert all(one.fitted in ((), one.choices) for one in family)


def test_a_number_of_the_table_is_judged_as_a_value_given_the_choices(tmp_path: Path) -> None:
    found = loaded(tmp_path, arm("relu", 0.837, gap=0.0325))
    ledger = {one.id: one for one in CLAIMS}
    row = judge_claim(claim("C2-relu-vaacc"), Family(found, ledger, "paper"))
    assert row["verdict"] == "reproduced"
    assert row["reason"].startswith("given 6 fitted choices (the hidden widths, ")


def test_a_validation_accuracy_is_contradicted_only_beyond_other_images(tmp_path: Path) -> None:
    one = claim("C2-relu-vaacc")
    near = judged(tmp_path, one, arm("relu", 0.87))
    assert near.verdict == "inconclusive"
    assert near.reason.startswith("images: mean 0.8")
    assert "but within ±0.041, the range of one run on 1000 other images" in near.reason
    far = judged(tmp_path, one, arm("relu", 0.90))
    assert (far.verdict, far.margin) == ("contradicted", 0.01)
    assert "outside ±0.039, the range of one run on 1000 other images too" in far.reason
    same = judged(tmp_path, one, arm("relu", 0.837))
    assert (same.verdict, "images" in same.reason) == ("reproduced", False)


def test_every_arm_that_the_ledger_names_is_one_of_the_study() -> None:
    fields = {"hidden": (4,), "solver": "adam", "learning_rate": 1e-3, "batch": 64}
    network = fields | {"epochs": 2, "tolerance": None}
    protocol = library_mlp.Protocol(
        network=network, longer={"epochs": 4}, faster={"learning_rate": 1e-2}
    )
    named = {name for one in CLAIMS if one.family == library_mlp.NAME for name in one.evidence.arms}
    assert named <= set(library_mlp.arms(protocol))
