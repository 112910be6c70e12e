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
from retrial.report.numbers import drawn, number, setting
from retrial.report.show import opened, say

records, rows, by_id = opened(results, "worked")

# %% [markdown]
# ## Batch normalisation {#worked-batch-norm}

# %%
arm = "batch_norm"
say(
    "For a normalisation that subtracts the batch's mean and does not divide, the printed gradient "
    f"is right: on batches of {setting(records, arm, 'given.sizes')} examples and "
    f"{drawn(records.sample_size(arm, 'gradient.difference'), records, [arm], 'random inputs')} "
    "random losses each it agrees with automatic differentiation to "
    f"{number(records, arm, 'gradient.difference', '.0e')} of its largest entry. Its limit is not. "
    "The factor of the other examples' term vanishes as the batch grows, but the sum that it "
    "stands before grows as fast. What the printed limit leaves out is "
    r"$\gamma$ times the mean upstream gradient, which is $\frac{\gamma}{n} "
    r"\frac{\partial L}{\partial \beta}$: nothing where the shift $\beta$ has come to rest, a part "
    r"that falls like $1/\sqrt{n}$ where upstream gradients are independent with mean zero, and "
    "a part that stays where they share a component. With one example the output is the shift, "
    r"whatever the input; nothing below learns, nor does $\gamma$, but $\beta$ does."
)

# %%
left_out, sizes = (records.array(arm, 0, name) for name in ("left_out", "left_out_sizes"))
figure, axes = fig.canvas(2.9)
ax = axes[0, 0]
common = setting(records, arm, "given.common")
root = np.sqrt((left_out**2).mean(axis=1))
for place, (curve, label) in enumerate(
    zip(root, ("independent, mean zero", "with a common component"), strict=True)
):
    low, high = np.quantile(left_out[place], [0.1, 0.9], axis=0)
    ax.fill_between(sizes, low, high, color=fig.CYCLE[place], alpha=0.14, linewidth=0)
    ax.plot(
        sizes, curve, marker=fig.MARKERS[place], color=fig.CYCLE[place], label=label, markersize=4
    )
ax.plot(sizes, sizes**-0.5, color=fig.BLACK, linestyle=":", linewidth=1, label=r"$1/\sqrt{n}$")
ax.set_xscale("log", base=2)
ax.set(yscale="log", xlabel="batch size n", ylabel="left out / printed limit", ylim=(5e-3, 2))
ax.legend(title="upstream gradients", loc="lower left")
say(
    fig.saved(
        figure,
        "worked-batch-norm-limit",
        "What the printed limit for large batches leaves out of the gradient, relative to the "
        "limit itself (root mean square; shaded: from the tenth to the ninetieth percentile of "
        f"{drawn(left_out.shape[1], records, [arm], 'draws')} draws). The common component is "
        f"{common} standard deviations.",
        "Log-log lines against batch size: without a common component the part left out falls as "
        "one over the square root of n; with one it levels off.",
    )
)

# %%
trained = "normalised_training"
say(
    "The report also says what batch normalisation is good for, and trains nothing to show it. "
    "A line explains the larger rates: a factor $c$ on the weights below a normalisation changes "
    "none of its outputs and divides the weights' gradient by $c$, so that a step that was too "
    "large makes the next ones smaller. The rest is measured on a problem made for it: a "
    f"perceptron with two hidden layers of {setting(records, trained, 'given.width')} ReLU units "
    f"learns {setting(records, trained, 'given.train')} examples of "
    f"{setting(records, trained, 'given.classes')} classes of Gaussian clusters, anew for each of "
    f"{drawn(len(records.of(trained)), records, [trained], 'seeds')} seeds. At one learning rate "
    "the inputs of inner layers move, per step, by "
    f"{number(records, trained, 'input_shift_plain', '.4f')} of their standard deviation without "
    f"normalisation and by {number(records, trained, 'input_shift_batch_norm', '.4f')} with it. "
    "Another measure of the same word, how far a layer's gradient moves when the layer below it "
    "takes its step (that of Santurkar and others), hardly differs: "
    f"{number(records, trained, 'gradient_shift_plain', '.3f')} and "
    f"{number(records, trained, 'gradient_shift_batch_norm', '.3f')} of its length. "
    "Batches of "
    f"{setting(records, trained, 'given.noise_batch')} in place of the statistics of the whole "
    "training set lower the test loss at the end from "
    f"{number(records, trained, 'test_loss_whole_set', '.2f')} to "
    f"{number(records, trained, 'test_loss_small_batch', '.2f')} nats. Stopping in time would have "
    "left little of that difference "
    f"({number(records, trained, 'best_test_loss_whole_set', '.2f')} against "
    f"{number(records, trained, 'best_test_loss_small_batch', '.2f')}), and the accuracies are "
    f"{number(records, trained, 'test_accuracy_whole_set', '.3f')} and "
    f"{number(records, trained, 'test_accuracy_small_batch', '.3f')}: the noise does what a "
    "regulariser does, mostly by keeping the network from growing too sure."
)

