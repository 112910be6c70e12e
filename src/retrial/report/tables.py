"""Tables of the report, as Markdown with one raw block for HTML and one for typst.

The verdict table exists twice because its two readers differ: in HTML it sorts, filters and opens
its rows; in print it is compact. Small tables are plain Markdown that pandoc sets for both.
"""

import html
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from retrial.core.records import Records
from retrial.judging.verdicts import headline
from retrial.report.markup import attribute, one_line, raw_block, raw_inline
from retrial.report.markup import typst_string as _q
from retrial.report.numbers import MINUS, anchor, shortened, stage_name
from retrial.report.same_bytes import limitation, recorded

Row = Mapping[str, Any]

VERDICTS = (
    "reproduced", "contradicted", "explained", "impossible", "inconclusive", "untestable",
)  # fmt: skip
# What `retrial.judging.verdicts.headline` calls a reproduced number that a choice was fitted on.
FITTED = "reproduced, but fitted on"
SYMBOLS = dict(zip(VERDICTS, "✓✗⚑∅?–", strict=True))

DETAILS = (
    ("quote", "The report says"),
    ("rendering", "In English"),
    ("statement", "As a claim"),
    ("protocol", "Protocol"),
    ("assumes", "Assumes"),
    ("choices", "Left open, and chosen here"),
    ("fitted", "Of these, chosen with this number in view"),
    ("readings", "Other readings of what is left open"),
    ("found", "Measured"),
    ("margin", "Margin"),
    ("picture", "Its runs"),
    ("seeds_needed", "Seeds that would decide"),
    ("why", "Why"),
    ("fault", "Fault that explains it"),
    ("evidence", "Record"),
    ("stage", "Stage"),
    ("inputs_md5", "Inputs md5"),
    ("fingerprints", "Trials"),
)


def verdict_table(rows: Sequence[Row], about: Mapping[str, Row] | None = None) -> str:
    """The table of all claims: searchable in HTML, compact in print.

    `about` holds for a claim what its row opens to in HTML beyond its verdict row: `protocol`,
    `picture` (an SVG) and `figure` (the id of what shows it in its chapter).
    """
    page, sheet = _verdict_html(rows, about or {}), _verdict_typst(rows)
    return f"{raw_block('html', page)}\n\n{raw_block('typst', sheet)}\n"


def family_table(rows: Sequence[Row], caption: str) -> str:
    """A family's table: printed against measured, interval, verdict and reason."""
    head = ("Claim", "Printed", "Measured", "Interval", "n", "Verdict", "Reason")
    body = "".join(
        f'<tr><th scope="row"><a href="#{_h(r["id"])}">{_breakable(r["id"])}</a></th>'
        f'<td class="num">{_h(printed(r))}</td><td class="num">{_h(measured(r))}</td>'
        f'<td class="num">{_h(interval(r))}</td><td class="num">{_h(count(r["n"]))}</td>'
        f"<td>{_badge(r)}</td><td>{_h(_prose(r['reason']))}</td></tr>\n"
        for r in rows
    )
    columns = "".join(f'<th scope="col">{name}</th>' for name in head)
    page = (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{_h(caption)}">'
        f'<table class="family"><caption>{_h(caption)}</caption>'
        f"<thead><tr>{columns}</tr></thead><tbody>\n{body}</tbody></table></div>"
    )
    cells = "".join(
        f"{_id(r['id'])}, {_t(printed(r))}, {_t(measured(r))}, {_t(interval(r))}, "
        f"{_t(count(r['n']))}, {_mark(r)}, reason({len(head) - 1}, {_t(_prose(r['reason']))}),\n"
        for r in rows
    )
    # On paper a column of reasons would be narrow and long: they stand below, over the whole width.
    columns = ", ".join(f"[*{name}*]" for name in head[:-1])
    sheet = (
        f"#reasons-table((1fr, auto, auto, auto, auto, 2.8cm), {_t(caption)},\n"
        f"table.header({columns}),\n{cells})"
    )
    return f"{raw_block('html', page)}\n\n{raw_block('typst', sheet)}\n"


