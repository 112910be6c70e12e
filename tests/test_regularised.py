import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from retrial.core.seeds import generator
from retrial.nets.dense import ACTIVATIONS, Activation, DenseNetwork, Linear
from retrial.nets.dropout import Dropout
from retrial.nets.regularised import INITIALISERS, RegularisedNetwork, initialise

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
        "loss": st.sampled_from(["mse", "ce"]),
        "rate": st.sampled_from([0.0, 0.3, 0.5]),
        "scaling": st.sampled_from(["inverted", "unscaled"]),
    }
)


def built(
    sizes=(5, 4, 3),
    activation="relu",
    loss="mse",
    rate=0.5,
    scaling="inverted",
    dtype=np.float64,
    batch=8,
):
    return RegularisedNetwork(
        sizes, activation, batch, loss, rate, scaling, generator("test", "mask"), dtype
    )


def problem(drawn, examples, seed):
    """A float64 network with drawn parameters, in a buffer larger than its batch, and data."""
    rng = np.random.default_rng(seed)
    network = built(**drawn)
    network.parameters[:] = rng.standard_normal(network.parameters.size)
    x = rng.standard_normal((examples, drawn["sizes"][0]))
    return network, x, rng.integers(0, drawn["sizes"][-1], examples)


def masks_of(network, examples):
    """The factors of the last forward pass, one array (examples, width) per dropout layer.

    A mask belongs to its layer: passing ones back through it gives its factors.
    """
    hidden = [len(bias) for bias in network.biases[:-1]]
    return [
        layer.backward(np.ones((examples, width)))
        for layer, width in zip(network.dropout, hidden, strict=False)
    ]


def loss_of(network, x, labels):
    return network.objective.forward(network.forward(x), labels)


def smallest_pre_activation(network, x):
    smallest = np.inf
    for layer in network.layers[:-1]:
        x = layer.forward(x)
        if isinstance(layer, Linear):
            smallest = min(smallest, float(np.abs(x).min()))
    return smallest


@given(networks, st.integers(1, 6), st.integers(0, 2**31))
@settings(max_examples=50)
def test_gradients_agree_with_torch(drawn, examples, seed):
    network, x, labels = problem(drawn, examples, seed)
    loss = loss_of(network, x, labels)
    masks = iter(masks_of(network, examples))
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
            if drawn["rate"] > 0:
                h = h * torch.tensor(next(masks))
    if drawn["loss"] == "mse":
        expected = torch.nn.functional.mse_loss(h, torch.eye(3, dtype=torch.float64)[labels])
    else:
        expected = torch.nn.functional.cross_entropy(h, torch.tensor(labels))
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    network.backward()
    for k in range(len(network.weights)):
        for ours, theirs in (
            (network.weight_gradients[k], tensors[2 * k].grad),
            (network.bias_gradients[k], tensors[2 * k + 1].grad),
        ):
            np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-10, atol=1e-14)


@given(networks, st.integers(1, 6), st.integers(0, 2**31))
@settings(max_examples=50)
def test_gradients_agree_with_central_differences(drawn, examples, seed):
    network, x, labels = problem(drawn, examples, seed)
    kinked = drawn["activation"] in ("relu", "leakyrelu")
    loss_of(network, x, labels)
    network.backward()
    analytic = network.gradients.copy()

    def loss_at(parameters):
        again = built(**drawn)  # its first pass draws the same masks
        again.parameters[:] = parameters
        return loss_of(again, x, labels)

    start, step = network.parameters.copy(), 1e-6
    again = built(**drawn)
    again.parameters[:] = start
    if kinked and smallest_pre_activation(again, x) < 1e-3:
        return
    for i in range(len(start)):
        change = np.zeros_like(start)
        change[i] = step
        numeric = (loss_at(start + change) - loss_at(start - change)) / (2 * step)
        assert analytic[i] == pytest.approx(numeric, rel=1e-5, abs=1e-7)


def test_layers_are_those_of_the_dense_network_and_dropout_follows_hidden_activations():
    kinds = [type(layer) for layer in built((5, 4, 4, 3)).layers]
    assert kinds == [Linear, Activation, Dropout, Linear, Activation, Dropout, Linear]
    kinds = [type(layer) for layer in built((5, 4, 4, 3), rate=0.0).layers]
    assert kinds == [Linear, Activation, Linear, Activation, Linear]
    assert len(built((5, 4, 4, 3)).dropout) == 2
    assert built(rate=0.0).dropout == []


