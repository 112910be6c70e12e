# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["pruning"]
total = 0

# %%
from retrial.judging.statements.gradients import TINY
from retrial.report import pruning as chapter
from retrial.report.numbers import counted, drawn, number, seeds, setting
from retrial.report.show import opened, say, summary
from retrial.report.tables import badge, family_table, sources

records, rows, by_id = opened(results, "pruning")
arms = records.arms()
names = chapter.criteria(records)
first = chapter.arm_of("global", "one_shot", names[0])
axis = chapter.axis_of(records, first)
cut = any(not trial["whole"] for trial in records.trials)


def threshold(name, claim="003-5-mag"):
    value = by_id[claim]["evidence"]["thresholds"][name]
    return value, counted(f"{value:g}", f"threshold {name}", claim)


points, points_said = threshold("points")
moderate, moderate_said = threshold("moderate")
substantial, substantial_said = threshold("substantial")
aggressive, aggressive_said = threshold("aggressive")
late = chapter.late(axis, moderate)

# %% [markdown]
# # Pruning {#family-pruning}
#
# ## What was claimed {#pruning-claimed}

# %%
say(
    f"Report {rows[0]['report']} describes three ways to remove weights, without an experiment. "
    "Optimal Brain Damage (OBD), which goes by second derivatives of the loss, leads to moderate "
    "pruning, and the reduction in size may not be significant. Pruning by sensitivity can give "
    "significant reductions, pruning by magnitude substantial ones; a moderate amount does little "
    "harm, an aggressive one hurts. So OBD, the most elaborate of the three, is said to remove the "
    "least."
)

# %% [markdown]
# ## What was run {#pruning-run}

# %%
say(
    f"A network with hidden layers of {setting(records, first, 'hidden')} ReLU units learns "
    f"{setting(records, first, 'images')} digits of MNIST for {setting(records, first, 'epochs')} "
    f"epochs: plain SGD on the cross-entropy, learning rate "
    f"{setting(records, first, 'learning_rate')}, batches of {setting(records, first, 'batch')}. "
    f"It then has a test accuracy of {number(records, first, 'base_accuracy', '.4f')}, and loses "
    f"weights along one axis of sparsity, the share that has gone: "
    f"{setting(records, first, 'sparsities')}. Biases stay. {seeds(records, first)} seeds; all "
    "arms of a seed share the network and the orders of batches.",
    "*Magnitude* removes the smallest $|w|$. *Sensitivity* removes the smallest mean over the "
    "training images of $|w \\, \\partial L / \\partial w|$, with $L$ the loss of one image: at "
    "the end of training the mean of the gradients themselves is next to nothing. *OBD* removes "
    "the smallest $\\tfrac{1}{2} h w^2$. Its $h$ is the exact diagonal of the Hessian on "
    f"{setting(records, first, 'curvature_images')} of the images: in a single weight a ReLU "
    "network is piecewise linear, so that $h$ is a variance of the logits' derivative. *Random* "
    "weights are the baseline.",
    "*In one shot*, nothing is done after. *Step by step*, along the axis, the scores are taken "
    f"anew and the network is trained on for {setting(records, first, 'finetune_epochs')} epoch "
    "after each step; beside it, *unpruned* is trained on as often with all its weights, since "
    "training on helps by itself. One ranking holds all layers together; with one in each layer, "
    "every layer loses the same share.",
    "This profile cuts the training short and decides no claim." if cut else "",
    "Left out here: *" + "*, *".join(records.skipped) + "*." if records.skipped else "",
)

# %% [markdown]
# ## Printed against measured {#pruning-table}

# %%
say(
    summary(rows, "this family"),
    f"Harm is a fall of more than {points_said} points of test accuracy below the network with all "
    f"its weights. A significant reduction is one to less than the share that a sparsity of "
    f"{substantial_said} leaves, a moderate one is {moderate_said}, an aggressive one "
    f"{aggressive_said}; all were fixed before the run. That a technique *can* reduce the size is "
    "shown by one mode in which it does. Which mode is meant of OBD is not said: both must agree.",
    family_table(rows, f"Pruning: {len(rows)} of {total} claims, profile {profile}."),
)

