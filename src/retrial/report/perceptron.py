"""Pictures and tables of the chapter on perceptron and logistic regression."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from retrial.core.records import Records
from retrial.report import figures as fig
from retrial.report.numbers import config_value, drawn, number, seeds
from retrial.report.tables import small_table

UNITS = {
    "perceptron": "perceptron",
    "adaline": "adaline",
    "sigmoid_squared": "sigmoid, squared error",
    "logistic": "logistic regression",
    "perceptron_sigmoid": "perceptron, sigmoid put after",
}
SETS = {
    "separable": "separable",
    "barely": "barely separable",
    "overlapping": "overlapping",
    "setosa": "setosa, versicolor",
    "virginica": "versicolor, virginica",
}
# What a step of a unit adds to its weights, and the loss whose gradient it is.
RULES = {
    "perceptron": (r"$\eta\,(y - [z>0])\,x$", r"$\max(0, -(2y-1)z)$"),
    "adaline": (r"$\eta\,(y - z)\,x$", r"$(y-z)^2/2$"),
    "sigmoid_squared": (
        r"$\eta\,(y - \sigma(z))\,\sigma(z)(1-\sigma(z))\,x$",
        r"$(y-\sigma(z))^2/2$",
    ),
    "logistic": (r"$\eta\,(y - \sigma(z))\,x$", r"$-\ln p(y)$"),
}
# Probabilities are drawn in the order in which they come nearer to logistic regression.
PROBABILISTIC = ("perceptron_sigmoid", "sigmoid_squared", "logistic")


def sets(records: Records) -> list[str]:
    """The data sets that there are, in the study's order."""
    names = [arm.split("/")[0] for arm in records.arms() if "/" in arm]
    return list(dict.fromkeys(names))


def units(records: Records, name: str) -> list[str]:
    """The units that were trained on a set."""
    return [unit for unit in UNITS if f"{name}/{unit}" in records.arms()]


def overlapping(records: Records) -> list[str]:
    """The sets whose classes overlap."""
    return [
        name
        for name in sets(records)
        if config_value(records, f"{name}/{units(records, name)[0]}", "overlapping")
    ]


def accuracies(records: Records) -> str:
    """Test accuracy of every unit on every set, beside the best that any rule could have."""
    names = sets(records)
    lines = []
    for unit, title in UNITS.items():
        cells = [_mean_and_sd(records, f"{name}/{unit}", "test_accuracy") for name in names]
        lines.append([title, *cells])
    reference = [f"{name}/logistic" for name in names]
    lines.append(
        ["scikit-learn", *(_mean_and_sd(records, arm, "reference_accuracy") for arm in reference)]
    )
    best = [
        number(records, arm, "bayes_accuracy", ".4f")
        if "bayes_accuracy" in records.of(arm)[0]["metrics"]
        else "unknown"
        for arm in reference
    ]
    lines.append(["best of all rules", *best])
    return small_table(
        ["Unit", *(SETS.get(name, name) for name in names)],
        lines,
        "Test accuracy after the last epoch: mean over seeds and, in brackets, standard "
        "deviation. A sigmoid put after the training changes no decision. scikit-learn has "
        "logistic regression without penalty.",
    )


def _mean_and_sd(records: Records, arm: str, metric: str) -> str:
    if arm not in records.arms():
        return "–"
    mean = number(records, arm, metric, ".4f")
    return f"{mean} ({number(records, arm, metric, '.3f', 'sd')})"


def endings(records: Records) -> str:
    """Whether training comes to an end, and how accuracy goes up and down until it does."""
    lines = []
    for name in sets(records):
        for unit in units(records, name):
            if unit == "perceptron_sigmoid":
                continue
            arm = f"{name}/{unit}"
            clean = np.isfinite(records.metric(arm, "first_clean_epoch"))
            lines.append(
                [
                    f"{SETS.get(name, name)}: {UNITS[unit]}",
                    drawn(int(clean.sum()), records, [arm], "seeds with an epoch without mistake"),
                    number(records, arm, "first_clean_epoch", ".0f", "median")
                    if clean.any()
                    else "–",
                    number(records, arm, "mistakes", ".1f"),
                    number(records, arm, "changing", ".2f"),
                    number(records, arm, "oscillation", ".4f"),
                    seeds(records, arm),
                ]
            )
    return small_table(
        ["Set and unit", "Ever clean", "First at", "Mistakes at last", "Changing", "Oscillation",
         "Seeds"],
        lines,
        "Seeds with an epoch in which no training example was met with a mistake, and the median "
        "of the first such epoch; mistakes in the last epoch; share of epochs in which the weights "
        "moved; standard deviation of test accuracy over the last epochs. Means over seeds.",
    )  # fmt: skip


