"""Stage: further digits to train on, where params.yaml names them, to data/raw/more/."""

from pathlib import Path

from retrial.core.config import PARAMS
from retrial.core.errors import reported
from retrial.data.more import fetch_more, wanted
from retrial.running.parent import end_with_dvc


@reported
def main() -> None:
    end_with_dvc()
    fetch_more(wanted(PARAMS), Path("data/raw/more"))


if __name__ == "__main__":
    main()
