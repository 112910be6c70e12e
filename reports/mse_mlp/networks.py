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
from collections import Counter
from pathlib import Path

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from retrial.core.records import Records
from retrial.judging import choose, choose_mse
from retrial.judging.curves import spans
from retrial.report import figures as fig
from retrial.report.numbers import (
    claimed,
    config_value,
    counted,
    drawn,
    seeds,
    setting,
)
from retrial.report.show import headlines, ledger, opened, printed_value, say, summary
from retrial.report.tables import badge, family_table, small_table

records, rows, by_id = opened(results, "mse_mlp")
search = Records.load(Path(results) / "mse_search")
arms = records.arms()
curves = {}
for row in rows:
    if row["kind"] == "curve":
        key = row["evidence"]["arm"], row["evidence"]["metric"]
        curves.setdefault(key, []).append(row)
networks = list(dict.fromkeys(arm for arm, _ in curves))
names = {
    "sigmoid": "sigmoid",
    "relu": "ReLU",
    "deep": "deep",
    "dropout": "dropout",
    "dropout/unscaled": "dropout, unscaled",
}
labels = np.load(Path(raw) / "mnist" / "test_labels.npy", allow_pickle=False)
images = np.load(Path(raw) / "mnist" / "test_images.npy", mmap_mode="r", allow_pickle=False)
classes = int(labels.max()) + 1


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
# # Squared error, overfitting, dropout {#family-mse-mlp}
#
# ## What was claimed {#mse-mlp-claimed}

# %%
say(
    f"Report {rows[0]['report']}, part two, trains networks from its own layers on MNIST by mean "
    "squared error and prints loss and accuracy of every epoch. Two have one hidden layer: with "
    f"the sigmoid, {claimed(rows, '001-P2-sigmoid-test')} of the test images come out right, with "
    f"ReLU {claimed(rows, '001-P2-relu-test')}. A deep one is made *to overfit*: it is said to "
    "have memorised its training data and to be unlikely to do well on new data, and gets "
    f"{claimed(rows, '001-P2-overfit-test')} of the test images right. The same network with "
    f"dropout gets {claimed(rows, '001-P2-dropout-test')}; dropout, the report says, prevents "
    "overfitting."
)

# %% [markdown]
# ## What was run {#mse-mlp-run}

# %%
whole = all(trial["whole"] for trial in records.trials)
absent = list(dict.fromkeys(arm.split("/")[0] for arm in records.skipped))
shown_arm = networks[0]
trained = [records.sample_size(shown_arm, f"{part}_accuracy") for part in ("train", "test")]
say(
    small_table(
        ["Network", "Hidden layers", "Dropout", "Learning rate", "Epochs", "Seeds"],
        [
            [
                names[arm],
                *(setting(records, arm, k) for k in ("hidden", "rate", "learning_rate", "epochs")),
                seeds(records, arm),
            ]
            for arm in names
            if arm in arms
        ],
        "The networks of the report, and the last of them with a fault.",
    ),
    f"Batches of {setting(records, shown_arm, 'batch')}, plain SGD, the mean over images and "
    "classes of squared differences from one-hot targets; "
    f"{drawn(trained[0], records, [shown_arm], 'training images')} training images, "
    f"{drawn(trained[1], records, [shown_arm], 'test images')} for the test. Networks of one seed "
    "share their initial draws, their masks and their orders of batches.",
    "The report does not state how weights begin, how pixels are scaled, or the learning rate of "
    "the two small networks. One choice serves all: the initialiser "
    f"*{setting(records, shown_arm, 'initialiser')}*, *{setting(records, shown_arm, 'inputs')}* "
    "pixels, and the learning rates above (next section).",
    "Dropout divides the units that it keeps by their expected share while it trains, and does "
    "nothing at the test. Two faults are tried beside it: *unscaled*, where nothing makes up for "
    "the units left out; and *always on*, where masks are drawn at the test as well. Every network "
    "is judged with its masks off and with them on. Ours, for the report has nothing like it: a "
    "grid of kinds of dropout, training on wrong labels, and training on fewer images.",
    ""
    if whole
    else "This profile cuts trainings short, so it decides nothing on the networks that it cuts.",
    f"This profile leaves out the arms *{'*, *'.join(absent)}*, and what they would show."
    if absent
    else "",
)

# %% [markdown]
# ## The search for what is left open {#mse-mlp-search}

