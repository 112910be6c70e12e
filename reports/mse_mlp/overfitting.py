# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["mse_mlp"]
total = 0

# %%
from pathlib import Path

import numpy as np

from retrial.core.records import Records
from retrial.report import figures as fig
from retrial.report.numbers import (
    claimed,
    config_value,
    counted,
    drawn,
    number,
    seeds,
    setting,
)
from retrial.report.show import opened, printed_value, say
from retrial.report.tables import badge, small_table, sources

records, rows, by_id = opened(results, "mse_mlp")
search = Records.load(Path(results) / "mse_search")
arms = records.arms()
names = {
    "sigmoid": "sigmoid",
    "relu": "ReLU",
    "deep": "deep",
    "dropout": "dropout",
    "dropout/unscaled": "dropout, unscaled",
}
running = [arm for arm in names if arm in arms and "/" not in arm]
dropped = [arm for arm in names if arm in arms and arm.startswith("dropout")]
grid, noise, size = ([a for a in arms if a.startswith(f"{g}/")] for g in ("grid", "noise", "size"))
labels = np.load(Path(raw) / "mnist" / "test_labels.npy", allow_pickle=False)
classes = int(labels.max()) + 1


def shares(arm, masked=""):
    """(seeds, classes): the share of test images that is given each class."""
    return np.stack([records.metric(arm, f"{masked}share_{k}") for k in range(classes)], axis=1)


def mean_of(values, over, what, form=".4f"):
    known = values[np.isfinite(values)]
    return drawn(known.mean() if len(known) else np.nan, records, over, f"mean of {what}", form)


def than(first, second, metric, more="higher than", less="lower than"):
    """How the mean of an arm's metric stands to that of another arm's."""
    gap = np.nanmean(records.metric(first, metric)) - np.nanmean(records.metric(second, metric))
    return "equal to" if gap == 0 else more if gap > 0 else less


def shaded(ax, values, texts, size):
    """A map of `values` in 0…1 with a text in each cell."""
    ax.imshow(values, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for (i, j), text in np.ndenumerate(texts):
        colour = "white" if not values[i, j] > 0.55 else "black"
        ax.text(j, i, text, ha="center", va="center", fontsize=size, color=colour)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)


# %% [markdown]
# ## Dropout, right and wrong {#mse-mlp-dropout}

