"""What the chapter on boundaries on Iris counts and draws, on made records."""

import ast
import base64
import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import made

from retrial import boundary
from retrial.core.records import Records
from retrial.report import iris_boundary as chapter

SIDE = 9
POINTS = np.array([[-1.0, -1.0], [1.0, 1.0]])
VIEW = {"margin": 1.0, "side": SIDE, "scale": 2}
FILM = boundary.encoded([np.full((4, 4), place, np.uint8) for place in (1, 2)], 500, 0)


def networks(folder: Path, pieces: Mapping[str, tuple[int, int]] | None = None) -> Records:
    """Three alphas with two seeds each; `pieces` of their boundaries, 1 if not said otherwise."""

    def one(arm: str, seed: int) -> dict[str, Any]:
        if arm == "data":
            metrics = {"train_size": 70, "train_class_0": 33, "train_class_1": 37,
                       "test_size": 30, "test_class_0": 17, "test_class_1": 13}  # fmt: skip
            arrays = {"train_points": POINTS, "train_labels": np.array([0, 1], np.uint8)}
            return {"metrics": metrics, "arrays": arrays}
        if arm == "gif":
            return {"config": VIEW, "arrays": {"film": np.frombuffer(FILM, np.uint8)}}
        count = (pieces or {}).get(arm, (1, 1))[seed]
        metrics = {name: 0.5 + seed for name in
                   ("weight_norm", "bias_norm", "lowest", "highest", "steepest",
                    "boundary_length", "train_cross_entropy", "iterations",
                    "class_1_share")}  # fmt: skip
        metrics |= {
            "alpha": 10.0 ** (int(arm) - 2),
            "pieces": count,
            "bending": 0.25 if count else None,
            "converged": seed,
        }
        accuracies = {f"{part}_accuracy": (0.5, n) for part, n in (("train", 70), ("test", 30))}
        labels = np.zeros((SIDE, SIDE), np.uint8)
        labels[-int(arm) :] = 1
        return {
            "metrics": metrics | accuracies,
            "config": {"alpha": 10.0 ** (int(arm) - 2)},
            "arrays": {"label_bits": np.packbits(labels)},
        }

    return made(folder, "iris_boundary", {"data": 1, "01": 2, "02": 2, "03": 2, "gif": 1}, one)


def plain(markdown: str) -> str:
    """Markdown without the links that numbers are."""
    return re.sub(r"\[([^]]*)\]\([^)]*\)\{[^}]*\}", r"\1", markdown)


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_networks_are_the_arms_of_alphas(tmp_path: Path) -> None:
    records = networks(tmp_path)
    assert chapter.networks(records) == ["01", "02", "03"]
    assert chapter.alphas(records).tolist() == [0.1, 1.0, 10.0]
    assert chapter.of_all(records, "converged").tolist() == [[0, 0, 0], [1, 1, 1]]


def test_a_constant_says_the_commoner_class_of_the_training_rows(tmp_path: Path) -> None:
    records = networks(tmp_path)
    assert chapter.commoner(records) == (1, pytest.approx(13 / 30))
    assert chapter.prior(records) == pytest.approx(37 / 70)
    assert chapter.entropy(0.5) == pytest.approx(np.log(2))
    assert (chapter.entropy(0.0), chapter.entropy(1.0)) == (0, 0)


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ({}, "Every network has a boundary in view."),
        ({"02": (0, 1), "03": (0, 0)},
         "The least alpha with which a network has no boundary in view is 1; from 10 on, none has "
         "one."),
        ({"01": (0, 0), "03": (1, 0)},
         "The least alpha with which a network has no boundary in view is 0.1; with the largest, "
         "some networks still have one."),
        ({"01": (0, 0), "02": (0, 0), "03": (0, 0)},
         "The least alpha with which a network has no boundary in view is 0.1; from 0.1 on, none "
         "has one."),
    ],
)  # fmt: skip
def test_fading(tmp_path: Path, pieces: dict[str, tuple[int, int]], said: str) -> None:
    assert plain(chapter.fading(networks(tmp_path, pieces))) == said


def test_pictures_show_each_alpha_s_regions_with_the_highest_on_top(tmp_path: Path) -> None:
    found = chapter.pictures(networks(tmp_path))
    assert [one.shape for one in found] == [(18, 18, 3)] * 3
    of_one = boundary.PALETTE[boundary.TINT + 1].tolist()
    # Two pixels a grid point; as many rows of class 1 as the arm's number.
    assert [sum(row.tolist() == of_one for row in one[:, 0]) for one in found] == [2, 4, 6]


def test_the_film_is_within_the_html_and_stands_still_for_who_asks(tmp_path: Path) -> None:
    text = chapter.animation(networks(tmp_path))
    assert text.splitlines()[0].endswith("{=html}")
    (moving,) = re.findall(r'src="data:image/gif;base64,([^"]*)"', text)
    (still,) = re.findall(
        r'media="\(prefers-reduced-motion: reduce\)" srcset="data:image/gif;base64,([^"]*)"', text
    )
    assert base64.b64decode(moving) == FILM
    assert len(boundary.decoded(FILM).frames) == 2
    shown = base64.b64decode(still)
    assert shown == boundary.first_frame(FILM)
    assert 'alt="An animation of 2 frames' in text
    assert "<details open>" in text


def test_the_table_tells_networks_without_a_boundary(tmp_path: Path) -> None:
    text = plain(chapter.table(networks(tmp_path, {"02": (0, 1), "03": (0, 0)})))
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| 1")]
    assert [row[0] for row in rows] == ["| 1.0000", "| 10.0000"]
    # Norm over both seeds; bending over those that have a boundary; none without; one cut off.
    assert rows[0][2] == "1.000"
    assert [row[5] for row in rows] == ["0.250", chapter.NONE]
    assert [row[6] for row in rows] == ["1", "2"]
    assert [row[7] for row in rows] == ["1 |", "1 |"]


def test_what_is_left_stands_beside_a_constant(tmp_path: Path) -> None:
    text = plain(chapter.leaves(networks(tmp_path)))
    assert "| α = 0.1 | α = 10 | Constant |" in text
    assert "| highest probability of Versicolor in view | 1.0000 | 1.0000 | 0.5286 |" in text
    assert "| test accuracy | 0.500 | 0.500 | 0.433 |" in text


def test_all_figures_are_drawn_from_what_is_there(working_folder: Path) -> None:
    records = networks(working_folder / "records", {"03": (0, 0)})
    texts = chapter.strip(records), chapter.accuracy(records), chapter.smoothness(records)
    drawn = sorted(path.stem for path in working_folder.glob("*.svg"))
    assert drawn == [f"iris-boundary-{name}" for name in ("accuracy", "smoothness", "strip")]
    assert "alpha 10: one region" in texts[0]
    assert "alpha 0.1: 50% of the view is Versicolor's" in texts[0]
    assert "70 training and 30 test rows" in plain(texts[1])
    assert "bending of the boundary, SD 0.25 to none" in texts[2]


def test_no_numeral_in_prose_is_typed_by_hand() -> None:
    tree = ast.parse(inspect.getsource(chapter))
    told = [node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.FunctionDef)]
    # What is computed, and docstrings, are no prose of the chapter.
    others = [node for node in ast.walk(tree) if isinstance(node, ast.FormattedValue)]
    others += [node.body[0] for node in told]
    apart = {id(part) for node in others for part in ast.walk(node)}
    prose = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in apart
    ]
    typed = {text for text in prose if " " in text and re.search(r"\d", text)}
    # "1/SD" is a unit.
    assert typed == {chapter.STILL_SHARP, "steepest slope, 1/SD"}
