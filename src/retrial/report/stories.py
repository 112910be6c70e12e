"""Faults told as short stories: what is printed, the suspicion, the fault put back, what comes out.

A story is the same whether its verdict is reached under a profile or not: its numbers are drawn
from what was run, and the verdict stands beside it.
"""

import html
from collections.abc import Mapping, Sequence
from typing import Any

from retrial.core.records import Records
from retrial.judging.faults import Fault
from retrial.judging.lines import shown
from retrial.judging.statements.worked import UNBOUNDED
from retrial.report.markup import raw_inline, typst_string
from retrial.report.numbers import MINUS, drawn

Row = Mapping[str, Any]


def story(name: str, printed: str, suspicion: str, put_back: str, comes_out: str) -> str:
    """A fault's story as one block of four paragraphs, in Markdown.

    `name` is the block's anchor, `story-<name>`.
    """
    parts = (
        f"::: {{.entry #story-{name}}}",
        # Lines of code would be torn apart if they were justified.
        "```{=typst}\n#block(inset: (left: 8pt, y: 2pt), stroke: (left: 1.6pt + rule))[\n"
        "#set par(justify: false)\n```",
        f"**Printed.** {printed}",
        f"**Suspicion.** {suspicion}",
        f"**Put back.** {put_back}",
        f"**Comes out.** {comes_out}",
        "```{=typst}\n]\n```",
        ":::",
    )
    return "\n\n".join(parts)


def one_line(fault: Fault) -> str:
    """The change that a fault makes, as code."""
    return f"One line: `{fault.faulty}` for `{fault.right}`."


def slip_told(row: Row, records: Records) -> tuple[str, str]:
    """Of an explained line worked by hand: the slip that is put back, and what comes out of it.

    `row` is the verdict and `records` are those of the worked sheets. A number is the exact value
    of the slipped line; of a formula the record has how far its value lies from the right one.
    """
    arm, metric, slip = row["evidence"]["arm"], row["evidence"]["metric"], row["fault"]
    slips = records.of(arm)[0]["detail"]["slips"]
    line, _, place = metric.partition(".")
    put_back = f"`{slip}`, one change of the right line"
    if row["evidence"]["test"] == "worked_number":
        right = records.of(arm)[0]["detail"]["lines"][line]["value"]
        wrong, instead = (
            drawn(_text([of[int(place)]] if place else of, row["printed"]), records, [arm], what)
            for of, what in (
                (slips[slip]["values"][line], f"{metric} with the slip {slip}"),
                (right, f"{metric}, the right line"),
            )
        )
        known = sum(line in one["values"] for one in slips.values())
        tried = drawn(known, records, [arm], f"slips that change {metric}")
        return f"{put_back}, of {tried} that were tried.", f"{wrong} in place of {instead}."
    apart = float(records.metric(arm, f"{metric}.{slip}")[0])
    draws = records.sample_size(arm, f"{metric}.difference")
    rounded = drawn(float(f"{apart:.2g}"), records, [arm], f"{metric} with {slip}")
    far = f"by up to {rounded} times the right one" if apart < UNBOUNDED else "without bound"
    inputs = f" on {drawn(draws, records, [arm], 'draws')} random inputs" if draws > 1 else ""
    return f"{put_back}.", f"The printed line. Its value is off {far}{inputs}."


def _text(values: Sequence[str], printed: str) -> str:
    """Exact values with two digits more than the print has, in prose."""
    return shown(values, printed).replace("-", MINUS).replace("inf", "∞")


def labelled(label: str, text: str) -> str:
    """A paragraph that begins with its label."""
    return f"{quiet('label', label)} {text}"


def quiet(kind: str, text: str) -> str:
    """A label beside the text: `kind` is its class in HTML and its function in typst."""
    page = f'<span class="{kind}">{html.escape(text)}</span>'
    sheet = f"#{kind}-of({typst_string(text)})"
    return raw_inline("html", page) + raw_inline("typst", sheet)