# %%
if dropped:
    figure, axes = fig.canvas(2.3, 1, 2 * len(dropped), sharey=True)
    cases = [(arm, masked) for arm in dropped for masked in ("", "masked_")]
    for place, (ax, (arm, masked)) in enumerate(zip(axes[0], cases, strict=True)):
        values = shares(arm, masked)
        ax.bar(range(classes), values.mean(axis=0), color=fig.CYCLE[place // 2], alpha=0.55)
        for k in range(classes):
            ax.scatter(
                k + fig.spread(len(values), 0.5), values[:, k], s=4, color=fig.BLACK, linewidth=0,
                zorder=3,
            )  # fmt: skip
        right = [np.mean(labels == k) for k in range(classes)]
        ax.step(
            np.arange(-1, classes + 1), [right[0], *right, right[-1]], where="mid", color=fig.RED,
            linewidth=1,
        )  # fmt: skip
        ax.set(title=f"{'unscaled' if '/' in arm else 'correct'}, masks "
               + ("on" if masked else "off"), xlabel="predicted class")  # fmt: skip
        ax.set_xlim(-0.7, classes - 0.3)
        ax.set_xticks(range(classes))
        ax.tick_params(axis="x", labelsize=7)
    axes[0, 0].set_ylabel("share of test images")
    row = by_id["001-P2-dropout-test"]
    lines = [
        [
            names[arm],
            *(
                number(records, arm, f"{masked}{part}_accuracy", ".4f")
                for masked in ("", "masked_")
                for part in ("train", "test")
            ),
            mean_of((shares(arm) > 0).sum(axis=1), [arm], "classes predicted", ".1f"),
            mean_of((shares(arm, "masked_") > 0).sum(axis=1), [arm], "classes, masks on", ".1f"),
        ]
        for arm in ["deep", *dropped]
        if arm in arms
    ]
    fault = f", by the fault *{row['fault']}*" if row["fault"] else ""
    beside = ""
    if "dropout/unscaled" in arms:
        beside = (
            "Trained here, its mean test accuracy is "
            f"{than('dropout', 'dropout/unscaled', 'test_accuracy')} that of the network that "
            "leaves out the scale."
        )
    say(
        f"The test accuracy of {claimed(rows, row['id'])} that the report prints for its network "
        f"with dropout is {badge(row)}{fault}. {beside}",
        small_table(
            ["Network", "Train, off", "Test, off", "Train, on", "Test, on", "Classes, off",
             "Classes, on"],
            lines,
            "Accuracy with the masks off and on, and how many of "
            f"{counted(classes, 'classes of the test labels')} classes the test images are given: "
            "means over seeds.",
        ),
        fig.saved(
            figure,
            "mse-classes",
            "Classes that the deep network with dropout gives to the test images: mean (bars) and "
            f"every one of {seeds(records, dropped[0])} seeds (dots); the line is the share of "
            "images that are of the class.",
            "Bars of the share of each predicted class. "
            + "; ".join(
                f"{names[arm]}, masks {'on' if masked else 'off'}: "
                + ", ".join(f"{value:.2f}" for value in shares(arm, masked).mean(axis=0))
                for arm, masked in cases
            ),
        ),
    )  # fmt: skip
else:
    say("This profile trains no network with dropout.")

# %%
kinds = {
    "correct": ("inverted", ""),
    "unscaled at test": ("unscaled", ""),
    "always on": ("inverted", "masked_"),
}
cells = {}
for arm in grid:
    config = {key: config_value(records, arm, key) for key in ("loss", "initialiser", "rate")}
    cells[config_value(records, arm, "scaling"), *config.values()] = arm
if cells:
    columns = list(dict.fromkeys(key[1:3] for key in cells))
    rates = sorted({key[3] for key in cells})
    figure, axes = fig.canvas(2.9, 1, len(kinds), sharey=True)
    lost, means = {}, {}
    for ax, (kind, (scaling, masked)) in zip(axes[0], kinds.items(), strict=True):
        values, texts = np.zeros((len(rates), len(columns))), {}
        for i, j in np.ndindex(values.shape):
            arm = cells[scaling, *columns[j], rates[i]]
            test, train = (
                float(np.nanmean(records.metric(arm, f"{masked}{part}_accuracy")))
                for part in ("test", "train")
            )
            given = (shares(arm, masked) > 0).sum(axis=1)
            lost.setdefault(kind, []).append(bool((given < classes).any()))
            means[kind, arm] = test
            values[i, j] = test
            texts[i, j] = f"{100 * test:.1f}\n{100 * train:.1f}\n{given.mean():.0f} cl."
        shaded(ax, values, np.array([[texts[i, j] for j in range(len(columns))]
                                     for i in range(len(rates))]), 6.5)  # fmt: skip
        short = {"glorot_uniform": "Glorot", "default": "default"}
        ax.set_xticks(
            range(len(columns)),
            [f"{loss.upper()}\n{short.get(start, start)}" for loss, start in columns],
            fontsize=6.5,
        )
        ax.set_yticks(range(len(rates)), rates)
        ax.set_title(kind)
    axes[0, 0].set_ylabel("dropout rate")
    best = {kind: max((v, arm) for (k, arm), v in means.items() if k == kind) for kind in kinds}
    epochs = config_value(records, grid[0], "epochs")
    plain = records.curve("deep", "test_accuracy") if "deep" in arms else np.empty((0, 0))
    beside = (
        "Without dropout the report's deep network has, after as many epochs, a mean test "
        f"accuracy of {mean_of(plain[:, epochs - 1], ['deep'], f'test accuracy in epoch {epochs}')}"
        f" ({config_value(records, 'deep', 'loss').upper()}, "
        f"*{config_value(records, 'deep', 'initialiser')}*)."
        if plain.shape[1] >= epochs
        else ""
    )
    say(
        f"Over {setting(records, grid[0], 'epochs')} epochs, {seeds(records, grid[0])} seeds a "
        "cell and the deep network of the report, dropout is varied in kind, rate, loss and "
        "initialiser. Cells in which some seed leaves out a class: "
        + "; ".join(
            f"{drawn(sum(which), records, grid, 'cells that leave out a class', 'd')} of "
            f"{drawn(len(which), records, grid, 'cells', 'd')} ({kind})"
            for kind, which in lost.items()
        )
        + ". The highest mean test accuracies: "
        + "; ".join(
            f"{drawn(value, records, [arm], 'mean of test accuracy', '.4f')} ({kind}, *{arm}*)"
            for kind, (value, arm) in best.items()
        )
        + f". {beside}",
        fig.saved(
            figure,
            "mse-dropout-grid",
            "Accuracy in percent by kind of dropout (panels), rate (rows), loss and initialiser "
            "(columns): in each cell the test accuracy (which shades it), the training accuracy "
            "below it, and how many classes the test images are given; means over "
            f"{seeds(records, grid[0])} seeds. *Always on*: the networks of *correct*, masks on.",
            "Heat maps of accuracy. "
            + "; ".join(f"{kind} {arm}: test {value:.3f}" for (kind, arm), value in means.items()),
        ),
    )
else:
    say("This profile skips the grid of kinds of dropout.")

# %% [markdown]
# ## Overfitting {#mse-mlp-overfitting}

# %%
ends = {"relu": "relu-test", "deep": "overfit-test", "dropout": "dropout-test"}
compared = {arm: f"001-P2-{claim}" for arm, claim in ends.items() if arm in arms}
figure, axes = fig.canvas(2.7, 1, len(compared) + 1)
for ax, (arm, claim) in zip(axes[0], compared.items(), strict=False):
    groups = {part: records.metric(arm, f"{part}_accuracy") for part in ("train", "test")}
    fig.strip(ax, groups, {"test": printed_value(by_id[claim])})
    ax.set_title(names[arm])
axes[0, 0].set_ylabel("accuracy, masks off")
fig.strip(axes[0, -1], {names[arm]: records.metric(arm, "gap")
                        for arm in compared})  # fmt: skip
axes[0, -1].set_title("gap")
axes[0, -1].tick_params(axis="x", labelsize=7, rotation=20)
fig.strip_legend(figure)
gaps = "; ".join(f"{number(records, arm, 'gap', '.4f')} (*{names[arm]}*)" for arm in compared)
say(
    f"Mean gaps between training and test accuracy: {gaps}. Each panel below has a scale of its "
    "own.",
    fig.saved(
        figure,
        "mse-gap",
        "Accuracy on all training and test images at the end of training, masks off, and the gap "
        "between them, train less test, seed by seed.",
        "Dots of training and test accuracy. "
        + "; ".join(
            f"{names[arm]}: train {np.nanmean(records.metric(arm, 'train_accuracy')):.4f}, test "
            f"{np.nanmean(records.metric(arm, 'test_accuracy')):.4f}"
            for arm in compared
        ),
    ),
)

# %%
if noise and size:
    bodies = list(dict.fromkeys(arm.split("/")[1] for arm in [*noise, *size]))
    figure, axes = fig.canvas(4.6, 2, 2)
    panels = {
        (0, 0): (noise, "label_noise", "test_accuracy", "test images"),
        (0, 1): (noise, "label_noise", "train_accuracy", "training images, labels as given"),
        (1, 0): (size, "train_size", "test_accuracy", "test images"),
        (1, 1): (size, "train_size", "gap", "gap of training and test"),
    }
    for at, (group, key, metric, title) in panels.items():
        for place, body in enumerate(bodies):
            own = [arm for arm in group if arm.split("/")[1] == body]
            x = np.array([config_value(records, arm, key) for arm in own])
            values = np.stack([records.metric(arm, metric) for arm in own], axis=1)
            fig.band(axes[at], x, values, names[body], place, marks=True)
            if metric == "train_accuracy":
                clean = np.stack([records.metric(arm, "clean_train_accuracy") for arm in own], 1)
                axes[at].plot(
                    x, np.nanmean(clean, axis=0), color=fig.CYCLE[place], linestyle=":",
                    linewidth=1.2, label=f"{names[body]}, right labels",
                )  # fmt: skip
        axes[at].set(title=title, ylabel="accuracy")
        axes[at].set_xlabel(
            "share of wrong training labels" if key == "label_noise" else "training images"
        )
        if key == "train_size":
            axes[at].set_xscale("log")
    figure.legend(
        *axes[0, 1].get_legend_handles_labels(), loc="outside upper center", ncols=2 * len(bodies)
    )
    noisiest = {body: [a for a in noise if a.split("/")[1] == body][-1] for body in bodies}
    fewest = {
        body: min((a for a in size if a.split("/")[1] == body),
                  key=lambda a: config_value(records, a, "train_size"))
        for body in bodies
    }  # fmt: skip
    told = [
        f"{what}, {setting(records, some['deep'], key)}: "
        f"{number(records, some['deep'], 'test_accuracy', '.4f')} for *deep*, which is "
        f"{than(some['deep'], some['relu'], 'test_accuracy')} the "
        f"{number(records, some['relu'], 'test_accuracy', '.4f')} of *ReLU*"
        for what, some, key in (
            ("with the largest share of wrong labels", noisiest, "label_noise"),
            ("with the fewest images", fewest, "train_size"),
        )
    ]
    say(
        "To ask whether the deep network generalises worse than the small one, both are trained "
        f"for {setting(records, noise[0], 'epochs')} epochs on labels of which a share is wrong, "
        "and on fewer images for as many steps (up to a largest number of epochs). Mean test "
        f"accuracies {'; '.join(told)}.",
        fig.saved(
            figure,
            "mse-overfitting",
            "Accuracy against the share of wrong labels (above) and the number of training images "
            f"(below): means and ranges over {seeds(records, noise[0])} seeds. Above right, solid: "
            "against the labels that were given; dotted: against the right ones. Solid above "
            "dotted: more wrong labels are learned than seen through.",
            "Lines of accuracy against label noise and training-set size. "
            + "; ".join(
                f"{arm}: test {np.nanmean(records.metric(arm, 'test_accuracy')):.3f}"
                for arm in [*noise, *size]
            ),
        ),
    )
else:
    say("This profile skips the trainings on wrong labels and on fewer images.")

# %% [markdown]
# ## What follows {#mse-mlp-follows}

# %%
asked = [by_id[f"001-P2-{name}"] for name in ("overfit-e10", "overfit-reason", "dropout-role")]
verdicts = "\n".join(f"- {row['statement']}: {badge(row)}" for row in asked)
compare = [
    f"The mean test accuracy of the *{names[first]}* network, "
    f"{number(records, first, 'test_accuracy', '.4f')}, is "
    f"{than(first, second, 'test_accuracy')} that of the *{names[second]}* one, "
    f"{number(records, second, 'test_accuracy', '.4f')}, and its gap is "
    f"{than(first, second, 'gap', 'larger', 'smaller').replace('equal to', 'equally large')}."
    for first, second in (("deep", "relu"), ("dropout", "deep"))
    if first in arms and second in arms
]
say(
    "Of the report's conclusions:",
    verdicts,
    " ".join(compare),
    "A gap says how much better a network does on its training data than on others, not how well "
    "it does on either: a network that has learned nothing has no gap. The verdict on whether the "
    "deep network does badly on new data therefore asks for a larger gap and a lower test "
    "accuracy, and the one on dropout for a smaller gap at no more than a small loss of test "
    "accuracy. The one on memory asks for neither: it is on the training data alone.",
)

# %% [markdown]
# ## Limits {#mse-mlp-limits}
#
# Initialiser, pixel scale and the small networks' learning rate are fitted, to the first epochs of
# the logs that are judged on the others; a verdict that leans on them says so. The grid of dropouts
# and the trainings on wrong labels or few images are shorter than the report's own, so that they
# compare arms with one another and not with the report. Their learning rates are ours where the
# report has none: another one may favour another loss.

# %%
say(sources(records, "Sources of the numbers of this family"))
if search.arms():
    say(sources(search, "Sources of the numbers of the search"))
