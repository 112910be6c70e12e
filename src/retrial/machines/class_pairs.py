"""One-vs-one support vector machines on many rows, by working sets of kernel columns.

A machine for two classes depends on its support vectors alone. It is trained on a working set
that takes in the rows it leaves on the wrong side of the margin until none is left: the result
meets the same optimality conditions on all rows, to the same tolerance, as a machine that saw
them all (Osuna, Freund and Girosi 1997), and only the kernel columns of the working set are ever
computed. Kernel blocks are float32, the machines float64.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from sklearn.svm import SVC

from retrial.machines.kernels import Kernel

# libsvm's default stopping tolerance, in units of the functional margin.
TOLERANCE = 1e-3
TEST_BLOCK = 1000


@dataclass(frozen=True)
class PairMachine:
    """f(x) = Σ coefficients · k(x, rows[support]) + intercept; f > 0 votes for `first`."""

    first: int
    second: int
    support: np.ndarray
    coefficients: np.ndarray
    intercept: float


def fit_pairs(
    kernel: Kernel, x: np.ndarray, labels: np.ndarray, gamma: float, cost: float, start: int = 400
) -> list[PairMachine]:
    """A machine for each pair of classes. `x` is (n, features) float32, `labels` (n,).

    `start` rows of each class, the first ones, make the first working set.
    """
    machines = []
    for first, second in combinations(np.unique(labels).tolist(), 2):
        rows = np.flatnonzero((labels == first) | (labels == second))
        signs = np.where(labels[rows] == first, 1, -1)
        chosen, coefficients, intercept = fit_pair(kernel, x[rows], signs, gamma, cost, start)
        machines.append(PairMachine(first, second, rows[chosen], coefficients, intercept))
    return machines


def fit_pair(
    kernel: Kernel, x: np.ndarray, signs: np.ndarray, gamma: float, cost: float, start: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Support (positions in `x`), coefficients and intercept of a machine for two classes.

    `x` is (n, features) float32, `signs` (n,) of ±1, both present.
    """
    working = np.concatenate([np.flatnonzero(signs == sign)[:start] for sign in (1, -1)])
    values = kernel.gram(kernel.affinities(x, x[working]), gamma)
    while True:
        machine = SVC(C=cost, kernel="precomputed", tol=TOLERANCE)
        machine.fit(values[working].astype(np.float64), signs[working])
        coefficients, intercept = machine.dual_coef_[0], float(machine.intercept_[0])
        # Coefficients in float32 too, or the whole block of columns would be copied as float64.
        outputs = values[:, machine.support_] @ coefficients.astype(np.float32)
        wrong = signs * (outputs.astype(np.float64) + intercept) < 1 - TOLERANCE
        wrong[working] = False
        if not wrong.any():
            return working[machine.support_], coefficients, intercept
        added = np.flatnonzero(wrong)
        columns = kernel.gram(kernel.affinities(x, x[added]), gamma)
        values = np.concatenate([values, columns], axis=1)
        working = np.concatenate([working, added])


def predict_pairs(
    kernel: Kernel, machines: list[PairMachine], rows: np.ndarray, gamma: float, x: np.ndarray
) -> np.ndarray:
    """The class with most votes for each row of `x` (m, features) float32; ties to the lowest.

    `rows` are the (n, features) float32 rows that the machines' `support` indexes.
    """
    classes = sorted({label for machine in machines for label in (machine.first, machine.second)})
    place = {label: index for index, label in enumerate(classes)}
    support = np.unique(np.concatenate([machine.support for machine in machines]))
    supporting = rows[support]
    votes = np.zeros((len(x), len(classes)), np.int32)
    for begin in range(0, len(x), TEST_BLOCK):
        block = slice(begin, begin + TEST_BLOCK)
        values = kernel.gram(kernel.affinities(x[block], supporting), gamma)
        for machine in machines:
            columns = np.searchsorted(support, machine.support)
            outputs = values[:, columns].astype(np.float64) @ machine.coefficients
            wins = outputs + machine.intercept > 0
            votes[block, place[machine.first]] += wins
            votes[block, place[machine.second]] += ~wins
    return np.asarray(classes)[votes.argmax(axis=1)]
