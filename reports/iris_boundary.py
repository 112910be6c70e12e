# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["iris_boundary"]
total = 0

# %%
import numpy as np

from retrial.report import iris_boundary as chapter
from retrial.report.numbers import claimed, counted, drawn, number, seeds, setting
from retrial.report.show import opened, printed_value, say, summary
from retrial.report.tables import badge, family_table, sources

records, rows, by_id = opened(results, "iris_boundary")
arms, alphas = chapter.networks(records), chapter.alphas(records)
first, last = arms[0], arms[-1]
gone = chapter.without_boundary(records)
printed = [row for row in rows if row["kind"] == "exact"]

# %% [markdown]
# # A boundary under a growing penalty {#family-iris-boundary}
#
# ## What was claimed {#iris-boundary-claimed}

# %%
say(
    f"Report {rows[0]['report']} trains one small network on two species of Iris, Setosa and "
    "Versicolor, with ever larger penalties on its weights, and makes the regions that the network "
    "tells apart into an animated GIF. The file is lost. What is printed is the code, and a log of "
    f"{counted(len(printed), 'printed alphas')} alphas from {claimed(rows, printed[0]['id'])} to "
    f"{claimed(rows, printed[-1]['id'])}. No accuracy and no sentence on what the frames show is "
    "printed: so what can be judged is the rows, the alphas, and that such a file comes out. What "
    "the frames show is measured here as well."
)

# %% [markdown]
# ## What was run {#iris-boundary-run}

# %%
cut = any(not trial["whole"] for trial in records.trials)
unfinished = sum(int((records.metric(arm, "converged") == 0).sum()) for arm in arms)
rows_trained, rows_tested = (int(records.metric("data", f"{p}_size")[0]) for p in ("train", "test"))
say(
    f"The printed code. {drawn(rows_trained, records, ['data'], 'training rows')} rows to train on "
    f"and {drawn(rows_tested, records, ['data'], 'test rows')} to test, sepal and petal length, "
    "standardised by the training rows; scikit-learn's "
    f"*MLPClassifier* with {setting(records, first, 'hidden')} hidden ReLU units, its own "
    f"optimiser, and at most {setting(records, first, 'iterations')} iterations of all rows at "
    f"once. Seeds: {seeds(records, first)}. The first is the report's own, "
    f"*random_state={setting(records, first, 'random_state')}*; the others show the spread. The "
    "networks of a seed begin with the same weights.",
    "scikit-learn divides alpha by the number of rows: the largest is a penalty of "
    f"{drawn(alphas[-1] / rows_trained, records, [last], 'alpha a row', '.1f')} times half the "
    "squared norm of the weights. Biases go free.",
    f"Of {drawn(gone.size, records, arms, 'networks')} networks, "
    f"{drawn(unfinished, records, arms, 'networks that reached the last iteration')} reached the "
    "last iteration before the library called them converged, of which it warns."
    + (" This profile cuts all of them short: what follows is of networks that have learned for a "
       "short while." if cut else ""),
    "The boundary is looked at on a grid of "
    f"{setting(records, first, 'side')} points either way, which reaches "
    f"{setting(records, first, 'margin')} beyond the training rows either way.",
)  # fmt: skip

# %% [markdown]
# ## Printed against measured {#iris-boundary-table}

# %%
off = [abs(printed_value(row) / value - 1) for row, value in zip(printed, alphas, strict=False)]
worst = int(np.argmax(off))
say(
    summary(rows, "this family"),
    "The alphas hang on no network: they say that the printed call was the one that ran. Printed "
    "with four decimals, small ones lose digits; the most loses "
    f"{claimed(rows, printed[worst]['id'])}, which is "
    f"{drawn(off[worst], records, [arms[worst]], 'relative error of the print', '.1%')} off.",
    family_table(rows, f"Boundaries on Iris: {len(rows)} of {total} claims, profile {profile}."),
)

# %% [markdown]
# ## The film {#iris-boundary-film}

