"""Perceptrons and baselines on the Titanic's passengers: what one trial of the losses measures.

Report 001, P3. What is trained on what says `retrial.studies.titanic_losses`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor, nn

from retrial.calibration import calibration_error, log_loss, reliability
from retrial.core.errors import RetrialError
from retrial.core.seeds import generator
from retrial.core.trial import Metric, Result, Trial
from retrial.training.binary_losses import (
    OUTPUTS,
    LossName,
    Raised,
    evaluate_as_printed,
    first_epoch_as_printed,
    fit,
    linear_layers,
    mean_of_batches,
    perceptron,
    probability_of_one,
    targets_for,
)

Array = NDArray[Any]
Config = dict[str, Any]

# The study's branch of the seed tree, and its section of params.yaml.
NAME = "titanic_losses"
TABLE = "titanic_714"
FEATURES = ("Pclass", "Sex", "Age", "Fare")
# The report's own coding of the one feature that is no number.
FEMALE = "female"


class Part(NamedTuple):
    """Passengers: standardised features (n, 4) float32 and whether they survived (n,), 0 or 1."""

    features: NDArray[np.float32]
    labels: NDArray[np.int64]

    def inputs(self) -> Tensor:
        """The features as torch takes them."""
        return torch.from_numpy(self.features)


def measured(trial: Trial, data: Mapping[str, Array]) -> Result:
    """What one trial of the study gives, by the task of its config."""
    config, everyone = trial.config, passengers(data)
    train, validation = split(trial.seed, everyone, config["train_share"])
    match config["task"]:
        case "setup":
            return _setup(trial, everyone, train, validation)
        case "printed":
            return _printed(trial, train)
        case "train":
            return _network(trial, train, validation)
    rule = _majority if config["task"] == "majority" else _one_rule
    probabilities = rule(train, train), rule(train, validation)
    metrics, arrays = _scores(*probabilities, train, validation)
    return Result(metrics, arrays=arrays)


def passengers(data: Mapping[str, Array]) -> Part:
    """All passengers, their features standardised over all of them as the report does it."""
    table = data[TABLE]
    columns = [
        table[name] == FEMALE if name == "Sex" else table[name].astype(np.float64)
        for name in FEATURES
    ]
    scaled = StandardScaler().fit_transform(np.column_stack(columns).astype(np.float64))
    return Part(scaled.astype(np.float32), table["Survived"].astype(np.int64))


def split(seed: int, everyone: Part, share: float) -> tuple[Part, Part]:
    """A seed's training and validation passengers, in the order of its draw.

    Raises RetrialError where a part lacks a class: nothing can be learned or judged there.
    """
    n = len(everyone.labels)
    order = generator(NAME, seed, "split").permutation(n)
    size = int(share * n)
    parts = []
    for name, rows in (("training", order[:size]), ("validation", order[size:])):
        labels = everyone.labels[rows]
        for label in (0, 1):
            if not (labels == label).any():
                raise RetrialError(
                    f"params.yaml: {NAME}.train_share = {share!r}: seed {seed} leaves no passenger "
                    f"of class {label} in the {name} part, expected both classes in each"
                )
        parts.append(Part(everyone.features[rows], labels))
    return parts[0], parts[1]


def begun(seed: int, config: Config, outputs: int, hidden_layers: int) -> nn.Sequential:
    """The network of a seed before training; the outputs of a smaller one are the first ones."""

    def draw(name: str, shape: tuple[int, ...], bound: float) -> Array:
        return generator(NAME, seed, name).uniform(-bound, bound, shape)

    return perceptron(len(FEATURES), config["hidden"], outputs, hidden_layers, draw)


def orders(seed: int, rows: int, epochs: int) -> Iterator[NDArray[np.int64]]:
    """A seed's orders of the training rows, the same for every training."""
    chance = generator(NAME, seed, "order")
    return (chance.permutation(rows) for _ in range(epochs))


