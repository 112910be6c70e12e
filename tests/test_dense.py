import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from retrial.nets.dense import ACTIVATIONS, DenseNetwork, SoftmaxCrossEntropy

TORCH = {
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "leakyrelu": torch.nn.functional.leaky_relu,
    "tanh": torch.tanh,
}

networks = st.fixed_dictionaries(
    {
        "sizes": st.lists(st.integers(1, 7), min_size=2, max_size=5).map(
            lambda widths: [*widths, 3]
        ),
        "activation": st.sampled_from(ACTIVATIONS),
        "examples": st.integers(1, 6),
        "seed": st.integers(0, 2**31),
    }
)


def problem(sizes, activation, examples, seed):
    """A float64 network with drawn parameters, in a buffer larger than its batch, and data."""
    rng = np.random.default_rng(seed)
    network = DenseNetwork(sizes, activation, examples + 2, np.float64)
    network.parameters[:] = rng.standard_normal(network.parameters.size)
    x = rng.standard_normal((examples, sizes[0]))
    return network, x, rng.integers(0, sizes[-1], examples)


def loss_of(network, x, labels):
    return network.loss.forward(network.forward(x), labels)


def nearest_kink(network, x):
    """The smallest |pre-activation|, below which a central difference straddles ReLU's kink."""
    smallest = np.inf
    for k, layer in enumerate(network.layers):
        x = layer.forward(x)
        if k % 2 == 0 and k < len(network.layers) - 1:
            smallest = min(smallest, float(np.abs(x).min()))
    return smallest


def test_one_step_worked_by_hand():
    # Two inputs, two ReLU units, two classes; learning rate 1/2, one example of class 0.
    # x = (1, 2); W1 = [[1, -1], [1, 0]], b1 = (0, 0): z1 = (3, -1), h = (3, 0)
    # W2 = [[1, 1], [5, 7]], b2 = (0, 0): logits (3, 3), softmax (1/2, 1/2), loss ln 2
    # dz2 = (-1/2, 1/2); dW2 = h' dz2 = [[-3/2, 3/2], [0, 0]], db2 = dz2
    # dh = W2 dz2 = (0, 1); ReLU passes the first only, dz1 = (0, 0): W1 stays
    network = DenseNetwork((2, 2, 2), "relu", 1, np.float64)
    network.weights[0][:] = [[1, -1], [1, 0]]
    network.weights[1][:] = [[1, 1], [5, 7]]
    loss = loss_of(network, np.array([[1.0, 2.0]]), np.array([0]))
    network.backward()
    assert loss == pytest.approx(np.log(2))
    np.testing.assert_allclose(network.weight_gradients[1], [[-1.5, 1.5], [0, 0]])
    np.testing.assert_allclose(network.bias_gradients[1], [-0.5, 0.5])
    np.testing.assert_array_equal(network.weight_gradients[0], np.zeros((2, 2)))
    network.descend(0.5)
    np.testing.assert_allclose(network.weights[1], [[1.75, 0.25], [5, 7]])
    np.testing.assert_allclose(network.biases[1], [0.25, -0.25])
    np.testing.assert_array_equal(network.weights[0], [[1, -1], [1, 0]])


def test_leaky_relu_passes_a_hundredth_of_what_relu_stops():
    # The network above with slope 0.01: h = (3, -0.01), dz1 = (0, 1)·(1, 0.01) = (0, 0.01).
    network = DenseNetwork((2, 2, 2), "leakyrelu", 1, np.float64)
    network.weights[0][:] = [[1, -1], [1, 0]]
    network.weights[1][:] = [[1, 1], [5, 5]]
    network.weights[1][1] = (5, 5 + 1e-9)
    loss_of(network, np.array([[1.0, 2.0]]), np.array([0]))
    network.backward()
    np.testing.assert_allclose(network.weight_gradients[1][1], [0.005, -0.005], rtol=1e-6)
    np.testing.assert_allclose(network.weight_gradients[0], 0, atol=1e-10)
    network.weights[1][:] = [[1, 1], [5, 7]]
    network.biases[1][:] = (0, 0.02)  # logits (2.95, 2.95) again
    loss_of(network, np.array([[1.0, 2.0]]), np.array([0]))
    network.backward()
    np.testing.assert_allclose(network.weight_gradients[0], [[0, 0.01], [0, 0.02]], rtol=1e-6)


