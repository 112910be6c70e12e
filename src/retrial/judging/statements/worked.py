"""Tests of formulas and worked numbers: lines of the study's sheets against printed ones.

A number is compared, at its printed decimals, with the right value of its line, worked out from
the exercise's first line on. If it differs, every slip of the sheet that changes the line is
tried: one that gives the print, and is a single change, explains it. If none does, the printed
line is taken at its own word: what is not even the result of its own printed factors is
impossible, all else contradicted.
"""

from dataclasses import replace
from fractions import Fraction
from typing import Any

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.arithmetic import evaluate
from retrial.judging.ledger import Claim
from retrial.judging.lines import agrees, is_finite, shown, typeset
from retrial.judging.outcome import Outcome
from retrial.judging.rules import metric_of
from retrial.statistics import exact

# What a study records for a difference that is infinite.
UNBOUNDED = 1e300
RIGHT, RIGHT_NUMBER = "The printed line is right.", "The printed number is right."


def worked_number(claim: Claim, records: Records) -> Outcome:
    """A printed number, or a few in brackets, against the right value of its line."""
    arm, metric = claim.evidence.arm, metric_of(claim)
    texts = value_of(records, arm, metric)
    value = float(Fraction(texts[0])) if len(texts) == 1 and is_finite(texts[0]) else None
    read_otherwise = [
        f"; read as {other}, {shown(value_of(records, other, metric), claim.printed)}"
        for other in claim.evidence.others
    ]
    outcome = Outcome(
        "reproduced",
        value,
        value,
        value,
        1,
        f"worked out, {shown(texts, claim.printed)}{''.join(read_otherwise)}",
        why=RIGHT_NUMBER,
        right=typeset(_line(records, arm, metric)["tex"], texts, claim.printed),
    )
    if agrees(texts, claim.printed):
        return outcome
    tried = {
        name: slip
        for name, slip in _detail(records, arm)["slips"].items()
        if _name(metric) in slip["values"]
    }
    count = f"{len(tried)} slip{'' if len(tried) == 1 else 's'} tried"
    giving = [
        name
        for name, slip in sorted(tried.items(), key=lambda one: not one[1]["single"])
        if agrees(_entries(slip["values"][_name(metric)], metric), claim.printed)
        and _gives_what_is_taken(claim, records, slip)
    ]
    if giving:
        return _slipped(outcome, giving[0], tried[giving[0]], f"gives the print; {count}")
    follows, why = own_factors(claim)
    return replace(
        outcome,
        verdict="contradicted" if follows else "impossible",
        reason=f"{outcome.reason}; {count}, none gives the print",
        why=claim.remark or why,
    )


def own_product(claim: Claim, records: Records) -> Outcome:
    """A bare product or sum of printed numbers: is it the result of its own printed factors?

    The label of such a line is its factors; that they may be wrong themselves stands beside it.
    """
    if not claim.arithmetic:
        raise RetrialError("arithmetic: missing, expected the printed factors")
    outcome = worked_number(claim, records)
    follows, why = own_factors(claim)
    value = float(evaluate(claim.arithmetic))
    return replace(
        outcome,
        verdict="reproduced" if follows else "impossible",
        measured=value,
        low=value,
        high=value,
        fault=None,
        reason=f"its own printed factors give {value:.12g}; from the exercise's first line on, "
        f"{outcome.reason.removeprefix('worked out, ')}",
        why=why,
    )


def worked_line(claim: Claim, records: Records) -> Outcome:
    """A printed formula or statement: the right line, or the line with the slip that it makes.

    `evidence.slip` names the slip of the sheet that the printed line is, where it is not the right
    line. The right line agrees with its proof: its trial would have failed otherwise.
    """
    arm, metric, slip = claim.evidence.arm, metric_of(claim), claim.evidence.slip
    draws = records.sample_size(arm, f"{metric}.difference")
    inputs = f" on {draws} random inputs" if draws > 1 else ""
    apart = records.metric(arm, f"{metric}.difference")[0]
    proved = f"the right line agrees with its proof to {apart:.1g}{inputs}"
    tex = _line(records, arm, metric)["tex"]
    outcome = Outcome("reproduced", None, n=draws, reason=proved, why=RIGHT, right=tex)
    if not slip:
        return outcome
    slips = _detail(records, arm)["slips"]
    if slip not in slips or slips[slip]["line"] != metric:
        known = [name for name, one in slips.items() if one["line"] == metric]
        raise RetrialError(f"evidence.slip = {slip!r}: expected one of {', '.join(known)}")
    wrong = records.metric(arm, f"{metric}.{slip}")[0]
    far = f"by up to {wrong:.2g} of the right value" if wrong < UNBOUNDED else "without bound"
    told = f"is the printed line, and is off {far}{inputs}"
    return _slipped(outcome, slip, slips[slip], told)


def own_factors(claim: Claim) -> tuple[bool, str]:
    """Whether a printed number follows from its own printed factors, and a sentence that says so.

    True, with another sentence, where the report prints no factors.
    """
    if not claim.arithmetic:
        return True, "No slip that was tried gives it."
    value = evaluate(claim.arithmetic)
    if exact(value, claim.printed).matches:
        return True, "It follows from the numbers printed in it; these are wrong."
    return False, f"The numbers printed in it give {shown([str(value)], claim.printed)}."


def _slipped(outcome: Outcome, name: str, slip: dict[str, Any], told: str) -> Outcome:
    """The outcome of a printed line that is a line with a slip; more changes than one are none."""
    single = slip["single"]
    return replace(
        outcome,
        verdict="explained" if single else "contradicted",
        fault=name if single else None,
        reason=f"{outcome.reason}; {name} {told}",
        why=slip["why"],
    )


def _gives_what_is_taken(claim: Claim, records: Records, slip: dict[str, Any]) -> bool:
    """Whether a slip also gives the printed values that the line takes from others.

    It would explain the print by chance otherwise.
    """
    arm = claim.evidence.arm
    return all(
        agrees(
            _entries(
                slip["values"].get(_name(metric), value_of(records, arm, _name(metric))), metric
            ),
            printed,
        )
        for metric, printed in claim.takes.items()
    )


def _detail(records: Records, arm: str) -> dict[str, Any]:
    found: dict[str, Any] = records.of(arm)[0]["detail"]
    return found


def _name(metric: str) -> str:
    """The line of a metric such as `outputs.0`."""
    return metric.partition(".")[0]


def _line(records: Records, arm: str, metric: str) -> dict[str, Any]:
    lines = _detail(records, arm)["lines"]
    if _name(metric) not in lines:
        raise RetrialError(f"evidence.metric = {metric!r}: expected one of {', '.join(lines)}")
    found: dict[str, Any] = lines[_name(metric)]
    return found


def value_of(records: Records, arm: str, metric: str) -> list[str]:
    """The exact value of a line, or of one entry of it, as fractions."""
    value = _line(records, arm, metric)["value"]
    if value is None:
        raise RetrialError(f"evidence.metric = {metric!r}: has too many entries to be printed")
    return _entries(value, metric)


def _entries(value: list[str], metric: str) -> list[str]:
    place = metric.partition(".")[2]
    return [value[int(place)]] if place else value
