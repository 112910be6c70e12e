"""Report 002, section C, 3.5: classifiers on the codes of the autoencoders, against raw pixels.

The network of `library_mlp` on what `features` made of the images, as it comes: the report names
no scaling. Codes of seed s go with the classifier of seed s; `pca` has only one.

    code/<activation>           Table 5: codes of that autoencoder, classifier of that activation
    raw/<activation>            its other column: the pixels
    smaller/<activation>        as code, "even with a smaller model structure"
    converged/<activation>      codes of the autoencoder that was trained for longer
    pca/<activation>            principal components instead of the codes
    random/<activation>         a random projection: as many numbers, of which none is learned
    probe/<source>              logistic regression on standardised codes or pixels
    budget/<source>/<n>         n labelled images: does what was learned without labels help?

A budget's images are the same for all sources of a seed, smaller ones are parts of larger ones, and
each is trained for as many updates as all images are, within `LONGEST` times the epochs. Such a
training never stops early: after as few updates as an epoch has there, the loss falls too little.
"""

import math
import warnings
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from retrial import encoders, fashion
from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.records import array_key, finite
from retrial.core.seeds import generator
from retrial.core.trial import Metric, Result, Trial
from retrial.fashion import CLASSES, NAMES, PIXELS, Array, Network, Scores
from retrial.nets.library_mlp import Hidden, LibraryNetwork, clipped_log_loss
from retrial.training.library_fit import fit
from retrial.training.sgd import Labelled

Config = dict[str, Any]
Curves = dict[str, list[float | None]]
Parts = Mapping[str, Labelled]

NAME = "code_classifier"
ACTIVATIONS = ("relu", "identity")
SOURCES = ("raw", "relu", "identity", "pca", "random")
PARTS = ("train", "validation", "test")
TRAINING_IMAGES = 8_000
# A budget of few images is seen in so many times the epochs at most.
LONGEST = 20
# What the features left, as messages name it.
CODES = "features/weights.safetensors"
# The classes that the report finds hard to tell apart.
TOPS = [NAMES.index(name) for name in ("T-shirt", "pullover", "coat", "shirt")]


class Probe(FrozenModel):
    """A logistic regression: its inverse penalty and how many iterations it may take."""

    C: Positive
    iterations: Count


class Protocol(FrozenModel):
    """The classifiers.

    `smaller` are the widths of the smaller model, `budgets` numbers of labelled images.
    """

    network: Network
    smaller: Annotated[tuple[Count, ...], Field(min_length=1)]
    budgets: tuple[Annotated[int, Field(ge=1, le=TRAINING_IMAGES)], ...]
    budget_activation: Hidden
    probe: Probe


class Budget(FrozenModel):
    """How much of it: seeds by group of arms, where 0 leaves the group out.

    There must be codes of all these seeds. Null epochs and images mean all of them.
    `encoders_whole` is false when another stage's budget cuts the training of the encoders short.
    """

    seeds: Count
    converged_seeds: Annotated[int, Field(ge=0)]
    budget_seeds: Annotated[int, Field(ge=0)]
    epochs_at_most: Count | None
    train_at_most: Count | None
    encoders_whole: bool

    def seeds_of(self, arm: str) -> int:
        """The number of seeds of an arm; in two of the probes nothing is drawn."""
        if arm in ("probe/raw", "probe/pca"):
            return 1
        named = {"converged": self.converged_seeds, "budget": self.budget_seeds}
        return named.get(group(arm), self.seeds)


def group(arm: str) -> str:
    """The group of an arm: what its name begins with."""
    return arm.split("/")[0]


def arms(protocol: Protocol) -> dict[str, Config]:
    """The config of every arm at its full length, by name; a probe has no network."""
    network = protocol.network.model_dump()
    network |= {"hidden": list(protocol.network.hidden), "train_size": None}
    found: dict[str, Config] = {}
    for one in ACTIVATIONS:
        own = network | {"activation": one}
        found |= {
            f"raw/{one}": own | {"source": "raw"},
            f"code/{one}": own | {"source": one},
            f"smaller/{one}": own | {"source": one, "hidden": list(protocol.smaller)},
            f"converged/{one}": own | {"source": f"converged/{one}"},
            f"pca/{one}": own | {"source": "pca"},
            f"random/{one}": own | {"source": "random"},
        }
    for source in SOURCES:
        found[f"probe/{source}"] = protocol.probe.model_dump() | {"source": source}
    for source in SOURCES:
        for size in protocol.budgets:
            found[f"budget/{source}/{size}"] = network | {
                "activation": protocol.budget_activation,
                "source": source,
                "train_size": size,
                "tolerance": None,
            }
    return found


