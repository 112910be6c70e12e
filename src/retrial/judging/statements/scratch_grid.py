"""Tests of what report 002 says of its twelve networks (section B)."""

from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np

from retrial.core.records import Records
from retrial.judging.faults import LOG_ZERO_SPREAD
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.rules import metric_of
from retrial.statistics import exact, parse_printed


def not_a_number(claim: Claim, records: Records) -> Outcome:
    """A printed "nan": the loss as labelled is not a number in every run, or in none."""
    runs = records.metric(claim.evidence.arm, metric_of(claim))
    lost = int(np.isnan(runs).sum())
    verdict = {len(runs): "reproduced", 0: "contradicted"}.get(lost, "inconclusive")
    lottery = "lottery: " if verdict == "inconclusive" else ""
    rest = runs[~np.isnan(runs)]
    mean = f", mean {rest.mean():.4g} of the others" if len(rest) else ""
    return Outcome(
        verdict,
        float(rest.mean()) if len(rest) else None,
        n=len(runs),
        reason=f"{lottery}{lost} of {len(runs)} runs lose their numbers{mean}",
    )


def constant_predictor(claim: Claim, records: Records) -> Outcome:
    """An accuracy near 10%: is the network a constant predictor of the class that the print pins?

    Reproduced when every run predicts one class for the whole part and at least the stated share
    of runs have exactly the printed accuracy; contradicted when no run is constant, or all are
    constant in one other class.
    """
    part, pinned = claim.evidence.threshold("part"), claim.evidence.threshold("class")
    share = float(claim.evidence.threshold("share"))
    printed = parse_printed(claim.printed)
    classes = records.metric(claim.evidence.arm, f"{part}_constant_class")
    accuracies = records.metric(claim.evidence.arm, f"{part}_accuracy")
    size = records.sample_size(claim.evidence.arm, f"{part}_accuracy")
    constant = ~np.isnan(classes)
    hits = sum(
        exact(Fraction(100 * round(accuracy * size), size), printed).matches
        for accuracy in accuracies[constant]
    )
    n = len(classes)
    frequency = Counter(int(c) for c in classes[constant])
    if constant.all() and hits >= share * n:
        verdict = "reproduced"
    elif not constant.any() or (hits == 0 and constant.all() and len(frequency) == 1):
        verdict = "contradicted"
    else:
        verdict = "inconclusive"
    seen = ", ".join(f"class {c} in {count}" for c, count in sorted(frequency.items())) or "none"
    return Outcome(
        verdict,
        100 * float(accuracies.mean()),
        n=n,
        reason=f"{'lottery: ' if verdict == 'inconclusive' else ''}the print is the share of class "
        f"{pinned}; {int(constant.sum())} of {n} runs are constant predictors ({seen}), {hits} "
        f"with exactly {claim.printed}",
    )


def nan_from_gradients(claim: Claim, records: Records) -> Outcome:
    """Do numbers become nan because gradients explode?

    Two readings of the report's code, which is not there: a softmax by log-sum-exp, in which the
    first tensor to be lost counts, and an unprotected one in float64, in which the logarithm of a
    probability of 0 may come before. Under each the statement holds (fails) when a gradient or a
    weight, or an activation behind one, is lost first in at least (at most) the stated share of
    the runs that lose numbers. Where the readings differ, so does the answer.
    """
    share = float(claim.evidence.threshold("share"))
    trials = [trial for arm in claim.evidence.arms for trial in records.of(arm)]
    own, naive = (Counter(first(trial) for trial in trials) for first in (_lost, _lost_unprotected))
    verdicts = [_explodes(counts, share) for counts in (own, naive)]
    told = [
        ", ".join(f"{what} first in {count}" for what, count in counts.most_common())
        for counts in (own, naive)
    ]
    return Outcome(
        verdicts[0] if verdicts[0] == verdicts[1] else "inconclusive",
        None,
        n=len(trials),
        reason=f"of {len(trials)} runs of {len(claim.evidence.arms)} cells, with log-sum-exp: "
        f"{told[0]}; with an unprotected softmax in float64: {told[1]}",
    )


NOTHING, LOGARITHM = "nothing", "the logarithm of a zero probability"


def _explodes(first: Counter[str], share: float) -> str:
    lost = first.total() - first[NOTHING]
    if lost == 0:
        return "contradicted"
    exploding = 1 - first[LOGARITHM] / lost
    if exploding >= share:
        return "reproduced"
    return "contradicted" if exploding <= 1 - share else "inconclusive"


def _lost(trial: dict[str, Any]) -> str:
    """The tensor of a run that was first not finite, without its number."""
    if trial["status"] != "diverged":
        return NOTHING
    return str(trial["detail"]["tensor"]).rstrip("0123456789 ")


def _lost_unprotected(trial: dict[str, Any]) -> str:
    """The same, had the loss taken the logarithm of a float64 softmax."""
    detail = trial["detail"]
    naive = detail.get("naive", {}).get("log_zero_float64")
    own = _lost(trial)
    if naive is not None:
        later = own == NOTHING or tuple(naive) <= (detail["epoch"], detail["step"])
        return LOGARITHM if later else own
    spreads = [trial["metrics"][f"{part}_logit_spread"]["value"] for part in ("train", "test")]
    if own == NOTHING and any(s is not None and s > LOG_ZERO_SPREAD for s in spreads):
        return LOGARITHM
    return own


def zero_weights_stay(claim: Claim, records: Records) -> Outcome:
    """Zero initialisation: does any weight change, in any layer, under any of the activations?"""
    moved, runs = {}, 0
    for arm in claim.evidence.arms:
        trials = records.of(arm)
        runs += len(trials)
        layers = sorted(k for k in trials[0]["metrics"] if k.startswith("weight_change_"))
        # A change that is not finite is a change.
        changes = {k: np.nan_to_num(records.metric(arm, k), nan=np.inf).max() for k in layers}
        changed = [k.removeprefix("weight_change_") for k, v in changes.items() if v > 0]
        if changed:
            moved[arm] = changed
    if not moved:
        return Outcome(
            "reproduced", None, n=runs, reason=f"no weight changes in any of {runs} runs, biases do"
        )
    told = "; ".join(f"{arm} in layers {', '.join(k)}" for arm, k in moved.items())
    still = ", ".join(arm for arm in claim.evidence.arms if arm not in moved)
    return Outcome(
        "contradicted",
        None,
        n=runs,
        reason=f"weights do change ({told}: hidden units that are not 0 carry a gradient there); "
        f"it holds for {still or 'none'}",
    )
