# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["depth"]
total = 0

# %%
from pathlib import Path

import numpy as np

from retrial.report import figures as fig
from retrial.report.numbers import claimed, config_value, drawn, number, seeds, setting
from retrial.report.show import headlines, opened, printed_value, say, summary
from retrial.report.tables import badge, family_table, small_table

records, rows, by_id = opened(results, "depth")
arms = records.arms()
titles = {"relu": "ReLU", "tanh": "tanh", "sigmoid": "sigmoid", "lecun": "LeCun"}
metrics = {"test_loss": "loss", "test_accuracy": "accuracy"}
# The printed table: its claims by arm, such as "relu/5", and metric.
cells = {}
for row in rows:
    if row["kind"] == "value":
        cells.setdefault(row["evidence"]["arm"], {})[row["evidence"]["metric"]] = row
activations = list(dict.fromkeys(arm.split("/")[0] for arm in cells))
depths = sorted({int(arm.split("/")[1]) for arm in cells})
table = [f"{activation}/{depth}" for depth in depths for activation in activations]
diverged = {arm: np.array([t["status"] == "diverged" for t in records.of(arm)]) for arm in table}
labels = np.load(Path(raw) / "mnist" / "test_labels.npy", allow_pickle=False)


def title_of(arm):
    return titles[arm.split("/")[0]]


def depth_of(arm):
    return int(arm.split("/")[1])


def named(arm):
    """A network in prose, its depth drawn from its record."""
    return f"{title_of(arm)} at {setting(records, arm, 'depth')} layers"


def mean(arm, metric):
    values = records.metric(arm, metric)
    return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan


def printed_at(depth, metric):
    return ", ".join(
        f"{claimed(rows, cells[f'{a}/{depth}'][metric]['id'])} ({titles[a]})" for a in activations
    )


# %% [markdown]
# # Depth and activations {#family-depth}
#
# ## What was claimed {#depth-claimed}

# %%
own = cells[table[0]]["test_loss"]
epochs = records.provenance["protocol"]["epochs"]
say(
    f"Report {own['report']}, question {claimed(rows, own['id'], 'where')}, trains networks of "
    f"{drawn(depths, records, table, 'numbers of hidden layers')} hidden layers on MNIST, with "
    f"{', '.join(titles[a] for a in activations)}, for "
    f"{drawn(epochs, records, table, 'epochs of the protocol')} epochs each, and prints loss and "
    "accuracy on the test images. Accuracies are "
    + "; ".join(
        f"{printed_at(d, 'test_accuracy')} at "
        f"{drawn(d, records, [f'{a}/{d}' for a in activations], 'hidden layers')} layers"
        for d in depths
    )
    + ". It concludes that every activation does best with the fewest layers, and that a deeper "
    "model *must be too deep and therefore not able to generalize well*. What it says of gradients "
    "and of LeCun's activation has chapters of its own."
)

# %% [markdown]
# ## What was run {#depth-run}

# %%
first = table[0]
images = [records.sample_size(first, f"{part}_accuracy") for part in ("train", "test")]
whole = all(trial["whole"] for trial in records.trials)
absent = list(dict.fromkeys("/".join(arm.split("/")[:-1]) for arm in records.skipped))
kinds = {"the report's table": table, "LeCun's activation": [], "gradients": [], "remedies": []}
for arm in arms:
    begins = {"lecun": "LeCun's activation", "gradients": "gradients", "remedy": "remedies"}
    if arm.split("/")[0] in begins:
        kinds[begins[arm.split("/")[0]]].append(arm)
lines = [
    [
        kind,
        drawn(len(group), records, group, "arms"),
        drawn(sorted({config_value(records, a, "depth") for a in group}), records, group, "depths"),
        drawn(sorted({config_value(records, a, "epochs") for a in group}), records, group,
              "epochs"),
        seeds(records, group[0]),
    ]
    for kind, group in kinds.items()
    if group
]  # fmt: skip
say(
    small_table(["Networks", "Kinds", "Hidden layers", "Epochs", "Seeds"], lines,
                "What was trained; the seeds are those of each kind."),
    f"Hidden layers of {setting(records, first, 'width')} units, a softmax with cross-entropy on "
    f"top, batches of {setting(records, first, 'batch')}, *{setting(records, first, 'optimiser')}* "
    f"at a learning rate of {setting(records, first, 'learning_rate')}, initialiser "
    f"*{setting(records, first, 'initialiser')}*, pixels between zero and one; "
    f"{drawn(images[0], records, table, 'training images')} training images, "
    f"{drawn(images[1], records, table, 'test images')} for the test. Networks of one seed share "
    "their orders of batches, and those of one depth their initial draws as well.",
    "The report states depths, activations and the number of epochs. Width, batch, optimiser, "
    "learning rate and initialiser are left open: one choice serves the whole table, made by "
    "[a search](#depth-search) that saw the numbers of the networks with the fewest layers only.",
    "" if whole else "This profile cuts trainings short, so it decides nothing on what it cuts.",
    f"This profile leaves out the arms *{'*, *'.join(absent)}*, and what they would show."
    if absent
    else "",
)  # fmt: skip

