"""The test domains of report 004, exercise 3, and the second source of training digits.

    moved       MNIST's test digits, moved and scaled at random: this domain chooses
    digits      the second half of scikit-learn's digits (UCI, other writers), made to look like
                MNIST's; the first half is the second source
    corrupted   the first of MNIST's test digits under each corruption and severity
    pages       the second half once more, each digit somewhere on a sheet of light paper, and
                brought to 28 × 28 with one step of the normalisation changed at a time

The file of the digits names no writers: that both halves share some is not excluded.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from retrial.core.models import Count, FrozenModel
from retrial.core.seeds import generator
from retrial.handwriting.corruptions import CORRUPTIONS, SEVERITIES, corrupted, linear, warped
from retrial.handwriting.normalise import MNIST_STEPS, Steps, normalised, resized

Pictures = NDArray[np.uint8]
Share = Annotated[float, Field(ge=0, lt=1)]

HALF = 898  # of 1,797 digits
DARKEST = 16  # the files' grey levels of ink, from 0
# Sheets of paper, in pixels and grey levels: as a scan or a photo of one digit might have.
SHEET, DIGIT_SIDES, PAPER, PEN, GRAIN = 96, (32, 72), (190, 245), (20, 90), 4.0

# What the normalisation of a sheet leaves out or adds, one change at a time.
PAGE_STEPS: Mapping[str, Steps | None] = MappingProxyType(
    {
        "all": MNIST_STEPS,
        "no_polarity": Steps(polarity=False),
        "no_box": Steps(box=False),
        "no_mass": Steps(centre="box"),
        "stroke": Steps(stroke=True),
        "nothing": None,
    }
)


class Domains(FrozenModel):
    """`shift` in pixels and `zoom` as a share, either way; how many test digits are corrupted."""

    shift: Annotated[int, Field(ge=0, le=8)]
    zoom: Share
    corrupted: Count


def build(settings: Domains, data: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """All domains and the second source, by file name: (n, 28, 28) uint8 and labels (n,).

    Of each corruption (severities, n, 28, 28), and the `sheets` (n, 96, 96).

    `data`: MNIST's `test_images` (n, 28, 28) uint8; `images` (1797, 8, 8) uint8 in 0…16 and
    `labels` of the UCI digits.
    """
    pictures, labels = data["images"], data["labels"]
    levels = np.rint(pictures.astype(np.float64) * (255 / DARKEST)).astype(np.uint8)
    # Their polarity is known, and ink that fills the border would be taken for paper.
    own = MNIST_STEPS.model_copy(update={"polarity": False})
    written = np.stack([normalised(one, own) for one in levels])
    tests = np.asarray(data["test_images"])
    few = tests[: settings.corrupted]
    pages = sheets(levels[HALF:])
    found = {
        "second_images": written[:HALF],
        "second_labels": labels[:HALF],
        "digits_images": written[HALF:],
        "digits_labels": labels[HALF:],
        "moved_images": moved(tests, settings),
        "sheets": pages,
    }
    for name in CORRUPTIONS:
        worse = [corrupted(few, name, one + 1) for one in range(SEVERITIES)]
        found[f"corrupted_{name}"] = np.stack(worse)
    for name in PAGE_STEPS:
        found[f"pages_{name}"] = brought_to_size(pages, name)
    return found


def moved(pictures: Pictures, settings: Domains) -> Pictures:
    """Each picture scaled by up to `zoom` and moved by up to `shift` pixels along both axes."""
    chance = generator("domains", "moved")
    zoom = 1 + settings.zoom * (2 * chance.random(len(pictures)) - 1)
    down, right = settings.shift * (2 * chance.random((2, len(pictures))) - 1)
    return warped(pictures, linear((1 / zoom, 0, -down / zoom), (0, 1 / zoom, -right / zoom)))


def sheets(levels: Pictures) -> Pictures:
    """Each digit (n, 8, 8), light on black, dark on its own sheet of paper: (n, 96, 96) uint8."""
    chance = generator("domains", "pages")
    found = np.empty((len(levels), SHEET, SHEET), np.uint8)
    for digit, sheet in zip(levels, found, strict=True):
        side = int(chance.integers(*DIGIT_SIDES, endpoint=True))
        paper, pen = chance.uniform(*PAPER), chance.uniform(*PEN)
        top, left = chance.integers(0, SHEET - side, 2, endpoint=True)
        ink = np.zeros((SHEET, SHEET))
        ink[top : top + side, left : left + side] = resized(digit, side, side) / 255
        grain = GRAIN * chance.standard_normal(ink.shape)
        sheet[...] = np.rint((paper + (pen - paper) * ink + grain).clip(0, 255))
    return found


def brought_to_size(pages: Pictures, name: str) -> Pictures:
    """Sheets (n, 96, 96) as 28 × 28 with the steps of PAGE_STEPS."""
    steps = PAGE_STEPS[name]
    if steps is None:
        return np.stack([resized(one, 28, 28) for one in pages])
    return np.stack([normalised(one, steps) for one in pages])
