"""Verdicts: each claim of a family against its records, by the rules of its kind.

A verdict judges the quantity as the report labels it. Nothing here trains, and nothing that a
study computes depends on what stands here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from retrial.core.errors import RetrialError
from retrial.core.records import Records, finite
from retrial.judging.curves import judge_printed_curve
from retrial.judging.explanations import beside_impossible, explain, fault_of
from retrial.judging.ledger import Claim
from retrial.judging.multiverse import readings as recorded_readings
from retrial.judging.outcome import Outcome
from retrial.judging.possibility import Finding, check_accuracy, check_counts, check_joint
from retrial.judging.rules import judge_number
from retrial.judging.searches import SEARCHES
from retrial.judging.sensitivity import Reading, counts, standing, unsettled
from retrial.judging.statements import BY_PRINT, TESTS
from retrial.statistics import FEWEST_SEEDS

BUDGET = "this profile cuts the protocol short; `make study PROFILE=paper` runs it whole"


@dataclass(frozen=True)
class Family:
    """What verdicts of a family rest on.

    Its records, the whole ledger by id, the profile, and the records of the search that made the
    family's open choices, where it has one.
    """

    records: Records
    ledger: Mapping[str, Claim]
    profile: str
    search: Records | None = None


def judge_family(claims: Sequence[Claim], family: Family) -> list[dict[str, Any]]:
    """The verdict rows of a family, in the order of the ledger."""
    return [judge_claim(claim, family) for claim in claims]


def judge_claim(claim: Claim, family: Family) -> dict[str, Any]:
    """The verdict row of a claim: what others read, and what the report shows on request.

    Raises RetrialError when the claim names an arm, a metric, a test or a fault that is not there.
    """
    records = family.records
    try:
        readings = recorded_readings(claim, records, family.search, family.ledger)
        outcome = _outcome(claim, family, readings)
    except RetrialError as error:
        raise RetrialError(f"claims/{claim.report}.yaml: {claim.id}: {error}") from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # Evidence that names arms, numbers or tests of another kind than the rules can take.
        raise RetrialError(
            f"claims/{claim.report}.yaml: {claim.id}: cannot be judged as it is stated: "
            f"{type(error).__name__}: {error}"
        ) from error
    run = [arm for arm in claim.evidence.arms if arm not in records.skipped]
    row = {
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
        "measured": finite(outcome.measured),
        "low": finite(outcome.low),
        "high": finite(outcome.high),
        "n": outcome.n,
        "profile": family.profile,
        "reason": outcome.reason,
        "assumes": list(claim.assumes),
        "choices": list(claim.choices),
        "fitted": list(claim.fitted),
        "fault": outcome.fault,
        "margin": outcome.margin,
        "seeds_needed": outcome.seeds_needed,
        "tex": claim.tex,
        "right": outcome.right,
        "why": outcome.why,
        "evidence": claim.evidence.model_dump(mode="json"),
        "stage": records.study,
        "inputs_md5": records.inputs_md5(),
        "fingerprints": [trial["fingerprint"] for arm in run for trial in records.of(arm)],
    }
    if readings and outcome.verdict not in ("impossible", "untestable"):
        row["readings"] = counts(readings)
    return row if claim.epoch is None else {**row, "epoch": claim.epoch}


def _outcome(claim: Claim, family: Family, readings: Sequence[Reading]) -> Outcome:
    """The rules that hold for every claim, around the one of its kind."""
    records, arms = family.records, claim.evidence.arms
    fault_of(claim)
    test = TESTS.get(claim.evidence.test or "")
    if test in BY_PRINT:
        return test(claim, records)
    finding = _impossible(claim, family.ledger)
    skipped = [arm for arm in arms if arm in records.skipped]
    trials = [trial for arm in arms if arm not in skipped for trial in records.of(arm)]
    cut = bool(skipped) or any(not trial["whole"] for trial in trials)
    measured = Outcome("inconclusive", None) if skipped else _measure(claim, family)
    if finding is not None:
        named = f"{finding.message} (under what is assumed of its label)"
        if cut:
            return Outcome("impossible", None, reason=f"{named}; not measured whole here")
        impossible = replace(measured, verdict="impossible", reason=named)
        return beside_impossible(claim, impossible, records)
    if claim.lost:
        shortened = " (cut short by this profile)" if cut else ""
        proxy = f"; as a proxy{shortened}, {measured.reason}" if measured.reason else ""
        return replace(measured, verdict="untestable", reason=claim.lost + proxy, why="")
    if cut:
        what = f"{skipped[0]} was not run; " if skipped else ""
        return replace(
            measured, verdict="inconclusive", reason=f"budget: {what}{BUDGET}", seeds_needed=None
        )
    fewest = min(len(records.of(arm)) for arm in arms)
    if fewest < FEWEST_SEEDS and not claim.evidence.deterministic:
        reason = f"seeds: {fewest}, at least {FEWEST_SEEDS} are needed"
        return replace(measured, verdict="inconclusive", reason=reason, seeds_needed=FEWEST_SEEDS)
    return _given_choices(claim, explain(claim, measured, records), family, readings)


def _given_choices(
    claim: Claim, outcome: Outcome, family: Family, readings: Sequence[Reading]
) -> Outcome:
    """Say which open choices a verdict rests on, and whether another one would have undone it."""
    if outcome.verdict == "contradicted":
        other = _other_reading(claim, outcome, family) or unsettled(claim, readings)
        if other:
            outcome = replace(
                outcome, verdict="inconclusive", reason=f"reading: {outcome.reason}; {other}"
            )
        elif upheld := standing(claim, readings):
            outcome = replace(outcome, reason=f"{outcome.reason}; {upheld}")
    if not claim.choices:
        return outcome
    chosen = ", ".join(claim.choices)
    count = f"{len(claim.choices)} fitted choice{'s' if len(claim.choices) > 1 else ''}"
    return replace(outcome, reason=f"given {count} ({chosen}): {outcome.reason}")


def _other_reading(claim: Claim, outcome: Outcome, family: Family) -> str | None:
    """What another reading that the family's search recorded says against a contradiction."""
    search, records = SEARCHES.get(claim.family), family.search
    if not claim.choices or search is None or records is None:
        return None
    if outcome.margin is not None:
        return search.other_reading and search.other_reading(claim, records, outcome.margin)
    return search.other_statement and search.other_statement(claim, records)


