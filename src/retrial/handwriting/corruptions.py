"""What happens to pictures of digits, in five severities, after MNIST-C.

Mu and Gilmer 2019, "MNIST-C: a robustness benchmark for computer vision", name most of these; the
pictures are made here, with strengths of our own. All are functions of the pictures, the strength
and a generator, and take and return light ink on black, uint8 (n, side, side).
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from retrial.core.seeds import generator
from retrial.handwriting.normalise import thicker, thinner

Pictures = NDArray[np.uint8]
Corruption = Callable[[Pictures, float, np.random.Generator], Pictures]

SEVERITIES = 5
WHITE = 255
GREY = 128
# Sides of the grids of random heights that a fog is made of, each half as high as the one before.
FOG_GRIDS = (3, 5, 9)


def warped(pictures: Pictures, matrices: NDArray[np.float64]) -> Pictures:
    """Each picture as its inverse map says: (n, 2, 3), rows first, in pixels from the middle.

    Pixel (r, c) of the result is that of the picture at `matrix @ (r, c, 1)`, between pixels
    bilinear, beyond the border black.
    """
    middle = (pictures.shape[1] - 1) / 2
    found = np.empty_like(pictures)
    for picture, matrix, out in zip(pictures, matrices, found, strict=True):
        offset = matrix[:, 2] + middle - matrix[:, :2] @ (middle, middle)
        moved = ndimage.affine_transform(picture.astype(np.float64), matrix[:, :2], offset, order=1)
        out[...] = np.rint(moved)
    return found


def linear(*rows: Any) -> NDArray[np.float64]:
    """Matrices (n, 2, 3) from their two rows, of numbers or of arrays (n,)."""
    cells = np.broadcast_arrays(*[np.asarray(one, float) for row in rows for one in row])
    return np.stack(cells, axis=-1).reshape(-1, 2, 3)


def _signs(count: int, chance: np.random.Generator) -> NDArray[np.float64]:
    return np.where(chance.random(count) < 0.5, -1.0, 1.0)


def shear(pictures: Pictures, by: float, chance: np.random.Generator) -> Pictures:
    """Lean to either side: a row moves by its distance from the middle times `by`."""
    lean = by * _signs(len(pictures), chance)
    return warped(pictures, linear((1, 0, 0), (lean, 1, 0)))


def scale(pictures: Pictures, to: float, chance: np.random.Generator) -> Pictures:
    """Shrink to the share `to` of both sides."""
    matrix = linear((1 / to, 0, 0), (0, 1 / to, 0))
    return warped(pictures, np.repeat(matrix, len(pictures), axis=0))


def rotation(pictures: Pictures, degrees: float, chance: np.random.Generator) -> Pictures:
    """Turn to either side."""
    angles = math.radians(degrees) * _signs(len(pictures), chance)
    cos, sin = np.cos(angles), np.sin(angles)
    return warped(pictures, linear((cos, -sin, 0), (sin, cos, 0)))


def blur(pictures: Pictures, sigma: float, chance: np.random.Generator) -> Pictures:
    """Smooth by a Gaussian of standard deviation `sigma` pixels."""
    smooth = ndimage.gaussian_filter(
        pictures.astype(np.float64), (0, sigma, sigma), mode="constant"
    )
    return _stored(smooth)


def noise(pictures: Pictures, deviation: float, chance: np.random.Generator) -> Pictures:
    """Add normal noise, `deviation` as a share of white."""
    return _stored(pictures + deviation * WHITE * chance.standard_normal(pictures.shape))


def speckle(pictures: Pictures, share: float, chance: np.random.Generator) -> Pictures:
    """Make a share of the pixels black or white."""
    drawn = chance.random(pictures.shape)
    spoilt = np.where(drawn < share / 2, 0, pictures)
    return np.where(drawn > 1 - share / 2, WHITE, spoilt).astype(np.uint8)


def thin(pictures: Pictures, by: float, chance: np.random.Generator) -> Pictures:
    """Wear strokes by `by` pixels on each side, at most 1."""
    return thinner(pictures, by)


def thick(pictures: Pictures, by: float, chance: np.random.Generator) -> Pictures:
    """Grow strokes by `by` pixels on each side, at most 2."""
    return thicker(thicker(pictures, by / 2), by / 2)


def brightness(pictures: Pictures, by: float, chance: np.random.Generator) -> Pictures:
    """Lighten: black becomes the grey `by`, a share of white."""
    return _stored(pictures + by * (WHITE - pictures.astype(np.float64)))


def contrast(pictures: Pictures, to: float, chance: np.random.Generator) -> Pictures:
    """Fade: white becomes the grey `to`, a share of white."""
    return _stored(to * pictures.astype(np.float64))


def occlusion(pictures: Pictures, side: float, chance: np.random.Generator) -> Pictures:
    """Lay a grey square of `side` pixels somewhere on the middle half of the picture."""
    whole, found = pictures.shape[1], pictures.copy()
    first = round(whole / 4 - side / 2)
    places = first + chance.integers(0, whole // 2 + 1, (len(pictures), 2))
    for picture, (top, left) in zip(found, np.maximum(places, 0), strict=True):
        picture[top : top + int(side), left : left + int(side)] = GREY
    return found


def fog(pictures: Pictures, depth: float, chance: np.random.Generator) -> Pictures:
    """Veil with smooth light of a mean of about half `depth`, a share of white."""
    whole, light = pictures.shape[1], np.zeros(pictures.shape)
    for order, side in enumerate(FOG_GRIDS):
        heights = chance.random((len(pictures), side, side)) / 2**order
        zoom = (1, whole / side, whole / side)
        light += ndimage.zoom(heights, zoom, order=1, mode="nearest", grid_mode=True)
    veil = depth * light / sum(0.5**order for order in range(len(FOG_GRIDS)))
    return _stored(WHITE * (1 - (1 - pictures / WHITE) * (1 - veil)))


def _stored(values: NDArray[np.float64]) -> Pictures:
    return np.rint(values.clip(0, WHITE)).astype(np.uint8)


# Strengths of severity 1 to 5.
CORRUPTIONS: Mapping[str, tuple[Corruption, tuple[float, ...]]] = MappingProxyType(
    {
        "shear": (shear, (0.2, 0.35, 0.5, 0.65, 0.8)),
        "scale": (scale, (0.85, 0.75, 0.65, 0.55, 0.45)),
        "rotation": (rotation, (10, 20, 30, 40, 50)),
        "blur": (blur, (0.6, 1.0, 1.4, 1.8, 2.4)),
        "noise": (noise, (0.1, 0.2, 0.3, 0.4, 0.5)),
        "speckle": (speckle, (0.03, 0.06, 0.1, 0.15, 0.22)),
        "thin": (thin, (0.2, 0.4, 0.6, 0.8, 1.0)),
        "thick": (thick, (0.4, 0.8, 1.2, 1.6, 2.0)),
        "brightness": (brightness, (0.1, 0.2, 0.3, 0.4, 0.5)),
        "contrast": (contrast, (0.75, 0.5, 0.35, 0.25, 0.15)),
        "occlusion": (occlusion, (4, 6, 8, 10, 12)),
        "fog": (fog, (0.2, 0.35, 0.5, 0.65, 0.8)),
    }
)


def corrupted(pictures: Pictures, name: str, severity: int) -> Pictures:
    """Pictures (n, side, side) corrupted; the same ones always to the same bytes.

    Chance is drawn anew for each corruption, and alike for its severities: a worse picture is the
    same accident, only worse. ValueError for a corruption or a severity that there is not.
    """
    if name not in CORRUPTIONS:
        raise ValueError(f"corruption {name!r}: expected one of {', '.join(CORRUPTIONS)}")
    if not 1 <= severity <= SEVERITIES:
        raise ValueError(f"severity {severity!r}: expected 1 to {SEVERITIES}")
    change, strengths = CORRUPTIONS[name]
    return change(pictures, strengths[severity - 1], generator("corruptions", name))