def small_table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """A table of Markdown cells; the first column names its row, the others hold numbers."""
    # Captions hold numbers, which are links; a label is plain text.
    label = re.sub(r"\[([^\]]*)\]\([^)]*\)\{[^}]*\}", r"\1", caption)
    lines = [
        f'::: {{.scroll tabindex=0 role=group aria-label="{attribute(label)}"}}',
        _line(head),
        "|" + "|".join([":--", *["--:"] * (len(head) - 1)]) + "|",
        *(_line(row) for row in rows),
        "",
        f": {caption}",
        ":::",
    ]
    return "\n" + "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    # A bar that is escaped already stays as it is.
    texts = (re.sub(r"(?<!\\)\|", r"\\|", one_line(cell)) for cell in cells)
    return "| " + " | ".join(text or "&#8203;" for text in texts) + " |"


def sources(records: Records, caption: str) -> str:
    """Where a family's numbers come from: stage, inputs, data, and the trials of each arm.

    Before it stands the sentence on a study whose bytes depend on the machine.
    """
    provenance = records.provenance
    facts = [
        ("Stage", stage_name(records)),
        ("Inputs md5", records.inputs_md5()),
        *sorted(_flat(provenance, skip=("stage", "protocol", "budget", "pins"))),
    ]
    lines = [
        (arm, len(trials), sum(t["status"] == "diverged" for t in trials), trials)
        for arm in records.arms()
        for trials in [records.of(arm)]
    ]
    items = "".join(f"<dt>{_h(k)}</dt><dd><code>{_breakable(v)}</code></dd>" for k, v in facts)
    body = "".join(
        f'<tr><th scope="row">{_breakable(arm)}</th><td class="num">{n}</td>'
        f'<td class="num">{bad}</td><td class="prints">'
        f"{_h(shortened([t['fingerprint'] for t in trials]))}</td></tr>"
        for arm, n, bad, trials in lines
    )
    name = f"sources-{anchor(records.study)}"
    page = (
        f'<details class="sources" id="{name}"><summary>{_h(caption)}</summary><dl>{items}</dl>'
        f'<div class="scroll" tabindex="0" role="group" aria-label="{_h(caption)}, by arm">'
        '<table><thead><tr><th scope="col">Arm</th><th scope="col">Trials</th>'
        '<th scope="col">Diverged</th><th scope="col">Fingerprints</th></tr></thead>'
        f"<tbody>{body}</tbody></table></div></details>"
    )
    entries = "".join(f"[{_s(k)}], [{_s(v)}],\n" for k, v in facts)
    cells = "".join(
        f"{_t(arm)}, {_t(str(n))}, {_t(str(bad))}, "
        f"{_t(shortened([t['fingerprint'] for t in trials]))},\n"
        for arm, n, bad, trials in lines
    )
    sheet = (
        f"#metadata(none)#label({_q(name)})\n#sources({_t(caption)}, (\n{entries}), (\n{cells}))"
    )
    limited = limitation(records.study, recorded())
    before = f"{limited}\n\n" if limited else ""
    return f"{before}{raw_block('html', page)}\n\n{raw_block('typst', sheet)}\n"


def printed(row: Row) -> str:
    """What the report printed, with its unit."""
    text = "" if row["printed"] is None else str(row["printed"])
    return text.replace("-", MINUS) if _numeral(text) else text


def measured(row: Row) -> str:
    """The measured value at two decimals more than the printed one."""
    return _float(row["measured"], _decimals(row), _whole(row))


def interval(row: Row) -> str:
    """The interval of the measured value."""
    if row["low"] is None or row["high"] is None:
        return ""
    if row["low"] == row["high"] == row["measured"]:
        return "exact"
    decimals = _decimals(row)
    ends = (_float(row[end], decimals, _whole(row)) for end in ("low", "high"))
    return f"[{', '.join(ends)}]"


def count(n: int | float | None) -> str:
    """A sample size with its thousands set apart."""
    if n is None:
        return ""
    # Four digits stay together, as reports print them.
    return str(int(n)) if abs(n) < 10_000 else f"{int(n):,}".replace(",", "\u202f")


