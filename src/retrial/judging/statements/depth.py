"""Tests of what report 004 says of depth in its exercise 1 B: where its networks are best, and why.

The rules are fixed before a run. Networks of one seed share their orders of batches, so comparisons
are paired; those of accuracies add the chance in the test images (statistics.md, "order"). The
cells of one sentence, activations by depths, are a table for Holm.
"""

import numpy as np

from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.statements.compared import (
    BITS,
    all_hold,
    compared,
    lacks,
    not_comparable,
    of_seeds,
    seeds_to_decide,
    told,
)
from retrial.statistics import (
    FEWEST_SEEDS_ORDER,
    OrderEvidence,
    OrderJudgement,
    decide_table,
    judge_order,
    order_test,
)

HOLDS = {"reproduced": "holds", "contradicted": "does not hold", "inconclusive": "is open"}


def _cells(claim: Claim) -> list[tuple[str, str]]:
    """Pairs of arms: the shallow network of an activation, and each deeper one of it.

    `evidence.arm` is a shallow one; `evidence.others` holds all other arms of the table.
    """
    shallow = claim.evidence.arm.split("/")[1]
    arms = claim.evidence.arms
    return [
        (f"{activation}/{shallow}", arm)
        for arm in arms
        for activation, depth in [arm.split("/")]
        if depth != shallow
    ]


def best_where_shallow(claim: Claim, records: Records) -> Outcome:
    """Is every activation's test accuracy highest at the fewest layers, against each deeper one?"""
    cells = _cells(claim)
    table: list[OrderEvidence] = []
    for shallow, deep in cells:
        seeds, (per_seed, per_image) = compared(records, shallow, deep, BITS)
        failed = not_comparable(records, (shallow, deep), seeds)
        if failed is not None:
            return failed
        table.append(judge_order(per_seed, per_image))
    found = decide_table(table, [1] * len(table))
    return _of_table(cells, found, "test accuracy of the shallow network less that of the deep one")


def fails_to_generalise(claim: Claim, records: Records) -> Outcome:
    """Do deep networks lose because they cannot generalise?

    Where a deeper network's test accuracy is shown to be lower than the shallow one's (an order
    claim, Holm over the cells), a failure to generalise must show as a wider gap between training
    and test: the gap has to carry more than half of what is lost. What is tested is the gap's
    growth less half of the loss, over seeds; where it is below zero the training accuracy itself
    has fallen by more than half of it, and the network fails to learn. Cells without a loss have
    nothing to explain. All others must hold.
    """
    cells = _cells(claim)
    losses, carried = [], []
    for shallow, deep in cells:
        seeds, (per_seed, per_image) = compared(records, shallow, deep, BITS)
        failed = not_comparable(records, (shallow, deep), seeds)
        if failed is not None:
            return failed
        one = judge_order(per_seed, per_image)
        wider = of_seeds(records, deep, "gap", seeds) - of_seeds(records, shallow, "gap", seeds)
        losses.append(one)
        # Chance in the images is in the test accuracy, half of which is left in the difference.
        carried.append(order_test(wider - per_seed / 2, one.sd_images / 2, one.m))
    lost = [one.verdict == "reproduced" for one in decide_table(losses, [1] * len(losses))]
    if not any(lost):
        few = losses[0].n < FEWEST_SEEDS_ORDER
        reason = "no deeper network is shown to lose test accuracy, so nothing is to be explained"
        return Outcome(
            "inconclusive",
            None,
            n=losses[0].n,
            reason=f"{'seeds: ' if few else ''}{reason}",
            seeds_needed=FEWEST_SEEDS_ORDER if few else None,
        )
    kept = [i for i, is_lost in enumerate(lost) if is_lost]
    found = decide_table([carried[i] for i in kept], [1] * len(kept))
    outcome = _of_table(
        [cells[i] for i in kept], found, "growth of the gap less half of the accuracy lost"
    )
    shares = ", ".join(
        f"{cells[i][1]} loses {losses[i].mean:.4f} of test accuracy and "
        f"{_training_lost(records, *cells[i]):.4f} of training accuracy"
        for i in kept
    )
    return Outcome(
        outcome.verdict,
        None,
        n=outcome.n,
        reason=f"{outcome.reason}; {shares}",
        seeds_needed=outcome.seeds_needed,
    )


def _training_lost(records: Records, shallow: str, deep: str) -> float:
    shallow_mean, deep_mean = (
        float(records.metric(arm, "train_accuracy").mean()) for arm in (shallow, deep)
    )
    return shallow_mean - deep_mean


def _of_table(cells: list[tuple[str, str]], found: list[OrderJudgement], what: str) -> Outcome:
    """The outcome of a sentence all cells of which must hold."""
    verdict = all_hold(one.verdict for one in found)
    lines = ", ".join(
        f"{deep} {told(one.evidence)} {HOLDS[one.verdict]}{lacks(one)}"
        for (_, deep), one in zip(cells, found, strict=True)
    )
    return Outcome(
        verdict,
        None,
        n=min(one.evidence.n for one in found),
        reason=f"{what}, all of which must be above 0 (Holm over {len(found)}): {lines}",
        seeds_needed=seeds_to_decide(found) if verdict == "inconclusive" else None,
    )


def own_table_small(claim: Claim, records: Records) -> Outcome:
    """A decrease that the report calls small, against the numbers of its own table.

    `before` and `after` are printed accuracies, `small` what may be lost and still be called so.
    No run is needed; what was measured of the two arms stands beside it.
    """
    before, after, small = (
        float(claim.evidence.threshold(name)) for name in ("before", "after", "small")
    )
    lost = before - after
    beside = ""
    arms = (claim.evidence.rival(), claim.evidence.arm)
    if not any(arm in records.skipped for arm in arms):
        means = [float(np.mean(records.metric(arm, "test_accuracy"))) for arm in arms]
        cut = not all(trial["whole"] for arm in arms for trial in records.of(arm))
        beside = (
            f"; measured{' (cut short by this profile)' if cut else ''}: {means[0]:.4f} and "
            f"{means[1]:.4f}"
        )
    return Outcome(
        "reproduced" if lost <= small else "contradicted",
        None,
        reason=f"by its own table accuracy falls from {before:g} to {after:g}, by {lost:.3f}; at "
        f"most {small:g} would be small{beside}",
    )
