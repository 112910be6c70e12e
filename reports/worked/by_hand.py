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
from retrial.report import worked as chapter
from retrial.report.diagrams import network
from retrial.report.entries import entries
from retrial.report.numbers import claimed, config_value, counted, drawn, number
from retrial.report.show import opened, say
from retrial.report.tables import sources

records, rows, by_id = opened(results, "worked")

# %% [markdown]
# ## One step on a two-layer ReLU regression {#worked-relu-regression}

# %%
rule, gradient = "relu_regression/delta", "relu_regression/gradient"
say(
    "Every line is worked out in rationals and proved by automatic differentiation, once with the "
    "delta rule δ = y − ŷ that the report writes down and once with the gradient of the mean "
    "squared error, which is twice that. The forward pass and the output's δ are right. Their "
    f"squares sum to {number(records, rule, 'squares', '.3f')}, not "
    f"{claimed(rows, '002-A1-sse')}: nothing that was tried turns the one into the other, and the "
    f"loss is {number(records, rule, 'loss', '.4f')}. Two of the updates hold a slip that gives "
    "the print exactly: ŷ stands for the hidden activation in the update of $w_2$, and $w_1$ for "
    "$w_2$ in the hidden neuron's δ. Two lines are labelled $w_1$ and are read as those of $b_2$ "
    "and $b_1$, since the new outputs use them so. The step of $b_1$ alone loses a digit in print: "
    "the next line goes on with the right product.",
    "The loss does decrease, from "
    f"{number(records, rule, 'loss', '.3f')} to {number(records, rule, 'new_loss', '.3f')} by the "
    f"delta rule and to {number(records, gradient, 'new_loss', '.3f')} by the gradient. The "
    f"printed numbers, {claimed(rows, '002-A1-loss0')} before and "
    f"{claimed(rows, '002-A1-loss1')} after, would have said the opposite.",
)

# %%
figure, axes = fig.canvas(2.5)
ax = axes[0, 0]
inputs, targets = (
    np.array(records.of(rule)[0]["config"]["given"][name], dtype=float) for name in ("x", "y")
)
samples = range(len(inputs))


def outputs_of(arm, line):
    """The values of a line, one per sample."""
    return [records.metric(arm, f"{line}.{i}")[0] for i in samples]


ax.plot(inputs, targets, "*", color=fig.BLACK, markersize=9, label="targets")
for arm, line, colour, marker, label in (
    (gradient, "new_outputs", fig.GREEN, "^", "after the step, gradient"),
    (rule, "new_outputs", fig.BLUE, "o", "after the step, delta rule"),
    (rule, "outputs", fig.GREY, "s", "before the step"),
):
    ax.plot(
        inputs, outputs_of(arm, line), color=colour, marker=marker, markersize=5, linewidth=1.2,
        label=label,
    )  # fmt: skip
ax.plot(
    inputs, [float(by_id[f"002-A1-newy{i + 1}"]["printed"]) for i in samples], "D",
    markerfacecolor="white", markeredgecolor=fig.RED, markeredgewidth=1.3, markersize=6,
    label="after the step, printed",
)  # fmt: skip
ax.set(xlabel="x", ylabel="output ŷ and target y", yscale="log", xticks=inputs)
ax.set_yticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
ax.minorticks_off()
ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
say(
    fig.saved(
        figure,
        "worked-relu-regression",
        "The outputs for the three inputs before and after the step, as worked "
        "out and as printed. The targets are the stars; the output axis is logarithmic.",
        "Targets of three to five lie far above all outputs. The outputs rise a little with the "
        "step, most by the full gradient; the printed ones rise least.",
    )
)

# %%
say(*entries(records, rows, "002-A1"))

# %% [markdown]
# ## Back-propagation by hand {#worked-hand-backprop}

# %%
before, after, rules = "hand_backprop/given", "hand_backprop/assumed", "hand_backprop/formulas"
slips = {arm: records.of(arm)[0]["detail"]["slips"] for arm in (before, after)}


def slipped(arm, slip, line, form):
    """What a slip makes of a line."""
    value = float(Fraction(slips[arm][slip]["values"][line][0]))
    return drawn(value, records, [arm], f"{line} with the slip {slip}", form)


