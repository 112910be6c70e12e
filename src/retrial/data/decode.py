"""From the bytes that a source delivers to the pinned payload, and from the payload to arrays.

Everything is a pure function of bytes. Images and labels come out as uint8 arrays.
"""

import io
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from retrial.core.errors import RetrialError

CIFAR_PIXELS = 32 * 32
CIFAR_RECORD = 1 + 3 * CIFAR_PIXELS

TITANIC_COLUMNS = ("Pclass", "Sex", "Age", "Fare", "Survived")
TITANIC_MISSING_AGE = -999


def idx(content: bytes, name: str) -> np.ndarray:
    """An IDX file of unsigned bytes as a uint8 array of the shape in its header.

    The header is big-endian: two zero bytes, type code 8 (unsigned byte), the number of
    dimensions, then each dimension as a 32-bit integer.

    Raises:
        RetrialError: the header is not that of unsigned bytes, or the length does not fit it.
    """
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise RetrialError(f"{name}: not an IDX file of unsigned bytes: starts {content[:4]!r}")
    offset = 4 + 4 * content[3]
    if len(content) < offset:
        raise RetrialError(f"{name}: truncated in its header: {len(content)} of {offset} bytes")
    shape = struct.unpack(f">{content[3]}I", content[4:offset])
    expected = offset + math.prod(shape)
    if len(content) != expected:
        raise RetrialError(
            f"{name}: the header says {shape}, {expected} bytes in all, found {len(content)}"
        )
    return np.frombuffer(content, np.uint8, offset=offset).reshape(shape).copy()


def cifar_records(png: bytes, labels: Sequence[int], name: str) -> bytes:
    """One batch of CIFAR-10 in the layout of the publisher's binary version.

    Args:
        png: an RGB image with one row an example and 1024 pixels a row (32×32, row by row).
        labels: one class in 0…9 for each row.
        name: what the image is called, for the message.

    Returns:
        For each example 1 label byte, then 1024 red, 1024 green and 1024 blue bytes.

    Raises:
        RetrialError: the image cannot be decoded, or has another shape.
    """
    try:
        with Image.open(io.BytesIO(png)) as image:
            pixels = np.asarray(image)
    except (OSError, SyntaxError) as error:  # Pillow reports some broken chunks as SyntaxError
        raise RetrialError(f"{name}: not a readable PNG image: {error}") from None
    expected = (len(labels), CIFAR_PIXELS, 3)
    if pixels.shape != expected or pixels.dtype != np.uint8:
        raise RetrialError(
            f"{name}: expected an RGB image of shape {expected}, found {pixels.shape}"
        )
    records = np.empty((len(labels), CIFAR_RECORD), np.uint8)
    records[:, 0] = labels
    records[:, 1:] = pixels.transpose(0, 2, 1).reshape(len(labels), 3 * CIFAR_PIXELS)
    return records.tobytes()


