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
from matplotlib.ticker import MaxNLocator, NullFormatter

from retrial.core.partitioned import load_records
from retrial.report import figures as fig
from retrial.report.markup import prose
from retrial.report.numbers import claimed, drawn, number, seeds, setting
from retrial.report.show import opened, say
from retrial.report.tables import badge, small_table, sources
from retrial.statistics import default_margin, t_interval

records, rows, by_id = opened(results, "depth")
search = load_records(Path(results) / "depth_search")
arms = records.arms()
titles = {"tanh": "tanh", "lecun": "LeCun", "sigmoid": "sigmoid"}
# Depths at which both activations of a pair were trained, in the order of the study.
trained = [arm.split("/")[1] for arm in arms if arm.startswith("lecun/")]
trained = [depth for depth in trained if f"tanh/{depth}" in arms]
flows = {tuple(arm.split("/")[1:]): arm for arm in arms if arm.startswith("gradients/")}
untrained = {
    depth: (flows[o, "tanh", depth], flows[o, "lecun", depth])
    for o, activation, depth in reversed(flows)
    if activation == "lecun" and (o, "tanh", depth) in flows
}
untrained = {depth: untrained[depth] for depth in sorted(untrained, key=int)}


def than(first, second, metric="test_accuracy"):
    """How the mean of an arm's metric stands to that of another arm's."""
    gap = np.nanmean(records.metric(first, metric)) - np.nanmean(records.metric(second, metric))
    return "equal to" if gap == 0 else "higher than" if gap > 0 else "lower than"


def finite(values):
    return values[np.isfinite(values)]


def with_interval(values, over, what, form=".4f"):
    """The mean of the finite values (n,) with its nineteen-in-twenty interval, where there is one.

    In Markdown, as two cells.
    """
    known = finite(values)
    if not len(known):
        return ["–", "–"]
    mean = drawn(known.mean(), records, over, f"mean of {what}", form)
    if len(known) < 2:
        return [mean, "–"]
    found = t_interval(known)
    ends = (drawn(end, records, over, f"end of the interval of {what}", form) for end in found[1:])
    return [mean, " to ".join(ends)]


def whole_numbers(ax):
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))


# %% [markdown]
# # LeCun's activation, and what helps the sigmoid {#depth-remedies}
#
# ## LeCun's activation against tanh: curves {#depth-lecun}

