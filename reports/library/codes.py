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
from pathlib import Path

import numpy as np
from matplotlib.patches import Rectangle

from retrial.core.records import Records
from retrial.fashion import CLASSES, NAMES
from retrial.report import figures as fig
from retrial.report.numbers import claimed, drawn, number, seeds, setting
from retrial.report.show import opened, printed_value, say, summary
from retrial.report.tables import family_table, small_table
from retrial.statistics import judge_order

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
tabled = {f"code/{a}": f"002-C5-{a}-feat" for a in activations} | {
    f"raw/{a}": f"002-C5-{a}-raw" for a in activations
}
first = "code/relu"
sizes = {
    part: records.sample_size(first, f"{part}_accuracy") for part in ("train", "validation", "test")
}
# The four that the report calls hard to tell apart: T-shirt, pullover, coat, shirt.
tops = (0, 2, 4, 6)
groups = {"tops": tops, "dress": (3,), "trouser": (1,), "shoes": (5, 7, 9), "bag": (8,)}
by_group = [k for group in groups.values() for k in group]


def named(arm):
    kind, activation = arm.split("/")
    return f"{titles[activation]}, {kinds[kind]}"


def mean(arm, metric):
    return float(np.nanmean(records.metric(arm, metric)))


def of_kind(*wanted):
    return [f"{k}/{a}" for k in wanted for a in activations if f"{k}/{a}" in arms]


# %% [markdown]
# # Library networks: codes as features {#family-code-classifier}
#
# ## What was claimed {#code-classifier-claimed}

# %%
say(
    f"Report {rows[0]['report']} takes the outputs of its autoencoders' narrowest layer as "
    f"features, trains its classifier on them, and sets the accuracies beside those on pixels "
    f"({by_id['002-C5-relu-feat']['where']}): with ReLU {claimed(rows, '002-C5-relu-feat')} "
    f"against {claimed(rows, '002-C5-relu-raw')}, with identity "
    f"{claimed(rows, '002-C5-identity-feat')} against {claimed(rows, '002-C5-identity-raw')}. It "
    "calls this a slight reduction, speaks of an advantage of transfer learning, and says that "
    "the codes tell tops, trousers, shoes and bags apart but that shirt, pullover, coat and "
    "T-shirt are hard."
)

# %% [markdown]
# ## What was run {#code-classifier-run}

# %%
whole = all(trial["whole"] for trial in [*records.trials, *features.trials])
absent = list(dict.fromkeys(arm.split("/")[0] for arm in records.skipped))
what = {
    "code": "the codes of the report's autoencoders",
    "raw": "pixels",
    "smaller": "the same codes, a smaller network",
    "pca": "as many principal components",
    "random": "as many random projections",
    "converged": "the codes of the converged autoencoders",
}
say(
    "The classifier is the library's network of the table of activations, with the activation of "
    f"the autoencoder: solver *{setting(records, first, 'solver')}*, learning rate "
    f"{setting(records, first, 'learning_rate')}, batches of {setting(records, first, 'batch')}, "
    f"at most {setting(records, first, 'epochs')} epochs, tolerance "
    f"{setting(records, first, 'tolerance')}. "
    f"{drawn(sizes['train'], records, [first], 'training images')} training, "
    f"{drawn(sizes['validation'], records, [first], 'validation images')} validation and "
    f"{drawn(sizes['test'], records, [first], 'test images')} test images. The features of a seed "
    "go with the classifier of that seed; they are used as they are, since the report names no "
    "scaling.",
    small_table(
        ["Arms", "Features", "Hidden layers", "Seeds"],
        [
            [
                f"*{kind}*",
                text,
                setting(records, f"{kind}/relu", "hidden"),
                seeds(records, f"{kind}/relu"),
            ]
            for kind, text in what.items()
            if f"{kind}/relu" in arms
        ],
        "What was trained on codes and on pixels, each with ReLU and with identity.",
    ),
    "Besides these: logistic regression on standardised features (*probe*), and classifiers on "
    "fewer labelled images (*budget*).",
    "" if whole else "This profile cuts trainings short, so it decides nothing on what it cuts.",
    f"This profile leaves out the arms *{'*, *'.join(absent)}*, and what they would show."
    if absent
    else "",
)

# %% [markdown]
# ## Printed against measured {#code-classifier-table}

# %%
lines = []
for activation in activations:
    for kind in ("code", "raw"):
        arm = f"{kind}/{activation}"
        cells = [named(arm), claimed(rows, tabled[arm])]
        for part in ("validation", "test"):
            metric = f"{part}_accuracy"
            cells += [
                number(records, arm, metric, ".4f"),
                number(records, arm, metric, ".4f", "sd"),
            ]
        lines.append([*cells, seeds(records, arm)])
