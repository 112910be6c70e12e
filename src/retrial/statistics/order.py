"""Judging "A is better than B" by paired differences over seeds and over test images.

Two sources of chance enter: the seeds that were run, and the test images that were drawn. Both
variances are added, degrees of freedom after Welch and Satterthwaite (statistics.md, "order").
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retrial.core.errors import RetrialError
from retrial.statistics.intervals import (
    Interval,
    finite,
    sample_sd,
    smallest_n,
    t_quantile,
    two_sided_p,
)
from retrial.statistics.value import Verdict

FEWEST_SEEDS_ORDER = 10
DELTA = 0.005
LEVEL = 0.05


@dataclass(frozen=True)
class OrderEvidence:
    """The paired test behind an order claim; mean > 0 says that A is better.

    n seeds with mean difference `mean` and SD `sd_seeds`; m images with SD `sd_images` of the
    seed-mean differences. se, df (ν), t and the two-sided p; low, high: 90% interval of the mean.
    """

    n: int
    m: int
    mean: float
    sd_seeds: float
    sd_images: float
    se: float
    df: float
    t: float
    p: float
    low: float
    high: float


def _evidence(n: int, m: int, mean: float, sd_seeds: float, sd_images: float) -> OrderEvidence:
    seeds, images = sd_seeds**2 / n, sd_images**2 / m
    variance = seeds + images
    se = math.sqrt(variance)
    if se == 0:
        # No seed and no image differs from another: the difference is known, not estimated.
        t = math.copysign(math.inf, mean) if mean else 0.0
        p = 0.0 if mean else 1.0
        return OrderEvidence(n, m, mean, 0.0, 0.0, 0.0, math.inf, t, p, mean, mean)
    # Shares of the variance, not variances: the squares of tiny variances vanish in a float.
    df = 1 / ((seeds / variance) ** 2 / (n - 1) + (images / variance) ** 2 / (m - 1))
    t, half = mean / se, t_quantile(0.95, df) * se
    p = two_sided_p(t, df)
    return OrderEvidence(n, m, mean, sd_seeds, sd_images, se, df, t, p, mean - half, mean + half)


def order_test(differences: ArrayLike, sd_images: float, m: int) -> OrderEvidence:
    """Test from differences A − B per seed (n,), n >= 2, and the SD over m >= 2 test images."""
    d = finite(differences, "differences")
    if len(d) < 2 or m < 2:
        raise RetrialError(f"order test of {len(d)} seeds and {m} images: expected at least 2 each")
    if not (math.isfinite(sd_images) and sd_images >= 0):
        raise RetrialError(f"sd_images {sd_images!r}: expected a number of at least 0")
    return _evidence(len(d), m, float(d.mean()), sample_sd(d), sd_images)


def judge_order(differences: ArrayLike, image_differences: ArrayLike) -> OrderEvidence:
    """Test from paired differences A − B per seed (n,) and per test image (m,).

    image_differences: for each image the mean over seeds of correct(A) − correct(B). Both have the
    same mean by construction; RetrialError where they do not, since then they are not of the same
    runs and images.
    """
    c = finite(image_differences, "image_differences")
    evidence = order_test(differences, sample_sd(c), len(c))
    if abs(float(c.mean()) - evidence.mean) > 1e-6 + 1e-4 * abs(evidence.mean):
        raise RetrialError(
            f"mean difference {evidence.mean:.6g} over seeds but {float(c.mean()):.6g} over images:"
            " expected the same runs on the same images"
        )
    return evidence


def holm(pvalues: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down adjusted p-values (Holm 1979), same order and shape (q,) as given."""
    p = finite(pvalues, "pvalues")
    if p.min() < 0 or p.max() > 1:
        raise RetrialError("pvalues: expected numbers between 0 and 1")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


@dataclass(frozen=True)
class OrderJudgement:
    """Verdict on an order claim.

    subreason: "" | "no difference that matters" | "precision" | "images" (no number of seeds
    decides it on these images) | "seeds" (fewer than ten). seeds_needed: smallest number of seeds
    that would decide it at this mean and these SDs; images_needed: smallest number of test images,
    with the seeds as they are. None where none would, or where it is decided.
    """

    verdict: Verdict
    subreason: str
    p_holm: float
    evidence: OrderEvidence
    seeds_needed: int | None = None
    images_needed: int | None = None


def decide_order(
    evidence: OrderEvidence,
    p_holm: float,
    claims: int,
    sign: Literal[1, -1] = 1,
    delta: float = DELTA,
) -> OrderJudgement:
    """Verdict after Holm's correction (statistics.md, "order").

    p_holm: this claim's adjusted p in its table of `claims` claims; sign: +1 where the report says
    that A is better; delta: a difference too small to matter, in the unit of the differences.
    Fewer than ten seeds are `inconclusive`. Sizes that would decide it take the whole table's
    correction, `claims` times p, the strictest that Holm can ask.
    """
    if claims < 1 or not 0 <= p_holm <= 1 or sign not in (1, -1) or not delta > 0:
        raise RetrialError(
            f"order claim: p_holm {p_holm!r}, {claims!r} claims, sign {sign!r}, delta {delta!r}:"
            " expected p in [0, 1], at least 1 claim, sign 1 or -1, delta above 0"
        )
    if evidence.n >= FEWEST_SEEDS_ORDER:
        if p_holm < LEVEL:
            claimed = evidence.mean * sign > 0
            return OrderJudgement("reproduced" if claimed else "contradicted", "", p_holm, evidence)
        if _no_difference(evidence, delta):
            return OrderJudgement("contradicted", "no difference that matters", p_holm, evidence)

    def decides(n: int, m: int) -> bool:
        e = _evidence(n, m, evidence.mean, evidence.sd_seeds, evidence.sd_images)
        return e.p * claims < LEVEL or _no_difference(e, delta)

    seeds = smallest_n(lambda n: decides(n, evidence.m), max(evidence.n + 1, FEWEST_SEEDS_ORDER))
    images = smallest_n(lambda m: decides(evidence.n, m), evidence.m + 1)
    if evidence.n < FEWEST_SEEDS_ORDER:
        subreason, images = "seeds", None
    else:
        subreason = "images" if seeds is None else "precision"
    return OrderJudgement("inconclusive", subreason, p_holm, evidence, seeds, images)


def _no_difference(evidence: OrderEvidence, delta: float) -> bool:
    return Interval(evidence.low, evidence.high).inside(delta)


def seeds_beyond(evidence: OrderEvidence, threshold: float) -> int | None:
    """Smallest number of seeds, at least ten, at which the 90% interval leaves `threshold` out.

    At this mean, these SDs and these images; None where no number of seeds is enough.
    """

    def decides(n: int) -> bool:
        e = _evidence(n, evidence.m, evidence.mean, evidence.sd_seeds, evidence.sd_images)
        return e.low >= threshold or e.high < threshold

    return smallest_n(decides, max(evidence.n + 1, FEWEST_SEEDS_ORDER))


def decide_table(
    table: Sequence[OrderEvidence], signs: Sequence[Literal[1, -1]], delta: float = DELTA
) -> list[OrderJudgement]:
    """Verdicts on all order claims of one table, declared beforehand, after Holm over them."""
    if not table or len(table) != len(signs):
        raise RetrialError(f"order table: {len(table)} claims, {len(signs)} signs; expected equal")
    adjusted = holm([e.p for e in table])
    return [
        decide_order(e, float(p), len(table), sign, delta)
        for e, p, sign in zip(table, adjusted, signs, strict=True)
    ]
