import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrial.worked.threshold_units import fires
from retrial.worked.universal_networks import (
    bump_sum,
    is_inside,
    largest_half_range,
    looked_at,
    modulus_by_knots,
    modulus_by_trial,
    union_network,
)

SQUARE = ((0, 0), (4, 0), (4, 4), (0, 4))
DIAMOND = ((2, -2), (6, 2), (2, 6), (-2, 2))


@pytest.mark.parametrize(
    ("point", "inside"),
    [
        ((2, 2), True), ((1, 3), True), ((0, 2), False), ((4, 4), False), ((2, 0), False),
        ((5, 2), False), ((-1, 2), False),
        ((-1, 4), False), ((-1, 0), False),  # the ray runs along a side
    ],
)  # fmt: skip
def test_the_inside_of_a_square(point: tuple[int, int], inside: bool) -> None:
    assert is_inside(*point, SQUARE) is inside


@pytest.mark.parametrize(("x", "inside"), [(-3, False), (-2, False), (-1, True), (7, False)])
def test_a_ray_through_a_corner_counts_once(x: int, inside: bool) -> None:
    assert is_inside(x, 2, DIAMOND) is inside


@given(st.integers(-4, 8), st.integers(-4, 8))
def test_a_network_of_two_shapes_is_their_union(x: int, y: int) -> None:
    # The square, and the diamond by its own formula.
    expected = (0 < x < 4 and 0 < y < 4) or abs(x - 2) + abs(y - 2) < 4
    assert fires(union_network([SQUARE, DIAMOND]), np.array([[x, y]]))[0, 0] == expected


def test_the_modulus_of_a_straight_line_is_its_slope() -> None:
    knots = 3 * np.arange(5) / 4
    assert modulus_by_knots(knots, 1 / 8) == pytest.approx(3 / 8)
    assert modulus_by_trial(knots, 32, 4) == pytest.approx(3 / 8)


def test_the_modulus_of_a_peak_is_its_height() -> None:
    peak = np.array([0.0, 1.0, 0.0])
    assert modulus_by_knots(peak, 1 / 2) == 1
    assert modulus_by_knots(peak, 1.0) == 1
    assert modulus_by_knots(peak, 1 / 4) == 1 / 2


def test_a_constant_takes_one_bump() -> None:
    x = looked_at(16, 4)
    np.testing.assert_array_equal(bump_sum(np.full(3, 0.75), x, 1), np.full(len(x), 0.75))


def test_bumps_are_off_by_half_the_range_and_fall_where_the_next_one_starts() -> None:
    line = np.array([0.0, 1.0])
    x = np.array([0.25, 0.5, 0.75, 1.0])
    np.testing.assert_array_equal(bump_sum(line, x, 2), [0.25, 0.25, 0.75, 0.75])
    assert largest_half_range(line, 2) == 0.25


def test_a_peak_between_the_edges_of_a_bump_is_seen() -> None:
    assert largest_half_range(np.array([0.0, 0.0, 3.0, 0.0, 0.0]), 1) == 1.5
