"""Pictures of the chapters on attacks: what f made of single images, and success by class.

Each function returns Markdown about the records of a study of `retrial.image_attacks` and leaves
its figure in the working folder; `name` begins the figure's own.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from retrial.core.records import Records
from retrial.report import figures as fig
from retrial.report.examples import KINDS, examples, of_kind, share_cells, victim_of
from retrial.report.numbers import drawn, setting
from retrial.report.pictures import MISSED, DataSet, change, change_bar, picture, word
from retrial.report.tables import small_table
from retrial.statistics import wilson

Array = NDArray[Any]

LOWEST = 3


class Pictured(NamedTuple):
    """The first image of a class before one victim, by target: results (classes, channels, …).

    `predicted` and `confidence` (classes,) are the victim's; the own class's is the original.
    """

    images: Array
    predicted: Array
    confidence: Array


def pictured(records: Records, arm: str, source: int) -> Pictured:
    """What is stored of the lowest seed."""
    seed = min(trial["seed"] for trial in records.of(arm))
    labels, predicted, confidence, pictures = (
        records.array(arm, seed, name) for name in ("labels", "predicted", "confidence", "pictures")
    )
    first = int(np.flatnonzero(labels == source)[0])
    return Pictured(pictures[source], predicted[first], confidence[first])


def _told(one: Pictured, source: int, data: DataSet) -> str:
    """How many targets are reached, and which are not, without Markdown."""
    missed = [
        data.classes[target]
        for target in range(len(data.classes))
        if target not in (source, one.predicted[target])
    ]
    return (
        f"{len(data.classes) - 1 - len(missed)} of {len(data.classes) - 1} targets are reached"
        + (f", not {', '.join(missed)}" if missed else "")
    )


def sheet(records: Records, arm: str, source: int, data: DataSet, name: str) -> str:
    """One image, what was added for each target, the results, and what the victim says of them."""
    one = pictured(records, arm, source)
    targets = [target for target in range(len(data.classes)) if target != source]
    original = one.images[source]
    reach = max(1, int(np.abs(one.images.astype(int) - original).max()))
    figure, axes = fig.canvas(2.15, 2, len(targets) + 1)
    change_bar(figure, axes[0, 0], reach, data.grey)
    picture(axes[1, 0], original)
    axes[1, 0].set_title("original", fontsize=7)
    said = int(one.predicted[source])
    word(axes[1, 0], data.classes[said], said == source, float(one.confidence[source]))
    for column, target in enumerate(targets, 1):
        change(axes[0, column], one.images[target], original, reach)
        axes[0, column].set_title(f"to {data.classes[target]}", fontsize=6.5 if data.grey else 6)
        picture(axes[1, column], one.images[target])
        said = int(one.predicted[target])
        word(axes[1, column], data.classes[said], said == target, float(one.confidence[target]))
    shown = drawn(data.one[source].capitalize(), records, [arm], "class of the image")
    scale = drawn(reach, records, [arm], "largest change shown, grey levels", "d")
    shades = (
        "purple for more ink, orange for less"
        if data.grey
        else "mid-grey where nothing changed, each channel brighter or darker by its own change"
    )
    return fig.saved(
        figure,
        f"{name}-sheet",
        f"{shown} before *{victim_of(arm)}*, of the lowest seed. Above: "
        f"what f added for each target, on a scale of ±{scale} grey levels ({shades}). Below: the "
        "original and the results, with the class that the victim gives them and its confidence; "
        f"red with a cross ({MISSED}): not the target.",
        f"An image, nine changes and nine results: {_told(one, source, data)}. The largest change "
        f"is {reach} grey levels.",
    )


def victims_sheet(records: Records, arms: Sequence[str], source: int, data: DataSet, name: str
                  ) -> str:  # fmt: skip
    """The results of the same image before several victims, by target."""
    order = [source, *(target for target in range(len(data.classes)) if target != source)]
    figure, axes = fig.canvas(0.95 * len(arms) + 0.25, len(arms), len(order))
    for line, arm in zip(axes, arms, strict=True):
        one = pictured(records, arm, source)
        for ax, target in zip(line, order, strict=True):
            picture(ax, one.images[target])
            said = int(one.predicted[target])
            word(ax, data.classes[said], said == target, float(one.confidence[target]))
        line[0].set_ylabel(victim_of(arm), fontsize=7.5)
    for ax, target in zip(axes[0], order, strict=True):
        title = "original" if target == source else f"to {data.classes[target]}"
        ax.set_title(title, fontsize=6.5 if data.grey else 6)
    return fig.saved(
        figure,
        f"{name}-victims",
        f"The same image before *{'*, *'.join(victim_of(arm) for arm in arms)}*: the results by "
        "target, with the class that the victim gives them and its confidence; red with a cross "
        f"({MISSED}): not the target.",
        "Rows of results. "
        + "; ".join(
            f"{victim_of(arm)}: {_told(pictured(records, arm, source), source, data)}"
            for arm in arms
        ),
    )


def small_sheet(
    records: Records, arm: str, sources: Sequence[int], data: DataSet, name: str
) -> str:
    """Results for several images, a row each, by target; the originals are framed."""
    places = range(len(data.classes))
    figure, axes = fig.canvas(0.62 * len(sources) + 0.3, len(sources), len(places))
    for line, source in zip(axes, sources, strict=True):
        one = pictured(records, arm, source)
        for ax, target in zip(line, places, strict=True):
            picture(ax, one.images[target], fig.BLACK if target == source else "#CCCCCC")
            said = int(one.predicted[target])
            if said != target:
                _missed(ax, data.classes[said])
        line[0].set_ylabel(data.classes[source], fontsize=7.5)
    for ax, target in zip(axes[0], places, strict=True):
        ax.set_title(f"to {data.classes[target]}", fontsize=7)
    return fig.saved(
        figure,
        f"{name}-others",
        f"Further images before *{victim_of(arm)}*, of the lowest seed: results by target, the "
        f"originals framed. A cross ({MISSED}) with a class: the victim says that class, not the "
        "one of the column.",
        "Rows of results. "
        + "; ".join(
            f"{data.one[source]}: {_told(pictured(records, arm, source), source, data)}"
            for source in sources
        ),
    )


def _missed(axes: Axes, said: str) -> None:
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}
    axes.text(0.97, 0.04, f"{MISSED} {said}", transform=axes.transAxes, fontsize=6.5,
              color=fig.RED, ha="right", va="bottom", bbox=box)  # fmt: skip


def matrices(records: Records, kind: str, data: DataSet, name: str) -> str:
    """Success by class of the image and target, a panel for each victim, and the lowest cells."""
    arms, classes = of_kind(records, kind), len(data.classes)
    if not arms:
        return "This profile leaves out this attack."
    found = {arm: examples(records, arm).counts(classes) for arm in arms}
    sizes = np.concatenate([tried[tried > 0] for _, tried in found.values()])
    if not len(sizes):
        return "Every image was misclassified before the attack: there is nothing to count."
    wide = min(len(arms), 2)
    tall = -(-len(arms) // wide)
    figure, axes = fig.canvas(0.2 + 3.05 * tall, tall, wide, sharey=True)
    for ax, (arm, (reached, tried)) in zip(axes.flat, found.items(), strict=False):
        shares = np.divide(reached, tried, out=np.full(tried.shape, np.nan), where=tried > 0)
        texts = np.array(
            [["" if np.isnan(one) else f"{100 * one:.0f}" for one in line] for line in shares]
        )
        shaded = fig.heat_map(ax, shares, texts, 0, 1, 6.8)
        ax.set_xticks(range(classes), data.classes, rotation=0 if data.grey else 90)
        ax.set_yticks(range(classes), data.classes)
        ax.tick_params(labelsize=7.5)
        ax.set(title=f"before {victim_of(arm)}", xlabel="target")
    for line in axes:
        line[0].set_ylabel("class of the image")
    if len(arms) == axes.size:
        fig.colour_bar(figure, shaded, list(axes.flat), "share of targets reached")
    else:
        spare = axes.flat[-1]
        spare.set_axis_off()
        bar = figure.colorbar(
            shaded, cax=spare.inset_axes((0.08, 0.5, 0.84, 0.05)), orientation="horizontal"
        )
        bar.set_label("share of targets reached")
        bar.outline.set_linewidth(0.5)
    full = {
        arm: (int((reached == tried)[tried > 0].sum()), int((tried > 0).sum()))
        for arm, (reached, tried) in found.items()
    }
    span = " to ".join(
        drawn(int(end), records, arms, "images of a cell", "d")
        for end in sorted({sizes.min(), sizes.max()})
    )
    cells = "; ".join(
        f"before *{victim_of(arm)}*, {drawn(whole, records, [arm], 'cells that are full', 'd')} of "
        f"{drawn(some, records, [arm], 'cells with an image', 'd')} cells are full"
        for arm, (whole, some) in full.items()
    )
    lines = [line for arm in arms for line in _lowest(*found[arm], records, arm, data)]
    least = [
        drawn(
            wilson(size, size).low, records, arms, "low end of the interval of a full cell", ".3f"
        )
        for size in sorted({int(sizes.min()), int(sizes.max())})
    ]
    return "\n\n".join(
        (
            fig.saved(
                figure,
                f"{name}-{kind}-matrix",
                f"Targets reached, per cent, by class of the image and target, {KINDS[kind]}: all "
                f"seeds together, images a cell: {span}. Grey: no image, or its own class.",
                "Matrices of success by class and target. "
                + "; ".join(
                    f"before {victim_of(arm)}, {whole} of {some} cells are full, "
                    f"{int(found[arm][0].sum())} of {int(found[arm][1].sum())} targets are reached"
                    for arm, (whole, some) in full.items()
                ),
            ),
            f"Where every image reaches its target a cell is full: {cells}. A full cell of few "
            f"images says little: its interval begins at {least[0]}"
            + (f" with the fewest, at {least[1]} with the most." if len(least) > 1 else "."),
            small_table(
                ["Victim", "Class", "Target", "Reached", "Of", "Share", "Interval"],
                lines,
                "The lowest cells before each victim, of equal ones those with the most images "
                "first, with nineteen-in-twenty Wilson intervals.",
            )
            if lines
            else "",
        )
    )


def _lowest(
    reached: Array, tried: Array, records: Records, arm: str, data: DataSet
) -> list[list[str]]:
    """Lines for the cells of lowest success among those that are not full."""
    at = [(i, j) for i, j in np.argwhere(reached < tried).tolist()]
    at.sort(key=lambda cell: (reached[cell] / tried[cell], -tried[cell]))
    return [
        [
            f"*{victim_of(arm)}*",
            data.classes[i],
            data.classes[j],
            drawn(int(reached[i, j]), records, [arm], "targets reached", "d"),
            drawn(int(tried[i, j]), records, [arm], "images", "d"),
            *share_cells(
                np.arange(tried[i, j]) < reached[i, j], records, [arm], "share of targets reached"
            ),
        ]
        for i, j in at[:LOWEST]
    ]


def pictured_text(records: Records, arm: str, source: int, data: DataSet) -> str:
    """What a sheet shows, in a sentence with its numbers drawn."""
    one = pictured(records, arm, source)
    targets = [target for target in range(len(data.classes)) if target != source]
    surest = [
        float(one.confidence[target]) for target in targets if one.predicted[target] == target
    ]
    what = drawn(data.one[source], records, [arm], "class of the image")
    return (
        f"The first image of {what} is led to "
        f"{drawn(len(surest), records, [arm], 'targets reached', 'd')} of "
        f"{drawn(len(targets), records, [arm], 'targets', 'd')} classes before "
        f"*{victim_of(arm)}*."
        + (
            ""
            if one.predicted[source] == source
            else " That classifier has the image wrong before anything is changed, so it counts "
            "nowhere else."
        )
        + (
            " The highest confidence in a target is "
            f"{drawn(max(surest), records, [arm], 'highest confidence in a target', '.2f')}: step "
            f"two ends at {setting(records, arm, 'generator.fooling.confidence')}, so the images "
            "lie just beyond the border to the class."
            if surest
            else ""
        )
    )
