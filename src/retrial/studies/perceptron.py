"""Report 003, exercise 1: perceptron against logistic regression, and the change between them.

Single linear units in the plane learn example by example, in the same order, from weights of 0, at
one learning rate, on inputs that are standardised by the training set. Classes are drawn at three
distances (`gaussians`), or are pairs of Iris in two of its columns (`flowers`), half of the rows to
train on.

    <data>/<unit>       `perceptron`, `adaline`, `sigmoid_squared`, `logistic`, and
                        `perceptron_sigmoid`: the perceptron, with a sigmoid put at its output after
                        the training
    <data>/limit        logistic regression by ever smaller steps, on sets that overlap
    update              one step of each unit, against the gradient of its loss by autograd

All arms of a seed share splits, draws and orders. Weights are those after the last epoch.
"""

import warnings
from collections.abc import Hashable, Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator

from retrial.calibration import calibration_error, reliability
from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.seeds import generator
from retrial.core.trial import Metric, Result, Trial
from retrial.machines.linear_units import (
    PERCEPTRON,
    UNITS,
    Training,
    Unit,
    cross_entropy,
    decisions,
    sigmoid,
    train,
    with_bias,
)
from retrial.two_classes import (
    Examples,
    Flowers,
    Gaussians,
    Split,
    bayes_accuracy,
    drawn,
    halves,
    separable,
    standardised,
)

Array = NDArray[Any]
Metrics = dict[str, Metric]

NAME = "perceptron"
AT_ONCE = 20
# The seed that is drawn: a mean would smooth what a single unit does from epoch to epoch.
DRAWN_SEED = 0
# Where the output of a unit is one half, if that is not at z = 0.
BORDER = {"adaline": 0.5}
PROBABILISTIC = ("sigmoid_squared", "logistic", "perceptron_sigmoid")
# Factors that z may be scaled by before it becomes a probability.
SCALES = np.logspace(-3, 3, 121)

UnitName = Literal["perceptron", "adaline", "sigmoid_squared", "logistic", "perceptron_sigmoid"]
Even = Annotated[int, Field(ge=4, multiple_of=2)]


class Limit(FrozenModel):
    """Steps that get smaller: η of epoch k is `learning_rate`/(1 + k/`slower_after`)."""

    learning_rate: Positive
    slower_after: Positive
    epochs: Count


class Update(FrozenModel):
    """How many random inputs of how many features one step is taken for."""

    inputs: Count
    features: Count


