"""The chapter on pruning: tables and figures from the records of its study.

Each function returns Markdown about the records of `retrial.studies.pruning` and leaves its figure
in the working folder. Arms that a profile leaves out are left out here as well.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from retrial.core.records import Records
from retrial.judging.statements.compared import shared_seeds
from retrial.judging.statements.pruning import POINTS, UNPRUNED, axis_of, falls_of, harmless
from retrial.report import figures as fig
from retrial.report.numbers import drawn, seeds
from retrial.report.tables import small_table
from retrial.statistics import t_interval

Array = NDArray[Any]

CRITERIA = {
    "magnitude": "magnitude",
    "sensitivity": "sensitivity",
    "obd": "OBD",
    "random": "random",
}
MODES = {"one_shot": "in one shot", "iterative": "step by step"}
SCOPES = {"global": "one ranking", "layer": "one in each layer"}


def late(axis: Sequence[float], moderate: float) -> float:
    """The middle one of the sparsities of an axis beyond a moderate one; else the last."""
    beyond = [sparsity for sparsity in axis if sparsity > moderate] or list(axis[-1:])
    return beyond[len(beyond) // 2]


def arm_of(scope: str, mode: str, criterion: str) -> str:
    """The name of an arm."""
    return f"{scope}/{mode}/{criterion}"


def criteria(records: Records, scope: str = "global", mode: str = "one_shot") -> list[str]:
    """The criteria that were run with a scope and a mode."""
    return [name for name in CRITERIA if arm_of(scope, mode, name) in records.arms()]


def panels(records: Records) -> list[tuple[str, str]]:
    """The scopes and modes that were run."""
    return [(s, m) for s in SCOPES for m in MODES if criteria(records, s, m)]


def falls(records: Records, arm: str) -> Array:
    """(seeds, sparsities) points of accuracy below the network with all its weights."""
    return falls_of(records, arm, shared_seeds(records, (arm, UNPRUNED)))


def harmless_of(records: Records, arm: str, points: float) -> Array:
    """(seeds,) the harmless sparsity of each seed of an arm, as the claims have it."""
    return harmless(axis_of(records, arm), falls(records, arm), points)


def mean(values: Array) -> float:
    """The mean of what is finite; nan of nothing."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def at(records: Records, arm: str, curve: str, place: int) -> Array:
    """(seeds,) a curve's value at a place of the axis."""
    return records.curve(arm, curve)[:, place]


def with_interval(
    values: Array, records: Records, arms: Sequence[str], what: str, form: str
) -> str:
    """A mean with its nineteen-in-twenty interval in brackets, where there are two values."""
    text = drawn(mean(values), records, arms, f"mean of {what}", form)
    if len(values) < 2 or not np.isfinite(values).all():
        return text
    ends = (
        drawn(end, records, arms, f"end of the interval of {what}", form)
        for end in t_interval(values)[1:]
    )
    return f"{text} ({' to '.join(ends)})"


def shares_left(axes: Axes, label: str) -> None:
    """An axis of the share of the weights that is left, from all of them to the right."""
    axes.set_xscale("log")
    axes.invert_xaxis()
    fig.plain_logs(axes.xaxis)
    axes.set_xlabel(label)


