"""Judging a printed curve: every printed epoch, one verdict (statistics.md, "curve")."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retrial.core.errors import RetrialError
from retrial.statistics.intervals import (
    FEWEST_SEEDS,
    constant,
    finite,
    prediction_half_width,
    sample_sd,
    smallest_n,
    t_quantile,
)
from retrial.statistics.printed import exact, printed_at, shortest_rational
from retrial.statistics.value import Verdict


@dataclass(frozen=True)
class CurveJudgement:
    """Verdict on a curve; distances in margins, so that 1 is the margin.

    r (n,): distance of each run from the printed curve, with its mean and one-sided 95% limits
    low and high; by_epoch (T,): the runs' mean distance in each epoch, whose mean is `mean` too.
    distance: D_p, of the printed curve from the mean curve; limit: what one further run's distance
    stays below (99.5%). Limits are nan for fewer than three runs.

    subreason: "" | "lottery" (the print may be one further run, and runs differ by more than a
    margin or lie beyond it) | "precision" | "seeds" | "exact". seeds_needed: for "precision" the
    smallest n at which `mean` would lie wholly on one side of 1, at this mean and SD, None where it
    is 1; for "seeds" the fewest that are judged.
    """

    verdict: Verdict
    subreason: str
    r: NDArray[np.float64]
    by_epoch: NDArray[np.float64]
    mean: float
    low: float
    high: float
    distance: float
    limit: float
    seeds_needed: int | None = None


def judge_curve(
    runs: ArrayLike,
    printed: ArrayLike,
    margins: ArrayLike,
    decimals: int | Sequence[int] | None = None,
) -> CurveJudgement:
    """Judge printed (T,) with margins (T,) against runs (n, T), all in one unit.

    decimals: of the printed numbers, one for all or (T,); needed only where the runs do not differ,
    since they are then compared exactly at every epoch. Raises RetrialError for shapes that do not
    agree, a number that is not finite, a margin that is not positive.
    """
    x, p, delta = finite(runs, "runs", 2), finite(printed, "printed"), finite(margins, "margins")
    n, epochs = x.shape
    if p.shape != (epochs,) or delta.shape != (epochs,):
        raise RetrialError(
            f"curve of {epochs} epochs, {len(p)} printed, {len(delta)} margins: expected equal"
        )
    if delta.min() <= 0:
        raise RetrialError(f"margins[{int(delta.argmin())}] is {delta.min()}: expected above 0")
    off = np.abs(x - p) / delta
    r, by_epoch = off.mean(axis=1), off.mean(axis=0)
    mean = float(r.mean())
    distance = float((np.abs(p - x.mean(axis=0)) / delta).mean())
    if n < FEWEST_SEEDS:
        nan = math.nan
        return CurveJudgement(
            "inconclusive", "seeds", r, by_epoch, mean, nan, nan, distance, nan, FEWEST_SEEDS
        )
    if constant(x):
        verdict: Verdict = "reproduced" if _equal(x[0], p, decimals) else "contradicted"
        return CurveJudgement(verdict, "exact", r, by_epoch, mean, mean, mean, distance, 0.0)
    others = (x.sum(axis=0) - x) / (n - 1)
    own = (np.abs(x - others) / delta).mean(axis=1)
    sd = sample_sd(r)
    half = t_quantile(0.95, n - 1) * sd / math.sqrt(n)
    limit = float(own.mean()) + prediction_half_width(sample_sd(own), n)
    verdict, subreason, needed = "inconclusive", "lottery", None
    if mean + half <= 1:
        verdict, subreason = "reproduced", ""
    elif mean - half > 1 and distance > limit:
        verdict, subreason = "contradicted", ""
    elif distance > limit or (mean - half <= 1 and sd <= 1):
        subreason, needed = "precision", _seeds_for_a_side(mean, sd)
    return CurveJudgement(
        verdict, subreason, r, by_epoch, mean, mean - half, mean + half, distance, limit, needed
    )


def _seeds_for_a_side(mean: float, sd: float) -> int | None:
    """Smallest n >= 3 at which the limits of `mean` lie on one side of 1; None if at none."""

    def decided(n: int) -> bool:
        half = t_quantile(0.95, n - 1) * sd / math.sqrt(n)
        return mean + half <= 1 or mean - half > 1

    return smallest_n(decided, FEWEST_SEEDS)


def _equal(
    run: NDArray[np.float64], printed: NDArray[np.float64], decimals: int | Sequence[int] | None
) -> bool:
    if decimals is None:
        raise RetrialError("curve of runs that do not differ: expected the printed decimals")
    places = [decimals] * len(run) if isinstance(decimals, int) else list(decimals)
    if len(places) != len(run):
        raise RetrialError(f"curve of {len(run)} epochs, {len(places)} decimals: expected equal")
    return all(
        exact(shortest_rational(float(x)), printed_at(float(p), k)).matches
        for x, p, k in zip(run, printed, places, strict=True)
    )
