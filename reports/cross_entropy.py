# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["cross_entropy"]
total = 0

# %%
import numpy as np

from retrial.report import cross_entropy as chapter
from retrial.report.numbers import counted, drawn, seeds, setting
from retrial.report.show import opened, say, summary
from retrial.report.tables import badge, family_table, sources

records, rows, by_id = opened(results, "cross_entropy")
balanced, rare, wrong = (f"{task}/cross_entropy" for task in ("balanced", "imbalanced", "wrong"))


def threshold(claim, name):
    """A number of a claim's test, as a link to the claim."""
    return counted(f"{by_id[claim]['evidence']['thresholds'][name]:g}", f"{name} of {claim}", claim)


# %% [markdown]
# # Cross-entropy or squared error {#family-cross-entropy}
#
# ## What was claimed {#cross-entropy-claimed}

# %%
say(
    f"Report {rows[0]['report']} writes down two losses, cross-entropy and the mean squared error, "
    "and says without an experiment which is for classification: cross-entropy is better, as it "
    "penalises wrong classes more severely, above all confident ones, makes probabilities well "
    "calibrated, and does better where classes are imbalanced.",
    r"The formulas, of labels $y$ and what is predicted for them: $H = -\frac{1}{N} \sum_i (y_i "
    r"\log \hat y_i + (1 - y_i) \log(1 - \hat y_i))$ and $\mathrm{MSE} = \frac{1}{N} \sum_i (y_i - "
    r"\hat y_i)^2$.",
)

# %% [markdown]
# ## What was run {#cross-entropy-run}

# %%
cut = any(not trial["whole"] for trial in records.trials)
say(
    "All of it is ours. One multilayer perceptron on MNIST, hidden layers of "
    f"{setting(records, balanced, 'hidden')} ReLU units with weights of He's variance and a "
    "softmax, learns by plain SGD in batches of "
    f"{setting(records, balanced, 'batch')}, under the cross-entropy of the softmax or under the "
    "sum of its squared errors over the classes, the Brier score. A fair comparison tunes the "
    "learning rate of each loss: every trial trains at each rate of one ladder, "
    f"{setting(records, balanced, 'learning_rates')}; other images, which nothing learns from, "
    "pick the rate, and only then is the picked network tested. Losses and rates share the draw "
    "of images, the first weights and the orders of batches.",
    f"*balanced*: {setting(records, balanced, 'train')} images of ten digits, "
    f"{setting(records, balanced, 'validation')} to pick by, for "
    f"{setting(records, balanced, 'epochs')} epochs; {seeds(records, balanced)} seeds. "
    f"*imbalanced*: {setting(records, rare, 'train')} images of the digits "
    f"{setting(records, rare, 'common')} and {setting(records, rare, 'rare')}, of which the latter "
    f"have a share of {setting(records, rare, 'rare_share')}, "
    f"{setting(records, rare, 'validation')} to pick by in the same ratio, for "
    f"{setting(records, rare, 'epochs')} epochs; {seeds(records, rare)} seeds. "
    "Of rare digits in that ratio the test file would hold a handful: all its images of both "
    "digits are tested on, and the rare ones weighted to their share.",
    "*wrong*: the balanced images, and a network whose bias gives one class a probability of "
    f"{setting(records, wrong, 'confidence')}, whatever the image. *confidence* and *formulas* "
    "train nothing: the two losses of one wrong example on a grid, and both formulas on "
    f"{drawn(records.sample_size('formulas', 'cross_entropy'), records, ['formulas'], 'examples')} "
    "random examples beside exact arithmetic.",
    "This profile cuts trainings short: it decides nothing on them." if cut else "",
)

# %% [markdown]
# ## Printed against measured {#cross-entropy-table}

# %%
say(
    summary(rows, "this family"),
    family_table(rows, f"Two losses: {len(rows)} of {total} claims, profile {profile}."),
)

# %% [markdown]
# ## What a wrong class costs {#cross-entropy-penalty}