def test_without_dropout_and_with_cross_entropy_it_is_the_dense_network():
    dense = DenseNetwork((5, 4, 3), "tanh", 8)
    network = built((5, 4, 3), "tanh", "ce", 0.0, dtype=np.float32)
    rng = np.random.default_rng(0)
    dense.parameters[:] = network.parameters[:] = rng.standard_normal(len(dense.parameters))
    x, labels = rng.standard_normal((8, 5)).astype(np.float32), rng.integers(0, 3, 8)
    assert dense.loss.forward(dense.forward(x), labels) == loss_of(network, x, labels)
    dense.backward()
    network.backward()
    assert dense.gradients.tobytes() == network.gradients.tobytes()


def test_with_the_mask_off_it_is_the_network_without_dropout():
    network, plain = built(rate=0.5), built(rate=0.0)
    for each in (network, plain):
        initialise(each, "he_normal", generator("test"))
    x = np.random.default_rng(0).standard_normal((8, 5))
    network.masked(False)
    np.testing.assert_array_equal(network.forward(x), plain.forward(x))
    network.masked(True)
    assert (network.forward(x) != plain.forward(x)).any()


def test_the_mean_output_over_masks_is_the_output_without_where_one_layer_follows():
    # Behind the dropout all is linear, so that the expectation passes through.
    network = built((5, 40, 3), "sigmoid")
    initialise(network, "default", generator("test"))
    x = np.random.default_rng(0).standard_normal((8, 5))
    outputs = np.array([network.forward(x).copy() for _ in range(4000)])
    network.masked(False)
    error = outputs.std(axis=0) / np.sqrt(len(outputs))
    np.testing.assert_array_less(abs(outputs.mean(axis=0) - network.forward(x)), 5 * error)


@pytest.mark.parametrize("rate", [-0.5, 1.0, 2])
@pytest.mark.parametrize("sizes", [(5, 4, 3), (5, 3)])
def test_a_rate_outside_0_to_1_is_named(rate, sizes):
    with pytest.raises(ValueError, match=rf"dropout rate = {rate}: expected a number in \[0, 1\)"):
        built(sizes, rate=rate)


@pytest.mark.parametrize("layer", [0, 1, 2, 3])
@pytest.mark.parametrize("size", [0, -4])
def test_a_layer_of_no_units_is_named(layer, size):
    sizes = [5, 4, 4, 3]
    sizes[layer] = size
    with pytest.raises(ValueError, match=rf"size of layer {layer} = {size}: expected at least 1"):
        built(sizes)


@pytest.mark.parametrize("label", [3, -1])
@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_a_target_outside_the_classes_is_named(label, loss):
    network = built(loss=loss)
    with pytest.raises(ValueError, match=rf"label {label} at 1: expected a class in 0…2"):
        loss_of(network, np.ones((2, 5)), np.array([0, label]))


@pytest.mark.parametrize(
    ("name", "standard_deviation", "largest"),
    [
        ("glorot_normal", np.sqrt(2 / 500), np.inf),
        ("glorot_uniform", np.sqrt(2 / 500), np.sqrt(6 / 500)),
        ("he_normal", np.sqrt(2 / 400), np.inf),
        ("default", 1 / np.sqrt(3 * 400), 1 / 20),
    ],
)
def test_weights_have_the_initialisers_spread(name, standard_deviation, largest):
    network = built((400, 100, 3))
    initialise(network, name, generator("test"))
    weight = network.weights[0]
    # 40,000 draws: the standard deviation is known within 2%, the mean within 5 standard errors.
    assert weight.std() == pytest.approx(standard_deviation, rel=0.02)
    assert abs(weight.mean()) < 5 * standard_deviation / 200
    assert abs(weight).max() <= largest


def test_only_the_default_draws_biases_and_within_torchs_bounds():
    for name in INITIALISERS:
        network = built((400, 1000, 3))
        network.biases[0][:] = 9
        initialise(network, name, generator("test"))
        assert network.biases[0].any() == (name == "default")
    linear = torch.nn.Linear(400, 1000)
    assert abs(network.biases[0]).max() == pytest.approx(linear.bias.abs().max().item(), rel=0.01)
    assert network.biases[0].std() == pytest.approx(linear.bias.std().item(), rel=0.1)
    assert network.weights[0].std() == pytest.approx(linear.weight.std().item(), rel=0.01)


def test_equal_seeds_give_both_uniform_initialisers_the_same_draws():
    glorot, default = built((5, 4, 3)), built((5, 4, 3))
    initialise(glorot, "glorot_uniform", generator("test"))
    initialise(default, "default", generator("test"))
    for one, other in zip(glorot.weights, default.weights, strict=True):
        ratio = one / other
        np.testing.assert_allclose(ratio, ratio.flat[0])
