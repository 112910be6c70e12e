import re

import pytest
from programs import CURVES, PROFILES, TRAINING, is_whole, packed, packed_beside
from tiny_digits import mnist_shaped

from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.trial import Trial
from retrial.deep_networks import begun, digits
from retrial.gradient_flow import decay_metrics, layer_gradients
from retrial.running.store import pack, unpack
from retrial.studies import activations
from retrial.studies.activations import Budget, Protocol, hidden_units
from retrial.training.sgd import Labelled

SECTION = {
    "training": TRAINING | {"learning_rate": 0.02, "initialiser": "he_normal"},
    "activations": ["relu", "sigmoid"],
    "depth": 3,
    "factors": [1.0, 10.0],
    "epochs": 2,
}
PROTOCOL = validated(SECTION, Protocol, "activations")
WHOLE = Budget(seeds=3, faster_seeds=2, epochs_at_most=None, train_at_most=None)
UNITS = ("dead", "sparse", "saturated", "mean", "lowest", "highest")
METRICS = {
    "train_loss", "train_accuracy", "test_loss", "test_accuracy", "gap", "predicted_classes",
    "passes", "transcendental",
    *(f"{when}_{name}" for when in ("untrained", "trained") for name in UNITS),
    *(f"{when}_{part}_{name}" for when in ("untrained", "trained")
      for part in ("weights", "biases") for name in ("decay", "fit", "steps", "least")),
}  # fmt: skip
DATA = mnist_shaped(60, 30)


def trial(arm: str, seed: int = 0, budget: Budget = WHOLE, protocol: Protocol = PROTOCOL) -> Trial:
    found = activations.trials(protocol, budget)
    return next(one for one in found if (one.arm, one.seed) == (arm, seed))


def test_arms_at_the_stated_rate_have_seeds_of_their_own() -> None:
    listed = activations.trials(PROTOCOL, WHOLE)
    seeds = {one.arm: [t.seed for t in listed if t.arm == one.arm] for one in listed}
    assert seeds == {
        **{f"{act}/1.0": [0, 1, 2] for act in ("relu", "sigmoid")},
        **{f"{act}/10.0": [0, 1] for act in ("relu", "sigmoid")},
    }
    assert all(one.whole for one in listed)
    assert activations.skipped(PROTOCOL, WHOLE) == []
    slow, fast = trial("relu/1.0").config, trial("relu/10.0").config
    assert slow | {"learning_rate": 0.2} == fast
    assert {name: slow[name] for name in TRAINING} == SECTION["training"]
    assert (slow["activation"], slow["depth"], slow["epochs"]) == ("relu", 3, 2)
    assert activations.together(trial("relu/1.0")) != activations.together(trial("relu/10.0"))


def test_a_budget_says_what_it_leaves_out_and_what_it_cuts() -> None:
    budget = Budget(seeds=1, faster_seeds=0, epochs_at_most=None, train_at_most=None)
    assert {one.arm for one in activations.trials(PROTOCOL, budget)} == {"relu/1.0", "sigmoid/1.0"}
    assert activations.skipped(PROTOCOL, budget) == ["relu/10.0", "sigmoid/10.0"]
    for epochs, images, whole in ((2, None, True), (1, None, False), (None, 20, False)):
        cut = Budget(seeds=1, faster_seeds=1, epochs_at_most=epochs, train_at_most=images)
        assert {one.whole for one in activations.trials(PROTOCOL, cut)} == {whole}
        result = activations.run(trial("relu/1.0", budget=cut), DATA)
        assert len(result.curves["test_loss"]) == (epochs or 2)
        assert result.metrics["train_loss"].n == result.metrics["trained_dead"].n == (images or 60)


