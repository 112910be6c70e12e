"""Kernels on 1,000 digits (report 000, section 6).

Support vector machines with a linear, an RBF and a polynomial kernel of degree 2 on the first
1,000 training images of MNIST, tested on the first 100 test images and on all 10,000. C is chosen
by a grid search over stratified folds in the order of the rows, as scikit-learn's `GridSearchCV`
does it; γ is "scale". Logistic regression is trained on the same images. Nothing in this is
random: the one trial of each of these arms has seed 0, and is compared exactly. How far the
results hang on these 1,000 and 100 images is what the `subset/…` arms show: the same, over many
random 1,000 of the 60,000 and 100 of the 10,000, one draw a seed and the same for every arm. The
`full/…` arms are trained on all 60,000.

Arms: `split` (class counts of the split), `linear/255`, `rbf/255`, `poly/255` and `…/1` (pixels
0–255 or 0–1), `logistic/255` … (each of the protocol's logistic solvers), `subset/<arm>`,
`full/<arm>`.
"""

import warnings
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, field_validator
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from retrial.core.errors import RetrialError
from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.seeds import generator
from retrial.core.trial import Metric, Result, Trial
from retrial.machines.class_pairs import fit_pairs, predict_pairs
from retrial.machines.kernels import Kernel, Machine, best_cell, gamma_scale, grid_scores

NAME = "kernels"

KernelName = Literal["linear", "rbf", "poly"]
PixelTop = Literal[1, 255]
Folds = Annotated[int, Field(ge=2)]


class LogisticSolver(FrozenModel):
    """One way to fit logistic regression: the same minimum, approached to another distance."""

    solver: Literal["lbfgs", "newton-cg"]
    tolerance: Positive
    iterations: Count


class FullArm(FrozenModel):
    """A machine on all 60,000 images, at one C."""

    kernel: KernelName
    pixel_top: PixelTop
    C: Positive


class Protocol(FrozenModel):
    """Section `kernels` of params.yaml."""

    kernels: tuple[KernelName, ...]
    pixel_tops: tuple[PixelTop, ...]
    degree: Count
    C: tuple[Positive, ...]
    folds: Folds
    other_folds: tuple[Folds, ...]
    logistic: dict[str, LogisticSolver]
    logistic_cost: Positive
    subset_arms: tuple[str, ...]
    subset_train: Count
    subset_test: Count
    full: tuple[FullArm, ...]

    @field_validator("C")
    @classmethod
    def ascending(cls, costs: tuple[float, ...]) -> tuple[float, ...]:
        """C must ascend: of tied cells the search takes the first."""
        if not costs or list(costs) != sorted(set(costs)):
            raise ValueError("expected ascending values, each once")
        return costs


class Budget(FrozenModel):
    """Section `kernels` of a profile: random subsets, and whether to train on all 60,000."""

    subsets: Annotated[int, Field(ge=0)]
    full: bool


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """The split, the report's own arms, the random subsets, and the arms on all images."""
    own = _arms(protocol)
    unknown = sorted(set(protocol.subset_arms) - set(own))
    if unknown:
        raise RetrialError(
            f"params.yaml: kernels.subset_arms = {unknown}: "
            f"expected some of {', '.join(sorted(own))}"
        )
    found = [Trial(NAME, "split", 0, {"task": "split"}, cost=0.1)]
    found += [Trial(NAME, arm, 0, config, cost=3.0) for arm, config in own.items()]
    found += [
        Trial(NAME, f"subset/{arm}", seed, _subset_config(protocol, own[arm]), cost=1.0)
        for seed in range(budget.subsets)
        for arm in protocol.subset_arms
    ]
    if budget.full:
        found += [Trial(NAME, arm, 0, full, cost=60.0) for arm, full in _full(protocol).items()]
    return found


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """The arms that a budget leaves out."""
    subsets = [] if budget.subsets else [f"subset/{arm}" for arm in protocol.subset_arms]
    return subsets + ([] if budget.full else list(_full(protocol)))


