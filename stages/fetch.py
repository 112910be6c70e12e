"""Stage: one data set, from whichever source has it, to data/raw/<data set>/."""

import sys
from pathlib import Path

from retrial.core.errors import RetrialError, reported
from retrial.data.fetch import fetch
from retrial.running.parent import end_with_dvc


@reported
def main() -> None:
    end_with_dvc()
    if len(sys.argv) != 2:
        raise RetrialError("usage: python stages/fetch.py DATASET")
    dataset = sys.argv[1]
    fetch(dataset, Path("data/raw", dataset))


if __name__ == "__main__":
    main()
