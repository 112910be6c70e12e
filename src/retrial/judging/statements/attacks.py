"""Tests of what report 004 says about classifiers and adversarial examples (exercise 2)."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.rules import judge_number
from retrial.statistics import FEWEST_SEEDS, parse_printed, t_interval, wilson

TARGETS = 9
# The order of the measures in `quality` arrays (retrial.adversarial.quality).
MEASURES = ("linf", "l2", "psnr", "ssim", "levels", "changed")


def accuracy_of_lost_network(claim: Claim, records: Records) -> Outcome:
    """A printed accuracy of a network whose figure is lost, against one that stands for it.

    That the stand-in has another accuracy contradicts nothing while another network, of `others`,
    lies at the print or beyond it, with some of its mean's interval: the lost one may lie between.
    """
    found = judge_number(claim, records)
    if found.verdict != "contradicted":
        return found
    if found.measured is None:
        reason = f"reading: {found.reason}; but the network is lost"
        return replace(found, verdict="inconclusive", reason=reason)
    printed = float(parse_printed(claim.printed).value)
    beyond = []
    for arm in claim.evidence.others:
        runs = claim.scale * records.metric(arm, claim.evidence.metric or "")
        ended = all(trial["status"] == "ok" for trial in records.of(arm))
        if not ended or len(runs) < FEWEST_SEEDS:
            continue
        mean, low, high = t_interval(runs)
        if low <= printed < found.measured or found.measured < printed <= high:
            beyond.append(f"{arm} with {mean:.4g} [{low:.4g}, {high:.4g}]")
    if not beyond:
        return found
    reason = (
        f"reading: {found.reason}; but the network is lost, and at the print or beyond it lies "
        f"{', '.join(beyond)}"
    )
    return replace(found, verdict="inconclusive", reason=reason)


class Attacked(NamedTuple):
    """Runs of one attack: of each, images × targets of those classes that a claim is about.

    A run is a seed and one image of each class; runs with an image that the victim had wrong
    before are left out, `misclassified` counts them, and `seeds` those that have a run left. Arrays
    are (runs, classes, 10), the measures (6, runs, classes, 10); `hit` is false at the images' own
    class. `seen`: the referee is right, `known` (runs, classes, 1): it has the original right.
    """

    hit: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    known: NDArray[np.bool_]
    measures: NDArray[np.float64]
    misclassified: int
    seeds: int


def attacked(claim: Claim, records: Records) -> Attacked:
    """The runs of the claim's arm; `hit`: the victim says the target."""
    arm = claim.evidence.arm
    classes = [int(one) for one in str(claim.evidence.threshold("classes")).split()]
    hits, seen, known, measures = [], [], [], []
    misclassified, seeds = 0, set()
    for trial in records.of(arm):
        labels, before, predicted, refereed, right, quality = (
            records.array(arm, trial["seed"], name)
            for name in ("labels", "before", "predicted", "refereed", "known", "quality")
        )
        for row in np.array([np.flatnonzero(labels == one) for one in classes]).T:
            own = labels[row, None]
            if (before[row, None] != own).any():
                misclassified += 1
                continue
            targets = np.arange(TARGETS + 1)
            hits.append((predicted[row] == targets) & (targets != own))
            seen.append(refereed[row] == own)
            known.append(right[row, None].astype(bool))
            measures.append(quality[:, row])
            seeds.add(trial["seed"])
    if not hits:
        nothing = np.zeros((0, len(classes), TARGETS + 1), bool)
        empty = np.zeros((len(MEASURES), *nothing.shape))
        return Attacked(nothing, nothing, nothing[..., :1], empty, misclassified, 0)
    of_runs = np.stack(hits), np.stack(seen), np.stack(known), np.stack(measures, axis=1)
    return Attacked(*of_runs, misclassified, len(seeds))


def reaches_every_target(claim: Claim, records: Records) -> Outcome:
    """Every image of a run is led to every other class: reproduced when that is so in all runs.

    Otherwise open: neither f nor how long it was trained is stated, and the print is one run. The
    interval is that of the share of such runs.
    """
    found = attacked(claim, records)
    runs, images = found.hit.shape[:2]
    whole = int((found.hit.sum(axis=(1, 2)) == images * TARGETS).sum())
    tried, reached = runs * images * TARGETS, int(found.hit.sum())
    apart = found.misclassified
    aside = f"; set apart, misclassified before: {apart}" if apart else ""
    if found.seeds < FEWEST_SEEDS:
        reason = f"seeds: {found.seeds} with a run, at least {FEWEST_SEEDS} are needed{aside}"
        return Outcome("inconclusive", None, n=runs, reason=reason)
    interval = wilson(whole, runs)
    text = (
        f"{whole or 'none'} of {runs} runs reach all {images * TARGETS} targets, {reached} of "
        f"{tried} targets are reached{aside}"
    )
    if whole == runs:
        return Outcome("reproduced", 1.0, interval.low, interval.high, runs, text)
    reason = f"{'lottery' if whole else 'reading'}: {text}; f and its stops are not stated"
    return Outcome("inconclusive", whole / runs, interval.low, interval.high, runs, reason)


def still_seen(claim: Claim, records: Records) -> Outcome:
    """In place of a viewer: the referee says what the image shows, on a share of successes.

    Of images whose original it has right. "Obvious" would be at least the threshold `seen`. A
    referee that errs shows that the attack transfers, not that a viewer would err.
    """
    found = attacked(claim, records)
    asked = found.hit & found.known
    hits, runs = int(asked.sum()), len(found.hit)
    if not hits:
        reached = "of no image reached had the other classifier the original right"
        reason = reached if found.hit.any() else "no target was reached"
        return Outcome("inconclusive", None, n=runs, reason=reason)
    seen = int((found.seen & asked).sum())
    share, least = seen / hits, float(claim.evidence.threshold("seen"))
    reason = (
        f"another classifier still says what {seen} of {hits} such images show, "
        f"{'at least' if share >= least else 'less than'} the {least:g} that would stand for "
        f"obvious; {_medians(found, asked)}"
    )
    return Outcome("inconclusive", share, n=runs, reason=reason)


def indistinguishable(claim: Claim, records: Records) -> Outcome:
    """In place of a viewer: no value changes by more than `levels`, and SSIM is at least `ssim`."""
    found = attacked(claim, records)
    hits, runs = int(found.hit.sum()), len(found.hit)
    if not hits:
        return Outcome("inconclusive", None, n=runs, reason="no target was reached")
    levels, ssim = (float(claim.evidence.threshold(name)) for name in ("levels", "ssim"))
    measures = dict(zip(MEASURES, found.measures, strict=True))
    alike = (measures["levels"] <= levels) & (measures["ssim"] >= ssim) & found.hit
    share = int(alike.sum())
    reason = (
        f"{share} of {hits} such images differ by at most {levels:g} grey levels with an SSIM of "
        f"at least {ssim:g}; {_medians(found, found.hit)}"
    )
    return Outcome("inconclusive", share / hits, n=runs, reason=reason)


def _medians(found: Attacked, among: NDArray[np.bool_]) -> str:
    """The medians of what changed, over some of the images."""
    middle = dict(zip(MEASURES, np.median(found.measures[:, among], axis=1), strict=True))
    return (
        f"medians: {middle['levels']:.0f} grey levels at most, SSIM {middle['ssim']:.3f}, "
        f"PSNR {middle['psnr']:.1f} dB"
    )
