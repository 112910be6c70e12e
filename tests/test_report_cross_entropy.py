"""What the chapter on the two losses counts and draws, on made records."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import made

from retrial import classification_losses as losses
from retrial.core.records import Records
from retrial.report import cross_entropy as chapter

RATES = [0.1, 0.2, 0.4]


def networks(folder: Path, seeds: int = 2, lost: bool = False) -> Records:
    def one(arm: str, seed: int) -> dict[str, Any]:
        task, _, loss = arm.partition("/")
        if task == "confidence":
            logits = np.linspace(0, 20, 81)
            shapes = {
                "cross_entropy": np.stack(losses.wrong_cross_entropy(logits)),
                "squared_error": np.stack(losses.wrong_squared_error(logits)),
            }
            arrays = {"logit": logits, "probability": losses.probability(logits)} | shapes
            return {"metrics": {"points": (81, 0)}, "arrays": arrays}
        better = 0.1 if loss == "cross_entropy" else 0.0
        config = {"learning_rates": RATES, "rare_share": 0.01}
        if task == "wrong":
            never = lost or loss == "squared_error"
            metrics = {"start_confidence": 0.99, "start_accuracy": 0.1}
            metrics |= dict.fromkeys(("half_way", "fastest_rate"), np.nan if never else 7.0)
            half_way = np.array([np.nan, np.nan if never else 7.0 + seed, np.nan])
            return {"metrics": metrics, "arrays": {"half_way": half_way}, "config": config}
        names = chapter.BALANCED if task == "balanced" else chapter.RARE
        gone = lost and loss == "squared_error"
        value = np.nan if gone else 0.5 + better + seed / 100
        metrics = {name: (value, 1000) for name in names}
        metrics |= {"picked_rate": (np.nan if gone else RATES[seed], 0)}
        metrics |= {"picked_end": (np.nan if gone else int(seed == 0), 0)}
        curves = {
            "epochs": [0.5, 1.0, 2.0, 3.0],
            **{name: [0.1, 0.2 + 2 * better, 0.4, value] for name in names if name[0] == "t"},
        }
        table = np.stack([np.array([0, 2, 8]), np.array([0, 0.5, 0.9]), np.array([0, 0.4, 0.8])])
        return {
            "metrics": metrics,
            "arrays": {"validation": np.array([0.3, 0.6, np.nan]), "reliability": table},
            "curves": {} if gone else curves,
            "config": config,
            "status": "diverged" if gone else "ok",
        }

    tasks = ("balanced", "imbalanced", "wrong")
    arms = {arm: seeds for task in tasks for arm in chapter.arms_of(task).values()}
    return made(folder, "cross_entropy", arms | {"confidence": 1}, one)


def texts(markdown: str) -> list[str]:
    """The numbers of a piece of Markdown, in order."""
    return re.findall(r"\[([^\]]*)\]\(#", markdown)


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_mean_is_that_of_the_seeds_that_have_a_number(tmp_path: Path) -> None:
    records, arms = networks(tmp_path), ["confidence"]
    assert texts(chapter.mean(np.array([1.0, np.nan]), records, arms, "x", ".1f")) == ["1.0"]
    assert len(texts(chapter.mean(np.array([1.0, 2, np.nan]), records, arms, "x", ".1f"))) == 3
    assert chapter.mean(np.array([np.nan]), records, arms, "x", ".1f") == "–"


def test_multiples_of_the_loss_at_one_half(tmp_path: Path) -> None:
    # The first points from 0.9 and from 0.99 on: logits of 2.25 and 4.75.
    for confidence, place, told in (
        (0.9, "0.905", ["3.39", "3.27"]),
        (0.99, "0.991", ["6.87", "3.93"]),
    ):
        found = chapter.crossing(networks(tmp_path / place), confidence)
        assert texts(found) == [place, *told]


def test_confidences_that_tell_the_losses_apart(tmp_path: Path) -> None:
    records = networks(tmp_path)
    ahead, confident, twice = chapter.telling(records, 0.9)
    p = records.array("confidence", 0, "probability")
    ratio = (np.log(1 - p) / np.log(0.5)) / (4 * p**2)
    assert ahead == p[ratio.argmin()]
    assert confident == 0.9
    # -log2(1 - p) is 8 p² first at a logit of 5.5 on the grid of quarters, p = .99593.
    assert twice == pytest.approx(0.99593, abs=1e-5)
    # The last quarter before -log2(1 - p) = 4 p², which is at p = .8907: a logit of 2.
    assert texts(chapter.severer(records)) == ["0.881"]
    assert "beyond it is cross-entropy" in chapter.severer(records)
    assert "throughout" not in chapter.severer(records)


def test_tables_hold_both_losses_and_their_difference(tmp_path: Path) -> None:
    found = chapter.table(networks(tmp_path), "imbalanced")
    rows = [line for line in found.splitlines() if line.startswith("| ")][1:]
    assert [row.split("|")[1].strip() for row in rows] == [
        "cross-entropy", "squared error", "difference"
    ]  # fmt: skip
    assert [texts(row)[0] for row in rows] == ["0.605", "0.505", "+0.100"]
    assert texts(found)[-2:] == ["1000", "0.01"]


def test_the_difference_is_told_after_a_third_and_at_the_end(tmp_path: Path) -> None:
    found = texts(chapter.closing(networks(tmp_path, seeds=1)))
    assert found == ["+0.200", "1", "+0.100", "3"]
    assert chapter.closing(networks(tmp_path / "lost", lost=True)) == ""


def test_the_ladder_counts_picks_at_its_ends(working_folder: Path) -> None:
    found = chapter.ladder(networks(working_folder / "records"))
    rows = [line for line in found.splitlines() if line.startswith("| *")]
    assert len(rows) == 4
    for row in rows:
        assert texts(row) == ["0.15", "0.1, 0.2", "1", "2"]


def test_steps_of_a_network_that_never_gets_there_are_a_dash(working_folder: Path) -> None:
    found = chapter.begun_wrong(networks(working_folder / "records"))
    rows = [line.split("|") for line in found.splitlines() if line.startswith("| ")][1:]
    assert texts(rows[0][5])[0] == "7.0"
    assert [cell.strip() for cell in rows[1][4:6]] == ["–", "–"]
    # Rates at which no seed is half way: two of three, and all.
    assert [texts(row[6]) for row in rows] == [["2"], ["3"]]


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("lost", [False, True])
def test_all_figures_are_drawn_from_what_is_there(
    working_folder: Path, seeds: int, lost: bool
) -> None:
    records = networks(working_folder / "records", seeds, lost)
    for draw in (chapter.penalty, chapter.begun_wrong, chapter.ladder, chapter.curves,
                 chapter.reliability):  # fmt: skip
        draw(records)
    drawn = sorted(path.stem for path in working_folder.glob("*.svg"))
    names = ("curves", "ladder", "penalty", "reliability", "wrong")
    assert drawn == [f"cross-entropy-{name}" for name in names]
