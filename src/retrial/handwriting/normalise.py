"""From a picture of one handwritten digit to the 28 × 28 picture that a network of MNIST expects.

MNIST's own images were made so (LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning
applied to document recognition", section III A): light ink on black, the digit fitted into a box
of 20 × 20 pixels without a change of its proportions, its centre of mass in the middle of 28 × 28.

A picture is taken to show one digit and nothing else, on paper that is seen all around it. Light
may fall off evenly towards one side; a frame, the edge of the sheet, a sharp shadow or ruled lines
are taken for ink. The ink must cover less than half of the border.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retrial.core.models import FrozenModel

Picture = NDArray[np.uint8]

SIDE, BOX, WHITE = 28, 20, 255
# Grey levels above the paper's, as a share of the darkest ink's, from which a pixel is ink.
INK = 0.2
# Contrast between ink and paper, in grey levels, below which there is nothing to see.
FAINT = 16
BLANK = "nothing stands out from the paper, expected one digit"
# Of the strokes of MNIST's training images in pixels: the mean of `stroke_width` is 2.45.
STROKE = 2.5
STROKE_STEPS = 6


class Steps(FrozenModel):
    """Which steps are taken.

    `polarity`: ink becomes light and paper black, whichever way they are. `box`: the digit is cut
    out and fitted into 20 × 20, otherwise the whole picture into 28 × 28. `centre`: "mass" puts the
    centre of mass into the middle, "box" the box's. `stroke`: strokes get the width of MNIST's.
    """

    polarity: bool = True
    box: bool = True
    centre: Literal["mass", "box"] = "mass"
    stroke: bool = False


MNIST_STEPS = Steps()


class BlankError(ValueError):
    """There is no digit in the picture."""


def normalised(picture: Picture, steps: Steps = MNIST_STEPS) -> Picture:
    """A grey picture (h, w) as uint8 (28, 28); BlankError when nothing stands out from paper."""
    ink = above_paper(picture) if steps.polarity else picture
    if int(ink.max()) - int(ink.min()) < FAINT:
        raise BlankError(BLANK)
    if not steps.box:
        return resized(ink, SIDE, SIDE)
    top, bottom, left, right = ink_box(ink)
    cut = ink[top:bottom, left:right]
    longest = max(cut.shape)
    height, width = (max(1, round(BOX * length / longest)) for length in cut.shape)
    digit = resized(cut, height, width)
    if digit.max() < FAINT:
        # Specks far apart, of which nothing is left at this size.
        raise BlankError(BLANK)
    if steps.stroke:
        digit = with_stroke(digit, STROKE)
    return framed(digit, steps.centre)


def above_paper(picture: Picture) -> Picture:
    """How far each pixel is from the paper, 0…255 with the strongest ink at 255: (h, w) uint8.

    Ink is what differs from the `paper` on the side where more does; where less light falls it
    differs by less, and is made stronger.
    """
    sheet = paper(picture)
    light = np.maximum(sheet, FAINT) / np.maximum(np.median(sheet), FAINT)
    difference: NDArray[np.float64] = (picture - sheet) / light
    darker, lighter = -difference.clip(max=0), difference.clip(min=0)
    ink = darker if (darker**2).sum() > (lighter**2).sum() else lighter
    if ink.max() < FAINT:
        return np.zeros_like(picture)
    # What is below the threshold is the paper's grain.
    kept = np.where(ink >= INK * ink.max(), ink, 0)
    return np.rint(kept * (WHITE / ink.max())).astype(np.uint8)


def paper(picture: Picture) -> NDArray[np.float64] | np.float64:
    """Grey levels of the paper, (h, w) or one number: the median of the border, or a plane.

    The plane rises as the medians of opposite sides do. It is taken where the border lies at most
    half as far from it, in the median, as from its own: for light that falls off evenly. Medians,
    because a digit may touch the border.
    """
    level = np.median(_border(picture))
    top, bottom, left, right = (
        np.median(side) for side in (picture[0], picture[-1], picture[:, 0], picture[:, -1])
    )
    down, along = (np.linspace(-0.5, 0.5, length) for length in picture.shape)
    rise = (bottom - top) * down[:, None] + (right - left) * along
    plane: NDArray[np.float64] = rise + np.median(_border(picture - rise))
    flat, tilted = (np.median(np.abs(_border(picture - one))) for one in (level, plane))
    return plane if tilted < flat / 2 else level


def _border(values: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])


def ink_box(ink: Picture) -> tuple[int, int, int, int]:
    """The smallest box around the ink: first row, the one after the last, the same of columns."""
    written = ink >= INK * ink.max()
    rows, columns = np.flatnonzero(written.any(axis=1)), np.flatnonzero(written.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def resized(picture: Picture, height: int, width: int) -> Picture:
    """The picture at another size, each pixel a weighted mean of those that it covers."""
    return np.asarray(
        Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR), np.uint8
    )


def framed(digit: Picture, centre: Literal["mass", "box"]) -> Picture:
    """A digit of at most 28 × 28 in a black frame of that size, nothing of it lost."""
    frame = np.zeros((SIDE, SIDE), np.uint8)
    height, width = digit.shape
    middle = centre_of_mass(digit) if centre == "mass" else ((height - 1) / 2, (width - 1) / 2)
    top, left = (
        min(max(round((SIDE - 1) / 2 - at), 0), SIDE - length)
        for at, length in zip(middle, digit.shape, strict=True)
    )
    frame[top : top + height, left : left + width] = digit
    return frame


def centre_of_mass(picture: Picture) -> tuple[float, float]:
    """Row and column of the centre of mass, in pixels from the middle of the first one."""
    mass = picture.astype(np.float64)
    total = mass.sum()
    row = float(mass.sum(axis=1) @ np.arange(len(mass)) / total)
    column = float(mass.sum(axis=0) @ np.arange(mass.shape[1]) / total)
    return row, column


def stroke_width(picture: Picture) -> float:
    """Mean width of the strokes in pixels: twice the ink over the length of its edge.

    The edge's length is the total variation of the picture, with full ink at 1.
    """
    ink = np.pad(picture.astype(np.float64) / WHITE, 1)
    down, right = np.diff(ink, axis=0)[:, :-1], np.diff(ink, axis=1)[:-1]
    edge = float(np.hypot(down, right).sum())
    return 2 * float(ink.sum()) / edge if edge else 0.0


def with_stroke(picture: Picture, width: float) -> Picture:
    """The picture with strokes grown or thinned by part of a pixel at a time, towards `width`.

    Of the pictures on the way the nearest one, without the blank rows and columns around it.
    """
    grows = stroke_width(picture) < width
    best = now = np.pad(picture, STROKE_STEPS // 2) if grows else picture
    for _ in range(STROKE_STEPS):
        now = thicker(now) if grows else thinner(now)
        if not now.max(initial=0) or abs(stroke_width(now) - width) >= abs(
            stroke_width(best) - width
        ):
            break
        best = now
    rows, columns = (np.flatnonzero(best.any(axis=one)) for one in (1, 0))
    written = best[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    # A worn stroke has lost its brightest pixels.
    return np.rint(written * (WHITE / written.max())).astype(np.uint8)


def thicker(picture: NDArray[Any], share: float = 0.5) -> NDArray[Any]:
    """Strokes grown on both sides by `share` of a pixel; for `picture` (…, h, w) of any number."""
    return _mixed(picture, _cross(picture).max(axis=0), share)


def thinner(picture: NDArray[Any], share: float = 0.5) -> NDArray[Any]:
    """Strokes worn on both sides by `share` of a pixel; what lies beyond the border is black."""
    return _mixed(picture, _cross(picture).min(axis=0), share)


def _cross(picture: NDArray[Any]) -> NDArray[Any]:
    """Each pixel and its four neighbours, (5, …, h, w)."""
    around = [(0, 0)] * (picture.ndim - 2) + [(1, 1), (1, 1)]
    padded = np.pad(picture, around)
    return np.stack(
        [
            picture,
            padded[..., :-2, 1:-1],
            padded[..., 2:, 1:-1],
            padded[..., 1:-1, :-2],
            padded[..., 1:-1, 2:],
        ]
    )


def _mixed(picture: NDArray[Any], other: NDArray[Any], share: float) -> NDArray[Any]:
    mixed = (1 - share) * picture.astype(np.float64) + share * other.astype(np.float64)
    return np.rint(mixed).astype(picture.dtype)
