"""A network f before a frozen classifier C, trained so that C(f(x)) is a class of one's choice.

The attack of report 004, exercise 2, parts B and C, in its two steps: f alone learns to return its
input; then C(f(x)) is led to a target while f(x) is held near x. The report names no architecture,
loss or stop, so they are this module's. Images are float32 (n, channels, height, width) in 0…1,
labels and targets int64 (n,); C maps images to logits (n, 10) and is left as it was.
"""

import copy
import math
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import Annotated, Any, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init

from retrial.adversarial.gradient_attacks import (
    CLASSES,
    check_images,
    check_targets,
    from_bytes,
    frozen,
    to_bytes,
)
from retrial.core.models import Count, FrozenModel, Positive

KERNEL = 3


class Reconstruction(FrozenModel):
    """Step one ends at a mean square `error` of the values, in 0…1, or after `steps` updates."""

    error: Positive
    steps: Count


class Fooling(FrozenModel):
    """Step two ends at a `confidence` of C in the target, or after `steps` updates.

    `distance` is the weight of the mean square distance of f(x) from x beside the cross-entropy.
    Both are means, over values in 0…1 and over images in nats: at a weight of 100, a grey level
    squared in every value costs 100/255² = 0.0015 nats.
    """

    confidence: Annotated[float, Field(gt=0, lt=1)]
    steps: Count
    distance: Positive


class Recipe(FrozenModel):
    """How f is made and trained: channels of its hidden layers, rate of Adam, the two steps."""

    channels: Annotated[tuple[Count, ...], Field(min_length=1)]
    learning_rate: Positive
    reconstruction: Reconstruction
    fooling: Fooling


class Reconstructed(NamedTuple):
    """Where step one ended: updates made, and the mean square error after them."""

    steps: int
    error: float


class Fooled(NamedTuple):
    """Where step two ended: f(x) as float32 in 0…1, updates made, whether the target was reached.

    It is reached when C has the confidence asked for both in f(x) and in f(x) rounded to 8 bits,
    for every image.
    """

    images: Tensor
    steps: int
    reached: bool


