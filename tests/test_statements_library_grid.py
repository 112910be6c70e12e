"""Tests of report 002's sentences on its grid search, on records with answers known beforehand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from retrial.core import records
from retrial.core.errors import RetrialError
from retrial.core.records import Finished, Records
from retrial.core.trial import Metric, Result, Trial
from retrial.judging.ledger import Claim, find, load_claims
from retrial.judging.outcome import Outcome
from retrial.judging.statements import TESTS, library_grid
from retrial.studies import library_grid as study

CLAIMS = load_claims(Path(__file__).parents[1] / "claims")
SOLVERS, RATES, BATCHES = ("adam", "sgd"), (0.2, 2e-3, 2e-5, 2e-7), (64, 128, 256)
FOLDS, IMAGES = 5, 1600
BEST = ("adam", 2e-3, 256)


def claim(name: str, **changes: object) -> Claim:
    """The ledger's own claim, so that its arms and thresholds are the ones that are tested."""
    return find(CLAIMS, f"002-C3-{name}").model_copy(update=changes)


def grid(tmp_path: Path, mean: Callable[[str, float, int], float | None], **rest) -> Records:
    """A recorded grid: cells of a mean score (None: a fold diverged), `spread` times a noise.

    `spread`, `of_seed` and `of_fold` are functions of a cell (and a seed); the last two are added.
    """
    seeds = rest.pop("seeds", 3)
    spread, of_seed = rest.pop("spread", lambda *_: 0.002), rest.pop("of_seed", lambda *_: 0.0)
    of_fold = rest.pop("of_fold", lambda *_: 0.0)
    chance = np.random.default_rng(7)
    difficulty = 0.01 * chance.standard_normal(FOLDS)
    found = []
    for solver in SOLVERS:
        for rate in RATES:
            for batch in BATCHES:
                level, name = mean(solver, rate, batch), f"{solver}/{rate!r}/{batch}"
                for seed in range(seeds):
                    noise = spread(solver, rate, batch) * chance.standard_normal(FOLDS)
                    at = (level or 0.0) + of_seed(solver, rate, batch, seed)
                    parts = at + of_fold(solver, rate, batch) + difficulty + noise
                    scores = [float(x) for x in parts]
                    lost = level is None
                    folds = [None if lost and i == 2 else x for i, x in enumerate(scores)]
                    metrics = {f"fold_{i}": Metric(x, IMAGES) for i, x in enumerate(folds, 1)}
                    metrics["score"] = Metric(None if lost else float(np.mean(scores)), 8000)
                    result = Result(metrics, status="diverged" if lost else "ok")
                    trial = Trial("library_grid", name, seed, {})
                    found.append(Finished(trial, result, f"{name}{seed}"))
    records.write(tmp_path, "library_grid", found, [], {})
    return Records.load(tmp_path)


def judged(one: Claim, found: Records) -> Outcome:
    assert one.evidence.test is not None
    return TESTS[one.evidence.test](one, found)


def peak(*best: tuple[str, float, int], above: float = 0.05) -> Callable[..., float]:
    return lambda *cell: 0.8 + above * (cell in best)


def test_the_ledger_names_every_cell_of_the_grid_once() -> None:
    protocol = study.Protocol(
        network={
            "hidden": (4,),
            "solver": "adam",
            "learning_rate": 1e-3,
            "batch": 64,
            "epochs": 2,
            "tolerance": None,
        },
        activation="relu",
        solvers=SOLVERS,
        learning_rates=RATES,
        batches=BATCHES,
        folds=FOLDS,
    )
    for name in ("solver", "lr", "batch", "concl"):
        assert sorted(claim(name).evidence.arms) == sorted(study.arms(protocol))


@pytest.mark.parametrize("name", ["solver", "lr", "batch"])
def test_the_printed_choice_of_every_search_is_reproduced(tmp_path: Path, name: str) -> None:
    found = judged(claim(name), grid(tmp_path, peak(BEST)))
    assert found.verdict == "reproduced"
    assert "is selected in 3 of 3 searches (best: adam/0.002/256, adam/0.002/256," in found.reason
    assert "of 23 other cells 0 cannot be told from it" in found.reason
    assert found.measured == {"solver": None, "lr": 0.002, "batch": 256}[name]


