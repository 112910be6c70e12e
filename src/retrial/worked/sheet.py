"""A worked sheet: the lines of a calculation in order, their proofs, and the slips they may hold.

A line is a function of what stands above it. It is proved by a value that was found another way:
by automatic differentiation, by the definition, by trying all cases. A slip is a line with one
change; put in the place of the right one it must fail that proof, and whatever stands below it
shows what the slip would have printed.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np

# An exact rational, a number of many digits, a float64, or an array of one of these.
Value = Any
Work = Callable[[SimpleNamespace], Value]

# Decimal digits in which irrational numbers are worked out and written down.
DIGITS = 40
# The largest relative difference between a float64 computation and its proof.
TOLERANCE = 1e-9
# Values of more entries than this are proved but not written down.
MOST_ENTRIES = 16


@dataclass(frozen=True)
class Slip:
    """A line gone wrong in one place: `work` is the right line with one change.

    `why` says what was done, in one sentence that a reader of the report can follow. `single` is
    false where the line was changed in more than one place: it then shows how far the printed line
    is off, but explains nothing.
    """

    name: str
    why: str
    work: Work
    single: bool = True


@dataclass(frozen=True)
class Line:
    """One line: the right computation, its typeset form (TeX, without values), and its proof.

    `truth` is the same quantity, found another way. They must agree to `tolerance`, relative to
    the largest entry of `truth`.
    """

    tex: str
    work: Work
    truth: Value
    slips: tuple[Slip, ...] = ()
    tolerance: float = TOLERANCE


@dataclass(frozen=True)
class Sheet:
    """An exercise: what is given, and its lines from first to last by name.

    `arrays` hold what figures draw.
    """

    given: Mapping[str, Value]
    lines: Mapping[str, Line]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)

    def slips(self) -> dict[str, tuple[str, Slip]]:
        """All slips by name, each with the name of its line; a name stands once on a sheet."""
        found = [(line, slip) for line, content in self.lines.items() for slip in content.slips]
        named = {slip.name: (line, slip) for line, slip in found}
        if len(named) != len(found):
            raise ValueError(f"slips {[slip.name for _, slip in found]}: a name stands twice")
        return named


def worked_out(sheet: Sheet, slip: str | None = None) -> dict[str, Value]:
    """The values of all lines, from first to last; with one slip in its line's place, if named."""
    place, made = sheet.slips()[slip] if slip is not None else ("", None)
    above = SimpleNamespace(**sheet.given)
    values = {}
    with mpmath.workdps(DIGITS):
        for name, line in sheet.lines.items():
            work = made.work if made is not None and name == place else line.work
            values[name] = work(above)
            setattr(above, name, values[name])
    return values


def difference(value: Value, truth: Value) -> float:
    """The largest difference between two values, relative to the largest entry of `truth`.

    Infinite for values of different shapes and for entries that are not numbers.
    """
    found, right = (np.asarray(one, dtype=object) for one in (value, truth))
    if found.shape != right.shape:
        return float("inf")
    with mpmath.workdps(DIGITS):
        entries = [(number(a), number(b)) for a, b in zip(found.flat, right.flat, strict=True)]
        sizes = [abs(b) for _, b in entries if mpmath.isfinite(b)]
        scale = max(sizes, default=0) or mpmath.mpf(1)
        apart = [float(abs(a - b) / scale) if a != b else 0.0 for a, b in entries]
    return max((one if math.isfinite(one) else math.inf for one in apart), default=0.0)


def holds(sheet: Sheet, name: str, slip: str | None = None) -> bool:
    """Whether a line agrees with its proof; with a slip in its place, if one is named."""
    line = sheet.lines[name]
    return difference(worked_out(sheet, slip)[name], line.truth) <= line.tolerance


def number(entry: Any) -> mpmath.mpf:
    """A rational, integer, truth value or float as a number of DIGITS digits."""
    with mpmath.workdps(DIGITS):
        if isinstance(entry, Fraction):
            return mpmath.mpf(entry.numerator) / entry.denominator
        return mpmath.mpf(entry.item() if isinstance(entry, np.generic) else entry)


def rational(entry: float) -> Fraction:
    """The rational that the shortest decimal form of a float names: 0.3 → 3/10."""
    return Fraction(repr(float(entry)))


def written(value: Value) -> list[str] | None:
    """The entries of a value as text that `fractions.Fraction` reads; None if there are too many.

    Rationals are written as such, other numbers to DIGITS digits.
    """
    entries = np.asarray(value, dtype=object).ravel()
    if len(entries) > MOST_ENTRIES:
        return None
    with mpmath.workdps(DIGITS):
        return [
            str(one) if isinstance(one, Fraction) else mpmath.nstr(number(one), DIGITS - 5)
            for one in entries
        ]
