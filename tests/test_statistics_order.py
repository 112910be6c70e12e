import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from retrial.core.errors import RetrialError
from retrial.statistics import decide_order, decide_table, holm, judge_order, order_test

BETTER = [0.052, 0.055, 0.049, 0.057, 0.053, 0.051, 0.054, 0.056, 0.050, 0.053]
SAME = [0.002, 0.004, -0.003, 0.006, 0.001, -0.002, 0.005, 0.003, 0.0, 0.004]


@pytest.mark.parametrize(
    ("d", "sd_images", "m", "numbers", "interval"),
    [
        (
            *(BETTER, 0.40, 10000),
            *(["0.0530", "0.002582", "0.004082", "3704.4", "12.982"], ["0.04628", "0.05972"]),
        ),
        (
            *(SAME, 0.15, 10000),
            *(["0.0020", "0.002981", "0.001772", "111.6", "1.129"], ["-0.00094", "0.00494"]),
        ),
        (
            *(SAME, 0.25, 1000),
            *(["0.0020", "0.002981", "0.007962", "1005.1", "0.251"], ["-0.01111", "0.01511"]),
        ),
    ],
)
def test_worked_table(d, sd_images, m, numbers, interval):
    e = order_test(d, sd_images, m)
    assert [
        *(f"{e.mean:.4f}", f"{e.sd_seeds:.6f}", f"{e.se:.6f}", f"{e.df:.1f}", f"{e.t:.3f}"),
    ] == numbers
    assert [f"{e.low:.5f}", f"{e.high:.5f}"] == interval


def test_worked_p():
    assert f"{order_test(SAME, 0.15, 10000).p:.4f}" == "0.2614"


def test_worked_verdicts_with_six_claims_in_the_table():
    better, same = order_test(BETTER, 0.40, 10000), order_test(SAME, 0.15, 10000)
    vague = order_test(SAME, 0.25, 1000)
    found = decide_table([better, same, vague, vague, vague, vague], [1] * 6)
    assert [(f.verdict, f.subreason) for f in found[:3]] == [
        ("reproduced", ""),
        ("contradicted", "no difference that matters"),
        ("inconclusive", "images"),
    ]
    assert found[0].p_holm == pytest.approx(6 * better.p)


def test_the_opposite_sign_contradicts():
    e = order_test(BETTER, 0.40, 10000)
    assert decide_order(e, e.p, 1, sign=-1).verdict == "contradicted"


def test_sizes_that_would_decide():
    vague = order_test(SAME, 0.25, 1000)
    found = decide_order(vague, 1.0, 6)
    # No number of seeds makes .25/√1000 small enough; 26181 such images would.
    assert (found.seeds_needed, found.images_needed) == (None, 26181)
    assert decide_order(order_test(SAME, 0.25, 26181), 1.0, 6).verdict == "contradicted"
    assert decide_order(order_test(SAME, 0.25, 26180), 1.0, 6).verdict == "inconclusive"

    noisy = order_test([0.03, -0.01, 0.04, 0.0, -0.03, 0.05, -0.02, 0.03, 0.02, 0.01], 0.1, 10000)
    found = decide_order(noisy, noisy.p, 1)
    assert (found.verdict, found.subreason) == ("inconclusive", "precision")
    assert found.seeds_needed > 10


def test_fewer_than_ten_seeds_decide_nothing():
    e = order_test(BETTER[:9], 0.40, 10000)
    found = decide_order(e, e.p, 1)
    assert (found.verdict, found.subreason, found.seeds_needed) == ("inconclusive", "seeds", 10)


def test_differences_known_without_error():
    assert decide_order(order_test([0.0] * 10, 0.0, 100), 1.0, 1).verdict == "contradicted"
    e = order_test([0.25] * 10, 0.0, 100)
    assert e.p == 0
    assert decide_order(e, e.p, 1).verdict == "reproduced"


def test_judge_order_from_correctness():
    rng = np.random.default_rng(5)
    a, b = rng.random((10, 400)) < 0.9, rng.random((10, 400)) < 0.8
    c = a.astype(float) - b
    e = judge_order(c.mean(axis=1), c.mean(axis=0))
    assert e == order_test(c.mean(axis=1), c.mean(axis=0).std(ddof=1), 400)
    assert (e.n, e.m) == (10, 400)
    with pytest.raises(RetrialError, match="the same runs on the same images"):
        judge_order(c.mean(axis=1) + 0.01, c.mean(axis=0))


def test_without_image_noise_it_is_the_paired_t_test():
    e = order_test(SAME, 0.0, 10000)
    expected = stats.ttest_1samp(SAME, 0)
    assert (e.t, e.df, e.p) == pytest.approx((expected.statistic, 9, expected.pvalue))


@pytest.mark.parametrize("bad", [[np.nan] * 10, [], [0.1]])
def test_refuses_what_is_no_statistic(bad):
    with pytest.raises(RetrialError):
        order_test(bad, 0.1, 100)


@given(st.lists(st.integers(-50, 50), min_size=10, max_size=20), st.floats(0.01, 0.5))
def test_b_minus_a_is_the_mirrored_test(thousandths, sd_images):
    d = np.array(thousandths) / 1000
    one, other = order_test(d, sd_images, 1000), order_test(-d, sd_images, 1000)
    assert (one.mean, one.low, one.high) == (-other.mean, -other.high, -other.low)
    assert (one.p, one.se) == (other.p, other.se)
    assert decide_order(one, one.p, 1, 1).verdict == decide_order(other, other.p, 1, -1).verdict


@settings(max_examples=15)  # statsmodels takes 70 ms a call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_agrees_with_statsmodels(p):
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-15)
    assert (holm(p) >= np.array(p)).all()


def test_holm_worked():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    with pytest.raises(RetrialError):
        holm([0.5, 1.5])
