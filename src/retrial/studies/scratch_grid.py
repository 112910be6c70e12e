"""Report 002, section B: twelve networks from scratch, 4 activations × 3 initialisations.

A multilayer perceptron 784-256-128-64-32-10, softmax cross-entropy and plain SGD in batches of
128, on MNIST's 60,000 training images with pixels in 0…1; validation on half of the test set. The
report states the widths, the batch and the names of the initialisations ("random", "normal",
"zero"); their scales, the learning rate and the number of epochs are parameters, one choice for
the whole table. The arms "he" and "glorot" show what the table should have been.

All arms of a seed begin at the same draws (scaled to the arm) and see the same batches.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.seeds import generator
from retrial.core.trial import Metric, Result, Trial
from retrial.nets import initialisers
from retrial.nets.dense import ACTIVATIONS, DenseNetwork
from retrial.training.sgd import Evaluation, History, Labelled, train

Array = NDArray[Any]

NAME = "scratch_grid"
CLASSES = 10
PARTS = ("train", "validation", "test")
INITIALISATIONS = ("random", "normal", "zero", "he", "glorot")

# Evaluation goes faster in larger chunks than training's batch.
CHUNK = 512


class Draw(FrozenModel):
    """A distribution of weights; `scale` is a standard deviation or a half-width."""

    distribution: Literal["normal", "uniform"]
    scale: Positive


class Protocol(FrozenModel):
    """What is trained on what; `random` and `normal_scale` say what the report's words mean."""

    hidden: Annotated[tuple[Count, ...], Field(min_length=1)]
    batch: Count
    learning_rate: Positive
    epochs: Count
    random: Draw
    normal_scale: Positive


class Budget(FrozenModel):
    """How much of the protocol a profile pays for; null means all of it."""

    seeds: Count
    epochs_at_most: Count | None
    train_at_most: Count | None


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per activation, initialisation and seed."""
    epochs = min(protocol.epochs, budget.epochs_at_most or protocol.epochs)
    draws: dict[str, dict[str, Any]] = {
        "random": protocol.random.model_dump(),
        "normal": {"distribution": "normal", "scale": protocol.normal_scale},
        "zero": {"distribution": "zero"},
        "he": {"distribution": "he_normal"},
        "glorot": {"distribution": "glorot_uniform"},
    }
    return [
        Trial(
            study=NAME,
            arm=f"{activation}/{initialisation}",
            seed=seed,
            config={
                "activation": activation,
                "draw": draws[initialisation],
                "hidden": list(protocol.hidden),
                "batch": protocol.batch,
                "learning_rate": protocol.learning_rate,
                "epochs": epochs,
                "train_at_most": budget.train_at_most,
            },
            whole=epochs == protocol.epochs and budget.train_at_most is None,
            cost=1.1 * epochs * (budget.train_at_most or 60_000) / 60_000,
        )
        for activation in ACTIVATIONS
        for initialisation in INITIALISATIONS
        for seed in range(budget.seeds)
    ]


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """No arm is left out by any budget."""
    return []


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Train one network and say what became of it.

    Metrics, for each part (train, validation, test): loss in nats, `loss_per_entry` (the mean over
    examples × classes, which is how the report averages: a tenth of the loss), accuracy in 0…1,
    `constant_class` (the class if every example gets the same one, else null) and `logit_spread`
    (an unprotected softmax has a probability of exactly 0, and hence a nan loss, above 103.97 in
    float32 and 745.13 in float64). For each linear layer k from 1: `weight_gradient_k`, the
    largest |gradient| in the last step of any epoch, `weight_change_k` and `bias_change_k`, the
    largest |change| from beginning to end; null when not finite.

    Curves: loss and accuracy of train and validation per epoch. Arrays: predicted classes of
    validation and test, and counts of predicted classes (10,) of all three parts.
    """
    parts = load_parts(data, trial.config["train_at_most"])
    network = build(trial.config, parts["train"].inputs.shape[1], NAME, trial.seed)
    start = network.parameters.copy()
    history = fit(network, trial.config, parts, NAME, trial.seed)

    metrics: dict[str, Metric] = {}
    arrays: dict[str, Array] = {}
    for part, evaluation in history.final.items():
        metrics |= _part_metrics(part, evaluation)
        counts = np.bincount(evaluation.predictions, minlength=CLASSES)
        arrays[f"{part}_counts"] = counts.astype(np.int32)
        if part != "train":
            arrays[f"{part}_predictions"] = evaluation.predictions
    metrics |= _layer_metrics(network, start, history)

    divergence = history.divergence
    detail: dict[str, Any] = {"naive": {k: list(v) for k, v in sorted(history.naive.items())}}
    if divergence is not None:
        detail |= divergence._asdict()
    return Result(
        metrics=metrics,
        status="ok" if divergence is None else "diverged",
        # More epochs could not have changed a network that has diverged; more images could.
        decided=divergence is not None and trial.config["train_at_most"] is None,
        detail=detail,
        curves={
            name: [_finite(value) for value in values]
            for name, values in history.curves.items()
            if not name.startswith("test_")
        },
        arrays=arrays,
    )


