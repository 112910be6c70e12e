"""Contenders of a benchmark, each in a process of its own on one core, that work in turns."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence


def contend(work: Callable[[], object]) -> None:
    """A contender's process: once to warm up, then timed once for each line that it reads."""
    work()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(cpu_seconds(work), flush=True)


def cpu_seconds(work: Callable[[], object]) -> float:
    """What one call takes of this process's CPU time."""
    start = time.process_time()
    work()
    return time.process_time() - start


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


def in_turns(
    script: str, names: Sequence[str], rounds: int, options: Sequence[str] = ()
) -> dict[str, list[float]]:
    """CPU seconds of the contenders of `script`, all on the last core: one turn each in a round.

    `options` as in `started`.
    """
    core = max(os.sched_getaffinity(0))
    processes = {name: started(script, name, core, options) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, process in processes.items():
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
            seconds[name].append(float(answer(process)))
    for process in processes.values():
        process.communicate()
    return seconds


def entry(
    label: str,
    times: Sequence[float],
    ours: Sequence[float] | None = None,
    goal: float | None = None,
) -> str:
    """A line of a benchmark's table: seconds and, of a peer, the ratio of the medians to ours."""
    median = statistics.median(times)
    text = f"{label} {median:7.3f} s ({min(times):.3f}–{max(times):.3f})"
    if ours is not None:
        ratio = median / statistics.median(ours)
        text += f"  ours is {ratio:.2f}× faster"
        if goal is not None:
            text += f", goal {goal}×: {'met' if ratio >= goal else 'MISSED'}"
    return text
