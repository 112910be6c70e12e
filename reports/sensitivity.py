# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["scratch_grid", "library_mlp", "depth", "kernels"]
total = 0

# %%
from pathlib import Path

from retrial.judging.sensitivity import favours
from retrial.report import sensitivity as chapter
from retrial.report.numbers import anchor, counted
from retrial.report.show import headlines, ledger, say, verdicts
from retrial.statistics import FEWEST_SEEDS

rows = headlines(verdicts(Path(results), families))
claims = {claim.id: claim for family in families for claim in ledger(results, family)}
hanging = chapter.gathered(results, families)
every = [one for of_family in hanging.values() for one in of_family]
fewest = counted(FEWEST_SEEDS, "fewest seeds that are judged")

# %% [markdown]
# # What hangs on our choices {#sensitivity}
#
# ## The question {#sensitivity-question}
#
# The reports leave much open: a learning rate, the spread of initial weights, how many folds. Each
# family's chapter names what was chosen for it, and why. Would a claim have come out otherwise with
# another choice? Above all: does any *contradicted* rest on a guess of ours?

# %% [markdown]
# ## How the readings were collected {#sensitivity-run}

# %%
say(
    "A reading is one way to fill in what a report leaves open, with the runs that were recorded "
    "of it: of a family's further arms, or of the search that made its choices. Nothing was run "
    "for this chapter. Where a reading has "
    f"{fewest} seeds or more, the claim's own rule says whether it holds or breaks; numbers "
    "without chance are compared exactly. Searches ran fewer: of these only the mean is looked at, "
    "and the reading stays open. Each network of a search was looked at after every epoch where "
    "the report does not state how many there were, and each epoch is a reading.",
    "Two rules follow from them. A contradicted claim for which some recorded reading speaks, or "
    "which recorded readings enclose on both sides, is *inconclusive*. So is one that rests on a "
    "choice of which nothing else was recorded. It stays contradicted where every recorded "
    "reading breaks, or where no choice matters: where it rests on arithmetic, or on what the "
    "report itself prints.",
)

# %% [markdown]
# ## What came of it {#sensitivity-table}

# %%
against = [row for row in rows if row["verdict"] == "contradicted"]
ours = [row for row in against if row["choices"] or claims[row["id"]].guesses]
held = [row for row in rows if row["verdict"] == "reproduced"]
robust = [
    one for one in every if one.row["verdict"] == "reproduced" and all(map(favours, one.others))
]
shaken = [
    one for one in every if one.row["verdict"] == "reproduced" and not all(map(favours, one.others))
]
say(
    f"Other readings were recorded for {counted(len(every), 'claims with other readings')} of "
    f"{counted(len(rows), 'claims of these families')} claims (a curve counts once)."
    if every
    else "This profile ran no other reading whole, and the searches not at all: nothing can be "
    "said here. The paper profile has them.",
    (
        f"Of {counted(len(against), 'contradicted claims')} contradicted claims, "
        f"{counted(len(ours), 'contradicted claims with an open choice')} have a choice of ours "
        "behind them, and stand for what their reasons name: "
        + ", ".join(f"[{row['id']}](#{row['id']})" for row in ours)
        + ". The others rest on arithmetic, on the report's own code, or on its own numbers."
    )
    if ours
    else f"Of {counted(len(against), 'contradicted claims')} contradicted claims none has a choice "
    "of ours behind it.",
    f"Of the reproduced claims with other readings, {counted(len(robust), 'upheld by each')} are "
    f"upheld by every one of them, and {counted(len(shaken), 'not upheld by each')} are not: these "
    "say that the print fits one reading, not that it would fit any."
    if every
    else "",
)

# %%
for family, of_family in hanging.items():
    say(
        f"### {chapter.TITLES.get(family, family)} {{#sensitivity-{anchor(family)}}}",
        chapter.figure(family, of_family),
        chapter.table(family, of_family, rows),
    )

# %% [markdown]
# ## What follows {#sensitivity-follows}

# %%
left = [row for row in rows if row["verdict"] == "inconclusive" and "reading: " in row["reason"]]
say(
    f"{counted(len(left), 'inconclusive claims whose reason is a reading')} claims are left open "
    "because another reading would have said otherwise, or none was tried: "
    + ", ".join(f"[{row['id']}](#{row['id']})" for row in left)
    + ". More seeds decide none of them. What would is in each one's reason."
    if left
    else "No claim of these families is left open because of its reading.",
)

# %% [markdown]
# ## Limits {#sensitivity-limits}

# %%
say(
    "The readings are those that were recorded, not all that a reader could think of; that every "
    "one of them holds, or breaks, says nothing of the others. Searches were made to find what a "
    "table points to, so that their grids lie about plausible values and have few seeds. Readings "
    "of a grid are no sample of anything: the shares say where a claim hangs on a choice, not how "
    "likely it is. Of printed training curves the search saw only the first epochs, with which the "
    "choices were made. Families that test a sentence by an experiment of their own design, where "
    "a report prints none, name what they assume in each claim; few of these choices were varied.",
)
