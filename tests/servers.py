"""Servers of a team for tests, as real processes on loopback: PostgreSQL and `mlflow server`."""

import contextlib
import http.client
import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import psutil
from processes import wait_for

LOOPBACK = "127.0.0.1"
USER, PASSWORD = "retrial", "a-secret"
# PostgreSQL refuses to run as root; Debian's package makes this user.
UNPRIVILEGED = "postgres"
# Nothing of ours needs the dozens of processes that MLflow starts for the jobs of language models.
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def lacking() -> str:
    """Why no server with PostgreSQL can be started here; "" where one can."""
    if programs() is None:
        return "PostgreSQL is missing: apt-get install postgresql"
    try:
        import psycopg2  # noqa: F401
    except ImportError:
        return "psycopg2 is missing: pip install psycopg2-binary"
    if os.geteuid() == 0 and UNPRIVILEGED not in {one.pw_name for one in pwd.getpwall()}:
        return f"PostgreSQL refuses to run as root and there is no user {UNPRIVILEGED}"
    return ""


def programs() -> Path | None:
    """The folder of PostgreSQL's programs; Debian keeps it out of PATH."""
    found = shutil.which("initdb")
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        places.append(Path(found).resolve())
    return next(
        (one.parent for one in reversed(places) if (one.parent / "postgres").exists()), None
    )


def free_port() -> int:
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        return int(one.getsockname()[1])


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a server and all that it started, from above: what is killed first starts no other."""
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        for one in [parent, *parent.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
    process.wait()


class Database:
    """A PostgreSQL cluster of its own in a temporary folder, which has one empty database."""

    def __init__(self) -> None:
        found = programs()
        assert found is not None
        self.programs = found
        self.folder = Path(mkdtemp(prefix="retrial-pg-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.who: dict[str, object] = {}
        if os.geteuid() == 0:
            self.who = {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []}
        password = self.folder / "password"
        password.write_text(PASSWORD)
        if self.who:
            shutil.chown(self.folder, UNPRIVILEGED)
            shutil.chown(password, UNPRIVILEGED)
        self.run("initdb", "-D", self.data, "-U", USER, "-A", "scram-sha-256",
                 "--pwfile", str(password), "--no-sync", "-E", "UTF8", "--locale", "C")  # fmt: skip
        self.start()
        self.run("createdb", "-h", LOOPBACK, "-p", str(self.port), "-U", USER, "mlflow")

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    @property
    def uri(self) -> str:
        return f"postgresql+psycopg2://{USER}:{PASSWORD}@{LOOPBACK}:{self.port}/mlflow"

    def run(self, program: str, *arguments: str, check: bool = True) -> int:
        done = subprocess.run(
            [str(self.programs / program), *arguments],
            cwd=self.folder,
            env={**os.environ, "PGPASSWORD": PASSWORD},
            capture_output=True,
            text=True,
            **self.who,
        )  # type: ignore[call-overload]
        assert not check or done.returncode == 0, done.stderr
        return int(done.returncode)

    def start(self) -> None:
        self.process = subprocess.Popen(
            [str(self.programs / "postgres"), "-D", self.data, "-h", LOOPBACK,
             "-p", str(self.port), "-k", str(self.folder), "-F"],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self.who,
        )  # type: ignore[call-overload]  # fmt: skip
        wait_for(lambda: self.run("pg_isready", "-h", LOOPBACK, "-p", str(self.port),
                                  check=False) == 0)  # fmt: skip

    def stop(self) -> None:
        if self.process is not None:
            # A fast shutdown: clients that are still there are sent away.
            self.run("pg_ctl", "stop", "-D", self.data, "-m", "fast", check=False)
            self.process.wait()
            self.process = None


class Server:
    """An `mlflow server` that keeps runs in a database and artifacts in a folder."""

    def __init__(self, backend: str, artifacts: Path) -> None:
        self.backend, self.artifacts, self.port = backend, artifacts, free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.log = artifacts.parent / "server.log"
        self.start()

    @property
    def uri(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", self.backend,
                 "--artifacts-destination", str(self.artifacts), "--host", LOOPBACK,
                 "--port", str(self.port), "--workers", "2"],
                cwd=self.artifacts.parent,
                env={**os.environ, **QUIET},
                stdout=log,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        wait_for(self.answers)

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        connection = http.client.HTTPConnection(LOOPBACK, self.port)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def listens_on(self) -> set[str]:
        """The addresses on which the server and its workers listen."""
        assert self.process is not None
        parent = psutil.Process(self.process.pid)
        return {
            connection.laddr.ip
            for one in [parent, *parent.children(recursive=True)]
            for connection in one.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }

    def stop(self) -> None:
        if self.process is not None:
            end(self.process)
            self.process = None


@contextlib.contextmanager
def database() -> Iterator[Database]:
    """A running PostgreSQL; nothing of it is left behind."""
    one = Database()
    try:
        yield one
    finally:
        one.stop()
        shutil.rmtree(one.folder)


@contextlib.contextmanager
def mlflow_server(backend: str, artifacts: Path) -> Iterator[Server]:
    """A running `mlflow server`."""
    one = Server(backend, artifacts)
    try:
        yield one
    finally:
        one.stop()
