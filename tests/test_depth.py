import math

import numpy as np
import pytest
from programs import CURVES, PROFILES, TRAINING, is_whole, packed, packed_beside, right
from tiny_digits import mnist_shaped

from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.trial import Trial
from retrial.deep_networks import begun, digits, trained
from retrial.gradient_flow import decay, layer_gradients
from retrial.running.store import pack, unpack
from retrial.studies import depth
from retrial.studies.depth import Budget, Protocol, prior_loss
from retrial.training.sgd import Labelled
from retrial.training.stacked_descent import evaluate

SECTION = {
    "training": TRAINING,
    "depths": [2, 3],
    "activations": ["relu", "sigmoid"],
    "epochs": 3,
    "gradients": {
        "activations": ["tanh"],
        "optimisers": {"sgd": 0.2, "adam": 0.01},
        "other_initialisers": ["default"],
        "epochs": 2,
    },
    "remedies": {"depths": [2], "epochs": 2},
}
PROTOCOL = validated(SECTION | {"activations": ["relu", "sigmoid", "lecun"]}, Protocol, "depth")
SEEDS = {
    "seeds": 2,
    "lecun_seeds": 1,
    "gradient_seeds": {"sgd": 2, "adam": 2},
    "other_seeds": 2,
    "remedy_seeds": 2,
}
WHOLE = Budget(**SEEDS, epochs_at_most={}, train_at_most=None)
COMMON = {"train_loss", "train_accuracy", "test_loss", "test_accuracy", "gap",
          "predicted_classes", "prior_loss"}  # fmt: skip
DECAY = {
    f"{when}_{part}_{name}"
    for when in ("untrained", "trained")
    for part in ("weights", "biases")
    for name in ("decay", "fit", "steps", "least")
}
DATA = mnist_shaped(70, 30)


def trial(arm: str, seed: int = 0, budget: Budget = WHOLE, protocol: Protocol = PROTOCOL) -> Trial:
    found = depth.trials(protocol, budget)
    return next(one for one in found if (one.arm, one.seed) == (arm, seed))


def test_every_arm_has_the_seeds_of_its_group() -> None:
    listed = depth.trials(PROTOCOL, WHOLE)
    seeds = {one.arm: [t.seed for t in listed if t.arm == one.arm] for one in listed}
    assert seeds == {
        **{f"{act}/{deep}": [0, 1] for act in ("relu", "sigmoid") for deep in (2, 3)},
        **{f"lecun/{deep}": [0] for deep in (2, 3)},
        **{f"gradients/{opt}/tanh/{deep}": [0, 1] for opt in ("sgd", "adam") for deep in (2, 3)},
        **{f"other/default/tanh/{deep}": [0, 1] for deep in (2, 3)},
        **{f"remedy/{one}/2": [0, 1] for one in ("normalised", "residual", "as_tanh")},
    }
    assert list(seeds) == list(depth.arms(PROTOCOL))
    assert all(one.whole for one in listed)
    assert depth.skipped(PROTOCOL, WHOLE) == []


def test_configs_say_what_distinguishes_the_arms() -> None:
    table = trial("sigmoid/2").config
    assert {name: table[name] for name in TRAINING} == TRAINING
    assert (table["depth"], table["epochs"], table["block"]) == (2, 3, "plain")
    shorter = table | {"epochs": 2}
    assert trial("remedy/normalised/2").config == shorter | {"block": "normalised"}
    assert trial("remedy/residual/2").config == shorter | {"block": "residual"}
    assert trial("remedy/as_tanh/2").config == shorter | {"initialiser": "as_tanh"}
    adam = {"activation": "tanh", "depth": 3, "optimiser": "adam", "learning_rate": 0.01}
    assert trial("gradients/adam/tanh/3").config == shorter | adam


def test_groups_without_seeds_are_skipped_and_the_others_are_not() -> None:
    none = {"lecun_seeds": 0, "gradient_seeds": {}, "other_seeds": 0, "remedy_seeds": 0}
    budget = Budget(**(SEEDS | none), epochs_at_most={}, train_at_most=None)
    left = {one.arm for one in depth.trials(PROTOCOL, budget)}
    assert left == {"relu/2", "relu/3", "sigmoid/2", "sigmoid/3"}
    assert {*depth.skipped(PROTOCOL, budget), *left} == set(depth.arms(PROTOCOL))
    assert left.isdisjoint(depth.skipped(PROTOCOL, budget))


def test_a_budget_that_cuts_a_group_says_so_of_that_group_only() -> None:
    limits = {"table": 1, "gradients": 2}
    budget = Budget(**SEEDS, epochs_at_most=limits, train_at_most=None)
    cut = {one.arm for one in depth.trials(PROTOCOL, budget) if not one.whole}
    assert cut == {f"{act}/{deep}" for act in ("relu", "sigmoid", "lecun") for deep in (2, 3)}
    assert trial("lecun/2", budget=budget).config["epochs"] == 1
    fewer = Budget(**SEEDS, epochs_at_most={}, train_at_most=20)
    assert not any(one.whole for one in depth.trials(PROTOCOL, fewer))
    found = depth.run(trial("relu/2", budget=fewer), DATA).metrics
    assert (found["train_accuracy"].n, found["test_accuracy"].n) == (20, 30)


def test_groups_are_separate_programs_and_seeds_are_not() -> None:
    assert depth.together(trial("relu/2")) == depth.together(trial("relu/2", 1))
    kinds = {depth.together(one) for one in depth.trials(PROTOCOL, WHOLE)}
    assert len(kinds) == len(depth.arms(PROTOCOL))
    # Two arms of one config, of which one keeps its gradients.
    same = Trial(depth.NAME, "gradients/sgd/relu/2", 0, trial("relu/2").config)
    assert depth.together(same) != depth.together(trial("relu/2"))


