"""Calls on a running Dask cluster, through the loss of workers and of the scheduler.

What a lost worker had in hand runs again on another one. While no worker is left, or no scheduler
answers, the run waits for their return; one line says so, and one ends it when they stay away.
"""

import logging
import sys
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any

from retrial.core.config import Compute
from retrial.core.errors import RetrialError
from retrial.running import lost
from retrial.running.lost import AHEAD, GO_ON, killed, no_cluster

# Seconds that a run waits for the return of its workers or its scheduler.
RETURN = 300.0
# Seconds between two looks at the workers.
LOOK = 2.0


class _SchedulerLostError(Exception):
    """The connection to the scheduler broke, and with it what it knew of the calls."""


def on_dask(
    execute: Callable[..., Sequence[Any]],
    calls: Sequence[Any],
    compute: Compute,
    content_of: Callable[[str], bytes],
) -> Iterator[Any]:
    """The answers of `execute(call)` for each call, as they come; a call answers once.

    A worker that lacks data answers so, and is asked again with the `content_of` each file.
    Raises RetrialError where no cluster answers at `compute.address`; where its workers or its
    scheduler are gone for more than RETURN seconds; and, after all other calls have been
    answered, where one call ended worker after worker.
    """
    waiting = dict(enumerate(calls))
    dead: list[int] = []
    back = False
    while len(dead) < len(waiting):
        with _client(compute, back) as client:
            try:
                for place, found in _answered(client, execute, waiting, dead, compute, content_of):
                    del waiting[place]
                    yield from found
            except _SchedulerLostError:
                back = True
                _tell(compute, "the scheduler is gone; its calls are sent again when it is back")
    if dead:
        raise killed("give the cluster's workers more")


@contextmanager
def _client(compute: Compute, back: bool) -> Iterator[Any]:
    """A client of the cluster; waits for RETURN seconds where it was there before (`back`)."""
    from distributed import Client

    deadline = time.monotonic() + (RETURN if back else 0)
    with _silent():
        while True:
            client = None
            try:
                client = Client(compute.address, timeout=lost.PATIENCE)
                client.wait_for_workers(1, timeout=lost.PATIENCE)
                break
            except OSError as error:
                if client is not None:
                    client.close()
                if not back:
                    raise no_cluster(compute, error) from None
                if time.monotonic() > deadline:
                    raise _gone(compute, "scheduler with a worker") from None
                time.sleep(0.5)
        if back:
            _tell(compute, "the scheduler is back")
        try:
            yield client
        finally:
            # A scheduler that is gone takes no leave.
            with suppress(OSError):
                client.close()


def _answered(
    client: Any,
    execute: Callable[..., Sequence[Any]],
    waiting: Mapping[int, Any],
    dead: list[int],
    compute: Compute,
    content_of: Callable[[str], bytes],
) -> Iterator[tuple[int, Sequence[Any]]]:
    """The places of calls with their answers, as they come.

    Places of calls that ended worker after worker are added to `dead`. Raises
    _SchedulerLostError.
    """
    from concurrent.futures import CancelledError

    from distributed import KilledWorker

    futures: dict[Any, int] = {}
    done: SimpleQueue[Any] = SimpleQueue()
    sent: dict[str, Any] = {}

    def send(place: int, *lacking: str) -> None:
        for one in lacking:
            if one not in sent:
                # The cluster keeps it, and hands it from worker to worker.
                sent[one] = client.scatter(content_of(one), hash=False)
        contents = [sent[one] for one in lacking]
        # Impure: equal calls of two people, whose code may differ, are not one.
        future = client.submit(execute, waiting[place], *contents, pure=False)
        futures[future] = place
        future.add_done_callback(done.put)

    places = iter([place for place in waiting if place not in dead])
    for place in islice(places, AHEAD):
        send(place)
    workers = _Workers(client, compute)
    while futures:
        workers.look()
        try:
            future = done.get(timeout=LOOK)
        except Empty:
            continue
        try:
            found = future.result(timeout=LOOK)
        except KilledWorker:
            dead.append(futures.pop(future))
            for place in islice(places, 1):
                send(place)
        except TimeoutError:
            # Its worker was lost before it handed the answer over: it runs again.
            done.put(future)
        except (CancelledError, OSError):
            raise _SchedulerLostError from None
        else:
            place = futures.pop(future)
            # Else the scheduler would have it run again when its worker is lost.
            future.release()
            if found[0].lacking:
                send(place, *found[0].lacking)
                continue
            for following in islice(places, 1):
                send(following)
            yield place, found


class _Workers:
    """The workers of a cluster, watched: a line for each that is gone, and for their return."""

    def __init__(self, client: Any, compute: Compute) -> None:
        self.client = client
        self.compute = compute
        self.known: set[Hashable] = set(self._present())
        self.looked = self.last = time.monotonic()

    def _present(self) -> Mapping[Hashable, Any]:
        found: Mapping[Hashable, Any] = self.client.nthreads()
        return found

    def look(self) -> None:
        """Compare the workers with those of the last look, at most every LOOK seconds.

        Raises RetrialError when there has been none for RETURN seconds, _SchedulerLostError when
        the scheduler does not answer.
        """
        now = time.monotonic()
        if now - self.looked < LOOK:
            return
        self.looked = now
        try:
            present = set(self._present())
        except Exception:
            # Whatever it raises without a scheduler: its futures say the same.
            raise _SchedulerLostError from None
        if gone := self.known - present:
            names = ", ".join(sorted(map(str, gone)))
            rest = f"{len(present)} at work" if present else f"none left; waiting {RETURN:.0f} s"
            _tell(self.compute, f"worker {names} is gone, its trials run again; {rest}")
        elif present and not self.known:
            _tell(self.compute, f"workers are back: {len(present)} at work")
        if present:
            self.last = now
        elif now - self.last > RETURN:
            raise _gone(self.compute, "worker")
        self.known = present


@contextmanager
def _silent() -> Iterator[None]:
    """Hide what Dask logs of a lost connection: the lines of this module say it."""
    # Dask's settings give some of its loggers a level and a handler of their own.
    names = [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    before = {name: logging.getLogger(name).level for name in names}
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def _tell(compute: Compute, text: str) -> None:
    print(f"dask cluster {compute.address}: {text}", file=sys.stderr, flush=True)


def _gone(compute: Compute, what: str) -> RetrialError:
    return RetrialError(
        f"dask cluster {compute.address}: no {what} came back within {RETURN:.0f} s; {GO_ON}"
    )
