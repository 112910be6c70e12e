"""What tests that kill processes share."""

import time
from collections.abc import Callable

import psutil
import pytest


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition: Callable[[], bool], tries: int = 12000) -> None:
    for _ in range(tries):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("what the test waits for did not happen")
