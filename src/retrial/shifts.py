"""Shifted digits: placing them, what a small frame cuts off, and what a network makes of them.

A shift (dx, dy) moves the ink dx pixels to the right and dy down. Grids over all shifts of up to
`reach` pixels are indexed [dy + reach, dx + reach], so their middle is the unshifted image.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Images = NDArray[np.uint8]


def place(images: Images, side: int, top: int, left: int) -> Images:
    """`images` (n, h, w) on blank squares (n, side, side), upper left corner at (top, left).

    What would lie beyond the square is cut off; `top` and `left` may be negative.
    """
    count, height, width = images.shape
    placed = np.zeros((count, side, side), images.dtype)
    rows = slice(max(top, 0), min(top + height, side))
    columns = slice(max(left, 0), min(left + width, side))
    if rows.start < rows.stop and columns.start < columns.stop:
        placed[:, rows, columns] = images[
            :, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
    return placed


def place_each(images: Images, side: int, tops: Array, lefts: Array) -> Images:
    """Like `place`, with a corner (n,) for each image, all of them inside the square."""
    count, height, width = images.shape
    placed = np.zeros((count, side, side), images.dtype)
    rows = tops[:, None, None] + np.arange(height)[None, :, None]
    columns = lefts[:, None, None] + np.arange(width)[None, None, :]
    placed[np.arange(count)[:, None, None], rows, columns] = images
    return placed


def ink_loss(images: Images, reach: int) -> NDArray[np.float64]:
    """Share of `images` (n, h, w) that lose ink (any pixel above 0) when shifted in their frame.

    Returns a grid (2·reach + 1, 2·reach + 1) of values in 0…1. A blank image loses nothing.
    """
    ink = images > 0
    by_row, by_column = np.any(ink, axis=2), np.any(ink, axis=1)
    shifts = range(-reach, reach + 1)
    # An image loses ink if the rows that leave the frame hold any, or the columns that leave it.
    rows_lost = np.stack([_leaving(by_row, shift).any(axis=1) for shift in shifts])
    columns_lost = np.stack([_leaving(by_column, shift).any(axis=1) for shift in shifts])
    lost: NDArray[np.float64] = (rows_lost[:, None] | columns_lost[None, :]).mean(axis=2)
    return lost


def _leaving(lines: Array, shift: int) -> Array:
    """The lines (n, length) that a shift pushes out of the frame, (n, |shift|)."""
    return lines[:, lines.shape[1] - shift :] if shift > 0 else lines[:, : max(-shift, 0)]


def windows_grid(
    classes: Callable[[Images], Array], images: Images, field: int, stride: int, reach: int
) -> NDArray[np.uint8]:
    """Predicted classes at every shift from a network that reads all windows of a larger input.

    `classes` maps images (n, s, s) to uint8 (n, k, k), the class of every window of `field`
    pixels, `stride` apart; it must not depend on anything outside a window. Images (n, h, h) sit
    in the middle of the field when unshifted. Instead of one pass per shift it takes stride²
    passes over an input that is 2·`reach` wider; `reach` must be a multiple of `stride`.
    Returns (2·reach + 1, 2·reach + 1, n).
    """
    side = 2 * reach + 1
    grid = np.empty((side, side, len(images)), np.uint8)
    corner = (field - images.shape[1]) // 2 + reach
    for row_phase in range(stride):
        for column_phase in range(stride):
            plane = place(images, field + 2 * reach, corner + row_phase, corner + column_phase)
            found = classes(plane)
            # Window (i, j) begins stride·i lower: in it the ink is shifted by phase + reach - that.
            for i, row in _cells(row_phase, stride, reach):
                for j, column in _cells(column_phase, stride, reach):
                    grid[row, column] = found[:, i, j]
    return grid


def _cells(phase: int, stride: int, reach: int) -> list[tuple[int, int]]:
    """Pairs (window, grid index) of the shifts that a phase provides along one axis."""
    windows = range(2 * reach // stride + 1)
    shifts = [(window, phase + reach - stride * window) for window in windows]
    return [(window, shift + reach) for window, shift in shifts if shift <= reach]


def clipped_grid(
    classes: Callable[[Images], Array], images: Images, reach: int
) -> NDArray[np.uint8]:
    """Predicted classes at every shift inside the images' own frame, which cuts ink off.

    `classes` maps images (n, h, h) to uint8 (n,). Returns (2·reach + 1, 2·reach + 1, n).
    """
    side, height = 2 * reach + 1, images.shape[1]
    grid = np.empty((side, side, len(images)), np.uint8)
    for row in range(side):
        for column in range(side):
            grid[row, column] = classes(place(images, height, row - reach, column - reach))
    return grid


def dense_grid(
    weights: Sequence[Array], biases: Sequence[Array], inputs: Array, reach: int
) -> NDArray[np.uint8]:
    """Predicted classes at every shift from a ReLU network whose first layer sees a canvas.

    `inputs` (n, h·h) are unshifted images; the rows of `weights[0]` are the pixels of a square
    canvas of h + 2·reach, so shifting an image is taking another window of them: the blank part
    of the canvas adds nothing. Returns (2·reach + 1, 2·reach + 1, n).
    """
    side = 2 * reach + 1
    height = int(np.sqrt(inputs.shape[1]))
    plane = weights[0].reshape(height + 2 * reach, height + 2 * reach, -1)
    grid = np.empty((side, side, len(inputs)), np.uint8)
    for row in range(side):
        for column in range(side):
            window = plane[row : row + height, column : column + height]
            values = inputs @ window.reshape(height * height, -1) + biases[0]
            for weight, bias in zip(weights[1:], biases[1:], strict=True):
                values = np.maximum(values, 0) @ weight + bias
            grid[row, column] = values.argmax(axis=1)
    return grid


class Invariance(NamedTuple):
    """How a network bears shifts. Grids (2·reach + 1)² and per-image means (n,), all in 0…1.

    Consistency is agreement with the prediction for the same image unshifted, right or wrong. The
    per-image means run over all true shifts: the unshifted image, which agrees with itself, is
    left out of them.
    """

    accuracy: NDArray[np.float64]
    consistency: NDArray[np.float64]
    accurate: NDArray[np.float64]
    consistent: NDArray[np.float64]


def invariance(grid: NDArray[np.uint8], labels: Array) -> Invariance:
    """Accuracy and consistency of predictions `grid` (k, k, n), k odd, given classes (n,)."""
    reach = len(grid) // 2
    right = grid == labels
    same = grid == grid[reach, reach]
    true_shifts = len(grid) ** 2 - 1
    return Invariance(
        right.mean(axis=2),
        same.mean(axis=2),
        (right.sum(axis=(0, 1)) - right[reach, reach]) / true_shifts,
        (same.sum(axis=(0, 1)) - 1) / true_shifts,
    )


def inner(grid: Array, reach: int) -> Array:
    """The part of a grid with shifts of at most `reach` pixels along each axis."""
    middle = len(grid) // 2
    if reach > middle:
        raise ValueError(f"reach {reach} is more than the grid's {middle}")
    kept = slice(middle - reach, middle + reach + 1)
    return grid[kept, kept]