@given(networks)
@settings(max_examples=60, deadline=None)
def test_gradients_agree_with_central_differences(drawn):
    network, x, labels = problem(**drawn)
    step = 1e-6
    if drawn["activation"] in ("relu", "leakyrelu") and nearest_kink(network, x) < 1e-3:
        return
    loss_of(network, x, labels)
    network.backward()
    analytic = network.gradients.copy()
    numeric = np.empty_like(analytic)
    for i, value in enumerate(network.parameters.copy()):
        network.parameters[i] = value + step
        above = loss_of(network, x, labels)
        network.parameters[i] = value - step
        numeric[i] = (above - loss_of(network, x, labels)) / (2 * step)
        network.parameters[i] = value
    np.testing.assert_allclose(analytic, numeric, rtol=1e-5, atol=1e-7)


@given(networks)
@settings(max_examples=100, deadline=None)
def test_gradients_agree_with_torch(drawn):
    network, x, labels = problem(**drawn)
    tensors = [
        torch.tensor(array, requires_grad=True)
        for pair in zip(network.weights, network.biases, strict=True)
        for array in pair
    ]
    h = torch.tensor(x)
    for k in range(0, len(tensors), 2):
        h = h @ tensors[k] + tensors[k + 1]
        if k < len(tensors) - 2:
            h = TORCH[drawn["activation"]](h)
    expected = torch.nn.functional.cross_entropy(h, torch.tensor(labels))
    expected.backward()
    assert loss_of(network, x, labels) == pytest.approx(expected.item(), rel=1e-12)
    network.backward()
    for k in range(len(network.weights)):
        for ours, theirs in (
            (network.weight_gradients[k], tensors[2 * k].grad),
            (network.bias_gradients[k], tensors[2 * k + 1].grad),
        ):
            np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_float32_stays_float32_and_near_float64(activation):
    rng = np.random.default_rng(0)
    parameters = rng.standard_normal(5 * 4 + 4 + 4 * 3 + 3)
    x, labels = rng.standard_normal((6, 5)), rng.integers(0, 3, 6)
    gradients = {}
    for dtype in (np.float32, np.float64):
        network = DenseNetwork((5, 4, 3), activation, 6, dtype)
        network.parameters[:] = parameters
        logits = network.forward(x.astype(dtype))
        network.loss.forward(logits, labels)
        network.backward()
        assert logits.dtype == network.gradients.dtype == dtype
        gradients[dtype] = network.gradients
    np.testing.assert_allclose(gradients[np.float32], gradients[np.float64], rtol=1e-3, atol=1e-6)


def test_cross_entropy_of_logits_far_apart_is_finite():
    loss = SoftmaxCrossEntropy(2, 3, np.float32)
    logits = np.array([[0, 5000, 0], [0, 0, 0]], np.float32)
    # 5000 nats for the first, ln 3 for the second.
    assert loss.forward(logits, np.array([0, 1])) == pytest.approx((5000 + np.log(3)) / 2)
    np.testing.assert_allclose(
        loss.backward(), np.array([[-1, 1, 0], [1 / 3, -2 / 3, 1 / 3]]) / 2, rtol=1e-6
    )
    assert (loss.spread, loss.largest) == (5000, 5000)


def test_parameters_are_views_of_one_array():
    network = DenseNetwork((3, 2, 2), "tanh", 1)
    network.parameters[:] = np.arange(network.parameters.size)
    np.testing.assert_array_equal(network.weights[0], [[0, 1], [2, 3], [4, 5]])
    np.testing.assert_array_equal(network.biases[0], [6, 7])
    np.testing.assert_array_equal(network.biases[1], [12, 13])
