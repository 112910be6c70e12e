"""Possibility checks: what a printed number cannot be, found before any compute.

Printed numbers are read as the intervals that their digits leave open, rounded or cut off, in
rational arithmetic (statistics.md, "Possibility checks"), so that a check never calls a number
impossible that some honest rounding gives. `check_csv` offers the checks for anybody's table.
"""

import csv
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from retrial.core.errors import RetrialError
from retrial.statistics.printed import Printed, parse_printed

# From below, so that rounding of ln 2 never makes a possible number impossible.
LN2 = Fraction(math.nextafter(math.log(2), 0))


@dataclass(frozen=True)
class Finding:
    """What one check found.

    check: its name; subject: what was checked; message: one line for people. right: the value
    that would be possible, where it is known (a sum, the nearest fraction, a bound). candidates:
    for accuracies every number of correct answers that may be printed so.
    """

    check: str
    ok: bool
    message: str
    right: str | None = None
    candidates: range = range(0)
    subject: str = ""


def read_fraction(text: str) -> Printed:
    """A printed fraction, as ".8709" or "87.09%": the latter is 0.8709 with two decimals more."""
    if not text.strip().endswith("%"):
        return parse_printed(text)
    number = parse_printed(text.strip().removesuffix("%"))
    return Printed(number.value / 100, number.decimals + 2, text.strip())


def accuracy_candidates(printed: str, n: int) -> range:
    """All j for which j/n may be printed as `printed` (".8709" or "87.09%"), 0 <= j <= n.

    The same rule as `exact`, cut-off digits included, solved for j. n >= 1.
    """
    if n < 1:
        raise RetrialError(f"test set of {n}: expected at least 1")
    number = read_fraction(printed)
    first = max(0, math.ceil(number.lowest * n))
    return range(first, max(first, min(n + 1, math.ceil(number.upper_limit * n))))


def check_accuracy(printed: str, n: int) -> Finding:
    """Accuracy of n test examples must be some j/n."""
    candidates = accuracy_candidates(printed, n)
    if candidates.stop > candidates.start:
        last = candidates.stop - 1
        several = "" if last == candidates.start else f" to {last}/{n}"
        message = f"accuracy {printed} may be {candidates.start}/{n}{several}"
        return Finding("accuracy", True, message, candidates=candidates)
    number = read_fraction(printed)
    nearest = min(n, max(0, round(number.value * n)))
    right = f"{nearest}/{n} = {nearest / n:.{max(number.decimals, 0) + 2}f}"
    message = f"accuracy {printed} is no j/{n}; the nearest is {right}"
    return Finding("accuracy", False, message, right)


def check_counts(counts: Sequence[int], total: int) -> Finding:
    """Class counts must be at least 0 and sum to their total."""
    found = sum(counts)
    negative = [c for c in counts if c < 0]
    if negative:
        return Finding("counts", False, f"a count is {negative[0]}; expected at least 0")
    if found != total:
        return Finding("counts", False, f"counts sum to {found}, not {total}", str(found))
    return Finding("counts", True, f"{len(counts)} counts sum to {total}", str(total))


def check_loss(printed: str, bound: str = "0") -> Finding:
    """Printed loss must not lie below its bound."""
    number, lowest = parse_printed(printed), parse_printed(bound)
    if number.upper_limit <= lowest.value:
        message = f"loss {printed} lies below its bound {bound}"
        return Finding("loss", False, message, f">= {bound}")
    return Finding("loss", True, f"loss {printed} does not lie below its bound {bound}")


def check_joint(cross_entropy: str, accuracy: str, n: int | None = None) -> Finding:
    """Mean cross-entropy in nats must be at least (1 − accuracy)·ln 2.

    A sample that the argmax of probabilities gets wrong leaves its true class at most 1/2, hence a
    loss of at least ln 2. n: size of the test set, narrows what the printed accuracy may be.
    """
    loss, share = parse_printed(cross_entropy), read_fraction(accuracy)
    highest = min(share.upper_limit, Fraction(1))
    candidates = accuracy_candidates(accuracy, n) if n is not None else range(0)
    if n is not None and candidates.stop > candidates.start:
        highest = Fraction(candidates.stop - 1, n)
    bound = (1 - highest) * LN2
    shown = f"{float(bound):.{max(loss.decimals, 0) + 2}f}"
    if loss.upper_limit <= bound:
        message = f"cross-entropy {cross_entropy} with accuracy {accuracy}: at least {shown} needed"
        return Finding("joint", False, message, f">= {shown}")
    message = f"cross-entropy {cross_entropy} with accuracy {accuracy}: above the least {shown}"
    return Finding("joint", True, message)


