"""What machines do: a full disk, a read-only folder, a proxy of pages, a database in trouble."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import synthetic
from disks import remount, small_disk

from retrial.core.errors import RetrialError
from retrial.core.files import CACHE_VARIABLE
from retrial.core.trial import Metric, Result
from retrial.data.arrays import write_array
from retrial.data.cache import Cache
from retrial.data.catalogue import Package
from retrial.data.clients import bring
from retrial.data.download import NoNetworkError, SourceError, download
from retrial.running import tracking
from retrial.running.store import Store

LARGE = np.zeros(200_000, np.uint8)
SMALL = Result({"accuracy": Metric(0.5, 10)})


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file system of 128 KiB."""
    with small_disk(tmp_path / "disk", "128k") as place:
        monkeypatch.setenv(CACHE_VARIABLE, str(place))
        yield place


def test_a_full_disk_is_one_line_and_keeps_what_was_there(disk: Path) -> None:
    store, cache = Store(disk / "trials"), Cache(disk)
    store.put("ab" * 16, SMALL, 1.0)
    digest = cache.put(b"payload")
    before = sorted(path for path in disk.rglob("*") if path.is_file())
    for write in (
        lambda: store.put("cd" * 16, Result({}, arrays={"large": LARGE}), 1.0),
        lambda: cache.put(LARGE.tobytes()),
        lambda: write_array(disk / "images.npy", LARGE),
    ):
        with pytest.raises(RetrialError, match=f"^{disk}.*: no space left on device") as raised:
            write()
        assert len(str(raised.value).splitlines()) == 1
    assert sorted(path for path in disk.rglob("*") if path.is_file()) == before
    assert store.get("ab" * 16) is not None
    assert cache.get(digest, "payload") == b"payload"


def test_a_read_only_disk_is_one_line_and_can_be_read(disk: Path) -> None:
    store = Store(disk / "trials")
    store.put("ab" * 16, SMALL, 1.0)
    remount(disk, "ro")
    with pytest.raises(RetrialError, match=f"^{disk}.*: read-only file system") as raised:
        store.put("cd" * 16, SMALL, 1.0)
    assert CACHE_VARIABLE in str(raised.value)
    with pytest.raises(RetrialError, match=f"^{disk}/images.npy: .*read-only file system"):
        write_array(disk / "images.npy", LARGE)
    assert store.get("ab" * 16) is not None


class Portal(BaseHTTPRequestHandler):
    """A proxy that answers every download with a page."""

    def do_GET(self) -> None:
        body = b"<!DOCTYPE html><html><body>Please log in</body></html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_CONNECT = do_GET  # noqa: N815 - the name of the method is http.server's

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    # urllib keeps what it made of the proxies of its first download.
    monkeypatch.setattr(urllib.request, "_opener", None)
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{server.server_port}")
        monkeypatch.delenv(variable.upper(), raising=False)
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_proxy_that_answers_with_pages_delivers_nothing(portal: None, tmp_path: Path) -> None:
    target = tmp_path / "images.gz"
    with pytest.raises(SourceError, match="an HTML page in place of data"):
        download(["http://data.example.org/images.gz"], target, {})
    assert not target.exists() or target.read_bytes() == b""
    with pytest.raises(NoNetworkError, match="no network") as raised:
        download(["https://data.example.org/images.gz"], target, {})
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("client", "told"),
    [
        ("pip", "No matching distribution found for digits==1.0"),
        ("npm", "code FETCH_ERROR invalid json response body|no network|ERR_SSL"),
        ("apt", "is not signed|Unable to locate package|no network"),
    ],
)
def test_a_proxy_of_pages_is_one_line_of_each_client(
    client: str,
    told: str,
    scheme: str,
    portal: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = {"pip": sys.executable, "npm": "npm", "apt": "apt-get"}[client]
    if shutil.which(program) is None:
        pytest.skip(f"no {program} on the PATH")
    host = "packages.example.org"
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"{scheme}://{host}/simple")
    monkeypatch.setenv("PIP_TRUSTED_HOST", host)
    monkeypatch.setenv("npm_config_registry", f"{scheme}://{host}/")
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(SourceError, match=told) as raised:
        bring(Package(client, "digits", "1.0", 1000), folder, tmp_path / "tools")
    assert len(str(raised.value).splitlines()) == 1
    assert list(folder.iterdir()) == []


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(tracking.URI_VARIABLE, raising=False)
    root = synthetic.project(tmp_path)
    monkeypatch.chdir(root)
    return root


def seeds_in(root: Path) -> list[str]:
    """The seeds of all runs, as another process finds them."""
    with closing(sqlite3.connect(root / tracking.DATABASE)) as database:
        rows = database.execute("SELECT value FROM tags WHERE key = 'seed' ORDER BY value")
        return [value for (value,) in rows]


def track_anew(root: Path) -> None:
    """`retrial track`, in a process that knows nothing of the database of before."""
    command = [sys.executable, "-m", "retrial", "track"]
    subprocess.run(command, cwd=root, check=True, capture_output=True)


def test_a_locked_database_is_one_line_and_the_run_comes_later(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with tracking.quiet():
        tracking.connect(project)
    with closing(sqlite3.connect(project / tracking.DATABASE)) as other:
        other.execute("BEGIN EXCLUSIVE")
        watch = tracking.observer(synthetic.FAMILY, {}, project)
        for seed in range(2):
            watch(synthetic.finished(seed))
    told = capsys.readouterr().err
    assert re.fullmatch(r"warning: MLflow at .*locked.*`retrial track` sends them later\n", told)
    track_anew(project)
    assert seeds_in(project) == ["0"]


def test_a_database_deleted_in_mid_run_is_built_again(project: Path) -> None:
    watch = tracking.observer(synthetic.FAMILY, {}, project)
    watch(synthetic.finished(0))
    (project / tracking.DATABASE).unlink()
    watch(synthetic.finished(1))
    track_anew(project)
    assert seeds_in(project) == ["0"]
