from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrial.worked.sheet import holds, worked_out
from retrial.worked.step_networks import Given, drawn_values, sheet, summed, walked

THIRDS = [Fraction(0), Fraction(1, 3), Fraction(1)]


@given(st.integers(0, 2**32 - 1), st.integers(3, 6))
def test_random_heights_rise_and_fall_and_never_stay(seed: int, count: int) -> None:
    heights = drawn_values(count, 8, np.random.default_rng(seed))
    steps = [b - a for a, b in pairwise(heights)]
    assert len(heights) == count
    assert max(steps) > 0 > min(steps)
    assert 0 not in steps


def test_a_step_up_and_a_step_down() -> None:
    tests = [[0, 0], [1, 0], [1, 1]]
    assert summed(Fraction(1), [Fraction(2), Fraction(-3)], tests) == [1, 3, 0]


@pytest.mark.parametrize(
    ("x", "expected"),
    [(-1, 4), (0, 5), (Fraction(1, 6), Fraction(11, 2)), (Fraction(1, 3), 6), (1, 4), (2, 8)],
)
def test_a_line_of_straight_pieces_by_hand(x: Fraction, expected: Fraction) -> None:
    # Slopes 1, 3, −3 and 4, and 5 at the first threshold.
    slopes = [Fraction(s) for s in (1, 3, -3, 4)]
    assert walked(Fraction(x), Fraction(5), THIRDS, slopes) == expected


def test_thresholds_need_not_be_evenly_spaced_or_three() -> None:
    given_ = Given(thresholds=("-1/2", "1/4", "1/3", "2"), per_unit=12, highest=3)
    made = sheet(given_, np.random.default_rng(0))
    assert all(holds(made, name) for name in made.lines)
    assert not holds(made, "steps", "no_sign")
    assert len(worked_out(made)["differences"]) == 4
