import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from retrial.nets.squared_error import MeanSquaredError, check_labels


def problem(examples, classes, seed):
    rng = np.random.default_rng(seed)
    loss = MeanSquaredError(examples + 2, classes, np.float64)
    return loss, rng.standard_normal((examples, classes)), rng.integers(0, classes, examples)


def test_worked_by_hand():
    # Targets (0, 1) and (1, 0): errors (1, 1), (-1/2, 0), squares 1 + 1 + 1/4 over 4 entries.
    loss = MeanSquaredError(2, 2, np.float64)
    assert loss.forward(np.array([[1.0, 2.0], [0.5, 0.0]]), np.array([1, 0])) == 2.25 / 4
    np.testing.assert_array_equal(loss.backward(), [[0.5, 0.5], [-0.25, 0]])


def test_outputs_of_zero_cost_one_entry_in_ten():
    loss = MeanSquaredError(3, 10, np.float32)
    assert loss.forward(np.zeros((3, 10), np.float32), np.array([0, 5, 9])) == pytest.approx(0.1)


@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**31))
def test_agrees_with_torch_and_with_differences(examples, classes, seed):
    loss, outputs, labels = problem(examples, classes, seed)
    tensor = torch.tensor(outputs, requires_grad=True)
    expected = torch.nn.functional.mse_loss(tensor, torch.eye(classes, dtype=float)[labels])
    expected.backward()
    assert loss.forward(outputs, labels) == pytest.approx(expected.item(), rel=1e-12)
    gradient = loss.backward().copy()
    np.testing.assert_allclose(gradient, tensor.grad.numpy(), rtol=1e-12)
    for place in np.ndindex(outputs.shape):
        step = np.zeros_like(outputs)
        step[place] = 1e-6
        above, below = loss.forward(outputs + step, labels), loss.forward(outputs - step, labels)
        assert gradient[place] == pytest.approx((above - below) / 2e-6, rel=1e-5, abs=1e-8)


def test_outputs_are_left_as_they_are_and_float32_stays():
    loss = MeanSquaredError(2, 3, np.float32)
    outputs = np.ones((2, 3), np.float32)
    loss.forward(outputs, np.array([0, 1]))
    assert loss.backward().dtype == np.float32
    assert (outputs == 1).all()


@pytest.mark.parametrize(("label", "place"), [(10, 2), (-1, 0), (255, 1)])
@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_a_label_outside_the_classes_is_named(label, place, kind):
    if label < 0 and kind is np.uint8:
        return
    labels = np.zeros(4, kind)
    labels[place] = label
    loss = MeanSquaredError(4, 10, np.float32)
    with pytest.raises(ValueError, match=rf"label {label} at {place}: expected a class in 0…9"):
        loss.forward(np.zeros((4, 10), np.float32), labels)


def test_all_classes_and_no_labels_at_all_are_in_range():
    check_labels(np.arange(10), 10)
    check_labels(np.empty(0, np.int64), 10)
