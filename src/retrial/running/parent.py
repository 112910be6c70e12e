"""Ends a process with its parent: a run that is killed leaves no orphan beside the next one."""

import os
import sys
import threading
import time
from functools import cache

STAGE_VARIABLE = "DVC_STAGE"


@cache
def die_with(parent: int) -> None:
    """End this process soon after its parent has ended, however it ended.

    A killed run must leave no orphan that computes beside the next run. Polling is used since
    the kernel's parent-death signal is tied to the parent's thread and not to its process.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def end_with_dvc() -> None:
    """End this stage soon after DVC has ended; nothing outside a stage that DVC runs.

    DVC may have been killed while this process still loaded its libraries. It runs stages in its
    own process group, and whoever adopts an orphan is of another one.
    """
    if STAGE_VARIABLE not in os.environ:
        return
    parent = os.getppid()
    if os.getpgid(parent) != os.getpgrp():
        sys.exit("error: DVC has ended, and its stage with it")
    die_with(parent)
