"""The choice of what report 004's depth table leaves open, on made-up searches."""

from pathlib import Path

import numpy as np
import pytest
from made_records import made

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.choose import runners_up
from retrial.judging.choose_depth import (
    deep_candidates,
    other_reading,
    other_statement,
    printed_cells,
    readings,
)
from retrial.judging.ledger import find, load_claims, of_family

CLAIMS = of_family(load_claims(Path(__file__).parents[1] / "claims"), "depth")
CELLS = printed_cells(CLAIMS)


def search(folder: Path, candidates: dict, cells=tuple(CELLS)) -> Records:
    """A search: (optimiser, initialiser, width) → factor on the printed losses of all cells."""
    arms = {
        f"{cell}/{'-'.join(map(str, key))}": (cell, key) for key in candidates for cell in cells
    }

    def make(arm, seed):
        cell, (optimiser, initialiser, width) = arms[arm]
        activation, depth = cell.split("/")
        printed = CELLS.get(cell, {"test_loss": 0.5, "test_accuracy": 0.8})
        factor = candidates[optimiser, initialiser, width]
        return {
            "config": {
                "activation": activation, "depth": int(depth), "width": width, "batch": 32,
                "optimiser": optimiser, "learning_rate": 0.01, "initialiser": initialiser,
            },
            "metrics": printed | {"test_loss": printed["test_loss"] * factor},
        }  # fmt: skip

    return made(folder, "depth_search", dict.fromkeys(arms, 1), make)


def test_the_fitted_numbers_are_those_of_the_fewest_layers() -> None:
    assert set(CELLS) == {"relu/5", "tanh/5", "sigmoid/5"}
    assert CELLS["sigmoid/5"] == {"test_loss": 0.956, "test_accuracy": 0.697}


def test_the_reading_that_fits_exactly_comes_first_with_score_0(tmp_path: Path) -> None:
    found = search(tmp_path, {("sgd", "default", 32): 1.0, ("adam", "default", 64): np.e})
    best, other = readings(CLAIMS, found)
    assert (best.optimiser, best.width, best.score) == ("sgd", 32, pytest.approx(0, abs=1e-12))
    # A loss that is off by one unit of the logarithm, an accuracy that is not.
    assert other.of_activation == pytest.approx((0.5, 0.5, 0.5))
    assert str(other).startswith("adam at 0.01, default, width 64, batches of 32: 0.5000 (0.500")
    assert runners_up([best, other])["width"] is other
    assert runners_up([best, other])["initialiser"] is None


def test_a_candidate_that_lacks_a_cell_or_diverged_is_no_reading(tmp_path: Path) -> None:
    found = search(tmp_path, {("sgd", "default", 32): 1.0, ("adam", "default", 32): np.nan})
    assert [one.optimiser for one in readings(CLAIMS, found)] == ["sgd"]
    assert not readings(CLAIMS, search(tmp_path, {("sgd", "default", 32): 1.0}, ("relu/5",)))


def test_the_deep_round_has_one_of_each_kind_at_the_best_s_width(tmp_path: Path) -> None:
    found = search(
        tmp_path,
        {
            ("sgd", "default", 32): 1.1,
            ("sgd", "he_normal", 32): 1.3,
            ("sgd", "he_normal", 64): 1.2,
            ("adam", "default", 32): 1.4,
        },
    )
    kinds = [(one.optimiser, one.initialiser, one.width) for one in
             deep_candidates(readings(CLAIMS, found))]  # fmt: skip
    assert kinds == [("sgd", "default", 32), ("sgd", "he_normal", 32), ("adam", "default", 32)]


def test_another_reading_within_the_margin_is_told_and_one_beyond_it_is_not(
    tmp_path: Path,
) -> None:
    claim = find(CLAIMS, "004-1B-tanh-40-loss").model_copy(update={"printed": "0.53"})
    found = search(tmp_path, {("adam", "he_normal", 32): 1.0}, ("tanh/40", "relu/40"))
    told = other_reading(claim, found, 0.031)
    assert told is not None
    assert told.startswith("adam at learning rate 0.01 from he_normal, width 32, batches of 32,")
    assert other_reading(claim, found, 0.029) is None


def test_a_number_that_made_the_choice_is_judged_by_it_alone(tmp_path: Path) -> None:
    found = search(tmp_path, {("adam", "he_normal", 32): 1.0})
    assert other_reading(find(CLAIMS, "004-1B-relu-5-loss"), found, 1.0) is None


def candidates(folder: Path, test, training, missing=()) -> Records:
    """A search of one candidate with every cell but `missing`, by functions of the depth."""
    arms = {f"{cell}/one": cell for cell in find(CLAIMS, "004-1B-best5").evidence.arms}
    arms = {arm: cell for arm, cell in arms.items() if cell not in missing}

    def make(arm, seed):
        activation, depth = arms[arm].split("/")
        return {
            "config": {
                "activation": activation, "depth": int(depth), "width": 32, "batch": 32,
                "optimiser": "adam", "learning_rate": 0.01, "initialiser": "default",
            },
            "metrics": {"test_accuracy": test(int(depth))},
            "curves": {"running_accuracy": [0.1, training(int(depth))]},
        }  # fmt: skip

    return made(folder, "depth_search", dict.fromkeys(arms, 1), make)


@pytest.mark.parametrize(
    ("name", "test", "training", "told"),
    [
        ("best5", lambda depth: 0.9 - depth / 100, lambda depth: 0.9, True),
        ("best5", lambda depth: 0.9 - (depth - 20) ** 2 / 1e4, lambda depth: 0.9, False),
        ("deep-gen", lambda depth: 0.9 - depth / 100, lambda depth: 0.99, True),
        ("deep-gen", lambda depth: 0.9 - depth / 100, lambda depth: 0.99 - depth / 125, False),
        ("deep-gen", lambda depth: 0.9, lambda depth: 0.99, False),
        ("best5", lambda depth: 0.9, lambda depth: 0.9, False),
    ],
)
def test_another_reading_of_a_sentence(tmp_path: Path, name: str, test, training, told) -> None:
    claim = find(CLAIMS, f"004-1B-{name}")
    found = other_statement(claim, candidates(tmp_path / "whole", test, training))
    assert (found is not None) == told
    if told:
        assert "adam at learning rate 0.01 from default, width 32, batches of 32, has it" in found
    part = candidates(tmp_path / "part", test, training, missing=("tanh/40",))
    assert other_statement(claim, part) is None


def test_a_sentence_that_the_search_recorded_nothing_of(tmp_path: Path) -> None:
    found = candidates(tmp_path, lambda depth: 0.9 - depth / 100, lambda depth: 0.9)
    assert other_statement(find(CLAIMS, "004-1C-3steps"), found) is None


def test_half_a_cell_that_is_fitted_is_an_error() -> None:
    with pytest.raises(RetrialError, match="fitted numbers of relu/5: expected test_loss, test_"):
        printed_cells([find(CLAIMS, "004-1B-relu-5-loss")])
