# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["perceptron"]
total = 0

# %%
import numpy as np

from retrial.report import perceptron as chapter
from retrial.report.numbers import config_value, drawn, number, seeds, setting
from retrial.report.show import arms_of, opened, say, summary
from retrial.report.tables import badge, family_table, sources

records, rows, by_id = opened(results, "perceptron")
better, same = by_id["003-1-lr-vs-perc"], by_id["003-1-equiv"]
logistic, perceptron = arms_of(better)[:2]
step, limit = arms_of(same)[:2]
after = arms_of(same)[-1]
names = chapter.sets(records)
generated = [name for name in names if "train" in records.of(f"{name}/logistic")[0]["config"]]
flowers = [name for name in names if name not in generated]
cut = not all(trial["whole"] for trial in records.trials)


def mean(arm, metric):
    return float(np.nanmean(records.metric(arm, metric)))


def title(arm):
    """The set of an arm, or a set, by its name in this chapter."""
    name = arm.split("/")[0]
    return f"*{chapter.SETS.get(name, name)}*"


# %% [markdown]
# # Perceptron and logistic regression {#family-perceptron}
#
# ## What was claimed {#perceptron-claimed}

# %%
say(
    f"Report {better['report']} prefers logistic regression to a classical perceptron, without an "
    "experiment: it gives probabilities, and it copes better with classes that no line separates. "
    "A perceptron becomes equivalent to it, the report goes on, when a sigmoid is put at its "
    "output."
)

# %% [markdown]
# ## What was run {#perceptron-run}


# %%
def described(name):
    arm = f"{name}/logistic"
    margin = config_value(records, arm, "gaussians.margin")
    apart = f"means at a distance of {setting(records, arm, 'gaussians.distance')}"
    if margin is None:
        best = number(records, arm, "bayes_accuracy", ".4f")
        return f"{title(name)}, {apart}, where no rule is right more often than {best}"
    return (
        f"{title(name)}, {apart}, with points drawn again that come closer than "
        f"{setting(records, arm, 'gaussians.margin')} to the line halfway"
    )


def all_columns(arm):
    count = int(records.metric(arm, "separable_in_all").sum())
    return drawn(count, records, [arm], "training halves that a plane separates in all columns")


own = [f"{name}/logistic" for name in generated]
pairs = [f"{name}/logistic" for name in flowers]
say(
    f"Two classes in the plane, on {drawn(len(names), records, own + pairs, 'sets')} sets. "
    + (
        f"Drawn from normal distributions, {setting(records, own[0], 'train')} points to train on "
        f"and {setting(records, own[0], 'test')} to test on, anew for each seed: "
        f"{'; '.join(described(name) for name in generated)}. "
        if generated
        else ""
    )
    + (
        "From Iris, sepal length and width, half of the flowers to train on, another half for each "
        f"seed: {'; '.join(title(name) for name in flowers)}. The petals are left out: with them a "
        "plane separates the training half of "
        + " and of ".join(f"{title(arm)} for {all_columns(arm)}" for arm in pairs)
        + f" of {seeds(records, pairs[0])} seeds."
        if flowers
        else ""
    ),
    "Single units learn example by example, in the same order for all, from weights of zero, at a "
    f"rate of {setting(records, logistic, 'learning_rate')} for "
    f"{setting(records, logistic, 'epochs')} epochs, on inputs that are standardised by the "
    f"training set; {seeds(records, logistic)} seeds of logistic regression, and of the "
    f"perceptron where classes overlap, {seeds(records, after)} of all else. The weights after "
    "the last epoch count. "
    f"Logistic regression is trained by smaller and smaller steps as well, for "
    f"{setting(records, limit, 'epochs')} epochs, to see where it ends.",
    "This profile cuts the training short and decides nothing." if cut else "",
)

# %% [markdown]
# ## Printed against measured {#perceptron-table}

