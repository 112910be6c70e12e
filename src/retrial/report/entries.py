"""Page-width entries: a claim's printed line, the right one, and a sentence why."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retrial.core.records import Records
from retrial.report.markup import formula, identifier, plain
from retrial.report.stories import labelled, quiet, slip_told
from retrial.report.tables import badge

Row = Mapping[str, Any]

# Formulas with more TeX than this may be wider than a phone and scroll.
LONG = 60


def entries(records: Records, rows: Sequence[Row], *prefixes: str) -> list[str]:
    """The entries of all claims whose ids begin with one of `prefixes`, as Markdown, in order.

    `records` are those of the worked sheets, from which what a slip gives is drawn. Raises
    ValueError when a prefix finds none: a claim would go missing unseen.
    """
    for prefix in prefixes:
        if not any(row["id"].startswith(prefix) for row in rows):
            raise ValueError(f"entries: no claim begins with {prefix!r}")
    return [entry(row, records) for row in rows if row["id"].startswith(prefixes)]


def entry(row: Row, records: Records) -> str:
    """One claim: its id, verdict and place; then what is printed, what is right, and why.

    Where the verdict is *explained*, the why is the suspicion of a story: the slip is put back,
    and what comes out stands last.
    """
    name = identifier(row["id"])
    parts = [
        f"::: {{.entry #line-{name}}}",
        "```{=typst}\n#entry[\n```",
        f"[**{plain(name)}**](#{name}) {badge(row)} {quiet('where', row['where'])}",
        *_lines(row),
        *_reason(row, records),
        "```{=typst}\n]\n```",
        ":::",
    ]
    return "\n\n".join(parts)


def slips_found(rows: Sequence[Row]) -> str:
    """The slips that explain what is printed, each with its claims, as a Markdown list."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row["verdict"] == "explained":
            found.setdefault((row["fault"], row["why"]), []).append(row["id"])
    return "\n".join(
        f"- {plain(why)} {', '.join(_line_of(name) for name in names)}"
        for (_, why), names in found.items()
    )


def _line_of(name: str) -> str:
    return f"[{plain(name)}](#line-{identifier(name)})"


def _lines(row: Row) -> Iterator[str]:
    """The printed line and, unless it is right, the right one."""
    if row["tex"]:
        yield _typeset("printed", row["tex"], row["id"])
    else:
        yield labelled("printed", plain(row["statement"]))
    if row["right"] and row["verdict"] != "reproduced":
        label = "proxy" if row["verdict"] == "untestable" else "right"
        yield _typeset(label, row["right"], row["id"])


def _reason(row: Row, records: Records) -> Iterator[str]:
    """Why the verdict; of an explained line, with the slip and what it gives."""
    why = plain(row["why"] or row["reason"])
    if row["verdict"] != "explained":
        yield why
        return
    slip, given = slip_told(row, records)
    yield labelled("suspicion", why)
    yield labelled("put back", slip)
    yield labelled("gives", given)


def _typeset(label: str, tex: str, name: str) -> str:
    line = labelled(label, formula(tex))
    if len(tex) <= LONG:
        return line
    return f'::: {{.scroll tabindex=0 role=group aria-label="{label} line of {name}"}}\n{line}\n:::'
