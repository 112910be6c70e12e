"""What a notebook shows: Markdown made by code."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from IPython.display import Markdown, display

from retrial.core.errors import RetrialError
from retrial.report.numbers import counted
from retrial.report.tables import VERDICTS


def say(*parts: str) -> None:
    """Show Markdown. Numbers enter it through `retrial.report.numbers` only."""
    display(Markdown("\n\n".join(parts)))


def verdicts(results: Path, families: Sequence[str]) -> list[dict[str, Any]]:
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


def printed_value(row: dict[str, Any]) -> float:
    """The printed text of a claim as a number: the first one in it; nan if there is none."""
    found = re.search(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?", str(row["printed"] or ""))
    return float(found[0]) if found else float("nan")


def headlines(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that count in headlines: of the epochs of one curve, the first only."""
    seen = set()
    kept = []
    for row in rows:
        key = json.dumps([row["kind"], row["evidence"]], sort_keys=True)
        if row["kind"] != "curve" or key not in seen:
            kept.append(row)
        seen.add(key)
    return kept


def summary(rows: Sequence[dict[str, Any]], of: str) -> str:
    """One sentence: how many claims of `of` got which verdict."""
    kept = headlines(rows)
    parts = []
    for name in VERDICTS:
        ids = [row["id"] for row in kept if row["verdict"] == name]
        if ids:
            parts.append(f"{counted(len(ids), f'{name}: ' + ' '.join(ids))} {name}")
    return f"Of {counted(len(kept), f'claims of {of}')} claims of {of}: {', '.join(parts)}."
