# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["initialisation"]
total = 0

# %%
import math
from pathlib import Path

import numpy as np
from matplotlib.patheffects import withStroke

from retrial.mean_field import SCALES, fate, moments
from retrial.report import figures as fig
from retrial.report.numbers import claimed, counted, drawn, number, seeds, setting
from retrial.report.show import opened, say, summary
from retrial.report.tables import badge, family_table, small_table, sources

records, rows, by_id = opened(results, "initialisation")
groups = {
    group: [arm for arm in records.arms() if arm.split("/")[0] == group]
    for group in ("signal", "map", "pairing")
}
signal, grid, pair = (own[0] if own else None for own in groups.values())
names = {"relu": "ReLU", "tanh": "tanh", "sigmoid": "sigmoid"}
people = {"he_normal": "He", "glorot_normal": "Glorot", "lecun_normal": "LeCun"}
parts = {"forward": "pre-activations", "gradient": "gradients"}
labels = np.load(Path(raw) / "mnist" / "test_labels.npy", allow_pickle=False)
constant = float(np.bincount(labels).max() / len(labels))
# How near to one a factor must be to keep a signal, and to a predicted one to be as predicted.
near = float(by_id["003-3-he"]["evidence"]["thresholds"]["kept"])
near_told = counted(f"{near:g}", "threshold of 003-3-he", "003-3-he")


def begun(start):
    """A beginning in words."""
    return people.get(start) or f"plain, {start.removeprefix('normal-')}"


def firsts(group, place=1):
    """What stands at a place of the names of a group's arms, each once, in their order."""
    return list(dict.fromkeys(arm.split("/")[place] for arm in groups[group]))


def mean(arm, metric):
    """The mean of the finite values of a metric; nan where there is none."""
    values = records.metric(arm, metric)
    return float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else math.nan


def lost(arm):
    return np.array([trial["status"] == "diverged" for trial in records.of(arm)])


# %% [markdown]
# # How weights begin {#family-initialisation}
#
# ## What was claimed {#initialisation-claimed}

# %%
say(
    f"Report {rows[0]['report']} says how weights should begin, without an experiment. Plain "
    "random ones can make gradients vanish or explode, especially in deeper networks. He's way is "
    f"a variance of {claimed(rows, '003-3-he')} for ReLU and {claimed(rows, '003-3-he-tanh')} for "
    f"tanh, Xavier's (Glorot's) {claimed(rows, '003-3-xavier')} for tanh and the sigmoid; and He's "
    "suits ReLU, Glorot's tanh and the sigmoid."
)

# %% [markdown]
# ## What was run {#initialisation-run}

# %%
lines, trained = [], grid or pair
if grid:
    depths, sigmas = (sorted(map(kind, firsts("map", i))) for kind, i in ((int, 2), (float, 3)))
    lines.append(
        f"*Map*: plain random weights, {drawn(depths, records, groups['map'], 'depths')} hidden "
        f"layers, deviations of {drawn(sigmas, records, groups['map'], 'σ')} over the root of the "
        f"width; {setting(records, grid, 'epochs')} epochs, {seeds(records, grid)} seeds."
    )
if pair:
    lines.append(
        "*Pairing*: each activation from each named beginning, "
        f"{setting(records, pair, 'depth')} hidden layers; {setting(records, pair, 'epochs')} "
        f"epochs, {seeds(records, pair)} seeds."
    )
if trained:
    sizes = [records.sample_size(trained, f"{k}_accuracy") for k in ("train", "test")]
    images, tested = (drawn(n, records, [trained], "images") for n in sizes)
    lines.append(
        f"Trained on {images} images and tested on {tested}: width "
        f"{setting(records, trained, 'width')}, batches of {setting(records, trained, 'batch')}, "
        f"{setting(records, trained, 'optimiser')} at {setting(records, trained, 'learning_rate')}."
    )
