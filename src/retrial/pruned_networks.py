"""A trained network of digits that loses its weights along an axis of sparsity.

Apart from the study that names the arms. All arms of a seed begin at one trained network, whose
scores they share; what one arm does to it leaves no trace in the next.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrial.core.seeds import generator
from retrial.digit_networks import labelled
from retrial.nets.hessian_diagonal import hessian_diagonal, recursive_diagonal
from retrial.nets.sparsity import (
    Criterion,
    Mask,
    MaskedNetwork,
    Scope,
    magnitudes,
    on_paths,
    prune,
    saliencies,
    sensitivities,
    sparse_bytes,
)
from retrial.training.sgd import Divergence, History, Labelled, evaluate, train

Array = NDArray[Any]
# batch, learning_rate, epochs, images, sparsities, finetune_epochs, curvature_images, test_at_most;
# of an arm also scope and criterion.
Config = Mapping[str, Any]


class Digits(NamedTuple):
    """The images to learn from, those to judge by, and the ones that the curvature is taken on."""

    examples: Labelled
    tests: Labelled
    looked_at: Labelled


def digits(config: Config, data: Mapping[str, Array]) -> Digits:
    """The images of a config; `data` as in `retrial.digit_networks.labelled`."""

    def first(part: str, at_most: int | None) -> Labelled:
        return labelled(data, part, "unit", np.arange(len(data[part][:at_most])))

    examples = first("train", config["images"])
    looked_at = Labelled(*(part[: config["curvature_images"]] for part in examples))
    return Digits(examples, first("test", config["test_at_most"]), looked_at)


class Base:
    """A trained network, which can be put back where it was, with the scores of its weights.

    `key` names the study and the seed, for the orders of batches and the random scores.
    """

    def __init__(
        self, network: MaskedNetwork, images: Digits, config: Config, key: tuple[str, int]
    ) -> None:
        """Train `network`, from the weights that it has, in the first step's orders."""
        self.network, self.images, self._key = network, images, key
        self.history = self.trained(config, 0, config["epochs"])
        self._parameters = network.parameters.copy()
        self._scores: dict[Criterion, list[Array]] = {}

    def trained(self, config: Config, step: int, epochs: int) -> History:
        """Train the network, as it is, through the epochs of a step of the axis."""
        shuffle = generator(*self._key, "order", step)
        many = len(self.images.examples.labels)
        return train(
            self.network,
            self.images.examples,
            {"test": self.images.tests},
            (shuffle.permutation(many) for _ in range(epochs)),
            config["batch"],
            config["learning_rate"],
        )

    def restore(self) -> list[Mask]:
        """Put the network back where it was trained to; masks of all its weights."""
        masks = [np.ones(weight.shape, np.bool_) for weight in self.network.weights]
        self.network.parameters[:] = self._parameters
        self.network.keep(masks)
        return masks

    def scores(self, criterion: Criterion) -> list[Array]:
        """Scores of all weights of the trained network, to which it is put back."""
        self.restore()
        if criterion not in self._scores:
            self._scores[criterion] = self.scores_now(criterion)
        return self._scores[criterion]

    def scores_now(self, criterion: Criterion) -> list[Array]:
        """Scores of all weights of the network as it is; the random ones are always the same."""
        match criterion:
            case "magnitude":
                return magnitudes(self.network.weights)
            case "sensitivity":
                return sensitivities(self.network, self.images.examples)
            case "obd":
                diagonal = hessian_diagonal(self.network, self.images.looked_at.inputs)
                return saliencies(self.network.weights, diagonal)
            case "random":
                draws = generator(*self._key, "random")
                return [draws.random(weight.shape) for weight in self.network.weights]


class Step(NamedTuple):
    """What one sparsity leaves of the network, and where its training diverged if it did."""

    masks: list[Mask]
    lost: Divergence | None = None


def one_shot(config: Config, base: Base) -> Iterator[Step]:
    """The trained network at each sparsity of the axis, with nothing done after."""
    scores = base.scores(config["criterion"])
    for sparsity in config["sparsities"]:
        base.restore()
        masks = prune(scores, sparsity, config["scope"])
        base.network.keep(masks)
        yield Step(masks)


def iterative(config: Config, base: Base) -> Iterator[Step]:
    """The network at each sparsity, pruned further and trained on from the one before.

    Without a criterion it is trained on and keeps all its weights.
    """
    masks, criterion = base.restore(), config["criterion"]
    yield Step(masks)
    for step, sparsity in enumerate(config["sparsities"][1:], start=1):
        if criterion is not None:
            scores = base.scores(criterion) if step == 1 else base.scores_now(criterion)
            masks = prune(scores, sparsity, config["scope"], masks)
            base.network.keep(masks)
        history = base.trained(config, step, config["finetune_epochs"])
        yield Step(masks, history.divergence)


def look(base: Base, masks: Sequence[Mask]) -> dict[str, float]:
    """What is left of the network of `base`, and what it does on the test images."""
    found, paths = evaluate(base.network, base.images.tests), on_paths(masks)
    kept = [int(mask.sum()) for mask in masks]
    return {
        "test_accuracy": found.accuracy,
        "test_loss": found.loss,
        "weights": sum(kept),
        "sparse_bytes": sparse_bytes(base.network),
        "multiply_adds": paths.multiply_adds,
        "cut_off": paths.cut_off,
        **{f"kept_{layer}": count for layer, count in enumerate(kept, start=1)},
    }


class Damage:
    """By how much the loss rises on the images of the curvature: as obd has it, and as it does.

    Puts the network of `base` back.
    """

    def __init__(self, base: Base) -> None:
        self._network, self._images = base.network, base.images.looked_at
        self._saliencies = base.scores("obd")
        diagonal = recursive_diagonal(self._network, self._images.inputs)
        self._recursive = saliencies(self._network.weights, diagonal)
        self._loss = evaluate(self._network, self._images).loss

    def of(self, masks: Sequence[Mask], sparsity: float, scope: Scope) -> dict[str, float]:
        """Of the network, which has lost what `masks` lack, nothing done after.

        `predicted_rise`, the sum of ½ h w² over what has gone, and `actual_rise`, in nats; `alike`,
        the share of the weights left that the recursion for h leaves at this sparsity too.
        """
        gone = zip(self._saliencies, masks, strict=True)
        others = prune(self._recursive, sparsity, scope)
        both = sum(int((a & b).sum()) for a, b in zip(masks, others, strict=True))
        return {
            "predicted_rise": sum(float(values[~mask].sum()) for values, mask in gone),
            "actual_rise": evaluate(self._network, self._images).loss - self._loss,
            "alike": both / sum(int(mask.sum()) for mask in masks),
        }
