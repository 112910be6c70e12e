"""The chapter on the judge: its tables and figure on made records."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import made

from retrial.judging.judge_trial import SHIFTS
from retrial.report import judge as chapter

CHANCE = np.random.default_rng(2)
ACCURACY = 0.9 + 0.002 * CHANCE.standard_normal((2, 12))
CONTROL = {
    "id": "control-x",
    "where": "a page",
    "quote": "3.3",
    "printed": "3.3",
    "unit": "percent",
    "measured": 3.92,
    "low": 3.92,
    "high": 3.92,
    "n": 1,
    "verdict": "contradicted",
    "reason": "exactly 3.92",
    "fitted": [],
    "stage": "controls",
    "kind": "value",
}


def plain(text: str) -> str:
    """Markdown with its numbers' links taken away."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)\{[^}]*\}", r"\1", text)


def row(family: str, kind: str, **more: Any) -> dict[str, Any]:
    evidence = {"arm": "a", "metric": "test_accuracy", "against": "b", "others": ()}
    return {
        "family": family,
        "kind": kind,
        "evidence": {**evidence, "deterministic": False},
        "margin": 0.004,
        "printed": "0.900",
        "unit": "",
        "fitted": [],
        **more,
    }


@pytest.fixture
def results(tmp_path: Path) -> Path:
    def make(arm: str, seed: int) -> dict[str, Any]:
        return {"metrics": {"test_accuracy": (float(ACCURACY["ab".index(arm), seed]), 0)}}

    for family, seeds in (("toy", 12), ("short", 3), ("exact", 1)):
        made(tmp_path / family, family, {"a": seeds, "b": seeds}, make)
    return tmp_path


ROWS = [
    row("toy", "value"),
    row("toy", "order", margin=None),
    row("short", "value"),
    row("exact", "exact"),
    row("exact", "formula"),
]


def test_each_rule_of_a_family_is_tried_where_it_can_be(results: Path) -> None:
    trials = chapter.tried(results, ROWS)
    assert [one.name for one in trials] == ["toy, values", "toy, orders"]
    value, order = trials
    assert value.none.posed == 12
    assert tuple(value.shifted) == SHIFTS
    assert value.shifted[5.0].rate == 1.0
    assert order.none.posed == 1024
    assert chapter.not_tried(ROWS, trials) == (["exact"], ["short"])


def test_tables_say_what_each_number_is_of(results: Path) -> None:
    trials = chapter.tried(results, ROWS)
    alarms = chapter.alarms_table(trials)
    assert "(#sources-toy" in alarms
    assert "toy, values, 1 posed; stage toy; inputs md5" in alarms
    line = next(one for one in plain(alarms).splitlines() if "toy, values" in one)
    assert line.split("|")[2:5] == [" 1 ", " 12 ", f" {round(12 * trials[0].none.rate)} "]
    found = plain(chapter.detection_table(trials))
    assert "Moved by 1 | Moved by 2 | Moved by 5" in found
    assert re.search(r"toy, orders \| 1024 \| \d\.\d\d \(\d\.\d\d\)", found)


def test_the_figure_says_in_words_what_it_shows(results: Path, tmp_path: Path) -> None:
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        text = chapter.trial_figure(chapter.tried(results, ROWS))
    finally:
        os.chdir(here)
    assert "toy, orders" in (tmp_path / "judge-on-trial.svg").read_text(encoding="utf-8")
    assert 'alt="Share of false alarms by family and rule, at most' in text
    assert "1036 posed numbers" in plain(text)


def test_single_seeds_are_those_of_all_pairs(results: Path) -> None:
    against, posed = chapter.single_seed_orders(results, ROWS)
    assert posed == 12
    assert 0 <= against <= 12


def test_a_control_is_the_target_of_its_links() -> None:
    text = chapter.controls_table([CONTROL], "Controls")
    assert "[x]{#control-x" in text
    assert "(#control-x" in text
    assert "| 3.3 | 3.920 | 1 |" in plain(text)
    assert plain(chapter.named([CONTROL], "contradicted")) == "x (3.3 printed, 3.920 measured)"
    assert chapter.named([CONTROL], "reproduced") == ""


def test_the_first_pass_with_an_error(tmp_path: Path) -> None:
    curves = [[0.90, 0.94, 0.96], [0.92, 0.96, 0.96]]
    records = made(
        tmp_path,
        "controls",
        {"net": 2},
        lambda _, seed: {"curves": {"test_accuracy": curves[seed]}},
    )
    assert chapter.passes_until(records, "net", 0.051) == 2
    assert chapter.passes_until(records, "net", 0.01) is None


def test_controls_are_judged_by_the_projects_ledger(tmp_path: Path) -> None:
    claims = tmp_path / "claims/controls"
    claims.mkdir(parents=True)
    claim = {
        "id": "control-x",
        "family": "controls",
        "where": "w",
        "quote": "q",
        "statement": "s",
        "kind": "value",
        "unit": "percent",
        "printed": "3.3",
        "evidence": {"arm": "net", "metric": "test_error", "deterministic": True},
    }
    (claims / "one.yaml").write_text(json.dumps({"report": "x", "groups": [{"claims": [claim]}]}))
    made(
        tmp_path / "data/results/controls",
        "controls",
        {"net": 1},
        lambda *_: {"metrics": {"test_error": (0.033, 1000)}},
    )
    records, rows = chapter.judged_controls(tmp_path / "data/results", "paper", tmp_path)
    assert records.arms() == ["net"]
    assert [(one["id"], one["verdict"]) for one in rows] == [("control-x", "reproduced")]
