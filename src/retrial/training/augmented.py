"""Batches of images that are moved and mirrored, taken from memory as whole arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Images = NDArray[np.uint8]
Rows = NDArray[Any]


def as_tensor(images: Images) -> Tensor:
    """uint8 `images` (n, h, w) or (n, h, w, c) as float32 (n, c, h, w) in 0…1, channels last."""
    whole = images if images.ndim == 4 else images[..., None]
    return torch.from_numpy(whole.astype(np.float32) / np.float32(255)).permute(0, 3, 1, 2)


class Augmented:
    """Images of which each epoch shows another view.

    A view is moved by up to `shift` pixels along both axes, beyond the border blank or, if `flip`,
    a reflection; and with `flip` every other epoch mirrored, half of the images in the even ones
    and half in the odd (Jordan 2024, "alternating flip"), so that two epochs show both sides.
    `chance` draws, in `epoch`, the same for the same images however they are put into batches.
    """

    def __init__(self, images: Images, shift: int, flip: bool, chance: np.random.Generator) -> None:
        whole = images if images.ndim == 4 else images[..., None]
        margin = ((0, 0), (shift, shift), (shift, shift), (0, 0))
        pad: Callable[..., Images] = np.pad
        self._padded = pad(whole, margin, mode="reflect" if flip else "constant")
        self._side, self._shift, self._flip, self._chance = whole.shape[1], shift, flip, chance
        self._first = chance.integers(0, 2, len(images)) if flip else np.zeros(len(images), int)
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._padded)

    def epoch(self) -> None:
        """Draw the next view of every image."""
        self._epoch += 1
        moves = self._chance.integers(0, 2 * self._shift + 1, (2, len(self)))
        self._tops, self._lefts = moves

    def batch(self, rows: Rows) -> Tensor:
        """The views of some images (n,) as float32 (n, c, side, side) in 0…1, channels last."""
        along = np.arange(self._side)
        lines = self._tops[rows][:, None, None] + along[None, :, None]
        columns = np.broadcast_to(along, (len(rows), self._side))
        if self._flip:
            mirrored = (self._first[rows] + self._epoch) % 2 == 1
            columns = np.where(mirrored[:, None], along[::-1], along)
        columns = self._lefts[rows][:, None, None] + columns[:, None, :]
        return as_tensor(self._padded[rows[:, None, None], lines, columns])