# %%
curves = {"loss": "loss, nats", "accuracy": "accuracy"}
similar, smaller = by_id["004-1D-similar"], by_id["004-1D-smaller"]
say(
    f"Question {claimed(rows, similar['id'], 'where')} replaces tanh by LeCun's activation, "
    "$A\\,\\tanh(Bx) + Cx$ with the constants that the report's derivative implies. It finds the "
    f"learning curves of the two rather similar ({badge(similar)}), and the gradients of tanh in "
    f"untrained networks *consistently smaller and seemingly more stable* ({badge(smaller)}). Both "
    "plots are lost, and the depth of neither is stated: where depths differ, the sentence is open."
)
if trained:
    figure, axes = fig.canvas(3.8, 2, len(trained), sharex=True, sharey="row")
    for j, depth in enumerate(trained):
        for place, activation in enumerate(("tanh", "lecun")):
            for ax, what in zip(axes[:, j], curves, strict=True):
                tests = records.curve(f"{activation}/{depth}", f"test_{what}")
                running = records.curve(f"{activation}/{depth}", f"running_{what}")
                at = np.arange(tests.shape[1]) + 1
                fig.band(ax, at, tests, f"{titles[activation]}, test", place, marks=len(at) < 4)
                known = np.isfinite(running).any(axis=0)
                ax.plot(
                    at[known], np.nanmean(running[:, known], axis=0), color=fig.CYCLE[place],
                    linestyle=(0, (2, 1.5)), linewidth=1.1, label=f"{titles[activation]}, training",
                )  # fmt: skip
        axes[0, j].set(title=f"{depth} hidden layers", yscale="log")
        axes[1, j].set_xlabel("epoch")
        whole_numbers(axes[1, j])
    fig.plain_logs(axes[0, 0].yaxis)
    for ax, text in zip(axes[:, 0], curves.values(), strict=True):
        ax.set_ylabel(text)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    lines = []
    for depth in trained:
        pair = [f"tanh/{depth}", f"lecun/{depth}"]
        off = {}
        for curve in (f"{part}_{what}" for part in ("running", "test") for what in curves):
            posed, runs = (records.curve(arm, curve) for arm in pair)
            known = np.isfinite(posed).all(axis=0)[: runs.shape[1]]
            posed, runs = (one[:, : len(known)][:, known] for one in (posed, runs))
            # As the verdict has it: the mean of tanh posed as a curve of six decimals.
            kind = curve.split("_")[1]
            margins = np.array([default_margin(kind, p, 5e-7) for p in posed.mean(axis=0)])
            apart = np.abs(runs - posed.mean(axis=0)) / margins if len(margins) else np.empty(0)
            off[curve] = finite(apart).mean() if len(finite(apart)) else np.nan
        lines.append(
            [
                setting(records, pair[0], "depth"),
                *(number(records, arm, "test_accuracy", ".4f") for arm in pair),
                *(number(records, arm, "test_loss", ".4f") for arm in pair),
                *(drawn(value, records, pair, f"distance of {name} in margins", ".2f")
                  for name, value in off.items()),
            ]
        )  # fmt: skip
    lost = {f"lecun/{d}": [t for t in records.of(f"lecun/{d}") if t["status"] == "diverged"]
            for d in trained}  # fmt: skip
    say(
        fig.saved(
            figure,
            "depth-lecun",
            "Loss (above, logarithmic) and accuracy by epoch, with tanh and with LeCun's "
            "activation: on the test images the mean over seeds with the range between them "
            f"({seeds(records, f'tanh/{trained[0]}')} seeds with tanh, "
            f"{seeds(records, f'lecun/{trained[0]}')} with LeCun's), on the training images, over "
            "the batches of an epoch, the mean (dashed).",
            "Pairs of curves for each depth. "
            + "; ".join(
                f"{titles[a]}, {d} layers: test accuracy ends at "
                f"{np.nanmean(records.metric(f'{a}/{d}', 'test_accuracy')):.4f}"
                for d in trained
                for a in ("tanh", "lecun")
            ),
        ),
        small_table(
            ["Layers", "Accuracy, tanh", "LeCun", "Loss, tanh", "LeCun", "Training loss off",
             "accuracy", "Test loss off", "accuracy"],
            lines,
            "Test accuracy and loss at the end, means over seeds, and how far single runs with "
            "LeCun's activation are from the mean curve of tanh, in margins, mean over seeds and "
            "epochs: similar curves are less than one margin apart.",
        ),
        "Mean test accuracy with LeCun's activation is "
        + "; ".join(
            f"{than(f'lecun/{d}', f'tanh/{d}')} with tanh at "
            f"{setting(records, f'lecun/{d}', 'depth')} layers"
            for d in trained
        )
        + "."
        + "".join(
            f" Of {seeds(records, arm)} networks with LeCun's activation and "
            f"{setting(records, arm, 'depth')} layers, "
            f"{drawn(len(gone), records, [arm], 'networks that diverged')} diverged."
            for arm, gone in lost.items()
            if gone
        ),
    )  # fmt: skip
else:
    say("This profile does not train networks with LeCun's activation for the table.")

# %% [markdown]
# ## LeCun's activation against tanh: gradients {#depth-lecun-gradients}


# %%
def peaks(arm):
    """(seeds, layers) of the largest |∂loss/∂weight| before training, the output's first."""
    found = [records.array(arm, t["seed"], "untrained")[0, ::-1, -1] for t in records.of(arm)]
    return np.stack(found)