# %%
say(
    summary(rows, "this family"),
    family_table(rows, f"Perceptron: {len(rows)} of {total} claims, profile {profile}."),
)

# %% [markdown]
# ## Who is right more often {#perceptron-accuracy}

# %%
say(
    "The perceptron comes to rest once it has met every training example without a mistake, which "
    "a line that separates the classes lets it do in the end. Where they overlap it never does: "
    "its weights are those that the last mistake left behind.",
    chapter.accuracies(records),
    chapter.borders(records),
)

# %% [markdown]
# ## Coming to rest {#perceptron-rest}

# %%
shown = list(dict.fromkeys([*(n for n in names if n == "barely"), *chapter.overlapping(records)]))
say(
    f"On {title(logistic)} the perceptron's test accuracy has a standard deviation of "
    f"{number(records, perceptron, 'oscillation', '.4f')} over the last "
    f"{setting(records, perceptron, 'window')} epochs, logistic regression's one of "
    f"{number(records, logistic, 'oscillation', '.4f')}. Part of what the perceptron loses is so "
    "the moment at which it is stopped: to keep the best weights, or their average, would be "
    "another algorithm than the classical one.",
    chapter.endings(records),
    chapter.oscillation(records, shown or names),
)

# %% [markdown]
# ## Probabilities {#perceptron-probabilities}

# %%
say(
    "A sigmoid gives numbers between zero and one behind any unit. That does not make them "
    "probabilities. The perceptron's rate scales its weights and changes none of its decisions, so "
    "that nothing in the data says how steep its sigmoid is to be: it is as sure as the rate makes "
    "it. The column *best scale* lends it the one number that it lacks.",
    chapter.probabilities(records),
    chapter.reliabilities(records),
)

# %% [markdown]
# ## One change at a time {#perceptron-change}

# %%
more = mean(after, "log_loss") - mean(logistic, "log_loss")
say(
    chapter.changes(records),
    "From the perceptron straight to logistic regression it is one change: the step in the rule's "
    "error gives way to the sigmoid. The step then is minus the rate times the gradient of the "
    "cross-entropy, to a largest difference of "
    f"{number(records, step, 'largest_difference', '.1g', 'max')} on random inputs; the change "
    f"moves it by {number(records, step, 'perceptron_to_logistic', '.2f')} of itself. With ever "
    "smaller steps the weights end at those that scikit-learn finds, to a share of "
    f"{number(records, limit, 'weights_apart', '.4f')} of their length.",
    "The report's words allow another reading: the sigmoid is put at the output of a perceptron "
    "that has learned with its step. Then no decision changes, and the log loss on "
    f"{title(after)} is "
    f"{number(records, after, 'log_loss', '.3f')}, that of logistic regression "
    f"{number(records, logistic, 'log_loss', '.3f')}"
    + (": the probabilities are others, and this is not logistic regression." if more > 0 else "."),
)

# %% [markdown]
# ## What follows {#perceptron-follows}

# %%
say(
    f"That logistic regression is preferable: {badge(better)}. It rests on both: more accuracy on "
    "every set that overlaps, and probabilities that say more than the class shares. On the "
    "flowers the verdict holds the chance in the flowers, which halves of the same ones do not "
    "vary."
    if flowers
    else f"That logistic regression is preferable: {badge(better)}.",
    f"That a sigmoid makes a perceptron equivalent to it: {badge(same)}, if the sigmoid takes part "
    "in the learning. The verdict assumes so, since a unit whose output is the sigmoid's has its "
    "error there.",
)

# %% [markdown]
# ## Limits {#perceptron-limits}
#
# Two inputs, balanced classes, and normal clouds of one shape, for which logistic regression is
# the right model. Classes of other shapes, or labels that are wrong far from the border, are kinder
# to neither in the same way. One rate serves all units; the perceptron alone does not depend on it.
# How interpretable a model is was not measured.

# %%
say(sources(records, "Sources of the numbers of this family"))
