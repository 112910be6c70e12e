"""Gradient ranges: known extremes, and what one dropped sign makes of them."""

import math
from fractions import Fraction

import numpy as np
import pytest

from retrial.worked import gradient_ranges
from retrial.worked.ranges import Search
from retrial.worked.sheet import worked_out

GIVEN = gradient_ranges.Given(
    amplitude=1.7159,
    stretch=(2, 3),
    slope=0.01,
    kept_digits=2,
    search=Search(reaches=(100.0, 500.0), evaluations=1000, zooms=24),
    points=8,
)


def test_an_output_that_is_the_activation_itself_has_ranges_of_its_own():
    # |y − 1|·y(1 − y) is largest at y = 1/3, |y − 1|·(1 − y²) at y = −1/3.
    found = worked_out(gradient_ranges.coupled(GIVEN, np.random.default_rng(0)))
    assert found["sigmoid_gradient"] == pytest.approx((-4 / 27, 4 / 27))
    assert found["tanh_gradient"] == pytest.approx((-32 / 27, 32 / 27))
    assert found["relu_gradient"] == (-math.inf, math.inf)


def test_one_dropped_sign_gives_three_one_sided_ranges():
    sheet = gradient_ranges.squared_error(GIVEN, np.random.default_rng(0))
    right, slipped = worked_out(sheet), worked_out(sheet, "error_sign_dropped")
    assert right["sigmoid_gradient"] == (Fraction(-1, 4), Fraction(1, 4))
    assert slipped["error"] == (0, 1)
    assert slipped["relu_gradient"] == (0, math.inf)
    assert slipped["sigmoid_gradient"] == (0, Fraction(1, 4))
    assert slipped["tanh_gradient"] == right["tanh_gradient"] == (-1, 1)


def test_lecun_s_activation_is_steepest_at_zero():
    found = worked_out(gradient_ranges.cross_entropy(GIVEN, np.random.default_rng(0)))["derivative"]
    assert found == (Fraction(1, 100), Fraction("1.7159") * 2 / 3 + Fraction(1, 100))
