"""Linear units against steps worked by hand, a plain loop, autograd and central differences."""

import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import log_loss

from retrial.core.errors import RetrialError
from retrial.machines.linear_units import (
    LOGISTIC,
    PERCEPTRON,
    SIGMOID_SQUARED,
    UNITS,
    cross_entropy,
    decisions,
    sigmoid,
    train,
    with_bias,
)
from retrial.machines.unit_steps import LOSSES, gradient, steps

# σ(.25), and its slope there.
AT_QUARTER = 0.5621765008857981
SLOPE = AT_QUARTER * (1 - AT_QUARTER)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("perceptron", -1.0),
        ("adaline", -0.25),
        ("sigmoid_squared", -AT_QUARTER * SLOPE),
        ("logistic", -AT_QUARTER),
    ],
)
def test_errors_by_hand(name: str, error: float) -> None:
    found = UNITS[name].error(np.zeros(1), np.array([0.25]))
    assert found == pytest.approx([error], rel=1e-12)


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("perceptron", [0, 0, 1, 1]),
        ("adaline", [-0.5, 0, 0.4, 0.6]),
        ("logistic", [1 / (1 + math.exp(0.5)), 0.5, 1 / (1 + math.exp(-0.4)), 0.6456563]),
    ],
)
def test_a_unit_decides_where_its_output_is_above_a_half(name: str, outputs: list[float]) -> None:
    z = np.array([-0.5, 0, 0.4, 0.6])
    assert UNITS[name].output(z) == pytest.approx(np.array(outputs))
    assert decisions(UNITS[name], z).tolist() == [output > 0.5 for output in outputs]


def one_member(unit, rate: float, epochs: int = 2):
    """Two examples in their order: (1, 0) of class 1, then (0, 2) of class 0."""
    inputs, labels = np.array([[[1.0, 0], [0, 2]]]), np.array([[1.0, 0]])
    orders = np.tile(np.arange(2), (1, epochs, 1))
    return train(unit, inputs, labels, orders, np.full(epochs, rate))


def test_two_epochs_of_the_perceptron_by_hand() -> None:
    found = one_member(PERCEPTRON, 0.5)
    # At weights of 0 it gives class 0: + .5·(1, 0, 1). Then z = .5, wrong again: − .5·(0, 2, 1).
    assert found.weights[:, 0].tolist() == [[0.5, -1, 0], [0.5, -1, 0]]
    assert found.mistakes.tolist() == [[2], [0]]
    assert found.changed.tolist() == [[True], [False]]


def test_an_epoch_of_the_delta_rule_by_hand() -> None:
    found = one_member(UNITS["adaline"], 0.5, epochs=1)
    # + .5·1·(1, 0, 1); then z = .5 and + .5·(−.5)·(0, 2, 1).
    assert found.weights[0, 0].tolist() == [0.5, -0.5, 0.25]
    # z = .5 is not above one half.
    assert found.mistakes.tolist() == [[1]]


def test_a_step_of_logistic_regression_by_hand() -> None:
    found = one_member(LOGISTIC, 1.0, epochs=1)
    after = 1 / (1 + math.exp(-0.5))
    assert found.weights[0, 0] == pytest.approx([0.5, -2 * after, 0.5 - after])


def some(members: int = 3, n: int = 20, epochs: int = 4):
    chance = np.random.default_rng(5)
    inputs = chance.normal(size=(members, n, 2))
    labels = chance.integers(0, 2, (members, n)).astype(float)
    orders = chance.permuted(np.tile(np.arange(n), (members, epochs, 1)), axis=2)
    return inputs, labels, orders, 0.1 / (1 + np.arange(epochs))


@pytest.mark.parametrize("name", UNITS)
def test_training_is_the_plain_loop(name: str) -> None:
    inputs, labels, orders, rates = some()
    found = train(UNITS[name], inputs, labels, orders, rates)
    for member in range(3):
        w, x = np.zeros(3), with_bias(inputs[member])
        for epoch, rate in enumerate(rates):
            mistakes = 0
            for i in orders[member, epoch]:
                z = float(x[i] @ w)
                output = {"perceptron": float(z > 0), "adaline": z}.get(name, 1 / (1 + np.exp(-z)))
                slope = output * (1 - output) if name == "sigmoid_squared" else 1
                mistakes += (output > 0.5) != labels[member, i]
                w = w + rate * (labels[member, i] - output) * slope * x[i]
            assert found.weights[epoch, member] == pytest.approx(w, rel=1e-9, abs=1e-12)
            assert found.mistakes[epoch, member] == mistakes


