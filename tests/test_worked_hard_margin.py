"""The hard-margin machine by its dual and by geometry."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrial.worked import hard_margin
from retrial.worked.hulls import Solution, by_hulls, nearest, weights_of


def points(*pairs):
    return [[Fraction(a), Fraction(b)] for a, b in pairs]


def labels(*signs):
    return [Fraction(one) for one in signs]


# Two corners of class +1, two of class −1 of the unit square: each way across is as good.
SQUARE = points((0, 0), (0, 1), (1, 0), (1, 1)), labels(1, 1, -1, -1)
# The points of the report, whose solution has one point on the margin without a multiplier.
FOUR = points((1, 4), (2, 3), (4, 5), (5, 6)), labels(1, 1, -1, -1)

side = st.lists(st.tuples(st.integers(1, 6), st.integers(-6, 6)), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None)
@given(side, side)
def test_the_shortest_way_between_hulls_meets_the_conditions_of_the_dual(right, left):
    x = points(*right, *((-a, b) for a, b in left))
    y = labels(*[1] * len(right), *[-1] * len(left))
    assert set(hard_margin.conditions(hard_margin.gram(x, y), y, by_hulls(x, y))) == {0}


def test_two_points_are_halved():
    found = by_hulls(points((3, 4), (-3, -4)), labels(1, -1))
    # The gap is 10 long: |w| = 2/10 along (3, 4)/5, and λ = |w|²/2 for each.
    assert found == Solution([Fraction(1, 50)] * 2, Fraction(0), [Fraction(0)] * 2)


def test_a_corner_may_face_the_inside_of_an_edge():
    shares, gap = nearest(points((0, 1), (-3, 0), (1, 0)), labels(1, -1, -1))
    assert (shares, gap) == ([1, Fraction(1, 4), Fraction(3, 4)], 1)


@pytest.mark.parametrize("y", [labels(1, -1), labels(1, 1)])
def test_classes_without_a_gap_have_no_margin(y):
    with pytest.raises(ValueError, match="no margin"):
        nearest(points((1, 2), (1, 2)), y)


@pytest.mark.parametrize(("x", "y"), [SQUARE, FOUR])
def test_the_solver_meets_the_conditions_exactly(x, y):
    found = hard_margin.solved_dual(x, y)
    assert set(hard_margin.conditions(hard_margin.gram(x, y), y, found)) == {0}


def test_a_dual_with_many_solutions_is_told_from_one_with_a_single_one():
    free, tied = by_hulls(*SQUARE), by_hulls(*FOUR)
    # λ may go along the upper or the lower side of the square, or both: each from 0 to 2.
    np.testing.assert_allclose(hard_margin.spread(*SQUARE, free.multipliers), 2, atol=1e-9)
    np.testing.assert_allclose(hard_margin.spread(*FOUR, tied.multipliers), 0, atol=1e-9)
    assert hard_margin.no_freedom(*FOUR, tied.bounds) == [0] * 4
    with pytest.raises(ValueError, match="more than one solution"):
        hard_margin.no_freedom(*SQUARE, free.bounds)


def test_other_multipliers_break_the_conditions():
    x, y = FOUR
    found = by_hulls(x, y)
    moved = found._replace(multipliers=[*found.multipliers[:3], Fraction(1)])
    assert any(hard_margin.conditions(hard_margin.gram(x, y), y, moved))


def test_the_sign_of_the_table_would_have_changed_the_bias():
    x, y = FOUR
    found = by_hulls(x, y)
    w = weights_of(x, y, found.multipliers)
    assert hard_margin.bias_of(x, y, w, found.multipliers) == found.bias
    assert hard_margin.bias_of(x, y, hard_margin.turned(w), found.multipliers) == Fraction(1, 2)
