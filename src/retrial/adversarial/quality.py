"""How far changed images are from their originals, as stored in 8 bits."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrial.images import structural_similarity

LEVELS = 255  # grey levels above black


class Quality(NamedTuple):
    """Measures of each changed image against its original, all (n,) float64.

    `linf` is the largest and `l2` the root of the summed squared change of a value, with black at
    0 and white at 1; `levels` is the largest change in grey levels, 0…255. `psnr` is the peak
    signal-to-noise ratio in dB, inf for equal images. `ssim` is the structural similarity, at most
    1, the mean over the channels of a colour image. `changed` is the share of values (pixels times
    channels) that changed at all, 0…1.
    """

    linf: NDArray[np.float64]
    l2: NDArray[np.float64]
    psnr: NDArray[np.float64]
    ssim: NDArray[np.float64]
    levels: NDArray[np.float64]
    changed: NDArray[np.float64]


def quality(stored: NDArray[np.uint8], originals: NDArray[np.uint8]) -> Quality:
    """The quality of `stored` images, both uint8 (n, channels, height, width).

    ValueError when the shapes differ or an image is smaller than the window of the similarity.
    """
    if stored.shape != originals.shape:
        raise ValueError(
            f"images of shape {stored.shape} and originals of shape {originals.shape}: "
            "expected equal ones"
        )
    count, channels = stored.shape[:2]
    change = stored.reshape(count, -1).astype(np.float64) - originals.reshape(count, -1)
    levels = np.abs(change).max(axis=1)
    squares = ((change / LEVELS) ** 2).sum(axis=1)
    with np.errstate(divide="ignore"):
        psnr = 10 * np.log10(change.shape[1] / squares)
    planes = [one.reshape(count * channels, *one.shape[2:]) / LEVELS for one in (stored, originals)]
    ssim = structural_similarity(*planes).reshape(count, channels).mean(axis=1)
    changed = (change != 0).mean(axis=1)
    return Quality(levels / LEVELS, np.sqrt(squares), psnr, ssim, levels, changed)
