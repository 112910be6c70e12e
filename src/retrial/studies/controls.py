"""Positive controls: published numbers on the same data, for the judge to be tried with.

Digits of MNIST, 60,000 to train on and 10,000 to test on, as the classic table has them (LeCun,
Bottou, Bengio and Haffner 1998, figure 9 and section III C; further rows of the MNIST page); the
8 × 8 digits and Iris as scikit-learn's documentation has them. No image is deslanted, distorted or
subsampled.

    mnist/linear, mnist/pairwise           linear units, solved directly
    mnist/pairwise/squashed                the latter's units through the paper's scaled tanh
    mnist/neighbours                       the nearest neighbour, and a vote of several
    mnist/neighbours/box                   the same on each digit's box alone, put in 20 x 20
    mnist/pca_quadratic                    all products of pairs of principal components
    mnist/rbf                              Gaussian units at means of each class (k-means), and
                                           wider ones
    mnist/svm                              one-vs-one machines with a Gaussian kernel
    mnist/mlp/<network>                    fully connected networks of the protocol
    mnist/lenet                            LeNet-5 as it is commonly built today
    digits/exercise, digits/example, digits/tutorial, iris/tutorial      scikit-learn's pages

Arms with seeds draw first means, weights and orders of batches from them; the others have no
chance in them and one trial, with seed 0.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from retrial import classic_classifiers as classic
from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.seeds import integer
from retrial.core.trial import Metric, Result, Trial
from retrial.digit_networks import build, orders
from retrial.documented_scores import cross_validation, example, exercise, tutorial
from retrial.machines.class_pairs import fit_pairs, predict_pairs
from retrial.machines.kernels import Kernel, gamma_scale
from retrial.nets.convolutional import LeNet
from retrial.training import checked
from retrial.training.sgd import Labelled
from retrial.training.small_batches import train
from retrial.training.torch_sgd import Descent, as_input, classes, keep_freed_memory

NAME = "controls"
Array = NDArray[Any]
Data = Mapping[str, Array]
Config = dict[str, Any]
Share = Annotated[float, Field(gt=0, lt=1)]

BOX = 20  # pixels: to this side the digits were normalised, before they were put in 28 x 28
MARGIN = 2  # blank pixels on every side: LeNet-5 has 28 x 28 digits on 32 x 32
# The rows of Iris stand by class; its file of labels has the name of that of the digits.
IRIS_LABELS = np.repeat(np.arange(3), 50)
PAGES = {"digits/exercise": exercise, "digits/example": example, "digits/tutorial": tutorial}


class Network(FrozenModel):
    """A fully connected network under plain SGD; pixels in 0…1, "ce" a softmax cross-entropy."""

    hidden: Annotated[tuple[Count, ...], Field(min_length=1)]
    activation: Literal["tanh", "sigmoid", "relu"]
    loss: Literal["mse", "ce"]
    initialiser: Literal["glorot_normal", "glorot_uniform", "he_normal", "default"]
    batch: Count
    learning_rate: Positive
    epochs: Count


class Convolutional(FrozenModel):
    """How LeNet-5 learns: SGD with momentum on the cross-entropy."""

    batch: Count
    learning_rate: Positive
    momentum: Annotated[float, Field(ge=0, lt=1)]
    epochs: Count


class Digits(FrozenModel):
    """scikit-learn's pages on its digits.

    Exercise: a share of the rows to train on, neighbours, steps of the logistic regression.
    Example: the kernel's γ and the share to test on. Tutorial: C, the last rows to test on, folds.
    """

    train_share: Share
    neighbours: Count
    iterations: Count
    gamma: Positive
    test_share: Share
    C: Positive
    last: Count
    folds: Annotated[int, Field(ge=2)]


class Iris(FrozenModel):
    """scikit-learn's page on cross-validation: C, folds, and one drawn split."""

    C: Positive
    folds: Annotated[int, Field(ge=2)]
    test_share: Share
    random_state: Annotated[int, Field(ge=0)]


class Protocol(FrozenModel):
    """Section `controls` of params.yaml.

    `ridge` is relative to the mean squared feature; `centres` are those of one class, `wider` is
    what the width of their units is multiplied with for another look; `cost` is the machines' C,
    their γ is "scale".
    """

    ridge: Positive
    neighbours: Annotated[int, Field(ge=2)]
    components: Count
    centres: Count
    wider: Positive
    cost: Positive
    networks: dict[Annotated[str, Field(pattern=r"^[a-z0-9_]+$")], Network]
    lenet: Convolutional
    digits: Digits
    iris: Iris


class Budget(FrozenModel):
    """Section `controls` of a profile.

    Seeds of the arms with chance, where 0 leaves them out; `slow` runs neighbours and machines;
    null images and epochs are those of the protocol.
    """

    seeds: Annotated[int, Field(ge=0)]
    slow: bool
    train_at_most: Count | None
    epochs_at_most: Count | None


