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
from retrial.fashion import NAMES
from retrial.judging import choose, choose_library
from retrial.report import figures as fig
from retrial.report.numbers import (
    claimed,
    config_value,
    drawn,
    number,
    seeds,
    setting,
)
from retrial.report.show import ledger, opened, printed_value, say, summary
from retrial.report.tables import family_table, small_table

records, rows, by_id = opened(results, "library_mlp")
search = Records.load(Path(results) / "library_search")
arms = records.arms()
titles = {"logistic": "logistic", "tanh": "tanh", "relu": "ReLU", "identity": "identity"}
plain = [arm for arm in titles if arm in arms]
theirs = [arm for arm in plain if f"library/{arm}" in arms]
first = plain[0]
kinds = {"trloss": "train_loss", "tracc": "train_accuracy", "valoss": "validation_loss",
         "vaacc": "validation_accuracy"}  # fmt: skip
size = {
    part: records.sample_size(first, f"{part}_accuracy") for part in ("train", "validation", "test")
}


def printed_of(arm, kind):
    return printed_value(by_id[f"002-C2-{arm}-{kind}"])


def mean(arm, metric):
    return float(np.nanmean(records.metric(arm, metric)))


# %% [markdown]
# # Library networks: four activations {#family-library-mlp}
#
# ## What was claimed {#library-mlp-claimed}

# %%
say(
    f"Report {rows[0]['report']}, section C, trains scikit-learn's multilayer perceptron on "
    "Fashion-MNIST with four activations and prints the final loss and accuracy of each on "
    f"training and validation images ({by_id['002-C2-relu-vaacc']['where']}). Validation "
    f"accuracies run from {claimed(rows, '002-C2-logistic-vaacc')} with the logistic function to "
    f"{claimed(rows, '002-C2-relu-vaacc')} with ReLU. It concludes that logistic does not "
    "converge, that identity converges first but at a higher loss than tanh and ReLU, and that "
    "ReLU performed best."
)

# %% [markdown]
# ## The data {#library-mlp-data}

