"""Which rows each report trained, validated and tested on.

A split is a pure function of nothing: the protocols fix the sizes. What a report leaves open is
told as an assumption, in the function's docstring and in the split's summary.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from retrial.core.errors import RetrialError
from retrial.core.files import write_atomically
from retrial.data.arrays import write_array


@dataclass(frozen=True)
class Part:
    """Rows (n,) int32 of one array: the stems of its .npy file and of that of its labels."""

    indexes: str
    labels: str
    indices: np.ndarray


@dataclass(frozen=True)
class Split:
    """A data set, its parts by name, and what the report leaves open."""

    dataset: str
    parts: Mapping[str, Part]
    assumes: tuple[str, ...] = ()


def _rows(of: str, indices: np.ndarray) -> Part:
    """Rows of the publisher's training or test file of an image set."""
    return Part(f"{of}_images", f"{of}_labels", np.asarray(indices, np.int32))


def report000_mnist() -> Split:
    """Report 000, 6.1: 1,000 training and 100 test images of MNIST.

    The report does not say which. The first 1,000 rows of the training file have exactly the
    class counts of Table 6.1. Assumed: the test images are the first 100 rows of the test file.
    """
    return Split(
        "mnist",
        {"train": _rows("train", np.arange(1000)), "test": _rows("test", np.arange(100))},
        ("the 100 test images are the first rows of the test file",),
    )


def report002_mnist() -> Split:
    """Report 002, B: 60,000 training, 5,000 validation and 5,000 test images of MNIST.

    The report does not say how the test file was halved. The accuracies that Table 1 prints for
    constant predictors are the class counts of the second half that scikit-learn's
    `train_test_split(test_size=.5, random_state=42)` returns, so that half is the validation set.
    Assumed: the first half is the test set, in the order in which it is returned.
    """
    test, validation = train_test_split(np.arange(10_000), test_size=0.5, random_state=42)
    return Split(
        "mnist",
        {
            "train": _rows("train", np.arange(60_000)),
            "validation": _rows("test", validation),
            "test": _rows("test", test),
        },
        ("the half of the test file that is not the validation set is the test set",),
    )


def report002_fashion() -> Split:
    """Report 002, C 3.1.1: 8,000 training, 1,000 validation, 1,000 test images of Fashion-MNIST.

    The report takes "the first 8,000 data points" of train.csv, and "the first 2,000", of which
    file it does not say, and splits these in two. Assumed: the rows stand in the order of the
    publisher's files; the 2,000 are rows of the test file, so that they do not overlap the 8,000;
    the first 1,000 of them are the validation set and the next 1,000 the test set.
    """
    return Split(
        "fashion_mnist",
        {
            "train": _rows("train", np.arange(8000)),
            "validation": _rows("test", np.arange(1000)),
            "test": _rows("test", np.arange(1000, 2000)),
        },
        (
            "the rows of the CSV files stand in the order of the publisher's files",
            "the first 2,000 data points are rows of the test file",
            "the first 1,000 of them are the validation set, the next 1,000 the test set",
        ),
    )


def iris() -> Split:
    """Report 001, P4: 70 training and 30 test rows of Iris.

    The report keeps the classes Setosa and Versicolor, which are the first 100 rows, and calls
    `train_test_split(test_size=.3, random_state=42)` on them. Nothing is left open.
    """
    train, test = train_test_split(np.arange(100), test_size=0.3, random_state=42)
    return Split(
        "iris",
        {
            name: Part("features", "labels", np.asarray(rows, np.int32))
            for name, rows in (("train", train), ("test", test))
        },
    )


def full_mnist() -> Split:
    """All of MNIST: 60,000 training and 10,000 test images."""
    return Split(
        "mnist",
        {"train": _rows("train", np.arange(60_000)), "test": _rows("test", np.arange(10_000))},
    )


def full_cifar10() -> Split:
    """All of CIFAR-10: 50,000 training and 10,000 test images."""
    return Split(
        "cifar10",
        {"train": _rows("train", np.arange(50_000)), "test": _rows("test", np.arange(10_000))},
    )


SPLITS: dict[str, Callable[[], Split]] = {
    split.__name__: split
    for split in (
        report000_mnist,
        report002_mnist,
        report002_fashion,
        iris,
        full_mnist,
        full_cifar10,
    )
}


def class_counts(labels: np.ndarray, indices: np.ndarray) -> dict[str, int]:
    """How many rows each class has, by class number as text (a key of JSON).

    Args:
        labels: (rows,) whole numbers from 0.
        indices: (n,) rows of `labels`.

    Raises:
        RetrialError: an index lies outside `labels`.
    """
    if indices.size and not 0 <= indices.min() <= indices.max() < len(labels):
        raise RetrialError(f"index {indices.max()}: outside the {len(labels)} rows there are")
    classes = int(labels.max()) + 1 if labels.size else 0
    counts = np.bincount(labels[indices], minlength=classes)
    return {str(label): int(count) for label, count in enumerate(counts)}


def summary(name: str, split: Split, labels: Mapping[str, np.ndarray]) -> dict[str, object]:
    """What the summary beside the indices holds.

    Args:
        name: the name of the split.
        split: its parts.
        labels: label arrays by the name of their file.

    Returns:
        split, dataset, assumes, and parts: for each the file that it indexes, its size and its
        class counts.
    """
    return {
        "split": name,
        "dataset": split.dataset,
        "assumes": list(split.assumes),
        "parts": {
            part: {
                "indexes": rows.indexes,
                "size": len(rows.indices),
                "class_counts": class_counts(labels[rows.labels], rows.indices),
            }
            for part, rows in split.parts.items()
        },
    }


def read_labels(folder: Path, stem: str) -> np.ndarray:
    """Labels from `stem`.npy, as whole numbers.

    Raises:
        RetrialError: the file is not there, or it cannot be read.
    """
    path = folder / f"{stem}.npy"
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except FileNotFoundError:
        raise RetrialError(f"{path}: no such file; the fetch stage writes it") from None
    except (ValueError, EOFError) as error:
        raise RetrialError(f"{path}: no readable labels: {error}") from None


def write_split(name: str, raw: Path, folder: Path) -> None:
    """Write `folder`/<part>.npy (int32 indices) for each part, and the summary `folder`.json.

    Args:
        name: one of SPLITS.
        raw: the folder that holds a folder for each data set.
        folder: is made when it is not there.

    Raises:
        RetrialError: the name is unknown, or the data set's labels are missing or too few.
    """
    if name not in SPLITS:
        raise RetrialError(f"split {name}: unknown, expected one of {', '.join(SPLITS)}")
    split = SPLITS[name]()
    source = raw / split.dataset
    stems = {part.labels for part in split.parts.values()}
    try:
        content = summary(name, split, {stem: read_labels(source, stem) for stem in stems})
    except RetrialError as error:
        raise RetrialError(f"split {name}: {source}: {error}") from None
    folder.mkdir(parents=True, exist_ok=True)
    for part, rows in split.parts.items():
        write_array(folder / f"{part}.npy", rows.indices)
    text = json.dumps(content, indent=2, sort_keys=True) + "\n"
    write_atomically(folder.with_suffix(".json"), text.encode())
