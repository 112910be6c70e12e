import errno
import os
import platform
from pathlib import Path

import pytest

from retrial.core.errors import RetrialError
from retrial.core.files import CACHE_VARIABLE, cache_folder, sha256, write_atomically
from retrial.data.cache import Cache

CONTENT = bytes(range(256)) * 4


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_environment_variable_moves_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "elsewhere"))
    assert cache_folder() == tmp_path / "elsewhere"


def test_without_it_the_cache_is_the_users(monkeypatch, tmp_path):
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    folder = cache_folder()
    assert folder.name == "retrial"
    if platform.system() == "Linux":
        assert folder == tmp_path / "caches" / "retrial"


def test_what_was_put_is_read_back_by_its_hash(tmp_path):
    cache = Cache(tmp_path)
    digest = cache.put(CONTENT)
    assert digest == sha256(CONTENT)
    assert cache.path(digest) == tmp_path / "data" / "sha256" / digest
    assert cache.get(digest, "name") == CONTENT


def test_sha256_of_a_value_from_the_standard():
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(b"abc") == expected


def test_what_was_never_put_is_none(tmp_path):
    assert Cache(tmp_path).get("0" * 64, "name") is None


@pytest.mark.parametrize("position", [0, 500, len(CONTENT) - 1])
def test_a_flipped_byte_is_told_in_one_line_and_moved_aside(tmp_path, position):
    cache = Cache(tmp_path)
    digest = cache.put(CONTENT)
    damaged = bytearray(CONTENT)
    damaged[position] ^= 1
    cache.path(digest).write_bytes(damaged)
    with pytest.raises(RetrialError) as raised:
        cache.get(digest, "train-images")
    message = str(raised.value)
    assert "\n" not in message
    for part in (str(cache.path(digest)), "train-images", digest, sha256(bytes(damaged))):
        assert part in message
    assert not cache.path(digest).exists()
    assert [path.read_bytes() for path in files_below(tmp_path)] == [bytes(damaged)]
    assert cache.get(digest, "train-images") is None


def test_a_truncated_file_is_damaged_too(tmp_path):
    cache = Cache(tmp_path)
    digest = cache.put(CONTENT)
    cache.path(digest).write_bytes(CONTENT[:-1])
    with pytest.raises(RetrialError):
        cache.get(digest, "name")


def test_a_write_that_fails_leaves_the_old_file_and_no_other(monkeypatch, tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RetrialError, match="no space left on device") as raised:
        write_atomically(path, b"new")
    assert str(path) in str(raised.value)
    assert CACHE_VARIABLE not in str(raised.value)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    with pytest.raises(RetrialError, match=f"name another cache folder in {CACHE_VARIABLE}"):
        write_atomically(path, b"new")
    assert files_below(tmp_path) == [path]
    assert path.read_bytes() == b"old"


def test_a_cache_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RetrialError, match="cannot be written"):
        Cache(tmp_path / "file").put(CONTENT)
