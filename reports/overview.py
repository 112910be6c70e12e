# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["scratch_grid", "kernels", "shift"]
total = 0

# %%
from collections import Counter
from pathlib import Path

from retrial.judging.verdicts import headline
from retrial.report import figures as fig
from retrial.report.about import about
from retrial.report.findings import FINDINGS, paragraph
from retrial.report.numbers import counted
from retrial.report.show import headlines, say, summary, undecided_table, verdicts
from retrial.report.tables import verdict_table

rows = verdicts(Path(results), families)
heads = headlines(rows)
reports = sorted({row["report"] for row in rows})

# %% [markdown]
# # Overview {#overview}
#
# ## What this is {#what}
#
# Reports of machine-learning experiments print numbers, and sentences that those numbers are to
# support. This study runs the experiments again, from pinned data and over many seeds, and gives
# each printed number and each printed sentence that can be tested a verdict, with an interval and
# with the record behind it. What a report leaves unsaid is chosen once for a whole table, by a
# recorded search, and stands with every verdict that leans on it.

# %%
if profile == "paper":
    budget = "It runs every protocol as its report states it."
else:
    budget = (
        "It spends less than the protocols ask for: a claim whose protocol it cuts short can "
        "only be inconclusive, with the reason *budget*."
    )
say(
    f"This is the report of the profile **{profile}**. {budget} It judges "
    f"{counted(len(rows), 'rows of the verdict table')} of "
    f"{counted(total, 'claims that were read out of the reports')} claims, from "
    f"{counted(len(reports), 'reports with a verdict: ' + ' '.join(reports))} reports.",
)

# %% [markdown]
# ## Verdicts {#counts}

# %%
say(summary(rows, "the whole study"))

# %%
groups = {
    f"by {name}": {
        f"{before}{value}": Counter(headline(r) for r in heads if r[name] == value)
        for value in sorted({r[name] for r in heads})
    }
    for name, before in (("report", "report "), ("kind", ""))
}
# One above the other, as wide as the page: single claims stay visible.
lines = [len(group) for group in groups.values()]
figure, axes = fig.canvas(
    1.1 + 0.14 * sum(lines), len(lines), 1, gridspec_kw={"height_ratios": lines}
)
for ax, (name, group) in zip(axes[:, 0], groups.items(), strict=True):
    fig.stacked_counts(ax, group)
    ax.set(ylabel=name)
axes[-1, 0].set(xlabel=f"claims (n = {len(heads)} of {total})")
figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
say(
    fig.saved(
        figure,
        "verdicts",
        f"Verdicts by report and by kind of claim, {counted(len(heads), 'claims judged')} of "
        f"{counted(total, 'claims in all')}. A printed curve counts once.",
        "Stacked bars of verdict counts: "
        + "; ".join(
            f"{label}: " + ", ".join(f"{n} {v}" for v, n in sorted(counts.items()))
            for group in groups.values()
            for label, counts in group.items()
        ),
    )
)

# %% [markdown]
# ## What changes how the reports are read {#findings}

# %%
say(*(paragraph(finding, rows) for finding in FINDINGS))

# %% [markdown]
# ## What is not decided {#undecided}

# %%
say(
    "Runs that do not decide, and claims whose test lost what it needs, by family of experiments.",
    undecided_table(
        rows,
        families,
        f"Claims without a decision, with their share of the family's claims, profile {profile}. "
        "A printed curve counts once.",
    ),
)

# %% [markdown]
# ## How a claim is judged {#judging}
#
# Two questions are kept apart: is our mean close enough to the printed number to matter, and is
# the printed number implausible as one run of the experiment? Margins and thresholds were fixed
# before the runs; readings of garbled lines were reviewed after first results, and where that
# changed a verdict it now says less.
#
# reproduced
# :   The equivalence interval lies within the margin, or the claimed order or test holds. Absence
#     of significance is never enough.
#
# contradicted
# :   The interval lies outside the margin, and the printed number is no plausible single run; or,
#     where there is no chance in it, the right number or formula is another.
#
# explained
# :   Contradicted, and one named fault, put back as a change of the right computation, gives the
#     printed number.
#
# impossible
# :   It cannot be as printed, by arithmetic, under the assumptions that the claim names; or it is
#     not even the result of the factors that are printed with it.
#
# inconclusive
# :   The runs do not decide, with the number of seeds that would, or *budget*; a *lottery* is one
#     draw of a wide distribution.
#
# untestable
# :   What a test would need is lost.
#
# A verdict that rests on what the report leaves open names these choices in its reason. A number
# that served to make one of them is *fitted on*: it can be contradicted, but when it comes out as
# printed it does not count as reproduced.

# %% [markdown]
# ## All claims {#verdicts}

# %%
say(verdict_table(rows, about(rows, Path(results))))
