"""What a verdict owes to choices of ours: a claim under other readings, and what they settle.

A reading is one way to fill in what a report leaves open, with the runs that were recorded of it.
`retrial.judging.multiverse` collects them; here they are compared. Two rules stand apart. Of a
reading with seeds enough, the claim's own rule says whether it holds (statistics.md); of fewer
seeds only the mean is looked at, and the reading stays open. And no contradiction rests on a guess:
it stands where runs of every open choice were recorded and none of them comes near the print.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from retrial.judging.ledger import Claim
from retrial.judging.outcome import number
from retrial.judging.rules import margin_of
from retrial.statistics import FEWEST_SEEDS, exact, judge_value, parse_printed
from retrial.statistics.printed import shortest_rational

State = Literal["holds", "breaks", "open"]
STATES: Mapping[str, State] = {
    "reproduced": "holds", "contradicted": "breaks", "inconclusive": "open",
}  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """A claim under one reading.

    `levels` says what stands for each choice, by its name; `study` and `arm` where the `n` runs
    lie. `mean` is in the unit of the print and `distance` from it in margins, with its sign; None
    of a sentence, and where no run has such a number. `state` is what the claim's rule says;
    `agrees`, whether the mean lies within the margin, or the sentence holds at the means: all that
    is known of too few seeds. `judged`: the reading that the verdict rests on. `partial`: of a
    curve, only what the search trained was compared, which is not the whole print.
    """

    study: str
    arm: str
    levels: Mapping[str, str]
    n: int
    mean: float | None
    distance: float | None
    state: State
    agrees: bool
    judged: bool = False
    partial: bool = False

    @property
    def label(self) -> str:
        """The levels in words, such as "the optimiser: sgd, the width: 32"."""
        return ", ".join(f"{choice}: {level}" for choice, level in self.levels.items())


@dataclass(frozen=True)
class Print:
    """A printed number, ready to be compared with runs: its value, decimals and margin."""

    claim: Claim
    value: float
    decimals: int
    margin: float

    @classmethod
    def of(cls, claim: Claim) -> "Print":
        """Raises RetrialError where the claim prints no number or has no margin."""
        printed = parse_printed(claim.printed)
        margin = margin_of(claim, printed)
        return cls(claim, float(printed.value), printed.decimals, margin)


def of_runs(
    printed: Print,
    runs: ArrayLike,
    study: str,
    arm: str,
    levels: Mapping[str, str],
    judged: bool = False,
) -> Reading:
    """The reading of a printed number with runs (n,) in its unit; nan: a run without the number.

    A claim without chance in it is compared exactly, whatever n.
    """
    values = np.asarray(runs, dtype=float)
    n, finite = len(values), values[np.isfinite(values)]
    lost = n - len(finite)
    if lost:
        gone: State = "breaks" if lost == n >= FEWEST_SEEDS else "open"
        return Reading(study, arm, levels, n, None, None, gone, False, judged)
    mean = float(finite.mean())
    distance = (mean - printed.value) / printed.margin
    if printed.claim.evidence.deterministic:
        same = exact(shortest_rational(mean), parse_printed(printed.claim.printed)).matches
        state: State = "holds" if same else "breaks"
        return Reading(study, arm, levels, n, mean, distance, state, same, judged)
    state = "open"
    if n >= FEWEST_SEEDS:
        found = judge_value(finite, printed.value, printed.decimals, printed.margin)
        state = STATES[found.verdict]
    return Reading(study, arm, levels, n, mean, distance, state, abs(distance) <= 1, judged)


def counts(readings: Sequence[Reading]) -> dict[str, int]:
    """How many other readings hold, break and are open, and how many open ones are near: agree.

    Empty where no other reading was recorded.
    """
    others = [one for one in readings if not one.judged]
    if not others:
        return {}
    states = [one.state for one in others]
    return {
        "hold": states.count("holds"),
        "break": states.count("breaks"),
        "open": states.count("open"),
        "near": sum(one.state == "open" and one.agrees for one in others),
    }


def shares(readings: Sequence[Reading]) -> dict[str, dict[str, tuple[int, int]]]:
    """For each choice with several levels: how many readings of a level agree, and of how many.

    A reading that breaks does not agree, however near its mean.
    """
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for choice in dict.fromkeys(name for one in readings for name in one.levels):
        levels: dict[str, tuple[int, int]] = {}
        for one in readings:
            if choice in one.levels:
                agree, of = levels.get(one.levels[choice], (0, 0))
                levels[one.levels[choice]] = agree + favours(one), of + 1
        if len(levels) > 1:
            found[choice] = levels
    return found


def deciding(readings: Sequence[Reading]) -> str | None:
    """The choice whose levels explain most of which readings speak for the claim; None: none does.

    By the share of the variance between levels, less what as many levels explain by chance (the
    ε² of an analysis of variance): a choice of a hundred epochs would always win otherwise.
    """
    explained = {choice: _explained(list(of.values())) for choice, of in shares(readings).items()}
    best = max(explained, key=lambda choice: explained[choice], default=None)
    return best if best is not None and explained[best] > 0 else None


def _explained(levels: Sequence[tuple[int, int]]) -> float:
    """ε² of agreement by level, from how many agree, of how many; 0 where all or none do."""
    agree, of = (np.array(one, dtype=float) for one in zip(*levels, strict=True))
    n, share = of.sum(), agree.sum() / of.sum()
    total = n * share * (1 - share)
    if total == 0:
        return 0.0
    within = (agree * (1 - agree / of)).sum()
    free = n - len(levels)
    chance = (len(levels) - 1) * within / free if free else 0.0
    return float((total - within - chance) / total)


def favours(reading: Reading) -> bool:
    """Whether a reading speaks for the claim: it holds, or agrees and its seeds are too few."""
    return reading.state == "holds" or (reading.state == "open" and reading.agrees)


def unsettled(claim: Claim, readings: Sequence[Reading]) -> str | None:
    """Why a contradiction of `claim` rests on choices of ours; None where it does not.

    None where nothing is left open, where the ledger says that no choice matters (`regardless`),
    and of a number that made the choice itself: among all readings some comes near it. Otherwise a
    reading that speaks for the claim undoes the contradiction; so do readings on both sides of the
    print, between which another may lie; and so does a choice of which nothing else was recorded.
    """
    left = [*claim.choices, *claim.guesses]
    if not left or claim.regardless or set(claim.fitted) & set(claim.choices):
        return None
    whole = [one for one in readings if not one.partial]
    for_it = [one for one in whole if not one.judged and favours(one)]
    if for_it:
        nearest = min(for_it, key=lambda one: abs(one.distance or 0.0))
        how = "it holds" if nearest.state == "holds" else "it comes within the margin"
        return f"read otherwise ({nearest.label}) {how}, over {_seeds(nearest.n)}"
    known = [one for one in whole if one.distance is not None]
    below = max((one for one in known if _distance(one) < 0), key=_distance, default=None)
    above = min((one for one in known if _distance(one) > 0), key=_distance, default=None)
    if below is not None and above is not None:
        decimals = parse_printed(claim.printed).decimals + 1
        ends = " and ".join(
            f"{number(one.mean or 0.0, decimals)} with {one.label}" for one in (below, above)
        )
        return f"recorded readings lie on both sides of the print ({ends}); one between may give it"
    varied = shares(whole)
    fixed = ", ".join(choice for choice in left if choice not in varied)
    return f"nothing else was recorded for {fixed}; other runs would decide" if fixed else None


def standing(claim: Claim, readings: Sequence[Reading]) -> str:
    """What upholds a contradiction of `claim` that `unsettled` does not undo; empty where nothing.

    Either the ledger's reason that no choice matters, or that every other reading breaks too.
    """
    others = [one for one in readings if not one.judged and not one.partial]
    ours = claim.choices or claim.guesses
    if claim.regardless or not ours or not others or any(one.state != "breaks" for one in others):
        return claim.regardless
    many = (
        "in the one other reading" if len(others) == 1 else f"in all {len(others)} other readings"
    )
    return f"and so {many} of what is left open that was recorded"


def _distance(reading: Reading) -> float:
    return reading.distance or 0.0


def _seeds(n: int) -> str:
    return f"{n} seed{'' if n == 1 else 's'}"
