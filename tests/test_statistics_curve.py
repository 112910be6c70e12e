import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from retrial.core.errors import RetrialError
from retrial.statistics import judge_curve

PRINTED = np.array([0.80, 0.90])
MARGINS = np.array([0.01, 0.01])
NEAR = np.array([[0.801, 0.902], [0.804, 0.901], [0.799, 0.898], [0.802, 0.903]])


def test_worked_by_hand():
    found = judge_curve(NEAR, PRINTED, MARGINS)
    # Distances in margins: (.1 + .2)/2, (.4 + .1)/2, (.1 + .2)/2, (.2 + .3)/2.
    assert found.r == pytest.approx([0.15, 0.25, 0.15, 0.25])
    half = stats.t.ppf(0.95, 3) * np.std([0.15, 0.25, 0.15, 0.25], ddof=1) / 2
    assert (found.low, found.high) == pytest.approx((0.2 - half, 0.2 + half))
    # Epoch 1: (.1 + .4 + .1 + .2)/4; epoch 2: (.2 + .1 + .2 + .3)/4.
    assert found.by_epoch == pytest.approx([0.2, 0.2])
    # Mean curve .8015, .901: distance (.15 + .1)/2.
    assert found.distance == pytest.approx(0.125)
    # Run 1 from the mean of the others, .801667 and .900667: (.0667 + .1333)/2; and so on.
    own = [0.1, (0.25 / 0.75) / 2 + 0.0, (0.25 / 0.75 + 0.4) / 2, (0.2 / 3 + 0.8 / 3) / 2]
    limit = np.mean(own) + stats.t.ppf(0.995, 3) * np.std(own, ddof=1) * np.sqrt(1.25)
    assert found.limit == pytest.approx(limit)
    assert found.verdict == "reproduced"


def test_far_curve_is_contradicted():
    assert judge_curve(NEAR, PRINTED - 0.3, MARGINS).verdict == "contradicted"


def one_epoch(*runs):
    """Runs of one epoch, as margins off a print of 0."""
    return judge_curve(np.array(runs)[:, None], [0.0], [1.0])


def test_a_print_among_wide_runs_is_a_lottery():
    runs = np.array([[0.80, 0.90], [0.83, 0.93], [0.78, 0.88], [0.81, 0.91], [0.77, 0.87]])
    found = judge_curve(runs, PRINTED, MARGINS)
    # Distances 0, 3, 2, 1, 3 with an SD of 1.30; the mean curve is .2 off.
    assert (found.verdict, found.subreason) == ("inconclusive", "lottery")
    assert found.seeds_needed is None
    # Here they do not differ: each run is 1.5 off, the print lies in their middle.
    found = one_epoch(1.5, -1.5, 1.5, -1.5)
    assert (found.low, found.distance) == (1.5, 0)
    assert (found.verdict, found.subreason) == ("inconclusive", "lottery")


def test_seeds_that_would_decide():
    runs = np.array([[0.80, 0.90], [0.818, 0.918], [0.80, 0.90], [0.805, 0.905]])
    found = judge_curve(runs, PRINTED, MARGINS)
    assert (found.verdict, found.subreason) == ("inconclusive", "precision")
    assert found.seeds_needed > 4


@pytest.mark.parametrize(
    ("runs", "needed"),
    [
        # Mean 1.25, SD .351: t(.95, 6)·SD/√7 = .258, t(.95, 7)·SD/√8 = .235 < .25.
        ((1.0, -1.6, 0.9, -1.5), 8),
        # Mean 2.5, SD 1.73; beyond the limit of 2, so no lottery: 1.65 for 5 seeds, 1.42 for 6.
        ((1.0, 4.0, 1.0, 4.0), 6),
        ((0.5, -1.5, 0.5, -1.5), None),
    ],
)
def test_seeds_also_tell_a_mean_beyond_the_margin(runs, needed):
    found = one_epoch(*runs)
    assert (found.verdict, found.subreason) == ("inconclusive", "precision")
    assert found.seeds_needed == needed


def test_fewer_than_three_seeds():
    found = judge_curve(NEAR[:2], PRINTED, MARGINS)
    assert (found.verdict, found.subreason, found.seeds_needed) == ("inconclusive", "seeds", 3)


def test_runs_without_spread_are_compared_exactly():
    runs = np.array([[0.801, 0.904]] * 4)
    assert judge_curve(runs, PRINTED, MARGINS, 2).verdict == "reproduced"
    assert judge_curve(runs, PRINTED, MARGINS, [2, 3]).verdict == "contradicted"
    with pytest.raises(RetrialError, match="printed decimals"):
        judge_curve(runs, PRINTED, MARGINS)
    with pytest.raises(RetrialError, match="expected equal"):
        judge_curve(runs, PRINTED, MARGINS, [2])


def test_bad_input():
    with pytest.raises(RetrialError, match=r"runs\[1, 0\] is nan"):
        judge_curve([[0.1, 0.2], [np.nan, 0.2], [0.1, 0.2]], PRINTED, MARGINS)
    with pytest.raises(RetrialError, match="expected equal"):
        judge_curve(NEAR, PRINTED[:1], MARGINS)
    with pytest.raises(RetrialError, match=r"margins\[1\]"):
        judge_curve(NEAR, PRINTED, [0.01, 0.0])


@given(st.integers(0, 2**32), st.integers(3, 12), st.integers(1, 8), st.floats(0, 0.1))
def test_verdict_needs_no_order_of_runs_and_a_curve_of_one_is_never_both(seed, n, epochs, shift):
    rng = np.random.default_rng(seed)
    runs = 0.5 + 0.01 * rng.standard_normal((n, epochs))
    printed, margins = np.full(epochs, 0.5 + shift), np.full(epochs, 0.01)
    one, other = (judge_curve(x, printed, margins) for x in (runs, runs[::-1]))
    assert one.verdict == other.verdict
    assert one.low <= one.mean <= one.high