# %% [markdown]
# ## Printed against measured {#depth-table}

# %%
lines = [
    [
        f"{title_of(arm)}, {setting(records, arm, 'depth')}",
        *(
            text
            for metric in metrics
            for text in (
                claimed(rows, cells[arm][metric]["id"]),
                number(records, arm, metric, ".4f"),
                badge(cells[arm][metric]),
            )
        ),
        seeds(records, arm),
    ]
    for arm in table
]
say(
    summary(rows, "this family"),
    small_table(
        ["Network", "Loss", "ours", "Verdict", "Accuracy", "ours", "Verdict", "Seeds"],
        lines,
        "The printed table by activation and number of hidden layers, and beside each number our "
        "mean over seeds, on the test images.",
    ),
    family_table(
        headlines(rows), f"Depth: {len(rows)} of {total} claims, profile {profile}."
    ),
)  # fmt: skip

# %% [markdown]
# ## Seed by seed {#depth-seeds}

# %%
figure, axes = fig.canvas(3.9, 2, len(depths), sharex=True, sharey="row")
for line, (metric, what) in zip(axes[::-1], metrics.items(), strict=True):
    for ax, depth in zip(line, depths, strict=True):
        group = {titles[a]: f"{a}/{depth}" for a in activations}
        fig.strip(
            ax,
            {title: records.metric(arm, metric) for title, arm in group.items()},
            {title: printed_value(cells[arm][metric]) for title, arm in group.items()},
            failed={title: diverged[arm] for title, arm in group.items()},
        )
        if metric == "test_accuracy":
            ax.set_title(f"{depth} hidden layers")
    line[0].set_ylabel("test loss, nats" if what == "loss" else "test accuracy")
axes[0, 0].set_ylim(0, 1.05)
fig.strip_legend(figure, failed="diverged" if any(d.any() for d in diverged.values()) else "")
constant = {arm: records.metric(arm, "predicted_classes") == 1 for arm in table}
# The cells between the two ends of a training that learns or does not: means hide what runs do.
mixed = [arm for arm in table if 0 < constant[arm].sum() < len(constant[arm])]
widest = max(table, key=lambda arm: np.ptp(records.metric(arm, "test_accuracy")))
spread = records.metric(widest, "test_accuracy")
claim = cells[widest]["test_accuracy"]
told = [
    f"Of {seeds(records, arm)} networks with {named(arm)}, "
    f"{drawn(constant[arm].sum(), records, [arm], 'networks that predict one class')} give every "
    "test image one class; the accuracies of the others lie between "
    + " and ".join(
        drawn(end(records.metric(arm, "test_accuracy")[~constant[arm]]), records, [arm],
              "accuracy of a network that learns", ".4f")
        for end in (np.min, np.max)
    )
    + "."
    for arm in mixed
]  # fmt: skip
say(
    f"Runs differ most in test accuracy with {named(widest)}: from "
    f"{number(records, widest, 'test_accuracy', '.4f', 'min')} to "
    f"{number(records, widest, 'test_accuracy', '.4f', 'max')} over {seeds(records, widest)} "
    f"seeds, {drawn(np.sum(spread < printed_value(claim)), records, [widest], 'seeds below')} of "
    f"them below the print of {claimed(rows, claim['id'])} and "
    f"{drawn(np.sum(spread > printed_value(claim)), records, [widest], 'seeds above')} above it. "
    + " ".join(told),
    fig.saved(
        figure,
        "depth-seeds",
        "Test accuracy and loss at the end of training, by depth and activation: one dot a seed "
        f"({seeds(records, first)} each), the mean with its interval, and the printed number.",
        "Dots of accuracy and loss. "
        + "; ".join(
            f"{title_of(arm)}, {depth_of(arm)} layers: accuracy "
            f"{np.nanmin(records.metric(arm, 'test_accuracy')):.3f} to "
            f"{np.nanmax(records.metric(arm, 'test_accuracy')):.3f}, printed "
            f"{cells[arm]['test_accuracy']['printed']}"
            for arm in table
        ),
    ),
)

# %% [markdown]
# ## Epoch by epoch {#depth-epochs}

