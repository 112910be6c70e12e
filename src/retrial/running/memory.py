"""Resident memory as the system accounts for it."""

import resource
import sys
from pathlib import Path

from joblib.externals.loky import get_reusable_executor

STATUS = Path("/proc/self/status")
# The unit of ru_maxrss: bytes on macOS, KiB elsewhere.
UNIT = 1 if sys.platform == "darwin" else 1024


def own_peak() -> int:
    """The most resident memory that this process has had so far, in bytes.

    Linux counts in ru_maxrss what the parent had when it started this program, so VmHWM is read
    where there is one.
    """
    try:
        lines = STATUS.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return found[0] if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT


def largest_worker() -> int:
    """The most that any one worker of this process has had, in bytes; at least what another child.

    Ends joblib's local workers: the system tells a child's memory once it has ended. On Linux it
    is at least what this process had when it started the worker.
    """
    get_reusable_executor(reuse=True).shutdown(wait=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * UNIT
