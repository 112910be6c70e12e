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
import numpy as np
from matplotlib.ticker import MaxNLocator, NullFormatter

from retrial.report import figures as fig
from retrial.report.numbers import claimed, drawn, seeds, setting
from retrial.report.show import opened, say

records, rows, by_id = opened(results, "depth")
arms = records.arms()
titles = {"relu": "ReLU", "tanh": "tanh", "sigmoid": "sigmoid", "lecun": "LeCun"}
kinds = {"sgd": "plain SGD", "momentum": "momentum", "adam": "Adam"}
parts = ("weights", "biases")
# gradients/<optimiser>/<activation>/<depth>
flows = {tuple(arm.split("/")[1:]): arm for arm in arms if arm.startswith("gradients/")}
optimisers, activations, depths = ([*dict.fromkeys(key[k] for key in flows)] for k in range(3))


def back(arm, when, part="weights", quantile=-1):
    """(seeds, layers) of a quantile of |gradient|, the largest by default, the output's first."""
    held = [records.array(arm, trial["seed"], when) for trial in records.of(arm)]
    return np.stack([one[parts.index(part), ::-1, quantile] for one in held])


def middle(values):
    """Geometric mean over seeds with the range, (3, layers), of the values above zero.

    nan where a layer has none.
    """
    known = np.isfinite(values) & (values > 0)
    logs = np.log10(np.where(known, values, 1))
    count = known.sum(axis=0)
    ends = np.where(known, logs, np.inf).min(axis=0), np.where(known, logs, -np.inf).max(axis=0)
    stacked = np.stack([logs.sum(axis=0) / np.maximum(count, 1), *ends])
    return 10 ** np.where(count > 0, stacked, np.nan)


def draw(ax, values, label, place):
    """A line for the geometric mean over seeds and a band for their range, layer by layer."""
    mean, low, high = middle(values)
    layers = np.arange(values.shape[1])
    style = ("-", "--", "-.", ":")[place % 4]
    ax.plot(layers, mean, color=fig.CYCLE[place], linestyle=style, linewidth=1.5, label=label)
    ax.fill_between(layers, low, high, color=fig.CYCLE[place], alpha=0.13, linewidth=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))


def logarithmic(ax):
    """A logarithmic axis of at least two decades, labelled at powers of ten."""
    ax.set_yscale("log")
    low, high = np.log10(ax.get_ylim())
    if high - low < 2:
        ax.set_ylim(10.0 ** np.floor(low - 0.2), 10.0 ** np.ceil(high + 0.2))
    ax.yaxis.set_minor_formatter(NullFormatter())


def silent(group, when="trained"):
    """The networks of some arms that have a layer whose weights get no gradient at all."""
    return sum(int((back(arm, when) == 0).any(axis=1).sum()) for arm in group)


def shares(values):
    """Gradients as shares of the largest layer's of their network; nan where that is zero."""
    top = values.max(axis=1, keepdims=True)
    return np.divide(values, top, out=np.full(values.shape, np.nan), where=top > 0)


def legend(figure, ax):
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=5)


def slope(arm, when, part="weights"):
    """The slopes of an arm's networks that have one, in decades a layer back."""
    values = records.metric(arm, f"{when}_{part}_decay")
    return values[np.isfinite(values)]


# %% [markdown]
# # Gradients, layer by layer {#depth-gradients}
#
# ## What was claimed {#depth-gradients-claimed}

# %%
say(
    f"Report {rows[0]['report']}, question {claimed(rows, '004-1C-3steps', 'where')}, plots the "
    "largest gradient of every layer for one batch, after a few epochs, first on a linear axis and "
    "then on a logarithmic one. The plots are lost; of them it says that the sigmoid's gradients "
    "are at zero a few layers back from the output and fall exponentially, that those of ReLU and "
    "tanh are steady, that ReLU's get small at the largest depth but *by no means as small*, and "
    "that biases behave as weights do. The plots, it says, explain the table above *fully*."
)

# %% [markdown]
# ## What was measured {#depth-gradients-run}

# %%
group = list(flows.values())
if group:
    first = group[0]
    trained = "; ".join(
        f"{kinds[o]} at a learning rate of "
        f"{setting(records, next(a for key, a in flows.items() if key[0] == o), 'learning_rate')}"
        for o in optimisers
    )
    say(
        "Of every layer, all |∂loss/∂weight| and |∂loss/∂bias| for one batch, the first "
        f"{setting(records, first, 'batch')} training images: their quartiles and ends, before "
        f"training and after {setting(records, first, 'epochs')} epochs; "
        f"{seeds(records, first)} seeds. The report does not state its optimiser. The networks are "
        f"those of the table, trained by {trained}. Gradients are computed in double precision at "
        "the single-precision weights, for those of deep sigmoid networks fall below what single "
        "precision tells from zero.",
        "A layer's gradient counts as zero on a linear axis where it is below a hundredth of the "
        "largest layer's: the width of a line. How fast gradients fall is the slope of a straight "
        "line through their logarithms, in decades (powers of ten) a layer; "
        "[a table](#depth-gradients-decay) has it for every network.",
        "This profile cuts these trainings short."
        if not all(t["whole"] for arm in group for t in records.of(arm))
        else "",
    )
