import math
import re

import pytest
from programs import CURVES, PROFILES, TRAINING, configured, is_whole, packed, packed_beside
from tiny_digits import mnist_shaped

from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.trial import Trial
from retrial.running.store import pack, unpack
from retrial.studies import depth_search
from retrial.studies.depth_search import Budget, Protocol

CANDIDATE = TRAINING | {"optimiser": "adam", "learning_rate": 0.02, "initialiser": "he_normal"}
GRID = {
    "widths": [4, 6],
    "batches": [16],
    "optimisers": {"sgd": [0.01, 0.1], "momentum": [0.02]},
    "initialisers": ["glorot_uniform", "he_normal", "default"],
}
SECTION = {
    "activations": ["relu", "sigmoid"],
    "epochs": 2,
    "shallow": 2,
    # The second overlaps with the first, which has its candidate already.
    "grids": [GRID, GRID | {"widths": [6], "optimisers": {"sgd": [0.1]}}],
    "deep": [3, 5],
    "deep_candidates": [CANDIDATE],
}
PROTOCOL = validated(SECTION, Protocol, "depth_search")
WHOLE = Budget(shallow_seeds=2, deep_seeds=1)
DATA = mnist_shaped(60, 30)
DEEP = "3/relu/adam/0.02/he_normal/6/16"
SHALLOW = "2/sigmoid/sgd/0.1/default/4/16"


def trial(arm: str, seed: int = 1000, protocol: Protocol = PROTOCOL) -> Trial:
    listed = depth_search.trials(protocol, WHOLE)
    return next(one for one in listed if (one.arm, one.seed) == (arm, seed))


def test_the_shallow_round_is_every_combination_and_the_deep_one_what_is_listed() -> None:
    listed = depth_search.trials(PROTOCOL, WHOLE)
    shallow = [one for one in listed if one.arm.startswith("2/")]
    deep = [one for one in listed if not one.arm.startswith("2/")]
    assert len(shallow) == 2 * 2 * 3 * 3 * 2
    assert {one.arm for one in deep} == {
        f"{depth}/{act}/adam/0.02/he_normal/6/16" for depth in (3, 5) for act in ("relu", "sigmoid")
    }
    assert len(listed) == len(shallow) + len(deep) == len({(one.arm, one.seed) for one in listed})
    # None that the judgement uses.
    assert {one.seed for one in shallow} == {1000, 1001}
    assert {one.seed for one in deep} == {1000}
    assert all(one.whole for one in listed)


def test_an_arm_is_what_its_name_says() -> None:
    for arm, config in depth_search.arms(PROTOCOL).items():
        depth, activation, optimiser, rate, initialiser, width, batch = arm.split("/")
        assert config == {
            "depth": int(depth),
            "activation": activation,
            "optimiser": optimiser,
            "learning_rate": float(rate),
            "initialiser": initialiser,
            "width": int(width),
            "batch": int(batch),
            "epochs": 2,
            "block": "plain",
            "deviation": None,
            "train_at_most": None,
        }


def test_a_round_without_seeds_is_skipped_and_the_other_is_not() -> None:
    for budget, left in (
        (Budget(shallow_seeds=1, deep_seeds=0), {"2"}),
        (Budget(shallow_seeds=0, deep_seeds=1), {"3", "5"}),
        (Budget(shallow_seeds=0, deep_seeds=0), set()),
    ):
        run = {one.arm for one in depth_search.trials(PROTOCOL, budget)}
        assert {arm.split("/")[0] for arm in run} == left
        skipped = depth_search.skipped(PROTOCOL, budget)
        assert run.isdisjoint(skipped)
        assert run | set(skipped) == set(depth_search.arms(PROTOCOL))


