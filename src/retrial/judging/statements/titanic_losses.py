"""Tests of what report 001 prints of its loss functions (P3).

The rules are fixed before a run. Every seed draws its own split, so that seeds hold the chance in
the passengers as well: comparisons are paired over seeds, and no value per passenger is compared.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome, number
from retrial.judging.rules import judge_number
from retrial.judging.statements.compared import (
    lacks,
    not_comparable,
    of_seeds,
    over_seeds,
    shared_seeds,
    told,
)
from retrial.judging.statements.gradients import TINY, Part, outcome, within
from retrial.statistics import corrected_resampled_t, decide_table, exact, parse_printed


def counts_behind(loss: str, accuracy: str, rows: int, batch: int) -> list[tuple[int, int]]:
    """All (n, last) for which outputs of 0 give a printed loss and a printed accuracy in percent.

    n of `rows` labels are 1, `last` of them in the last batch of `batch` rows or fewer. Class 0 is
    right for rows - n; under l1 and mse a batch's loss is its share of ones, and the loss is the
    mean of the batches' losses, whatever their sizes.
    """
    full, rest = divmod(rows, batch)
    batches, size = full + bool(rest), rest or batch
    before = rows - size
    found = []
    for ones in range(rows + 1):
        if not exact(Fraction(100 * (rows - ones), rows), accuracy).matches:
            continue
        for last in range(max(0, ones - before), min(size, ones) + 1):
            shares = Fraction(ones - last, batch) + Fraction(last, size)
            if exact(shares / batches, loss).matches:
                found.append((ones, last))
    return found


def _behind(claim: Claim) -> str:
    """Which counts of survivors outputs of 0 need for the two printed numbers, in words."""
    loss, accuracy = (str(claim.evidence.threshold(name)) for name in ("loss", "accuracy"))
    rows, batch = (int(claim.evidence.threshold(name)) for name in ("rows", "batch"))
    found = counts_behind(loss, accuracy, rows, batch)
    if len(found) != 1:
        return f"outputs of 0 give {loss} and {accuracy}% in {len(found)} ways"
    ((ones, last),) = found
    return (
        f"outputs of 0 give {loss} and {accuracy}% in one way: {ones} of {rows} survive, {last} of "
        "them in the last batch"
    )


def validation_number(claim: Claim, records: Records) -> Outcome:
    """A printed loss or accuracy, in each reading of its training (`others`).

    Open where the readings' verdicts differ. Beside it stands what outputs of 0 need to give the
    printed loss and accuracy: `loss`, `accuracy`, `rows` and `batch` of `evidence.thresholds`.
    """
    found = judge_number(claim, records)
    lines = [found.reason]
    verdict = found.verdict
    for arm in claim.evidence.others:
        evidence = claim.evidence.model_copy(update={"arm": arm, "others": ()})
        other = judge_number(claim.model_copy(update={"evidence": evidence}), records)
        if other.verdict != found.verdict:
            verdict = "inconclusive"
        if other.measured is None:
            mean = other.reason
        else:
            mean = number(other.measured, parse_printed(claim.printed).decimals + 1)
        lines.append(f"{arm}: {mean}, {other.verdict}")
    if verdict != found.verdict:
        lines[0] = f"reading: {lines[0]}"
    return replace(found, verdict=verdict, reason="; ".join([*lines, _behind(claim)]))


def own_labels(claim: Claim, records: Records) -> Outcome:
    """Does the printed loop fit each passenger's output to that passenger's own label?

    Pairs of arms (`evidence.arm` and `others`, two by two): the printed loop, and the same with own
    labels. What is gained over the majority's rate (`against`) on the training rows, and how far
    survivors' mean output is above the others', must be at least the `share` of what own labels
    give, by the intervals over seeds. Where own labels do not beat the majority, the part is open.
    """
    share, majority = float(claim.evidence.threshold("share")), claim.evidence.rival()
    arms = (claim.evidence.arm, *claim.evidence.others)
    seeds = shared_seeds(records, (*arms, majority))
    unfit = not_comparable(records, arms, seeds)
    if unfit is not None:
        return unfit
    rate = of_seeds(records, majority, "train_accuracy", seeds)
    parts: list[Part] = []
    for printed, own in zip(arms[::2], arms[1::2], strict=True):
        gains = {arm: of_seeds(records, arm, "train_accuracy", seeds) - rate for arm in arms}
        learns, of_own = within(gains[own], TINY, np.inf)
        if learns != "reproduced":
            parts.append(("inconclusive", f"{own} gains {of_own} over {majority}"))
            continue
        apart = {arm: of_seeds(records, arm, "train_separation", seeds) for arm in arms}
        for what, values in (
            (f"gain over {majority} on training rows", gains),
            ("survivors' mean output less the others'", apart),
        ):
            verdict, _ = within(values[printed] - share * values[own], 0.0, np.inf, len(arms))
            of_printed, of_own = (within(values[arm], 0.0, np.inf)[1] for arm in (printed, own))
            parts.append((verdict, f"{what}: {of_printed} of {printed}, {of_own} of {own}"))
    found = outcome(parts, len(seeds))
    return replace(found, reason=f"{found.reason} (holds: at least {share:g} of the latter)")


def beats_majority(claim: Claim, records: Records) -> Outcome:
    """Is the arm's validation accuracy above the majority's rate (`against`), paired over seeds?

    Splits of the same passengers are no independent draws: what the corrected resampled t makes of
    the same differences stands beside, as does the difference from further arms (`others`).
    """
    arm, rival, metric = claim.evidence.arm, claim.evidence.rival(), "validation_accuracy"
    seeds = shared_seeds(records, claim.evidence.arms)
    unfit = not_comparable(records, claim.evidence.arms, seeds)
    if unfit is not None:
        return unfit
    (found,) = decide_table([over_seeds(records, seeds, metric, arm, rival)], [1])
    one = found.evidence
    differences = of_seeds(records, arm, metric, seeds) - of_seeds(records, rival, metric, seeds)
    sizes = (records.sample_size(arm, name) for name in ("train_accuracy", metric))
    corrected = corrected_resampled_t(differences, *sizes)
    beside = "".join(
        f"; less {other} {told(over_seeds(records, seeds, metric, arm, other))}"
        for other in claim.evidence.others
    )
    return Outcome(
        found.verdict,
        one.mean,
        one.low,
        one.high,
        one.n,
        f"validation accuracy of {arm} less {rival}: {told(one)} over {one.n} splits"
        f"{lacks(found)}, p = {corrected.p:.2g} when corrected for the rows that splits share"
        f"{beside}",
        seeds_needed=found.seeds_needed,
    )


def runs_as_printed(claim: Claim, records: Records) -> Outcome:
    """Does the printed code run? Contradicted where its first epoch raises on its own targets.

    What whole targets give, which the loss asks for, stands beside.
    """
    arm = claim.evidence.arm
    raises = bool(records.metric(arm, "raises").all())
    lines = []
    for kind, what in (("float", "the code's own float targets"), ("whole", "whole targets")):
        raised = records.of(arm)[0]["detail"][kind]
        error = f"{raised['kind']}: {raised['message']}" if raised["kind"] else "nothing"
        lines.append(f"on {what} the printed loop raises {error}")
    verdict = "contradicted" if raises else "reproduced"
    return Outcome(verdict, None, n=len(records.of(arm)), reason="; ".join(lines))
