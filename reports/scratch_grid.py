# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["scratch_grid"]
total = 0

# %%
from collections import Counter
from pathlib import Path

import numpy as np

from retrial.core.partitioned import load_records
from retrial.judging import choose
from retrial.judging.faults import FAULTS
from retrial.report import figures as fig
from retrial.report.markup import prose
from retrial.report.numbers import (
    claimed,
    config_value,
    counted,
    drawn,
    number,
    seeds,
    setting,
    shown,
)
from retrial.report.show import ledger, opened, printed_value, say, summary
from retrial.report.stories import one_line, story
from retrial.report.tables import badge, family_table, small_table, sources

records, rows, by_id = opened(results, "scratch_grid")
search = load_records(Path(results) / "scratch_search")
arms = records.arms()
activations = list(dict.fromkeys(arm.split("/")[0] for arm in arms))
starts = list(dict.fromkeys(arm.split("/")[1] for arm in arms))
first = arms[0]
printed_arms = [a for a in arms if f"002-B-{a.replace('/', '-')}-vaacc" in by_id]


def printed_of(arm, what):
    row = by_id.get(f"002-B-{arm.replace('/', '-')}-{what}")
    return None if row is None else printed_value(row)


def drawn_count(value, arm_names, what):
    return drawn(int(value), records, arm_names, what, "d")


def pinned(arm):
    row = by_id.get(f"002-B-{arm.replace('/', '-')}-vaacc")
    if row is None or row["evidence"]["test"] != "constant_predictor":
        return "–"
    what = f"class whose share of the images is the printed accuracy of {row['id']}"
    return counted(row["evidence"]["thresholds"]["class"], what, row["id"])


# %% [markdown]
# # Networks from scratch {#family-scratch-grid}
#
# ## What was claimed {#scratch-grid-claimed}

# %%
where = prose(rows[0]["where"])
say(
    f"Report {rows[0]['report']}, section B, trains "
    f"{drawn_count(len(printed_arms), printed_arms, 'arms of the printed table')} networks "
    f"without a library, one for each pair of activation and initialisation, and prints loss and "
    f"accuracy of each on training and validation images ({where}). It adds that *nan* comes of "
    "exploding gradients, and that networks with zero weights do not learn because the error is "
    "multiplied by a weight that is zero."
)

# %% [markdown]
# ## What was run {#scratch-grid-run}

# %%
draws = "; ".join(
    f"*{start}*: "
    + ", ".join(
        f"{key} {setting(records, f'{activations[0]}/{start}', f'draw.{key}')}"
        for key in config_value(records, f"{activations[0]}/{start}", "draw")
    )
    for start in starts
)
size = records.sample_size(first, "train_accuracy")
held = records.sample_size(first, "validation_accuracy")
whole = all(trial["whole"] for arm in arms for trial in records.of(arm))
say(
    f"Hidden layers of {setting(records, first, 'hidden')} units, batches of "
    f"{setting(records, first, 'batch')}, softmax cross-entropy by log-sum-exp, plain SGD with a "
    f"learning rate of {setting(records, first, 'learning_rate')} for "
    f"{setting(records, first, 'epochs')} epochs; "
    f"{drawn(size, records, [first], 'training images')} training images of MNIST, "
    f"{drawn(held, records, [first], 'validation images')} for validation; "
    f"{seeds(records, first)} paired seeds an arm: networks of one seed begin at the same draws "
    "and see the same batches.",
    f"Initial weights: {draws}. The scales, the learning rate and the number of epochs are not "
    "stated in the report: a recorded search on other seeds chose them, once for the whole table "
    "(next section). "
    "The arms *he* and *glorot* are ours; they show what the table should have been.",
    "" if whole else "This profile cuts the protocol short, so it decides little here.",
)

# %% [markdown]
# ## The search for what is left open {#scratch-grid-search}

# %%
tried = search.arms()
titles = {
    "random": "random", "normal": "normal SD", "learning_rate": "learning rate", "epochs": "epochs"
}  # fmt: skip


def searched(value, what, form=""):
    return drawn(value, search, tried, what, form)


def valued(reading, name):
    value = getattr(reading, name)
    return f"{value[0]} {value[1]:g}" if name == "random" else f"{value:g}"


