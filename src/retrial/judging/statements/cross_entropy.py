"""Tests of what report 003 says of cross-entropy and mean squared error (exercise 2).

The rules and their thresholds are fixed before a run. Of the trained networks the two losses are
compared at learning rates that validation images pick for each: where too many of these picks stand
at an end of the ladder, the rates are not tuned, and nothing is decided.
"""

import numpy as np

from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.rules import metric_of
from retrial.judging.statements.compared import (
    BITS,
    compared,
    lacks,
    lost_text,
    not_comparable,
    over_seeds,
    shared_seeds,
    told,
)
from retrial.judging.statements.gradients import INTERVAL, Part, outcome, within
from retrial.statistics import (
    DELTA,
    FEWEST_SEEDS,
    OrderEvidence,
    decide_order,
    judge_order,
    t_interval,
)

LOSSES = ("cross_entropy", "squared_error")
NAMES = {"cross_entropy": "cross-entropy", "squared_error": "squared error"}


def formula_holds(claim: Claim, records: Records) -> Outcome:
    """Is a printed formula what its name stands for, on random numbers at float64?

    The metric is its largest difference from `definition`, worked out exactly; beside it stand
    those from a library's function and from the loss that the networks are trained with. All must
    be at most `most`.
    """
    arm, metric = claim.evidence.arm, metric_of(claim)
    most, definition = (claim.evidence.threshold(name) for name in ("most", "definition"))
    others = {"definition": metric, "library": f"{metric}_library", "loss": f"{metric}_network"}
    apart = {name: float(records.metric(arm, one)[0]) for name, one in others.items()}
    examples, decimals = records.sample_size(arm, metric), records.metric(arm, "decimals")[0]
    holds = all(value <= float(most) for value in apart.values())
    return Outcome(
        "reproduced" if holds else "contradicted",
        None,
        n=examples,
        reason=f"on {examples} random examples, to {decimals:.0f} decimals, it differs by at most "
        f"{apart['definition']:.1g} from {definition}, by {apart['library']:.1g} from "
        f"scikit-learn's function and by {apart['loss']:.1g} from the loss that the networks here "
        "are trained with",
    )


def penalises_confident_errors(claim: Claim, records: Records) -> Outcome:
    """Does cross-entropy penalise a wrong class more severely, above all a confident one?

    On a grid of logits from a probability of one half for the wrong class: its loss and its
    derivative by the logit must be larger than the squared error's everywhere; from `confident` on,
    its loss must be more times what it is at one half, wherever the grid is; and at the grid's end
    it must grow with the logit, without bound, while the squared error's derivative is gone, to
    within `flat`.
    """
    arm = claim.evidence.arm
    confident, flat = (float(claim.evidence.threshold(name)) for name in ("confident", "flat"))
    given = records.array(arm, 0, "probability")
    loss, slope = np.stack([records.array(arm, 0, name) for name in LOSSES], axis=1)
    times = loss / loss[:, :1]
    larger, steeper = loss[0] > loss[1], slope[0] > slope[1]
    more = times[0] > times[1]
    ahead, from_there = confident_from(given, more), given >= confident
    at = ahead if ahead is not None else 1.0
    parts: list[Part] = [
        (
            _verdict(bool(larger.all() and steeper.all())),
            f"at confidences from {given[0]:.2g} on, its loss is larger at {larger.sum()} and its "
            f"derivative at {steeper.sum()} of {len(given)} points",
        ),
        (
            _verdict(bool(more[from_there].all())),
            f"from {confident:g} on, its loss is more times that at one half at "
            f"{more[from_there].sum()} of {from_there.sum()} points (below {at:.3f} the squared "
            f"error's is)",
        ),
        (
            _verdict(bool(slope[0, -1] >= 1 - flat and slope[1, -1] <= flat)),
            f"where the wrong class has all but {1 - given[-1]:.1g}, its loss is "
            f"{times[0, -1]:.3g} times that at one half and grows by {slope[0, -1]:.6g} a unit of "
            f"the logit, the squared error's {times[1, -1]:.3g} times, by {slope[1, -1]:.1g}",
        ),
    ]
    return outcome(parts, 1)


