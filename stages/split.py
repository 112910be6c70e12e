"""Stage: the indices and class counts of one split to data/splits/<split>/."""

import sys
from pathlib import Path

from retrial.core.errors import RetrialError, reported
from retrial.data.splits import SPLITS, write_split
from retrial.running.integrity import require_intact
from retrial.running.parent import end_with_dvc

RAW = Path("data/raw")


@reported
def main() -> None:
    end_with_dvc()
    if len(sys.argv) != 2:
        raise RetrialError("usage: python stages/split.py SPLIT")
    split = sys.argv[1]
    if split in SPLITS:
        require_intact([RAW / SPLITS[split]().dataset])
    write_split(split, RAW, Path("data/splits", split))


if __name__ == "__main__":
    main()
