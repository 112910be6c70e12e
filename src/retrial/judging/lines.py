"""Exact values of worked lines as text: against a print, for a reason, and typeset."""

import math
from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction

from retrial.statistics import exact, parse_printed
from retrial.statistics.printed import printed_at

# Digits of a right value beyond those of the print.
MORE = 2


def prints_of(printed: str) -> list[str]:
    """The numbers of a print: one, or several in brackets."""
    return [one.strip() for one in printed.strip().strip("[]()").split(",")]


def agrees(texts: Sequence[str], printed: str) -> bool:
    """Whether exact values may be printed as `printed`: a number, or as many as there are."""
    prints = prints_of(printed)
    finest = max((parse_printed(one).decimals for one in prints if is_number(one)), default=0)
    # The 0 of "[0, 0.25]" has as many decimals as its neighbour.
    prints = [
        printed_at(parse_printed(one).value, finest).text if is_number(one) else one
        for one in prints
    ]
    return len(prints) == len(texts) and all(
        exact(Fraction(text), one).matches if is_finite(text) else _same_infinity(text, one)
        for text, one in zip(texts, prints, strict=True)
    )


def shown(texts: Sequence[str], printed: str) -> str:
    """Exact values with two digits more than the print has."""
    entries = [_entry(text, printed) for text in texts]
    return entries[0] if len(entries) == 1 else f"[{', '.join(entries)}]"


def typeset(tex: str, texts: Sequence[str], printed: str) -> str:
    """A right line in TeX with its value; `\\approx` where digits are left out."""
    entries = [_entry(text, printed) for text in texts]
    whole = all(
        not is_finite(text) or Fraction(text) == Fraction(entry)
        for text, entry in zip(texts, entries, strict=True)
    )
    numbers = [_in_tex(entry) for entry in entries]
    several = r",\,".join(numbers)
    value = numbers[0] if len(numbers) == 1 else rf"\left[{several}\right]"
    return f"{tex} = {value}" if whole else rf"{tex} \approx {value}"


def is_finite(text: str) -> bool:
    """Whether an exact value is a number and not an infinity."""
    return "/" in text or math.isfinite(float(text))


def _same_infinity(text: str, printed: str) -> bool:
    return text.lstrip("+") == printed.lstrip("+")


def _entry(text: str, printed: str) -> str:
    """One value: in the notation of the print's first number, trailing zeros left out if exact."""
    if not is_finite(text):
        return text.lstrip("+")
    first = prints_of(printed)[0]
    value = Fraction(text)
    with localcontext() as context:
        context.prec = 60
        decimal = Decimal(value.numerator) / Decimal(value.denominator)
        decimals = max(0, parse_printed(first).decimals if is_number(first) else 2) + MORE
        digits = f"{decimal:.{decimals}f}"
        # What the decimals would hide is shown by its leading digits.
        if "e" in first.lower() or (value and abs(value) * 10**decimals < 10):
            mantissa = len(first.lower().partition("e")[0].partition(".")[2])
            digits = f"{decimal:.{(mantissa if 'e' in first.lower() else 1) + MORE}e}"
    if "." in digits and Fraction(digits) == value and "e" not in digits:
        return digits.rstrip("0").rstrip(".")
    return digits


def is_number(text: str) -> bool:
    """Whether a print is a decimal number."""
    try:
        return math.isfinite(float(text.replace("−", "-")))
    except ValueError:
        return False


def _in_tex(entry: str) -> str:
    if "inf" in entry:
        return entry.replace("inf", r"\infty")
    mantissa, _, exponent = entry.partition("e")
    return rf"{mantissa} \times 10^{{{int(exponent)}}}" if exponent else mantissa
