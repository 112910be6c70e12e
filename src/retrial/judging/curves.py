"""Verdicts on printed curves (statistics.md, "curve"): all printed epochs together, one verdict.

Epochs that a choice was made with in view are left out of the judgement. Each claim of a curve has
the curve's verdict, and its own measured mean and interval at its epoch.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome, number
from retrial.judging.rules import margin_of, metric_of
from retrial.statistics import (
    FEWEST_SEEDS,
    CurveJudgement,
    judge_curve,
    parse_printed,
    t_interval,
)

INTERVAL = 0.90


def curve_of(claim: Claim, ledger: Mapping[str, Claim]) -> list[Claim]:
    """All claims of a claim's curve, by epoch: those of its family with the same evidence.

    Raises RetrialError when two of them stand for one epoch.
    """
    of_curve = [
        one
        for one in {**ledger, claim.id: claim}.values()
        if one.kind == "curve" and one.family == claim.family and one.evidence == claim.evidence
    ]
    found = sorted(of_curve, key=epoch_of)
    for one, following in pairwise(found):
        if one.epoch == following.epoch:
            raise RetrialError(f"epoch = {one.epoch}: {following.id} stands for it as well")
    return found


def epoch_of(claim: Claim) -> int:
    """The epoch of a curve's claim; RetrialError when it has none."""
    if claim.epoch is None:
        raise RetrialError(f"epoch: missing of {claim.id}, expected the printed number's place")
    return claim.epoch


def judge_printed_curve(claim: Claim, ledger: Mapping[str, Claim], records: Records) -> Outcome:
    """The outcome of one epoch of a printed curve.

    Raises RetrialError when a run that was neither cut short nor lost is shorter than the print.
    """
    curve = curve_of(claim, ledger)
    judged = [one for one in curve if not one.fitted]
    runs = _runs(claim, curve, records)
    own = runs[:, epoch_of(claim) - 1]
    at_epoch = _at_epoch(claim, own)
    if not judged:
        return _with(at_epoch, "inconclusive", "every printed epoch was used to make a choice")
    told = f"judged on epochs {spans(map(epoch_of, judged))}"
    used = [one for one in curve if one.fitted]
    if used:
        chose = ", ".join(dict.fromkeys(choice for one in used for choice in one.fitted))
        told += f" ({spans(map(epoch_of, used))} chose {chose})"
    of_judged = runs[:, [epoch_of(one) - 1 for one in judged]]
    lost = int(np.isnan(of_judged).any(axis=1).sum())
    if lost:
        verdict = "contradicted" if lost == len(runs) else "inconclusive"
        return _with(at_epoch, verdict, f"{told}: {lost} of {len(runs)} runs lose their numbers")
    printed = [parse_printed(one.printed) for one in judged]
    margins = [margin_of(one, text) for one, text in zip(judged, printed, strict=True)]
    found = judge_curve(
        of_judged,
        [float(one.value) for one in printed],
        margins,
        [one.decimals for one in printed],
    )
    beyond = f" [{found.low:.2f}, {found.high:.2f}]" if len(runs) >= FEWEST_SEEDS else ""
    worst = int(found.by_epoch.argmax())
    units = sum(
        math.isclose(margin, float(one.unit)) for margin, one in zip(margins, printed, strict=True)
    )
    least = f"; in {units} of {len(judged)} judged epochs the margin is one printed unit"
    reason = (
        f"{told}: runs are {found.mean:.2f}{beyond} margins off the print on average over "
        f"{len(runs)} seeds; {_why(found)}; the worst epoch is {epoch_of(judged[worst])}, "
        f"{found.by_epoch[worst]:.2f} margins off{least if units else ''}{at_epoch.reason}"
    )
    return _with(at_epoch, found.verdict, reason, found.seeds_needed)


def _why(found: CurveJudgement) -> str:
    """Why a curve has its verdict, beyond the mean distance of its runs."""
    needed = found.seeds_needed or "no number of"
    lowest, median, highest = np.quantile(found.r, (0, 0.5, 1))
    further = (
        f"the mean curve is {found.distance:.2f} off, one further run would stay within "
        f"{found.limit:.2f} of it"
    )
    reasons = {
        "": further,
        "exact": "the runs do not differ",
        "lottery": f"lottery: single seeds are {lowest:.2f} to {highest:.2f} margins off, their "
        f"median {median:.2f}; {further}",
        "precision": f"precision: {needed} seeds would tell it from 1",
        "seeds": f"seeds: {len(found.r)}, at least {needed} are needed",
    }
    return reasons[found.subreason]


def spans(epochs: Iterable[int]) -> str:
    """Epochs as ranges: [1, 2, 3, 5] gives "1–3, 5"."""
    ranges: list[list[int]] = []
    for epoch in epochs:
        if ranges and epoch == ranges[-1][1] + 1:
            ranges[-1][1] = epoch
        else:
            ranges.append([epoch, epoch])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in ranges)


def _runs(claim: Claim, curve: list[Claim], records: Records) -> np.ndarray:
    """(seeds, printed epochs) of the claim's curve in the unit of the print.

    nan where a run was cut short, and from the epoch on in which it diverged: of what comes then a
    loss is no number, but an accuracy, of images that are all given class 0, would be one.
    """
    arm, metric = claim.evidence.arm, metric_of(claim)
    values = claim.scale * records.curve(arm, metric)
    last = epoch_of(curve[-1])
    for trial, row in zip(records.of(arm), values, strict=True):
        length = int(np.flatnonzero(~np.isnan(row)).max(initial=-1)) + 1
        if trial["whole"] and trial["status"] == "ok" and length < last:
            raise RetrialError(
                f"curve {metric!r} of arm {arm!r}, seed {trial['seed']}: {length} epochs, "
                f"expected the {last} that are printed"
            )
    padded = np.full((len(values), max(last, values.shape[1])), np.nan)
    padded[:, : values.shape[1]] = values
    for trial, row in zip(records.of(arm), padded, strict=True):
        if trial["status"] == "diverged":
            row[trial["detail"]["epoch"] - 1 :] = np.nan
    return padded


def _at_epoch(claim: Claim, own: np.ndarray) -> Outcome:
    """What was measured at the claim's own epoch; its verdict is still to come."""
    printed = parse_printed(claim.printed)
    margin = margin_of(claim, printed)
    kept = own[~np.isnan(own)]
    if len(kept) == 0:
        return Outcome("inconclusive", None, n=len(own), margin=margin)
    mean = float(kept.mean())
    k = printed.decimals + 1
    told = f"; in epoch {claim.epoch} mean {number(mean, k)}, margin ±{number(margin, k)}"
    if len(kept) < FEWEST_SEEDS:
        return Outcome("inconclusive", mean, n=len(own), reason=told, margin=margin)
    interval = t_interval(kept, INTERVAL)
    return Outcome("inconclusive", mean, interval.low, interval.high, len(own), told, margin=margin)


def _with(at_epoch: Outcome, verdict: str, reason: str, seeds: int | None = None) -> Outcome:
    return replace(at_epoch, verdict=verdict, reason=reason, seeds_needed=seeds)
