"""The judge on trial over orders: how often one is found where there is none, and where there is.

Two arms that do not differ could have changed places in any seed, so a paired difference could as
well have had the other sign. The rule (statistics.md, "order") is tried on such differences: those
of real arms around their mean, with signs drawn at random. Then a difference is planted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from retrial.core.errors import RetrialError
from retrial.core.seeds import generator
from retrial.statistics import DELTA, Interval, wilson
from retrial.statistics.intervals import finite, sample_sd, t_quantile
from retrial.statistics.order import FEWEST_SEEDS_ORDER, LEVEL

Array = NDArray[np.float64]
MOST_FLIPS = 1024  # all of them for ten seeds
CHUNK = 64  # flips at a time: their differences of 10,000 images are 5 MB


@dataclass(frozen=True)
class Paired:
    """Differences of two arms on shared seeds, in accuracy if nothing else is said.

    seeds (n,); images (n, m), of each seed and test image, with the means `seeds`, or None where
    no value of an image is recorded.
    """

    name: str
    seeds: Array
    images: Array | None = None


@dataclass(frozen=True)
class TrialOfOrder:
    """What the rule says of differences that are known.

    shift: the difference that was planted, in δ (0: none, every order that is found is false).
    posed differences; `found` the planted sign, `opposite` the other one, `alike` said to make no
    difference that matters; rate = found/posed, or with nothing planted (found + opposite)/posed,
    with its 95% Wilson interval; stated: the rate that normal differences of the same SDs give.
    """

    shift: float
    posed: int
    found: int
    opposite: int
    alike: int
    rate: float
    interval: Interval
    stated: float
    level: float = LEVEL

    @property
    def too_many(self) -> bool:
        """Whether an order is found among none more often than `level`, beyond chance."""
        return self.shift == 0 and self.interval.low > self.level


@dataclass(frozen=True)
class Outcomes:
    """What the rule says of each of f tables with one claim each: three masks (f,)."""

    found: NDArray[np.bool_]
    opposite: NDArray[np.bool_]
    alike: NDArray[np.bool_]


def order_outcomes(differences: Array, sd_images: Array, m: int, delta: float = DELTA) -> Outcomes:
    """`decide_order` for many claims at once, each alone in its table and that A is better.

    differences (f, n), n >= 2; sd_images (f,), the SD over m >= 2 test images.
    """
    n = differences.shape[1]
    mean = differences.mean(axis=1)
    of_seeds, of_images = differences.var(axis=1, ddof=1) / n, sd_images**2 / m
    variance = of_seeds + of_images
    spread = variance > 0
    some = np.where(spread, variance, 1.0)
    df = 1 / np.maximum(
        (of_seeds / some) ** 2 / (n - 1) + (of_images / some) ** 2 / (m - 1), np.finfo(float).tiny
    )
    se = np.sqrt(variance)
    known = np.where(mean == 0, 0.0, np.where(mean > 0, np.inf, -np.inf))
    t = np.where(spread, mean / np.sqrt(some), known)
    p = np.where(spread, 2 * special.stdtr(df, -np.abs(t)), np.where(mean == 0, 1.0, 0.0))
    half = np.where(spread, special.stdtrit(df, 0.95) * se, 0.0)
    ordered = p < LEVEL
    alike = ~ordered & (mean - half >= -delta) & (mean + half <= delta)
    return Outcomes(ordered & (mean > 0), ordered & (mean < 0), alike)


def flips(n: int, key: str) -> Array:
    """Signs (f, n) of ±1: all 2ⁿ where they are at most 1,024, else as many draws for `key`."""
    if 2**n <= MOST_FLIPS:
        bits = np.arange(2**n)[:, None] >> np.arange(n) & 1
    else:
        bits = generator("order_trial", key).integers(0, 2, (MOST_FLIPS, n))
    return np.where(bits, 1.0, -1.0)


def try_orders(pairs: Sequence[Paired], shift: float = 0.0, delta: float = DELTA) -> TrialOfOrder:
    """Draw signs for the differences of `pairs` around their means, add shift · δ, and judge them.

    Raises RetrialError for no pair, and for one of fewer than ten seeds, which the rule leaves
    undecided.
    """
    if not pairs:
        raise RetrialError("judge on trial over orders with no pair of arms: expected at least 1")
    counts, stated = np.zeros(4, int), 0.0
    for pair in pairs:
        seeds = finite(pair.seeds, pair.name)
        if len(seeds) < FEWEST_SEEDS_ORDER:
            raise RetrialError(
                f"judge on trial: {pair.name}: {len(seeds)} seeds, expected at least "
                f"{FEWEST_SEEDS_ORDER}"
            )
        signs, mean = flips(len(seeds), pair.name), float(seeds.mean())
        images = None if pair.images is None else pair.images - mean
        for start in range(0, len(signs), CHUNK):
            drawn = signs[start : start + CHUNK]
            moved = drawn * (seeds - mean) + shift * delta
            sd, m = _image_spread(drawn, images)
            said = order_outcomes(moved, sd, m, delta)
            counts += [len(drawn), said.found.sum(), said.opposite.sum(), said.alike.sum()]
            stated += len(drawn) * stated_order_rate(
                sample_sd(seeds), len(seeds), float(sd.mean()), m, shift * delta
            )
    posed, found, opposite, alike = (int(count) for count in counts)
    hits = found if shift else found + opposite
    return TrialOfOrder(
        shift,
        posed,
        found,
        opposite,
        alike,
        hits / posed,
        wilson(hits, posed),
        stated / posed,
    )


def _image_spread(signs: Array, images: Array | None) -> tuple[Array, int]:
    """The SD (f,) over m images of the seed-mean differences under signs (f, n), and m."""
    if images is None:
        return np.zeros(len(signs)), 2
    return (signs @ images / signs.shape[1]).std(axis=1, ddof=1), images.shape[1]


def stated_order_rate(sd: float, n: int, sd_images: float, m: int, shift: float) -> float:
    """Probability that the rule finds the planted sign, for normal differences; both signs at 0.

    T is then noncentral t with the rule's ν and shift/SE; nothing is found without spread at 0.
    """
    of_seeds, of_images = sd**2 / n, sd_images**2 / m
    variance = of_seeds + of_images
    if variance == 0:
        return float(shift > 0)
    df = 1 / ((of_seeds / variance) ** 2 / (n - 1) + (of_images / variance) ** 2 / (m - 1))
    limit = t_quantile(1 - LEVEL / 2, df)
    beyond = 1 - float(special.nctdtr(df, shift / math.sqrt(variance), limit))
    return LEVEL if shift == 0 else beyond


def single_seeds(pairs: Sequence[Paired]) -> tuple[int, int]:
    """How many seeds alone show an order that the others contradict, and how many show one.

    Each seed's order is posed as printed and judged by the other seeds of its pair, which may be
    fewer than ten here. Seeds without a difference pose nothing.
    """
    against, posed = 0, 0
    for pair in pairs:
        seeds = finite(pair.seeds, pair.name)
        for i in np.flatnonzero(seeds):
            kept = np.delete(np.arange(len(seeds)), i)
            images = None if pair.images is None else pair.images[kept]
            sd, m = _image_spread(np.ones((1, len(kept))), images)
            said = order_outcomes(seeds[None, kept], sd, m)
            against += int(said.opposite[0] if seeds[i] > 0 else said.found[0])
            posed += 1
    return against, posed
