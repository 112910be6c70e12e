"""Contenders of a benchmark, each in a process of its own on one core, that work in turns."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence


def contend(work: Callable[[], object]) -> None:
    """A contender's process: once to warm up, then timed once for each line that it reads."""
    work()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.process_time()
        work()
        print(time.process_time() - start, flush=True)


def started(
    script: str, name: str, core: int, options: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """The process of contender `name` of `script`, warm, with one thread on `core`.

    `options` are further arguments of the script's command line.
    """
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    process = subprocess.Popen(
        [sys.executable, script, "--contender", name, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | dict.fromkeys(threads, "1"),
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    answer(process)
    return process


def answer(process: subprocess.Popen[str]) -> str:
    """The next line that a contender writes."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        sys.exit(f"a contender ended early: {process.args!r}")
    return line
