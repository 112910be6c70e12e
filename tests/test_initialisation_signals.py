"""What untrained networks and torch's own functions say in the study of initialisation."""

import math

import numpy as np
import pytest
import torch
from programs import TRAINING
from tiny_digits import mnist_shaped

from retrial.core.config import validated
from retrial.core.seeds import generator
from retrial.core.trial import Trial
from retrial.deep_networks import Training, initialise
from retrial.mean_field import fate
from retrial.nets.stacked import StackedNetwork
from retrial.running.store import pack, unpack
from retrial.studies import initialisation
from retrial.studies.initialisation import moments, theory
from retrial.training.sgd import Labelled
from retrial.training.stacked_descent import with_ones

SHARED = validated(TRAINING | {"batch": 20}, Training, "initialisation.training").config()
FACTORS = {f"{name}_{what}" for name in ("forward", "gradient") for what in ("factor", "total")}
DATA = mnist_shaped(60, 30)


def signal(act: str, start: str, deviation: float | None = None, width=9, depth=14) -> Trial:
    changes = {"activation": act, "initialiser": start, "deviation": deviation}
    config = SHARED | changes | {"width": width, "depth": depth, "epochs": 0}
    return Trial(initialisation.NAME, f"signal/{act}/{start}", 0, config)


def test_factors_are_geometric_means_without_five_layers_at_either_end() -> None:
    result = initialisation.run(signal("sigmoid", "glorot_normal"), DATA)
    assert set(result.metrics) == FACTORS | {
        "predicted_forward_factor", "predicted_gradient_factor",
    }  # fmt: skip
    assert result.curves == {}
    assert set(result.arrays) == {"moments"}
    forward, gradients = result.arrays["moments"]
    found = {name: metric.value for name, metric in result.metrics.items()}
    # 14 layers: from the sixth to the ninth are three steps, of gradients from the ninth on.
    assert found["forward_factor"] == pytest.approx((forward[8] / forward[5]) ** (1 / 3))
    assert found["gradient_factor"] == pytest.approx((gradients[5] / gradients[8]) ** (1 / 3))
    assert found["forward_total"] == pytest.approx(math.log10(forward[-1] / forward[0]))
    assert found["gradient_total"] == pytest.approx(math.log10(gradients[0] / gradients[-1]))
    assert result.metrics["forward_factor"].n == 20


@pytest.mark.parametrize("act", ["relu", "tanh", "sigmoid"])
def test_moments_are_those_of_autograd(act: str) -> None:
    sizes = (6, 5, 4, 3)
    network = StackedNetwork(sizes, act, 2, dtype=np.float64)
    for member in range(2):
        config = {"initialiser": "default", "deviation": None}
        initialise(network, member, config, generator("test", member))
    draws = generator("test", "batch")
    x, labels = draws.normal(size=(8, 6)), draws.integers(0, 3, 8)
    found = moments(network, Labelled(with_ones(x), labels))
    assert found.shape == (2, 2, 2)
    function = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid}[act]
    for member in range(2):
        h, hidden = torch.from_numpy(x), []
        for k, weight in enumerate(network.weights):
            w = torch.from_numpy(weight[member].copy()).requires_grad_()
            z = h @ w[:, :-1].T + w[:, -1]
            if k < 2:
                z.retain_grad()
                hidden.append(z)
                h = function(z)
        torch.nn.functional.cross_entropy(z, torch.from_numpy(labels), reduction="sum").backward()
        for k, z in enumerate(hidden):
            expected = [float((part**2).mean()) for part in (z.detach(), z.grad)]
            assert found[member, :, k].tolist() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("act", ["relu", "tanh"])
def test_wide_networks_do_what_theory_says(act: str) -> None:
    group = [
        signal(act, "he_normal", width=300, depth=30),
        signal(act, "normal", 2 / math.sqrt(300), width=300, depth=30),
    ]
    predictions = []
    for result in initialisation.run_together(group, DATA):
        found = {name: metric.value for name, metric in result.metrics.items()}
        for name in ("forward", "gradient"):
            predictions.append(found[f"predicted_{name}_factor"])
            assert found[f"{name}_factor"] == pytest.approx(predictions[-1], rel=0.12)
    assert max(predictions) > 1.3 * min(predictions)


@pytest.mark.parametrize(
    "deviation",
    [
        # Zero from the first layers on, zero from a layer in the middle on, and infinite.
        1e-60,
        1e-20,
        1e60,
    ],
)
def test_moments_out_of_range_have_no_factor(deviation: float) -> None:
    result = initialisation.run(signal("relu", "normal", deviation), DATA)
    kept, _ = unpack(pack(result, 0.0))
    assert {name for name, metric in kept.metrics.items() if metric.value is None} == FACTORS


@pytest.mark.parametrize(
    ("start", "sigma"),
    [("he_normal", math.sqrt(2)), ("glorot_normal", 1.0), ("lecun_normal", 1.0), ("normal", 1.5)],
)
def test_theory_of_each_beginning(start: str, sigma: float) -> None:
    # One standard deviation is σ/√width, here at width 9.
    config = {"width": 9, "initialiser": start, "deviation": 0.5 if start == "normal" else None}
    halved = pytest.approx((sigma**2 / 2, sigma**2 / 2), rel=1e-9)
    assert theory(config | {"activation": "relu"}) == halved
    expected = fate("sigmoid", sigma)
    found = theory(config | {"activation": "sigmoid"})
    assert found == pytest.approx((expected.factor, expected.chi), rel=1e-9)


def test_the_library_s_variances() -> None:
    result = initialisation.run(Trial(initialisation.NAME, "library", 0, {}), {})
    found = {name: metric.value for name, metric in result.metrics.items()}
    stated = {"he_relu": 2, "he_tanh": 25 / 9, "xavier": 2}
    drawn = {f"{name}_drawn": pytest.approx(value, rel=0.03) for name, value in stated.items()}
    assert found == {name: pytest.approx(value) for name, value in stated.items()} | drawn
    # torch itself, and not the formula, has the last word.
    weight = torch.empty(300, 400, dtype=torch.float64)
    draws = torch.Generator().manual_seed(7)
    torch.nn.init.kaiming_normal_(weight, nonlinearity="tanh", generator=draws)
    assert float(weight.var()) * 400 == pytest.approx(found["he_tanh"], rel=0.03)
