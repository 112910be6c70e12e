import numpy as np
import pytest
import torch

from retrial.core.seeds import generator
from retrial.nets.dense import DenseNetwork
from retrial.nets.regularised import RegularisedNetwork, initialise
from retrial.training import sgd
from retrial.training.sgd import Divergence, Labelled
from retrial.training.small_batches import evaluate, train


def blobs(size, spread=0.3, dtype=np.float32):
    """Three classes around the corners of a triangle."""
    rng = np.random.default_rng(5)
    labels = np.arange(size) % 3
    centres = np.array([[0, 0], [3, 0], [0, 3]])
    points = centres[labels] + spread * rng.standard_normal((size, 2))
    return Labelled(points.astype(dtype), labels)


def network(loss="mse", rate=0.0, sizes=(2, 16, 3), dtype=np.float32, batch=16, activation="relu"):
    chance = generator("test", "masks")
    built = RegularisedNetwork(sizes, activation, batch, loss, rate, "inverted", chance, dtype)
    initialise(built, "default", generator("test", "init"))
    return built


def orders(epochs, size):
    return [generator("test", epoch).permutation(size) for epoch in range(epochs)]


def as_torch(ours):
    """The same network in torch, from the same parameters."""
    layers = []
    for weight, bias in zip(ours.weights, ours.biases, strict=True):
        linear = torch.nn.Linear(*weight.shape, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(weight.T))
            linear.bias.copy_(torch.tensor(bias))
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_a_few_steps_are_those_of_a_plain_loop_in_torch(loss):
    data, batch, rate = blobs(20, dtype=np.float64), 8, 0.2
    ours = network(loss, sizes=(2, 7, 5, 3), dtype=np.float64)
    theirs = as_torch(ours)
    optimiser = torch.optim.SGD(theirs.parameters(), lr=rate)
    inputs, labels = torch.tensor(data.inputs), torch.tensor(data.labels)
    one_hot = torch.eye(3, dtype=torch.float64)[labels]
    expected = {"running_loss": [], "running_accuracy": [], "test_loss": [], "test_accuracy": []}

    def loss_of(outputs, rows):
        if loss == "mse":
            return torch.nn.functional.mse_loss(outputs, one_hot[rows])
        return torch.nn.functional.cross_entropy(outputs, labels[rows])

    for order in orders(2, 20):
        total, correct = 0.0, 0
        for rows in torch.tensor(order).split(batch):  # 8, 8 and 4
            outputs = theirs(inputs[rows])
            found = loss_of(outputs, rows)
            optimiser.zero_grad()
            found.backward()
            optimiser.step()
            total += found.item() * len(rows)
            correct += (outputs.argmax(dim=1) == labels[rows]).sum().item()
        with torch.no_grad():
            outputs = theirs(inputs)
        expected["running_loss"].append(total / 20)
        expected["running_accuracy"].append(correct / 20)
        expected["test_loss"].append(loss_of(outputs, slice(None)).item())
        expected["test_accuracy"].append((outputs.argmax(dim=1) == labels).double().mean().item())

    history = train(ours, data, data, orders(2, 20), batch, rate)
    assert history.divergence is None
    assert history.curves.keys() == expected.keys()
    for name, curve in expected.items():
        assert history.curves[name] == pytest.approx(curve, rel=1e-10)
    for k, linear in enumerate(theirs[::2]):
        np.testing.assert_allclose(ours.weights[k], linear.weight.detach().numpy().T, rtol=1e-9)
        np.testing.assert_allclose(ours.biases[k], linear.bias.detach().numpy(), rtol=1e-9)


def test_with_cross_entropy_and_no_dropout_it_is_the_loop_of_the_scratch_grid():
    data = blobs(50)
    small, dense = network("ce"), DenseNetwork((2, 16, 3), "relu", 16)
    dense.parameters[:] = small.parameters
    found = train(small, data, data, orders(3, 50), 8, 0.1)
    expected = sgd.train(dense, data, {"test": data}, orders(3, 50), 8, 0.1)
    assert small.parameters.tobytes() == dense.parameters.tobytes()
    assert found.curves["test_loss"] == expected.curves["test_loss"]
    assert found.curves["test_accuracy"] == expected.curves["test_accuracy"]


@pytest.mark.parametrize("rate", [0.0, 0.2])
def test_learns_what_can_be_learnt(rate):
    data = blobs(90)
    history = train(network(rate=rate), data, data, orders(40, 90), 16, 0.3)
    assert history.curves["test_accuracy"][-1] == 1
    assert history.curves["test_loss"][-1] < history.curves["test_loss"][0]
    assert all(len(curve) == 40 for curve in history.curves.values())