# %% [markdown]
# ## Accuracy along the axis {#pruning-accuracy}

# %%
say(chapter.accuracy(records, points, [moderate, substantial, late, aggressive]))

# %% [markdown]
# ## How much may go {#pruning-sizes}

# %%
say(
    "A file needs to say which weights are left as well: the shortest of a bit for each weight, of "
    "the gaps between those that are left, and of compressed rows, layer by layer. So it shrinks "
    "more slowly than the number of weights. Multiply-adds are those of weights on a path from a "
    "pixel to a class; a weight that leads to a neuron without output need not be multiplied.",
    chapter.sizes(records, points),
    chapter.along_the_axis(records),
    "These are counts. Whether fewer multiplications take less time is another matter: "
    "*benchmarks/pruning_latency.py* takes the time of a forward pass with the same sparsities, "
    "dense and as compressed rows, on the reader's machine. A dense product reads its memory in "
    "order and uses all of the processor's lanes; a sparse one has to earn that back.",
)

# %% [markdown]
# ## What OBD foresees {#pruning-damage}

# %%
say(
    "OBD adds up what each weight would cost if it were removed alone, to second order, at a point "
    "where the gradient is taken to be zero. It leaves out what two weights do together. The loss "
    "itself can be asked.",
    chapter.damage(records),
)

# %% [markdown]
# ## Which weights go {#pruning-layers}

# %%
say(
    "Pixels at the border are dark in nearly all digits. The weight of a pixel that is always dark "
    "takes no part in the output. It has no gradient either, so that training leaves it where it "
    "began: its sensitivity and its second derivative are zero, its magnitude is not.",
    chapter.layers(records),
    chapter.borders(records, late),
    chapter.pixels(records, late),
)

# %% [markdown]
# ## What follows {#pruning-follows}

# %%
told, reached = [], []
for mode, title in chapter.MODES.items():
    found = {
        name: chapter.mean(
            chapter.harmless_of(records, chapter.arm_of("global", mode, name), points)
        )
        for name in chapter.criteria(records, "global", mode)
    }
    ranked = sorted(found, key=lambda name: -found[name])
    far = [chapter.CRITERIA[name] for name in ranked if found[name] >= substantial - TINY]
    reached.append(f"{title} by {', '.join(far) or 'none'}")
    told.append(
        f"{title} "
        + ", ".join(
            f"{chapter.CRITERIA[name]} "
            + drawn(
                found[name], records, [chapter.arm_of("global", mode, name)],
                "mean harmless sparsity", ".3f",
            )
            for name in ranked
        )
    )  # fmt: skip
say(
    f"OBD removes only a moderate part: {badge(by_id['003-5-obd'])}. Sensitivity can give "
    f"significant reductions: {badge(by_id['003-5-sens'])}; magnitude substantial ones: "
    f"{badge(by_id['003-5-mag'])}.",
    f"Harmless sparsities with one ranking, the largest first: {'; '.join(told)}. "
    f"{substantial_said} is reached in the mean {', and '.join(reached)}. How much a "
    "criterion removes is a choice of whoever prunes; what it can be judged by is the harm at a "
    "given size.",
)

# %% [markdown]
# ## Limits {#pruning-limits}
#
# One small network on MNIST, whose dark border makes many weights useless. The diagonal is exact,
# yet only a diagonal: it says nothing of weights that are removed together. Sensitivity is ours to
# define, as the report speaks of the output and not of how to measure it. Step by step, training on
# is short, and other schedules would leave other networks. The harmless sparsity is read off the
# axis, no finer than its steps, and the test images are fixed: intervals hold the chance in the
# seeds only.

# %%
say(sources(records, "Sources of the numbers of this family"))
