# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["code_classifier"]
total = 0

# %%
import itertools
from pathlib import Path

import numpy as np

from retrial.core.records import Records
from retrial.fashion import CLASSES, NAMES
from retrial.report import figures as fig
from retrial.report.numbers import config_value, drawn, number, seeds
from retrial.report.show import opened, say
from retrial.report.tables import badge, small_table, sources

records, rows, by_id = opened(results, "code_classifier")
features = Records.load(Path(results) / "features")
arms = records.arms()
activations = ("relu", "identity")
titles = {"relu": "ReLU", "identity": "identity"}
kinds = {
    "raw": "pixels",
    "code": "codes",
    "smaller": "codes, small network",
    "pca": "PCA",
    "random": "random projection",
    "converged": "converged codes",
}
first = "code/relu"
sizes = {
    part: records.sample_size(first, f"{part}_accuracy") for part in ("train", "validation", "test")
}
# Kinds of garment: the four tops are those that the report calls hard to tell apart.
groups = {"tops": (0, 2, 4, 6), "dress": (3,), "trouser": (1,), "shoes": (5, 7, 9), "bag": (8,)}


def mean(arm, metric):
    return float(np.nanmean(records.metric(arm, metric)))


def apart(points, reach, gap):
    """(n, 2) points in fractions of a panel, moved up and down until texts do not overlap.

    Texts overlap where they are nearer than `reach` across and `gap` up and down.
    """
    moved = points.copy()
    for _ in range(100):
        for i, j in itertools.combinations(range(len(moved)), 2):
            across, up = moved[j] - moved[i]
            if abs(across) < reach and abs(up) < gap:
                push = (gap - abs(up)) / 2
                lower, upper = (i, j) if up >= 0 else (j, i)
                moved[lower, 1] -= push
                moved[upper, 1] += push
    return moved


def of_kind(*wanted):
    return [f"{k}/{a}" for k in wanted for a in activations if f"{k}/{a}" in arms]


# %% [markdown]
# ## Baselines {#code-classifier-baselines}

# %%
columns = {
    "raw": "pixels",
    "relu": "ReLU\ncodes",
    "identity": "identity\ncodes",
    "pca": "PCA",
    "random": "random\nprojection",
}
networks = {
    "raw": "raw/relu",
    "relu": "code/relu",
    "identity": "code/identity",
    "pca": "pca/relu",
    "random": "random/relu",
}
probes = {source: f"probe/{source}" for source in columns if f"probe/{source}" in arms}
networks = {source: arm for source, arm in networks.items() if arm in arms}
panels = {"network": networks, "logistic regression": probes}
panels = {title: group for title, group in panels.items() if group}
figure, axes = fig.canvas(3.2, 1, len(panels), sharey=True)
for ax, (title, group) in zip(axes[0], panels.items(), strict=True):
    fig.strip(
        ax,
        {columns[s]: records.metric(arm, "validation_accuracy") for s, arm in group.items()},
    )
    ax.set_title(title)
    ax.tick_params(axis="x", labelsize=7.5, rotation=45)
