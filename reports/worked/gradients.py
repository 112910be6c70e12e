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

from retrial.judging.lines import prints_of
from retrial.report import figures as fig
from retrial.report.entries import entries
from retrial.report.numbers import drawn, number, setting
from retrial.report.show import opened, say

records, rows, by_id = opened(results, "worked")

# %% [markdown]
# ## The chain rule through three layers {#worked-chain-rule}

# %%
cosines = {
    arm: records.array(f"chain_rule/{arm}", 0, "cosines") for arm in ("printed", "exchanged")
}
chains = [f"chain_rule/{arm}" for arm in cosines]
draws = records.sample_size(chains[0], "d_w1.difference")
uphill = {
    arm: drawn(
        float(np.mean(found < 0)), records, [f"chain_rule/{arm}"],
        "share of networks where the printed gradient points down the loss", ".0%",
    )
    for arm, found in cosines.items()
}  # fmt: skip
figure, axes = fig.canvas(2.5, 1, 2, sharey=True)
titles = {"printed": "loss as printed, $-\\sum y\\,\\log\\,O$",
          "exchanged": "usual cross-entropy, $-\\sum O\\,\\log\\,y$"}  # fmt: skip
bins = np.linspace(-1, 1, 41)
for ax, (arm, found), colour in zip(axes[0], cosines.items(), (fig.BLUE, fig.RED), strict=True):
    share = np.full(len(found), 100 / len(found))
    ax.hist(found, bins, weights=share, color=colour, alpha=0.85, linewidth=0)
    ax.axvline(0, color=fig.BLACK, linewidth=0.8)
    ax.set(title=titles[arm], xlim=(-1, 1), xlabel="cosine: printed with right gradient")
    for place, text, side in ((0.03, "printed step\nclimbs the loss", "left"),
                              (0.97, "printed step\ndescends", "right")):  # fmt: skip
        ax.text(place, 0.95, text, transform=ax.transAxes, ha=side, va="top", fontsize=7.5)
axes[0, 0].set_ylabel("networks (%)")
say(
    "The report writes O for the output that is desired and Y for the one that the network gives, "
    "and takes the loss to be $-\\sum_i y_i \\log O_i$. Taken at its word, the derivative by Y is "
    "$-\\log O$: the printed line has lost the sign. With the roles of the usual cross-entropy the "
    "derivative is $-O_i/y_i$, and the printed one differs from it by up to "
    f"{number(records, 'chain_rule/exchanged', 'd_output.gradient_as_printed', '.2g')} times its "
    "largest entry. Every factor of the chain was checked by itself and the whole product against "
    f"automatic differentiation, on {drawn(draws, records, chains, 'random networks')} "
    "random networks. The two Jacobians are right. The order of the factors is right as well, but "
    "$\\partial L/\\partial W^{(1)} = \\partial L/\\partial Z^{(1)}\\,X^\\top$ belongs to layers "
    "$Z = W a + b$, and with those an error goes back through $W^\\top$. The printed product "
    "cannot even be formed unless the hidden layers are as wide as the output.",
    "What this means for training: the step against the printed gradient climbs the loss in "
    f"{uphill['printed']} of random networks if the loss is read as printed, and in "
    f"{uphill['exchanged']} if it is the usual cross-entropy.",
    fig.saved(
        figure,
        "worked-chain-rule",
        "How the printed gradient of the first layer stands to the right one: cosine of the angle "
        f"between them, over {drawn(len(cosines['printed']), records, chains, 'networks')} random "
        "networks, for both readings of the loss.",
        "Two histograms of cosines between minus one and one: both are highest "
        "at the two ends, the end at minus one more than the end at one.",
    ),
)

# %%
say(*entries(records, rows, "000-Q2a"))

# %% [markdown]
# ## The gradients of logistic regression {#worked-logistic-gradient}

