"""What a notebook shows: Markdown made by code."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from IPython.display import Markdown, display

from retrial.core.errors import RetrialError
from retrial.core.partitioned import load_records
from retrial.core.records import Records
from retrial.judging.ledger import CLAIMS, Claim, load_claims, of_family
from retrial.judging.verdicts import headline, heads
from retrial.report.numbers import counted
from retrial.report.tables import FITTED, VERDICTS, chapter, small_table

Row = dict[str, Any]

UNDECIDED = ("inconclusive", "untestable")


def say(*parts: str) -> None:
    """Show Markdown. Numbers enter it through `retrial.report.numbers` only."""
    display(Markdown("\n\n".join(parts)))


def verdicts(results: Path, families: Sequence[str]) -> list[Row]:
    """The verdict rows of `families`, in the order of the ledger.

    Raises RetrialError when a family has no verdict file, or one that is not JSON.
    """
    rows = []
    for family in families:
        path = results / "verdicts" / f"{family}.json"
        try:
            rows += json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RetrialError(f"{path}: no such file, run `dvc repro` first") from None
        except json.JSONDecodeError as error:
            raise RetrialError(f"{path}: line {error.lineno}: not JSON: {error.msg}") from None
    return rows


def opened(results: str | Path, family: str) -> tuple[Records, list[Row], dict[str, Row]]:
    """What a family's notebook is about: its records, its verdict rows, and these by claim."""
    folder = Path(results)
    rows = verdicts(folder, [family])
    return load_records(folder / family), rows, {row["id"]: row for row in rows}


def ledger(results: str | Path, family: str) -> list[Claim]:
    """The claims of a family, from the project that `results` (its data/results) is part of."""
    return of_family(load_claims(Path(results).parents[1] / CLAIMS), family)


def arms_of(row: Row) -> list[str]:
    """All arms that a verdict rests on, the one that is measured first."""
    evidence = row["evidence"]
    return [arm for arm in (evidence["arm"], evidence["against"], *evidence["others"]) if arm]


def printed_value(row: Row) -> float:
    """The printed text of a claim as a number: the first one in it; nan if there is none."""
    found = re.search(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?", str(row["printed"] or ""))
    return float(found[0]) if found else float("nan")


def headlines(rows: Sequence[Row]) -> list[Row]:
    """The rows that count in headlines: a curve once, by its first epoch that was judged."""
    return [dict(row) for row in heads(rows)]


def summary(rows: Sequence[Row], of: str) -> str:
    """How many claims of `of` got which verdict; those that were fitted on, apart."""
    kept = headlines(rows)
    found: dict[str, list[str]] = {}
    for row in kept:
        found.setdefault(headline(row), []).append(row["id"])

    def told(name: str) -> str:
        return counted(len(found[name]), f"{name}: {' '.join(found[name])}")

    parts = [f"{told(name)} {name}" for name in VERDICTS if name in found]
    text = f"Of {counted(len(kept), f'claims of {of}')} claims of {of}: {', '.join(parts)}."
    if FITTED not in found:
        return text
    return (
        f"{text} A further {told(FITTED)} came out as printed, but were used to choose what the "
        "report leaves open: they do not count as reproduced."
    )


def undecided_table(rows: Sequence[Row], families: Sequence[str], caption: str) -> str:
    """How many claims of each family are `inconclusive` and `untestable`, with their shares.

    Claims are counted as in headlines; a family without claims is left out.
    """
    kept = headlines(rows)
    lines = []
    for family in (*families, ""):
        own = [row for row in kept if family in ("", row["family"])]
        if not own:
            continue
        cells = [counted(len(own), f"claims, curves once: {family or 'all families'}")]
        for verdict in UNDECIDED:
            found = [row["id"] for row in own if row["verdict"] == verdict]
            which = " ".join(found) if family else "of all families"
            share = f"{len(found)} ({len(found) / len(own):.0%})"
            cells.append(counted(share, f"{verdict}: {which}") if found else "–")
        lines.append([chapter(family) if family else "all", *cells])
    return small_table(["Family", "Claims", *(v.capitalize() for v in UNDECIDED)], lines, caption)
