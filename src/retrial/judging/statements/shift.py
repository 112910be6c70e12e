"""Tests of what report 000 says about networks and moved digits (section 3)."""

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.statements.outcome import Outcome
from retrial.statistics import (
    FEWEST_SEEDS,
    OrderEvidence,
    decide_table,
    judge_order,
    parse_printed,
    t_interval,
)


def passes_through(claim: Claim, records: Records) -> Outcome:
    """An accuracy without a budget: does training pass it, after how many images, and how far on?

    Reproduced when every run reaches the printed accuracy (less half a unit of its last digit),
    contradicted when none does.
    """
    printed = parse_printed(claim.printed)
    least = float(printed.lowest)
    accuracy = records.curve(claim.evidence.arm, "test_accuracy")
    seen = records.curve(claim.evidence.arm, "images_seen")
    reached = np.nan_to_num(accuracy) >= least
    n, hits = len(accuracy), int(reached.any(axis=1).sum())
    final = records.metric(claim.evidence.arm, "test_accuracy")
    best = f"best {np.nanmax(accuracy):.4f}, mean at the end {final.mean():.4f} over {n} seeds"
    if hits == 0:
        return Outcome("contradicted", float(final.mean()), n=n, reason=f"never reached; {best}")
    first = [seen[i, reached[i].argmax()] for i in range(n) if reached[i].any()]
    low, high = float(min(first)), float(max(first))
    span = f"{low:,.0f}" if low == high else f"{low:,.0f} to {high:,.0f}"
    return Outcome(
        "reproduced" if hits == n else "inconclusive",
        float(final.mean()),
        float(final.min()),
        float(final.max()),
        n,
        f"{'' if hits == n else 'lottery: '}{hits} of {n} runs pass {claim.printed}, after {span} "
        f"images; {best}: the print says how long was trained, not what the network can do",
    )


def _compare(records: Records, first: str, second: str) -> OrderEvidence:
    """Consistency of `first` less that of `second`, paired over seeds and test images."""
    seeds = [
        trial["seed"]
        for trial in records.of(first)
        if trial["seed"] in {other["seed"] for other in records.of(second)}
    ]
    per_image = np.array(
        [
            records.array(first, seed, "consistent").astype(float)
            - records.array(second, seed, "consistent").astype(float)
            for seed in seeds
        ]
    )
    return judge_order(per_image.mean(axis=1), per_image.mean(axis=0))


def shared_weights(claim: Claim, records: Records) -> Outcome:
    """Shared weights keep the class under shifts, fully connected layers lose it: two orders.

    LeNet against the perceptron, and a head of global pooling against LeNet's own; Holm over both.
    """
    lenet, mlp = claim.evidence.arm, claim.evidence.against
    pooled = str(claim.evidence.thresholds["pooled"])
    if mlp is None:
        raise RetrialError("evidence.against: missing, expected the perceptron's arm")
    pairs = [(lenet, mlp), (pooled, lenet)]
    if any(arm in records.skipped for arm in (lenet, mlp, pooled)):
        return Outcome("inconclusive", None, reason=f"budget: {pooled} was not run")
    found = decide_table([_compare(records, *pair) for pair in pairs], [1, 1])
    verdicts = {one.verdict for one in found}
    verdict = next(v for v in ("contradicted", "inconclusive", "reproduced") if v in verdicts)
    told = "; ".join(
        f"consistency of {a} less {b}: {one.evidence.mean:+.3f} "
        f"[{one.evidence.low:+.3f}, {one.evidence.high:+.3f}], p = {one.p_holm:.2g}"
        for (a, b), one in zip(pairs, found, strict=True)
    )
    needed = [one.seeds_needed for one in found if one.seeds_needed is not None]
    n = found[0].evidence.n
    more = f"; {max(needed)} seeds would decide" if needed and verdict == "inconclusive" else ""
    first = found[0].evidence
    return Outcome(
        verdict,
        first.mean,
        first.low,
        first.high,
        n,
        f"{told} over {n} seeds{more}",
        seeds_needed=max(needed) if more else None,
    )


def invariant(claim: Claim, records: Records) -> Outcome:
    """LeNet is invariant and the perceptron is not: mean consistency against a threshold.

    Reproduced when LeNet's 90% interval lies above the threshold and the perceptron's below;
    contradicted when LeNet's lies below it or the perceptron's above.
    """
    lenet, mlp = claim.evidence.arm, claim.evidence.against
    if mlp is None:
        raise RetrialError("evidence.against: missing, expected the perceptron's arm")
    threshold = float(claim.evidence.thresholds["consistency"])
    first, second = (records.metric(arm, "consistency") for arm in (lenet, mlp))
    n = len(first)
    told = f"consistency over all shifts: {lenet} {first.mean():.3f}, {mlp} {second.mean():.3f}"
    if n < FEWEST_SEEDS:
        return Outcome("inconclusive", float(first.mean()), n=n, reason=f"seeds: {n}; {told}")
    one, other = (t_interval(runs, 0.90) for runs in (first, second))
    if one.low >= threshold and other.high < threshold:
        verdict = "reproduced"
    elif one.high < threshold or other.low >= threshold:
        verdict = "contradicted"
    else:
        verdict = "inconclusive"
    return Outcome(
        verdict,
        float(first.mean()),
        one.low,
        one.high,
        n,
        f"{told}, against {threshold} for invariance ({n} seeds)",
    )


def proxy(claim: Claim, records: Records) -> Outcome:
    """What a stand-in gives for a claim whose own material is lost; no verdict rests on it."""
    assert claim.evidence.metric is not None
    runs = records.metric(claim.evidence.arm, claim.evidence.metric)
    return Outcome(
        "untestable",
        float(runs.mean()),
        float(runs.min()),
        float(runs.max()),
        len(runs),
        f"{claim.evidence.metric.replace('_', ' ')} of {claim.evidence.arm}: mean "
        f"{runs.mean():.3g}, {runs.min():.3g} to {runs.max():.3g} over {len(runs)} seeds",
    )
