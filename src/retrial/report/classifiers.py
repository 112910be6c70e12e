"""The chapters on convolutional classifiers: what those of the two data sets share.

Each function returns Markdown about the records of a study of `retrial.image_classification`, and
leaves its figures in the working folder. Names of files and sections begin with `name`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from retrial.core.records import Records
from retrial.report import figures as fig
from retrial.report.numbers import config_value, counted, drawn, number, seeds, setting
from retrial.report.pictures import DataSet
from retrial.report.show import Row, printed_value
from retrial.report.tables import badge, small_table
from retrial.statistics import t_interval

NONE = "–"
CONFUSIONS = 6
EXAMPLE = "recipe"
STAND_IN = "plain"


def protocol_of(records: Records, arm: str) -> Mapping[str, Any]:
    """What the protocol says of an arm, whether or not a budget cuts it or leaves it out."""
    found: Mapping[str, Any] = records.provenance["protocol"]["arms"][arm]
    return found


def epochs_stated(records: Records, arm: str) -> str:
    """The epochs of an arm's protocol; for the stand-in these are the report's."""
    value = protocol_of(records, arm)["recipe"]["epochs"]
    return drawn(value, records, [arm], "epochs of the protocol", "d")


def printed_accuracy(row: Row) -> float:
    """The accuracy that a claim prints, as a share."""
    return printed_value(row) / (100 if row["unit"] == "percent" else 1)


def _printed_link(row: Row) -> str:
    what = f"printed in {row['where']}, as a share"
    return counted(f"{printed_accuracy(row):.4f}", what, row["id"])


def mean_cells(
    values: np.ndarray, records: Records, arms: Sequence[str], what: str, form: str
) -> list[str]:
    """The mean of the finite values (n,) and its nineteen-in-twenty t interval, as two cells."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return [NONE, NONE]
    mean = drawn(finite.mean(), records, arms, f"mean of {what}", form)
    if len(finite) < 2:
        return [mean, NONE]
    ends = t_interval(finite)[1:]
    text = " to ".join(drawn(end, records, arms, f"end of the interval of {what}", form)
                       for end in ends)  # fmt: skip
    return [mean, text]


def lost(records: Records, arm: str) -> np.ndarray:
    """(seeds,) whether a training diverged."""
    return np.array([trial["status"] == "diverged" for trial in records.of(arm)])


def run(records: Records, data: DataSet) -> str:
    """What was trained, arm by arm."""
    arms = records.arms()
    cut = [arm for arm in arms if not all(trial["whole"] for trial in records.of(arm))]

    def line(title: str, key: str, form: str = "") -> list[str]:
        return [title, *(setting(records, arm, key, form) for arm in arms)]

    optimisers = (config_value(records, arm, "recipe.optimiser.name") for arm in arms)
    table = [
        line("Network", "network"),
        line("Channels of its convolutions", "widths"),
        ["Epochs of the protocol", *(epochs_stated(records, arm) for arm in arms)],
        line("Epochs in this profile", "recipe.epochs", "d"),
        line("Batch", "recipe.batch", "d"),
        ["Optimiser", *(str(one).replace("_", " ") for one in optimisers)],
        line("Learning rate, largest", "recipe.optimiser.learning_rate"),
        line("Label smoothing", "recipe.label_smoothing"),
        line("Moved by up to, pixels", "recipe.shift", "d"),
        ["Mirrored", *("yes" if config_value(records, a, "recipe.flip") else "no" for a in arms)],
        ["Trained adversarially, ε", *(_radius(records, arm) for arm in arms)],
        ["Seeds", *(seeds(records, arm) for arm in arms)],
    ]
    first = arms[0]
    size = {
        part: drawn(records.sample_size(first, f"{part}_accuracy"), records, arms, f"{part} images")
        for part in ("running", "test")
    }
    return "\n\n".join(
        (
            f"The networks learn from {size['running']} training images of {data.title} and are "
            f"looked at on {size['test']} test images after each epoch. *{STAND_IN}* stands for "
            "the network whose figure is lost: it is what an introduction to Keras shows, small "
            "convolutions with ReLU and maxima, a dense layer and dropout, trained by Adam for as "
            "many epochs as the report states. The others are ours: batch normalisation and one "
            "cycle of the learning rate, up and down, let them learn in few epochs. *robust* is "
            "trained on images that one signed step of the gradient, from a random place within ε, "
            "has moved to where its loss is higher.",
            small_table(
                ["", *(f"*{arm}*" for arm in arms)],
                table,
                "What was trained. ε is in units of the pixels' range, and is the largest change "
                "of a value; all arms of a seed see the images in one order.",
            ),
            f"This profile cuts *{'*, *'.join(cut)}* short, and decides nothing about what it cuts."
            if cut
            else "",
            f"This profile leaves out *{'*, *'.join(records.skipped)}*." if records.skipped else "",
        )
    )


