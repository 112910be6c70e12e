# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["worked"]
total = 0

# %%
from collections import Counter

import numpy as np
from matplotlib.colors import ListedColormap

from retrial.report import diagrams
from retrial.report import figures as fig
from retrial.report import worked as chapter
from retrial.report.entries import entries, slips_found
from retrial.report.numbers import config_value, counted, drawn, number, setting
from retrial.report.show import opened, say, summary

records, rows, by_id = opened(results, "worked")

# %% [markdown]
# # Worked by hand {#family-worked}
#
# ## What was claimed {#worked-claimed}

# %%
reports = Counter(row["report"] for row in rows)
say(
    "All five reports derive formulas and work numbers out by hand, in "
    f"{counted(len(rows), 'claims of this family')} of {counted(total, 'claims in all')} claims ("
    + ", ".join(
        f"{counted(count, f'claims of report {report}')} in {report}"
        for report, count in sorted(reports.items())
    )
    + "): gradients and their ranges, steps of back-propagation and of Newton's method, margins of "
    "linear classifiers, kernels, small networks drawn for a purpose. A line follows or it does "
    "not; with few exceptions there is no chance in it."
)

# %% [markdown]
# ## What was run {#worked-run}

# %%
say(
    "Each exercise becomes a *sheet*, from its first line on. A line is computed exactly, in "
    "rationals or with forty digits, or in double precision on random inputs, and *proved* by a "
    "computation of another kind: automatic differentiation, the definition, all cases. A trial "
    "whose line differs from its proof fails. No printed value enters a computation.",
    "Where the print is something else, *slips* are tried: the right line with one change, such as "
    "a dropped term or a wrong sign. Each of them fails the proof when it stands in the place of "
    "the line, which a test shows. A claim is *explained* if one slip gives exactly what is "
    "printed. If none does, a printed number is taken at its own word: if it is not even the "
    "result of its own printed factors it is *impossible*, and *contradicted* if it follows from "
    "factors that are wrong already.",
)

# %% [markdown]
# ## Printed against measured {#worked-table}

# %%
say(
    summary(rows, "this family"),
    "Printed and right lines stand one below the other in the exercises that follow: formulas are "
    "too wide for a table.",
    chapter.by_exercise(
        rows, f"Worked by hand: {len(rows)} of {total} claims by exercise, profile {profile}."
    ),
    "The slips that give a printed line, with their claims. Each has its story in its exercise: "
    "what is printed, the suspicion, the slip put back into the right line, what that gives.",
    slips_found(rows),
)

# %% [markdown]
# ## Layers without activations, and their derivatives {#worked-plain-layers}

# %%
arm = "plain_layers"
depth = len(records.array(arm, 0, "ceiling"))
say(
    "A stack of linear layers with random weights and biases (widths "
    f"{setting(records, arm, 'given.widths')}) was run layer by layer and compared with one layer "
    "whose weight is the product of all weights and whose bias carries every lower bias through "
    "the layers above it. They agree on all "
    f"{drawn(records.sample_size(arm, 'outputs.difference'), records, [arm], 'random stacks')} "
    "random stacks to "
    f"{number(records, arm, 'outputs.difference', '.0e')} of the largest output, and so do the "
    "Jacobian and, with two outputs, the class, which one threshold unit gives. A single ReLU left "
    "between the layers breaks this at once.",
    "The sigmoid's derivative is largest at zero, where it is "
    f"{number(records, arm, 'largest', 'g')}, is down to "
    f"{setting(records, arm, 'given.share')} of that at a distance of "
    f"{number(records, arm, 'reach', '.2f')}, and stays below $e^{{-|z|}}$ everywhere. It is "
    "never exactly zero, but through a chain of layers with weights of one it can only shrink: "
    "at best by the factor four a layer. ReLU hands the derivative on whole for positive inputs "
    "and not at all for negative ones. All derivatives were taken by automatic differentiation.",
)