# %%
x, y, outputs, weights = (
    records.array("logistic_gradient", 0, key) for key in ("x", "y", "outputs", "weights")
)
figure, axes = fig.canvas(2.7, 1, 2)
left, right = axes[0]
z = np.linspace(-5, 5, 401)
left.axhspan(0, 1, color=fig.GREY, alpha=0.15, linewidth=0)
left.plot(z, 1 / (1 + np.exp(-z)), color=fig.BLUE, label="$1/(1+e^{-z})$")
for side, label in ((z[z < -0.05], "$1/(1-e^{z})$, printed"), (z[z > 0.05], None)):
    left.plot(side, 1 / (1 - np.exp(side)), color=fig.RED, linestyle="--", label=label)
left.text(4.9, 0.5, "probabilities", ha="right", va="center", fontsize=7.5)
left.set(xlabel="z = wx + b", ylabel="output", ylim=(-4, 5), title="sigmoid, and as printed")
left.legend(loc="lower left", fontsize=7.5)
line = np.linspace(x.min() - 0.3, x.max() + 0.3, 200)
right.plot(line, 1 / (1 + np.exp(-(weights[0] * line + weights[1]))), color=fig.BLUE,
           label="fitted output ŷ")  # fmt: skip
right.vlines(x, np.minimum(y, outputs), np.maximum(y, outputs), color=fig.ORANGE, linewidth=1,
             label="residual ŷ − y")  # fmt: skip
right.plot(x, y, "o", color=fig.BLACK, markersize=3.5, label="label y")
right.set(xlabel="x", ylabel="y and ŷ", title="gradient zero, residuals not")
right.set_ylim(-0.06, 1.3)
right.set_yticks([0, 0.5, 1])
right.legend(loc="upper center", fontsize=7.5, ncols=3, columnspacing=1, handlelength=1.4)
logistic = ["logistic_gradient"]
apart = np.abs(outputs - y)
say(
    "Both gradients and both update rules are right, the sign of the step of b included; every "
    "line between was checked as well. One line on the way has a minus sign too many, one printed "
    "factor of the bias's second term has lost its own (the line after it has it again), and the "
    "two terms of the sum stand side by side without the plus between them. The "
    "condition for the weights, written out, has the minus of the sigmoid's exponent before the "
    "exponential.",
    "A gradient of zero does not mean that every output equals its label. It means that the "
    "residuals, weighted with the inputs, balance. Where x takes only two values and both hold "
    "samples of both classes, the fitted output is the share of positive samples there: "
    f"{number(records, 'logistic_gradient', 'stationary.0', '.2f')} and "
    f"{number(records, 'logistic_gradient', 'stationary.4', '.2f')} in the counterexample, where "
    "no label is anything but zero or one. In the figure the residuals sum to "
    f"{drawn(float(np.sum(outputs - y)), records, logistic, 'sum of residuals', '.0e')} while the "
    f"largest is {drawn(float(apart.max()), records, logistic, 'largest residual', '.2f')} "
    "and the smallest "
    f"{drawn(float(apart.min()), records, logistic, 'smallest residual', '.0e')}.",
    fig.saved(
        figure,
        "worked-logistic-gradient",
        "Left: the sigmoid beside the printed one, which is never a probability. Right: logistic "
        f"regression fitted to {drawn(len(x), records, logistic, 'samples')} samples of two "
        "overlapping classes, by Newton's method until its gradient is zero.",
        "Left: an S-shaped curve between zero and one, and two branches of the printed expression "
        "above one and below zero with a pole between. Right: labels at zero and one, an S-shaped "
        "curve, and a vertical line from every label to the curve.",
    ),
)

# %%
say(*entries(records, rows, "001-T1"))

# %% [markdown]
# ## Softmax, leaky ReLU and dropout {#worked-softmax-backprop}

# %%
draws = records.sample_size("softmax_backprop", "dW1.difference")
say(
    "The network of the exercise is built with "
    f"{setting(records, 'softmax_backprop', 'given.inputs')} random inputs, "
    f"{setting(records, 'softmax_backprop', 'given.hidden')} hidden units and "
    f"{setting(records, 'softmax_backprop', 'given.classes')} classes, "
    f"{drawn(draws, records, ['softmax_backprop'], 'random draws')} "
    "times over; torch's own layers and automatic differentiation are the proof. The softmax "
    "derivative is right. What is built on it is not: the gradient by the logits has lost its −y, "
    "because only the wrong classes were worked out; the leaky ReLU has lost its leak; and dropout "
    "that drops with probability "
    f"{setting(records, 'softmax_backprop', 'given.drop')} scales what it keeps by that "
    "probability. The last line carries all of it: it is off by up to "
    f"{number(records, 'softmax_backprop', 'dW1.three_slips', '.2f')} of the largest entry of the "
    "true gradient. In the mean over masks exchanging the probabilities of keeping and dropping "
    "would give the printed factor, but a derivative for one example needs its mask."
)

