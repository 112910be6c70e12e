"""The chapter on report 001's loss functions: tables and figures from the records of its study.

Each function returns Markdown about the records of `retrial.studies.titanic_losses`; those that
draw leave their figure in the working folder.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from retrial.calibration import Reliability, reliability
from retrial.core.records import Records
from retrial.judging.statements.compared import of_seeds, over_seeds, shared_seeds
from retrial.judging.statements.titanic_losses import counts_behind
from retrial.report import figures as fig
from retrial.report.handwriting import intervals
from retrial.report.numbers import config_value, counted, drawn, number, seeds
from retrial.report.show import printed_value
from retrial.report.tables import small_table
from retrial.statistics import holm

Array = NDArray[Any]
Row = dict[str, Any]

NAMES = {"l1": "L1", "mse": "MSE", "bce": "BCE with logits", "nll": "NLL"}
BASELINES = {"majority": "majority of the training rows", "one_rule": "one threshold"}
REGRESSION = ("l1", "mse")
# Fewer rows than these in a bin say nothing of its accuracy.
FEWEST_IN_BIN = 10


def own_arms(records: Records) -> dict[str, str]:
    """The arm of each loss at the rate that the report has for it, by loss."""
    found = {}
    for loss in NAMES:
        if f"{loss}/printed" in records.arms():
            arm = f"{loss}/{config_value(records, f'{loss}/printed', 'rate')!r}"
            if arm in records.arms():
                found[loss] = arm
    return found


def all_rates(records: Records) -> list[str]:
    """The arms of one loss at one rate, each output against its own label."""
    found = []
    for arm in records.arms():
        config = records.of(arm)[0]["config"]
        if config["task"] == "train" and len(config["steps"]) == 1 and not config["broadcast"]:
            found.append(arm)
    return found


def zero_counts(rows: Mapping[str, Row]) -> str:
    """Which numbers of survivors outputs of 0 need to give what is printed, counted out."""
    claim = rows["001-P3-l1-loss"]
    stated = claim["evidence"]["thresholds"]
    rows_, batch = int(stated["rows"]), int(stated["batch"])
    found = counts_behind(str(stated["loss"]), str(stated["accuracy"]), rows_, batch)

    def told(value: int, what: str) -> str:
        return counted(value, what, claim["id"])

    ways = told(len(found), "ways to give both prints with outputs of 0")
    several = f"{ways} {'way' if len(found) == 1 else 'ways'}"
    text = (
        "Then the accuracy is the share of those who died, and a batch's loss its share of "
        f"survivors, squared or not. Among {told(rows_, 'validation rows')} rows in batches of "
        f"{told(batch, 'rows of a batch')} both prints come out in {several}"
    )
    if not found:
        return f"{text}."
    ones, last = found[0]
    return (
        f"{text}: {told(ones, 'survivors')} survivors, {told(last, 'survivors in the last batch')} "
        f"of them in the last batch of {told(rows_ % batch or batch, 'rows of the last batch')}. "
        "The split, which is lost, is known by that much."
    )


def against_print(records: Records, rows: Mapping[str, Row]) -> str:
    """Loss and accuracy of right and of printed evaluation over splits, beside the print."""
    own = {loss: arm for loss, arm in own_arms(records).items() if loss in REGRESSION}
    figure, axes = fig.canvas(2.9, 1, 2)
    told = []
    for ax, (kind, claim, scale) in zip(
        axes[0], (("loss", "loss", 1.0), ("accuracy", "acc", 100.0)), strict=True
    ):
        groups, printed = {}, {}
        for loss, arm in own.items():
            value = printed_value(rows[f"001-P3-{loss}-{claim}"]) / scale
            for suffix, how in (("", "right"), ("_as_printed", "as printed")):
                label = f"{NAMES[loss]}\n{how}"
                groups[label] = records.metric(arm, f"validation_{kind}{suffix}")
                printed[label] = value
                told.append(f"{NAMES[loss]} {kind} {how} {groups[label].mean():.3f}")
        fig.strip(ax, groups, printed)
        ax.set_ylabel(f"validation {kind}")
    fig.within_shares(axes[0, 1])
    fig.strip_legend(figure, one="one split")
    arms = list(own.values())
    return fig.saved(
        figure,
        "titanic-losses-print",
        f"Validation loss (left) and accuracy (right) of {seeds(records, arms[0])} splits of "
        f"{drawn(records.sample_size(arms[0], 'validation_loss'), records, arms, 'rows')} rows: of "
        "the networks' own outputs, and with the log-softmax of the printed evaluation put back.",
        "Dots over splits, with means. " + "; ".join(told),
    )


def by_rate(records: Records) -> str:
    """Every loss at both rates beside the baselines: accuracy and how good probabilities are."""
    lines = []
    for arm in [*all_rates(records), *(name for name in BASELINES if name in records.arms())]:
        lines.append(
            [
                BASELINES.get(arm) or f"{NAMES[arm.split('/')[0]]}, {_rate(records, arm)}",
                intervals(records.metric(arm, "validation_accuracy"), records, [arm],
                          "validation_accuracy", ".3f"),
                number(records, arm, "train_accuracy", ".3f"),
                *(number(records, arm, f"validation_{one}", ".3f")
                  for one in ("nll", "brier", "ece")),
                seeds(records, arm),
            ]
        )  # fmt: skip
    return small_table(
        ["Loss, rate", "Validation accuracy", "Training accuracy", "NLL, nats", "Brier", "ECE",
         "Splits"],
        lines,
        "Means over splits, with nineteen-in-twenty intervals where there are two. NLL, Brier "
        "score and expected calibration error are of the validation rows.",
    )  # fmt: skip


def _rate(records: Records, arm: str) -> str:
    rate = config_value(records, arm, "steps")[-1]["rate"]
    return drawn(rate, records, [arm], "learning rate")


def accuracies(records: Records) -> str:
    """Validation accuracy of each loss at the report's rate, and of the baselines."""
    own = own_arms(records)
    groups = {NAMES[loss]: records.metric(arm, "validation_accuracy") for loss, arm in own.items()}
    for name, title in BASELINES.items():
        groups[title.split(" of ")[0]] = records.metric(name, "validation_accuracy")
    figure, axes = fig.canvas(2.7)
    fig.strip(axes[0, 0], groups)
    axes[0, 0].set_ylabel("validation accuracy")
    fig.within_shares(axes[0, 0])
    arms = [*own.values(), *BASELINES]
    return fig.saved(
        figure,
        "titanic-losses-accuracy",
        "Validation accuracy by loss, at the report's rates, beside the baselines: a dot a split "
        f"({seeds(records, arms[0])} of "
        f"{drawn(records.sample_size(arms[0], 'validation_accuracy'), records, arms, 'rows')} "
        "rows), mean with its nineteen-in-twenty interval.",
        "Dots of accuracy. "
        + "; ".join(f"{name} {values.mean():.3f}" for name, values in groups.items()),
    )


