"""Tests of what report 004 says about unseen handwriting (exercise 3), whose test set is lost.

Two stand-ins are looked at: the second half of UCI's digits, which other people wrote, and MNIST's
test digits under all corruptions. A sentence is decided where both decide it alike: neither is the
lost set, and what holds on one only hangs on the set.
"""

from collections.abc import Sequence

from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.statements.compared import (
    compared,
    lacks,
    not_comparable,
    seeds_to_decide,
    shared_seeds,
    told,
)
from retrial.statistics import OrderEvidence, OrderJudgement, decide_table, judge_order

# Arrays of a value for each image, and what the images are.
ARRAYS = ("correct", "correct_corrupted")
STAND_INS = ("UCI's digits", "corrupted digits")


def on_stand_ins(claim: Claim, records: Records) -> Outcome:
    """In place of the lost set: the arm's accuracy on UCI's digits, and beside it on the others."""
    runs = {
        title: claim.scale * records.metric(claim.evidence.arm, f"accuracy_{name}")
        for name, title in (
            ("digits", STAND_INS[0]),
            ("corrupted", STAND_INS[1]),
            ("mnist", "MNIST's test digits"),
        )
    }
    first = runs[STAND_INS[0]]
    means = ", ".join(f"{values.mean():.4g} on {title}" for title, values in runs.items())
    n = len(first)
    return Outcome("untestable", float(first.mean()), n=n, reason=f"means of {n} runs: {means}")


def better_on_stand_ins(claim: Claim, records: Records) -> Outcome:
    """The arm is better than its rival on both stand-ins: two orders, Holm over both.

    Open where they differ: the verdict then hangs on the set, which is lost.
    """
    arms = claim.evidence.arm, claim.evidence.rival()
    seeds = shared_seeds(records, arms)
    unfit = not_comparable(records, arms, seeds)
    if unfit is not None:
        return unfit
    found = each_stand_in(claim, records)
    verdicts = {one.verdict for one in found}
    verdict = verdicts.pop() if len(verdicts) == 1 else "inconclusive"
    hangs = {"reproduced", "contradicted"} <= {one.verdict for one in found}
    needed = None if verdict != "inconclusive" or hangs else seeds_to_decide(found)
    text = "; ".join(
        f"{title}: {told(one.evidence)}{lacks(one)}"
        for title, one in zip(STAND_INS, found, strict=True)
    )
    first = found[0].evidence
    return Outcome(
        verdict,
        first.mean,
        first.low,
        first.high,
        first.n,
        f"{'reading: the stand-ins differ; ' if hangs else ''}accuracy of {arms[0]} less {arms[1]} "
        f"on {text}",
        seeds_needed=needed,
    )


def each_stand_in(claim: Claim, records: Records) -> list[OrderJudgement]:
    """The order on each of `STAND_INS`, Holm over both."""
    evidence = _differences(records, claim.evidence.arm, claim.evidence.rival())
    return decide_table(evidence, [1] * len(evidence))


def steps_do_not_help(claim: Claim, records: Records) -> Outcome:
    """None of the other arms, each with one more step, is better than the arm.

    Two orders for each step, Holm over all of them. A step helps where it is better on both
    stand-ins; it does not where it is worse, or not better by more than δ, on both. The sentence
    is contradicted by any step that helps, and holds if none of them does.
    """
    base, steps = claim.evidence.arm, claim.evidence.others
    seeds = shared_seeds(records, (base, *steps))
    unfit = not_comparable(records, (base, *steps), seeds)
    if unfit is not None:
        return unfit
    evidence = [one for arm in steps for one in _differences(records, arm, base)]
    found = decide_table(evidence, [1] * len(evidence))
    pairs = list(zip(found[::2], found[1::2], strict=True))
    states = [_helps(pair) for pair in pairs]
    verdict = (
        "contradicted" if True in states else "inconclusive" if None in states else "reproduced"
    )
    said = {True: "helps", False: "does not help", None: "open"}
    text = "; ".join(
        f"{arm} {said[state]}: {told(pair[0].evidence)}{lacks(pair[0])} and "
        f"{told(pair[1].evidence)}{lacks(pair[1])}"
        for arm, state, pair in zip(steps, states, pairs, strict=True)
    )
    best = max(evidence[::2], key=lambda one: one.mean)
    return Outcome(
        verdict,
        best.mean,
        best.low,
        best.high,
        len(seeds),
        f"accuracy less that of {base}, on {STAND_INS[0]} and on {STAND_INS[1]}: {text}",
    )


def _helps(pair: Sequence[OrderJudgement]) -> bool | None:
    """True where a step is better on both stand-ins, False where on neither; None: open."""
    verdicts = {one.verdict for one in pair}
    if verdicts == {"reproduced"}:
        return True
    return False if verdicts == {"contradicted"} else None


def _differences(records: Records, more: str, less: str) -> list[OrderEvidence]:
    """Accuracy of `more` less that of `less` on both stand-ins, over seeds and images."""
    return [judge_order(*compared(records, more, less, array)[1]) for array in ARRAYS]