largest = max(abs(records.metric(after, f"step_w{n}")[0]) for n in range(1, 9))
say(
    "The report gives $w_5$ to $w_8$ for the forward pass and, with the words “we'll assume some "
    "initial values”, others for the backward pass. Both readings are carried from the first line "
    "to the last, with the updates of the two biases, which the report leaves out: sums in "
    "rationals, what follows the first sigmoid in forty digits, gradients against automatic "
    "differentiation. The rules that the report states in symbols are the gradient of "
    r"$\tfrac{1}{2}\sum(o - t)^2$ (on random networks they agree with it to "
    f"{number(records, rules, 'new_weights.difference', '.0e', 'max')}). Almost none of the "
    "numbers follow from them.",
    "In $z_1$ a printed product is left out of the sum: "
    f"{slipped(before, 'second_input_dropped_1', 'z1', '.2f')} "
    f"in place of {number(records, before, 'z1', '.2f')}. The same slip in $z_2$ would print "
    f"{slipped(before, 'second_input_dropped_2', 'z2', '.2f')}, which the report does not; its "
    "value stays unexplained. Then the sigmoids of both negative sums come out next to one where "
    "they are next to zero: with exp(z) for exp(−z) in the hidden layer both outputs saturate as "
    f"printed, where they are {number(records, before, 'o1', '.3f')} and "
    f"{number(records, before, 'o2', '.3f')}. The backward pass starts from outputs of "
    f"{claimed(rows, '003-6-o1b')} and {claimed(rows, '003-6-o2b')}, which neither reading gives "
    f"({number(records, after, 'o1', '.3f')} and {number(records, after, 'o2', '.3f')} with the "
    "assumed weights), and so takes the second output to be below its target when it is far above "
    "it. From there on most products are not even those of their own printed factors; some are "
    "off by a factor of ten.",
    "Two more slips are in the order of things. Going back through other weights than those of "
    "the forward pass gives the gradient of no network: one of the hidden δ is off by "
    f"{number(records, before, 'backward.weights_exchanged', '.0%')} of the larger. Going back "
    "through weights that are already updated, as the numbers of the third step do and its "
    "symbols do not, changes the first hidden δ only by a part of "
    f"{number(records, after, 'hidden_error_1.updated_weights_1', '.0e')}. Of the two biases, "
    f"which the report leaves as they are, the output's moves by "
    f"{number(records, after, 'step_b2', '.1e')} with the assumed weights; no weight moves by "
    f"more than {drawn(largest, records, [after], 'largest increment of a weight', '.1e')}.",
)

# %%
figure, axes = fig.canvas(1.8, 1, 2)
stated = records.of(before)[0]["config"]["given"]
for ax, (title, key) in zip(
    axes[0],
    (("given", "given_weights"), ("assumed for the backward pass", "assumed_weights")),
    strict=True,
):
    network(
        ax,
        [
            (np.reshape(stated[weights], (2, 2)), np.full(2, stated[bias]))
            for weights, bias in (("hidden_weights", "hidden_bias"), (key, "output_bias"))
        ],
        [[f"${one}_{n}$" for n in (1, 2)] for one in "iho"],
    )
    ax.set_title(title)
say(
    fig.saved(
        figure,
        "worked-hand-backprop-networks",
        "The network with the weights of its two readings. All neurons "
        "are sigmoids; each layer has one bias, which stands below its neurons.",
        "Two drawings of a network of two inputs, two hidden and two output neurons. They differ "
        "in the weights from the hidden to the output layer only: all large and positive on the "
        "left, small and of both signs on the right.",
    )
)