def _prose(reason: Any) -> str:
    """A reason without the backticks that set off a command in a terminal."""
    return str(reason or "").replace("`", "")


def _numeral(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _whole(row: Row) -> bool:
    """Whether whole numbers of a row stay without decimals, as its print has none."""
    return "." not in str(row["printed"] or "")


def _decimals(row: Row) -> int:
    text = str(row["printed"] or "")
    if not _numeral(text) or "e" in text.lower():
        return 4
    return len(text.partition(".")[2]) + 2


def _float(value: Any, decimals: int, whole: bool = True) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e9 and whole:
        return count(value).replace("-", MINUS)
    small = value != 0 and abs(value) < 10.0**-decimals
    text = f"{value:.2g}" if small else f"{value:.{decimals}f}"
    return text.replace("-", MINUS)


def _flat(content: Mapping[str, Any], skip: tuple[str, ...] = ()) -> Iterable[tuple[str, str]]:
    for key, value in content.items():
        if key in skip:
            continue
        if isinstance(value, Mapping):
            for inner, text in _flat(value):
                yield f"{key} · {inner}", text
        else:
            yield key, ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _verdict_html(rows: Sequence[Row], about: Mapping[str, Row]) -> str:
    options = "".join(
        f'<label>{name.capitalize()} <select data-filter="{name}"><option value="">all</option>'
        + "".join(f"<option>{_h(v)}</option>" for v in _values(rows, name))
        + "</select></label>\n"
        for name in ("report", "family", "kind", "verdict")
    )
    head = "".join(
        f'<th scope="col" class="by-{name}" aria-sort="none"><button type="button" '
        f'data-sort="{name}">{label}</button></th>'
        for name, label in (
            ("id", "Claim"), ("report", "Report"), ("kind", "Kind"), ("verdict", "Verdict"),
            ("printed", "Printed"), ("measured", "Measured"), ("interval", "Interval"), ("n", "n"),
        )
    )  # fmt: skip
    body = "".join(_claim_html(row, about.get(row["id"], {})) for row in rows)
    return (
        '<form class="filters" role="search" aria-label="Filter the verdicts">\n'
        '<label>Search <input type="search" placeholder="id, quote, reason …"></label>\n'
        f'{options}<button type="reset">Clear</button>\n'
        '<output aria-live="polite"></output></form>\n'
        '<div class="scroll" tabindex="0" role="group" aria-label="Verdicts of all claims">\n'
        '<table id="claims"><caption>Every claim with its verdict. A row opens to its quote, '
        "protocol, runs and record; its address is this report's with # and its id. In the picture "
        "of its runs a line is the print, or no difference, and a band its margin.</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n{body}</table></div>"
    )


def _values(rows: Sequence[Row], name: str) -> list[str]:
    present = {str(row[name]) for row in rows}
    return [v for v in VERDICTS if v in present] if name == "verdict" else sorted(present)


def _claim_html(row: Row, more: Row) -> str:
    name = _h(row["id"])
    numbers = " ".join(
        f'data-{key}="{_h(_sortable(row[key]))}"' for key in ("printed", "measured", "n", "low")
    )
    content = {**row, **more, "found": _found(row)}
    items = "".join(
        f"<dt>{label}</dt><dd>{_detail(key, content.get(key))}</dd>"
        for key, label in DETAILS
        if content.get(key) not in (None, "", [], {})
    )
    if row.get("evidence"):
        # The record's own metric finds the trials in MLflow; the id finds the stage.
        items += f"<dt>Run it again</dt><dd><code>retrial run {name}</code></dd>"
    return (
        f'<tbody id="{name}" data-report="{_h(row["report"])}" '
        f'data-family="{_h(row["family"])}" data-kind="{_h(row["kind"])}" '
        f'data-verdict="{_h(row["verdict"])}" {numbers}>'
        f'<tr><th scope="row"><button type="button" class="open" aria-expanded="true" '
        f'aria-controls="about-{name}">{_breakable(row["id"])}</button></th>'
        f'<td class="by-report">{_h(row["report"])} {_h(row["where"])}</td>'
        f'<td class="by-kind">{_h(row["kind"])}</td><td>{_badge(row)}</td>'
        f'<td class="num">{_h(printed(row))}</td><td class="num">{_h(measured(row))}</td>'
        f'<td class="num by-interval">{_h(interval(row))}</td>'
        f'<td class="num by-n">{_h(count(row["n"]))}</td></tr>\n'
        f'<tr class="about" id="about-{name}"><td colspan="8"><p>{_h(_prose(row["reason"]))}</p>'
        f"<dl>{items}</dl><p>{_links(row, more)}</p></td></tr></tbody>\n"
    )


def _found(row: Row) -> str:
    """Measured value, interval and sample size on one line."""
    size = f"n = {count(row['n'])}" if row["n"] else ""
    return ", ".join(filter(None, (f"{measured(row)} {interval(row)}".strip(), size)))


def _links(row: Row, more: Row) -> str:
    chapter = f"family-{anchor(row['family'])}"
    targets = [(row["id"], "link to this claim"), (chapter, "its chapter")]
    if more.get("figure"):
        targets.insert(1, (more["figure"], "where it is shown"))
    return " · ".join(f'<a href="#{_h(target)}">{text}</a>' for target, text in targets)


def _sortable(value: Any) -> str:
    return "" if value is None else str(value)


def _detail(key: str, value: Any) -> str:
    if key == "quote":
        return f"<q>{_h(value)}</q>"
    if key == "picture":
        return str(value)  # our own SVG
    if isinstance(value, Mapping):
        pairs = _flat({k: v for k, v in value.items() if v})
        return "<code>" + _h("; ".join(f"{k}: {text}" for k, text in pairs)) + "</code>"
    if key == "fingerprints":
        return f'<span class="prints">{_h(shortened(value))}</span>'
    if isinstance(value, (list, tuple)):
        return _h("; ".join(str(v) for v in value))
    text = _float(value, 4) if isinstance(value, float) else value
    return _h(text)


def _verdict_typst(rows: Sequence[Row]) -> str:
    cells = "".join(
        f"[#metadata(none)#label({_q(str(r['id']))})#{_id(r['id'])}], {_t(r['where'])}, "
        f"{_t(r['kind'])}, {_mark(r)}, {_t(printed(r))}, {_t(measured(r))}, "
        f"{_t(interval(r))}, {_t(count(r['n']))},\n"
        for r in rows
    )
    return f"#verdict-table((\n{cells}))"


def badge(row: Row) -> str:
    """A row's verdict within a line of Markdown."""
    return raw_inline("html", _badge(row)) + raw_inline("typst", f"#{_mark(row)}")


def chapter(family: str) -> str:
    """A link to a family's chapter within a line of Markdown; its name where print lacks that."""
    name, target = family.replace("_", " "), f"family-{anchor(family)}"
    page = f'<a href="#{_h(target)}">{_h(name)}</a>'
    return raw_inline("html", page) + raw_inline("typst", f"#chapter({_q(target)}, {_q(name)})")


def _badge(row: Row) -> str:
    verdict = row["verdict"]
    return (
        f'<span class="verdict {_h(verdict)}"><span aria-hidden="true">{SYMBOLS[verdict]}</span> '
        f"{_h(verdict)}</span>" + (' <span class="fitted">fitted on</span>' if _fitted(row) else "")
    )


def _mark(row: Row) -> str:
    return f"verdict({_q(row['verdict'])}, fitted: {'true' if _fitted(row) else 'false'})"


def _fitted(row: Row) -> bool:
    return headline(row) == FITTED


def _h(value: Any) -> str:
    return html.escape("" if value is None else str(value))


def _breakable(name: Any) -> str:
    return _h(name).replace("-", "-<wbr>").replace("/", "/<wbr>").replace("_", "_<wbr>")


def _t(value: Any) -> str:
    return _q("" if value is None else str(value))


def _s(value: Any) -> str:
    return f"#{_q(str(value))}"


def _id(name: Any) -> str:
    # A zero-width space after each hyphen lets a long id break inside its column.
    return _q(str(name).replace("-", "-\u200b"))
