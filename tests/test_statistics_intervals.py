import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from retrial.core.errors import RetrialError
from retrial.statistics import (
    Interval,
    prediction_interval,
    seeds_for_half_width,
    t_interval,
    wilson,
)


def test_t_interval_agrees_with_scipy():
    x = np.array([0.93, 0.91, 0.95, 0.92])
    found = t_interval(x)
    assert found.mean == pytest.approx(0.9275)
    assert (found.low, found.high) == pytest.approx(
        stats.t.interval(0.95, 3, x.mean(), stats.sem(x))
    )
    with pytest.raises(RetrialError, match="at least 2"):
        t_interval([0.93])


def test_prediction_interval_worked():
    low, high = prediction_interval([0.978, 0.976, 0.979, 0.977, 0.980], 0.00005)
    assert (f"{low:.6f}", f"{high:.6f}") == ("0.969975", "0.986025")
    with pytest.raises(RetrialError, match="at least 3"):
        prediction_interval([0.9, 0.8])


@given(st.integers(1, 5000), st.floats(0, 1), st.sampled_from([0.9, 0.95, 0.99]))
def test_wilson_agrees_with_statsmodels_and_mirrors(n, share, level):
    successes = round(share * n)
    low, high = wilson(successes, n, level)
    expected = proportion_confint(successes, n, 1 - level, method="wilson")
    assert (low, high) == pytest.approx(expected, abs=1e-12)
    assert 0 <= low <= successes / n <= high <= 1
    assert wilson(n - successes, n, level) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_wilson_refuses():
    for successes, n in [(1, 0), (3, 2), (-1, 2)]:
        with pytest.raises(RetrialError, match="proportion"):
            wilson(successes, n)


@given(st.floats(1e-4, 1.0), st.floats(1e-3, 1.0))
def test_seeds_for_half_width_is_the_smallest(sd, room):
    n = seeds_for_half_width(sd, room)

    def half(n):
        return stats.t.ppf(0.95, n - 1) * sd / math.sqrt(n)

    assert half(n) <= room * (1 + 1e-9)
    assert n == 3 or half(n - 1) > room * (1 - 1e-9)


def test_no_number_of_seeds_makes_room():
    assert seeds_for_half_width(0.1, 0.0) is None
    assert seeds_for_half_width(1.0, 1e-9) is None


def test_interval_holds_its_ends():
    assert 1.0 in Interval(0.0, 1.0)
    assert Interval(-1, 1).inside(1)
    assert not Interval(-1, 1.1).inside(1)
    assert Interval(1.1, 2).disjoint(1)
    assert not Interval(1.0, 2).disjoint(1)