if untrained:
    figure, axes = fig.canvas(2.7, 1, len(untrained), sharey=True)
    for ax, (depth, pair) in zip(axes[0], untrained.items(), strict=True):
        for place, arm in enumerate(pair):
            # Zeros have no place on a logarithmic axis.
            values = np.where(peaks(arm) > 0, peaks(arm), np.nan)
            known = np.isfinite(values).any(axis=0)
            at = np.arange(values.shape[1])[known]
            mean = 10 ** np.nanmean(np.log10(values[:, known]), axis=0)
            ax.plot(at, mean, color=fig.CYCLE[place], linestyle=("-", "--")[place],
                    label=titles[arm.split("/")[2]])  # fmt: skip
            ax.fill_between(
                at, np.nanmin(values[:, known], axis=0), np.nanmax(values[:, known], axis=0),
                color=fig.CYCLE[place], alpha=0.16, linewidth=0,
            )  # fmt: skip
        ax.set(yscale="log", title=f"{depth} hidden layers", xlabel="layers back from the output")
        whole_numbers(ax)
    low, high = np.log10(axes[0, 0].get_ylim())
    axes[0, 0].set_ylim(10.0 ** np.floor(low), 10.0 ** np.ceil(high))
    axes[0, 0].yaxis.set_minor_formatter(NullFormatter())
    axes[0, 0].set_ylabel("largest |∂loss/∂w|, nats")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    lines = []
    for pair in untrained.values():
        tanh, lecun = (peaks(arm) for arm in pair)
        shared = min(len(tanh), len(lecun))
        below = (tanh[:shared] < lecun[:shared]).mean(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            spreads = [np.log10(one).std(axis=1, ddof=1) for one in (tanh, lecun)]
        lines.append(
            [
                setting(records, pair[0], "depth"),
                drawn(below.mean(), records, pair, "mean share of layers", ".2f"),
                " to ".join(
                    drawn(end, records, pair, "share of layers of one seed", ".2f")
                    for end in (below.min(), below.max())
                ),
                *(
                    drawn(finite(spread).mean(), records, [arm], "spread over layers", ".3f")
                    if len(finite(spread))
                    else "–"
                    for arm, spread in zip(pair, spreads, strict=True)
                ),
                *(number(records, arm, "untrained_weights_decay", "+.3f") for arm in pair),
                seeds(records, pair[0]),
            ]
        )
    some = next(iter(untrained.values()))
    say(
        fig.saved(
            figure,
            "depth-lecun-gradients",
            "Largest gradient of each layer's weights in untrained networks, for one batch, from "
            f"the output (left) to the input: geometric means over {seeds(records, some[0])} seeds "
            "with their range, which share their initial draws.",
            "Pairs of lines over layers. "
            + "; ".join(
                f"{titles[arm.split('/')[2]]} with {depth} layers: "
                f"{np.nanmedian(peaks(arm)[:, 0]):.1e} at the output, "
                f"{np.nanmedian(peaks(arm)[:, -1]):.1e} at the input"
                for depth, pair in untrained.items()
                for arm in pair
            ),
        ),
        small_table(
            ["Layers", "Share smaller", "Range", "Spread, tanh", "LeCun", "Decades, tanh",
             "LeCun", "Seeds"],
            lines,
            "Layers whose largest gradient is smaller with tanh than with LeCun's activation, as a "
            "share, mean and range over seeds; the standard deviation over layers of its log₁₀, "
            "which is what *stable* is read as; and the slope of log₁₀, in decades a layer back.",
        ),
    )  # fmt: skip
else:
    say("This profile leaves out the gradients of the two activations.")

# %% [markdown]
# ## What helps a deep sigmoid network {#depth-remedies-run}

# %%
remedies = {
    "normalised": "batch normalisation",
    "residual": "residual connections",
    "as_tanh": "weights as for tanh",
}
# remedy/<remedy>/<depth>
cured = {tuple(a.split("/")[1:]): a for a in arms if a.startswith("remedy/")}
depths = [depth for depth in dict.fromkeys(key[1] for key in cured) if f"sigmoid/{depth}" in arms]
kept = [name for name in remedies if any((name, depth) in cured for depth in depths)]
left_out = [arm for arm in records.skipped if arm.startswith("remedy/")]


def compared(depth):
    """The networks of a depth: sigmoid, sigmoid with each remedy, and tanh."""
    shown = {"sigmoid": f"sigmoid/{depth}"}
    shown |= {remedies[name]: cured[name, depth] for name in kept if (name, depth) in cured}
    return shown | ({"tanh": f"tanh/{depth}"} if f"tanh/{depth}" in arms else {})


if depths:
    some = cured[kept[0], depths[0]]
    # All are compared after as many epochs as the shortest, a remedy in the protocol.
    last = min(
        records.curve(arm, "test_accuracy").shape[1] for d in depths for arm in compared(d).values()
    )
    figure, axes = fig.canvas(3.6, 2, len(depths), sharex=True, sharey="row")
    for j, depth in enumerate(depths):
        for place, (title, arm) in enumerate(compared(depth).items()):
            for ax, what in zip(axes[:, j], curves, strict=True):
                values = records.curve(arm, f"test_{what}")[:, :last]
                fig.band(ax, np.arange(last) + 1, values, title, place, marks=True)
        axes[0, j].set(title=f"{depth} hidden layers", yscale="log")
        axes[1, j].set_xlabel("epoch")
        whole_numbers(axes[1, j])
    fig.plain_logs(axes[0, 0].yaxis)
    for ax, text in zip(axes[:, 0], curves.values(), strict=True):
        ax.set_ylabel(f"test {text}")
    handles = {}
    for ax in axes[0]:
        handles |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=5,
                  columnspacing=1.2, handlelength=1.6)  # fmt: skip
    lines, top, means, reached = [], {}, {}, {}
    for depth in depths:
        for title, arm in compared(depth).items():
            end = {c: records.curve(arm, c)[:, last - 1] for c in
                   ("test_accuracy", "test_loss", "running_accuracy")}  # fmt: skip
            reached[arm] = end["test_accuracy"]
            means[depth, title] = float(np.nanmean(reached[arm]))
            lines.append(
                [
                    f"{title}, {setting(records, arm, 'depth')}",
                    *with_interval(reached[arm], [arm], "test accuracy"),
                    with_interval(end["test_loss"], [arm], "test loss")[0],
                    with_interval(end["running_accuracy"], [arm], "running accuracy")[0],
                    seeds(records, arm),
                ]
            )
        of_sigmoid = {t: m for (d, t), m in means.items() if d == depth and t != "tanh"}
        top[depth] = max(of_sigmoid, key=of_sigmoid.get)

    def accuracy(depth, title):
        over = [compared(depth)[title]]
        return drawn(means[depth, title], records, over, "mean of test accuracy", ".4f")

    better = [
        f"at {setting(records, f'sigmoid/{depth}', 'depth')} layers, "
        + (
            f"*{title}*, {accuracy(depth, title)} against {accuracy(depth, 'sigmoid')} without"
            if title != "sigmoid"
            else f"the plain one, {accuracy(depth, title)}"
        )
        for depth, title in top.items()
    ]
    # A remedy helps where its worst seed ends above the best one without any.
    helps = [
        remedies[name]
        for name in kept
        if all(
            np.nanmin(reached[cured[name, d]]) > np.nanmax(reached[f"sigmoid/{d}"])
            for d in depths
            if (name, d) in cured
        )
    ]
    say(
        "If it is the gradient that a deep sigmoid network lacks, then what brings the gradient "
        "back should make it learn. Three changes are tried, one at a time, in networks that are "
        "otherwise those of the table. *Batch normalisation* brings the inputs of every "
        "sigmoid to zero mean and unit variance over a batch, then to a mean and variance that are "
        "learned. *Residual connections* add every hidden layer "
        "but the first to its own input, so that the error has a way around the sigmoids. *Weights "
        "as for tanh* change nothing but the initial draw: since "
        "$\\tanh z = 2\\sigma(2z) - 1$, a sigmoid network can begin as the very function that a "
        "tanh network with the usual draw begins as.",
        fig.saved(
            figure,
            "depth-remedies",
            "Test loss (above, logarithmic) and accuracy of deep sigmoid networks by epoch, with "
            f"and without a remedy, and of tanh: mean over {seeds(records, some)} seeds "
            f"({seeds(records, f'sigmoid/{depths[0]}')} of plain sigmoid and tanh, which are those "
            "of the table, cut to as many epochs) with the range between them.",
            "Curves of loss and accuracy. "
            + "; ".join(
                f"{title}, {depth} layers: accuracy {value:.4f}"
                for (depth, title), value in means.items()
            ),
        ),
        small_table(
            ["Network", "Test acc.", "Interval", "Test loss", "Training acc.", "Seeds"],
            lines,
            f"After {drawn(last, records, [some], 'epochs shown')} epochs: mean test accuracy with "
            "its nineteen-in-twenty interval over seeds, test loss, and accuracy over the batches "
            "of that epoch.",
        ),
        f"Highest mean test accuracies of sigmoid networks: {'; '.join(better)}. "
        + (
            "At every depth tried here, all networks with these end above all without a remedy: "
            f"{', '.join(helps)}. "
            if helps
            else "No remedy has all its networks above all without one at every depth tried here. "
        )
        + (
            "The last of them leaves the network as it is: where the weights begin is enough to "
            "decide whether it learns."
            if remedies["as_tanh"] in helps
            else ""
        ),
        f"This profile leaves out the arms *{'*, *'.join(left_out)}*." if left_out else "",
        ""
        if all(trial["whole"] for arm in cured.values() for trial in records.of(arm))
        else "This profile cuts these trainings short, before most networks have learned anything.",
    )  # fmt: skip
