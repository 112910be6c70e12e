"""Grid scores on shared Gram matrices are those of GridSearchCV, cell by cell and fold by fold."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from retrial.machines.kernels import (
    Kernel,
    Machine,
    best_cell,
    gamma_scale,
    grid_scores,
    path_scores,
    stratified_folds,
)

COSTS = [10.0**power for power in range(-6, 4)]


def digits(top: int, count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Small digits with pixels in 0…255 (whole numbers) or 0…1."""
    x, labels = load_digits(return_X_y=True)
    pixels = np.floor(x[:count] * 255 / 16)
    return pixels / (255 // top), labels[:count]


@pytest.mark.parametrize("top", [255, 1])
@pytest.mark.parametrize("folds", [3, 5])
@pytest.mark.parametrize("kind", ["linear", "rbf", "poly"])
def test_scores_equal_grid_search(kind: str, folds: int, top: int) -> None:
    x, labels = digits(top)
    search = GridSearchCV(SVC(kernel=kind, degree=2), {"C": COSTS}, cv=folds).fit(x, labels)
    theirs = np.array([search.cv_results_[f"split{fold}_test_score"] for fold in range(folds)]).T
    kernel = Kernel(kind)
    scores = grid_scores(kernel, x, labels, COSTS, folds)
    np.testing.assert_array_equal(scores, theirs)
    best, tied = best_cell(scores)
    assert best == search.best_index_
    assert tied[best]
    assert scores[best].mean() == pytest.approx(search.best_score_, abs=1e-12)


@pytest.mark.parametrize("top", [255, 1])
@pytest.mark.parametrize("kind", ["linear", "rbf", "poly"])
def test_machine_predicts_as_svc(kind: str, top: int) -> None:
    x, labels = digits(top, 900)
    ours = Machine.fit(Kernel(kind), x[:250], labels[:250], 10.0)
    theirs = SVC(kernel=kind, degree=2, C=10.0).fit(x[:250], labels[:250])
    np.testing.assert_array_equal(ours.predict(x[250:]), theirs.predict(x[250:]))
    np.testing.assert_array_equal(ours.machine.support_, theirs.support_)


def test_kernel_values_by_hand() -> None:
    a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 5.0], [1.0, 2.0]])

    def values(kernel: Kernel, gamma: float) -> list[float]:
        return kernel.gram(kernel.affinities(a, b), gamma)[0].tolist()

    assert values(Kernel("linear"), 0.5) == [13.0, 5.0]
    assert values(Kernel("poly"), 0.5) == [42.25, 6.25]
    assert values(Kernel("poly", degree=3), 0.5) == [274.625, 15.625]
    assert values(Kernel("rbf"), 0.5) == [pytest.approx(np.exp(-6.5)), 1.0]


def test_gram_leaves_affinities_alone() -> None:
    x = np.arange(6.0).reshape(3, 2)
    for kind in ("linear", "rbf", "poly"):
        kernel = Kernel(kind)
        shared = kernel.affinities(x, x)
        before = shared.copy()
        kernel.gram(shared, 0.3)
        np.testing.assert_array_equal(shared, before)


def test_gamma_scale_is_that_of_svc() -> None:
    x, labels = digits(255)
    assert gamma_scale(x) == SVC().fit(x, labels)._gamma
    assert gamma_scale(np.ones((3, 4))) == 1.0


def test_folds_keep_class_shares() -> None:
    labels = np.array([0] * 10 + [1] * 5)
    for train, test in stratified_folds(labels, 5):
        assert len(train) + len(test) == 15
        assert np.bincount(labels[test]).tolist() == [2, 1]


def test_path_stops_where_no_coefficient_is_clipped() -> None:
    x, labels = digits(255)
    kernel = Kernel("linear")
    values = kernel.affinities(x, x)
    shared = path_scores(values[:200, :200], labels[:200], values[200:, :200], labels[200:], COSTS)
    for cost, score in zip(COSTS, shared, strict=True):
        machine = SVC(kernel="precomputed", C=cost).fit(values[:200, :200], labels[:200])
        assert score == machine.score(values[200:, :200], labels[200:])


def test_best_cell_takes_first_of_ties() -> None:
    scores = np.array([[0.5, 0.7], [0.9, 0.7], [0.8, 0.8], [0.7, 0.9]])
    best, tied = best_cell(scores)
    assert best == 1
    assert tied.tolist() == [False, True, True, True]


def test_costs_must_ascend() -> None:
    x, labels = digits(1, 60)
    with pytest.raises(ValueError, match="ascending"):
        grid_scores(Kernel("linear"), x, labels, [1.0, 0.1], 3)