# %%
figure, axes = fig.canvas(2.9, 1, 3, gridspec_kw={"width_ratios": [1, 1, 1.5]})


def runs(name):
    return records.metric(trained, name)


two = {"plain": "plain", "normalised": "batch_norm"}
fig.strip(axes[0, 0], {label: runs(f"input_shift_{of}") for label, of in two.items()})
axes[0, 0].set_ylim(bottom=0)
axes[0, 0].set_ylabel("shift of layers' inputs, sd per step")
fig.strip(axes[0, 1], {label: runs(f"largest_rate_{of}") for label, of in two.items()})
axes[0, 1].set_yscale("log", base=2)
served = sorted({float(rate) for of in two.values() for rate in runs(f"largest_rate_{of}")})
axes[0, 1].set_yticks(served, [f"{rate:g}" for rate in served])
axes[0, 1].set_ylabel("largest learning rate that serves")
three = {"small\nbatches": "small_batch", "whole\nset": "whole_set", "plain": "plain"}
fig.strip(axes[0, 2], {label: runs(f"test_loss_{of}") for label, of in three.items()})
for place, of in enumerate(three.values()):
    axes[0, 2].scatter(
        place - 0.12 + fig.spread(len(runs(f"train_loss_{of}"))),
        runs(f"train_loss_{of}"),
        s=12,
        facecolor="none",
        edgecolor=fig.CYCLE[place],
        linewidth=0.8,
        zorder=3,
    )
axes[0, 2].set_ylim(bottom=0)
axes[0, 2].set_ylabel("loss, nats (open: training)")
say(
    fig.saved(
        figure,
        "worked-batch-norm-training",
        "Training in small with and without batch normalisation, one dot a seed, bars: mean and "
        "its interval. Left: how far the inputs of inner layers move. Middle: the largest rate of "
        "a grid of doublings at which training succeeds. Right: test loss (filled) and training "
        "loss (open) after normalising by small batches, by the whole training set, or not at all.",
        "Three panels of dots by seed: normalised networks' inputs move less, they train at about "
        "twice the rate, and small-batch statistics leave a lower test loss and a higher training "
        "loss than statistics of the whole set.",
    )
)

# %%
say(*entries(records, rows, "001-T2"))

# %% [markdown]
# ## Regression with dropout {#worked-dropout-regression}

# %%
arm = "dropout_regression/printed"
say(
    "The coefficient before the squared error is garbled in the text. As it stands, with a minus "
    "before it, the printed gradient is right; for a loss to be minimised its sign would be "
    "wrong, and it would be the direction of descent. Masks with mean one "
    r"and variance $\sigma^2$ add, in the mean, $\sigma^2 \sum_k w_k^2 x_k^2$ to the squared "
    r"error: an $L_2$ penalty that weighs each weight with its own input. This is proved by a "
    "quadrature that is exact for squares; "
    f"{setting(records, arm, 'given.masks', ',d')} drawn masks give "
    f"{number(records, arm, 'sampled_loss', '.4f')} where the closed form gives "
    f"{number(records, arm, 'expected_loss.0', '.4f')}. The formula that the report gives as an "
    "example of $L_2$ adds the weights up without their squares, which penalises no size."
)

# %%
deviations, weights, errors = (
    records.array(arm, 0, name) for name in ("mask_sd", "weights", "errors")
)
figure, axes = fig.canvas(2.7, 1, 2)
for place, path in enumerate(weights.T):
    axes[0, 0].plot(
        deviations,
        path,
        color=fig.CYCLE[place],
        linewidth=1.4,
        linestyle=("-", "--", "-.", ":")[place % 4],
        label=f"$w_{place + 1}$",
    )
axes[0, 0].axhline(0, color=fig.BLACK, linewidth=0.6)
axes[0, 0].set(xlabel="σ of the masks", ylabel="minimising weight")
axes[0, 0].legend(ncols=2)
for place, label in enumerate(("training", "new examples")):
    low, high = np.quantile(errors[..., place], [0.25, 0.75], axis=0)
    axes[0, 1].fill_between(deviations, low, high, color=fig.CYCLE[place], alpha=0.14, linewidth=0)
    axes[0, 1].plot(
        deviations,
        errors[..., place].mean(axis=0),
        color=fig.CYCLE[place],
        label=label,
        linestyle=("-", "--")[place],
        linewidth=1.4,
    )
axes[0, 1].set(xlabel="σ of the masks", ylabel="mean squared error")
axes[0, 1].set_ylim(bottom=0)
axes[0, 1].legend()
say(
    fig.saved(
        figure,
        "worked-dropout-penalty",
        "What minimises the mean over the masks, by the masks' standard deviation, with "
        f"{setting(records, arm, 'given.examples')} training examples. Left: the weights, one "
        "problem. Right: errors without masks, mean and middle half of "
        f"{setting(records, arm, 'given.problems')} problems.",
        "Left, four weights shrink together as the masks' standard deviation grows. Right, the "
        "training error grows with it; the error on new examples first falls and then grows.",
    )
)

# %%
say(*entries(records, rows, "001-T5"))
