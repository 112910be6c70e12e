"""Figures of the report: one function per kind of picture, drawn on arrays.

Colours are Okabe and Ito's, which readers with any common colour blindness tell apart, and never
carry a meaning alone. Files are SVG with text as text, in the font that the report brings, without
dates and random ids.
"""

import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from retrial.report.markup import attribute
from retrial.report.svg import minified
from retrial.report.tables import FITTED
from retrial.statistics.intervals import t_quantile

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PURPLE, GREY = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
    "#8C8C8C",
)  # fmt: skip
CYCLE = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY, GREY, BLACK)
MARKERS = "osD^vP*X"
VERDICT_COLOURS = {
    "reproduced": GREEN,
    FITTED: "#A6DCCB",
    "contradicted": RED,
    "explained": ORANGE,
    "impossible": PURPLE,
    "inconclusive": "#BDBDBD",
    "untestable": SKY,
}
HATCHES = {
    FITTED: "---",
    "contradicted": "///",
    "impossible": "xxx",
    "untestable": "...",
}
WIDTH = 6.5  # inches: the text width of the PDF
DPI = 200  # of what artists have rasterised
ENLARGED = ("nearest", "auto")  # what shows a pixel of a small image as a square of its colour
SMALL = 128  # pixels along an image that a figure shows larger than it is
PREFIX = 8  # hexadecimal digits of a figure's name in the ids of its parts

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "hatch.linewidth": 0.5,
    "figure.constrained_layout.use": True,
    "svg.fonttype": "none",
}


def canvas(
    height: float, rows: int = 1, columns: int = 1, width: float = WIDTH, **options: object
) -> tuple[Figure, np.ndarray]:
    """A figure of `width` × `height` inches and its (rows, columns) axes.

    The reader's own matplotlibrc and fonts are left aside: the same bytes everywhere.
    """
    mpl.rcdefaults()
    mpl.rcParams.update(STYLE)
    own = Path(mpl.get_data_path())
    fontManager.ttflist = [f for f in fontManager.ttflist if own in Path(f.fname).parents]
    figure = Figure(figsize=(width, height))
    return figure, figure.subplots(rows, columns, squeeze=False, **options)  # type: ignore


def saved(figure: Figure, name: str, caption: str, alternative: str) -> str:
    """Write `name`.svg to the working folder; the Markdown that shows it.

    `alternative` says in words what a reader who cannot see the figure should know.
    """
    salt = hashlib.sha256(name.encode()).hexdigest()
    mpl.rcParams["svg.hashsalt"] = salt
    for image in figure.findobj(AxesImage):
        # Its own pixels, which a viewer enlarges, in place of more pixels that show the same.
        pixels = image.get_array()
        enlarged = pixels is not None and max(pixels.shape[:2]) <= SMALL
        if enlarged and image.get_interpolation() in ENLARGED:
            image.set_interpolation("none")
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", dpi=DPI, metadata={"Date": None, "Creator": None})
    # All figures of a report stand in one page: the name of each keeps its ids apart.
    short = minified(drawn.getvalue(), f"s{salt[:PREFIX]}")
    Path(f"{name}.svg").write_text(short, encoding="utf-8")
    return f'\n![{caption}]({name}.svg){{#figure-{name} alt="{attribute(alternative)}"}}\n'


def half_width(values: np.ndarray, level: float = 0.95) -> float:
    """Half the two-sided t interval of the mean of (n,) values; nan for fewer than two."""
    if len(values) < 2:
        return float("nan")
    quantile = t_quantile((1 + level) / 2, len(values) - 1)
    return float(quantile * np.std(values, ddof=1) / np.sqrt(len(values)))


def spread(count: int, width: float = 0.3) -> np.ndarray:
    """(count,) horizontal offsets in ±width/2, the same at every drawing."""
    if count == 1:
        return np.zeros(1)
    # The golden ratio's multiples fill the width evenly for any count.
    return width * ((np.arange(count) * 0.6180339887498949) % 1 - 0.5)


