"""Judging "the best C is 10": what a selection picks, and how often (statistics.md, "choice")."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retrial.core.errors import RetrialError
from retrial.statistics.intervals import finite

# Means of the same fold scores added in another order differ in the last bits.
TIE = 1e-12


@dataclass(frozen=True)
class Selection:
    """How often each of c candidates is best over R selections.

    best: per selection the indices tied for best, ascending; selected (c,): share of selections in
    which the candidate is best or tied; alone (c,): share in which it is the only best.
    """

    best: tuple[tuple[int, ...], ...]
    selected: NDArray[np.float64]
    alone: NDArray[np.float64]


def selection_frequency(scores: ArrayLike, tie: float = TIE) -> Selection:
    """Selections from scores (R, c), higher is better; negate errors and losses.

    Rows are seeds, folds or fold counts. Scores within `tie` of a row's best are tied with it.
    """
    table = finite(scores, "scores", 2)
    tied = table >= table.max(axis=1, keepdims=True) - tie
    best = tuple(tuple(int(i) for i in np.flatnonzero(row)) for row in tied)
    only = tied & (tied.sum(axis=1, keepdims=True) == 1)
    return Selection(best, tied.mean(axis=0), only.mean(axis=0))


@dataclass(frozen=True)
class ChoiceJudgement:
    """Verdict on a printed choice.

    best: indices tied for best under the report's own protocol; tied: more than one; frequency,
    alone: shares of the other selections in which the printed choice is best or tied, and the only
    best.
    """

    verdict: Literal["reproduced", "contradicted"]
    best: tuple[int, ...]
    tied: bool
    frequency: float
    alone: float


def judge_choice(
    own_scores: ArrayLike, printed: int, scores: ArrayLike, tie: float = TIE
) -> ChoiceJudgement:
    """Judge the printed candidate (an index) by the report's own protocol.

    own_scores (c,): the candidates' scores under that protocol; scores (R, c): under other seeds,
    folds and fold counts, for the frequency that stands beside the verdict. Higher is better.
    """
    own = finite(own_scores, "own_scores")
    if not 0 <= printed < len(own):
        raise RetrialError(f"printed choice {printed}: expected an index below {len(own)}")
    best = selection_frequency(own[None], tie).best[0]
    others = selection_frequency(scores, tie)
    if len(others.selected) != len(own):
        raise RetrialError(
            f"{len(own)} candidates but scores of {len(others.selected)}: expected the same"
        )
    return ChoiceJudgement(
        "reproduced" if printed in best else "contradicted",
        best,
        len(best) > 1,
        float(others.selected[printed]),
        float(others.alone[printed]),
    )
