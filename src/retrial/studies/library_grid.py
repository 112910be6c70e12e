"""Report 002, section C, part 3: a grid search over solver, learning rate and batch.

The report searched with scikit-learn's `GridSearchCV` over `MLPClassifier`, with cv = 5, on its
8,000 training images of Fashion-MNIST. So does this study: folds are stratified and in the order
of the rows, and every fit of a seed starts from the same generator, as an integer `random_state`
makes it. Each cell's fits are scikit-learn's on the same draws, in float32; hidden widths, epochs
and tolerance are those of the network that was chosen for the whole section.

Arms: `<solver>/<learning rate>/<batch>`, one per cell, for example "adam/0.002/256". A trial is
one cell with one seed, all folds.
"""

import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.model_selection import StratifiedKFold

from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.trial import Metric, Result, Trial
from retrial.fashion import (
    CLASSES,
    NAMES,
    PIXELS,
    Network,
    part,
    random_state,
    schedule,
    score,
    seconds,
)
from retrial.nets.library_mlp import Hidden, LibraryNetwork
from retrial.training.library_fit import Fit, SolverName, fit
from retrial.training.sgd import Labelled

Array = NDArray[Any]
Config = dict[str, Any]

NAME = "library_grid"
TRAINING_IMAGES = 8_000

# Multiply-adds (or roots, or quotients) of an update, per parameter.
UPDATE = {"adam": 6, "sgd": 4}


class Protocol(FrozenModel):
    """The grid, and the network of all its cells: `network` less what the cells set."""

    network: Network
    activation: Hidden
    solvers: Annotated[tuple[SolverName, ...], Field(min_length=1)]
    learning_rates: Annotated[tuple[Positive, ...], Field(min_length=1)]
    batches: Annotated[tuple[Count, ...], Field(min_length=1)]
    folds: Annotated[int, Field(ge=2)]


class Budget(FrozenModel):
    """Seeds of every cell; null epochs or images mean all of them."""

    seeds: Count
    epochs_at_most: Count | None
    train_at_most: Count | None


class Fold(NamedTuple):
    """A cell on one fold: its training, and accuracies in 0…1, None where it diverged."""

    fit: Fit
    train_accuracy: float | None
    test_accuracy: float | None
    tested: int


def arms(protocol: Protocol) -> dict[str, Config]:
    """The config of every cell at its full length, by name."""
    shared: Config = {
        "activation": protocol.activation,
        "hidden": list(protocol.network.hidden),
        "epochs": protocol.network.epochs,
        "tolerance": protocol.network.tolerance,
        "folds": protocol.folds,
    }
    return {
        f"{solver}/{rate!r}/{batch}": shared
        | {"solver": solver, "learning_rate": rate, "batch": batch}
        for solver in protocol.solvers
        for rate in protocol.learning_rates
        for batch in protocol.batches
    }


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per cell and seed."""
    found = []
    for arm, full in arms(protocol).items():
        epochs = min(full["epochs"], budget.epochs_at_most or full["epochs"])
        config = full | {"epochs": epochs, "train_at_most": budget.train_at_most}
        whole = epochs == full["epochs"] and budget.train_at_most is None
        found += [
            Trial(NAME, arm, seed, config, whole, cost(config)) for seed in range(budget.seeds)
        ]
    return found


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """No arm: every cell has the same seeds."""
    return []


def cost(config: Config) -> float:
    """Seconds of a trial on one core, which only order the work."""
    images = min(TRAINING_IMAGES, config["train_at_most"] or TRAINING_IMAGES)
    sizes = (PIXELS, *config["hidden"], CLASSES)
    return seconds(sizes, images * (config["folds"] - 1), config["epochs"])


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Train and score one cell on every fold; `data` as in `retrial.fashion.part`.

    Metrics: `fold_1` …, the accuracy in 0…1 on each held-out fold, null where training diverged;
    `score`, their mean, and `spread`, their standard deviation (n − 1), null where a fold's is;
    `train_accuracy`, the mean over folds on what they learned from; `epochs`, the mean number that
    they trained; `multiply_adds` of the whole training, in 10⁹.

    Curves: `running_loss`, the library's penalised loss as a mean over folds, for as long as all
    of them train. ValueError where a class has fewer images than there are folds.
    """
    config = trial.config
    examples = part(data, "train")
    examples = Labelled(*(array[: config["train_at_most"]] for array in examples))
    found = [
        _fold(config, trial.seed, examples, train, test)
        for train, test in folds(examples.labels, config["folds"])
    ]
    diverged = [
        {"fold": at, "epoch": fold.fit.divergence}
        for at, fold in enumerate(found, start=1)
        if fold.fit.divergence is not None
    ]
    return Result(
        metrics=_metrics(config, found),
        status="diverged" if diverged else "ok",
        # Folds that ended before the last epoch would not have used more; more images could count.
        decided=config["train_at_most"] is None and all(_ended(fold, config) for fold in found),
        detail=diverged[0] if diverged else {},
        curves={"running_loss": _mean_curve([fold.fit.losses for fold in found])},
    )


