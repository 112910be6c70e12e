"""A grid search in tables and figures: its cells by solver, learning rate and batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from retrial.core.records import Records
from retrial.report.figures import BLACK, RED
from retrial.report.numbers import config_value

Cell = tuple[str, float, int]


@dataclass(frozen=True)
class CellView:
    """The cells of a search by arm: `config` holds solver, learning rate and batch of each."""

    config: Mapping[str, Cell]

    @property
    def solvers(self) -> list[str]:
        """The solvers, in the order of the search."""
        return list(dict.fromkeys(solver for solver, _, _ in self.config.values()))

    @property
    def rates(self) -> list[float]:
        """The learning rates, the largest first."""
        return sorted({rate for _, rate, _ in self.config.values()}, reverse=True)

    @property
    def batches(self) -> list[int]:
        """The batches, the smallest first."""
        return sorted({batch for _, _, batch in self.config.values()})

    @property
    def at(self) -> dict[Cell, str]:
        """The arm of each cell."""
        return {cell: arm for arm, cell in self.config.items()}

    def named(self, arm: str) -> str:
        """A cell in words."""
        solver, rate, batch = self.config[arm]
        return f"{solver}, {rate:g}, {batch}"

    def table_of(self, values: Mapping[str, Any], solver: str) -> np.ndarray:
        """(rates, batches) of a value by arm, for one solver."""
        at = self.at
        return np.array(
            [[values[at[solver, rate, batch]] for batch in self.batches] for rate in self.rates]
        )

    def mark(self, axes: Axes, solver: str, printed: str, best: str) -> None:
        """Frames around the printed best (solid) and the measured one (dashed), and the ticks."""
        for arm, inset, edges in (
            (printed, 0.0, ((2.2, "-", RED),)),
            (best, 0.07, ((2.6, "-", "white"), (1.3, "--", BLACK))),
        ):
            own, rate, batch = self.config[arm]
            if own != solver:
                continue
            column, row = self.batches.index(batch), self.rates.index(rate)
            corner, side = (column - 0.5 + inset, row - 0.5 + inset), 1 - 2 * inset
            for width, style, colour in edges:
                frame = Rectangle(
                    corner, side, side, fill=False, ec=colour, lw=width, ls=style, clip_on=False
                )
                frame.set_zorder(5)
                axes.add_patch(frame)
        axes.set_xticks(range(len(self.batches)), [str(batch) for batch in self.batches])
        axes.set_yticks(range(len(self.rates)), [f"{rate:g}" for rate in self.rates])
        axes.set_xlabel("batch")


def cells_of(records: Records) -> CellView:
    """The cells that a search recorded, one an arm."""
    keys = ("solver", "learning_rate", "batch")
    return CellView(
        {arm: tuple(config_value(records, arm, key) for key in keys) for arm in records.arms()}
    )
