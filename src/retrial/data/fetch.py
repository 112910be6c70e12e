"""From a data set's name to its arrays on disk."""

from pathlib import Path

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.files import cache_folder, sha256, write_atomically
from retrial.data.arrays import write_array
from retrial.data.cache import Cache
from retrial.data.catalogue import DATASETS
from retrial.data.decode import cifar10_arrays, digits_arrays, iris_arrays, mnist_arrays
from retrial.data.sources import obtain

IMAGE_SETS = {
    "mnist": mnist_arrays,
    "fashion_mnist": mnist_arrays,
    "cifar10": cifar10_arrays,
}
WITHIN_SCIKIT_LEARN = {"iris": iris_arrays, "digits": digits_arrays}

# SHA-256 of the arrays' bytes in C order: scikit-learn's own copies are pinned as the files are.
ARRAY_PINS = {
    "iris": {
        "features": "012f498fe9c8b3b34212c3c5d98e1f03f2f79931cd49349beb1bad64dcf164a7",
        "labels": "7ba64c221a0a07e8a91f5c36d9f046565bb0dc1f9f5473a924f65122b6c8a412",
    },
    "digits": {
        "images": "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3",
        "labels": "8ba4f891220f5e4c9c819638d1602d74b83618f167043c6da52a2a247841ddf0",
    },
}

NAMES = (*DATASETS, *WITHIN_SCIKIT_LEARN)


def fetch(name: str, folder: Path, cache: Cache | None = None) -> None:
    """Write the data set `name` into `folder`, the same bytes whatever its source.

    Images and labels become one .npy file each, uint8 (Iris has float64 features, in cm); Titanic
    becomes titanic_714.csv.

    Args:
        name: one of NAMES.
        folder: is made when it is not there.
        cache: the data cache; None means the user's.

    Raises:
        RetrialError: the name is unknown, or no source is left.
    """
    if name not in NAMES:
        raise RetrialError(f"data set {name}: unknown, expected one of {', '.join(NAMES)}")
    folder.mkdir(parents=True, exist_ok=True)
    if name in WITHIN_SCIKIT_LEARN:
        arrays = WITHIN_SCIKIT_LEARN[name]()
        check_arrays(name, arrays)
    else:
        files = obtain(DATASETS[name], cache or Cache(cache_folder()))
        if name not in IMAGE_SETS:
            for file, content in files.items():
                write_atomically(folder / file, content)
            return
        arrays = IMAGE_SETS[name](files)
    for stem, array in arrays.items():
        write_array(folder / f"{stem}.npy", array)


def check_arrays(name: str, arrays: dict[str, np.ndarray]) -> None:
    """Compare arrays that scikit-learn holds with their pins.

    Raises:
        RetrialError: an array has other bytes than those that the study was made with.
    """
    for stem, array in arrays.items():
        found = sha256(array.astype(array.dtype.newbyteorder("<")).tobytes())
        expected = ARRAY_PINS[name][stem]
        if found != expected:
            raise RetrialError(
                f"{name}: scikit-learn's {stem}: expected SHA-256 {expected}, found {found}"
            )