# Arms without chance, and the seconds that they take on one core; the slow ones.
EXACT = {
    "mnist/linear": 5.0,
    "mnist/pairwise": 6.0,
    "mnist/pairwise/squashed": 6.0,
    "mnist/pca_quadratic": 8.0,
}
SLOW = {"mnist/neighbours": 60.0, "mnist/neighbours/box": 50.0, "mnist/svm": 80.0}
IRIS = "iris/tutorial"
LIBRARY = (*PAGES, IRIS)


def arms(protocol: Protocol) -> dict[str, Config]:
    """The config of every arm at its full length, by name."""
    linear = {"ridge": protocol.ridge}
    kernel = {"C": protocol.cost}
    return {
        "mnist/linear": linear,
        "mnist/pairwise": linear,
        "mnist/pairwise/squashed": linear,
        "mnist/pca_quadratic": {**linear, "components": protocol.components},
        "mnist/neighbours": {"neighbours": protocol.neighbours, "box": None},
        "mnist/neighbours/box": {"neighbours": protocol.neighbours, "box": BOX},
        "mnist/svm": kernel,
        "mnist/rbf": {**linear, "centres": protocol.centres, "wider": protocol.wider},
        **{
            f"mnist/mlp/{name}": network.model_dump(mode="json")
            | {"rate": 0.0, "scaling": "inverted"}
            for name, network in protocol.networks.items()
        },
        "mnist/lenet": protocol.lenet.model_dump(mode="json"),
        **dict.fromkeys(PAGES, protocol.digits.model_dump(mode="json")),
        IRIS: protocol.iris.model_dump(mode="json"),
    }


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial of each arm without chance, and one for each seed of the others."""
    return [
        Trial(NAME, arm, seed, *_plan(arm, full, budget))
        for arm, full in arms(protocol).items()
        if arm not in skipped(protocol, budget)
        for seed in range(budget.seeds if drawn(arm) else 1)
    ]


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """The arms that the budget leaves out."""
    return [
        arm
        for arm in arms(protocol)
        if (drawn(arm) and not budget.seeds) or (arm in SLOW and not budget.slow)
    ]


def drawn(arm: str) -> bool:
    """Whether there is chance in an arm."""
    return arm not in {**EXACT, **SLOW} and arm not in LIBRARY


def _plan(arm: str, full: Config, budget: Budget) -> tuple[Config, bool, float]:
    """The config of an arm, whether it is the whole protocol, and its cost in seconds."""
    if arm in LIBRARY:
        return full, True, 1.0
    config = full | {"train_at_most": budget.train_at_most}
    whole = budget.train_at_most is None
    if "epochs" not in full:
        return config, whole, {**EXACT, **SLOW}.get(arm, 40.0)
    config["epochs"] = min(full["epochs"], budget.epochs_at_most or full["epochs"])
    per_epoch = 0.006 * sum(full["hidden"]) if "hidden" in full else 7.0
    return config, whole and config["epochs"] == full["epochs"], per_epoch * config["epochs"]


def run(trial: Trial, data: Data) -> Result:
    """Run one trial on the images of MNIST and of the digits, and on Iris's features.

    Metrics of MNIST: `test_error` as a share of the test images, of neighbours `nearest_error` and
    `vote_error`, of radial units `wider_error` as well; of the pages of scikit-learn the scores
    that they print, as shares. Arrays: `correct_bits` (uint8, eight test images a byte). Curves of
    networks: `test_accuracy`.
    """
    if trial.arm in LIBRARY:
        return Result(_scores(trial, data))
    if "neighbours" in trial.config:
        return _neighbours(trial.config, data)
    if "hidden" in trial.config:
        return _network(trial, data)
    if trial.arm == "mnist/lenet":
        return _lenet(trial, data)
    if "centres" in trial.config:
        return _radial(trial, data)
    return _result(_predictions(trial, data), data)


def _result(predictions: Array, data: Data, **more: Any) -> Result:
    """The record of classes (10 000,) of the test images."""
    correct = predictions == data["test_labels"]
    error = Metric(int((~correct).sum()) / len(correct), len(correct))
    return Result({"test_error": error}, arrays={"correct_bits": np.packbits(correct)}, **more)


def _training(config: Config, data: Data) -> tuple[Array, Array]:
    """Rows of training pixels (n, 784) uint8, and their labels (n,)."""
    images = np.asarray(data["train_images"][: config["train_at_most"]])
    return images.reshape(len(images), -1), np.asarray(data["train_labels"][: len(images)])


def _unit(rows: Array) -> Array:
    """Pixels in 0…1, float32."""
    return rows.astype(np.float32) / np.float32(255)


def _tests(data: Data) -> Array:
    """Rows of test pixels (10 000, 784) uint8."""
    return np.asarray(data["test_images"]).reshape(len(data["test_images"]), -1)


def _predictions(trial: Trial, data: Data) -> Array:
    """The classes of the test images by a classifier without epochs."""
    config = trial.config
    rows, labels = _training(config, data)
    pixels, tests = _unit(rows), _unit(_tests(data))
    match trial.arm:
        case "mnist/linear":
            weights = classic.linear_weights(classic.moments(pixels, labels), config["ridge"])
            return classic.largest(tests, weights)
        case "mnist/pairwise":
            units = classic.pairwise_units(classic.moments(pixels, labels), config["ridge"])
            return classic.pairwise_classes(tests, units)
        case "mnist/pairwise/squashed":
            units = classic.pairwise_units(classic.moments(pixels, labels), config["ridge"])
            return classic.pairwise_classes(tests, units, classic.squashed)
        case "mnist/pca_quadratic":
            reduced = classic.principal_components(pixels, tests, config["components"])
            features, held = (classic.quadratic(one) for one in reduced)
            weights = classic.linear_weights(classic.moments(features, labels), config["ridge"])
            return classic.largest(held, weights)
    kernel = Kernel("rbf")
    gamma = gamma_scale(pixels.astype(np.float64))
    machines = fit_pairs(kernel, pixels, labels, gamma, config["C"])
    return predict_pairs(kernel, machines, pixels, gamma, tests)


def _radial(trial: Trial, data: Data) -> Result:
    """Gaussian units at the means of each class under linear ones, of two widths."""
    config = trial.config
    rows, labels = _training(config, data)
    pixels, tests = _unit(rows), _unit(_tests(data))
    first = integer(NAME, trial.seed, "means") % 2**32
    centres = classic.class_centres(pixels, labels, config["centres"], first)
    found = []
    for factor in (1.0, config["wider"]):
        width = factor * classic.unit_width(centres)
        of = classic.moments(classic.radial(pixels, centres, width), labels)
        weights = classic.linear_weights(of, config["ridge"])
        found.append(_result(classic.largest(classic.radial(tests, centres, width), weights), data))
    own, wider = found
    return Result({**own.metrics, "wider_error": wider.metrics["test_error"]}, arrays=own.arrays)


def _neighbours(config: Config, data: Data) -> Result:
    """The nearest neighbour, and the vote of the protocol's number of them."""
    (rows, labels), tests = _training(config, data), _tests(data)
    if config["box"] is not None:
        rows, tests = (classic.boxes(one, config["box"]) for one in (rows, tests))
    nearest = classic.neighbour_classes(rows, labels, tests, config["neighbours"])
    wrong = {
        "nearest_error": nearest[:, 0] != data["test_labels"],
        "vote_error": classic.vote(nearest) != data["test_labels"],
    }
    return Result(
        {name: Metric(int(one.sum()) / len(one), len(one)) for name, one in wrong.items()},
        arrays={"correct_bits": np.packbits(~wrong["nearest_error"])},
    )


