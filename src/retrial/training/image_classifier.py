"""Training of convolutional classifiers from memory: one cycle of SGD, or Adam at one rate.

One cycle (Smith 2018, "A disciplined approach to neural network hyper-parameters", in its linear
form): the learning rate rises from 0 to its largest value over a first share of all steps and
falls to 0 over the others. Adversarial training is that of Wong, Rice and Kolter 2020, "Fast is
better than free": each batch is moved by one signed step from a random place in the ball.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from retrial.core.models import Count, FrozenModel, Positive
from retrial.training.sgd import Divergence
from retrial.training.torch_sgd import CHUNK

Classes = NDArray[np.integer[Any]]
Share = Annotated[float, Field(ge=0, lt=1)]


class Robust(FrozenModel):
    """Adversarial training: the L∞ ball's radius and the step in it, in units of pixels' range."""

    epsilon: Positive
    step: Positive


class OneCycle(FrozenModel):
    """SGD with Nesterov's momentum; the rate rises over the share `warm_up` of all steps."""

    name: Literal["one_cycle"]
    learning_rate: Positive
    momentum: Share
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    warm_up: Share


class Adam(FrozenModel):
    """Adam with the defaults of its paper, at one rate."""

    name: Literal["adam"]
    learning_rate: Positive


class Examples(Protocol):
    """Training images of which each epoch shows another view, drawn by `epoch`."""

    def __len__(self) -> int: ...

    def epoch(self) -> None:
        """Draw the next view of every image."""

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        """The views of some images (n,) as float32 (n, c, side, side) in 0…1."""


Optimiser = Annotated[OneCycle | Adam, Field(discriminator="name")]


class Recipe(FrozenModel):
    """How a classifier is trained; `shift` and `flip` as in `Augmented`, `shift` in pixels."""

    epochs: Count
    batch: Count
    optimiser: Optimiser
    label_smoothing: Share
    shift: Annotated[int, Field(ge=0)]
    flip: bool
    robust: Robust | None


class Evaluation(NamedTuple):
    """A classifier on one data set: mean loss in nats, accuracy in 0…1, classes (n,) uint8."""

    loss: float
    accuracy: float
    predictions: NDArray[np.uint8]


@dataclass
class History:
    """What training leaves behind besides the network: one value per epoch begun of each curve.

    `running_loss` and `running_accuracy` are means over an epoch's whole batches as they were
    trained on, the loss with its label smoothing.
    """

    curves: dict[str, list[float]] = field(default_factory=dict)
    final: Evaluation | None = None
    divergence: Divergence | None = None


def rate(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of step `step` of 0 … `steps` - 1."""
    optimiser = recipe.optimiser
    if isinstance(optimiser, Adam):
        return optimiser.learning_rate
    done = (step + 1) / (steps + 1)
    if done < optimiser.warm_up:
        return optimiser.learning_rate * done / optimiser.warm_up
    return optimiser.learning_rate * (1 - done) / (1 - optimiser.warm_up)


def stepper(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The optimiser of a recipe on what of the network is trained."""
    chosen = recipe.optimiser
    if isinstance(chosen, Adam):
        # Fused: the square root of the default one has other last bits on other CPUs.
        return torch.optim.Adam(network.parameters(), chosen.learning_rate, fused=True)
    return torch.optim.SGD(
        network.parameters(),
        chosen.learning_rate,
        momentum=chosen.momentum,
        weight_decay=chosen.weight_decay,
        nesterov=chosen.momentum > 0,
    )


def train(
    network: nn.Module,
    examples: Examples,
    labels: Tensor,
    tests: Tensor,
    test_labels: NDArray[np.uint8],
    orders: Iterator[NDArray[np.int64]],
    recipe: Recipe,
    chance: torch.Generator,
) -> History:
    """Train in full batches through one order an epoch; what is left over of an epoch is dropped.

    `tests` are (n, c, side, side); the network is evaluated on them after each epoch. `chance`
    draws where adversarial training begins. Training stops at the first loss that is not finite.
    """
    history, device = History(), labels.device
    optimiser = stepper(network, recipe)
    batch = min(recipe.batch, len(examples))
    per_epoch = len(examples) // batch
    steps, done = recipe.epochs * per_epoch, 0
    for epoch in range(1, recipe.epochs + 1):
        network.train()
        examples.epoch()
        order = next(orders)
        losses, right = 0.0, 0
        for step in range(per_epoch):
            rows = order[step * batch : (step + 1) * batch]
            inputs, targets = examples.batch(rows).to(device), labels[torch.from_numpy(rows)]
            if recipe.robust is not None:
                inputs = attacked(network, inputs, targets, recipe.robust, chance)
            for group in optimiser.param_groups:
                group["lr"] = rate(recipe, done, steps)
            logits = network(inputs)
            loss = functional.cross_entropy(logits, targets, label_smoothing=recipe.label_smoothing)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            done += 1
            losses += loss.item()
            right += int((logits.argmax(1) == targets).sum())
            if not math.isfinite(losses):
                history.divergence = Divergence(epoch, step + 1, "loss")
                break
        history.final = evaluate(network, tests, test_labels)
        for name, value in (
            ("running_loss", losses / per_epoch),
            ("running_accuracy", right / (per_epoch * batch)),
            ("test_loss", history.final.loss),
            ("test_accuracy", history.final.accuracy),
        ):
            history.curves.setdefault(name, []).append(value)
        if history.divergence is not None:
            break
    return history


def attacked(
    network: nn.Module, images: Tensor, labels: Tensor, robust: Robust, chance: torch.Generator
) -> Tensor:
    """The batch after one signed step from a random place in the ball, in 0…1.

    The network is in training: its running statistics see this pass as well.
    """
    drawn = torch.rand(images.shape, generator=chance, device=chance.device)
    start = (2 * drawn - 1) * robust.epsilon
    start = start.to(images.device, memory_format=torch.channels_last)
    moved = (images + start).clamp(0, 1).requires_grad_()
    loss = functional.cross_entropy(network(moved), labels)
    (slope,) = torch.autograd.grad(loss, moved)
    ahead = moved.detach() + robust.step * slope.sign()
    nearest = torch.minimum(torch.maximum(ahead, images - robust.epsilon), images + robust.epsilon)
    return nearest.clamp(0, 1)


@torch.inference_mode()
def evaluate(network: nn.Module, images: Tensor, labels: NDArray[np.uint8]) -> Evaluation:
    """The classifier on images (n, c, side, side), in chunks; it is in evaluation mode after."""
    network.eval()
    logits = torch.cat([network(part) for part in images.split(CHUNK)])
    targets = torch.from_numpy(labels.astype(np.int64)).to(logits.device)
    loss = functional.cross_entropy(logits.double(), targets)
    predictions = logits.argmax(1).to(torch.uint8).cpu().numpy()
    return Evaluation(loss.item(), float(np.mean(predictions == labels)), predictions)


def confusion(labels: Classes, predictions: Classes, classes: int) -> NDArray[np.int64]:
    """How many images of a class (rows) were given each class (columns): (classes, classes)."""
    flat = labels.astype(np.int64) * classes + predictions
    return np.bincount(flat, minlength=classes**2).reshape(classes, classes)
