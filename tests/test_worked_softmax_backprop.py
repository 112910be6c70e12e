import numpy as np
import pytest
import torch

from retrial.worked.sheet import worked_out
from retrial.worked.softmax_backprop import Given, dropout, mean_over_masks, sheet

GIVEN = Given(inputs=3, hidden=6, classes=4, drop=0.5, slope=0.2)


def test_softmax_derivative_of_equal_logits_by_hand() -> None:
    work = sheet(GIVEN, np.random.default_rng(0))
    made = work.lines["softmax"].work
    given = type("V", (), {"yhat": np.full(4, 0.25)})
    expected = np.full((4, 4), -1 / 16) + np.eye(4) / 4
    assert made(given) == pytest.approx(expected)


def test_gradient_of_the_weights_is_a_central_difference() -> None:
    work = sheet(GIVEN, np.random.default_rng(1))
    v = work.given
    label = int(np.argmax(v["y"]))

    def loss(weights: np.ndarray) -> float:
        z = weights @ v["x"] + v["b1"]
        active = np.where(z > 0, z, GIVEN.slope * z) * v["mask"] / (1 - GIVEN.drop)
        logits = v["W2"] @ active + v["b2"]
        return float(np.log(np.exp(logits).sum()) - logits[label])

    slopes = np.empty_like(v["W1"])
    for place in np.ndindex(slopes.shape):
        shift = np.zeros_like(slopes)
        shift[place] = 1e-5
        slopes[place] = (loss(v["W1"] + shift) - loss(v["W1"] - shift)) / 2e-5
    assert worked_out(work)["dW1"] == pytest.approx(slopes, abs=1e-8)


def test_rows_of_dropped_units_have_no_gradient() -> None:
    sheets = [sheet(GIVEN, np.random.default_rng(seed)) for seed in range(5)]
    masks = np.array([one.given["mask"] for one in sheets])
    # Every mask is of noughts and ones, and both are met.
    assert set(masks.ravel()) == {0.0, 1.0}
    for one, mask in zip(sheets, masks, strict=True):
        rows = np.any(worked_out(one)["dW1"] != 0, axis=1)
        assert rows.tolist() == (mask > 0).tolist()


def test_label_dropped_is_right_at_the_other_classes_only() -> None:
    work = sheet(GIVEN, np.random.default_rng(2))
    apart = worked_out(work, "label_dropped")["dLdz"] - work.lines["dLdz"].truth
    assert apart == pytest.approx(work.given["y"])


def test_mean_over_masks_of_two_units_by_hand() -> None:
    # Four masks: both kept 0.81, one kept 0.09 each, none 0.01.
    assert mean_over_masks(2, 0.1) == pytest.approx(np.diag([0.81 + 0.09] * 2))


def test_dropout_leaves_torch_generator_as_it_was() -> None:
    before = torch.random.get_rng_state()
    first = dropout(torch.ones(50), 0.5, 7)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first, dropout(torch.ones(50), 0.5, 7))
    assert not torch.equal(first, dropout(torch.ones(50), 0.5, 8))
