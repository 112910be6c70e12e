"""What the chapter on perceptron and logistic regression shows, on records of tiny runs."""

from pathlib import Path

import numpy as np
import pytest

from retrial.core import records
from retrial.core.records import Finished, Records
from retrial.report import figures as fig
from retrial.report import perceptron as chapter
from retrial.studies import perceptron as study
from retrial.two_classes import Gaussians

SETS = {"separable": (5.0, 1.0), "overlapping": (1.5, None)}


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Records:
    """Two seeds of two sets, three epochs; the working folder is where figures go."""
    protocol = study.Protocol(
        train=20,
        test=30,
        gaussians={
            name: Gaussians(distance=distance, margin=margin)
            for name, (distance, margin) in SETS.items()
        },
        flowers={},
        overlapping=("overlapping",),
        units=("perceptron", "adaline", "logistic", "perceptron_sigmoid"),
        learning_rate=0.1,
        epochs=3,
        window=2,
        limit=study.Limit(learning_rate=0.1, slower_after=2.0, epochs=3),
        update=study.Update(inputs=5, features=2),
    )
    trials = study.trials(protocol, study.Budget(seeds=2, other_seeds=2, epochs_at_most=None))
    found = [Finished(one, study.run(one, {}), f"{one.arm}:{one.seed}") for one in trials]
    records.write(tmp_path / "records", "perceptron", found, [], {})
    monkeypatch.chdir(tmp_path)
    return Records.load(tmp_path / "records")


def rows(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_a_unit_that_was_not_trained_has_a_dash_and_unknown_sets_their_own_name(
    tiny: Records,
) -> None:
    assert chapter.sets(tiny) == list(SETS)
    assert chapter.overlapping(tiny) == ["overlapping"]
    table = rows(chapter.accuracies(tiny))
    assert [row[0] for row in table] == [*chapter.UNITS.values(), "scikit-learn",
                                         "best of all rules"]  # fmt: skip
    assert table[2][1:] == ["–", "–"]
    mean = tiny.metric("overlapping/adaline", "test_accuracy").mean()
    assert table[1][2].startswith(f"[{mean:.4f}](#sources-perceptron ")
    assert table[-1][1].startswith("[1.0000](")


def test_endings_count_seeds_that_met_no_mistake(tiny: Records) -> None:
    found = {row[0]: row[1:] for row in rows(chapter.endings(tiny))}
    assert len(found) == 6
    clean = np.isfinite(tiny.metric("separable/perceptron", "first_clean_epoch"))
    assert found["separable: perceptron"][0].startswith(f"[{clean.sum()}](")
    assert found["overlapping: logistic regression"][:2][1] == "–"


def test_a_best_scale_is_told_where_there_is_one(tiny: Records) -> None:
    found = {row[0]: row[2] for row in rows(chapter.probabilities(tiny))}
    assert len(found) == 4
    assert found["separable: logistic regression"] == "–"
    assert found["overlapping: logistic regression"].startswith("[")


def test_each_change_stands_with_its_rule(tiny: Records) -> None:
    table = rows(chapter.changes(tiny))
    assert len(table) == 4
    assert table[0][4] == "–"
    moved = tiny.metric("update", "sigmoid_squared_to_logistic").mean()
    assert table[3][4].startswith(f"[{moved:.2f}](")


def test_all_figures_are_drawn(tiny: Records) -> None:
    chapter.borders(tiny)
    chapter.oscillation(tiny, ["overlapping"])
    chapter.reliabilities(tiny)
    drawn = sorted(path.stem for path in Path().glob("*.svg"))
    assert drawn == [f"perceptron-{name}" for name in ("borders", "curves", "reliability")]


def test_a_border_is_the_line_where_the_output_is_one_half() -> None:
    _, axes = fig.canvas(2)
    points = np.array([[0.0, 0], [4, 2]])
    chapter._border(axes[0, 0], np.array([2.0, -1, -3]), points, "unit", 0)
    x, y = axes[0, 0].lines[0].get_data()
    assert 2 * x - y == pytest.approx([3, 3])
    # It reaches over the whole picture.
    assert x.min() < -0.24
    assert x.max() > 4.24


@pytest.mark.parametrize("line", [[0.0, 0, 1], [np.nan, 1, 1]])
def test_a_unit_without_a_line_draws_none(line: list[float]) -> None:
    _, axes = fig.canvas(2)
    chapter._border(axes[0, 0], np.array(line), np.array([[0.0, 0], [1, 1]]), "unit", 0)
    assert not axes[0, 0].lines
