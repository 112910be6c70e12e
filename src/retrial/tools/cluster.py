"""A Dask cluster of this machine, or this machine's workers for one that runs elsewhere.

`python -m retrial.tools.cluster N` starts a scheduler on 127.0.0.1 and N workers, each one process
with one thread, and says what to put into params.yaml. `--join ADDRESS` starts workers only. They
end with this process, by Ctrl-C or however it ends.

Dask runs whatever code reaches its ports: listen on another address than 127.0.0.1 in a closed
network only, or with Dask's TLS.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

import click

from retrial.core.errors import RetrialError, reported

PORT = 8786
# What Dask serves over HTTP even without its dashboard stays on this machine.
NO_DASHBOARD = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")


def scheduler_command(host: str, port: int) -> list[str]:
    """The command of a scheduler that listens on `host` only, without a dashboard."""
    return [*dask("scheduler"), "--host", host, "--port", str(port), *NO_DASHBOARD]


def worker_command(address: str, workers: int, host: str | None) -> list[str]:
    """The command of `workers` processes for the scheduler at `address`.

    One thread each, as trials are pinned; no limit of memory, at which Dask would end a worker for
    files that are mapped; a nanny each, which starts a lost worker again.
    """
    own = ["--host", host] if host else []
    return [
        *dask("worker"), address, *own, "--nworkers", str(workers), "--nthreads", "1",
        "--memory-limit", "0", *NO_DASHBOARD,
    ]  # fmt: skip


def dask(kind: str) -> list[str]:
    """How this interpreter starts Dask's scheduler or worker."""
    return [sys.executable, "-m", "dask", kind]


def require_free(host: str, port: int) -> None:
    """Raise RetrialError where something listens on the port, or the host is not this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise RetrialError(f"{host}:{port}: {reason}; name another --port or --host") from None


def serve(commands: list[list[str]]) -> int:
    """Run `commands` until one of them ends or this process is told to; then end all."""
    if shutil.which("setpriv"):
        # The kernel ends them with this process, however it ended.
        commands = [["setpriv", "--pdeathsig", "TERM", *command] for command in commands]
    children = [subprocess.Popen(command, env=environment()) for command in commands]

    def stop(number: int, frame: FrameType | None) -> None:
        for child in children:
            child.terminate()

    signal.signal(signal.SIGTERM, stop)
    with suppress(KeyboardInterrupt):
        os.waitpid(-1, 0)
    stop(signal.SIGTERM, None)
    for child in children:
        with suppress(KeyboardInterrupt):
            child.wait()
    return 0


def environment() -> dict[str, str]:
    """What workers inherit: the pins, which importing this package has set, and its place."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@click.command(help=__doc__)
@click.argument("workers", type=click.IntRange(min=1))
@click.option("--join", metavar="ADDRESS", help="The scheduler to work for, tcp://HOST:PORT.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(1, 65535))
@reported
def main(workers: int, join: str | None, host: str, port: int) -> None:
    """The entry point of `python -m retrial.tools.cluster`."""
    if join:
        sys.exit(serve([worker_command(join, workers, None)]))
    require_free(host, port)
    address = f"tcp://{host}:{port}"
    print(
        f"params.yaml: compute: {{backend: dask, address: {address!r}, workers: 0}}; "
        f"Ctrl-C ends the scheduler and its {workers} workers; they run in {Path.cwd()}",
        flush=True,
    )
    local = host if host == "127.0.0.1" else None
    sys.exit(serve([scheduler_command(host, port), worker_command(address, workers, local)]))


if __name__ == "__main__":
    main()
