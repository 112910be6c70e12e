import numpy as np
import pytest
import torch

from retrial.core.seeds import generator
from retrial.deep_networks import initialise
from retrial.gradient_flow import PARTS, QUANTILES, decay, decay_metrics, layer_gradients
from retrial.nets.stacked import StackedNetwork
from retrial.training.sgd import Labelled
from retrial.training.stacked_descent import with_ones


def made(act: str, sizes, members: int = 1, dtype=np.float64, start=None) -> StackedNetwork:
    network = StackedNetwork(sizes, act, members, dtype=dtype)
    config = start or {"initialiser": "default", "deviation": None}
    for member in range(members):
        initialise(network, member, config, generator("test", member))
    return network


def batch(inputs: int, classes: int, n: int = 9) -> Labelled:
    draws = generator("test", "batch")
    x = draws.normal(size=(n, inputs)).astype(np.float32)
    return Labelled(with_ones(x), draws.integers(0, classes, n))


@pytest.mark.parametrize(("slope", "steps"), [(-0.3, 7), (-2.5, 1), (-0.1, 12)])
def test_a_geometric_series_decays_by_its_ratio(slope: float, steps: int) -> None:
    # The output's gradient is the last one.
    found = decay(5 * 10.0 ** (slope * np.arange(12))[::-1])
    assert found.slope == pytest.approx(slope, rel=1e-12)
    assert found.fit == pytest.approx(1, rel=1e-12)
    assert found.steps == steps


def test_gradients_that_grow_towards_the_input_have_a_positive_slope() -> None:
    # The layers nearest to the output are out of sight, but none is where it stays so.
    found = decay(10.0 ** (0.9 * np.arange(8))[::-1])
    assert found.slope == pytest.approx(0.9, rel=1e-12)
    assert found.steps == 8


def test_a_kink_is_no_straight_line() -> None:
    # log₁₀ from the output: 0, 0, −3; slope −3/2, and R² = 1 − 1.5/6.
    found = decay(np.array([1e-3, 1, 1]))
    assert found.slope == pytest.approx(-1.5)
    assert found.fit == pytest.approx(0.75)
    assert found.steps == 2


# The mean of six equal logarithms is not exactly their value, and R² is that of the rounding.
@pytest.mark.parametrize("value", [1.0, 0.25, 0.3])
def test_a_constant_series_does_not_decay(value: float) -> None:
    assert decay(np.full(6, value)) == (0, 1, 6)


@pytest.mark.parametrize(
    ("peaks", "steps"), [([0.0, 1.0, 2.0], 2), ([1.0, 0.0, 2.0], 3), ([0.0, 0.0, 0.0], 0)]
)
def test_zeros_have_steps_but_no_slope(peaks: list[float], steps: int) -> None:
    found = decay(np.array(peaks))
    assert np.isnan([found.slope, found.fit]).all()
    assert found.steps == steps


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_gradients_that_are_not_finite_have_no_slope(lost: float) -> None:
    found = decay(np.array([1.0, lost, 2.0]))
    assert np.isnan([found.slope, found.fit]).all()


@pytest.mark.parametrize("act", ["tanh", "relu", "sigmoid"])
def test_quantiles_are_those_of_autograd(act: str) -> None:
    sizes = (6, 5, 4, 4, 3)
    network, examples = made(act, sizes, members=2), batch(6, 3)
    found = layer_gradients(network, examples)
    assert found.shape == (2, len(PARTS), 4, len(QUANTILES))
    function = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid}[act]
    for member in range(2):
        h = torch.from_numpy(examples.inputs[:, :-1].astype(np.float64))
        layers = []
        for k, weight in enumerate(network.weights):
            values = weight[member].copy()
            linear = torch.nn.Linear(sizes[k], sizes[k + 1], dtype=torch.float64)
            linear.weight.data = torch.from_numpy(values[:, :-1].copy())
            linear.bias.data = torch.from_numpy(values[:, -1].copy())
            layers.append(linear)
            h = linear(h) if k == 3 else function(linear(h))
        torch.nn.functional.cross_entropy(h, torch.from_numpy(examples.labels)).backward()
        for k, linear in enumerate(layers):
            for part, gradient in enumerate((linear.weight.grad, linear.bias.grad)):
                expected = np.quantile(np.abs(gradient.numpy()), QUANTILES)
                np.testing.assert_allclose(found[member, part, k], expected, rtol=1e-9, atol=1e-18)
        assert (np.diff(found[member], axis=-1) >= 0).all()


def test_looking_changes_no_network() -> None:
    network = made("tanh", (6, 5, 5, 3), dtype=np.float32)
    parameters, gradients = network.parameters.copy(), network.gradients.copy()
    layer_gradients(network, batch(6, 3))
    assert network.parameters.tobytes() == parameters.tobytes()
    assert network.gradients.tobytes() == gradients.tobytes()


def test_a_very_deep_network_has_slopes_where_single_precision_has_zeros() -> None:
    sizes = (6, *[8] * 40, 3)
    network = made("sigmoid", sizes, 1, np.float32, {"initialiser": "normal", "deviation": 0.05})
    examples = batch(6, 3)
    quantiles = layer_gradients(network, examples)[0]
    assert 0 < quantiles[0, 0, -1] < np.finfo(np.float32).smallest_subnormal
    found = decay_metrics("untrained", quantiles)
    assert np.isfinite([metric.value for metric in found.values()]).all()
    assert found["untrained_weights_decay"].value < -1
    assert found["untrained_weights_fit"].value > 0.9
    program = network.program(len(examples.labels))
    program.losses(program.forward(examples.inputs), examples.labels)
    program.backward()
    assert not network.weight_gradients[0].any()


def test_metrics_are_those_of_the_largest_gradient_of_each_part() -> None:
    quantiles = np.ones((2, 4, len(QUANTILES)))
    quantiles[0, :, -1], quantiles[1, :, -1] = [1e-3, 1e-2, 1e-1, 1], [0, 1, 2, 3]
    found = decay_metrics("trained", quantiles)
    names = {f"trained_{p}_{n}" for p in PARTS for n in ("decay", "fit", "steps", "least")}
    assert set(found) == names
    assert all(metric.n == 4 for metric in found.values())
    assert found["trained_weights_decay"].value == pytest.approx(-1)
    assert found["trained_weights_least"].value == pytest.approx(-3)
    assert found["trained_weights_steps"].value == 3
    assert found["trained_biases_steps"].value == 3
    assert np.isnan([found[f"trained_biases_{n}"].value for n in ("decay", "fit", "least")]).all()