def differences(records: Records) -> str:
    """Paired differences of accuracy of each two losses, and of each from the one rule; Holm."""
    own = own_arms(records)
    pairs = [*combinations(own.values(), 2), *((arm, "one_rule") for arm in own.values())]
    titles = {arm: NAMES[loss] for loss, arm in own.items()} | BASELINES
    runs = [shared_seeds(records, pair) for pair in pairs]
    if min(len(some) for some in runs) < 2:
        return "One split allows no paired comparison."
    found = [
        over_seeds(records, some, "validation_accuracy", *pair)
        for some, pair in zip(runs, pairs, strict=True)
    ]
    lines = []
    for pair, one, p in zip(pairs, found, holm([one.p for one in found]), strict=True):
        mean, low, high = (
            drawn(100 * value, records, pair, f"{what} of the paired difference, points", "+.2f")
            for what, value in (("mean", one.mean), ("low end", one.low), ("high end", one.high))
        )
        lines.append(
            [
                f"{titles[pair[0]]} less {titles[pair[1]]}",
                f"{mean} ({low} to {high})",
                drawn(float(p), records, pair, "p after Holm", ".2g"),
            ]
        )
    return small_table(
        ["Validation accuracy, points", "Mean and interval of nine in ten", "p after Holm"],
        lines,
        f"Losses at the report's rates, paired over {seeds(records, pairs[0][0])} splits; Holm's "
        f"correction over {drawn(len(pairs), records, own.values(), 'comparisons')} comparisons.",
    )


