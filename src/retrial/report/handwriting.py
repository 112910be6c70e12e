"""The chapter on unseen handwriting: tables and figures from the records of its study.

Each function returns Markdown about the records of `retrial.studies.handwriting` and leaves its
figure in the working folder.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrial.core.records import Records
from retrial.handwriting.choice import CHOOSES, chosen
from retrial.report import figures as fig
from retrial.report.numbers import drawn, number, seeds, setting
from retrial.report.tables import small_table
from retrial.statistics import t_interval

Array = NDArray[Any]

# The test domains, as accuracy_ metrics name them, and how the chapter calls them.
TITLES = {
    "mnist": "MNIST",
    CHOOSES: "moved, scaled",
    "digits": "UCI's digits",
    "pages_all": "on sheets",
    "corrupted": "corrupted",
}
BASE = "report"
MORE = ("emnist", "numbers")
SOURCES = ("none", "report", "digits", "digits/transposed", "digits/inverted", "digits/alone")


def intervals(values: Array, records: Records, arms: Sequence[str], what: str, form: str) -> str:
    """A mean with its nineteen-in-twenty interval in brackets, where there are two values."""
    mean = drawn(values.mean(), records, arms, f"mean of {what}", form)
    if len(values) < 2:
        return mean
    low, high = (
        drawn(end, records, arms, f"end of the interval of {what}", form)
        for end in t_interval(values)[1:]
    )
    return f"{mean} ({low} to {high})"


def matrix(records: Records) -> str:
    """What was trained on, against what it is tested on: a map and the numbers."""
    arms = [arm for arm in (*SOURCES, "large/report") if arm in records.arms()]
    arms += [arm for arm in records.arms() if arm.split("/")[0].split("+")[0] in MORE]
    titles = dict(TITLES)
    if "accuracy_emnist" in records.of(arms[0])[0]["metrics"]:
        titles["emnist"] = "EMNIST"
    means = np.array(
        [[records.metric(arm, f"accuracy_{name}").mean() for name in titles] for arm in arms]
    )
    figure, axes = fig.canvas(0.32 * len(arms) + 0.9)
    texts = np.array([[f"{value:.3f}" for value in line] for line in means])
    fig.heat_map(axes[0, 0], means, texts, float(means.min()), 1.0)
    axes[0, 0].set_xticks(range(len(titles)), list(titles.values()))
    axes[0, 0].set_yticks(range(len(arms)), arms)
    axes[0, 0].set(xlabel="tested on", ylabel="trained as")
    lines = [
        [
            f"*{arm}*",
            *(
                intervals(records.metric(arm, f"accuracy_{name}"), records, [arm],
                          f"accuracy_{name}", ".3f")
                for name in titles
            ),
            seeds(records, arm),
        ]
        for arm in arms
    ]  # fmt: skip
    return "\n\n".join(
        (
            fig.saved(
                figure,
                "handwriting-matrix",
                "Mean accuracy over seeds by what was trained on (rows) and what it is tested on "
                "(columns).",
                "A map of accuracies. "
                + "; ".join(
                    f"{arm}: {', '.join(f'{v:.3f}' for v in line)}"
                    for arm, line in zip(arms, means, strict=True)
                ),
            ),
            small_table(
                ["Trained as", *titles.values(), "Seeds"],
                lines,
                "The same with nineteen-in-twenty intervals over seeds, where there are two.",
            ),
        )
    )


def second_source(records: Records) -> str:
    """What a second source is worth, and turned or inverted."""
    if "digits" not in records.arms():
        return ""
    with_it, *others = (
        number(records, arm, "accuracy_digits", ".3f")
        for arm in ("digits", BASE, "digits/transposed", "digits/inverted")
    )
    return (
        f"With the first half of UCI's digits beside MNIST the second half is recognised with an "
        f"accuracy of {with_it}, without it {others[0]}; with the first half transposed, as the "
        f"files of EMNIST hold their digits, {others[1]}, and inverted {others[2]}. The report saw "
        "no gain from other sets, and does not say which way up it read them."
    )


def differences(records: Records, arm: str, base: str, metric: str) -> Array:
    """(seeds,) a metric of an arm less that of another, over the seeds that both have."""
    pairs = [
        {trial["seed"]: trial["metrics"][metric]["value"] for trial in records.of(one)}
        for one in (arm, base)
    ]
    return np.array([pairs[0][seed] - pairs[1][seed] for seed in pairs[0] if seed in pairs[1]])


def steps(records: Records) -> str:
    """What each step changes: beside the report's two, and left out of all eight."""
    groups = [
        (BASE, [arm for arm in records.arms() if arm == "none" or arm.startswith(f"{BASE}/")]),
        ("all", [arm for arm in records.arms() if arm.startswith("all/")]),
    ]
    shown = [(base, arms) for base, arms in groups if base in records.arms() and arms]
    figure, axes = fig.canvas(3.1, 1, len(shown))
    parts = []
    for ax, (base, arms) in zip(axes[0], shown, strict=True):
        lines = []
        for place, arm in enumerate(arms):
            cells = [f"*{arm}*"]
            for shift, (name, title) in enumerate(
                (("digits", TITLES["digits"]), ("corrupted", TITLES["corrupted"]))
            ):
                values = 100 * differences(records, arm, base, f"accuracy_{name}")
                half = fig.half_width(values)
                ax.errorbar(
                    values.mean(), place + 0.16 * (2 * shift - 1), xerr=np.nan_to_num(half),
                    color=fig.CYCLE[shift], marker=fig.MARKERS[shift], markersize=4.5, capsize=2.5,
                    linewidth=1.1, label=title if place == 0 else None,
                )  # fmt: skip
                cells.append(
                    intervals(values, records, [arm, base], f"difference on {name}, points", "+.2f")
                )
            lines.append(cells)
        ax.axvline(0, color=fig.BLACK, linewidth=0.8)
        ax.set_yticks(range(len(arms)), arms)
        ax.invert_yaxis()
        ax.set_xlabel(f"accuracy less that of {base}, points")
        parts.append(
            small_table(
                [f"Less *{base}*", f"{TITLES['digits']}, points", f"{TITLES['corrupted']}, points"],
                lines,
                f"Accuracy less that of *{base}*, paired seed by seed.",
            )
        )
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return "\n\n".join(
        (
            fig.saved(
                figure,
                "handwriting-steps",
                "What each step changes, in percentage points of accuracy, paired over seeds, with "
                "nineteen-in-twenty intervals. Left: one step more than zoom and width shift (or, "
                "*none*, without both). Right: one step left out of all eight; to the right of "
                "zero the others do better without it.",
                "Differences of accuracy by step. "
                + "; ".join(
                    f"{arm} less {base}: "
                    f"{100 * differences(records, arm, base, 'accuracy_digits').mean():+.1f} on "
                    "UCI's digits"
                    for base, arms in shown
                    for arm in arms
                ),
            ),
            *parts,
        )
    )


