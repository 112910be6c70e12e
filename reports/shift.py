# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["shift"]
total = 0

# %%
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
)
from retrial.report.show import arms_of, opened, printed_value, say, summary
from retrial.report.tables import badge, family_table, small_table, sources
from retrial.statistics import parse_printed

records, rows, by_id = opened(results, "shift")
arms = [arm for arm in records.arms() if arm != "ink"]
reach = config_value(records, arms[0], "max_shift")
moved = records.sample_size(arms[0], "consistency")
tested = records.sample_size(arms[0], "test_accuracy")
# The arms that the verdicts on the two printed accuracies rest on.
printed = {arms_of(row)[0]: row for row in (by_id["000-3C-mlp-acc"], by_id["000-3C-lenet-acc"])}


def mean_map(arm, name):
    trials = [t["seed"] for t in records.of(arm) if t["status"] == "ok"]
    maps = [records.array(arm, seed, name) for seed in trials]
    return np.mean(maps, axis=0) if maps else np.full((2 * reach + 1,) * 2, np.nan)


# %% [markdown]
# # Shift invariance {#family-shift}
#
# ## What was claimed {#shift-claimed}

# %%
say(
    f"Report {rows[0]['report']}, section three, compares a multilayer perceptron (MLP) with "
    "LeNet, a small convolutional network, on MNIST. An MLP with a test accuracy of "
    f"{claimed(rows, '000-3C-mlp-acc')} and LeNet with "
    f"{claimed(rows, '000-3C-lenet-acc')} look at one shifted digit. LeNet still sees a "
    f"{claimed(rows, '000-3C-shift-lenet-shifted')}, the MLP a "
    f"{claimed(rows, '000-3C-shift-mlp-shifted')}; from this the report concludes that "
    "convolutional networks are invariant to translation and that MLPs are not."
)

# %% [markdown]
# ## What was run {#shift-run}

# %%
cut = [arm for arm in arms if not all(t["whole"] for t in records.of(arm))]
say(
    "Every digit is moved by up to "
    f"{setting(records, 'lenet', 'max_shift')} pixels in every direction, on a canvas so wide that "
    "no ink is cut off; *clipped* arms keep the usual frame. Accuracy is the share of moved images "
    "that are classified right; consistency the share whose class is that of the unmoved image. "
    f"Both are means over {drawn(moved, records, arms, 'moved test images')} test images; "
    f"{seeds(records, arms[0])} paired seeds; batches of {setting(records, 'mlp', 'batch')}; "
    f"the MLP has {setting(records, 'mlp', 'hidden')} hidden units and trains for "
    f"{setting(records, 'mlp', 'epochs')} epochs, LeNet for {setting(records, 'lenet', 'epochs')}.",
    ("The profile cuts these arms short: " + ", ".join(cut) + ".") if cut else "",
)
if "ink" in records.arms():
    losses = "; ".join(
        f"{drawn(step, records, ['ink'], 'pixels down', 'd')} px: "
        f"{number(records, 'ink', f'lost_down_{step}', '.1%')}"
        for step in range(1, reach + 1)
    )
    say(
        "Why the canvas: in MNIST's own frame a digit that moves loses ink. Share of the "
        f"{drawn(records.sample_size('ink', 'lost_down_1'), records, ['ink'], 'test images')} test "
        f"images that lose some, by shift downwards: {losses}."
    )

# %% [markdown]
# ## Printed against measured {#shift-table}

# %%
say(
    summary(rows, "this family"),
    family_table(rows, f"Shift invariance: {len(rows)} of {total} claims, profile {profile}."),
)

# %% [markdown]
# ## How long the printed accuracies take {#shift-budget}

# %%
figure, ax = fig.canvas(3.1)
ax = ax[0, 0]
for place, arm in enumerate(printed):
    seen = np.nanmean(records.curve(arm, "images_seen"), axis=0)
    fig.band(ax, seen, records.curve(arm, "test_accuracy"), arm, place, marks=True)
    claim = printed[arm]
    label = f"printed for {arm.split('/')[0]}: {claim['printed']}"
    fig.printed_line(ax, printed_value(claim), label, below=place == 0)
    if place:  # the curves cross the right end of the upper line
        note = ax.texts[-1]
        note.xy, note.xyann = (0, printed_value(claim)), (2, 2)
        note.set_ha("left")
