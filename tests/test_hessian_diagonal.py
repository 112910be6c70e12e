"""The diagonal of the Hessian beside automatic differentiation and beside values by hand."""

import numpy as np
import pytest
import torch

from retrial.nets import hessian_diagonal as module
from retrial.nets.dense import DenseNetwork
from retrial.nets.hessian_diagonal import hessian_diagonal, layer_inputs, recursive_diagonal

SIZES = (5, 4, 3, 3)


def drawn(sizes=SIZES, dtype=np.float64, seed=0, images=7):
    """A ReLU network with drawn parameters, and images for it."""
    rng = np.random.default_rng(seed)
    network = DenseNetwork(sizes, "relu", 8, dtype)
    network.parameters[:] = rng.standard_normal(network.parameters.size)
    return network, rng.standard_normal((images, sizes[0])).astype(dtype)


def by_torch(network, x, labels):
    """The diagonal of torch's Hessian of the mean cross-entropy, weights of each layer."""
    shapes = [weight.shape for weight in network.weights]
    ends = np.cumsum([0, *(a * b for a, b in shapes)])
    biases = [torch.from_numpy(bias.copy()) for bias in network.biases]

    def loss(flat):
        hidden = torch.from_numpy(x)
        for k, shape in enumerate(shapes):
            hidden = hidden @ flat[ends[k] : ends[k + 1]].reshape(shape) + biases[k]
            hidden = torch.relu(hidden) if k < len(shapes) - 1 else hidden
        return torch.nn.functional.cross_entropy(hidden, torch.from_numpy(labels))

    flat = torch.from_numpy(np.concatenate([weight.ravel() for weight in network.weights]))
    found = torch.autograd.functional.hessian(loss, flat).diagonal().numpy()
    return [found[ends[k] : ends[k + 1]].reshape(shape) for k, shape in enumerate(shapes)]


@pytest.mark.parametrize("sizes", [(4, 3), (5, 6, 3), SIZES, (3, 4, 5, 4, 3)])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_the_diagonal_of_the_hessian(sizes, seed) -> None:
    network, x = drawn(sizes, seed=seed)
    found = hessian_diagonal(network, x)
    labels = np.random.default_rng(seed).integers(0, sizes[-1], len(x))
    exact = by_torch(network, x, labels)
    # Some units are on and some off, so that the pieces matter.
    assert len(sizes) == 2 or 0 < np.mean(layer_inputs(network, x)[0][1] > 0) < 1
    for ours, theirs in zip(found, exact, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-12)
        assert ours.dtype == np.float64
        assert (ours >= 0).all()
        assert ours.max() > 1e-3


def test_it_does_not_depend_on_the_labels_nor_on_what_one_call_holds(monkeypatch) -> None:
    network, x = drawn()
    labels = np.zeros(len(x), np.int64)
    whole = hessian_diagonal(network, x)
    for one, other in zip(whole, by_torch(network, x, labels), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-12)
    monkeypatch.setattr(module, "CHUNK", 3)
    for one, other in zip(whole, hessian_diagonal(network, x), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_one_layer_by_hand() -> None:
    network = DenseNetwork((2, 2), "relu", 4, np.float64)
    x = np.array([[1.0, 2.0], [3.0, 0.0]])
    # Logits 0 and 0: p is a half, p(1 − p) a quarter; means of x² are 5 and 2.
    np.testing.assert_allclose(hessian_diagonal(network, x)[0], [[1.25, 1.25], [0.5, 0.5]])


def test_two_layers_by_hand_and_the_mixed_term_that_the_recursion_leaves_out() -> None:
    network = DenseNetwork((1, 1, 2), "relu", 4, np.float64)
    network.weights[0][...] = 2.0
    network.weights[1][...] = [[3.0, -1.0]]
    # The hidden value is 2x = 0.5; logits 1.5 and −0.5.
    p = 1 / (1 + np.exp(-2.0))
    quarter = p * (1 - p)
    x = np.array([[0.25]])
    first, last = hessian_diagonal(network, x)
    # dz/dw is x·(3, −1), of variance 16 p(1 − p) x² under p; of the last weights it is 0.5.
    np.testing.assert_allclose(first, [[16 * quarter / 16]])
    np.testing.assert_allclose(last, [[quarter / 4, quarter / 4]])
    recursive, same = recursive_diagonal(network, x)
    # 3² + 1² without 2 · 3 · 1, the mixed term.
    np.testing.assert_allclose(recursive, [[10 * quarter / 16]])
    np.testing.assert_allclose(same, last)


def test_the_recursion_is_exact_in_the_last_layer_only() -> None:
    network, x = drawn()
    exact, recursive = hessian_diagonal(network, x), recursive_diagonal(network, x)
    np.testing.assert_allclose(recursive[-1], exact[-1], rtol=1e-12)
    for one, other in zip(recursive[:-1], exact[:-1], strict=True):
        assert not np.allclose(one, other, rtol=0.05)


def test_a_float32_network_is_looked_at_in_float64_and_left_alone() -> None:
    network, x = drawn(dtype=np.float32)
    before = network.parameters.tobytes()
    double = DenseNetwork(SIZES, "relu", 8, np.float64)
    double.parameters[:] = network.parameters
    for one, other in zip(
        hessian_diagonal(network, x), hessian_diagonal(double, x.astype(np.float64)), strict=True
    ):
        assert one.tobytes() == other.tobytes()
    assert network.parameters.tobytes() == before


def test_layer_inputs_by_hand() -> None:
    network = DenseNetwork((1, 2, 2), "relu", 4, np.float64)
    network.weights[0][...] = [[1.0, -1.0]]
    network.weights[1][...] = [[2.0, 0.0], [0.0, 3.0]]
    given, logits = layer_inputs(network, np.array([[2.0]]))
    assert [one.tolist() for one in given] == [[[2.0]], [[2.0, 0.0]]]
    assert logits.tolist() == [[4.0, 0.0]]


@pytest.mark.parametrize("diagonal", [hessian_diagonal, recursive_diagonal])
def test_what_it_does_not_hold_for_is_refused(diagonal) -> None:
    network = DenseNetwork((2, 3, 2), "tanh", 4, np.float64)
    with pytest.raises(ValueError, match=r"^activation 'tanh': expected relu$"):
        diagonal(network, np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"^inputs: expected at least 1 image$"):
        diagonal(drawn()[0], np.ones((0, 5)))
