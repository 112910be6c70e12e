"""What a report's page and its print have in common: headings, claims, letters."""

import html
import re
from pathlib import Path

from pypdf import PdfReader

HEADING = re.compile(r"<h([1-6])[^>]*>(.*?)</h\1>", re.DOTALL)
MAIN = re.compile(r"<main.*</main>", re.DOTALL)


def page_headings(path: Path) -> list[str]:
    """The headings of an HTML report in their order; of a formula, its letters alone."""
    main = MAIN.findall(path.read_text(encoding="utf-8"))[0]
    return [
        letters(html.unescape(re.sub(r"<[^>]*>", "", text))) for _, text in HEADING.findall(main)
    ]


def print_headings(reader: PdfReader) -> list[str]:
    """The headings of a PDF as its outline has them."""

    def below(entries: list[object]) -> list[str]:
        found = []
        for entry in entries:
            found += below(entry) if isinstance(entry, list) else [letters(entry["/Title"])]  # type: ignore[index]
        return found

    return below(list(reader.outline))


def letters(text: str) -> str:
    """A text without what a formula and a line end add to it."""
    return re.sub(r"[^\w]", "", text)


def claims_of(path: Path) -> list[str]:
    """The ids of the claims that an HTML report has rows for."""
    found = re.findall(r'<tbody id="([^"]+)"', path.read_text(encoding="utf-8"))
    return [html.unescape(name) for name in found]


def missing(claims: list[str], reader: PdfReader) -> set[str]:
    """The claims whose ids no page of a PDF has."""
    lost = set(claims)
    for page in reader.pages:
        if not lost:
            break
        # An id may break after each of its hyphens.
        text = re.sub(r"-\u200b?\s*", "-", page.extract_text())
        lost -= set(re.findall(r"[\w.-]+", text))
    return lost