def confident_from(probability: np.ndarray, more: np.ndarray) -> float | None:
    """The confidence (points,) from which on `more` (points,) is true; None where it is not last.

    Both ascend along the grid.
    """
    if not more[-1]:
        return None
    others = np.flatnonzero(~more)
    return float(probability[others[-1] + 1 if len(others) else 0])


def _verdict(holds: bool) -> str:
    return "reproduced" if holds else "contradicted"


def better_when_tuned(claim: Claim, records: Records) -> Outcome:
    """Is one loss more accurate than the other, over seeds and test images?"""
    arms = claim.evidence.arm, claim.evidence.rival()
    unfit = _unfit(claim, records)
    if unfit is not None:
        return unfit
    evidence = judge_order(*compared(records, *arms, BITS)[1])
    return _ordered(claim, records, evidence, "test accuracy", DELTA)


def better_when_rare(claim: Claim, records: Records) -> Outcome:
    """Has one loss the larger area below the curve of precision over recall, over seeds?

    A difference of less than `delta` does not matter.
    """
    arms = claim.evidence.arm, claim.evidence.rival()
    unfit = _unfit(claim, records)
    if unfit is not None:
        return unfit
    evidence = over_seeds(records, shared_seeds(records, arms), metric_of(claim), *arms)
    delta = float(claim.evidence.threshold("delta"))
    return _ordered(claim, records, evidence, "average precision", delta)


def _unfit(claim: Claim, records: Records) -> Outcome | None:
    """The outcome where seeds are too few, or a trial diverged at every rate."""
    arms = claim.evidence.arm, claim.evidence.rival()
    return not_comparable(records, arms, shared_seeds(records, arms))


def _ordered(
    claim: Claim, records: Records, evidence: OrderEvidence, what: str, delta: float
) -> Outcome:
    """The verdict on a difference between two arms whose rates were picked."""
    arms = claim.evidence.arm, claim.evidence.rival()
    found = decide_order(evidence, evidence.p, 1, 1, delta)
    verdict, start = found.verdict, ""
    ends = {arm: records.metric(arm, "picked_end") for arm in arms}
    if max(end.mean() for end in ends.values()) > float(claim.evidence.threshold("ends")):
        verdict, start = "inconclusive", "ladder: too many rates stand at an end of it; "
    picked = " and ".join(f"{int(end.sum())} of {len(end)}" for end in ends.values())
    means = [f"{records.metric(arm, metric_of(claim)).mean():.4f}" for arm in arms]
    return Outcome(
        verdict,
        evidence.mean,
        evidence.low,
        evidence.high,
        evidence.n,
        f"{start}{what} {means[0]} with cross-entropy, {means[1]} with squared error, difference "
        f"{told(evidence)}{lacks(found)}; rates picked at an end of the ladder: {picked}",
        seeds_needed=found.seeds_needed if not start else None,
    )


def well_calibrated(claim: Claim, records: Records) -> Outcome:
    """Is the expected calibration error of the arm's networks at most `most`?

    That of the other loss stands beside it.
    """
    arm, rival, most = claim.evidence.arm, claim.evidence.rival(), claim.evidence.threshold("most")
    values, others = (records.metric(one, metric_of(claim)) for one in (arm, rival))
    if text := lost_text(records, arm):
        return Outcome("inconclusive", None, n=len(values), reason=text)
    verdict, own = within(values, -np.inf, float(most))
    _, other = within(others, -np.inf, float(most))
    few = len(values) < FEWEST_SEEDS
    mean, low, high = (None, None, None) if few else t_interval(values, INTERVAL)
    return Outcome(
        verdict,
        mean,
        low,
        high,
        len(values),
        f"expected calibration error {own}, at most {float(most):g}; with squared error {other}",
    )