absent = [f"*{group}*" for group, own in groups.items() if not own]
say(
    "Multilayer perceptrons on MNIST, whose biases begin at zero, with the cross-entropy of a "
    "softmax. All of it is ours, for the report prints no measured number.",
    f"*Signal*: untrained networks, {setting(records, signal, 'depth')} hidden layers of width "
    f"{setting(records, signal, 'width')}, {setting(records, signal, 'batch')} images; "
    f"{seeds(records, signal)} seeds. Taken of each layer: the second moment (mean square) of its "
    "pre-activations, and of the loss's gradients with respect to them.",
    *lines,
    "Beside them stand the variances of torch's own functions, and what mean-field theory says of "
    "infinitely wide networks: the factors by which both moments change from layer to layer.",
    f"This profile leaves out: {', '.join(absent)}." if absent else "",
    "This profile cuts trainings short, so it decides nothing on trained networks."
    if any(not trial["whole"] for trial in records.trials) else "",
)  # fmt: skip

# %% [markdown]
# ## Printed against measured {#initialisation-table}

# %%
say(
    summary(rows, "this family"),
    family_table(rows, f"Beginnings: {len(rows)} of {total} claims, profile {profile}."),
)

# %% [markdown]
# ## What the names stand for {#initialisation-names}

# %%
called = {"003-3-he": "He, ReLU", "003-3-he-tanh": "He, tanh", "003-3-xavier": "Xavier (Glorot)"}
of_gain = fate("tanh", math.sqrt(mean("library", "he_tanh"))).chi
metric = {claim: by_id[claim]["evidence"]["metric"] for claim in called}
say(
    small_table(
        ["Name", "Printed variance", "torch's", "Verdict"],
        [[title, claimed(rows, claim), number(records, "library", metric[claim]),
          badge(by_id[claim])] for claim, title in called.items()],
        "Printed variances, and what torch's function of that name divides by the number of inputs "
        "(He) or of inputs and outputs (Xavier).",
    ),
    "A variance of one over the inputs is LeCun's, which is older and meant for tanh; He's paper "
    "treats rectifiers. With what torch has for tanh under He's name, theory says, a wide "
    f"network's gradients grow {drawn(of_gain, records, ['library'], 'predicted factor', '.2f')} "
    "times a layer; with the printed variance the factor is "
    + number(records, "signal/tanh/lecun_normal", "predicted_gradient_factor", ".3f")
    + (". What is wrong about it is the name."
       if by_id["003-3-he-tanh"]["verdict"] == "contradicted" else "."),
)  # fmt: skip

# %% [markdown]
# ## Signals and gradients, layer by layer {#initialisation-signals}

# %%
LEVEL, DASHES = 0.9, {"color": fig.BLACK, "linewidth": 0.6, "linestyle": (0, (4, 3))}
kinds, starts = firsts("signal"), firsts("signal", 2)
factors, ratios = {}, {}
lines = {(name, start): [f"{names[name]}: {begun(start)}"] for name in kinds for start in starts}
figure, axes = fig.canvas(5.6, len(kinds), 2, sharex=True)
for (i, side), ax in np.ndenumerate(axes):
    name, part = kinds[i], list(parts)[side]
    for place, start in enumerate(starts):
        arm = f"signal/{name}/{start}"
        found = np.stack([records.array(arm, t["seed"], "moments")[side] for t in records.of(arm)])
        found = np.where(np.isfinite(found) & (found > 0), found, np.nan)
        layers = np.arange(found.shape[1]) + 1
        fig.band(ax, layers, found, begun(start), place)
        theory = mean(arm, f"predicted_{part}_factor")
        slope = math.log10(theory) * (1, -1)[side]
        line = 10 ** (np.nanmean(np.log10(found)) + slope * (layers - layers.mean()))
        ax.plot(layers, line, zorder=4, **DASHES)
        values = records.metric(arm, f"{part}_factor")
        half = np.nan_to_num(fig.half_width(values[np.isfinite(values)], LEVEL))
        factors[name, start, part] = middle = mean(arm, f"{part}_factor")
        ratios[arm, part] = middle / theory
        told = [f"{x:#.3g}".rstrip(".") for x in (middle, middle - half, middle + half, theory)]
        cells = f"{told[0]} [{told[1]}, {told[2]}]" if half else told[0], told[3]
        for cell, of in zip(cells, ("mean", "predicted"), strict=True):
            lines[name, start].append(drawn(cell, records, [arm], f"{of} {part} factor"))
    ax.set(yscale="log", title=f"{names[name]}: {parts[part]}")
    low, high = np.log10(ax.get_ylim())
    every = next(n for n in (1, 2, 5, 10, 20, 50, 100) if high - low <= 6 * n)
    ax.set_yticks(10.0 ** np.arange(every * math.ceil(low / every), high, every))
    ax.set_xlabel("hidden layer, input first" if i == len(kinds) - 1 else "")
    ax.set_ylabel("second moment" if side == 0 else "")
