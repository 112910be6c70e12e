"""Says which digit a picture file shows, by the network that the study of handwriting chooses."""

import warnings
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from retrial.core.errors import RetrialError, describe
from retrial.core.partitioned import load_records
from retrial.core.records import RECORDS, WEIGHTS
from retrial.handwriting.choice import chosen
from retrial.handwriting.grey import in_grey
from retrial.handwriting.normalise import SIDE, BlankError, normalised
from retrial.image_classification import classifier_of
from retrial.judging.verdicts import RESULTS
from retrial.running.integrity import require_intact
from retrial.running.sweep import load_tensors
from retrial.studies.handwriting import NAME, probabilities

Picture = NDArray[np.uint8]

# The formats that are read, by the first bytes of their files.
FORMATS = MappingProxyType({"PNG": b"\x89PNG\r\n\x1a\n", "JPEG": b"\xff\xd8\xff"})
EXPECTED = "expected a PNG or JPEG file"
# The least side of a picture and the most pixels in all. A side of several times LONG is reduced to
# between it and twice that: means of pixels have less of a camera's noise, which looks like ink.
LEAST, MOST, LONG = 8, 50_000_000, 256
ORIENTATION = 0x0112  # of EXIF
TURNS = MappingProxyType(
    {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
)
# From black to white; two make one pixel about as wide as it is high.
SHADES = " ░▒▓█"


class Network(NamedTuple):
    """A trained network and the arm that it is of."""

    arm: str
    module: torch.nn.Module


class Digit(NamedTuple):
    """The (28, 28) uint8 picture that a network saw, and the (10,) probabilities that it gave."""

    picture: Picture
    probabilities: NDArray[np.float64]


def load(root: Path) -> Network:
    """The first network of the arm that the validation domain chooses.

    RetrialError when the study was not run below `root`, or its files do not fit together.
    """
    folder = root / RESULTS / NAME
    for path in (folder / RECORDS, folder / WEIGHTS):
        if not path.exists():
            raise RetrialError(f"{path}: no such file, run `dvc repro {NAME}` first")
    require_intact([RESULTS / NAME / RECORDS, RESULTS / NAME / WEIGHTS], root)
    records = load_records(folder)
    arm = chosen(records)
    # All networks of this study are plain ones, which its configs do not say.
    config = {"network": "plain", **records.of(arm)[0]["config"]}
    weights = load_tensors(folder / WEIGHTS)
    try:
        return Network(arm, classifier_of(weights, arm, 0, config, (1, SIDE, SIDE)))
    except ValueError as error:
        raise RetrialError(f"{folder / WEIGHTS}: {error}, run `dvc repro {NAME}`") from None


def predict(network: Network, path: Path, name: str) -> Digit:
    """What a network says of a picture file; RetrialError names it when it shows no digit."""
    try:
        picture = normalised(read(path, name))
    except BlankError as error:
        raise RetrialError(f"{name}: {error}") from None
    return Digit(picture, probabilities(network.module, picture[None])[0])


def read(path: Path, name: str) -> Picture:
    """A PNG or JPEG file as grey levels (h, w), on white paper where it is transparent, upright.

    RetrialError, in which the file is called `name`, when it is no such file, is damaged, or has
    a side of less than 8 pixels or more than 50 million pixels.
    """
    try:
        if path.is_dir():
            raise RetrialError(f"{name}: a folder, {EXPECTED}")
        if path.exists() and not path.is_file():
            raise RetrialError(f"{name}: not a regular file, {EXPECTED}")
        with path.open("rb") as stream:
            start = stream.read(max(map(len, FORMATS.values())))
    except OSError as error:
        why = describe(OSError(error.errno, error.strerror))
        raise RetrialError(f"{name}: {why}, {EXPECTED}") from None
    if not start:
        raise RetrialError(f"{name}: empty, {EXPECTED}")
    kind = next((one for one, magic in FORMATS.items() if start.startswith(magic)), None)
    if kind is None:
        raise RetrialError(f"{name}: another format, {EXPECTED}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decoded(path, kind, name)
    except Image.DecompressionBombError:
        raise too_large(name) from None
    except (RetrialError, MemoryError):
        raise
    except Exception:
        # Pillow's decoders say in many ways that a file is damaged.
        raise RetrialError(f"{name}: truncated or damaged, expected a whole {kind} file") from None


def too_large(name: str) -> RetrialError:
    """The error for a picture of more than MOST pixels, as its header says."""
    return RetrialError(f"{name}: more than {MOST // 10**6} megapixels, expected fewer")


def _decoded(path: Path, kind: str, name: str) -> Picture:
    with Image.open(path, formats=[kind]) as image:
        width, height = image.size
        if width * height > MOST:
            raise too_large(name)
        if min(width, height) < LEAST:
            raise RetrialError(
                f"{name}: {width} × {height} pixels, expected at least {LEAST} × {LEAST}"
            )
        image.load()
        turn = TURNS.get(image.getexif().get(ORIENTATION, 1))
        grey = in_grey(image)
    factor = max(grey.size) // LONG
    if factor > 1:
        grey = grey.reduce(factor)
    return np.asarray(grey if turn is None else grey.transpose(turn), np.uint8)


def lines(name: str, digit: Digit) -> list[str]:
    """What the network says, and the picture in shades, with the classes' probabilities beside it.

    One line for each row of the picture, at most 80 columns; the most probable class first.
    """
    order = np.argsort(-digit.probabilities, kind="stable")
    beside = [f"{one}  {digit.probabilities[one]:.4f}" for one in order]
    rows = shades(digit.picture)
    beside += [""] * (len(rows) - len(beside))
    return [
        f"{name}: {order[0]} (probability {digit.probabilities[order[0]]:.4f})",
        *(f"{row}  {said}".rstrip() for row, said in zip(rows, beside, strict=True)),
    ]


def shades(picture: Picture) -> list[str]:
    """A picture (h, w) uint8 as h lines of 2 w characters, in five shades."""
    levels = picture.astype(int) * len(SHADES) // 256
    return ["".join(2 * SHADES[level] for level in row) for row in levels]
