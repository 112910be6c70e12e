import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from retrial.nets.brier import SoftmaxBrier, brier_score
from retrial.nets.dense import DenseNetwork


def test_worked_by_hand() -> None:
    # Logits (0, 0): p = (1/2, 1/2), errors ±1/2, score 1/2. Logits (ln 3, 0): p = (3/4, 1/4) with
    # label 1: errors (3/4, -3/4), score 9/8. The mean is 13/16.
    loss = SoftmaxBrier(2, 2, np.float64)
    logits = np.array([[0.0, 0.0], [np.log(3), 0.0]])
    assert loss.forward(logits, np.array([0, 1])) == pytest.approx(13 / 16, rel=1e-15)
    # 2 p (e - Σ p e) / n. First: Σ p e = 0, so p e = ±1/4. Second: Σ p e = 3/4 · 3/4 - 1/4 · 3/4 =
    # 3/8, and 3/4 (3/4 - 3/8) = 9/32.
    expected = [[-1 / 4, 1 / 4], [9 / 32, -9 / 32]]
    np.testing.assert_allclose(loss.backward(), expected, rtol=1e-15)
    assert loss.spread == pytest.approx(np.log(3))
    assert loss.largest == pytest.approx(np.log(3))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(2, 5), st.integers(0, 2**31))
def test_agrees_with_torch(examples: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    loss = SoftmaxBrier(examples + 2, classes, np.float64)
    logits, labels = rng.normal(0, 3, (examples, classes)), rng.integers(0, classes, examples)
    tensor = torch.tensor(logits, requires_grad=True)
    errors = torch.softmax(tensor, 1) - torch.eye(classes, dtype=torch.float64)[labels]
    expected = (errors**2).sum() / examples
    expected.backward()  # type: ignore[no-untyped-call]
    assert loss.forward(logits, labels) == pytest.approx(expected.item(), rel=1e-12)
    assert tensor.grad is not None
    np.testing.assert_allclose(loss.backward(), tensor.grad.numpy(), rtol=1e-9, atol=1e-15)


def test_a_network_descends_by_the_derivative_of_its_score() -> None:
    rng = np.random.default_rng(1)
    network = DenseNetwork((4, 3, 3), "relu", 5, np.float64)
    network.loss = SoftmaxBrier(5, 3, np.float64)
    network.parameters[...] = rng.normal(size=len(network.parameters))
    x, labels = rng.normal(size=(5, 4)), rng.integers(0, 3, 5)

    def score() -> float:
        return network.loss.forward(network.forward(x), labels)

    score()
    network.backward()
    found = network.gradients.copy()
    for place in range(len(found)):
        network.parameters[place] += 1e-6
        above = score()
        network.parameters[place] -= 2e-6
        below = score()
        network.parameters[place] += 1e-6
        assert found[place] == pytest.approx((above - below) / 2e-6, rel=1e-5, abs=1e-8)


def test_a_sure_error_costs_two_and_has_no_gradient() -> None:
    loss = SoftmaxBrier(1, 3, np.float32)
    assert loss.forward(np.array([[200, 0, 0]], np.float32), np.array([1])) == 2
    assert loss.backward().tolist() == [[0, 0, 0]]


def test_logits_are_left_as_they_are_and_float32_stays() -> None:
    loss = SoftmaxBrier(3, 2, np.float32)
    logits = np.ones((2, 2), np.float32)
    loss.forward(logits, np.array([0, 1]))
    assert loss.backward().dtype == np.float32
    assert (logits == 1).all()


def test_logits_that_are_no_numbers_give_no_number() -> None:
    loss = SoftmaxBrier(1, 2, np.float32)
    assert np.isnan(loss.forward(np.array([[np.nan, 0]], np.float32), np.array([0])))


def test_the_score_of_probabilities_is_that_of_their_logits() -> None:
    rng = np.random.default_rng(2)
    logits, labels = rng.normal(size=(20, 4)), rng.integers(0, 4, 20).astype(np.uint8)
    probabilities = torch.softmax(torch.tensor(logits), 1).numpy()
    loss = SoftmaxBrier(20, 4, np.float64)
    before = probabilities.copy()
    found = brier_score(probabilities, labels)
    assert found == pytest.approx(loss.forward(logits, labels), rel=1e-12)
    np.testing.assert_array_equal(probabilities, before)
    assert brier_score(np.array([[1.0, 0], [0.5, 0.5]]), np.array([1, 0])) == (2 + 0.5) / 2
