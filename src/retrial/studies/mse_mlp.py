"""Report 001, part 2: multilayer perceptrons that learn digits by squared error.

Networks on MNIST's 60,000 training images: mean squared error against one-hot targets, batches of
32, plain SGD. Two small ones, 784-128-10; a deep one, 784-1024-512-256-128-64-10, which the report
made "to overfit"; and the same with dropout after each hidden activation. The report states the
widths, the batch, the epochs and the rate 0.5 of the deep ones; the small ones' learning rate, the
initialisation and the pixel scale are one choice for all of them, made by `mse_search`.

    sigmoid, relu, deep, dropout                      the report's networks
    dropout/unscaled                                  the last one, with a scale left out
    grid/<scaling>/<loss>/<initialiser>/<rate>        the deep network over kinds of dropout
    noise/<network>/<level>                           a share of the training labels is wrong
    size/<network>/<n>                                n of the training images

Every network is judged with its masks off and with them on, so the grid holds three dropouts:
correct (inverted, off), unscaled at test (unscaled, off) and always on (inverted, on). All arms
of a seed share the draws of their initial weights, their masks and their orders of batches.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.seeds import generator
from retrial.core.trial import Metric, Result, Trial
from retrial.digit_networks import (
    CLASSES,
    SECONDS,
    Initialiser,
    Pixels,
    build,
    labelled,
    orders,
)
from retrial.training.sgd import Labelled
from retrial.training.small_batches import Evaluation, evaluate, train

Array = NDArray[Any]
Config = dict[str, Any]

NAME = "mse_mlp"
TRAINING_IMAGES = 60_000
TEST_IMAGES = 10_000

Group = Literal["sigmoid", "relu", "deep", "dropout", "grid", "noise", "size"]
SCALINGS = ("inverted", "unscaled")
LOSSES = ("mse", "ce")
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]


class Network(FrozenModel):
    """Hidden widths from the input on, and for how many epochs the network is trained."""

    hidden: Annotated[tuple[Count, ...], Field(min_length=1)]
    epochs: Count


class Dropped(FrozenModel):
    """The printed network with dropout: the share of units that are left out, and its epochs."""

    rate: Rate
    epochs: Count


class LearningRates(FrozenModel):
    """Of the two small networks, and of the deep ones."""

    small: Positive
    deep: Positive


class LossRates(FrozenModel):
    """The grid's learning rates: a cross-entropy has larger gradients than a mean square."""

    mse: Positive
    ce: Positive


class Grid(FrozenModel):
    """The dropout grid; its scalings and losses are those that there are."""

    initialisers: Annotated[tuple[Initialiser, ...], Field(min_length=1)]
    rates: Annotated[tuple[Rate, ...], Field(min_length=1)]
    learning_rate: LossRates


class Protocol(FrozenModel):
    """What is trained on what.

    `noise_levels` are shares of wrong training labels, `sizes` numbers of training images. Fewer
    images are seen in as many steps as all of them in `overfit_epochs`, in `overfit_epochs_at_most`
    epochs at most.
    """

    batch: Count
    small: Network
    deep: Network
    dropout: Dropped
    initialiser: Initialiser
    inputs: Pixels
    learning_rate: LearningRates
    grid: Grid
    grid_epochs: Count
    noise_levels: tuple[Share, ...]
    sizes: tuple[Annotated[int, Field(ge=1, le=TRAINING_IMAGES)], ...]
    overfit_epochs: Count
    overfit_epochs_at_most: Count


class Budget(FrozenModel):
    """How much of it: seeds by group of arms, where 0 leaves the group out.

    `seeds` is that of the small networks, `overfit_seeds` that of noise and size. `epochs_at_most`
    cuts the training of the groups that it names; null images mean all of them.
    """

    seeds: Count
    deep_seeds: Annotated[int, Field(ge=0)]
    dropout_seeds: Annotated[int, Field(ge=0)]
    grid_seeds: Annotated[int, Field(ge=0)]
    overfit_seeds: Annotated[int, Field(ge=0)]
    epochs_at_most: dict[Group, Count]
    train_at_most: Count | None

    def seeds_of(self, arm: str) -> int:
        """The number of seeds of an arm."""
        named = {
            "deep": self.deep_seeds,
            "dropout": self.dropout_seeds,
            "grid": self.grid_seeds,
            "noise": self.overfit_seeds,
            "size": self.overfit_seeds,
        }
        return named.get(group(arm), self.seeds)


