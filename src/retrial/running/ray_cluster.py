"""Calls on a running Ray cluster."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from retrial.core.config import Compute
from retrial.running.lost import AHEAD, killed, no_cluster

# joblib has backends for Dask and Ray, but it runs trials in this process when the cluster has one
# thread, waits for ever when a worker is lost, and gets no answer from Ray before the last.


def on_ray(
    execute: Callable[..., Sequence[Any]],
    calls: Sequence[Any],
    compute: Compute,
    content_of: Callable[[str], bytes],
) -> Iterator[Any]:
    """The answers of `execute(call)` for each call, as they come.

    A worker that lacks data answers so, and is asked again with `content_of` each. Raises
    RetrialError where no cluster answers at `compute.address`, or a worker was killed.
    """
    import ray

    try:
        ray.init(address=compute.address, log_to_driver=False)
    except (OSError, ValueError) as error:
        # An address that nobody listens at is a ValueError to Ray.
        raise no_cluster(compute, error) from None
    try:
        task = ray.remote(execute)
        waiting = iter(calls)
        running = {task.remote(call): call for call in islice(waiting, AHEAD)}
        sent: dict[str, Any] = {}
        while running:
            (first,), _ = ray.wait(list(running))
            call, found = running.pop(first), ray.get(first)
            if lacking := found[0].lacking:
                for one in lacking:
                    if one not in sent:
                        sent[one] = ray.put(content_of(one))
                running[task.remote(call, *(sent[one] for one in lacking))] = call
                continue
            running |= {task.remote(call): call for call in islice(waiting, 1)}
            yield from found
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
        raise killed("give the cluster's workers more") from None
    finally:
        ray.shutdown()
