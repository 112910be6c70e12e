"""The documentation's pages, run on the library's own data, give the scores that they print."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

from retrial.documented_scores import cross_validation, example, exercise, tutorial

ROWS, LABELS = load_digits(return_X_y=True)
PAGE = {
    "train_share": 0.9,
    "neighbours": 5,
    "iterations": 1000,
    "gamma": 0.001,
    "test_share": 0.5,
    "C": 1.0,
    "last": 100,
    "folds": 3,
}


def test_the_exercise() -> None:
    found = exercise(ROWS, LABELS, PAGE)
    assert f"{found['neighbours'][0]:f}" == "0.961111"
    assert f"{found['logistic'][0]:f}" == "0.933333"
    assert found["neighbours"][1] == 180


def test_the_example() -> None:
    score, tested = example(ROWS, LABELS, PAGE)["machine"]
    assert (f"{score:.2f}", tested) == ("0.97", 899)


def test_the_tutorial() -> None:
    found = tutorial(ROWS, LABELS, PAGE)
    assert found["last"] == (0.98, 100)
    # The page prints [0.934..., 0.956..., 0.939...].
    folds = [found[f"fold_{i}"][0] for i in (1, 2, 3)]
    np.testing.assert_allclose(folds, [0.934891, 0.956594, 0.939900], atol=1e-6)
    assert found["fold_1"][1] == 599


def test_cross_validation_on_iris() -> None:
    rows, labels = load_iris(return_X_y=True)
    found = cross_validation(rows, labels, 1.0, 5, 0.4, 0)
    assert found["split"] == (pytest.approx(58 / 60), 60)
    assert found["mean"] == (pytest.approx(0.98), 150)
    assert found["sd"] == (pytest.approx(0.016330, abs=1e-6), 0)