# %%
figure, axes = fig.canvas(2.5, 1, 2)
z = records.array(arm, 0, "z")
left, right = axes[0]
left.plot(z, records.array(arm, 0, "relu_derivative"), color=fig.RED, linestyle="--", label="ReLU")
left.plot(z, records.array(arm, 0, "sigmoid_derivative"), color=fig.BLUE, label="sigmoid")
reach = float(records.metric(arm, "reach")[0])
left.axvspan(-reach, reach, color=fig.BLUE, alpha=0.1, linewidth=0)
left.set(xlabel="z", ylabel="derivative", title="one layer")
layers = np.arange(1, depth + 1)
for place, (name, label) in enumerate(
    (("sigmoid_chain", "sigmoid"), ("relu_chain", "ReLU, positive input"))
):
    right.plot(
        layers, records.array(arm, 0, name), color=fig.CYCLE[place], marker=fig.MARKERS[place],
        markersize=4, linestyle=("-", "--")[place], label=label,
    )  # fmt: skip
right.plot(
    layers,
    records.array(arm, 0, "ceiling"),
    color=fig.BLACK,
    linestyle=":",
    label="most that sigmoids pass",
)
right.set(yscale="log", xlabel="layers", ylabel="∂ output / ∂ input", title="a chain of layers")
left.legend(loc="center right")
right.legend(loc="lower left")
say(
    fig.saved(
        figure,
        "worked-derivatives",
        "Left: derivatives of the sigmoid and of ReLU; shaded is where the sigmoid's is above "
        f"{setting(records, arm, 'given.share')} of its largest value. Right: the derivative of a "
        "chain of layers with weights of one, from "
        "one random positive input, on a logarithmic axis.",
        "The sigmoid's derivative is a low bump about zero, ReLU's a step to one; through layers "
        "the sigmoid's falls exponentially while ReLU's stays at one.",
    ),
    *entries(records, rows, "000-Q1a", "000-Q1b"),
)

# %% [markdown]
# ## A threshold network for three classes {#worked-threshold-networks}

# %%
arm = "threshold_networks"
say(
    "The report draws a network whose last layer has exactly one active unit for every sample; "
    "one unit is biased by a very small ε and is active only if both its inputs are zero. The "
    "figure is lost. The network below is built after these words: three half-planes, the "
    "regions of two classes, of which one silences the other where both would claim a point, "
    "and the ε-unit for the third class. On "
    f"{number(records, arm, 'grid_points', '.0f')} grid points, "
    f"{number(records, arm, 'on_boundary', '.0f')} of them exactly on a boundary, never "
    "fewer than "
    f"{number(records, arm, 'most_and_fewest.0', '.0f')} and never more than "
    f"{number(records, arm, 'most_and_fewest.1', '.0f')} of the outputs is active, and over all "
    "patterns of the half-planes it cannot be otherwise. ε need not be very small: up to "
    f"{number(records, arm, 'widest', 'g')}, the size of the inhibitory weights, the unit does "
    "the same; above it two outputs are active at once, and without ε none is where the third "
    "should be.",
)

# %%
figure, axes = fig.canvas(3.0, 1, 2, width_ratios=[1.75, 1])
left, right = axes[0]
diagrams.network(
    left,
    [(records.array(arm, 0, f"weights_{i}"), records.array(arm, 0, f"biases_{i}"))
     for i in (1, 2, 3)],
    [["$x_1$", "$x_2$"], ["$h_1$", "$h_2$", "$h_3$"], ["$u_1$", "$u_2$"], ["×", "○", "△"]],
    ["inputs", "half-planes", "regions", "classes"],
)  # fmt: skip
classes = records.array(arm, 0, "map")
side = round(len(classes) ** 0.5)
edge = config_value(records, arm, "given.reach")
half = edge / (side - 1)  # of a pixel, whose middle is its point
pale = ["#BFD9EA", "#F6CFB8", "#BFE5D8"]
right.imshow(
    classes.reshape(side, side), origin="lower", extent=(-edge - half, edge + half) * 2,
    cmap=ListedColormap(pale), vmin=0, vmax=2, interpolation="nearest",
)  # fmt: skip
points, found = records.array(arm, 0, "grid"), records.array(arm, 0, "grid_classes")
rare = np.all(np.isclose((4 * points) % 2, 1), axis=1)
for value, marker in enumerate("xo^"):
    colour = (fig.BLUE, fig.RED, fig.GREEN)[value]
    here = points[rare & (found == value)]
    filled = {} if marker == "x" else {"facecolors": "none", "edgecolors": colour}
    right.scatter(*here.T, marker=marker, s=15, linewidth=0.9, **(filled or {"color": colour}))