def budget_epochs(batch: int, epochs: int, size: int) -> int:
    """Epochs in which `size` images make as many updates as all of them in `epochs`."""
    whole, own = (math.ceil(images / batch) for images in (TRAINING_IMAGES, size))
    return min(round(epochs * whole / own), LONGEST * epochs)


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed."""
    found = []
    for arm, full in arms(protocol).items():
        config = full | {"train_at_most": budget.train_at_most}
        whole = budget.train_at_most is None
        whole &= budget.encoders_whole or full["source"] in ("raw", "random")
        if "epochs" in full:
            epochs = min(full["epochs"], budget.epochs_at_most or full["epochs"])
            whole &= epochs == full["epochs"]
            size = full["train_size"]
            config["epochs"] = (
                epochs if size is None else budget_epochs(full["batch"], epochs, size)
            )
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
    inputs = PIXELS if config["source"] == "raw" else 32
    if "epochs" not in config:
        return 0.01 * inputs
    sizes = (inputs, *config["hidden"], CLASSES)
    count = min(config["train_size"] or TRAINING_IMAGES, config["train_at_most"] or TRAINING_IMAGES)
    return fashion.seconds(sizes, count, config["epochs"])


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Train one classifier on one kind of input and judge it on all three parts.

    `data` as in `retrial.fashion.part`, and codes by "<arm of features>:<seed>:<part>" (n, code
    size); RetrialError names some that are missing. Metrics: `train_loss` … `test_accuracy`, loss
    in nats without the penalty and accuracy in 0…1, those of `train` on the images that it learned
    from; `tops_share`, the share of the validation errors where the true and the predicted class
    are both among T-shirt, pullover, coat and shirt (null without errors), and `tops_expected`,
    that share if every image that is wrong were given any other class with equal chance; of a
    network `epochs`, how many were trained, of a probe `iterations`.

    Curves, per epoch (neither probes nor budgets): `running_loss`, the penalised loss averaged over
    the batches as they were trained on, `validation_loss` and `validation_accuracy` after the
    epoch; null where it diverged. Arrays: `validation_correct` and `test_correct` (uint8, per
    image); where there are curves or a probe also `validation_predictions`, `test_predictions`
    and `validation_confusion`, `test_confusion` (int32, true × predicted class).
    """
    config = trial.config
    parts = _parts(trial, data)
    fitted = _probe if group(trial.arm) == "probe" else _train
    with np.errstate(all="ignore"):
        scores, curves, extra, divergence = fitted(trial, parts)
    arrays: dict[str, Array] = {}
    for name in PARTS[1:]:
        labels, predictions = parts[name].labels, scores[name].predictions
        arrays[f"{name}_correct"] = (predictions == labels).astype(np.uint8)
        if config.get("train_size") is None:
            arrays[f"{name}_predictions"] = predictions
            arrays[f"{name}_confusion"] = _confusion(labels, predictions)
    return Result(
        metrics=_metrics(scores, parts) | extra,
        status="ok" if divergence is None else "diverged",
        # More epochs could not have changed a network that has diverged; more images could.
        decided=divergence is not None and config["train_at_most"] is None,
        detail={} if divergence is None else {"epoch": divergence},
        curves=curves,
        arrays=arrays,
    )


def _parts(trial: Trial, data: Mapping[str, Array]) -> dict[str, Labelled]:
    """The three parts as an arm sees them; of the training images those that it has labels of."""
    source, found = trial.config["source"], {}
    for name in PARTS:
        examples = fashion.part(data, name)
        if source != "raw":
            key = array_key(source, 0 if source == "pca" else trial.seed, name)
            codes = encoders.tensor(data, key, CODES)
            if len(codes) != len(examples.labels):
                raise ValueError(
                    f"{CODES}: {key} has {len(codes)} rows, expected {len(examples.labels)}"
                )
            examples = Labelled(np.array(codes), examples.labels)
        found[name] = examples
    rows = _rows(trial, len(found["train"].labels))
    found["train"] = Labelled(*(one[rows] for one in found["train"]))
    return found