# %%
say(*entries(records, rows, "001-T3"))

# %% [markdown]
# ## Hessian of the softmax cross-entropy {#worked-softmax-hessian}

# %%
say(
    "Gradient and Hessian agree with automatic differentiation, for labels that are any "
    "probabilities. The matrix that the report writes out has a wrong sign in one corner, where "
    "the formula of its entries, before and after it, has the right one. The first double sum for "
    r"$v^\top H v$ leaves out its diagonal; the second is right, and is the variance of v under ŷ. "
    "A variance is never negative, which is what the words claim (semidefinite), and it is zero "
    "when all entries of v are the same, which the printed strict inequality denies. The sign of "
    "the form is worked out in rationals on all directions whose entries are nought, one or minus "
    "one: it is positive on all of them except the vector of ones and its negative."
)

# %%
angles, form, sharpness, eigenvalues = (
    records.array("softmax_hessian", 0, name)
    for name in ("angles", "form", "sharpness", "eigenvalues")
)
figure, (axes,) = fig.canvas(2.8, 1, 2)
names = "even classes", "logits z", "logits 3z"
for place, (values, times) in enumerate(zip(form, names, strict=True)):
    axes[0].plot(
        angles, values, color=fig.CYCLE[place], label=times, linewidth=1.4,
        linestyle=("-", "--", "-.")[place],
    )  # fmt: skip
axes[0].plot(0, 0, "o", color=fig.BLACK, markersize=5, zorder=4)
axes[0].set(
    xlabel="angle from (1, …, 1) [degrees]", ylabel=r"$v^\top H v$ for $|v| = 1$",
    xticks=[-90, -45, 0, 45, 90],
)  # fmt: skip
axes[0].legend(loc="upper center")
for place in range(1, eigenvalues.shape[1]):
    axes[1].plot(sharpness, eigenvalues[:, place], color=fig.BLUE, linewidth=1.4)
axes[1].plot(sharpness, eigenvalues[:, 0], color=fig.RED, linewidth=2, linestyle=(0, (4, 2)))
axes[1].annotate(
    "always 0, along (1, …, 1)", (sharpness[-1], 0), (0, -5), textcoords="offset points",
    color=fig.RED, ha="right", va="top",
)  # fmt: skip
axes[1].set(
    xlabel="factor t of the logits, ŷ = softmax(tz)", ylabel="eigenvalues of H",
    ylim=(-0.045, None),
)  # fmt: skip
classes = setting(records, "softmax_hessian", "given.classes")
say(
    fig.saved(
        figure,
        "worked-softmax-hessian",
        f"The Hessian of the softmax cross-entropy for {classes} classes at random logits z. Left: "
        "its quadratic form on a half circle through the vector of ones, where it is zero. Right: "
        "its eigenvalues as the logits grow.",
        "Three curves that all touch zero at an angle of zero degrees; and eigenvalues that are "
        "positive and fall as the softmax sharpens, except one that is zero throughout.",
    )
)

# %%
say(*entries(records, rows, "001-T7"))

# %% [markdown]
# ## Jacobian of the gradient {#worked-hessian}

# %%
say(
    "The Jacobian of the gradient, by automatic differentiation, is compared with all second "
    "partial derivatives of random smooth functions of three variables, by difference quotients "
    "of many digits. They are the same. As printed, though, the Jacobian holds each derivative at "
    "the place where the Hessian has its mirror image: the box needs the second derivatives to be "
    r"continuous. For $f = uv\,(u^2 - v^2)/(u^2 + v^2)$ they are not, and at the origin "
    r"$\frac{\partial}{\partial v}\frac{\partial f}{\partial u}$ is "
    f"{number(records, 'hessian', 'mixed.0', '.0f')} and "
    r"$\frac{\partial}{\partial u}\frac{\partial f}{\partial v}$ is "
    f"{number(records, 'hessian', 'mixed.1', '.0f')}."
)

