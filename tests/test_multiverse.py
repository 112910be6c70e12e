"""Which readings are found in records, on made ones, and what they make of a verdict."""

from pathlib import Path
from typing import Any

import pytest
from made_records import made

from retrial.core.records import Records
from retrial.judging.judge import Family, judge_claim
from retrial.judging.ledger import Claim, find, load_claims
from retrial.judging.multiverse import readings
from retrial.judging.sensitivity import Reading

CLAIMS = load_claims()
LEDGER = {claim.id: claim for claim in CLAIMS}
DEEP = {"batch": 64, "optimiser": "sgd", "learning_rate": 0.01, "width": 32}


def network(activation: str, depth: int, initialiser: str = "he_normal", **rest: Any) -> dict:
    own = {"activation": activation, "depth": depth, "initialiser": initialiser}
    return DEEP | own | rest


def deep(folder: Path, loss: float, whole: bool = True) -> Records:
    """Ten networks of 40 layers with tanh."""

    def one(arm: str, seed: int) -> dict[str, Any]:
        metrics = {"test_loss": loss + seed / 1000, "test_accuracy": 0.9}
        return {"config": network("tanh", 40), "metrics": metrics, "whole": whole}

    return made(folder, "depth", {"tanh/40": 10}, one)


def searched(folder: Path, losses: dict[tuple[str, float], float]) -> Records:
    """One network of a search for each initialiser and learning rate."""
    arms = {f"40/tanh/{name}/{rate}": (name, rate) for name, rate in losses}

    def one(arm: str, seed: int) -> dict[str, Any]:
        name, rate = arms[arm]
        config = network("tanh", 40, name, learning_rate=rate)
        return {"config": config, "metrics": {"test_loss": losses[arms[arm]]}}

    return made(folder, "depth_search", dict.fromkeys(arms, 1), one)


def loss_claim(**changes: Any) -> Claim:
    """The printed loss of 0.25, resting on two choices."""
    choices = {"choices": ("the learning rate", "the initialiser")}
    return find(CLAIMS, "004-1B-tanh-40-loss").model_copy(update=choices | changes)


def test_a_printed_number_has_the_readings_of_its_search(tmp_path: Path) -> None:
    records = deep(tmp_path / "own", 0.17)
    search = searched(tmp_path / "search", {("default", 0.1): 0.26, ("he_normal", 0.1): 0.3})
    found = readings(loss_claim(), records, search, LEDGER)
    assert [(one.judged, one.study, one.n, one.agrees) for one in found] == [
        (True, "depth", 10, False),
        (False, "depth_search", 1, True),
        (False, "depth_search", 1, False),
    ]
    # The margin of a loss of .25 is .025.
    assert found[1].distance == pytest.approx(0.4)
    assert found[1].levels["the initialiser"] == "default"


@pytest.mark.parametrize(
    ("losses", "verdict", "reason"),
    [
        ({("default", 0.1): 0.1, ("default", 0.01): 0.12}, "contradicted", "outside the range"),
        ({("default", 0.1): 0.26, ("default", 0.01): 0.12}, "inconclusive", "within the margin"),
        ({("default", 0.1): 0.5, ("default", 0.01): 0.12}, "inconclusive", "on both sides"),
        ({("default", 0.01): 0.12}, "inconclusive", "nothing else was recorded for the learning"),
        ({}, "inconclusive", "nothing else was recorded for the learning rate, the initialiser"),
    ],
)
def test_a_contradiction_stands_where_recorded_readings_share_it(
    tmp_path: Path, losses: dict[tuple[str, float], float], verdict: str, reason: str
) -> None:
    search = searched(tmp_path / "search", losses)
    family = Family(deep(tmp_path / "own", 0.17), LEDGER, "paper", search)
    row = judge_claim(loss_claim(), family)
    assert row["verdict"] == verdict
    assert reason in row["reason"]
    if losses:
        assert row["readings"]["open"] == len(losses)
    else:
        assert "readings" not in row


