"""Convolutional classifiers of small images: a plain one, and two that learn in few epochs.

    plain       3 × 3 convolutions, ReLU and 2 × 2 maxima, two dense layers, dropout: what an
                introduction to Keras shows
    pooled      3 × 3 convolutions with batch normalisation; of each last map the maximum goes on
    whitened    the same on images whose 2 × 2 patches a fixed first layer decorrelates, GELU, two
                convolutions a block (after Page 2019, "How to train your ResNet", and Jordan 2024,
                "94% on CIFAR-10 in 3.29 seconds on a single GPU")

All take float32 images (n, channels, side, side) in 0…1, channels last in memory, and return
logits (n, 10).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init

NetworkName = Literal["plain", "pooled", "whitened"]
CLASSES = 10
HIDDEN = 128
# Shares of units that the plain network drops in training: of maps, and of the dense layer.
DROPPED_MAPS, DROPPED_UNITS = 0.25, 0.5
# Side of the patches that are whitened, the images they are taken from, what is added to their
# variances, and the factor on the logits, which keeps the first ones small.
PATCH, PATCHED_IMAGES, RIDGE, SCALE = 2, 5_000, 5e-4, 1 / 9


class Dropout(nn.Module):
    """Zeroes each value with probability `rate` in training; draws from a generator of its own."""

    def __init__(self, rate: float, generator: torch.Generator) -> None:
        super().__init__()
        self.rate, self.generator = rate, generator

    def forward(self, x: Tensor) -> Tensor:
        """Return x with values dropped and the others divided by 1 - rate; x in evaluation."""
        if not self.training:
            return x
        drawn = torch.rand(x.shape, generator=self.generator, device=self.generator.device)
        kept = drawn.ge(self.rate).to(x.dtype).mul_(1 / (1 - self.rate))
        return x * kept.to(x.device, memory_format=memory_format(x))


def memory_format(x: Tensor) -> torch.memory_format:
    """How a tensor should lie in memory: maps with their channels last."""
    return torch.channels_last if x.ndim == 4 else torch.contiguous_format


class Normalised(nn.Module):
    """3 × 3 convolution without bias, a 2 × 2 maximum if `halves`, batch normalisation."""

    def __init__(self, inputs: int, outputs: int, halves: bool) -> None:
        super().__init__()
        self.convolution = skip_init(nn.Conv2d, inputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.halves = halves

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, outputs, h, w), or half of both sides."""
        x = self.convolution(x)
        if self.halves:
            x = functional.max_pool2d(x, 2)
        normalised: Tensor = self.norm(x)
        return normalised


