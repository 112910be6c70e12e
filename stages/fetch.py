"""Stage: one data set, from whichever source has it, to data/raw/<data set>/."""

import sys
from pathlib import Path

from retrial.data.fetch import fetch
from retrial.errors import RetrialError, reported


@reported
def main() -> None:
    if len(sys.argv) != 2:
        raise RetrialError("usage: python stages/fetch.py DATASET")
    dataset = sys.argv[1]
    fetch(dataset, Path("data/raw", dataset))


if __name__ == "__main__":
    main()
