"""A family's chapters stand alone: the same sections in the same order, each with its anchor.

The order of the families is one: of chapters, of stages, of protocols and of budgets.
"""

import csv
import re
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from retrial.judging.ledger import CLAIMS, load_claims
from retrial.report.book import CHAPTERS, SOURCES
from retrial.report.numbers import anchor

ROOT = Path(__file__).parents[1]
HEADING = re.compile(r"^(?:# |.*\")(#{1,2}) ([^{]*?) \{+#([^}]+)\}", re.MULTILINE)
# What every family has, in this order; figures stand between the table and what follows.
SECTIONS = {
    "claimed": "What was claimed",
    "run": "What was run",
    "table": "Printed against measured",
    "follows": "What follows",
    "limits": "Limits",
}


def headings(family: str) -> list[tuple[int, str, str]]:
    """Level, title and anchor of each heading of a family's notebooks, in their order."""
    texts = [(ROOT / SOURCES / f"{name}.py").read_text("utf-8") for name in CHAPTERS[family]]
    return [
        (len(level), title, name) for text in texts for level, title, name in HEADING.findall(text)
    ]


@pytest.mark.parametrize("family", CHAPTERS)
def test_a_family_has_every_section_in_order(family: str) -> None:
    found = {name: title for level, title, name in headings(family) if level == 2}
    wanted = {f"{anchor(family)}-{key}": title for key, title in SECTIONS.items()}
    assert {name: title for name, title in found.items() if name in wanted} == wanted
    assert [name for name in found if name in wanted] == list(wanted)
    names = list(found)
    assert names[0] == f"{anchor(family)}-claimed"
    # Figures before what follows from them; nothing but the sources after the limits.
    assert names.index(f"{anchor(family)}-follows") > names.index(f"{anchor(family)}-table") + 1
    assert names[-2:] == [f"{anchor(family)}-follows", f"{anchor(family)}-limits"]


@pytest.mark.parametrize("family", CHAPTERS)
def test_the_first_heading_names_the_family(family: str) -> None:
    source = (ROOT / SOURCES / f"{CHAPTERS[family][0]}.py").read_text("utf-8")
    first = next(line for line in source.splitlines() if "{#family-" in line or "#family-{" in line)
    assert f"{{#family-{anchor(family)}}}" in first or "anchor(records.study)" in first


def test_no_anchor_stands_twice() -> None:
    names = [name for family in CHAPTERS for _, _, name in headings(family)]
    assert len(set(names)) == len(names)


def test_what_is_explained_has_its_story() -> None:
    with (ROOT / SOURCES / "published/verdicts.csv").open(encoding="utf-8", newline="") as file:
        explained = {row["family"] for row in csv.DictReader(file) if row["verdict"] == "explained"}
    assert explained
    for family in explained:
        texts = [(ROOT / SOURCES / f"{name}.py").read_text("utf-8") for name in CHAPTERS[family]]
        assert re.search(r"\b(story|entries)\(", "".join(texts)), family


def loaded(path: str) -> Any:
    return YAML(typ="safe").load((ROOT / path).read_text(encoding="utf-8"))


def families_in(names: list[str]) -> list[str]:
    """Those of some names that are families, each once, in their order."""
    return list(dict.fromkeys(name for name in names if name in CHAPTERS))


def test_chapters_of_one_report_stand_together() -> None:
    reports: dict[str, set[str]] = {family: set() for family in CHAPTERS}
    for claim in load_claims(ROOT / CLAIMS):
        if claim.family in reports:
            reports[claim.family].add(claim.report)
    # One family has exercises of all reports.
    own = [next(iter(found)) for found in reports.values() if len(found) == 1]
    assert len(own) == len(CHAPTERS) - 1
    assert len(list(groupby(own))) == len(set(own))


@pytest.mark.parametrize("name", ["params", "profiles/smoke", "profiles/quick", "profiles/paper"])
def test_protocols_and_budgets_have_the_order_of_the_chapters(name: str) -> None:
    assert families_in(list(loaded(f"{name}.yaml"))) == list(CHAPTERS)


def test_stages_have_the_order_of_the_chapters() -> None:
    stages = loaded("dvc.yaml")["stages"]
    several = {"classifier": ["mnist", "cifar10"], "attack": ["mnist", "cifar10"]}
    names = [
        f"{stage}_{item}" if item else stage
        for stage in stages
        for item in several.get(stage, [""])
    ]
    assert families_in(names) == list(CHAPTERS)
    judged = set(stages["judge"]["foreach"]) | set(stages["judge_after_search"]["foreach"])
    assert judged == set(CHAPTERS)
    for half in ("judge", "judge_after_search"):
        found = list(stages[half]["foreach"])
        assert found == [family for family in CHAPTERS if family in found]
    for stage in ("verdicts", "report"):
        deps = [str(one) for one in stages[stage]["deps"]]
        judged_there = [Path(one).stem for one in deps if one.startswith("data/results/verdicts/")]
        assert judged_there == list(CHAPTERS)
    records = [Path(one).parent.name for one in deps if one.endswith("/records.json")]
    assert families_in(records) == list(CHAPTERS)
