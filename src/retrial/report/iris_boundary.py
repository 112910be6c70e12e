"""The chapter on boundaries on Iris: its film, figures and tables.

Each function returns Markdown about the records of `retrial.studies.iris_boundary`; figures are
left in the working folder.
"""

import base64
import html
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrial import boundary
from retrial.core.records import Records
from retrial.report import figures as fig
from retrial.report.markup import raw_block
from retrial.report.numbers import config_value, drawn, number, seeds, shown
from retrial.report.tables import small_table

Array = NDArray[Any]

NONE = "–"
COLUMNS = 5  # small pictures in a row
# A small picture, enlarged, within the page.
STILL_SHARP = "max-width: 100%; image-rendering: pixelated"
LENGTHS = ("sepal length, SD", "petal length, SD")


def networks(records: Records) -> list[str]:
    """The arms of the networks, in the order of their alphas."""
    return [arm for arm in records.arms() if arm.isdigit()]


def alphas(records: Records) -> Array:
    """(arms,) the alphas, ascending."""
    return np.array([records.metric(arm, "alpha")[0] for arm in networks(records)])


def of_all(records: Records, metric: str) -> Array:
    """(seeds, arms) a metric of all networks."""
    return np.stack([records.metric(arm, metric) for arm in networks(records)], axis=1)


def without_boundary(records: Records) -> Array:
    """(seeds, arms) whether a network has no boundary in view."""
    found: Array = of_all(records, "pieces") == 0
    return found


def commoner(records: Records) -> tuple[int, float]:
    """The commoner class of the training rows, and the share of test rows that are of it."""
    counts = [records.metric("data", f"train_class_{label}")[0] for label in range(2)]
    label = int(np.argmax(counts))
    held = records.metric("data", f"test_class_{label}")[0] / records.metric("data", "test_size")[0]
    return label, float(held)


def prior(records: Records) -> float:
    """The share of class 1 among the training rows."""
    return float(
        records.metric("data", "train_class_1")[0] / records.metric("data", "train_size")[0]
    )


def entropy(share: float) -> float:
    """The entropy in nats of a class that has a `share`, 0 for shares of 0 and 1."""
    parts = np.array([share, 1 - share])
    parts = parts[parts > 0]
    return float(-(parts * np.log(parts)).sum()) + 0.0


def pictures(records: Records) -> list[Array]:
    """The regions of each alpha with the training rows, for seed 0: (h, w, 3) uint8 each."""
    config = records.of("gif")[0]["config"]
    side = config["side"]
    points = records.array("data", 0, "train_points")
    grid = boundary.grid_around(points, config["margin"], side)
    found = []
    for arm in networks(records):
        labels = np.unpackbits(records.array(arm, 0, "label_bits"), count=side * side)
        places = boundary.picture(
            labels.reshape(side, side),
            grid,
            points,
            records.array("data", 0, "train_labels"),
            config["scale"],
        )
        found.append(boundary.PALETTE[places])
    return found


def animation(records: Records) -> str:
    """The GIF within the HTML, and nothing in print.

    It can be folded away, and is a still picture where the reader's system asks for less motion.
    """
    data = records.array("gif", 0, "film").tobytes()
    film = boundary.decoded(data)
    # In the film's own format: the bytes of a PNG would hang on zlib's version.
    still, width = boundary.first_frame(data), film.frames.shape[2]
    told = (
        f"An animation of {len(film.durations)} frames, the regions of both classes as alpha grows "
        f"from {alphas(records)[0]:.4g} to {alphas(records)[-1]:.4g}. The strip below shows the "
        "same regions side by side."
    )
    page = (
        '<figure id="figure-iris-boundary-film"><details open>'
        "<summary>Animation; close it to stop</summary>"
        '<picture><source media="(prefers-reduced-motion: reduce)" '
        f'srcset="{_inline(still)}"><img src="{_inline(data)}" alt="{html.escape(told)}" '
        f'style="width: {2 * width}px; {STILL_SHARP}"></picture></details>'
        "<figcaption>The boundary as alpha grows, the networks of the report’s own seed. Discs are "
        "Setosa, crosses Versicolor; the bar below grows with the place of alpha among all. Where "
        "the reader’s system asks for less motion, the first frame stands still.</figcaption>"
        "</figure>"
    )
    return raw_block("html", page)


def _inline(data: bytes) -> str:
    return f"data:image/gif;base64,{base64.b64encode(data).decode()}"