def pooled_reliability(records: Records, arm: str) -> Reliability:
    """Confidence against accuracy of the validation rows of all splits of an arm."""
    given = np.concatenate(
        [records.array(arm, trial["seed"], "given") for trial in records.of(arm)]
    ).astype(float)
    # The probability of the own label is all that confidence and correctness depend on.
    return reliability(np.stack([1 - given, given], axis=1), np.ones(len(given), int))


def calibration(records: Records) -> str:
    """Reliability diagrams of the four losses, over the rows of all splits."""
    own = own_arms(records)
    figure, axes = fig.canvas(2.5, 1, len(own), sharey=True)
    told = []
    for place, (ax, (loss, arm)) in enumerate(zip(axes[0], own.items(), strict=True)):
        found = pooled_reliability(records, arm)
        kept = found.many >= min(FEWEST_IN_BIN, found.many.max())
        ax.plot([0.5, 1], [0.5, 1], color=fig.GREY, linewidth=0.8, linestyle="--")
        ax.plot(
            found.confidence[kept], found.accuracy[kept], color=fig.CYCLE[place],
            marker=fig.MARKERS[place], markersize=4.5, linewidth=1.2,
        )  # fmt: skip
        ax.set(title=NAMES[loss], xlabel="confidence")
        told.append(f"{NAMES[loss]}: {_bins(found, kept)}")
    axes[0, 0].set_ylabel("accuracy")
    return fig.saved(
        figure,
        "titanic-losses-calibration",
        "Accuracy against the probability of the class that is predicted, the validation rows of "
        f"{seeds(records, next(iter(own.values())))} splits together, in bins of equal width; a "
        "row counts in each split that it is in. Dashed: what the probability promises.",
        "Accuracy by confidence. " + "; ".join(told),
    )


def _bins(found: Reliability, kept: Array) -> str:
    pairs = zip(found.confidence[kept], found.accuracy[kept], strict=True)
    return ", ".join(f"{accuracy:.2f} at {confidence:.2f}" for confidence, accuracy in pairs)


def broadcast(records: Records) -> str:
    """What is left of a passenger's own label when each output meets all labels of its batch."""
    lines = []
    own = own_arms(records)
    for loss in REGRESSION:
        pair = {"own labels": own.get(loss, ""), "all labels": f"{loss}/broadcast"}
        for how, arm in pair.items():
            if arm in records.arms():
                lines.append(
                    [
                        f"{NAMES[loss]}, {how}",
                        *(number(records, arm, metric, form) for metric, form in (
                            ("train_loss", ".3f"), ("train_accuracy", ".3f"),
                            ("validation_accuracy", ".3f"),
                            ("train_spread", ".4f"), ("train_separation", ".4f"))),
                    ]
                )  # fmt: skip
    lines.append(
        [
            BASELINES["majority"],
            "",
            number(records, "majority", "train_accuracy", ".3f"),
            number(records, "majority", "validation_accuracy", ".3f"),
            "", "",
        ]
    )  # fmt: skip
    return small_table(
        ["Loss, trained on", "Training loss, last epoch", "Training accuracy",
         "Validation accuracy", "SD of outputs", "Survivors' mean output less the others'"],
        lines,
        f"The report's rates; means over {seeds(records, 'majority')} splits. Standard deviation "
        "and means of the outputs are of the training rows.",
    )  # fmt: skip


