"""Verdicts: each claim of a family against its records, by the rules of its kind.

A verdict judges the quantity as the report labels it. Nothing here trains, and nothing that a
study computes depends on what stands here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.faults import FAULTS
from retrial.judging.ledger import Claim
from retrial.judging.possibility import Finding, check_accuracy, check_joint
from retrial.judging.statements import TESTS
from retrial.judging.statements.outcome import Outcome, number
from retrial.statistics import (
    Printed,
    default_margin,
    exact,
    explained,
    judge_value,
    parse_printed,
)


@dataclass(frozen=True)
class Family:
    """What verdicts of a family rest on: its records and the whole ledger by id."""

    records: Records
    ledger: Mapping[str, Claim]
    profile: str


def judge_claim(claim: Claim, family: Family) -> dict[str, Any]:
    """The verdict row of a claim: what others read, and what the report shows on request.

    Raises RetrialError when the claim names an arm or a metric that the records do not have.
    """
    try:
        outcome = _outcome(claim, family)
    except RetrialError as error:
        raise RetrialError(f"claims/{claim.report}.yaml: {claim.id}: {error}") from None
    trials = [
        trial
        for arm in (claim.evidence.arm, claim.evidence.against)
        if arm is not None and arm not in family.records.skipped
        for trial in family.records.of(arm)
    ]
    return {
        "id": claim.id,
        "report": claim.report,
        "where": claim.where,
        "family": claim.family,
        "kind": claim.kind,
        "quote": claim.quote,
        "rendering": claim.rendering,
        "statement": claim.statement,
        "verdict": outcome.verdict,
        "printed": claim.printed,
        "unit": claim.unit,
        "measured": outcome.measured,
        "low": outcome.low,
        "high": outcome.high,
        "n": outcome.n,
        "profile": family.profile,
        "reason": outcome.reason,
        "assumes": list(claim.assumes),
        "fitted": list(claim.fitted),
        "fault": outcome.fault,
        "margin": outcome.margin,
        "seeds_needed": outcome.seeds_needed,
        "table": claim.table,
        "evidence": claim.evidence.model_dump(mode="json"),
        "stage": family.records.study,
        "inputs_md5": family.records.inputs_md5(),
        "fingerprints": [trial["fingerprint"] for trial in trials],
    }


def _outcome(claim: Claim, family: Family) -> Outcome:
    records, evidence = family.records, claim.evidence
    finding = _impossible(claim, family.ledger)
    arms = [arm for arm in (evidence.arm, evidence.against) if arm is not None]
    absent = [arm for arm in arms if arm in records.skipped]
    if absent:
        if finding is not None:
            return Outcome("impossible", None, n=0, reason=finding.message)
        return Outcome("inconclusive", None, n=0, reason=f"budget: {absent[0]} was not run")
    outcome = _measure(claim, records)
    if finding is not None:
        return replace(
            outcome, verdict="impossible", reason=_join(finding.message, _fault_note(claim, family))
        )
    if claim.lost:
        reason = f"{claim.lost}; as a proxy, {outcome.reason}" if outcome.reason else claim.lost
        return replace(outcome, verdict="untestable", reason=reason)
    if any(not trial["whole"] for arm in arms for trial in records.of(arm)):
        return replace(
            outcome,
            verdict="inconclusive",
            reason="budget: this profile cuts the protocol short; `make study PROFILE=paper` runs "
            "it whole",
        )
    if outcome.verdict == "contradicted" and claim.fault is not None:
        outcome = _explain(claim, outcome, records)
    if claim.fitted:
        chosen = ", ".join(claim.fitted)
        outcome = replace(
            outcome, reason=f"given {len(claim.fitted)} fitted choices ({chosen}): {outcome.reason}"
        )
    return outcome


def _impossible(claim: Claim, ledger: Mapping[str, Claim]) -> Finding | None:
    """The first possibility check that the printed number fails, before any compute."""
    percent = "%" if claim.unit == "percent" else ""
    if claim.possible.of is not None:
        finding = check_accuracy(claim.printed + percent, claim.possible.of)
        if not finding.ok:
            return finding
    if claim.possible.accuracy is not None:
        partner = ledger.get(claim.possible.accuracy)
        if partner is None:
            raise RetrialError(f"possible.accuracy = {claim.possible.accuracy!r}: no such claim")
        suffix = "%" if partner.unit == "percent" else ""
        finding = check_joint(claim.printed, partner.printed + suffix, partner.possible.of)
        if not finding.ok:
            return finding
    return None


def _measure(claim: Claim, records: Records) -> Outcome:
    test = claim.evidence.test
    if test is not None:
        if test not in TESTS:
            known = ", ".join(sorted(TESTS))
            raise RetrialError(f"evidence.test = {test!r}: expected one of {known}")
        return TESTS[test](claim, records)
    if claim.evidence.metric is None:
        raise RetrialError("evidence.metric: missing, expected the name of a metric or a test")
    if claim.kind == "value":
        return _value(claim, records)
    if claim.kind in ("count", "exact"):
        return _exact(claim, records)
    raise RetrialError(f"kind = {claim.kind!r}: expected evidence.test for this kind")


def _runs(claim: Claim, records: Records) -> np.ndarray:
    """(seeds,) values of the claim's metric, in the unit of the print."""
    assert claim.evidence.metric is not None
    return claim.scale * records.metric(claim.evidence.arm, claim.evidence.metric)


