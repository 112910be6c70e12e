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
import numpy as np

from retrial.report import figures as fig
from retrial.report.entries import entries
from retrial.report.numbers import config_value, number, setting
from retrial.report.show import opened, say

records, rows, by_id = opened(results, "worked")

# %% [markdown]
# ## Gradient descent and Newton's method {#worked-descent}

# %%
curvature, centre, start = (
    config_value(records, "descent", f"given.{key}") for key in ("curvature", "minimum_at", "start")
)
levels = config_value(records, "descent", "given.lowest")
walks = {key: records.array("descent", 0, key) for key in ("descent", "newton", "printed")}
figure, axes = fig.canvas(3.1, 1, 2)
left, right = axes[0]
w = np.linspace(centre - 3.0, centre + 3.0, 300)


def loss_at(place, level):
    return curvature / 2 * (place - centre) ** 2 + level


left.plot(w, loss_at(w, levels[0]), color=fig.BLACK, linewidth=1.4)
left.axhline(0, color=fig.GREY, linewidth=0.8)
for t, place in enumerate(walks["printed"][0][:3]):
    height, following = loss_at(place, levels[0]), walks["printed"][0][t + 1]
    left.plot([place, following], [height, 0], color=fig.RED, linewidth=1.1, linestyle="--")
    left.plot([following] * 2, [0, loss_at(following, levels[0])], color=fig.RED, linewidth=0.7,
              linestyle=":")  # fmt: skip
    left.plot(place, height, "o", color=fig.RED, markersize=4.5)
    left.annotate(f"{t}", (place, height), (6, -6) if place > centre else (-9, -8),
                  textcoords="offset points", fontsize=7.5, color=fig.RED)  # fmt: skip
following = walks["printed"][0][3]
left.plot(following, loss_at(following, levels[0]), "o", color=fig.RED, markersize=4.5)
left.annotate("3", (following, loss_at(following, levels[0])), (-9, 3),
              textcoords="offset points", fontsize=7.5, color=fig.RED)  # fmt: skip
left.plot(centre, levels[0], "*", color=fig.BLUE, markersize=11, zorder=5)
left.annotate("minimum: Newton's\nfirst step ends here", (centre, levels[0]), (0, 80),
              textcoords="offset points", fontsize=7.5, color=fig.BLUE, ha="center",
              arrowprops={"arrowstyle": "-", "color": fig.BLUE, "linewidth": 0.7})  # fmt: skip
left.set(xlabel="w", ylabel="loss L(w)", ylim=(-0.25, loss_at(start, levels[0]) * 1.25),
         xlim=(centre - 2.4, centre + 2.6), title="printed rule: tangents to zero")  # fmt: skip
steps = np.arange(len(walks["newton"]))
signs = ["above zero", "zero", "below zero"]
drawings = [
    ("$w-L'/L''$ (Newton)", walks["newton"], fig.BLUE, "-", "o"),
    ("$w-\\eta L'$ (descent)", walks["descent"], fig.GREEN, "-", "s"),
    *(
        (f"$w-L/L'$, lowest loss {sign}", path, colour, "--", marker)
        for sign, path, colour, marker in zip(
            signs, walks["printed"], (fig.RED, fig.ORANGE, fig.PURPLE), "D^v", strict=True
        )
    ),
]
for label, path, colour, style, marker in drawings:
    right.plot(steps, path, color=colour, linestyle=style, marker=marker, markersize=3.5,
               linewidth=1.2, label=label)  # fmt: skip
right.axhline(centre, color=fig.GREY, linewidth=0.8)
right.set(xlabel="step", ylabel="w", ylim=(centre - 5.5, centre + 3.2), title="where the rules go")
right.set_xticks(steps[::2])
right.legend(fontsize=6.8, loc="lower left", borderaxespad=0.2, frameon=True, edgecolor="none",
             framealpha=0.9)  # fmt: skip