# %%
panels = {
    "forward, with the given weights": (
        before,
        [
            *((f"$z_{n}$", f"z{n}", f"z{n}") for n in (1, 2)),
            *((f"$h_{n}$", f"h{n}", f"h{n}") for n in (1, 2)),
            *(
                (f"$h_{j} w_{n + 4}$", f"p{n}", f"p{n}")
                for n, j in ((1, 1), (2, 2), (3, 1), (4, 2))
            ),
            *((f"$z_{n}$", f"z{n}", f"z{n}") for n in (3, 4)),
            *((f"$o_{n}$", f"o{n}", f"o{n}") for n in (1, 2)),
        ],
    ),
    "backward, with the assumed weights": (
        after,
        [
            *((f"$o_{n}$", f"o{n}", f"o{n}b") for n in (1, 2)),
            *((rf"$\delta_{{o_{n}}}$", f"output_error_{n}", f"do{n}") for n in (1, 2)),
            *((rf"$\Delta w_{n}$", f"step_w{n}", f"inc-w{n}") for n in (5, 6, 7, 8)),
            *((rf"$\delta_{{h_{n}}}$", f"hidden_error_{n}", f"dh{n}") for n in (1, 2)),
            *((rf"$\Delta w_{n}$", f"step_w{n}", f"inc-w{n}") for n in (1, 2, 3, 4)),
            *((rf"$\Delta b_{n}$", f"step_b{n}", "") for n in (1, 2)),
        ],
    ),
}


def mark(ax, value, place, colour, marker, size):
    """A value by its size; filled if positive, open if negative."""
    ax.plot(
        abs(value), place, marker, color=colour, markersize=size, markeredgewidth=1.3,
        markerfacecolor=colour if value > 0 else "white", zorder=4,
    )  # fmt: skip


figure, axes = fig.canvas(4.3, 1, 2)
for ax, (title, (arm, lines)) in zip(axes[0], panels.items(), strict=True):
    other = after if arm == before else before
    for place, (_, line, claim) in enumerate(lines):
        right, elsewhere = (records.metric(one, line)[0] for one in (arm, other))
        if elsewhere != right:
            mark(ax, elsewhere, place, fig.SKY, "s", 3.5)
        if claim:
            told = float(by_id[f"003-6-{claim}"]["printed"])
            ax.plot(
                [abs(right), abs(told)], [place, place], color=fig.GREY, linewidth=0.9, zorder=3
            )
            mark(ax, told, place, fig.RED, "D", 5.5)
        mark(ax, right, place, fig.BLUE, "o", 5.5)
    ax.set_yticks(range(len(lines)), [label for label, _, _ in lines])
    ax.invert_yaxis()
    ax.set(xscale="log", title=title, xlabel="absolute value")
handles = [
    figure.axes[0].plot([], [], marker, color=colour, markersize=5.5, label=label)[0]
    for marker, colour, label in (
        ("o", fig.BLUE, "right, this reading"),
        ("s", fig.SKY, "right, the other reading"),
        ("D", fig.RED, "printed"),
    )
]
figure.legend(handles=handles, loc="outside upper center", ncols=3)
say(
    fig.saved(
        figure,
        "worked-hand-backprop",
        "Every printed number against the right one, on a logarithmic "
        "axis. Filled: positive. Open: negative. A grey line joins what should coincide. The "
        "biases' increments are not in the report.",
        "Two columns of lines. In the forward column the printed hidden activations, products and "
        "weighted sums of the outputs are two to six orders of magnitude too large. In the "
        "backward column the printed outputs and their error signals are two to four orders too "
        "small; the second output's error signal and the increments of the two weights that lead "
        "into it have the wrong sign.",
    )
)

# %%
say(*entries(records, rows, "003-6"))

# %% [markdown]
# ## Margins and support vectors {#worked-margins}

# %%
say(
    "The samples are lost with the exercise's image. As the second weight is zero, a margin hangs "
    "on the first coordinate alone; these are rebuilt from the printed functional margins (the "
    "second are drawn at random), so that the functional margins themselves are not tested. All "
    "that follows from them is, and is right: a geometric margin is the functional one over "
    rf"$\lVert w\rVert$ = {number(records, 'margins', 'norm', 'g')}, the smallest are "
    f"{number(records, 'margins', 'least_geometric', 'g')} and "
    f"{number(records, 'margins', 'least_functional', 'g')}, two samples have them, one of each "
    f"class, and the new point has the score {number(records, 'margins', 'query_score', 'g')}.",
    "The formulas above these numbers are not: the printed Ŷ, the functional margin, has the "
    "factor "
    r"$\lVert w\rVert/\lVert w\rVert$ before the geometric one and so would be equal to it; the "
    r"minimum is written over the first two samples only; and $|w\cdot x+b|$ in place of "
    r"$y\,(w\cdot x+b)$ would give a sample on the wrong side a positive margin. Whether the line "
    "is the one of largest margin cannot be told: with two support vectors it would have to "
    "halve the way between them, and their second coordinates are lost.",
)