def test_a_protocol_that_was_cut_short_is_no_reading(tmp_path: Path) -> None:
    search = searched(tmp_path / "search", {("default", 0.1): 0.26})
    records = deep(tmp_path / "own", 0.17, whole=False)
    assert readings(loss_claim(), records, search, LEDGER) == []
    assert readings(loss_claim(), deep(tmp_path / "whole", 0.17), None, LEDGER) == []


def kernel(folder: Path) -> Records:
    def one(arm: str, seed: int) -> dict[str, Any]:
        scores = {"rbf/255": 0.907, "rbf/1": 0.903, "subset/rbf/255": 0.9 + seed / 1000}
        metrics = {"best_score": (scores[arm], 1000)}
        if arm != "subset/rbf/255":
            metrics |= {"best_score_folds3": (0.898, 1000), "best_score_folds10": (0.911, 1000)}
        config = {"folds": 5, "other_folds": [3, 10], "pixel_top": 255}
        return {"config": config, "metrics": metrics}

    return made(folder, "kernels", {"rbf/255": 1, "rbf/1": 1, "subset/rbf/255": 5}, one)


def test_a_score_without_chance_is_read_by_scale_folds_and_images(tmp_path: Path) -> None:
    found = readings(find(CLAIMS, "000-6.3-rbf-score"), kernel(tmp_path), None, LEDGER)
    told = {
        tuple(one.levels[key] for key in ("the pixel scale", "the folds", "the subset")): one.state
        for one in found
    }
    # Printed as 0.91: only what rounds to it holds. The drawn images are runs with chance.
    assert told == {
        ("255", "5", "the first rows"): "holds",
        ("1", "5", "the first rows"): "breaks",
        ("255", "3", "the first rows"): "breaks",
        ("255", "10", "the first rows"): "holds",
        ("255", "5", "drawn at random"): "open",
    }


def handwriting(folder: Path, sizes: dict[str, float]) -> Records:
    """Ten networks an arm, of which a share of digits is right on both stand-ins."""
    import numpy as np

    def one(arm: str, seed: int) -> dict[str, Any]:
        right = np.arange(1000) < 1000 * sizes[arm] + seed % 3 - 1
        arrays = {"correct": right.astype(np.uint8), "correct_corrupted": right.astype("f4")}
        return {"metrics": {"accuracy_digits": float(right.mean())}, "arrays": arrays}

    return made(folder, "handwriting", dict.fromkeys(sizes, 10), one)


def test_two_networks_of_our_own_contradict_no_sentence_on_their_sizes(tmp_path: Path) -> None:
    records = handwriting(tmp_path, {"report": 0.8, "large/report": 0.85})
    row = judge_claim(find(CLAIMS, "004-3-small"), Family(records, LEDGER, "paper"))
    assert row["verdict"] == "inconclusive"
    assert row["reason"].startswith("reading: accuracy of report less large/report")
    assert row["reason"].endswith(
        "nothing else was recorded for the numbers of parameters; other runs would decide"
    )
    # Each stand-in alone says the same.
    assert row["readings"] == {"hold": 0, "break": 2, "open": 0, "near": 0}


def test_a_sentence_is_read_with_the_larger_network_too(tmp_path: Path) -> None:
    sizes = {"none": 0.8, "report": 0.85, "large/none": 0.85, "large/report": 0.8}
    found = readings(find(CLAIMS, "004-3-aug-good"), handwriting(tmp_path, sizes), None, LEDGER)
    assert [(one.levels["the network"], one.state) for one in found] == [
        ("small", "holds"), ("small", "holds"), ("small", "holds"), ("large", "breaks"),
    ]  # fmt: skip