def accuracy(records: Records, points: float, shown: Sequence[float]) -> str:
    """The fall of accuracy along the axis, and accuracies at those of `shown` that are on it."""
    found = panels(records)
    rows = list(dict.fromkeys(scope for scope, _ in found))
    columns = list(dict.fromkeys(mode for _, mode in found))
    figure, axes = fig.canvas(
        0.6 + 2.4 * len(rows), len(rows), len(columns), sharex=True, sharey=True
    )
    for (i, j), ax in np.ndenumerate(axes):
        for place, name in enumerate(CRITERIA):
            if name in criteria(records, rows[i], columns[j]):
                arm = arm_of(rows[i], columns[j], name)
                left = 1 - np.array(axis_of(records, arm))
                fig.means(ax, left, falls(records, arm), CRITERIA[name], place)
        ax.axhline(points, color=fig.BLACK, linewidth=0.8, linestyle=(0, (4, 2)))
        ax.set_title(f"{MODES[columns[j]]}, {SCOPES[rows[i]]}")
        ax.set_ylabel("fall of accuracy, points" if j == 0 else "")
    ax = axes[0, 0]
    ax.set_yscale("symlog", linthresh=points)
    ax.set_ylim(-2 * points, POINTS)
    ax.set_yticks([-points, 0, points, 10 * points, POINTS])
    ax.set_yticklabels([f"{value:g}" for value in ax.get_yticks()])
    shares_left(ax, "")
    for ax in axes[-1]:
        ax.set_xlabel("share of weights left")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    first = records.arms()[0]
    axis = axis_of(records, first)
    places = {share: axis.index(share) for share in sorted(set(shown)) if share in axis}
    arms = [arm_of(s, m, name) for s, m in found for name in criteria(records, s, m)]
    lines = [
        [
            f"*{arm}*",
            *(
                drawn(mean(at(records, arm, "test_accuracy", place)), records, [arm],
                      f"mean test accuracy at sparsity {share:g}", ".4f")
                for share, place in places.items()
            ),
            seeds(records, arm),
        ]
        for arm in [*arms, UNPRUNED]
    ]  # fmt: skip
    head = [f"at {drawn(share, records, [first], 'sparsity')}" for share in places]
    return "\n\n".join(
        (
            fig.saved(
                figure,
                "pruning-falls",
                "How many points the test accuracy falls below that of the network with all its "
                "weights, against the share of weights left: means over seeds with intervals of "
                "nineteen in twenty. The dashed line is where harm begins; the scale is linear "
                "below it and logarithmic above. Step by step the network with all its weights "
                "was trained on as often.",
                "Lines of falls of accuracy. "
                + "; ".join(
                    f"{arm}: "
                    + ", ".join(
                        f"{mean(at_place):.2f} points at {share:g}"
                        for share, at_place in zip(
                            places, falls(records, arm).T[list(places.values())], strict=True
                        )
                    )
                    for arm in arms
                ),
            ),
            small_table(
                ["Arm", *head, "Seeds"],
                lines,
                "Mean test accuracy by sparsity. *unpruned* is trained on after each step, as the "
                "arms step by step are, and keeps all its weights.",
            ),
        )
    )


def sizes(records: Records, points: float) -> str:
    """The harmless sparsity of each arm, and what is left of the network there."""
    lines = []
    for scope, mode in panels(records):
        for name in criteria(records, scope, mode):
            arm = arm_of(scope, mode, name)
            own = harmless_of(records, arm, points)
            places = [axis_of(records, arm).index(value) for value in own]
            rows = [
                [trial["seed"] for trial in records.of(arm)].index(seed)
                for seed in shared_seeds(records, (arm, UNPRUNED))
            ]
            every = {
                curve: records.curve(arm, curve)[rows, places]
                for curve in ("weights", "sparse_bytes", "multiply_adds", "cut_off")
            }
            whole = {key: records.metric(arm, key)[0] for key in ("weights", "dense_bytes")}
            cells = [
                (every["weights"] / whole["weights"], "share of weights left", ".3f"),
                (every["sparse_bytes"] / whole["dense_bytes"], "share of bytes left", ".3f"),
                (every["multiply_adds"] / whole["weights"], "share of multiply-adds left", ".3f"),
                (every["cut_off"], "hidden neurons cut off", ".1f"),
            ]
            lines.append(
                [
                    f"{CRITERIA[name]}, {MODES[mode]}, {SCOPES[scope]}",
                    with_interval(own, records, [arm, UNPRUNED], "harmless sparsity", ".3f"),
                    *(
                        drawn(mean(values), records, [arm], f"mean {what} there", form)
                        for values, what, form in cells
                    ),
                ]
            )
    first = records.arms()[0]
    weights, hidden, bytes_ = (
        drawn(int(records.metric(first, key)[0]), records, [first], key)
        for key in ("weights", "hidden", "dense_bytes")
    )
    return small_table(
        ["Criterion", "Harmless sparsity", "Weights", "File", "Multiply-adds", "Cut off"],
        lines,
        "The largest sparsity of the axis up to which no accuracy falls by more than the stated "
        "points, by seed: mean with its nineteen-in-twenty interval, where there are two seeds. "
        f"What is left there: weights of {weights}, the file as a share of {bytes_} bytes, "
        f"multiply-adds an image as a share of those of all weights; of {hidden} hidden neurons, "
        "those that are on no path from a pixel to a class.",
    )