# %%
confident = by_id["003-2-penalty"]["evidence"]["thresholds"]["confident"]
say(
    "With a probability of $p$ for the wrong one of two classes, cross-entropy is $-\\ln(1 - p)$ "
    "and its derivative by the logit is $p$; the squared error is $p^2$, its derivative $2 p^2 (1 "
    "- p)$. The surer the network, the less it learns from its error under the latter: "
    f"{badge(by_id['003-2-penalty'])}.",
    "How severe a penalty is can only be said beside another one, as a loss may be multiplied with "
    "any number. As multiples of what each costs at one half, the two are: "
    + "; ".join(
        chapter.crossing(records, confidence) for confidence in chapter.telling(records, confident)
    )
    + f". {chapter.severer(records)}",
    chapter.penalty(records),
)

# %% [markdown]
# ## Beginning wrong {#cross-entropy-wrong}

# %%
say(
    "What that does to training shows where a network begins sure of a wrong class. Under the "
    "squared error it gets little gradient to leave by.",
    chapter.begun_wrong(records),
)

# %% [markdown]
# ## At the rate that suits each {#cross-entropy-ladder}

# %%
say(
    "By the logit, the derivative of the squared error is at most half of cross-entropy's, so that "
    "it may want a larger rate. At one rate for both, the verdict would be on the rate.",
    chapter.ladder(records),
    chapter.curves(records),
)

# %% [markdown]
# ## Ten digits {#cross-entropy-balanced}

# %%
say(
    f"More accurate with cross-entropy: {badge(by_id['003-2-better'])}.",
    chapter.table(records, "balanced"),
)

# %% [markdown]
# ## Calibration {#cross-entropy-calibration}

# %%
errors = {title: records.metric(arm, "test_ece")
          for title, arm in chapter.arms_of("balanced").items()}  # fmt: skip
lower = min(errors, key=lambda title: np.nan_to_num(errors[title], nan=np.inf).mean())
say(
    f"Well calibrated, by an expected calibration error of at most "
    f"{threshold('003-2-calib', 'most')}: {badge(by_id['003-2-calib'])}. The lower mean error is "
    f"that of {lower}. Both losses are proper scoring rules: either is least in expectation where "
    "the probabilities are the true ones, so that calibration is no privilege of one of them. What "
    "a network makes of few data is another matter.",
    chapter.reliability(records),
)

# %% [markdown]
# ## A rare digit {#cross-entropy-imbalanced}

# %%
say(
    f"Better with cross-entropy where one digit is rare: {badge(by_id['003-2-imbal'])}. Under "
    "either loss a network first finds that the rare digit is rare; to tell it apart then takes "
    f"gradient from few images. {chapter.closing(records)}",
    chapter.table(records, "imbalanced"),
)

# %% [markdown]
# ## What follows {#cross-entropy-follows}


# %%
def of_both(task, metric, form):
    """A metric of both losses, cross-entropy's first."""
    told = [chapter.mean(records.metric(arm, metric), records, [arm], metric, form)
            for arm in chapter.arms_of(task).values()]  # fmt: skip
    return " and ".join(told)


say(
    f"Both formulas are those of their names: {badge(by_id['003-2-ce'])}, "
    f"{badge(by_id['003-2-mse'])}. Of the rest, with cross-entropy and with squared error: at the "
    "rates that validation images pick, the networks have a test accuracy of "
    f"{of_both('balanced', 'test_accuracy', '.4f')}, an expected calibration error of "
    f"{of_both('balanced', 'test_ece', '.4f')}, and on the rare digit an average precision of "
    f"{of_both('imbalanced', 'test_pr_auc', '.3f')}. A network that begins wrong has half its way "
    f"behind it after {of_both('wrong', 'half_way', '.1f')} steps, each at its fastest rate.",
)

# %% [markdown]
# ## Limits {#cross-entropy-limits}

# %%
say(
    "One shape of network, one data set, plain SGD, and one pair of digits in one ratio. The "
    "learning rate is tuned, to within a rung of the ladder, and nothing else: neither the length "
    "of training nor a weight for the rare class. The imbalanced arms were lengthened once, after "
    "a first run at whose end squared error was still gaining. Few rare images pick their rate, so "
    "that the picks scatter, and over seeds the common digit's images are mostly the same. A "
    "calibration error in bins is that of the class that a network names, and holds only for this "
    "kind of image.",
    sources(records, "Sources of the numbers of this family"),
)
