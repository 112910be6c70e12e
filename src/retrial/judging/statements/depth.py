"""Tests of what report 004 says of depth in its exercise 1 B: where its networks are best, and why.

The rules are fixed before a run. Networks of one seed share their orders of batches, so comparisons
are paired; those of accuracies add the chance in the test images (statistics.md, "order"). The
cells of one sentence, activations by depths, are a table for Holm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.statements.compared import (
    BITS,
    HALF,
    all_hold,
    compared,
    lacks,
    not_comparable,
    of_seeds,
    seeds_to_decide,
    shared_seeds,
    told,
)
from retrial.judging.statements.gradients import differing
from retrial.statistics import (
    FEWEST_SEEDS_ORDER,
    OrderEvidence,
    OrderJudgement,
    decide_table,
    judge_order,
    order_test,
)

# The print's own differences are as small as .004: one of at most .002 would not matter.
LEAST = 0.002
# No difference is too small to matter.
NONE = float(np.finfo(float).tiny)


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
    table, failed = _compared(cells, records)
    found = _ordered([one for one, _ in table.values()], LEAST)
    judged = dict(zip(table, found, strict=True))
    what = "test accuracy of the shallow network less that of the deep one"
    return _of_table(cells, judged, failed, what)


Cell = tuple[str, str]
Compared = dict[Cell, tuple[OrderEvidence, np.ndarray]]


def _compared(cells: Sequence[Cell], records: Records) -> tuple[Compared, dict[Cell, str]]:
    """What a deeper network loses of test accuracy, with the differences per seed; by cell.

    And the cells that cannot be compared, with the reason.
    """
    table: Compared = {}
    failed = {}
    for cell in cells:
        seeds, (per_seed, per_image) = compared(records, *cell, BITS)
        wrong = not_comparable(records, cell, seeds)
        if wrong is None:
            table[cell] = judge_order(per_seed, per_image), per_seed
        else:
            failed[cell] = wrong.reason
    return table, failed


def fails_to_generalise(claim: Claim, records: Records) -> Outcome:
    """Do deep networks lose because they cannot generalise?

    Where a deeper network's test accuracy is shown to be lower than the shallow one's (an order
    claim, Holm over the cells), a failure to generalise must show as a wider gap between training
    and test: the gap has to carry more than half of what is lost. What is tested is the gap's
    growth less half of the loss, over seeds, Holm over the cells; where it is below zero the
    training accuracy itself has fallen by more than half of it, and the network fails to learn.
    There is no difference that does not matter: what is lost may be small itself. Cells without a
    loss have nothing to explain. All others of an activation must hold; of which activations it is
    said is not stated, so that it is open where they differ.
    """
    cells = _cells(claim)
    table, failed = _compared(cells, records)
    losses = _ordered([one for one, _ in table.values()], LEAST)
    carried = {}
    for (cell, (one, per_seed)), loss in zip(table.items(), losses, strict=True):
        if loss.verdict == "reproduced":
            seeds = shared_seeds(records, cell)
            wider = of_seeds(records, cell[1], "gap", seeds)
            wider -= of_seeds(records, cell[0], "gap", seeds)
            # Chance in the images is in the test accuracy, half of which is left in the difference.
            carried[cell] = order_test(wider - per_seed / 2, one.sd_images / 2, one.m)
    if not carried:
        n = min((one.n for one, _ in table.values()), default=0)
        few = n < FEWEST_SEEDS_ORDER
        reason = "no deeper network is shown to lose test accuracy, so nothing is to be explained"
        return Outcome(
            "inconclusive",
            None,
            n=n,
            reason="; ".join([f"{'seeds: ' if few else ''}{reason}", *failed.values()]),
            seeds_needed=FEWEST_SEEDS_ORDER if few else None,
        )
    found = dict(zip(carried, _ordered(list(carried.values()), NONE), strict=True))
    parts = []
    for activation in dict.fromkeys(_activation(cell) for cell in carried):
        own = {cell: one for cell, one in found.items() if _activation(cell) == activation}
        lines = ", ".join(
            f"{cell[1]} loses {table[cell][0].mean:.4f} of test accuracy and "
            f"{_training_lost(records, *cell):.4f} of training accuracy (growth of the gap less "
            f"half of the loss {told(one.evidence)}{lacks(one)})"
            for cell, one in own.items()
        )
        parts.append((all_hold(one.verdict for one in own.values()), lines))
    judged = differing(parts, min(one.n for one in carried.values()), "of which activations")
    return replace(judged, reason="; ".join([judged.reason, *failed.values()]))


def _activation(cell: Cell) -> str:
    return cell[1].split("/")[0]


def _training_lost(records: Records, shallow: str, deep: str) -> float:
    shallow_mean, deep_mean = (
        float(records.metric(arm, "train_accuracy").mean()) for arm in (shallow, deep)
    )
    return shallow_mean - deep_mean


def _ordered(table: Sequence[OrderEvidence], delta: float) -> list[OrderJudgement]:
    """Verdicts on claims that each difference is above 0; none of none."""
    return decide_table(table, [1] * len(table), delta) if table else []


def _of_table(
    cells: Sequence[Cell],
    found: Mapping[Cell, OrderJudgement],
    failed: Mapping[Cell, str],
    what: str,
) -> Outcome:
    """The outcome of a sentence all cells of which must hold; those that failed are open."""
    verdicts = [one.verdict for one in found.values()] + ["inconclusive"] * len(failed)
    verdict = all_hold(verdicts)
    lines = ", ".join(
        f"{cell[1]} {told(found[cell].evidence)} {HALF[found[cell].verdict]}{lacks(found[cell])}"
        if cell in found
        else f"{cell[1]} is open ({failed[cell]})"
        for cell in cells
    )
    few = any(one.evidence.n < FEWEST_SEEDS_ORDER for one in found.values())
    needed = FEWEST_SEEDS_ORDER if few else seeds_to_decide(found.values())
    return Outcome(
        verdict,
        None,
        n=min((one.evidence.n for one in found.values()), default=0),
        reason=f"{what}, all of which must be above 0 (Holm over {len(found)}): {lines}",
        seeds_needed=needed if verdict == "inconclusive" and not failed else None,
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
