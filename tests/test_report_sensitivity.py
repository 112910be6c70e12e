"""The chapter on choices of ours: what its figure draws and its table counts."""

from typing import Any

from retrial.judging.sensitivity import Reading
from retrial.report.sensitivity import (
    EDGE,
    STYLES,
    Hanging,
    drawable,
    figure,
    nearest,
    style_of,
    table,
)

ROW: dict[str, Any] = {
    "id": "009-1", "printed": "0.5", "measured": 0.123456, "unit": "fraction", "low": None,
    "high": None, "n": 10, "kind": "value", "margin": 0.01, "verdict": "inconclusive",
    "where": "Table 1", "stage": "toy", "fitted": [],
}  # fmt: skip


def reading(arm: str, epochs: int, distance: float | None, **rest: Any) -> Reading:
    known: dict[str, Any] = {"n": 1, "mean": None, "state": "open", "agrees": False} | rest
    return Reading("toy", arm, {"the epochs": str(epochs)}, distance=distance, **known)


KNOWN = [
    reading("own", 3, 4.0, n=10, state="breaks", judged=True),
    reading("a", 1, 9.0),
    reading("a", 2, -0.5, agrees=True),
    reading("a", 3, 2.0),
    reading("b", 1, None),
    reading("c", 3, -2 * EDGE, n=3, state="breaks"),
    reading("c", 4, 0.1, n=3, state="holds", agrees=True),
]


def test_of_a_searched_network_the_nearest_epoch_is_drawn() -> None:
    drawn = [(one.arm, one.distance) for one in nearest(KNOWN)]
    # What is decided is drawn whatever its arm.
    assert drawn == [("own", 4.0), ("a", -0.5), ("c", -2 * EDGE), ("c", 0.1)]


def test_how_a_reading_is_drawn_says_what_is_known_of_it() -> None:
    told = [style_of(one) for one in KNOWN if one.distance is not None]
    few = "too few seeds, beyond it"
    assert told == [
        "judged", few, "too few seeds, within the margin", few, "breaks", "holds",
    ]  # fmt: skip
    assert style_of(reading("d", 1, 3.0, n=3)) == "open"
    assert set(told) < set(STYLES)


def test_the_table_counts_the_readings_that_were_not_judged() -> None:
    text = table("toy", [Hanging(ROW, KNOWN)], [ROW])
    (line,) = [one for one in text.splitlines() if "009-1](#009-1)" in one]
    numbers = [cell.split("[")[1].split("]")[0] for cell in line.split("|")[2:-2] if "[" in cell]
    # Printed, measured, hold, break, open and of these within the margin.
    assert numbers == ["0.5", "0.123", "1", "1", "4"]
    assert "([1](#009-1" in line


def test_a_figure_needs_two_claims_with_distances(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    one, sentence = Hanging(ROW, KNOWN), Hanging(ROW, [reading("x", 1, None, judged=True)])
    assert drawable([one, sentence]) == [one]
    assert figure("toy", [one, sentence]) == ""
    text = figure("toy", [one, one])
    assert "sensitivity-toy.svg" in text
    # Of six others one holds, and one more comes within the margin.
    assert "009-1: 2 of 6 other readings within the margin" in text
    first = (tmp_path / "sensitivity-toy.svg").read_bytes()
    figure("toy", [one, one])
    assert (tmp_path / "sensitivity-toy.svg").read_bytes() == first