def test_candidates_that_differ_in_their_beginning_share_a_program() -> None:
    listed = depth_search.trials(PROTOCOL, Budget(shallow_seeds=1, deep_seeds=1))
    kind = depth_search.together(trial(SHALLOW))
    joined = {one.arm for one in listed if depth_search.together(one) == kind}
    starts = ("glorot_uniform", "he_normal", "default")
    assert joined == {f"2/sigmoid/sgd/0.1/{start}/4/16" for start in starts}


@pytest.mark.parametrize("arm", [SHALLOW, DEEP])
def test_a_candidate_keeps_every_epoch(arm: str) -> None:
    result = depth_search.run(trial(arm), DATA)
    assert set(result.curves) == CURVES
    assert all(len(curve) == 2 for curve in result.curves.values())
    assert {name: tuple(metric) for name, metric in result.metrics.items()} == {
        name: (result.curves[name][-1], 30) for name in ("test_loss", "test_accuracy")
    }
    assert (result.status, result.decided, result.arrays) == ("ok", False, {})


def test_a_candidate_learns() -> None:
    longer = validated(SECTION | {"epochs": 60}, Protocol, "depth_search")
    result = depth_search.run(trial(DEEP, protocol=longer), DATA)
    assert result.metrics["test_accuracy"].value > 0.7
    assert result.curves["running_loss"][-1] < math.log(10) / 4 < result.curves["running_loss"][0]


@pytest.mark.parametrize("arm", [SHALLOW, "2/relu/momentum/0.02/he_normal/6/16"])
def test_bytes_do_not_depend_on_what_a_candidate_is_run_with(arm: str) -> None:
    alone = packed(depth_search, trial(arm), DATA)
    assert alone == packed(depth_search, trial(arm), DATA)
    listed = depth_search.trials(PROTOCOL, WHOLE)
    assert alone == packed_beside(depth_search, trial(arm), listed, DATA)
    assert alone != packed(depth_search, trial(arm, seed=1001), DATA)


def test_a_candidate_that_diverges_says_where_and_is_decided() -> None:
    grids = [GRID | {"optimisers": {"sgd": [1e9]}}]
    wild = validated(SECTION | {"grids": grids}, Protocol, "depth_search")
    arm = "2/relu/sgd/1000000000.0/he_normal/6/16"
    result = depth_search.run(trial(arm, protocol=wild), DATA)
    assert (result.status, result.decided) == ("diverged", True)
    assert result.detail["epoch"] == 1
    kept, _ = unpack(pack(result, 0.0))
    assert kept.metrics["test_loss"].value is None
    assert kept.curves["test_loss"] == [None]


@pytest.mark.parametrize(
    ("part", "named"),
    [
        (
            {"grids": [GRID | {"optimisers": {"nadam": [0.1]}}]},
            "depth_search.grids.0.optimisers.nadam",
        ),
        ({"grids": [GRID | {"optimisers": {}}]}, "depth_search.grids.0.optimisers = {}: "),
        ({"grids": [GRID | {"widths": [0]}]}, "depth_search.grids.0.widths.0 = 0: "),
        ({"grids": []}, "depth_search.grids = (): "),
        ({"deep": [3, 2]}, "depth_search.deep = (3, 2): value error, each must be above `shallow`"),
        (
            {"deep_candidates": [CANDIDATE | {"rate": 0.1}]},
            "depth_search.deep_candidates.0.rate = 0.1: unknown key",
        ),
    ],
)
def test_a_protocol_refuses_and_names_the_key(part: dict, named: str) -> None:
    with pytest.raises(RetrialError, match=f"^{re.escape(named)}"):
        validated(SECTION | part, Protocol, "depth_search")


@pytest.mark.parametrize("profile", PROFILES)
def test_the_project_s_own_configuration_is_valid(profile: str) -> None:
    # The search is the paper profile's alone, and its seeds are no judgement's.
    assert is_whole(depth_search, profile) == (profile == "paper")
    listed = depth_search.trials(*configured(depth_search, profile))
    assert bool(listed) == (profile == "paper")
    assert all(one.seed >= 1000 for one in listed)
