"""The judge on trial over orders: its shortcuts against the rule itself, and its rates."""

import numpy as np
import pytest

from retrial.core.errors import RetrialError
from retrial.judging.order_trial import (
    Paired,
    flips,
    order_outcomes,
    single_seeds,
    stated_order_rate,
    try_orders,
)
from retrial.statistics import decide_order, order_test

# The rows of the table in statistics.md, with one claim each.
BETTER = [0.052, 0.055, 0.049, 0.057, 0.053, 0.051, 0.054, 0.056, 0.050, 0.053]
ALIKE = [0.002, 0.004, -0.003, 0.006, 0.001, -0.002, 0.005, 0.003, 0.0, 0.004]
CHANCE = np.random.default_rng(11)


def said(differences: list[float], sd_images: float, m: int) -> str:
    found = order_outcomes(np.array([differences]), np.array([sd_images]), m)
    names = {"reproduced": found.found, "opposite": found.opposite, "alike": found.alike}
    return next((name for name, mask in names.items() if mask[0]), "inconclusive")


@pytest.mark.parametrize(
    ("differences", "sd_images", "m", "expected"),
    [
        (BETTER, 0.40, 10_000, "reproduced"),
        ([-d for d in BETTER], 0.40, 10_000, "opposite"),
        (ALIKE, 0.15, 10_000, "alike"),
        (ALIKE, 0.25, 1000, "inconclusive"),
        ([0.01] * 10, 0.0, 2, "reproduced"),
        ([0.0] * 10, 0.0, 2, "alike"),
    ],
)
def test_worked_rows(differences: list[float], sd_images: float, m: int, expected: str) -> None:
    assert said(differences, sd_images, m) == expected


def test_many_at_once_are_what_the_rule_says_of_each() -> None:
    tables = 0.004 * CHANCE.standard_normal((60, 12)) + CHANCE.uniform(-0.008, 0.008, (60, 1))
    sd = CHANCE.uniform(0, 0.3, 60)
    found = order_outcomes(tables, sd, 10_000)
    verdicts = set()
    for i, differences in enumerate(tables):
        evidence = order_test(differences, float(sd[i]), 10_000)
        one = decide_order(evidence, evidence.p, 1)
        alike = one.subreason == "no difference that matters"
        expected = (one.verdict == "reproduced", one.verdict == "contradicted" and not alike, alike)
        assert (found.found[i], found.opposite[i], found.alike[i]) == expected
        verdicts.add(expected)
    # All four outcomes are among them.
    assert len(verdicts) == 4


def test_signs_are_all_where_there_are_few_seeds() -> None:
    all_of_ten = flips(10, "a")
    assert all_of_ten.shape == (1024, 10)
    assert len(np.unique(all_of_ten, axis=0)) == 1024
    assert set(np.unique(all_of_ten)) == {-1.0, 1.0}
    np.testing.assert_array_equal(flips(20, "a"), flips(20, "a"))
    assert not np.array_equal(flips(20, "a"), flips(20, "b"))


def pair(shift: float = 0.0, images: bool = True) -> Paired:
    """Ten seeds and 400 images, each right or wrong by chance alone, then shifted."""
    of_images = CHANCE.integers(-1, 2, (10, 400)).astype(float) + shift
    return Paired("a − b", of_images.mean(axis=1), of_images if images else None)


@pytest.mark.parametrize("images", [True, False])
def test_true_equals_are_told_apart_at_the_level(images: bool) -> None:
    found = try_orders([pair(0.3, images)])
    assert found.posed == 1024
    # All signs have their opposites among them.
    assert found.found == found.opposite
    assert found.rate == (found.found + found.opposite) / 1024
    assert found.rate < 0.09
    assert not found.too_many
    assert found.level == 0.05
    assert found.stated == pytest.approx(0.05)


def test_a_planted_difference_is_found_the_more_the_larger_it_is() -> None:
    calm = Paired("a − b", 0.002 * CHANCE.standard_normal(10))
    rates = [try_orders([calm], shift).rate for shift in (0.1, 0.5, 5.0)]
    assert rates == sorted(rates)
    assert rates[-1] == 1.0
    assert rates[0] < 0.5
    found = try_orders([calm], 0.5)
    assert found.stated == pytest.approx(found.rate, abs=0.15)


def test_stated_rates_at_their_ends() -> None:
    assert stated_order_rate(0.01, 10, 0.0, 2, 0.0) == 0.05
    assert stated_order_rate(0.01, 10, 0.0, 2, 1.0) == pytest.approx(1.0)
    assert stated_order_rate(0.0, 10, 0.0, 2, 0.1) == 1.0
    # Simulated: the share of normal differences with mean 0.01 that the rule finds.
    drawn = 0.01 + 0.015 * CHANCE.standard_normal((4000, 10))
    share = order_outcomes(drawn, np.zeros(4000), 2).found.mean()
    assert stated_order_rate(0.015, 10, 0.0, 2, 0.01) == pytest.approx(share, abs=0.03)


def test_single_seeds_by_hand() -> None:
    # The tenth seed alone has the other order; the other nine are sure.
    mostly = Paired("a − b", np.array([0.05, 0.051, 0.049, 0.052, 0.05, 0.05, 0.051, 0.049, -0.01]))
    assert single_seeds([mostly]) == (1, 9)
    assert single_seeds([Paired("a − a", np.zeros(9))]) == (0, 0)


def test_what_cannot_be_tried_is_one_line() -> None:
    with pytest.raises(RetrialError, match="no pair of arms"):
        try_orders([])
    with pytest.raises(RetrialError, match="a − b: 9 seeds, expected at least 10"):
        try_orders([Paired("a − b", np.zeros(9))])
