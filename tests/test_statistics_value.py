import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from retrial.core.errors import RetrialError
from retrial.statistics import explained, judge_value

LOTTERY = [0.1135] * 3 + [0.9510, 0.9480, 0.9530, 0.9490, 0.9500, 0.9470, 0.9520]


@pytest.mark.parametrize(
    ("runs", "printed", "decimals", "mean", "sd", "interval", "prediction", "verdict", "reason"),
    [
        (
            [0.9301, 0.9325, 0.9310, 0.9318, 0.9296],
            *(0.9312, 4, 0.93100, 0.001190, (-0.001384, 0.000984), 0.006049),
            *("reproduced", ""),
        ),
        (
            [0.978, 0.976, 0.979, 0.977, 0.980],
            *(0.5041, 4, 0.97800, 0.001581, (0.472343, 0.475457), 0.008025),
            *("contradicted", ""),
        ),
        (
            LOTTERY,
            *(0.629, 3, 0.69905, 0.404072, (-0.164683, 0.304783), 1.377761),
            *("inconclusive", "lottery"),
        ),
    ],
)
def test_worked_table(runs, printed, decimals, mean, sd, interval, prediction, verdict, reason):
    found = judge_value(runs, printed, decimals, 0.01)
    assert (found.verdict, found.subreason) == (verdict, reason)
    assert f"{found.mean:.5f}" == f"{mean:.5f}"
    assert f"{found.sd:.6f}" == f"{sd:.6f}"
    assert [f"{x:.6f}" for x in found.interval] == [f"{x:.6f}" for x in interval]
    assert f"{found.prediction:.6f}" == f"{prediction:.6f}"
    assert found.n == len(runs)


def test_low_and_high_are_the_interval_of_the_mean_that_the_rule_uses():
    runs = [0.9301, 0.9325, 0.9310, 0.9318, 0.9296]
    found = judge_value(runs, 0.9312, 4, 0.01)
    expected = stats.t.interval(0.90, 4, np.mean(runs), stats.sem(runs))
    assert (found.low, found.high) == pytest.approx(expected)


def test_precision_names_the_smallest_number_of_seeds():
    runs = [0.920, 0.926, 0.932, 0.938]
    found = judge_value(runs, 0.931, 3, 0.01)
    assert (found.verdict, found.subreason) == ("inconclusive", "precision")
    room = 0.01 - 0.0005 - abs(found.d)

    def half(n):
        return stats.t.ppf(0.95, n - 1) * found.sd / math.sqrt(n)

    assert found.seeds_needed == next(n for n in range(3, 1000) if half(n) <= room)
    assert found.seeds_needed > len(runs)


def test_precision_without_any_number_that_would_do():
    found = judge_value([0.940, 0.944, 0.938, 0.942], 0.931, 3, 0.01)
    assert (found.verdict, found.subreason) == ("inconclusive", "precision")
    assert found.seeds_needed is None


@pytest.mark.parametrize("runs", [[0.93], [0.93, 0.93], [0.2, 0.93]])
def test_fewer_than_three_seeds_decide_nothing(runs):
    found = judge_value(runs, 0.93, 2, 0.01)
    assert (found.verdict, found.subreason, found.seeds_needed) == ("inconclusive", "seeds", 3)


@pytest.mark.parametrize(
    ("x", "printed", "decimals", "verdict", "reason"),
    [
        (0.1135, 0.113, 3, "reproduced", "truncated"),
        (0.870875, 0.87088, 5, "reproduced", "exact"),
        (0.366263, 0.368, 3, "contradicted", "exact"),  # within the margin, yet not the number
        (0.1, 0.1, 1, "reproduced", "exact"),
    ],
)
def test_runs_without_spread_are_compared_exactly(x, printed, decimals, verdict, reason):
    # Seven equal floats whose standard deviation comes out above zero in floating point.
    found = judge_value([x] * 7, printed, decimals, 0.01)
    assert found.sd == 0
    assert (found.verdict, found.subreason) == (verdict, reason)


@pytest.mark.parametrize("runs", [[], [0.9, math.nan, 0.9], [0.9, math.inf, 0.9], [[0.9, 0.8]]])
def test_no_verdict_on_what_is_no_statistic(runs):
    with pytest.raises(RetrialError, match="runs"):
        judge_value(runs, 0.9, 1, 0.01)


@pytest.mark.parametrize("margin", [0.0, -0.01, math.nan])
def test_margin_must_be_positive(margin):
    with pytest.raises(RetrialError, match="margin"):
        judge_value([0.9, 0.8, 0.7], 0.9, 1, margin)


thousandths = st.lists(st.integers(0, 1000), min_size=3, max_size=12)


@given(thousandths, st.integers(0, 1000))
def test_mirrored_errors_get_the_same_verdict(runs, printed):
    assume(len(set(runs)) > 1)
    x = np.array(runs) / 1000
    one = judge_value(x, printed / 1000, 3, 0.0107)
    other = judge_value(-x, -printed / 1000, 3, 0.0107)
    assert (one.verdict, one.subreason) == (other.verdict, other.subreason)
    assert one.d == -other.d


@given(thousandths, st.integers(0, 1000))
def test_a_wider_margin_never_unmakes_a_reproduction_nor_makes_a_contradiction(runs, printed):
    assume(len(set(runs)) > 1)
    x = np.array(runs) / 1000
    found = [judge_value(x, printed / 1000, 3, margin).verdict for margin in (0.005, 0.02, 0.3)]
    rank = {"contradicted": 0, "inconclusive": 1, "reproduced": 2}
    assert sorted(found, key=rank.__getitem__) == found


@given(thousandths, st.integers(0, 1000))
def test_a_run_of_the_experiment_is_no_contradiction_of_it(runs, printed):
    assume(len(set(runs)) > 1)
    found = judge_value(np.array(runs) / 1000, printed / 1000, 3, 0.01)
    if abs(found.d) <= found.prediction:
        assert found.verdict != "contradicted"


def test_explained_by_a_stochastic_fault():
    right, faulty = [0.978, 0.976, 0.979, 0.977, 0.980], [0.503, 0.506, 0.501, 0.505, 0.504]
    found = explained(0.5041, right, faulty, 4)
    assert (found.explained, found.by_fault, found.by_right, found.exact) == (
        *(True, True, False),
        False,
    )
    assert found.faulty.low < 0.5041 < found.faulty.high < found.right.low


def test_not_explained_where_the_right_arm_gives_the_number_too():
    found = explained(0.629, LOTTERY, [0.629, 0.62, 0.64], 3)
    assert found.by_fault
    assert found.by_right
    assert not found.explained


def test_explained_exactly_by_a_deterministic_fault():
    found = explained(0.87, [0.91], [0.8700], 2, deterministic=True)
    assert found.explained
    assert found.exact
    assert not explained(0.87, [0.91], [0.8649], 2, deterministic=True).explained


def test_explained_refuses_what_would_decide_nothing():
    with pytest.raises(RetrialError, match="right_runs: 1 runs, expected at least 3"):
        explained(0.87, [0.91], [0.87] * 3, 2)
    with pytest.raises(RetrialError, match="faulty_runs: expected equal"):
        explained(0.87, [0.91], [0.87, 0.88], 2, deterministic=True)
