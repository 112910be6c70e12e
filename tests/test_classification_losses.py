import math

import numpy as np
import pytest
import torch
from scipy import stats

from retrial import classification_losses as losses

NAMES = {f"{loss}{way}" for loss in ("cross_entropy", "squared_error")
         for way in ("", "_library", "_network")}  # fmt: skip


def test_formulas_by_hand() -> None:
    y, p = np.array([1, 0, 0]), np.array([0.5, 0.5, 0.75])
    # Probabilities of the labels 1/2, 1/2, 1/4: their product is 1/16.
    assert losses.binary_cross_entropy(y, p) == pytest.approx(math.log(16) / 3)
    assert losses.log_likelihood(y, p) == pytest.approx(-math.log(16) / 3, rel=1e-15)
    # Errors 1/2, -1/2, -3/4.
    assert losses.mean_squared_error(y, p) == (0.25 + 0.25 + 0.5625) / 3
    assert losses.mean_square(y, p) == (0.25 + 0.25 + 0.5625) / 3


def test_the_likelihood_is_that_of_bernoulli_draws() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 50), rng.random(50)
    expected = stats.bernoulli.logpmf(y, p).mean()
    assert losses.log_likelihood(y, p) == pytest.approx(expected, rel=1e-12)


def test_formulas_agree_with_every_other_way() -> None:
    found = losses.formula_differences(3, 20, np.random.default_rng(0))
    assert set(found) == NAMES
    assert max(found.values()) < 1e-9


@pytest.mark.parametrize("name", ["binary_cross_entropy", "mean_squared_error"])
def test_a_wrong_formula_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = getattr(losses, name)
    monkeypatch.setattr(losses, name, lambda y, p: 1.01 * right(y, p))
    found = losses.formula_differences(2, 20, np.random.default_rng(0))
    wrong = "cross_entropy" if name == "binary_cross_entropy" else "squared_error"
    assert {one for one, apart in found.items() if apart > 1e-4} == {
        one for one in NAMES if one.startswith(wrong)
    }


def test_shapes_are_the_losses_of_a_wrong_class_and_their_derivatives() -> None:
    logits = np.linspace(0, 10, 21)
    z = torch.tensor(logits, requires_grad=True)
    p = torch.sigmoid(z)
    for found, expected in (
        (losses.wrong_cross_entropy(logits), -torch.log(1 - p)),
        (losses.wrong_squared_error(logits), p**2),
    ):
        (slope,) = torch.autograd.grad(expected.sum(), z, retain_graph=True)
        np.testing.assert_allclose(found.loss, expected.detach().numpy(), rtol=1e-9)
        np.testing.assert_allclose(found.slope, slope.numpy(), rtol=1e-9)


def test_far_out_one_slope_is_one_and_the_other_gone() -> None:
    far = np.array([800.0])
    assert (losses.wrong_cross_entropy(far).loss, losses.wrong_cross_entropy(far).slope) == (800, 1)
    assert (losses.wrong_squared_error(far).loss, losses.wrong_squared_error(far).slope) == (1, 0)
