import numpy as np
import pytest
from pydantic import ValidationError
from tiny_digits import tiny_digits

from retrial.studies import scratch_grid
from retrial.studies.scratch_grid import Budget, Draw, Protocol

PROTOCOL = Protocol(
    hidden=(12, 8),
    batch=16,
    learning_rate=0.2,
    epochs=3,
    random=Draw(distribution="uniform", scale=1.0),
    normal_scale=0.5,
)
WHOLE = Budget(seeds=2, epochs_at_most=None, train_at_most=None)


def tiny():
    return {
        **tiny_digits(200, 60),
        "train": np.arange(200, dtype=np.int32),
        "validation": np.arange(30, 60, dtype=np.int32),
        "test": np.arange(30, dtype=np.int32),
    }


def trial(arm, protocol=PROTOCOL, budget=WHOLE):
    return next(t for t in scratch_grid.trials(protocol, budget) if t.arm == arm)


def test_every_arm_has_every_seed():
    listed = scratch_grid.trials(PROTOCOL, WHOLE)
    assert len(listed) == 4 * 5 * 2
    assert len({(t.arm, t.seed) for t in listed}) == len(listed)
    assert all(t.whole for t in listed)
    assert scratch_grid.skipped(PROTOCOL, WHOLE) == []


@pytest.mark.parametrize(
    ("budget", "whole"),
    [
        (Budget(seeds=1, epochs_at_most=3, train_at_most=None), True),
        (Budget(seeds=1, epochs_at_most=2, train_at_most=None), False),
        (Budget(seeds=1, epochs_at_most=None, train_at_most=100), False),
    ],
)
def test_a_budget_that_cuts_the_protocol_says_so(budget, whole):
    assert all(t.whole == whole for t in scratch_grid.trials(PROTOCOL, budget))


@pytest.mark.parametrize(
    ("key", "value"),
    [("epochs", -1), ("learning_rate", "0.1"), ("batch", 0), ("hidden", ()), ("momentum", 0.9)],
)
def test_a_protocol_refuses(key, value):
    with pytest.raises(ValidationError, match=key):
        Protocol(**(PROTOCOL.model_dump() | {key: value}))


def test_zero_weights_with_relu_train_the_output_bias_alone():
    result = scratch_grid.run(trial("relu/zero"), tiny())
    values = {name: metric.value for name, metric in result.metrics.items()}
    for layer in (1, 2, 3):
        assert values[f"weight_gradient_{layer}"] == values[f"weight_change_{layer}"] == 0
    assert values["bias_change_1"] == values["bias_change_2"] == 0
    assert values["bias_change_3"] > 0
    constant = values["validation_constant_class"]
    assert result.arrays["validation_counts"][constant] == 30
    assert values["validation_accuracy"] == pytest.approx(0.1)


def test_zero_weights_with_sigmoid_train_the_last_matrix_too():
    result = scratch_grid.run(trial("sigmoid/zero"), tiny())
    assert result.metrics["weight_change_3"].value > 0
    assert result.metrics["weight_change_1"].value == pytest.approx(0, abs=1e-3)


def test_a_diverged_network_predicts_class_0_and_is_decided():
    wild = Protocol(**(PROTOCOL.model_dump() | {"normal_scale": 1e15}))
    result = scratch_grid.run(trial("relu/normal", wild), tiny())
    assert result.status == "diverged"
    assert result.decided
    assert (result.detail["epoch"], result.detail["step"]) == (1, 1)
    assert result.detail["tensor"] == "logits"
    assert result.detail["naive"]["log_zero_float64"] == [1, 1]
    assert result.metrics["train_loss"].value is None
    assert result.metrics["train_constant_class"].value == 0
    assert result.curves["train_loss"] == [None]
    cut = Budget(seeds=1, epochs_at_most=None, train_at_most=100)
    assert not scratch_grid.run(trial("relu/normal", wild, cut), tiny()).decided


def test_a_network_that_learns_says_how_well():
    longer = Protocol(**(PROTOCOL.model_dump() | {"epochs": 40, "learning_rate": 0.5}))
    result = scratch_grid.run(trial("relu/he", longer), tiny())
    assert result.status == "ok"
    assert result.metrics["train_accuracy"].value > 0.9
    assert result.metrics["train_accuracy"].n == 200
    assert result.metrics["test_accuracy"].n == 30
    assert result.metrics["train_constant_class"].value is None
    assert result.metrics["train_loss_per_entry"].value == pytest.approx(
        result.metrics["train_loss"].value / 10
    )
    labels = tiny()["test_labels"][30:60]
    assert (
        np.mean(result.arrays["validation_predictions"] == labels)
        == result.metrics["validation_accuracy"].value
    )
    assert sorted(result.curves) == [
        "train_accuracy", "train_loss", "validation_accuracy", "validation_loss",
    ]  # fmt: skip
    assert all(len(curve) == 40 for curve in result.curves.values())


def test_arms_of_a_seed_share_draws_and_batches():
    configs = [trial(arm).config for arm in ("tanh/normal", "sigmoid/normal")]
    built = [scratch_grid.build(config, 16, "scratch_grid", 0) for config in configs]
    np.testing.assert_array_equal(built[0].parameters, built[1].parameters)
    other = scratch_grid.build(configs[0], 16, "scratch_grid", 1)
    assert (built[0].weights[0] != other.weights[0]).all()
    # With all weights at zero the output bias sees nothing but the order of the labels.
    zero = [scratch_grid.run(trial(arm), tiny()).metrics for arm in ("relu/zero", "tanh/zero")]
    assert zero[0] == zero[1]


def test_the_same_trial_gives_the_same_bytes():
    one, other = (scratch_grid.run(trial("tanh/random"), tiny()) for _ in range(2))
    assert one.metrics == other.metrics
    assert one.curves == other.curves
