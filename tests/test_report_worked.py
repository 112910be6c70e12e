"""The table of exercises: every claim in one of them, every section in its notebook."""

import re
from pathlib import Path
from typing import Any

import pytest

from retrial.judging.ledger import CLAIMS, load_claims, of_family
from retrial.report import worked as chapter
from retrial.report.book import CHAPTERS, SOURCES

ROOT = Path(__file__).parents[1]


def row(name: str, verdict: str, kind: str = "exact") -> dict[str, Any]:
    return {"id": name, "report": name[:3], "verdict": verdict, "kind": kind}


ROWS = [
    row("003-6-z1", "explained"), row("003-6-z2", "impossible"), row("003-6-z3", "reproduced"),
    row("001-T6-order", "contradicted", "formula"), row("001-T1-w", "untestable", "statement"),
]  # fmt: skip


def texts(line: str) -> list[str]:
    return re.findall(r"\[([^\]]*)\]\(#", line)


def test_every_claim_is_of_one_exercise() -> None:
    claims = of_family(load_claims(ROOT / CLAIMS), "worked")
    rows = [{"id": claim.id} for claim in claims]
    found = [one["id"] for name in chapter.EXERCISES for one in chapter.of_exercise(rows, name)]
    assert sorted(found) == sorted(claim.id for claim in claims)


def test_every_exercise_has_its_section() -> None:
    texts_ = [(ROOT / SOURCES / f"{name}.py").read_text("utf-8") for name in CHAPTERS["worked"]]
    sections = re.findall(r"^# ## .* \{#worked-([\w-]+)\}", "\n".join(texts_), re.MULTILINE)
    assert sections[3:-2] == list(chapter.EXERCISES)


def test_the_table_counts_verdicts_by_exercise() -> None:
    found = chapter.by_exercise(ROWS, "Worked.")
    head, *lines = [line for line in found.splitlines() if line.startswith("| ")]
    shown = ["contradicted", "explained", "impossible", "reproduced", "untestable"]
    assert sorted(head.strip("| ").split(" | ")[2:]) == shown
    assert len(lines) == 3
    by_hand = next(line for line in lines if "hand-backprop" in line)
    assert texts(by_hand) == ["back-propagation by hand", "3", "1", "1", "1"]
    assert by_hand.startswith("| 003: ")


def test_kinds_in_words() -> None:
    told = re.sub(
        r"\[([^]]*)\]\([^)]*\)\{[^}]*\}", r"\1", chapter.of_kind(ROWS, ["exact"], "numbers")
    )
    assert told == "3 numbers: 1 reproduced, 1 explained, 1 impossible"


def test_the_hardest_exercise_has_the_most_wrong_lines() -> None:
    name, own, wrong = chapter.hardest(ROWS)
    assert (name, len(own)) == ("hand-backprop", 3)
    assert [one["id"] for one in wrong] == ["003-6-z1", "003-6-z2"]


@pytest.mark.parametrize("verdict", ["reproduced", "untestable"])
def test_lines_that_are_not_wrong(verdict: str) -> None:
    assert chapter.hardest([row("003-6-z1", verdict)])[2] == []