def _radius(records: Records, arm: str) -> str:
    robust = config_value(records, arm, "recipe.robust")
    if robust is None:
        return NONE
    return setting(records, arm, "recipe.robust.epsilon", ".3g")


def accuracies(records: Records, row: Row, name: str) -> str:
    """Test accuracy of every arm beside the printed one."""
    arms = records.arms()
    printed = printed_accuracy(row)
    figure, axes = fig.canvas(2.9)
    ax = axes[0, 0]
    fig.strip(
        ax,
        {arm: records.metric(arm, "test_accuracy") for arm in arms},
        failed={arm: lost(records, arm) for arm in arms},
    )
    fig.printed_line(ax, printed, f"printed: {printed:.4f}")
    fig.within_shares(ax)
    ax.set_ylabel("test accuracy")
    ax.set_xlim(right=len(arms) + 0.05)  # room for the printed line's name
    handles = [
        ax.scatter([], [], s=14, color=fig.GREY, label="one seed"),
        ax.errorbar([], [], [], fmt="_", color=fig.BLACK, capsize=2.5, label="mean, 95% interval"),
    ]
    if any(lost(records, arm).any() for arm in arms):
        handles.insert(1, ax.scatter([], [], s=16, color=fig.GREY, marker="x", label="diverged"))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    tested = records.sample_size(arms[0], "test_accuracy")
    lines = []
    for arm in arms:
        found = records.metric(arm, "test_accuracy")
        lines.append(
            [
                f"*{arm}*",
                *mean_cells(found, records, [arm], "test accuracy", ".4f"),
                drawn(100 * (found.mean() - printed), records, [arm],
                      "mean test accuracy less the printed one, points", "+.2f"),
                mean_cells(records.metric(arm, "test_loss"), records, [arm], "test loss", ".4f")[0],
                setting(records, arm, "recipe.epochs", "d"),
                drawn(int(lost(records, arm).sum()), records, [arm], "runs that diverged", "d"),
                seeds(records, arm),
            ]
        )  # fmt: skip
    return "\n\n".join(
        (
            small_table(
                ["Network", "Test accuracy", "Interval", "Less print, points", "Test loss, nats",
                 "Epochs", "Diverged", "Seeds"],
                lines,
                f"Test accuracy, printed as {_printed_link(row)}: means over seeds with "
                "nineteen-in-twenty intervals, and the mean's distance from the print.",
            ),
            fig.saved(
                figure,
                f"{name}-accuracy",
                "Accuracy on "
                f"{drawn(tested, records, arms, 'test images')} test images, seed by seed, beside "
                f"the printed one: {_seed_counts(records, arms)}.",
                "Dots of test accuracy by network. "
                + "; ".join(
                    f"{arm}: {records.metric(arm, 'test_accuracy').mean():.4f}" for arm in arms
                )
                + f"; printed {printed:.4f}",
            ),
        )
    )  # fmt: skip


def _seed_counts(records: Records, arms: Sequence[str]) -> str:
    """How many seeds the arms have: once if all have as many."""
    counts = {len(records.of(arm)) for arm in arms}
    if len(counts) == 1:
        return f"{seeds(records, arms[0])} {'seed' if counts == {1} else 'seeds'} each"
    return ", ".join(f"{seeds(records, arm)} of *{arm}*" for arm in arms) + " (seeds)"


