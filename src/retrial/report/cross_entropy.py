"""The chapter on cross-entropy and squared error: tables and figures from the records of its study.

Each function returns Markdown about the records of `retrial.studies.cross_entropy` and leaves its
figure in the working folder.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from retrial.core.records import Records
from retrial.report import figures as fig
from retrial.report.handwriting import intervals
from retrial.report.numbers import config_value, drawn, number, seeds, setting
from retrial.report.tables import small_table

LOSSES = {"cross_entropy": "cross-entropy", "squared_error": "squared error"}
# Scores by metric, as a table heads them, with their format.
BALANCED = {
    "test_accuracy": ("Accuracy", ".4f"),
    "test_nll": ("Log loss, nats", ".4f"),
    "test_brier": ("Brier score", ".4f"),
    "test_ece": ("Calibration error", ".4f"),
    "epochs_to_90": ("Epochs", ".2f"),
}
RARE = {
    "test_pr_auc": ("Average precision", ".3f"),
    "test_recall": ("Recall at one half", ".3f"),
    "test_precision": ("Precision at one half", ".3f"),
}
# Confidences that the axis of logits is labelled with.
CONFIDENCES = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)


def arms_of(task: str) -> dict[str, str]:
    """The two arms of a task by the name of their loss."""
    return {title: f"{task}/{loss}" for loss, title in LOSSES.items()}


def mean(values: NDArray[Any], records: Records, arms: Sequence[str], what: str, form: str) -> str:
    """A mean over the seeds that have a number, with its interval where two have; else a dash."""
    known = values[np.isfinite(values)]
    return intervals(known, records, arms, what, form) if len(known) else "–"


def penalty(records: Records) -> str:
    """Loss and derivative of one wrong example against its confidence."""
    logit, given = (records.array("confidence", 0, name) for name in ("logit", "probability"))
    figure, axes = fig.canvas(2.7, 1, 3, sharex=True)
    titles = ("loss", "loss, times that at one half", "derivative by the logit")
    ends = []
    for place, (loss, title) in enumerate(LOSSES.items()):
        found = records.array("confidence", 0, loss)
        lines = (found[0], found[0] / found[0, 0], found[1])
        for ax, line in zip(axes[0], lines, strict=True):
            ax.plot(logit, line, color=fig.CYCLE[place], label=title, linewidth=1.4,
                    linestyle=("-", "--")[place])  # fmt: skip
        ends.append(f"{title}: loss {found[0, -1]:.3g}, derivative {found[1, -1]:.2g}")
    shown = [one for one in CONFIDENCES if one <= given[-1]]
    places = np.log(np.array(shown) / (1 - np.array(shown)))
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_xticks(places, [f"{one:g}" for one in shown], rotation=60)
        ax.set(title=title, xlim=(0, max(places[-1], logit[1])))
        ax.set_xlabel("probability of the wrong class")
    axes[0, 0].set_ylabel("nats, or squares")
    _stay_inside(axes[0, 0], axes[0, 1])
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return fig.saved(
        figure,
        "cross-entropy-penalty",
        "One example of two classes whose wrong class has the probability below, on a scale of its "
        "logit: the loss, the same as a multiple of what it is at one half, and its derivative by "
        "the logit, which is what a step of gradient descent begins with. Nothing here is random.",
        f"Lines over confidence. At the end of the grid {'; '.join(ends)}.",
    )


def _stay_inside(*panels: Axes) -> None:
    """Scale the vertical axes to what lies within the horizontal ones."""
    for ax in panels:
        right = ax.get_xlim()[1]
        tops = [
            np.max(np.asarray(line.get_ydata())[np.asarray(line.get_xdata()) <= right])
            for line in ax.get_lines()
        ]
        ax.set_ylim(0, 1.05 * max(tops))


def multiples(records: Records) -> NDArray[Any]:
    """(losses, points) each loss of one wrong example as a multiple of itself at one half."""
    lines = [records.array("confidence", 0, loss)[0] for loss in LOSSES]
    return np.stack([line / line[0] for line in lines])


def telling(records: Records, confident: float) -> list[float]:
    """Confidences of the grid that tell the two losses apart, in their order.

    Where the squared error is ahead by most, `confident`, and where cross-entropy's multiple is
    first twice the squared error's; one that the grid does not reach is left out.
    """
    given = records.array("confidence", 0, "probability")
    cross_entropy, squared_error = multiples(records)
    ratio = cross_entropy / squared_error
    found = [float(given[int(ratio.argmin())])] if ratio.min() < 1 else []
    found += [confident] if given[-1] >= confident else []
    return sorted(found + ([float(given[int((ratio >= 2).argmax())])] if ratio.max() >= 2 else []))


def crossing(records: Records, confidence: float) -> str:
    """The two losses as multiples of theirs at one half, at the first grid point from there on."""
    given = records.array("confidence", 0, "probability")
    at = int(np.argmax(given >= confidence))
    told = []
    for line, title in zip(multiples(records), LOSSES.values(), strict=True):
        what = f"{title} as a multiple of that at one half"
        told.append(f"{drawn(line[at], records, ['confidence'], what, '.2f')} ({title})")
    place = drawn(float(given[at]), records, ["confidence"], "confidence", ".3f")
    return f"at {place} {' and '.join(told)}"


def severer(records: Records) -> str:
    """Up to which confidence the squared error is the severer of the two, as multiples go."""
    given = records.array("confidence", 0, "probability")
    cross_entropy, squared_error = multiples(records)
    ahead = np.flatnonzero(squared_error > cross_entropy)
    if not len(ahead):
        return "Nowhere on the grid is the squared error the more severe of the two."
    place = drawn(float(given[ahead[-1]]), records, ["confidence"], "confidence", ".3f")
    beyond = ahead[-1] + 1 < len(given)
    between = "" if len(ahead) == ahead[-1] else ", though not throughout"
    return (
        f"Up to a confidence of {place} it is the squared error that is the more severe{between}"
        + ("; beyond it is cross-entropy, and without bound." if beyond else ".")
    )


def _told(rates: NDArray[Any], records: Records, arm: str, what: str) -> str:
    """The rates (seeds,) that are there, each once."""
    known = sorted(set(rates[np.isfinite(rates)].tolist()))
    return drawn(known, records, [arm], what, "g") if known else "–"


def begun_wrong(records: Records) -> str:
    """Steps until a network that begins sure of a wrong class has half its way behind it."""
    arms = arms_of("wrong")
    rates = np.array(config_value(records, arms["cross-entropy"], "learning_rates"))
    figure, axes = fig.canvas(2.6)
    ax = axes[0, 0]
    lines, some = [], False
    for place, (title, arm) in enumerate(arms.items()):
        found = np.stack([records.array(arm, t["seed"], "half_way") for t in records.of(arm)])
        some |= bool(np.isfinite(found).any())
        fig.means(ax, rates, found, title, place)
        never = int((~np.isfinite(found)).all(axis=0).sum())
        lines.append(
            [
                title,
                number(records, arm, "start_confidence", ".4f"),
                number(records, arm, "start_accuracy", ".3f"),
                _told(records.metric(arm, "fastest_rate"), records, arm, "fastest rates"),
                mean(records.metric(arm, "half_way"), records, [arm], "half_way", ".1f"),
                drawn(never, records, [arm], "rates at which no seed gets there"),
                seeds(records, arm),
            ]
        )
    ax.set(xscale="log", xlabel="learning rate", ylabel="steps to half way")
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    ax.minorticks_off()
    if some:
        ax.set_yscale("log")
        fig.plain_logs(ax.yaxis)
    ax.legend()
    ends = "; ".join(
        f"{title}: {np.nanmean(records.metric(arm, 'half_way')):.3g} steps at the fastest rate"
        for title, arm in arms.items()
        if np.isfinite(records.metric(arm, "half_way")).any()
    )
    return "\n\n".join(
        (
            fig.saved(
                figure,
                "cross-entropy-wrong",
                "Steps until the accuracy of a network that begins sure of one class has gained "
                "half of what it lacked, by learning rate: means over the seeds that get there, "
                "with intervals of nineteen in twenty.",
                f"Two lines of steps over learning rates. {ends}.",
            ),
            small_table(
                ["Loss", "Confidence at the start", "Accuracy", "Fastest rates", "Steps",
                 "Rates too low or too high", "Seeds"],
                lines,
                "Networks that begin sure of one class for all images, each at the rate of the "
                "ladder that is fastest for its seed.",
            ),
        )
    )  # fmt: skip


def ladder(records: Records) -> str:
    """What each rate of the ladder scores on the validation images, and which are picked."""
    tasks = {"balanced": "ten digits: accuracy", "imbalanced": "a rare digit: average precision"}
    figure, axes = fig.canvas(2.7, 1, len(tasks))
    lines = []
    for ax, (task, title) in zip(axes[0], tasks.items(), strict=True):
        for place, (loss, arm) in enumerate(arms_of(task).items()):
            rates = np.array(config_value(records, arm, "learning_rates"))
            found = np.stack([records.array(arm, t["seed"], "validation") for t in records.of(arm)])
            fig.means(ax, rates, found, loss, place)
            lines.append(
                [
                    f"*{task}*, {loss}",
                    number(records, arm, "picked_rate", ".3g", "median"),
                    _told(records.metric(arm, "picked_rate"), records, arm, "picked rates"),
                    drawn(int(np.nansum(records.metric(arm, "picked_end"))), records, [arm],
                          "picks at an end of the ladder"),
                    seeds(records, arm),
                ]
            )  # fmt: skip
        ax.set(xscale="log", title=title, xlabel="learning rate", ylabel="validation score")
        ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
        ax.minorticks_off()
        fig.within_shares(ax)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return "\n\n".join(
        (
            fig.saved(
                figure,
                "cross-entropy-ladder",
                "What the validation images score after training at each rate: means over "
                f"{seeds(records, 'balanced/cross_entropy')} seeds with intervals of nineteen in "
                "twenty. The highest score of a seed picks its rate.",
                "Lines of validation scores over learning rates, for both losses in two tasks.",
            ),
            small_table(
                ["Arm", "Median rate", "Picked", "At an end", "Seeds"],
                lines,
                "Learning rates that the validation images pick.",
            ),
        )
    )


def curves(records: Records) -> str:
    """Learning curves of the picked networks."""
    panels = {
        ("balanced", "test_accuracy"): ("ten digits", "accuracy"),
        ("balanced", "test_nll"): ("ten digits", "log loss, nats"),
        ("imbalanced", "test_pr_auc"): ("a rare digit", "average precision"),
    }
    figure, axes = fig.canvas(2.6, 1, len(panels))
    ends = []
    for ax, ((task, name), (title, score)) in zip(axes[0], panels.items(), strict=True):
        for place, (loss, arm) in enumerate(arms_of(task).items()):
            values, epochs = records.curve(arm, name), records.curve(arm, "epochs")
            if np.isfinite(values).any():
                fig.band(ax, np.nanmean(epochs, axis=0), values, loss, place)
                ends.append(f"{title}, {score}, {loss}: {np.nanmean(values[:, -1]):.4f}")
        ax.set(title=title, xlabel="epochs", ylabel=score)
        if ax.lines:
            ax.set_xscale("log")
            fig.plain_logs(ax.xaxis)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return fig.saved(
        figure,
        "cross-entropy-curves",
        "Test scores while the picked networks learn: means over "
        f"{seeds(records, 'balanced/cross_entropy')} seeds with the range between them.",
        f"Learning curves. At the end: {'; '.join(ends)}.",
    )


def table(records: Records, task: str) -> str:
    """The scores of both losses, and their differences."""
    scores = BALANCED if task == "balanced" else RARE
    arms = arms_of(task)
    lines = [
        [
            title,
            *(mean(records.metric(arm, name), records, [arm], name, form)
              for name, (_, form) in scores.items()),
            seeds(records, arm),
        ]
        for title, arm in arms.items()
    ]  # fmt: skip
    first, second = arms.values()
    cells = []
    for name, (_, form) in scores.items():
        # Both arms have the same seeds.
        apart = records.metric(first, name) - records.metric(second, name)
        cells.append(mean(apart, records, [first, second], f"difference of {name}", f"+{form}"))
    lines.append(["difference", *cells, seeds(records, first)])
    if task == "balanced":
        many = records.sample_size(first, "test_accuracy")
        told = (
            f"Scores of the picked networks on {drawn(many, records, [first], 'test images')} test "
            "images; *Epochs*: until nine tenths of the last accuracy."
        )
    else:
        many = records.sample_size(first, "test_recall")
        told = (
            f"Scores of the rare digit, of which {drawn(many, records, [first], 'rare images')} "
            "are among the test images, weighted to their share of "
            f"{setting(records, first, 'rare_share')}. An average precision of that share is what "
            "guessing has."
        )
    return small_table(
        ["Loss", *(title for title, _ in scores.values()), "Seeds"],
        lines,
        f"{told} Means over seeds with intervals of nineteen in twenty, where there are two.",
    )


def closing(records: Records) -> str:
    """The difference of average precision after a third of the training, and at its end."""
    arms = list(arms_of("imbalanced").values())
    epochs = records.curve(arms[0], "epochs")[0]
    first, second = (records.curve(arm, "test_pr_auc") for arm in arms)
    if np.isnan(epochs).any() or first.shape != second.shape:
        return ""
    third = int(np.abs(epochs - epochs[-1] / 3).argmin())
    told = []
    for place in (third, -1):
        apart = mean(first[:, place] - second[:, place], records, arms, "difference", "+.3f")
        told.append(f"{apart} after {drawn(epochs[place], records, arms, 'epochs', '.3g')} epochs")
    return (
        f"Of the picked networks, the average precision with cross-entropy less that with squared "
        f"error is {', '.join(told)}."
    )


def reliability(records: Records) -> str:
    """Confidence against accuracy, and how many images have it."""
    figure, axes = fig.canvas(2.9, 1, 2)
    line, bars = axes[0]
    line.plot([0, 1], [0, 1], color=fig.GREY, linewidth=0.8, linestyle="--")
    arms, told = arms_of("balanced"), []
    for place, (title, arm) in enumerate(arms.items()):
        kept = [trial["seed"] for trial in records.of(arm) if trial["status"] == "ok"]
        if not kept:
            continue
        tables = np.stack([records.array(arm, seed, "reliability") for seed in kept])
        count = tables[:, 0].sum(axis=0)
        some = count > 0
        confidence, accuracy = (
            (tables[:, 0] * tables[:, row]).sum(axis=0)[some] / count[some] for row in (1, 2)
        )
        line.plot(confidence, accuracy, color=fig.CYCLE[place], marker=fig.MARKERS[place],
                  markersize=3.5, linewidth=1.1, label=title)  # fmt: skip
        bins = (np.arange(len(count)) + 0.5) / len(count)
        bars.step(bins, count / count.sum(), where="mid", color=fig.CYCLE[place], linewidth=1.3,
                  linestyle=("-", "--")[place])  # fmt: skip
        told.append(f"{title}: {np.nanmean(records.metric(arm, 'test_ece')):.4f}")
    line.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    bars.set(xlabel="confidence", ylabel="share of images", yscale="log", xlim=(0, 1))
    figure.legend(*line.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    many = len(records.array(arms["cross-entropy"], 0, "reliability")[0]) if told else 0
    return fig.saved(
        figure,
        "cross-entropy-reliability",
        f"Left: accuracy of the test images in each of "
        f"{drawn(many, records, list(arms.values()), 'bins')} bins of confidence against their "
        "mean confidence, all seeds together; on the dashed line a network is as often right as it "
        "says, below it too sure. Right: how many images have which confidence.",
        f"Reliability curves. Mean expected calibration errors: {'; '.join(told)}.",
    )