@pytest.mark.parametrize("name", UNITS)
def test_a_member_does_not_depend_on_the_others(name: str) -> None:
    inputs, labels, orders, rates = some(members=7)
    together = train(UNITS[name], inputs, labels, orders, rates)
    alone = train(UNITS[name], inputs[4:5], labels[4:5], orders[4:5], rates)
    assert alone.weights[:, 0].tobytes() == together.weights[:, 4].tobytes()


def test_the_rate_scales_a_perceptron_and_changes_no_decision() -> None:
    inputs, labels, orders, _ = some()
    slow, fast = (train(PERCEPTRON, inputs, labels, orders, np.full(4, r)) for r in (0.25, 1.0))
    assert (4 * slow.weights == fast.weights).all()
    assert (slow.mistakes == fast.mistakes).all()


def test_a_sigmoid_for_the_step_is_all_that_differs_from_logistic_regression() -> None:
    assert replace(PERCEPTRON, output=sigmoid) == LOGISTIC
    assert replace(LOGISTIC, slope=SIGMOID_SQUARED.slope) == SIGMOID_SQUARED
    assert len(set(UNITS.values())) == 4


def test_steps_are_gradients_of_their_losses_and_of_no_other() -> None:
    found = steps(50, 3, 0.1, np.random.default_rng(1))
    same = {name: value for name, value in found.items() if name.endswith("_difference")}
    assert len(same) == 5
    assert max(same.values()) < 1e-14
    changes = {name: value for name, value in found.items() if "_to_" in name}
    assert len(changes) == 4
    assert min(changes.values()) > 0.1


def test_what_a_change_moves_a_step_by_is_a_share() -> None:
    one, other = (steps(50, 3, rate, np.random.default_rng(1)) for rate in (0.1, 0.2))
    assert one["adaline_to_sigmoid_squared"] == pytest.approx(other["adaline_to_sigmoid_squared"])


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_agree_with_central_differences(name: str) -> None:
    chance = np.random.default_rng(2)
    w, x = chance.normal(size=(2, 6, 3))
    y = np.arange(6) % 2.0

    def losses(at: np.ndarray) -> np.ndarray:
        z = (at * x).sum(axis=1)
        p = 1 / (1 + np.exp(-z))
        return {
            "perceptron": np.maximum(0, (1 - 2 * y) * z),
            "adaline": (y - z) ** 2 / 2,
            "sigmoid_squared": (y - p) ** 2 / 2,
            "logistic": -(y * np.log(p) + (1 - y) * np.log(1 - p)),
        }[name]

    step = 1e-6
    numeric = [(losses(w + step * e) - losses(w - step * e)) / (2 * step) for e in np.eye(3)]
    assert gradient(LOSSES[name], w, x, y) == pytest.approx(np.array(numeric).T, abs=1e-8)


def test_cross_entropy_is_the_library_s_and_loses_nothing_far_out() -> None:
    z, y = np.array([-2.0, 0.5, 3.0]), np.array([0.0, 1, 0])
    assert cross_entropy(z, y) == pytest.approx(log_loss(y, sigmoid(z)))
    assert cross_entropy(np.array([800.0, -800]), np.array([0.0, 0])) == 400


@pytest.mark.parametrize(("wrong", "told"), [(-1.0, "-1.0"), (2.0, "2.0"), (np.nan, "nan")])
def test_other_labels_are_one_line(wrong: float, told: str) -> None:
    inputs, labels, orders, rates = some()
    labels[1, 3] = wrong
    with pytest.raises(RetrialError) as error:
        train(LOGISTIC, inputs, labels, orders, rates)
    assert str(error.value) == f"labels: found {told}, expected 0 and 1"
