"""What a classifier of digits is judged by: ten classes as they come, or one class that is rare."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrial.calibration import calibration_error, log_loss, reliability, softmax
from retrial.core.trial import Metric
from retrial.nets.brier import brier_score

Array = NDArray[Any]
Weights = NDArray[np.float64]


def balanced_scores(logits: Array, labels: Array) -> dict[str, Metric]:
    """Scores of logits (n, classes) against labels (n,).

    `accuracy` in 0…1; `nll`, the mean negative log-likelihood in nats; `brier`, the Brier score in
    0…2; `ece`, the expected calibration error in 0…1.
    """
    size, probabilities = len(labels), softmax(logits)
    found = {
        "accuracy": float(np.mean(logits.argmax(axis=1) == labels)),
        "nll": log_loss(probabilities, labels),
        "brier": brier_score(probabilities, labels),
        "ece": calibration_error(reliability(probabilities, labels)),
    }
    return {name: Metric(value, size) for name, value in found.items()}


def rare_scores(logits: Array, labels: Array, weights: Weights) -> dict[str, Metric]:
    """Scores of logits (n, 2) against labels (n,), 1 being rare, with a weight (n,) for each image.

    `pr_auc`, the average precision: the area below the curve of precision over recall, as a sum of
    steps; `recall` and `precision` where the rare class has more than one half (precision is None
    where no image has). Images that a probability would round to 1 keep the order of their logits.
    """
    # scikit-learn takes longer to load than a stage to begin, and only workers score.
    from sklearn.metrics import average_precision_score

    rare, found = labels == 1, softmax(logits)[:, 1] > 0.5
    apart = logits[:, 1].astype(np.float64) - logits[:, 0]
    area = float(average_precision_score(labels, apart, sample_weight=weights))
    taken = float(weights[found].sum())
    precision = float(weights[found & rare].sum()) / taken if taken else None
    return {
        "pr_auc": Metric(area, len(labels)),
        "recall": Metric(float(np.mean(found[rare])), int(rare.sum())),
        "precision": Metric(precision, int(found.sum())),
    }
