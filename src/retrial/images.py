"""How like two images are, and how sharp one is.

The structural similarity of Wang, Bovik, Sheikh and Simoncelli 2004 (equation 13), and the energy
of an image's gradient. Images are (n, height, width); sums are taken in float64.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

Array = NDArray[Any]

# Side of the window in which the means, variances and covariance of SSIM are taken, in pixels.
WINDOW = 7
# The paper's constants, for a data range of 1: they keep both factors defined in flat windows.
C1, C2 = 0.01**2, 0.03**2


def structural_similarity(images: Array, others: Array) -> Array:
    """SSIM of each pair of images: (n,) float64, 1 for equal images, at least -1.

    Both are (n, height, width) in units of the data range, black at 0 and white at 1; values
    beyond are not clipped. The mean over all windows of 7 × 7 that lie within the image, every
    pixel with equal weight, variances with N - 1 as in the paper. ValueError when the shapes
    differ or an image is smaller than the window.
    """
    if images.shape != others.shape:
        raise ValueError(f"images of shape {images.shape} and {others.shape}: expected equal ones")
    if min(images.shape[1:]) < WINDOW:
        raise ValueError(f"images of shape {images.shape[1:]}: expected at least {WINDOW} pixels")
    x, y = images.astype(np.float64), others.astype(np.float64)
    mean_x, mean_y = _windows(x), _windows(y)
    unbiased = WINDOW**2 / (WINDOW**2 - 1)
    variance_x = unbiased * (_windows(x * x) - mean_x**2)
    variance_y = unbiased * (_windows(y * y) - mean_y**2)
    covariance = unbiased * (_windows(x * y) - mean_x * mean_y)
    likeness = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    likeness /= (mean_x**2 + mean_y**2 + C1) * (variance_x + variance_y + C2)
    found: Array = likeness.mean(axis=(1, 2))
    return found


def _windows(images: Array) -> Array:
    """The mean of each window that lies within its image, (n, height - 6, width - 6)."""
    means: Array = uniform_filter(images, size=(1, WINDOW, WINDOW))
    margin = WINDOW // 2
    return means[:, margin:-margin, margin:-margin]


def gradient_energy(images: Array) -> Array:
    """Σ of squared differences of neighbouring pixels, down and to the right: (n,) float64.

    `images` are (n, height, width). A blurred image has less of it than a sharp one.
    """
    x = images.astype(np.float64)
    down, right = np.diff(x, axis=1), np.diff(x, axis=2)
    found: Array = (down**2).sum(axis=(1, 2)) + (right**2).sum(axis=(1, 2))
    return found


def edge_ratio(images: Array, originals: Array) -> Array:
    """Gradient energy of each image as a multiple of its original's: (n,) float64.

    ValueError names the first original that has no edges.
    """
    energies = gradient_energy(originals)
    if not energies.all():
        flat = int(np.flatnonzero(energies == 0)[0])
        raise ValueError(f"original {flat} is one flat grey: expected edges to compare with")
    return gradient_energy(images) / energies