else:
    say("This profile leaves out the networks whose gradients are looked at.")

# %% [markdown]
# ## After training {#depth-gradients-trained}

# %%
for optimiser in optimisers:
    own = [arm for key, arm in flows.items() if key[0] == optimiser]
    none = drawn(silent(own), records, own, "networks without a gradient")
    figure, axes = fig.canvas(4.3, 2, len(depths), sharex="col")
    for j, depth in enumerate(depths):
        for place, activation in enumerate(activations):
            values = back(flows[optimiser, activation, depth], "trained")
            draw(axes[0, j], shares(values), titles[activation], place)
            draw(axes[1, j], values, titles[activation], place)
        axes[0, j].set(title=f"{depth} hidden layers", ylim=(0, 1.05))
        axes[1, j].set_xlabel("layers back from the output")
        logarithmic(axes[1, j])
    axes[0, 0].set_ylabel("largest |∂loss/∂w|,\nshare of the top layer's")
    axes[1, 0].set_ylabel("largest |∂loss/∂w|, nats")
    legend(figure, axes[0, 0])
    say(
        fig.saved(
            figure,
            f"depth-gradients-{optimiser}",
            f"Largest gradient of each layer's weights after "
            f"{setting(records, own[0], 'epochs')} epochs of {kinds[optimiser]}, from the output "
            "(left) to the input: linear, as shares of the network's own largest (above), and as "
            "they are, logarithmic (below). Geometric means over "
            f"{seeds(records, own[0])} seeds with their range. Networks with a layer without any "
            f"gradient, which is left out: {none}.",
            "Lines of gradients over layers. "
            + "; ".join(
                f"{titles[a]} with {d} layers: input layer at "
                f"{middle(shares(back(flows[optimiser, a, d], 'trained')))[0][-1]:.2g} of the "
                "largest"
                for a in activations
                for d in depths
            ),
        )
    )

# %%
if flows:
    deepest = depths[-1]
    figure, axes = fig.canvas(1.5 + 1.45 * len(optimisers), len(optimisers), len(activations),
                              sharex=True)  # fmt: skip
    for (i, j), ax in np.ndenumerate(axes):
        arm = flows[optimisers[i], activations[j], deepest]
        # Medians over seeds, since many a gradient is zero with ReLU.
        levels = [np.nanmedian(back(arm, "trained", quantile=k), axis=0) for k in range(5)]
        known = np.concatenate(levels)
        known = known[np.isfinite(known) & (known > 0)]
        floor, top = (known.min() / 10, known.max() * 10) if len(known) else (0.1, 10)
        low, first_quarter, median, third_quarter, high = (
            np.where(np.isfinite(level) & (level > 0), level, floor) for level in levels
        )
        at = np.arange(len(low))
        ax.fill_between(at, low, high, color=fig.CYCLE[j], alpha=0.15, linewidth=0,
                        label="all")  # fmt: skip
        ax.fill_between(at, first_quarter, third_quarter, color=fig.CYCLE[j], alpha=0.35,
                        linewidth=0, label="middle half")  # fmt: skip
        ax.plot(at, median, color=fig.CYCLE[j], linewidth=1.2, label="median")
        ax.plot(at, high, color=fig.BLACK, linewidth=0.8, label="largest")
        ax.set(yscale="log", ylim=(floor, top))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        ax.tick_params(axis="y", labelsize=7)
        if not i:
            ax.set_title(titles[activations[j]])
        if not j:
            ax.set_ylabel(f"{kinds[optimisers[i]]}\n|∂loss/∂w|, nats")
        if i == len(optimisers) - 1:
            ax.set_xlabel("layers back")
    legend(figure, axes[0, 0])
    at_depth = [arm for key, arm in flows.items() if key[2] == deepest]
    say(
        fig.saved(
            figure,
            "depth-gradients-quantiles",
            "All gradients of a layer's weights, not only the largest, in networks of "
            f"{setting(records, at_depth[0], 'depth')} hidden layers after training: the range, "
            "the middle half, the median and the largest; medians over "
            f"{seeds(records, at_depth[0])} seeds. What reaches the lower edge is zero. Each panel "
            "has a scale of its own.",
            "Bands of gradients over layers by activation and optimiser. "
            + "; ".join(
                f"{kinds[o]}, {titles[a]}: median of the input layer "
                f"{np.nanmedian(back(flows[o, a, deepest], 'trained', quantile=2)[:, -1]):.1e}"
                for o in optimisers
                for a in activations
            ),
        )
    )

