"""Tests of what report 003 says of pruning (exercise 5): how much may go, and at what harm.

A network is harmed where its test accuracy has fallen by more than a stated number of points below
that of the same seed's network with all its weights: in one shot below the network that was pruned,
step by step below the one that was trained on as often. The harmless sparsity of a seed is the
largest of the axis up to which nothing harms. Rules and thresholds were written before any network
of the family was trained.

The report says nothing of training after pruning, so that in one shot is what it describes, and
what is measured; step by step is the other reading. The test images are fixed: intervals hold the
chance in the seeds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.statements.compared import (
    SAID,
    all_hold,
    any_holds,
    decide_each,
    lacks,
    not_comparable,
    seeds_to_decide,
    shared_seeds,
    told,
)
from retrial.judging.statements.gradients import INTERVAL, TINY, Part, outcome, within
from retrial.statistics import OrderJudgement, order_test, seeds_for_half_width, t_interval

MODES = {"one_shot": "in one shot", "iterative": "step by step"}
UNPRUNED = "unpruned"
# Accuracies are told in percentage points.
POINTS = 100.0


class Asked(NamedTuple):
    """A part of a sentence: the mean of `values` (seeds,) lies in [low, high]; `text` has a {}."""

    values: np.ndarray
    low: float
    high: float
    text: str

    def judged(self) -> Part:
        """The verdict on it, and what was found in words."""
        verdict, found = within(self.values, self.low, self.high)
        return verdict, self.text.format(found)

    def seeds_to_tell(self) -> int | None:
        """Seeds at which its interval would hold neither end; None: no number of them."""
        mean, sd = float(self.values.mean()), float(self.values.std(ddof=1))
        return seeds_for_half_width(sd, min(abs(mean - self.low), abs(mean - self.high)))


def prunes_substantially(claim: Claim, records: Records) -> Outcome:
    """Can a criterion remove most weights at little harm, and does removing nearly all do harm?

    Three parts, by means over seeds: at the sparsity `moderate` the accuracy falls by at most
    `points` either way; the harmless sparsity is at least `substantial`; at `aggressive` the
    accuracy falls by more than `points`. All must hold in one mode. The report says that the
    technique can: a mode in which it does shows it, and only both refute it.
    """
    points, moderate, substantial, aggressive = (
        float(claim.evidence.threshold(name))
        for name in ("points", "moderate", "substantial", "aggressive")
    )
    arms = claim.evidence.arms
    seeds = shared_seeds(records, arms)
    if unfit := not_comparable(records, arms, seeds):
        return unfit
    axis, modes = axis_of(records, claim.evidence.arm), []
    needed: list[int] = []
    for mode in MODES:
        falls = falls_of(records, in_mode(claim.evidence.arm, mode), seeds)
        asked = (
            Asked(
                falls[:, place(axis, moderate)],
                -points,
                points,
                f"the fall at {moderate:g} is {{}} points, at most {points:g}",
            ),
            Asked(
                harmless(axis, falls, points),
                substantial - TINY,
                np.inf,
                f"the harmless sparsity {{}}, at least {substantial:g}",
            ),
            Asked(
                falls[:, place(axis, aggressive)],
                points,
                np.inf,
                f"the fall at {aggressive:g} {{}} points, above {points:g}",
            ),
        )
        parts = [one.judged() for one in asked]
        found = outcome(parts, len(seeds))
        modes.append((found.verdict, f"{MODES[mode]} {found.reason}"))
        if found.verdict == "inconclusive":
            each = [
                one.seeds_to_tell()
                for one, (verdict, _) in zip(asked, parts, strict=True)
                if verdict == "inconclusive"
            ]
            needed += [max(n for n in each if n)] if all(each) else []
    verdict = any_holds(verdict for verdict, _ in modes)
    reason = "; ".join(text for _, text in modes)
    judged = _measured(claim, records, seeds, points, verdict, reason)
    enough = min(needed, default=None) if verdict == "inconclusive" else None
    return replace(judged, seeds_needed=enough)


def prunes_moderately(claim: Claim, records: Records) -> Outcome:
    """Does a criterion remove less than all others at the same harm, or little at all?

    In each mode one of two must hold: the harmless sparsity is below `substantial`; or it lies
    below that of each of the other criteria, paired by seeds, Holm over them (a difference of at
    most `delta` does not matter). A verdict stands where both modes agree: which one is meant is
    not said.
    """
    points = float(claim.evidence.threshold("points"))
    arms = claim.evidence.arms
    seeds = shared_seeds(records, arms)
    if unfit := not_comparable(records, arms, seeds):
        return unfit
    axis, modes = axis_of(records, claim.evidence.arm), []
    for mode in MODES:
        own, *others = (arm for arm in arms if f"/{mode}/" in arm)
        least = {
            arm.split("/")[-1]: harmless(axis, falls_of(records, arm, seeds), points)
            for arm in (own, *others)
        }
        modes.append((MODES[mode], _less_than_others(claim, least)))
    verdicts = {verdict for _, (verdict, _, _) in modes}
    reason = "; ".join(f"{title} {text}" for title, (_, text, _) in modes)
    if len(verdicts) == 1:
        verdict, needed = verdicts.pop(), [one for _, (_, _, open_) in modes for one in open_]
    else:
        verdict, needed = "inconclusive", []
        reason = f"reading: whether training follows is not stated; {reason}"
    found = _measured(claim, records, seeds, points, verdict, reason)
    return replace(found, seeds_needed=seeds_to_decide(needed) if needed else None)


def _less_than_others(
    claim: Claim, least: Mapping[str, np.ndarray]
) -> tuple[str, str, list[OrderJudgement]]:
    """The verdict on one mode, what was found, and the comparisons that leave it open.

    `least` holds the harmless sparsities (seeds,) of each criterion, the claim's own first.
    """
    substantial, delta = (
        float(claim.evidence.threshold(name)) for name in ("substantial", "delta")
    )
    (name, own), *others = least.items()
    little, text = within(own, -np.inf, substantial - TINY)
    differences = [order_test(other - own, 0.0, 2) for _, other in others]
    orders = decide_each(differences, [delta] * len(differences))
    verdict = any_holds((little, all_hold(one.verdict for one in orders)))
    beside = ", ".join(
        f"{other} less {name} {told(one.evidence, '+.3f')}{lacks(one)}"
        for (other, _), one in zip(others, orders, strict=True)
    )
    open_ = [one for one in orders if one.verdict == verdict == "inconclusive"]
    found = f"the harmless sparsity is {text}, below {substantial:g}, or below others': {beside}"
    return verdict, f"{found}: {SAID[verdict]}", open_


def _measured(
    claim: Claim,
    records: Records,
    seeds: Sequence[int],
    points: float,
    verdict: str,
    reason: str,
) -> Outcome:
    """An outcome with the mean harmless sparsity of the claim's own arm and its interval."""
    arm = claim.evidence.arm
    found = harmless(axis_of(records, arm), falls_of(records, arm, seeds), points)
    mean, low, high = t_interval(found, INTERVAL)
    return Outcome(verdict, mean, low, high, len(seeds), reason)