class _Clip(torch.autograd.Function):
    """Values clipped to 0…1, with a gradient wherever a descent along it would change them.

    `clamp` has none beyond its bounds: what f once made blacker than black would stay so, whatever
    the loss asks for. Here it is held only while the loss pushes it further out.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(0, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,), (x,) = gradients, ctx.saved_tensors
        held = ((x <= 0) & (gradient > 0)) | ((x >= 1) & (gradient < 0))
        return gradient.masked_fill(held, 0)


class Generator(nn.Module):
    """f: 3 × 3 convolutions that keep the size, ReLU between them, and a clip to 0…1 at the end.

    A clip reaches black and white exactly, which a sigmoid nears only as its gradient vanishes;
    without biases a blank area stays blank from the first step on. There is no connection past the
    layers, so that returning the input has to be learnt.

    With `classes` above 0 it is conditional: the target joins the image's channels as one plane for
    each class, of ones for the target and zeros for the others. `generator` draws the weights:
    normal with variance 2/fan-in (He et al. 2015); torch's global generator is not touched.
    """

    def __init__(
        self,
        image_channels: int,
        channels: Sequence[int],
        generator: torch.Generator,
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.classes = classes
        self.layers = nn.ModuleList()
        for inputs, outputs in pairwise((image_channels + classes, *channels, image_channels)):
            layer = skip_init(nn.Conv2d, inputs, outputs, KERNEL, padding=KERNEL // 2, bias=False)
            fan_in = layer.weight[0].numel()
            nn.init.normal_(layer.weight, 0.0, math.sqrt(2 / fan_in), generator)
            self.layers.append(layer)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, targets: Tensor | None = None) -> Tensor:
        """Return f(x), of the shape of `x` and in 0…1.

        Only a conditional f looks at the `targets`; ValueError when it gets none.
        """
        if self.classes:
            if targets is None:
                raise ValueError("no targets for a conditional generator: expected one per image")
            planes = functional.one_hot(targets, self.classes)[:, :, None, None].to(x.dtype)
            x = torch.cat([x, planes.expand(-1, -1, *x.shape[2:])], dim=1)
        for layer in self.layers[:-1]:
            x = functional.relu(layer(x), inplace=True)
        clipped: Tensor = _Clip.apply(self.layers[-1](x))
        return clipped


def reconstruct(
    f: Generator, images: Tensor, recipe: Recipe, targets: Tensor | None = None
) -> Reconstructed:
    """Step one: train `f` to return `images`, all in one batch, until the recipe's error or steps.

    A conditional f needs `targets`, which it learns to disregard. ValueError for images beyond
    0…1.
    """
    check_images(images)
    optimiser = _adam(f, recipe.learning_rate)
    steps = 0
    while True:
        loss = functional.mse_loss(f(images, targets), images)
        error = loss.item()
        if error <= recipe.reconstruction.error or steps == recipe.reconstruction.steps:
            return Reconstructed(steps, error)
        _descend(optimiser, loss)
        steps += 1


def fool(
    f: Generator, classifier: nn.Module, images: Tensor, targets: Tensor, recipe: Recipe
) -> Fooled:
    """Step two: train `f`, all images in one batch, until the classifier sees the `targets`.

    The loss is the cross-entropy of C(f(x)) against the targets and the weighted distance of
    `Fooling`. ValueError for images beyond 0…1.
    """
    check_images(images)
    stop = recipe.fooling
    optimiser = _adam(f, recipe.learning_rate)
    steps = 0
    with frozen(classifier):
        while True:
            changed = f(images, targets)
            logits = classifier(changed)
            # The rounded image costs a forward pass, so it is looked at only when it may do.
            reached = (
                _confidence(logits, targets) >= stop.confidence
                and _confidence(_stored_logits(classifier, changed), targets) >= stop.confidence
            )
            if reached or steps == stop.steps:
                return Fooled(changed.detach(), steps, reached)
            _descend(optimiser, _fooling_loss(logits, targets, changed, images, stop.distance))
            steps += 1


def per_image(
    classifier: nn.Module,
    image: Tensor,
    label: int,
    targets: Tensor,
    recipe: Recipe,
    generator: torch.Generator,
) -> list[Fooled]:
    """One `image` (1, channels, height, width) led to each of the `targets` (n,), as the report.

    Step one is done once; step two begins for every target at a copy of the f that it left, so
    that no target depends on the others. ValueError for more images than one, and for a target that
    is the image's own class, `label`.
    """
    if len(image) != 1:
        raise ValueError(f"{len(image)} images: expected one, each has a generator of its own")
    check_targets(targets, torch.full_like(targets, label))
    f = Generator(image.shape[1], recipe.channels, generator).to(image.device)
    reconstruct(f, image, recipe)
    return [fool(copy.deepcopy(f), classifier, image, target[None], recipe) for target in targets]


def amortise(
    classifier: nn.Module,
    batches: Iterator[tuple[Tensor, Tensor]],
    channels: Sequence[int],
    learning_rate: float,
    steps_reconstruct: int,
    steps_fool: int,
    distance: float,
    generator: torch.Generator,
) -> Generator:
    """A conditional f that changes any image towards any target, trained in the same two steps.

    Each update takes the next of `batches`, images and their labels, with targets drawn for it at
    random among the other classes; the batches must last for all steps. `distance` is the weight
    of `Fooling`. Weights and targets come from `generator`. ValueError for images of the first
    batch beyond 0…1.
    """
    first = next(batches)
    check_images(first[0])
    f = Generator(first[0].shape[1], channels, generator, CLASSES).to(first[0].device)
    batches = chain([first], batches)
    optimiser = _adam(f, learning_rate)
    for _ in range(steps_reconstruct):
        images, labels = next(batches)
        changed = f(images, other_classes(labels, generator))
        _descend(optimiser, functional.mse_loss(changed, images))
    optimiser = _adam(f, learning_rate)
    with frozen(classifier):
        for _ in range(steps_fool):
            images, labels = next(batches)
            targets = other_classes(labels, generator)
            changed = f(images, targets)
            logits = classifier(changed)
            _descend(optimiser, _fooling_loss(logits, targets, changed, images, distance))
    return f


def other_classes(labels: Tensor, generator: torch.Generator) -> Tensor:
    """A target for each of `labels` (n,): one of the nine other classes, all equally likely."""
    further = torch.randint(1, CLASSES, labels.shape, generator=generator)
    return (labels + further.to(labels.device)) % CLASSES


def _fooling_loss(
    logits: Tensor, targets: Tensor, changed: Tensor, images: Tensor, distance: float
) -> Tensor:
    return functional.cross_entropy(logits, targets) + distance * functional.mse_loss(
        changed, images
    )


def _confidence(logits: Tensor, targets: Tensor) -> float:
    """The smallest softmax of a target over the images, in 0…1."""
    found = functional.softmax(logits.detach(), dim=1).gather(1, targets[:, None])
    return found.min().item()


@torch.no_grad()
def _stored_logits(classifier: nn.Module, images: Tensor) -> Tensor:
    """The logits of images as they would be stored, in 8 bits."""
    logits: Tensor = classifier(from_bytes(to_bytes(images)).to(images.device))
    return logits


def _adam(f: Generator, learning_rate: float) -> torch.optim.Adam:
    # Fused: torch's other Adam has a square root whose last bit depends on the processor.
    return torch.optim.Adam(f.parameters(), learning_rate, fused=True)


def _descend(optimiser: torch.optim.Adam, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
