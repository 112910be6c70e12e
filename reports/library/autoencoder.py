# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["autoencoder"]
total = 0

# %%
import numpy as np

from retrial.fashion import NAMES
from retrial.report import figures as fig
from retrial.report.numbers import config_value, drawn, number, seeds, setting
from retrial.report.show import opened, say, summary
from retrial.report.tables import badge, family_table, small_table, sources

records, rows, by_id = opened(results, "autoencoder")
arms = records.arms()
pair = [arm for arm in ("relu", "identity") if arm in arms]
converged = [arm for arm in ("converged/relu", "converged/identity") if arm in arms]
sweep = [arm for arm in arms if arm.startswith("rate/")]
trained = [*pair, *converged]
titles = {
    "relu": "ReLU",
    "identity": "identity",
    "converged/relu": "ReLU, converged",
    "converged/identity": "identity, converged",
    "pca": "PCA",
}
first = pair[0]
hidden = config_value(records, first, "hidden")
code = hidden[len(hidden) // 2]
size = {part: records.sample_size(first, f"{part}_mse") for part in ("train", "validation")}
code_text = drawn(code, records, [first], "width of the code", "d")
floor = {part: float(records.metric("pca", f"{part}_mse")[0]) for part in ("train", "validation")}
# The mean training image explains nothing: its error is the variance.
constant = floor["validation"] / (
    1 - float(records.metric("pca", "validation_variance_explained")[0])
)


def mean(arm, metric):
    return float(np.nanmean(records.metric(arm, metric)))


def lowest(arm):
    return min(trial["seed"] for trial in records.of(arm))


def than(first_arm, second_arm, metric, more="higher than", less="lower than"):
    """How the mean of an arm's metric stands to that of another arm's."""
    gap = mean(first_arm, metric) - mean(second_arm, metric)
    return "equal to" if gap == 0 else more if gap > 0 else less


def per_image(arm, name):
    """(images,) means over seeds of an array of one number an image."""
    return np.mean([records.array(arm, t["seed"], name) for t in records.of(arm)], axis=0)


# %% [markdown]
# # Library networks: autoencoder {#family-autoencoder}
#
# ## What was claimed {#autoencoder-claimed}

# %%
say(
    f"Report {rows[0]['report']} trains scikit-learn's multilayer perceptron to give back its "
    f"input through a code of {code_text} units, once with ReLU and once with identity "
    f"({by_id['002-C4-arch']['where']}). It concludes that identity reaches the lower training and "
    "validation loss and reconstructs sharper edges, that this *contrasts with typical "
    "expectations*, and that identity may be the more effective for this task. Its loss curves and "
    "pictures are lost."
)

# %% [markdown]
# ## What was run {#autoencoder-run}

# %%
whole = all(trial["whole"] for trial in records.trials)
absent = list(dict.fromkeys(arm.split("/")[0] for arm in records.skipped))
groups = {
    "as the report": pair,
    "*converged*": converged,
    "*rate*, other learning rates": sweep,
}
lines = []
for title, group in groups.items():
    for rate in sorted({config_value(records, arm, "learning_rate") for arm in group}):
        own = [arm for arm in group if config_value(records, arm, "learning_rate") == rate]
        lines.append(
            [title, *(setting(records, own[0], k) for k in ("learning_rate", "epochs")),
             seeds(records, own[0])]
        )  # fmt: skip
say(
    f"Hidden layers of {setting(records, first, 'hidden')} units, all with the same activation; "
    f"the output is linear. Solver *{setting(records, first, 'solver')}*, batches of "
    f"{setting(records, first, 'batch')}, half the mean squared error with the library's default "
    f"penalty; {drawn(size['train'], records, pair, 'training images')} training and "
    f"{drawn(size['validation'], records, pair, 'validation images')} validation images with "
    "pixels between zero and one. Both activations of a seed share their initial draws and their "
    "orders of images.",
    small_table(
        ["Arms", "Learning rate", "Epochs", "Seeds"],
        lines,
        "What was trained, each with ReLU and with identity.",
    ),
    "With identity the whole network is one linear map through the code, so no training makes its "
    "squared error on the training images smaller than that of principal component analysis with "
    f"as many components ({code_text}), which is fitted here to the same images: *PCA* is a floor "
    "for identity, and none for ReLU. Errors below are means over images and pixels, not halved.",
    "" if whole else "This profile cuts trainings short, so it decides nothing on what it cuts.",
    f"This profile leaves out the arms *{'*, *'.join(absent)}*, and what they would show."
    if absent
    else "",
)

# %% [markdown]
# ## Printed against measured {#autoencoder-table}

# %%
metrics = {
    "train_mse": ("Train MSE", ".5f"),
    "validation_mse": ("Validation MSE", ".5f"),
    "validation_variance_explained": ("Variance explained", ".3f"),
    "validation_ssim": ("SSIM", ".4f"),
    "validation_edges": ("Edges", ".4f"),
}
say(
    summary(rows, "this family"),
    small_table(
        ["Arm", *(title for title, _ in metrics.values()), "Seeds"],
        [
            [
                titles[arm],
                *(number(records, arm, name, form) for name, (_, form) in metrics.items()),
                seeds(records, arm),
            ]
            for arm in [*trained, "pca"]
        ],
        "Means over seeds. *Variance explained*: of the validation images around the mean training "
        "image. *SSIM*: structural similarity, one for equal images. *Edges*: gradient energy of "
        "the reconstruction as a share of the original's; smaller is smoother.",
    ),
    family_table(rows, f"Autoencoder: {len(rows)} of {total} claims, profile {profile}."),
)

# %% [markdown]
# ## Epoch by epoch {#autoencoder-epochs}

# %%
panels = {"running_loss": "training loss (half the MSE)", "validation_mse": "validation MSE"}
figure, axes = fig.canvas(3.3, 1, 2)
for ax, (metric, title) in zip(axes[0], panels.items(), strict=True):
    for place, arm in enumerate(trained):
        values = records.curve(arm, metric)
        epochs = np.arange(values.shape[1]) + 1
        fig.band(ax, epochs, values, titles[arm], place, marks=len(epochs) == 1)
    level = floor["train"] / 2 if metric == "running_loss" else floor["validation"]
    ax.axhline(level, color=fig.BLACK, linewidth=1, linestyle="--", label=f"PCA-{code}")
    if metric == "validation_mse":
        ax.axhline(constant, color=fig.GREY, linewidth=1, linestyle=":", label="mean image")
    ax.set(xscale="log", yscale="log", xlabel="epoch", ylabel=title)
    fig.plain_logs(ax.xaxis)
    fig.plain_logs(ax.yaxis)
figure.legend(*axes[0, 1].get_legend_handles_labels(), loc="outside upper center", ncols=3)
last = "; ".join(
    f"{titles[arm]}: {number(records, arm, 'validation_mse', '.5f')} after "
    f"{setting(records, arm, 'epochs')} epochs"
    for arm in trained
)
say(
    f"Mean validation errors at the end: {last}. PCA has "
    f"{number(records, 'pca', 'validation_mse', '.5f')}.",
    fig.saved(
        figure,
        "autoencoder-epochs",
        "Training loss as the library computes it, with its penalty (left), and error on "
        f"validation images (right) by epoch, logarithmic: mean over {seeds(records, first)} seeds "
        + (f"({seeds(records, converged[0])} converged) " if converged else "")
        + f"with the range between them. Dashed: PCA with {code_text} components, on the left "
        "halved like the loss; dotted: the mean training image for every image.",
        "Curves of error against the epoch: "
        + "; ".join(f"{titles[arm]} ends at {mean(arm, 'validation_mse'):.5f}" for arm in trained)
        + f"; PCA {floor['validation']:.5f}",
    ),
)

# %% [markdown]
# ## Reconstructions {#autoencoder-images}

# %%
shown = {"original": records.array("pca", lowest("pca"), "originals")}
for arm in ("relu", "identity", "pca", *reversed(converged)):
    if arm in arms:
        shown[titles[arm]] = records.array(arm, lowest(arm), "reconstructions")
figure, axes = fig.canvas(0.66 * len(shown) + 0.2, len(shown), len(NAMES))
for line, (title, pictures) in zip(axes, shown.items(), strict=True):
    for k, ax in enumerate(line):
        fig.image(ax, pictures[k], NAMES[k].replace(" ", "\n") if title == "original" else "")
        ax.title.set_fontsize(7)
    line[0].set_ylabel(title.replace(", ", ",\n"), rotation=0, ha="right", va="center")
say(
    fig.saved(
        figure,
        "autoencoder-images",
        "The first validation image of each class and what each network makes of it (lowest seed).",
        f"Rows of pictures: {', '.join(shown)}.",
    )
)

# %% [markdown]
# ## Which is better, and is it sharper? {#autoencoder-sharp}

# %%
panels = {
    "validation_mse": "MSE",
    "validation_ssim": "SSIM",
    "validation_edges": "edges, share kept",
}
short = {arm: titles[arm].replace(", converged", "\nconverged") for arm in [*trained, "pca"]}
figure, axes = fig.canvas(3.0 if converged else 2.7, 1, len(panels))
for ax, (metric, title) in zip(axes[0], panels.items(), strict=True):
    fig.strip(ax, {short[arm]: records.metric(arm, metric) for arm in [*trained, "pca"]})
    ax.set_title(title)
    ax.tick_params(axis="x", labelsize=7.5, rotation=60 if converged else 0)
handles = [
    axes[0, 0].scatter([], [], s=14, color=fig.GREY, label="one seed"),
    axes[0, 0].errorbar(
        [], [], [], fmt="_", color=fig.BLACK, capsize=2.5, label="mean, 95% interval"
    ),
]
figure.legend(handles=handles, loc="outside upper center", ncols=2)
say(
    "Sharpness has no one measure. Two stand here: the gradient energy of a reconstruction as a "
    "share of the original's, which says how much of the edges is kept, and structural similarity, "
    "which compares local means, variances and correlations. Noise has gradients as well: a share "
    "above one is rougher than the original, not sharper.",
    fig.saved(
        figure,
        "autoencoder-sharp",
        "Error, structural similarity and gradient energy on "
        f"{drawn(size['validation'], records, pair, 'validation images')} validation images, seed "
        f"by seed: {seeds(records, first)} seeds"
        + (f", {seeds(records, converged[0])} of the converged networks" if converged else "")
        + "; PCA has no seed.",
        "Dots by network. "
        + "; ".join(
            f"{titles[arm]}: MSE {mean(arm, 'validation_mse'):.5f}, SSIM "
            f"{mean(arm, 'validation_ssim'):.3f}, edges {mean(arm, 'validation_edges'):.3f}"
            for arm in [*trained, "pca"]
        ),
    ),
)

# %%
compared = [one for one in (pair, converged) if len(one) == 2]
figure, axes = fig.canvas(3.1 * len(compared), len(compared), 2)
told = []
for line, (relu, identity) in zip(axes, compared, strict=True):
    for ax, name, title in zip(
        line, ("errors", "edges"), ("MSE of an image", "edges, share kept"),
        strict=True,
    ):  # fmt: skip
        x, y = per_image(relu, name), per_image(identity, name)
        ax.scatter(x, y, s=5, color=fig.BLUE, alpha=0.35, linewidth=0)
        ends = np.array([min(x.min(), y.min()), max(x.max(), y.max())])
        ax.plot(ends, ends, color=fig.BLACK, linewidth=0.8, linestyle="--")
        if name == "errors":
            ax.set(xscale="log", yscale="log")
            fig.plain_logs(ax.xaxis)
            fig.plain_logs(ax.yaxis)
        ax.set(xlabel=titles[relu], ylabel=titles[identity], title=title)
    wins = {
        name: float(np.mean(sign * (per_image(identity, name) - per_image(relu, name)) > 0))
        for name, sign in (("errors", -1), ("edges", 1))
    }
    both = [relu, identity]
    told.append(
        f"{titles[identity]} has the lower error on "
        f"{drawn(wins['errors'], records, both, 'share of images with the lower error', '.1%')} of "
        "the images and more of the edges on "
        f"{drawn(wins['edges'], records, both, 'share of images with more edges', '.1%')}"
    )
say(
    "Image by image (means over seeds): " + "; ".join(told) + ".",
    fig.saved(
        figure,
        "autoencoder-per-image",
        "Every validation image: identity against ReLU, in error (left) and in gradient energy "
        "(right), means over seeds; dashed: equality. Below the line on the left, identity has the "
        "lower error; above it on the right, identity keeps more of the edges."
        + (" Above: as the report; below: converged." if len(compared) > 1 else ""),
        "Scatter plots of identity against ReLU, one dot an image.",
    ),
)

# %% [markdown]
# ## Is it the learning rate? {#autoencoder-rates}

# %%
if sweep:
    figure, axes = fig.canvas(3.0)
    ax = axes[0, 0]
    best = {}
    for place, activation in enumerate(pair):
        own = [activation, *(a for a in sweep if config_value(records, a, "activation") ==
                             config_value(records, activation, "activation"))]  # fmt: skip
        own.sort(key=lambda arm: config_value(records, arm, "learning_rate"))
        x = np.array([config_value(records, arm, "learning_rate") for arm in own])
        most = max(len(records.of(arm)) for arm in own)
        values = np.full((most, len(own)), np.nan)
        for column, arm in enumerate(own):
            values[: len(records.of(arm)), column] = records.metric(arm, "validation_mse")
        fig.means(ax, x, values, titles[activation], place)
        finite = [arm for arm in own if np.isfinite(mean(arm, "validation_mse"))]
        best[activation] = min(finite, key=lambda arm: mean(arm, "validation_mse"))
        long = f"converged/{activation}"
        if long in arms:
            ax.plot(
                config_value(records, long, "learning_rate"), mean(long, "validation_mse"),
                marker=fig.MARKERS[place], mfc="white", mec=fig.CYCLE[place], mew=1.5, ms=8, ls="",
                label=f"{titles[long]}",
            )  # fmt: skip
    ax.axhline(
        floor["validation"], color=fig.BLACK, linewidth=1, linestyle="--", label=f"PCA-{code}"
    )
    ax.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="validation MSE")
    fig.plain_logs(ax.xaxis)
    fig.plain_logs(ax.yaxis)
    handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    ordered = sorted(handles, key=lambda label: (label.startswith("PCA"), label.casefold()))
    figure.legend(
        [handles[label] for label in ordered], ordered, loc="outside upper center", ncols=3
    )
    lower = [
        f"at {setting(records, arm, 'learning_rate')} ReLU has "
        f"{number(records, arm, 'validation_mse', '.5f')} and identity "
        f"{number(records, other, 'validation_mse', '.5f')}"
        for arm, other in (
            (pair[0], pair[1]),
            *((a, a.replace("/relu/", "/identity/")) for a in sweep if "/relu/" in a),
        )
    ]
    say(
        f"After the same {setting(records, first, 'epochs')} epochs: {'; '.join(lower)}. "
        "The best of these rates for ReLU is "
        f"{setting(records, best['relu'], 'learning_rate')}, for identity "
        f"{setting(records, best['identity'], 'learning_rate')}.",
        fig.saved(
            figure,
            "autoencoder-rates",
            "Validation error after the report's number of epochs by learning rate: mean with its "
            f"interval of nineteen in twenty over {seeds(records, first)} seeds at the report's "
            f"rate, {seeds(records, sweep[0])} at the others. Open: converged, with more epochs. "
            f"Dashed: PCA with {code_text} components.",
            "Lines of validation error against the learning rate. "
            + "; ".join(f"{arm}: {mean(arm, 'validation_mse'):.5f}" for arm in [*pair, *sweep]),
        ),
    )
