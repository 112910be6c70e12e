"""Tests of what report 003 says of perceptron and logistic regression (exercise 1).

The rules and thresholds are fixed before a run. Drawn sets have test points of their own for each
seed, so that seeds hold all of the chance. Halves of the same flowers do not: to what the seeds
vary by is added what the flowers do (statistics.md, "order").
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.statements.compared import (
    SAID,
    all_hold,
    lacks,
    not_comparable,
    of_seeds,
    over_seeds,
    seeds_to_decide,
    shared_seeds,
    told,
)
from retrial.judging.statements.gradients import Part, outcome, within
from retrial.statistics import OrderEvidence, decide_table, order_test


def preferable(claim: Claim, records: Records) -> Outcome:
    """Is logistic regression right more often where classes overlap, and are its probabilities any?

    On each set that has an arm of both units: test accuracy above the rival's, an order claim, Holm
    over the sets; a difference below `delta` would not matter. On every set with an arm of its own:
    a log loss below that of the training set's class shares, by the 90% interval over seeds. All
    must hold. A set of which a training part can be separated does not overlap, and leaves it open.
    """
    own, rival = claim.evidence.arm, claim.evidence.rival()
    unit, other = own.split("/")[1], rival.split("/")[1]
    arms = claim.evidence.arms
    pairs = [
        (arm, f"{_set(arm)}/{other}")
        for arm in arms
        if arm.endswith(f"/{unit}") and f"{_set(arm)}/{other}" in arms
    ]
    seeds = shared_seeds(records, arms)
    unfit = not_comparable(records, arms, seeds)
    if unfit is not None:
        return unfit
    for arm, _ in pairs:
        split = int(of_seeds(records, arm, "separable", seeds).sum())
        if split:
            reason = f"{split} of {len(seeds)} training sets of {_set(arm)} can be separated"
            return Outcome("inconclusive", None, n=len(seeds), reason=reason)
    table = [_accuracy(records, seeds, *pair) for pair in pairs]
    delta = float(claim.evidence.threshold("delta"))
    found = decide_table(table, [1] * len(table), delta)
    accuracies = ", ".join(
        f"{_set(arm)} {told(one.evidence)} {SAID[one.verdict]}{lacks(one)}"
        for (arm, _), one in zip(pairs, found, strict=True)
    )
    parts = [_informative(records, arm, seeds, claim) for arm in arms if arm.endswith(f"/{unit}")]
    losses = ", ".join(f"{text} {SAID[verdict]}" for verdict, text in parts)
    verdict = all_hold([one.verdict for one in found] + [one for one, _ in parts])
    open_orders = verdict == "inconclusive" and all(one != "inconclusive" for one, _ in parts)
    first = table[0]
    return Outcome(
        verdict,
        first.mean,
        first.low,
        first.high,
        len(seeds),
        f"test accuracy of {unit} less {other}, Holm over {len(table)}: {accuracies}; log loss "
        f"less that of the class shares: {losses}; not tested: interpretability",
        seeds_needed=seeds_to_decide(found) if open_orders else None,
    )


def _set(arm: str) -> str:
    return arm.split("/")[0]


def _informative(records: Records, arm: str, seeds: Sequence[int], claim: Claim) -> Part:
    """Whether an arm's probabilities say more than the class shares of its training set."""
    less = of_seeds(records, arm, "log_loss", seeds)
    less -= of_seeds(records, arm, "prior_log_loss", seeds)
    cells = sum(other.endswith("/" + arm.split("/")[1]) for other in claim.evidence.arms)
    verdict, text = within(less, -np.inf, 0.0, cells)
    return verdict, f"{_set(arm)} {text}"


def _accuracy(records: Records, seeds: Sequence[int], more: str, less: str) -> OrderEvidence:
    """Test accuracy of `more` less that of `less`, paired by seeds."""
    if "flowers" not in records.of(more)[0]["config"]:
        return over_seeds(records, seeds, "test_accuracy", more, less)
    first, second = (
        np.array([records.array(arm, seed, "tested") for seed in seeds]) for arm in (more, less)
    )
    differences = np.ma.masked_array(first.astype(float) - second, mask=first < 0)
    of_flowers = differences.mean(axis=0).compressed()
    per_seed = np.asarray(differences.mean(axis=1))
    return order_test(per_seed, float(of_flowers.std(ddof=1)), len(of_flowers))


def becomes_logistic(claim: Claim, records: Records) -> Outcome:
    """Does the perceptron's rule become logistic regression with a sigmoid in place of its step?

    Its step must be −η times the gradient of the cross-entropy on random inputs, to `largest`; and
    smaller and smaller steps (`evidence.against`) must bring the weights to within a share of
    `near` of what scikit-learn finds. `evidence.others`: logistic regression, and the perceptron
    that gets a sigmoid after its training, which is the other reading; how its probabilities differ
    is told, and decides nothing.
    """
    arm, limit = claim.evidence.arm, claim.evidence.rival()
    largest, near = (float(claim.evidence.threshold(name)) for name in ("largest", "near"))
    worst = float(records.metric(arm, "largest_difference").max())
    same: Part = (
        "reproduced" if worst <= largest else "contradicted",
        f"largest difference of a step from the gradient's {worst:.2g} (at most {largest:g})",
    )
    verdict, text = within(records.metric(limit, "weights_apart"), -np.inf, near)
    found = outcome(
        [same, (verdict, f"share of their length by which weights differ {text} (below {near:g})")],
        len(records.of(limit)),
    )
    return replace(found, reason=f"{found.reason}; {_other_reading(claim, records)}")


def _other_reading(claim: Claim, records: Records) -> str:
    """What the sigmoid does that is put on a trained perceptron's output."""
    logistic, after = claim.evidence.others
    seeds = shared_seeds(records, (logistic, after))
    what = "put at the output after the training instead, it"
    if not_comparable(records, (logistic, after), seeds) is not None:
        return f"{what} is not comparable"
    plain = over_seeds(records, seeds, "log_loss", after, logistic)
    differs = plain.low > 0 or plain.high < 0
    scaled = of_seeds(records, after, "scaled_log_loss", seeds)
    scaled -= of_seeds(records, logistic, "log_loss", seeds)
    return (
        f"{what} {'gives' if differs else 'is not shown to give'} other probabilities on "
        f"{_set(after)}: log loss {told(plain)} more, and {scaled.mean():+.4f} with the scale that "
        "fits best"
    )
