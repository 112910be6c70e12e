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
from fractions import Fraction

import numpy as np

from retrial.report import figures as fig
from retrial.report.entries import entries
from retrial.report.numbers import drawn, number, setting
from retrial.report.show import opened, say

records, rows, by_id = opened(results, "worked")

# %% [markdown]
# ## A machine of hard margin {#worked-hard-margin}

# %%
points, signs = (records.array("hard_margin", 0, name) for name in ("x", "y"))
line, table_line = (records.array("hard_margin", 0, name) for name in ("line", "table_line"))
wrong = signs * (points @ table_line[:2] + table_line[2]) <= 0
slips = records.of("hard_margin")[0]["detail"]["slips"]
without_labels = ", ".join(
    drawn(float(Fraction(one)), records, ["hard_margin"], "w without the labels", "g")
    for one in slips["labels_left_out"]["values"]["weights"]
)
say(
    "The dual of the four points is solved by sequential quadratic programming; its solution, "
    "written in rationals, satisfies the Karush–Kuhn–Tucker conditions exactly, and scikit-learn's "
    "machine agrees to "
    f"{number(records, 'hard_margin', 'machine.difference', '.0e')}. The proof is geometry: the "
    "line halves the shortest way between the two classes' hulls. The margin "
    r"$1/\lVert w\rVert$ is "
    f"{number(records, 'hard_margin', 'margin', '.4f')}. The printed λ, W and b are right, and no "
    "other λ solves the dual, although the first point lies on the margin with a multiplier of "
    "zero (the small ring in the figure).",
    "The lines between them are not right. The four printed rows are a singular system (rank "
    f"{number(records, 'hard_margin', 'ranks.0', '.0f')}, with the right side "
    f"{number(records, 'hard_margin', 'ranks.1', '.0f')}): no λ solves them, and the printed one "
    "solves not even one of them. Each lacks $y_i b$, b being the multiplier of the constraint "
    r"$\sum_i y_i\lambda_i = 0$. With b and that constraint in all four rows there is still no "
    f"solution (rank {number(records, 'hard_margin', 'ranks_with_b.0', '.0f')} against "
    f"{number(records, 'hard_margin', 'ranks_with_b.1', '.0f')}): the fourth point lies beyond the "
    "margin and its row holds only with the multiplier of its bound. The sum for W lacks the "
    f"labels, and as it stands gives ({without_labels}). In the table the second weight has lost "
    "its sign after the calculation, for the bias beside it belongs to the right one; with the "
    "table's numbers "
    f"{drawn(int(wrong.sum()), records, ['hard_margin'], 'points on the wrong side')} "
    f"of the {drawn(len(points), records, ['hard_margin'], 'points')} points lie on the wrong "
    "side.",
)

# %%
figure, axes = fig.canvas(3.3, 1, 1)
figure.set_layout_engine("compressed")  # the axes keep their shape: equal scales
ax = axes[0, 0]
ends = np.array([-1.0, 12.0])


def height(weights, level=0.0):
    """Where w·x + b = level over both ends of the axis."""
    return (level - weights[2] - weights[0] * ends) / weights[1]


ax.fill_between(ends, height(line, -1), height(line, 1), color=fig.GREY, alpha=0.16, linewidth=0)
ax.plot(ends, height(line), color=fig.BLACK, linewidth=1.5, label="largest margin")
for level in (1, -1):
    ax.plot(ends, height(line, level), color=fig.BLACK, linewidth=0.8, linestyle=(0, (4, 3)))
ax.plot(
    ends, height(table_line), color=fig.RED, linewidth=1.4, linestyle="-.",
    label="with the table's weights",
)  # fmt: skip
for sign, colour, marker, name in ((1, fig.BLUE, "o", "+1"), (-1, fig.ORANGE, "s", "−1")):
    ax.plot(
        *points[signs == sign].T,
        marker,
        color=colour,
        markersize=6,
        label=f"class {name}",
        zorder=4,
    )
