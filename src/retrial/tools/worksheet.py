"""Predict-then-reveal worksheets: claims with their protocols, each verdict hidden until asked.

A worksheet is one HTML page without a script, made from the published verdicts. On a screen each
verdict opens under its claim; on paper all of them stand on a page of their own, the last one.
"""

import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from retrial.core.errors import RetrialError
from retrial.core.partitioned import load_records
from retrial.core.records import Records
from retrial.judging.verdicts import heads
from retrial.report.card import measured
from retrial.report.protocols import protocol
from retrial.report.tables import VERDICTS
from retrial.report.terminal import in_terminal
from retrial.tools.places import MANIFEST, PUBLISHED, ROWS
from retrial.tools.published import laid_out

Row = Mapping[str, Any]

RULES = {
    "value": "the mean over the seeds is compared with the print, within a margin",
    "order": "paired differences over the seeds and the test images",
    "curve": "every printed epoch against the runs, one verdict for the curve",
    "choice": "how often the study chooses the same, over seeds and folds",
    "count": "exact comparison at the printed decimals",
    "exact": "exact comparison at the printed decimals",
    "formula": "automatic differentiation or exact arithmetic on random inputs",
    "statement": "a test with a threshold that was stated beforehand",
}
# What a class ticks, in words that give nothing away of how the verdicts are called.
PREDICTIONS = ("It comes out as printed", "It does not", "The runs cannot decide it")
CONFIDENCES = ("a guess", "rather sure", "certain")
STYLE = """
body { font: 1rem/1.5 sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
article { border-top: 2px solid; padding: .5rem 0 1rem; break-inside: avoid; }
h2 { font-size: 1.1rem; } dl { display: grid; grid-template-columns: 8rem 1fr; gap: .3rem; }
dt { font-weight: bold; } dd { margin: 0; } dd, q { overflow-wrap: anywhere; }
fieldset { margin: .4rem 0; } label { display: inline-block; margin-right: 1rem; }
.why, textarea { display: block; width: 100%; box-sizing: border-box; font: inherit; }
summary { cursor: pointer; } table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .3rem; border-bottom: 1px solid; vertical-align: top; }
.answers { display: none; } .answers tr > :nth-child(n + 4) { min-width: 8rem; }
@media (max-width: 30rem) { dl { display: block; } dd { margin: 0 0 .4rem 1rem; } }
@media print {
  body { font-size: 10pt; line-height: 1.3; margin: 0; max-width: none; }
  details { display: none; }
  .answers { display: block; break-before: page; font-size: 8pt; }
}
"""


@dataclass(frozen=True)
class Tried:
    """How a claim was tried: the protocol in words, and what the arms behind its verdict took.

    `count`: their trials; `seeds`: the fewest of an arm; `seconds`: of CPU time, None where those
    of an arm were not recorded.
    """

    protocol: str
    count: int
    seeds: int
    seconds: float | None


def worksheet(root: Path, family: str | None, report: str | None, count: int, seed: int) -> str:
    """A worksheet of at most `count` of the claims published below `root`, as HTML.

    Raises RetrialError when nothing is published or no claim is of this family and report.
    """
    folder = root / PUBLISHED
    rows, manifest = _read(folder / ROWS), _read(folder / MANIFEST)
    picked = chosen(rows, family, report, count, seed)
    with laid_out(folder, dict.fromkeys(row["stage"] for row in picked)) as view:
        tried = [how_tried(row, load_records(view / row["stage"]), manifest) for row in picked]
    named = {"report": report, "family": family}
    about = ", ".join(f"{key} {value}" for key, value in named.items() if value)
    return page(picked, tried, f"{about or 'all reports'}, drawn with seed {seed}")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RetrialError(f"{path}: no such file; worksheets need published verdicts") from None
    except json.JSONDecodeError as error:
        raise RetrialError(f"{path}: line {error.lineno}: not JSON: {error.msg}") from None


def chosen(
    rows: Sequence[Row], family: str | None, report: str | None, count: int, seed: int
) -> list[Row]:
    """At most `count` claims, a curve counted once, in the order of the ledger.

    Verdicts take turns, so that a small sheet has as many different ones as there are, and within
    a verdict families do; the rest is drawn by a hash of seed and id. Raises RetrialError for a
    family or a report that owns no published claim.
    """
    kept = heads(rows)
    for key, value in (("family", family), ("report", report)):
        known = sorted({str(row[key]) for row in kept})
        kept = [row for row in kept if value in (None, row[key])]
        if not kept:
            of = ", ".join(known)
            raise RetrialError(f"--{key} = {value!r}: no such published claim, expected of {of}")
    piles = [
        _pile([row for row in kept if row["verdict"] == verdict], seed) for verdict in VERDICTS
    ]
    turns = [row["id"] for turn in zip_longest(*piles) for row in turn if row is not None]
    return [row for row in kept if row["id"] in turns[:count]]