def strip(records: Records) -> str:
    """The boundary of every alpha side by side, for seed 0."""
    found, values = pictures(records), alphas(records)
    config = records.of("gif")[0]["config"]
    grid = boundary.grid_around(
        records.array("data", 0, "train_points"), config["margin"], config["side"]
    )
    # A grid point is the middle of its square.
    half = [(axis[1] - axis[0]) / 2 for axis in grid]
    extent = (
        grid.x[0] - half[0], grid.x[-1] + half[0], grid.y[0] - half[1], grid.y[-1] + half[1],
    )  # fmt: skip
    rows = -(-len(found) // COLUMNS)
    figure, axes = fig.canvas(1.3 * rows + 0.4, rows, COLUMNS, sharex=True, sharey=True)
    for place, ax in enumerate(axes.flat):
        if place >= len(found):
            ax.set_axis_off()
            continue
        ax.imshow(found[place], extent=extent, aspect="auto", interpolation="none")
        ax.grid(visible=False)
        ax.set_title(f"α = {values[place]:.4g}", fontsize=7.5)
    figure.supxlabel(LENGTHS[0], fontsize=8.5)
    figure.supylabel(LENGTHS[1], fontsize=8.5)
    gone = without_boundary(records)[0]
    return fig.saved(
        figure,
        "iris-boundary-strip",
        "The regions of both classes by alpha, in standard deviations of the training rows: blue "
        "and discs Setosa, orange and crosses Versicolor. One network each, with the report's own "
        "seed.",
        "Small pictures of two regions. "
        + "; ".join(
            f"alpha {alpha:.4g}: "
            + ("one region" if none else f"{share:.0%} of the view is Versicolor's")
            for alpha, none, share in zip(
                values, gone, of_all(records, "class_1_share")[0], strict=True
            )
        ),
    )


def accuracy(records: Records) -> str:
    """Training and test accuracy against alpha."""
    figure, axes = fig.canvas(2.7)
    ax = axes[0, 0]
    for place, part in enumerate(("train", "test")):
        fig.means(ax, alphas(records), of_all(records, f"{part}_accuracy"), f"{part} rows", place)
    label, share = commoner(records)
    ax.axhline(share, color=fig.GREY, linewidth=1, linestyle=(0, (4, 2)))
    names = ("Setosa", "Versicolor")
    ax.annotate(
        f"test rows of {names[label]}", (0, share), xycoords=("axes fraction", "data"),
        xytext=(3, 3), textcoords="offset points", fontsize=7.5, color="#555555",
    )  # fmt: skip
    ax.set_xscale("log")
    fig.plain_logs(ax.xaxis)
    fig.within_shares(ax)
    ax.set(xlabel="α", ylabel="accuracy")
    ax.set_ylim(bottom=0)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 0.12))
    means, first = of_all(records, "test_accuracy").mean(axis=0), networks(records)[0]
    train, test = (
        drawn(records.sample_size(first, f"{part}_accuracy"), records, [first], f"{part} rows")
        for part in ("train", "test")
    )
    return fig.saved(
        figure,
        "iris-boundary-accuracy",
        f"Accuracy on {train} training and {test} test rows against alpha: means over "
        f"{seeds(records, first)} seeds, with nineteen-in-twenty intervals where there are two. "
        "Dashed: what a network gets that says the commoner class of the training rows of every "
        "test row.",
        "Lines of accuracy by alpha. On the test rows: "
        + "; ".join(
            f"alpha {alpha:.4g}: {mean:.3f}"
            for alpha, mean in zip(alphas(records), means, strict=True)
        ),
    )


SMOOTH = {
    "weight_norm": ("norm of the weights", True),
    "steepest": ("steepest slope, 1/SD", True),
    "boundary_length": ("length of the boundary, SD", False),
    "bending": ("bending of the boundary, SD", False),
}


def smoothness(records: Records) -> str:
    """Norms, slopes, lengths and bending against alpha."""
    figure, axes = fig.canvas(4.6, 2, 2, sharex=True)
    for place, (ax, (metric, (label, logs))) in enumerate(
        zip(axes.flat, SMOOTH.items(), strict=True)
    ):
        fig.means(ax, alphas(records), of_all(records, metric), label, place)
        ax.set_xscale("log")
        fig.plain_logs(ax.xaxis)
        if logs:
            ax.set_yscale("log")
            fig.plain_logs(ax.yaxis)
        ax.set_ylabel(label)
        if place >= 2:
            ax.set_xlabel("α")
            ax.set_ylim(bottom=0)
    return fig.saved(
        figure,
        "iris-boundary-smoothness",
        "What alpha does to the network: the Euclidean norm of its weights, the steepest slope of "
        "its probability in view, the length of the boundary in view, and how far the boundary is "
        "from a straight line (root mean square; only networks that have a boundary). Means over "
        f"{seeds(records, networks(records)[0])} seeds with nineteen-in-twenty "
        "intervals where there are two.",
        "Four panels of lines by alpha. From the least to the largest alpha: "
        + "; ".join(
            f"{label} {_mean(of_all(records, metric)[:, 0])} to "
            f"{_mean(of_all(records, metric)[:, -1])}"
            for metric, (label, _) in SMOOTH.items()
        ),
    )


