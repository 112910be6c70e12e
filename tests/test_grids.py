"""The cells of a grid search, as tables and figures take them."""

import numpy as np
import pytest

from retrial.report import figures
from retrial.report.grids import CellView

CELLS = CellView(
    {
        f"{solver}/{rate!r}/{batch}": (solver, rate, batch)
        for solver in ("sgd", "adam")
        for batch in (256, 64)
        for rate in (1e-4, 0.2)
    }
)


def test_cells_are_ordered_as_they_are_drawn() -> None:
    assert CELLS.solvers == ["sgd", "adam"]
    assert CELLS.rates == [0.2, 1e-4]
    assert CELLS.batches == [64, 256]
    assert CELLS.named("adam/0.0001/64") == "adam, 0.0001, 64"
    values = {arm: rate * batch for arm, (_, rate, batch) in CELLS.config.items()}
    table = CELLS.table_of(values, "adam")
    assert np.allclose(table, [[12.8, 51.2], [0.0064, 0.0256]])


@pytest.mark.parametrize(("solver", "frames"), [("adam", 3), ("sgd", 0)])
def test_the_printed_and_the_measured_best_are_framed_in_their_solvers_panel(
    solver: str, frames: int
) -> None:
    _, axes = figures.canvas(2.0)
    CELLS.mark(axes[0, 0], solver, "adam/0.2/64", "adam/0.0001/256")
    corners = [patch.get_xy() for patch in axes[0, 0].patches]
    assert len(corners) == frames
    if frames:
        assert corners[0] == (-0.5, -0.5)
        assert corners[1] == pytest.approx((0.57, 0.57))
    assert [label.get_text() for label in axes[0, 0].get_xticklabels()] == ["64", "256"]
