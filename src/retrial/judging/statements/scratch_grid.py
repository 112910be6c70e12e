"""Tests of what report 002 says of its twelve networks (section B)."""

from collections import Counter
from fractions import Fraction

import numpy as np

from retrial.core.records import Records
from retrial.judging.faults import LOG_ZERO_SPREAD
from retrial.judging.ledger import Claim
from retrial.judging.statements.outcome import Outcome
from retrial.statistics import exact, parse_printed

NAN_ARMS = ("relu/random", "relu/normal", "leakyrelu/random", "leakyrelu/normal")
ZERO_ARMS = ("sigmoid/zero", "relu/zero", "leakyrelu/zero", "tanh/zero")


def not_a_number(claim: Claim, records: Records) -> Outcome:
    """A printed "nan": the loss as labelled is not a number in every run, or in none."""
    assert claim.evidence.metric is not None
    runs = records.metric(claim.evidence.arm, claim.evidence.metric)
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
    """An accuracy near 10%: is the network a constant predictor of the printed class?

    Reproduced when every run predicts one class for the whole part and at least one run has
    exactly the printed accuracy; contradicted when no run is constant.
    """
    part = claim.evidence.thresholds["part"]
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
    seen = ", ".join(f"class {c} in {count}" for c, count in sorted(frequency.items()))
    spread = f"{int(constant.sum())} of {n} runs are constant predictors ({seen or 'none'})"
    mean = 100 * float(accuracies.mean())
    if not constant.any():
        return Outcome("contradicted", mean, n=n, reason=f"{spread}; mean accuracy {mean:.2f}")
    if constant.all() and hits:
        return Outcome(
            "reproduced", mean, n=n, reason=f"{spread}; {hits} have exactly {claim.printed}"
        )
    return Outcome(
        "inconclusive",
        mean,
        n=n,
        reason=f"lottery: {spread}; {hits} have exactly {claim.printed}",
    )


def nan_from_gradients(claim: Claim, records: Records) -> Outcome:
    """Where numbers are first lost: in the gradients, or in the logarithm of a zero probability?

    Over all runs of the four cells that print nan. Reproduced (contradicted) when a gradient or
    weight is the first to go in at least (at most) the stated share of the runs that lose numbers.
    """
    share = float(claim.evidence.thresholds["share"])
    first: Counter[str] = Counter()
    runs = 0
    for arm in NAN_ARMS:
        for trial in records.of(arm):
            runs += 1
            first[_first_loss(trial)] += 1
    lost = runs - first["nothing"]
    described = ", ".join(f"{what} first in {count}" for what, count in first.most_common())
    reason = f"of {runs} runs over four cells: {described}"
    if lost == 0:
        return Outcome("contradicted", 0.0, n=runs, reason=f"{reason}; nothing becomes nan")
    exploding = (first["a gradient or weight"] + first["an activation or logit"]) / lost
    verdict = (
        "reproduced"
        if exploding >= share
        else "contradicted"
        if exploding <= 1 - share
        else "inconclusive"
    )
    return Outcome(verdict, exploding, n=runs, reason=reason)


def _first_loss(trial: dict) -> str:
    """What a run lost first: an unprotected softmax in float64, or a tensor of its own."""
    detail = trial["detail"]
    naive = detail.get("naive", {}).get("log_zero_float64")
    if trial["status"] == "diverged":
        if naive is not None and tuple(naive) < (detail["epoch"], detail["step"]):
            return "the logarithm of a zero probability"
        tensor = detail["tensor"]
        if tensor.startswith(("gradient", "weight", "bias")):
            return "a gradient or weight"
        return "an activation or logit"
    spreads = [trial["metrics"][f"{part}_logit_spread"]["value"] for part in ("train", "test")]
    if naive is not None or any(s is not None and s > LOG_ZERO_SPREAD for s in spreads):
        return "the logarithm of a zero probability"
    return "nothing"


def zero_weights_stay(claim: Claim, records: Records) -> Outcome:
    """Zero initialisation: does any weight change, in any layer, under any of the activations?"""
    moved = {}
    runs = 0
    for arm in ZERO_ARMS:
        trials = records.of(arm)
        runs += len(trials)
        layers = sorted(k for k in trials[0]["metrics"] if k.startswith("weight_change_"))
        changes = {k: float(np.nanmax(np.abs(records.metric(arm, k)))) for k in layers}
        changed = [k.removeprefix("weight_change_") for k, v in changes.items() if v > 0]
        if changed:
            moved[arm.removesuffix("/zero")] = changed
    if not moved:
        return Outcome(
            "reproduced", 0.0, n=runs, reason=f"no weight changes in any of {runs} runs, biases do"
        )
    told = "; ".join(f"{name}: weights of layers {', '.join(k)}" for name, k in moved.items())
    return Outcome(
        "contradicted",
        float(len(moved)),
        n=runs,
        reason=f"weights do change ({told}): hidden units that are not 0 carry a gradient there",
    )