@pytest.mark.parametrize("arm", ["relu/1.0", "sigmoid/10.0"])
def test_a_result_holds_what_is_promised(arm: str) -> None:
    one = trial(arm)
    result = activations.run(one, DATA)
    assert set(result.metrics) == METRICS
    assert set(result.curves) == CURVES
    assert {len(curve) for curve in result.curves.values()} == {2}
    found = {name: metric.value for name, metric in result.metrics.items()}
    assert found["test_loss"] == result.curves["test_loss"][-1]
    assert set(result.arrays) == {"untrained_layers", "trained_layers"}
    for when in ("untrained", "trained"):
        layers = result.arrays[f"{when}_layers"]
        assert layers.shape == (3, 3)
        shares = [found[f"{when}_{name}"] for name in UNITS[:3]]
        assert shares == pytest.approx(layers.mean(axis=1).tolist())
    untrained, examples = begun(activations.NAME, [one]), digits(DATA, "train")
    batch = Labelled(*(part[:16] for part in examples))
    gradients = decay_metrics("untrained", layer_gradients(untrained, batch)[0])
    assert {name: result.metrics[name] for name in gradients} == gradients
    weights = [weight[0] for weight in untrained.weights]
    layers, extremes = hidden_units(untrained.act, weights, examples.inputs)
    assert result.arrays["untrained_layers"].tolist() == layers.tolist()
    assert extremes == {name: found[f"untrained_{name}"] for name in UNITS[3:]}
    assert any(found[f"trained_{name}"] != value for name, value in extremes.items())


@pytest.mark.parametrize(("arm", "passes", "heavy"), [("relu/1.0", 3, 0), ("sigmoid/10.0", 7, 1)])
def test_a_result_says_what_a_call_costs(arm: str, passes: int, heavy: int) -> None:
    found = activations.run(trial(arm), DATA).metrics
    assert tuple(found["passes"]) == (passes, 0)
    assert tuple(found["transcendental"]) == (heavy, 0)


@pytest.mark.parametrize("arm", ["relu/1.0", "sigmoid/10.0"])
def test_bytes_do_not_depend_on_what_a_trial_is_run_with(arm: str) -> None:
    alone = packed(activations, trial(arm), DATA)
    assert alone == packed(activations, trial(arm), DATA)
    listed = activations.trials(PROTOCOL, WHOLE)
    assert alone == packed_beside(activations, trial(arm), listed, DATA)
    assert alone != packed(activations, trial(arm, seed=1), DATA)


def test_a_network_that_diverges_says_where_and_is_decided() -> None:
    wild = SECTION | {"training": TRAINING | {"learning_rate": 1e30}}
    protocol = validated(wild, Protocol, "activations")
    result = activations.run(trial("relu/1.0", protocol=protocol), DATA)
    assert (result.status, result.decided) == ("diverged", True)
    assert result.detail["epoch"] == 1
    kept, _ = unpack(pack(result, 0.0))
    values = {name: metric.value for name, metric in kept.metrics.items()}
    assert values["trained_dead"] == 1
    assert values["untrained_dead"] < 1
    assert values["train_loss"] is None
    assert values["trained_mean"] is values["trained_lowest"] is values["trained_highest"] is None
    cut = Budget(seeds=1, faster_seeds=1, epochs_at_most=None, train_at_most=40)
    assert not activations.run(trial("relu/1.0", budget=cut, protocol=protocol), DATA).decided


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"activations": ["swish"]}, "activations.activations.0 = 'swish': "),
        ({"factors": [0.0]}, "activations.factors.0 = 0.0: "),
        ({"depths": 3}, "activations.depths = 3: unknown key, expected one of activations, depth,"),
    ],
)
def test_a_protocol_refuses_and_names_the_key(part: dict, named: str) -> None:
    with pytest.raises(RetrialError, match=f"^{re.escape(named)}"):
        validated(SECTION | part, Protocol, "activations")


@pytest.mark.parametrize("profile", PROFILES)
def test_the_project_s_own_configuration_is_valid(profile: str) -> None:
    assert is_whole(activations, profile) == (profile == "paper")