def cifar_images(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A batch in the publisher's binary layout as images (N, 32, 32, 3) and labels (N,), uint8.

    Raises:
        RetrialError: the length is no whole number of records, or a label is above 9.
    """
    if len(content) % CIFAR_RECORD:
        raise RetrialError(f"{name}: {len(content)} bytes are no multiple of {CIFAR_RECORD}")
    records = np.frombuffer(content, np.uint8).reshape(-1, CIFAR_RECORD)
    labels = records[:, 0].copy()
    if labels.size and labels.max() > 9:
        raise RetrialError(f"{name}: label {labels.max()}, expected 0 to 9")
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), labels


def titanic_table(passengers: pd.DataFrame) -> bytes:
    """The pinned table: the five columns, rows without a missing value, sorted, as CSV.

    Args:
        passengers: has the columns Pclass (1…3), Sex (male, female), Age (years), Fare (pounds)
            and Survived (0, 1), with NaN where a value is missing.
    """
    columns = list(TITANIC_COLUMNS)
    complete = passengers[columns].dropna().sort_values(columns)
    return complete.to_csv(index=False, lineterminator="\n").encode()


def _csv(content: bytes, columns: Sequence[str], name: str) -> pd.DataFrame:
    try:
        table = pd.read_csv(io.BytesIO(content))
    except ValueError as error:  # ParserError and UnicodeDecodeError are ValueErrors
        raise RetrialError(f"{name}: not a CSV table: {str(error).splitlines()[0]}") from None
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise RetrialError(f"{name}: no column {missing[0]}, expected {', '.join(columns)}")
    return table


def titanic_from_publisher(content: bytes, name: str) -> bytes:
    """The pinned table from the CSV file at the address that report 001 (P3) prints."""
    return titanic_table(_csv(content, TITANIC_COLUMNS, name))


def titanic_from_one_hot(files: Mapping[str, bytes]) -> bytes:
    """The pinned table from explainerdashboard's two CSV files (691 and 200 rows).

    There the sex is one-hot and a missing age is -999. One row (Cumings, Mrs. …) has neither sex
    flag set; the title in the name says female.

    Raises:
        RetrialError: a column is missing.
    """
    names = {
        "PassengerClass": "Pclass",
        "Age": "Age",
        "Fare": "Fare",
        "Survival": "Survived",
    }
    needed = [*names, "Name", "Sex_female", "Sex_male"]
    table = pd.concat([_csv(content, needed, name) for name, content in files.items()])
    unflagged = (table["Sex_female"] == 0) & (table["Sex_male"] == 0)
    female = (table["Sex_female"] == 1) | (unflagged & table["Name"].str.contains("Mrs."))
    passengers = table.rename(columns=names)
    passengers["Sex"] = np.where(female, "female", "male")
    passengers["Age"] = passengers["Age"].where(passengers["Age"] != TITANIC_MISSING_AGE)
    return titanic_table(passengers)


def mnist_arrays(files: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    """The four IDX files of MNIST or Fashion-MNIST as uint8 arrays.

    Returns:
        train_images (60000, 28, 28), train_labels (60000,), test_images (10000, 28, 28) and
        test_labels (10000,).
    """
    return {
        f"{part}_{kind}": idx(files[name], name)
        for part, prefix in (("train", "train"), ("test", "t10k"))
        for kind, name in (
            ("images", f"{prefix}-images-idx3-ubyte"),
            ("labels", f"{prefix}-labels-idx1-ubyte"),
        )
    }


def cifar10_arrays(files: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    """The six binary batches of CIFAR-10 as uint8 arrays.

    Returns:
        train_images (50000, 32, 32, 3), train_labels (50000,), test_images (10000, 32, 32, 3)
        and test_labels (10000,); colours in the order red, green, blue.
    """
    train = [
        cifar_images(files[name], name)
        for name in (f"data_batch_{number}.bin" for number in range(1, 6))
    ]
    test_images, test_labels = cifar_images(files["test_batch.bin"], "test_batch.bin")
    return {
        "train_images": np.concatenate([images for images, _ in train]),
        "train_labels": np.concatenate([labels for _, labels in train]),
        "test_images": test_images,
        "test_labels": test_labels,
    }


def whole_numbers(values: Any, name: str) -> np.ndarray:
    """Whole numbers in 0…255, given as floats or integers, as uint8.

    Raises:
        RetrialError: a value is no whole number in that range.
    """
    array = np.asarray(values)
    small = array.astype(np.uint8)
    if not np.array_equal(small, array):
        raise RetrialError(f"{name}: expected whole numbers from 0 to 255")
    return small


def iris_arrays() -> dict[str, np.ndarray]:
    """scikit-learn's Iris: features (150, 4) in cm, float64, and labels (150,), uint8."""
    from sklearn.datasets import load_iris

    iris = load_iris()
    return {
        "features": np.ascontiguousarray(iris.data, np.float64),
        "labels": whole_numbers(iris.target, "iris labels"),
    }


def digits_arrays() -> dict[str, np.ndarray]:
    """scikit-learn's UCI digits: images (1797, 8, 8) with values 0…16 and labels, uint8."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return {
        "images": whole_numbers(digits.images, "digits images"),
        "labels": whole_numbers(digits.target, "digits labels"),
    }