figure, axes = fig.canvas(3.0, 1, 2, sharey=True)
for ax, part in zip(axes[0], ("validation", "test"), strict=True):
    both = {
        f"{titles[a]}\n{kinds[kind]}": f"{kind}/{a}"
        for a in activations
        for kind in ("code", "raw")
    }
    fig.strip(
        ax,
        {name: records.metric(arm, f"{part}_accuracy") for name, arm in both.items()},
        {name: printed_value(by_id[tabled[arm]]) for name, arm in both.items()},
    )
    ax.set_title(f"{part} images")
    fig.within_shares(ax)
    ax.tick_params(axis="x", labelsize=8)
axes[0, 0].set_ylabel("accuracy")
fig.strip_legend(figure)
say(
    summary(rows, "this family"),
    "The report does not say on which of its two held-out sets its table rests; both stand here.",
    small_table(
        ["Classifier", "Printed", "Validation", "SD", "Test", "SD", "Seeds"],
        lines,
        "Accuracy: printed, and means and standard deviations over seeds.",
    ),
    fig.saved(
        figure,
        "codes-table",
        f"Accuracy on {drawn(sizes['validation'], records, [first], 'validation images')} "
        f"validation (left) and {drawn(sizes['test'], records, [first], 'test images')} test "
        f"images (right), seed by seed: {seeds(records, first)} seeds. The diamonds are the same "
        "in both panels.",
        "Dots of accuracy with printed values. "
        + "; ".join(
            f"{named(arm)}: validation {mean(arm, 'validation_accuracy'):.4f}, test "
            f"{mean(arm, 'test_accuracy'):.4f}, printed {by_id[claim]['printed']}"
            for arm, claim in tabled.items()
        ),
    ),
    family_table(rows, f"Codes as features: {len(rows)} of {total} claims, profile {profile}."),
)

# %% [markdown]
# ## Epoch by epoch {#code-classifier-epochs}

# %%
drawn_kinds = [kind for kind in ("raw", "code", "smaller", "pca") if f"{kind}/relu" in arms]
figure, axes = fig.canvas(4.6, 2, 2, sharex=True, sharey="row")
for line, metric in zip(axes, ("running_loss", "validation_accuracy"), strict=True):
    for ax, activation in zip(line, activations, strict=True):
        for place, kind in enumerate(drawn_kinds):
            values = records.curve(f"{kind}/{activation}", metric)
            epochs = np.arange(values.shape[1]) + 1
            fig.band(ax, epochs, values, kinds[kind], place, marks=len(epochs) == 1)
for ax, activation in zip(axes[0], activations, strict=True):
    ax.set_title(titles[activation])
for ax in axes[1]:
    ax.set_xlabel("epoch")
axes[0, 0].set_ylabel("training loss, nats")
axes[1, 0].set_ylabel("validation accuracy")
figure.legend(
    *axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(drawn_kinds)
)
say(
    fig.saved(
        figure,
        "codes-epochs",
        "Training loss with the library's penalty (above) and validation accuracy (below) by epoch "
        f"on pixels and on codes: mean over {seeds(records, first)} seeds with the range between "
        "them.",
        "Curves of loss and accuracy by features: "
        + "; ".join(
            f"{named(arm)} ends at {mean(arm, 'validation_accuracy'):.4f}"
            for arm in of_kind(*drawn_kinds)
        ),
    )
)

# %% [markdown]
# ## How large the reduction is {#code-classifier-reduction}

# %%
lines = []
for activation in activations:
    code, pixels = f"code/{activation}", f"raw/{activation}"
    printed = [printed_value(by_id[tabled[arm]]) for arm in (code, pixels)]
    for part in ("validation", "test"):
        right = {
            arm: np.stack(
                [
                    records.array(arm, t["seed"], f"{part}_correct").astype(float)
                    for t in records.of(arm)
                ]
            )
            for arm in (code, pixels)
        }
        difference = right[code].mean(axis=1) - right[pixels].mean(axis=1)
        over = [code, pixels]
        span = "–"
        if len(difference) > 1:
            found = judge_order(difference, (right[code] - right[pixels]).mean(axis=0))
            span = " to ".join(
                drawn(100 * end, records, over, "end of the interval, points", "+.2f")
                for end in (found.low, found.high)
            )
        lines.append(
            [
                f"{titles[activation]}, {part}",
                drawn(
                    100 * (printed[0] - printed[1]), records, over,
                    "difference of the printed accuracies, points", "+.1f",
                ),
                drawn(100 * difference.mean(), records, over, "mean difference, points", "+.2f"),
                span,
            ]
        )  # fmt: skip
