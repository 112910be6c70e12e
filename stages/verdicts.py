"""Stage: the verdicts of all families in one table that others read."""

from retrial.core.errors import reported
from retrial.judging.verdicts import merge

if __name__ == "__main__":
    reported(merge)()
