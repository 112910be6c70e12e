"""What the chapter on pruning shows, from records of small networks."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import made

from retrial.core.records import Records
from retrial.report import pruning as chapter

AXIS = [0.0, 0.5, 0.9]
ALL = [f"{scope}/{mode}/{name}" for scope in ("global", "layer") for mode in
       ("one_shot", "iterative") for name in chapter.CRITERIA]  # fmt: skip


def networks(folder: Path, seeds: int, layer_seeds: int, seeing: str = "") -> Records:
    """Of 1000 weights, dense 4000 bytes; accuracy .9, .895 and .6, step by step .7.

    One criterion may leave less than half as much at the border as inside.
    """

    def one(arm: str, seed: int) -> dict[str, Any]:
        last = 0.9 if arm == "unpruned" else 0.7 if "iterative" in arm else 0.6
        curves: dict[str, Any] = {
            "sparsity": AXIS,
            "test_accuracy": [0.9, 0.895, last],
            "weights": [1000, 500, 100],
            "sparse_bytes": [4000, 2200, 500],
            "multiply_adds": [1000, 490, 80],
            "cut_off": [0, 1 + seed, 3],
            "kept_1": [900, 420, 40],
            "kept_2": [100, 80, 60],
        }
        if arm.endswith("one_shot/obd"):
            rises = [0.0, 0.001 * (1 + seed), 0.1]
            curves |= {"predicted_rise": rises, "actual_rise": [0.0, -0.002, 0.4]}
            curves |= {"alike": [1.0, 0.98, 0.95]}
        metrics = {"base_accuracy": (0.9, 100), "weights": (1000, 0), "dense_bytes": (4000, 0),
                   "hidden": (10, 0)}  # fmt: skip
        pixels = np.arange(3 * 784, dtype=np.uint16).reshape(3, 784) % 10
        if arm.endswith(f"one_shot/{seeing}"):
            pixels = np.full((3, 28, 28), 4, np.uint16)
            pixels[:, 2:-2, 2:-2] = 9
            pixels = pixels.reshape(3, 784)
        return {
            "metrics": metrics,
            "curves": curves,
            "arrays": {"pixels": pixels} if seed == 0 else {},
            "config": {"sparsities": AXIS, "hidden": [10]},
        }

    of_arms = {arm: layer_seeds if arm.startswith("layer/") else seeds for arm in ALL}
    left = {arm: count for arm, count in of_arms.items() if count}
    return made(folder, "pruning", left | {"unpruned": seeds}, one)


def texts(line: str) -> list[str]:
    """The numbers of a line of Markdown, in order."""
    return re.findall(r"\[([^\]]*)\]\(#", line)


def row(markdown: str, start: str) -> list[str]:
    """The numbers of the line of a table that begins so."""
    (line,) = (one for one in markdown.splitlines() if one.startswith(f"| {start}"))
    return texts(line)


@pytest.fixture(params=[(3, 2), (1, 0)], ids=["whole", "one seed, one ranking"])
def records(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Records:
    monkeypatch.chdir(tmp_path)
    return networks(tmp_path / "records", *request.param)


def test_every_part_names_its_figure_and_leaves_it(records: Records, tmp_path: Path) -> None:
    shown = [
        chapter.accuracy(records, 1.0, AXIS[1:]),
        chapter.sizes(records, 1.0),
        chapter.along_the_axis(records),
        chapter.damage(records),
        chapter.layers(records),
        chapter.pixels(records, 0.5),
    ]
    named = re.findall(r"\]\((pruning-\w+)\.svg\)", "\n".join(shown))
    assert named == [f"pruning-{name}" for name in ("falls", "damage", "layers", "pixels")]
    assert all((tmp_path / f"{name}.svg").stat().st_size > 1000 for name in named)


def test_accuracies_stand_beside_the_network_with_all_its_weights(records: Records) -> None:
    shown = chapter.accuracy(records, 1.0, AXIS[1:])
    n = str(len(records.of("unpruned")))
    assert row(shown, "*global/one_shot/obd*") == ["0.8950", "0.6000", n]
    assert row(shown, "*global/iterative/obd*") == ["0.8950", "0.7000", n]
    assert row(shown, "*unpruned*") == ["0.8950", "0.9000", n]
    # In one shot 30 points below the axis' beginning, step by step 20 below the unpruned one.
    assert "global/one_shot/obd: 0.50 points at 0.5, 30.00 points at 0.9" in shown
    assert "global/iterative/obd: 0.00 points at 0.5, 20.00 points at 0.9" in shown
    assert ("*layer/one_shot/obd*" in shown) == ("layer/one_shot/obd" in records.arms())


def test_what_is_left_is_that_of_the_harmless_sparsity(records: Records) -> None:
    shown = chapter.sizes(records, 1.0)
    found = row(shown, "OBD, in one shot, one ranking")
    several = len(records.of("unpruned")) > 1
    assert found[0] == "0.500"
    # All seeds agree: both ends of the interval are the mean.
    assert found[1:-4] == (["0.500", "0.500"] if several else [])
    cut_off = "2.0" if several else "1.0"
    assert found[-4:] == ["0.500", "0.550", "0.490", cut_off]


def test_sizes_along_the_axis(records: Records) -> None:
    shown = chapter.along_the_axis(records)
    cut_off = "2.0" if len(records.of("unpruned")) > 1 else "1.0"
    assert row(shown, "[0.5]") == ["0.5", "0.550", *["0.4900", cut_off] * 4]
    assert row(shown, "[0.9]") == ["0.9", "0.125", *["0.0800", "3.0"] * 4]


def test_rises_that_have_no_logarithm_are_counted(records: Records) -> None:
    shown = chapter.damage(records)
    several = len(records.of("unpruned")) > 1
    # One a network: 3 with one ranking, 2 with one in each layer.
    assert f"[{5 if several else 1}](#sources-pruning" in shown.split("points where either")[0]
    assert row(shown, "[0.9]") == ["0.9", "0.1", "0.4", "0.950"]
    assert row(shown, "[0.5]") == ["0.5", "0.002" if several else "0.001", "−0.002", "0.980"]


def test_shares_of_layers_and_of_pixels(records: Records) -> None:
    assert "obd, layer 1: 0.0444; obd, layer 2: 0.6000" in chapter.layers(records)
    inside = np.arange(784, 1568).reshape(28, 28)[2:-2, 2:-2] % 10 / 10
    assert f"and {inside.mean():.3f}; sensitivity" in chapter.pixels(records, 0.5)


def test_the_border_is_compared_with_what_lies_inside(records: Records) -> None:
    one = np.arange(784, 1568).reshape(28, 28) % 10 / 10
    edge = np.ones((28, 28), bool)
    edge[2:-2, 2:-2] = False
    shown = chapter.borders(records, 0.5)
    assert texts(shown) == ["0.5", *[f"{one[edge].mean():.3f}", f"{one[~edge].mean():.3f}"] * 4]
    assert "is left by: none; more by: magnitude, sensitivity, OBD, random." in shown


def test_a_criterion_that_leaves_less_than_half_at_the_border(tmp_path: Path) -> None:
    shown = chapter.borders(networks(tmp_path, 1, 0, seeing="obd"), 0.9)
    assert texts(shown)[5:7] == ["0.400", "0.900"]
    assert "is left by: OBD; more by: magnitude, sensitivity, random." in shown


def test_late_is_in_the_middle_of_what_is_beyond_moderate() -> None:
    axis = [0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99]
    assert chapter.late(axis, 0.5) == 0.9
    assert chapter.late([0.0, 0.5], 0.5) == 0.5
    assert chapter.late([0.0, 0.5, 0.9], 0.5) == 0.9


def test_sparsities_that_are_not_on_the_axis_are_not_shown(records: Records) -> None:
    shown = chapter.accuracy(records, 1.0, [0.9, 0.7, 0.5, 0.9])
    assert "| Arm | at [0.5]" in shown
    assert len(row(shown, "*unpruned*")) == 3


def test_without_obd_there_is_nothing_foreseen(tmp_path: Path) -> None:
    whole = networks(tmp_path, 1, 0)
    left = tuple(trial for trial in whole.trials if not trial["arm"].endswith("/obd"))
    records = Records("pruning", (), left, tmp_path)
    assert chapter.damage(records) == ""
    assert chapter.criteria(records) == ["magnitude", "sensitivity", "random"]