@pytest.mark.parametrize("arm", ["relu/2", "lecun/3", "remedy/normalised/2", "remedy/residual/2"])
def test_a_result_holds_what_is_promised(arm: str) -> None:
    result = depth.run(trial(arm), DATA)
    found = {name: metric.value for name, metric in result.metrics.items()}
    assert set(found) == COMMON
    assert set(result.curves) == CURVES
    assert {len(curve) for curve in result.curves.values()} == {trial(arm).config["epochs"]}
    assert found["gap"] == found["train_accuracy"] - found["test_accuracy"]
    assert found["test_accuracy"] == result.curves["test_accuracy"][-1]
    assert found["test_loss"] == result.curves["test_loss"][-1]
    assert found["prior_loss"] == pytest.approx(math.log(10))
    of_table = not arm.startswith("remedy/")
    assert set(result.arrays) == ({"correct_bits"} if of_table else set())
    if of_table:
        assert right(result).mean() == pytest.approx(found["test_accuracy"])
    assert (result.status, result.decided, result.detail) == ("ok", False, {})


def test_gradients_are_of_the_first_images_before_training_and_after() -> None:
    one = trial("gradients/sgd/tanh/3")
    result = depth.run(one, DATA)
    assert set(result.metrics) == COMMON | DECAY
    assert set(result.arrays) == {"untrained", "trained"}
    batch = Labelled(*(part[:16] for part in digits(DATA, "train")))
    expected = layer_gradients(begun(depth.NAME, [one]), batch)[0]
    untrained, trained = result.arrays["untrained"], result.arrays["trained"]
    assert untrained.tolist() == expected.tolist()
    assert untrained.shape == trained.shape == (2, 4, 5)
    assert (untrained != trained).all()
    for when, quantiles in (("untrained", untrained), ("trained", trained)):
        for part, peaks in zip(("weights", "biases"), quantiles[..., -1], strict=True):
            found = [result.metrics[f"{when}_{part}_{n}"].value for n in ("decay", "fit", "steps")]
            assert found == list(decay(peaks))


def test_a_network_learns_and_says_which_images_are_right() -> None:
    longer = validated(SECTION | {"epochs": 150}, Protocol, "depth")
    one = trial("relu/2", protocol=longer)
    result = depth.run(one, DATA)
    network, _ = trained(depth.NAME, [one], digits(DATA, "train"), digits(DATA, "test"))
    (tested,) = evaluate(network, digits(DATA, "test"))
    assert right(result).tolist() == (tested.predictions == DATA["test_labels"]).tolist()
    found = result.metrics
    assert found["test_accuracy"].value > 0.9
    assert found["test_loss"].value < found["prior_loss"].value / 2


@pytest.mark.parametrize(
    "arm",
    [
        "sigmoid/3",
        "gradients/adam/tanh/2",
        "other/default/tanh/2",
        "remedy/normalised/2",
        "remedy/as_tanh/2",
    ],
)
def test_bytes_do_not_depend_on_what_a_trial_is_run_with(arm: str) -> None:
    alone = packed(depth, trial(arm), DATA)
    assert alone == packed(depth, trial(arm), DATA)
    assert alone == packed_beside(depth, trial(arm), depth.trials(PROTOCOL, WHOLE), DATA)
    assert alone != packed(depth, trial(arm, seed=1), DATA)


def test_a_network_that_diverges_says_where_and_is_decided() -> None:
    wild = SECTION | {"training": TRAINING | {"learning_rate": 1e9}}
    protocol = validated(wild, Protocol, "depth")
    result = depth.run(trial("relu/2", protocol=protocol), DATA)
    assert (result.status, result.decided) == ("diverged", True)
    assert set(result.detail) == {"epoch", "step", "tensor"}
    assert result.detail["epoch"] == 1
    kept, _ = unpack(pack(result, 0.0))
    assert kept.metrics["train_loss"].value is None
    assert kept.curves["running_loss"] == [None]
    assert kept.metrics["predicted_classes"].value == 1
    cut = Budget(**SEEDS, epochs_at_most={}, train_at_most=40)
    assert not depth.run(trial("relu/2", budget=cut, protocol=protocol), DATA).decided


def test_gradients_of_a_diverged_network_are_kept_from_before() -> None:
    of = SECTION["gradients"] | {"activations": ["relu"], "optimisers": {"sgd": 1e9}}
    protocol = validated(SECTION | {"gradients": of}, Protocol, "depth")
    result = depth.run(trial("gradients/sgd/relu/2", protocol=protocol), DATA)
    kept, _ = unpack(pack(result, 0.0))
    assert kept.status == "diverged"
    assert kept.metrics["untrained_weights_decay"].value is not None
    assert kept.metrics["trained_weights_decay"].value is None
    assert np.isnan(kept.arrays["trained"]).all()


def test_the_loss_of_the_training_shares_by_hand() -> None:
    training = np.array([0, 0, 0, 1])
    assert prior_loss(training, np.array([0, 1])) == -(math.log(0.75) + math.log(0.25)) / 2
    assert prior_loss(training, np.array([0, 2])) == math.inf


def test_an_unknown_key_of_the_training_is_named() -> None:
    misspelt = SECTION | {"training": TRAINING | {"momentum": 0.9}}
    with pytest.raises(RetrialError, match=r"^depth\.training\.momentum = 0\.9: unknown key"):
        validated(misspelt, Protocol, "depth")


@pytest.mark.parametrize("profile", PROFILES)
def test_the_project_s_own_configuration_is_valid(profile: str) -> None:
    assert is_whole(depth, profile) == (profile == "paper")