def in_mode(arm: str, mode: str) -> str:
    """The arm of another mode: scope and criterion stay."""
    scope, _, criterion = arm.split("/")
    return f"{scope}/{mode}/{criterion}"


def axis_of(records: Records, arm: str) -> list[float]:
    """The axis of sparsity of an arm."""
    axis: list[float] = records.of(arm)[0]["config"]["sparsities"]
    return axis


def place(axis: Sequence[float], sparsity: float) -> int:
    """Where a sparsity stands on an axis; RetrialError where it does not."""
    if sparsity not in axis:
        raise RetrialError(
            f"sparsity {sparsity!r}: expected one of params.yaml: pruning.sparsities "
            f"= {', '.join(map(str, axis))}"
        )
    return list(axis).index(sparsity)


def falls_of(records: Records, arm: str, seeds: Sequence[int]) -> np.ndarray:
    """(seeds, sparsities) how many points of test accuracy an arm has less than unpruned."""
    own = _accuracies(records, arm, seeds)
    if arm.split("/")[1] == "one_shot":
        return np.asarray(POINTS * (own[:, :1] - own))
    return np.asarray(POINTS * (_accuracies(records, UNPRUNED, seeds) - own))


def _accuracies(records: Records, arm: str, seeds: Sequence[int]) -> np.ndarray:
    """(seeds, sparsities) test accuracies of some seeds of an arm, in their order."""
    places = [trial["seed"] for trial in records.of(arm)]
    return records.curve(arm, "test_accuracy")[[places.index(seed) for seed in seeds]]


def harmless(axis: Sequence[float], falls: np.ndarray, points: float) -> np.ndarray:
    """(seeds,) the largest sparsity up to which no fall (seeds, sparsities) is above `points`.

    The first of the axis takes nothing away, so that there is one.
    """
    # A fall of exactly so many images may differ from `points` in its last bits.
    harmed = ~(falls <= points + TINY)
    harmed[:, 0] = False
    first = np.where(harmed.any(axis=1), harmed.argmax(axis=1), len(axis))
    return np.take(axis, first - 1)