def group(arm: str) -> str:
    """The group of an arm: what its name begins with."""
    return arm.split("/")[0]


def arms(protocol: Protocol) -> dict[str, Config]:
    """The config of every arm at its full length, by name."""
    shared: Config = {
        "batch": protocol.batch,
        "initialiser": protocol.initialiser,
        "inputs": protocol.inputs,
        "loss": "mse",
        "rate": 0.0,
        "scaling": "inverted",
        "label_noise": 0.0,
        "train_size": None,
    }
    small = {
        "hidden": list(protocol.small.hidden),
        "learning_rate": protocol.learning_rate.small,
        "epochs": protocol.small.epochs,
    }
    deep = {
        "activation": "relu",
        "hidden": list(protocol.deep.hidden),
        "learning_rate": protocol.learning_rate.deep,
        "epochs": protocol.deep.epochs,
    }
    dropout = {"rate": protocol.dropout.rate, "epochs": protocol.dropout.epochs}
    found: dict[str, Config] = {
        "sigmoid": shared | small | {"activation": "sigmoid"},
        "relu": shared | small | {"activation": "relu"},
        "deep": shared | deep,
        "dropout": shared | deep | dropout,
        "dropout/unscaled": shared | deep | dropout | {"scaling": "unscaled"},
    }
    for scaling in SCALINGS:
        for loss in LOSSES:
            for initialiser in protocol.grid.initialisers:
                for rate in protocol.grid.rates:
                    found[f"grid/{scaling}/{loss}/{initialiser}/{rate!r}"] = found["deep"] | {
                        "scaling": scaling,
                        "loss": loss,
                        "initialiser": initialiser,
                        "rate": rate,
                        "learning_rate": getattr(protocol.grid.learning_rate, loss),
                        "epochs": protocol.grid_epochs,
                    }
    for network in ("deep", "relu"):
        for level in protocol.noise_levels:
            found[f"noise/{network}/{level!r}"] = found[network] | {
                "label_noise": level,
                "epochs": protocol.overfit_epochs,
            }
        for size in protocol.sizes:
            found[f"size/{network}/{size}"] = found[network] | {
                "train_size": size,
                "epochs": size_epochs(protocol, size),
            }
    return found


