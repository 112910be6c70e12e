"""Tests of what report 000 concludes from its kernels (section 6)."""

from fractions import Fraction

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.rules import metric_of
from retrial.statistics import (
    disagreements,
    exact,
    judge_choice,
    mcnemar_exact,
    parse_printed,
    smallest_mcnemar_p,
)

LEVEL = 0.05


def grid_choice(claim: Claim, records: Records) -> Outcome:
    """A printed C: the grid search's choice under the report's protocol, ties listed as ties.

    Beside it stands how often other numbers of folds and random subsets choose the same.
    """
    arm, printed = claim.evidence.arm, float(claim.printed)
    costs = records.array(arm, 0, "C").tolist()
    if printed not in costs:
        raise RetrialError(f"printed = {claim.printed}: not in the grid {costs}")
    own = records.array(arm, 0, "scores").mean(axis=1)
    rescaled = [records.metric(other, "best_C")[0] for other in claim.evidence.others]
    other_folds = records.of(arm)[0]["config"]["other_folds"]
    others = [records.array(arm, 0, f"scores_folds{k}").mean(axis=1) for k in other_folds]
    subset = f"subset/{arm}"
    if subset in records.arms():
        others += [
            records.array(subset, trial["seed"], "scores").mean(axis=1)
            for trial in records.of(subset)
        ]
    found = judge_choice(own, costs.index(printed), np.array(others))
    best = ", ".join(f"{costs[i]:g}" for i in found.best)
    return Outcome(
        found.verdict,
        costs[found.best[0]],
        n=len(others) + 1,
        reason=f"best here: C = {best}{' (tied)' if found.tied else ''}; C = {printed:g} is best "
        f"or tied in {found.frequency:.0%} of {len(others)} other searches (other folds, random "
        f"subsets), alone in {found.alone:.0%}"
        + "".join(
            f"; {other} chooses C = {cost:g}"
            for other, cost in zip(claim.evidence.others, rescaled, strict=True)
        ),
    )


def readings(claim: Claim, records: Records) -> Outcome:
    """An accuracy whose protocol is open in several places: what does each reading give?

    Reproduced when all readings agree with the print, contradicted when none does.
    """
    metric = metric_of(claim)
    printed, arms = parse_printed(claim.printed), claim.evidence.arms
    size = records.sample_size(arms[0], metric)
    right = {arm: round(records.metric(arm, metric)[0] * size) for arm in arms}
    agree = [arm for arm, count in right.items() if exact(Fraction(count, size), printed).matches]
    verdict = {len(arms): "reproduced", 0: "contradicted"}.get(len(agree), "inconclusive")
    told = ", ".join(f"{arm} {count / size:g}" for arm, count in right.items())
    return Outcome(
        verdict,
        right[claim.evidence.arm] / size,
        n=len(arms),
        reason=f"{'reading: ' if verdict == 'inconclusive' else ''}{len(agree)} of {len(arms)} "
        f"readings of what is left open (how far the fit is run, the pixel scale) give "
        f"{claim.printed}: {told}",
    )


def sizes(claim: Claim, records: Records) -> Outcome:
    """The size of a split's training part, as printed, and of its test part, as stated."""
    train, test = (
        int(records.metric(claim.evidence.arm, f"{part}_size")[0]) for part in ("train", "test")
    )
    agrees = (train, test) == (int(claim.printed), claim.evidence.threshold("test"))
    reason = f"{train} training and {test} test images"
    return Outcome("reproduced" if agrees else "contradicted", train, n=1, reason=reason)


def mcnemar(claim: Claim, records: Records) -> Outcome:
    """One deterministic model better than another: exact McNemar on all test images.

    Beside it stands what the printed sample could have shown at best.
    """
    first, second = claim.evidence.arm, claim.evidence.rival()
    a, b = (records.array(arm, 0, "correct").astype(bool) for arm in (first, second))
    a100, b100 = (records.array(arm, 0, "correct100").astype(bool) for arm in (first, second))
    only_a, only_b = disagreements(a, b)
    p = mcnemar_exact(only_a, only_b)
    size = len(a100)
    printed = [int(claim.evidence.threshold(name)) for name in ("printed", "printed_against")]
    least = smallest_mcnemar_p(printed[0], printed[1], size)
    small = disagreements(a100, b100)
    difference = float(a.mean() - b.mean())
    verdict = "inconclusive" if p >= LEVEL else "reproduced" if difference > 0 else "contradicted"
    return Outcome(
        verdict,
        difference,
        n=len(a),
        reason=f"of {len(a)} test images {first} alone gets {only_a} right, {second} alone "
        f"{only_b} (McNemar p = {p:.2g}); on the {size} images {small[0]} and {small[1]} "
        f"(p = {mcnemar_exact(*small):.2g}); {printed[0]} against {printed[1]} of {size}, as "
        f"printed, cannot give less than p = {least:.2g}",
    )
