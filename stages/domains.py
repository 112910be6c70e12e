"""Report 004, exercise 3: handwriting that a network of MNIST has not seen, as arrays."""

from pathlib import Path

import numpy as np

from retrial.core.config import PARAMS, section
from retrial.core.errors import reported
from retrial.data.arrays import write_array
from retrial.handwriting.domains import Domains, build
from retrial.running.integrity import require_intact
from retrial.running.parent import end_with_dvc


@reported
def main() -> None:
    end_with_dvc()
    settings = section(PARAMS, "domains", Domains)
    raw = Path("data/raw")
    files = {"test_images": raw / "mnist", "images": raw / "digits", "labels": raw / "digits"}
    require_intact(files.values())
    data = {
        name: np.load(folder / f"{name}.npy", allow_pickle=False) for name, folder in files.items()
    }
    folder = Path("data/domains")
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in build(settings, data).items():
        write_array(folder / f"{name}.npy", array)


if __name__ == "__main__":
    main()