on_margin = np.isclose(signs * (points @ line[:2] + line[2]), 1)
support = records.array("hard_margin", 0, "multipliers") > 0
ring = {"markerfacecolor": "none", "markeredgecolor": fig.BLACK, "linestyle": "", "marker": "o"}
ax.plot(*points[support].T, markersize=13, label="support vector, λ > 0", **ring)
ax.plot(
    *points[on_margin & ~support].T, markersize=9.5, markeredgewidth=0.7,
    label="on the margin, λ = 0", **ring,
)  # fmt: skip
ax.plot(
    *points[wrong].T, "x", color=fig.RED, markersize=13, markeredgewidth=1.1, zorder=3,
    label="wrong by the table's weights",
)  # fmt: skip
for i, point in enumerate(points, 1):
    ax.annotate(f"$x_{i}$", point, xytext=(9, 5), textcoords="offset points")
ax.set(xlim=(-0.5, 10.5), ylim=(-0.3, 7.3), xlabel="first coordinate", ylabel="second coordinate")
ax.set_aspect("equal")
ax.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
say(
    fig.saved(
        figure,
        "worked-hard-margin",
        "The four points with the line of largest margin and its margin (grey), and the line of "
        "the weights and bias in the report's table.",
        "Two points of each class. The line of largest margin runs between them, falling to the "
        "right. One point of each class is a support vector, a third point lies on the margin "
        "without a multiplier, and the fourth beyond it. The line with the table's weights rises "
        "to the right, below all four points: both of the negative class on its wrong side.",
    )
)

# %%
say(*entries(records, rows, "000-4.1"))

# %% [markdown]
# ## Maps that separate {#worked-feature-maps}

# %%
rebuilt, theorems = "feature_maps/rebuilt", "kernel_theorems"
maps_given = records.of(rebuilt)[0]["config"]["given"]
alpha, middle = (f"given.interval.{key}" for key in ("alpha", "centre"))
disk_v, rings_v = (maps_given[key]["centre"] for key in ("disk", "rings"))


def pairs(place: int, line: str) -> str:
    """A count of pairs of the rebuilt data: with the printed setting (0) or the centred one (1)."""
    return number(records, rebuilt, f"{line}.{place}", ".0f")


say(
    "Whether $|x - \\alpha|$ and $\\|x - v\\|$ make two classes linearly separable depends on data "
    "that are lost with their figures. What can be said without them is the condition. Let the "
    "inner class lie within $r$ of the centre of symmetry and the outer one beyond $R$. The mapped "
    "classes then leave a margin of $\\tfrac{1}{2}(R - r) - |\\alpha - 4|$ on the line, of "
    "$\\tfrac{1}{2}(R - r) - \\|v\\|$ about a disk, and the same with both terms for the two maps "
    "in a row; they are separable where this is positive, and nowhere else. On "
    f"{drawn(records.sample_size('feature_maps/random', 'interval.difference'), records, ['feature_maps/random'], 'draws')} "  # noqa: E501
    f"times {setting(records, 'feature_maps/random', 'given.cases')} random sets of radii and "
    "settings the formulas agree with mapping the points and measuring the gap.",
    "So each setting off the centre costs margin, whatever the data are: "
    f"$\\alpha$ = {setting(records, rebuilt, alpha)} in place of {setting(records, rebuilt, middle)} "  # noqa: E501
    f"costs {number(records, rebuilt, 'interval_cost', '.1f')}, the two centres cost their lengths, "  # noqa: E501
    f"{number(records, rebuilt, 'disk_cost', '.3f')} and "
    f"{number(records, rebuilt, 'rings_cost', '.3f')}. On the data rebuilt here the margins fall "
    f"from {number(records, rebuilt, 'interval_centred', '.2f')} to "
    f"{number(records, rebuilt, 'interval', '.2f')}, from "
    f"{number(records, rebuilt, 'disk_centred', '.2f')} to "
    f"{number(records, rebuilt, 'disk', '.3f')} and from "
    f"{number(records, rebuilt, 'rings_centred', '.2f')} to "
    f"{number(records, rebuilt, 'rings', '.3f')}. The points that the report wants to keep apart do "  # noqa: E501
    f"meet in the centred maps ({pairs(1, 'interval_together')} pairs on the line, "
    f"{pairs(1, 'disk_together')} in the plane), but never two of different classes "
    f"({pairs(1, 'interval_across')} and {pairs(1, 'disk_across')} pairs). Nor does the printed "
    "centre part them all: it stands on the diagonal, and points that mirror each other there "
    f"({pairs(0, 'disk_together')} pairs of the rebuilt disk and ring) stay together.",
)

