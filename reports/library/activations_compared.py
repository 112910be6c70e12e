# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["library_mlp"]
total = 0

# %%
from pathlib import Path

import numpy as np

from retrial.core.records import Records
from retrial.report import figures as fig
from retrial.report.numbers import (
    claimed,
    counted,
    drawn,
    number,
    seeds,
    setting,
)
from retrial.report.show import opened, printed_value, say
from retrial.report.tables import badge, small_table, sources
from retrial.statistics import holm, judge_order, smallest_mcnemar_p

records, rows, by_id = opened(results, "library_mlp")
search = Records.load(Path(results) / "library_search")
arms = records.arms()
titles = {"logistic": "logistic", "tanh": "tanh", "relu": "ReLU", "identity": "identity"}
plain = [arm for arm in titles if arm in arms]
leaks = [arm for arm in plain if f"leak/{arm}" in arms]
schedules = [arm for arm in ("longer/logistic", "faster/logistic") if arm in arms]
first = plain[0]
n = records.sample_size(first, "validation_accuracy")


def printed_of(arm, kind):
    return printed_value(by_id[f"002-C2-{arm}-{kind}"])


def mean(arm, metric):
    return float(np.nanmean(records.metric(arm, metric)))


# %% [markdown]
# ## How many images separate the best from the second {#library-mlp-images}

# %%
accuracy = {arm: records.metric(arm, "validation_accuracy") for arm in plain}
by_print = sorted(plain, key=lambda arm: printed_of(arm, "vaacc"), reverse=True)
top, second = by_print[:2]
right = [round(n * printed_of(arm, "vaacc")) for arm in (top, second)]
least = smallest_mcnemar_p(*right, n)
wins = {arm: 0 for arm in plain}
for values in zip(*accuracy.values(), strict=True):
    for arm, value in zip(plain, values, strict=True):
        wins[arm] += value == max(values)
rivals = [arm for arm in plain if arm != top]
correct = {
    arm: np.stack(
        [records.array(arm, t["seed"], "validation_correct").astype(float) for t in records.of(arm)]
    )
    for arm in plain
}
several = len(records.of(first)) > 1
evidence = (
    {
        arm: judge_order(accuracy[top] - accuracy[arm], (correct[top] - correct[arm]).mean(axis=0))
        for arm in rivals
    }
    if several
    else {}
)
p_values = holm([e.p for e in evidence.values()]) if several else ()
adjusted = dict(zip(evidence, p_values, strict=True))


def in_images(value, over, what, form="+.1f"):
    return drawn(n * value, records, over, what, form)


lines = [
    [
        f"{titles[top]} less {titles[arm]}",
        counted(
            f"{right[0] - round(n * printed_of(arm, 'vaacc')):+d}",
            "difference of the printed accuracies, in images",
            f"002-C2-{arm}-vaacc",
        ),
        in_images(np.mean(accuracy[top] - accuracy[arm]), [top, arm], "mean difference, in images"),
        f"{in_images(evidence[arm].low, [top, arm], 'lower end of the interval')} to "
        f"{in_images(evidence[arm].high, [top, arm], 'upper end of the interval')}"
        if several
        else "–",
        drawn(adjusted[arm], records, [top, arm], "p after Holm", ".3g") if several else "–",
    ]
    for arm in rivals
]
figure, axes = fig.canvas(2.7)
ax = axes[0, 0]
differences = {
    f"{titles[top]} − {titles[arm]}": n * (accuracy[top] - accuracy[arm])
    for arm in rivals
    if abs(np.mean(accuracy[top] - accuracy[arm])) < 0.1
}
marks = {
    f"{titles[top]} − {titles[arm]}": n * (printed_of(top, "vaacc") - printed_of(arm, "vaacc"))
    for arm in rivals
}
if differences:
    fig.strip(ax, differences, marks)
    ax.axhline(0, color=fig.BLACK, linewidth=0.8)
    ax.set_ylabel("difference, images")
    fig.strip_legend(figure)