def run(trial: Trial, data: Mapping[str, np.ndarray]) -> Result:
    """Run one trial on MNIST (`train_images` …) and the split's indices (`train`, `test`)."""
    config = trial.config
    match config["task"]:
        case "split":
            return _split(data)
        case "full":
            return _all_images(config, data)
    if "subset" in config:
        train, test = _draw(trial.seed, config["subset"], data)
    else:
        train, test = data["train"], data["test"]
    return _fit(config, data, np.asarray(train), np.asarray(test))


def _arms(protocol: Protocol) -> dict[str, dict[str, Any]]:
    grid = {
        "C": list(protocol.C),
        "folds": protocol.folds,
        "other_folds": list(protocol.other_folds),
        "degree": protocol.degree,
    }
    arms: dict[str, dict[str, Any]] = {}
    for top in protocol.pixel_tops:
        for kernel in protocol.kernels:
            arms[f"{kernel}/{top}"] = {"task": "grid", "kernel": kernel, "pixel_top": top, **grid}
        for name, solver in protocol.logistic.items():
            arms[f"{name}/{top}"] = {
                "task": "logistic",
                "pixel_top": top,
                "C": protocol.logistic_cost,
                **solver.model_dump(),
            }
    return arms


def _subset_config(protocol: Protocol, config: dict[str, Any]) -> dict[str, Any]:
    sizes = {"train": protocol.subset_train, "test": protocol.subset_test}
    return {**config, "other_folds": [], "subset": sizes}


def _full(protocol: Protocol) -> dict[str, dict[str, Any]]:
    return {
        f"full/{arm.kernel}/{arm.pixel_top}": {
            "task": "full",
            "degree": protocol.degree,
            **arm.model_dump(),
        }
        for arm in protocol.full
    }