def probabilities(records: Records) -> str:
    """What the probabilities are worth, by set and unit."""
    lines = []
    for name in sets(records):
        for unit in PROBABILISTIC:
            arm = f"{name}/{unit}"
            if arm in records.arms():
                # Of classes that a line separates the best factor is without bound.
                scaled = name in overlapping(records)
                lines.append(
                    [
                        f"{SETS.get(name, name)}: {UNITS[unit]}",
                        number(records, arm, "log_loss", ".3f"),
                        number(records, arm, "scaled_log_loss", ".3f") if scaled else "–",
                        number(records, arm, "prior_log_loss", ".3f"),
                        number(records, arm, "ece", ".3f"),
                        number(records, arm, "weight_norm", ".3g"),
                    ]
                )
    return small_table(
        ["Set and unit", "Log loss", "best scale", "class shares", "Calibration error", "Weights"],
        lines,
        "Test log loss in nats: as it is; where classes overlap, with the one factor on z that is "
        "best on the training set; and of the training set's class shares, which look at no "
        "input. Expected calibration error. Length of the weights without the bias. Means over "
        "seeds.",
    )


def borders(records: Records) -> str:
    """The training sets of the first seed, with the border of each unit."""
    names = sets(records)
    figure, axes = fig.canvas(2.1 * -(-len(names) // 3), -(-len(names) // 3), 3)
    for place, ax in enumerate(axes.flat):
        if place >= len(names):
            ax.set_axis_off()
            continue
        name = names[place]
        points = records.array(f"{name}/logistic", 0, "points")
        labels = records.array(f"{name}/logistic", 0, "labels")
        for label, (marker, colour) in enumerate((("o", fig.SKY), ("^", fig.ORANGE))):
            ax.scatter(*points[labels == label].T, s=8, marker=marker, color=colour, linewidth=0)
        for order, unit in enumerate(u for u in units(records, name) if u != "perceptron_sigmoid"):
            _border(ax, records.array(f"{name}/{unit}", 0, "line"), points, UNITS[unit], order)
        ax.set_title(SETS.get(name, name))
        lengths = "flowers" in records.of(f"{name}/logistic")[0]["config"]
        ax.set_xlabel("sepal length, cm" if lengths else "first input")
        ax.set_ylabel("sepal width, cm" if lengths else "second input")
    handles = axes.flat[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=4)
    return fig.saved(
        figure,
        "perceptron-borders",
        "Training sets of the first seed, one class as dots and the other as triangles, and where "
        "each unit's output is one half after the last epoch.",
        "Scatter plots of two classes, one for each set, with a line for each unit between them. "
        + "; ".join(
            f"{SETS.get(name, name)}: training accuracy "
            + ", ".join(
                f"{UNITS[unit]} {records.metric(f'{name}/{unit}', 'train_accuracy')[0]:.3f}"
                for unit in units(records, name)
                if unit != "perceptron_sigmoid"
            )
            for name in names
        ),
    )


def _border(ax: Axes, line: np.ndarray, points: np.ndarray, title: str, place: int) -> None:
    """The part of a·x + b = 0 that lies in the picture of the points; nothing of no line."""
    low, high = points.min(axis=0), points.max(axis=0)
    room = 0.06 * (high - low)
    low, high = low - room, high + room
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    if not np.isfinite(line).all() or not np.abs(line[:2]).max() > 0:
        return
    # The point of the line nearest to the middle, and far enough to both sides of it.
    middle, slopes = (low + high) / 2, line[:2]
    foot = middle - slopes * (slopes @ middle + line[2]) / (slopes @ slopes)
    along = np.array([-slopes[1], slopes[0]]) / np.linalg.norm(slopes)
    ends = foot + np.outer([-1, 1], along) * 2 * np.linalg.norm(high - low)
    ax.plot(
        *ends.T, color=fig.CYCLE[place], linewidth=1.3, label=title,
        linestyle=("-", ":", "-.", "--")[place],
    )  # fmt: skip


def oscillation(records: Records, names: Sequence[str]) -> str:
    """Test accuracy by epoch of each unit, of the seed whose curves were kept."""
    figure, axes = fig.canvas(2.5, 1, len(names), sharey=False)
    for ax, name in zip(axes[0], names, strict=True):
        for place, unit in enumerate(UNITS):
            arm = f"{name}/{unit}"
            if unit == "perceptron_sigmoid" or arm not in records.arms():
                continue
            curve = records.curve(arm, "test_accuracy")
            curve = curve[np.isfinite(curve).any(axis=1)]
            fig.band(ax, np.arange(curve.shape[1]) + 1, curve, UNITS[unit], place)
        ax.set(title=SETS.get(name, name), xlabel="epoch")
    axes[0, 0].set_ylabel("test accuracy")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return fig.saved(
        figure,
        "perceptron-curves",
        "Test accuracy after each epoch, of the first seed alone. Each panel has a scale of its "
        "own.",
        "Lines of test accuracy by epoch, one for each unit, in a panel for each set. "
        + "; ".join(
            f"{SETS.get(name, name)}: standard deviation over the last epochs "
            + ", ".join(
                f"{UNITS[unit]} {records.metric(f'{name}/{unit}', 'oscillation').mean():.4f}"
                for unit in units(records, name)
                if unit != "perceptron_sigmoid"
            )
            for name in names
        ),
    )


def reliabilities(records: Records) -> str:
    """Confidence against accuracy on the sets that overlap, over all seeds together."""
    names = overlapping(records)
    figure, axes = fig.canvas(2.9, 1, len(names), sharey=True)
    told = []
    for ax, name in zip(axes[0], names, strict=True):
        ax.plot([0.5, 1], [0.5, 1], color=fig.GREY, linewidth=1, linestyle=":")
        for place, unit in enumerate(PROBABILISTIC):
            arm = f"{name}/{unit}"
            if arm not in records.arms():
                continue
            bins = np.stack([records.array(arm, t["seed"], "reliability") for t in records.of(arm)])
            many = bins[:, 0].sum(axis=0)
            kept = many > 0
            # Bins weighted by what each seed has in them.
            mean = (bins[:, 0] * bins[:, 1:].transpose(1, 0, 2)).sum(axis=1)[:, kept] / many[kept]
            ax.plot(
                *mean, color=fig.CYCLE[place], marker=fig.MARKERS[place], markersize=4,
                linewidth=1.2, label=UNITS[unit],
            )  # fmt: skip
            told.append(f"{arm} {records.metric(arm, 'ece').mean():.3f}")
        tests = records.sample_size(f"{name}/logistic", "log_loss")
        count = len(records.of(f"{name}/logistic"))
        ax.set_title(f"{SETS.get(name, name)} (n = {count} × {tests})")
        ax.set_xlabel("confidence")
    axes[0, 0].set_ylabel("accuracy")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return fig.saved(
        figure,
        "perceptron-reliability",
        "How often a unit is right against how sure it is, by bins of confidence, test points of "
        "all seeds together; dotted: as sure as it is right. Bins with few points scatter.",
        f"Lines of accuracy against confidence. Expected calibration errors: {', '.join(told)}.",
    )


def changes(records: Records) -> str:
    """Each unit's rule, the loss it descends, and what the change to it moves a step by."""
    lines, before = [], ""
    name = overlapping(records)[0] if overlapping(records) else sets(records)[0]
    for unit, (rule, loss) in RULES.items():
        arm = f"{name}/{unit}"
        lines.append(
            [
                UNITS[unit],
                rule,
                loss,
                number(records, "update", f"{unit}_difference", ".1g", "max"),
                number(records, "update", f"{before}_to_{unit}", ".2f") if before else "–",
                number(records, arm, "test_accuracy", ".4f") if arm in records.arms() else "–",
            ]
        )
        before = unit
    return small_table(
        ["Unit", "A step adds", "Loss", "Difference", "Change", "Accuracy"],
        lines,
        "Each unit is one change away from the one above. A step is minus η times the gradient of "
        "the loss; difference: the largest between the two, by automatic differentiation. Change: "
        "what the change from the unit above moves a step by, root mean square as a share of that "
        f"unit's step. Test accuracy on the set *{SETS.get(name, name)}*.",
    )