def stacked_counts(axes: Axes, counts: Mapping[str, Mapping[str, int]]) -> None:
    """Verdict counts as stacked bars: group → verdict → count, with the numbers inside."""
    groups = list(counts)
    left = np.zeros(len(groups))
    most = max((sum(each.values()) for each in counts.values()), default=0)
    for verdict, colour in VERDICT_COLOURS.items():
        widths = np.array([counts[group].get(verdict, 0) for group in groups])
        bars = axes.barh(
            groups, widths, left=left, color=colour, edgecolor="white", linewidth=0.8,
            hatch=HATCHES.get(verdict), label=verdict, height=0.72,
        )  # fmt: skip
        for bar, width in zip(bars, widths, strict=True):
            if width:
                _bar_text(axes, bar.get_center(), str(width), 8 if width > most / 30 else 6)
        left += widths
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _bar_text(axes: Axes, place: tuple[float, float], text: str, size: float) -> None:
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}
    axes.text(*place, text, ha="center", va="center", fontsize=size, bbox=box)


def strip(
    axes: Axes,
    groups: Mapping[str, np.ndarray],
    printed: Mapping[str, float] | None = None,
    level: float = 0.95,
    failed: Mapping[str, np.ndarray] | None = None,
) -> None:
    """One dot per seed, mean with its interval, and the printed value as an open diamond.

    `groups` map a label to (seeds,) values; `failed` to (seeds,) bool, drawn as crosses.
    """
    for x, (label, values) in enumerate(groups.items()):
        colour = CYCLE[x % len(CYCLE)]
        offsets = x - 0.12 + spread(len(values))
        bad = np.zeros(len(values), bool) if failed is None else failed[label]
        axes.scatter(
            offsets[~bad], values[~bad], s=11, color=colour, alpha=0.75, linewidth=0, zorder=3
        )
        axes.scatter(
            offsets[bad], values[bad], s=16, color=colour, marker="x", linewidth=0.9, zorder=3
        )
        finite = values[np.isfinite(values)]
        if len(finite) > 1:
            axes.errorbar(
                x + 0.16, finite.mean(), half_width(finite, level), fmt="_", color=BLACK,
                markersize=8, capsize=2.5, linewidth=1.1, zorder=4,
            )  # fmt: skip
        if printed and printed.get(label) is not None:
            axes.plot(
                x + 0.34, printed[label], "D", markerfacecolor="white", markeredgecolor=RED,
                markeredgewidth=1.3, markersize=5.5, zorder=5,
            )  # fmt: skip
    axes.set_xticks(range(len(groups)), list(groups))
    axes.set_xlim(-0.6, len(groups) - 0.3)
    axes.grid(axis="x", visible=False)


def strip_legend(figure: Figure, one: str = "one seed", failed: str = "") -> None:
    """The key to `strip`, above the panels."""
    axes = figure.axes[0]
    handles = [
        axes.scatter([], [], s=14, color=GREY, label=one),
        axes.errorbar([], [], [], fmt="_", color=BLACK, capsize=2.5, label="mean, 95% interval"),
        axes.plot([], [], "D", mfc="white", mec=RED, mew=1.3, ms=5.5, label="printed")[0],
    ]
    if failed:
        handles.insert(1, axes.scatter([], [], s=16, color=GREY, marker="x", label=failed))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))


def band(
    axes: Axes, x: np.ndarray, values: np.ndarray, label: str, place: int, marks: bool = False
) -> None:
    """Mean over seeds with the range between them: `x` (t,), `values` (seeds, t)."""
    colour = CYCLE[place % len(CYCLE)]
    known = np.isfinite(values).any(axis=0)
    if not known.any():
        return
    x, values = np.asarray(x)[known], values[:, known]
    marker = MARKERS[place % len(MARKERS)] if marks else ""
    axes.plot(
        x, np.nanmean(values, axis=0), color=colour, label=label, linewidth=1.4, marker=marker,
        markersize=4, linestyle=("-", "--", "-.", ":")[place // 2 % 4] if not marks else "-",
    )  # fmt: skip
    axes.fill_between(
        x, np.nanmin(values, axis=0), np.nanmax(values, axis=0), color=colour, alpha=0.16,
        linewidth=0,
    )  # fmt: skip


def means(axes: Axes, x: np.ndarray, values: np.ndarray, label: str, place: int) -> None:
    """Means over seeds with their 95% t intervals: `x` (t,), `values` (seeds, t).

    A mean of fewer than two finite values stands without an interval.
    """
    colour = CYCLE[place % len(CYCLE)]
    finite = [column[np.isfinite(column)] for column in values.T]
    known = [i for i, column in enumerate(finite) if len(column)]
    ends = np.array([half_width(finite[i]) for i in known])
    axes.errorbar(
        np.asarray(x)[known], [finite[i].mean() for i in known], np.nan_to_num(ends), color=colour,
        label=label, linewidth=1.2, marker=MARKERS[place % len(MARKERS)], markersize=4.5,
        capsize=2.5, linestyle=("-", "--", "-.", ":")[place // 2 % 4],
    )  # fmt: skip


def within_shares(axes: Axes) -> None:
    """Keep an axis of shares inside 0…1, where few seeds have wide intervals."""
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, 0), min(high, 1))


