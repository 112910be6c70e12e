"""Judging one printed number against runs of the experiment, and explaining a contradicted one.

Two questions are kept apart (statistics.md): is our mean close enough to the printed number to
matter (equivalence, for `reproduced`), and is the printed number implausible as one run of this
experiment (prediction, for `contradicted`)?
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from numpy.typing import ArrayLike

from retrial.core.errors import RetrialError
from retrial.statistics.intervals import (
    FEWEST_SEEDS,
    Interval,
    constant,
    finite,
    prediction_half_width,
    prediction_interval,
    sample_sd,
    seeds_for_half_width,
    t_quantile,
)
from retrial.statistics.printed import Printed, exact, printed_at, shortest_rational

Verdict = Literal["reproduced", "contradicted", "inconclusive"]


@dataclass(frozen=True)
class ValueJudgement:
    """Verdict on a printed number; all numbers in its unit.

    subreason: "" | "lottery" | "precision" | "seeds" | "exact" | "truncated" (the last two: the
    runs do not differ). n runs with `mean` and `sd` (nan for one run); d = mean − printed.
    interval: I, for d; prediction: P, half width; low, high: 90% interval of the mean, the one
    that I holds. These three are nan where fewer than three runs exist. seeds_needed: for
    "precision" the smallest n that would give `reproduced` at this mean and sd, None if none
    would; for "seeds" the fewest that are judged.
    """

    verdict: Verdict
    subreason: str
    n: int
    mean: float
    sd: float
    d: float
    interval: Interval
    prediction: float
    low: float
    high: float
    seeds_needed: int | None = None


def judge_value(
    runs: ArrayLike, printed: float | Fraction, decimals: int, margin: float
) -> ValueJudgement:
    """Judge a printed number with k = `decimals` against runs (n,) (statistics.md, "value").

    Runs that do not differ (s = 0) are deterministic and compared exactly; fewer than three are
    `inconclusive`. printed, runs and margin (Δ > 0) share one unit. Raises RetrialError for a
    statistic that is not finite and for a margin that is not positive.
    """
    array = finite(runs, "runs")
    number = printed_at(printed, decimals)
    if not (math.isfinite(margin) and margin > 0):
        raise RetrialError(f"margin {margin!r}: expected a positive number")
    n, sd = len(array), sample_sd(array)
    p, h = float(number.value), float(number.half_unit)
    # The mean of equal floats may be off by one bit.
    mean = float(array[0]) if constant(array) else float(array.mean())
    d = mean - p
    if n < FEWEST_SEEDS:
        none = Interval(math.nan, math.nan)
        return ValueJudgement(
            "inconclusive", "seeds", n, mean, sd, d, none, math.nan, *none, FEWEST_SEEDS
        )
    half = t_quantile(0.95, n - 1) * sd / math.sqrt(n)
    interval = Interval(d - half - h, d + half + h)
    prediction = prediction_half_width(sd, n, h)
    verdict, subreason, needed = _value_verdict(number, mean, sd, interval, prediction, margin)
    return ValueJudgement(
        verdict, subreason, n, mean, sd, d, interval, prediction, mean - half, mean + half, needed
    )


def _value_verdict(
    number: Printed, mean: float, sd: float, interval: Interval, prediction: float, margin: float
) -> tuple[Verdict, str, int | None]:
    if sd == 0:
        match = exact(shortest_rational(mean), number)
        if not match.matches:
            return "contradicted", "exact", None
        return "reproduced", "truncated" if match.truncated else "exact", None
    distance = abs(mean - float(number.value))
    if interval.inside(margin):
        return "reproduced", "", None
    if interval.disjoint(margin) and distance > prediction:
        return "contradicted", "", None
    if distance <= prediction and (sd > margin or interval.disjoint(margin)):
        return "inconclusive", "lottery", None
    room = margin - float(number.half_unit) - distance
    return "inconclusive", "precision", seeds_for_half_width(sd, room)


@dataclass(frozen=True)
class Explanation:
    """Whether a fault gives the printed number.

    explained: the faulty arm gives it and the right arm does not. by_fault, by_right: whether it
    is a plausible run of that arm. exact: both arms deterministic. right, faulty: the arms' 99%
    prediction intervals, single points widened by half a unit where they are deterministic.
    """

    explained: bool
    by_fault: bool
    by_right: bool
    exact: bool
    right: Interval
    faulty: Interval


def explained(
    printed: float | Fraction,
    right_runs: ArrayLike,
    faulty_runs: ArrayLike,
    decimals: int,
    deterministic: bool = False,
) -> Explanation:
    """Whether the printed number lies in the faulty arm's P and outside the right arm's.

    right_runs (n,), faulty_runs (m,), in the unit of `printed`. An arm whose runs do not differ is
    compared exactly (statistics.md, "explained"). With `deterministic` one run an arm is enough
    and all of its runs must agree; without it an arm needs three runs. Raises RetrialError where
    these fail, or a run is not finite.
    """
    number = printed_at(printed, decimals)
    by_right, right, right_exact = _gives(number, right_runs, "right_runs", deterministic)
    by_fault, faulty, faulty_exact = _gives(number, faulty_runs, "faulty_runs", deterministic)
    both = right_exact and faulty_exact
    return Explanation(by_fault and not by_right, by_fault, by_right, both, right, faulty)


def _gives(
    number: Printed, runs: ArrayLike, name: str, deterministic: bool
) -> tuple[bool, Interval, bool]:
    array = finite(runs, name)
    same, h = constant(array), float(number.half_unit)
    if deterministic and not same:
        raise RetrialError(f"{name}: expected equal runs of a deterministic arm")
    if not deterministic and len(array) < FEWEST_SEEDS:
        raise RetrialError(f"{name}: {len(array)} runs, expected at least {FEWEST_SEEDS}")
    if same:
        x = float(array[0])
        return exact(shortest_rational(x), number).matches, Interval(x - h, x + h), True
    interval = prediction_interval(array, h)
    return float(number.value) in interval, interval, False
