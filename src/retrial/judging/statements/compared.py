"""What tests of statements share: common seeds, runs that diverged, chance in the images."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from scipy import special

from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.rules import judge_number, metric_of, runs_of
from retrial.statistics import (
    FEWEST_SEEDS,
    FEWEST_SEEDS_ORDER,
    OrderEvidence,
    OrderJudgement,
    decide_order,
    holm,
    order_test,
    parse_printed,
    prediction_interval,
)

# Differences of two arms, in test accuracy if nothing else is said: per seed, and per image.
Pair = tuple[np.ndarray, np.ndarray]
# An array with eight images a byte.
BITS = "correct_bits"
# A verdict on a part of a sentence: behind its numbers, and where a half of the sentence is named.
SAID = {"reproduced": "holds", "contradicted": "fails", "inconclusive": "open"}
HALF = {"reproduced": "holds", "contradicted": "does not hold", "inconclusive": "is open"}


def shared_seeds(records: Records, arms: Iterable[str]) -> list[int]:
    """The seeds that all of some arms were run with, in the order of the first one."""
    by_arm = [[trial["seed"] for trial in records.of(arm)] for arm in arms]
    return [seed for seed in by_arm[0] if all(seed in seeds for seeds in by_arm)]


def compared(
    records: Records, first: str, second: str, array: str = "correct"
) -> tuple[list[int], Pair]:
    """The shared seeds, and an `array` (images,) of `first` less `second` per seed and per image.

    With the default that is test accuracy; with BITS as well, of studies that keep it so.
    """
    seeds = shared_seeds(records, (first, second))
    if not seeds:
        return [], (np.empty(0), np.empty(0))
    differences = np.array(
        [
            _per_image(records, first, seed, array) - _per_image(records, second, seed, array)
            for seed in seeds
        ]
    )
    return seeds, (differences.mean(axis=1), differences.mean(axis=0))


def _per_image(records: Records, arm: str, seed: int, array: str) -> np.ndarray:
    found = records.array(arm, seed, array)
    if array == BITS:
        found = np.unpackbits(found, count=records.sample_size(arm, "test_accuracy"))
    return found.astype(float)


def not_comparable(records: Records, arms: Iterable[str], seeds: Sequence[int]) -> Outcome | None:
    """The outcome of a comparison with too few shared seeds or with a run that diverged.

    A network that has diverged still gives every image some class, so that its accuracy is a
    number; it says nothing of the network that is asked about.
    """
    n = len(seeds)
    if n < FEWEST_SEEDS:
        reason = f"seeds: {n} shared, at least {FEWEST_SEEDS} are needed"
        return Outcome("inconclusive", None, n=n, reason=reason, seeds_needed=FEWEST_SEEDS_ORDER)
    diverged = [text for arm in arms if (text := lost_text(records, arm))]
    return Outcome("inconclusive", None, n=n, reason="; ".join(diverged)) if diverged else None


def lost(records: Records, arm: str) -> int:
    """How many runs of an arm diverged."""
    return sum(trial["status"] == "diverged" for trial in records.of(arm))


def lost_text(records: Records, arm: str) -> str:
    """Such as "2 of 10 runs of deep diverged"; empty where none did."""
    count = lost(records, arm)
    return f"{count} of {len(records.of(arm))} runs of {arm} diverged" if count else ""


def of_seeds(records: Records, arm: str, metric: str, seeds: Sequence[int]) -> np.ndarray:
    """(seeds,) values of a metric for some seeds of an arm, in their order."""
    values = zip(records.of(arm), records.metric(arm, metric), strict=True)
    found = {trial["seed"]: float(value) for trial, value in values}
    return np.array([found[seed] for seed in seeds])


def over_seeds(
    records: Records, seeds: Sequence[int], metric: str, more: str, less: str
) -> OrderEvidence:
    """Paired differences of a metric, arm `more` less arm `less`, over at least two seeds.

    There is no chance in the images: of such a metric no value per image is recorded.
    """
    differences = of_seeds(records, more, metric, seeds) - of_seeds(records, less, metric, seeds)
    return order_test(differences, 0.0, 2)


def decide_each(table: Sequence[OrderEvidence], deltas: Sequence[float]) -> list[OrderJudgement]:
    """Verdicts on claims of one table, each that its difference is above 0, after Holm over them.

    As `decide_table`, where each difference has a δ of its own, in its own unit.
    """
    adjusted = holm([one.p for one in table])
    return [
        decide_order(one, float(p), len(table), 1, delta)
        for one, p, delta in zip(table, adjusted, deltas, strict=True)
    ]


def all_hold(verdicts: Iterable[str]) -> str:
    """The verdict on a sentence all parts of which must hold: the worst of theirs."""
    found = set(verdicts)
    return next(one for one in ("contradicted", "inconclusive", "reproduced") if one in found)


def any_holds(verdicts: Iterable[str]) -> str:
    """The verdict on a sentence one part of which must hold: the best of theirs."""
    found = set(verdicts)
    return next(one for one in ("reproduced", "inconclusive", "contradicted") if one in found)


def seeds_to_decide(parts: Iterable[OrderJudgement]) -> int | None:
    """Seeds that would decide all parts that are open; None where some number of them cannot."""
    needed = [one.seeds_needed for one in parts if one.verdict == "inconclusive"]
    return max((n for n in needed if n), default=None) if all(needed) else None


def told(one: OrderEvidence, form: str = "+.4f") -> str:
    """A mean difference, its 90% interval and its p."""
    mean, low, high = (format(value, form) for value in (one.mean, one.low, one.high))
    return f"{mean} [{low}, {high}], p = {one.p:.2g}"


def lacks(found: OrderJudgement) -> str:
    """What an order claim lacks, in brackets; empty where nothing."""
    if found.subreason == "seeds":
        return f" (seeds: {found.evidence.n}, at least {FEWEST_SEEDS_ORDER} are needed)"
    return f" ({found.subreason})" if found.subreason else ""


def accuracy_after(records: Records, arm: str, epoch: int) -> str:
    """The mean test accuracy of an arm after an epoch; empty where it was not trained so long."""
    curve = records.curve(arm, "test_accuracy")
    if curve.shape[1] < epoch or np.isnan(curve[:, epoch - 1]).any():
        return ""
    return f"{curve[:, epoch - 1].mean():.4f} in epoch {epoch}"


def judge_on_assumed_images(claim: Claim, records: Records) -> Outcome:
    """A printed accuracy of images that are only assumed to be the study's own.

    As any printed number (statistics.md, "value"), except that the seeds do not hold the chance in
    the images, which there is when the report's are others of the same kind. To contradict, the
    print must lie outside the 99% range of one run on as many other images as well: to the variance
    of a run are added those of both accuracies as shares of the images.
    """
    own = judge_number(claim, records)
    if own.verdict != "contradicted" or own.measured is None:
        return own
    printed, runs = parse_printed(claim.printed), runs_of(claim, records)
    images = records.sample_size(claim.evidence.arm, metric_of(claim))
    mean, half_unit = float(runs.mean()), float(printed.half_unit)
    of_seeds = prediction_interval(runs).high - mean
    shares = mean / claim.scale, float(printed.value) / claim.scale
    variance = sum(max(0.0, share * (1 - share)) for share in shares) / images
    of_images = claim.scale * float(special.ndtri(0.995)) * math.sqrt(variance)
    half = math.hypot(of_seeds, of_images) + half_unit
    told = f"±{half:.3f}, the range of one run on {images} other images"
    if abs(mean - float(printed.value)) > half:
        return replace(own, reason=f"{own.reason}; outside {told} too")
    return replace(
        own,
        verdict="inconclusive",
        reason=f"images: {own.reason}; but within {told}, and that the report's are these is "
        "assumed",
    )
