# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["kernels"]
total = 0

# %%
from collections import Counter
from pathlib import Path

import numpy as np

from retrial.report import figures as fig
from retrial.report.numbers import (
    claimed,
    config_value,
    drawn,
    number,
    seeds,
    setting,
    shown,
)
from retrial.report.show import arms_of, opened, printed_value, say, summary
from retrial.report.tables import badge, family_table, small_table, sources
from retrial.statistics import mcnemar_exact, smallest_mcnemar_p

records, rows, by_id = opened(results, "kernels")
arms = records.arms()
tasks = {a: records.of(a)[0]["config"]["task"] for a in arms if not a.startswith("subset/")}
grids = [a for a, task in tasks.items() if task == "grid"]
solvers = [a for a, task in tasks.items() if task == "logistic"]
subsets = [a for a in arms if a.startswith("subset/")]
full = [a for a in arms if a.startswith("full/")]
kernels = list(dict.fromkeys(a.split("/")[0] for a in grids))
tops = sorted({config_value(records, a, "pixel_top") for a in grids}, reverse=True)
names = {"linear": "linear", "rbf": "RBF", "poly": "polynomial"}
claim_of = {"linear": "000-6.2-lin", "rbf": "000-6.3-rbf", "poly": "000-6.4-poly"}
# The two that the verdict on the report's conclusion compares.
svm, logistic = arms_of(by_id["000-6.6-concl"])[:2]
images = np.load(Path(raw) / "mnist" / "test_images.npy", mmap_mode="r", allow_pickle=False)

# %% [markdown]
# # Kernels {#family-kernels}
#
# ## What was claimed {#kernels-claimed}

# %%
say(
    f"Report {rows[0]['report']}, section six, trains support vector machines with three kernels "
    f"on {claimed(rows, '000-6.1-sizes')} digits of MNIST; a grid search gives each a score and a "
    "*C*, the price of an example on the wrong side of its margin. The best "
    f"machine, RBF, is right on {claimed(rows, '000-6.5-test')} of its test images and logistic "
    f"regression on {claimed(rows, '000-6.6-lr')} of the same, which the report calls expected "
    "and lays to a non-linear boundary of maximum margin."
)

# %% [markdown]
# ## What was run {#kernels-run}

# %%
say(
    f"The split is the first {number(records, 'split', 'train_size', '.0f')} "
    f"images of MNIST's training file and the first {number(records, 'split', 'test_size', '.0f')} "
    "of its test file. C runs over "
    f"{setting(records, svm, 'C')}, with {setting(records, svm, 'folds')} stratified folds and a "
    f"polynomial of degree {setting(records, svm, 'degree')}; each machine is also tested on "
    f"{drawn(records.sample_size(svm, 'test_accuracy'), records, [svm], 'test images')} images "
    "that it has not seen. The Gram matrix is computed once for each kernel and shared by all C "
    "and folds. Everything is done with pixels up to "
    + " and up to ".join(setting(records, f"{kernels[0]}/{top}", "pixel_top") for top in tops)
    + ". Nothing here is random: how far it hangs on these very images is what random subsets show"
    + (f" ({seeds(records, subsets[0])} draws, the same for every model)." if subsets else ".")
)

# %% [markdown]
# ## Printed against measured {#kernels-table}

# %%
say(
    summary(rows, "this family"),
    family_table(rows, f"Kernels: {len(rows)} of {total} claims, profile {profile}."),
)

# %% [markdown]
# ## The grid search {#kernels-grid}

# %%
figure, axes = fig.canvas(3.1, 1, len(tops), sharey=True)
for ax, top in zip(axes[0], tops, strict=True):
    for place, kernel in enumerate(kernels):
        arm = f"{kernel}/{top}"
        cost, scores = records.array(arm, 0, "C"), records.array(arm, 0, "scores")
        fig.band(ax, cost, scores.T, names[kernel], place, marks=True)
        score = printed_value(by_id[f"{claim_of[kernel]}-score"])
        chosen = printed_value(by_id[f"{claim_of[kernel]}-C"])
        ax.plot(
            chosen, score, "D", markerfacecolor="white", markeredgewidth=1.6, zorder=6,
            markeredgecolor=fig.CYCLE[place], markersize=7,
        )  # fmt: skip
    ax.set(xscale="log", xlabel="C", title=f"pixels in 0…{top}")
