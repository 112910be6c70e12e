# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["library_grid"]
total = 0

# %%
import itertools
from collections import Counter

import numpy as np
from matplotlib.ticker import FuncFormatter

from retrial.judging.statements.library_grid import LEVEL, read_grid
from retrial.report import figures as fig
from retrial.report.grids import cells_of
from retrial.report.numbers import (
    MINUS,
    claimed,
    config_value,
    drawn,
    seeds,
    setting,
)
from retrial.report.show import opened, printed_value, say, summary
from retrial.report.tables import badge, family_table, sources
from retrial.statistics import holm, selection_frequency
from retrial.statistics.intervals import t_quantile

records, rows, by_id = opened(results, "library_grid")
arms = records.arms()
first = arms[0]
cells = cells_of(records)
config, at = cells.config, cells.at
solvers, rates, batches = cells.solvers, cells.rates, cells.batches
named, table_of = cells.named, cells.table_of
folds = config_value(records, first, "folds")
images = records.sample_size(first, "score")
fold_metrics = [f"fold_{k + 1}" for k in range(folds)]
held_out = records.sample_size(first, fold_metrics[0])
# (seeds, folds) of each cell; a fold that diverged is nan.
scores = {
    arm: np.stack([records.metric(arm, name) for name in fold_metrics], axis=1) for arm in arms
}
# GridSearchCV gives a cell with a fold that failed no score.
cell_scores = {arm: records.metric(arm, "score") for arm in arms}
failed = [arm for arm in arms if not np.isfinite(cell_scores[arm]).all()]
means = {
    arm: float(np.mean(values)) if np.isfinite(values).all() else np.nan
    for arm, values in cell_scores.items()
}
grid = read_grid(records, arms)
best = arms[grid.best(range(len(arms)))]
printed_cell = (
    by_id["002-C3-solver"]["printed"],
    printed_value(by_id["002-C3-lr"]),
    int(printed_value(by_id["002-C3-batch"])),
)
printed_arm = at[printed_cell]
several = len(records.of(first)) > 1


def form(value):
    """Three digits, or all before the point."""
    return ",.0f" if value >= 1000 else ".3g"


def billions(over):
    """The multiply-adds of some cells for a seed, in billions."""
    total = sum(cost[arm] for arm in over)
    return drawn(total, records, over, "billions of multiply-adds", form(total))


# %% [markdown]
# # Library networks: grid search {#family-library-grid}
#
# ## What was claimed {#library-grid-claimed}

# %%
say(
    f"Report {rows[0]['report']} searches solver, learning rate and batch of its network with "
    f"cross-validation and prints the best: *{claimed(rows, '002-C3-solver')}* with a learning "
    f"rate of {claimed(rows, '002-C3-lr')} and batches of {claimed(rows, '002-C3-batch')} "
    f"({by_id['002-C3-lr']['where']}). It prints no score. It lays the choice to Adam's faster "
    "convergence, to the steadiness of that learning rate and to the stable gradients of the "
    "larger batch."
)

# %% [markdown]
# ## What was run {#library-grid-run}

# %%
whole = all(trial["whole"] for trial in records.trials)
say(
    f"Every one of {drawn(len(arms), records, arms, 'cells')} cells: solvers "
    f"{drawn(solvers, records, arms, 'solvers')}, learning rates "
    f"{drawn(', '.join(f'{rate:g}' for rate in rates), records, arms, 'learning rates')}, batches "
    f"{drawn(batches, records, arms, 'batches')}; "
    f"{setting(records, first, 'folds')} stratified folds of "
    f"{drawn(images, records, [first], 'images')} training images, in the order of the file, as "
    f"*GridSearchCV* makes them; {seeds(records, first)} seeds of initial weights and of orders of "
    "images, the same for all cells and folds of a seed.",
    f"The network has hidden layers of {setting(records, first, 'hidden')} units and "
    f"*{setting(records, first, 'activation')}*, which the report states for another part only; it "
    f"trains for at most {setting(records, first, 'epochs')} epochs, with a tolerance of "
    f"{setting(records, first, 'tolerance')}. The score of a cell is the mean accuracy over the "
    "folds that are held out; a cell of which a fold diverges has none, as in the library.",
    "" if whole else "This profile cuts the protocol short, so it decides nothing here.",
)

# %% [markdown]
# ## Printed against measured {#library-grid-table}

# %%
say(
    summary(rows, "this family"),
    family_table(rows, f"Grid search: {len(rows)} of {total} claims, profile {profile}."),
)

# %% [markdown]
# ## The whole grid {#library-grid-scores}

