"""The edge of the verdict stages: records and ledger in, verdict tables out."""

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retrial.core.config import profile_name
from retrial.core.errors import RetrialError
from retrial.core.files import write_atomically
from retrial.core.partitioned import load_records
from retrial.core.partitions import PARTS
from retrial.core.records import ARRAYS, CURVES, PROVENANCE, RECORDS, damaged
from retrial.judging.altered import notes
from retrial.judging.judge import Family, judge_family
from retrial.judging.ledger import CLAIMS, load_claims, of_family
from retrial.judging.searches import SEARCHES
from retrial.running.integrity import require_intact

RESULTS = Path("data/results")
# What a family is judged by.
JUDGED = (RECORDS, ARRAYS, CURVES, PROVENANCE, PARTS)
Row = Mapping[str, Any]
VERDICTS = RESULTS / "verdicts"
TABLE = RESULTS / "verdicts.csv"
SUMMARY = RESULTS / "verdicts.json"
COLUMNS = (
    "id", "report", "family", "kind", "verdict", "printed", "measured", "low", "high", "n",
    "profile", "reason",
)  # fmt: skip


def write_family(family: str) -> None:
    """Judge every claim that `family` owns; one row each to data/results/verdicts/<family>.json."""
    tell_altered(family)
    claims = load_claims(CLAIMS)
    studies = [family, *([SEARCHES[family].study] if family in SEARCHES else [])]
    require_intact([RESULTS / study / name for study in studies for name in JUDGED])
    records = load_records(RESULTS / family)
    search = load_records(RESULTS / SEARCHES[family].study) if family in SEARCHES else None
    evidence = Family(records, {claim.id: claim for claim in claims}, profile_name(), search)
    rows = judge_family(of_family(claims, family), evidence)
    text = json.dumps(rows, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_atomically(VERDICTS / f"{family}.json", f"{text}\n".encode())


def merge() -> None:
    """All families' rows as one table, in the ledger's order, and their counts for dvc metrics.

    Raises RetrialError when a claim of the ledger has no verdict, or more than one.
    """
    tell_altered()
    require_intact([VERDICTS])
    rows = [row for path in sorted(VERDICTS.glob("*.json")) for row in read_rows(path)]
    found = Counter(row["id"] for row in rows)
    order = [claim.id for claim in load_claims(CLAIMS)]
    for claim_id in order:
        if found[claim_id] != 1:
            raise RetrialError(f"{VERDICTS}: {claim_id}: {found[claim_id]} verdicts, expected one")
    strange = sorted(set(found) - set(order))
    if strange:
        raise RetrialError(f"{VERDICTS}: {strange[0]}: not in the ledger, expected a claim's id")
    place = {claim_id: i for i, claim_id in enumerate(order)}
    rows.sort(key=lambda row: place[row["id"]])
    write_atomically(TABLE, table(rows).encode())
    kept = heads(rows)
    counts = {
        family: dict(sorted(Counter(headline(r) for r in kept if r["family"] == family).items()))
        for family in sorted({row["family"] for row in rows})
    }
    text = json.dumps(counts, indent=1, sort_keys=True)
    write_atomically(SUMMARY, f"{text}\n".encode())


def tell_altered(family: str = "") -> None:
    """Say on standard error which files of the ledger are not as committed."""
    for line in notes(CLAIMS, family):
        print(line, file=sys.stderr, flush=True)


def headline(row: Mapping[str, Any]) -> str:
    """What a row counts as: a number that a choice was fitted on is not counted as reproduced."""
    fitted = row["verdict"] == "reproduced" and row["fitted"]
    return "reproduced, but fitted on" if fitted else str(row["verdict"])


def heads(rows: Sequence[Row]) -> list[Row]:
    """The rows that count in headlines: a curve once, whatever the number of its epochs.

    A curve stands there by its first epoch that was judged; the epochs before it, which a choice
    was made with, are no part of its verdict.
    """
    place: dict[str, int] = {}
    kept: list[Row] = []
    for row in rows:
        key = json.dumps([row["kind"], row["family"], row["evidence"]], sort_keys=True)
        if row["kind"] != "curve" or key not in place:
            place[key] = len(kept)
            kept.append(row)
        elif kept[place[key]]["fitted"] and not row["fitted"]:
            kept[place[key]] = row
    return kept


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The verdict rows of one family; RetrialError when the file is missing or damaged."""
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        if not all({*COLUMNS, "evidence", "fitted"} <= set(row) for row in rows):
            raise damaged(path)
    except FileNotFoundError:
        raise RetrialError(f"{path}: no such file, run `dvc repro` first") from None
    except (ValueError, TypeError):
        raise damaged(path) from None
    return rows


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV with the columns that others rely on."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