def _pile(rows: Sequence[Row], seed: int) -> list[Row]:
    """`rows` as they are drawn: the first of each family, then the second of each, and so on."""

    def drawn(row: Row) -> str:
        return hashlib.sha256(f"{seed}:{row['id']}".encode()).hexdigest()

    turns: dict[str, list[Row]] = {}
    for row in sorted(rows, key=drawn):
        turns.setdefault(row["family"], []).append(row)
    return [row for turn in zip_longest(*turns.values()) for row in turn if row is not None]


def how_tried(row: Row, records: Records, manifest: Mapping[str, Any]) -> Tried:
    """How the claim of a row was tried, by the records of its study."""
    evidence = row["evidence"]
    named = dict.fromkeys((evidence["arm"], evidence["against"], *evidence["others"]))
    seeds = [len(records.of(arm)) for arm in named if arm is not None]
    timings = manifest["timings"].get(row["stage"], {})
    spent = [timings.get(arm) for arm in named if arm is not None]
    known = [sum(seconds) for seconds in spent if seconds]
    return Tried(
        protocol(row, records),
        sum(seeds),
        min(seeds),
        sum(known) if len(known) == len(spent) else None,
    )


def page(rows: Sequence[Row], tried: Sequence[Tried], about: str) -> str:
    """The HTML of a sheet: an article for each row, and all verdicts on a last page for print."""
    articles = "".join(
        _article(number, row, one)
        for number, (row, one) in enumerate(zip(rows, tried, strict=True), start=1)
    )
    answers = "".join(
        f"<tr><th scope='row'>{number}</th><td>{_h(row['id'])}</td><td>{_h(row['verdict'])}</td>"
        f"<td>{_h(measured(row))}</td><td>{_reason(row)}</td></tr>\n"
        for number, row in enumerate(rows, start=1)
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Retrial: predict, then reveal</title><style>{STYLE}</style></head><body><main>
<h1>Predict, then reveal</h1>
<p>{len(rows)} printed claims ({_h(about)}). Read what was printed and how it was tried, tick what
you expect and how sure you are, and write down why. Then look.</p>
{articles}<section class="answers"><h2>What came out</h2><table><thead><tr><th scope="col">No.</th>
<th scope="col">Claim</th><th scope="col">Verdict</th><th scope="col">Measured</th>
<th scope="col">Reason</th></tr></thead><tbody>
{answers}</tbody></table></section></main></body></html>
"""


def _article(number: int, row: Row, tried: Tried) -> str:
    unit = "%" if row["unit"] == "percent" else ""
    chance = "there is no chance in it" if row["evidence"]["deterministic"] else f"{tried.seeds}"
    spent = "not recorded" if tried.seconds is None else _rounded(tried.seconds)
    facts = [
        ("Printed", f"{row['printed']}{unit}" if row["printed"] else in_terminal(row["tex"])),
        ("In English", row["rendering"]),
        ("As a claim", row["statement"]),
        ("What was run", tried.protocol),
        ("Assumed", "; ".join(row["assumes"])),
        ("Left open, and chosen here", "; ".join(row["choices"])),
        ("How it is judged", RULES[row["kind"]]),
        ("Seeds", f"{chance}; {tried.count} trial{'s' if tried.count > 1 else ''} in all"),
        ("CPU-seconds of its trials", spent),
    ]
    items = "".join(f"<dt>{label}</dt><dd>{_h(text)}</dd>" for label, text in facts if text)
    return f"""<article><h2>{number}. {_h(row["id"])}</h2>
<blockquote dir="auto"><q>{_h(row["quote"])}</q></blockquote>
<dl>{items}</dl>
{_ticks("Prediction", PREDICTIONS, number)}{_ticks("Confidence", CONFIDENCES, number)}
<label class="why">Why <textarea rows="2"></textarea></label>
<details><summary>What came out</summary><p><strong>{_h(row["verdict"])}</strong>
{_h(measured(row))}</p><p>{_reason(row)}</p></details></article>
"""


def _ticks(legend: str, choices: Sequence[str], number: int) -> str:
    name = f"{legend.lower()}-{number}"
    labels = "".join(
        f'<label><input type="radio" name="{name}"> {_h(choice)}</label>' for choice in choices
    )
    return f"<fieldset><legend>{legend}</legend>{labels}</fieldset>"


def _rounded(seconds: float) -> str:
    """Seconds with two digits, since they differ from one machine to another."""
    if seconds < 1:
        return "less than 1"
    return f"{float(f'{seconds:.2g}'):,.0f}".replace(",", "\u202f")


def _reason(row: Row) -> str:
    return _h(str(row["reason"]).replace("`", ""))


def _h(value: Any) -> str:
    return html.escape("" if value is None else str(value))