class Protocol(FrozenModel):
    """Section `perceptron` of params.yaml.

    `train` and `test` are the sizes of drawn sets; `overlapping` names the sets whose classes
    overlap; `window` is the number of last epochs over which oscillation is measured.
    """

    train: Even
    test: Even
    gaussians: dict[str, Gaussians]
    flowers: dict[str, Flowers]
    overlapping: tuple[str, ...]
    units: Annotated[tuple[UnitName, ...], Field(min_length=1)]
    learning_rate: Positive
    epochs: Count
    window: Annotated[int, Field(ge=2)]
    limit: Limit
    update: Update

    @field_validator("overlapping")
    @classmethod
    def known(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """Sets that overlap are among those that there are."""
        sets = [*info.data.get("gaussians", ()), *info.data.get("flowers", ())]
        if not set(names) <= set(sets):
            raise ValueError(f"expected some of {', '.join(sets)}")
        return names


class Budget(FrozenModel):
    """Section `perceptron` of a profile; null: all epochs.

    `seeds` of what is compared, logistic regression on all sets and the perceptron where they
    overlap; `other_seeds` of all else.
    """

    seeds: Count
    other_seeds: Count
    epochs_at_most: Count | None

    def seeds_of(self, config: Mapping[str, Any]) -> int:
        """The number of seeds of an arm."""
        unit = config.get("unit")
        compared = unit == "logistic" or (unit == "perceptron" and config["overlapping"])
        return self.seeds if compared else self.other_seeds


def arms(protocol: Protocol) -> dict[str, dict[str, Any]]:
    """The config of every arm at its full length, by name."""
    sizes = {"train": protocol.train, "test": protocol.test}
    sets: dict[str, dict[str, Any]] = {
        name: {"gaussians": one.model_dump(mode="json"), **sizes}
        for name, one in protocol.gaussians.items()
    }
    for name, flowers in protocol.flowers.items():
        sets[name] = {"flowers": flowers.model_dump(mode="json")}
    found: dict[str, dict[str, Any]] = {}
    for name, own in sets.items():
        shared = {"data": name, "overlapping": name in protocol.overlapping, **own}
        for unit in protocol.units:
            found[f"{name}/{unit}"] = shared | {
                "task": "unit",
                "unit": unit,
                "learning_rate": protocol.learning_rate,
                "epochs": protocol.epochs,
                "window": protocol.window,
            }
        if name in protocol.overlapping:
            found[f"{name}/limit"] = shared | {"task": "limit", **protocol.limit.model_dump()}
    rate = {"learning_rate": protocol.learning_rate}
    return found | {"update": {"task": "update", **protocol.update.model_dump(), **rate}}


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed."""
    found = []
    for arm, full in arms(protocol).items():
        config, whole, cost = full, True, 0.2
        if full["task"] != "update":
            epochs = min(full["epochs"], budget.epochs_at_most or full["epochs"])
            config, whole = full | {"epochs": epochs}, epochs == full["epochs"]
            cost = 1.0e-6 * epochs * full.get("train", 50)
        found += [
            Trial(NAME, arm, seed, config, whole, cost) for seed in range(budget.seeds_of(full))
        ]
    return found


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """The arms that a budget leaves out: none."""
    return []


def together(trial: Trial) -> Hashable:
    """What trials must share to be trained in one program: the arm."""
    return trial.arm, trial.config.get("epochs")


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Run one trial on Iris (`features` (150, 4), `labels` (150,)), or on draws of its own."""
    return run_together([trial], data)[0]


def run_together(trials: Sequence[Trial], data: Mapping[str, Array]) -> list[Result]:
    """Run the trials of one arm; `data` as in `run`.

    Metrics of a unit: accuracy on `test` and `train` after the last epoch; `mistakes` on training
    examples as they came in the last epoch; `first_clean_epoch` without any, from 1 on (None: never
    met); `changing`, the share of epochs in which the weights moved; `oscillation`, the SD of test
    accuracy over the last epochs; `weight_norm`, the length of the weights without the bias;
    `bayes_accuracy` of drawn sets. Of those that give probabilities: `log_loss` on the test set and
    `train_log_loss`, in nats; `scaled_log_loss`, the former where z is first multiplied by the
    factor that is best on the training set; `ece`, the calibration error; `prior_log_loss` of the
    training set's class shares. Of `logistic`: `separable`, 1 where a line separates the training
    set, and `separable_in_all`, where a plane does in all columns of the flowers; and what
    scikit-learn's logistic regression without penalty has on the split (`reference_…`).

    Arrays of a set that overlaps: `reliability` (3, bins): count, confidence, accuracy; `tested`
    (rows,) of flowers: 1 right, 0 wrong, −1 trained on. Of the first seed: `line` (3,), the
    coefficients of the border in the data's own units; for `logistic` the training set. What
    `update` measures says `retrial.machines.unit_steps.steps`.
    """
    if trials[0].config["task"] == "update":
        return [_update(trial) for trial in trials]
    config, own = trials[0].config, [_split(trial, data) for trial in trials]
    scaled = [standardised(split) for split in own]
    parts = [split.train for split, _, _ in scaled]
    rates = np.full(config["epochs"], config["learning_rate"])
    if config["task"] == "limit":
        rates /= 1 + np.arange(config["epochs"]) / config["slower_after"]
    learned = train(
        _rule(config.get("unit", "logistic")),
        np.stack([part.inputs for part in parts]),
        np.stack([part.labels for part in parts]),
        np.stack([_orders(trial, len(parts[0].labels)) for trial in trials]),
        rates,
    )
    results = []
    for member, (trial, split) in enumerate(zip(trials, own, strict=True)):
        alone = Training(*(part[:, member] for part in learned))
        if config["task"] == "limit":
            results.append(_limit(alone.weights, scaled[member][0]))
        else:
            results.append(_unit(trial, split, alone, data))
    return results


def _rule(unit: str) -> Unit:
    """The rule that a unit learns by."""
    return PERCEPTRON if unit == "perceptron_sigmoid" else UNITS[unit]


def _split(trial: Trial, data: Mapping[str, Array], columns: Sequence[int] = ()) -> Split:
    """A trial's examples; of flowers, their columns are the config's where none are named."""
    config = trial.config
    chance = generator(NAME, trial.seed, config["data"])
    if "flowers" in config:
        chosen = columns or config["flowers"]["columns"]
        return halves(data, config["flowers"]["classes"], chosen, chance)
    given = config["gaussians"]["distance"], config["gaussians"]["margin"]
    first = drawn(*given, config["train"], chance)
    return Split(first, drawn(*given, config["test"], chance))


def _orders(trial: Trial, n: int) -> Array:
    """(epochs, n) positions; those of fewer epochs are the first of these."""
    chance = generator(NAME, trial.seed, trial.config["data"], "order")
    return chance.permuted(np.tile(np.arange(n), (trial.config["epochs"], 1)), axis=1)


def _unit(trial: Trial, own: Split, learned: Training, data: Mapping[str, Array]) -> Result:
    """What one unit does on both parts of its split, which is in the data's own units."""
    config, (split, mean, sd) = trial.config, standardised(own)
    weights, unit = learned.weights, _rule(config["unit"])
    with np.errstate(over="ignore", invalid="ignore"):
        right = {
            name: decisions(unit, with_bias(part.inputs) @ weights.T) == part.labels[:, None]
            for name, part in (("train", split.train), ("test", split.test))
        }
        metrics = {
            f"{name}_accuracy": Metric(float(one[:, -1].mean()), len(one))
            for name, one in right.items()
        }
        accuracies = right["test"].mean(axis=0)
        last = accuracies[-config["window"] :]
        clean = np.flatnonzero(learned.mistakes == 0)
        metrics |= {
            "mistakes": Metric(int(learned.mistakes[-1]), len(split.train.labels)),
            "first_clean_epoch": Metric(int(clean[0]) + 1 if len(clean) else None, 0),
            "changing": Metric(float(learned.changed.mean()), len(weights)),
            "oscillation": Metric(float(last.std()), len(last)),
            "weight_norm": Metric(float(np.linalg.norm(weights[-1, :-1])), 0),
        }
        arrays: dict[str, Array] = {}
        if "gaussians" in config:
            metrics["bayes_accuracy"] = Metric(bayes_accuracy(**config["gaussians"]), 0)
        if config["unit"] in PROBABILISTIC:
            told, bins = _probabilities(split, weights[-1])
            metrics |= told
            if config["overlapping"]:
                arrays["reliability"] = bins
        if config["unit"] == "logistic":
            metrics |= _reference(split)
            if split.rows is not None:
                every = _split(trial, data, range(data["features"].shape[1]))
                metrics["separable_in_all"] = Metric(int(separable(every.train)), 0)
        if config["overlapping"] and split.rows is not None:
            arrays["tested"] = np.full(len(split.train.labels) + len(split.rows), -1, np.int8)
            arrays["tested"][split.rows] = right["test"][:, -1]
        if trial.seed == DRAWN_SEED:
            slopes = weights[-1, :-1] / sd
            offset = weights[-1, -1] - slopes @ mean - BORDER.get(config["unit"], 0.0)
            arrays["line"] = np.append(slopes, offset)
            if config["unit"] == "logistic":
                arrays["points"] = own.train.inputs.astype(np.float32)
                arrays["labels"] = own.train.labels.astype(np.uint8)
    curves: dict[str, list[float | None]] = {}
    if trial.seed == DRAWN_SEED and config["unit"] in UNITS:
        curves = {"test_accuracy": [*map(float, accuracies)],
                  "mistakes": [*map(float, learned.mistakes)]}  # fmt: skip
    finite = np.asarray(np.isfinite(weights).all(axis=1))
    if finite[-1]:
        return Result(metrics, curves=curves, arrays=arrays)
    lost = {"epoch": int(finite.sum()) + 1, "tensor": "weights"}
    return Result(metrics, status="diverged", detail=lost, curves=curves, arrays=arrays)


def _probabilities(split: Split, weights: Array) -> tuple[Metrics, Array]:
    """How good σ(z) is as a probability, and its reliability (3, bins) on the test set."""
    fitted, tested = (with_bias(part.inputs) @ weights for part in (split.train, split.test))
    labels, n = split.test.labels, len(split.test.labels)
    scale = min(SCALES, key=lambda factor: cross_entropy(factor * fitted, split.train.labels))
    share = split.train.labels.mean()
    prior = np.full(n, np.log(share / (1 - share)))
    p = np.nan_to_num(sigmoid(tested))
    bins = reliability(np.stack([1 - p, p], axis=1), labels.astype(int))
    metrics = {
        "log_loss": Metric(cross_entropy(tested, labels), n),
        "train_log_loss": Metric(cross_entropy(fitted, split.train.labels), len(fitted)),
        "scaled_log_loss": Metric(cross_entropy(scale * tested, labels), n),
        "prior_log_loss": Metric(cross_entropy(prior, labels), n),
        "ece": Metric(calibration_error(bins), n),
    }
    return metrics, np.array(bins, np.float32)


def _fitted(examples: Examples) -> Array:
    """(3,) weights of scikit-learn's logistic regression without penalty, the bias last.

    A separable set has none that are best: those at which the search stops.
    """
    # scikit-learn takes longer to load than a stage to begin, and only workers fit.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=10_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(*examples)
    return np.append(model.coef_[0], model.intercept_)


def _reference(split: Split) -> Metrics:
    """scikit-learn's logistic regression on the same split."""
    weights = _fitted(split.train)
    fitted, tested = (with_bias(part.inputs) @ weights for part in (split.train, split.test))
    labels, n = split.test.labels, len(tested)
    return {
        "separable": Metric(int(separable(split.train)), 0),
        "reference_accuracy": Metric(float(((tested > 0) == labels).mean()), n),
        "reference_log_loss": Metric(cross_entropy(tested, labels), n),
        "reference_train_log_loss": Metric(cross_entropy(fitted, split.train.labels), len(fitted)),
    }


def _limit(weights: Array, split: Split) -> Result:
    """How far the last of weights (epochs, 3) are from scikit-learn's, as a share of their length.

    Both losses are of the training set; of a separable one the weights have no limit.
    """
    theirs, inputs, n = _fitted(split.train), with_bias(split.train.inputs), len(split.train.labels)
    losses = {
        name: Metric(cross_entropy(inputs @ each, split.train.labels), n)
        for name, each in (("train_log_loss", weights[-1]), ("reference_train_log_loss", theirs))
    }
    apart = float(np.linalg.norm(weights[-1] - theirs) / np.linalg.norm(theirs))
    return Result(
        losses
        | {
            "weights_apart": Metric(apart, 0),
            "separable": Metric(int(separable(split.train)), 0),
        }
    )


def _update(trial: Trial) -> Result:
    """One step of each unit, beside the gradients of losses."""
    # torch takes longer to load than all units to train, and no other trial needs it.
    from retrial.machines.unit_steps import steps

    config = trial.config
    chance = generator(NAME, trial.seed, "update")
    found = steps(config["inputs"], config["features"], config["learning_rate"], chance)
    return Result({name: Metric(value, config["inputs"]) for name, value in found.items()})
