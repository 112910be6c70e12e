import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrial.core.errors import RetrialError
from retrial.judging.judge_trial import (
    CURVE_LEVEL,
    LEVEL,
    SHIFTS,
    leave_one_curve_out,
    leave_one_seed_out,
    planted_shifts,
    stated_contradiction_rate,
)
from retrial.statistics import judge_value


def arms(sd, count=150, n=12):
    return list(0.9 + sd * np.random.default_rng(11).standard_normal((count, n)))


def test_a_run_is_not_contradicted_more_often_than_the_level():
    found = leave_one_seed_out(arms(0.01), [0.01] * 150, 4)
    assert found.posed == 150 * 12
    assert found.rate == pytest.approx(found.stated, abs=0.005)
    assert not found.too_many
    assert found.stated <= LEVEL


def test_planted_shifts_are_found_at_the_stated_rates():
    found = planted_shifts(arms(0.003), [0.01] * 150, 4)
    assert [trial.shift for trial in found] == [1, 2, 5]
    for trial in found:
        assert trial.posed == 150 * 12 * 2
        assert trial.rate == pytest.approx(trial.stated, abs=0.03)
    assert found[0].rate < found[1].rate < found[2].rate
    assert found[2].rate == 1
    assert found[2].reproduced == 0


def test_a_lottery_is_told_apart_from_a_fault_by_its_rate():
    runs = [0.11] + [0.95 + 0.0001 * i for i in range(11)]
    assert leave_one_seed_out([runs], [0.01], 4).contradicted == 1


def test_stated_rate_agrees_with_simulation():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((4000, 6)) * 0.004
    simulated = np.mean(
        [
            judge_value(row[1:], round(row[0] + 0.02, 4), 4, 0.01).verdict == "contradicted"
            for row in x
        ]
    )
    assert simulated == pytest.approx(
        stated_contradiction_rate(0.004, 5, 0.01, 5e-5, 0.02), abs=0.025
    )


@given(st.floats(1e-4, 0.1), st.integers(3, 20), st.floats(0.001, 0.1))
def test_stated_rate_grows_with_the_shift_and_starts_below_the_level(sd, n, margin):
    rates = [
        stated_contradiction_rate(sd, n, margin, 5e-5, shift * margin) for shift in (0, 1, 2, 5)
    ]
    assert rates == sorted(rates)
    assert rates[0] <= LEVEL
    assert rates[1] == pytest.approx(
        stated_contradiction_rate(sd, n, margin, 5e-5, -margin), abs=1e-12
    )


def test_deterministic_runs():
    assert leave_one_seed_out([[0.9] * 5], [0.01], 2).rate == 0
    shifted = leave_one_seed_out([[0.9] * 5], [0.01], 2, 1.0)
    assert (shifted.rate, shifted.stated, shifted.posed) == (1, 1, 10)


def test_curves_are_posed_as_they_are_and_moved():
    # 60 arms of 8 runs of 6 epochs, whose margins grow; the SD is .3 margins in each.
    margins = 0.01 * np.arange(1, 7)
    noise = np.random.default_rng(3).standard_normal((60, 8, 6))
    runs = list(0.5 + 0.3 * margins * noise)
    found = [leave_one_curve_out(runs, [margins] * 60, 4, shift) for shift in (0.0, *SHIFTS)]
    assert [trial.posed for trial in found] == [480, 960, 960, 960]
    still, one, two, five = found
    assert (still.contradicted, still.too_many, still.level) == (0, False, CURVE_LEVEL)
    assert still.reproduced == 480
    # At one margin a true distance lies on the border, where the rule decides less than half.
    assert one.rate < 0.5
    assert two.rate > 0.95
    assert (five.rate, five.reproduced) == (1, 0)
    assert np.isnan(two.stated)


def test_a_curve_out_of_line_is_contradicted_by_the_others_and_leaves_them_open():
    near = [[0.5 + 0.0001 * i, 0.6 - 0.0001 * i] for i in range(4)]
    found = leave_one_curve_out([[*near, [0.9, 0.9]]], [[0.01, 0.01]], 4)
    # Posed, the others are judged by it too: a lottery.
    assert (found.posed, found.contradicted, found.reproduced) == (5, 1, 0)


def test_curves_without_chance_are_posed_at_their_decimals():
    same = [[0.1234, 0.5678]] * 4
    assert leave_one_curve_out([same], [[0.02, 0.02]], 2).reproduced == 4
    moved = leave_one_curve_out([same], [[0.02, 0.02]], 2, 1.0)
    assert (moved.rate, moved.posed) == (1, 8)


def test_bad_input_of_curves():
    with pytest.raises(RetrialError, match="at least 4"):
        leave_one_curve_out([[[0.9, 0.8]] * 3], [[0.1, 0.1]], 3)
    with pytest.raises(RetrialError, match="0 arms"):
        leave_one_curve_out([], [], 3)
    with pytest.raises(RetrialError, match="margins"):
        leave_one_curve_out([[[0.9, 0.8]] * 4], [[0.1, 0.0]], 3)


def test_bad_input():
    with pytest.raises(RetrialError, match="at least 4"):
        leave_one_seed_out([[0.9, 0.8, 0.7]], [0.01], 3)
    with pytest.raises(RetrialError, match="0 arms"):
        leave_one_seed_out([], [], 3)
    with pytest.raises(RetrialError, match="margin"):
        leave_one_seed_out([[0.9, 0.8, 0.7, 0.6]], [0.0], 3)


def test_each_arm_has_the_decimals_of_its_own_print() -> None:
    runs = np.array([0.1049, 0.1051, 0.1050, 0.1052, 0.1048])
    # Rounded to one decimal all runs are 0.1, half a unit of which is far wider than the margin.
    mixed = leave_one_seed_out([runs, runs], [0.001, 0.001], [4, 1])
    apart = [leave_one_seed_out([runs], [0.001], places) for places in (4, 1)]
    assert mixed.reproduced == sum(one.reproduced for one in apart)
    assert apart[0].reproduced == 5
    assert apart[1].reproduced == 0
    with pytest.raises(RetrialError, match="1 arms, 2 decimals: expected equal"):
        leave_one_seed_out([runs], [0.001], [4, 1])
