"""The verdicts of the last run and the published ones, as a terminal lists them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from retrial.judging.verdicts import TABLE, headline, read_rows
from retrial.judging.verdicts import VERDICTS as FOLDER
from retrial.report.tables import VERDICTS
from retrial.tools.diff import read_table
from retrial.tools.places import PUBLISHED


def verdict_tables(
    needed: bool = True,
) -> tuple[dict[str, Mapping[str, str]], dict[str, Mapping[str, str]]]:
    """The verdict tables of the last run and of reports/published by claim; {} for none."""
    published = PUBLISHED / TABLE.name
    if needed and not published.exists():
        return read_table(TABLE), {}
    tables = [read_table(path) if path.exists() else {} for path in (TABLE, published)]
    return tables[0], tables[1]


def fitted_on(claims: Iterable[str]) -> dict[str, bool]:
    """For each of this run's claims whether some choice was made with its number in view."""
    rows = (row for path in sorted(FOLDER.glob("*.json")) for row in read_rows(path))
    known = set(claims)
    return {row["id"]: bool(row["fitted"]) for row in rows if row["id"] in known}


def counts(rows: Iterable[Mapping[str, str]], fitted: Mapping[str, bool]) -> str:
    """How many claims have which verdict; the published table does not tell fitted ones apart."""
    found = Counter(headline({**row, "fitted": fitted.get(row["id"], False)}) for row in rows)
    order = [kind for name in VERDICTS for kind in sorted(found) if kind.startswith(name)]
    return "; ".join(f"{found[kind]} {kind}" for kind in order)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as aligned text, two spaces between columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