say(
    f"The two highest printed validation accuracies, {claimed(rows, f'002-C2-{top}-vaacc')} "
    f"({titles[top]}) and {claimed(rows, f'002-C2-{second}-vaacc')} ({titles[second]}), are "
    f"{counted(right[0] - right[1], 'difference of the printed counts', f'002-C2-{top}-vaacc')} of "
    f"{drawn(n, records, plain, 'validation images')} images apart. Whatever the pattern of "
    "disagreements, exact McNemar gives no p below "
    f"{counted(f'{least:.2g}', 'smallest McNemar p of the counts', f'002-C2-{top}-vaacc')} for "
    "these counts. Over our seeds the highest validation accuracy belongs to "
    + ", ".join(
        f"{titles[arm]} in {drawn(wins[arm], records, plain, f'seeds in which {arm} is best')}"
        for arm in plain
        if wins[arm]
    )
    + f" of {seeds(records, first)} seeds (ties count for each).",
    small_table(
        ["Pair", "Printed, images", "Mean, images", "Interval, images", "p after Holm"],
        lines,
        "Differences of validation accuracy in images: printed, and measured with a nine-tenths "
        "interval over seeds and images.",
    ),
    fig.saved(
        figure,
        "library-images",
        "Paired differences of validation accuracy, in images of "
        f"{drawn(n, records, plain, 'validation images')}: one dot a seed, whose networks share "
        "their orders of images. Above zero: more images right with "
        f"{titles[top]}. Pairs that are more than a tenth of the images apart are left to the "
        "table.",
        "Dots of differences in images. "
        + "; ".join(f"{name}: mean {np.mean(v):.1f}" for name, v in differences.items()),
    )
    if differences
    else "",
)

# %% [markdown]
# ## If the images of the validation had been trained on {#library-mlp-leak}

# %%
if leaks:
    figure, axes = fig.canvas(2.8, 1, 2, sharey=True)
    for ax, prefix, title in zip(
        axes[0], ("", "leak/"), ("rows of the test file", "rows of the training file"), strict=True
    ):
        fig.strip(
            ax,
            {titles[arm]: records.metric(f"{prefix}{arm}", "gap") for arm in leaks},
            {titles[arm]: printed_of(arm, "tracc") - printed_of(arm, "vaacc") for arm in leaks},
        )
        ax.axhline(0, color=fig.BLACK, linewidth=0.8)
        ax.set_title(title)
        ax.tick_params(axis="x", labelsize=8)
    axes[0, 0].set_ylabel("train less validation accuracy")
    fig.strip_legend(figure)
    nearer = []
    for arm in leaks:
        gap = printed_of(arm, "tracc") - printed_of(arm, "vaacc")
        off = [abs(mean(f"{prefix}{arm}", "gap") - gap) for prefix in ("", "leak/")]
        nearer.append(off[0] <= off[1])
    say(
        "The report takes its validation and test images from *the first* data points, as it does "
        "its training images. If both meant the same file, it would have validated on images that "
        "it trained on, and the gap between the two accuracies would vanish. The printed gap lies "
        "nearer to that of images that were not trained on for "
        f"{drawn(sum(nearer), records, leaks, 'activations whose gap speaks against a leak', 'd')} "
        f"of {drawn(len(leaks), records, leaks, 'activations', 'd')} activations.",
        fig.saved(
            figure,
            "library-leak",
            "Gap of training and validation accuracy of the same networks, with validation images "
            f"from the test file (left, {seeds(records, first)} seeds) and from among the training "
            f"images (right, {seeds(records, f'leak/{first}')} seeds).",
            "Dots of the gap. "
            + "; ".join(
                f"{titles[arm]}: {mean(arm, 'gap'):.4f} without a leak, "
                f"{mean(f'leak/{arm}', 'gap'):.4f} with one, printed "
                f"{printed_of(arm, 'tracc') - printed_of(arm, 'vaacc'):.4f}"
                for arm in leaks
            ),
        ),
    )
else:
    say("This profile leaves out the arms *leak*, which validate on training images.")

# %% [markdown]
# ## Does logistic not converge? {#library-mlp-logistic}

