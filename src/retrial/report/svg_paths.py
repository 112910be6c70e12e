"""Paths of SVG files in few bytes: hundredths as whole numbers, steps instead of places."""

import re
from collections.abc import Iterable

HUNDREDTHS = 100
# A path with more places than this is a curve or a cloud of marks: tenths of a point, a 700th of an
# inch, tell it as well, and take a fifth less.
LONG = 40
ARGUMENTS = {"M": 2, "L": 2, "Q": 4, "C": 6}


def relative(data: str) -> str:
    """A path of absolute M, L, Q, C and z, as matplotlib writes them, in relative commands.

    Every place is rounded by itself, so that rounding does not add up along a path: to a hundredth,
    and to a tenth in a path of more than LONG commands.
    Raises ValueError for another command.
    """
    out: list[str] = []
    last = ""
    here = start = (0, 0)
    commands = re.findall(r"([A-Za-z])([^A-Za-z]*(?:e-?\d+[^A-Za-z]*)*)", data)
    grain = HUNDREDTHS // 10 if len(commands) > LONG else 1
    for command, text in commands:
        name = command.upper()
        if name == "Z":
            out.append("z")
            here, last = start, "z"
            continue
        if command not in ARGUMENTS:
            raise ValueError(f"path command {command!r}, expected one of M, L, Q, C, z")
        values = [grain * round(float(value) * HUNDREDTHS / grain) for value in text.split()]
        for first in range(0, len(values), ARGUMENTS[name]):
            part = values[first : first + ARGUMENTS[name]]
            steps = [value - here[i % 2] for i, value in enumerate(part)]
            here = (part[-2], part[-1])
            written, last = _step(name if not first or name != "M" else "L", steps, last)
            if name == "M" and not first:
                start = here
            out.append(written)
    return "".join(out)


def vertices(places: Iterable[tuple[str, str]]) -> str:
    """A path through places, given as texts of absolute x and y."""
    joined = " L ".join(f"{x} {y}" for x, y in places)
    return relative(f"M {joined}")


def _step(name: str, steps: list[int], last: str) -> tuple[str, str]:
    """One command as text, and its letter; the letter is left out where the last one holds on."""
    letter, numbers = name.lower(), steps
    if name == "L" and 0 in steps:
        letter = "h" if not steps[1] else "v"
        numbers = [steps[0] if letter == "h" else steps[1]]
    text = ""
    for number in numbers:
        short = hundredths(number)
        text += short if not text or short.startswith("-") else f" {short}"
    # After m, further pairs are lines.
    goes_on = letter == last or (letter == "l" and last == "m")
    if goes_on:
        return (text if text.startswith("-") else f" {text}"), letter
    return letter + text, letter


def hundredths(number: int) -> str:
    """A whole number of hundredths in its shortest form: 1250 is 12.5, -5 is -.05."""
    sign, size = "-" if number < 0 else "", abs(number)
    whole, part = divmod(size, HUNDREDTHS)
    if not part:
        return f"{sign}{whole}"
    return f"{sign}{whole or ''}.{part:02d}".rstrip("0")
