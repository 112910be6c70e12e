"""Report 003, exercise 2: cross-entropy against mean squared error, for classification.

One multilayer perceptron on MNIST, ReLU and a softmax, learns by plain SGD under either loss of
the softmax's probabilities. The report prints no experiment: networks, data and training are ours.
Each trial trains at every rate of one ladder, picks a rate by images that it did not learn from,
and is tested at that rate alone.

    balanced/<loss>     ten digits as they come; picked by accuracy
    imbalanced/<loss>   two digits, of which one is rare; picked by average precision
    wrong/<loss>        ten digits, and a network that begins sure of one class for all images
    confidence          no training: loss and derivative of one example that is given a wrong class
    formulas            no training: both formulas beside other ways to the same

The losses are `cross_entropy` and `squared_error`. Both losses and all rates of a seed share the
draw of images, the initial weights and the orders of batches.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator

from retrial import classification_losses as losses
from retrial.calibration import reliability, softmax
from retrial.core.errors import RetrialError
from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.seeds import generator
from retrial.core.trial import Metric, Result, Trial
from retrial.digit_draws import CLASSES, Parts, balanced_parts, digit_counts, imbalanced_parts
from retrial.digit_scores import balanced_scores, rare_scores
from retrial.nets import initialisers
from retrial.nets.brier import SoftmaxBrier
from retrial.nets.dense import DenseNetwork, SoftmaxCrossEntropy
from retrial.training.checked import check_steps
from retrial.training.ladder import climb, growing_steps, logits_of

Array = NDArray[Any]
Config = dict[str, Any]
Data = Mapping[str, Array]

NAME = "cross_entropy"
LOSSES = {"cross_entropy": SoftmaxCrossEntropy, "squared_error": SoftmaxBrier}
SHAPES = {
    "cross_entropy": losses.wrong_cross_entropy,
    "squared_error": losses.wrong_squared_error,
}
# Evaluation goes faster in larger chunks than training's batches.
CHUNK = 1000
# From one look at a network that begins wrong to the next, steps grow by this factor.
GROWTH = 1.1
# The share of its last accuracy by which a network's speed is told.
NEAR_END = 0.9
# The metrics of the test images, by task.
TESTED = {
    "balanced": ("test_accuracy", "test_nll", "test_brier", "test_ece", "epochs_to_90"),
    "imbalanced": ("test_pr_auc", "test_recall", "test_precision"),
}
# Of a step on 50 images and of a look at 1,000, on one core; they only order the work.
STEP_SECONDS, LOOK_SECONDS = 2.2e-4, 3e-3

Digit = Annotated[int, Field(ge=0, lt=CLASSES)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Balanced(FrozenModel):
    """Images that are drawn of MNIST's training file, and for how many epochs they are seen."""

    train: Count
    validation: Count
    epochs: Count

    @field_validator("validation")
    @classmethod
    def _fewer_than_train(cls, validation: int, info: ValidationInfo) -> int:
        train = info.data.get("train", math.inf)
        if validation >= train:
            raise ValueError(f"expected fewer validation images than the {train} of training")
        return validation


class Imbalanced(Balanced):
    """The same for two digits, of which a `rare_share` of the images shows the rare one."""

    common: Digit
    rare: Digit
    rare_share: Share

    @field_validator("rare")
    @classmethod
    def _another_digit(cls, rare: int, info: ValidationInfo) -> int:
        if rare == info.data.get("common"):
            raise ValueError("expected another digit than the common one")
        return rare

    @field_validator("rare_share")
    @classmethod
    def _both_digits(cls, share: float, info: ValidationInfo) -> float:
        many = info.data.get("validation")
        if many is not None and not 0 < round(share * many) < many:
            raise ValueError(f"expected an image of either digit among {many} for validation")
        return share