def losses_of(folder: Path, epochs: float) -> Records:
    """Ten networks with either loss, equally accurate; cross-entropy's rise in `epochs`."""
    import numpy as np

    def one(arm: str, seed: int) -> dict[str, Any]:
        right = np.arange(1000) < 950 + seed % 3
        ours = arm.endswith("cross_entropy")
        metrics = {
            "test_accuracy": (float(right.mean()), 1000), "picked_end": 0.0,
            "epochs_to_90": (epochs if ours else 1.0) + seed / 100 * ours,
        }  # fmt: skip
        return {"metrics": metrics, "arrays": {"correct_bits": np.packbits(right)}}

    arms = ("balanced/cross_entropy", "balanced/squared_error")
    return made(folder, "cross_entropy", dict.fromkeys(arms, 10), one)


@pytest.mark.parametrize(
    ("epochs", "reason"),
    [
        (0.5, "what better means: fewer epochs to nine tenths of the last test accuracy) it holds"),
        (2.0, "nothing else was recorded for the network, the data"),
    ],
)
def test_better_may_mean_another_thing(tmp_path: Path, epochs: float, reason: str) -> None:
    family = Family(losses_of(tmp_path, epochs), LEDGER, "paper")
    row = judge_claim(find(CLAIMS, "003-2-better"), family)
    assert row["verdict"] == "inconclusive"
    assert reason in row["reason"]


def shifted(folder: Path, consistency: dict[str, float]) -> Records:
    def one(arm: str, seed: int) -> dict[str, Any]:
        value = consistency[arm] + seed / 1000
        config = {"epochs": 3.0}
        return {"config": config, "metrics": {"consistency": value, "consistency_near": value}}

    return made(folder, "shift", dict.fromkeys(consistency, 10), one)


def test_invariance_fails_in_every_frame_and_so_stays_contradicted(tmp_path: Path) -> None:
    arms = ("lenet", "lenet/clipped", "lenet/blurpool", "lenet/matched", "mlp", "mlp/clipped")
    records = shifted(tmp_path / "all", dict.fromkeys(arms, 0.3))
    row = judge_claim(find(CLAIMS, "000-3C-concl"), Family(records, LEDGER, "paper"))
    assert row["verdict"] == "contradicted"
    assert "and so in all 3 other readings" in row["reason"]
    pooled = shifted(tmp_path / "pooled", dict.fromkeys(arms, 0.3) | {"lenet/blurpool": 0.97})
    row = judge_claim(find(CLAIMS, "000-3C-concl"), Family(pooled, LEDGER, "paper"))
    assert row["verdict"] == "inconclusive"
    assert "the pooling: blurred averages" in row["reason"]


def test_a_curve_is_read_by_its_first_epochs(tmp_path: Path) -> None:
    curve = [one for one in CLAIMS if one.evidence.arm == "relu" and one.kind == "curve"
             and one.evidence.metric == "running_loss"]  # fmt: skip
    printed = [float(one.printed) for one in sorted(curve, key=lambda one: one.epoch or 0)]
    config = {"initialiser": "default", "inputs": "unit", "learning_rate": 0.01}

    def own(arm: str, seed: int) -> dict[str, Any]:
        values = [value * (1 + seed / 1000) for value in printed]
        return {"config": config, "curves": {"running_loss": values}}

    def other(arm: str, seed: int) -> dict[str, Any]:
        rate = float(arm.rsplit("/", 1)[1])
        values = [value * (1 + rate) for value in printed[:3]]
        return {"config": config | {"learning_rate": rate}, "curves": {"running_loss": values}}

    records = made(tmp_path / "own", "mse_mlp", {"relu": 3}, own)
    search = made(tmp_path / "search", "mse_search", {"relu/a/0.05": 1, "relu/a/0.5": 1}, other)
    found: list[Reading] = readings(curve[0], records, search, LEDGER)
    assert all(one.partial for one in found)
    # A margin of a tenth: 5% are half a margin off, 50% five.
    assert [one.distance for one in found[1:]] == pytest.approx([0.5, 5.0], rel=0.3)
    assert [one.agrees for one in found] == [True, True, False]