def _draw(
    seed: int, sizes: Mapping[str, int], data: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Random rows of the training and of the test file, without replacement; sorted."""
    train = generator(NAME, seed, "train").choice(
        len(data["train_images"]), sizes["train"], replace=False
    )
    test = generator(NAME, seed, "test").choice(
        len(data["test_images"]), sizes["test"], replace=False
    )
    return np.sort(train), np.sort(test)


def _pixels(images: np.ndarray, top: int, dtype: type = np.float64) -> np.ndarray:
    """(n, 28, 28) uint8 as rows of 784 numbers in 0…`top`."""
    return images.reshape(len(images), -1).astype(dtype) / dtype(255 // top)


def _split(data: Mapping[str, np.ndarray]) -> Result:
    """Table 6.1, and what a reader needs to look at single test images."""
    train, test = np.asarray(data["train"]), np.asarray(data["test"])
    counts = np.bincount(data["train_labels"][train], minlength=10).tolist()
    metrics = {
        f"train_count_{digit}": Metric(count, len(train)) for digit, count in enumerate(counts)
    }
    metrics["train_size"] = Metric(len(train), len(train))
    metrics["test_size"] = Metric(len(test), len(test))
    arrays = {
        "test_index": test.astype(np.int32),
        "test_images": np.asarray(data["test_images"][test]),
        "test_labels": np.asarray(data["test_labels"]),
    }
    return Result(metrics, arrays=arrays)


def _fit(
    config: Mapping[str, Any], data: Mapping[str, np.ndarray], train: np.ndarray, test: np.ndarray
) -> Result:
    x = _pixels(data["train_images"][train], config["pixel_top"])
    labels = np.asarray(data["train_labels"][train])
    held = _pixels(np.asarray(data["test_images"]), config["pixel_top"])
    if config["task"] == "grid":
        metrics, arrays, cost = _grid(config, x, labels)
        machine = Machine.fit(_kernel(config), x, labels, cost)
        metrics["gamma"] = Metric(machine.gamma, 0)
        metrics["support_vectors"] = Metric(len(machine.machine.support_), len(x))
        fitted, predicted = machine.predict(x), machine.predict(held)
    else:
        metrics, arrays = {}, {}
        model, converged = _logistic(config, x, labels)
        metrics["iterations"] = Metric(int(model.n_iter_.max()), 0)
        metrics["converged"] = Metric(int(converged), 0)
        fitted, predicted = model.predict(x), model.predict(held)
    metrics["train_accuracy"] = _accuracy(fitted == labels)
    told, answers = _test_results(predicted, np.asarray(data["test_labels"]), test)
    return Result({**metrics, **told}, arrays={**arrays, **answers})


def _grid(
    config: Mapping[str, Any], x: np.ndarray, labels: np.ndarray
) -> tuple[dict[str, Metric], dict[str, np.ndarray], float]:
    """Every cell's score for each number of folds; the C chosen with the protocol's number."""
    kernel, costs = _kernel(config), config["C"]
    affinities = kernel.affinities(x, x)
    metrics: dict[str, Metric] = {}
    arrays = {"C": np.asarray(costs, np.float64)}
    for folds in (config["folds"], *config["other_folds"]):
        ending = "" if folds == config["folds"] else f"_folds{folds}"
        scores = grid_scores(kernel, x, labels, costs, folds, affinities)
        best, tied = best_cell(scores)
        metrics[f"best_score{ending}"] = Metric(float(scores[best].mean()), len(x))
        metrics[f"best_C{ending}"] = Metric(costs[best], len(x))
        metrics[f"n_tied{ending}"] = Metric(int(tied.sum()), len(costs))
        arrays[f"scores{ending}"] = scores
        arrays[f"tied{ending}"] = tied.astype(np.uint8)
    return metrics, arrays, float(metrics["best_C"].value or 0)


def _logistic(
    config: Mapping[str, Any], x: np.ndarray, labels: np.ndarray
) -> tuple[LogisticRegression, bool]:
    model = LogisticRegression(
        C=config["C"],
        solver=config["solver"],
        tol=config["tolerance"],
        max_iter=config["iterations"],
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(x, labels)
    return model, not any(issubclass(told.category, ConvergenceWarning) for told in caught)


def _all_images(config: Mapping[str, Any], data: Mapping[str, np.ndarray]) -> Result:
    """One-vs-one machines on the whole training file, float32 kernel blocks."""
    kernel, top = _kernel(config), config["pixel_top"]
    x = _pixels(np.asarray(data["train_images"]), top, np.float32)
    gamma = 1.0 if kernel.kind == "linear" else gamma_scale(x.astype(np.float64))
    machines = fit_pairs(kernel, x, np.asarray(data["train_labels"]), gamma, config["C"])
    held = _pixels(np.asarray(data["test_images"]), top, np.float32)
    predicted = predict_pairs(kernel, machines, x, gamma, held)
    support = np.unique(np.concatenate([machine.support for machine in machines]))
    metrics, arrays = _test_results(
        predicted, np.asarray(data["test_labels"]), np.asarray(data["test"])
    )
    metrics["gamma"] = Metric(gamma, 0)
    metrics["support_vectors"] = Metric(len(support), len(x))
    return Result(metrics, arrays=arrays)


def _test_results(
    predicted: np.ndarray, labels: np.ndarray, test: np.ndarray
) -> tuple[dict[str, Metric], dict[str, np.ndarray]]:
    """Accuracy on the rows `test` (`test100_…`) and on all test images, and both in full."""
    correct = predicted == labels
    metrics = {
        "test100_accuracy": _accuracy(correct[test]),
        "test_accuracy": _accuracy(correct),
    }
    arrays = {
        "predictions": predicted.astype(np.uint8),
        "correct": correct.astype(np.uint8),
        "correct100": correct[test].astype(np.uint8),
    }
    return metrics, arrays


def _kernel(config: Mapping[str, Any]) -> Kernel:
    return Kernel(config["kernel"], config["degree"])


def _accuracy(correct: np.ndarray) -> Metric:
    return Metric(float(np.mean(correct)), len(correct))