def _impossible(claim: Claim, ledger: Mapping[str, Claim]) -> Finding | None:
    """The first possibility check that the printed number fails, before any compute."""

    def named(claim_id: str, key: str) -> Claim:
        if claim_id not in ledger:
            raise RetrialError(f"possible.{key} = {claim_id!r}: no such claim")
        return ledger[claim_id]

    def as_printed(one: Claim) -> str:
        return one.printed + ("%" if one.unit == "percent" else "")

    possible = claim.possible
    findings = []
    if possible.of is not None:
        findings.append(check_accuracy(as_printed(claim), possible.of))
    if possible.accuracy is not None:
        partner = named(possible.accuracy, "accuracy")
        findings.append(check_joint(claim.printed, as_printed(partner), partner.possible.of))
    if possible.sums:
        counts = [int(named(one, "sums").printed) for one in possible.sums]
        findings.append(check_counts(counts, int(claim.printed)))
    return next((finding for finding in findings if not finding.ok), None)


def _measure(claim: Claim, family: Family) -> Outcome:
    """The outcome of the claim's own rule."""
    test, metric, records = claim.evidence.test, claim.evidence.metric, family.records
    if claim.kind == "curve" and test is None:
        return judge_printed_curve(claim, family.ledger, records)
    if metric is not None:
        # A misspelt metric is an error even where the test does not read it.
        records.metric(claim.evidence.arm, metric)
    if test is None:
        return judge_number(claim, records)
    if test not in TESTS:
        raise RetrialError(f"evidence.test = {test!r}: expected one of {', '.join(sorted(TESTS))}")
    return TESTS[test](claim, records)