axes[0, 0].set_ylabel("validation accuracy")
fig.within_shares(axes[0, 0])
handles = [
    axes[0, 0].scatter([], [], s=14, color=fig.GREY, label="one seed"),
    axes[0, 0].errorbar(
        [], [], [], fmt="_", color=fig.BLACK, capsize=2.5, label="mean, 95% interval"
    ),
]
figure.legend(handles=handles, loc="outside upper center", ncols=2)
listed = [kind for kind in kinds if of_kind(kind)]
lines = [
    [
        kinds[kind],
        *(
            number(records, f"{kind}/{a}", f"{part}_accuracy", ".4f")
            for a in activations
            for part in ("validation", "test")
        ),
    ]
    for kind in listed
]
lines += [
    [
        f"{columns[source].replace(chr(10), ' ')}, logistic regression",
        number(records, arm, "validation_accuracy", ".4f"),
        number(records, arm, "test_accuracy", ".4f"),
        "–",
        "–",
    ]
    for source, arm in probes.items()
]
say(
    "A classifier on codes shows what is in the codes only beside other features of the same "
    "width: principal components, and a random projection, which has learned nothing.",
    small_table(
        ["Features", "ReLU: validation", "test", "identity: validation", "test"],
        lines,
        "Mean accuracies over seeds. Logistic regression has no activation; it stands in the first "
        "columns.",
    ),
    fig.saved(
        figure,
        "codes-baselines",
        "Validation accuracy by features, with the report's network (ReLU; identity for the "
        "identity codes) and with logistic regression on standardised features: "
        f"{seeds(records, first)} seeds, but one where nothing is drawn (logistic regression on "
        "pixels and on PCA).",
        "Dots of accuracy by features. "
        + "; ".join(
            f"{arm}: {mean(arm, 'validation_accuracy'):.4f}"
            for arm in [*networks.values(), *probes.values()]
        ),
    ),
)

# %% [markdown]
# ## Few labels {#code-classifier-budgets}

# %%
limited = [arm for arm in arms if arm.startswith("budget/")]
if limited:
    budgets = sorted({int(arm.split("/")[2]) for arm in limited})
    order = list(dict.fromkeys(arm.split("/")[1] for arm in limited))
    activation = config_value(records, limited[0], "activation")
    figure, axes = fig.canvas(3.8)
    ax = axes[0, 0]
    fewest = {}
    for place, source in enumerate(order):
        own = {n: f"budget/{source}/{n}" for n in budgets if f"budget/{source}/{n}" in arms}
        full = networks.get(source)
        if full is not None and config_value(records, full, "activation") == activation:
            own.setdefault(sizes["train"], full)
        most = max(len(records.of(arm)) for arm in own.values())
        values = np.full((most, len(own)), np.nan)
        for column, arm in enumerate(own.values()):
            values[: len(records.of(arm)), column] = records.metric(arm, "validation_accuracy")
        # Apart by a hair, so that intervals do not hide one another.
        nudge = 1.03 ** (place - (len(order) - 1) / 2)
        label = columns[source].replace("\n", " ")
        fig.means(ax, nudge * np.array(list(own), float), values, label, place)
        fewest[source] = own[budgets[0]]
    ax.set(xscale="log", xlabel="labelled training images", ylabel="validation accuracy")
    ticks = sorted({*budgets, sizes["train"]})
    ax.set_xticks(ticks, ticks)
    fig.within_shares(ax)
    ax.minorticks_off()
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    ranked = sorted(fewest, key=lambda s: -mean(fewest[s], "validation_accuracy"))
    say(
        "An autoencoder needs no labels, so what its codes carry over should show where labels are "
        "few. Classifiers on the first of the labelled images of a random order, which is the same "
        "for all features of a seed, make as many updates as those on all images do (up to a "
        f"largest number of epochs). With {drawn(budgets[0], records, limited, 'labelled images')} "
        "labelled images: "
        + ", ".join(
            f"{number(records, fewest[s], 'validation_accuracy', '.4f')} "
            f"({columns[s].replace(chr(10), ' ')})"
            for s in ranked
        )
        + ".",
        fig.saved(
            figure,
            "codes-budgets",
            "Validation accuracy by the number of labelled images (logarithmic) and features: "
            f"means with their intervals of nineteen in twenty over {seeds(records, limited[0])} "
            f"seeds; classifiers with *{titles.get(activation, activation)}*. All features but "
            "pixels were learned, or drawn, on all images without labels.",
            "Lines of accuracy against the number of labelled images. "
            + "; ".join(f"{arm}: {mean(arm, 'validation_accuracy'):.4f}" for arm in limited),
        ),
    )
else:
    say("This profile leaves out the classifiers on few labels.")

# %% [markdown]
# ## The codes in the plane {#code-classifier-plane}

