"""Tests of what report 000 says about networks and moved digits (section 3)."""

import numpy as np

from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.rules import metric_of
from retrial.statistics import (
    FEWEST_SEEDS,
    OrderEvidence,
    decide_table,
    judge_order,
    parse_printed,
    t_interval,
)


def passes_through(claim: Claim, records: Records) -> Outcome:
    """An accuracy without a budget: after how many images training passes it, and how far it goes.

    A network that does better passes every lower accuracy on its way, so this decides nothing
    unless no run reaches the print.
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
        "inconclusive",
        float(final.mean()),
        n=n,
        reason=f"{hits} of {n} runs pass {claim.printed} after {span} images; {best}",
    )


def _compare(records: Records, first: str, second: str) -> OrderEvidence | None:
    """Consistency of `first` less that of `second`, paired over seeds and test images.

    None with fewer than three seeds.
    """
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
    if len(seeds) < FEWEST_SEEDS:
        return None
    return judge_order(per_image.mean(axis=1), per_image.mean(axis=0))


def shared_weights(claim: Claim, records: Records) -> Outcome:
    """Shared weights keep the class under shifts, fully connected layers lose it: two orders.

    A LeNet against a perceptron of the same accuracy, and a head of global pooling (the only other
    arm) against LeNet's own, Holm over both. Consistency alone rewards a network that says the same
    of everything, so the pooling head must not be less accurate than LeNet by more than `slack`.
    """
    (pooled, lenet), slack = claim.evidence.others, float(claim.evidence.threshold("slack"))
    pairs = [(claim.evidence.arm, claim.evidence.rival()), (pooled, lenet)]
    compared = [_compare(records, *pair) for pair in pairs]
    evidence = [one for one in compared if one is not None]
    if len(evidence) < len(pairs):
        return Outcome("inconclusive", None, reason="seeds: too few that both arms share")
    found = decide_table(evidence, [1, 1])
    verdicts = {one.verdict for one in found}
    verdict = next(v for v in ("contradicted", "inconclusive", "reproduced") if v in verdicts)
    told = "; ".join(
        f"consistency of {a} less {b}: {one.evidence.mean:+.3f} "
        f"[{one.evidence.low:+.3f}, {one.evidence.high:+.3f}], p = {one.p_holm:.2g}"
        + (f", {one.subreason}" if one.subreason else "")
        for (a, b), one in zip(pairs, found, strict=True)
    )
    accuracy = {arm: float(records.metric(arm, "test_accuracy").mean()) for arm in (pooled, lenet)}
    if accuracy[pooled] < accuracy[lenet] - slack:
        verdict = "inconclusive"
        told += (
            f"; {pooled} is less accurate ({accuracy[pooled]:.3f} against {accuracy[lenet]:.3f})"
        )
    needed = [one.seeds_needed for one in found if one.seeds_needed is not None]
    open_ = verdict == "inconclusive" and bool(needed)
    first = found[0].evidence
    return Outcome(
        verdict,
        first.mean,
        first.low,
        first.high,
        first.n,
        f"{told}, over {first.n} seeds" + (f"; {max(needed)} would decide" if open_ else ""),
        seeds_needed=max(needed) if open_ else None,
    )


def invariant(claim: Claim, records: Records) -> Outcome:
    """LeNet is invariant and the perceptron is not: mean consistency against a threshold.

    Holds when LeNet's 90% interval lies above the threshold and the perceptron's below, fails when
    LeNet's lies below it or the perceptron's above. The report states no shift, so both must agree:
    shifts of up to 4 pixels and of up to 8.
    """
    lenet, mlp = claim.evidence.arm, claim.evidence.rival()
    threshold = float(claim.evidence.threshold("consistency"))
    verdicts, told = [], []
    for metric, reach in (("consistency_near", 4), ("consistency", 8)):
        runs = [records.metric(arm, metric) for arm in (lenet, mlp)]
        if min(len(values) for values in runs) < FEWEST_SEEDS:
            return Outcome("inconclusive", None, reason=f"seeds: at least {FEWEST_SEEDS}")
        one, other = (t_interval(values, 0.90) for values in runs)
        if one.low >= threshold and other.high < threshold:
            verdicts.append("reproduced")
        elif one.high < threshold or other.low >= threshold:
            verdicts.append("contradicted")
        else:
            verdicts.append("inconclusive")
        told.append(f"up to {reach} px {lenet} {one.mean:.3f}, {mlp} {other.mean:.3f}")
    return Outcome(
        verdicts[0] if verdicts[0] == verdicts[1] else "inconclusive",
        one.mean,
        one.low,
        one.high,
        len(runs[0]),
        f"mean consistency against {threshold} for invariance: {'; '.join(told)} "
        f"({len(runs[0])} seeds)",
    )


def proxy(claim: Claim, records: Records) -> Outcome:
    """What a stand-in gives for a claim whose own material is lost; no verdict rests on it."""
    metric = metric_of(claim)
    runs = records.metric(claim.evidence.arm, metric)
    kept = runs[~np.isnan(runs)]
    if len(kept) == 0:
        return Outcome("untestable", None, n=len(runs), reason="every run diverged")
    return Outcome(
        "untestable",
        float(kept.mean()),
        n=len(runs),
        reason=f"{metric.replace('_', ' ')} of {claim.evidence.arm}: mean "
        f"{kept.mean():.3g}, {kept.min():.3g} to {kept.max():.3g} over {len(runs)} seeds",
    )
