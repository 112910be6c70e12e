"""The judge on trial: how often the rules for values and for curves err, and what they find.

A run posed as a printed number must not be contradicted more often than the rule's level; a run
moved by 1, 2 or 5 margins should be (statistics.md). Both are counted on real runs, leaving one
seed out, and for values stated beforehand for normally distributed runs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from retrial.core.errors import RetrialError
from retrial.statistics import FEWEST_SEEDS, Interval, Verdict, judge_curve, judge_value, wilson
from retrial.statistics.intervals import finite, prediction_half_width, sample_sd, t_quantile

# A value is contradicted only outside P, the 99% prediction interval.
LEVEL = 0.01
# A curve is contradicted only above its limit, one end of such an interval.
CURVE_LEVEL = 0.005
SHIFTS = (1.0, 2.0, 5.0)
_NODES = 2000


@dataclass(frozen=True)
class TrialOfJudge:
    """How often posed numbers were contradicted.

    shift: what was added to the posed runs, in margins (0: nothing, every contradiction is false).
    contradicted, reproduced of posed; rate = contradicted/posed with its 95% Wilson interval
    (posed numbers of one arm share runs, so the interval is a guide); stated: the rate that normal
    runs of the same SDs give, nan for curves, whose epochs hang together in ways that no two
    numbers describe. level: the rule's own.
    """

    shift: float
    posed: int
    contradicted: int
    reproduced: int
    rate: float
    interval: Interval
    stated: float
    level: float = LEVEL

    @property
    def too_many(self) -> bool:
        """Whether unmoved runs are contradicted more often than `level`, beyond chance."""
        return self.shift == 0 and self.interval.low > self.level


def leave_one_seed_out(
    arms: Sequence[ArrayLike],
    margins: Sequence[float],
    decimals: int | Sequence[int],
    shift: float = 0.0,
) -> TrialOfJudge:
    """Pose each run of each arm as a printed number and judge it by the arm's other runs.

    arms: runs (n,) with n >= 4 each, so that three are left; margins: Δ of each arm. The posed run
    is rounded to `decimals`, of each arm or one for all, as a report would print it. With `shift`
    s it is moved by +s·Δ and by −s·Δ, and both are posed. Raises RetrialError for no arm, too few
    runs or a margin that is not positive.
    """
    if not arms or len(arms) != len(margins):
        raise RetrialError(f"{len(arms)} arms, {len(margins)} margins: expected equal, at least 1")
    verdicts: list[Verdict] = []
    stated: list[float] = []
    for runs, margin, places in zip(arms, margins, _of_each(decimals, arms), strict=True):
        x = finite(runs, "runs")
        n = _enough(len(x))
        moves = (shift * margin, -shift * margin) if shift else (0.0,)
        for i in range(n):
            others = np.delete(x, i)
            for move in moves:
                printed = round(float(x[i]) + move, places)
                verdicts.append(judge_value(others, printed, places, margin).verdict)
        half_unit = 10.0**-places / 2
        rate = stated_contradiction_rate(sample_sd(x), n - 1, margin, half_unit, shift * margin)
        stated += [rate] * (n * len(moves))
    return _counted(shift, verdicts, float(np.mean(stated)), LEVEL)


def leave_one_curve_out(
    arms: Sequence[ArrayLike],
    margins: Sequence[ArrayLike],
    decimals: int | Sequence[int],
    shift: float = 0.0,
) -> TrialOfJudge:
    """Pose each run of each arm as a printed curve and judge it by the arm's other runs.

    As `leave_one_seed_out`, for curves: arms of runs (n, T), margins (T,) of each arm; with `shift`
    the posed curve is moved by that many margins in every epoch, up and down.
    """
    if not arms or len(arms) != len(margins):
        raise RetrialError(f"{len(arms)} arms, {len(margins)} margins: expected equal, at least 1")
    verdicts: list[Verdict] = []
    for runs, of_epochs, places in zip(arms, margins, _of_each(decimals, arms), strict=True):
        x, delta = finite(runs, "runs", 2), finite(of_epochs, "margins")
        for i in range(_enough(len(x))):
            others = np.delete(x, i, axis=0)
            for move in (shift, -shift) if shift else (0.0,):
                printed = [round(float(one), places) for one in x[i] + move * delta]
                verdicts.append(judge_curve(others, printed, delta, places).verdict)
    return _counted(shift, verdicts, math.nan, CURVE_LEVEL)


def _of_each(decimals: int | Sequence[int], arms: Sequence[ArrayLike]) -> Sequence[int]:
    """The decimals of each arm's print; RetrialError for another number of them than of arms."""
    places = [decimals] * len(arms) if isinstance(decimals, int) else list(decimals)
    if len(places) != len(arms):
        raise RetrialError(f"{len(arms)} arms, {len(places)} decimals: expected equal")
    return places


def _enough(n: int) -> int:
    """The number of runs, where one can be left out; RetrialError otherwise."""
    if n <= FEWEST_SEEDS:
        raise RetrialError(f"judge on trial with {n} runs: expected at least {FEWEST_SEEDS + 1}")
    return n


def _counted(
    shift: float, verdicts: Sequence[Verdict], stated: float, level: float
) -> TrialOfJudge:
    posed, contradicted = len(verdicts), verdicts.count("contradicted")
    return TrialOfJudge(
        shift,
        posed,
        contradicted,
        verdicts.count("reproduced"),
        contradicted / posed,
        wilson(contradicted, posed),
        stated,
        level,
    )


def planted_shifts(
    arms: Sequence[ArrayLike],
    margins: Sequence[float],
    decimals: int,
    shifts: Sequence[float] = SHIFTS,
) -> list[TrialOfJudge]:
    """`leave_one_seed_out` at each shift, in margins; the rate is the detection rate."""
    return [leave_one_seed_out(arms, margins, decimals, shift) for shift in shifts]


def stated_contradiction_rate(
    sd: float, n: int, margin: float, half_unit: float, shift: float
) -> float:
    """Probability that judge_value contradicts a run moved by `shift`, for normal runs.

    The posed run and the n >= 3 runs that judge it are normal with SD `sd`; all in one unit. A
    number is contradicted when |d| > max(P, Δ + t(.95, n−1)·s/√n + h). d is normal with mean
    `shift` and SD sd·√(1 + 1/n), independent of s, whose square times (n−1)/sd² is chi-squared;
    averaged over 2000 equal slices of that distribution. The exact comparison of runs without
    spread is taken as |d| > h.
    """
    if n < FEWEST_SEEDS or sd < 0 or not margin > 0:
        raise RetrialError(
            f"stated rate for {n} runs, SD {sd!r}, margin {margin!r}: expected at least"
            f" {FEWEST_SEEDS} runs, an SD of at least 0, a margin above 0"
        )
    if sd == 0:
        return float(abs(shift) > half_unit)
    slices = (np.arange(_NODES) + 0.5) / _NODES
    s = sd * np.sqrt(special.chdtri(n - 1, 1 - slices) / (n - 1))
    outside = prediction_half_width(1.0, n) * s + half_unit
    disjoint = margin + t_quantile(0.95, n - 1) * s / math.sqrt(n) + half_unit
    limit = np.maximum(outside, disjoint)
    spread = sd * math.sqrt(1 + 1 / n)
    above = special.ndtr((shift - limit) / spread)
    below = special.ndtr((-shift - limit) / spread)
    return float((above + below).mean())
