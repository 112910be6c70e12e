import math

import numpy as np
import pytest

from retrial.mean_field import SCALES, Fate, fate, moments


@pytest.mark.parametrize("sigma", [0.5, 1.0, math.sqrt(2), 2.0])
def test_relu_is_exact(sigma: float) -> None:
    found = fate("relu", sigma)
    assert found.factor == pytest.approx(sigma**2 / 2, rel=1e-12)
    assert found.chi == pytest.approx(sigma**2 / 2, rel=1e-12)
    ended = {0.5: 0.0, 1.0: 0.0, math.sqrt(2): 1.0, 2.0: math.inf}
    assert found.moment == pytest.approx(ended[sigma])


@pytest.mark.parametrize("q", [1e-6, 0.3, 1.0, 50.0])
def test_moments_of_piecewise_linear_functions(q: float) -> None:
    assert moments("relu", q) == pytest.approx((q / 2, 0.5), rel=1e-12)
    half = (1 + 0.01**2) / 2
    assert moments("leakyrelu", q) == pytest.approx((q * half, half), rel=1e-12)


@pytest.mark.parametrize("q", [0.3, 2.0])
def test_tanh_and_sigmoid_against_draws(q: float) -> None:
    # 400,000 draws of numbers in 0…1: a mean's standard deviation is below 0.5/√400,000 = 0.0008.
    x = math.sqrt(q) * np.random.default_rng(5).standard_normal(400_000)
    y, s = np.tanh(x), 1 / (1 + np.exp(-x))
    expected = {"tanh": (y**2, (1 - y**2) ** 2), "sigmoid": (s**2, (s * (1 - s)) ** 2)}
    for name, (values, slopes) in expected.items():
        assert moments(name, q) == pytest.approx((values.mean(), slopes.mean()), abs=0.003)


@pytest.mark.parametrize(
    ("name", "q"),
    [
        ("tanh", 0.5),
        ("sigmoid", 6.0),
        ("tanh", 12.5),
        ("tanh", 250.0),
        ("sigmoid", 119.0),
    ],
)
def test_moments_hold_where_a_slope_is_narrow_beside_the_pre_activations(name: str, q: float):
    x = np.linspace(-12, 12, 200_001) * math.sqrt(q)
    density = np.exp(-(x**2) / (2 * q)) / math.sqrt(2 * math.pi * q)
    y = np.tanh(x) if name == "tanh" else 1 / (1 + np.exp(-x))
    slope = 1 - y**2 if name == "tanh" else y * (1 - y)
    expected = [float(np.trapezoid(density * values**2, x)) for values in (y, slope)]
    assert moments(name, q) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("sigma", [0.5, 0.9])
def test_tanh_networks_of_small_weights_forget_their_input(sigma: float) -> None:
    found = fate("tanh", sigma)
    assert found.moment == 0
    assert (found.factor, found.chi) == pytest.approx((sigma**2, sigma**2), rel=1e-9)


def test_tanh_networks_of_large_weights_settle_where_signals_grow_apart() -> None:
    found = fate("tanh", 1.5)
    assert found.factor == pytest.approx(1, abs=1e-9)
    assert found.moment == pytest.approx(1.5**2 * moments("tanh", found.moment)[0], rel=1e-9)
    assert found.chi == pytest.approx(1.5**2 * moments("tanh", found.moment)[1], rel=1e-12)
    assert found.chi > 1
    # Wherever it begins.
    assert fate("tanh", 1.5, start=9.0) == pytest.approx(found, rel=1e-9)


def test_sigmoid_networks_settle_and_lose_their_gradients() -> None:
    # The slope is a quarter at most.
    for sigma in (0.5, 1.0, 2.0):
        found = fate("sigmoid", sigma)
        assert found.factor == pytest.approx(1, abs=1e-9)
        assert sigma**2 / 32 < found.chi < sigma**2 / 16


def test_a_scale_is_the_layers_to_an_e_th_and_without_end_at_one() -> None:
    assert Fate(1.0, 1.0, 1.0).scale == math.inf
    assert Fate(1.0, 1.0, math.exp(-0.25)).scale == pytest.approx(4)
    assert Fate(1.0, 1.0, math.exp(0.25)).scale == pytest.approx(4)
    # Of tanh the end of it is at σ = 1, which is approached slowly.
    near = [fate("tanh", 1.0, layers=layers).scale for layers in (20, 200)]
    assert near[1] > 5 * near[0] > 5 * SCALES
    assert SCALES * fate("tanh", 0.5).scale < 5


def factors_of_a_random_network(sigma: float) -> tuple[float, float, float]:
    """Moment of the last pre-activations; factors per layer of gradients and of a distance."""
    rng = np.random.default_rng(11)
    width, depth, settled = 500, 30, 10
    x = rng.standard_normal((width, 20))
    x = np.hstack([x, x + 1e-6 * rng.standard_normal(x.shape)])
    weights, slopes, distances = [], [], []
    for _ in range(depth):
        weights.append(rng.standard_normal((width, width)) * sigma / math.sqrt(width))
        z = weights[-1] @ x
        x = np.tanh(z)
        slopes.append(1 - x**2)
        distances.append(((z[:, :20] - z[:, 20:]) ** 2).mean())
    delta, gradients = slopes[-1] * rng.standard_normal(x.shape), []
    for layer in range(depth - 2, settled - 1, -1):
        delta = slopes[layer] * (weights[layer + 1].T @ delta)
        gradients.append((delta**2).mean())
    return (
        float((z**2).mean()),
        (gradients[-1] / gradients[0]) ** (1 / (len(gradients) - 1)),
        (distances[-1] / distances[settled]) ** (1 / (depth - 1 - settled)),
    )


def test_theory_agrees_with_a_wide_random_network() -> None:
    found = fate("tanh", 1.5)
    moment, gradients, distance = factors_of_a_random_network(1.5)
    assert moment == pytest.approx(found.moment, rel=0.05)
    assert gradients == pytest.approx(found.chi, rel=0.03)
    assert distance == pytest.approx(found.chi, rel=0.03)
    # Nearer than any neighbour that a slip of the theory would give.
    assert abs(fate("tanh", 1.4).chi - found.chi) > 0.03 * found.chi