axes[0, 0].plot([], [], label="theory", **DASHES)
handles = axes[0, 0].get_legend_handles_labels()
figure.legend(*handles, loc="outside upper center", ncols=4)
kept = {key for key, factor in factors.items() if abs(factor - 1) <= near}
kept_by = {
    name: [begun(s) for s in starts if kept >= {(name, s, p) for p in parts}] for name in kinds
}
flat = all(("sigmoid", s, "forward") in kept for s in starts) and not kept_by["sigmoid"]
as_said = [key for key, ratio in ratios.items() if abs(ratio - 1) <= near]
far, part = max(ratios, key=lambda key: abs(math.log(ratios[key])))
say(
    "Depth spares a network whose moments stay what they are from layer to layer. The beginnings "
    f"with both factors within {near_told} of one: "
    + "; ".join(f"{names[k]}: {', '.join(v) or 'none'}" for k, v in kept_by.items())
    + "."
    + (" The sigmoid's signals stay from any beginning, as its values are never near zero; what it "
       "loses is gradients." if flat else ""),
    fig.saved(
        figure,
        "initialisation-moments",
        "Second moments of pre-activations (left) and of gradients with respect to them (right) by "
        f"layer: mean and range of {seeds(records, signal)} untrained networks of width "
        f"{setting(records, signal, 'width')} on {setting(records, signal, 'batch')} images. Plain "
        "random weights are named by their standard deviation. Dashed: theory's slope, through the "
        "middle of each line. Each panel has its own logarithmic scale.",
        "Panels of lines, nearly straight, by factor per layer: "
        + "; ".join(f"{names[name]} {begun(start)} {part} {factor:.3g}"
                    for (name, start, part), factor in factors.items()),
    ),
    small_table(
        ["Activation: beginning", "Forward", "theory", "Gradients", "theory"],
        lines.values(),
        "Factor of the second moment from a layer to the next (gradients: to the one before), over "
        f"the inner layers: mean over {seeds(records, signal)} seeds with its interval of nine in "
        "ten, and what theory says of infinite width.",
    ),
    f"{drawn(len(as_said), records, groups['signal'], 'factors near theory')} of "
    f"{drawn(len(ratios), records, groups['signal'], 'factors')} factors are theory's to within "
    f"{near_told} of it. Farthest from it is that of the {parts[part]} of "
    f"{names[far.split('/')[1]]} ({begun(far.split('/')[2])}): "
    f"{drawn(ratios[far, part], records, [far], 'measured over predicted', '.3g')} times theory's.",
)  # fmt: skip

# %% [markdown]
# ## Where networks can be trained {#initialisation-map}

