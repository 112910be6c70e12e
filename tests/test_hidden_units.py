"""What the study of activations says of hidden units and of the operations of a call."""

from collections import Counter

import numpy as np
import pytest

from retrial.nets.activations import NAMES, activation
from retrial.studies.activations import STEEPEST, hidden_units, operations
from retrial.training.stacked_descent import CHUNK


def inputs_of(first: list[float], others: list[float], last: list[float]) -> np.ndarray:
    """Inputs that take two chunks and some, of which the ends come in one chunk each."""
    return np.array([first, *[others] * (2 * CHUNK + 30), last], np.float32)


def test_hidden_relu_units_by_hand() -> None:
    # Units: the first input; one that is never above 0; one that the last image alone wakes, and
    # one that the first image does.
    first = np.array([[1, 0, 0], [-1, 0, -0.5], [0, 1, -1], [1, 0, -2.5]], np.float32)
    second = np.array([[1, 0, 0, 0, 2], [0, 0, -1, 0, 0]], np.float32)
    output = np.ones((10, 3), np.float32)
    inputs = inputs_of([3, 0, 1], [1, 0, 1], [2, 3, 1])
    n = len(inputs)
    layers, extremes = hidden_units("relu", [first, second, output], inputs)
    zeros = [(n + (n - 1) + (n - 1)) / (4 * n), n / (2 * n)]
    assert layers.tolist() == pytest.approx(np.array([[1 / 4, 1 / 2], zeros, zeros]))
    # The images' values are 3 and 0.5, then 5; 1, then 3; 2 and 2, then 4.
    assert extremes == {
        "mean": pytest.approx((8.5 + (n - 2) * 4 + 8) / (6 * n)),
        "lowest": 0.0,
        "highest": 5.0,
    }


def test_hidden_sigmoid_units_by_hand() -> None:
    # A twentieth of the largest slope is 0.0125: σ' is 0.0177 at 4, 0.0066 at 5, and in float32
    # exactly 0 at 40, where σ is 1.
    first = np.array([[0, 0], [0, 4], [0, 5], [0, -5], [0, 40]], np.float32)
    layers, extremes = hidden_units(
        "sigmoid", [first, np.ones((10, 6), np.float32)], inputs_of([1, 1], [2, 1], [7, 1])
    )
    assert layers.tolist() == pytest.approx(np.array([[1 / 5], [0], [3 / 5]]))
    sigma = 1 / (1 + np.exp([0, -4, -5, 5, -40]))
    assert extremes["mean"] == pytest.approx(sigma.mean(), rel=1e-6)
    assert extremes["lowest"] == pytest.approx(sigma[3], rel=1e-5)
    assert extremes["highest"] == 1.0


def test_values_far_out_are_at_the_function_s_limit() -> None:
    weights = [np.array([[0, -200]], np.float32), np.ones((10, 2), np.float32)]
    layers, extremes = hidden_units("sigmoid", weights, np.ones((5, 2), np.float32))
    assert layers.tolist() == [[1], [1], [1]]
    assert extremes == {"mean": 0, "lowest": 0, "highest": 0}


def test_a_network_of_nan_has_nothing_but_dead_units() -> None:
    weights = [np.full((3, 3), np.nan, np.float32), np.full((10, 4), np.nan, np.float32)]
    layers, _ = hidden_units("relu", weights, np.ones((5, 3), np.float32))
    assert layers[0].tolist() == [1.0]


@pytest.mark.parametrize("name", NAMES)
def test_slopes_are_measured_by_the_steepest_of_each_activation(name) -> None:
    x = np.linspace(-6, 6, 4001)[None]
    function = activation(name, 1, 4001, np.float64)
    function.forward(x)
    assert function.backward(np.ones_like(x)).max() == pytest.approx(STEEPEST[name], rel=0.005)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relu", {"maximum": 1, "greater": 1, "multiply": 1}),
        # 1/(1 + e^−x) takes four, δ · (1 − y) · y takes three.
        ("sigmoid", {"negative": 1, "exp": 1, "add": 1, "reciprocal": 1, "subtract": 1,
                     "multiply": 2}),
        ("tanh", {"tanh": 1, "subtract": 1, "multiply": 2}),
    ],
)  # fmt: skip
def test_operations_are_counted_by_name(name, expected: dict[str, int]) -> None:
    assert operations(name) == Counter(expected)
    assert operations(name) == operations(name)