def check_percentages(printed: Sequence[str], total: str = "100") -> Finding:
    """Percentages, each as printed ("12.5" or "12.5%"), must be able to sum to `total`."""
    if not printed:
        raise RetrialError("percentages: expected at least one")
    numbers = [parse_printed(text.strip().removesuffix("%")) for text in printed]
    whole = parse_printed(total).value
    found = float(sum(number.value for number in numbers))
    decimals = max(0, *(number.decimals for number in numbers))
    least = sum(number.lowest for number in numbers)
    limit = sum(number.upper_limit for number in numbers)
    text = f"{len(numbers)} percentages sum to {found:.{decimals}f}"
    if least <= whole < limit:
        return Finding("percentages", True, f"{text}, {total} within their rounding")
    return Finding("percentages", False, f"{text}; no rounding makes that {total}", total)


def check_minimum(minimum: str, mean: str) -> Finding:
    """Minimum of some values must not lie above their mean."""
    return _not_above(minimum, mean, "minimum", "mean")


def check_maximum(mean: str, maximum: str) -> Finding:
    """Mean of some values must not lie above their maximum."""
    return _not_above(mean, maximum, "mean", "maximum")


def _not_above(smaller: str, larger: str, name: str, other: str) -> Finding:
    check = "minimum" if name == "minimum" else "maximum"
    if read_fraction(smaller).lowest < read_fraction(larger).upper_limit:
        return Finding(check, True, f"{name} {smaller} is not above the {other} {larger}")
    return Finding(check, False, f"{name} {smaller} lies above the {other} {larger}")


# Which of the optional columns a kind of row takes.
KINDS = {
    "accuracy": ("n", "group"),
    "loss": ("bound",),
    "cross_entropy": ("bound", "group"),
    "count": ("group",),
    "total": ("group",),
    "percentage": ("group",),
    "minimum": ("group",),
    "mean": ("group",),
    "maximum": ("group",),
}
COLUMNS = ("id", "kind", "value", "n", "group", "bound")
# What else a row's group must hold, so that no row passes unchecked.
_PARTNERS = {
    "count": ("total",),
    "total": ("count",),
    "minimum": ("mean",),
    "maximum": ("mean",),
    "mean": ("minimum", "maximum"),
}
_SEVERAL = ("count", "percentage")


class _Row(NamedTuple):
    place: str
    id: str
    kind: str
    value: str
    n: int
    group: str
    bound: str


def check_csv(path: Path) -> list[Finding]:
    """Possibility checks for a table of printed numbers; findings in the order of the file.

    The file is UTF-8 with commas and a header; `id`, `kind` and `value` are required, the other
    columns optional and left empty where a kind does not use them:

    - id: any name for the row. value: as printed, since its digits count ("0.870", not "0.87").
    - kind `accuracy`: must be some j/n; value as fraction or with "%"; n: size of the test set.
    - kind `loss`: must not lie below `bound` (0 if empty).
    - kind `cross_entropy`: the same, in nats per sample; with an accuracy row in its group also
      at least (1 − accuracy)·ln 2.
    - kinds `count` and `total`: the counts of a group must sum to its one total.
    - kind `percentage`: those of a group must be able to sum to 100.
    - kinds `minimum`, `mean`, `maximum`: within a group in this order.

    Raises RetrialError with file, line, column, value and what was expected for anything else.
    """
    rows = _read(path)
    findings = [found for row in rows for found in _alone(row)]
    groups: dict[str, list[_Row]] = {}
    for row in rows:
        if row.group:
            groups.setdefault(row.group, []).append(row)
    for group in groups.values():
        findings += _together(group)
    return findings


