# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["activations"]
total = 0

# %%
import re

import numpy as np

from retrial.judging.statements.activations import POINTS
from retrial.report import figures as fig
from retrial.report.numbers import config_value, counted, drawn, number, seeds, setting
from retrial.report.show import ledger, opened, say, summary
from retrial.report.tables import badge, family_table, small_table, sources

records, rows, by_id = opened(results, "activations")
arms = records.arms()
names = {"relu": "ReLU", "leakyrelu": "leaky ReLU", "gelu": "GELU", "tanh": "tanh",
         "sigmoid": "sigmoid"}  # fmt: skip
# An arm is an activation and a factor of the learning rate.
usual = {arm.split("/")[0]: arm for arm in arms if float(arm.split("/")[1]) == 1}
faster = {arm.split("/")[0]: arm for arm in arms if float(arm.split("/")[1]) > 1}
first = next(iter(usual.values()))
everyone = list(usual.values())


def lost(arm):
    return np.array([trial["status"] == "diverged" for trial in records.of(arm)])


def mean(arm, metric):
    return float(np.nanmean(records.metric(arm, metric)))


# %% [markdown]
# # What activations do {#family-activations}
#
# ## What was claimed {#activations-claimed}

# %%
say(
    f"Report {rows[0]['report']} lists benefits and drawbacks of ReLU and of the sigmoid, without "
    "an experiment. ReLU gives sparse values, does not let gradients vanish, is cheap, and learns "
    "better representations; but its units can die, and it has no bound. The sigmoid has a range "
    "fit for probabilities, is smooth and has a past; but its gradients vanish, its values are not "
    "centred on zero, it is expensive, and it saturates. Each list stands as one claim here, "
    "*reproduced* only if every point shows that can be measured."
)

# %% [markdown]
# ## What was run {#activations-run}

# %%
sizes = [records.sample_size(first, metric) for metric in ("train_accuracy", "test_accuracy")]
images, tested = (drawn(n, records, [first], "images") for n in sizes)
say(
    f"Networks of {setting(records, first, 'depth')} hidden layers of "
    f"{setting(records, first, 'width')} units with each of "
    f"{drawn(len(usual), records, everyone, 'activations')} activations, on MNIST: "
    f"{setting(records, first, 'epochs')} epochs of *{setting(records, first, 'optimiser')}* at a "
    f"learning rate of {setting(records, first, 'learning_rate')}, batches of "
    f"{setting(records, first, 'batch')}, weights from *{setting(records, first, 'initialiser')}*, "
    f"{images} training images, {tested} for the test; {seeds(records, first)} seeds, whose draws "
    "and orders of batches all activations share.",
    "Before and after the training, each hidden unit is shown every training image. It is *dead* "
    "if its slope is zero on all of them; a value is *sparse* if it is exactly zero, and "
    "*saturated* if the slope there is below a twentieth of the activation's largest slope. For "
    "ReLU these two are the same. The gradients are those of one batch.",
    "The same is done at "
    f"{drawn(float(next(iter(faster.values())).split('/')[1]), records, faster.values(), 'factor')}"
    " times the learning rate: large steps may well cost units."
    if faster
    else "This profile leaves out the higher learning rate, at which units are more likely to die.",
    "This profile cuts trainings short: it decides neither list, and what follows is of networks "
    "that have learned for a short while."
    if any(not trial["whole"] for trial in records.trials)
    else "",
)

# %% [markdown]
# ## Printed against measured {#activations-table}

# %%
say(
    summary(rows, "this family"),
    family_table(rows, f"Activations: {len(rows)} of {total} claims, profile {profile}."),
)

# %% [markdown]
# ## Point by point {#activations-points}

# %%
WORDS = {"reproduced": "shows", "contradicted": "does not show", "inconclusive": "open",
         "": "not tested"}  # fmt: skip
# Headings of the report, whether they are benefits, and the test of a point where it has one.
listed = {
    "003-4-relu": (
        ("Sparse activation", "benefit", "sparse"),
        ("Avoids vanishing gradient", "benefit", "passes_gradients"),
        ("Computationally efficient", "benefit", "cheap"),
        ("Better representation learning", "benefit", None),
        ("Dying ReLU problem", "drawback", "dies"),
        ("Unbounded activation", "drawback", "unbounded"),
        ("Not suitable for all architectures", "drawback", None),
    ),
    "003-4-sig": (
        ("Output range", "benefit", "unit_range"),
        ("Smooth activation", "benefit", None),
        ("Historical prevalence", "benefit", None),
        ("Vanishing gradient", "drawback", "vanishes"),
        ("Not zero-centered", "drawback", "not_centred"),
        ("Computationally expensive", "drawback", "expensive"),
        ("Sigmoid saturation", "drawback", "saturates"),
    ),
}
missing, lines = [], []
for claim in ledger(results, "activations"):
    # A point is judged on the arms that there are, whole or cut short.
    others = tuple(arm for arm in claim.evidence.others if arm in arms)
    evidence = claim.evidence.model_copy(update={"others": others})
    here = claim.model_copy(update={"evidence": evidence})
    of = names[claim.evidence.arm.split("/")[0]]
    for title, kind, point in listed[claim.id]:
        parts = POINTS[point](here, records) if point else [("", "–")]
        for verdict, text in parts:
            word = counted(WORDS[verdict], f"{title}, here", claim.id)
            lines.append([f"{of}: {title}", kind, word, re.sub(r"-(?=\d)", "−", text)])
            if verdict in ("contradicted", "inconclusive"):
                missing.append(f"{title.lower().replace('relu', 'ReLU')} ({of}: {word})")