# %%
tried = search.arms()
titles = {"initialiser": "initialiser", "inputs": "pixels", "learning_rate": "learning rate"}
readings = choose_mse.readings(ledger(results, "mse_mlp"), search) if tried else []


def searched(value, what, form=""):
    return drawn(value, search, tried, what, form)


def reading_line(title, reading):
    if reading is None:
        return [title, *["–"] * (len(titles) + 1 + len(networks))]
    scores = zip(choose_mse.SMALL + choose_mse.DEEP, reading.of_network, strict=True)
    return [
        title,
        *(searched(getattr(reading, name), f"{name} of a reading") for name in titles),
        searched(reading.score, "score of a reading", ".3f"),
        *(searched(score, f"distance of {name}", ".3f") for name, score in scores),
    ]


if readings:
    best, others = readings[0], choose.runners_up(readings)
    lines = [reading_line("best", best)]
    lines += [reading_line(f"other {titles[name]}", other) for name, other in others.items()]
    small = [search.of(arm)[0]["config"] for arm in tried if arm.startswith(choose_mse.SMALL)]
    rates = sorted({config["learning_rate"] for config in small})
    number_tried = len({tuple(config[name] for name in titles) for config in small})
    used = {name: config_value(records, shown_arm, name) for name in titles}
    agrees = all(getattr(best, name) == value for name, value in used.items())
    closest = min((o.score for o in others.values() if o is not None), default=np.nan)
    say(
        f"The four networks were trained for {setting(search, tried[0], 'epochs')} epochs on "
        f"seeds of their own, with {searched(number_tried, 'combinations', 'd')} combinations of "
        "initialiser, pixel scale and learning rate of the small networks; "
        f"{searched(len(readings), 'readings', 'd')} of them keep the numbers of all four networks "
        "finite. The score of a reading is its mean distance from the first printed epochs, in "
        "logarithms of losses and log-odds of accuracies. "
        f"The best one is {'the one' if agrees else 'not the one'} that the study uses; the next "
        f"one scores {searched(closest / best.score, 'ratio of scores', '.1f')} times as high.",
        small_table(
            ["Reading", *(title.capitalize() for title in titles.values()), "Score",
             *(names[arm] for arm in (*choose_mse.SMALL, *choose_mse.DEEP))],
            lines,
            "The best reading, and for each parameter the best one with another value of it: its "
            "score, and the distance of each network. A runner-up close to the best would say that "
            "the logs do not pin the parameter.",
        ),
        "The learning rate lies at the edge of what was tried: a better one may lie beyond."
        if best.learning_rate in (rates[0], rates[-1])
        else "The learning rate lies inside what was tried.",
    )  # fmt: skip
else:
    say("The search runs in the paper profile only; *params.yaml* holds what it chose.")

# %% [markdown]
# ## Printed against measured {#mse-mlp-table}

# %%
heads = {(r["evidence"]["arm"], r["evidence"]["metric"]): r for r in headlines(rows)
         if r["kind"] == "curve"}  # fmt: skip
titles_of = {"running_loss": "loss", "running_accuracy": "accuracy"}
lines = []


def off_print(runs, judged):
    """(seeds, epochs): how far each run is from the print, in margins, where all have numbers."""
    kept = [
        r for r in judged
        if r["epoch"] <= runs.shape[1] and np.isfinite(runs[:, r["epoch"] - 1]).all()
    ]  # fmt: skip
    far = [np.abs(runs[:, r["epoch"] - 1] - printed_value(r)) / r["margin"] for r in kept]
    return np.stack(far, axis=1) if far else np.empty((len(runs), 0))


for key, group in curves.items():
    arm, metric = key
    judged = [r for r in group if not r["fitted"]]
    used = [r for r in group if r["fitted"]]
    over = [arm] if arm in arms else []
    off = off_print(records.curve(arm, metric), judged) if over else np.empty((0, 0))
    head = heads[key]
    lines.append(
        [
            f"{names[arm]}, {titles_of[metric]}",
            counted(spans(r["epoch"] for r in judged) or "–", "epochs judged", head["id"]),
            counted(spans(r["epoch"] for r in used) or "–", "epochs of the search", head["id"]),
            drawn(off.mean(), records, over, "mean distance in margins", ".2f")
            if off.size
            else "–",
            drawn(off.mean(axis=0).max(), records, over, "largest distance in margins", ".2f")
            if off.size
            else "–",
            seeds(records, arm) if over else "–",
            badge(head),
        ]
    )