# %%
spreads = {
    arm: float(np.mean(np.std(values, axis=1, ddof=1))) if np.isfinite(values).all() else np.nan
    for arm, values in scores.items()
}
over_seeds = {
    arm: float(np.std(values, ddof=1)) if several and np.isfinite(values).all() else np.nan
    for arm, values in cell_scores.items()
}
finite_means = [value for value in means.values() if np.isfinite(value)]
figure, axes = fig.canvas(3.6, 1, len(solvers), sharey=True)
for ax, solver in zip(axes[0], solvers, strict=True):
    values = table_of(means, solver)
    fold_sd, seed_sd = table_of(spreads, solver), table_of(over_seeds, solver)
    texts = np.empty(values.shape, object)
    for place in np.ndindex(values.shape):
        lines = [f"{100 * values[place]:.2f}", f"± {100 * fold_sd[place]:.2f}"]
        if several:
            lines.append(f"± {100 * seed_sd[place]:.2f}")
        texts[place] = "\n".join(lines) if np.isfinite(values[place]) else "diverged"
    shade = fig.heat_map(ax, 100 * values, texts, 0, 100 * max(finite_means), 8)
    cells.mark(ax, solver, printed_arm, best)
    ax.set_title(solver)
axes[0, 0].set_ylabel("learning rate")
fig.colour_bar(figure, shade, axes[0], "accuracy on held-out folds, %")
spread_text = (
    "; below, its standard deviation over the folds of a seed (mean over seeds), and over seeds"
    if several
    else "; below, its standard deviation over the folds"
)
told = (
    "Cells with a fold that diverges: "
    f"{drawn(len(failed), records, arms, 'cells with a fold that diverged', 'd')}."
    if failed
    else ""
)
say(
    f"The highest mean score is {drawn(means[best], records, [best], 'mean score', '.4f')} "
    f"({named(best)}); the cell that the report prints has "
    f"{drawn(means[printed_arm], records, [printed_arm], 'mean score', '.4f')}. {told}",
    fig.saved(
        figure,
        "library-grid-scores",
        "Cross-validated accuracy in percent by solver (panels), learning rate and batch"
        f"{spread_text}. {seeds(records, first)} seeds, {setting(records, first, 'folds')} folds "
        f"of {drawn(images, records, [first], 'images')} images. Red frame: the printed best; "
        "dashed: ours.",
        "Heat maps of the score. "
        + "; ".join(f"{named(arm)}: {value:.4f}" for arm, value in means.items()),
    ),
)

# %% [markdown]
# ## What a cell costs {#library-grid-cost}

# %%
cost = {arm: float(np.nanmean(records.metric(arm, "multiply_adds"))) for arm in arms}
length = {arm: float(np.nanmean(records.metric(arm, "epochs"))) for arm in arms}
logs = {arm: np.log10(value) for arm, value in cost.items()}
figure, axes = fig.canvas(3.0, 1, len(solvers), sharey=True)
for ax, solver in zip(axes[0], solvers, strict=True):
    amount, epochs = table_of(cost, solver), table_of(length, solver)
    texts = np.empty(amount.shape, object)
    for place in np.ndindex(amount.shape):
        texts[place] = f"{amount[place]:{form(amount[place])}}\n{epochs[place]:.0f} ep."
    fig.heat_map(ax, table_of(logs, solver), texts, min(logs.values()), max(logs.values()), 8)
    cells.mark(ax, solver, printed_arm, best)
    ax.set_title(solver)
axes[0, 0].set_ylabel("learning rate")
cheap = [arm for arm in arms if means[arm] >= means[printed_arm]]
cheapest = min(cheap, key=lambda arm: cost[arm])
say(
    "A cell's cost is counted in multiply-adds (forward, backward and update, over all folds), "
    "which no machine changes. The whole grid takes "
    f"{billions(arms)} billion of "
    "them for a seed, the printed cell "
    f"{billions([printed_arm])}. The "
    "cheapest cell that scores no less than the printed one is "
    f"{drawn(named(cheapest), records, [cheapest], 'cheapest cell that scores no less')}, with "
    f"{billions([cheapest])}.",
    fig.saved(
        figure,
        "library-grid-cost",
        "Cost of a cell in billions of multiply-adds over all folds of a seed, and the mean number "
        f"of epochs until the training stops; shades by the logarithm; means over "
        f"{seeds(records, first)} seeds. Red frame: the printed best; dashed: ours.",
        "Heat maps of the cost. "
        + "; ".join(f"{named(arm)}: {value:.3g} billion" for arm, value in cost.items()),
    ),
)

# %% [markdown]
# ## Which cells cannot be told from the best {#library-grid-best}

# %%
finite = {arm: bool(np.isfinite(scores[arm]).all()) for arm in arms}
tests = {
    arm: grid.compare(arms.index(best), place)
    for place, arm in enumerate(arms)
    if arm != best and finite[best] and finite[arm]
}
p_values = {}
if tests:
    p_values = dict(zip(tests, holm([test.p for test in tests.values()]), strict=True))