def size_epochs(protocol: Protocol, size: int) -> int:
    """Epochs in which `size` images make as many steps as all of them in `overfit_epochs`."""
    whole, own = (math.ceil(images / protocol.batch) for images in (TRAINING_IMAGES, size))
    return min(round(protocol.overfit_epochs * whole / own), protocol.overfit_epochs_at_most)


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed."""
    limits: Mapping[str, int] = {str(name): at for name, at in budget.epochs_at_most.items()}
    found = []
    for arm, full in arms(protocol).items():
        epochs = min(full["epochs"], limits.get(group(arm), full["epochs"]))
        config = full | {"epochs": epochs, "train_at_most": budget.train_at_most}
        whole = epochs == full["epochs"] and budget.train_at_most is None
        found += [
            Trial(NAME, arm, seed, config, whole, cost(config))
            for seed in range(budget.seeds_of(arm))
        ]
    return found


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """The arms that the budget has no seeds for."""
    return [arm for arm in arms(protocol) if not budget.seeds_of(arm)]


def cost(config: Config) -> float:
    """Seconds of a trial on one core, which only order the work."""
    images = min(config["train_size"] or TRAINING_IMAGES, config["train_at_most"] or math.inf)
    share = images / TRAINING_IMAGES
    seconds = SECONDS["deep" if len(config["hidden"]) > 1 else "small"]
    per_epoch = share * seconds.trained + seconds.tested
    # At the end all images are looked at, and with dropout once more.
    looks = 2 if config["rate"] else 1
    last = looks * seconds.tested * (1 + share * TRAINING_IMAGES / TEST_IMAGES)
    return float(config["epochs"] * per_epoch + last)


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Train one network; judge it with its masks off and on.

    `data` as in `retrial.digit_networks.labelled`. Metrics: loss (of the network's own kind: mean
    square over examples × classes, or nats) and accuracy in 0…1 of `train`, the examples that it
    learned from with the labels that it was given, and of `test`; `gap`, their accuracies'
    difference; `masked_train_accuracy`, `masked_test_accuracy` with masks on; `predicted_classes`,
    how many classes the test images are given; `share_k` and `masked_share_k`, the share of them
    that is given class k; for arms with wrong labels `clean_train_accuracy`, against the right
    ones.

    Curves, per epoch: `running_loss` and `running_accuracy`, averages over the batches as they
    were trained on, masks on, as the report's log has them; `test_loss`, `test_accuracy`, masks
    off. Arrays: `predictions` and `correct` (uint8, per test image, masks off).
    """
    config = trial.config
    tests = labelled(data, "test", config["inputs"])
    right = _training(config, trial.seed, data)
    examples = Labelled(right.inputs, _mislabelled(right.labels, config, trial.seed))
    network = build(config, examples.inputs.shape[1], NAME, trial.seed)
    history = train(
        network,
        examples,
        tests,
        orders(NAME, trial.seed, len(examples.labels), config["epochs"]),
        config["batch"],
        config["learning_rate"],
    )
    parts = {"train": examples, "test": tests}
    network.masked(False)
    off = {part: evaluate(network, one) for part, one in parts.items()}
    on = off
    if network.dropout:
        network.masked(True)
        on = {part: evaluate(network, one) for part, one in parts.items()}
    metrics = _metrics(off, on)
    if group(trial.arm) == "noise":
        clean = float(np.mean(off["train"].predictions == right.labels))
        metrics["clean_train_accuracy"] = Metric(clean, len(right.labels))
    divergence = history.divergence
    predictions = off["test"].predictions
    return Result(
        metrics=metrics,
        status="ok" if divergence is None else "diverged",
        # More epochs could not have changed a network that has diverged; more images could.
        decided=divergence is not None and config["train_at_most"] is None,
        detail={} if divergence is None else divergence._asdict(),
        curves={name: [_finite(one) for one in curve] for name, curve in history.curves.items()},
        arrays={
            "predictions": predictions.astype(np.uint8),
            "correct": (predictions == tests.labels).astype(np.uint8),
        },
    )


def _training(config: Config, seed: int, data: Mapping[str, Array]) -> Labelled:
    """The training images of an arm with their right labels, in the file's order."""
    rows = np.arange(len(data["train"][: config["train_at_most"]]))
    if config["train_size"] is not None:
        # Smaller sets are parts of larger ones of the same seed.
        rows = np.sort(generator(NAME, seed, "size").permutation(rows)[: config["train_size"]])
    return labelled(data, "train", config["inputs"], rows)


def _mislabelled(labels: Array, config: Config, seed: int) -> Array:
    """`labels` (n,) with exactly round(level · n) of them replaced by another class at random.

    What is wrong at one level is wrong, in the same way, at every higher one.
    """
    chance = generator(NAME, seed, "noise")
    order = chance.permutation(len(labels))
    steps = chance.integers(1, CLASSES, len(labels))
    wrong = order[: round(config["label_noise"] * len(labels))]
    given = labels.copy()
    given[wrong] = (labels[wrong] + steps[wrong]) % CLASSES
    return given


def _metrics(off: Mapping[str, Evaluation], on: Mapping[str, Evaluation]) -> dict[str, Metric]:
    """What a network does with its masks off, and with them on; by part (train, test)."""
    metrics = {}
    sizes = {part: len(evaluation.predictions) for part, evaluation in off.items()}
    for part, size in sizes.items():
        metrics[f"{part}_loss"] = Metric(_finite(off[part].loss), size)
        metrics[f"{part}_accuracy"] = Metric(off[part].accuracy, size)
        metrics[f"masked_{part}_accuracy"] = Metric(on[part].accuracy, size)
    tested = sizes["test"]
    metrics["gap"] = Metric(off["train"].accuracy - off["test"].accuracy, tested)
    for prefix, evaluation in (("", off["test"]), ("masked_", on["test"])):
        counts = np.bincount(evaluation.predictions, minlength=CLASSES)
        for k, count in enumerate(counts):
            metrics[f"{prefix}share_{k}"] = Metric(int(count) / tested, tested)
    metrics["predicted_classes"] = Metric(len(np.unique(off["test"].predictions)), tested)
    return metrics


def _finite(value: float) -> float | None:
    """A number that JSON can hold."""
    return float(value) if np.isfinite(value) else None
