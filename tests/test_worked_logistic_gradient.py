"""Logistic regression: what a gradient of zero says of the samples, and where the updates lead."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from retrial.worked.logistic_gradient import Given, counterexample, fitted, overlapping, sheet
from retrial.worked.sheet import worked_out

SETTING = Given(
    samples=12, features=3, learning_rate=0.01, positives=(1, 3), sizes=(4, 4),
    figure_samples=40, apart=2.0,
)  # fmt: skip


def loss(x: np.ndarray, y: np.ndarray, w: np.ndarray, b: float) -> float:
    z = x @ w + b
    return float(np.sum(np.logaddexp(0, z) - y * z))


def test_counterexample_by_hand() -> None:
    """One of four is positive at x = 0, three of four at x = 1: the model says 1/4 and 3/4."""
    x, y = counterexample(SETTING)
    np.testing.assert_array_equal(x, [0, 0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(y, [1, 0, 0, 0, 1, 1, 1, 0])
    outputs, weights = fitted(x[:, None], y)
    np.testing.assert_allclose(outputs, [0.25] * 4 + [0.75] * 4, rtol=1e-10)
    np.testing.assert_allclose(weights, [2 * np.log(3), -np.log(3)], rtol=1e-10)


def test_the_gradient_vanishes_while_no_output_equals_its_label() -> None:
    chance = np.random.default_rng(1)
    found = overlapping(SETTING, chance)
    residuals = found["outputs"] - found["y"]
    assert abs(residuals.sum()) < 1e-10
    assert abs(residuals @ found["x"]) < 1e-10
    assert np.min(np.abs(residuals)) > 1e-4
    assert np.max(np.abs(residuals)) > 0.5


def test_fit_is_scikit_learns() -> None:
    found = overlapping(SETTING, np.random.default_rng(2))
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    theirs.fit(found["x"][:, None], found["y"])
    ours = found["weights"]
    np.testing.assert_allclose([theirs.coef_[0, 0], theirs.intercept_[0]], ours, rtol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_both_updates_lower_the_loss(seed: int) -> None:
    page = sheet(SETTING, np.random.default_rng(seed))
    given, values = page.given, worked_out(page)
    before = loss(given["x"], given["y"], given["w"], given["b"])
    assert loss(given["x"], given["y"], values["step_w"], given["b"]) < before
    assert loss(given["x"], given["y"], given["w"], values["step_b"]) < before
    turned = worked_out(page, "bias_ascends")
    assert loss(given["x"], given["y"], given["w"], turned["step_b"]) > before


def test_two_terms_multiplied_vanish_for_labels_of_zero_and_one() -> None:
    values = worked_out(sheet(SETTING, np.random.default_rng(3)), "product_for_sum")
    np.testing.assert_array_equal(values["terms_added"], 0)