x = np.array([-edge, edge])
for i, (a, b, c) in enumerate(records.array(arm, 0, "half_planes"), 1):
    y = -(a * x + c) / b
    right.plot(x, y, color=fig.BLACK, linewidth=0.8)
    inside = np.linspace(-edge, edge, 101)
    at = inside[np.abs(-(a * inside + c) / b) <= 0.93 * edge][0]
    right.text(
        at + 0.1,
        -(a * at + c) / b,
        f"$h_{i}$",
        fontsize=8,
        ha="left",
        va="center",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
    )
right.set(xlim=(-edge, edge), ylim=(-edge, edge), xlabel="$x_1$", ylabel="$x_2$", title="regions")
right.grid(visible=False)
say(
    fig.saved(
        figure,
        "worked-three-classes",
        "The network with its weights (solid: positive, dashed: negative) and biases (below "
        "the units), and the class of every point. A unit is one where its weighted sum and bias "
        "are positive. The bias of △ is ε.",
        "Two inputs, three half-plane units, two region units and three class units, beside the "
        "plane cut into three regions: x in a wedge to the right, o above a slanted line left of "
        "the wedge, triangles in the rest.",
    ),
    *entries(records, rows, "000-Q1c"),
)

# %% [markdown]
# ## A step network for a piecewise function {#worked-step-networks}

# %%
arm = "step_networks"
say(
    f"With thresholds at {setting(records, arm, 'given.thresholds')}, a first layer of threshold "
    "units and the differences of the heights as weights, the network is the piecewise function "
    "at all "
    f"{number(records, arm, 'grid_points', '.0f')} points that were tried, thresholds included, "
    "in exact fractions and for "
    f"{drawn(records.sample_size(arm, 'steps.difference'), records, [arm], 'random functions')} "
    "functions of random heights. The report's absolute values are right because it adds them "
    "where the function rises and subtracts them where it falls; absolute values that are all "
    "added up give another function as soon as it falls somewhere. If the garbled word is read "
    "as slope, the same differences with ReLU units give any function of connected straight "
    "pieces, which was checked as well.",
)

# %%
figure, axes = fig.canvas(2.7, 1, 2, width_ratios=[1.6, 1])
left, right = axes[0]
t, h = records.array(arm, 0, "thresholds"), records.array(arm, 0, "heights")
d = records.array(arm, 0, "differences")
diagrams.network(
    left,
    [(np.ones((len(t), 1)), -t.round(2)),
     (np.diag(np.abs(d)), np.zeros(len(d))),
     (np.sign(d)[None, :], h[:1])],
    [["$x$"], [f"$u_{i + 1}$" for i in range(len(t))],
     [f"$|d_{i + 1}|$" for i in range(len(t))], ["$f$"]],
    ["input", "tests", "differences", "output"],
)  # fmt: skip
edges = [t[0] - 1, *t, t[-1] + 1]
for i, height in enumerate(h):
    right.plot(edges[i : i + 2], [height] * 2, color=fig.BLUE, linewidth=1.8)
wrong = h[0] + np.concatenate([[0], np.cumsum(np.abs(d))])
for i, height in enumerate(wrong):
    right.plot(
        edges[i : i + 2],
        [height] * 2,
        color=fig.RED,
        linestyle="--",
        linewidth=1.1,
        label="all differences added" if i == 0 else None,
    )
px, py = records.array(arm, 0, "points"), records.array(arm, 0, "values")
right.scatter(px, py, s=9, color=fig.BLUE, zorder=3, label="network")
right.set(xlabel="x", ylabel="f(x)", title="function")
figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=2)
say(
    fig.saved(
        figure,
        "worked-step-network",
        "The network for one function of random heights (tests are threshold units, the rest "
        "sums; weights on the connections, biases below the units, rounded) and the function "
        "(solid) with the network's values (dots). Dashed: the absolute "
        "differences without their signs.",
        "One input, three tests, three differences and an output, beside a function of four "
        "steps through the network's values; without signs the steps only climb.",
    ),
    *entries(records, rows, "000-Q1d"),
)

# %% [markdown]
# ## Networks for any region and any function {#worked-universal-networks}