# %%
arrays = {
    key: records.array(rebuilt, 0, key)
    for key in ("interval_inner", "interval_outer", "disk_inner", "disk_outer", "rings_inner",
                "rings_outer", "alphas", "interval_margins", "steps", "disk_margins", "shifts",
                "folds", "rings_margins")
}  # fmt: skip
looks = {"inner": (fig.BLUE, "o"), "outer": (fig.ORANGE, "s")}
fold = maps_given["rings"]["alpha"]


def off_centre(v):
    return lambda x: np.hypot(*(x - np.asarray(v)).T)


def on_line(a):
    return lambda x: np.abs(x - a)


stages = {
    "interval": {f"α = {a:g}": on_line(a) for a in (maps_given["interval"]["centre"],
                                                   maps_given["interval"]["alpha"])},
    "disk": {f"v = [{v[0]:g}, {v[1]:g}]": off_centre(v) for v in ([0, 0], disk_v)},
    "rings": {
        f"v = [{v[0]:g}, {v[1]:g}]": lambda x, v=v: np.abs(off_centre(v)(x) - fold)
        for v in ([0, 0], rings_v)
    },
}  # fmt: skip
axis_names = {
    "interval": "|x − α|", "disk": "‖x − v‖", "rings": f"| ‖x − v‖ − {fold:g} |",
}  # fmt: skip
figure, axes = fig.canvas(
    6.4, 3, 2, gridspec_kw={"width_ratios": [1, 1.9], "height_ratios": [0.55, 1, 1]}
)
for (before, after), (name, settings) in zip(axes, stages.items(), strict=True):
    for part, (colour, marker) in looks.items():
        points = arrays[f"{name}_{part}"]
        plane = points if points.ndim == 2 else np.stack([points, np.zeros_like(points)], axis=1)
        before.plot(*plane.T, marker, color=colour, markersize=3.2 if name != "interval" else 4.5,
                    markeredgewidth=0, label=f"{part} class")  # fmt: skip
        for row, mapping in enumerate(settings.values()):
            values = mapping(points)
            # Spread upwards, so that points which meet are seen to.
            height = row + 0.42 * (np.argsort(np.argsort(values, kind="stable")) % 7 - 3) / 7
            after.plot(values, height if points.ndim == 2 else np.full(len(values), float(row)),
                       marker, color=colour, markersize=3.2 if name != "interval" else 4.5,
                       markeredgewidth=0, alpha=0.75)  # fmt: skip
    for row, mapping in enumerate(settings.values()):
        low, high = mapping(arrays[f"{name}_inner"]).max(), mapping(arrays[f"{name}_outer"]).min()
        after.fill_betweenx([row - 0.36, row + 0.36], low, high, color=fig.GREEN, alpha=0.22,
                            linewidth=0)  # fmt: skip
        after.plot([(low + high) / 2] * 2, [row - 0.36, row + 0.36], color=fig.GREEN, linewidth=1.3)
    after.set_yticks([0, 1], list(settings))
    after.set(ylim=(-0.55, 1.55), xlabel=axis_names[name])
    after.grid(axis="y", visible=False)
    if name == "interval":
        before.set(yticks=[], xlabel="x", xticks=np.arange(1, 8))
        before.grid(axis="y", visible=False)
    else:
        before.set(aspect="equal", xlabel="x₁", ylabel="x₂")
