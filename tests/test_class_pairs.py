"""Machines from working sets are the machines that see every row."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from retrial.machines.class_pairs import TOLERANCE, fit_pair, fit_pairs, predict_pairs
from retrial.machines.kernels import Kernel, gamma_scale


def digits() -> tuple[np.ndarray, np.ndarray]:
    x, labels = load_digits(return_X_y=True)
    return (x / 16).astype(np.float32), labels


@pytest.mark.parametrize(("kind", "cost"), [("rbf", 10.0), ("linear", 0.1), ("poly", 1.0)])
def test_predicts_as_svc_on_all_rows(kind: str, cost: float) -> None:
    x, labels = digits()
    gamma = gamma_scale(x[:1200].astype(np.float64))
    kernel = Kernel(kind)
    machines = fit_pairs(kernel, x[:1200], labels[:1200], gamma, cost, start=10)
    ours = predict_pairs(kernel, machines, x[:1200], gamma, x[1200:])
    full = SVC(kernel=kind, degree=2, C=cost, gamma=gamma).fit(
        x[:1200].astype(np.float64), labels[:1200]
    )
    np.testing.assert_array_equal(ours, full.predict(x[1200:].astype(np.float64)))
    assert len(machines) == 45


def test_outputs_within_tolerance_of_svc() -> None:
    x, labels = digits()
    rows = np.flatnonzero((labels == 3) | (labels == 8))
    signs = np.where(labels[rows] == 3, 1, -1)
    kernel = Kernel("rbf")
    support, coefficients, intercept = fit_pair(kernel, x[rows], signs, 0.1, 10.0, start=5)
    full = SVC(C=10.0, gamma=0.1).fit(x[rows].astype(np.float64), signs)
    values = kernel.gram(kernel.affinities(x[rows], x[rows][support]), 0.1)
    outputs = values @ coefficients + intercept
    theirs = full.decision_function(x[rows].astype(np.float64))
    assert np.abs(outputs - theirs).max() < 5 * TOLERANCE
    assert abs(coefficients.sum()) < 1e-9


def test_two_classes_vote() -> None:
    x = np.array([[0.0], [0.1], [1.0], [1.1]], np.float32)
    labels = np.array([4, 4, 7, 7])
    machines = fit_pairs(Kernel("linear"), x, labels, 1.0, 100.0, start=1)
    predicted = predict_pairs(Kernel("linear"), machines, x, 1.0, x)
    assert predicted.tolist() == [4, 4, 7, 7]