# %%
say(
    "The file was written again from the same networks, with Pillow as in the report but drawn "
    f"smaller, and read back: {number(records, 'gif', 'frames', '.0f')} frames of "
    f"{number(records, 'gif', 'longest', '.0f')} ms. Two things in the code decide how many. "
    "Pillow keeps one of equal neighbours, for the time of both. The report's frames differ in "
    "their titles, ours in the bar that grows with alpha; without it "
    f"{number(records, 'gif', 'bare_frames', '.0f')} frames would be left, one of them standing "
    f"for {number(records, 'gif', 'bare_longest', '.0f')} ms. And as the code is printed, the line "
    "that appends a picture stands after the loop over alpha, which would leave "
    f"{number(records, 'gif', 'once_frames', '.0f')} picture in the file. A page ends just before "
    "that line, and at the page's other break the code has lost its indentation so that it could "
    "not run at all: the line is read as part of the loop.",
    "The animation is in the HTML report; its regions stand side by side below it.",
    chapter.animation(records),
    chapter.strip(records),
)

# %% [markdown]
# ## Accuracy against alpha {#iris-boundary-accuracy}

# %%
perfect = (chapter.of_all(records, "test_accuracy") == 1).all(axis=0)
gap = float(records.metric("data", "gap_1")[0])
apart = (
    "The longest petal of Setosa is shorter than the shortest of Versicolor, by "
    f"{number(records, 'data', 'gap_1', '.2f')} standard deviations: one threshold separates all "
    "rows, and any network that has learned it is without error. So test accuracy cannot tell "
    "alphas apart until the network has no such boundary left."
    if gap > 0
    else "No threshold on the petal's length separates these rows."
)
say(
    apart,
    f"With {drawn(int(perfect.sum()), records, arms, 'alphas without an error')} of "
    f"{drawn(len(arms), records, arms, 'alphas')} alphas no network of any seed makes an error on "
    "the test rows.",
    chapter.accuracy(records),
)

# %% [markdown]
# ## Norm and smoothness against alpha {#iris-boundary-smoothness}

# %%
say(
    "What accuracy does not show, the network itself does. A penalty shrinks the weights, and with "
    "them the slope at which the probability passes from one class to the other.",
    chapter.smoothness(records),
    chapter.fading(records),
    chapter.table(records),
)

# %% [markdown]
# ## What the largest alpha leaves {#iris-boundary-leaves}

# %%
label, share = chapter.commoner(records)
say(
    "Without a boundary the network is a constant. Its biases, which are not penalised, can learn "
    "how common the classes are and nothing else: Versicolor is "
    f"{drawn(chapter.prior(records), records, ['data'], 'share of class 1', '.4f')} of the "
    "training rows. With the largest alpha the probability lies between "
    f"{number(records, last, 'lowest', '.4f', 'min')} and "
    f"{number(records, last, 'highest', '.4f', 'max')} over the whole view and all seeds. A "
    f"constant says {('Setosa', 'Versicolor')[label]} of every row, which is right for "
    f"{drawn(share, records, ['data'], 'test rows of that class', '.1%')} of the test rows.",
    chapter.leaves(records),
)

# %% [markdown]
# ## What follows {#iris-boundary-follows}


# %%
def bends(arm):
    return f"{number(records, arm, 'bending', '.3f')} SD"


right = sum(row["verdict"] == "reproduced" for row in printed)
bent = [arm for arm in arms if np.isfinite(records.metric(arm, "bending")).any()]
say(
    f"The rows: {badge(by_id['001-P4-data'])}. The film: {badge(by_id['001-P4-gif'])}. Of "
    f"{counted(len(printed), 'printed alphas')} alphas {counted(right, 'reproduced alphas')} are "
    "what the printed call gives.",
    "The task is too easy to show what regularisation is for: there is no overfitting to prevent "
    "where every network is right. What the film can show is the way to a network that has no "
    "boundary left.",
    f"On it the boundary's mean distance from a straight line goes from {bends(bent[0])} with an "
    f"alpha of {number(records, bent[0], 'alpha', '.4g')} to {bends(bent[-1])} with "
    f"{number(records, bent[-1], 'alpha', '.4g')}, the largest that leaves some network a "
    f"boundary, and the steepest slope from {number(records, bent[0], 'steepest', '.3f')} to "
    f"{number(records, bent[-1], 'steepest', '.3f')}."
    if bent
    else "",
)

# %% [markdown]
# ## Limits {#iris-boundary-limits}
#
# One split, the report's: seeds change the weights and the orders of rows, not the rows. Length and
# bending are of the part in view. A boundary that leaves the view is counted as none. The film of
# the report cannot be compared, since it is lost.

# %%
say(sources(records, "Sources of the numbers of this family"))
