"""Does every quote of the ledger stand in its report's text?"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from retrial.core.errors import RetrialError
from retrial.judging.ledger import Claim

# Within a quote these stand for words left out; the parts on both sides must follow each other.
GAP = re.compile(r"\s*(?:…|\[\.\.\.\])\s*")
# Zero-width characters join or part Persian letters without being seen; soft hyphens likewise.
UNSEEN = re.compile(r"[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]+")


class Missing(NamedTuple):
    """A quote that its report does not hold; `part` is the part that was not found."""

    claim: str
    report: str
    part: str


def squeezed(text: str) -> str:
    """`text` without white space and unseen characters, in Unicode's compatibility form.

    Texts that were taken out of a PDF break lines and words where the print does not.
    """
    return UNSEEN.sub("", unicodedata.normalize("NFKC", text))


def read_reports(folder: Path) -> dict[str, str]:
    """The squeezed text of each report below `folder`: `000.txt` or `000_anything.txt`."""
    paths = sorted(folder.glob("*.txt"))
    if not paths:
        raise RetrialError(f"{folder}: no *.txt file, expected one text for each report")
    return {
        re.split(r"[_.]", path.name)[0]: squeezed(
            path.read_text(encoding="utf-8", errors="replace")
        )
        for path in paths
    }


def holds(text: str, quote: str) -> str:
    """The first part of `quote` that the squeezed `text` lacks; "" when it has all, in order."""
    place = 0
    for part in GAP.split(quote):
        found = text.find(squeezed(part), place)
        if found < 0:
            return part
        place = found + len(squeezed(part))
    return ""


def check(claims: Iterable[Claim], reports: Mapping[str, str]) -> list[Missing]:
    """Every claim whose quote is empty or does not stand in its report's text."""
    missing = []
    for claim in claims:
        if claim.report not in reports:
            known = ", ".join(sorted(reports))
            raise RetrialError(f"claims: report {claim.report}: no text of it, found {known}")
        part = holds(reports[claim.report], claim.quote) if claim.quote else "(no quote)"
        if part:
            missing.append(Missing(claim.id, claim.report, part))
    return missing
