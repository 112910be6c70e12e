"""Stage: the indices and class counts of one split to data/splits/<split>/."""

import sys
from pathlib import Path

from retrial.core.errors import RetrialError, reported
from retrial.data.splits import write_split


@reported
def main() -> None:
    if len(sys.argv) != 2:
        raise RetrialError("usage: python stages/split.py SPLIT")
    split = sys.argv[1]
    write_split(split, Path("data/raw"), Path("data/splits", split))


if __name__ == "__main__":
    main()