if tried:
    grid = choose.candidates(search)
    readings = choose.ranked(grid, choose.printed_cells(ledger(results, "scratch_grid")))
    chosen = readings[0]
    lines = []
    for name, other in choose.runners_up(readings).items():
        line = [titles[name], searched(valued(chosen, name), f"chosen {name}"), "–", "–", "–"]
        if other is not None:
            rest = ", ".join(f"{titles[n]} {valued(other, n)}" for n in titles if n != name)
            line[2:] = [
                searched(valued(other, name), f"best other {name}"),
                searched(rest, "its other parameters"),
                searched(other.score, "its score", ".3f"),
            ]
        lines.append(line)
    ends = {
        "random": [c.scale for c in grid if c.distribution == chosen.random[0]],
        "normal": [c.scale for c in grid if c.distribution == "normal"],
        "learning_rate": [c.learning_rate for c in grid],
    }
    at = {
        "random": chosen.random[1],
        "normal": chosen.normal,
        "learning_rate": chosen.learning_rate,
    }
    edges = [
        titles[name] for name, tested in ends.items() if at[name] in (min(tested), max(tested))
    ]
    if chosen.epochs == max(reading.epochs for reading in readings):
        edges.append(titles["epochs"])
    say(
        f"{searched(len(tried), 'arms of the search', 'd')} networks, on seeds of their own and "
        f"with every epoch as a candidate, give {searched(len(readings), 'readings', 'd')} "
        "readings of the whole table. The score of a reading is its mean distance from the printed "
        "validation columns of the networks that learned, in logarithms of losses and log-odds of "
        "accuracies. A runner-up whose score is close to the best says that the table does not pin "
        "that parameter.",
        small_table(
            ["Parameter", "Chosen", "Best other", "Together with", "Score"],
            lines,
            f"The chosen reading (score {searched(chosen.score, 'score', '.3f')}), and for each "
            "parameter the best reading with another value of it.",
        ),
        f"The choice lies at the edge of what was tried in: {', '.join(edges)}. A better reading "
        "may lie beyond."
        if edges
        else "The choice lies inside what was tried.",
    )
else:
    say("The search runs in the paper profile only; *params.yaml* holds what it chose.")

# %% [markdown]
# ## Printed against measured {#scratch-grid-table}

# %%
say(
    summary(rows, "this family"),
    family_table(rows, f"Networks from scratch: {len(rows)} of {total} claims, profile {profile}."),
)

# %% [markdown]
# ## Accuracy, seed by seed {#scratch-grid-accuracy}

# %%
figure, axes = fig.canvas(3.1, 1, len(activations), sharey=True)
for ax, activation in zip(axes[0], activations, strict=True):
    groups = {s: 100 * records.metric(f"{activation}/{s}", "validation_accuracy") for s in starts}
    failed = {
        s: np.array([t["status"] == "diverged" for t in records.of(f"{activation}/{s}")])
        for s in starts
    }
    marks = {s: printed_of(f"{activation}/{s}", "vaacc") for s in starts}
    fig.strip(ax, groups, marks, failed=failed)
    ax.set_title(activation)
    ax.tick_params(axis="x", rotation=60)
axes[0, 0].set_ylabel("validation accuracy, %")
axes[0, 0].set_ylim(0, 103)
fig.strip_legend(figure, failed="one seed, diverged")
say(
    fig.saved(
        figure,
        "scratch-accuracy",
        "Validation accuracy of every seed at the end of training, by activation (panels) and "
        f"initialisation. n = {seeds(records, first)} seeds an arm, "
        f"{drawn(held, records, [first], 'validation images')} images each; bars are t intervals "
        "of the mean, diamonds what the report printed.",
        "Dots of validation accuracy in percent. "
        + "; ".join(
            f"{arm}: mean {100 * np.nanmean(records.metric(arm, 'validation_accuracy')):.1f}"
            for arm in arms
        ),
    )
)

# %%
epochs = max(records.curve(arm, "validation_accuracy").shape[1] for arm in arms)
figure, axes = fig.canvas(2.6, 1, len(activations), sharey=True)
for ax, activation in zip(axes[0], activations, strict=True):
    for place, start in enumerate(starts):
        curve = 100 * records.curve(f"{activation}/{start}", "validation_accuracy")
        fig.band(ax, np.arange(1, curve.shape[1] + 1), curve, start, place)
    ax.set_title(activation)
    ax.set_xlabel("epoch")
    ax.set_ylim(0, 103)
axes[0, 0].set_ylabel("validation accuracy, %")
handles = {}
for ax in axes[0]:
    handles |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=len(starts))
say(
    fig.saved(
        figure,
        "scratch-curves",
        f"Validation accuracy by epoch: mean over {seeds(records, first)} seeds, with the range "
        "between them. An arm without a line never ended an epoch with finite numbers.",
        "Curves of validation accuracy against the epoch, one panel for each activation.",
    )
)

