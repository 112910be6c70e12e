"""Explanations: what a claim's runs would have printed with a named fault."""

from dataclasses import replace

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.faults import FAULTS, Fault
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome, number
from retrial.judging.rules import metric_of, runs_of
from retrial.statistics import FEWEST_SEEDS, explained, parse_printed


def fault_of(claim: Claim) -> Fault | None:
    """The fault that a claim names; RetrialError when there is none of that name."""
    if claim.fault is None:
        return None
    if claim.fault not in FAULTS:
        raise RetrialError(f"fault = {claim.fault!r}: expected one of {', '.join(sorted(FAULTS))}")
    return FAULTS[claim.fault]


def faulty_runs(claim: Claim, fault: Fault, records: Records) -> np.ndarray:
    """(seeds,) what the claim's metric would have been with the fault, in the unit of the print."""
    arm = claim.evidence.arm
    return claim.scale * fault.runs(metric_of(claim), lambda name: records.metric(arm, name))


def gives_print(claim: Claim, fault: Fault, records: Records) -> bool:
    """Whether the fault gives what is printed, and the right computation does not."""
    right, faulty = runs_of(claim, records), faulty_runs(claim, fault, records)
    if claim.printed == "nan":
        return bool(np.isnan(faulty).all() and not np.isnan(right).any())
    few = len(right) < FEWEST_SEEDS and not claim.evidence.deterministic
    if few or np.isnan(right).any() or np.isnan(faulty).any():
        return False
    printed = parse_printed(claim.printed)
    found = explained(printed.value, right, faulty, printed.decimals, claim.evidence.deterministic)
    return found.explained


def explain(claim: Claim, outcome: Outcome, records: Records) -> Outcome:
    """`outcome`, or `explained` when the claim's fault, re-injected, gives what is printed."""
    fault = fault_of(claim)
    if fault is None or outcome.verdict != "contradicted":
        return outcome
    if not gives_print(claim, fault, records):
        return replace(outcome, reason=f"{outcome.reason}; {fault.name} does not explain it")
    return replace(
        outcome,
        verdict="explained",
        fault=fault.name,
        reason=f"{outcome.reason}; when {fault.summary}, the print comes out (1 fault tried)",
    )


def beside_impossible(claim: Claim, outcome: Outcome, records: Records) -> Outcome:
    """An impossible number with what its fault makes of our runs, and whether that is the print."""
    fault = fault_of(claim)
    if fault is None or claim.printed == "nan":
        return outcome
    runs = faulty_runs(claim, fault, records)
    if np.isnan(runs).any():
        return outcome
    gives = gives_print(claim, fault, records)
    mean = number(float(runs.mean()), parse_printed(claim.printed).decimals + 1)
    told = "which gives the print" if gives else "which is not the print either"
    return replace(
        outcome,
        fault=fault.name if gives else None,
        reason=f"{outcome.reason}; when {fault.summary}, these runs give {mean}, {told}",
    )
