"""Tests of what report 003 says of initial weights (exercise 3).

The rules and their thresholds are fixed before a run. A named variance is compared with what the
functions of that name in torch draw, which cite the papers; what it does to signals stands beside.
"""

import math

import numpy as np

from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.rules import metric_of
from retrial.judging.statements.compared import (
    BITS,
    all_hold,
    compared,
    lacks,
    not_comparable,
    seeds_to_decide,
    told,
)
from retrial.judging.statements.gradients import outcome, within
from retrial.statistics import decide_table, judge_order

# Standard errors within which a drawn variance is what it was drawn with.
ERRORS = 4
KEEPS = {"reproduced": "keeps", "contradicted": "does not keep", "inconclusive": "may keep"}


def named_variance(claim: Claim, records: Records) -> Outcome:
    """Is the coefficient of a named initialiser's variance the printed one?

    `coefficient` is what the report divides; the metric what the weights have that torch's function
    of that name draws, to be equal to within four standard errors of a drawn variance. Where the
    name itself is in question (`sources` says what other sources have), a difference contradicts
    nothing. Beside it stands by how much the second moment of signals changes per layer in the
    untrained network (`against`) that begins with the printed variance and the activation it is
    meant for; `kept` is how far from 1 it may be and still keep a signal.
    """
    arm, metric = claim.evidence.arm, metric_of(claim)
    drawn, weights = float(records.metric(arm, metric)[0]), records.sample_size(arm, metric)
    printed = float(claim.evidence.threshold("coefficient"))
    kept = float(claim.evidence.threshold("kept"))
    near = ERRORS * printed * math.sqrt(2 / weights)
    sources = claim.evidence.thresholds.get("sources")
    beside = ""
    untrained = claim.evidence.against
    if untrained is not None and untrained not in records.skipped:
        factors = records.metric(untrained, "forward_factor")
        verdict, _ = within(factors, 1 - kept, 1 + kept)
        theory = float(records.metric(untrained, "predicted_forward_factor")[0])
        beside = (
            f"; with the printed variance the second moment of a {untrained.split('/')[1]} "
            f"network's signals is multiplied by {factors.mean():.3g} a layer (theory: "
            f"{theory:.3g}), which {KEEPS[verdict]} them"
        )
    reason = (
        f"torch's function of that name draws {drawn:.3f} over the number of inputs, or of inputs "
        f"and outputs ({weights} weights); the report has {printed:g} ± {near:.3f}{beside}"
    )
    if abs(drawn - printed) <= near:
        return Outcome("reproduced", drawn, drawn - near, drawn + near, 1, reason)
    if sources is not None:
        return Outcome("inconclusive", None, n=1, reason=f"reading: {sources}; {reason}")
    return Outcome("contradicted", drawn, drawn - near, drawn + near, 1, reason)


def vanishes_or_explodes(claim: Claim, records: Records) -> Outcome:
    """Can plain random weights make gradients vanish and explode?

    Over the hidden layers, from the output back, the second moment of gradients must fall by more
    than `decades` powers of ten in the first half of `evidence.arms` (small deviations) and rise by
    more in the other half (large ones). What five layers do stands beside it: a factor per layer
    does more the more layers there are, which no test is needed for.
    """
    decades = float(claim.evidence.threshold("decades"))
    arms = claim.evidence.arms
    parts = []
    for arm in arms:
        sign = -1 if arm in arms[: len(arms) // 2] else 1
        totals = sign * records.metric(arm, "gradient_total")
        verdict, text = within(totals, decades, np.inf)
        name = arm.removeprefix("signal/")
        way = "falls" if sign < 0 else "rises"
        logs = np.log10([records.array(arm, t["seed"], "moments")[1] for t in records.of(arm)])
        short = sign * (logs[:, -5] - logs[:, -1])
        beside = f"by {short.mean():.3g} over the last five layers"
        parts.append((verdict, f"{name}: {way} by {text} decades ({beside})"))
    return outcome(parts, len(records.of(arms[0])))


def suits(claim: Claim, records: Records) -> Outcome:
    """Which beginning suits which activation: order claims of test accuracy, which must all hold.

    `evidence.arms` in pairs, of which the first is claimed to be the better; Holm over the pairs.
    A pair of which no network learned to tell classes apart is open. How deep a network is meant
    the report does not say: a contradiction stands only where the map of plain random weights, at
    the standard deviations nearest to those of the two (thresholds of their names), has the claimed
    one no better at any depth either.
    """
    arms = claim.evidence.arms
    pairs = list(zip(arms[::2], arms[1::2], strict=True))
    alike = [
        pair
        for pair in pairs
        if all((records.metric(arm, "predicted_classes") == 1).all() for arm in pair)
    ]
    pairs = [pair for pair in pairs if pair not in alike]
    table = []
    for better, worse in pairs:
        seeds, (per_seed, per_image) = compared(records, better, worse, BITS)
        failed = not_comparable(records, (better, worse), seeds)
        if failed is not None:
            return failed
        table.append(judge_order(per_seed, per_image))
    found = decide_table(table, [1] * len(table)) if table else []
    verdict = all_hold([*(one.verdict for one in found), *("inconclusive" for _ in alike)])
    unlearned = [
        f"no network of {_short(better)} or {_short(worse)} learned" for better, worse in alike
    ]
    lines = ", ".join(
        f"{_short(better)} less {_short(worse)} {told(one.evidence)} {one.verdict}{lacks(one)}"
        for (better, worse), one in zip(pairs, found, strict=True)
    )
    reason = "; ".join([f"test accuracy (Holm over {len(found)}): {lines}", *unlearned])
    if verdict == "contradicted":
        failing = [pair for pair, one in zip(pairs, found, strict=True) if one.verdict == verdict]
        elsewhere = [_elsewhere(claim, records, pair) for pair in failing]
        if all(elsewhere):
            verdict = "inconclusive"
            reason = f"reading: how deep is not stated; {reason}; {'; '.join(elsewhere)}"
    return Outcome(
        verdict,
        None,
        n=min((one.evidence.n for one in found), default=0),
        reason=reason,
        seeds_needed=seeds_to_decide(found) if verdict == "inconclusive" and not alike else None,
    )


def _elsewhere(claim: Claim, records: Records, pair: tuple[str, str]) -> str:
    """At which depths the map has the claimed order of a pair in its means; empty if at none."""
    activation = pair[0].split("/")[1]
    sigmas = [claim.evidence.threshold(arm.split("/")[2]) for arm in pair]
    found = []
    for depth in dict.fromkeys(
        arm.split("/")[2] for arm in records.arms() if arm.startswith(f"map/{activation}/")
    ):
        better, worse = (
            float(records.metric(f"map/{activation}/{depth}/{sigma!r}", "test_accuracy").mean())
            for sigma in sigmas
        )
        if better > worse:
            found.append(f"{better:.3f} against {worse:.3f} at {depth} layers")
    if not found:
        return ""
    return f"in the map {activation} has it as claimed: {', '.join(found)}"


def _short(arm: str) -> str:
    _, activation, initialiser = arm.split("/")
    return f"{activation} from {initialiser}"