def _network(trial: Trial, train: Part, validation: Part) -> Result:
    config, batch = trial.config, trial.config["batch"]
    *_, last = config["steps"]
    name: LossName = last["loss"]
    network = begun(trial.seed, config, OUTPUTS[name], config["hidden_layers"])
    divergence: dict[str, Any] = {}
    for step in config["steps"]:
        found = fit(
            network,
            step["loss"],
            step["rate"],
            train.inputs(),
            targets_for(step["loss"], train.labels),
            orders(trial.seed, len(train.labels), config["epochs"]),
            batch,
            config["broadcast"],
        )
        divergence = divergence or found.divergence
    with torch.no_grad():
        outputs = [network(part.inputs()) for part in (train, validation)]
    of_train, of_validation = (probability_of_one(name, some.numpy()) for some in outputs)
    metrics, arrays = _scores(of_train, of_validation, train, validation)
    targets = targets_for(name, validation.labels)
    n = len(validation.labels)
    metrics["train_loss"] = Metric(None if divergence else found.losses[-1], len(train.labels))
    metrics["validation_loss"] = Metric(mean_of_batches(name, outputs[1], targets, batch), n)
    if name in ("l1", "mse"):
        as_printed = evaluate_as_printed(network, name, validation.inputs(), targets, batch)
        metrics |= {
            "validation_loss_as_printed": Metric(as_printed[0], n),
            "validation_accuracy_as_printed": Metric(as_printed[1], n),
            "validation_loss_broadcast": Metric(
                mean_of_batches(name, outputs[1], targets, batch, broadcast=True), n
            ),
            **_separation(outputs[0].numpy(), train),
        }
        if trial.seed == 0:
            arrays["outputs"] = np.stack([outputs[1].numpy()[:, 0], validation.labels]).astype("f4")
    return Result(
        metrics,
        "diverged" if divergence else "ok",
        detail=divergence,
        arrays=arrays,
    )


def _separation(outputs: Array, part: Part) -> dict[str, Metric]:
    """How far the outputs (n, 1) of passengers differ, and how far by their own labels."""
    wide, survived = outputs[:, 0].astype(np.float64), part.labels == 1
    with np.errstate(invalid="ignore"):
        apart = float(wide[survived].mean() - wide[~survived].mean())
        spread = float(wide.std())
    return {
        "train_spread": Metric(spread, len(wide)),
        "train_separation": Metric(apart, len(wide)),
    }


def _scores(
    of_train: Array, of_validation: Array, train: Part, validation: Part
) -> tuple[dict[str, Metric], dict[str, Array]]:
    """What probabilities of survival are worth, and those that they give the own labels."""
    labels, n = validation.labels, len(validation.labels)
    both = np.stack([1 - of_validation, of_validation], axis=1)
    found = {
        "validation_accuracy": float(np.mean((of_validation > 0.5) == labels)),
        "validation_nll": log_loss(both, labels),
        "validation_brier": float(np.mean((of_validation - labels) ** 2)),
        "validation_ece": calibration_error(reliability(both, labels)),
    }
    metrics = {name: Metric(value, n) for name, value in found.items()}
    right = float(np.mean((of_train > 0.5) == train.labels))
    metrics["train_accuracy"] = Metric(right, len(train.labels))
    return metrics, {"given": both[np.arange(n), labels].astype(np.float16)}


def _majority(train: Part, part: Part) -> Array:
    """The share of survivors among the training rows, for everyone of `part`."""
    return np.full(len(part.labels), train.labels.mean())


def _one_rule(train: Part, part: Part) -> Array:
    """The share of survivors on the same side of the best threshold of a single feature."""
    rule = DecisionTreeClassifier(max_depth=1, random_state=0).fit(train.features, train.labels)
    found: Array = rule.predict_proba(part.features)[:, 1]
    return found


def _printed(trial: Trial, train: Part) -> Result:
    """Whether the printed loop raises on float targets, as they are, and on whole ones."""
    config = trial.config
    found: dict[str, Raised] = {}
    for kind, labels in (
        ("float", train.labels.astype(np.float32)),
        ("whole", train.labels),
    ):
        network = begun(trial.seed, config, 1, config["hidden_layers"])
        found[kind] = first_epoch_as_printed(
            network,
            config["loss"],
            config["rate"],
            train.inputs(),
            torch.from_numpy(labels),
            config["batch"],
        )
    metrics = {
        "raises": Metric(int(bool(found["float"].kind)), 0),
        "raises_with_whole_targets": Metric(int(bool(found["whole"].kind)), 0),
        "warns": Metric(int(bool(found["float"].warning)), 0),
    }
    return Result(metrics, detail={kind: raised._asdict() for kind, raised in found.items()})


def _setup(trial: Trial, everyone: Part, train: Part, validation: Part) -> Result:
    """Sizes of the split and hidden layers: of the trained networks and of the printed call's."""
    config = trial.config
    layers = {
        name: linear_layers(begun(trial.seed, config, 1, config[name])) - 1
        for name in ("hidden_layers", "printed_hidden_layers")
    }
    sizes = {"rows": everyone, "train_size": train, "validation_size": validation}
    counts = {name: len(part.labels) for name, part in sizes.items()} | layers
    return Result({name: Metric(count, 0) for name, count in counts.items()})