# %%
arm = "universal_networks"
bumps = [2**k for k in range(1, config_value(records, arm, "given.doublings") + 1)]
say(
    "A unit for each side, one that demands all sides of a shape, and one that is content with "
    "any shape: such a network is the union of convex polygons, and the union need not be convex. "
    "It was compared with the rule that counts crossings, at "
    f"{number(records, arm, 'grid_points', '.0f')} points with whole coordinates, corners and "
    "sides included: for the shapes on the left and for "
    f"{drawn(records.sample_size(arm, 'random_union.difference'), records, [arm], 'draws')} sets "
    "of random ones. In the other direction, bumps of two threshold units each were scaled and "
    "added up to random polygonal lines on $(0, 1]$.",
    "With heights in the middle of what the function does below each bump, the largest error of "
    "N bumps is never above half the modulus of continuity at $1/N$, and never grows when bumps "
    "are halved: for the function drawn here it falls from "
    f"{number(records, arm, 'errors.0', '.2f')} with "
    f"{number(records, arm, 'units.0', '.0f')} units to "
    f"{number(records, arm, f'errors.{len(bumps) - 1}', '.3f')} with "
    f"{number(records, arm, f'units.{len(bumps) - 1}', '.0f')}. A finite sum of bumps has "
    "finitely many values: it comes as near to a continuous function as is wanted, but is none.",
)

# %%
figure, axes = fig.canvas(3.1, 1, 2)
edge = config_value(records, arm, "given.reach")
counts = (
    len(config_value(records, arm, "given.polygons")),
    config_value(records, arm, "given.random_shapes"),
)
for ax, name, count, title in zip(
    axes[0], ("shape", "random_shape"), counts, ("given shapes", "random shapes"), strict=True
):
    found = records.array(arm, 0, "map" if name == "shape" else "random_map")
    side = round(len(found) ** 0.5)
    half = edge / (side - 1)
    ax.imshow(
        found.reshape(side, side),
        origin="lower",
        extent=(-edge - half, edge + half) * 2,
        cmap=ListedColormap(["white", "#BFD9EA"]),
        interpolation="nearest",
    )
    for i in range(count):
        corners = records.array(arm, 0, f"{name}_{i}")
        ring = np.concatenate([corners, corners[:1]])
        style = ("-", "--", "-.")[i % 3]
        ax.plot(*ring.T, color=fig.CYCLE[i], linestyle=style, linewidth=1.3)
    ax.set(xlim=(-edge, edge), ylim=(-edge, edge), xlabel="$x_1$", ylabel="$x_2$", title=title)
    ax.grid(visible=False)
say(
    fig.saved(
        figure,
        "worked-polygons",
        "Where the network says yes (shaded) and the polygons that it is built from (lines). "
        "Each side is a unit of the first layer, each polygon one of the second.",
        "Two panels: an angle of two bars with a triangle apart, and overlapping random polygons; "
        "the shading fills the polygons exactly.",
    )
)

# %%
figure, axes = fig.canvas(2.8, 1, 2)
left, right = axes[0]
x = records.array(arm, 0, "x")
few, many = config_value(records, arm, "given.drawn_bumps")
left.plot(x, records.array(arm, 0, "f"), color=fig.BLACK, linewidth=1.4, label="function")
for place, count in enumerate((few, many)):
    left.plot(
        x,
        records.array(arm, 0, f"bumps_{count}"),
        color=fig.CYCLE[place],
        linewidth=1.1,
        label=f"{count} bumps",
    )
left.set(xlabel="x", ylabel="f(x)")
left.legend()
units = np.array([records.metric(arm, f"units.{i}")[0] for i in range(len(bumps))])
errors = np.array([records.metric(arm, f"errors.{i}")[0] for i in range(len(bumps))])
bound = np.array([records.metric(arm, f"modulus.{i}")[0] / 2 for i in range(len(bumps))])
right.plot(
    units,
    bound,
    color=fig.RED,
    linestyle="--",
    marker="s",
    markersize=3.5,
    markerfacecolor="white",
    label="ω(1/N) / 2",
)
right.plot(units, errors, color=fig.BLUE, marker="o", markersize=4, label="largest error")
right.set_xscale("log", base=2)
right.set(yscale="log", xlabel="threshold units (2N)", ylabel="max |f − network|")
right.legend()
say(
    fig.saved(
        figure,
        "worked-bumps",
        "Left: a random polygonal line and two sums of bumps. Right: the largest error by number "
        "of units, with its bound by the modulus of continuity ω. One function of "
        f"{drawn(records.sample_size(arm, 'errors.difference'), records, [arm], 'functions')}.",
        "The staircase of few bumps follows the function coarsely, that of many closely; the "
        "error falls along its bound, in the end by half whenever the units are doubled.",
    ),
    *entries(records, rows, "000-Q1e"),
)
