"""Report 002, section C: scikit-learn's MLPClassifier with four activations on Fashion-MNIST.

Networks on 8,000 training images, validated and tested on 1,000 images each. The report states the
activations, the split and pixels in 0…1; widths, solver, learning rate, batch, epochs and the
tolerance of the library's rule for stopping are one choice for all of them, made by
`library_search`.

    logistic, tanh, relu, identity      the report's networks
    leak/<activation>                   the same, judged on images that they were trained on
    longer/logistic, faster/logistic    more epochs without stopping early; another learning rate
    library/<activation>                the same by the library itself, in float64

"The first 2,000 data points" may be read as rows of the training file, all of which are among the
8,000: the arms `leak` take the first of them for validation, the next for testing. All arms of a
seed share the draws of their initial weights and their orders of batches.
"""

import warnings
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from retrial import fashion
from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.trial import Metric, Result, Trial
from retrial.fashion import CLASSES, PIXELS, Array, Network, Scores
from retrial.nets.library_mlp import LibraryNetwork, clipped_log_loss
from retrial.training.library_fit import PATIENCE, fit
from retrial.training.sgd import Labelled

Config = dict[str, Any]
Curves = dict[str, list[float | None]]
Parts = Mapping[str, Labelled]

NAME = "library_mlp"
ACTIVATIONS = ("logistic", "tanh", "relu", "identity")
PARTS = ("train", "validation", "test")
TRAINING_IMAGES = 8_000
# A network has settled once its training loss is within this factor of the final one.
SETTLED = 1.05
# What the library takes in float64, as a multiple of the float32 network's time.
LIBRARY_SLOWNESS = 3.0


class Longer(FrozenModel):
    """A training that is not stopped early, and its epochs."""

    epochs: Count


class Faster(FrozenModel):
    """A training at another learning rate."""

    learning_rate: Positive


class Protocol(FrozenModel):
    """The network of all activations, and what the logistic one is trained with besides."""

    network: Network
    longer: Longer
    faster: Faster


class Budget(FrozenModel):
    """How much of it: seeds by group of arms, where 0 leaves the group out.

    `seeds` is that of the report's networks, `longer_seeds` that of longer and faster. Null epochs
    mean all of them.
    """

    seeds: Count
    leak_seeds: Annotated[int, Field(ge=0)]
    longer_seeds: Annotated[int, Field(ge=0)]
    library_seeds: Annotated[int, Field(ge=0)]
    epochs_at_most: Count | None

    def seeds_of(self, arm: str) -> int:
        """The number of seeds of an arm."""
        named = {
            "leak": self.leak_seeds,
            "longer": self.longer_seeds,
            "faster": self.longer_seeds,
            "library": self.library_seeds,
        }
        return named.get(group(arm), self.seeds)


def group(arm: str) -> str:
    """The group of an arm: what its name begins with."""
    return arm.split("/")[0]


def arms(protocol: Protocol) -> dict[str, Config]:
    """The config of every arm at its full length, by name."""
    shared = protocol.network.model_dump()
    shared |= {"hidden": list(protocol.network.hidden), "leak": False, "library": False}
    found: dict[str, Config] = {one: shared | {"activation": one} for one in ACTIVATIONS}
    found |= {f"leak/{one}": found[one] | {"leak": True} for one in ACTIVATIONS}
    found["longer/logistic"] = found["logistic"] | {
        "epochs": protocol.longer.epochs,
        "tolerance": None,
    }
    found["faster/logistic"] = found["logistic"] | {"learning_rate": protocol.faster.learning_rate}
    found |= {f"library/{one}": found[one] | {"library": True} for one in ACTIVATIONS}
    return found


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed."""
    found = []
    for arm, full in arms(protocol).items():
        epochs = min(full["epochs"], budget.epochs_at_most or full["epochs"])
        config = full | {"epochs": epochs}
        found += [
            Trial(NAME, arm, seed, config, epochs == full["epochs"], cost(config))
            for seed in range(budget.seeds_of(arm))
        ]
    return found


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """The arms that the budget has no seeds for."""
    return [arm for arm in arms(protocol) if not budget.seeds_of(arm)]


def cost(config: Config) -> float:
    """Seconds of a trial on one core, which only order the work."""
    sizes = (PIXELS, *config["hidden"], CLASSES)
    trained = fashion.seconds(sizes, TRAINING_IMAGES, config["epochs"])
    # Looking at all training images after each epoch is a third of training on them.
    return trained * (LIBRARY_SLOWNESS if config["library"] else 4 / 3)


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Train one classifier and judge it on all three parts.

    `data` as in `retrial.fashion.part`. Metrics: loss in nats and accuracy in 0…1 of `train`,
    `validation` and `test`, of the final network, without the penalty; `gap`, the accuracy of train
    less that of validation; `epochs`, how many were trained; `settled`, the first epoch (from 1)
    whose `train_loss` is at most 1.05 times the last one's, null where it is not known.

    Curves, per epoch: `running_loss`, the penalised loss in nats as the library has it, averaged
    over the batches as they were trained on; `train_loss`, `train_accuracy`, `validation_loss` and
    `validation_accuracy` after the epoch. The arms `library` have the first of them only. An epoch
    that diverges is null. Arrays: `validation_predictions`, `validation_correct`,
    `test_predictions` and `test_correct` (uint8, per image).
    """
    parts = _parts(trial.config, data)
    train = _train_by_library if trial.config["library"] else _train
    with np.errstate(all="ignore"):
        curves, scores, divergence = train(trial.config, trial.seed, parts)
    detail = {} if divergence is None else {"epoch": divergence}
    return Result(
        metrics=_metrics(scores, parts, curves),
        status="ok" if divergence is None else "diverged",
        # More epochs could not have changed a network that has diverged.
        decided=divergence is not None,
        detail=detail,
        curves=curves,
        arrays={
            f"{name}_{kind}": array
            for name in PARTS[1:]
            for kind, array in (
                ("predictions", scores[name].predictions),
                ("correct", (scores[name].predictions == parts[name].labels).astype(np.uint8)),
            )
        },
    )


