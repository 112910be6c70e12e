"""The chapter on choices of ours: every recorded reading of a claim, drawn and counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from retrial.core.partitioned import load_records
from retrial.judging.multiverse import readings
from retrial.judging.searches import SEARCHES
from retrial.judging.sensitivity import Reading, deciding, favours, shares
from retrial.report import figures as fig
from retrial.report.markup import plain
from retrial.report.numbers import anchor, claimed, counted
from retrial.report.show import Row, headlines, ledger, verdicts
from retrial.report.tables import badge, measured, small_table
from retrial.statistics import FEWEST_SEEDS

# What a family's part of the chapter is called; its name where this has none.
TITLES = {
    "shift": "Moved digits",
    "kernels": "Support vector machines and logistic regression",
    "mse_mlp": "Digits by squared error",
    "scratch_grid": "Networks from scratch",
    "library_mlp": "Library networks with four activations",
    "code_classifier": "Classifiers on codes",
    "depth": "Deep networks",
    "classifier_mnist": "Convolutional networks, digits",
    "classifier_cifar10": "Convolutional networks, colour pictures",
    "handwriting": "Unseen handwriting",
    "cross_entropy": "Cross-entropy and squared error",
    "worked": "Worked by hand",
}
# Distances beyond this many margins are drawn at the edge.
EDGE = 60.0


@dataclass(frozen=True)
class Hanging:
    """A claim with its verdict row and all its recorded readings, the judged one among them."""

    row: Row
    readings: Sequence[Reading]

    @property
    def others(self) -> list[Reading]:
        """The readings that the verdict does not rest on."""
        return [one for one in self.readings if not one.judged]


def gathered(results: str | Path, families: Sequence[str]) -> dict[str, list[Hanging]]:
    """By family, the claims of which other readings were recorded; families without are left out.

    A curve stands there once. What cannot be as printed, or not be tested, hangs on no reading.
    """
    folder = Path(results)
    found = {}
    for family in families:
        claims = {claim.id: claim for claim in ledger(results, family)}
        records = load_records(folder / family)
        search = load_records(folder / SEARCHES[family].study) if family in SEARCHES else None
        hanging = [
            Hanging(row, known)
            for row in headlines(verdicts(folder, [family]))
            if row["verdict"] not in ("impossible", "untestable")
            if (known := readings(claims[row["id"]], records, search, claims))
        ]
        if hanging:
            found[family] = hanging
    return found


def drawable(hanging: Sequence[Hanging]) -> list[Hanging]:
    """Those whose readings have a distance from the print."""
    return [one for one in hanging if sum(r.distance is not None for r in one.readings) > 1]


def nearest(known: Sequence[Reading]) -> list[Reading]:
    """One reading an arm: that which comes nearest to the print, such as one epoch of a curve."""
    found: dict[tuple[str, str, int], Reading] = {}
    for place, one in enumerate(known):
        if one.distance is None:
            continue
        # Only searched curves have many readings an arm; all others are drawn.
        searched = one.state == "open" and one.n < FEWEST_SEEDS
        key = one.study, one.arm, 0 if searched else place + 1
        if key not in found or abs(one.distance) < abs(found[key].distance or 0.0):
            found[key] = one
    return list(found.values())


def figure(family: str, hanging: Sequence[Hanging]) -> str:
    """Markdown of a family's figure: claims as rows, readings as dots in margins.

    Empty for fewer than two such claims: the table says it all.
    """
    shown = drawable(hanging)
    if len(shown) < 2:
        return ""
    drawing, axes = fig.canvas(1.15 + 0.27 * len(shown))
    panel: Axes = axes[0, 0]
    panel.axvspan(-1, 1, color="#E8F1EC", zorder=0)
    panel.axvline(0, color=fig.RED, linewidth=1, linestyle=(0, (4, 2)))
    for place, one in enumerate(shown):
        _row(panel, place, one)
    panel.set_yticks(range(len(shown)), [one.row["id"] for one in shown], fontsize=7)
    panel.set_ylim(len(shown) - 0.4, -0.6)
    panel.set_xscale("symlog", linthresh=1, linscale=0.8)
    panel.set_xlim(-1.15 * EDGE, 1.15 * EDGE)
    ticks = [-50, -20, -10, -5, -2, -1, 0, 1, 2, 5, 10, 20, 50]
    panel.set_xticks(ticks, [str(tick).replace("-", "−") for tick in ticks])
    panel.minorticks_off()
    panel.set_xlabel("distance from the print, in margins (the shaded band is the margin)")
    panel.grid(axis="y", visible=False)
    handles = [panel.scatter([], [], **style, label=name) for name, style in STYLES.items()]
    drawing.legend(handles=handles, loc="outside upper center", ncols=3)
    name = f"sensitivity-{anchor(family)}"
    caption = (
        "Each claim under every recorded reading of what is left open. Of networks that were "
        "searched epoch by epoch, the epoch that comes nearest to the print is drawn."
    )
    if any(reading.partial for one in shown for reading in one.readings):
        caption = (
            "Each printed curve under every recorded reading, by the mean distance of runs in the "
            "first epochs, which is all that the search trained."
        )
    told = "; ".join(
        f"{one.row['id']}: {sum(map(favours, one.others))} of {len(one.others)} other readings "
        "within the margin"
        for one in shown
    )
    return fig.saved(drawing, name, caption, f"Dots of readings about the print. {told}.")


STYLES: dict[str, dict[str, Any]] = {
    "judged": {"s": 34, "marker": "D", "color": fig.BLACK, "linewidth": 0, "zorder": 5},
    "holds": {"s": 20, "marker": "o", "color": fig.GREEN, "linewidth": 0, "zorder": 4},
    "breaks": {"s": 22, "marker": "x", "color": fig.RED, "linewidth": 1.1, "zorder": 4},
    "open": {"s": 20, "marker": "s", "color": fig.ORANGE, "linewidth": 0, "zorder": 3},
    "too few seeds, within the margin": {
        "s": 14, "marker": "o", "facecolor": "none", "edgecolor": fig.GREEN, "linewidth": 0.8,
        "zorder": 3,
    },
    "too few seeds, beyond it": {
        "s": 14, "marker": "^", "facecolor": "none", "edgecolor": fig.GREY, "linewidth": 0.7,
        "zorder": 2,
    },
}  # fmt: skip


def style_of(one: Reading) -> str:
    """The name in STYLES of how a reading is drawn."""
    if one.judged:
        return "judged"
    if one.state == "open" and one.n < FEWEST_SEEDS:
        return "too few seeds, within the margin" if one.agrees else "too few seeds, beyond it"
    return one.state


def _row(panel: Axes, place: int, hanging: Hanging) -> None:
    known = nearest(hanging.readings)
    offsets = fig.spread(len(known), 0.55)
    x = np.clip([one.distance or 0.0 for one in known], -EDGE, EDGE)
    drawn = np.array([style_of(one) for one in known])
    for name, style in STYLES.items():
        of = drawn == name
        height = place + (0 if name == "judged" else 1) * offsets[of]
        if of.any():
            panel.scatter(x[of], height, **style)


def table(family: str, hanging: Sequence[Hanging], rows: Sequence[Row]) -> str:
    """Markdown: each claim with its verdict, what other readings say, and what moves it."""
    head = ("Claim", "Printed", "Measured", "Verdict", "Hold", "Break", "Open", "What moves it")
    lines = [
        (
            f"[{one.row['id']}](#{one.row['id']})",
            claimed(rows, one.row["id"]) if one.row["printed"] else "–",
            _measured(one.row),
            badge(one.row),
            _count(one, "holds"),
            _count(one, "breaks"),
            _open(one),
            _moved(one),
        )
        for one in hanging
    ]
    caption = "Open: too few seeds, or not decided by them; in brackets those within the margin."
    return small_table(head, lines, caption)


def _measured(row: Row) -> str:
    text = measured(row) if row["printed"] else ""
    return counted(text, f"measured of {row['id']}", row["id"]) if text else "–"


def _count(one: Hanging, state: str) -> str:
    found = sum(reading.state == state for reading in one.others)
    return counted(found, f"readings of {one.row['id']}: {state}", one.row["id"])


def _open(one: Hanging) -> str:
    still = [reading for reading in one.others if reading.state == "open"]
    text = counted(len(still), f"readings of {one.row['id']}: open", one.row["id"])
    near = sum(reading.agrees for reading in still)
    if near:
        text += f" ({counted(near, 'of these, within the margin', one.row['id'])})"
    return text


def _moved(one: Hanging) -> str:
    """The choice whose levels differ most, with its best and its worst level."""
    choice = deciding(one.readings)
    if choice is None:
        return "none of those recorded"
    levels = shares(one.readings)[choice]
    order = sorted(levels, key=lambda level: (levels[level][0] / levels[level][1], level))

    def told(level: str) -> str:
        agree, of = levels[level]
        what = f"readings of {one.row['id']} with {choice}: {level}"
        return (
            f"{counted(level, f'a level of {choice}', one.row['id'])} "
            f"({counted(agree, what, one.row['id'])} of {counted(of, what, one.row['id'])})"
        )

    return f"{plain(choice)}: most with {told(order[-1])}, least with {told(order[0])}"
