"""The chapter on unseen handwriting: what happens as digits get worse, with pictures of them.

As in `retrial.report.handwriting`; `domains` are the arrays of data/domains by file stem.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrial.core.records import Records
from retrial.handwriting.choice import CHOOSES, chosen
from retrial.report import figures as fig
from retrial.report.handwriting import TITLES, intervals
from retrial.report.numbers import drawn, number
from retrial.report.pictures import MISSED
from retrial.report.tables import small_table

Array = NDArray[Any]
Domains = Mapping[str, Array]

PAGES = {
    "all": "all three: polarity, box, centre of mass",
    "no_polarity": "without polarity",
    "no_box": "without the box: the whole sheet",
    "no_mass": "the box's middle in place of the centre of mass",
    "stroke": "all three, and strokes as wide as MNIST's",
    "nothing": "nothing: the sheet made smaller",
}
SHOWN_FAILURES = 20


def by_severity(records: Records, domains: Domains) -> str:
    """Accuracy against severity, a panel for each corruption, and what they look like."""
    names = sorted(one.removeprefix("corrupted_") for one in domains if "corrupted_" in one)
    arms = list(dict.fromkeys(
        arm for arm in ("none", "report", "all", chosen(records), "large/report")
        if arm in records.arms()
    ))  # fmt: skip
    columns = 4
    rows = -(-len(names) // columns)
    figure, axes = fig.canvas(1.35 * rows + 0.4, rows, columns, sharex=True, sharey=True)
    severities = np.arange(records.curve(arms[0], names[0]).shape[1]) + 1
    for ax, name in zip(axes.flat, names, strict=False):
        for place, arm in enumerate(arms):
            fig.band(ax, severities, records.curve(arm, name), arm, place, marks=True)
        ax.set_title(name, fontsize=8)
        ax.set_xticks(severities)
    for ax in axes.flat[len(names) :]:
        ax.set_axis_off()
    for ax in axes[-1]:
        ax.set_xlabel("severity")
    for line in axes:
        line[0].set_ylabel("accuracy")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center",
                  ncols=len(arms))  # fmt: skip
    looks, cells = fig.canvas(0.52 * rows + 0.1, rows, columns * len(severities))
    for place, name in enumerate(names):
        row, column = divmod(place, columns)
        for severity in range(len(severities)):
            ax = cells[row, column * len(severities) + severity]
            fig.image(ax, domains[f"corrupted_{name}"][severity, 0], "")
            if severity == 2:
                ax.set_title(name, fontsize=7)
    last = len(severities) - 1
    many = records.sample_size(arms[0], "accuracy_corrupted")
    return "\n\n".join(
        (
            fig.saved(
                looks,
                "handwriting-corruptions",
                "One of MNIST's test digits under every corruption, from severity "
                f"{drawn(1, records, arms, 'least severity')} to "
                f"{drawn(last + 1, records, arms, 'greatest severity')}.",
                f"Rows of one digit, {len(names)} corruptions, each in five steps.",
            ),
            fig.saved(
                figure,
                "handwriting-severity",
                "Accuracy against severity by corruption, on the first "
                f"{drawn(many, records, arms, 'corrupted test digits')} test digits: means with "
                "the range between seeds.",
                "Curves of accuracy by corruption. "
                + "; ".join(
                    f"{name}: {arm} {records.curve(arm, name)[:, last].mean():.2f} at the worst"
                    for name in names
                    for arm in arms[:2]
                ),
            ),
        )
    )


def calibration(records: Records) -> str:
    """Confidence against accuracy, on MNIST and under shift."""
    arms = [arm for arm in ("none", "report", "large/report") if arm in records.arms()]
    worst = records.curve(arms[0], "ece").shape[1]
    # The least, the middle and the greatest severity.
    severities = sorted({1, (worst + 1) // 2, worst})
    # The order of the study's tables: its domains, then the severities.
    shown = {"MNIST": 0, "UCI's digits": 2, f"corrupted, severity {worst}": -1}
    figure, axes = fig.canvas(2.6, 1, len(shown), sharey=True)
    for ax, (title, place) in zip(axes[0], shown.items(), strict=True):
        ax.plot([0, 1], [0, 1], color=fig.GREY, linewidth=0.8, linestyle="--")
        for order, arm in enumerate(arms):
            tables = np.stack(
                [records.array(arm, trial["seed"], "reliability") for trial in records.of(arm)]
            )[:, place]
            count = tables[:, 0].sum(axis=0)
            confidence, accuracy = (
                (tables[:, 0] * tables[:, row]).sum(axis=0)[count > 0] / count[count > 0]
                for row in (1, 2)
            )
            ax.plot(confidence, accuracy, color=fig.CYCLE[order], marker=fig.MARKERS[order],
                    markersize=3.5, linewidth=1.1, label=arm)  # fmt: skip
        ax.set_title(title, fontsize=8.5)
        ax.set_xlabel("confidence")
    axes[0, 0].set_ylabel("accuracy")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center",
                  ncols=len(arms))  # fmt: skip
    lines = [
        [
            f"*{arm}*",
            *(
                intervals(records.metric(arm, f"ece_{name}"), records, [arm], f"ece_{name}", ".3f")
                for name in ("mnist", CHOOSES, "digits")
            ),
            *(
                drawn(records.curve(arm, "ece")[:, at - 1].mean(), records, [arm],
                      "mean calibration error by severity", ".3f")
                for at in severities
            ),
            number(records, arm, "loss_digits", ".3f"),
        ]
        for arm in arms
    ]  # fmt: skip
    return "\n\n".join(
        (
            fig.saved(
                figure,
                "handwriting-calibration",
                "Reliability: accuracy of the images of each bin of confidence against their mean "
                "confidence, all seeds together; on the dashed line a network is as often right as "
                "it says. Below it, it is too sure.",
                "Reliability curves. "
                + "; ".join(
                    f"{arm}: calibration error {records.metric(arm, 'ece_mnist').mean():.3f} on "
                    f"MNIST, {records.metric(arm, 'ece_digits').mean():.3f} on UCI's digits"
                    for arm in arms
                ),
            ),
            small_table(
                ["Network", "MNIST", TITLES[CHOOSES], TITLES["digits"],
                 *(f"Severity {at}" for at in severities), "Loss on UCI's, nats"],
                lines,
                "Expected calibration error, and the loss on UCI's digits.",
            ),
        )
    )  # fmt: skip


def preprocessing(records: Records, domains: Domains) -> str:
    """What each step of the normalisation is worth on sheets of paper."""
    arms = [arm for arm in ("none", "report", chosen(records)) if arm in records.arms()]
    arms = list(dict.fromkeys(arms))
    order = [name for name in PAGES if f"pages_{name}" in domains]
    shown = 9
    figure, axes = fig.canvas(0.62 * (len(order) + 1) + 0.2, len(order) + 1, shown)
    for place in range(shown):
        fig.image(axes[0, place], domains["sheets"][place], "")
        # Sheets are pictures of paper, light where there is none of the ink.
        axes[0, place].images[0].set_cmap("gray")
        for row, name in enumerate(order, 1):
            fig.image(axes[row, place], domains[f"pages_{name}"][place], "")
    axes[0, 0].set_ylabel("sheet", fontsize=7, rotation=0, ha="right", va="center")
    for row, name in enumerate(order, 1):
        axes[row, 0].set_ylabel(name.replace("_", " "), fontsize=7, rotation=0, ha="right",
                                va="center")  # fmt: skip
    lines = [
        [
            PAGES[name],
            *(
                intervals(records.metric(arm, f"accuracy_pages_{name}"), records, [arm],
                          f"accuracy_pages_{name}", ".3f")
                for arm in arms
            ),
        ]
        for name in order
    ]  # fmt: skip
    return "\n\n".join(
        (
            small_table(
                ["What is done", *(f"*{arm}*" for arm in arms)],
                lines,
                "Accuracy on UCI's digits on sheets of paper, by what is done to bring a sheet to "
                "28 × 28 pixels: means over seeds with nineteen-in-twenty intervals.",
            ),
            fig.saved(
                figure,
                "handwriting-sheets",
                "The first sheets (top), and what a network sees of them by what is done.",
                "Rows of digits: sheets, and the same after each way of normalisation.",
            ),
        )
    )


def failures(records: Records, domains: Domains) -> str:
    """UCI's digits that most networks of the chosen arm have wrong, the surest errors first."""
    arm = chosen(records)
    trials = records.of(arm)
    given, sure = (
        np.stack([records.array(arm, trial["seed"], name) for trial in trials])
        for name in ("predictions", "confidence")
    )
    labels = domains["digits_labels"]
    wrong = given != labels
    # How many seeds err, and among equals how sure they are of it.
    blame = wrong.sum(axis=0) + (np.where(wrong, sure, 0).sum(axis=0) / (len(trials) + 1))
    order = np.argsort(-blame, kind="stable")[:SHOWN_FAILURES]
    order = order[wrong[:, order].any(axis=0)]
    figure, axes = fig.canvas(1.55, 2, SHOWN_FAILURES // 2)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, place in zip(axes.flat, order, strict=False):
        ax.set_axis_on()
        fig.image(ax, domains["digits_images"][place], "")
        said = int(np.bincount(given[wrong[:, place], place], minlength=10).argmax())
        ax.set_xlabel(f"{labels[place]} {MISSED} {said}", fontsize=7, labelpad=1.5)
    always = int(wrong.all(axis=0).sum())
    return "\n\n".join(
        (
            f"Of {drawn(len(labels), records, [arm], 'test digits')} digits *{arm}* has "
            f"{drawn(float(wrong.sum(axis=1).mean()), records, [arm], 'mean errors', '.1f')} wrong "
            f"in the mean, and {drawn(always, records, [arm], 'digits that every seed has wrong')} "
            "with every seed.",
            fig.saved(
                figure,
                "handwriting-failures",
                f"What *{arm}* most often, and most surely, has wrong among UCI's digits: the "
                f"digit, a cross, and what it is taken for.",
                "Digits that are mistaken. "
                + "; ".join(
                    f"a {labels[place]} for a "
                    f"{int(np.bincount(given[wrong[:, place], place], minlength=10).argmax())}"
                    for place in order[:6]
                ),
            ),
        )
    )
