"""Runs trials of many studies anew in one process, or on its worker processes.

`python -m retrial.tools.rerun_many WORKERS` reads orders as JSON from standard input and answers
each with a line of JSON: the study, and in one line what went wrong ("" if nothing did). With 0
workers trials run in this process, one after the other, so that an emulator runs them as well;
otherwise they go through the sweep of a stage, with an empty trial store.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TypedDict

from retrial.core import records
from retrial.core.config import Compute
from retrial.core.errors import RetrialError, reported
from retrial.core.records import canonical
from retrial.core.trial import Trial
from retrial.running.parent import die_with
from retrial.running.store import Store
from retrial.running.sweep import sweep
from retrial.tools.rerun import rerun


class Order(TypedDict):
    """Trials of one study to run: its `module`, its `data`, and the folder `out` of the records.

    `trials` are (arm, seed, config, whole), `seconds` what each is known to take.
    """

    study: str
    module: str
    trials: list[tuple[str, int, dict[str, object], bool]]
    seconds: list[float]
    data: list[str]
    out: str


def carry_out(order: Order, workers: int) -> None:
    """Run an order's trials on `workers` processes (0: in this one) and write their records."""
    timed = zip(order["trials"], order["seconds"], strict=True)
    trials = [Trial(order["study"], *trial, cost=seconds) for trial, seconds in timed]
    if not workers:
        rerun(order["study"], trials, order["data"], Path(order["out"]), order["module"])
        return
    compute = Compute(backend="local", address=None, workers=workers)
    with tempfile.TemporaryDirectory() as empty:
        data = [Path(place) for place in order["data"]]
        finished, _ = sweep(order["module"], trials, data, {}, compute, Store(Path(empty)))
        records.write(Path(order["out"]), order["study"], list(finished), (), {})


def answer(order: Order, workers: int) -> dict[str, str]:
    """The answer to an order; never raises, so that the other studies are run."""
    try:
        carry_out(order, workers)
    except RetrialError as error:
        return {"study": order["study"], "wrong": str(error)}
    except Exception as error:
        told = f"{type(error).__name__}: {error}".splitlines()[0]
        return {"study": order["study"], "wrong": told}
    return {"study": order["study"], "wrong": ""}


@reported
def main() -> None:
    """The entry point of `python -m retrial.tools.rerun_many`."""
    die_with(os.getppid())
    workers = int(sys.argv[1])
    for order in json.load(sys.stdin):
        print(canonical(answer(order, workers)), flush=True)


if __name__ == "__main__":
    main()
