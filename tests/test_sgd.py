import numpy as np
import pytest

from retrial.core.seeds import generator
from retrial.nets import initialisers
from retrial.nets.dense import DenseNetwork
from retrial.training.sgd import (
    EXP_OVERFLOW,
    LOG_ZERO_SPREAD,
    Divergence,
    Labelled,
    evaluate,
    train,
)


def blobs(size, spread=0.3):
    """Three classes around the corners of a triangle."""
    rng = np.random.default_rng(5)
    labels = np.arange(size) % 3
    centres = np.array([[0, 0], [3, 0], [0, 3]])
    points = centres[labels] + spread * rng.standard_normal((size, 2))
    return Labelled(points.astype(np.float32), labels)


def network(activation="tanh", initialiser=initialisers.glorot_uniform, sizes=(2, 8, 3)):
    built = DenseNetwork(sizes, activation, 16)
    initialisers.fill(built.weights, initialiser, generator("test"))
    return built


def orders(epochs, size):
    return [generator("test", epoch).permutation(size) for epoch in range(epochs)]


def test_learns_what_can_be_learnt():
    data = blobs(90)
    history = train(network(), data, {"train": data}, orders(30, 90), 16, 0.3)
    assert history.divergence is None
    assert history.final["train"].accuracy == 1
    assert len(history.curves["train_loss"]) == 30
    assert history.curves["train_loss"][-1] < 0.1 < history.curves["train_loss"][0]
    assert history.curves["train_accuracy"][-1] == history.final["train"].accuracy


def test_an_epoch_is_the_batches_of_its_order_with_a_smaller_last_one():
    data = blobs(20)
    order = generator("test", "one").permutation(20)
    trained, by_hand = network(), network()
    train(trained, data, {}, [order], 8, 0.2)
    for start in (0, 8, 16):
        chosen = order[start : start + 8]
        by_hand.loss.forward(by_hand.forward(data.inputs[chosen]), data.labels[chosen])
        by_hand.backward()
        by_hand.descend(0.2)
    np.testing.assert_array_equal(trained.parameters, by_hand.parameters)


def test_same_input_gives_the_same_bytes():
    data = blobs(60)
    runs = [network() for _ in range(2)]
    for each in runs:
        train(each, data, {"train": data}, orders(3, 60), 16, 0.3)
    assert runs[0].parameters.tobytes() == runs[1].parameters.tobytes()


def test_evaluation_does_not_depend_on_the_chunk():
    data, small, large = blobs(50), network(), DenseNetwork((2, 8, 3), "tanh", 64)
    large.parameters[:] = small.parameters
    one, other = evaluate(small, data), evaluate(large, data)
    assert one.loss == pytest.approx(other.loss, rel=1e-6)
    np.testing.assert_array_equal(one.predictions, other.predictions)
    assert one.predictions.dtype == np.uint8
    logits = small.forward(data.inputs[:16])
    assert one.spread >= np.ptp(logits, axis=1).max()


def test_pre_activations_that_overflow_are_named_and_end_training():
    data = blobs(40)
    broken = network("relu", initialisers.normal(1e20), (2, 4, 4, 3))
    history = train(broken, data, {"train": data}, orders(3, 40), 16, 0.1)
    assert history.divergence == Divergence(1, 1, "hidden pre-activation 2")
    assert len(history.curves["train_loss"]) == 1
    # argmax of a softmax that is nan: class 0 for every example, right for a third of them.
    assert not history.final["train"].predictions.any()
    assert history.final["train"].accuracy == pytest.approx(14 / 40)


def test_a_step_that_overflows_is_named_where_it_was_taken():
    data = blobs(40)
    history = train(network(), data, {"train": data}, orders(1, 40), 16, 1e39)
    # Seen in the second step's loss; the output bias is the first that backpropagation reaches.
    assert history.divergence == Divergence(1, 1, "gradient of bias 2")


def test_divergence_in_the_last_step_is_seen_by_the_evaluation():
    data = blobs(16)
    history = train(network(), data, {"train": data}, orders(1, 16), 16, 1e39)
    assert history.divergence == Divergence(1, 1, "gradient of bias 2")


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        (80.0, set()),
        (100.0, {"exp_overflow_float32"}),
        (110.0, {"exp_overflow_float32", "log_zero_float32"}),
        (
            800.0,
            {
                "exp_overflow_float32",
                "log_zero_float32",
                "exp_overflow_float64",
                "log_zero_float64",
            },
        ),
    ],
)
def test_faults_of_an_unprotected_softmax_are_noted_while_ours_goes_on(gap, expected):
    data = blobs(16)
    stretched = DenseNetwork((2, 4, 3), "tanh", 16)
    stretched.biases[1][:] = (gap, 0, 0)
    history = train(stretched, data, {"train": data}, orders(1, 16), 16, 1e-6)
    assert history.divergence is None
    assert set(history.naive) == expected
    assert all(place == (1, 1) for place in history.naive.values())


def test_limits_are_those_of_the_element_types():
    with np.errstate(over="ignore", under="ignore"):
        for kind in ("float32", "float64"):
            number = np.dtype(kind).type
            # Just inside and just outside, a thousandth apart on either side.
            assert np.exp(number(-LOG_ZERO_SPREAD[kind] + 1e-3)) > 0
            assert np.exp(number(-LOG_ZERO_SPREAD[kind] - 1e-3)) == 0
            assert np.isfinite(np.exp(number(EXP_OVERFLOW[kind] - 1e-3)))
            assert np.isinf(np.exp(number(EXP_OVERFLOW[kind] + 1e-3)))