axes[0, 0].set_ylabel("cross-validated accuracy")
figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
say(
    "The scale of the pixels changes what a value of C means for the linear kernel, which grows "
    "with its square; *gamma = scale* makes the other two kernels blind to it. The C that the "
    f"report prints for the linear kernel is {claimed(rows, '000-6.2-lin-C')}; the search chooses "
    + ", and ".join(
        f"{number(records, f'linear/{top}', 'best_C', 'g')} with pixels up to "
        f"{setting(records, f'linear/{top}', 'pixel_top')}"
        for top in tops
    )
    + ".",
    fig.saved(
        figure,
        "kernels-grid",
        f"Grid score by C: mean and range over {setting(records, svm, 'folds')} folds of "
        f"{number(records, 'split', 'train_size', '.0f')} images, by kernel and pixel scale. "
        "Open diamonds: what the report printed for the kernel of the same colour.",
        "Lines of cross-validated accuracy against C, one for each kernel, in two panels by pixel "
        "scale, with the printed pairs of C and score.",
    ),
)

# %%
lines = []
for arm in grids:
    kernel = arm.split("/")[0]
    tied = records.array(arm, 0, "tied").astype(bool)
    cost = records.array(arm, 0, "C")
    ties = [float(c) for c in cost[tied]]
    others = [key for key in sorted(records.of(arm)[0]["metrics"]) if key.startswith("best_C_")]
    lines.append(
        [
            f"{names[kernel]}, 0…{arm.split('/')[1]}",
            drawn(ties, records, [arm], "best C, ties included"),
            number(records, arm, "best_score", ".4f"),
            "; ".join(
                f"{key.removeprefix('best_C_folds')} folds: {number(records, arm, key, 'g')}"
                for key in others
            ) or "–",
            number(records, arm, "test100_accuracy", ".2f"),
            number(records, arm, "test_accuracy", ".4f"),
        ]
    )  # fmt: skip
few, many = (records.sample_size(svm, f"{part}_accuracy") for part in ("test100", "test"))
say(
    small_table(
        ["Kernel, pixels", "Best C", "Best score", "Best C with other folds",
         f"Accuracy on {shown(few)}", f"on {shown(many)}"],
        lines,
        "What the grid search chooses, and how the chosen machine does on unseen images.",
    )
)  # fmt: skip

# %%
if subsets:
    lines = []
    for arm in subsets:
        if "best_C" not in records.of(arm)[0]["metrics"]:
            continue
        tally = Counter(records.metric(arm, "best_C").tolist())
        lines.append(
            [arm.removeprefix("subset/"), *(
                drawn(", ".join(f"{c:g} (×{n})" for c, n in tally.most_common()), records, [arm],
                      "best C, and how often it was chosen"),
                number(records, arm, "best_score", ".4f"),
                number(records, arm, "best_score", ".4f", "sd"),
            )]
        )  # fmt: skip
    say(
        small_table(
            ["Kernel/pixels", "Best C (subsets)", "Mean best score", "SD"],
            lines,
            f"The same search on {seeds(records, subsets[0])} random subsets.",
        )
    )

# %% [markdown]
# ## Over random subsets {#kernels-subsets}

# %%
if subsets:
    marks = {
        arm: printed_value(by_id[claim])
        for claim in ("000-6.5-test", "000-6.6-lr")
        for arm in arms_of(by_id[claim])
    }
    figure, axes = fig.canvas(3.0, 1, 2, sharey=True)
    for ax, metric, size in zip(axes[0], ("test100_accuracy", "test_accuracy"), (few, many),
                                strict=True):  # fmt: skip
        groups = {a.removeprefix("subset/"): records.metric(a, metric) for a in subsets}
        fig.strip(ax, groups, marks if size == few else None)
        ax.set_title(f"on {shown(size)} test images")
        ax.tick_params(axis="x", rotation=20)
    axes[0, 0].set_ylabel("test accuracy")
    fig.strip_legend(figure, one="one subset")
    say(
        fig.saved(
            figure,
            "kernels-subsets",
            f"Test accuracy of {seeds(records, subsets[0])} random training subsets, on as many "
            "random test images as the report used (left) and on all (right). The spread on the "
            "left is that of the test images.",
            "Dots of test accuracy by model: wide on the small test set, narrow on the large one.",
        )
    )
else:
    say("This profile draws no random subsets.")

# %% [markdown]
# ## Machine against logistic regression {#kernels-pair}

# %%
test_labels = records.array("split", 0, "test_labels")
pairs = {}
for key in ("correct100", "correct"):
    a, b = (records.array(arm, 0, key).astype(bool) for arm in (svm, logistic))
    pairs[key] = np.array([[np.sum(a & b), np.sum(a & ~b)], [np.sum(~a & b), np.sum(~a & ~b)]])
figure, axes = fig.canvas(2.5, 1, 2)
for ax, table, size in zip(axes[0], pairs.values(), (few, many), strict=True):
    fig.table_map(ax, table, ("SVM right", "SVM wrong"), ("LR right", "LR wrong"))
    ax.set_title(f"{shown(size)} test images")
