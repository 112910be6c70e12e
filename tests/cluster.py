"""A Dask cluster on this machine of real processes, for tests that kill them."""

import json
import os
import subprocess
import sys
from pathlib import Path

from processes import wait_for

import retrial


class Cluster:
    """A scheduler and workers on 127.0.0.1; what they print goes to `log` below `folder`."""

    def __init__(self, folder: Path, environment: dict[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.environment = {
            **os.environ,
            **retrial.PINS,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            **(environment or {}),
        }
        self.workers: list[subprocess.Popen[bytes]] = []
        self.file = folder / "scheduler.json"
        self.start_scheduler()

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self.workers, self.scheduler]:
            process.kill()
            process.wait()

    @property
    def address(self) -> str:
        return str(json.loads(self.file.read_text())["address"])

    def start_scheduler(self) -> None:
        """Start a scheduler, at the address of the one before where there was one."""
        port = self.address.rpartition(":")[2] if self.file.exists() else "0"
        self.file.unlink(missing_ok=True)
        self.scheduler = self._start(
            "scheduler", "--port", port, "--no-show", "--scheduler-file", str(self.file)
        )
        wait_for(lambda: self.file.exists() and self.file.read_text().endswith("}"))

    def start_workers(self, count: int) -> None:
        """Start workers of one thread each, without a nanny that would start them anew.

        All that were ever started have registered then.
        """
        self.workers += [
            self._start(
                "worker", self.address, "--nthreads", "1", "--no-nanny",
                "--local-directory", str(self.folder),
            )
            for _ in range(count)
        ]  # fmt: skip
        log = self.folder / "log"
        wait_for(lambda: log.read_text().count("Registered to") >= len(self.workers))

    def _start(self, what: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [
                    sys.executable, "-m", "distributed.cli.dask_" + what,
                    "--host", "127.0.0.1", "--no-dashboard", *arguments,
                ],
                env=self.environment, cwd=self.folder, stdout=log, stderr=log,
            )  # fmt: skip