def folds(labels: Array, count: int) -> list[tuple[Array, Array]]:
    """The (train, test) rows that `GridSearchCV(cv=count)` takes for classes `labels` (n,).

    ValueError for a class that is missing from a fold.
    """
    for k, images in enumerate(np.bincount(labels, minlength=CLASSES)):
        if images < count:
            raise ValueError(
                f"{NAME}.folds = {count}: class {k} ({NAMES[k]}) has {images} of "
                f"{len(labels)} images, expected at least one for each fold"
            )
    return list(StratifiedKFold(count).split(np.empty((len(labels), 0)), labels))


def _fold(config: Config, seed: int, examples: Labelled, train: Array, test: Array) -> Fold:
    learned = Labelled(examples.inputs[train], examples.labels[train])
    held_out = Labelled(examples.inputs[test], examples.labels[test])
    network = LibraryNetwork(
        (examples.inputs.shape[1], *config["hidden"], CLASSES),
        config["activation"],
        "classify",
        config["batch"],
        random_state(seed),
    )
    trained = fit(network, *learned, schedule(config))
    if trained.divergence is not None:
        return Fold(trained, None, None, len(test))
    accuracy = [score(network, one).accuracy for one in (learned, held_out)]
    return Fold(trained, accuracy[0], accuracy[1], len(test))


def _ended(fold: Fold, config: Config) -> bool:
    return fold.fit.divergence is not None or len(fold.fit.losses) < config["epochs"]


def _metrics(config: Config, found: Sequence[Fold]) -> dict[str, Metric]:
    images = sum(fold.tested for fold in found)
    scores = [fold.test_accuracy for fold in found]
    metrics = {
        f"fold_{at}": Metric(fold.test_accuracy, fold.tested)
        for at, fold in enumerate(found, start=1)
    }
    metrics["score"] = Metric(_if_all(np.mean, scores), images)
    metrics["spread"] = Metric(_if_all(statistics.stdev, scores), len(found))
    fitted = [fold.train_accuracy for fold in found]
    metrics["train_accuracy"] = Metric(_if_all(np.mean, fitted), images)
    epochs = [len(fold.fit.losses) for fold in found]
    metrics["epochs"] = Metric(float(np.mean(epochs)), len(found))
    total = sum(
        multiply_adds(config, images - fold.tested) * trained
        for fold, trained in zip(found, epochs, strict=True)
    )
    metrics["multiply_adds"] = Metric(total / 1e9, 0)
    return metrics


def multiply_adds(config: Config, images: int) -> int:
    """Multiply-adds of one epoch on `images`: n (3 W − V) + ⌈n / batch⌉ · u · P.

    W are the weights, which are used forward, for their own gradient and for that of their layer's
    input; V those of the first layer, whose input needs no gradient; P the weights and biases, for
    each of which an update takes u steps (`UPDATE`).
    """
    sizes = (PIXELS, *config["hidden"], CLASSES)
    weights = [above * below for above, below in itertools.pairwise(sizes)]
    parameters = sum(weights) + sum(sizes[1:])
    batches = -(-images // config["batch"])
    products: int = images * (3 * sum(weights) - weights[0])
    updates: int = batches * UPDATE[config["solver"]] * parameters
    return products + updates


def _if_all(summary: Callable[[list[float]], Any], values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(summary(known)) if len(known) == len(values) else None


def _mean_curve(curves: Sequence[Sequence[float]]) -> list[float | None]:
    shortest = min(len(curve) for curve in curves)
    means = np.mean([curve[:shortest] for curve in curves], axis=0)
    return [float(value) if np.isfinite(value) else None for value in means]