def by_epoch(records: Records, name: str) -> str:
    """Learning curves: test accuracy and test loss."""
    arms = records.arms()
    last = max(records.curve(arm, "test_loss").shape[1] for arm in arms)
    figure, axes = fig.canvas(3.2, 1, 2)
    for place, arm in enumerate(arms):
        accuracy, loss = (records.curve(arm, f"test_{what}") for what in ("accuracy", "loss"))
        epochs = np.arange(accuracy.shape[1]) + 1
        # No error at all has no place on a logarithmic axis.
        errors = np.where(accuracy < 1, 1 - accuracy, np.nan)
        for ax, values in zip(axes[0], (errors, loss), strict=True):
            fig.band(ax, epochs, values, arm, place, marks=len(epochs) <= 12)
    for ax, label in zip(axes[0], ("test accuracy", "test loss, nats"), strict=True):
        ax.set(yscale="log", xlabel="epoch", ylabel=label)
        fig.plain_logs(ax.yaxis)
        if last > 1:
            ax.set_xscale("log")
            fig.plain_logs(ax.xaxis)
        else:
            ax.set_xticks([1])
    axes[0, 0].invert_yaxis()
    axes[0, 0].yaxis.set_major_formatter(lambda error, _: f"{1 - error:.4g}")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center",
                  ncols=len(arms))  # fmt: skip
    taken = ", ".join(
        f"*{arm}* takes {setting(records, arm, 'recipe.epochs', 'd')}" for arm in arms
    )
    return "\n\n".join(
        (
            f"Of the {epochs_stated(records, STAND_IN)} epochs that the report states, {taken}. "
            "Epochs do not cost the same: one of adversarial training passes through the network "
            "twice.",
            fig.saved(
                figure,
                f"{name}-epochs",
                "Test accuracy (left, spread as the logarithm of the share of errors) and test "
                "loss (right, logarithmic) by epoch: means with the range between "
                f"seeds; {_seed_counts(records, arms)}.",
                "Curves by epoch. "
                + "; ".join(
                    f"{arm}: accuracy {records.curve(arm, 'test_accuracy')[:, 0].mean():.4f} after "
                    f"the first epoch, {records.metric(arm, 'test_accuracy').mean():.4f} after "
                    f"the last of {config_value(records, arm, 'recipe.epochs')}"
                    for arm in arms
                ),
            ),
        )
    )


def confusions(records: Records, data: DataSet, name: str) -> str:
    """Which classes a network takes for which, and the most confused pairs by name."""
    arm = EXAMPLE if EXAMPLE in records.arms() else records.arms()[-1]
    tables = np.stack([records.array(arm, t["seed"], "confusion") for t in records.of(arm)])
    mean = tables.mean(axis=0)
    off = np.where(np.eye(len(mean), dtype=bool), np.nan, mean)
    texts = np.array([[f"{n:.0f}" if round(n) else "" for n in line] for line in mean])
    figure, axes = fig.canvas(3.9)
    ax = axes[0, 0]
    # Square root: one large cell would leave the others dark.
    fig.heat_map(ax, np.sqrt(off), texts, 0, np.sqrt(np.nanmax(off) or 1), 7.5)
    places = range(len(data.classes))
    ax.set_xticks(places, data.classes, rotation=0 if data.grey else 30)
    ax.set_yticks(places, data.classes)
    ax.set(xlabel="predicted class", ylabel="class of the image")
    order = np.argsort(np.nan_to_num(off, nan=-1.0).ravel(), kind="stable")[::-1]
    pairs = [divmod(int(place), len(mean)) for place in order[:CONFUSIONS]]
    pairs = [(i, j) for i, j in pairs if mean[i, j] > 0]
    lines = [
        [
            data.classes[i],
            data.classes[j],
            drawn(mean[i, j], records, [arm], f"mean images of {data.classes[i]}", ".1f"),
            drawn(mean[i, j] / mean[i].sum(), records, [arm], "share of the class", ".2%"),
            " to ".join(
                drawn(int(end), records, [arm], "images of one seed", "d")
                for end in (tables[:, i, j].min(), tables[:, i, j].max())
            ),
        ]
        for i, j in pairs
    ]
    wrong = float(np.nansum(off))
    told = (
        small_table(
            ["Class", "Taken for", "Images, mean", "Share of the class", "Range over seeds"],
            lines,
            f"The most frequent confusions of *{arm}*, over seeds ({seeds(records, arm)}).",
        )
        if lines
        else "There is no confusion at all."
    )
    top = f"{data.classes[pairs[0][0]]} for {data.classes[pairs[0][1]]}" if pairs else "none"
    return "\n\n".join(
        (
            f"The table is of *{arm}*. Of "
            f"{drawn(int(mean.sum()), records, [arm], 'test images')} test images it has "
            f"{drawn(wrong, records, [arm], 'mean images that are wrong', '.1f')} wrong in the "
            "mean"
            + (
                "; most often it takes "
                f"{drawn(data.one[pairs[0][0]], records, [arm], 'class most often mistaken')} for "
                f"{drawn(data.one[pairs[0][1]], records, [arm], 'class it is taken for')}."
                if pairs
                else "."
            ),
            fig.saved(
                figure,
                f"{name}-confusion",
                f"Test images by class and predicted class, *{arm}*: mean numbers over seeds "
                f"({seeds(records, arm)}); shades by the square root, right ones (diagonal) in "
                "grey, numbers below a half left out.",
                f"Confusion matrix of {arm}, {wrong:.1f} errors in the mean; most often {top}.",
            ),
            told,
        )
    )


