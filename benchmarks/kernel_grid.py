"""The kernel grid search beside scikit-learn's GridSearchCV: same cells, same scores.

    python benchmarks/kernel_grid.py [--rounds 5] [--pixel-top 255]

Three kernels × 11 values of C × 5 folds on the first 1,000 images of MNIST, float64. Ours runs on
one core, under the project's byte pins; GridSearchCV on two (`n_jobs=2`), in processes that do
not import retrial, with its workers started beforehand and with the fastest of several settings
of SVC. Runs alternate; the figure is the ratio of the medians. Goal: at least 6.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
KERNELS: tuple[Literal["linear", "rbf", "poly"], ...] = ("linear", "rbf", "poly")
COSTS = [10.0**power for power in range(-7, 4)]
FOLDS = 5
SETTINGS: tuple[dict[str, float | bool], ...] = (
    {},
    {"cache_size": 1000},
    {"shrinking": False},
)


def digits(top: int) -> tuple[np.ndarray, np.ndarray]:
    raw = ROOT / "data" / "raw" / "mnist"
    images = np.load(raw / "train_images.npy", mmap_mode="r", allow_pickle=False)[:1000]
    labels = np.load(raw / "train_labels.npy", mmap_mode="r", allow_pickle=False)[:1000]
    return images.reshape(1000, -1) / (255.0 // top), np.asarray(labels)


def ours(top: int) -> tuple[float, list[list[float]]]:
    """Seconds, and the scores of all cells."""
    sys.path.insert(0, str(ROOT / "src"))
    from retrial.machines.kernels import Kernel, grid_scores

    x, labels = digits(top)
    start = time.perf_counter()
    scores = [grid_scores(Kernel(kind), x, labels, COSTS, FOLDS) for kind in KERNELS]
    return time.perf_counter() - start, np.concatenate(scores).tolist()


def peer(top: int, setting: dict[str, float | bool]) -> tuple[float, list[list[float]]]:
    """Seconds, and the scores of all cells."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import SVC

    x, labels = digits(top)
    grid = [{"kernel": [kind], "C": COSTS} for kind in KERNELS]

    def search(cells: Sequence[Mapping[str, object]], rows: int) -> GridSearchCV:
        machine = SVC(degree=2, **setting)
        found = GridSearchCV(machine, cells, cv=FOLDS, n_jobs=2, refit=False)
        return found.fit(x[:rows], labels[:rows])

    search([{"kernel": ["linear"], "C": [1.0]}], 200)
    start = time.perf_counter()
    results = search(grid, len(x)).cv_results_
    seconds = time.perf_counter() - start
    return seconds, np.stack(
        [results[f"split{fold}_test_score"] for fold in range(FOLDS)], axis=1
    ).tolist()


def measured(who: str, top: int, setting: int = 0) -> tuple[float, np.ndarray]:
    """One run in a process of its own."""
    command = [sys.executable, __file__, "--run", who, "--setting", str(setting)]
    done = subprocess.run(
        [*command, "--pixel-top", str(top)], stdout=subprocess.PIPE, check=True, text=True
    )
    seconds, scores = json.loads(done.stdout)
    return seconds, np.array(scores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pixel-top", type=int, choices=(1, 255), default=255)
    parser.add_argument("--run", choices=("ours", "peer"), help=argparse.SUPPRESS)
    parser.add_argument("--setting", type=int, default=0, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    top = chosen.pixel_top
    if chosen.run:
        answer = ours(top) if chosen.run == "ours" else peer(top, SETTINGS[chosen.setting])
        print(json.dumps(answer))
        return
    tried = [measured("peer", top, index)[0] for index in range(len(SETTINGS))]
    fastest = int(np.argmin(tried))
    seconds: dict[str, list[float]] = {"ours": [], "peer": []}
    for _ in range(chosen.rounds):
        mine, my_scores = measured("ours", top)
        theirs, their_scores = measured("peer", top, fastest)
        np.testing.assert_array_equal(my_scores, their_scores)
        seconds["ours"].append(mine)
        seconds["peer"].append(theirs)
    medians = {who: statistics.median(spent) for who, spent in seconds.items()}
    fits = len(KERNELS) * len(COSTS) * FOLDS
    print(
        f"{fits} fits on 1000 × 784 float64, pixels 0–{top}, {os.cpu_count()} cores; equal scores"
    )
    for index, setting in enumerate(SETTINGS):
        print(f"  GridSearchCV(SVC({setting})): {tried[index]:.2f} s, one run")
    print(f"ours, 1 core               {medians['ours']:.2f} s")
    print(f"GridSearchCV, n_jobs=2     {medians['peer']:.2f} s  {SETTINGS[fastest]}")
    print(f"ratio of medians           {medians['peer'] / medians['ours']:.1f}")


if __name__ == "__main__":
    main()
