"""Data files by content: a worker proves what it has, and is sent what it lacks."""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from retrial.core.errors import RetrialError
from retrial.running.references import (
    Lacking,
    Reference,
    cached,
    content_of,
    located,
    place_of,
    references,
)
from retrial.running.sweep import load_arrays


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A worker's folder, its cache within, on no path of the submitting machine."""
    folder = tmp_path / "worker"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("RETRIAL_CACHE", str(folder / "cache"))
    monkeypatch.delenv("RETRIAL_DATA", raising=False)
    place_of.cache_clear()
    yield folder
    place_of.cache_clear()


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """The submitting machine's data: an array and a table."""
    folder = tmp_path / "here/raw/ships"
    folder.mkdir(parents=True)
    np.save(folder / "lengths.npy", np.arange(3.0))
    (folder / "names.csv").write_text("Class,Name\n1,Olympic\n2,Nomadic\n")
    (folder / "notes.txt").write_text("no data")
    return folder


def test_a_reference_is_a_short_name_and_a_hash(origin: Path) -> None:
    found = references([origin])
    assert [one.name for one in found] == ["ships/lengths.npy", "ships/names.csv"]
    for one, path in found.items():
        assert one.sha256 == sha256(path.read_bytes()).hexdigest()


def test_what_a_worker_lacks_is_sent_and_kept(origin: Path, worker: Path) -> None:
    files = references([origin])
    with pytest.raises(Lacking) as caught:
        located(tuple(files))
    assert caught.value.args == tuple(one.sha256 for one in files)
    contents = [content_of(path, one.sha256) for one, path in files.items()]
    places = located(tuple(files), contents)
    assert all(Path(place).is_relative_to(worker / "cache") for place in places)
    arrays, own = load_arrays(places), load_arrays((str(origin),))
    assert list(arrays) == list(own)
    for name in own:
        np.testing.assert_array_equal(arrays[name], own[name])
    # The next process of this worker has them.
    place_of.cache_clear()
    assert located(tuple(files)) == places


@pytest.mark.parametrize("below", ["", "raw", "results"])
def test_a_worker_s_own_data_are_used_where_the_hash_agrees(
    below: str, origin: Path, worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = worker / "shared" / below / "ships"
    shared.mkdir(parents=True)
    for path in origin.iterdir():
        (shared / path.name).write_bytes(path.read_bytes())
    monkeypatch.setenv("RETRIAL_DATA", os.pathsep.join(["nowhere", str(worker / "shared")]))
    files = tuple(references([origin]))
    assert located(files) == tuple(str(shared / Path(one.name).name) for one in files)


def test_data_of_another_content_are_never_used(origin: Path, worker: Path) -> None:
    (one, path), *_ = references([origin]).items()
    content = path.read_bytes()
    flipped = content[:-1] + bytes([content[-1] ^ 1])
    for place in (worker / "data/raw" / one.name, cached(one)):
        place.parent.mkdir(parents=True)
        place.write_bytes(flipped)
    for sent in ([], [flipped], [b""]):
        with pytest.raises(Lacking):
            located((one,), sent)
    # A damaged copy in the cache gives way to what is sent.
    assert located((one,), [content]) == (str(cached(one)),)
    assert cached(one).read_bytes() == content


def test_a_name_leads_nowhere_else(worker: Path) -> None:
    content = b"content"
    bad = Reference("../../../escaped", sha256(content).hexdigest())
    (place,) = located((bad,), [content])
    assert Path(place).is_relative_to(worker / "cache/data-by-hash")
    assert not (worker.parent / "escaped").exists()


def test_a_file_that_changed_meanwhile_is_one_line(origin: Path) -> None:
    (one, path), *_ = references([origin]).items()
    path.write_bytes(b"other")
    with pytest.raises(RetrialError, match=r"lengths\.npy: changed while the study ran"):
        content_of(path, one.sha256)
