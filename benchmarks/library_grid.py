"""The grid search of report 002 beside scikit-learn's GridSearchCV, on one core, at equal work.

    python benchmarks/library_grid.py [--rounds 3] [--epochs 2] [--train 8000] [--solver adam] …

Solver × learning rate × batch, 24 cells of 5 folds each, on the report's 8,000 training images of
Fashion-MNIST: 784-128-64-32-10, ReLU. Every fit trains the same number of epochs; none stops
early, and the best cell is not trained again (`refit=False`). Ours is the study's own way through
the grid with all that it records, the training folds' accuracy included; the peer is
`GridSearchCV(MLPClassifier)` with pixels in float64, as users call it, and in float32. That the
scores are the same is a test, `test_library_grid.py`.

Each contender lives in a process of its own, with one thread, on the same core, and they take
turns; the peers run at their own fastest settings, without the instruction-set pins that
`import retrial` sets and that ours runs under. CPU seconds, which for one thread are the wall's
seconds on a quiet machine and still compare on a busy one. A round of the whole grid at two epochs
takes more than a minute. Goal: at least 1.5× against float64, better 2.5×.
"""

import argparse
import sys
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from taking_turns import contend, entry, in_turns

ROOT = Path(__file__).resolve().parent.parent
HIDDEN = (128, 64, 32)
SOLVERS = ("adam", "sgd")
LEARNING_RATES = (0.2, 2.0e-3, 2.0e-5, 2.0e-7)
BATCHES = (64, 128, 256)
FOLDS = 5
OURS = "retrial float32"
# The ratio that the project promises; the other contender is shown for comparison only.
GOALS = {"scikit-learn float64": 1.5, "scikit-learn float32": None}


def files() -> dict[str, Any]:
    import numpy as np

    raw, split = ROOT / "data" / "raw" / "fashion_mnist", ROOT / "data/splits/report002_fashion"
    paths = [raw / "train_images.npy", raw / "train_labels.npy", split / "train.npy"]
    return {path.stem: np.load(path, allow_pickle=False) for path in paths}


def retrial_search(chosen: argparse.Namespace) -> Callable[[], object]:
    sys.path.insert(0, str(ROOT / "src"))
    import retrial  # noqa: F401  sets the pins before NumPy loads
    from retrial.core.config import validated
    from retrial.studies import library_grid

    network = {"solver": "adam", "learning_rate": 1.0, "batch": 1}
    network |= {"hidden": list(HIDDEN), "epochs": chosen.epochs, "tolerance": None}
    grid = {
        "network": network,
        "activation": "relu",
        "solvers": chosen.solver,
        "learning_rates": list(LEARNING_RATES),
        "batches": chosen.batch,
        "folds": FOLDS,
    }
    protocol = validated(grid, library_grid.Protocol, "benchmark")
    budget = library_grid.Budget(seeds=1, epochs_at_most=None, train_at_most=chosen.train)
    trials, data = library_grid.trials(protocol, budget), files()
    return lambda: [library_grid.run(trial, data) for trial in trials]


def scikit_learn_search(chosen: argparse.Namespace, dtype: str) -> Callable[[], object]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPClassifier

    data = files()
    rows = data["train"][: chosen.train]
    x = (data["train_images"][rows].reshape(len(rows), -1) / 255).astype(dtype)
    labels = data["train_labels"][rows]
    grid: Mapping[str, Any] = {
        "solver": chosen.solver,
        "learning_rate_init": LEARNING_RATES,
        "batch_size": chosen.batch,
    }
    network = MLPClassifier(
        HIDDEN, max_iter=chosen.epochs, tol=0, n_iter_no_change=chosen.epochs, random_state=0
    )
    search = GridSearchCV(network, grid, cv=FOLDS, refit=False)
    # All fits are cut off, as they are meant to be.
    warnings.simplefilter("ignore", ConvergenceWarning)
    return lambda: search.fit(x, labels)


CONTENDERS: dict[str, Callable[[argparse.Namespace], Callable[[], object]]] = {
    OURS: retrial_search,
    "scikit-learn float64": partial(scikit_learn_search, dtype="float64"),
    "scikit-learn float32": partial(scikit_learn_search, dtype="float32"),
}


def warm(make: Callable[[argparse.Namespace], Callable[[], object]], chosen: Any) -> Any:
    """The work of a contender, whose first turn, untimed, is a small part of the grid."""
    part = {"epochs": 1, "train": 500, "batch": chosen.batch[:1]}
    turns = iter([make(argparse.Namespace(**(vars(chosen) | part)))])
    whole = make(chosen)
    return lambda: next(turns, whole)()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3, help="timed searches of each (default 3)")
    parser.add_argument("--epochs", type=int, default=2, help="epochs of each fit (default 2)")
    parser.add_argument("--train", type=int, default=8000, help="images (default 8000)")
    parser.add_argument("--solver", choices=SOLVERS, nargs="+", default=list(SOLVERS))
    parser.add_argument("--batch", type=int, nargs="+", default=list(BATCHES))
    parser.add_argument("--contender", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.contender:
        contend(warm(CONTENDERS[chosen.contender], chosen))
        return
    seconds = in_turns(__file__, list(CONTENDERS), chosen.rounds, sys.argv[1:])
    cells = len(chosen.solver) * len(LEARNING_RATES) * len(chosen.batch)
    print(
        f"{cells} cells × {FOLDS} folds of {chosen.train} images, {chosen.epochs} epochs, one core"
    )
    print(f"CPU seconds, median of {chosen.rounds} alternated runs (min–max)")
    for name, times in seconds.items():
        print(entry(f"{name:21s}", times, None if name == OURS else seconds[OURS], GOALS.get(name)))


if __name__ == "__main__":
    main()