def test_a_choice_that_is_selected_for_another_cell_is_that_choice(tmp_path: Path) -> None:
    found = grid(tmp_path, peak(("adam", 2e-5, 256)))
    assert judged(claim("solver"), found).verdict == "reproduced"
    assert judged(claim("batch"), found).verdict == "reproduced"
    lr = judged(claim("lr"), found)
    assert (lr.verdict, lr.measured) == ("contradicted", 2e-5)
    assert "learning rate 0.002 is selected in 0 of 3 searches" in lr.reason


def test_a_choice_that_is_never_selected_is_contradicted_only_if_told_apart(
    tmp_path: Path,
) -> None:
    far = judged(claim("batch"), grid(tmp_path, peak(("adam", 2e-3, 64))))
    assert far.verdict == "contradicted"
    # Better on average in every search, by less than its folds differ among themselves.
    swings = np.array([0.03, -0.02, 0.03, -0.02, -0.01])

    def of_fold(*one) -> np.ndarray:
        return swings * (one == ("adam", 2e-3, 64))

    flat = grid(tmp_path / "near", lambda *_: 0.8, spread=lambda *_: 0.0, of_fold=of_fold)
    near = judged(claim("batch"), flat)
    assert near.verdict == "inconclusive"
    assert near.reason.startswith("lottery: batch 256 is selected in 0 of 3 searches")
    assert "of 23 other cells 23 cannot be told from it" in near.reason


def test_seeds_that_select_differently_are_a_lottery(tmp_path: Path) -> None:
    def of_seed(solver: str, rate: float, batch: int, seed: int) -> float:
        return 0.05 * ((solver, rate, batch) == ("adam", 2e-3, (256, 64, 64)[seed]))

    found = judged(claim("batch"), grid(tmp_path, lambda *_: 0.8, of_seed=of_seed))
    assert found.verdict == "inconclusive"
    assert "batch 256 is selected in 1 of 3 searches" in found.reason
    assert judged(
        claim("solver"), grid(tmp_path / "b", lambda *_: 0.8, of_seed=of_seed)
    ).verdict == ("reproduced")


def test_ties_are_ties(tmp_path: Path) -> None:
    tied = grid(tmp_path, peak(BEST, ("sgd", 0.2, 64)), spread=lambda *_: 0.0)
    found = judged(claim("solver"), tied)
    assert found.verdict == "reproduced"
    assert "adam/0.002/256 and sgd/0.2/64 tied" in found.reason
    assert "1 cannot be told from it (corrected resampled t, Holm): sgd/0.2/64" in found.reason


def test_a_cell_that_diverged_ranks_last_and_is_told(tmp_path: Path) -> None:
    def mean(*cell) -> float | None:
        return None if cell[:2] == ("adam", 0.2) else peak(BEST)(*cell)

    found = judged(claim("lr"), grid(tmp_path, mean))
    assert found.verdict == "reproduced"
    assert "of 23 other cells (3 of them have no score, since a fold diverged)" in found.reason
    # All cells of the printed value diverged: the choice cannot be selected.
    gone = judged(claim("lr"), grid(tmp_path / "b", lambda *c: None if c[1] == 2e-3 else 0.8))
    assert gone.verdict == "contradicted"
    assert "one of the two has no score" in gone.reason


def test_few_searches_and_wrong_names_are_told(tmp_path: Path) -> None:
    found = grid(tmp_path, peak(BEST), seeds=2)
    for name in ("lr", "concl"):
        few = judged(claim(name), found)
        assert (few.verdict, few.seeds_needed) == ("inconclusive", 3)
    with pytest.raises(RetrialError, match=r"printed = 0\.1: not in the grid \[2e-07, "):
        judged(claim("lr", printed="0.1"), found)
    with pytest.raises(RetrialError, match="arm 'adam': expected <solver>/"):
        library_grid.cell("adam")
    one = claim("lr")
    wrong = one.evidence.model_copy(update={"thresholds": {"axis": "rate"}})
    with pytest.raises(RetrialError, match="axis = 'rate': expected one of"):
        judged(claim("lr", evidence=wrong), found)


# "Adam was chosen over SGD … a larger batch size of 256 helps stabilize".


