"""Report 004, exercise 3: handwriting that a network of MNIST has not seen, as arrays."""

from pathlib import Path

import numpy as np

from retrial.core.config import PARAMS, section
from retrial.core.errors import reported
from retrial.handwriting.domains import Domains, build


@reported
def main() -> None:
    settings = section(PARAMS, "domains", Domains)
    raw = Path("data/raw")
    files = {"test_images": raw / "mnist", "images": raw / "digits", "labels": raw / "digits"}
    data = {name: np.load(folder / f"{name}.npy") for name, folder in files.items()}
    folder = Path("data/domains")
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in build(settings, data).items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)


if __name__ == "__main__":
    main()
