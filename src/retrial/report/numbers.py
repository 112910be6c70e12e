"""Numbers in prose, each drawn from a record by key and carrying where it came from.

A number is a link in pandoc's Markdown: its text is the value, its target the list of sources of
its family (or the claim that printed it), and its title names the stage, the md5 of the stage's
inputs and the fingerprints of the trials behind it. The HTML shows the title on request.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.report.markup import attribute, identifier, label

SHOWN = 12  # hexadecimal digits of a hash: enough to find it among the sources, or a run in MLflow
LISTED = 5  # trials or arms that a number names; the sources of its family have them all
MINUS = "−"

REDUCTIONS: Mapping[str, Callable[[np.ndarray], float]] = {
    "mean": lambda x: float(np.mean(x)),
    "median": lambda x: float(np.median(x)),
    "min": lambda x: float(np.min(x)),
    "max": lambda x: float(np.max(x)),
    "sd": lambda x: float(np.std(x, ddof=1)) if len(x) > 1 else math.nan,
    "sum": lambda x: float(np.sum(x)),
}


def number(records: Records, arm: str, metric: str, form: str = ".3f", reduce: str = "mean") -> str:
    """A metric of an arm over its seeds, as Markdown.

    `reduce` is one of REDUCTIONS, applied to the finite values; `form` is a format specification.
    An arm without a finite value gives "nan". Raises RetrialError for an unknown arm, metric or
    reduction.
    """
    if reduce not in REDUCTIONS:
        raise RetrialError(f"number: reduce = {reduce!r}: expected one of {', '.join(REDUCTIONS)}")
    values = records.metric(arm, metric)
    finite = values[np.isfinite(values)]
    value = REDUCTIONS[reduce](finite) if len(finite) else math.nan
    return drawn(value, records, [arm], f"{reduce} of {metric}", form)


def setting(records: Records, arm: str, key: str, form: str = "") -> str:
    """A value of an arm's config by its dotted key, as Markdown; equal in all its trials."""
    value = config_value(records, arm, key)
    return drawn(value, records, [arm], f"setting {key}", form)


def config_value(records: Records, arm: str, key: str) -> Any:
    """A value of an arm's config by its dotted key.

    Raises RetrialError where a trial lacks the key or two trials of the arm differ in it.
    """
    found = []
    for trial in records.of(arm):
        value: Any = trial["config"]
        for part in key.split("."):
            if not isinstance(value, Mapping) or part not in value:
                raise RetrialError(f"{records.folder}: {arm}: config has no key {key}")
            value = value[part]
        found.append(value)
    if any(value != found[0] for value in found):
        raise RetrialError(f"{records.folder}: {arm}: config key {key} differs between its trials")
    return found[0]


def seeds(records: Records, arm: str) -> str:
    """How many trials an arm has, as Markdown."""
    return drawn(len(records.of(arm)), records, [arm], "trials", "d")


def drawn(value: Any, records: Records, arms: Iterable[str], what: str, form: str = "") -> str:
    """Any value computed from the trials of `arms`, as Markdown with their provenance."""
    names = list(arms)
    prints = [trial["fingerprint"] for arm in names for trial in records.of(arm)]
    title = "; ".join(
        (
            f"{what} of {listed(names, ', ')}",
            f"stage {stage_name(records)}",
            f"inputs md5 {records.inputs_md5()[:SHOWN]}",
            f"{len(prints)} trials: {listed(shortened(prints).split(), ' ')}",
        )
    )
    return link(shown(value, form), f"sources-{anchor(records.study)}", title)


def claimed(rows: Sequence[Mapping[str, Any]], claim: str, field: str = "printed") -> str:
    """A field of a claim's verdict (what was printed, by default), as a link to the claim."""
    row = find(rows, claim)
    title = f"{field} of {claim}; {row['where']}; stage {row['stage']}"
    if row.get("inputs_md5"):
        title += f"; inputs md5 {row['inputs_md5'][:SHOWN]}"
    return link(shown(row[field], ""), claim, title)


def counted(value: int | str, what: str, target: str = "verdicts") -> str:
    """A number computed from the verdict table, as a link to it."""
    return link(shown(value, "d" if isinstance(value, int) else ""), target, what)


def find(rows: Sequence[Mapping[str, Any]], claim: str) -> Mapping[str, Any]:
    """The verdict of a claim by id; RetrialError if there is none."""
    for row in rows:
        if row["id"] == claim:
            return row
    raise RetrialError(f"verdicts: no claim {claim}, expected an id of the ledger")


def link(text: str, target: str, title: str) -> str:
    """Markdown for one number: its text, `target` (an id of this report) and its title.

    The title is shown on request. Raises RetrialError for a target that is no id.
    """
    return f'[{label(text)}](#{identifier(target)} "{attribute(title)}"){{.number}}'


def shown(value: Any, form: str = "") -> str:
    """A value as text: floats by `form`, or else in their shortest form; lists with en spaces."""
    if value is None:
        return "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(item, form) for item in value)
    if isinstance(value, (bool, str)):
        return str(value)
    if isinstance(value, (float, np.floating)) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("∞" if value > 0 else f"{MINUS}∞")
    text = format(value, form) if form else plain(float(value))
    return text.replace("-", MINUS)


def plain(value: float) -> str:
    """The shortest text that reads back as `value`, with thousands set apart from 10 000 on."""
    if value == int(value) and abs(value) < 10_000:
        return str(int(value))
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace(",", "\u202f")  # narrow, no break
    return repr(value)


def shortened(fingerprints: Sequence[str]) -> str:
    """Fingerprints by their first digits, sorted."""
    return " ".join(sorted(f[:SHOWN] for f in fingerprints))


def listed(names: Sequence[str], between: str) -> str:
    """The first LISTED names, and how many more there are."""
    more = len(names) - LISTED
    text = between.join(names[:LISTED])
    return f"{text} and {more} more, in its sources" if more > 0 else text


def stage_name(records: Records) -> str:
    """The DVC stage that wrote the records."""
    return str(records.provenance.get("stage") or records.study)


def anchor(name: str) -> str:
    """A name as part of an HTML id."""
    return name.replace("_", "-")