class Plain(nn.Module):
    """Valid convolutions of `widths` channels, each followed by ReLU, maximum and dropout."""

    def __init__(
        self, channels: int, side: int, widths: Sequence[int], generator: torch.Generator
    ) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        inputs = channels
        for width in widths:
            self.convolutions.append(skip_init(nn.Conv2d, inputs, width, 3))
            inputs, side = width, (side - 2) // 2
        if side < 1:
            raise ValueError(f"widths {tuple(widths)}: expected fewer, nothing is left of an image")
        self.hidden = skip_init(nn.Linear, inputs * side**2, HIDDEN)
        self.output = skip_init(nn.Linear, HIDDEN, CLASSES)
        self.drop_maps = Dropout(DROPPED_MAPS, generator)
        self.drop_units = Dropout(DROPPED_UNITS, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (n, 10)."""
        for convolution in self.convolutions:
            # The maximum first: ReLU then has a fourth of the values, and the same result.
            x = functional.relu(functional.max_pool2d(convolution(x), 2), inplace=True)
            x = self.drop_maps(x)
        x = functional.relu(self.hidden(x.flatten(1)), inplace=True)
        logits: Tensor = self.output(self.drop_units(x))
        return logits


class Pooled(nn.Module):
    """Convolutions of `widths` channels with batch normalisation and ReLU.

    The first and the third halve their maps.
    """

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        inputs = [channels, *widths[:-1]]
        self.blocks = nn.ModuleList(
            Normalised(a, b, place in (0, 2))
            for place, (a, b) in enumerate(zip(inputs, widths, strict=True))
        )
        self.output = skip_init(nn.Linear, widths[-1], CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (n, 10)."""
        for block in self.blocks:
            x = functional.relu(block(x), inplace=True)
        logits: Tensor = self.output(x.amax((2, 3)))
        return logits


class Whitened(nn.Module):
    """Three blocks of two convolutions, each block on half the side of what came before.

    `mean` and `deviation` standardise each channel; the first layer holds the principal directions
    of patches and their opposites, and is not trained: `prepare` sets them from training images.
    """

    def __init__(self, channels: int, side: int, widths: Sequence[int]) -> None:
        super().__init__()
        if (side - 1) >> len(widths) < 1:
            raise ValueError(f"widths {tuple(widths)}: expected fewer, nothing is left of an image")
        directions = 2 * channels * PATCH**2
        self.mean: Tensor
        self.deviation: Tensor
        self.directions: Tensor
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.register_buffer("deviation", torch.ones(1, channels, 1, 1))
        self.register_buffer("directions", torch.zeros(directions, channels, PATCH, PATCH))
        self.shift = nn.Parameter(torch.zeros(directions))
        self.blocks = nn.ModuleList()
        inputs = directions
        for width in widths:
            self.blocks += [Normalised(inputs, width, True), Normalised(width, width, False)]
            inputs = width
        self.output = skip_init(nn.Linear, inputs, CLASSES, bias=False)

    def prepare(self, images: NDArray[np.uint8]) -> None:
        """Standardise and whiten as these images (n, side, side, channels) ask for.

        The eigenvectors are found in float64, given the sign that makes their largest component
        positive, and rounded: LAPACK's last bits differ between machines.
        """
        mean, deviation = _moments(images)
        standard = (images[:PATCHED_IMAGES] / 255 - mean) / deviation
        patches = np.lib.stride_tricks.sliding_window_view(standard, (PATCH, PATCH), axis=(1, 2))
        rows = patches.reshape(-1, images.shape[-1] * PATCH**2)
        variances, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
        largest = np.abs(vectors).argmax(axis=0)
        vectors *= np.sign(vectors[largest, np.arange(len(largest))])
        found = np.round((vectors / np.sqrt(variances + RIDGE)).T, 4)
        found = found.reshape(-1, images.shape[-1], PATCH, PATCH)
        for buffer, values in (
            (self.mean, np.round(mean, 6).reshape(1, -1, 1, 1)),
            (self.deviation, np.round(deviation, 6).reshape(1, -1, 1, 1)),
            (self.directions, np.concatenate([found, -found])),
        ):
            buffer.copy_(torch.from_numpy(values.astype(np.float32)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (n, 10)."""
        x = (x - self.mean) / self.deviation
        x = functional.gelu(functional.conv2d(x, self.directions, self.shift))
        for block in self.blocks:
            x = functional.gelu(block(x))
        logits: Tensor = self.output(x.amax((2, 3)))
        return SCALE * logits


def _moments(images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each channel, in 0…1, from counts of its grey levels."""
    levels = np.arange(256) / 255
    channels = range(images.shape[-1])
    shares = np.stack([np.bincount(images[..., c].ravel(), minlength=256) for c in channels])
    shares = shares / shares.sum(axis=1, keepdims=True)
    mean = shares @ levels
    return mean, np.sqrt(shares @ levels**2 - mean**2)


def build(
    name: NetworkName,
    widths: Sequence[int],
    channels: int,
    side: int,
    generator: torch.Generator,
    images: NDArray[np.uint8] | None = None,
) -> nn.Module:
    """A network at its first weights, which `generator` draws; it keeps it for its dropout.

    Weights are uniform within ±1/√fan-in, biases zero. `images` (n, side, side, channels) prepare a
    whitened network. ValueError for widths that a network cannot have.
    """
    network: nn.Module
    if name == "plain":
        network = Plain(channels, side, widths, generator)
    elif name == "pooled":
        network = Pooled(channels, widths)
    else:
        network = Whitened(channels, side, widths)
        if images is not None:
            network.prepare(images)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            half_width = 1 / math.sqrt(layer.weight[0].numel())
            nn.init.uniform_(layer.weight, -half_width, half_width, generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def tensors(network: nn.Module) -> dict[str, NDArray[Any]]:
    """All weights and running statistics of a network by name."""
    return {
        name: np.ascontiguousarray(tensor.detach().cpu().numpy())
        for name, tensor in network.state_dict().items()
    }


def restored(
    name: NetworkName,
    widths: Sequence[int],
    channels: int,
    side: int,
    found: Mapping[str, NDArray[Any]],
) -> nn.Module:
    """The network with these weights, in evaluation mode; ValueError when they are of another."""
    network = build(name, widths, channels, side, torch.Generator())
    # Files of weights hold a number as an array of one.
    own = {key: torch.atleast_1d(one) for key, one in network.state_dict().items()}
    for key in sorted(own.keys() | found.keys()):
        expected = tuple(own[key].shape) if key in own else None
        shape = np.atleast_1d(found[key]).shape if key in found else None
        if expected != shape:
            raise ValueError(
                f"weights of another architecture: {key} has shape {shape}, "
                f"expected {expected} for {name} of widths {tuple(widths)}"
            )
    for key, tensor in network.state_dict().items():
        tensor.copy_(torch.from_numpy(np.array(found[key])).reshape(tensor.shape))
    return network.eval()
