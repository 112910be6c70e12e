"""The picture of a claim's runs."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrial.core.records import Records
from retrial.report.strip import MOST, picture, runs_of, strip

VALUES = {"a": [0.1, 0.2, 0.6], "b": [0.1, 0.1, 0.1]}


def made(folder: Path = Path("toy")) -> Records:
    trials = tuple(
        {"arm": arm, "seed": seed, "metrics": {"accuracy": {"value": value, "n": 10}}}
        for arm, values in VALUES.items()
        for seed, value in enumerate(values)
    )
    return Records("toy", (), trials, folder)


def row(measured: float | None, **fields: Any) -> dict[str, Any]:
    evidence = {"arm": "a", "against": None, "metric": "accuracy", **fields.pop("evidence", {})}
    return {
        "kind": "value", "unit": "fraction", "printed": "0.4", "margin": 0.1, "measured": measured,
        "evidence": evidence, **fields,
    }  # fmt: skip


def test_runs_are_those_that_were_measured() -> None:
    runs = runs_of(row(0.3), made())
    assert runs is not None
    assert runs.tolist() == VALUES["a"]
    percent = runs_of(row(30.0, unit="percent"), made())
    assert percent is not None
    assert percent.tolist() == pytest.approx([10, 20, 60])


@pytest.mark.parametrize(("sign", "mean"), [(1, 0.2), (-1, -0.2)])
def test_runs_of_an_order_are_paired_differences_as_the_claim_takes_them(
    sign: int, mean: float
) -> None:
    runs = runs_of(row(mean, kind="order", evidence={"against": "b"}), made())
    assert runs is not None
    assert runs.tolist() == pytest.approx([sign * d for d in (0.0, 0.1, 0.5)])


@pytest.mark.parametrize(
    "claim",
    [
        row(0.35),
        row(None),
        row(0.3, evidence={"arm": "lost"}),
        row(0.3, evidence={"metric": None}),
        row(0.3, evidence={"metric": "loss"}),
    ],
    ids=["another mean", "nothing measured", "no arm", "no metric", "unknown metric"],
)
def test_no_runs_where_they_are_not_what_was_measured(claim: dict[str, Any]) -> None:
    assert runs_of(claim, made()) is None
    assert picture(claim, made()) == ""


def test_runs_of_a_curve_are_those_of_its_epoch(tmp_path: Path) -> None:
    lines = [f"a,{seed},{epoch},{seed + epoch}" for seed in range(3) for epoch in (1, 2)]
    (tmp_path / "curves.csv").write_text("arm,seed,epoch,loss\n" + "\n".join(lines) + "\n")
    claim = row(3.0, kind="curve", epoch=2, evidence={"metric": "loss"})
    runs = runs_of(claim, made(tmp_path))
    assert runs is not None
    assert runs.tolist() == [2, 3, 4]
    assert runs_of({**claim, "epoch": 3}, made(tmp_path)) is None


def test_places_by_hand() -> None:
    # From 0 to 1 on 8 … 292: the line at 0.5 is at 150, the band from 79 on is 142 wide.
    text = strip(np.array([0.0, 1.0]), 0.5, 0.25)
    assert 'd="M8 10h0M292 15h0"' in text
    assert '<path class="p" d="M150 1v26"/>' in text
    assert '<rect x="79" y="2" width="142.0" height="24"/>' in text
    assert 'aria-label="2 runs from 0 to 1; line at 0.5, band of ±0.25"' in text


def test_a_picture_without_print_or_spread() -> None:
    text = strip(np.array([2.0, 2.0]))
    assert "<rect" not in text
    assert 'class="p"' not in text
    assert text.count("<text") == 1


def test_a_difference_stands_against_zero() -> None:
    text = picture(row(0.2, kind="order", printed="", evidence={"against": "b"}), made())
    assert "3 paired differences from 0 to 0.5; line at 0" in text


def test_a_printed_number_and_its_margin_are_drawn() -> None:
    assert "line at 0.4, band of ±0.1" in picture(row(0.3), made())
    assert "line" not in picture(row(0.3, printed="nan"), made())


def test_many_runs_stay_small() -> None:
    text = strip(np.linspace(0, 1, 500), 0.123456, 0.01)
    assert len(text) < 1024
    assert text.count("h0") == MOST
    assert "500 runs" in text
    assert re.search(r"M8 \d+h0.*M292 \d+h0", text)
