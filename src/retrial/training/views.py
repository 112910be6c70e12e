"""Digits that each epoch shows otherwise: whole batches of tensors, every picture by chance.

Keras's `ImageDataGenerator`, of which report 004 names the settings, changes picture by picture;
torchvision's v2 transforms draw once for all of a tensor. Here each picture has draws of its own,
and a batch is changed by a few operations on all of it: one table of grey levels, one warp, one
convolution.
"""

import math
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from retrial.core.models import FrozenModel

Pictures = NDArray[np.uint8]
Share = Annotated[float, Field(ge=0, lt=1)]
LEVELS = 256
# Taps of the Gaussian filter on each side of the middle, and its least deviation in pixels.
REACH, LEAST = 3, 0.05


class Ranges(FrozenModel):
    """How far each step goes, 0 leaves it out; chance is uniform.

    `zoom`: either axis scaled by 1 ± this. `width`, `height`: moved by ± this share of the side.
    `rotation`: by ± these degrees. `flips`: mirrored left to right with this probability, and up to
    down. `blur`: Gaussian of a deviation from 0 to this, in pixels. `brightness`: light scaled by
    1 ± this. `gamma`: grey levels, as shares of white, raised to a power up to 1 + this or its
    inverse.
    """

    zoom: Share
    width: Share
    height: Share
    rotation: Annotated[float, Field(ge=0, le=180)]
    flips: Annotated[float, Field(ge=0, le=1)]
    blur: Annotated[float, Field(ge=0, le=1)]
    brightness: Share
    gamma: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Views:
    """Pictures (n, side, side) uint8, of which each epoch shows another view.

    A picture is moved, then scaled, then turned, about its middle. `chance` draws for every step
    whether it is taken or not, so that arms of one seed share the draws of the steps that they
    share, if they have equally many pictures.
    """

    def __init__(self, pictures: Pictures, ranges: Ranges, chance: np.random.Generator) -> None:
        self._pictures, self._ranges, self._chance = np.asarray(pictures), ranges, chance

    def __len__(self) -> int:
        return len(self._pictures)

    def epoch(self) -> None:
        """Draw the next view of every picture."""
        ranges, drawn = self._ranges, self._chance.random((10, len(self)))
        either = 2 * drawn - 1
        flipped = 1 - 2 * (drawn[:2] < ranges.flips)
        rows, columns = (1 + ranges.zoom * either[2:4]) * flipped
        angle = math.radians(ranges.rotation) * either[4]
        cos, sin = np.cos(angle), np.sin(angle)
        # The side is one pixel more than what lies between -1 and 1.
        side = self._pictures.shape[1]
        whole = 2 * side / (side - 1)
        down, right = whole * ranges.height * either[5], whole * ranges.width * either[6]
        # From a place in the view to its place in the picture, x first, -1 to 1 along the side.
        self._maps = np.stack(
            [cos / columns, -sin / columns, right, sin / rows, cos / rows, down], axis=1
        ).reshape(-1, 2, 3)
        self._deviations = np.maximum(ranges.blur * drawn[7], LEAST)
        self._light = 1 + ranges.brightness * either[8]
        self._powers = (1 + ranges.gamma) ** either[9]

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        """The views of some pictures (n,) as float32 (n, 1, side, side) in 0…1."""
        pictures, ranges = self._pictures[rows], self._ranges
        if ranges.brightness or ranges.gamma:
            values = self._through_tables(pictures, rows)
        else:
            values = pictures.astype(np.float32) / np.float32(LEVELS - 1)
        found = torch.from_numpy(values)[:, None]
        if any((ranges.zoom, ranges.width, ranges.height, ranges.rotation, ranges.flips)):
            found = warped(found, torch.from_numpy(self._maps[rows].astype(np.float32)))
        return blurred(found, self._deviations[rows]) if ranges.blur else found

    def _through_tables(self, pictures: Pictures, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Pictures with their brightness and gamma, by a table of grey levels for each."""
        levels = np.arange(LEVELS) / (LEVELS - 1)
        tables = levels[None] ** self._powers[rows, None] * self._light[rows, None]
        flat = pictures.reshape(len(pictures), -1)
        values = np.take_along_axis(tables.clip(max=1).astype(np.float32), flat, axis=1)
        return values.reshape(pictures.shape)


def warped(pictures: Tensor, maps: Tensor) -> Tensor:
    """Each picture (n, 1, side, side) as its map (n, 2, 3) says, bilinear, black beyond the border.

    A map takes (x, y, 1) of the result, from -1 at the middle of the first pixel to 1 at the last
    one's, to the place in the picture.
    """
    side = pictures.shape[-1]
    along = torch.linspace(-1, 1, side)
    x, y = along[None, None, :], along[None, :, None]
    cells = maps[..., None, None]
    grid = torch.stack(
        [cells[:, axis, 0] * x + cells[:, axis, 1] * y + cells[:, axis, 2] for axis in (0, 1)],
        dim=-1,
    )
    return functional.grid_sample(pictures, grid, align_corners=True)


def blurred(pictures: Tensor, deviations: NDArray[np.float64]) -> Tensor:
    """Each picture (n, 1, side, side) under a Gaussian of its own deviation (n,), in pixels."""
    taps = np.arange(-REACH, REACH + 1)
    weights = np.exp(-((taps / deviations[:, None]) ** 2) / 2)
    weights /= weights.sum(axis=1, keepdims=True)
    kernels = torch.from_numpy(weights.astype(np.float32))
    count = len(pictures)
    found = functional.conv2d(
        pictures.transpose(0, 1), kernels[:, None, :, None], padding=(REACH, 0), groups=count
    )
    found = functional.conv2d(found, kernels[:, None, None, :], padding=(0, REACH), groups=count)
    return found.transpose(0, 1)