# %%
if schedules and "logistic" in plain:
    cases = {"logistic": "as the report", "longer/logistic": "longer", "faster/logistic": "faster"}
    cases = {arm: title for arm, title in cases.items() if arm in arms}
    figure, axes = fig.canvas(2.9, 1, 2)
    for place, (arm, title) in enumerate(cases.items()):
        for ax, metric in zip(axes[0], ("train_loss", "validation_accuracy"), strict=True):
            values = records.curve(arm, metric)
            epochs = np.arange(values.shape[1]) + 1
            fig.band(ax, epochs, values, title, 2 * place, marks=len(epochs) == 1)
    for ax, kind, text in zip(
        axes[0], ("trloss", "vaacc"), ("training loss, nats", "validation accuracy"), strict=True
    ):
        fig.printed_line(ax, printed_of("logistic", kind), "printed", below=kind == "vaacc")
        ax.set(xscale="log", xlabel="epoch", ylabel=text)
        fig.plain_logs(ax.xaxis)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(cases)
    )
    say(
        "A loss that has not come down when the training ends need not be one that never does. "
        "The same network, trained "
        + "; ".join(
            {
                "longer/logistic": "for up to "
                f"{setting(records, 'longer/logistic', 'epochs')} epochs, ends with a validation "
                f"accuracy of {number(records, 'longer/logistic', 'validation_accuracy', '.4f')}",
                "faster/logistic": "at a learning rate of "
                f"{setting(records, 'faster/logistic', 'learning_rate')}, with "
                f"{number(records, 'faster/logistic', 'validation_accuracy', '.4f')}",
            }[arm]
            for arm in schedules
        )
        + f"; as the report trains it, with "
        f"{number(records, 'logistic', 'validation_accuracy', '.4f')}.",
        fig.saved(
            figure,
            "library-logistic",
            "The logistic network by epoch (logarithmic): mean over "
            f"{seeds(records, schedules[0])} seeds ({seeds(records, 'logistic')} as the report) "
            "with the range between them. Dashed: the printed final values.",
            "Curves of training loss and validation accuracy of three schedules: "
            + "; ".join(
                f"{title} ends at {mean(arm, 'train_loss'):.3f} and "
                f"{mean(arm, 'validation_accuracy'):.3f}"
                for arm, title in cases.items()
            ),
        ),
    )
else:
    say("This profile leaves out the longer and the faster training of the logistic network.")

# %% [markdown]
# ## What follows {#library-mlp-follows}

# %%
asked = [by_id[f"002-C2-{name}"] for name in ("best", "identity", "logistic")]
verdicts = "\n".join(f"- {row['statement']}: {badge(row)}" for row in asked)
losses = sorted(plain, key=lambda arm: mean(arm, "validation_loss"))
say(
    "Of the report's conclusions:",
    verdicts,
    "By the mean of the final validation loss the order is "
    + ", ".join(
        f"{titles[arm]} ({number(records, arm, 'validation_loss', '.4f')})" for arm in losses
    )
    + ". The printed training loss of identity, "
    f"{claimed(rows, '002-C2-identity-trloss')}, lies between those of ReLU, "
    f"{claimed(rows, '002-C2-relu-trloss')}, and tanh, {claimed(rows, '002-C2-tanh-trloss')}: on "
    "the training images the report's own table does not have identity above both. On the "
    f"validation images it does ({claimed(rows, '002-C2-identity-valoss')} against "
    f"{claimed(rows, '002-C2-relu-valoss')} and {claimed(rows, '002-C2-tanh-valoss')}).",
)

# %% [markdown]
# ## Limits {#library-mlp-limits}
#
# Widths, solver, learning rate, batch and epochs are fitted to the validation losses of the very
# table that is judged; a verdict that leans on them says so. One choice serves all four
# activations, and one that favours one of them is not a fair comparison between them: each has a
# learning rate of its own at which it does best. The validation images also chose the network, so
# the test images are the fairer judge.

# %%
say(sources(records, "Sources of the numbers of this family"))
if search.arms():
    say(sources(search, "Sources of the numbers of the search"))