def test_training_draws_masks_and_the_evaluation_after_an_epoch_does_not():
    data = blobs(32)
    masked = network(rate=0.5)
    history = train(masked, data, data, orders(1, 32), 16, 0.0)
    assert not any(layer.active for layer in masked.dropout)
    plain = evaluate(network(), data)  # a learning rate of 0 has changed nothing
    assert history.curves["test_loss"] == [plain.loss]
    # What is averaged is the loss of the two batches with the masks that equal keys draw.
    again, order = network(rate=0.5), orders(1, 32)[0]
    batches = [
        again.objective.forward(again.forward(data.inputs[rows]), data.labels[rows])
        for rows in (order[:16], order[16:])
    ]
    assert history.curves["running_loss"] == [np.mean(batches)]
    assert np.mean(batches) != plain.loss


def test_same_keys_give_the_same_bytes_and_other_masks_do_not():
    data = blobs(60)
    runs = [network(rate=0.5) for _ in range(2)]
    other = network(rate=0.4)
    for each in (*runs, other):
        train(each, data, data, orders(3, 60), 16, 0.3)
    assert runs[0].parameters.tobytes() == runs[1].parameters.tobytes()
    assert runs[0].parameters.tobytes() != other.parameters.tobytes()


def test_bytes_do_not_depend_on_the_tests_nor_on_the_largest_batch():
    data = blobs(60)
    one, other = network(rate=0.5), network(rate=0.5, batch=64)
    train(one, data, data, orders(3, 60), 16, 0.3)
    train(other, data, blobs(7), orders(3, 60), 16, 0.3)
    assert one.parameters.tobytes() == other.parameters.tobytes()


def test_evaluation_does_not_depend_on_the_chunk():
    data = blobs(50)
    one, other = evaluate(network(batch=16), data), evaluate(network(batch=64), data)
    assert one.loss == pytest.approx(other.loss, rel=1e-6)
    assert one.accuracy == np.mean(one.predictions == data.labels)
    np.testing.assert_array_equal(one.predictions, other.predictions)
    assert one.predictions.dtype == np.uint8


def test_evaluation_with_masks_on_differs_from_pass_to_pass():
    data, masked = blobs(50), network(rate=0.5)
    assert evaluate(masked, data).loss != evaluate(masked, data).loss
    masked.masked(False)
    assert evaluate(masked, data).loss == evaluate(masked, data).loss


@pytest.mark.parametrize(("label", "place"), [(3, 7), (-1, 0)])
def test_a_target_outside_the_classes_is_named_before_any_step(label, place):
    data, wrong = blobs(20), blobs(20)
    wrong.labels[place] = label
    for examples, tests in ((wrong, data), (data, wrong)):
        untouched = network()
        with pytest.raises(ValueError, match=rf"label {label} at {place}: expected .* 0…2"):
            train(untouched, examples, tests, orders(1, 20), 8, 0.1)
        assert untouched.parameters.tobytes() == network().parameters.tobytes()
    with pytest.raises(ValueError, match=rf"label {label} at {place}"):
        evaluate(network(), wrong)


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_pre_activations_that_overflow_are_named_and_end_training(rate):
    data = blobs(40)
    broken = network(rate=rate, sizes=(2, 4, 4, 3))
    for weight in broken.weights:
        weight *= np.float32(1e20)
    history = train(broken, data, data, orders(3, 40), 16, 0.1)
    assert history.divergence == Divergence(1, 1, "hidden pre-activation 2")
    assert all(len(curve) == 1 for curve in history.curves.values())
    assert not np.isfinite(history.curves["running_loss"]).any()


def test_a_step_that_overflows_is_named_where_it_was_taken():
    data = blobs(40)
    history = train(network(), data, data, orders(2, 40), 16, 1e39)
    # Seen in the second step's loss; the output bias is the first that backpropagation reaches.
    assert history.divergence == Divergence(1, 1, "bias 2")


def test_divergence_in_the_last_step_is_seen_by_the_evaluation():
    data = blobs(16)
    history = train(network(), data, data, orders(2, 16), 16, 1e39)
    assert history.divergence == Divergence(1, 1, "bias 2")
    assert np.isfinite(history.curves["running_loss"]).all()
    # Outputs that are nan count as class 0, right for a third of the examples.
    assert history.curves["test_accuracy"] == [pytest.approx(6 / 16)]


def test_outputs_and_losses_that_overflow_are_told_apart():
    data = blobs(16)
    for scale, tensor in ((1e25, "loss"), (3e38, "outputs")):
        broken = network(sizes=(2, 3))
        broken.weights[0][:] = scale
        inputs = np.abs(data.inputs) + 1
        history = train(broken, Labelled(inputs, data.labels), data, orders(1, 16), 16, 0.1)
        assert history.divergence == Divergence(1, 1, tensor)


def test_every_batch_of_an_order_is_met_once():
    data = blobs(21)
    seen = []
    watched = network()
    forward = watched.forward

    def note(x):
        seen.append(x.copy())
        return forward(x)

    watched.forward = note
    order = orders(1, 21)[0]
    train(watched, data, blobs(1), [order], 8, 0.1)
    assert [len(x) for x in seen] == [8, 8, 5, 1]
    np.testing.assert_array_equal(np.concatenate(seen[:3]), data.inputs[order])
    np.testing.assert_array_equal(seen[3], blobs(1).inputs)
