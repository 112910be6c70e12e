"""Ranges: interval arithmetic by hand, and a search that knows nothing of it."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given as drawn
from hypothesis import strategies as st
from numpy.polynomial import Polynomial

from retrial.worked import ranges

SEARCH = ranges.Search(reaches=(100.0, 500.0), evaluations=1000, zooms=24)
ENDS = st.tuples(st.fractions(-5, 5), st.fractions(-5, 5)).map(lambda ends: tuple(sorted(ends)))
SHARES = st.fractions(0, 1)


def within(a, share):
    """The point of a range at a share of its width."""
    return a[0] + share * (a[1] - a[0])


@drawn(ENDS, ENDS, SHARES, SHARES)
def test_interval_arithmetic_holds_every_result(a, b, s, t):
    x, y = within(a, s), within(b, t)
    for found, value in (
        (ranges.products(a, b), x * y),
        (ranges.minus(a, b), x - y),
        (ranges.plus(a, b), x + y),
        (ranges.squares(a), x * x),
        (ranges.absolute(a), abs(x)),
    ):
        assert found[0] <= value <= found[1]


@pytest.mark.parametrize(
    ("found", "right"),
    [
        (ranges.products((Fraction(-2), Fraction(3)), (Fraction(-5), Fraction(1))), (-15, 10)),
        (ranges.products((Fraction(0), Fraction(1)), (Fraction(1), math.inf)), (0, math.inf)),
        (ranges.products((Fraction(-1), Fraction(-1)), (Fraction(0), math.inf)), (-math.inf, 0)),
        (ranges.squares((Fraction(-1, 2), Fraction(1, 3))), (0, Fraction(1, 4))),
        (ranges.absolute((Fraction(-3), Fraction(-2))), (2, 3)),
    ],
)
def test_ranges_by_hand(found, right):
    assert found == right


@pytest.mark.parametrize(
    ("function", "right"),
    [
        (lambda x: x**2, (0, math.inf)),
        (lambda x: -torch.exp(x / 10), (-math.inf, 0)),
        (lambda x: x / (1 + x**2), (-0.5, 0.5)),
        # An extreme that is neither at the middle nor at an edge: 1 at x = 7.
        (lambda x: torch.exp(-((x - 7) ** 2)), (0, 1)),
    ],
)
def test_the_search_finds_extremes_and_infinities(function, right):
    assert ranges.searched(SEARCH, function, 1) == pytest.approx(right, abs=1e-9)


def test_the_search_tries_both_targets():
    found = ranges.searched(SEARCH, lambda x, t: torch.tanh(x) + 10 * t, 1, target=True)
    assert found == pytest.approx((-1, 11))


def test_a_polynomial_is_extreme_at_its_ends_or_where_it_is_stationary():
    # x³ − 3x has −2 at 1 and 2 at −1; on [0, 3] its largest value is at the end.
    cubic = Polynomial([0, -3, 0, 1])
    assert ranges.polynomial_range(cubic, (Fraction(0), Fraction(3))) == pytest.approx((-2, 18))
    # x² + 1 is stationary outside [1, 2].
    assert ranges.polynomial_range(
        Polynomial([1, 0, 1]), (Fraction(1), Fraction(2))
    ) == pytest.approx((2, 5))
