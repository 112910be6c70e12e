"""Printed numbers: what their digits say, and whether an exact value agrees with them.

A number printed with k decimals stands for a whole interval of values. Everything here is rational
arithmetic, so that 1135/10000 against ".113" is decided by the digits and not by binary floats.
"""

import math
import re
from fractions import Fraction
from typing import Literal, NamedTuple

from retrial.core.errors import RetrialError

_NUMBER = re.compile(
    r"[+-]?(?:[0-9]+\.?(?P<whole>[0-9]*)|\.(?P<bare>[0-9]+))(?:[eE](?P<exp>[+-]?[0-9]+))?"
)
# Far beyond any float; keeps "1e999999999" from filling the memory as a rational.
_LARGEST_EXPONENT = 400


class Printed(NamedTuple):
    """A number as printed.

    value: the printed number p; decimals: k, the digits after the point (negative for "1.5e3");
    text: the string it came from.
    """

    value: Fraction
    decimals: int
    text: str

    @property
    def unit(self) -> Fraction:
        """Place value u = 10^-k of the last printed digit."""
        return Fraction(10) ** -self.decimals

    @property
    def half_unit(self) -> Fraction:
        """Largest error of rounding, h = u / 2."""
        return self.unit / 2

    @property
    def lowest(self) -> Fraction:
        """Smallest value that may be printed so (rounded)."""
        return self.value - self.half_unit

    @property
    def upper_limit(self) -> Fraction:
        """All values that may be printed so, cut-off digits included, lie below this one."""
        return self.value + self.unit


class ExactMatch(NamedTuple):
    """matches: the value may be printed so; truncated: only because digits were cut off."""

    matches: bool
    truncated: bool


def parse_printed(text: str) -> Printed:
    """Read a printed decimal number such as ".87088", "−0.5", "12" or "3.2e-4".

    A percent sign is not read here: the caller scales. Raises RetrialError for anything else.
    """
    plain = text.strip().replace("−", "-")
    found = _NUMBER.fullmatch(plain)
    if found is None:
        raise RetrialError(f"printed number {text!r}: expected a decimal number such as 0.8709")
    exponent = int(found["exp"] or 0)
    if len(plain) > _LARGEST_EXPONENT or abs(exponent) > _LARGEST_EXPONENT:
        raise RetrialError(
            f"printed number {text[:40]!r}: expected at most {_LARGEST_EXPONENT} digits"
            f" and an exponent within ±{_LARGEST_EXPONENT}"
        )
    digits = found["bare"] or found["whole"] or ""
    return Printed(Fraction(plain), len(digits) - exponent, text.strip())


def printed_at(value: float | Fraction, decimals: int) -> Printed:
    """The printed number nearest to `value`, which must have no more than `decimals` decimals.

    Raises RetrialError if it has more, or is not finite: then value and decimals do not belong
    together.
    """
    if not math.isfinite(value):
        raise RetrialError(f"printed number {value!r}: expected a finite number")
    if abs(decimals) > _LARGEST_EXPONENT:
        raise RetrialError(f"decimals {decimals}: expected at most {_LARGEST_EXPONENT}")
    unit = Fraction(10) ** -decimals
    given = Fraction(value)
    rounded = round(given / unit) * unit
    # 87.09 / 100 is .8709000000000001: a float's own error is no digit.
    if abs(given - rounded) > unit / 10**6:
        raise RetrialError(f"printed number {value!r}: expected no more than {decimals} decimals")
    return Printed(rounded, decimals, f"{float(rounded):.{max(decimals, 0)}f}")


def exact(x: Fraction, printed: str | Printed) -> ExactMatch:
    """Whether the rational x may be printed as `printed` (statistics.md, "exact").

    True within half a unit of the last digit; otherwise true and marked `truncated` where the
    digits of x merely were cut off, p <= x < p + u. An upper tie x = p + u/2 with an odd last
    digit is reached by cutting only (half-up and half-even both round it to the next digit), so it
    is marked as well: 1135/10000 against ".113". For percentages pass 100 x.
    """
    number = parse_printed(printed) if isinstance(printed, str) else printed
    if number.value < 0:
        # Cutting digits off brings a number nearer to 0, on either side of it.
        mirrored = number._replace(value=-number.value)
        return exact(-x, mirrored)
    p, unit, half = number.value, number.unit, number.half_unit
    if abs(x - p) <= half:
        cut = x == p + half and p > 0 and (p / unit) % 2 == 1
        return ExactMatch(True, cut)
    cut = p <= x < p + unit
    return ExactMatch(cut, cut)


def shortest_rational(x: float) -> Fraction:
    """The rational that the shortest decimal form of a float names: 0.1135 → 1135/10000."""
    if not math.isfinite(x):
        raise RetrialError(f"statistic {x!r}: expected a finite number")
    return Fraction(repr(float(x)))


def default_margin(
    kind: Literal["accuracy", "loss"], p: float, h: float, floor: float = 0.002
) -> float:
    """Δ for a printed number p with half unit h (statistics.md, "value").

    Accuracies are fractions in [0, 1]: max(floor, min(.01, .25·(1 − p))); the floor of .002 is for
    the chance of 10,000 test images. Losses: max(.1·p, 2h).
    Raises RetrialError for another kind or an accuracy outside [0, 1].
    """
    if kind == "accuracy":
        if not 0 <= p <= 1:
            raise RetrialError(f"accuracy {p!r}: expected a fraction between 0 and 1")
        return max(floor, min(0.01, 0.25 * (1 - p)))
    if kind == "loss":
        if not math.isfinite(p) or not h > 0:
            raise RetrialError(f"loss {p!r} with half unit {h!r}: expected finite, positive unit")
        return max(0.1 * p, 2 * h)
    raise RetrialError(f"margin of kind {kind!r}: expected 'accuracy' or 'loss'")