# %%
say(*entries(records, rows, "001-T4"))

# %% [markdown]
# ## Ranges of gradients {#worked-gradient-ranges}

# %%
apart, together = "gradient_ranges/squared_error", "gradient_ranges/coupled"
say(
    "The report multiplies the ranges of three factors. With that way kept, one dropped sign, that "
    "of $y - t$, gives the three one-sided ranges that it prints: where the target is one, the "
    "error is negative. The range with tanh is right all the same, since its activations have both "
    "signs. For hidden layers no such range holds: the error reaches them through the weights of "
    "the next layer, and these have no bounds. Every range was also searched for, with derivatives "
    "by automatic differentiation, in boxes of half-width "
    f"{setting(records, apart, 'given.search.reaches')}; an end that grows with the box counts as "
    "infinite."
)
say(
    "Taken at its word, the printed formula has another range: in it $y$ is the activation itself, "
    "so that the error and the derivative do not move apart. With the sigmoid it then stays within "
    f"±{number(records, together, 'sigmoid_gradient.1', '.4f')}, with tanh it reaches "
    f"±{number(records, together, 'tanh_gradient.1', '.4f')}. In the part on LeCun's activation "
    "all ranges hold; the exponents printed there keep two digits of two thirds, which puts the "
    "derivative off by up to "
    f"{number(records, 'gradient_ranges/lecun', 'derivative.exponents_cut', '.1g')} "
    "of its largest value."
)

# %%
figure, axes = fig.canvas(2.7, 1, 3)
curves, *panels = axes[0]
argument = records.array(apart, 0, "argument")
for place, name in enumerate(("relu", "tanh", "sigmoid", "lecun")):
    source = "gradient_ranges/cross_entropy" if name == "lecun" else apart
    label = {"relu": "ReLU", "lecun": "LeCun"}.get(name, name)
    curves.plot(
        argument, records.array(source, 0, name), color=fig.CYCLE[place],
        linestyle=("-", "--", "-.", ":")[place], linewidth=1.5, label=label,
    )  # fmt: skip
curves.set(xlabel="ν", ylabel="f′(ν)", title="derivatives", ylim=(-0.05, 1.75))
curves.legend(loc="upper left", ncols=2, fontsize=7, columnspacing=1, handlelength=1.8)
for ax, name in zip(panels, ("sigmoid", "tanh"), strict=True):
    low, high = (float(end) for end in prints_of(by_id[f"004-1A-{name}"]["printed"]))
    ax.axhspan(low, high, color=fig.ORANGE, alpha=0.22, linewidth=0, label="printed range")
    for t, style in ((0, "-"), (1, "--")):
        ax.plot(
            argument, records.array(together, 0, f"{name}_{t}"), color=fig.BLUE, linestyle=style,
            linewidth=1.5, label=f"t = {t}",
        )  # fmt: skip
    for end in (0, 1):
        bound = records.metric(apart, f"{name}_gradient.{end}")[0]
        ax.axhline(
            bound, color=fig.BLACK, linewidth=0.9, linestyle=":",
            label="ends, factors apart" if end else None,
        )  # fmt: skip
    ax.set(xlabel="ν", ylabel="(f(ν) − t) f′(ν)", title=name)
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
say(
    fig.saved(
        figure,
        "worked-gradient-ranges",
        "Left: the derivatives of four activations. Middle and right: the gradient of a weight of "
        "the last layer at an input of one, with the output equal to the activation, for both "
        "targets; the printed range shaded, the ends of the range with independent factors dotted.",
        "Three panels of curves against the pre-activation. With the sigmoid the gradient is "
        "negative for the target one, outside the printed range, and stays well inside the dotted "
        "ends; with tanh it leaves the printed range downwards for the target one.",
    )
)

# %%
say(*entries(records, rows, "004-1A"))

# %%
say(*entries(records, rows, "004-1D"))
