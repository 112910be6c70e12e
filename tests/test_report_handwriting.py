"""What the chapter on unseen handwriting counts, on made records."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import made

from retrial.core.records import Records
from retrial.handwriting.choice import chosen
from retrial.report import handwriting, handwriting_shift

CORRUPTIONS = ("blur", "fog")
ARMS = {"none": 2, "report": 3, "report/flips": 2, "all": 1, "all/zoom": 1, "large/none": 2,
        "large/report": 2, "digits": 1, "digits/transposed": 2, "digits/inverted": 3}  # fmt: skip
# Four digits; the last is never recognised.
LABELS = np.array([0, 1, 2, 3], np.uint8)


def networks(
    folder: Path, moved: Mapping[str, float] | None = None, more: Sequence[str] = ()
) -> Records:
    def one(arm: str, seed: int) -> dict[str, Any]:
        names = (
            *handwriting.TITLES,
            *(f"pages_{name}" for name in list(handwriting_shift.PAGES)[1:]),
        )
        metrics = {f"accuracy_{name}": (0.5 + 0.01 * seed, 100) for name in (*names, *more)}
        metrics["accuracy_moved"] = ((moved or {}).get(arm, 0.5), 100)
        metrics |= {f"{what}_{name}": (0.1, 100) for what in ("ece", "loss") for name in
                    ("mnist", "moved", "digits")}  # fmt: skip
        metrics["parameters"] = (40 if arm.startswith("large") else 10, 0)
        given = np.array([0, 1, 2 if seed else 7, 8], np.uint8)
        return {
            "metrics": metrics,
            "arrays": {
                "predictions": given,
                "confidence": np.array([1, 1, 0.9, 0.8], np.float32),
                "reliability": np.ones((8, 3, 15)),
            },
            "curves": {name: [0.9, 0.8, 0.7, 0.6, 0.5] for name in (*CORRUPTIONS, "ece")},
            "config": {"ranges": {"zoom": 0.1}},
        }

    return made(folder, "handwriting", ARMS, one)


def domains() -> dict[str, np.ndarray]:
    chance = np.random.default_rng(0)

    def pictures(*shape: int) -> np.ndarray:
        return chance.integers(0, 256, shape, dtype=np.uint8)

    found = {f"corrupted_{name}": pictures(5, 2, 28, 28) for name in CORRUPTIONS}
    found |= {f"pages_{name}": pictures(9, 28, 28) for name in handwriting_shift.PAGES}
    return found | {
        "sheets": pictures(9, 96, 96),
        "digits_images": pictures(4, 28, 28),
        "digits_labels": LABELS,
    }


def texts(markdown: str) -> list[str]:
    """The numbers of a piece of Markdown, in order."""
    return re.findall(r"\[([^\]]*)\]\(#", markdown)


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_moved_digits_alone_choose_and_of_equals_the_earlier_one(tmp_path: Path) -> None:
    assert chosen(networks(tmp_path / "a")) == "none"
    assert chosen(networks(tmp_path / "b", {"all": 0.6, "digits": 0.6})) == "all"


def test_differences_are_paired_over_the_seeds_that_both_arms_have(tmp_path: Path) -> None:
    records = networks(tmp_path)
    found = handwriting.differences(records, "report", "none", "accuracy_digits")
    assert found == pytest.approx([0, 0])
    spread = handwriting.differences(records, "report", "report", "accuracy_digits")
    assert len(spread) == 3


def test_the_matrix_has_a_row_for_each_source_and_intervals_where_there_are_two(
    working_folder: Path,
) -> None:
    found = handwriting.matrix(networks(working_folder / "records"))
    table = [line for line in found.splitlines() if line.startswith("| *")]
    assert [line.split("*")[1] for line in table] == [
        "none", "report", "digits", "digits/transposed", "digits/inverted", "large/report",
    ]  # fmt: skip
    # Five domains, each a mean and two ends, and the seeds.
    assert [len(texts(line)) for line in table] == [16, 16, 6, 16, 16, 16]
    assert texts(table[1])[0] == "0.510"
    assert Path("handwriting-matrix.svg").exists()


def test_a_second_source_is_told_beside_the_same_turned_and_inverted(tmp_path: Path) -> None:
    found = handwriting.second_source(networks(tmp_path))
    # Means of one, three, two and three seeds.
    assert texts(found) == ["0.500", "0.510", "0.505", "0.510"]


def test_a_domain_that_was_downloaded_has_a_column(working_folder: Path) -> None:
    found = handwriting.matrix(networks(working_folder / "records", more=("emnist",)))
    assert "EMNIST" in found
    assert "EMNIST" not in handwriting.matrix(networks(working_folder / "without"))


def test_each_step_is_compared_with_the_arm_that_it_changes(working_folder: Path) -> None:
    found = handwriting.steps(networks(working_folder / "records"))
    rows = [line for line in found.splitlines() if line.startswith("| *")]
    assert [row.split("*")[1] for row in rows] == ["none", "report/flips", "all/zoom"]
    assert "Less *report*" in found
    assert "Less *all*" in found


def test_errors_are_shown_with_the_surest_first_and_right_digits_not_at_all(
    working_folder: Path,
) -> None:
    found = handwriting_shift.failures(networks(working_folder / "records"), domains())
    # "none" is chosen: two seeds, one and two errors; one digit that both have wrong.
    assert texts(found) == ["4", "1.5", "1"]
    assert "a 3 for a 8; a 2 for a 7" in found
    assert "a 0 for" not in found


def test_all_figures_are_drawn_from_what_is_there(working_folder: Path) -> None:
    records = networks(working_folder / "records")
    handwriting_shift.by_severity(records, domains())
    handwriting_shift.calibration(records)
    handwriting_shift.preprocessing(records, domains())
    handwriting.sizes(records)
    drawn = sorted(path.stem for path in working_folder.glob("*.svg"))
    assert drawn == [f"handwriting-{name}" for name in
                     ("calibration", "corruptions", "severity", "sheets")]  # fmt: skip


def test_the_choice_says_what_the_chosen_arm_has_elsewhere(tmp_path: Path) -> None:
    found = handwriting.choice(networks(tmp_path, {"digits": 0.7}))
    assert "choose *digits*" in found
    # Its one seed has 0.5; the best have three, of which the mean is higher.
    assert texts(found)[0] == "0.7000"
    assert "the best there is *report* with" in found
