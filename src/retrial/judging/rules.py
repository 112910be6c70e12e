"""The rules for printed numbers: with chance in them, and without."""

from fractions import Fraction

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome, number
from retrial.statistics import Printed, default_margin, exact, judge_value, parse_printed
from retrial.statistics.printed import shortest_rational

# A mean of fold scores is some j/n up to the last bits of a float.
NEAR = 1e-6


def metric_of(claim: Claim) -> str:
    """The name of the metric that a claim is judged by; RetrialError when it names none."""
    if claim.evidence.metric is None:
        raise RetrialError("evidence.metric: missing, expected the name of a metric or a test")
    return claim.evidence.metric


def runs_of(claim: Claim, records: Records) -> np.ndarray:
    """(seeds,) values of the claim's metric, in the unit of the print."""
    return claim.scale * records.metric(claim.evidence.arm, metric_of(claim))


def margin_of(claim: Claim, printed: Printed) -> float:
    """Δ in the unit of the print: the claim's own, or the default of its quantity.

    A claim's own floor is never below one printed unit, 2h: no print tells less than that apart.
    """
    if claim.margin is not None:
        return claim.margin
    if claim.quantity == "":
        raise RetrialError("quantity: missing, expected accuracy or loss (or a margin)")
    p, h = float(printed.value) / claim.scale, float(printed.half_unit) / claim.scale
    if claim.margin_floor is None:
        return claim.scale * default_margin(claim.quantity, p, h)
    return claim.scale * default_margin(claim.quantity, p, h, max(claim.margin_floor, 2 * h))


def judge_number(claim: Claim, records: Records) -> Outcome:
    """A printed number against the runs of its arm (statistics.md, "value" and "exact")."""
    if claim.evidence.deterministic or claim.kind in ("count", "exact"):
        return _exact(claim, records)
    if claim.kind != "value":
        raise RetrialError(f"kind = {claim.kind!r}: expected evidence.test for this kind")
    printed = parse_printed(claim.printed)
    margin = margin_of(claim, printed)
    runs = runs_of(claim, records)
    # A network that has diverged still gives every image a class, and so has an accuracy.
    diverged = [one["status"] == "diverged" for one in records.of(claim.evidence.arm)]
    lost = int((np.isnan(runs) | np.array(diverged)).sum())
    if lost:
        return Outcome(
            "contradicted" if lost == len(runs) else "inconclusive",
            None,
            n=len(runs),
            reason=f"{lost} of {len(runs)} runs diverged and have no such number",
        )
    found = judge_value(runs, printed.value, printed.decimals, margin)
    k = printed.decimals + 1
    spread = f"mean {number(found.mean, k)}, sd {number(found.sd, k)} over {found.n} seeds"
    near = f"within ±{number(margin, k)} of the print"
    far = f"outside ±{number(margin, k)} and outside the range of single runs"
    decides = (
        f"{found.seeds_needed} seeds would decide"
        if found.seeds_needed
        else "no number of seeds would decide"
    )
    reasons = {
        "": f"{spread}; {near if found.verdict == 'reproduced' else far}",
        "exact": f"every run gives {number(found.mean, k)}",
        "truncated": f"every run gives {number(found.mean, k)}, printed with digits cut off",
        "lottery": f"lottery: {spread}; the print is one draw of a wide distribution",
        "precision": f"precision: {spread}; {decides}",
        "seeds": f"seeds: {found.n}, at least {found.seeds_needed} are needed",
    }
    return Outcome(
        found.verdict,
        found.mean,
        None if np.isnan(found.low) else found.low,
        None if np.isnan(found.high) else found.high,
        found.n,
        reasons[found.subreason],
        margin=margin,
        seeds_needed=found.seeds_needed,
    )


def _exact(claim: Claim, records: Records) -> Outcome:
    """A number without chance in it, compared as a rational at the printed decimals."""
    printed = parse_printed(claim.printed)
    arm, metric = claim.evidence.arm, metric_of(claim)
    n = records.sample_size(arm, metric)
    values = set(records.metric(arm, metric).tolist())
    if len(values) != 1 or np.isnan(next(iter(values))):
        raise RetrialError(f"metric {metric!r} of arm {arm!r}: expected one value without chance")
    value = values.pop()
    share = claim.unit != "count" and n > 0 and abs(value * n - round(value * n)) < NEAR
    rational = Fraction(round(value * n), n) if share else shortest_rational(value)
    match = exact(rational * Fraction(claim.scale), printed)
    shown = float(rational) * claim.scale
    fraction = f" = {round(value * n)}/{n}" if share else ""
    cut = ", printed with digits cut off" if match.truncated else ""
    verb = "agrees with" if match.matches else "is not"
    return Outcome(
        "reproduced" if match.matches else "contradicted",
        shown,
        shown,
        shown,
        1,
        f"exactly {shown:g}{fraction}, {verb} {claim.printed}{cut}",
    )
