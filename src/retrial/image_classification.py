"""What the classifiers of MNIST and of CIFAR-10 share: their protocol, trials, and one training.

Apart from the two studies, so that each is a section of params.yaml and a stage of its own.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter

from retrial.core.models import Count, FrozenModel
from retrial.core.records import finite
from retrial.core.seeds import generator, integer
from retrial.core.trial import Metric, Result, Trial
from retrial.nets.image_classifiers import CLASSES, NetworkName, build, restored, tensors
from retrial.training.augmented import Augmented, as_tensor
from retrial.training.device import Device, resolve
from retrial.training.image_classifier import Recipe, confusion, train
from retrial.training.memory import keep_large_blocks

Array = NDArray[Any]
Config = dict[str, Any]

Arm = Literal["plain", "brief", "recipe", "robust"]
# Of a whitened network on CIFAR-10; only order the work.
SECONDS_PER_PRODUCT = 4.5e-12


class Classifier(FrozenModel):
    """A network, the channels of its convolutions, and how it is trained."""

    network: NetworkName
    widths: Annotated[tuple[Count, ...], Field(min_length=1)]
    recipe: Recipe


class Protocol(FrozenModel):
    """The classifiers by arm, and where torch computes."""

    device: Device
    arms: dict[Arm, Classifier]


class Budget(FrozenModel):
    """How much of it: seeds by arm, 0 or none leaves it out; null images mean all of them."""

    seeds: dict[Arm, Annotated[int, Field(ge=0)]]
    epochs_at_most: dict[Arm, Count]
    train_at_most: Count | None
    test_at_most: Count | None


def trials(study: str, protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed."""
    device = resolve(protocol.device)
    found = []
    for arm, classifier in protocol.arms.items():
        config: Config = {
            **classifier.model_dump(mode="json"),
            "device": device,
            "train_at_most": budget.train_at_most,
            "test_at_most": budget.test_at_most,
        }
        stated = classifier.recipe.epochs
        epochs = min(stated, budget.epochs_at_most.get(arm, stated))
        config["recipe"]["epochs"] = epochs
        images = budget.train_at_most, budget.test_at_most
        whole = epochs == stated and images == (None, None)
        found += [
            Trial(study, arm, seed, config, whole, cost(config))
            for seed in range(budget.seeds.get(arm, 0))
        ]
    return found


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """The arms that the budget has no seeds for."""
    return [arm for arm in protocol.arms if not budget.seeds.get(arm, 0)]


def cost(config: Config) -> float:
    """Seconds of a trial on one core, roughly, which only order the work."""
    sides = {"plain": 15, "pooled": 10, "whitened": 15}[config["network"]]
    products = sum(9 * width**2 for width in config["widths"]) * sides**2
    passes = 2 if config["recipe"]["robust"] else 1
    images = min(config["train_at_most"] or 50_000, 50_000)
    return float(SECONDS_PER_PRODUCT * 6 * products * passes * images * config["recipe"]["epochs"])


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Train one classifier and look at it on the test images.

    `data`: `train_images`, `test_images` (n, side, side) or (n, side, side, channels) uint8, their
    `_labels` (n,), and the rows `train` and `test` of the split. Metrics: `test_loss` in nats and
    `test_accuracy` in 0…1, `running_loss` and `running_accuracy` of the last epoch. Curves as in
    `History`. Arrays: `predictions` (uint8, per test image), `confusion` (10 × 10, rows are the
    classes). Weights: all of the network's, with its running statistics.
    """
    keep_large_blocks()
    config, key = trial.config, (trial.study, trial.seed)
    recipe = read_recipe(config)
    device = torch.device(config["device"])
    images, labels = part(data, "train", config["train_at_most"])
    tests, test_labels = part(data, "test", config["test_at_most"])
    draws = torch.Generator().manual_seed(integer(*key, "network"))
    channels = 1 if images.ndim == 3 else images.shape[3]
    network = build(
        config["network"], config["widths"], channels, images.shape[1], draws, images
    ).to(device)
    examples = Augmented(images, recipe.shift, recipe.flip, generator(*key, "views"))
    history = train(
        network,
        examples,
        torch.from_numpy(labels.astype(np.int64)).to(device),
        as_tensor(tests).to(device),
        test_labels,
        _orders(generator(*key, "order"), len(labels)),
        recipe,
        draws,
    )
    assert history.final is not None
    tested, found = len(test_labels), history.final
    metrics = {
        "test_loss": Metric(finite(found.loss), tested),
        "test_accuracy": Metric(found.accuracy, tested),
    }
    for name in ("running_loss", "running_accuracy"):
        metrics[name] = Metric(finite(history.curves[name][-1]), len(labels))
    lost = history.divergence
    return Result(
        metrics,
        status="ok" if lost is None else "diverged",
        detail={} if lost is None else lost._asdict(),
        curves={name: [finite(one) for one in curve] for name, curve in history.curves.items()},
        arrays={
            "predictions": found.predictions,
            "confusion": confusion(test_labels, found.predictions, CLASSES),
        },
        weights=tensors(network),
    )


def read_recipe(config: Config) -> Recipe:
    """The recipe of a trial's config."""
    return TypeAdapter(Recipe).validate_python(config["recipe"])


def part(data: Mapping[str, Array], name: str, at_most: int | None) -> tuple[Array, Array]:
    """The first images and labels of a part of the split, in memory."""
    rows = data[name][:at_most]
    return data[f"{name}_images"][rows], data[f"{name}_labels"][rows]


def _orders(chance: np.random.Generator, examples: int) -> Iterator[NDArray[np.int64]]:
    """A new permutation of the examples for each epoch; the same for every arm of a seed."""
    while True:
        yield chance.permutation(examples)


def classifier_of(
    weights: Mapping[str, Array], arm: str, seed: int, config: Config, shape: tuple[int, ...]
) -> torch.nn.Module:
    """A trained classifier from a study's weights, in evaluation mode.

    `weights` by `arm:seed:name`; `shape` is that of images, (n, side, side) or with channels.
    ValueError when there is none of this arm and seed, or it is of another architecture.
    """
    prefix = f"{arm}:{seed}:"
    found = {key[len(prefix) :]: one for key, one in weights.items() if key.startswith(prefix)}
    if not found:
        known = sorted({":".join(key.split(":")[:2]) for key in weights if key.count(":") == 2})
        raise ValueError(f"no weights of {prefix[:-1]}, found {', '.join(known)}")
    channels = 1 if len(shape) == 3 else shape[3]
    return restored(config["network"], config["widths"], channels, shape[1], found)
