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

import numpy as np

from retrial.core.records import Records
from retrial.judging.judge_trial import LEVEL, SHIFTS, leave_one_seed_out
from retrial.judging.verdicts import headline
from retrial.report import figures as fig
from retrial.report.numbers import counted
from retrial.report.show import headlines, say, summary, verdicts
from retrial.report.tables import small_table, verdict_table
from retrial.statistics import FEWEST_SEEDS

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
    f"This is the report of the profile **{profile}**. {budget}",
    f"It judges {counted(len(rows), 'rows of the verdict table')} of "
    f"{counted(total, 'claims that were read out of the reports')} claims, from "
    f"{counted(len(reports), 'reports with a verdict: ' + ' '.join(reports))} reports.",
)

# %% [markdown]
# ## Verdicts {#counts}

# %%
say(summary(rows, "the whole study"))

# %%
groups = {
    "family": {
        family.replace("_", " "): Counter(headline(r) for r in heads if r["family"] == family)
        for family in families
    },
    "kind": {
        kind: Counter(headline(r) for r in heads if r["kind"] == kind)
        for kind in sorted({r["kind"] for r in heads})
    },
}
# Side by side, low enough for the first page in print.
figure, axes = fig.canvas(0.85 + 0.2 * max(len(group) for group in groups.values()), 1, 2)
for ax, (name, group) in zip(axes[0], groups.items(), strict=True):
    fig.stacked_counts(ax, group)
    ax.set(title=f"by {name}", xlabel=f"claims (n = {len(heads)} of {total})")
figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
say(
    fig.saved(
        figure,
        "verdicts",
        f"Verdicts by family and by kind of claim, {counted(len(heads), 'claims judged')} of "
        f"{counted(total, 'claims in all')}.",
        "Stacked bars of verdict counts: "
        + "; ".join(
            f"{family}: " + ", ".join(f"{n} {v}" for v, n in sorted(counts.items()))
            for family, counts in groups["family"].items()
        ),
    )
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
#
# ## The judge on trial {#judge-on-trial}

# %%
arms, margins, places = [], [], []
for row in heads:
    evidence = row["evidence"]
    if row["kind"] != "value" or row["margin"] is None or evidence["metric"] is None:
        continue
    scale = 100 if row["unit"] == "percent" else 1
    records = Records.load(Path(results) / row["family"])
    runs = scale * records.metric(evidence["arm"], evidence["metric"])
    if len(runs) > FEWEST_SEEDS and np.isfinite(runs).all():
        arms.append(runs)
        margins.append(row["margin"])
        places.append(len(str(row["printed"]).partition(".")[2]))
say(
    "The rule for values is itself put to the test on the runs behind these verdicts. Each run in "
    "turn is posed as if it had been printed and judged by the others: contradicting it is an "
    "error, which the rule allows itself at a level of "
    f"{counted(f'{LEVEL:.0%}', 'level of the prediction interval')}. Then runs are moved by "
    "multiples of the margin, and should be contradicted."
)
if arms:
    lines = []
    for shift in (0.0, *SHIFTS):
        tried = leave_one_seed_out(arms, margins, max(places), shift)
        what = f"{len(arms)} claims of kind value, {tried.posed} posed runs"
        ends = ", ".join(f"{end:.3f}" for end in (tried.interval.low, tried.interval.high))
        lines.append(
            [
                counted(f"{shift:g}", "shift in margins"),
                counted(tried.posed, what),
                counted(tried.contradicted, what),
                counted(f"{tried.rate:.3f} [{ends}]", f"{what}; Wilson interval"),
                counted(f"{tried.stated:.3f}", "rate of normal runs with the same spread"),
            ]
        )
    head = ["Moved by, margins", "Posed", "Contradicted", "Rate and interval", "Stated rate"]
    say(small_table(head, lines, "How often the judge contradicts a run of the experiment itself."))
else:
    say("This profile has too few seeds for it.")

# %% [markdown]
# ## All claims {#verdicts}

# %%
say(verdict_table(rows))