def along_the_axis(records: Records) -> str:
    """File, multiply-adds and neurons that are cut off at each sparsity, in one shot."""
    names = criteria(records)
    arms = [arm_of("global", "one_shot", name) for name in names]
    whole, dense = (records.metric(arms[0], key)[0] for key in ("weights", "dense_bytes"))

    def cell(arm: str, place: int, sparsity: float) -> str:
        used, cut_off = (
            drawn(mean(at(records, arm, curve, place)) / unit, records, [arm],
                  f"mean {what} at sparsity {sparsity:g}", form)
            for curve, unit, what, form in (
                ("multiply_adds", whole, "share of multiply-adds", ".4f"),
                ("cut_off", 1, "hidden neurons cut off", ".1f"),
            )
        )  # fmt: skip
        return f"{used} ({cut_off})"

    lines = []
    for place, sparsity in enumerate(axis_of(records, arms[0])):
        files = np.concatenate([at(records, arm, "sparse_bytes", place) for arm in arms]) / dense
        what = f"mean share of bytes at sparsity {sparsity:g}"
        lines.append(
            [
                drawn(sparsity, records, arms[:1], "sparsity"),
                drawn(mean(files), records, arms, what, ".3f"),
                *(cell(arm, place, sparsity) for arm in arms),
            ]
        )
    return small_table(
        ["Sparsity", "File", *(f"Multiply-adds: {CRITERIA[name]}" for name in names)],
        lines,
        "In one shot, one ranking: the file and the multiply-adds as shares of those of the "
        "network with all its weights, and in brackets how many hidden neurons are cut off; means "
        "over seeds, of the file over the criteria as well.",
    )


def damage(records: Records) -> str:
    """The rise of the loss that OBD predicts against the one that is measured."""
    arms = [arm_of(scope, "one_shot", "obd") for scope in SCOPES]
    arms = [arm for arm in arms if arm in records.arms()]
    if not arms:
        return ""
    figure, axes = fig.canvas(3.2, 1, len(arms), sharex=True, sharey=True)
    below = 0
    for place, (ax, arm) in enumerate(zip(axes[0], arms, strict=True)):
        predicted, actual = (
            records.curve(arm, f"{kind}_rise")[:, 1:].ravel() for kind in ("predicted", "actual")
        )
        shown = (predicted > 0) & (actual > 0)
        below += int((~shown).sum())
        ax.scatter(
            predicted[shown], actual[shown], s=12, color=fig.CYCLE[place],
            marker=fig.MARKERS[place], alpha=0.7, linewidth=0,
        )  # fmt: skip
        ax.set(xscale="log", yscale="log", xlabel="predicted rise of the loss, nats")
        ax.set_title(SCOPES[arm.split("/")[0]])
    first_axes = axes[0, 0]
    first_axes.set_ylabel("actual rise, nats")
    low = min(first_axes.get_xlim()[0], first_axes.get_ylim()[0])
    high = max(first_axes.get_xlim()[1], first_axes.get_ylim()[1])
    for ax in axes[0]:
        ax.plot([low, high], [low, high], color=fig.BLACK, linewidth=0.9)
    first_axes.set(xlim=(low, high), ylim=(low, high))
    first = arms[0]
    lines = [
        [
            drawn(sparsity, records, [first], "sparsity"),
            *(
                drawn(mean(at(records, first, curve, place)), records, [first],
                      f"mean {curve} at sparsity {sparsity:g}", form)
                for curve, form in (
                    ("predicted_rise", ".3g"), ("actual_rise", ".3g"), ("alike", ".3f")
                )
            ),
        ]
        for place, sparsity in enumerate(axis_of(records, first))
        if place
    ]  # fmt: skip
    return "\n\n".join(
        (
            fig.saved(
                figure,
                "pruning-damage",
                "The rise of the loss that OBD predicts from what it removes, against the rise "
                "that is measured on the same images: every sparsity and seed in one shot; "
                "the line is where the two are equal. "
                f"{drawn(below, records, arms, 'points left out')} points where either is not "
                "above zero are left out.",
                "Points of actual against predicted rises of the loss. "
                + "; ".join(
                    f"at sparsity {sparsity:g} predicted "
                    f"{mean(at(records, first, 'predicted_rise', place)):.3g}, actual "
                    f"{mean(at(records, first, 'actual_rise', place)):.3g}"
                    for place, sparsity in enumerate(axis_of(records, first))
                    if place
                ),
            ),
            small_table(
                ["Sparsity", "Predicted rise", "Actual rise", "Left by both"],
                lines,
                "With one ranking, means over seeds: both rises in nats, and the share of the "
                "weights left that are left too when the diagonal of the Hessian is LeCun's "
                "recursion in place of the exact one.",
            ),
        )
    )


