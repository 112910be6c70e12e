"""Stage: the verdicts of all families in one table that others read."""

from retrial.core.errors import reported
from retrial.judging.verdicts import merge
from retrial.running.parent import end_with_dvc


@reported
def main() -> None:
    end_with_dvc()
    merge()


if __name__ == "__main__":
    main()
