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
from retrial.judging.judge_trial import (
    CURVE_LEVEL,
    LEVEL,
    SHIFTS,
    leave_one_curve_out,
    leave_one_seed_out,
)
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
def tried(judge, what, of_runs, of_margins, decimals):
    """A line for each shift; `stated` stays empty where normal runs state nothing."""
    lines = []
    for shift in (0.0, *SHIFTS):
        found = judge(of_runs, of_margins, decimals, shift)
        source = f"{len(of_runs)} {what}, {found.posed} posed runs"
        ends = ", ".join(f"{end:.3f}" for end in (found.interval.low, found.interval.high))
        normal = "rate of normal runs with the same spread"
        lines.append(
            [
                counted(f"{shift:g}", "shift in margins"),
                counted(found.posed, source),
                counted(found.contradicted, source),
                counted(f"{found.rate:.3f} [{ends}]", f"{source}; Wilson interval"),
                counted(f"{found.stated:.3f}", normal) if np.isfinite(found.stated) else "–",
            ]
        )
    head = ["Moved by, margins", "Posed", "Contradicted", "Rate and interval", "Stated rate"]
    return small_table(head, lines, f"How often the judge contradicts a run of its own: {what}.")


def decimals_of(row):
    return len(str(row["printed"]).partition(".")[2])


def scale_of(row):
    return 100 if row["unit"] == "percent" else 1


numbers, curves = [], {}
for row in rows:
    evidence = row["evidence"]
    if row["margin"] is None or evidence["metric"] is None:
        continue
    if row["kind"] == "value":
        records = Records.load(Path(results) / row["family"])
        runs = scale_of(row) * records.metric(evidence["arm"], evidence["metric"])
        if len(runs) > FEWEST_SEEDS and np.isfinite(runs).all():
            numbers.append((runs, row["margin"], decimals_of(row)))
    elif row["kind"] == "curve" and not row["fitted"]:
        key = row["family"], evidence["arm"], evidence["metric"]
        curves.setdefault(key, []).append(row)
posed_curves = []
for (family, arm, metric), epochs in curves.items():
    runs = scale_of(epochs[0]) * Records.load(Path(results) / family).curve(arm, metric)
    last = max(row["epoch"] for row in epochs)
    if len(runs) > FEWEST_SEEDS and runs.shape[1] >= last:
        of_epochs = runs[:, [row["epoch"] - 1 for row in epochs]]
        if np.isfinite(of_epochs).all():
            posed_curves.append((of_epochs, [r["margin"] for r in epochs], decimals_of(epochs[0])))
say(
    "The rules for values and for curves are themselves put to the test on the runs behind these "
    "verdicts. Each run in turn is posed as if it had been printed and judged by the others: "
    "contradicting it is an error, which the rules allow themselves at a level of "
    f"{counted(f'{LEVEL:.0%}', 'level of the prediction interval of a value')} for a value and of "
    f"{counted(f'{CURVE_LEVEL:.1%}', 'level of the limit of a curve')} for a curve. Then runs are "
    "moved by multiples of the margin, and should be contradicted."
)
for judge, what, posed in (
    (leave_one_seed_out, "printed values", numbers),
    (leave_one_curve_out, "printed curves", posed_curves),
):
    if posed:
        of_runs, of_margins, places = zip(*posed, strict=True)
        say(tried(judge, what, of_runs, of_margins, max(places)))
    else:
        say(f"For {what}, this profile has too few seeds.")

# %% [markdown]
# ## All claims {#verdicts}

# %%
say(verdict_table(rows))
