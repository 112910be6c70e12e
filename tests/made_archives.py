"""Made archives of EMNIST and of numbers, as their publishers lay them out."""

import gzip
import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from retrial.data import more

PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"
FOLDER = f"numbers-{more.NUMBERS_COMMIT}"

# An L: its long stroke is on the left, its short one below.
ELL = np.zeros((28, 28), np.uint8)
ELL[4:24, 8:11] = 200
ELL[21:24, 8:18] = 120


def idx_bytes(array: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def emnist_files() -> dict[str, bytes]:
    """What the publisher's archive holds of the digits: three to train on, two to test on."""
    train = np.stack([ELL, ELL // 2, 255 - ELL])
    arrays = {
        "train-images-idx3": train.transpose(0, 2, 1),
        "train-labels-idx1": np.array([3, 1, 4]),
        "test-images-idx3": train[1:].transpose(0, 2, 1),
        "test-labels-idx1": np.array([9, 0]),
    }
    return {"gzip/emnist-letters-mapping.txt": b"another part"} | {
        f"gzip/emnist-digits-{name}-ubyte.gz": gzip.compress(idx_bytes(array))
        for name, array in arrays.items()
    }


def png(picture: Image.Image, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind)
    return stream.getvalue()


def scanned(pen: int, paper: int = 230) -> np.ndarray:
    """A vertical stroke of a pen that many pixels wide, on paper of 60 × 40."""
    sheet = np.full((60, 40), paper, np.uint8)
    sheet[10:50, 15 : 15 + pen] = 40
    return sheet


def numbers_files() -> dict[str, bytes]:
    """Five digits of two writers in no order, a blank one, a broken one, and what is none."""
    pens = {
        "0002_XXXXF/7/number-5.png": 3,
        "0001_CH4M/1/number-10.png": 9,
        "0001_CH4M/1/number-2.PNG": 15,
        "0001_CH4M/0/number-1.png": 5,
        "0002_XXXXF/2/number-9.png": 2,
        # Strokes of no pixel: a blank sheet.
        "0001_CH4M/3/number-8.png": 0,
    }
    ignored = (
        f"{FOLDER}/UNCATEGORIZED/4/number-0000001.PNG",
        f"{FOLDER}/0003_CH4F/12/number-1.png",
        f"{FOLDER}/0003_CH4F/1/odd-1.png",
        f"{FOLDER}/0003_CH4F/1/number-1.png.exe",
        f"{FOLDER}/0003_CH4F/1/number-1.png\n",
        f"{FOLDER}/../0003_CH4F/1/number-1.png",
        f"../{FOLDER}/0003_CH4F/1/number-1.png",
        f"/{FOLDER}/0003_CH4F/1/number-1.png",
        "numbers-master/0003_CH4F/1/number-1.png",
    )
    return {
        **{f"{FOLDER}/{name}": png(Image.fromarray(scanned(pen))) for name, pen in pens.items()},
        f"{FOLDER}/0001_CH4M/3/number-9.png": b"\x89PNG no picture",
        **dict.fromkeys(ignored, png(Image.fromarray(scanned(4)))),
    }