def _mean(values: Array) -> str:
    known = values[np.isfinite(values)]
    return f"{known.mean():.3g}" if len(known) else "none"


def fading(records: Records) -> str:
    """With which alphas networks have no boundary in view."""
    arms, gone = networks(records), without_boundary(records)
    ever = [arm for arm, none in zip(arms, gone.T, strict=True) if none.any()]
    if not ever:
        return "Every network has a boundary in view."
    kept = [place for place, none in enumerate(gone.T) if not none.all()]
    from_here = arms[kept[-1] + 1 :] if kept else arms
    least = _alpha(records, ever[0])
    first = f"The least alpha with which a network has no boundary in view is {least}"
    if not from_here:
        return f"{first}; with the largest, some networks still have one."
    return f"{first}; from {_alpha(records, from_here[0])} on, none has one."


def _alpha(records: Records, arm: str) -> str:
    return number(records, arm, "alpha", ".4g")


def table(records: Records) -> str:
    """Every alpha with its measures."""
    gone = without_boundary(records).sum(axis=0)
    lines = [
        [
            drawn(records.metric(arm, "alpha")[0], records, [arm], "alpha", ".4f"),
            number(records, arm, "test_accuracy", ".3f"),
            number(records, arm, "weight_norm", ".3f"),
            number(records, arm, "steepest", ".3f"),
            number(records, arm, "boundary_length", ".2f"),
            number(records, arm, "bending", ".3f")
            if np.isfinite(records.metric(arm, "bending")).any()
            else NONE,
            drawn(int(none), records, [arm], "networks without a boundary"),
            drawn(int((records.metric(arm, "converged") == 0).sum()), records, [arm],
                  "networks that reached the last iteration"),
        ]
        for arm, none in zip(networks(records), gone, strict=True)
    ]  # fmt: skip
    return small_table(
        ["α", "Test accuracy", "Norm", "Steepest", "Length", "Bending", "No boundary", "Cut off"],
        lines,
        f"Every alpha, means over {seeds(records, networks(records)[0])} seeds: test accuracy, "
        "norm of the weights, steepest slope, length and bending of the boundary; how many of the "
        "networks have no boundary in view, and how many reached the last iteration before the "
        "library called them converged.",
    )


def leaves(records: Records) -> str:
    """What the least and the largest alpha leave of the network, beside a constant."""
    arms = networks(records)
    first, last = arms[0], arms[-1]
    forms = {
        "weight_norm": ("norm of the weights", ".3f", NONE),
        "bias_norm": ("norm of the biases", ".3f", NONE),
        "lowest": ("lowest probability of Versicolor in view", ".4f", prior(records)),
        "highest": ("highest probability of Versicolor in view", ".4f", prior(records)),
        "steepest": ("steepest slope, 1/SD", ".4f", 0.0),
        "boundary_length": ("length of the boundary, SD", ".2f", 0.0),
        "train_cross_entropy": ("cross-entropy of the training rows", ".4f",
                                entropy(prior(records))),
        "test_accuracy": ("test accuracy", ".3f", commoner(records)[1]),
        "iterations": ("iterations", ".0f", NONE),
    }  # fmt: skip
    lines = [
        [
            title,
            number(records, first, metric, form),
            number(records, last, metric, form),
            constant
            if isinstance(constant, str)
            else drawn(constant, records, ["data"], f"{title}, of the constant", form),
        ]
        for metric, (title, form, constant) in forms.items()
    ]
    head = [shown(config_value(records, arm, "alpha"), ".4g") for arm in (first, last)]
    return small_table(
        ["", *(f"α = {one}" for one in head), "Constant"],
        lines,
        f"The networks of the least and of the largest alpha, means over {seeds(records, last)} "
        "seeds, beside a constant: the share of Versicolor in the training rows as the probability "
        "everywhere.",
    )
