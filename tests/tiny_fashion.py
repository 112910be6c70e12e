"""Tiny digits in the shape of the Fashion-MNIST split."""

import numpy as np
from tiny_digits import tiny_digits


def tiny_fashion(train: int = 120, small: int = 30) -> dict[str, np.ndarray]:
    """A training file and its rows; validation and test rows of the test file, `small` each."""
    return {
        **tiny_digits(train, 2 * small),
        "train": np.arange(train, dtype=np.int32),
        "validation": np.arange(small, dtype=np.int32),
        "test": np.arange(small, 2 * small, dtype=np.int32),
    }