say(
    small_table(
        ["Codes less pixels", "Printed", "Mean", "Interval"],
        lines,
        "Differences of accuracy in percentage points, with a nine-tenths interval over seeds and "
        "images.",
    )
)

# %% [markdown]
# ## What is confused with what {#code-classifier-confusion}

# %%
shown_arms = of_kind("code")
figure, axes = fig.canvas(4.1, 1, len(shown_arms), sharey=True)
worst = {}
for ax, arm in zip(axes[0], shown_arms, strict=True):
    table = np.zeros((CLASSES, CLASSES))
    for trial in records.of(arm):
        table += records.array(arm, trial["seed"], "validation_confusion")
    table /= len(records.of(arm))
    wrong = table.copy()
    np.fill_diagonal(wrong, 0)
    worst[arm] = [int(k) for k in np.unravel_index(wrong.argmax(), wrong.shape)]
    sorted_wrong = wrong[np.ix_(by_group, by_group)]
    texts = np.array([[f"{n:.0f}" if round(n) else "" for n in row] for row in sorted_wrong])
    for place, k in enumerate(by_group):
        texts[place, place] = f"{table[k, k]:.0f}"
        sorted_wrong[place, place] = np.nan
    # Square root: one large cell would leave the others dark. Half the scale keeps them legible.
    fig.heat_map(ax, np.sqrt(sorted_wrong), texts, 0, np.sqrt(wrong.max() or 1), 7)
    ax.add_patch(
        Rectangle((-0.5, -0.5), len(tops), len(tops), fill=False, ec=fig.RED, lw=1.8, zorder=5)
    )
    ax.set_xticks(range(CLASSES), [NAMES[k] for k in by_group], rotation=90)
    ax.set_yticks(range(CLASSES), [NAMES[k] for k in by_group])
    ax.set(title=named(arm), xlabel="predicted class")
axes[0, 0].set_ylabel("class of the image")
say(
    fig.saved(
        figure,
        "codes-confusion",
        f"Validation images by class and predicted class: mean numbers over {seeds(records, first)}"
        " seeds; shades by the square root, right ones (diagonal) in grey. Red frame: the tops. "
        "The most frequent error: "
        + "; ".join(
            f"{drawn(NAMES[i], records, [arm], 'class of the image')} taken for "
            f"{drawn(NAMES[j], records, [arm], 'predicted class')} ({named(arm)})"
            for arm, (i, j) in worst.items()
        )
        + ".",
        "Confusion matrices. "
        + "; ".join(
            f"{named(arm)}: {mean(arm, 'tops_share'):.0%} of the errors among the tops"
            for arm in shown_arms
        ),
    )
)

# %%
mixed = of_kind("code", "raw", "pca")
figure, axes = fig.canvas(2.9)
ax = axes[0, 0]
fig.strip(
    ax,
    {
        f"{titles[a.split('/')[1]]}\n{kinds[a.split('/')[0]]}": records.metric(a, "tops_share")
        for a in mixed
    },
)
for place, arm in enumerate(mixed):
    expected = mean(arm, "tops_expected")
    ax.hlines(expected, place - 0.4, place + 0.4, color=fig.BLACK, linewidth=1.2, linestyle="--")
handles = [
    ax.scatter([], [], s=14, color=fig.GREY, label="one seed"),
    ax.errorbar([], [], [], fmt="_", color=fig.BLACK, capsize=2.5, label="mean, 95% interval"),
    ax.plot([], [], "--", color=fig.BLACK, lw=1.2, label="errors spread evenly")[0],
]
figure.legend(handles=handles, loc="outside upper center", ncols=3)
ax.set(ylabel="share of the errors among tops", ylim=(0, 1))
say(
    "Of the errors on validation images, the share that takes one top for another: "
    + "; ".join(
        f"{number(records, arm, 'tops_share', '.0%')} ({named(arm)})"
        for arm in of_kind("code", "raw")
    )
    + ". If errors fell evenly on all pairs of classes, it would be "
    f"{number(records, first, 'tops_expected', '.0%')}. Pixels say whether this is a matter of "
    "the codes or of the clothes.",
    fig.saved(
        figure,
        "codes-tops",
        "Share of the errors that fall among T-shirt, pullover, coat and shirt: "
        f"{seeds(records, first)} seeds; about "
        f"{drawn(records.sample_size(first, 'tops_share'), records, [first], 'errors')} errors a "
        "seed on codes.",
        "Dots of the share of errors among the tops. "
        + "; ".join(f"{named(arm)}: {mean(arm, 'tops_share'):.3f}" for arm in mixed),
    ),
)