say(
    summary(rows, "this family"),
    small_table(
        ["Curve", "Judged epochs", "Used by the search", "Runs off", "In the worst", "Seeds",
         "Verdict"],
        lines,
        "The printed curves. How far single runs are from the printed one, their mean over seeds "
        "and judged epochs, on which the verdict rests, and in the worst epoch, is in margins: "
        "within the margin below one. Epochs that this profile cuts off are left out.",
    ),
    family_table(
        headlines(rows),
        f"Squared error: {len(rows)} of {total} claims, profile {profile}. A curve stands here "
        "once, with the print of the first epoch that it is judged on.",
    ),
)  # fmt: skip

# %% [markdown]
# ## Epoch by epoch {#mse-mlp-epochs}

# %%
running = [arm for arm in networks if arm in arms]
constant = float(np.mean([np.mean(labels == k) * np.mean(labels != k) for k in range(classes)]))
figure, axes = fig.canvas(4.3, 2, len(running), sharex="col")
for line, (metric, test) in zip(
    axes, {"running_loss": "test_loss", "running_accuracy": "test_accuracy"}.items(), strict=True
):
    for place, (ax, arm) in enumerate(zip(line, running, strict=True)):
        tested = records.curve(arm, test)
        known = np.isfinite(tested).any(axis=0)
        values = records.curve(arm, metric)
        epochs = np.arange(values.shape[1]) + 1
        ax.plot(
            epochs[known], np.nanmean(tested[:, known], axis=0), color=fig.BLACK, linewidth=0.7,
            label="test", marker="." if len(epochs) == 1 else "",
        )  # fmt: skip
        fig.band(ax, epochs, values, "training", place, marks=len(epochs) == 1)
        at = np.array([r["epoch"] for r in curves[arm, metric]])
        points = np.array([printed_value(r) for r in curves[arm, metric]])
        kept = points > 0 if metric == "running_loss" else points > -1
        ax.plot(
            at[kept], points[kept], linestyle="", marker="o", markersize=2.6, mfc="white",
            mec=fig.RED, mew=0.8, zorder=5, label="printed",
        )  # fmt: skip
        if metric == "running_loss":
            ax.axhline(constant, color=fig.GREY, linewidth=1, linestyle=":", label="no image")
            ax.set(yscale="log", title=names[arm])
            low, high = ax.get_ylim()
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 30 * low else (1,)))
            ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            ax.yaxis.set_minor_formatter(NullFormatter())
        else:
            ax.set_xlabel("epoch")
axes[0, 0].set_ylabel("squared error")
axes[1, 0].set_ylabel("accuracy")
handles = dict(zip(*reversed(axes[0, 0].get_legend_handles_labels()), strict=True))
figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=4)
say(
    fig.saved(
        figure,
        "mse-epochs",
        "Loss (above, logarithmic) and accuracy (below) by epoch: mean over seeds with the range "
        "between them, averaged over an epoch's batches as they are trained on, masks on; thin: "
        "test images, masks off; circles: printed, where a loss is not printed as zero; dotted: "
        "the least loss of a network that does not look at the image.",
        "Curves of loss and accuracy with printed points, one column for each network: "
        + "; ".join(
            f"{names[arm]} ends with {records.curve(arm, 'running_accuracy')[:, -1].mean():.4f} "
            "of its training images right on average over its last epoch, masks on, and the print "
            "with "
            f"{curves[arm, 'running_accuracy'][-1]['printed']}"
            for arm in running
        ),
    )
)

# %% [markdown]
# ## What each network gets wrong {#mse-mlp-errors}

# %%
errors = {
    arm: np.stack([1 - records.array(arm, t["seed"], "correct") for t in records.of(arm)])
    for arm in running
}
kinds_of_error = {}
pair = [arm for arm in ("relu", "deep") if arm in arms]
figure, axes = fig.canvas(3.3, 1, len(pair), sharey=True)
for ax, arm in zip(axes[0], pair, strict=True):
    ax.set(title=names[arm], xlabel="predicted class")
    ax.set_xticks(range(classes))
    ax.set_yticks(range(classes))
    table = np.zeros((classes, classes))
    for trial in records.of(arm):
        np.add.at(table, (labels, records.array(arm, trial["seed"], "predictions")), 1)
    table /= len(records.of(arm))
    np.fill_diagonal(table, 0)
    kinds_of_error[arm] = table
    texts = np.array([[f"{n:.0f}" if round(n) else "" for n in row] for row in table])
    # Half the scale for the largest cell: the numbers stay legible on it.
    shaded(ax, np.sqrt(table / (table.max() or 1)), texts, 6.5)