axes[0, 0].set_title("before")
axes[0, 1].set_title("mapped (spread upwards only to be seen)")
handles, labels = axes[0, 0].get_legend_handles_labels()
handles.append(axes[0, 1].fill_between([], [], color=fig.GREEN, alpha=0.3, linewidth=0))
figure.legend(handles, [*labels, "gap, with the threshold in its middle"],
              loc="outside upper center", ncols=3)  # fmt: skip
say(
    fig.saved(
        figure,
        "worked-feature-maps",
        "Data rebuilt from what the text says, and mapped: the centred setting below, the printed "
        "one above it. Every printed setting separates these data, with a narrower gap.",
        "Three pairs of panels. Left, the points: two classes on a line, a disk in a ring, three "
        "rings. Right, the mapped points in two rows, each with a green gap between the classes, "
        "wider in the row of the centred setting.",
    )
)

# %%
figure, axes = fig.canvas(2.7, 1, 3)
line, disk, rings = axes[0]
line.plot(arrays["alphas"], arrays["interval_margins"], color=fig.BLUE, linewidth=1.5)
line.axhline(0, color=fig.BLACK, linewidth=0.8)
printed_alpha = maps_given["interval"]["alpha"]
line.plot(printed_alpha, records.metric(rebuilt, "interval")[0], "D", markerfacecolor="white",
          markeredgecolor=fig.RED, markeredgewidth=1.4, markersize=6)  # fmt: skip
line.set(xlabel="α", ylabel="margin", title="line")
most = max(arrays["disk_margins"].max(), arrays["rings_margins"].max())
options = {"cmap": "PuOr", "vmin": -most, "vmax": most, "shading": "nearest"}
for ax, (across_, up, values) in (
    (disk, (arrays["steps"], arrays["steps"], arrays["disk_margins"])),
    (rings, (arrays["shifts"], arrays["folds"], arrays["rings_margins"])),
):
    shade = ax.pcolormesh(across_, up, values, rasterized=True, **options)
    ax.contour(across_, up, values, levels=[0], colors=fig.BLACK, linewidths=1.2)
    ax.grid(visible=False)
for ax, x, y in ((disk, *disk_v), (rings, np.hypot(*rings_v), fold)):
    ax.plot(x, y, "D", markerfacecolor="white", markeredgecolor=fig.RED, markeredgewidth=1.4,
            markersize=6)  # fmt: skip
disk.set(xlabel="v₁", ylabel="v₂", title="disk and ring", aspect="equal")
rings.set(xlabel="‖v‖", ylabel="α", title="three rings")
fig.colour_bar(figure, shade, [disk, rings], "margin")
say(
    fig.saved(
        figure,
        "worked-feature-maps-margin",
        "Margin of the rebuilt data over the settings of their maps, found by mapping the points; "
        "negative where the classes overlap, zero on the black lines; the scale of the maps ends "
        "at the largest margin on both sides. Open diamonds: the printed settings. The largest "
        "margin is that of the centred ones.",
        "A tent over α with its top in the middle; a cone over the two coordinates of the centre; "
        "a wedge over the length of the centre and α. The printed settings stand on the slopes.",
    )
)

# %%
say(*entries(records, rows, "000-4.2"))

# %% [markdown]
# ## Kernels and their theorems {#worked-kernel-theorems}

