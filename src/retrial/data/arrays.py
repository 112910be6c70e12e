"""Arrays as files, whole or not at all."""

import io
from pathlib import Path

import numpy as np

from retrial.core.files import write_atomically


def write_array(path: Path, array: np.ndarray) -> None:
    """Write a `.npy` file; RetrialError names it when there is no space left for it."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_atomically(path, buffer.getvalue())