axes[0, 0].set_ylabel("class of the image")
worst = {
    arm: np.unravel_index(table.argmax(), table.shape)
    for arm, table in kinds_of_error.items()
    if table.any()
}
# A network that gives every image one class makes errors that say nothing of the images.
collapsed = {
    arm: sum(
        len(np.unique(records.array(arm, t["seed"], "predictions"))) == 1 for t in records.of(arm)
    )
    for arm in running
}
each = {
    arm: [100 * bad[:, labels == k].mean() for k in range(classes)] for arm, bad in errors.items()
}
say(
    small_table(
        ["Network", *map(str, range(classes)), "All"],
        [
            [
                names[arm],
                *(drawn(v, records, [arm], f"error on images of {k}, %", ".1f")
                  for k, v in enumerate(values)),
                drawn(100 * errors[arm].mean(), records, [arm], "test error, %", ".1f"),
            ]
            for arm, values in each.items()
        ],
        "Share of the test images of each class that are given another one, in percent: means "
        "over seeds.",
    ),
    " ".join(
        f"Of {seeds(records, arm)} *{names[arm]}* networks, "
        f"{drawn(count, records, [arm], 'networks that give one class only', 'd')} give every test "
        "image the same class."
        for arm, count in collapsed.items()
        if count
    ),
    fig.saved(
        figure,
        "mse-errors",
        "Test images that are given a wrong class, by their class and the one they are given: mean "
        "numbers over seeds; shades by the square root, each panel on its own scale. "
        + ("The most frequent error: " if worst else "There is no error")
        + "; ".join(
            f"{drawn(int(i), records, [arm], 'class of the image')} taken for "
            f"{drawn(int(j), records, [arm], 'predicted class')} (*{names[arm]}*)"
            for arm, (i, j) in worst.items()
        )
        + ".",
        "Tables of counts of errors by class and predicted class.",
    ),
)  # fmt: skip

# %%
if "deep" in arms:
    always = np.flatnonzero(errors["deep"].all(axis=0))
    ever = int(errors["deep"].any(axis=0).sum())
    expected = len(labels) * float(np.prod(errors["deep"].mean(axis=1)))
    trials = records.of("deep")
    given = np.stack([records.array("deep", trial["seed"], "predictions") for trial in trials])
    figure, axes = fig.canvas(2.5, 2, 8)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, i in zip(axes.flat, always, strict=False):
        ax.set_axis_on()
        said = Counter(given[:, i].tolist()).most_common(2)
        fig.image(ax, images[i], f"is {labels[i]}\nsaid {', '.join(str(k) for k, _ in said)}")
    elsewhere = [arm for arm in ("sigmoid", "relu") if arm in arms and len(always)]
    beside = " and ".join(
        f"{drawn(errors[arm][:, always].mean(), records, [arm], 'error on these', '.0%')} of the "
        f"time (*{names[arm]}*)"
        for arm in elsewhere
    )
    wrong = drawn(len(always), records, ["deep"], "images that all get wrong")
    several = (
        f"All {seeds(records, 'deep')} deep networks get the same {wrong} of "
        f"{drawn(len(labels), records, ['deep'], 'test images')} test images wrong, and at least "
        f"one of them {drawn(ever, records, ['deep'], 'images that some get wrong')}; if errors "
        "fell on images at random, independently in each network, "
        f"{drawn(expected, records, ['deep'], 'expected number', '.1f')} would be wrong in all."
        if len(always)
        else f"No test image is wrong in all {seeds(records, 'deep')} deep networks; at least one "
        f"of them gets {drawn(ever, records, ['deep'], 'images that some get wrong')} wrong."
    )
    single = (
        f"The one deep network of this profile gets {wrong} test images wrong."
        if len(always)
        else "The one deep network of this profile gets no test image wrong."
    )
    say(
        (several if len(trials) > 1 else single)
        + (f" The small networks err on these images {beside}." if beside else ""),
        fig.saved(
            figure,
            "mse-images",
            "The first test images that every deep network gets wrong: the label, and the classes "
            "they are given most often.",
            f"Digits, with the labels {', '.join(map(str, labels[always[:16]]))}.",
        )
        if len(always)
        else "There is no such image to show.",
    )