def _network(trial: Trial, data: Data) -> Result:
    """A fully connected network, by plain SGD."""
    config = trial.config
    rows, labels = _training(config, data)
    examples = Labelled(_unit(rows), labels.astype(np.int64))
    tests = Labelled(_unit(_tests(data)), np.asarray(data["test_labels"]).astype(np.int64))
    network = build(config, rows.shape[1], NAME, trial.seed)
    order = orders(NAME, trial.seed, len(labels), config["epochs"])
    history = train(network, examples, tests, order, config["batch"], config["learning_rate"])
    outputs = [
        network.forward(tests.inputs[start : start + network.batch]).argmax(axis=1)
        for start in range(0, len(tests.labels), network.batch)
    ]
    accuracy: list[float | None] = list(history.curves["test_accuracy"])
    broken = history.divergence
    return _result(
        np.concatenate(outputs),
        data,
        status="ok" if broken is None else "diverged",
        detail={} if broken is None else broken._asdict(),
        curves={"test_accuracy": accuracy},
    )


def _lenet(trial: Trial, data: Data) -> Result:
    """LeNet-5, looked at after every epoch."""
    keep_freed_memory()
    config = trial.config
    rows, labels = _training(config, data)
    images = rows.reshape(-1, 28, 28)
    tests, targets = np.asarray(data["test_images"]), torch.from_numpy(labels.astype(np.int64))
    network = LeNet(torch.Generator().manual_seed(integer(NAME, trial.seed, "init")))
    descent = Descent(network, config["learning_rate"], config["momentum"])
    history = checked.train(
        lambda chosen: descent.step(as_input(images[chosen], MARGIN), targets[chosen]),
        lambda: classes(network, tests, MARGIN)[:, 0, 0],
        data["test_labels"],
        orders(NAME, trial.seed, len(labels), config["epochs"]),
        config["batch"],
        checked.check_steps(len(labels), config["batch"], config["epochs"], ()),
    )
    broken = history.diverged
    return _result(
        history.predictions,
        data,
        status="ok" if broken is None else "diverged",
        detail={} if broken is None else dict(zip(("epoch", "step"), broken, strict=True)),
        curves={"test_accuracy": list(history.accuracy)},
    )


def _scores(trial: Trial, data: Data) -> dict[str, Metric]:
    """The scores of one page of scikit-learn's documentation."""
    if trial.arm == IRIS:
        found = cross_validation(np.asarray(data["features"]), IRIS_LABELS, **trial.config)
    else:
        rows = np.asarray(data["images"]).reshape(len(data["images"]), -1).astype(np.float64)
        found = PAGES[trial.arm](rows, np.asarray(data["labels"]), trial.config)
    return {name: Metric(*score) for name, score in found.items()}
