"""Drawings of small networks: units, and connections with their weights."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from retrial.report.figures import BLACK, BLUE, RED

RADIUS = 0.23
# Where weights stand on their connections: staggered, so that crossing ones keep apart.
PLACES = (0.28, 0.42, 0.56)
GAP = 2.2  # between layers, in units of the drawing


def network(
    axes: Axes,
    layers: Sequence[tuple[np.ndarray, np.ndarray]],
    names: Sequence[Sequence[str]],
    titles: Sequence[str] = (),
) -> None:
    """A network from left to right: `layers` are weights (units, inputs) and biases (units).

    `names` are those of the inputs and of the units of each layer. Positive weights are solid and
    blue, negative ones dashed and red; weights of zero are left out. A bias stands below its unit.
    """
    places = [_column(i * GAP, len(column)) for i, column in enumerate(names)]
    for i, (weights, _) in enumerate(layers):
        for (to, start), weight in np.ndenumerate(weights):
            if weight:
                share = PLACES[start % len(PLACES)]
                _connection(axes, places[i][start], places[i + 1][to], float(weight), share)
    for i, (column, labels) in enumerate(zip(places, names, strict=True)):
        for j, (place, label) in enumerate(zip(column, labels, strict=True)):
            axes.add_patch(Circle(place, RADIUS, facecolor="white", edgecolor=BLACK, zorder=4))
            axes.text(*place, label, ha="center", va="center", fontsize=8, zorder=5)
            if i and layers[i - 1][1][j]:
                below = (place[0], place[1] - RADIUS - 0.04)
                axes.text(
                    *below, f"{_signed(float(layers[i - 1][1][j]))}", ha="center", va="top",
                    fontsize=6.5, zorder=5,
                )  # fmt: skip
    top = max(place[1] for column in places for place in column) + 0.55
    for i, title in enumerate(titles):
        axes.text(i * GAP, top, title, ha="center", va="bottom", fontsize=8)
    axes.set_aspect("equal")
    axes.set_xlim(-0.45, GAP * (len(names) - 1) + 0.45)
    axes.set_ylim(-top, top + (0.35 if titles else 0))
    axes.set_axis_off()


def _column(x: float, count: int) -> list[tuple[float, float]]:
    """Places of `count` units one below the other, about the middle."""
    return [(x, (count - 1) / 2 - i) for i in range(count)]


def _connection(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], weight: float, share: float
) -> None:
    """A line with its weight on it, at a share of its length."""
    colour = BLUE if weight > 0 else RED
    axes.plot(
        *zip(start, end, strict=True), color=colour, linewidth=min(0.7 + 0.4 * abs(weight), 2.2),
        linestyle="-" if weight > 0 else (0, (4, 2)), zorder=2,
    )  # fmt: skip
    x, y = (a + share * (b - a) for a, b in zip(start, end, strict=True))
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    axes.text(
        x, y, _signed(weight), ha="center", va="center", fontsize=6.5, color=colour, bbox=box,
        zorder=3,
    )  # fmt: skip


def _signed(value: float) -> str:
    """A number with its sign, as short as it is."""
    return f"{value:+g}".replace("-", "−")