def margin_of(claim: Claim, printed: Printed) -> float:
    """Δ in the unit of the print: the claim's own, or the default of its quantity."""
    if claim.margin is not None:
        return claim.margin
    if claim.quantity == "":
        raise RetrialError("quantity: missing, expected accuracy or loss (or a margin)")
    h = float(printed.half_unit) / claim.scale
    return claim.scale * default_margin(claim.quantity, float(printed.value) / claim.scale, h)


def _value(claim: Claim, records: Records) -> Outcome:
    printed = parse_printed(claim.printed)
    runs = _runs(claim, records)
    if claim.evidence.deterministic:
        return _exact(claim, records)
    if np.isnan(runs).any():
        lost = int(np.isnan(runs).sum())
        return Outcome(
            "contradicted" if lost == len(runs) else "inconclusive",
            None,
            n=len(runs),
            reason=f"{lost} of {len(runs)} runs diverged and have no such number",
        )
    margin = margin_of(claim, printed)
    found = judge_value(runs, printed.value, printed.decimals, margin)
    k = printed.decimals + 1
    spread = f"mean {number(found.mean, k)}, sd {number(found.sd, k)} over {found.n} seeds"
    reasons = {
        "": f"{spread}; within ±{number(margin, k)} of the print"
        if found.verdict == "reproduced"
        else f"{spread}; outside ±{number(margin, k)} and outside the range of single runs",
        "exact": f"every run gives {number(found.mean, k)}",
        "truncated": f"every run gives {number(found.mean, k)}, printed with digits cut off",
        "lottery": f"lottery: {spread}; the print is one draw of a wide distribution",
        "precision": f"precision: {spread}; "
        + (f"{found.seeds_needed} seeds would decide" if found.seeds_needed else "none would do"),
        "seeds": f"seeds: {found.n} run, at least {found.seeds_needed} are needed",
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
    assert claim.evidence.metric is not None
    printed = parse_printed(claim.printed)
    arm, metric = claim.evidence.arm, claim.evidence.metric
    n = records.sample_size(arm, metric)
    values = set(records.metric(arm, metric).tolist())
    if len(values) != 1 or np.isnan(next(iter(values))):
        raise RetrialError(f"metric {metric!r} of arm {arm!r}: expected one value without chance")
    value = values.pop()
    rational = Fraction(round(value * n), n) if claim.unit != "count" and n else Fraction(value)
    match = exact(rational * Fraction(claim.scale), printed)
    shown = float(rational) * claim.scale
    counted = claim.unit != "count"
    share = f" = {rational.numerator * n // rational.denominator}/{n}" if counted else ""
    cut = ", printed with digits cut off" if match.truncated else ""
    verb = "agrees with" if match.matches else "is not"
    return Outcome(
        "reproduced" if match.matches else "contradicted",
        shown,
        shown,
        shown,
        1,
        f"exactly {shown:g}{share}, {verb} {claim.printed}{cut}",
    )


def _explain(claim: Claim, outcome: Outcome, records: Records) -> Outcome:
    """`explained` when the claim's fault, re-injected, gives what is printed."""
    assert claim.fault is not None
    fault = FAULTS[claim.fault]
    faulty = _faulty_runs(claim, records)
    if claim.printed == "nan":
        gives = bool(np.isnan(faulty).all())
    else:
        printed = parse_printed(claim.printed)
        gives = explained(
            printed.value,
            _runs(claim, records),
            faulty,
            printed.decimals,
            claim.evidence.deterministic,
        ).explained
    if not gives:
        return replace(outcome, reason=f"{outcome.reason}; {claim.fault} does not explain it")
    return replace(
        outcome,
        verdict="explained",
        fault=claim.fault,
        reason=f"{outcome.reason}; when {fault.summary}, the print comes out (1 fault tried)",
    )


def _faulty_runs(claim: Claim, records: Records) -> np.ndarray:
    """(seeds,) what the claim's metric would have been with its fault, in the unit of the print."""
    assert claim.fault is not None
    assert claim.evidence.metric is not None
    return claim.scale * FAULTS[claim.fault].runs(
        claim.evidence.metric, lambda name: records.metric(claim.evidence.arm, name)
    )


def _fault_note(claim: Claim, family: Family) -> str:
    """What the claim's fault gives, beside a number that is impossible as it is labelled."""
    if claim.fault is None or claim.evidence.metric is None:
        return ""
    fault = FAULTS[claim.fault]
    runs = _faulty_runs(claim, family.records)
    if np.isnan(runs).any():
        return ""
    k = parse_printed(claim.printed).decimals + 1
    mean = number(float(runs.mean()), k)
    return f"when {fault.summary} ({claim.fault}), these runs give {mean}"


def _join(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def judge_family(claims: Sequence[Claim], family: Family) -> list[dict[str, Any]]:
    """The verdict rows of a family, in the order of the ledger."""
    return [judge_claim(claim, family) for claim in claims]
