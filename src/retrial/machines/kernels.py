"""Support vector machines on precomputed Gram matrices, and their grid search.

What no kernel parameter changes (inner products, squared distances) is computed once. A Gram
matrix is computed once per kernel parameter, and all values of C and both sides of a fold share
it. The scores equal those of scikit-learn's `GridSearchCV` over `SVC`, fold by fold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sklearn import config_context
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC

Kind = Literal["linear", "rbf", "poly"]

# Means over folds of one and the same set of right answers differ by a few ulp when the answers
# fall into other folds; two means that differ by one image are 1e-4 or more apart.
TIE = 1e-12

BLOCK = 500


@dataclass(frozen=True)
class Kernel:
    """⟨a, b⟩ (linear), exp(−γ‖a − b‖²) (rbf) or (γ⟨a, b⟩)^degree (poly, coef0 = 0)."""

    kind: Kind
    degree: int = 2

    def affinities(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """What γ does not change: squared distances for rbf, inner products otherwise.

        `a` is (n, features), `b` (m, features); the answer (n, m), of their dtype.
        """
        products = a @ b.T
        if self.kind != "rbf":
            return products
        products *= -2
        products += np.einsum("ij,ij->i", a, a)[:, None]
        products += np.einsum("ij,ij->i", b, b)
        # Rounding leaves tiny negative distances between equal rows.
        return np.maximum(products, 0, out=products)

    def gram(self, affinities: np.ndarray, gamma: float) -> np.ndarray:
        """The kernel's values for some affinities, elementwise and of their dtype."""
        if self.kind == "linear":
            return affinities
        scaled = affinities * affinities.dtype.type(-gamma if self.kind == "rbf" else gamma)
        if self.kind == "rbf":
            return np.exp(scaled, out=scaled)
        return np.power(scaled, self.degree, out=scaled)


def gamma_scale(x: np.ndarray) -> float:
    """scikit-learn's `gamma="scale"`: 1 / (features · variance of all entries of `x`)."""
    variance = float(x.var())
    return 1.0 / (x.shape[1] * variance) if variance != 0 else 1.0


def stratified_folds(labels: np.ndarray, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The (train, test) indices that `GridSearchCV(cv=count)` takes for a classifier."""
    return list(StratifiedKFold(count).split(np.empty((len(labels), 0)), labels))


def grid_scores(
    kernel: Kernel,
    x: np.ndarray,
    labels: np.ndarray,
    costs: Sequence[float],
    folds: int,
    affinities: np.ndarray | None = None,
) -> np.ndarray:
    """Accuracy of every cell of the grid on every held-out fold, (costs, folds) float64.

    `x` is (n, features) float64, `costs` the ascending values of C. γ is "scale", from each
    fold's training rows. `affinities` are those of `x` with itself, where a caller has them.
    """
    if list(costs) != sorted(set(costs)):
        raise ValueError(f"costs = {list(costs)}: expected ascending values")
    shared = kernel.affinities(x, x) if affinities is None else affinities
    scores = np.empty((len(costs), folds))
    for fold, (train, test) in enumerate(stratified_folds(labels, folds)):
        gamma = 1.0 if kernel.kind == "linear" else gamma_scale(x[train])
        values = kernel.gram(shared[:, train], gamma)
        scores[:, fold] = path_scores(
            values[train], labels[train], values[test], labels[test], costs
        )
    return scores


def path_scores(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    costs: Sequence[float],
) -> np.ndarray:
    """Test accuracy for each of the ascending `costs`, on one pair of Gram matrices.

    `train` is (n, n), `test` (m, n). C enters libsvm's path only where it clips a coefficient:
    once a larger C has returned the same coefficients bit for bit, none was clipped on the way,
    and every larger C returns them again.
    """
    scores = np.empty(len(costs))
    before: SVC | None = None
    # Gram matrices of finite pixels are finite; checking each again took a tenth of the time.
    with config_context(assume_finite=True, skip_parameter_validation=True):
        for index, cost in enumerate(costs):
            machine = SVC(C=cost, kernel="precomputed").fit(train, train_labels)
            if before is not None and _same_coefficients(before, machine):
                scores[index:] = scores[index - 1]
                break
            scores[index] = np.mean(machine.predict(test) == test_labels)
            before = machine
    return scores


def _same_coefficients(a: SVC, b: SVC) -> bool:
    return np.array_equal(a.dual_coef_, b.dual_coef_) and np.array_equal(a.support_, b.support_)


def best_cell(scores: np.ndarray) -> tuple[int, np.ndarray]:
    """The cell that `GridSearchCV` selects, and all cells tied with it.

    `scores` is (cells, folds); returns the index of the first best mean as scikit-learn rounds
    it, and a mask (cells,) of the means that equal the best but for rounding.
    """
    means = np.average(scores, axis=1)
    return int(np.argmax(means)), means >= means.max() - TIE


@dataclass(frozen=True)
class Machine:
    """A support vector machine with the rows that it was trained on."""

    kernel: Kernel
    gamma: float
    rows: np.ndarray
    machine: SVC

    @classmethod
    def fit(cls, kernel: Kernel, x: np.ndarray, labels: np.ndarray, cost: float) -> "Machine":
        """Train at C = `cost` and γ = "scale" on `x` (n, features) float64."""
        gamma = 1.0 if kernel.kind == "linear" else gamma_scale(x)
        values = kernel.gram(kernel.affinities(x, x), gamma)
        return cls(kernel, gamma, x, SVC(C=cost, kernel="precomputed").fit(values, labels))

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The class of each row of `x` (m, features)."""
        support = self.machine.support_
        supporting = self.rows[support]
        predicted = np.empty(len(x), self.machine.classes_.dtype)
        # Blocks that stay in the cache; libsvm reads no columns but those of support vectors.
        values = np.zeros((min(len(x), BLOCK), len(self.rows)))
        for begin in range(0, len(x), BLOCK):
            block = x[begin : begin + BLOCK]
            here = values[: len(block)]
            here[:, support] = self.kernel.gram(
                self.kernel.affinities(block, supporting), self.gamma
            )
            predicted[begin : begin + BLOCK] = self.machine.predict(here)
        return predicted