# %% [markdown]
# ## Where numbers cease to be finite {#scratch-grid-nan}

# %%
broken = [a for a in arms if any(t["status"] == "diverged" for t in records.of(a))]
lines = []
for arm in arms:
    trials = records.of(arm)
    bad = [t for t in trials if t["status"] == "diverged"]
    naive = Counter(name for t in trials for name in t["detail"].get("naive", {}))
    if not bad and not naive:
        continue
    tensors = Counter(t["detail"].get("tensor", "?") for t in bad)
    steps = [t["detail"]["step"] for t in bad]
    at = {t["detail"]["epoch"] for t in bad}
    zero = [t["detail"]["naive"]["log_zero_float32"] for t in trials
            if "log_zero_float32" in t["detail"].get("naive", {})]  # fmt: skip
    first_zero = f"{shown(list(min(zero)))}" if zero else "–"
    lines.append(
        [
            arm,
            drawn_count(len(bad), [arm], "diverged trials"),
            ", ".join(f"{name} ({n})" for name, n in tensors.most_common()) or "–",
            f"{min(at)}–{max(at)}".replace(f"{min(at)}–{min(at)}", str(min(at))) if at else "–",
            f"{min(steps)}–{max(steps)}" if steps else "–",
            drawn_count(len(zero), [arm], "trials where log(0) would have struck"),
            first_zero,
        ]
    )
say(
    f"{drawn_count(len(broken), arms, 'arms with a diverged trial')} of "
    f"{drawn_count(len(arms), arms, 'arms')} arms have a seed whose numbers cease to be finite. "
    "The table names the first tensor that held one. Cross-entropy by log-sum-exp survives logits "
    "that lie far apart; a softmax followed by a logarithm does not, and the last columns "
    "say in how many seeds, and when first, it would have taken the logarithm of zero in float"
    + drawn(32, records, [first], "bits of the arithmetic", "d")
    + ".",
    small_table(
        ["Arm", "Diverged seeds", "First tensor (seeds)", "Epoch", "Step", "Seeds with log of zero",
         "First at epoch, step"],
        lines,
        f"First non-finite numbers, of {seeds(records, first)} seeds an arm.",
    ) if lines else "No arm diverged at this budget, and no softmax would have.",
)  # fmt: skip

# %% [markdown]
# ## Constant predictors {#scratch-grid-constant}

# %%
lines = []
for arm in arms:
    classes = records.metric(arm, "validation_constant_class")
    constant = np.isfinite(classes)
    if not constant.any():
        continue
    tally = Counter(classes[constant].astype(int).tolist())
    counts = ", ".join(f"{c} (×{n})" for c, n in tally.most_common())
    val = 100 * records.metric(arm, "validation_accuracy")[constant]
    printed = [printed_of(arm, key) for key in ("tracc", "vaacc")]
    lines.append(
        [
            arm,
            drawn_count(constant.sum(), [arm], "seeds with one predicted class"),
            drawn(counts, records, [arm], "predicted class, and in how many seeds"),
            pinned(arm),
            ", ".join(
                drawn(v, records, [arm], "validation accuracy, %", ".2f")
                for v in sorted(set(val.tolist()))
            ),
            "–" if printed[0] is None else claimed(rows, f"002-B-{arm.replace('/', '-')}-tracc"),
            "–" if printed[1] is None else claimed(rows, f"002-B-{arm.replace('/', '-')}-vaacc"),
        ]
    )
say(
    "An accuracy near that of chance is the share of one class: the network gives every image "
    "the same class. Such numbers are judged as counts: the share of which class is printed, and "
    "which class do the runs give?",
    small_table(
        ["Arm", "Seeds", "Class (seeds)", "Class of the print", "Validation, %",
         "Printed train, %", "Printed val., %"],
        lines,
        "Arms in which some seed gives every validation image one class.",
    ) if lines else "No seed of any arm gives one class to every image at this budget.",
)  # fmt: skip

# %% [markdown]
# ## What the losses average {#scratch-grid-loss}

