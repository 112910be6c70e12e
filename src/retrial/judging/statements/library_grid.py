"""Tests of what report 002 says of its grid search (C 3.3): the best cell, and why it is best.

A cell is an arm `<solver>/<learning rate>/<batch>`; each seed is one whole search, all of whose
cells and folds share their draws. Scores of cells are compared by the corrected resampled t over
folds (statistics.md, "order"). Rules and thresholds are fixed before a run.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome
from retrial.judging.statements.compared import HALF, all_hold, lost, shared_seeds
from retrial.statistics import (
    FEWEST_SEEDS,
    Interval,
    ResampledT,
    corrected_resampled_t,
    holm,
    selection_frequency,
    t_interval,
)
from retrial.statistics.intervals import t_quantile

AXES = ("solver", "learning_rate", "batch")
LEVEL = 0.05
# A cell without a score (a fold diverged) ranks below every other, as the library ranks a nan.
NO_SCORE = -1.0


class Cell(NamedTuple):
    """A cell of the grid by its arm's name."""

    arm: str
    solver: str
    learning_rate: float
    batch: int


def cell(arm: str) -> Cell:
    """The cell of an arm such as "adam/0.002/256"; RetrialError for another name."""
    try:
        solver, rate, batch = arm.split("/")
        return Cell(arm, solver, float(rate), int(batch))
    except ValueError:
        raise RetrialError(f"arm {arm!r}: expected <solver>/<learning rate>/<batch>") from None


class Grid(NamedTuple):
    """A search: cells, their scores (seeds, cells), fold scores (seeds, folds, cells), sizes.

    Scores are accuracies in 0…1; nan where a fold diverged. n_train, n_test: images in the training
    and test part of one fold.
    """

    cells: list[Cell]
    scores: np.ndarray
    folds: np.ndarray
    n_train: float
    n_test: float

    def compare(self, one: int, other: int) -> ResampledT:
        """Corrected resampled t of a cell less another one, over folds, each a mean over seeds.

        All seeds search the same folds: another seed is no other division of the images, so that
        folds times seeds would count the images of each fold once per seed.
        """
        differences = (self.folds[:, :, one] - self.folds[:, :, other]).mean(axis=0)
        return corrected_resampled_t(differences, round(self.n_train), round(self.n_test))

    def ranked(self) -> np.ndarray:
        """(cells,) mean scores over seeds, cells without a score below all others."""
        return np.nan_to_num(self.scores, nan=NO_SCORE).mean(axis=0)

    def best(self, of: Sequence[int]) -> int:
        """The cell with the highest mean score among some."""
        means = self.ranked()
        return max(of, key=lambda i: float(means[i]))


def read_grid(records: Records, arms: Sequence[str]) -> Grid:
    """The grid of some arms, over the seeds that all of them share."""
    seeds = shared_seeds(records, arms)
    metrics = records.of(arms[0])[0]["metrics"]
    names = sorted(name for name in metrics if name.startswith("fold_"))
    rows = [[trial["seed"] in seeds for trial in records.of(arm)] for arm in arms]

    def of(name: str) -> np.ndarray:
        columns = zip(arms, rows, strict=True)
        return np.stack([records.metric(arm, name)[kept] for arm, kept in columns], axis=1)

    folds = np.stack([of(name) for name in names], axis=1)
    n_test = float(np.mean([records.sample_size(arms[0], name) for name in names]))
    return Grid([cell(arm) for arm in arms], of("score"), folds, n_test * (len(names) - 1), n_test)


def _too_few(grid: Grid) -> Outcome | None:
    n = len(grid.scores)
    if n >= FEWEST_SEEDS:
        return None
    reason = f"seeds: {n} shared, at least {FEWEST_SEEDS} are needed"
    return Outcome("inconclusive", None, n=n, reason=reason, seeds_needed=FEWEST_SEEDS)


