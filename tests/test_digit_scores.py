import math

import numpy as np
import pytest
from scipy import special
from sklearn import metrics

from retrial.digit_scores import balanced_scores, rare_scores


def test_scores_of_ten_classes_are_those_of_the_library() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 2, (60, 10)).astype(np.float32), rng.integers(0, 10, 60)
    found = balanced_scores(logits, labels)
    p = special.softmax(logits.astype(float), axis=1)
    assert found["accuracy"].value == metrics.accuracy_score(labels, p.argmax(axis=1))
    assert found["nll"].value == pytest.approx(metrics.log_loss(labels, p, labels=range(10)))
    assert found["brier"].value == pytest.approx(((p - np.eye(10)[labels]) ** 2).sum() / 60)
    assert {one.n for one in found.values()} == {60}
    # What a rate is picked by stands first.
    assert next(iter(found)) == "accuracy"


def test_a_rare_class_by_hand() -> None:
    # By their logits: rare, common, rare, common, common. Weights of 1/2 for rare ones: precision
    # is 1 at the first and 1/2 at the second of two steps of recall.
    apart = np.array([3.0, 2, 1, -1, -2])
    labels, weights = np.array([1, 0, 1, 0, 0]), np.array([0.5, 1, 0.5, 1, 1])
    logits = np.stack([np.zeros(5), apart], axis=1).astype(np.float32)
    found = rare_scores(logits, labels, weights)
    assert next(iter(found)) == "pr_auc"
    assert found["pr_auc"].value == pytest.approx((1 + 1 / 2) / 2)
    assert found["recall"] == (1.0, 2)
    # Both rare ones weigh as much as the common one that is taken with them.
    assert found["precision"] == (0.5, 3)


def test_where_nothing_is_taken_there_is_no_precision() -> None:
    logits = np.array([[1.0, 0], [2, 0]], np.float32)
    found = rare_scores(logits, np.array([0, 1]), np.ones(2))
    assert found["precision"] == (None, 0)
    assert found["recall"] == (0.0, 1)


def test_a_weight_is_worth_that_many_images() -> None:
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(size=(30, 2)), rng.integers(0, 2, 30)
    counts = np.where(labels == 1, 1, 3)
    weighted = rare_scores(logits, labels, counts.astype(float))
    rows = np.repeat(np.arange(30), counts)
    repeated = rare_scores(logits[rows], labels[rows], np.ones(len(rows)))
    for name in ("pr_auc", "recall", "precision"):
        assert weighted[name].value == pytest.approx(repeated[name].value)


def test_probabilities_that_round_to_one_keep_their_order() -> None:
    logits = np.array([[0, 900], [0, 800], [0, -1]], np.float32)
    assert rare_scores(logits, np.array([1, 0, 0]), np.ones(3))["pr_auc"].value == 1
    assert math.isclose(
        rare_scores(logits, np.array([0, 1, 0]), np.ones(3))["pr_auc"].value or 0, 0.5
    )