def _read(path: Path) -> list[_Row]:
    try:
        # utf-8-sig: spreadsheets put a byte-order mark in front.
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, None)
            if header is None:
                raise RetrialError(f"{path}: empty, expected a header with id,kind,value")
            names = [name.strip() for name in header]
            _check_header(path, names)
            return [
                _row(f"{path}:{reader.line_num}", names, cells)
                for cells in reader
                if any(cell.strip() for cell in cells)
            ]
    except OSError as error:
        raise RetrialError(f"{path}: {(error.strerror or 'unreadable').lower()}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RetrialError(f"{path}: {error}; expected comma-separated text in UTF-8") from error


def _check_header(path: Path, names: list[str]) -> None:
    for name, times in Counter(names).items():
        if name not in COLUMNS or times > 1:
            raise RetrialError(
                f"{path}:1: column {name!r}: expected each of {', '.join(COLUMNS)} at most once"
            )
    for name in COLUMNS[:3]:
        if name not in names:
            raise RetrialError(f"{path}:1: column {name!r} is missing: expected id,kind,value")


def _row(place: str, names: list[str], cells: list[str]) -> _Row:
    if len(cells) != len(names):
        raise RetrialError(f"{place}: {len(cells)} cells, expected {len(names)}")
    cell = dict.fromkeys(COLUMNS, "") | {
        name: text.strip() for name, text in zip(names, cells, strict=True)
    }
    kind = cell["kind"]
    if not cell["id"]:
        raise RetrialError(f"{place}: column id: '', expected a name for the row")
    if kind not in KINDS:
        raise RetrialError(f"{place}: column kind: {kind!r}, expected one of {', '.join(KINDS)}")
    for name in COLUMNS[3:]:
        if cell[name] and name not in KINDS[kind]:
            raise RetrialError(
                f"{place}: column {name}: {cell[name]!r}, expected none for a {kind}"
            )
    if kind in ("count", "total") and not re.fullmatch("-?[0-9]{1,18}", cell["value"]):
        raise RetrialError(f"{place}: column value: {cell['value']!r}, expected a whole number")
    if kind == "accuracy" and not re.fullmatch("0*[1-9][0-9]{0,17}", cell["n"]):
        raise RetrialError(f"{place}: column n: {cell['n']!r}, expected the size of the test set")
    if not cell["group"] and kind in (*_PARTNERS, "percentage"):
        raise RetrialError(f"{place}: column group: '', expected the group of this {kind}")
    for name in ("value", "bound"):
        percent = name == "value" and kind not in ("loss", "cross_entropy", "count", "total")
        try:
            read = read_fraction if percent else parse_printed
            read(cell[name] or ("" if name == "value" else "0"))
        except RetrialError:
            allowed = " or 87.09%" if percent else ""
            raise RetrialError(
                f"{place}: column {name}: {cell[name][:40]!r}, expected a decimal number such as"
                f" 0.8709{allowed}"
            ) from None
    return _Row(
        place, cell["id"], kind, cell["value"], int(cell["n"] or 0), cell["group"], cell["bound"]
    )


def _alone(row: _Row) -> list[Finding]:
    if row.kind == "accuracy":
        return [replace(check_accuracy(row.value, row.n), subject=row.id)]
    if row.kind in ("loss", "cross_entropy"):
        return [replace(check_loss(row.value, row.bound or "0"), subject=row.id)]
    return []


def _together(group: list[_Row]) -> list[Finding]:
    kinds = Counter(row.kind for row in group)
    for row in group:
        if kinds[row.kind] > 1 and row.kind not in _SEVERAL:
            raise RetrialError(
                f"{row.place}: column group: {row.group!r}, expected one {row.kind} a group,"
                f" found {kinds[row.kind]}"
            )
        partners = _PARTNERS.get(row.kind)
        if partners and not any(kinds[partner] for partner in partners):
            raise RetrialError(
                f"{row.place}: column group: {row.group!r}, expected a {' or '.join(partners)}"
                f" row in the group of a {row.kind}"
            )
    of = {row.kind: row for row in group}
    values = {
        kind: [row.value for row in group if row.kind == kind] for kind in ("count", "percentage")
    }
    findings = []
    if "cross_entropy" in of and "accuracy" in of:
        accuracy = of["accuracy"]
        findings.append(check_joint(of["cross_entropy"].value, accuracy.value, accuracy.n))
    if "total" in of:
        counts = [int(value) for value in values["count"]]
        findings.append(check_counts(counts, int(of["total"].value)))
    if values["percentage"]:
        findings.append(check_percentages(values["percentage"]))
    if "minimum" in of:
        findings.append(check_minimum(of["minimum"].value, of["mean"].value))
    if "maximum" in of:
        findings.append(check_maximum(of["mean"].value, of["maximum"].value))
    return [replace(found, subject=group[0].group) for found in findings]
