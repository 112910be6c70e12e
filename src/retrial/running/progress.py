"""What is shown of a sweep while it runs: how far it is, how long it takes, what workers do."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

# Shows that so many expected seconds are done, by which worker ("" for the store), in what time.
Show = Callable[[float, str, float], None]


@dataclass
class Throughput:
    """What each worker has finished: its trials, and the seconds that it was busy with them."""

    trials: dict[str, int] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)

    def add(self, worker: str, seconds: float) -> None:
        """Count one trial of `worker`, which took `seconds`."""
        self.trials[worker] = self.trials.get(worker, 0) + 1
        self.busy[worker] = self.busy.get(worker, 0.0) + seconds

    def text(self, elapsed: float) -> str:
        """One line after `elapsed` seconds; "" where no worker has finished a trial.

        The mean over workers, and the slowest by name: thousands of workers fit no screen.
        """
        if not self.trials or elapsed <= 0:
            return ""
        count = len(self.trials)
        share = sum(self.busy.values()) / (elapsed * count)
        rate = 60 * sum(self.trials.values()) / (elapsed * count)
        line = f"{count} worker{'s' * (count > 1)}, {rate:.3g} trials/min each, {share:.0%} busy"
        if count == 1:
            return line
        slowest = min(self.trials, key=lambda name: (self.trials[name], name))
        return f"{line}; slowest {slowest}: {60 * self.trials[slowest] / elapsed:.3g}"


@contextmanager
def progress(name: str, total: float) -> Iterator[Show]:
    """A progress bar over `total` expected seconds, with an ETA and the workers' throughput.

    Quiet without a terminal.
    """
    bar = Progress(
        TextColumn(name),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[workers]}"),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    task = bar.add_task(name, total=total, workers="")
    throughput, start = Throughput(), time.monotonic()

    def show(weight: float, worker: str, seconds: float) -> None:
        if worker:
            throughput.add(worker, seconds)
        bar.update(task, advance=weight, workers=throughput.text(time.monotonic() - start))

    with bar:
        yield show
