import itertools

import numpy as np
import pytest
import torch

from retrial.core.seeds import generator
from retrial.deep_networks import initialise, orders
from retrial.nets.stacked import StackedNetwork
from retrial.training.optimisers import OPTIMISERS, optimiser
from retrial.training.sgd import Labelled
from retrial.training.stacked_descent import CHUNK, evaluate, train, with_ones

SIZES = (20, 9, 9, 9, 4)


def labelled(n: int, name: str) -> Labelled:
    draws = generator("test", name)
    labels = draws.integers(0, SIZES[-1], n)
    centres = generator("test", "centres").normal(size=(SIZES[-1], SIZES[0]))
    inputs = centres[labels] + draws.normal(size=(n, SIZES[0]))
    return Labelled(with_ones(inputs.astype(np.float32)), labels)


def stack(seeds, act="tanh", block="plain", start="glorot_uniform") -> StackedNetwork:
    network = StackedNetwork(SIZES, act, len(seeds), block)
    for member, seed in enumerate(seeds):
        config = {"initialiser": start, "deviation": None}
        initialise(network, member, config, generator("test", seed, "init"))
    return network


def run(seeds, act="tanh", block="plain", opt="sgd", rate=0.1, epochs=3):
    # 170 = 5 · 32 + 10: the last batch of an epoch is a smaller one.
    examples, tests = labelled(170, "train"), labelled(CHUNK + 30, "test")
    network = stack(seeds, act, block)
    histories = train(
        network, examples, tests, [orders("test", seed, 170) for seed in seeds], 32, epochs,
        optimiser(opt, network.parameters, network.gradients, rate),
    )  # fmt: skip
    return network, histories, evaluate(network, tests)


@pytest.mark.parametrize(
    ("act", "block", "opt"),
    [
        *itertools.product(["relu", "tanh", "sigmoid", "lecun", "gelu"], ["plain"], ["sgd"]),
        *itertools.product(["sigmoid"], ["normalised", "residual"], ["momentum"]),
        ("relu", "plain", "adam"),
    ],
)
def test_a_members_bytes_do_not_depend_on_what_stands_beside_it(act, block, opt) -> None:
    rate = {"sgd": 0.1, "momentum": 0.01, "adam": 0.01}[opt]
    together, many, of_many = run([5, 1, 3], act, block, opt, rate)
    alone, one, of_one = run([3], act, block, opt, rate)
    assert together.parameters[2].tobytes() == alone.parameters[0].tobytes()
    assert many[2] == one[0]
    assert of_many[2].loss == of_one[0].loss
    assert of_many[2].predictions.tobytes() == of_one[0].predictions.tobytes()
    assert many[0] != many[2]


def test_it_learns() -> None:
    _, (history,), (found,) = run([0], epochs=10)
    assert history.curves["running_loss"][-1] < 0.3 < 1.0 < history.curves["running_loss"][0]
    assert found.accuracy > 0.9
    assert history.curves["test_accuracy"][-1] == found.accuracy
    assert history.curves["test_loss"][-1] == found.loss


def test_a_diverged_member_ends_and_leaves_the_others_as_they_are() -> None:
    examples, tests = labelled(170, "train"), labelled(40, "test")

    def trained(seeds):
        network = stack(seeds)
        if len(seeds) > 1:
            network.weights[1][0] = np.inf
        return train(
            network, examples, tests, [orders("test", seed, 170) for seed in seeds], 32, 2,
            optimiser("sgd", network.parameters, network.gradients, 0.1),
        )  # fmt: skip

    lost, kept = trained([7, 3])
    assert lost.divergence == (1, 1, "weight 2")
    assert [len(curve) for curve in lost.curves.values()] == [1, 1, 1, 1]
    assert np.isnan(lost.curves["running_loss"]).all()
    assert kept == trained([3])[0]


def test_a_test_loss_that_is_not_finite_is_a_divergence() -> None:
    examples = labelled(170, "train")
    far = Labelled(examples.inputs * np.float32(np.inf), examples.labels)
    network = stack([0], "relu")
    (history,) = train(
        network, examples, far, [orders("test", 0, 170)], 32, 5,
        optimiser("sgd", network.parameters, network.gradients, 0.1),
    )  # fmt: skip
    assert history.divergence == (1, 6, "logits")


@pytest.mark.parametrize("name", OPTIMISERS)
def test_steps_are_those_of_torch(name: str) -> None:
    draws = generator("test", name)
    start, slopes = draws.normal(size=(2, 40_000)), draws.normal(size=(5, 2, 40_000))
    rate = 0.01
    twin = torch.nn.Parameter(torch.from_numpy(start.copy()))
    torch_optimiser = {
        "sgd": lambda: torch.optim.SGD([twin], lr=rate),
        "momentum": lambda: torch.optim.SGD([twin], lr=rate, momentum=0.9),
        "adam": lambda: torch.optim.Adam([twin], lr=rate),
    }[name]()
    parameters, gradients = start.copy(), np.empty_like(start)
    ours = optimiser(name, parameters, gradients, rate)
    for slope in slopes:
        gradients[...] = slope
        ours.step()
        twin.grad = torch.from_numpy(slope)
        torch_optimiser.step()
    np.testing.assert_allclose(parameters, twin.detach().numpy(), rtol=1e-9, atol=1e-12)


def test_labels_outside_the_classes_are_refused() -> None:
    bad = Labelled(labelled(8, "train").inputs, np.full(8, 4))
    network = stack([0])
    with pytest.raises(ValueError, match="label 4 at 0: expected a class in 0…3"):
        train(
            network, bad, bad, [orders("test", 0, 8)], 4, 1,
            optimiser("sgd", network.parameters, network.gradients, 0.1),
        )  # fmt: skip