else:
    say("This profile leaves out other learning rates.")

# %% [markdown]
# ## What follows {#autoencoder-follows}

# %%
asked = [by_id[f"002-C4-{name}"] for name in ("loss", "sharp")]
verdicts = "\n".join(f"- {row['statement']}: {badge(row)}" for row in asked)
orders = [
    f"{title}, the mean validation error of identity, "
    f"{number(records, identity, 'validation_mse', '.5f')}, is "
    f"{than(identity, relu, 'validation_mse')} that of ReLU, "
    f"{number(records, relu, 'validation_mse', '.5f')}."
    for title, (relu, identity) in zip(
        ("Trained as the report says", "Trained until it has converged"), compared, strict=False
    )
]
dead = ", ".join(
    f"{number(records, arm, 'dead_units', '.1f')} ({titles[arm]})"
    for arm in trained
    if "relu" in arm
)
say(
    "Of the report's conclusions:",
    verdicts,
    " ".join(orders),
    "A linear network that has come close to PCA has nothing left to learn. What the report "
    "compares is how far two networks have come at one learning rate after one number of epochs; "
    "what they can reach is for the converged ones to say"
    + ("." if converged else ", which this profile leaves out."),
    f"Units of the code that are zero for every training image, on average: {dead}.",
)

# %% [markdown]
# ## Limits {#autoencoder-limits}
#
# The report names no batch size; the library's default is used. The converged networks have a
# learning rate that is one for both activations and not the best of each. Squared error rewards
# blur: a sharp edge in the wrong place costs more than none. The curves and pictures of the report
# are lost, so no printed number stands here to compare with.

# %%
say(sources(records, "Sources of the numbers of this family"))