# %%
planes = {}
for arm, title in {
    "relu": "ReLU codes",
    "identity": "identity codes",
    "converged/relu": "ReLU codes, converged",
    "pca": "PCA",
}.items():
    if arm in features.arms():
        lowest = min(trial["seed"] for trial in features.of(arm))
        planes[title] = arm, *(features.array(arm, lowest, name) for name in ("plane", "labels"))
figure, axes = fig.canvas(3.0 * -(-len(planes) // 2) + 0.3, -(-len(planes) // 2), 2)
for ax in axes.flat[len(planes) :]:
    ax.set_axis_off()
for ax, (title, (_, plane, labels)) in zip(axes.flat, planes.items(), strict=False):
    for place, (group, members) in enumerate(groups.items()):
        own = np.isin(labels, members)
        ax.scatter(
            *plane[own].T, s=7, color=fig.CYCLE[place], marker=fig.MARKERS[place], alpha=0.45,
            linewidth=0, label=group,
        )  # fmt: skip
    low, high = plane.min(axis=0), plane.max(axis=0)
    medians = np.stack([np.median(plane[labels == k], axis=0) for k in range(CLASSES)])
    for name, place in zip(NAMES, apart((medians - low) / (high - low), 0.22, 0.06), strict=True):
        ax.annotate(
            name, low + place * (high - low), ha="center", va="center", fontsize=7.5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.75},
        )  # fmt: skip
    ax.set_title(title)
    ax.set_xticks([])
    ax.set_yticks([])
for ax in axes[-1]:
    ax.set_xlabel("first principal axis")
for ax in axes[:, 0]:
    ax.set_ylabel("second principal axis")
figure.legend(
    *axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(groups),
    markerscale=2,
)  # fmt: skip
width = config_value(features, "relu", "widths")[-1]
told = "; ".join(
    f"{number(features, arm, 'effective_rank', '.1f')} ({title})"
    for title, (arm, _, _) in planes.items()
)
say(
    "Effective rank of the codes (the participation ratio of the variances along their principal "
    f"axes; few axes carry them all where it is low): {told}; of "
    f"{drawn(width, features, ['relu'], 'width of the code')} units.",
    fig.saved(
        figure,
        "codes-plane",
        f"Codes of {drawn(sizes['validation'], records, [first], 'validation images')} validation "
        "images on the first two principal axes of the training codes (lowest seed), by kind of "
        "garment; names stand near the median of their class. Axes have scales of their own. "
        "Classes that lie on one another here may still be apart along other axes.",
        f"Scatter plots of codes, one panel for each of {', '.join(planes)}.",
    ),
)

# %% [markdown]
# ## What follows {#code-classifier-follows}

# %%
asked = [by_id[f"002-C5-{name}"] for name in ("slight", "transfer", "confusion")]
verdicts = "\n".join(f"- {row['statement']}: {badge(row)}" for row in asked)
beside = [
    f"On {part} images a network on principal components has "
    + " and ".join(
        f"{number(records, f'pca/{a}', f'{part}_accuracy', '.4f')} with {titles[a]}"
        for a in activations
        if f"pca/{a}" in arms
    )
    + ", where the codes have "
    + " and ".join(number(records, f"code/{a}", f"{part}_accuracy", ".4f") for a in activations)
    + "."
    for part in ("validation", "test")
    if of_kind("pca")
]
say(
    "Of the report's conclusions:",
    verdicts,
    " ".join(beside),
    "Codes that were learned on the same images as the classifier carry nothing over from another "
    "task or another set of images. What remains of the claim is whether they help where labels "
    "are few, and more than features that learned nothing.",
)

# %% [markdown]
# ## Limits {#code-classifier-limits}
#
# The report does not say on which images its table rests, which layer's outputs it took (before or
# after the activation), or what its classifiers on codes looked like; the smaller network stands
# beside the chosen one for that. Features are not scaled for the networks, and are for the
# logistic regression. One learning rate serves all features, whatever their scale.

# %%
say(sources(records, "Sources of the numbers of this family"))
say(sources(features, "Sources of the numbers of the features"))