# %%
panels = {"loss": "mean over images", "loss_per_entry": "mean over images and classes"}
figure, axes = fig.canvas(3.1, 1, 2, sharex=True, sharey=True)
within = Counter()
points = 0
for ax, (suffix, title) in zip(axes[0], panels.items(), strict=True):
    for place, activation in enumerate(activations):
        shown_label = activation
        for start in starts:
            arm = f"{activation}/{start}"
            for what, part, fill in (("trloss", "train", True), ("valoss", "validation", False)):
                printed = printed_of(arm, what)
                values = records.metric(arm, f"{part}_{suffix}")
                if printed is None or not np.isfinite(printed) or not np.isfinite(values).any():
                    continue
                mean, colour = np.nanmean(values), fig.CYCLE[place]
                bounds = [[mean - np.nanmin(values)], [np.nanmax(values) - mean]]
                ax.errorbar(
                    printed, mean, yerr=bounds, fmt=fig.MARKERS[place], color=colour,
                    mfc=colour if fill else "white", markersize=5, linewidth=1, label=shown_label,
                )  # fmt: skip
                shown_label = None
                within[suffix] += bool(0.5 * printed <= mean <= 2 * printed)
                points += suffix == "loss"
    ax.set(xscale="log", yscale="log", title=title, xlabel="printed loss")
    ends = np.array([0.015, 4.0])
    ax.plot(ends, ends, color=fig.GREY, linewidth=0.8, linestyle="--", zorder=1)
axes[0, 0].set_ylabel("measured loss, nats")
axes[0, 1].legend(loc="upper left")
zero = next(a for a in printed_arms if a.endswith("/zero"))
zero_claim = f"002-B-{zero.replace('/', '-')}-valoss"
times = np.nanmean(records.metric(zero, "validation_loss")) / printed_of(zero, "valoss")
say(
    f"The loss that the report prints for a network with zero weights: {badge(by_id[zero_claim])}",
    story(
        "scratch-grid-loss",
        f"{claimed(rows, zero_claim)} for the validation loss of a network with zero weights "
        f"({zero.replace('/', ', ')}).",
        "With zero weights a network gives every image the same probabilities, and its loss is the "
        "entropy of the classes, close to the logarithm of their number. Here it is "
        f"{number(records, zero, 'validation_loss', '.4f')} nats, "
        f"{drawn(times, records, [zero], 'measured over printed loss', '.2f')} times the print. A "
        "mean over all entries of the one-hot matrix, images times classes, would be smaller by "
        "the number of classes.",
        one_line(FAULTS["mean_over_classes"]),
        f"{number(records, zero, 'validation_loss_per_entry', '.4f')}. The networks that learn "
        "have other losses, and there the scales of their weights are only fitted. Of "
        f"{drawn_count(points, printed_arms, 'printed finite losses')} finite printed losses, "
        f"{drawn_count(within['loss'], printed_arms, 'within a factor of two')} lie within a "
        "factor of two of the loss as labelled, and "
        f"{drawn_count(within['loss_per_entry'], printed_arms, 'within a factor of two')} of the "
        "mean over entries. A loss that lies below what its accuracy allows stays *impossible*, "
        "whatever fault it came from.",
    ),
    fig.saved(
        figure,
        "scratch-loss",
        "Measured against printed losses, as the report labels them (left) and averaged over "
        "images and classes (right); filled: training, open: validation; bars: range over "
        f"{seeds(records, first)} seeds; dashed: equality.",
        "Two scatter plots of measured against printed loss with the line of equality.",
    ),
)

# %% [markdown]
# ## What follows {#scratch-grid-follows}

# %%
good = [a for a in arms if a.split("/")[1] in ("he", "glorot")]
best = max(good, key=lambda a: np.nanmean(records.metric(a, "validation_accuracy")))
worst = min(good, key=lambda a: np.nanmean(records.metric(a, "validation_accuracy")))
accuracy = {
    a: drawn(
        100 * np.nanmean(records.metric(a, "validation_accuracy")), records, [a],
        "mean of validation_accuracy, %", ".2f",
    )
    for a in (best, worst)
}  # fmt: skip
failed = sum(t["status"] == "diverged" for a in good for t in records.of(a))
say(
    "The printed table compares initial scales rather than activations. With a scale that fits the "
    f"layers' widths the same networks reach, under the same budget, between {accuracy[worst]}% "
    f"({worst.replace('/', ' with ')}) and {accuracy[best]}% ({best.replace('/', ' with ')}); "
    f"{drawn_count(failed, good, 'diverged trials')} of "
    f"{drawn_count(sum(len(records.of(a)) for a in good), good, 'trials')} such runs diverge."
)

# %% [markdown]
# ## Limits {#scratch-grid-limits}
#
# The scales, the learning rate and the number of epochs are fitted: a verdict that leans on them
# says so (*given … fitted choices*), and where another reading of the search gives a number that
# the chosen one misses, it is left open (*reading*). The search looked at the table as a whole and
# at no cell alone.

# %%
say(sources(records, "Sources of the numbers of this family"))
if tried:
    say(sources(search, "Sources of the numbers of the search"))