alike = [arm for arm in tests if p_values[arm] >= LEVEL]
order = sorted(tests, key=lambda arm: tests[arm].mean)
near = order[: len(arms) // 2]
figure, axes = fig.canvas(3.6)
ax = axes[0, 0]
for y, arm in enumerate(near):
    test = tests[arm]
    half = t_quantile(0.975, test.df) * test.se
    same = arm in alike
    ax.errorbar(
        100 * test.mean, y, xerr=100 * half, fmt="o" if same else "s", capsize=2.5, markersize=5,
        color=fig.BLUE if same else fig.GREY, mfc=fig.BLUE if same else "white",
    )  # fmt: skip
    if arm == printed_arm:
        ax.plot(100 * test.mean, y, "D", mfc="none", mec=fig.RED, mew=1.5, ms=11)
ax.axvline(0, color=fig.BLACK, linewidth=0.8)
ax.set_yticks(range(len(near)), [named(arm) for arm in near])
ax.invert_yaxis()
# Linear up to one point: the cells that are close, and those that are far, in one picture.
ax.set_xscale("symlog", linthresh=1)
ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", MINUS)))
ax.set_xlabel(f"accuracy of {named(best)} less the cell's, percentage points")
handles = [
    ax.plot([], [], "o", color=fig.BLUE, label="cannot be told from the best")[0],
    ax.plot([], [], "s", color=fig.GREY, mfc="white", label="worse, after Holm")[0],
    ax.plot([], [], "D", mfc="none", mec=fig.RED, mew=1.5, ms=9, label="printed")[0],
]
figure.legend(handles=handles, loc="outside upper center", ncols=3)
place = (
    "is ours as well"
    if printed_arm == best
    else "has no score here"
    if printed_arm not in tests
    else "cannot be told from ours"
    if printed_arm in alike
    else "is worse than ours"
)
say(
    "The best of many cells is best by chance in part. Each other cell is compared with ours, "
    f"{named(best)}, fold by fold: the corrected resampled $t$ test, which allows for the images "
    "that folds share, and Holm's correction over all comparisons. "
    f"{drawn(len(alike), records, arms, 'cells that cannot be told from the best', 'd')} of "
    f"{drawn(len(tests), records, arms, 'comparisons', 'd')} cells cannot be told from it; the "
    f"printed cell {place}"
    + (
        " ($p$ = " + drawn(p_values[printed_arm], records, [best, printed_arm], "p after Holm",
                           ".3g") + ")."
        if printed_arm in tests
        else "."
    ),
    fig.saved(
        figure,
        "library-grid-best",
        "Difference of cross-validated accuracy between our best cell and the next ones, with its "
        f"interval of nineteen in twenty: {drawn(scores[best].size, records, [best], 'folds')} "
        f"paired folds of {drawn(held_out, records, [best], 'images')} images over "
        f"{seeds(records, best)} seeds. Filled circles cannot be told from the best. The scale is "
        "linear up to one point and logarithmic beyond.",
        "Differences from the best. "
        + "; ".join(
            f"{named(arm)}: {100 * tests[arm].mean:.2f} points, p {p_values[arm]:.2g}"
            for arm in near
        ),
    ),
)  # fmt: skip

# %%
whole_rows = [
    place
    for place in range(len(records.of(first)))
    if all(np.isfinite(cell_scores[arm][place]) for arm in tests)
]
lines = []
if several and whole_rows:
    ranked = [best, *tests]
    table = np.array([[cell_scores[arm][place] for arm in ranked] for place in whole_rows])
    chosen = selection_frequency(table)
    tally = Counter(ranked[i] for tied in chosen.best for i in tied)
    say(
        "A search with one seed would have printed: "
        + "; ".join(
            f"{named(arm)} in {drawn(count, records, arms, 'seeds that choose this cell', 'd')}"
            for arm, count in tally.most_common()
        )
        + f" of {drawn(len(whole_rows), records, arms, 'seeds', 'd')} seeds."
    )

# %% [markdown]
# ## Solver, learning rate, batch {#library-grid-axes}

# %%
of_solver = {
    solver: max(
        (arm for arm in arms if config[arm][0] == solver and np.isfinite(means[arm])),
        key=lambda arm: means[arm],
        default=None,
    )
    for solver in solvers
}
bests = [arm for arm in of_solver.values() if arm is not None]
figure, axes = fig.canvas(2.9, 1, len(bests))
for place, (ax, arm) in enumerate(zip(axes[0], bests, strict=True)):
    solver, rate, _ = config[arm]
    own = [at[solver, rate, batch] for batch in batches]
    values = np.stack([100 * scores[one] for one in own], axis=2)
    for fold in range(folds):
        ax.plot(
            range(len(batches)), np.mean(values[:, fold], axis=0), color=fig.GREY, linewidth=0.8,
            label="one fold, mean of seeds" if not fold else None,
        )  # fmt: skip
    flat = values.reshape(-1, len(batches))
    fig.band(ax, np.arange(len(batches)), flat, "mean and range", place, marks=True)
    ax.set(xlabel="batch", title=f"{solver}, learning rate {rate:g}")
    ax.set_xticks(range(len(batches)), batches)
    ax.legend(loc="best", fontsize=7.5)
axes[0, 0].set_ylabel("accuracy on held-out fold, %")
printed_rate = [at[printed_cell[0], printed_cell[1], batch] for batch in batches]
say(
    "The best cell of each solver: "
    + "; ".join(
        f"{named(arm)} with {drawn(means[arm], records, [arm], 'mean score', '.4f')}"
        for arm in bests
    )
    + ". At the printed solver and learning rate, the standard deviation over folds is "
    + ", ".join(
        f"{drawn(spreads[arm], records, [arm], 'SD over folds', '.4f')} with batches of "
        f"{setting(records, arm, 'batch')}"
        for arm in printed_rate
    )
    + ".",
    fig.saved(
        figure,
        "library-grid-axes",
        "Accuracy on the held-out fold by batch, for each solver at its best learning rate: mean "
        f"over {setting(records, first, 'folds')} folds and {seeds(records, first)} seeds with the "
        "range between them, and each fold by itself. Lines of folds that run side by side say "
        "that folds differ in how hard their images are, whatever the batch.",
        "Lines of accuracy against the batch: "
        + "; ".join(f"{named(arm)} {100 * means[arm]:.2f}" for arm in bests),
    ),
)

# %%
figure, axes = fig.canvas(2.8, 1, len(solvers), sharey=True)
for ax, solver in zip(axes[0], solvers, strict=True):
    for k, rate in enumerate(rates):
        values = records.curve(at[solver, rate, printed_cell[2]], "running_loss")
        epochs = np.arange(values.shape[1]) + 1
        fig.band(ax, epochs, values, f"{rate:g}", k, marks=len(epochs) == 1)
    ax.set(xscale="log", yscale="log", xlabel="epoch", title=solver)
    fig.plain_logs(ax.xaxis)
    fig.plain_logs(ax.yaxis)
axes[0, 0].set_ylabel("training loss, nats")
figure.legend(
    *axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(rates),
    title="learning rate",
)  # fmt: skip
say(
    fig.saved(
        figure,
        "library-grid-loss",
        "Training loss with the library's penalty by epoch, in batches of "
        f"{setting(records, printed_arm, 'batch')}, mean over folds that still train: mean over "
        f"{seeds(records, first)} seeds with the range between them. A line ends where the first "
        "fold stops.",
        "Lines of training loss against the epoch for each solver and learning rate.",
    )
)

# %% [markdown]
# ## What follows {#library-grid-follows}

# %%
asked = [by_id[f"002-C3-{name}"] for name in ("solver", "lr", "batch", "concl")]
verdicts = "\n".join(f"- {row['statement']}: {badge(row)}" for row in asked)
same_solver = [arm for arm in alike if config[arm][0] == config[best][0]]
other_solver = [arm for arm in alike if config[arm][0] != config[best][0]]
kept = sorted({config[arm][2] for arm in [best, *alike]})
step = min(more / less for more, less in itertools.pairwise(rates))
say(
    "Of the report's conclusions:",
    verdicts,
    "Among the cells that cannot be told from the best, "
    f"{drawn(len(same_solver), records, arms, 'cells with the solver of the best', 'd')} share "
    f"its solver and {drawn(len(other_solver), records, arms, 'cells with the other', 'd')} do "
    f"not; the batches among them and the best are {drawn(kept, records, arms, 'batches')}. A "
    "batch is chosen by the grid only if the others are worse.",
    "The learning rates of the grid are at least a factor of "
    f"{drawn(step, records, arms, 'least ratio of neighbouring rates', '.0f')} apart. The best is "
    + " and ".join(
        f"{setting(records, arm, 'learning_rate')} for {config[arm][0]}" for arm in bests
    )
    + ". A comparison of solvers at one learning rate says little of either where these differ, "
    "and one on so coarse a grid little where they agree.",
)

# %% [markdown]
# ## Limits {#library-grid-limits}
#
# Widths, epochs and tolerance are those of the choice that was fitted to the table of activations;
# the report does not say what its grid search used. The folds are fixed by the order of the file,
# so seeds vary initial weights and orders only. Means over folds and seeds are ranked where the
# report had one seed.

# %%
say(sources(records, "Sources of the numbers of this family"))
