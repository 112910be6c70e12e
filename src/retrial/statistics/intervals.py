"""Intervals that the verdicts rest on: t, prediction, Wilson; and how many seeds narrow them."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from retrial.core.errors import RetrialError

FEWEST_SEEDS = 3
_MOST_SEEDS = 10**7


class Interval(NamedTuple):
    """A closed interval, in the unit of the values it was made from."""

    low: float
    high: float

    def __contains__(self, x: object) -> bool:
        """Whether the number x lies inside, ends included."""
        return isinstance(x, int | float) and self.low <= x <= self.high

    def inside(self, margin: float) -> bool:
        """Whether it lies wholly in [−margin, margin]."""
        return -margin <= self.low and self.high <= margin

    def disjoint(self, margin: float) -> bool:
        """Whether it shares no point with [−margin, margin]."""
        return self.low > margin or self.high < -margin


def finite(values: ArrayLike, name: str, ndim: int = 1) -> NDArray[np.float64]:
    """`values` as a float64 array of `ndim` axes, not empty, every entry finite.

    Raises RetrialError otherwise: a NaN statistic is an error, never a verdict.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != ndim or array.size == 0:
        raise RetrialError(
            f"{name}: expected a non-empty array with {ndim} axes, got {array.shape}"
        )
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        where = tuple(int(i) for i in wrong[0])
        raise RetrialError(
            f"{name}[{', '.join(map(str, where))}] is {array[where]}: expected finite"
        )
    return array


def constant(values: NDArray[np.float64]) -> bool:
    """Whether all rows are equal to the bit; the SD of equal floats need not be exactly zero."""
    return bool((values == values[:1]).all())


def t_quantile(q: float, df: float) -> float:
    """q-quantile of Student's t with df degrees of freedom."""
    return float(special.stdtrit(df, q))


def two_sided_p(t: float, df: float) -> float:
    """P(|t(df)| >= |t|)."""
    return float(2 * special.stdtr(df, -abs(t)))


def sample_sd(values: NDArray[np.float64]) -> float:
    """SD with n − 1, exactly zero for equal values; nan for one value."""
    if len(values) < 2:
        return math.nan
    return 0.0 if constant(values) else float(values.std(ddof=1))


class Mean(NamedTuple):
    """A mean and its interval."""

    mean: float
    low: float
    high: float


def t_interval(values: ArrayLike, level: float = 0.95) -> Mean:
    """Mean of values (n,), n >= 2, with its two-sided t interval at `level`."""
    array = finite(values, "values")
    if len(array) < 2:
        raise RetrialError(f"t interval of {len(array)} value: expected at least 2")
    half = t_quantile((1 + level) / 2, len(array) - 1) * sample_sd(array) / math.sqrt(len(array))
    mean = float(array.mean())
    return Mean(mean, mean - half, mean + half)


def prediction_half_width(sd: float, n: int, half_unit: float = 0.0) -> float:
    """P = t(.995, n−1)·s·√(1 + 1/n) + h: half of the 99% interval for one further run."""
    return t_quantile(0.995, n - 1) * sd * math.sqrt(1 + 1 / n) + half_unit


def prediction_interval(runs: ArrayLike, half_unit: float = 0.0) -> Interval:
    """99% interval for one further run, printed with half unit h, from runs (n,), n >= 3."""
    array = finite(runs, "runs")
    if len(array) < FEWEST_SEEDS:
        raise RetrialError(f"prediction from {len(array)} runs: expected at least {FEWEST_SEEDS}")
    half = prediction_half_width(sample_sd(array), len(array), half_unit)
    mean = float(array.mean())
    return Interval(mean - half, mean + half)


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """Wilson's score interval for a proportion (Wilson 1927), within [0, 1]."""
    if n < 1 or not 0 <= successes <= n:
        raise RetrialError(f"proportion {successes} of {n}: expected 0 <= successes <= n, n >= 1")
    z = float(special.ndtri((1 + level) / 2))
    share, z2n = successes / n, z * z / n
    centre = (share + z2n / 2) / (1 + z2n)
    half = z / (1 + z2n) * math.sqrt(share * (1 - share) / n + z2n / (4 * n))
    # At 0 and n one end is exact; rounding must not push it off.
    low = 0.0 if successes == 0 else centre - half
    return Interval(low, 1.0 if successes == n else centre + half)


def smallest_n(enough: Callable[[int], bool], start: int) -> int | None:
    """Smallest n >= start with enough(n), for a condition that stays true once it is.

    None if it does not hold at ten million.
    """
    if enough(start):
        return start
    low, high = start, 2 * start
    while not enough(high):
        if high > _MOST_SEEDS:
            return None
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def seeds_for_half_width(sd: float, room: float) -> int | None:
    """Smallest n >= 3 at which t(.95, n−1)·s/√n <= room; None if room <= 0 or n is absurd."""
    if room <= 0:
        return None
    return smallest_n(lambda n: t_quantile(0.95, n - 1) * sd / math.sqrt(n) <= room, FEWEST_SEEDS)
