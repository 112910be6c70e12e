import itertools

import numpy as np
import pytest
import torch

from retrial.core.seeds import generator
from retrial.deep_networks import initialise
from retrial.nets.activations import NAMES
from retrial.nets.dense import DenseNetwork
from retrial.nets.stacked import StackedNetwork
from retrial.training.stacked_descent import with_ones

SIZES = (6, 5, 5, 5, 3)
BLOCKS = ("plain", "normalised", "residual")


def made(act: str, members: int, block: str = "plain", seeds=None) -> StackedNetwork:
    network = StackedNetwork(SIZES, act, members, block, np.float64)
    config = {"initialiser": "default", "deviation": None}
    for member, seed in enumerate(seeds or range(members)):
        initialise(network, member, config, generator("test", seed))
    network.training(True)
    return network


def batch(n: int = 7) -> tuple[np.ndarray, np.ndarray]:
    draws = generator("test", "batch")
    return with_ones(draws.normal(size=(n, SIZES[0]))), draws.integers(0, SIZES[-1], n)


def loss_of(network: StackedNetwork, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    program = network.program(len(labels))
    return program.losses(program.forward(x), labels)[0].mean(axis=1)


@pytest.mark.parametrize(("act", "block"), [*itertools.product(NAMES, BLOCKS)])
def test_gradients_are_those_of_central_differences(act: str, block: str) -> None:
    network = made(act, 2, block)
    x, labels = batch()
    loss_of(network, x, labels)
    network.program(len(labels)).backward()
    gradients = network.gradients.copy()
    step = 1e-6
    for k in range(0, network.parameters.shape[1], 3):
        for member in range(2):
            kept = network.parameters[member, k]
            ends = []
            for sign in (1, -1):
                network.parameters[member, k] = kept + sign * step
                ends.append(loss_of(network, x, labels)[member])
            network.parameters[member, k] = kept
            slope = (ends[0] - ends[1]) / (2 * step)
            assert gradients[member, k] == pytest.approx(slope, abs=2e-9, rel=1e-5)


@pytest.mark.parametrize("act", ["relu", "leakyrelu", "tanh", "sigmoid"])
def test_a_member_is_the_dense_network(act: str) -> None:
    network, single = made(act, 2), DenseNetwork(SIZES, act, 7, np.float64)
    x, labels = batch()
    for k, weight in enumerate(network.weights):
        single.weights[k][...] = weight[1, :, :-1].T
        single.biases[k][...] = weight[1, :, -1]
    loss = single.loss.forward(single.forward(x[:, :-1]), labels)
    single.backward()
    assert loss_of(network, x, labels)[1] == pytest.approx(loss, rel=1e-12)
    network.program(7).backward()
    for k, gradient in enumerate(network.weight_gradients):
        np.testing.assert_allclose(gradient[1, :, :-1].T, single.weight_gradients[k], rtol=1e-10)
        np.testing.assert_allclose(gradient[1, :, -1], single.bias_gradients[k], rtol=1e-10)


@pytest.mark.parametrize(
    ("act", "twin"),
    [
        ("gelu", torch.nn.functional.gelu),
        ("lecun", lambda x: 1.7159 * torch.tanh(2 * x / 3) + 0.01 * x),
        ("leakyrelu", torch.nn.functional.leaky_relu),
    ],
)
def test_activations_are_those_of_the_library(act: str, twin) -> None:
    network = made(act, 1)
    x, _ = batch()
    logits = network.program(7).forward(x)[0].copy()
    h = torch.from_numpy(x[:, :-1])
    for k, weight in enumerate(network.weights):
        w = torch.from_numpy(weight[0].copy())
        h = h @ w[:, :-1].T + w[:, -1]
        h = twin(h) if k < len(network.weights) - 1 else h
    np.testing.assert_allclose(logits.T, h.numpy(), rtol=1e-10)


def test_normalisation_is_that_of_torch_in_training_and_after() -> None:
    network = made("tanh", 1, "normalised")
    x, _ = batch()
    layers = []
    for k, weight in enumerate(network.weights):
        linear = torch.nn.Linear(SIZES[k], SIZES[k + 1], dtype=torch.float64)
        w = torch.from_numpy(weight[0].copy())
        linear.weight.data, linear.bias.data = w[:, :-1].contiguous(), w[:, -1].contiguous()
        layers.append(linear)
        if k < len(network.weights) - 1:
            layers += [torch.nn.BatchNorm1d(SIZES[k + 1], dtype=torch.float64), torch.nn.Tanh()]
    twin = torch.nn.Sequential(*layers)
    inputs = torch.from_numpy(x[:, :-1])
    found = network.program(7).forward(x)[0].T
    np.testing.assert_allclose(found, twin(inputs).detach().numpy(), rtol=1e-9)
    network.training(False)
    twin.eval()
    # torch takes the unbiased variance into its average, which at seven examples shows.
    for norm, module in zip(network.norms, layers[1::3], strict=True):
        module.running_var.data = torch.from_numpy(norm.variance[0, :, 0].copy())
    found = network.program(7).forward(x)[0].T
    np.testing.assert_allclose(found, twin(inputs).detach().numpy(), rtol=1e-9)


def test_a_sigmoid_network_begun_as_tanh_computes_what_the_tanh_network_does() -> None:
    x, _ = batch()
    found = []
    for act, start in (("tanh", "glorot_uniform"), ("sigmoid", "as_tanh")):
        network = StackedNetwork(SIZES, act, 1, dtype=np.float64)
        initialise(network, 0, {"initialiser": start, "deviation": None}, generator("test"))
        found.append(network.program(7).forward(x).copy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


def test_impossible_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="size of layer 1 = 0: expected at least 1 unit"):
        StackedNetwork((3, 0, 2), "relu", 1)
    with pytest.raises(ValueError, match=r"hidden widths \(4, 5\): a residual network needs equal"):
        StackedNetwork((3, 4, 5, 2), "relu", 1, "residual")