say(
    "Gradient descent is right as it is told, sample after sample. Newton's method is told right "
    "in words, go to the minimum of the second-order Taylor polynomial, and printed wrong: "
    "$\\omega - L/L'$ follows the tangent to where the *loss* would be zero. The minimum is where "
    "the *gradient* is zero, so gradient and Hessian must stand where loss and gradient do; "
    "likewise the learning rate that replaces $\\eta$ is $1/L''$. On random quadratics the right "
    "rule ends at the minimum after a single step (off by at most "
    f"{number(records, 'descent', 'newton_step.difference', '.0e')}), the printed one misses it "
    f"by up to {number(records, 'descent', 'newton_step.loss_for_gradient', '.2g')} times "
    "the distance of the minimum from zero.",
    "What the printed rule does hangs on a constant added to the loss, which no rule for a minimum "
    "may see. With a lowest loss above zero there is no root and it wanders without end; with a "
    "lowest loss of exactly zero it halves its distance in each step; below zero it settles where "
    "the loss crosses zero, beside the minimum.",
    fig.saved(
        figure,
        "worked-descent",
        "Newton's rule and the printed one on a quadratic loss. Left: three steps of the printed "
        "rule where the lowest loss is above zero. Right: the weight after each step (learning "
        f"rate of the descent {setting(records, 'descent', 'given.learning_rate')}); the printed "
        "rule on the same parabola raised and lowered. Points outside the panel are cut off.",
        "Left: a parabola with tangents that jump from side to side. Right: Newton at the minimum "
        "from the first step, descent approaching it, the printed rule wandering, creeping or "
        "ending beside it.",
    ),
)

# %%
say(*entries(records, rows, "000-Q2b"))

# %% [markdown]
# ## Newton's method {#worked-newton}

# %%
say(
    "Root finding on f = g′ is compared with the lowest points of the parabolas that values of g "
    f"alone give, on four functions g, with {setting(records, 'newton', 'given.digits')} digits. "
    "The iterates are the same, and the error falls with power "
    f"{number(records, 'newton', 'orders.0', '.3f')} of the error before it, with the printed "
    "constant. The derivation reaches it by two slips that cancel: it drops a term of the "
    "denominator that is as large as what remains, which turns the sign of the constant, and then "
    "writes the other sign.",
    "The printed bound is another matter. It bounds the step, not the error, and a step is about "
    "as long as the error itself: it falls with power "
    f"{number(records, 'newton', 'orders.4', '.3f')}. No multiple of the squared error stays above "
    "it, be it a quarter or any other, even for the one function of the four whose errors do obey "
    "the bound with a quarter.",
)

# %%
errors, steps, constants = (
    records.array("newton", 0, name) for name in ("errors", "steps", "constants")
)
# The last errors are so small that the first would stand on top of one another beside them.
shown_to = 1e-45
figure, (axes,) = fig.canvas(3.4, 1, 2)
for place, function in enumerate(records.array("newton", 0, "functions")):
    looks = {"color": fig.CYCLE[place], "marker": fig.MARKERS[place]}
    kept = errors[place] > shown_to
    axes[0].plot(
        np.flatnonzero(kept), errors[place][kept], linewidth=1, markersize=4,
        label=f"$g = {function}$", **looks,
    )  # fmt: skip
    later = np.flatnonzero(kept)[1:]
    axes[0].plot(
        later, constants[place] * errors[place][later - 1] ** 2, "o", markersize=9,
        markerfacecolor="none", markeredgecolor=fig.CYCLE[place], markeredgewidth=0.8,
    )  # fmt: skip
    before, after = errors[place, :-1], errors[place, 1:]
    kept = after > shown_to
    axes[1].plot(before[kept], steps[place][kept], linewidth=0, markersize=4.5, **looks)
    axes[1].plot(
        before[kept], after[kept], linewidth=0, markersize=4.5, markerfacecolor="white", **looks
    )
span = np.geomspace(shown_to**0.5, 2.0, 50)
axes[1].plot(span, span, color=fig.GREY, linewidth=1, zorder=1)
axes[1].plot(span, span**2 / 4, color=fig.BLACK, linewidth=1.2, linestyle=(0, (4, 2)), zorder=1)
axes[1].annotate(
    "$|e_k|$", (1e-15, 1e-15), (0, 5), textcoords="offset points", ha="right", va="bottom"
)
axes[1].annotate(
    "printed bound on\nthe step, " + r"$\frac{1}{4}|e_k|^2$", (1e-15, 2.5e-31), (10, -4),
    textcoords="offset points", ha="left", va="top",
)  # fmt: skip
axes[0].set(yscale="log", xlabel="iteration $k$", ylabel=r"error $|e_k| = |x_k - x^\ast|$")
axes[0].plot([], [], "o", ms=9, mfc="none", mec=fig.GREY, mew=0.8, label=r"$C\,|e_{k-1}|^2$")
axes[0].legend(loc="lower left")
axes[1].set(
    xscale="log", yscale="log", xlabel="error $|e_k|$ before the step",
    ylabel="length of step, next error", yticks=[1e-40, 1e-30, 1e-20, 1e-10, 1],
    xticks=[1e-20, 1e-15, 1e-10, 1e-5, 1],
)  # fmt: skip
for label, face in (("step $|x_{k+1} - x_k|$", fig.GREY), ("next error $|e_{k+1}|$", "white")):
    axes[1].plot([], [], "o", color=fig.GREY, markerfacecolor=face, markersize=4.5, label=label)
