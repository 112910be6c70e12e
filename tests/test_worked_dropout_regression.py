"""Linear regression with dropout: one input by hand, and what the penalised weights must obey."""

import numpy as np
import pytest

from retrial.worked import dropout_regression as study
from retrial.worked.sheet import worked_out


def test_the_mean_over_masks_of_one_input_by_hand() -> None:
    # E[(3 − 2δ)²] with δ ~ N(1, ¼): 9 − 12 + 4 · 5/4.
    found = study.quadrature([2.0], np.array([[1.0]]), np.array([3.0]), 0.5)
    assert found.item() == pytest.approx(2.0, rel=1e-14)


def test_the_minimiser_of_one_input_by_hand() -> None:
    # Σxy / (Σx² (1 + s²)) = 10 / (5 · 5/4).
    x, y = np.array([[1.0], [2.0]]), np.array([2.0, 4.0])
    np.testing.assert_allclose(study.minimiser(x, y, 0.5), [1.6], rtol=1e-12)
    np.testing.assert_allclose(study.penalised(x, y, np.array([[1.25]])), [1.6], rtol=1e-14)


def test_gradient_by_hand_with_both_signs() -> None:
    # e = 1 − (2 · 3 · ½) = −2, δx = 1.
    w, x, mask = np.array([3.0]), np.array([0.5]), np.array([2.0])
    assert study.gradient(1, w, x, 1.0, mask).tolist() == [2.0]
    assert study.gradient(-1, w, x, 1.0, mask).tolist() == [-2.0]


def test_a_normal_prior_on_the_weights_is_an_l2_penalty() -> None:
    x, y, w = np.array([[1.0, 0.0]]), np.array([2.0]), np.array([1.0, -3.0])
    assert study.posterior(w, x, y, 0.1) == pytest.approx(1 + 0.1 * 10, rel=1e-12)


def test_more_noise_leaves_smaller_weights_and_a_larger_training_error() -> None:
    given = study.Given(
        examples=12, inputs=4, noise=1.0, problems=30, mask_sd=0.5, penalty=0.1, masks=10
    )
    found = study.shrinking(given, np.random.default_rng(4))
    assert (np.diff(found["errors"][..., 0], axis=1) > 0).all()
    again = np.random.default_rng(4)
    x = again.standard_normal((30, 12, 4))[0]
    sizes = (found["weights"] ** 2 * (x**2).sum(axis=0)).sum(axis=1)
    assert (np.diff(sizes) < 0).all()


def test_a_sheet_of_either_sign_has_the_other_gradient() -> None:
    given = study.Given(
        examples=6, inputs=3, noise=1.0, problems=2, mask_sd=0.5, penalty=0.1, masks=1000
    )
    values = [
        worked_out(study.sheet(given, np.random.default_rng(5), sign=sign)) for sign in (-1, 1)
    ]
    np.testing.assert_allclose(values[0]["gradient"], -values[1]["gradient"], rtol=1e-14)
    np.testing.assert_allclose(values[0]["expected_loss"], values[1]["expected_loss"], rtol=1e-14)
