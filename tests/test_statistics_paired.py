import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from retrial.core.errors import RetrialError
from retrial.statistics import (
    corrected_resampled_t,
    disagreements,
    mcnemar_exact,
    smallest_mcnemar_p,
)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_agrees_with_statsmodels(only_a, only_b):
    p = mcnemar_exact(only_a, only_b)
    assert p == mcnemar_exact(only_b, only_a)
    if only_a + only_b:
        assert p == pytest.approx(mcnemar([[0, only_a], [only_b, 0]], exact=True).pvalue)
    else:
        assert p == 1


def test_smallest_p_of_94_against_90():
    # Four images that only the better model gets right: 2 · (1/2)^4.
    assert smallest_mcnemar_p(94, 90, 100) == 0.125
    assert smallest_mcnemar_p(90, 90, 100) == 1


@given(st.integers(1, 40), st.data())
def test_smallest_p_is_the_minimum_over_all_patterns(m, data):
    a, b = data.draw(st.integers(0, m)), data.draw(st.integers(0, m))
    patterns = range(max(0, a + b - m), min(a, b) + 1)  # images that both get right
    expected = min(mcnemar_exact(a - both, b - both) for both in patterns)
    assert smallest_mcnemar_p(a, b, m) == pytest.approx(expected)


def test_disagreements():
    a, b = np.array([True, True, False, False, True]), np.array([True, False, True, False, False])
    assert disagreements(a, b) == (2, 1)
    with pytest.raises(RetrialError, match="booleans"):
        disagreements(a, b.astype(int))
    with pytest.raises(RetrialError, match="booleans"):
        disagreements(a, b[:4])


def test_counts_are_checked():
    with pytest.raises(RetrialError):
        mcnemar_exact(-1, 2)
    with pytest.raises(RetrialError):
        smallest_mcnemar_p(101, 90, 100)


def test_corrected_resampled_t_worked():
    # mean .02, SD .01, five folds of 80 + 20: SE = .01 · √(1/5 + 1/4).
    d = [0.02 - 0.01 * math.sqrt(2), 0.02, 0.02, 0.02, 0.02 + 0.01 * math.sqrt(2)]
    found = corrected_resampled_t(d, 80, 20)
    assert found.se == pytest.approx(0.01 * math.sqrt(0.45))
    assert found.t == pytest.approx(2.98142397)
    assert found.df == 4
    assert found.p == pytest.approx(2 * stats.t.sf(found.t, 4))
    assert found.p > stats.ttest_1samp(d, 0).pvalue


def test_corrected_resampled_t_without_spread():
    assert corrected_resampled_t([0.0] * 5, 80, 20).p == 1
    assert corrected_resampled_t([0.1] * 5, 80, 20).p == 0
    with pytest.raises(RetrialError, match="resampled t"):
        corrected_resampled_t([0.1], 80, 20)