axes[1].legend(loc="lower right")
say(
    fig.saved(
        figure,
        "worked-newton",
        "Newton's method on four functions. Left: the error by iteration, and what the printed "
        "constant C predicts from the error before it (rings). Right: the length of each step "
        "(filled) and the error after it (open) against the error before it. The step follows "
        "the error; the printed bound on it falls with its square, as the next error does.",
        "On the left the digits of the errors double at every iteration, as predicted; on the "
        "right the steps lie on the line of slope one, far above the printed bound of slope two, "
        "near which the next errors lie.",
    )
)

# %%
say(*entries(records, rows, "001-T6"))

# %% [markdown]
# ## Rosenbrock's function {#worked-rosenbrock}

# %%
arm = "rosenbrock/descents"
say(
    "Both methods were run as the printed code runs them. Gradient descent, from "
    f"({setting(records, arm, 'given.start')}) with step length "
    f"{setting(records, arm, 'given.step_length', 'g')}, makes "
    f"{number(records, arm, 'steps', '.0f')} updates before f improves by less than "
    f"{setting(records, arm, 'given.tolerance', 'g')}, and ends at "
    f"({number(records, arm, 'optimum.0', '.8f')}, {number(records, arm, 'optimum.1', '.8f')}). "
    "A second descent, whose gradients come from complex steps of the value alone, agrees to "
    f"{number(records, arm, 'path.difference', '.0e')} along the path. The report's number "
    "of steps is the length of the history, which holds the start, the point after every update "
    "and the last point once more."
)
say(
    f"Newton's method needs {number(records, arm, 'newton_steps', '.0f')} steps. Its docstring "
    "promises a line search, but every step is taken whole: the second one climbs the wall of the "
    "valley, which no line search would have let it do."
)

# %%
path, newton = records.array(arm, 0, "descent_path"), records.array(arm, 0, "newton_path")
steps = records.array(arm, 0, "descent_steps")
values, newton_values = (records.array(arm, 0, f"{m}_values") for m in ("descent", "newton"))
figure, axes = fig.canvas(3.0, 1, 2)
left, right = axes[0]
left.plot(steps + 1, values, color=fig.BLUE, linewidth=1.5, label="gradient descent")
left.plot(
    np.arange(len(newton_values)) + 1, newton_values, "o--", color=fig.RED, markersize=4,
    linewidth=1.1, label="Newton's method",
)  # fmt: skip
left.set(xscale="log", yscale="log", xlabel="points visited, start included", ylabel="f")
x, y = np.meshgrid(np.linspace(-0.35, 1.3, 220), np.linspace(-0.35, 2.15, 240))
height = 100 * (y - x**2) ** 2 + (x - 1) ** 2
right.contour(
    x, y, height, levels=np.geomspace(0.05, 500, 12), colors=fig.GREY, linewidths=0.5, alpha=0.8
)
right.plot(*path.T, color=fig.BLUE, linewidth=1.8)
right.plot(*newton.T, "o--", color=fig.RED, markersize=4, linewidth=1.1)
right.plot(1, 1, "*", color=fig.BLACK, markersize=9, zorder=5)
right.annotate(
    "minimum", (1, 1), xytext=(-6, 5), textcoords="offset points", fontsize=7.5, ha="right"
)
right.annotate(
    "start", newton[0], xytext=(7, -3), textcoords="offset points", fontsize=7.5, ha="left"
)
right.set(xlabel="$x_0$", ylabel="$x_1$")
right.grid(visible=False)
figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=2)
say(
    fig.saved(
        figure,
        "worked-rosenbrock",
        "Left: f after each step of gradient descent "
        f"({number(records, arm, 'steps', '.0f')} steps) and of Newton's method "
        f"({number(records, arm, 'newton_steps', '.0f')}), both axes logarithmic. Right: both "
        "paths over the contours of f.",
        "Left, two falling curves on logarithmic axes: gradient descent drops within a few steps "
        "and then creeps, Newton's method rises once by two orders of magnitude and is at rounding "
        "after a handful of steps. Right, contours of a curved valley: gradient descent falls into "
        "it and follows its floor to the minimum, Newton's method leaps across.",
    )
)

# %%
say(*entries(records, rows, "001-P1"))
