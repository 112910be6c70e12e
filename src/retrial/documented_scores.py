"""Scores that scikit-learn's documentation prints, by the code of its pages on given data.

Each function gives scores in 0…1 by name, with the number of rows behind them (0: a derived
number). Digits are rows (1797, 64) float64 in 0…16 with labels (1797,), in the library's order;
`page` holds the numbers of the pages on them (`retrial.studies.controls.Digits`).
"""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

Array = NDArray[Any]
Scores = dict[str, tuple[float, int]]


def exercise(rows: Array, labels: Array, page: Mapping[str, Any]) -> Scores:
    """Digits Classification Exercise: neighbours and logistic regression on the last rows."""
    cut = int(page["train_share"] * len(rows))
    scaled = rows / rows.max()
    models = {
        "neighbours": KNeighborsClassifier(page["neighbours"]),
        "logistic": LogisticRegression(max_iter=page["iterations"]),
    }
    return {
        name: (
            float(model.fit(scaled[:cut], labels[:cut]).score(scaled[cut:], labels[cut:])),
            len(rows) - cut,
        )
        for name, model in models.items()
    }


def example(rows: Array, labels: Array, page: Mapping[str, Any]) -> Scores:
    """Recognizing hand-written digits: a machine with a Gaussian kernel on the second half."""
    parts = train_test_split(rows, labels, test_size=page["test_share"], shuffle=False)
    machine = SVC(gamma=page["gamma"]).fit(parts[0], parts[2])
    return {"machine": (float(machine.score(parts[1], parts[3])), len(parts[3]))}


def tutorial(rows: Array, labels: Array, page: Mapping[str, Any]) -> Scores:
    """Model selection: a linear machine on the last rows, and on folds in the order of the rows."""
    last, machine = page["last"], SVC(C=page["C"], kernel="linear")
    score = machine.fit(rows[:-last], labels[:-last]).score(rows[-last:], labels[-last:])
    folds = cross_val_score(machine, rows, labels, cv=KFold(page["folds"]))
    size = len(rows) // page["folds"]
    return {"last": (float(score), last)} | {
        f"fold_{i}": (float(one), size) for i, one in enumerate(folds, start=1)
    }


def cross_validation(
    rows: Array, labels: Array, C: float, folds: int, test_share: float, random_state: int
) -> Scores:
    """Cross-validation: a linear machine on one drawn split, and over stratified folds.

    rows (150, 4) and labels (150,) of Iris; `sd` is the deviation of the folds' scores, with n.
    """
    machine = SVC(C=C, kernel="linear")
    parts = train_test_split(rows, labels, test_size=test_share, random_state=random_state)
    score = machine.fit(parts[0], parts[2]).score(parts[1], parts[3])
    found = cross_val_score(machine, rows, labels, cv=folds)
    return {
        "split": (float(score), len(parts[3])),
        "mean": (float(found.mean()), len(rows)),
        "sd": (float(found.std()), 0),
    }
