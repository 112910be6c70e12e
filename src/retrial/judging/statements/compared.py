"""What tests that compare two arms share: their common seeds, and runs that diverged."""

from collections.abc import Iterable, Sequence

import numpy as np

from retrial.core.records import Records
from retrial.judging.outcome import Outcome
from retrial.statistics import FEWEST_SEEDS, FEWEST_SEEDS_ORDER, OrderEvidence, OrderJudgement

# Differences in test accuracy of two arms: per seed, and per test image.
Pair = tuple[np.ndarray, np.ndarray]


def compared(records: Records, first: str, second: str) -> tuple[list[int], Pair]:
    """The shared seeds, and test accuracy of `first` less `second` per seed and per image."""
    others = {trial["seed"] for trial in records.of(second)}
    seeds = [trial["seed"] for trial in records.of(first) if trial["seed"] in others]
    if not seeds:
        return [], (np.empty(0), np.empty(0))
    differences = np.array(
        [
            records.array(first, seed, "correct").astype(float)
            - records.array(second, seed, "correct").astype(float)
            for seed in seeds
        ]
    )
    return seeds, (differences.mean(axis=1), differences.mean(axis=0))


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


def told(one: OrderEvidence) -> str:
    """A mean difference, its 90% interval and its p."""
    return f"{one.mean:+.4f} [{one.low:+.4f}, {one.high:+.4f}], p = {one.p:.2g}"


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