def counterpart(records: Records) -> str | None:
    """The arm that differs from *robust* in the adversarial training, and in label smoothing.

    It has the network, widths and epochs of the protocol; None without one, or without *robust*.
    """
    arms = records.arms()
    if "robust" not in arms:
        return None
    alike = {
        arm: (one["network"], one["widths"], one["recipe"]["epochs"])
        for arm in arms
        for one in (protocol_of(records, arm),)
    }
    return next((arm for arm in arms if arm != "robust" and alike[arm] == alike["robust"]), None)


def robustness_costs(records: Records) -> str:
    """What adversarial training costs in accuracy on unchanged images."""
    usual = counterpart(records)
    if usual is None:
        return "This profile trains no pair that would show what adversarial training costs."
    pair = [usual, "robust"]
    by_seed = [
        {t["seed"]: t["metrics"]["test_accuracy"]["value"] for t in records.of(arm)} for arm in pair
    ]
    shared = sorted(by_seed[0].keys() & by_seed[1].keys())
    gaps = 100 * np.array([by_seed[1][seed] - by_seed[0][seed] for seed in shared])
    mean, ends = mean_cells(gaps, records, pair, "difference of accuracies, points", "+.2f")
    smooth = [setting(records, arm, "recipe.label_smoothing") for arm in pair]
    same = len({config_value(records, arm, "recipe.label_smoothing") for arm in pair}) == 1
    return (
        f"*robust* has the network and the epochs of *{usual}*, and reaches a mean test accuracy "
        f"of {number(records, 'robust', 'test_accuracy', '.4f')} against "
        f"{number(records, usual, 'test_accuracy', '.4f')}. Seed by seed, which share their first "
        f"weights, the difference is {mean} percentage points"
        + (f" ({ends}, " if ends != NONE else " (")
        + f"{drawn(len(shared), records, pair, 'pairs of seeds', 'd')} pairs). "
        + ("" if same else f"Their label smoothing differs as well, {smooth[1]} against "
           f"{smooth[0]}: adversarial training is not all that sets them apart. ")
        + "What this buys stands in the chapter on the attacks."
    )  # fmt: skip


def follows(records: Records, row: Row) -> str:
    """What the accuracies say of the printed one, and what they cannot."""
    printed = printed_accuracy(row)
    means = {arm: float(records.metric(arm, "test_accuracy").mean()) for arm in records.arms()}
    below = [arm for arm, mean in means.items() if mean < printed]
    above = [arm for arm, mean in means.items() if mean >= printed]

    def listed(arms: Sequence[str]) -> str:
        return ", ".join(
            f"*{arm}* ({number(records, arm, 'test_accuracy', '.4f')})" for arm in arms
        )

    shown = _printed_link(row)
    sides = (
        f"Mean accuracies below the printed {shown}: {listed(below)}; at it or above: "
        f"{listed(above)}."
        if below and above
        else f"All mean accuracies lie {'below' if below else 'at or above'} the printed {shown}: "
        f"{listed(below or above)}."
    )
    return "\n\n".join(
        (
            f"The printed accuracy: {badge(row)}. {sides}",
            f"*{STAND_IN}* stands for a network that is lost. That it has another accuracy than "
            "the print would contradict nothing while another network lies at the print or beyond "
            "it: the lost one may be between the two. Only where everything that was tried lies "
            "on one side is a contradiction told; and that *"
            f"{STAND_IN}* agrees says that such a network can have this accuracy, not that the "
            "report's was such a network.",
        )
    )


LIMITS = (
    "All networks but the one that stands for the lost one are ours, and were developed while "
    "looking at test accuracies of prototypes: their accuracies are no unbiased estimate of what "
    "they would reach on new images, and are not to be read as a benchmark. The report does not "
    "say which epoch its accuracy is of; here it is the last. The intervals are over seeds, with "
    "the test images fixed: they say nothing of other images."
)