def sizes(records: Records) -> str:
    """Fewer against more parameters, with and without the report's augmentation."""
    pairs = [("none", "large/none"), ("report", "large/report")]
    arms = [arm for pair in pairs for arm in pair]
    lines = [
        [
            f"*{arm}*",
            drawn(int(records.metric(arm, "parameters")[0]), records, [arm], "parameters"),
            *(
                intervals(records.metric(arm, f"accuracy_{name}"), records, [arm],
                          f"accuracy_{name}", ".4f")
                for name in ("mnist", "digits", "corrupted")
            ),
        ]
        for arm in arms
    ]  # fmt: skip
    return small_table(
        ["Network", "Parameters", "MNIST", TITLES["digits"], TITLES["corrupted"]],
        lines,
        "A small and a large network, without augmentation and with the report's: mean accuracy.",
    )


def choice(records: Records) -> str:
    """Which arm the validation domain chooses, and what it has elsewhere."""
    arm = chosen(records)
    own = number(records, arm, f"accuracy_{CHOOSES}", ".4f")
    best = {
        name: max(records.arms(), key=lambda one: records.metric(one, f"accuracy_{name}").mean())
        for name in ("digits", "corrupted")
    }
    told = "; ".join(
        f"on {TITLES[name]} it has {number(records, arm, f'accuracy_{name}', '.4f')}, and the best "
        f"there is *{best[name]}* with {number(records, best[name], f'accuracy_{name}', '.4f')}"
        for name in best
    )
    return (
        f"MNIST's test digits, moved and scaled, choose *{arm}*, with an accuracy of {own} there. "
        f"All other domains are only reported: {told}. It is the network of `retrial predict`."
    )


def ranges(records: Records) -> str:
    """How far the eight steps go."""
    arm = "all" if "all" in records.arms() else records.arms()[0]

    def of(step: str, form: str) -> str:
        return setting(records, arm, f"ranges.{step}", form)

    return (
        f"zoom by ±{of('zoom', '.0%')} along either axis, width and height shift by "
        f"±{of('width', '.0%')} and ±{of('height', '.0%')} of the side, rotation by "
        f"±{of('rotation', '.0f')}°, flips left to right and up to down each with probability "
        f"{of('flips', '.1f')}, a Gaussian filter of up to {of('blur', '.1f')} pixels, brightness "
        f"by ±{of('brightness', '.0%')}, gamma within a factor of 1 + {of('gamma', '.1f')}"
    )