class Wrong(FrozenModel):
    """A network that gives one class a probability of `confidence`, whatever the image.

    It is looked at on the first `watched` of the balanced arms' validation images.
    """

    confidence: Share
    watched: Count
    epochs: Count


class Confidence(FrozenModel):
    """The grid of logits, 0…`highest`, of the wrong one of two classes."""

    highest: Positive
    points: Annotated[int, Field(ge=2)]


class Formulas(FrozenModel):
    """How many random draws the formulas are worked on, and of how many examples."""

    draws: Count
    samples: Annotated[int, Field(ge=2)]


class Protocol(FrozenModel):
    """What is trained on what; `checks` are moments of the first epoch, as shares of it."""

    hidden: Annotated[tuple[Count, ...], Field(min_length=1)]
    batch: Annotated[int, Field(ge=1, le=CHUNK)]
    learning_rates: tuple[Positive, ...]
    checks: tuple[Annotated[float, Field(gt=0, le=1)], ...]
    balanced: Balanced
    imbalanced: Imbalanced
    wrong: Wrong
    confidence: Confidence
    formulas: Formulas

    @field_validator("learning_rates")
    @classmethod
    def _a_ladder(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        if len(rates) < 2 or list(rates) != sorted(set(rates)):
            raise ValueError("expected at least two rates, ascending, each once")
        return rates


class Budget(FrozenModel):
    """How much of it: validation images are cut by the share that training images are; null: all.

    `test_at_most` takes the first images of the test file.
    """

    seeds: Count
    train_at_most: Count | None
    test_at_most: Count | None
    epochs_at_most: Count | None


def arms(protocol: Protocol) -> dict[str, Config]:
    """The config of every arm at its full length, by name."""
    shared: Config = {
        "hidden": list(protocol.hidden),
        "batch": protocol.batch,
        "learning_rates": list(protocol.learning_rates),
    }
    of_task: dict[str, Config] = {
        "balanced": {**protocol.balanced.model_dump(), "checks": list(protocol.checks)},
        "imbalanced": {**protocol.imbalanced.model_dump(), "checks": list(protocol.checks)},
        # Here the epochs of `wrong` replace those of the balanced arms.
        "wrong": {**protocol.balanced.model_dump(), **protocol.wrong.model_dump()},
    }
    found = {
        f"{task}/{loss}": {"task": task, "loss": loss, **shared, **config}
        for task, config in of_task.items()
        for loss in LOSSES
    }
    for task in ("confidence", "formulas"):
        found[task] = {"task": task, **getattr(protocol, task).model_dump()}
    return found


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed; the arms without training have one each.

    RetrialError where so few images are left that one of two digits has none.
    """
    found = []
    for arm, full in arms(protocol).items():
        if "train" not in full:
            found.append(Trial(NAME, arm, 0, full, cost=0.2))
            continue
        config = full | {
            "train": min(full["train"], budget.train_at_most or full["train"]),
            "epochs": min(full["epochs"], budget.epochs_at_most or full["epochs"]),
            "test_at_most": budget.test_at_most,
        }
        kept = config["train"] / full["train"]
        config["validation"] = max(1, round(full["validation"] * kept))
        if full["task"] == "imbalanced" and 0 in digit_counts(config, config["validation"]):
            raise RetrialError(
                f"{NAME}.train_at_most = {budget.train_at_most}: leaves a digit of the imbalanced "
                f"arms without a validation image, expected more of the {full['train']} images"
            )
        whole = config["test_at_most"] is None and all(
            config[key] == full[key] for key in ("train", "epochs")
        )
        steps = len(config["learning_rates"]) * config["epochs"] * config["train"] / config["batch"]
        cost = STEP_SECONDS * steps + LOOK_SECONDS * 10 * config["epochs"]
        found += [Trial(NAME, arm, seed, config, whole, cost) for seed in range(budget.seeds)]
    return found


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """No arm: every profile has seeds for all of them."""
    return []


def run(trial: Trial, data: Data) -> Result:
    """Train one network at every rate, pick one, and test it; or work out an arm without training.

    `data` as in `retrial.digit_draws`. Metrics of `balanced` and `imbalanced`: `picked_rate`;
    `picked_end`, 1 where that is an end of the ladder; `diverged_rates`; of the test images the
    scores of `retrial.digit_scores`, with `test_` before them. Of `balanced` also `epochs_to_90`,
    when the test accuracy first is nine tenths of its last. Curves of the picked network, a value
    per check: `epochs` and the scores. Arrays: `validation` (rates,), the scores that picked, nan
    where training diverged; of `balanced` also `correct_bits`, eight test images a byte, and
    `reliability` (3, bins).

    Of `wrong`: `start_confidence`, `start_accuracy`, and at the `fastest_rate` `half_way`, the
    steps until half of what the accuracy lacks at the start is gained; array `half_way` (rates,),
    nan where it never is. Of `confidence`: arrays `logit`, `probability` and, for each loss, (2,
    points) loss and derivative. Of `formulas`: `classification_losses.formula_differences` and
    their `decimals`.
    """
    config, seed = trial.config, trial.seed
    match config["task"]:
        case "formulas":
            return _differences(config, seed)
        case "confidence":
            return _shapes(config)
        case "wrong":
            return _begun_wrong(config, seed, balanced_parts(NAME, seed, config, data))
        case "balanced":
            return _picked(config, seed, balanced_parts(NAME, seed, config, data))
        case _:
            return _picked(config, seed, imbalanced_parts(NAME, seed, config, data))


def _differences(config: Config, seed: int) -> Result:
    """How far each formula is from other ways to the same, on random examples."""
    draws, samples = config["draws"], config["samples"]
    found = losses.formula_differences(draws, samples, generator(NAME, seed, "formulas"))
    metrics = {name: Metric(value, draws * samples) for name, value in found.items()}
    return Result(metrics | {"decimals": Metric(losses.DECIMALS, 0)})


def _shapes(config: Config) -> Result:
    """Both losses and their derivatives on the grid of logits."""
    logits = np.linspace(0, config["highest"], config["points"])
    arrays = {name: np.stack(shape(logits)) for name, shape in SHAPES.items()}
    arrays |= {"logit": logits, "probability": losses.probability(logits)}
    return Result({"points": Metric(config["points"], 0)}, arrays=arrays)


def network_of(config: Config, seed: int, inputs: int, classes: int) -> DenseNetwork:
    """The network at its initial weights, He's, under the loss of the config."""
    network = DenseNetwork((inputs, *config["hidden"], classes), "relu", CHUNK)
    network.loss = LOSSES[config["loss"]](CHUNK, classes, np.float32)
    initialisers.fill(network.weights, initialisers.he_normal, generator(NAME, seed, "init"))
    return network


def _orders(seed: int, examples: int) -> Iterator[Array]:
    """A new permutation (examples,) for each epoch."""
    chance = generator(NAME, seed, "order")
    while True:
        yield chance.permutation(examples)


def _scores(config: Config, logits: Array, labels: Array, weights: Array) -> dict[str, Metric]:
    """What the network is judged by; first stands what a rate is picked by."""
    if config["task"] == "balanced":
        return balanced_scores(logits, labels)
    return rare_scores(logits, labels, weights)


def _picked(config: Config, seed: int, parts: Parts) -> Result:
    """Train at every rate of the ladder and test what the validation images pick.

    Of rates with equal scores the lowest is picked.
    """
    train, validation, test, weights = parts
    rates, many = config["learning_rates"], len(train.labels)
    classes = CLASSES if config["task"] == "balanced" else 2
    checks = check_steps(many, config["batch"], config["epochs"], config["checks"])
    network = network_of(config, seed, train.inputs.shape[1], classes)
    climbed = climb(network, train, lambda: _orders(seed, many), config["batch"], rates, checks)
    best, passed, scores = 0, [], np.full(len(rates), np.nan)
    kept: list[Array] = []
    for place, steps in enumerate(climbed):
        snapshots = [network.parameters.copy() for _ in steps]
        passed.append(len(snapshots))
        logits = logits_of(network, validation.inputs)
        if len(snapshots) == len(checks) and np.isfinite(logits).all():
            found = _scores(config, logits, validation.labels, np.ones(len(logits)))
            scores[place] = next(iter(found.values())).value
            if not kept or scores[place] > scores[best]:
                best, kept = place, snapshots
    diverged = int(np.isnan(scores).sum())
    metrics = {"diverged_rates": Metric(diverged, len(rates))}
    if diverged == len(rates):
        names = ("picked_rate", "picked_end", *TESTED[config["task"]])
        nothing = {name: Metric(None, 0) for name in names}
        detail = {"checks_passed": passed, "tensor": "loss"}
        return Result(metrics | nothing, "diverged", detail=detail, arrays={"validation": scores})
    metrics["picked_rate"] = Metric(rates[best], 0)
    metrics["picked_end"] = Metric(int(best in (0, len(rates) - 1)), 0)
    curves: dict[str, list[float | None]] = {
        "epochs": [at * config["batch"] / many for at in checks]
    }
    for parameters in kept:
        network.parameters[...] = parameters
        logits = logits_of(network, test.inputs)
        found = _scores(config, logits, test.labels, weights)
        for name, metric in found.items():
            curves.setdefault(f"test_{name}", []).append(metric.value)
    metrics |= {f"test_{name}": metric for name, metric in found.items()}
    arrays = {"validation": scores}
    if config["task"] == "balanced":
        accuracy = np.array(curves["test_accuracy"])
        reached = int(np.argmax(accuracy >= NEAR_END * accuracy[-1]))
        metrics["epochs_to_90"] = Metric(curves["epochs"][reached], 0)
        arrays["correct_bits"] = np.packbits(logits.argmax(axis=1) == test.labels)
        arrays["reliability"] = np.stack(reliability(softmax(logits), test.labels))
    return Result(metrics, curves=curves, arrays=arrays)


def _begun_wrong(config: Config, seed: int, parts: Parts) -> Result:
    """How many steps a network takes, at each rate, to unlearn what it is sure of."""
    train, rates, batch = parts.train, config["learning_rates"], config["batch"]
    inputs, labels = (part[: config["watched"]] for part in parts.validation)
    network = network_of(config, seed, train.inputs.shape[1], CLASSES)
    sure_of = int(generator(NAME, seed, "wrong").integers(CLASSES))
    odds = config["confidence"] / (1 - config["confidence"])
    network.biases[-1][sure_of] = math.log(odds * (CLASSES - 1))
    logits = logits_of(network, inputs)
    start = float(np.mean(logits.argmax(axis=1) == labels))
    last = config["epochs"] * math.ceil(len(train.labels) / batch)
    checks = growing_steps(last, GROWTH)
    half_way = np.full(len(rates), np.nan)
    climbed = climb(network, train, lambda: _orders(seed, len(train.labels)), batch, rates, checks)
    for place, steps in enumerate(climbed):
        for step in steps:
            found = logits_of(network, inputs).argmax(axis=1)
            if np.mean(found == labels) >= (1 + start) / 2:
                half_way[place] = step
                break
    ever = bool(np.isfinite(half_way).any())
    best = int(np.nanargmin(half_way)) if ever else 0
    return Result(
        {
            "start_confidence": Metric(float(softmax(logits)[:, sure_of].mean()), len(labels)),
            "start_accuracy": Metric(start, len(labels)),
            "half_way": Metric(int(half_way[best]) if ever else None, last),
            "fastest_rate": Metric(rates[best] if ever else None, 0),
        },
        arrays={"half_way": half_way},
    )