# %%
say(
    "A linear, a polynomial and an RBF kernel are worked out without their maps and compared with "
    "the inner products of explicit ones: all monomials with their multinomial weights, for RBF "
    "those of its power series. Kernel values agree to "
    f"{number(records, theorems, 'kernels.difference', '.0e')}, and so do the predictions of a "
    "ridge regression that sees kernel values only and of one with a weight for every feature. "
    "Counted by numbers that keep a tally, a value of $(1 + x^\\top y)^d$ takes fewer "
    "multiplications than the inner product of points that are mapped already, for every number "
    f"of inputs up to {setting(records, theorems, 'given.most_inputs')} and every degree up to "
    f"{setting(records, theorems, 'given.most_degree')}; it does so always, since $n + d - 1$ is "
    "less than $\\binom{n + d}{d}$. What does not shrink is a matrix of kernel values: it takes "
    "more memory than the mapped points as soon as there are more points than features.",
    "The report adds that the trick can select features where the mapped space is the smaller one. "
    "A kernel that sums the products of the chosen inputs does so, and its derivative by every "
    "other input is zero; but it selects what its author chose, none of the kernels in the report "
    "has a smaller space, and a smaller space alone selects nothing: the sum of all inputs is one "
    "feature that uses them all.",
    "The inequality of Cauchy and Schwarz holds, and so does every line of its printed proof but "
    "the first, whose sum is zero for every $x$ and $y$: it has $a$ where $b$ should stand. With "
    "$(a_i b_j - a_j b_i)^2$ it is Lagrange's identity, which holds exactly on random rationals. "
    "The norm of the feature-space mean is right as printed, for all three kernels.",
)

# %%
cosines = records.array(theorems, 0, "cosines")
explicit_cosines = records.array(theorems, 0, "explicit_cosines")
sizes = records.array(theorems, 0, "sizes")
features = records.array(theorems, 0, "features")
multiplications = records.array(theorems, 0, "multiplications")
figure, axes = fig.canvas(2.9, 1, 2)
bound, work = axes[0]
for place, name in enumerate(("linear", "polynomial", "RBF")):
    bound.plot(explicit_cosines[place], cosines[place], fig.MARKERS[place], color=fig.CYCLE[place],
               markersize=4, alpha=0.7, markeredgewidth=0, label=name)  # fmt: skip
bound.plot([-1, 1], [-1, 1], color=fig.GREY, linewidth=0.8, zorder=1)
for side in (-1, 1):
    bound.axhline(side, color=fig.BLACK, linewidth=0.8, linestyle="--")
bound.set(xlabel="cos of the mapped points", ylabel="K(x, y) / √(K(x, x) K(y, y))", aspect="equal")
bound.legend(loc="lower right", bbox_to_anchor=(1, 0.06), handletextpad=0.1)
degrees = [d for d in np.unique(sizes[:, 1]) if d > 1]
for place, degree in enumerate(degrees):
    of = sizes[:, 1] == degree
    style = {"color": fig.CYCLE[place], "marker": fig.MARKERS[place], "markersize": 4}
    work.plot(sizes[of, 0], features[of], label=f"map, d = {degree:.0f}", **style)
    work.plot(sizes[of, 0], multiplications[of], linestyle="--", markerfacecolor="white",
              label=f"kernel, d = {degree:.0f}", **style)  # fmt: skip
work.set(yscale="log", xlabel="inputs n", ylabel="multiplications")
work.legend(fontsize=7, ncols=2, loc="upper left")
work.set_ylim(top=work.get_ylim()[1] * 6)
say(
    fig.saved(
        figure,
        "worked-kernel-theorems",
        f"Left: cosines in feature space from kernel values against those of explicit maps, "
        f"{drawn(cosines.shape[1], records, [theorems], 'pairs', 'd')} random pairs for each "
        "kernel; none leaves the dashed bounds. Right: multiplications for one inner product, by "
        "the kernel and with points that are mapped already.",
        "Dots on the diagonal between minus one and one. Lines of multiplications against inputs "
        "on a log axis: those of the maps rise far above those of the kernels.",
    )
)

# %%
say(*entries(records, rows, "000-5"))
