"""The boundary of a two-class network in the plane: where it runs, how smooth it is, its film.

The network has one hidden layer of ReLU units and a logistic output. Its score (the logit of class
1) is piecewise linear, so that marching squares place the boundary on a grid almost exactly.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from contourpy import contour_generator
from numpy.typing import NDArray
from PIL import Image
from scipy.special import expit

Array = NDArray[Any]

# Palette of a picture: white, the tints of both classes' regions, their points, bar and track.
# Okabe and Ito's colours, which readers with any common colour blindness tell apart.
PALETTE = np.array(
    [
        (255, 255, 255), (191, 220, 236), (250, 221, 189), (0, 114, 178), (213, 94, 0),
        (0, 0, 0), (217, 217, 217),
    ],
    np.uint8,
)  # fmt: skip
WHITE, TINT, POINT, BAR, TRACK = 0, 1, 3, 5, 6
# A point of class 0 is a disc, one of class 1 a cross: colours carry no meaning alone.
MARKS = tuple(
    np.array([[cell == "#" for cell in line] for line in lines])
    for lines in (
        (".###.", "#####", "#####", "#####", ".###."),
        ("#...#", ".#.#.", "..#..", ".#.#.", "#...#"),
    )
)


@dataclass(frozen=True)
class Network:
    """Weights of one hidden layer of ReLU units and a logistic output.

    `inward` (2, units) with `inward_biases` (units,); `outward` (units,) with `outward_bias`.
    """

    inward: Array
    inward_biases: Array
    outward: Array
    outward_bias: float

    def scores(self, points: Array) -> Array:
        """(n,) the logit of class 1 at `points` (n, 2)."""
        hidden = np.maximum(points @ self.inward + self.inward_biases, 0)
        found: Array = hidden @ self.outward + self.outward_bias
        return found

    def slopes(self, points: Array) -> Array:
        """(n,) the length of the gradient of the probability of class 1 at `points` (n, 2)."""
        active = points @ self.inward + self.inward_biases > 0
        gradients = (active * self.outward) @ self.inward.T
        probability = expit(self.scores(points))
        found: Array = probability * (1 - probability) * np.hypot(*gradients.T)
        return found


class Grid(NamedTuple):
    """The axes of a square grid of points in the plane, (side,) each, ascending."""

    x: Array
    y: Array

    @property
    def points(self) -> Array:
        """(side², 2) the grid's points, row by row from the lowest y."""
        return np.stack([axis.ravel() for axis in np.meshgrid(self.x, self.y)], axis=1)


class Surface(NamedTuple):
    """A network on a grid, (side, side) each, the row of the lowest y first."""

    scores: Array
    slopes: Array

    @property
    def labels(self) -> Array:
        """(side, side) the class at each point, as the library has it: 1 where p > 1/2."""
        return (expit(self.scores) > 0.5).astype(np.uint8)


def grid_around(points: Array, margin: float, side: int) -> Grid:
    """A grid of `side` × `side` points that reaches `margin` beyond `points` (n, 2)."""
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    return Grid(*(np.linspace(a, b, side) for a, b in zip(low, high, strict=True)))


def surface(network: Network, grid: Grid) -> Surface:
    """A network's scores and slopes on a grid."""
    shape = (len(grid.y), len(grid.x))
    points = grid.points
    return Surface(network.scores(points).reshape(shape), network.slopes(points).reshape(shape))


def boundary_lines(scores: Array, grid: Grid) -> list[Array]:
    """The pieces of the boundary within the grid, each (points, 2); none where no score is 0.

    Marching squares with linear interpolation.
    """
    lines = contour_generator(grid.x, grid.y, scores, name="serial").lines(0.0)
    return [np.asarray(line, np.float64) for line in lines]


def boundary_length(lines: Sequence[Array]) -> float:
    """The length of all pieces together, in the grid's unit."""
    return float(sum(np.hypot(*np.diff(line, axis=0).T).sum() for line in lines))