def outputs(records: Records) -> str:
    """The outputs of the first split's validation rows by their label, both ways of training."""
    own = own_arms(records)
    figure, axes = fig.canvas(2.6, 1, 2, sharey=True)
    for ax, loss in zip(axes[0], REGRESSION, strict=True):
        arms = [arm for arm in (own.get(loss), f"{loss}/broadcast") if arm in records.arms()]
        for place, arm in enumerate(arms):
            _by_label(ax, records.array(str(arm), 0, "outputs"), 2 * place)
        ax.axhline(0.5, color=fig.GREY, linewidth=0.8, linestyle="--")
        ax.set_xticks(
            range(4), ["own labels:\ndied", "own labels:\nsurvived", "all labels:\ndied",
                       "all labels:\nsurvived"],
        )  # fmt: skip
        ax.tick_params(axis="x", labelsize=7)
        ax.set_title(NAMES[loss])
    axes[0, 0].set_ylabel("output")
    arm = own[REGRESSION[0]]
    rows = records.array(arm, 0, "outputs").shape[1]
    return fig.saved(
        figure,
        "titanic-losses-outputs",
        f"Outputs for the {drawn(rows, records, [arm], 'rows')} validation rows of one split, by "
        "what became of the passenger; dashed: where the predicted class changes. Under *all "
        "labels* each output met all labels of its batch.",
        "Dots of outputs: wide and apart by label where trained on own labels, on one line for all "
        "passengers where trained on all labels.",
    )


def _by_label(axes: Axes, outputs_and_labels: Array, place: int) -> None:
    values, labels = outputs_and_labels
    for label in (0, 1):
        some = values[labels == label]
        axes.scatter(
            place + label + fig.spread(len(some), 0.6), some, s=9, linewidth=0, alpha=0.75,
            color=fig.CYCLE[label], marker=fig.MARKERS[label],
        )  # fmt: skip


def continued(records: Records) -> str:
    """What it does to the second loss that it goes on from the weights of the first."""
    own = own_arms(records)
    lines = []
    for arm in [one for one in records.arms() if one.endswith("/continued")]:
        new = arm.removesuffix("/continued")
        new = own.get(new, new)
        if new not in records.arms():
            continue
        some = shared_seeds(records, (arm, new))
        cells = [f"*{arm}* less *{new}*"]
        for metric, scale, form in (("validation_loss", 1, "+.4f"),
                                    ("validation_accuracy", 100, "+.2f")):  # fmt: skip
            values = of_seeds(records, arm, metric, some) - of_seeds(records, new, metric, some)
            what = f"difference of {metric}"
            cells.append(intervals(scale * values, records, [arm, new], what, form))
        lines.append([*cells, drawn(len(some), records, [arm, new], "splits")])
    if not lines:
        return "This profile trains no network in the report's order."
    return small_table(
        ["Compared", "Validation loss", "Validation accuracy, points", "Splits"],
        lines,
        "What the weights that L1 left change, paired over splits, with nineteen-in-twenty "
        "intervals where there are two.",
    )


def raised(records: Records) -> str:
    """What each loss raises in the printed loop, on its own targets and on whole ones."""
    lines = []
    for loss, name in NAMES.items():
        arm = f"{loss}/printed"
        if arm not in records.arms():
            continue
        detail = records.of(arm)[0]["detail"]
        cells = [name]
        for kind in ("float", "whole"):
            found = detail[kind]
            text = f"{found['kind']}: {found['message']}" if found["kind"] else "runs"
            if not found["kind"] and found["warning"]:
                text += ", with a warning"
            cells.append(drawn(text, records, [arm], f"raised on {kind} targets"))
        lines.append(cells)
    table = small_table(
        ["Loss", "On float targets, as in the code", "On whole targets"],
        lines,
        "What the first epoch of the printed loop does under each loss.",
    )
    # Words, not numbers: all columns flush left.
    return table.replace("--:", ":--")


def warning(records: Records, arms: Sequence[str]) -> str:
    """The first sentence of torch's warning in the printed loop; empty where it gave none."""
    for arm in arms:
        text = str(records.of(arm)[0]["detail"]["float"]["warning"])
        if text:
            first = text.split(". ")[0]
            return drawn(first, records, [arm], "warning")
    return ""