ax.set(xscale="log", xlabel="training images seen", ylabel="test accuracy")
ax.legend(loc="lower right")
crossed = {}
for arm, row in printed.items():
    accuracy, seen = records.curve(arm, "test_accuracy"), records.curve(arm, "images_seen")
    over = accuracy >= float(parse_printed(row["printed"]).lowest)
    at = [s[o][0] for s, o in zip(seen, over, strict=True) if o.any()]
    crossed[arm] = (
        f"{drawn(len(at), records, [arm], 'seeds that get there', 'd')} of {seeds(records, arm)} "
        f"runs of *{arm}* pass {claimed(rows, row['id'])}, after "
        f"{drawn(float(np.median(at)), records, [arm], 'median of images seen', ',.0f')} images "
        "(median)"
        if at
        else f"no run of *{arm}* reaches {claimed(rows, row['id'])} within this budget"
    )
best = " and ".join(
    f"{number(records, arm, 'best_test_accuracy', '.4f')} (*{arm}*)" for arm in printed
)
say(
    "The report states no number of epochs, and a network that does better passes every lower "
    f"accuracy on its way: {'; '.join(crossed.values())}. The best that they reach is {best}.",
    fig.saved(
        figure,
        "shift-budget",
        f"Test accuracy ({drawn(tested, records, arms, 'test images')} images) against the "
        f"training images seen: mean and range over {seeds(records, arms[0])} seeds; dashed: as "
        "printed.",
        "Two rising curves of accuracy that cross the printed values early in training.",
    ),
)

# %% [markdown]
# ## Every shift {#shift-maps}

