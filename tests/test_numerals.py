"""A numeral of the prose follows its record by its key, and nothing else of the prose does."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
import synthetic_report as synthetic

from retrial.core import records
from retrial.core.config import section as settings
from retrial.core.records import Finished, Records
from retrial.data import splits
from retrial.data.decode import iris_arrays
from retrial.judging.judge import Family, judge_family
from retrial.judging.ledger import load_claims, of_family
from retrial.report.render import page, section
from retrial.studies import iris_boundary, perceptron

ROOT = Path(__file__).parents[1]
# A number in Markdown, and one in HTML: text and title.
MARKDOWN = re.compile(r'\[(?P<text>[^\]]*)\]\(#\S+ "(?P<title>[^"]*)"\)\{\.number\}')
HTML = re.compile(r'<a href="#[^"]*" class="number"\s+title="(?P<title>[^"]*)">(?P<text>[^<]*)</a>')
# A picture shows its records in its own way, and says so in the text that stands for it.
PICTURE = re.compile(r'<svg.*?</svg>| alt="[^"]*"', re.DOTALL)
MAIN = re.compile(r"<main.*</main>", re.DOTALL)


class Numeral(NamedTuple):
    title: str
    text: str


def numerals(text: str, form: re.Pattern[str]) -> list[Numeral]:
    return [Numeral(found["title"], found["text"]) for found in form.finditer(text)]


def words(text: str, form: re.Pattern[str]) -> str:
    """The prose without its numerals and its pictures."""
    return PICTURE.sub("", form.sub("", text))


def changed(before: str, after: str, form: re.Pattern[str]) -> list[Numeral]:
    """The numerals that differ, as they were; nothing else may."""
    assert words(before, form) == words(after, form)
    old, new = numerals(before, form), numerals(after, form)
    assert [one.title for one in old] == [one.title for one in new]
    return [one for one, other in zip(old, new, strict=True) if one != other]


def perturb(folder: Path, arm: str, metric: str, by: float) -> None:
    """Add `by` to one metric of the first trial of an arm, in the records below `folder`."""
    path = folder / "records.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    trial = next(one for one in content["trials"] if one["arm"] == arm)
    trial["metrics"][metric]["value"] += by
    path.write_text(json.dumps(content), encoding="utf-8")


def test_a_metric_changes_its_own_numerals_in_the_page(tmp_path: Path) -> None:
    results = synthetic.write_results(tmp_path)
    notebook = tmp_path / "toy.py"
    notebook.write_text(synthetic.NOTEBOOK, encoding="utf-8")
    parameters = synthetic.parameters(results)
    pages = []
    for by in (0.0, 0.5):
        perturb(results / "toy", "good", "accuracy", by)
        text = section(notebook, parameters, tmp_path)
        made = page(text, synthetic.TEMPLATE, "quick", tmp_path)
        pages += MAIN.findall(made.read_text(encoding="utf-8"))
    found = changed(*pages, HTML)
    named = [one for one in numerals(pages[0], HTML) if "accuracy of good" in one.title]
    assert found == named
    assert [(one.title.split(";")[0], one.text) for one in named] == [
        ("mean of accuracy of good", "0.920"),
        ("max of accuracy of good", "0.940"),
    ]
    # There are others that could have moved along.
    assert {one.title.split(";")[0] for one in numerals(pages[0], HTML)} >= {
        "mean of accuracy of bad", "mean of loss of good", "trials of good"
    }  # fmt: skip


class Chapter(NamedTuple):
    """A study that runs in a second, and a metric of one of its arms that its chapter tells."""

    study: ModuleType
    arm: str
    metric: str
    by: float


CHAPTERS = [
    Chapter(perceptron, "overlapping/adaline", "test_accuracy", 0.1),
    Chapter(iris_boundary, "10", "test_accuracy", -0.1),
]


def finished(study: ModuleType) -> list[Finished]:
    """The trials of the smoke profile, run here."""
    protocol = settings(ROOT / "params.yaml", study.NAME, study.Protocol)
    budget = settings(ROOT / "profiles/smoke.yaml", study.NAME, study.Budget)
    parts = {name: part.indices for name, part in splits.iris().parts.items()}
    data: Mapping[str, np.ndarray] = {**iris_arrays(), **parts}
    return [
        Finished(trial, study.run(trial, data), f"{place:x}".ljust(32, "0"))
        for place, trial in enumerate(study.trials(protocol, budget))
    ]


def project(folder: Path, study: ModuleType) -> Path:
    """Records and verdicts of a study in a project of their own; its results folder."""
    results = folder / "data/results"
    around = {"stage": study.NAME, "data": {}}
    records.write(results / study.NAME, study.NAME, finished(study), [], around)
    (folder / "claims").symlink_to(ROOT / "claims")
    claims = load_claims(ROOT / "claims")
    found = Records.load(results / study.NAME)
    family = Family(found, {claim.id: claim for claim in claims}, "smoke", None)
    rows: list[dict[str, Any]] = judge_family(of_family(claims, study.NAME), family)
    (results / "verdicts").mkdir()
    text = json.dumps(rows, allow_nan=False)
    (results / f"verdicts/{study.NAME}.json").write_text(text, encoding="utf-8")
    return results


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.study.NAME)
def test_a_metric_changes_its_own_numerals_in_a_chapter(tmp_path: Path, chapter: Chapter) -> None:
    name = chapter.study.NAME
    results = project(tmp_path, chapter.study)
    parameters = {
        "profile": "smoke", "results": str(results), "raw": "", "families": [name], "total": 599
    }  # fmt: skip
    texts = []
    for by in (0.0, chapter.by):
        perturb(results / name, chapter.arm, chapter.metric, by)
        texts.append(section(ROOT / f"reports/{name}.py", parameters, tmp_path))
    found = changed(*texts, MARKDOWN)
    key = f"{chapter.metric} of {chapter.arm};"
    named = [one for one in numerals(texts[0], MARKDOWN) if f"mean of {key}" in f"{one.title};"]
    assert named
    assert set(named) <= set(found)
    strangers = [one for one in found if chapter.arm not in one.title.split("; ")[0]]
    assert strangers == []
    assert len(found) < len(numerals(texts[0], MARKDOWN)) / 2