# %% [markdown]
# ## Before training {#depth-gradients-untrained}

# %%
if flows:
    one = optimisers[0]
    figure, axes = fig.canvas(2.6, 1, len(depths))
    for ax, depth in zip(axes[0], depths, strict=True):
        for place, activation in enumerate(activations):
            draw(ax, back(flows[one, activation, depth], "untrained"), titles[activation], place)
        ax.set(title=f"{depth} hidden layers", xlabel="layers back from the output")
        logarithmic(ax)
    axes[0, 0].set_ylabel("largest |∂loss/∂w|, nats")
    legend(figure, axes[0, 0])
    told = []
    for arm in [arm for key, arm in flows.items() if key[:2] == (one, "sigmoid")]:
        factors = [10 ** -slope(arm, when) for when in ("untrained", "trained")]
        if all(len(values) for values in factors):
            before, after = (drawn(f.mean(), records, [arm], "factor a layer", ".2g")
                             for f in factors)  # fmt: skip
            depth = setting(records, arm, "depth")
            told.append(f"at {depth} layers {before} before training, {after} after it")
    say(
        "Networks of one seed and depth begin alike, whatever trains them. "
        + (
            "With the sigmoid, each layer back divides the largest gradient, by a fitted line, by "
            f"a factor of: {'; '.join(told)} ({kinds[one]}). Where the two are alike, training has "
            "not made the gradients vanish, and has not mended it either."
            if told
            else ""
        ),
        fig.saved(
            figure,
            "depth-gradients-untrained",
            "Largest gradient of each layer's weights in networks as they begin, from the output "
            f"(left) to the input: geometric means over {seeds(records, group[0])} seeds with "
            "their range.",
            "Lines of gradients over layers before training. "
            + "; ".join(
                f"{titles[a]} with {d} layers: from "
                f"{middle(back(flows[one, a, d], 'untrained'))[0][0]:.1e} at the output to "
                f"{middle(back(flows[one, a, d], 'untrained'))[0][-1]:.1e} at the input"
                for a in activations
                for d in depths
            ),
        ),
    )

# %% [markdown]
# ## Weights and biases {#depth-gradients-biases}

# %%
if flows:
    figure, axes = fig.canvas(3.7, 2, len(activations), sharex=True)
    for (i, j), ax in np.ndenumerate(axes):
        when = ("untrained", "trained")[i]
        for place, part in enumerate(parts):
            draw(ax, back(flows[one, activations[j], deepest], when, part), part, place)
        logarithmic(ax)
        ax.tick_params(axis="y", labelsize=7)
        if not i:
            ax.set_title(titles[activations[j]])
        else:
            ax.set_xlabel("layers back")
        if not j:
            ax.set_ylabel(f"{when}\nlargest gradient, nats")
    legend(figure, axes[0, 0])
    apart = {
        (a, when): slope(arm, when, "biases").mean() - slope(arm, when).mean()
        for a in activations
        for arm in [flows[one, a, deepest]]
        for when in ("untrained", "trained")
        if len(slope(arm, when, "biases")) and len(slope(arm, when))
    }
    at_depth = [flows[one, a, deepest] for a in activations]
    widest = max(apart, key=lambda key: abs(apart[key]), default=None)
    say(
        "A bias sees the error that reaches its layer; a weight sees this times what its unit is "
        "fed. Where activations change over the layers, the two must differ. "
        + (
            "At the largest depth their slopes differ most with "
            f"{titles[widest[0]]}, {widest[1]}: by "
            f"{drawn(apart[widest], records, at_depth, 'difference of slopes', '+.3f')} decades a "
            "layer, biases less weights."
            if widest
            else ""
        ),
        fig.saved(
            figure,
            "depth-gradients-biases",
            "Largest gradients of weights and of biases in networks of "
            f"{setting(records, at_depth[0], 'depth')} hidden layers, before training (above) and "
            f"after {setting(records, at_depth[0], 'epochs')} epochs of {kinds[one]} (below): "
            f"geometric means over {seeds(records, at_depth[0])} seeds with their range. Each "
            "panel has a scale of its own.",
            "Pairs of lines over layers. Differences of their slopes: "
            + "; ".join(
                f"{titles[a]}, {when}: {value:+.3f} decades a layer"
                for (a, when), value in apart.items()
            ),
        ),
    )