def layers(records: Records) -> str:
    """Which layers lose what, with one ranking over all of them."""
    names = criteria(records)
    arms = [arm_of("global", "one_shot", name) for name in names]
    count = len(records.of(arms[0])[0]["config"]["hidden"]) + 1
    figure, axes = fig.canvas(2.6, 1, len(names), sharex=True, sharey=True)
    told = []
    for ax, name, arm in zip(axes[0], names, arms, strict=True):
        left = 1 - np.array(axis_of(records, arm))
        for layer in range(1, count + 1):
            kept = records.curve(arm, f"kept_{layer}")
            share = kept / kept[:, :1]
            fig.means(ax, left, np.where(share > 0, share, np.nan), f"layer {layer}", layer - 1)
            told.append(f"{name}, layer {layer}: {mean(share[:, -1]):.4f}")
        ax.plot(left, left, color=fig.BLACK, linewidth=0.8, linestyle=(0, (4, 2)))
        ax.set_title(CRITERIA[name])
        ax.set_xlabel("share of weights left")
    axes[0, 0].set_yscale("log")
    fig.plain_logs(axes[0, 0].yaxis)
    shares_left(axes[0, 0], "share of weights left")
    axes[0, 0].xaxis.set_major_locator(LogLocator())  # panels are narrow
    axes[0, 0].set_ylabel("share left of a layer")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=count)
    return fig.saved(
        figure,
        "pruning-layers",
        "What is left of each layer, the one that reads the pixels first, against what is left of "
        "all, in one shot with one ranking: means over seeds with intervals of nineteen in twenty. "
        "Along the dashed line every layer loses the same share.",
        f"Lines of shares left by layer. At the end of the axis: {'; '.join(told)}",
    )


def pixels(records: Records, sparsity: float) -> str:
    """Which pixels the first layer still reads at a sparsity of the axis, for the first seed."""
    names = criteria(records)
    arms = [arm_of("global", "one_shot", name) for name in names]
    place = axis_of(records, arms[0]).index(sparsity)
    width = records.of(arms[0])[0]["config"]["hidden"][0]
    figure, axes = fig.canvas(2.1, 1, len(names))
    maps = [records.array(arm, 0, "pixels")[place].reshape(28, 28) / width for arm in arms]
    top = max(float(one.max()) for one in maps)
    image = None
    for ax, name, one in zip(axes[0], names, maps, strict=True):
        image = ax.imshow(one, cmap="cividis", vmin=0, vmax=top, interpolation="nearest")
        ax.set_title(CRITERIA[name])
        ax.set_xticks([])
        ax.set_yticks([])
        ax.grid(visible=False)
    if image is not None:
        fig.colour_bar(figure, image, axes[0], "share of weights left")
    at_ = drawn(sparsity, records, arms, "sparsity")
    return fig.saved(
        figure,
        "pruning-pixels",
        f"What is left of each pixel's weights at a sparsity of {at_}, in one shot with one "
        "ranking: the first seed's network.",
        "Maps of the share of weights that is left of each pixel. In the outermost two rows and "
        "columns and inside: "
        + "; ".join(
            f"{name} {_border(one):.3f} and {one[2:-2, 2:-2].mean():.3f}"
            for name, one in zip(names, maps, strict=True)
        ),
    )


def borders(records: Records, sparsity: float) -> str:
    """Which criteria see the dark border: what is left there and inside, and which leave less."""
    arms = {name: arm_of("global", "one_shot", name) for name in criteria(records)}
    place = axis_of(records, next(iter(arms.values()))).index(sparsity)
    told: list[str] = []
    see: list[str] = []
    blind: list[str] = []
    for name, arm in arms.items():
        width = records.of(arm)[0]["config"]["hidden"][0]
        one = records.array(arm, 0, "pixels")[place].reshape(28, 28) / width
        edge, inside = _border(one), float(one[2:-2, 2:-2].mean())
        (see if edge < inside / 2 else blind).append(CRITERIA[name])
        shares = (
            drawn(share, records, [arm], f"share of weights left, {where}", ".3f")
            for share, where in ((edge, "border"), (inside, "inside"))
        )
        told.append(f"{CRITERIA[name]} {' and '.join(shares)}")
    return (
        "At a sparsity of "
        f"{drawn(sparsity, records, list(arms.values()), 'sparsity')}, of the weights of the two "
        "outermost rows and columns, and of those inside, the first seed's network keeps shares "
        f"of: {'; '.join(told)}. Less than half as much at the border as inside is left by: "
        f"{', '.join(see) or 'none'}; more by: {', '.join(blind) or 'none'}."
    )


def _border(one: Array) -> float:
    """The mean of a map's two outermost rows and columns on each side."""
    edge = np.ones(one.shape, bool)
    edge[2:-2, 2:-2] = False
    return float(one[edge].mean())
