"""Newton's method and the printed rule on losses whose paths are known in closed form."""

import numpy as np
import pytest
from hypothesis import given, strategies

from retrial.worked.descent import (
    Given,
    descended,
    iterated,
    lowest_point,
    one_pass,
    paths,
    printed_path,
)

FIGURE = Given(
    samples=4, features=2, learning_rate=0.2, newton_steps=12, curvature=2.0, minimum_at=1.0,
    lowest=(0.5, 0.0, -0.5), start=3.0, steps=6,
)  # fmt: skip


def test_newton_is_at_the_minimum_after_one_step() -> None:
    np.testing.assert_array_equal(paths(FIGURE)["newton"][1:], 1.0)


def test_descent_shrinks_the_distance_by_the_same_factor() -> None:
    """The distance w − c is multiplied by 1 − η·curvature in each step."""
    away = paths(FIGURE)["descent"] - 1.0
    np.testing.assert_allclose(away, 2.0 * 0.6 ** np.arange(7), rtol=1e-12)


def test_printed_rule_halves_the_distance_where_the_lowest_loss_is_zero() -> None:
    away = np.array(printed_path(FIGURE, 0.0)) - 1.0
    np.testing.assert_allclose(away, 2.0 * 0.5 ** np.arange(7), rtol=1e-12)


def test_printed_rule_ends_at_a_root_of_the_loss() -> None:
    """(w − 1)² − ½ is zero at 1 ± √½, and lowest at 1."""
    assert printed_path(FIGURE, -0.5)[-1] == pytest.approx(1 + np.sqrt(0.5), abs=1e-12)


@given(strategies.floats(0.3, 1.2))
def test_printed_rule_doubles_an_angle_where_no_root_is(angle: float) -> None:
    """On (w − 1)² + k, w − 1 = √k·cot θ becomes √k·cot 2θ: it wanders and never settles."""
    start = FIGURE.model_copy(update={"start": 1 + np.sqrt(0.5) / np.tan(angle), "steps": 3})
    expected = 1 + np.sqrt(0.5) / np.tan(angle * 2.0 ** np.arange(4))
    np.testing.assert_allclose(printed_path(start, 0.5), expected, rtol=1e-6, atol=1e-6)


def test_lowest_point_is_the_logarithm() -> None:
    assert lowest_point(2.0) == pytest.approx(np.log(2.0), abs=1e-12)


def test_iterated_keeps_the_start() -> None:
    assert iterated(lambda w: w / 2, 8.0, 3) == [8.0, 4.0, 2.0, 1.0]


def test_a_pass_by_hand() -> None:
    """From w = 0 the first sample moves w to ½; there the second has no loss left."""
    x, y = np.array([[1.0], [2.0]]), np.array([1.0, 1.0])
    np.testing.assert_array_equal(one_pass(np.zeros(1), x, y, 0.5), [0.5])
    np.testing.assert_array_equal(descended(x, y, np.zeros(1), 0.5), [[0.5], [0.5]])