def best_parameter(claim: Claim, records: Records) -> Outcome:
    """A printed best solver, learning rate or batch (`axis`): does the grid search select it?

    Each seed is one search under the report's own protocol; it selects the printed value when the
    cell of the highest mean score, or one tied with it, has that value. Reproduced when every
    search selects it. Contradicted when none does and the best cell without the value is told apart
    from the best one with it (corrected resampled t, p < .05): a search that selects by chance can
    select otherwise with another seed. Anything between is a lottery. Which cells cannot be told
    from the best one (Holm over all others) stands beside it and decides nothing.
    """
    axis = str(claim.evidence.threshold("axis"))
    if axis not in AXES:
        raise RetrialError(f"evidence.thresholds.axis = {axis!r}: expected one of {AXES}")
    grid = read_grid(records, claim.evidence.arms)
    values = [getattr(one, axis) for one in grid.cells]
    printed = claim.printed if axis == "solver" else float(claim.printed)
    if printed not in values:
        raise RetrialError(f"printed = {claim.printed}: not in the grid {sorted(set(values))}")
    failed = _too_few(grid)
    if failed is not None:
        return failed
    selected = selection_frequency(np.nan_to_num(grid.scores, nan=NO_SCORE)).best
    hits = sum(any(values[i] == printed for i in best) for best in selected)
    n = len(selected)
    with_, without = (
        grid.best([i for i, value in enumerate(values) if (value == printed) is has])
        for has in (True, False)
    )
    best = with_ if grid.ranked()[with_] >= grid.ranked()[without] else without
    verdict, rival = "inconclusive", _test(grid, without, with_)
    if hits == n:
        verdict = "reproduced"
    elif hits == 0 and (rival is None or (rival.p < LEVEL and rival.mean > 0)):
        verdict = "contradicted"
    chosen = ", ".join(_chosen(grid, one) for one in selected)
    against = "one of the two has no score"
    if rival is not None:
        against = f"{rival.mean:+.4f}, p = {rival.p:.2g}"
    return Outcome(
        verdict,
        None if axis == "solver" else float(values[best]),
        n=n,
        reason=f"{'lottery: ' if verdict == 'inconclusive' else ''}{axis.replace('_', ' ')} "
        f"{claim.printed} is selected in {hits} of {n} searches (best: {chosen}); the best cell "
        f"without it, {grid.cells[without].arm}, less the best with it, {grid.cells[with_].arm}: "
        f"{against}; {_alike(grid, best)}",
    )


def _test(grid: Grid, one: int, other: int) -> ResampledT | None:
    """The comparison of two cells; None where one of them has no score in some seed."""
    if np.isnan(grid.folds[:, :, [one, other]]).any():
        return None
    return grid.compare(one, other)


def _chosen(grid: Grid, best: Sequence[int]) -> str:
    return " and ".join(grid.cells[i].arm for i in best) + (" tied" if len(best) > 1 else "")


def _alike(grid: Grid, best: int) -> str:
    """The cells that cannot be told from the best one, in words."""
    others = [i for i in range(len(grid.cells)) if i != best]
    tests = {i: found for i in others if (found := _test(grid, best, i)) is not None}
    without = len(others) - len(tests)
    diverged = f" ({without} of them have no score, since a fold diverged)" if without else ""
    if not tests:
        return f"no other cell has a score{diverged}"
    adjusted = holm([one.p for one in tests.values()])
    alike = [i for i, p in zip(tests, adjusted, strict=True) if p >= LEVEL]
    names = ", ".join(grid.cells[i].arm for i in alike) or "none"
    return (
        f"over folds and seeds {grid.cells[best].arm} has the highest mean, "
        f"{grid.ranked()[best]:.4f}, and of {len(others)} other cells{diverged} {len(alike)} "
        f"cannot be told from it (corrected resampled t, Holm): {names}"
    )


def adam_and_large_batches(claim: Claim, records: Records) -> Outcome:
    """Adam is better than SGD, and a batch of `batch` stabilises: two halves, both must hold.

    Better: the best cell of Adam against the best cell of SGD, by the corrected resampled t. It
    fails when SGD's is better, or when the 90% interval lies inside ±`score`. Equal learning rates
    mean different steps under the two solvers, so that cells of one rate are no fair pairs; how
    many of them Adam wins stands beside it.

    Stabilises: in each row of the grid (a solver with a learning rate) the spread of the scores
    over folds and seeds, each fold's own difficulty, which all batches share, taken off; the
    logarithm of the spread at `batch` less the mean logarithm of those at the other batches. It
    holds (fails) when the 90% interval of the mean over rows lies below (above) 0; it fails as well
    when it lies within a share `spread` of no change. Rows in which some batch has not learned (a
    mean score of at most `learned`, or no score) say nothing of gradients that were followed.
    """
    grid = read_grid(records, claim.evidence.arms)
    failed = _too_few(grid)
    if failed is not None:
        return failed
    better, better_told, found = _adam(grid, float(claim.evidence.threshold("score")))
    steadier, steadier_told = _steadier(claim, grid)
    diverged = sum(lost(records, arm) for arm in claim.evidence.arms)
    return Outcome(
        all_hold((better, steadier)),
        None if found is None else found.mean,
        n=len(grid.scores),
        reason=f"that Adam is better {HALF[better]}: {better_told}; that a batch of "
        f"{claim.evidence.threshold('batch')} is steadier {HALF[steadier]}: {steadier_told}; "
        f"{diverged} runs of the grid diverged",
    )


