"""The faults that explain printed numbers, each as a one-line change of the right computation.

`FAULTS` names them. Each holds the right line and the faulty one, what the fault makes of the
recorded right metric (for explanations), and a detector that users can call on their own code.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Loss = Callable[[np.ndarray, np.ndarray], float]
Lookup = Callable[[str], np.ndarray]

# Logits of one sample that lie further apart leave a float64 probability of exactly 0.
LOG_ZERO_SPREAD = 745.1333


@dataclass(frozen=True)
class Fault:
    """A named fault.

    `right` and `faulty` are the line of code before and after. `runs` gives what recorded trials
    would have printed with the fault: it takes the name of the right metric and a function from a
    metric's name to its values (seeds,). `detect` finds the fault in anybody's loss function.
    """

    name: str
    summary: str
    right: str
    faulty: str
    runs: Callable[[str, Lookup], np.ndarray]
    detect: Callable[[Loss], bool]


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """(n, classes) log-probabilities of (n, classes) logits, by log-sum-exp."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return log_probabilities


def cross_entropy(logits: np.ndarray, one_hot: np.ndarray) -> float:
    """Mean cross-entropy per sample in nats; logits and one_hot are (n, classes)."""
    return float(-(one_hot * log_softmax(logits)).sum() / len(one_hot))


def cross_entropy_mean_over_classes(logits: np.ndarray, one_hot: np.ndarray) -> float:
    """The fault `mean_over_classes`: the mean runs over samples and classes."""
    return float(-(one_hot * log_softmax(logits)).sum() / one_hot.size)


def cross_entropy_log_of_softmax(logits: np.ndarray, one_hot: np.ndarray) -> float:
    """The fault `log_of_softmax`: the logarithm of a probability that may have become 0."""
    with np.errstate(all="ignore"):
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
        return float(-(one_hot * np.log(probabilities)).sum() / len(one_hot))


def averages_over_classes(loss: Loss) -> bool:
    """Whether `loss(logits, one_hot)` is divided by the number of classes as well.

    Equal logits over c classes cost ln c a sample, whatever the labels.
    """
    found = loss(np.zeros((4, 10)), np.eye(10)[:4])
    return bool(np.isclose(found, np.log(10) / 10))


def takes_log_of_softmax(loss: Loss) -> bool:
    """Whether `loss(logits, one_hot)` stops being a number where a probability underflows.

    A logit 2,000 below the largest has probability 0 in float64, and a loss of 2,000.
    """
    found = loss(np.array([[0.0, 2000.0]]), np.array([[1.0, 0.0]]))
    return not np.isfinite(found)


def absolute_error(outputs: np.ndarray, targets: np.ndarray) -> float:
    """Mean absolute error per sample; outputs and targets are (n, 1)."""
    return float(np.abs(outputs - targets).mean())


def absolute_error_of_log_softmax(outputs: np.ndarray, targets: np.ndarray) -> float:
    """The fault `log_softmax_of_one_output`: over one column the log-softmax is 0."""
    return float(np.abs(log_softmax(outputs) - targets).mean())


def absolute_error_broadcast(outputs: np.ndarray, targets: np.ndarray) -> float:
    """The fault `broadcast_targets`: outputs (n, 1) less flat targets (n,) are (n, n)."""
    return float(np.abs(outputs - targets.reshape(-1)).mean())


def forgets_outputs(loss: Loss) -> bool:
    """Whether `loss(outputs, targets)`, both (n, 1), is the same whatever the outputs are.

    So it is of a log-softmax, or a softmax, over one output.
    """
    targets = np.array([[0.0], [1.0], [1.0]])
    outputs = np.array([[[0.0], [0.0], [0.0]], [[0.2], [0.9], [-1.5]], [[3.0], [-2.0], [0.5]]])
    found = [loss(some, targets) for some in outputs]
    return bool(np.allclose(found, found[0]))


def exchanges_targets(loss: Loss) -> bool:
    """Whether `loss(outputs, targets)`, both (n, 1), is blind to which target is whose.

    Two samples exchange their targets. A loss that is blind to the outputs has another fault.
    """
    outputs = np.array([[0.1], [0.8], [0.3]])
    own, exchanged = np.array([[0.0], [1.0], [1.0]]), np.array([[1.0], [0.0], [1.0]])
    same = np.isclose(loss(outputs, own), loss(outputs, exchanged))
    return bool(same) and not forgets_outputs(loss)


def _log_of_softmax_runs(name: str, lookup: Lookup) -> np.ndarray:
    """The loss, or nan where some sample of its part had a probability of exactly 0."""
    spread = lookup(f"{name.removesuffix('_loss')}_logit_spread")
    return np.where(spread < LOG_ZERO_SPREAD, lookup(name), np.nan)


FAULTS = {
    fault.name: fault
    for fault in (
        Fault(
            name="mean_over_classes",
            summary="the loss is averaged over the classes as well as over the samples",
            right="-(one_hot * log_softmax(logits)).sum() / len(one_hot)",
            faulty="-(one_hot * log_softmax(logits)).sum() / one_hot.size",
            runs=lambda name, lookup: lookup(f"{name}_per_entry"),
            detect=averages_over_classes,
        ),
        Fault(
            name="log_of_softmax",
            summary="the loss takes the logarithm of a probability that has underflowed to 0",
            right="-(one_hot * log_softmax(logits)).sum() / len(one_hot)",
            faulty="-(one_hot * np.log(softmax(logits))).sum() / len(one_hot)",
            runs=_log_of_softmax_runs,
            detect=takes_log_of_softmax,
        ),
        Fault(
            name="log_softmax_of_one_output",
            summary="the evaluation takes the log-softmax of a single output, which is always 0",
            right="outputs = model(inputs)",
            faulty="outputs = log_softmax(model(inputs), dim=1)",
            runs=lambda name, lookup: lookup(f"{name}_as_printed"),
            detect=forgets_outputs,
        ),
        Fault(
            name="broadcast_targets",
            summary="each output of a batch is compared with all of its targets",
            right="loss = criterion(outputs, targets.view(-1, 1))",
            faulty="loss = criterion(outputs, targets.view(-1))",
            runs=lambda name, lookup: lookup(f"{name}_broadcast"),
            detect=exchanges_targets,
        ),
    )
}