# %%
columns = 4
lines = -(-len(arms) // columns)
for name, what in (("accuracy_map", "accuracy"), ("consistency_map", "consistency")):
    figure, axes = fig.canvas(1.6 * lines + 0.35, lines, columns, sharex=True, sharey=True)
    for ax in axes.flat[len(arms) :]:
        ax.set_axis_off()
    for ax, arm in zip(axes.flat, arms, strict=False):
        drawn_map = fig.shift_map(ax, mean_map(arm, name), reach, 0, 1)
        ax.set_title(arm)
    for ax in axes[:, 0]:
        ax.set_ylabel("shift down, px")
    for ax in axes[-1]:
        ax.set_xlabel("shift right, px")
    fig.colour_bar(figure, drawn_map, axes.flat, what)
    say(
        fig.saved(
            figure,
            f"shift-{what}",
            f"{what.capitalize()} at every shift, by arm: mean over "
            f"{seeds(records, arms[0])} seeds and {drawn(moved, records, arms, 'moved images')} "
            "test images; the cross is no shift.",
            f"Heat maps of {what}. "
            + "; ".join(
                f"{arm}: mean {np.nanmean(mean_map(arm, name)):.2f}, "
                f"least {np.nanmin(mean_map(arm, name)):.2f}"
                for arm in arms
            ),
        )
    )

# %% [markdown]
# ## At equal accuracy {#shift-matched}

# %%
figure, axes = fig.canvas(3.4, 1, 2, sharey=True)
for ax, ending, title in (
    (axes[0, 0], "_near", "shifts of the inner square"),
    (axes[0, 1], "", "all shifts"),
):
    for place, arm in enumerate(arms):
        ax.scatter(
            records.metric(arm, "test_accuracy"), records.metric(arm, f"consistency{ending}"),
            s=22, marker=fig.MARKERS[place], color=fig.CYCLE[place], label=arm, alpha=0.8,
            linewidth=0,
        )  # fmt: skip
    ax.set(xlabel="test accuracy, digits in place", title=title)
axes[0, 0].set_ylabel("consistency")
figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right upper")
table = [
    [
        arm,
        number(records, arm, "test_accuracy", ".4f"),
        number(records, arm, "shifted_accuracy", ".3f"),
        number(records, arm, "consistency", ".3f"),
        drawn(fig.half_width(records.metric(arm, "consistency")), records, [arm],
              "half the t interval of consistency", ".3f"),
        number(records, arm, "consistency_near", ".3f"),
    ]
    for arm in arms
]  # fmt: skip
matched = "lenet/matched"
if matched in arms:
    pair = [matched, "mlp"]
    a, b = (records.metric(arm, "consistency") for arm in pair)
    d = a[: len(b)] - b[: len(a)]
    comparison = (
        "Accuracy alone raises consistency, so LeNet is also stopped as soon as it classifies as "
        "well as the MLP of the same seed. Its consistency then exceeds the MLP's by "
        f"{drawn(float(d.mean()), records, pair, 'paired difference', '.3f')} ± "
        f"{drawn(fig.half_width(d), records, pair, 'half the paired t interval', '.3f')}. It is "
        "accuracy on the test images that stops it, so its own accuracy is a little flattered."
    )
else:
    comparison = "This profile leaves out the comparison at equal accuracy."
say(
    comparison,
    fig.saved(
        figure,
        "shift-matched",
        "Consistency against accuracy, one mark per seed, over shifts of the inner square "
        f"(left) and over all (right); n = {drawn(moved, records, arms, 'moved images')} images.",
        "Scatter of consistency against accuracy, by arm.",
    ),
    small_table(
        ["Arm", "Accuracy", "Accuracy, moved", "Consistency", "± (t interval)", "near shifts"],
        table,
        f"Means over {seeds(records, arms[0])} seeds and all shifts.",
    ),
)

# %% [markdown]
# ## The single digit {#shift-digit}

# %%
images = np.load(Path(raw) / "mnist" / "test_images.npy", mmap_mode="r", allow_pickle=False)
place = config_value(records, "mlp", "digit")
unmoved = by_id["000-3C-shift-mlp-orig"]
seven, two = (int(printed_value(row)) for row in (unmoved, by_id["000-3C-shift-mlp-shifted"]))
figure, axes = fig.canvas(2.1, 1, 4)
fig.image(axes[0, 0], images[place], "the digit")
for ax, arm in zip(axes[0, 1:], [a for a in ("mlp", "lenet", "lenet/global_pool") if a in arms],
                   strict=False):  # fmt: skip
    maps = [records.array(arm, trial["seed"], "digit_map") for trial in records.of(arm)]
    share = np.mean(np.array(maps) == seven, axis=0)
    drawn_map = fig.shift_map(ax, share, reach, 0, 1)
    ax.set(title=arm, xlabel="shift right, px")
axes[0, 1].set_ylabel("shift down, px")
fig.colour_bar(figure, drawn_map, axes[0, 1:], f"share of seeds that say {seven}")
lines = [
    [
        arm,
        drawn(", ".join(str(int(v)) for v in sorted(set(records.metric(arm, "digit_original")))),
              records, [arm], "class of the unmoved digit"),
        number(records, arm, f"digit_shift_share_{seven}", ".1%"),
        number(records, arm, f"digit_shift_share_{two}", ".1%"),
    ]
    for arm in arms
]  # fmt: skip
say(
    "The digit and the shift of the report are lost with its figure; a test image of MNIST stands "
    "in for it. One image and one shift could have shown either answer.",
    fig.saved(
        figure,
        "shift-digit",
        f"The stand-in digit, and the share of {seeds(records, 'mlp')} seeds that still say "
        f"{drawn(seven, records, ['mlp'], 'printed class', 'd')} at each shift.",
        "The digit, and heat maps of how often each network keeps its class.",
    ),
    small_table(
        ["Arm", "Unmoved", f"Says {seven}, of all shifts", f"Says {two}"],
        lines,
        f"The row of {unmoved['where']}, over all shifts and seeds.",
    ),
)

# %% [markdown]
# ## What follows {#shift-follows}

# %%
others = {"lenet/global_pool": "pools over all positions", "mlp/shifted": "trains on moved digits"}
kept = [
    f"{number(records, arm, 'consistency', '.1%')} where a network {what} (*{arm}*)"
    for arm, what in others.items()
    if arm in arms
]
say(
    "That convolutional networks are invariant to translation and MLPs are not: "
    f"{badge(by_id['000-3C-concl'])}. That shared weights find a pattern anywhere, and fully "
    f"connected layers lose it: {badge(by_id['000-3B-shared-weights'])}.",
    f"LeNet keeps its class under {number(records, 'lenet', 'consistency', '.1%')} of the shifts, "
    f"the MLP under {number(records, 'mlp', 'consistency', '.1%')}. Weights that are shared make a "
    "network *equivariant* up to its strides; the layers behind them read positions again. "
    + (f"The share is {' and '.join(kept)}." if kept else ""),
)

# %% [markdown]
# ## Limits {#shift-limits}
#
# The widths of the perceptron, LeNet's activation and pooling, the budgets and the shift are
# unstated and chosen in the protocol. Shifts are whole pixels; the digits are MNIST's, which are
# centred.

# %%
if "lenet/global_pool" in arms:
    say(
        "The pooling head is not the only difference between *lenet* and *lenet/global_pool*: the "
        "last convolution of the latter sees three by three positions at a time instead of all, "
        "and the map before it is wider by two blank positions, so that no digit is lost at the "
        "rim."
    )

# %%
say(sources(records, "Sources of the numbers of this family"))
