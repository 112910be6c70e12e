"""Stage: the verdicts of all families in one table that others read."""

from retrial.errors import reported
from retrial.verdicts import merge

if __name__ == "__main__":
    reported(merge)()