# %%
w, b = records.array("margins", 0, "w"), records.array("margins", 0, "b")[0]
samples, classes = records.array("margins", 0, "x"), records.array("margins", 0, "y")
new = config_value(records, "margins", "given.query")
figure, axes = fig.canvas(2.5, 1, 1)
ax = axes[0, 0]
place = {level: (level - b) / w[0] for level in (-1, 0, 1)}
ax.axvspan(place[1], place[-1], color=fig.GREY, alpha=0.16, linewidth=0)
ax.axvline(place[0], color=fig.BLACK, linewidth=1.5)
for sign, colour, style, name in ((1, fig.BLUE, "-", "+1"), (-1, fig.ORANGE, "--", "−1")):
    for first in samples[classes == sign, 0]:
        ax.axvline(first, color=colour, linewidth=1.8, linestyle=style)
    ax.plot([], [], color=colour, linewidth=1.8, linestyle=style, label=f"sample of class {name}")
ax.plot([], [], color=fig.BLACK, linewidth=1.5, label="boundary")
for i, first in enumerate(samples[:, 0], 1):
    # Each at its own height: the arrows of one side would lie on one another.
    level = 4.6 - 3.4 * (i in (1, 4))
    ax.annotate(
        "", (first, level), (place[0], level), arrowprops={"arrowstyle": "<->", "linewidth": 0.8}
    )
    ax.annotate(
        f"$\\gamma_{i}$ = {abs(first - place[0]):g}",
        ((first + place[0]) / 2, level),
        xytext=(0, 3),
        textcoords="offset points", ha="center", fontsize=8,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.8},
    )  # fmt: skip
ax.plot(*new, "*", color=fig.GREEN, markersize=12, label="point to classify", zorder=5)
ax.set(xlim=(0.7, 4.3), ylim=(0, 6), xlabel="first coordinate", ylabel="second coordinate")
figure.legend(loc="outside upper center", ncols=4)
say(
    fig.saved(
        figure,
        "worked-margins",
        "The given classifier with the rebuilt samples: only first coordinates are known, so each "
        "sample is a vertical line. The arrows are geometric margins.",
        "Four vertical lines on both sides of a vertical boundary; the two inner ones, one of each "
        "class, are nearest to it and equally near. The point to classify lies on the side of "
        "the positive class.",
    )
)

# %%
say(*entries(records, rows, "002-A3"))

# %% [markdown]
# ## What follows {#worked-follows}

# %%
exercise, lines, wrong = chapter.hardest(rows)
explained = sum(row["verdict"] == "explained" for row in wrong)
say(
    f"{chapter.of_kind(rows, ('formula', 'statement'), 'formulas and statements')}. "
    f"{chapter.of_kind(rows, ('exact', 'count'), 'worked numbers')}.",
    "A worked number hands its error on to all that is computed from it; a formula mostly stands "
    "by itself. The exercise with the most wrong lines is "
    f"[{chapter.EXERCISES[exercise][0]}](#worked-{exercise}), "
    f"{counted(len(wrong), 'wrong lines of the exercise')} of "
    f"{counted(len(lines), 'claims of the exercise')}, of which one slip alone explains "
    f"{counted(explained, 'explained lines of the exercise')}. Every one of them was found by a "
    "computation of another kind beside the line, which a reader can make as well: automatic "
    "differentiation or a difference quotient for a derivative, the product once more for a "
    "number, a search for a range.",
)

# %% [markdown]
# ## Limits {#worked-limits}
#
# Slips are those that were thought of: a print that none of them gives may have come of another,
# and one that gives the print shows how it can have come about, not that it did. A formula is
# proved on random inputs, not on all. Line and proof are computed in different ways but share the
# reading of the exercise: where the report is garbled or lacks a figure, the reading is ours and
# stands with the claim. Claims on lost figures and samples are judged on data rebuilt from the
# text, or not at all.

# %%
say(sources(records, "Sources of the numbers of this family"))