# %%
LAYERS, TINY = 12, 1e-6  # enough layers for all that is inside the map; a signal near zero
if grid:
    kinds, texts = firsts("map"), sorted(firsts("map", 3), key=float)
    place, logs = np.arange(len(sigmas)), np.log(sigmas)
    fine = np.linspace(0, place[-1], 100)
    step = math.log(depths[-1] / depths[0]) / (len(depths) - 1)
    deepest, sides = [], []
    figure, axes = fig.canvas(4.1, len(kinds), 1, sharex=True)
    for ax, name in zip(axes[:, 0], kinds, strict=True):
        cells = np.array([[f"map/{name}/{d}/{s}" for s in texts] for d in depths])
        found = np.vectorize(lambda arm: mean(arm, "test_accuracy"))(cells)
        written = [f"{100 * v:.0f}{'×' * any(lost(arm))}"
                   for v, arm in zip(found.flat, cells.flat, strict=True)]  # fmt: skip
        shade = fig.heat_map(ax, found, np.reshape(written, found.shape), 0, 1)
        ax.set_yticks(range(len(depths)), depths)
        ax.set(xlim=(-0.5, place[-1] + 0.5), ylim=(-0.5, len(depths) - 0.5), ylabel="hidden layers")
        ax.set_title(names[name], loc="left")
        for text in ax.texts:  # legible where a line crosses them
            around = "#27385C" if text.get_color() == "white" else "#D9C55C"
            text.set_path_effects([withStroke(linewidth=1.2, foreground=around)])
        told = [f"{drawn(sigma, records, [arm], 'σ')} (accuracy "
                f"{number(records, arm, 'test_accuracy', '.3f')})"
                for sigma, arm in zip(sigmas, cells[-1], strict=True)]  # fmt: skip
        best = int(found[-1].argmax())
        better = found[-1, best] > constant
        text = told[best] if better else "none better than one class for all images"
        # Where f(0) = 0 there is one σ at which small signals keep their size.
        (size, slope), critical = moments(name, TINY), 0.0
        if size < math.sqrt(TINY):
            critical = slope**-0.5
            ax.plot(np.interp(math.log(critical), logs, place), 1.05, "v", color=fig.BLACK,
                    transform=ax.get_xaxis_transform(), clip_on=False, markersize=5)  # fmt: skip
            nearest = int(np.abs(logs - math.log(critical)).argmin())
            side = "" if best == nearest else "above " if best > nearest else "below "
            ours = drawn(critical, records, cells[-1], "critical σ", ".2f")
            if better:
                text += f", {side}the one nearest to the critical {ours}"
                text += f", {told[nearest]}" if side else ""
        deepest.append(f"{names[name]}: {text}")
        # Below the critical σ a moment ends at zero: it may as well begin near it.
        logs_of_chi = [math.log(fate(name, s, TINY if s < critical else 1, LAYERS).chi)
                       for s in sigmas]  # fmt: skip
        reach = SCALES / np.maximum(np.abs(np.interp(fine, place, logs_of_chi)), TINY)
        for colour, width in (("white", 2.8), (fig.RED, 1.6)):
            ax.plot(fine, np.log(reach / depths[0]) / step, color=colour, linewidth=width)
        inside = np.outer(depths, np.abs(logs_of_chi)) <= SCALES
        both = [drawn(found[side].mean(), records, cells[side], "mean test accuracy", ".3f")
                if side.any() else "–" for side in (inside, ~inside)]  # fmt: skip
        sides.append(f"{names[name]} {' and '.join(both)}")
    axes[-1, 0].set_xticks(place, texts)
    axes[-1, 0].set_xlabel("σ = standard deviation of weights × √width")
    fig.colour_bar(figure, shade, axes[:, 0], "test accuracy")
    scales = drawn(SCALES, records, [grid], "scales")
    most = drawn(100 * constant, records, [grid], "share of the most frequent class, %", ".0f")
    say(
        "Below the critical σ small signals and gradients shrink from layer to layer, above it "
        "gradients and small differences grow. Theory has a scale for either, of ξ layers; "
        f"networks deeper than {scales} ξ should not train. Mean test accuracies of networks no "
        f"deeper than that, and deeper: {'; '.join(sides)}.",
        f"The best σ tried with {drawn(depths[-1], records, cells[-1], 'hidden layers')} hidden "
        f"layers: {'; '.join(deepest)}. Which of two like neighbours is better may be chance.",
        fig.saved(
            figure,
            "initialisation-map",
            f"Test accuracy (%) by depth and σ: means over {seeds(records, grid)} seeds; ×: a run "
            f"diverged. One class for all images gives {most}. Red: theory's depth, {scales} ξ; "
            "triangle: the critical σ, which the sigmoid does not have.",
            f"Maps of accuracy over depth and sigma: {', '.join(kinds)}. The text names the best.",
        ),
    )