def bending(lines: Sequence[Array]) -> float | None:
    """How far the boundary is from a straight line, in the grid's unit; None without a boundary.

    The root mean square distance of its segments' midpoints, weighted by their lengths, from the
    line that makes it least.
    """
    steps = [np.hypot(*np.diff(line, axis=0).T) for line in lines]
    weights = np.concatenate(steps) if steps else np.empty(0)
    if weights.sum() == 0:
        return None
    middles = np.concatenate([(line[1:] + line[:-1]) / 2 for line in lines])
    weights /= weights.sum()
    middles -= weights @ middles
    (a, b), (_, c) = (middles * weights[:, None]).T @ middles
    # The smaller eigenvalue of the covariance; rounding may leave a straight line's below 0.
    least = (a + c) / 2 - np.hypot((a - c) / 2, b)
    return float(np.sqrt(max(least, 0.0)))


def picture(labels: Array, grid: Grid, points: Array, classes: Array, scale: int) -> Array:
    """The regions of both classes with the `points` (n, 2) of some `classes` (n,), as a picture.

    `labels` (side, side), the row of the lowest y first, are drawn as squares of `scale` pixels.
    Returns (height, width) places in PALETTE, the highest y on top.
    """
    drawn = np.kron(labels[::-1] + np.uint8(TINT), np.ones((scale, scale), np.uint8))
    height, width = drawn.shape
    share_x, share_y = (
        (points[:, i] - axis[0]) / (axis[-1] - axis[0]) for i, axis in enumerate(grid)
    )
    columns = np.rint(share_x * (width - scale) + scale // 2).astype(int)
    rows = np.rint((1 - share_y) * (height - scale) + scale // 2).astype(int)
    for row, column, label in zip(rows, columns, classes, strict=True):
        mark = MARKS[label]
        inside = [
            (row + i, column + j)
            for i, j in np.argwhere(mark) - mark.shape[0] // 2
            if 0 <= row + i < height and 0 <= column + j < width
        ]
        drawn[tuple(np.array(inside).T)] = POINT + label
    return drawn


def with_bar(drawn: Array, share: float) -> Array:
    """A picture with a bar below it that is black over a `share` of its width."""
    height = max(4, len(drawn) // 20)
    below = np.full((2 * height, drawn.shape[1]), WHITE, np.uint8)
    below[height // 2 : height // 2 + height] = TRACK
    below[height // 2 : height // 2 + height, : round(share * drawn.shape[1])] = BAR
    return np.concatenate([drawn, below])


class Film(NamedTuple):
    """An animated GIF as a viewer gets it.

    `frames` (n, height, width, 3) uint8; `durations` in ms; `loop`: how often it is played again,
    0 without end, None where the file does not say (it is played once).
    """

    frames: Array
    durations: list[int]
    loop: int | None


def encoded(pictures: Sequence[Array], duration: int, loop: int) -> bytes:
    """Pictures as an animated GIF, `duration` ms each, as Pillow writes it.

    Of equal neighbours it keeps one, for the time of both.
    """
    first, *others = [_image(one) for one in pictures]
    stream = io.BytesIO()
    first.save(stream, "GIF", save_all=True, append_images=others, duration=duration, loop=loop)
    return stream.getvalue()


def _image(drawn: Array) -> Image.Image:
    image = Image.fromarray(drawn)
    image.putpalette(PALETTE.tobytes())
    return image


def decoded(data: bytes) -> Film:
    """What is in a GIF."""
    with Image.open(io.BytesIO(data)) as image:
        frames, durations = [], []
        for place in range(getattr(image, "n_frames", 1)):
            image.seek(place)
            frames.append(np.asarray(image.convert("RGB")))
            durations.append(int(image.info["duration"]))
        return Film(np.stack(frames), durations, image.info.get("loop"))


def first_frame(data: bytes) -> bytes:
    """A GIF that shows the first frame of another one and does not move."""
    with Image.open(io.BytesIO(data)) as image:
        stream = io.BytesIO()
        image.copy().save(stream, "GIF")
        return stream.getvalue()