# %%
folder = Path(raw) / "fashion_mnist"
images = np.load(folder / "train_images.npy", mmap_mode="r", allow_pickle=False)
labels = np.load(folder / "train_labels.npy", allow_pickle=False)
# The split takes the first rows of the training file.
labels = labels[: size["train"]]
side = 3
figure, axes = fig.canvas(3.0, 2, len(NAMES) // 2)
for k, (ax, name) in enumerate(zip(axes.flat, NAMES, strict=True)):
    own = images[np.flatnonzero(labels == k)[: side**2]]
    # Rows of `side` images become one picture.
    joined = own.reshape(side, side, *own.shape[1:]).swapaxes(1, 2)
    fig.image(ax, joined.reshape(side * own.shape[1], -1), name)
    ax.title.set_fontsize(10)
say(
    "The figure of the report that shows its data is lost; in its place, images of every class.",
    fig.saved(
        figure,
        "library-data",
        f"The first {drawn(side**2, records, plain, 'images shown of each class')} training images "
        f"of each of {drawn(len(NAMES), records, plain, 'classes')} classes, of "
        f"{drawn(size['train'], records, plain, 'training images')}.",
        f"Grey pictures of clothes: {', '.join(NAMES)}.",
    ),
)

# %% [markdown]
# ## What was run {#library-mlp-run}

# %%
whole = all(trial["whole"] for trial in records.trials)
absent = list(dict.fromkeys(arm.split("/")[0] for arm in records.skipped))
lines = [
    [
        title,
        *(setting(records, arm, k) for k in ("learning_rate", "epochs", "tolerance")),
        seeds(records, arm),
    ]
    for title, arm in (
        ("the report's four", first),
        ("*leak*: judged on training images", f"leak/{first}"),
        ("*longer*: logistic only", "longer/logistic"),
        ("*faster*: logistic only", "faster/logistic"),
        ("*library*: by scikit-learn itself", f"library/{first}"),
    )
    if arm in arms
]
say(
    f"Hidden layers of {setting(records, first, 'hidden')} units, the solver "
    f"*{setting(records, first, 'solver')}*, batches of {setting(records, first, 'batch')}, pixels "
    "between zero and one, cross-entropy with the library's default penalty; "
    f"{drawn(size['train'], records, plain, 'training images')} training images, "
    f"{drawn(size['validation'], records, plain, 'validation images')} for validation, "
    f"{drawn(size['test'], records, plain, 'test images')} for the test. The network is the "
    "library's, number for number, in single precision; the arms *library* are the library's own, "
    "in double precision. Arms of one seed share their initial draws and their orders of images.",
    small_table(
        ["Arms", "Learning rate", "Epochs, at most", "Tolerance", "Seeds"],
        lines,
        "What was trained. A tolerance stops a training whose loss no longer falls by it, as the "
        "library does; with *none* a network trains for all its epochs.",
    ),
    "The report states neither widths, solver, learning rate, batch nor the number of epochs. One "
    "choice serves all four activations (next section).",
    "" if whole else "This profile cuts trainings short, so it decides nothing on what it cuts.",
    f"This profile leaves out the arms *{'*, *'.join(absent)}*, and what they would show."
    if absent
    else "",
)

# %% [markdown]
# ## The search for what is left open {#library-mlp-search}

# %%
tried = search.arms()
names = {"hidden": "hidden layers", "solver": "solver", "learning_rate": "learning rate",
         "batch": "batch", "epochs": "epochs", "tolerance": "tolerance"}  # fmt: skip
readings = choose_library.readings(ledger(results, "library_mlp"), search) if tried else []


def searched(value, what, form=""):
    return drawn(value, search, tried, what, form)


def as_config(value):
    return list(value) if isinstance(value, tuple) else value


def reading_line(title, reading):
    if reading is None:
        return [title, *["–"] * (len(names) + 1)]
    values = [getattr(reading, name) for name in names]
    return [
        title,
        *(searched(value, f"{name} of a reading")
          for name, value in zip(names, values, strict=True)),
        searched(reading.score, "score of a reading", ".4f"),
    ]  # fmt: skip


if readings:
    best, others = readings[0], choose.runners_up(readings)
    used = [config_value(records, first, name) for name in names]
    agrees = used == [as_config(getattr(best, name)) for name in names]
    fields = [name for name in names if name not in ("epochs", "tolerance")]
    networks = {tuple(getattr(reading, name) for name in fields) for reading in readings}
    near = [o for name, o in others.items() if o is not None and name in fields]
    closest = min(near, key=lambda o: o.score, default=None)
    tops = {name: [o[fields.index(name)] for o in networks] for name in ("learning_rate", "batch")}
    edges = [
        names[name]
        for name, values in tops.items()
        if getattr(best, name) in (min(values), max(values))
    ]
    if best.epochs == max(reading.epochs for reading in readings):
        edges.append(names["epochs"])
    say(
        f"The four activations were trained with {searched(len(networks), 'networks')} choices of "
        "hidden layers, solver, learning rate and batch, on seeds of their own; every epoch is a "
        "candidate for the last one, with and without the library's rule for stopping, which gives "
        f"{searched(len(readings), 'readings')} readings. The score of a reading is its mean "
        "distance, in logarithms, from the four printed validation losses; the other printed "
        "numbers were not looked at. "
        f"The best reading is {'the one' if agrees else 'not the one'} that the study uses.",
        small_table(
            ["Reading", *(title.capitalize() for title in names.values()), "Score"],
            [
                reading_line("best", best),
                *(reading_line(f"other {names[name]}", other) for name, other in others.items()),
            ],
            "The best reading, and for each parameter the best one with another value of it.",
        ),
        (
            "The best network with another width, solver, rate or batch scores "
            f"{searched(closest.score / best.score, 'ratio of scores', '.1f')} times as high: the "
            "closer to one, the less the table pins the choice."
            if closest is not None and best.score
            else ""
        ),
        f"The choice lies at the edge of what was tried in: {', '.join(edges)}. A better reading "
        "may lie beyond."
        if edges
        else "The choice lies inside what was tried.",
    )
    figure, axes = fig.canvas(3.0)
    ax = axes[0, 0]
    solvers = sorted({reading.solver for reading in readings})
    rates = sorted({(reading.solver, reading.learning_rate) for reading in readings})
    ended = [r for r in readings if r.tolerance == best.tolerance]
    for place, (solver, rate) in enumerate(rates):
        lowest = {}
        for reading in ended:
            if (reading.solver, reading.learning_rate) == (solver, rate):
                lowest.setdefault(reading.epochs, reading.score)
        epochs = sorted(lowest)
        ax.plot(
            epochs, [lowest[epoch] for epoch in epochs], color=fig.CYCLE[place],
            linewidth=1.4, linestyle=("-", "--", "-.", ":")[place % 4], label=f"{solver}, {rate:g}",
        )  # fmt: skip
    ax.plot(best.epochs, best.score, "D", mfc="white", mec=fig.RED, mew=1.4, ms=6, label="best")
    ax.set(yscale="log", xlabel="epochs", ylabel="score of the best reading")
    fig.plain_logs(ax.yaxis)
    ax.legend(loc="upper right", ncols=2)
    say(
        fig.saved(
            figure,
            "library-search",
            "Score of the best reading (any widths and batch) by its last epoch, solver and "
            "learning rate; diamond: the chosen one. A narrow, deep valley pins the number of "
            "epochs; valleys of one depth would leave the learning rate open.",
            f"Lines of scores against epochs; the lowest is {best.solver} at "
            f"{best.learning_rate:g} with {best.epochs} epochs.",
        )
    )
else:
    say("The search runs in the paper profile only; *params.yaml* holds what it chose.")

# %% [markdown]
# ## Printed against measured {#library-mlp-table}

# %%
lines = [
    [
        titles[arm],
        *(
            cell
            for kind, metric in kinds.items()
            for cell in (
                claimed(rows, f"002-C2-{arm}-{kind}"),
                number(records, arm, metric, ".4f"),
            )
        ),
    ]
    for arm in plain
]
say(
    summary(rows, "this family"),
    small_table(
        ["Activation", "Train loss", "ours", "Train acc.", "ours", "Val. loss", "ours",
         "Val. acc.", "ours"],
        lines,
        f"The printed table, and beside each number our mean over {seeds(records, first)} seeds.",
    ),
    family_table(
        rows, f"Library networks: {len(rows)} of {total} claims, profile {profile}."
    ),
)  # fmt: skip

# %% [markdown]
# ## Epoch by epoch {#library-mlp-epochs}

# %%
columns = 2
figure, axes = fig.canvas(4.6, -(-len(plain) // columns), columns, sharex=True, sharey=True)
for ax in axes.flat[len(plain) :]:
    ax.set_axis_off()
for ax, arm in zip(axes.flat, plain, strict=False):
    for place, (metric, title) in enumerate(
        (("train_loss", "training images"), ("validation_loss", "validation images"))
    ):
        values = records.curve(arm, metric)
        epochs = np.arange(values.shape[1]) + 1
        fig.band(ax, epochs, values, title, place, marks=len(epochs) == 1)
        kind = {"train_loss": "trloss", "validation_loss": "valoss"}[metric]
        ax.plot(
            epochs[-1], printed_of(arm, kind), "Ds"[place], mfc="white", mec=fig.CYCLE[place],
            mew=1.4, ms=5.5, zorder=6, clip_on=False, label=f"printed, {title}",
        )  # fmt: skip
    ax.set_title(titles[arm])
for ax in axes[-1]:
    ax.set_xlabel("epoch")
for ax in axes[:, 0]:
    ax.set_ylabel("loss, nats")
figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
say(
    fig.saved(
        figure,
        "library-epochs",
        "Cross-entropy by epoch, after it, on training and validation images: mean over "
        f"{seeds(records, first)} seeds with the range between them. Open marks: printed final "
        "losses, drawn at the last epoch.",
        "Curves of loss for each activation with printed final values: "
        + "; ".join(
            f"{titles[arm]} ends at {mean(arm, 'train_loss'):.3f} in training and "
            f"{mean(arm, 'validation_loss'):.3f} in validation, printed "
            f"{printed_of(arm, 'trloss')} and {printed_of(arm, 'valoss')}"
            for arm in plain
        ),
    )
)

# %%
figure, axes = fig.canvas(2.9, 1, 2)
groups = {titles[arm]: records.metric(arm, "settled") for arm in plain}
fig.strip(axes[0, 0], groups)
axes[0, 0].set(ylabel="epoch", title="first epoch near the final loss")
axes[0, 0].set_ylim(bottom=0)
fig.strip(
    axes[0, 1],
    {titles[arm]: records.metric(arm, "validation_accuracy") for arm in plain},
    {titles[arm]: printed_of(arm, "vaacc") for arm in plain},
)
axes[0, 1].set(ylabel="accuracy", title="validation accuracy")
fig.strip_legend(figure)
known = {arm: np.nanmean(v) for arm, v in zip(plain, groups.values(), strict=True)
         if np.isfinite(v).any()}  # fmt: skip
order = sorted(known, key=known.get)
say(
    "Convergence is read here as the first epoch from which the training loss is within a "
    "twentieth of its final value. A training that is stopped while its loss still falls reaches "
    "this late, since its final value lies low; that is no sign of a slow network alone. Mean "
    "epochs, the first first: "
    + ", ".join(f"{number(records, arm, 'settled', '.1f')} ({titles[arm]})" for arm in order)
    + f"; of {setting(records, first, 'epochs')} at most.",
    fig.saved(
        figure,
        "library-settled",
        "Left: the first epoch whose training loss is at most one twentieth above the last one's. "
        f"Right: validation accuracy at the end. {seeds(records, first)} seeds an activation, "
        f"{drawn(size['validation'], records, plain, 'validation images')} images.",
        "Dots by activation. "
        + "; ".join(
            f"{titles[arm]}: settled in epoch {known.get(arm, np.nan):.1f}, validation accuracy "
            f"{mean(arm, 'validation_accuracy'):.4f}"
            for arm in plain
        ),
    ),
)

# %% [markdown]
# ## Ours beside the library's own {#library-mlp-beside}

# %%
if theirs:
    lines = []
    for arm in theirs:
        own = f"library/{arm}"
        held = [t["seed"] for t in records.of(own)]
        places = [i for i, t in enumerate(records.of(arm)) if t["seed"] in held]
        ours_loss, lib_loss = (
            records.curve(arm, "running_loss")[places],
            records.curve(own, "running_loss"),
        )
        shortest = min(ours_loss.shape[1], lib_loss.shape[1])
        apart = np.abs(ours_loss[:, :shortest] / lib_loss[:, :shortest] - 1)
        same = [
            np.mean(
                records.array(arm, seed, "validation_predictions")
                == records.array(own, seed, "validation_predictions")
            )
            for seed in held
        ]
        both = [arm, own]
        lines.append(
            [
                titles[arm],
                seeds(records, own),
                *(
                    drawn(np.mean(records.metric(one, "epochs")[where]), records, [one],
                          "mean epochs", ".0f")
                    for one, where in ((arm, places), (own, slice(None)))
                ),
                drawn(np.nanmax(apart), records, both, "largest relative difference", ".1e"),
                *(
                    drawn(np.mean(records.metric(one, "validation_loss")[where]), records, [one],
                          "mean validation loss", ".4f")
                    for one, where in ((arm, places), (own, slice(None)))
                ),
                drawn(np.mean(same), records, both, "share of images given one class", ".2%"),
            ]
        )  # fmt: skip
    say(
        "The same draws, trained by scikit-learn in double precision:",
        small_table(
            ["Activation", "Seeds", "Epochs, ours", "library", "Loss apart, at most",
             "Val. loss, ours", "library", "Same class"],
            lines,
            "Ours against the library's on the same seeds: how far the training losses of an epoch "
            "are apart at most, relative to the loss, and the share of validation images that both "
            "give the same class. What is apart is rounding, which training amplifies.",
        ),
    )  # fmt: skip
else:
    say("This profile does not train the library's own networks.")