else:
    say("This profile leaves the map out.")

# %% [markdown]
# ## Which beginning suits which activation {#initialisation-pairing}

# %%
if pair:
    kinds, starts = firsts("pairing"), firsts("pairing", 2)
    figure, axes = fig.canvas(2.9, 1, len(kinds), sharey=True)
    alike = []
    for ax, name in zip(axes[0], kinds, strict=True):
        own = {people[start]: f"pairing/{name}/{start}" for start in starts}
        scores = {who: records.metric(arm, "test_accuracy") for who, arm in own.items()}
        fig.strip(ax, scores, failed={who: lost(arm) for who, arm in own.items()})
        ax.set_title(names[name])
        all_of = list(own.values())
        one = np.concatenate([records.metric(arm, "predicted_classes") == 1 for arm in all_of])
        count, alone = (drawn(n, records, all_of, "networks") for n in (len(one), sum(one)))
        alike.append(f"{alone} of {count} with {names[name]}")
    axes[0, 0].set_ylabel("test accuracy")
    fig.within_shares(axes[0, 0])
    handles = [
        axes[0, 0].scatter([], [], s=14, color=fig.GREY, label="one seed"),
        axes[0, 0].scatter([], [], s=16, color=fig.GREY, marker="x", label="diverged"),
        axes[0, 0].errorbar(
            [], [], [], fmt="_", color=fig.BLACK, capsize=2.5, label="95% interval"
        ),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    say(
        f"He's for ReLU, Glorot's for tanh and the sigmoid: {badge(by_id['003-3-pairing'])}",
        f"Networks that give every test image the same class: {', '.join(alike)}.",
        fig.saved(
            figure,
            "initialisation-pairing",
            f"Test accuracy of networks of {setting(records, pair, 'depth')} hidden layers by "
            f"activation and beginning: {seeds(records, pair)} seeds.",
            "Dots of test accuracy. "
            + "; ".join(f"{arm}: {mean(arm, 'test_accuracy'):.4f}" for arm in groups["pairing"]),
        ),
    )
else:
    say(f"This profile leaves the pairs out: {badge(by_id['003-3-pairing'])}")

# %% [markdown]
# ## What follows {#initialisation-follows}

# %%
kept_most = sum(map(bool, kept_by.values()))
variances = [f"{title} {badge(by_id[claim])}" for claim, title in called.items()]
say(
    f"The printed variances: {', '.join(variances)}. That plain random weights make gradients of "
    f"deep networks vanish or explode: {badge(by_id['003-3-random'])}. Which beginning suits which "
    f"activation: {badge(by_id['003-3-pairing'])}.",
    "What a beginning has to do is keep the second moments of signals and gradients from layer to "
    f"layer. Of {drawn(len(kept_by), records, groups['signal'], 'activations')} activations, "
    f"{drawn(kept_most, records, groups['signal'], 'activations kept')} have a "
    "beginning here that keeps both. The named variances are such conditions for an activation; a "
    "name without its activation and its formula says little.",
)

# %% [markdown]
# ## Limits {#initialisation-limits}
#
# Theory is that of infinite width. The untrained networks are wide, those of the map and the pairs
# narrow, where moments scatter. The map's are trained for a short while: what they do not reach,
# longer training may. One optimiser and one learning rate serve all; larger weights may want a
# smaller one. Between hidden layers of one width Glorot's and LeCun's variances are equal.

# %%
say(sources(records, "Sources of the numbers of this family"))