def solver(adam: float, sgd: float) -> Callable[..., float]:
    """Each solver has its best at another rate, and learns little at the smallest one."""

    def mean(name: str, rate: float, batch: int) -> float:
        if rate == 2e-7:
            return 0.1
        best = {"adam": 2e-3, "sgd": 0.2}[name]
        return {"adam": adam, "sgd": sgd}[name] if rate == best else 0.6

    return mean


def steady(large: float) -> Callable[..., float]:
    return lambda name, rate, batch: 0.004 * (large if batch == 256 else 1.0)


@pytest.mark.parametrize(
    ("adam", "sgd", "large", "verdict", "halves"),
    [
        (0.86, 0.80, 0.2, "reproduced", ("holds", "holds")),
        (0.80, 0.86, 0.2, "contradicted", ("does not hold", "holds")),
        (0.86, 0.80, 5.0, "contradicted", ("holds", "does not hold")),
    ],
)
def test_both_halves_of_the_conclusion_must_hold(
    tmp_path: Path, adam: float, sgd: float, large: float, verdict: str, halves: tuple
) -> None:
    found = judged(claim("concl"), grid(tmp_path, solver(adam, sgd), spread=steady(large)))
    assert found.verdict == verdict
    assert f"that Adam is better {halves[0]}: adam/0.002/" in found.reason
    assert f"that a batch of 256 is steadier {halves[1]}: its spread" in found.reason
    # The two rows at the smallest rate have not learned.
    assert "over 6 of 8 rows that have learned" in found.reason
    assert "of 12 pairs of equal rate and batch Adam has the higher mean in" in found.reason
    assert found.measured == pytest.approx(adam - sgd, abs=0.006)


def test_a_difference_that_is_too_small_to_matter_contradicts(tmp_path: Path) -> None:
    found = judged(claim("concl"), grid(tmp_path, solver(0.8, 0.8), spread=lambda *_: 1e-3))
    assert found.verdict == "contradicted"
    assert "that Adam is better does not hold" in found.reason
    noisy = judged(claim("concl"), grid(tmp_path / "b", solver(0.8, 0.8), spread=lambda *_: 0.03))
    assert noisy.verdict == "inconclusive"
    assert "that Adam is better is open" in noisy.reason


def test_a_folds_own_difficulty_is_no_spread(tmp_path: Path) -> None:
    alike = judged(claim("concl"), grid(tmp_path, solver(0.86, 0.8), spread=steady(0.2)))
    # The folds differ by a hundredth, five times what any cell's scores vary.
    told = alike.reason.split("its spread over folds and seeds is ")[1]
    assert float(told.split()[0]) == pytest.approx(0.3, abs=0.15)


def test_spread_is_open_where_few_rows_have_learned(tmp_path: Path) -> None:
    def mean(solver: str, rate: float, batch: int) -> float:
        return 0.8 + 0.05 * (solver == "adam") if rate == 2e-3 else 0.1

    found = judged(claim("concl"), grid(tmp_path, mean))
    assert found.verdict == "inconclusive"
    assert "rows: 2 of 8 have learned" in found.reason
    lost = judged(claim("concl"), grid(tmp_path / "b", lambda *c: None if c[0] == "sgd" else 0.8))
    assert "one of the two has no score" in lost.reason
    assert "36 runs of the grid diverged" in lost.reason


def test_more_seeds_on_the_same_folds_are_no_more_folds(tmp_path: Path) -> None:
    swings = np.array([0.03, -0.02, 0.03, -0.02, 0.01])

    def of_fold(*one) -> np.ndarray:
        return swings * (one == BEST)

    tests = []
    for seeds in (3, 12):
        found = grid(
            tmp_path / str(seeds), peak(BEST), seeds=seeds, spread=lambda *_: 0.0, of_fold=of_fold
        )
        read = library_grid.read_grid(found, ["adam/0.002/256", "sgd/0.2/64"])
        tests.append(read.compare(0, 1))
    assert tests[0] == pytest.approx(tests[1])
    assert tests[0].df == FOLDS - 1
    # 1/5 + 1600/6400.
    assert tests[0].se == pytest.approx(np.std(swings, ddof=1) * np.sqrt(0.45))
