"""Report 001, P3: four losses for who survived the Titanic, as printed and done right.

A perceptron sees the class, sex, age and fare of 714 passengers. Each seed draws a split, initial
weights and orders of batches, which all of its arms share. The features are standardised over all
rows, as the report does it.

    <loss>/<rate>               trained on each passenger's own label, at both rates of the report
    <loss>/continued            the report's order: from the weights that the losses before it left
    <loss>/broadcast            each output meets all labels of its batch, as in the printed loop
    <loss>/broadcast/continued  both
    majority, one_rule          the class of most training rows; the best threshold of one feature
    <loss>/printed              whether the printed loop runs at all (one seed: no chance in it)
    setup                       sizes of the split, layers of the network (one seed)
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, field_validator
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor, nn

from retrial.calibration import calibration_error, log_loss, reliability
from retrial.core.errors import RetrialError
from retrial.core.models import Count, FrozenModel, Positive
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

NAME = "titanic_losses"
TABLE = "titanic_714"
FEATURES = ("Pclass", "Sex", "Age", "Fare")
# The report's own coding of the one feature that is no number.
FEMALE = "female"
BASELINES = ("majority", "one_rule")
Share = Annotated[float, Field(gt=0, lt=1)]


class Protocol(FrozenModel):
    """What is trained on what: `rates` hold each loss at the rate that the report has for it.

    `sequence` are the losses that the report trains one after the other on the same weights.
    """

    hidden: Count
    hidden_layers: Count
    printed_hidden_layers: Count
    train_share: Share
    batch: Count
    epochs: Count
    rates: Annotated[dict[LossName, Positive], Field(min_length=1)]
    sequence: tuple[Literal["l1", "mse"], ...]

    @field_validator("sequence")
    @classmethod
    def each_once(cls, losses: tuple[str, ...]) -> tuple[str, ...]:
        """A loss that came twice would name two arms alike."""
        if len(set(losses)) != len(losses):
            raise ValueError("expected each loss once")
        return losses


class Budget(FrozenModel):
    """Seeds of the arms that claims are judged by, and of the others: of other rates, and both."""

    seeds: Count
    other_seeds: Annotated[int, Field(ge=0)]


def arms(protocol: Protocol) -> dict[str, Config]:
    """The config of every arm, by name."""
    shared = {
        name: getattr(protocol, name)
        for name in ("hidden", "hidden_layers", "train_share", "batch", "epochs")
    }
    rates, split = protocol.rates, {"train_share": protocol.train_share}

    def trained(*losses: LossName, broadcast: bool = False) -> Config:
        steps = [{"loss": loss, "rate": rates[loss]} for loss in losses]
        return shared | {"task": "train", "steps": steps, "broadcast": broadcast}

    printed = {"printed_hidden_layers": protocol.printed_hidden_layers}
    found: dict[str, Config] = {"setup": shared | printed | {"task": "setup"}}
    for loss, own in rates.items():
        found[f"{loss}/printed"] = shared | {"task": "printed", "loss": loss, "rate": own}
    found |= {name: split | {"task": name} for name in BASELINES}
    for loss in rates:
        for rate in sorted(set(rates.values())):
            steps = [{"loss": loss, "rate": rate}]
            found[f"{loss}/{rate!r}"] = trained(loss) | {"steps": steps}
    for place, loss in enumerate(protocol.sequence):
        if loss not in rates:
            raise RetrialError(
                f"params.yaml: {NAME}.sequence.{place} = {loss!r}: expected one of the losses "
                f"of {NAME}.rates, {', '.join(rates)}"
            )
        found[f"{loss}/broadcast"] = trained(loss, broadcast=True)
        if place:
            before = protocol.sequence[: place + 1]
            found[f"{loss}/continued"] = trained(*before)
            found[f"{loss}/broadcast/continued"] = trained(*before, broadcast=True)
    return found


def seeds_of(arm: str, config: Config, protocol: Protocol, budget: Budget) -> int:
    """The number of seeds of an arm: one where there is no chance in it."""
    if config["task"] in ("setup", "printed"):
        return 1
    if config["task"] in BASELINES:
        return max(budget.seeds, budget.other_seeds)
    as_printed = all(step["rate"] == protocol.rates[step["loss"]] for step in config["steps"])
    judged = as_printed and not arm.endswith("/broadcast/continued")
    return budget.seeds if judged else budget.other_seeds


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed; every budget trains whole."""
    return [
        Trial(NAME, arm, seed, config, cost=0.02 + 0.12 * len(config.get("steps", ())))
        for arm, config in arms(protocol).items()
        for seed in range(seeds_of(arm, config, protocol, budget))
    ]


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """The arms that the budget has no seeds for."""
    return [
        arm for arm, config in arms(protocol).items() if not seeds_of(arm, config, protocol, budget)
    ]


class Part(NamedTuple):
    """Passengers: standardised features (n, 4) float32 and whether they survived (n,), 0 or 1."""

    features: NDArray[np.float32]
    labels: NDArray[np.int64]

    def inputs(self) -> Tensor:
        """The features as torch takes them."""
        return torch.from_numpy(self.features)


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Run one trial on the table `titanic_714`, a structured array with a field for each column.

    Metrics of what predicts: `train_accuracy`, `validation_accuracy`, and of the probabilities of
    validation rows `validation_nll` (nats), `validation_brier` and `validation_ece`; of a network
    `train_loss`, the mean of the batches' losses in the last epoch as they were trained on, and
    `validation_loss`, both means over batches as the report takes them. Under l1 and mse also, with
    a fault put in: `validation_loss_as_printed` and `validation_accuracy_as_printed` (the
    log-softmax of the one output), `validation_loss_broadcast` (each output meets all labels); and
    of training rows the standard deviation of the outputs, `train_spread`, and what survivors' mean
    output is above the others', `train_separation`. Of `<loss>/printed`: `raises`,
    `raises_with_whole_targets` and `warns`, 0 or 1; `detail` has the errors. Arrays: `given`, the
    probability of a validation row's own label, in split order; of seed 0 `outputs` (2, rows),
    outputs and labels.

    Raises RetrialError for a split that leaves out a class.
    """
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
