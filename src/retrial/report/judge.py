"""What the chapter on the judge shows: the trial of each family's rules, and positive controls."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retrial.core.partitioned import load_records
from retrial.core.records import Records
from retrial.judging.judge import Family, judge_family
from retrial.judging.judge_trial import (
    SHIFTS,
    TrialOfJudge,
    leave_one_curve_out,
    leave_one_seed_out,
)
from retrial.judging.ledger import CLAIMS, load_claims
from retrial.judging.order_trial import Paired, TrialOfOrder, single_seeds, try_orders
from retrial.judging.posed import (
    NOT_TRIED,
    is_accuracy,
    posed_curves,
    posed_orders,
    posed_values,
)
from retrial.report import figures as fig
from retrial.report.markup import attribute
from retrial.report.numbers import anchor, claimed, counted, shown, stage_name
from retrial.report.tables import badge, count, interval, measured, small_table

CONTROLS = "controls"
RULES = ("value", "curve", "order")
Row = dict[str, Any]


@dataclass(frozen=True)
class Tried:
    """The trial of one rule on the records of one family.

    arms: how many arms, curves or pairs of arms were posed; none: nothing planted; shifted: by
    shift, empty where the shift has no unit (orders of what is no accuracy). source: the stage and
    what went into it.
    """

    family: str
    rule: str
    arms: int
    none: TrialOfJudge | TrialOfOrder
    shifted: Mapping[float, TrialOfJudge | TrialOfOrder]
    source: str

    @property
    def name(self) -> str:
        """Such as "mse mlp, values"."""
        return f"{self.family.replace('_', ' ')}, {self.rule}s"

    def number(self, text: str, what: str) -> str:
        """A number of this trial as Markdown, with where it comes from."""
        said = f"{what}: {self.name}, {self.arms} posed; {self.source}"
        return counted(text, said, f"sources-{anchor(self.family)}")


def tried(results: Path, rows: Sequence[Row]) -> list[Tried]:
    """Every rule of every family on trial, where its records allow it; in the order of `rows`."""
    found = []
    for family in dict.fromkeys(row["family"] for row in rows):
        own = [row for row in rows if row["family"] == family]
        if not any(row["kind"] in RULES for row in own):
            continue
        records = load_records(results / family)
        source = f"stage {stage_name(records)}; inputs md5 {records.inputs_md5()}"
        values, curves = posed_values(own, records), posed_curves(own, records)
        for rule, judge, posed in (
            ("value", leave_one_seed_out, values),
            ("curve", leave_one_curve_out, curves),
        ):
            if posed.runs:
                none, *shifted = (
                    judge(posed.runs, posed.margins, posed.decimals, shift)
                    for shift in (0.0, *SHIFTS)
                )
                by_shift = dict(zip(SHIFTS, shifted, strict=True))
                found.append(Tried(family, rule, len(posed.runs), none, by_shift, source))
        pairs = posed_orders(own, records)
        if pairs:
            found.append(_orders(family, pairs, source))
    return found


def _orders(family: str, pairs: Sequence[Paired], source: str) -> Tried:
    in_accuracy = [pair for pair in pairs if is_accuracy(pair)]
    shifted = {shift: try_orders(in_accuracy, shift) for shift in SHIFTS if in_accuracy}
    return Tried(family, "order", len(pairs), try_orders(pairs), shifted, source)


def not_tried(rows: Sequence[Row], trials: Sequence[Tried]) -> tuple[list[str], list[str]]:
    """Families whose claims have no such rule, and those with one but too few runs here."""
    families = list(dict.fromkeys(row["family"] for row in rows))
    kinds = {f: {row["kind"] for row in rows if row["family"] == f} for f in families}
    done = {one.family for one in trials}
    without = [f for f in families if kinds[f] <= set(NOT_TRIED)]
    few = [f for f in families if f not in done and f not in without]
    return without, few


def alarms_table(trials: Sequence[Tried]) -> str:
    """False alarms of each rule in each family: how many, at which rate, against which level."""
    lines = []
    for one in trials:
        none = one.none
        alarms = round(none.rate * none.posed)
        ends = ", ".join(f"{end:.3f}" for end in none.interval)
        stated = f"{none.stated:.3f}" if math.isfinite(none.stated) else "–"
        lines.append(
            [
                one.name,
                one.number(str(one.arms), "arms, curves or pairs"),
                one.number(count(none.posed), "posed"),
                one.number(str(alarms), "false alarms"),
                one.number(f"{none.rate:.3f} [{ends}]", "rate, 95% Wilson interval"),
                one.number(stated, "rate of normal runs of the same spread"),
                one.number(f"{none.level:g}", "level of the rule"),
            ]
        )
    head = ["Family and rule", "Arms", "Posed", "False alarms", "Rate", "Normal runs", "Level"]
    return small_table(head, lines, "Numbers and orders that are true, and were said not to be.")


def detection_table(trials: Sequence[Tried]) -> str:
    """How often a planted shift is found, beside the rate that normal runs give."""
    lines = []
    for one in trials:
        if not one.shifted:
            continue
        cells = [one.number(count(next(iter(one.shifted.values())).posed), "posed for each shift")]
        for shift, found in one.shifted.items():
            stated = f" ({found.stated:.2f})" if math.isfinite(found.stated) else ""
            cells.append(one.number(f"{found.rate:.2f}{stated}", f"found at {shift:g}"))
        lines.append([one.name, *cells])
    moved = [counted(f"{shift:g}", "shift, in margins or in δ") for shift in SHIFTS]
    head = ["Family and rule", "Posed", *(f"Moved by {text}" for text in moved)]
    caption = "Share of planted shifts that is found; in brackets, of normal runs of that spread."
    return small_table(head, lines, caption)


def trial_figure(trials: Sequence[Tried]) -> str:
    """False alarms with their intervals against the level, and detection by shift, by family."""
    places = np.arange(len(trials))
    figure, axes = fig.canvas(1.0 + 0.24 * len(trials), 1, 2, sharey=True)
    left, right = axes[0]
    for place, one in enumerate(trials):
        low, high = one.none.interval
        colour = fig.CYCLE[RULES.index(one.rule)]
        left.plot([low, high], [place, place], color=colour, linewidth=1.6)
        left.plot(one.none.rate, place, fig.MARKERS[RULES.index(one.rule)], color=colour, ms=4.5)
        left.plot([one.none.level] * 2, [place - 0.38, place + 0.38], color=fig.BLACK, lw=1.2)
    left.set(xlabel="false alarms, share of posed")
    left.set_yticks(places, [one.name for one in trials])
    left.grid(axis="y", visible=False)
    left.set_ylim(len(trials) - 0.5, -0.5)
    rates = np.full((len(trials), len(SHIFTS)), np.nan)
    for place, one in enumerate(trials):
        for i, shift in enumerate(SHIFTS):
            if shift in one.shifted:
                rates[place, i] = one.shifted[shift].rate
    texts = np.array([[f"{r:.2f}" if np.isfinite(r) else "–" for r in row] for row in rates])
    fig.heat_map(right, rates, texts, 0.0, 1.0)
    right.set_xticks(range(len(SHIFTS)), [f"{shift:g}" for shift in SHIFTS])
    right.set(xlabel="planted shift, in margins (orders: in δ)", title="share that is found")
    left.set(title="with nothing planted; the level in black")
    worst = max(trials, key=lambda one: one.none.rate - one.none.level)
    posed = counted(count(sum(one.none.posed for one in trials)), "posed with nothing planted")
    return fig.saved(
        figure,
        "judge-on-trial",
        f"The judge on trial: false alarms with their Wilson intervals, and what is found of "
        f"planted shifts. {posed} posed numbers, curves and orders.",
        f"Share of false alarms by family and rule, at most {worst.none.rate:.3f} at a level of "
        f"{worst.none.level:g} ({worst.name}); and the share of planted shifts that is found, "
        "which rises with the shift.",
    )


def single_seed_orders(results: Path, rows: Sequence[Row]) -> tuple[int, int]:
    """How many single seeds show an order that the other seeds contradict, of how many."""
    against, posed = 0, 0
    for family in dict.fromkeys(row["family"] for row in rows if row["kind"] == "order"):
        own = [row for row in rows if row["family"] == family]
        found = single_seeds(posed_orders(own, load_records(results / family)))
        against, posed = against + found[0], posed + found[1]
    return against, posed


def judged_controls(results: Path, profile: str, root: Path) -> tuple[Records, list[Row]]:
    """The records of the positive controls, and what the judge says of them now."""
    records = load_records(results / CONTROLS)
    claims = load_claims(root / CLAIMS / CONTROLS)
    family = Family(records, {claim.id: claim for claim in claims}, profile)
    return records, judge_family(claims, family)


def controls_table(rows: Sequence[Row], caption: str) -> str:
    """Controls printed against measured; each row is the target of links to its control."""
    lines = []
    for row in rows:
        name = row["id"].removeprefix("control-").replace("-", " ")
        ends = interval(row)
        found = measured(row) + (f" {ends}" if ends not in ("", "exact") else "")
        lines.append(
            [
                f'[{name}]{{#{row["id"]} title="{attribute(row["where"])}"}}',
                claimed(rows, row["id"]),
                counted(found, f"measured; stage {row['stage']}", row["id"]) if found else "–",
                counted(shown(row["n"], "d"), "runs", row["id"]) if row["n"] else "–",
                badge(row),
            ]
        )
    return small_table(["Control", "Printed", "Measured", "Runs", "Verdict"], lines, caption)


def named(rows: Sequence[Row], verdict: str) -> str:
    """The controls with a verdict, each with what is printed and what was measured."""
    parts = []
    for row in rows:
        if row["verdict"] != verdict:
            continue
        name = row["id"].removeprefix("control-").replace("-", " ")
        found = counted(measured(row), f"measured; stage {row['stage']}", row["id"])
        parts.append(f"{name} ({claimed(rows, row['id'])} printed, {found} measured)")
    return "; ".join(parts)


def passes_until(records: Records, arm: str, error: float) -> int | None:
    """The first pass after which the mean test error of an arm is at most `error`, from 1.

    None where it never is, or where the arm was not run.
    """
    if arm in records.skipped:
        return None
    reached = 1 - records.curve(arm, "test_accuracy").mean(axis=0) <= error
    return int(reached.argmax()) + 1 if reached.any() else None