def printed_line(axes: Axes, value: float, text: str, below: bool = False) -> None:
    """A printed value as a dashed line with its name above or below its right end."""
    axes.axhline(value, color=RED, linewidth=1, linestyle=(0, (4, 2)), zorder=2)
    axes.annotate(
        text, (1, value), xycoords=("axes fraction", "data"), xytext=(-2, -2 if below else 2),
        textcoords="offset points", color=RED, fontsize=7.5, ha="right",
        va="top" if below else "bottom",
    )  # fmt: skip


def shift_map(axes: Axes, values: np.ndarray, reach: int, low: float, high: float) -> AxesImage:
    """A (2·reach + 1, 2·reach + 1) map over shifts: dy down the rows, dx along the columns."""
    edge = reach + 0.5
    drawn = axes.imshow(
        values, cmap="cividis", vmin=low, vmax=high, extent=(-edge, edge, edge, -edge),
        interpolation="nearest",
    )  # fmt: skip
    axes.grid(visible=False)
    axes.plot(0, 0, "+", color="white", markersize=7, markeredgewidth=1.2)
    axes.set_xticks([-reach, 0, reach])
    axes.set_yticks([-reach, 0, reach])
    return drawn


def colour_bar(figure: Figure, drawn: AxesImage, axes: Iterable[Axes], label: str) -> None:
    """One scale for several maps."""
    bar = figure.colorbar(drawn, ax=list(axes), shrink=0.85, aspect=28, pad=0.015)
    bar.set_label(label)
    bar.outline.set_linewidth(0.5)


def table_map(axes: Axes, counts: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> None:
    """A contingency table as shaded cells with their counts."""
    # Square root: the large agreeing cell would otherwise leave the others white.
    axes.imshow(np.sqrt(counts), cmap="Blues", vmin=0, vmax=1.7 * np.sqrt(counts.max() or 1))
    for (i, j), n in np.ndenumerate(counts):
        axes.text(j, i, f"{int(n):,}".replace(",", "\u202f"), ha="center", va="center", fontsize=11)
    axes.set_xticks(range(len(columns)), list(columns))
    axes.set_yticks(range(len(rows)), list(rows), rotation=90, va="center")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def heat_map(
    axes: Axes,
    values: np.ndarray,
    texts: np.ndarray,
    low: float,
    high: float,
    size: float = 7.5,
) -> AxesImage:
    """A map of `values` (rows, columns), shaded from `low` to `high`, with a text in each cell.

    Cells that are nan stay grey.
    """
    colours = mpl.colormaps["cividis"].with_extremes(bad="#D9D9D9")
    drawn = axes.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto")
    middle = low + 0.55 * (high - low)
    for (i, j), text in np.ndenumerate(texts):
        colour = "white" if values[i, j] <= middle else BLACK
        axes.text(j, i, text, ha="center", va="center", fontsize=size, color=colour)
    rows, columns = values.shape
    axes.hlines(np.arange(1, rows) - 0.5, -0.5, columns - 0.5, color="white", linewidth=1)
    axes.vlines(np.arange(1, columns) - 0.5, -0.5, rows - 0.5, color="white", linewidth=1)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return drawn


def plain_logs(axis: Axis) -> None:
    """A logarithmic axis labelled with plain numbers, at ones, twos and fives where few fit."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def image(axes: Axes, pixels: np.ndarray, title: str) -> None:
    """One digit, dark ink on white, (h, w) uint8."""
    axes.imshow(pixels, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    axes.set_title(title, fontsize=7.5)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set(visible=True, color="#CCCCCC")