both = [svm, logistic]
p_values = {key: mcnemar_exact(int(t[0, 1]), int(t[1, 0])) for key, t in pairs.items()}
right = [round(few * printed_value(by_id[i])) for i in ("000-6.5-test", "000-6.6-lr")]
least = smallest_mcnemar_p(*right, few)
say(
    f"The verdict compares {drawn(svm, records, [svm], 'arm')} with "
    f"{drawn(logistic, records, [logistic], 'arm')} ({setting(records, logistic, 'solver')}, to a "
    f"tolerance of {setting(records, logistic, 'tolerance')}). On the report's {shown(few)} images "
    "exact McNemar gives p = "
    f"{drawn(p_values['correct100'], records, both, 'exact McNemar p', '.3g')}; on all "
    f"{shown(many)}, p = {drawn(p_values['correct'], records, both, 'exact McNemar p', '.2g')}. "
    f"Whatever the pattern of disagreements, the two printed accuracies on {shown(few)} images "
    "allow no p below "
    f"{drawn(least, records, both, 'smallest McNemar p of the printed counts', '.3g')}.",
    fig.saved(
        figure,
        "kernels-disagreements",
        f"Images that the RBF machine (SVM, {drawn(svm, records, [svm], 'arm')}) and logistic "
        f"regression (LR, {drawn(logistic, records, [logistic], 'arm')}) get right and wrong.",
        "Two tables of counts: "
        + "; ".join(
            f"both right {t[0, 0]}, only SVM {t[0, 1]}, only LR {t[1, 0]}, neither {t[1, 1]}"
            for t in pairs.values()
        ),
    ),
)

# %%
a, b = (records.array(arm, 0, "predictions") for arm in both)
hits = a == test_labels, b == test_labels
cases = {
    "only SVM\nis right": np.flatnonzero(hits[0] & ~hits[1])[:8],
    "only LR\nis right": np.flatnonzero(~hits[0] & hits[1])[:8],
}
figure, axes = fig.canvas(2.5, 2, 8)
for line, (what, places) in zip(axes, cases.items(), strict=True):
    for ax in line[len(places) :]:
        ax.set_axis_off()
    for ax, i in zip(line, places, strict=False):
        fig.image(ax, images[i], f"is {test_labels[i]}\nSVM {a[i]}, LR {b[i]}")
    line[0].set_ylabel(what)
say(
    fig.saved(
        figure,
        "kernels-images",
        "The first test images that one model gets right and the other wrong: its label, and what "
        "each model says. There are images of both kinds: one example shows nothing.",
        "Two rows of digits: "
        + "; ".join(f"{what}: {len(v)} shown" for what, v in cases.items()).replace("\n", " "),
    )
)

# %% [markdown]
# ## Logistic regression, and more data {#kernels-more}

# %%
lines = [
    [
        arm,
        setting(records, arm, "solver"),
        setting(records, arm, "tolerance"),
        "yes" if records.metric(arm, "converged").all() else "no",
        number(records, arm, "test100_accuracy", ".2f"),
        number(records, arm, "test_accuracy", ".4f"),
    ]
    for arm in solvers
]
say(
    small_table(
        ["Solver/pixels", "Method", "Tolerance", "Converged", f"Accuracy on {shown(few)}",
         f"on {shown(many)}"],
        lines,
        "Logistic regression by how it was fitted: where a solver stops decides as well.",
    )
)  # fmt: skip
if full:
    say(
        *(
            "Trained on all of MNIST's training images, the machine "
            f"{arm.removeprefix('full/')} has a test accuracy of "
            f"{number(records, arm, 'test_accuracy', '.4f')} on {shown(many)} images, with "
            f"{number(records, arm, 'support_vectors', ',.0f')} support vectors."
            for arm in full
        )
    )
else:
    say("This profile does not train on all of MNIST's training images.")

# %% [markdown]
# ## What follows {#kernels-follows}

# %%
gap = [number(records, arm, "test_accuracy", ".4f") for arm in both]
say(
    "The report's conclusion, that the RBF machine is better than logistic regression on unseen "
    f"digits: {badge(by_id['000-6.6-concl'])}. The accuracy that it prints for logistic "
    f"regression: {badge(by_id['000-6.6-lr'])}.",
    f"On {shown(many)} unseen images the RBF machine reaches {gap[0]} and logistic regression "
    f"{gap[1]}. The two printed accuracies, on {shown(few)} images, cannot tell the models apart "
    "by themselves, and one picture that one of them gets wrong says nothing.",
)

# %% [markdown]
# ## Limits {#kernels-limits}
#
# The report states neither the grid nor the folds nor the scale of the pixels. Several choices
# are shown beside one another; the verdicts use one, named in their assumptions.

# %%
say(sources(records, "Sources of the numbers of this family"))
