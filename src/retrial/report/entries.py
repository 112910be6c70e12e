"""Page-width entries: a claim's printed line, the right one, and a sentence why."""

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retrial.report.tables import badge

Row = Mapping[str, Any]

# Formulas with more TeX than this may be wider than a phone and scroll.
LONG = 60


def entries(rows: Sequence[Row], *prefixes: str) -> list[str]:
    """The entries of all claims whose ids begin with one of `prefixes`, as Markdown, in order.

    Raises ValueError when a prefix finds none: a claim would go missing unseen.
    """
    for prefix in prefixes:
        if not any(row["id"].startswith(prefix) for row in rows):
            raise ValueError(f"entries: no claim begins with {prefix!r}")
    return [entry(row) for row in rows if row["id"].startswith(prefixes)]


def entry(row: Row) -> str:
    """One claim: its id, verdict and place; then what is printed, what is right, and why."""
    name = row["id"]
    parts = [
        f"::: {{.entry #line-{name}}}",
        "```{=typst}\n#entry[\n```",
        f"[**{plain(name)}**](#{name}) {badge(row)} {_quiet('where', row['where'])}",
        *_lines(row),
        plain(row["why"] or row["reason"]),
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
        f"- {plain(why)} {', '.join(f'[{plain(name)}](#line-{name})' for name in names)}"
        for (_, why), names in found.items()
    )


def plain(text: str) -> str:
    """Text as Markdown that means just this text."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!<>|~^$\"'@=:])", r"\\\1", text)


def _lines(row: Row) -> Iterator[str]:
    """The printed line and, unless it is right, the right one."""
    if row["tex"]:
        yield _typeset("printed", row["tex"], row["id"])
    else:
        yield f"{_quiet('label', 'printed')} {plain(row['statement'])}"
    if row["right"] and row["verdict"] != "reproduced":
        label = "proxy" if row["verdict"] == "untestable" else "right"
        yield _typeset(label, row["right"], row["id"])


def _quiet(kind: str, text: str) -> str:
    """A label beside the text: `kind` is its class in HTML and its function in typst."""
    page = f'<span class="{kind}">{html.escape(text)}</span>'
    return f"`{page}`{{=html}}`#{kind}-of({json.dumps(text, ensure_ascii=False)})`{{=typst}}"


def _typeset(label: str, tex: str, name: str) -> str:
    line = f"{_quiet('label', label)} ${tex}$"
    if len(tex) <= LONG:
        return line
    return (
        f'::: {{.scroll tabindex=0 role=region aria-label="{label} line of {name}"}}\n{line}\n:::'
    )
