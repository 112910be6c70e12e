import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from synthetic import FAMILY, finished

from retrial.core import records
from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.tools import archive
from retrial.tools.archive import MEMBERS, contents, member, pack, unpack


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The records of two trials."""
    place = tmp_path / "results"
    records.write(place, FAMILY, [finished(0), finished(1)], [], {"code": "c"})
    return place


def written(
    path: Path, change: Callable[[tarfile.TarInfo], None], name: str = "curves.csv"
) -> Path:
    """An archive of all members, one of them changed."""
    with tarfile.open(path, "w:xz") as tar:
        for one in MEMBERS:
            head = tarfile.TarInfo(one)
            head.size = 3
            if one == "curves.csv":
                change(head)
            tar.addfile(head, io.BytesIO(b"abc"))
    return path


def test_a_study_comes_back_byte_for_byte(folder: Path, tmp_path: Path) -> None:
    unpack(pack(folder, tmp_path / "records/one.tar.xz"), tmp_path / "again")
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == list(MEMBERS)
    for name in MEMBERS:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    again = Records.load(tmp_path / "again")
    assert np.array_equal(again.array("linear", 1, "predicted"), np.arange(3))


def test_what_is_no_part_of_the_records_stays_out(folder: Path, tmp_path: Path) -> None:
    (folder / "timings.json").write_text("{}")
    with tarfile.open(pack(folder, tmp_path / "one.tar.xz")) as tar:
        assert tar.getnames() == ["arrays.npz", "curves.csv", "provenance.json", "records.json"]


def test_the_bytes_are_those_of_the_records(folder: Path, tmp_path: Path) -> None:
    first = pack(folder, tmp_path / "one.tar.xz").read_bytes()
    for path in folder.iterdir():
        path.touch()
        path.chmod(0o600)
    assert pack(folder, tmp_path / "elsewhere/two.tar.xz").read_bytes() == first
    with tarfile.open(tmp_path / "one.tar.xz") as tar:
        heads = {(one.mtime, one.uid, one.gid, one.uname, one.gname, one.mode) for one in tar}
    assert heads == {(0, 0, 0, "", "", 0o644)}


def test_one_member_is_read_alone(folder: Path, tmp_path: Path) -> None:
    found = member(pack(folder, tmp_path / "one.tar.xz"), "provenance.json")
    assert found == (folder / "provenance.json").read_bytes()


def test_missing_records_are_one_line(folder: Path, tmp_path: Path) -> None:
    (folder / "curves.csv").unlink()
    with pytest.raises(RetrialError, match=r"curves.csv: no such file, run `dvc repro` first"):
        pack(folder, tmp_path / "one.tar.xz")
    assert not (tmp_path / "one.tar.xz").exists()


def test_a_missing_archive_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RetrialError, match=r"one.tar.xz: no such file, its study is not published"):
        list(contents(tmp_path / "one.tar.xz"))


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_a_flipped_byte_is_one_line(folder: Path, tmp_path: Path, place: float) -> None:
    path = pack(folder, tmp_path / "one.tar.xz")
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(RetrialError, match=r"one.tar.xz: damaged, run `git checkout"):
        unpack(path, tmp_path / "again")


@pytest.mark.parametrize("cut", [0, 1, 40, 400])
def test_a_cut_or_longer_archive_is_one_line(folder: Path, tmp_path: Path, cut: int) -> None:
    path = pack(folder, tmp_path / "one.tar.xz")
    path.write_bytes(path.read_bytes()[:-cut] if cut else path.read_bytes() + b"\0" * 4)
    with pytest.raises(RetrialError, match=r"one.tar.xz: damaged"):
        unpack(path, tmp_path / "again")


def renamed(name: str) -> Callable[[tarfile.TarInfo], None]:
    return lambda head: setattr(head, "name", name)


def typed(kind: bytes) -> Callable[[tarfile.TarInfo], None]:
    def change(head: tarfile.TarInfo) -> None:
        head.type, head.linkname, head.size = kind, "/etc/passwd", 0

    return change


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (renamed("../curves.csv"), "../curves.csv"),
        (renamed("/curves.csv"), "/curves.csv"),
        (renamed("weights.safetensors"), "weights.safetensors"),
        (renamed("arrays.npz"), "arrays.npz"),
        (typed(tarfile.SYMTYPE), "curves.csv"),
        (typed(tarfile.LNKTYPE), "curves.csv"),
        (typed(tarfile.DIRTYPE), "curves.csv"),
        (typed(tarfile.FIFOTYPE), "curves.csv"),
    ],
)
def test_a_strange_member_is_refused(
    tmp_path: Path, change: Callable[[tarfile.TarInfo], None], named: str
) -> None:
    path = written(tmp_path / "one.tar.xz", change)
    with pytest.raises(RetrialError, match=f"one.tar.xz: member '{named}': expected one regular"):
        unpack(path, tmp_path / "deep/again")
    assert {one.name for one in (tmp_path / "deep/again").iterdir()} <= set(MEMBERS)
    assert not (tmp_path / "deep/curves.csv").exists()


def test_a_lacking_member_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "one.tar.xz", "w:xz") as tar:
        tar.addfile(tarfile.TarInfo("curves.csv"))
    with pytest.raises(RetrialError, match=r"no member 'arrays.npz': expected one regular"):
        unpack(tmp_path / "one.tar.xz", tmp_path / "again")


def test_a_large_member_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(folder, tmp_path / "one.tar.xz")
    largest = max((folder / name).stat().st_size for name in MEMBERS)
    monkeypatch.setattr(archive, "LARGEST", largest)
    unpack(path, tmp_path / "again")
    monkeypatch.setattr(archive, "LARGEST", largest - 1)
    with pytest.raises(RetrialError, match=f"member .*: expected .* at most {largest - 1} bytes"):
        unpack(path, tmp_path / "again")