table = small_table(
    ["Point", "Listed as", "Here", "What was measured"],
    lines,
    f"Each point of the two lists in these networks, {seeds(records, first)} seeds: means with "
    "intervals of nine in ten. A point *shows* if the whole interval is beyond the threshold, "
    "which was fixed before the run."
    + ("" if faster else " No network at a higher learning rate was asked."),
)
say(
    # Words, not numbers: all columns flush left.
    table.replace("--:", ":--"),
    " ".join(
        f"Not tested of {names[row['evidence']['arm'].split('/')[0]]}: "
        f"{row['evidence']['thresholds']['untested']}."
        for row in rows
    ),
    "What the report adds to a point (that training is faster or more stable, that sparsity "
    "regularises, that a range fits a task) is not tested either.",
)

# %% [markdown]
# ## Hidden units and gradients {#activations-units}

# %%
say(
    small_table(
        ["Activation", "Dead before", "after", "Sparse", "Saturated", "Mean", "Lowest", "Highest",
         "Seeds"],
        [
            [names[name], number(records, arm, "untrained_dead", ".3f"),
             number(records, arm, "trained_dead", ".3f"),
             number(records, arm, "trained_sparse", ".3f"),
             number(records, arm, "trained_saturated", ".3f"),
             number(records, arm, "trained_mean", ".2f"),
             number(records, arm, "trained_lowest", ".2f", "min"),
             number(records, arm, "trained_highest", ".2f", "max"), seeds(records, arm)]
            for name, arm in usual.items()
        ],
        "Hidden units before and after training: share that is dead, and, after it, shares of "
        "values that are zero and saturated, and their mean, over all layers; means over seeds, "
        "but the lowest and the highest value of any.",
    ),
    small_table(
        ["Activation", "Gradients before", "after", "Operations", "of these exponentials",
         "Test accuracy", "One class only"],
        [
            [names[name], number(records, arm, "untrained_weights_decay", ".3f"),
             number(records, arm, "trained_weights_decay", ".3f"),
             number(records, arm, "passes", ".0f"), number(records, arm, "transcendental", ".0f"),
             number(records, arm, "test_accuracy", ".4f"),
             drawn(int((records.metric(arm, "predicted_classes") == 1).sum()), records, [arm],
                   "networks that give one class only")]
            for name, arm in usual.items()
        ],
        "Decades by which the largest gradient of a layer's weights changes per layer towards the "
        "input, before and after training (negative: it gets smaller); elementwise operations per "
        "value of one call forward and back, and how many of them are exponentials or their like; "
        "test accuracy, and networks that give every test image one class.",
    ),
)  # fmt: skip

# %%
looks = {"untrained": "before training", "trained": "after training"}
kinds = ("dead units", "values of zero", "saturated values")
figure, axes = fig.canvas(4.6, len(looks), len(kinds), sharex=True, sharey="col")
for (i, j), ax in np.ndenumerate(axes):
    when = list(looks)[i]
    for place, (name, arm) in enumerate(usual.items()):
        found = np.stack([records.array(arm, t["seed"], f"{when}_layers") for t in records.of(arm)])
        layers = np.arange(found.shape[2]) + 1
        # Apart by a hair, so that lines at zero do not hide one another.
        nudge = 0.13 * (place - (len(usual) - 1) / 2)
        fig.means(ax, layers + nudge, found[:, j], names[name], place)
    ax.set_xticks(layers)
    ax.set_title(kinds[j] if i == 0 else "")
    ax.set_xlabel("hidden layer" if i == 1 else "")
    ax.set_ylabel(f"share, {looks[when]}" if j == 0 else "")
for ax in axes[0]:
    fig.within_shares(ax)
    ax.set_ylim(bottom=-0.04 * ax.get_ylim()[1])  # room for marks at zero
figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(usual))
say(
    fig.saved(
        figure,
        "activations-layers",
        "Shares by hidden layer, input first, before (above) and after training (below): dead "
        f"units, values of exactly zero, saturated values. Means over {seeds(records, first)} "
        "seeds with intervals of nineteen in twenty; each column has a scale of its own.",
        "Lines of shares by layer. After training, over all layers: "
        + "; ".join(
            f"{names[name]} {mean(arm, 'trained_dead'):.3f} dead, {mean(arm, 'trained_sparse'):.3f}"
            f" zero, {mean(arm, 'trained_saturated'):.3f} saturated"
            for name, arm in usual.items()
        ),
    )
)

# %% [markdown]
# ## Does training kill units? {#activations-dying}