def _parts(config: Config, data: Mapping[str, Array]) -> dict[str, Labelled]:
    """The three parts of an arm; with a leak, the last two are rows of the training file."""
    source = dict(data)
    if config["leak"]:
        first, both = len(data["validation"]), len(data["validation"]) + len(data["test"])
        source |= {"validation": np.arange(first), "test": np.arange(first, both)}
        source |= {f"test_{kind}": data[f"train_{kind}"] for kind in ("images", "labels")}
    return {name: fashion.part(source, name) for name in PARTS}


def _train(config: Config, seed: int, parts: Parts) -> tuple[Curves, dict[str, Scores], int | None]:
    """Curves, scores by part and the epoch of divergence of the network in float32."""
    examples = parts["train"]
    network = LibraryNetwork(
        (examples.inputs.shape[1], *config["hidden"], CLASSES),
        config["activation"],
        "classify",
        config["batch"],
        fashion.random_state(seed),
    )
    curves: Curves = {"running_loss": []}
    curves |= {f"{name}_{of}": [] for name in PARTS[:2] for of in ("loss", "accuracy")}

    def look() -> None:
        for name in PARTS[:2]:
            score = fashion.score(network, parts[name])
            curves[f"{name}_loss"].append(_finite(score.loss))
            curves[f"{name}_accuracy"].append(score.accuracy)

    found = fit(network, examples.inputs, examples.labels, fashion.schedule(config), look)
    curves["running_loss"] += [_finite(loss) for loss in found.losses]
    if found.divergence is not None:
        curves["running_loss"][-1] = None
        for name, curve in curves.items():
            if name != "running_loss":
                curve.append(None)
    scores = {name: fashion.score(network, part) for name, part in parts.items()}
    return curves, scores, found.divergence


def _train_by_library(
    config: Config, seed: int, parts: Parts
) -> tuple[Curves, dict[str, Scores], int | None]:
    """The same by scikit-learn, in float64, as its users call it."""
    exact = {name: part._replace(inputs=_float64(part.inputs)) for name, part in parts.items()}
    examples, epochs = exact["train"], config["epochs"]
    model = MLPClassifier(
        tuple(config["hidden"]),
        activation=config["activation"],
        solver=config["solver"],
        learning_rate_init=config["learning_rate"],
        # The library warns of a batch that is larger than the data, then clips it.
        batch_size=min(config["batch"], len(examples.labels)),
        max_iter=epochs,
        tol=config["tolerance"] or 0.0,
        # A patience of all epochs never stops.
        n_iter_no_change=epochs if config["tolerance"] is None else PATIENCE,
        random_state=fashion.random_state(seed),
    )
    divergence = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            model.fit(examples.inputs, examples.labels)
        except ValueError:
            # At its end the library refuses parameters that are not finite; they are still there.
            if all(np.isfinite(one).all() for one in (*model.coefs_, *model.intercepts_)):
                raise
            finite_losses = np.isfinite(model.loss_curve_)
            divergence = epochs if finite_losses.all() else int(finite_losses.argmin()) + 1
    losses = [_finite(loss) for loss in model.loss_curve_]
    scores = {name: _library_score(model, part) for name, part in exact.items()}
    return {"running_loss": losses}, scores, divergence


def _float64(inputs: Array) -> Array:
    """Pixels in 0…1 divided by 255 in float64, from those divided in float32."""
    return np.rint(inputs.astype(np.float64) * 255) / 255


def _library_score(model: MLPClassifier, examples: Labelled) -> Scores:
    """As `retrial.fashion.score`, of the library's own probabilities."""
    probabilities = model.predict_proba(examples.inputs)
    predictions = model.classes_[probabilities.argmax(axis=1)]
    columns = np.searchsorted(model.classes_, examples.labels)
    of_label = probabilities[np.arange(len(columns)), columns]
    accuracy = float((predictions == examples.labels).mean())
    return Scores(clipped_log_loss(of_label), accuracy, predictions.astype(np.uint8))


def _metrics(scores: Mapping[str, Scores], parts: Parts, curves: Curves) -> dict[str, Metric]:
    """What the final network does on each part, and how it got there."""
    metrics = {}
    for name, score in scores.items():
        size = len(parts[name].labels)
        metrics[f"{name}_loss"] = Metric(_finite(score.loss), size)
        metrics[f"{name}_accuracy"] = Metric(score.accuracy, size)
    gap = scores["train"].accuracy - scores["validation"].accuracy
    metrics["gap"] = Metric(gap, len(parts["validation"].labels))
    metrics["settled"] = Metric(_settled(curves.get("train_loss", [])), 0)
    metrics["epochs"] = Metric(len(curves["running_loss"]), 0)
    return metrics


def _settled(losses: list[float | None]) -> int | None:
    """The first epoch (from 1) within `SETTLED` of the last one's loss."""
    if not losses or losses[-1] is None:
        return None
    within = (loss is not None and loss <= SETTLED * losses[-1] for loss in losses)
    return next(epoch for epoch, one in enumerate(within, start=1) if one)


def _finite(value: float) -> float | None:
    """A number that JSON can hold."""
    return float(value) if np.isfinite(value) else None
