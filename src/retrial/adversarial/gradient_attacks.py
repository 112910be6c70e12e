"""Attacks by the sign of a gradient, noise of equal norm, and the judging of stored images.

FGSM is that of Goodfellow, Shlens and Szegedy 2015 (equation in section 4), PGD that of Madry et
al. 2018 (section 2.1). Images are float32 (n, channels, height, width) in 0…1, labels and targets
int64 (n,); a classifier maps images to logits (n, 10). Attacks see the classifier as it evaluates,
whatever mode it is in, and leave nothing behind in it: no weight, statistic or gradient changes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

CLASSES = 10
LEVELS = 255  # grey levels above black
CHUNK = 250  # images per forward pass without gradients: their maps stay in a core's cache


class Judged(NamedTuple):
    """A classifier's word: classes (n,) uint8 and the softmax of its logits (n, 10) float32."""

    classes: NDArray[np.uint8]
    confidences: NDArray[np.float32]


def fgsm(
    classifier: nn.Module, images: Tensor, labels: Tensor, epsilon: float, targeted: bool = False
) -> Tensor:
    """`images` after one step of `epsilon` in the sign of the cross-entropy's gradient, in 0…1.

    The step goes up the loss at the `labels`, or down it when they are targets. A pixel without
    gradient stays. ValueError for images beyond 0…1 and for a negative epsilon.
    """
    return pgd(classifier, images, labels, epsilon, epsilon, 1, targeted)


def pgd(
    classifier: nn.Module,
    images: Tensor,
    labels: Tensor,
    epsilon: float,
    step: float,
    steps: int,
    targeted: bool = False,
    start: Tensor | None = None,
) -> Tensor:
    """`images` after `steps` steps of size `step`, each brought back within `epsilon` and 0…1.

    A step is one of `fgsm`; the ball is that of the maximum norm around the images. `start` are
    first perturbations, of the images' shape, clipped into the ball; without them the first step
    begins at the images themselves. ValueError for images beyond 0…1 and for a negative epsilon
    or step.
    """
    check_images(images)
    check_epsilon(epsilon)
    if not 0 <= step < float("inf"):
        raise ValueError(f"step = {step}: expected a finite number, at least 0")
    move = -step if targeted else step
    changed = images.clone() if start is None else _within(images, start, epsilon)
    with frozen(classifier):
        for _ in range(steps):
            gradient = _input_gradient(classifier, changed, labels)
            changed = _within(images, changed + move * gradient.sign() - images, epsilon)
    return changed


def _within(images: Tensor, perturbations: Tensor, epsilon: float) -> Tensor:
    """`images` changed by `perturbations`, these clipped to epsilon and the sum to 0…1."""
    return (images + perturbations.clamp(-epsilon, epsilon)).clamp(0, 1)


def _input_gradient(classifier: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """The gradient of each image's cross-entropy with respect to that image."""
    inputs = images.detach().requires_grad_()
    # Summed, so that an image's gradient does not depend on how many others there are.
    loss = functional.cross_entropy(classifier(inputs), labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, inputs)
    return gradient


def sign_noise(images: Tensor, epsilon: float, generator: torch.Generator) -> Tensor:
    """`images` with epsilon added to or taken from every value at random, clipped to 0…1.

    Noise of the maximum norm that `fgsm` has. ValueError as there.
    """
    check_images(images)
    check_epsilon(epsilon)
    signs = 2 * torch.randint(0, 2, images.shape, generator=generator).to(images.device) - 1
    return (images + epsilon * signs).clamp(0, 1)


@contextmanager
def frozen(classifier: nn.Module) -> Iterator[None]:
    """Within it the classifier evaluates and its parameters need no gradient.

    Modes and `requires_grad` are as before once it is left, by an error too.
    """
    modes = [(module, module.training) for module in classifier.modules()]
    needed = [(weight, weight.requires_grad) for weight in classifier.parameters()]
    classifier.eval().requires_grad_(False)
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for weight, needs_gradient in needed:
            weight.requires_grad_(needs_gradient)


def judged(classifier: nn.Module, stored: NDArray[np.uint8]) -> Judged:
    """What the classifier makes of stored images, uint8 (n, channels, height, width).

    A tie of the largest logits goes to the lower class.
    """
    device = next(classifier.parameters()).device
    with frozen(classifier), torch.inference_mode():
        logits = torch.cat(
            [
                classifier(from_bytes(stored[start : start + CHUNK]).to(device))
                for start in range(0, len(stored), CHUNK)
            ]
        )
    classes = logits.argmax(dim=1).to(torch.uint8)
    return Judged(classes.cpu().numpy(), functional.softmax(logits, dim=1).cpu().numpy())


def to_bytes(images: Tensor) -> NDArray[np.uint8]:
    """Images in 0…1 as the nearest of 256 grey levels, uint8 of the same shape."""
    check_images(images)
    levels = (images.detach() * LEVELS).round().to(torch.uint8)
    return np.ascontiguousarray(levels.cpu().numpy())


def from_bytes(stored: NDArray[np.uint8]) -> Tensor:
    """uint8 images (n, channels, height, width) as float32 in 0…1; `to_bytes` gives them back."""
    images = torch.from_numpy(np.divide(stored, np.float32(LEVELS), dtype=np.float32))
    return images.contiguous(memory_format=torch.channels_last)


def check_images(images: Tensor) -> None:
    """ValueError unless `images` are float32 (n, channels, height, width) in 0…1."""
    if images.dtype != torch.float32 or images.ndim != 4:
        raise ValueError(
            f"images of {images.dtype} and shape {tuple(images.shape)}: "
            "expected torch.float32 and (n, channels, height, width)"
        )
    # A nan is outside as well.
    outside = images[~((images >= 0) & (images <= 1))]
    if len(outside):
        raise ValueError(f"images hold {outside[0].item():.6g}: expected values from 0 to 1")


def check_epsilon(epsilon: float) -> None:
    """ValueError unless `epsilon` is a finite number of at least 0."""
    if not 0 <= epsilon < float("inf"):
        raise ValueError(f"epsilon = {epsilon}: expected a finite number, at least 0")


def check_targets(targets: Tensor, labels: Tensor) -> None:
    """ValueError unless `targets` (n,) are classes other than the images' own `labels` (n,)."""
    if targets.shape != labels.shape:
        raise ValueError(
            f"targets of shape {tuple(targets.shape)} for labels of shape {tuple(labels.shape)}: "
            "expected equal ones"
        )
    for image, (target, label) in enumerate(zip(targets.tolist(), labels.tolist(), strict=True)):
        if not 0 <= target < CLASSES:
            raise ValueError(
                f"target {target} of image {image}: expected a class from 0 to {CLASSES - 1}"
            )
        if target == label:
            raise ValueError(
                f"target {target} of image {image} is its own class: expected another one"
            )