# %%
panels = {float(next(iter(own.values())).split("/")[1]): own for own in (usual, faster) if own}
figure, axes = fig.canvas(2.8, 1, len(panels), sharey=True)
for ax, own in zip(axes[0], panels.values(), strict=True):
    fig.strip(
        ax,
        {names[name].replace(" ", "\n"): records.metric(arm, "trained_dead")
         for name, arm in own.items()},
        failed={names[name].replace(" ", "\n"): lost(arm) for name, arm in own.items()},
    )  # fmt: skip
    ax.set_title(
        f"learning rate {config_value(records, next(iter(own.values())), 'learning_rate'):g}"
    )
axes[0, 0].set_ylabel("share of dead hidden units")
fig.within_shares(axes[0, 0])
axes[0, 0].set_ylim(bottom=-0.04 * axes[0, 0].get_ylim()[1])
handles = [
    axes[0, 0].scatter([], [], s=14, color=fig.GREY, label="one seed"),
    axes[0, 0].scatter([], [], s=16, color=fig.GREY, marker="x", label="diverged"),
    axes[0, 0].errorbar(
        [], [], [], fmt="_", color=fig.BLACK, capsize=2.5, label="mean, 95% interval"
    ),
]
figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
told = [
    f"from {number(records, own['relu'], 'untrained_dead', '.4f')} to "
    f"{number(records, own['relu'], 'trained_dead', '.4f')} at a learning rate of "
    f"{setting(records, own['relu'], 'learning_rate')}"
    for own in panels.values()
]
dying = {names[name] for own in panels.values() for name, arm in own.items()
         if mean(arm, "trained_dead") > 0}  # fmt: skip
say(
    f"The mean share of dead ReLU units goes with training {', and '.join(told)}. Dead units after "
    f"it were found with {', '.join(sorted(dying)) or 'no activation'}. Such a unit gets no "
    "gradient: nothing revives it but changes in the layers before it. Where an activation's slope "
    "is nowhere zero, only rounding can make it so.",
    fig.saved(
        figure,
        "activations-dead",
        "Share of hidden units that are dead after training, by activation and learning rate: "
        f"{seeds(records, first)} seeds. A network that diverged has nothing but dead units.",
        "Dots of shares of dead units. "
        + "; ".join(f"{arm}: {mean(arm, 'trained_dead'):.4f}" for own in panels.values()
                    for arm in own.values()),
    ),
    small_table(
        ["Activation", "Learning rate", "Dead", "Test accuracy", "Diverged", "Seeds"],
        [
            [names[name], setting(records, arm, "learning_rate"),
             number(records, arm, "trained_dead", ".4f"),
             number(records, arm, "test_accuracy", ".4f"),
             drawn(int(lost(arm).sum()), records, [arm], "runs that diverged"),
             seeds(records, arm)]
            for name, arm in faster.items()
        ],
        "The same at the higher learning rate, with the accuracy that goes with it.",
    )
    if faster
    else "This profile leaves out the higher learning rate.",
)  # fmt: skip

# %% [markdown]
# ## What a call costs {#activations-cost}

# %%
passes = {name: mean(arm, "passes") for name, arm in usual.items()}
heavy = {name: mean(arm, "transcendental") for name, arm in usual.items()}
ranked = sorted(passes, key=lambda name: (heavy[name], passes[name]))
say(
    "Operations per value of one call forward and back, and in brackets how many are exponentials "
    "or their like: "
    + ", ".join(
        f"{names[name]} {number(records, usual[name], 'passes', '.0f')} "
        f"({number(records, usual[name], 'transcendental', '.0f')})"
        for name in ranked
    )
    + ". These are counts of elementwise operations, not times. They are the same on every "
    "machine, but operations differ in cost: GELU's one call of the normal distribution costs more "
    "than its count says. *benchmarks/activation_cost.py* measures times on the reader's machine. "
    "Neither says how much of a training an activation takes, beside the matrix products.",
)

# %% [markdown]
# ## What follows {#activations-follows}

# %%
best = max(usual, key=lambda name: mean(usual[name], "test_accuracy"))
alike = [a for a in usual.values() if (records.metric(a, "predicted_classes") == 1).all()]
say(
    f"ReLU's list: {badge(by_id['003-4-relu'])}, the sigmoid's: {badge(by_id['003-4-sig'])}. "
    + (f"Points that do not show here, or stay open: {', '.join(missing)}." if missing
       else "Every point that was tested shows here."),
    f"The highest mean test accuracy is that of {names[best]}, "
    f"{number(records, usual[best], 'test_accuracy', '.4f')}"
    + (
        "; every network with " + ", ".join(names[a.split("/")[0]] for a in alike)
        + " gives all images one class."
        if alike else "."
    ),
)  # fmt: skip

# %% [markdown]
# ## Limits {#activations-limits}
#
# One shape of network, one initialiser and one data set: what shows here need not show elsewhere,
# in deeper networks or with larger steps. A unit that is dead on the training images may answer
# another image. The thresholds are ours.

# %%
say(sources(records, "Sources of the numbers of this family"))
