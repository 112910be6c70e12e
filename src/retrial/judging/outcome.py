"""What judging one claim gives, before the rules that hold for every claim are applied."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """A verdict with its evidence.

    `measured`, `low` and `high` are in the unit of the print (None: no single number); `n` is the
    number of runs; `margin` the Δ that was used; `seeds_needed` what would decide it. Of a line of
    a calculation, `right` is the right line in TeX and `why` a sentence on what is printed.
    """

    verdict: str
    measured: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    reason: str = ""
    fault: str | None = None
    margin: float | None = None
    seeds_needed: int | None = None
    right: str = ""
    why: str = ""


def number(value: float, decimals: int) -> str:
    """A number for a reason, with the decimals of the print and one more."""
    return f"{value:.{max(0, decimals)}f}"