def _adam(grid: Grid, delta: float) -> tuple[str, str, ResampledT | None]:
    """Verdict, words and test on Adam's best cell against SGD's."""
    of = {
        name: [i for i, one in enumerate(grid.cells) if one.solver == name]
        for name in ("adam", "sgd")
    }
    best = {name: grid.best(cells) for name, cells in of.items()}
    means = grid.ranked()
    mates = {
        (one.learning_rate, one.batch): i for i, one in enumerate(grid.cells) if i in of["sgd"]
    }
    wins = sum(bool(means[i] > means[mates[grid.cells[i][2:]]]) for i in of["adam"])
    names = f"{grid.cells[best['adam']].arm} less {grid.cells[best['sgd']].arm}"
    beside = (
        f"; of {len(of['adam'])} pairs of equal rate and batch Adam has the higher mean in {wins}"
    )
    found = _test(grid, best["adam"], best["sgd"])
    if found is None:
        return "inconclusive", f"{names}: one of the two has no score{beside}", None
    half = t_quantile(0.95, found.df) * found.se
    interval = Interval(found.mean - half, found.mean + half)
    verdict = "inconclusive"
    if found.p < LEVEL:
        verdict = "reproduced" if found.mean > 0 else "contradicted"
    elif interval.inside(delta):
        verdict = "contradicted"
    told = f"{names} {found.mean:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"
    return verdict, f"{told}, p = {found.p:.2g} (corrected resampled t){beside}", found


def _steadier(claim: Claim, grid: Grid) -> tuple[str, str]:
    """Verdict and words on the spread at the large batch against the others."""
    batch, spread = (claim.evidence.threshold(name) for name in ("batch", "spread"))
    learned = float(claim.evidence.threshold("learned"))
    changes = {}
    rows = sorted({(one.solver, one.learning_rate) for one in grid.cells})
    for solver, rate in rows:
        cells = [i for i, one in enumerate(grid.cells) if one[1:3] == (solver, rate)]
        folds = grid.folds[:, :, cells]
        if np.isnan(folds).any() or folds.mean(axis=(0, 1)).min() <= learned:
            continue
        steady = folds - folds.mean(axis=(0, 2), keepdims=True)
        sds = steady.std(axis=(0, 1), ddof=1)
        if sds.min() == 0:
            # Scores that do not vary at all have no logarithm of a spread.
            continue
        large = np.array([grid.cells[i].batch == batch for i in cells])
        changes[f"{solver}/{rate!r}"] = float(
            np.log(sds[large]).mean() - np.log(sds[~large]).mean()
        )
    told = ", ".join(f"{row} {math.exp(change):.2f}" for row, change in changes.items()) or "none"
    if len(changes) < FEWEST_SEEDS:
        return "inconclusive", f"rows: {len(changes)} of {len(rows)} have learned ({told})"
    found = t_interval(list(changes.values()), 0.90)
    limit = math.log1p(float(spread))
    verdict = "inconclusive"
    if found.high < 0:
        verdict = "reproduced"
    elif found.low > 0 or Interval(found.low, found.high).inside(limit):
        verdict = "contradicted"
    mean, low, high = (math.exp(x) for x in (found.mean, found.low, found.high))
    return verdict, (
        f"its spread over folds and seeds is {mean:.2f} [{low:.2f}, {high:.2f}] times that of the "
        f"other batches, over {len(changes)} of {len(rows)} rows that have learned ({told})"
    )
