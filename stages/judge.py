"""Stage: the verdicts of one family, from its records and the ledger."""

import sys

from retrial.core.errors import RetrialError, reported
from retrial.judging.verdicts import write_family
from retrial.running.parent import end_with_dvc


@reported
def main() -> None:
    end_with_dvc()
    if len(sys.argv) != 2:
        raise RetrialError("usage: python stages/judge.py FAMILY")
    write_family(sys.argv[1])


if __name__ == "__main__":
    main()
