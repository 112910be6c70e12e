from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrial.worked.threshold_networks import (
    HALF_PLANES,
    REGIONS,
    defined_class,
    last_layer,
    only_both_zero,
)
from retrial.worked.threshold_units import fires, grid

COORDINATE = st.floats(-1e6, 1e6, allow_nan=False)


def test_a_unit_at_its_threshold_is_not_active() -> None:
    unit = [(np.array([[1.0]]), np.array([-0.5]))]
    np.testing.assert_array_equal(fires(unit, np.array([[0.5], [0.5000001]])), [[0], [1]])


def test_two_layers_are_an_exclusive_or() -> None:
    either_and_both = (np.ones((2, 2)), np.array([-0.5, -1.5]))
    not_both = (np.array([[1.0, -1.0]]), np.array([-0.5]))
    inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    np.testing.assert_array_equal(
        fires([either_and_both, not_both], inputs)[:, 0], [False, True, True, False]
    )


def test_the_grid_goes_row_by_row_from_the_bottom() -> None:
    points = grid(1, 2)
    assert len(points) == 25
    np.testing.assert_array_equal(points[[0, 1, 5, 24]], [[-1, -1], [-0.5, -1], [-1, -0.5], [1, 1]])


@pytest.mark.parametrize(
    ("epsilon", "right"), [(0.0, False), (1e-9, True), (1.0, True), (1.0001, False)]
)
def test_the_bias_may_be_as_large_as_the_inhibitory_weights(epsilon: float, right: bool) -> None:
    assert only_both_zero(epsilon) is right


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ((1, 0), 0),
        ((2, 2), 1),  # on the upper side of the wedge, above the third line
        ((Fraction(1, 2), Fraction(1, 2)), 2),  # on the wedge, below the third line
        ((1, 1), 2),  # where all boundaries meet
        ((0, 0), 2),
        ((0, 1), 1),
        ((-1, 0), 2),  # on the third line
    ],
)
def test_classes_of_known_points(point: tuple[Fraction, Fraction], expected: int) -> None:
    assert defined_class(Fraction(point[0]), Fraction(point[1])) == expected


@given(COORDINATE, COORDINATE, st.floats(1e-6, 1.0))
def test_exactly_one_output_is_active_anywhere(x: float, y: float, epsilon: float) -> None:
    found = fires([HALF_PLANES, REGIONS, last_layer(epsilon)], np.array([[x, y]]))
    assert found.sum() == 1
