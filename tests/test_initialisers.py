import numpy as np
import pytest

from retrial.core.seeds import generator
from retrial.nets import initialisers


@pytest.mark.parametrize(
    ("initialiser", "standard_deviation"),
    [
        (initialisers.normal(0.3), 0.3),
        (initialisers.uniform(0.3), 0.3 / np.sqrt(3)),
        (initialisers.glorot_uniform, np.sqrt(2 / (400 + 100))),
        (initialisers.he_normal, np.sqrt(2 / 400)),
    ],
)
def test_spread_of_the_draws(initialiser, standard_deviation):
    weights = initialiser(400, 100, generator("test"))
    assert weights.shape == (400, 100)
    # 40000 draws: the standard deviation is known within 2%, the mean within 5 standard errors.
    assert weights.std() == pytest.approx(standard_deviation, rel=0.02)
    assert abs(weights.mean()) < 5 * standard_deviation / 200


@pytest.mark.parametrize(
    ("initialiser", "bound"),
    [(initialisers.uniform(0.3), 0.3), (initialisers.glorot_uniform, np.sqrt(6 / 500))],
)
def test_uniform_draws_fill_their_interval(initialiser, bound):
    weights = np.abs(initialiser(400, 100, generator("test")))
    assert 0.999 * bound < weights.max() <= bound


def test_zero_draws_nothing():
    untouched, used = generator("test"), generator("test")
    assert not initialisers.zero(3, 2, used).any()
    assert used.random() == untouched.random()


def test_fill_gives_both_element_types_the_same_start():
    filled = {}
    for dtype in (np.float32, np.float64):
        weights = [np.zeros((4, 3), dtype), np.zeros((3, 2), dtype)]
        initialisers.fill(weights, initialisers.normal(1.0), generator("test"))
        filled[dtype] = weights
    for single, double in zip(filled[np.float32], filled[np.float64], strict=True):
        np.testing.assert_array_equal(single, double.astype(np.float32))