def load_parts(
    data: Mapping[str, Array], train_at_most: int | None, parts: Sequence[str] = PARTS
) -> dict[str, Labelled]:
    """The parts of the split, pixels in 0…1 as float32 (n, 784), labels (n,) int64.

    `data` holds `train_images`, `test_images` (N, 28, 28) uint8 and their labels, and the indices
    `train` (into the training file), `validation` and `test` (both into the test file).
    """
    loaded = {}
    for part in parts:
        source = "train" if part == "train" else "test"
        rows = data[part][: train_at_most if part == "train" else None]
        loaded[part] = _labelled(data[f"{source}_images"], data[f"{source}_labels"], rows)
    return loaded


def _labelled(images: Array, labels: Array, rows: Array) -> Labelled:
    pixels = images[rows].reshape(len(rows), -1)
    return Labelled(
        np.divide(pixels, np.float32(255), dtype=np.float32), labels[rows].astype(np.int64)
    )


def build(config: Mapping[str, Any], inputs: int, study: str, seed: int) -> DenseNetwork:
    """The network at its initial weights; equal seeds give equal draws in every arm."""
    sizes = (inputs, *config["hidden"], CLASSES)
    network = DenseNetwork(sizes, config["activation"], max(config["batch"], CHUNK))
    initialisers.fill(network.weights, _initialiser(config["draw"]), generator(study, seed, "init"))
    return network


def _initialiser(draw: Mapping[str, Any]) -> initialisers.Initialiser:
    match draw["distribution"]:
        case "normal":
            return initialisers.normal(draw["scale"])
        case "uniform":
            return initialisers.uniform(draw["scale"])
        case "he_normal":
            return initialisers.he_normal
        case "glorot_uniform":
            return initialisers.glorot_uniform
        case _:
            return initialisers.zero


def fit(
    network: DenseNetwork,
    config: Mapping[str, Any],
    parts: Mapping[str, Labelled],
    study: str,
    seed: int,
) -> History:
    """Train on `parts["train"]` for the configured epochs, evaluating every part after each."""
    shuffle = generator(study, seed, "order")
    size = len(parts["train"].labels)

    def orders() -> Iterator[Array]:
        for _ in range(config["epochs"]):
            yield shuffle.permutation(size)

    return train(network, parts["train"], parts, orders(), config["batch"], config["learning_rate"])


def _part_metrics(part: str, evaluation: Evaluation) -> dict[str, Metric]:
    size = len(evaluation.predictions)
    first = int(evaluation.predictions[0])
    constant = bool((evaluation.predictions == first).all())
    loss = _finite(evaluation.loss)
    return {
        f"{part}_loss": Metric(loss, size),
        f"{part}_loss_per_entry": Metric(None if loss is None else loss / CLASSES, size),
        f"{part}_accuracy": Metric(evaluation.accuracy, size),
        f"{part}_constant_class": Metric(first if constant else None, size),
        f"{part}_logit_spread": Metric(_finite(evaluation.spread), size),
    }


def _layer_metrics(network: DenseNetwork, start: Array, history: History) -> dict[str, Metric]:
    initial_weights, initial_biases = network.views(start)
    metrics = {}
    for k, peak in enumerate(history.gradient_peaks):
        weights = network.weights[k] - initial_weights[k]
        biases = network.biases[k] - initial_biases[k]
        metrics[f"weight_gradient_{k + 1}"] = Metric(_finite(peak), 0)
        metrics[f"weight_change_{k + 1}"] = Metric(_finite(np.abs(weights).max()), 0)
        metrics[f"bias_change_{k + 1}"] = Metric(_finite(np.abs(biases).max()), 0)
    return metrics


def _finite(value: float) -> float | None:
    """A number that JSON can hold."""
    return float(value) if np.isfinite(value) else None