# %%
for what, metric in (("loss", "test_loss"), ("accuracy", "test_accuracy")):
    figure, axes = fig.canvas(3.6, len(depths), len(activations), sharex=True, sharey=True)
    for (i, j), ax in np.ndenumerate(axes):
        arm = f"{activations[j]}/{depths[i]}"
        for place, (curve, part) in enumerate(
            ((f"running_{what}", "training, as it goes"), (metric, "test, after the epoch"))
        ):
            values = records.curve(arm, curve)
            at = np.arange(values.shape[1]) + 1
            fig.band(ax, at, values, part, place, marks=len(at) < 4)
            if place:
                ax.plot(at, values.T, color=fig.CYCLE[place], linewidth=0.4, alpha=0.6)
        ax.plot(epochs, printed_value(cells[arm][metric]), "D", mfc="white", mec=fig.RED, mew=1.2,
                ms=4.5, zorder=6, clip_on=False, label="printed, test")  # fmt: skip
        if what == "loss":
            ax.set_yscale("log")
        if not i:
            ax.set_title(titles[activations[j]])
        if not j:
            ax.set_ylabel(f"{depths[i]} layers\n{what}{', nats' if what == 'loss' else ''}")
        if i == len(depths) - 1:
            ax.set_xlabel("epoch")
    if what == "loss":
        fig.plain_logs(axes[0, 0].yaxis)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    say(
        fig.saved(
            figure,
            f"depth-{what}",
            f"{what.capitalize()} by epoch: mean over {seeds(records, first)} seeds with the range "
            "between them, by depth (rows) and activation; on the training images as an average "
            "over the batches of the epoch, on the test images after it, with a thin line a seed.",
            f"Curves of {what}. "
            + "; ".join(
                f"{title_of(arm)}, {depth_of(arm)} layers: test {what} ends at "
                f"{mean(arm, metric):.3f}"
                for arm in table
            ),
        )
    )

# %% [markdown]
# ## Too deep to generalise, or to learn? {#depth-learning}

# %%
dead = [arm for arm in table if constant[arm].all()]
prior = mean(first, "prior_loss")
most_frequent = float(np.bincount(labels).max() / len(labels))
excess = {arm: mean(arm, "test_loss") - prior for arm in dead}
furthest = max(excess.values(), key=abs, default=np.nan)
near = [arm for arm in dead if abs(excess[arm]) < 0.01 * prior]
losses = {}
for arm in table:
    base = f"{arm.split('/')[0]}/{depths[0]}"
    if arm != base:
        losses[arm] = [mean(base, m) - mean(arm, m) for m in ("test_accuracy", "train_accuracy")]
worse = [arm for arm, (test, _) in losses.items() if test > 0]
unlearned = [arm for arm in worse if losses[arm][1] > losses[arm][0] / 2]
lines = [
    [
        f"{title_of(arm)}, {setting(records, arm, 'depth')}",
        f"{drawn(constant[arm].sum(), records, [arm], 'networks that predict one class')} of "
        f"{seeds(records, arm)}",
        drawn(mean(arm, "test_loss") - prior, records, [arm], "loss above the shares'", "+.3f"),
        *(number(records, arm, m, ".4f") for m in ("train_accuracy", "test_accuracy", "gap")),
        *(
            [drawn(lost, records, [arm], "accuracy lost to depth", "+.4f") for lost in
             losses[arm][::-1]]
            if arm in losses
            else ["–", "–"]
        ),
    ]
    for arm in table
]  # fmt: skip
say(
    "A network that looks at nothing can still predict the shares of the training classes: its "
    f"test loss is {number(records, first, 'prior_loss', '.4f')}, and the most frequent class "
    f"alone makes {drawn(most_frequent, records, table, 'share of the most frequent class', '.4f')}"
    " of the test images right. "
    + (
        "All networks of these kinds give every test image one class: "
        + "; ".join(
            f"{named(arm)}, with a mean loss of {number(records, arm, 'test_loss', '.4f')} "
            f"(printed {claimed(rows, cells[arm]['test_loss']['id'])})"
            for arm in dead
        )
        + (
            ". Their loss is that of the shares to within a hundredth of it: they are that "
            "predictor."
            if len(near) == len(dead)
            else ". These losses are not all within a hundredth of that of the shares: they differ "
            f"by up to {drawn(furthest, records, dead, 'loss above that of the shares', '+.3f')}."
        )
        if dead
        else "No kind of network gives one class only in every seed."
    ),
    small_table(
        ["Network", "One class", "Loss − shares'", "Train acc.", "Test acc.", "Gap", "Train lost",
         "Test lost"],
        lines,
        "Networks that predict one class for all test images; mean test loss above that of the "
        "class shares; mean accuracies and their gap, train less test; and what of either is lost "
        "against the fewest layers.",
    ),
    "A failure to generalise would show as a training accuracy that stays where it was while the "
    "test accuracy falls. "
    + (
        f"Mean test accuracy is lower than with the fewest layers in "
        f"{drawn(len(worse), records, table, 'deeper networks that are worse')} of "
        f"{drawn(len(losses), records, table, 'deeper networks')} kinds of deeper networks; in "
        f"{drawn(len(unlearned), records, table, 'of these, whose training accuracy falls')} of "
        "these the training accuracy falls by more than half as much"
        + (f" ({'; '.join(named(arm) for arm in unlearned)}). " if unlearned else ". ")
        + (
            f"{'What' if whole else 'So far, what'} deeper networks lose, they lose in learning."
            if len(unlearned) == len(worse)
            else "Only of the others may it be said that they generalise worse."
        )
        if worse
        else "No deeper network has a lower mean test accuracy here, so nothing is to be explained."
    ),
)  # fmt: skip

# %%
say(
    "Why deep networks do not learn is what [the next chapter](#depth-gradients) looks at; what "
    "follows from all of it stands [at the end](#depth-follows)."
)