else:
    say(
        "Three changes to a deep sigmoid network are tried in the paper profile: batch "
        "normalisation, residual connections, and initial weights with which it computes what a "
        "tanh network does. This profile leaves them out."
    )

# %% [markdown]
# ## What follows {#depth-follows}

# %%
asked = {}
for row in rows:
    if row["kind"] != "value":
        asked.setdefault(row["where"], []).append(row)
say(
    "The report's conclusions, each judged over seeds and over all depths and activations that it "
    "names together:",
    *(
        f"Part {claimed(rows, found[0]['id'], 'where')}:\n\n"
        + "\n".join(f"- {prose(row['statement'])}: {badge(row)}" for row in found)
        for found in asked.values()
    ),
)

# %% [markdown]
# ## Limits {#depth-limits}
#
# Width, batch, optimiser, learning rate and initialiser are one choice, made with the printed
# numbers of the shallowest networks; a verdict that leans on them says so. One learning rate for
# every depth and activation favours those that it suits: it says nothing of how well a deep network
# could be trained. The search trains each candidate once, so where runs differ much between seeds
# it shows a draw. The batch whose gradients the report plots is not stated, nor its optimiser, and
# its plots are lost: what is judged are the sentences about them. The remedies are ours, with fewer
# seeds than the table.

# %%
say(sources(records, "Sources of the numbers of this family"))
if search.arms():
    say(sources(search, "Sources of the numbers of the search"))
