"""Tests of what report 003 says of initial weights (exercise 3).

The rules and their thresholds are fixed before a run. A named variance is compared with that of
the functions of that name in torch, which cite the papers; what it does to signals stands beside.
"""

from fractions import Fraction

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
from retrial.statistics.printed import shortest_rational

# Decimals at which torch's gains, which are floats, are read as rationals.
PLACES = 12
KEEPS = {"reproduced": "keeps", "contradicted": "does not keep", "inconclusive": "may keep"}


def named_variance(claim: Claim, records: Records) -> Outcome:
    """Is the coefficient of a named initialiser's variance the printed one?

    `coefficient`, a rational, is what the report divides; the metric what torch's function of that
    name has, to be equal at every decimal. Beside it stands by how much the second moment of
    signals changes per layer in the untrained network (`against`) that begins with the printed
    variance and the activation it is meant for; `kept` is how far from 1 it may be and still keep
    a signal.
    """
    metric = metric_of(claim)
    value = round(float(records.metric(claim.evidence.arm, metric)[0]), PLACES)
    right = shortest_rational(value).limit_denominator(1000)
    printed = Fraction(str(claim.evidence.threshold("coefficient")))
    kept = float(claim.evidence.threshold("kept"))
    same = right == printed
    beside = ""
    arm = claim.evidence.against
    if arm is not None and arm not in records.skipped:
        factors = records.metric(arm, "forward_factor")
        verdict, _ = within(factors, 1 - kept, 1 + kept)
        theory = float(records.metric(arm, "predicted_forward_factor")[0])
        beside = (
            f"; with the printed variance the second moment of a {arm.split('/')[1]} network's "
            f"signals is multiplied by {factors.mean():.3g} a layer (theory: {theory:.3g}), which "
            f"{KEEPS[verdict]} them"
        )
    return Outcome(
        "reproduced" if same else "contradicted",
        float(right),
        float(right),
        float(right),
        1,
        f"the initialiser of that name has {right}, the report {printed}{beside}",
    )


def vanishes_or_explodes(claim: Claim, records: Records) -> Outcome:
    """Can plain random weights make gradients vanish and explode, and more so in deeper networks?

    Over the hidden layers, from the output back, the second moment of gradients must fall by more
    than `decades` powers of ten in the first half of `evidence.arms` (small deviations) and rise by
    more in the other half (large ones); and over the last five layers alone it must change by less
    than over all, which is what "especially in deeper networks" says.
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
        parts.append((verdict, f"{name}: {way} by {text} decades"))
        logs = np.log10([records.array(arm, t["seed"], "moments")[1] for t in records.of(arm)])
        short = sign * (logs[:, -5] - logs[:, -1])
        verdict, _ = within(totals - short, 0.0, np.inf)
        parts.append((verdict, f"over five layers by {short.mean():.3g}"))
    return outcome(parts, len(records.of(arms[0])))


def suits(claim: Claim, records: Records) -> Outcome:
    """Which beginning suits which activation: order claims of test accuracy, which must all hold.

    `evidence.arms` in pairs, of which the first is claimed to be the better; Holm over the pairs.
    """
    arms = claim.evidence.arms
    pairs = list(zip(arms[::2], arms[1::2], strict=True))
    table = []
    for better, worse in pairs:
        seeds, (per_seed, per_image) = compared(records, better, worse, BITS)
        failed = not_comparable(records, (better, worse), seeds)
        if failed is not None:
            return failed
        table.append(judge_order(per_seed, per_image))
    found = decide_table(table, [1] * len(table))
    verdict = all_hold(one.verdict for one in found)
    lines = ", ".join(
        f"{_short(better)} less {_short(worse)} {told(one.evidence)} {one.verdict}{lacks(one)}"
        for (better, worse), one in zip(pairs, found, strict=True)
    )
    return Outcome(
        verdict,
        None,
        n=min(one.evidence.n for one in found),
        reason=f"test accuracy (Holm over {len(found)}): {lines}",
        seeds_needed=seeds_to_decide(found) if verdict == "inconclusive" else None,
    )


def _short(arm: str) -> str:
    _, activation, initialiser = arm.split("/")
    return f"{activation} from {initialiser}"