def _rows(trial: Trial, available: int) -> Array:
    """The training images that an arm learns from, in the order of the file."""
    rows = np.arange(available)[: trial.config["train_at_most"]]
    size = trial.config.get("train_size")
    if size is None:
        return rows
    # Keyed by the seed alone: every source gets the same images.
    return np.sort(generator("fashion", trial.seed, "budget").permutation(rows)[:size])


Fitted = tuple[dict[str, Scores], Curves, dict[str, Metric], int | None]


def _train(trial: Trial, parts: Parts) -> Fitted:
    """Scores by part, curves, further metrics and the epoch of divergence of a network."""
    config, examples = trial.config, parts["train"]
    network = LibraryNetwork(
        (examples.inputs.shape[1], *config["hidden"], CLASSES),
        config["activation"],
        "classify",
        config["batch"],
        fashion.random_state(trial.seed),
    )
    # A budget's thousands of short epochs would cost more to look at than to train.
    watched = config["train_size"] is None
    curves: Curves = {"validation_loss": [], "validation_accuracy": []}

    def look() -> None:
        if watched:
            score = fashion.score(network, parts["validation"])
            curves["validation_loss"].append(finite(score.loss))
            curves["validation_accuracy"].append(score.accuracy)

    found = fit(network, examples.inputs, examples.labels, fashion.schedule(config), look)
    losses = [finite(loss) for loss in found.losses]
    if found.divergence is not None:
        losses[-1] = None
        for curve in curves.values():
            curve.append(None)
    scores = {name: fashion.score(network, part) for name, part in parts.items()}
    extra = {"epochs": Metric(len(losses), 0)}
    return scores, curves | {"running_loss": losses} if watched else {}, extra, found.divergence


def _probe(trial: Trial, parts: Parts) -> Fitted:
    """The same of a logistic regression on standardised inputs, in float64."""
    config, examples = trial.config, parts["train"]
    exact = {name: part.inputs.astype(np.float64) for name, part in parts.items()}
    scaler = StandardScaler().fit(exact["train"])
    model = LogisticRegression(C=config["C"], max_iter=config["iterations"])
    with warnings.catch_warnings():
        # How many iterations it took stands in the metrics.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(scaler.transform(exact["train"]), examples.labels)
    scores = {}
    for name, part in parts.items():
        found = model.predict_proba(scaler.transform(exact[name]))
        probabilities = np.zeros((len(found), CLASSES))
        probabilities[:, model.classes_] = found
        predictions = probabilities.argmax(axis=1).astype(np.uint8)
        of_label = probabilities[np.arange(len(found)), part.labels]
        accuracy = float((predictions == part.labels).mean())
        scores[name] = Scores(clipped_log_loss(of_label), accuracy, predictions)
    return scores, {}, {"iterations": Metric(int(model.n_iter_[0]), 0)}, None


def _metrics(scores: Mapping[str, Scores], parts: Parts) -> dict[str, Metric]:
    """Losses and accuracies of all parts, and how the validation errors fall."""
    metrics = {}
    for name, score in scores.items():
        size = len(parts[name].labels)
        metrics[f"{name}_loss"] = Metric(finite(score.loss), size)
        metrics[f"{name}_accuracy"] = Metric(score.accuracy, size)
    labels, predictions = parts["validation"].labels, scores["validation"].predictions
    wrong = labels != predictions
    among = np.isin(labels, TOPS) & np.isin(predictions, TOPS) & wrong
    count = int(wrong.sum())
    metrics["tops_share"] = Metric(int(among.sum()) / count if count else None, count)
    metrics["tops_expected"] = Metric(_expected(labels), len(labels))
    return metrics


def _expected(labels: Array) -> float:
    """The share of errors among the tops, if each went to any other class with equal chance."""
    others = (len(TOPS) - 1) / (CLASSES - 1)
    return float(np.isin(labels, TOPS).mean()) * others


def _confusion(labels: Array, predictions: Array) -> Array:
    """How many images of each class (rows) are given each class (columns), (10, 10) int32."""
    counts = np.bincount(labels * CLASSES + predictions, minlength=CLASSES**2)
    return counts.reshape(CLASSES, CLASSES).astype(np.int32)
