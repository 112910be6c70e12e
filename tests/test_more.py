import gzip
import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from made_archives import (
    ELL,
    FOLDER,
    PAGE,
    emnist_files,
    idx_bytes,
    numbers_files,
    png,
    scanned,
    zipped,
)
from PIL import Image

from retrial.core.errors import RetrialError
from retrial.data import more
from retrial.data.cache import Cache
from retrial.data.more import Archive, fetch_more, hopeless, obtain_digits, wanted
from retrial.handwriting.normalise import normalised
from retrial.nets.torchvision_ops import import_torchvision

ROOT = Path(__file__).parents[1]
STAGE = ROOT / "stages" / "fetch_more.py"
PORT_CLOSED = "http://127.0.0.1:1/archive.zip"


@pytest.fixture
def cache(tmp_path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch) -> None:
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)


@pytest.fixture
def site(tmp_path, monkeypatch) -> Iterator[str]:
    """A web site on 127.0.0.1; its pages are the files in the folder `site`."""
    (tmp_path / "site").mkdir()
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *arguments: None)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "site"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def offline(monkeypatch) -> None:
    """Both publishers at an address where nothing listens."""
    monkeypatch.setattr(import_torchvision().datasets.EMNIST, "url", PORT_CLOSED)
    monkeypatch.setattr(more, "NUMBERS_ADDRESS", PORT_CLOSED)


def pin(monkeypatch, path: Path) -> None:
    """Make torchvision state the MD5 of a made archive."""
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    monkeypatch.setattr(import_torchvision().datasets.EMNIST, "md5", digest)


def failure(archive: Archive, cache: Cache) -> str:
    with pytest.raises(RetrialError) as raised:
        obtain_digits(archive, cache, tell=lambda line: None)
    return str(raised.value)


def told(archive: Archive, cache: Cache) -> list[str]:
    lines: list[str] = []
    obtain_digits(archive, cache, tell=lines.append)
    assert all("\n" not in line for line in lines)
    return lines


def test_emnist_is_put_right_side_up(tmp_path):
    digits = more.emnist_digits(zipped(tmp_path / "gzip.zip", emnist_files()))
    assert set(digits.arrays) == set(more.EMNIST_FILES)
    train, test = digits.arrays["emnist_images"], digits.arrays["emnist_test_images"]
    assert np.array_equal(train, [ELL, ELL // 2, 255 - ELL])
    assert np.array_equal(test, [ELL // 2, 255 - ELL])
    assert digits.arrays["emnist_labels"].tolist() == [3, 1, 4]
    assert digits.arrays["emnist_test_labels"].tolist() == [9, 0]
    assert all(array.dtype == np.uint8 for array in digits.arrays.values())
    assert train.flags.c_contiguous
    assert digits.content == "3 and 2 digits"


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 28, 27)), np.zeros(2), r"emnist_test: expected images .* found \(2, 28, 27"),
        (np.zeros((2, 28, 28)), np.zeros(3), r"emnist_test: expected images .* and \(3,\)"),
        (np.zeros((2, 28, 28)), np.array([1, 10]), "emnist_test: label 10, expected 0 to 9"),
    ],
)
def test_emnist_of_another_shape_is_refused(tmp_path, images, labels, message):
    files = emnist_files() | {
        "gzip/emnist-digits-test-images-idx3-ubyte.gz": gzip.compress(idx_bytes(images)),
        "gzip/emnist-digits-test-labels-idx1-ubyte.gz": gzip.compress(idx_bytes(labels)),
    }
    with pytest.raises(RetrialError, match=message):
        more.emnist_digits(zipped(tmp_path / "gzip.zip", files))


def test_the_publishers_address_and_md5_are_torchvisions():
    known, archive = import_torchvision().datasets.EMNIST, more.emnist()
    assert archive.address == known.url
    assert known.url.endswith(f"/{archive.file}")
    assert f"{known.url}  MD5 {known.md5}" in hopeless(archive, [], Path("placed"))


def test_an_archive_with_another_md5_is_refused(cache, offline):
    path = zipped(cache.placed("emnist") / "gzip.zip", emnist_files())
    found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    expected = import_torchvision().datasets.EMNIST.md5
    reason = f"files placed by hand: gzip.zip: wrong MD5: expected {expected}, found {found}"
    assert reason in failure(more.emnist(), cache)


@pytest.mark.parametrize("pinned", [True, False])
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: content[:-40], "gzip.zip: truncated or damaged archive"),
        (lambda content: b"", "gzip.zip: truncated or damaged archive"),
        (lambda content: PAGE, "gzip.zip: an HTML page in place of data"),
    ],
)
def test_a_damaged_archive_is_told(monkeypatch, cache, offline, damage, reason, pinned):
    path = zipped(cache.placed("emnist") / "gzip.zip", emnist_files())
    path.write_bytes(damage(path.read_bytes()))
    if pinned:
        pin(monkeypatch, path)
    lines = [line for line in failure(more.emnist(), cache).splitlines() if "by hand:" in line]
    assert len(lines) == 1
    assert lines[0].strip().startswith(f"files placed by hand: {reason}")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "holds no {name}"),
        (gzip.compress(idx_bytes(np.array([3, 1, 4])))[:-9], "truncated or damaged archive"),
        (PAGE, "truncated or damaged archive"),
        (gzip.compress(PAGE), "{name}: not an IDX file of unsigned bytes"),
    ],
)
def test_a_missing_or_damaged_member_is_told(monkeypatch, cache, offline, content, reason):
    name = "gzip/emnist-digits-train-labels-idx1-ubyte.gz"
    files = emnist_files()
    files.pop(name)
    if content is not None:
        files[name] = content
    pin(monkeypatch, zipped(cache.placed("emnist") / "gzip.zip", files))
    expected = f"files placed by hand: gzip.zip: {reason.format(name=name)}"
    assert expected in failure(more.emnist(), cache)


def test_what_the_publisher_delivers_is_checked_and_kept(monkeypatch, cache, site, tmp_path):
    path = zipped(tmp_path / "site" / "gzip.zip", emnist_files())
    pin(monkeypatch, path)
    archive = replace(more.emnist(), address=f"{site}/gzip.zip")
    assert told(archive, cache) == ["emnist: publisher: 3 and 2 digits"]
    path.unlink()
    assert told(archive, cache) == ["emnist: cache: 3 and 2 digits"]
    kept = cache.root / "data" / "archives"
    assert [file.name for file in kept.iterdir()] == ["gzip.zip"]


def test_a_damaged_kept_archive_is_told_and_fetched_anew(monkeypatch, cache, site, tmp_path):
    pin(monkeypatch, zipped(tmp_path / "site" / "gzip.zip", emnist_files()))
    archive = replace(more.emnist(), address=f"{site}/gzip.zip")
    obtain_digits(archive, cache, tell=lambda line: None)
    kept = cache.root / "data" / "archives" / "gzip.zip"
    content = kept.read_bytes()
    kept.write_bytes(content[:60] + b"!" + content[61:])
    first, second = told(archive, cache)
    assert first.startswith("emnist: cache: gzip.zip: wrong MD5")
    assert second == "emnist: publisher: 3 and 2 digits"
    assert kept.read_bytes() == content


def test_what_the_publisher_delivers_wrongly_is_not_kept(cache, site, tmp_path):
    zipped(tmp_path / "site" / "gzip.zip", emnist_files())
    archive = replace(more.emnist(), address=f"{site}/gzip.zip")
    assert "publisher: gzip.zip: wrong MD5" in failure(archive, cache)
    assert not any((cache.root / "data" / "archives").iterdir())


def test_a_placed_file_comes_before_the_publisher_whatever_its_name(monkeypatch, cache, offline):
    zipped(cache.placed("emnist") / "a.zip", {"other": b""})
    pin(monkeypatch, zipped(cache.placed("emnist") / "b.zip", emnist_files()))
    first, second = told(more.emnist(), cache)
    assert first.startswith("emnist: files placed by hand: a.zip: wrong MD5")
    assert second == "emnist: files placed by hand: 3 and 2 digits"


def test_numbers_are_sorted_by_path_and_made_mnists_size(cache, offline, tmp_path):
    path = zipped(cache.placed("numbers") / "x.zip", numbers_files())
    digits = obtain_digits(more.numbers(), cache, tell=lambda line: None)
    # 0001: 0/number-1, 1/number-10, 1/number-2; then 0002: 2/number-9, 7/number-5.
    expected = [normalised(scanned(pen)) for pen in (5, 9, 15, 2, 3)]
    assert np.array_equal(digits.arrays["numbers_images"], expected)
    assert digits.arrays["numbers_images"].dtype == np.uint8
    assert digits.arrays["numbers_labels"].tolist() == [0, 1, 1, 2, 7]
    assert digits.arrays["numbers_labels"].dtype == np.uint8
    content = "5 digits of 2 writers, left out 1 blank, 1 unreadable"
    assert told(more.numbers(), cache) == [f"numbers: files placed by hand: {content}"]
    # Nothing has been taken out of the archive into a folder.
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


def test_the_archive_of_another_commit_is_refused(cache, offline):
    stroke = png(Image.fromarray(scanned(5)))
    other = f"numbers-{'0' * 40}"
    zipped(cache.placed("numbers") / "x.zip", {f"{other}/0001_CH4M/0/number-1.png": stroke})
    reason = f"x.zip: holds no digit in numbers-{more.NUMBERS_COMMIT}/WRITER/DIGIT/number-N.png"
    assert reason in failure(more.numbers(), cache)


def test_numbers_address_and_file_name_the_commit():
    archive = more.numbers()
    assert archive.address.endswith(f"/kensanata/numbers/archive/{more.NUMBERS_COMMIT}.zip")
    assert archive.file == f"{FOLDER}.zip"
    assert len(more.NUMBERS_COMMIT) == 40
    assert set(more.NUMBERS_COMMIT) <= set("0123456789abcdef")


@pytest.mark.parametrize("at", [0, 20])
def test_a_wrong_byte_in_an_archive_of_numbers_is_told(cache, offline, at):
    path = zipped(cache.placed("numbers") / "x.zip", numbers_files())
    with zipfile.ZipFile(path) as archive:
        first = archive.infolist()[0]
    content = bytearray(path.read_bytes())
    # 30 bytes and the name come before the data; at its start 255 is no kind of block.
    content[30 + len(first.filename) + at] ^= 255 ^ content[30 + len(first.filename)]
    path.write_bytes(content)
    assert "x.zip: truncated or damaged archive" in failure(more.numbers(), cache)


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [(8, 1, "password required"), (10, 99, "compression method is not supported")],
)
def test_an_archive_that_cannot_be_unpacked_is_told(cache, offline, offset, value, reason):
    path = zipped(cache.placed("numbers") / "x.zip", numbers_files())
    content = bytearray(path.read_bytes())
    # The first entry of the directory at the end: its flags, then its way of packing.
    content[content.index(b"PK\x01\x02") + offset] = value
    path.write_bytes(content)
    lines = [line for line in failure(more.numbers(), cache).splitlines() if "by hand:" in line]
    assert lines[0].strip().startswith("files placed by hand: x.zip: cannot be unpacked (")
    assert reason in lines[0]


def test_pictures_become_grey_whatever_their_kind():
    sheet = scanned(5, paper=255)
    image = Image.fromarray(sheet)
    clear = Image.new("RGBA", image.size, (0, 0, 0, 0))
    clear.paste((40, 40, 40, 255), (15, 10, 20, 50))
    kinds = {
        "grey": image,
        "colour": image.convert("RGB"),
        "palette": image.convert("P"),
        "16 bits": Image.fromarray(sheet.astype(np.uint16) * 257),
        "transparent": clear,
    }
    for kind, one in kinds.items():
        assert np.array_equal(more.grey(png(one)), sheet), kind
    two_levels = more.grey(png(image.convert("1", dither=Image.Dither.NONE)))
    assert np.array_equal(two_levels, np.where(sheet == 40, 0, 255))


@pytest.mark.parametrize(
    "content", [b"", PAGE, png(Image.fromarray(scanned(5)))[:60], png(Image.fromarray(ELL), "TIFF")]
)
def test_what_is_no_whole_png_is_unreadable(content):
    assert more.grey(content) is None


def test_offline_one_message_says_all(cache, offline):
    lines = failure(more.numbers(), cache).splitlines()
    placed = cache.placed("numbers")
    assert lines[0] == "numbers: no source delivered its digits"
    assert lines[2].strip() == f"cache: holds no {FOLDER}.zip"
    assert lines[3].strip() == f"files placed by hand: no *.zip in {placed}"
    assert lines[4].strip().startswith("publisher: no network (")
    assert f"put it into {placed} as it is, then run again" in lines[5]
    assert lines[6].split() == [PORT_CLOSED, "commit", more.NUMBERS_COMMIT]
    assert lines[7].strip() == "or take numbers out of handwriting.more in params.yaml"
    assert len(lines) == 8


def test_the_folder_holds_what_is_named_and_nothing_else(monkeypatch, cache, offline, tmp_path):
    pin(monkeypatch, zipped(cache.placed("emnist") / "gzip.zip", emnist_files()))
    zipped(cache.placed("numbers") / "x.zip", numbers_files())
    folder = tmp_path / "data" / "raw" / "more"
    emnist, numbers = (
        {f"{stem}.npy" for stem in more.STEMS if stem.startswith(name)}
        for name in ("emnist", "numbers")
    )
    assert len(emnist) == 4
    assert len(numbers) == 2
    named = {("emnist", "numbers"): emnist | numbers, ("numbers",): numbers, (): set()}
    for names, files in named.items():
        fetch_more(names, folder, cache, tell=lambda line: None)
        assert {file.name for file in folder.iterdir()} == files
        for file in folder.iterdir():
            count = {"emnist_images": 3, "emnist_labels": 3, "numbers_images": 5}
            assert len(np.load(file)) == count.get(file.stem, 2 if "test" in file.stem else 5)


def test_nothing_is_written_when_one_source_is_missing(cache, offline, tmp_path):
    zipped(cache.placed("numbers") / "x.zip", numbers_files())
    with pytest.raises(RetrialError, match="emnist: no source"):
        fetch_more(("numbers", "emnist"), tmp_path / "more", cache, tell=lambda line: None)
    assert not (tmp_path / "more").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("profile: quick", "params.yaml: key handwriting.more is missing"),
        ("handwriting: {small: [8]}", "params.yaml: key handwriting.more is missing"),
        ("handwriting: 3", "params.yaml: key handwriting.more is missing"),
        ("handwriting: {more: [svhn]}", r"handwriting.more.0 = 'svhn': .*'emnist' or 'numbers'"),
        ("handwriting: {more: emnist}", "handwriting.more = 'emnist': input should be a valid"),
        ("handwriting: {more: [numbers, numbers]}", "expected each source at most once"),
    ],
)
def test_a_wrong_list_of_sources_is_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(RetrialError, match=message) as raised:
        wanted(path)
    assert len(str(raised.value).splitlines()) == 1


def test_the_sources_are_read_beside_the_other_keys(tmp_path):
    (tmp_path / "params.yaml").write_text("handwriting: {small: [8], more: [numbers, emnist]}\n")
    assert wanted(tmp_path / "params.yaml") == ("numbers", "emnist")


def test_by_default_no_source_is_named():
    assert wanted(ROOT / "params.yaml") == ()


def run_stage(folder: Path, params: str) -> subprocess.CompletedProcess[str]:
    (folder / "params.yaml").write_text(params)
    environment = {"RETRIAL_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, str(STAGE)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_stage_makes_an_empty_folder_where_no_source_is_named(tmp_path):
    run = run_stage(tmp_path, "handwriting: {more: []}\n")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert not any((tmp_path / "data" / "raw" / "more").iterdir())
    assert not (tmp_path / "cache").exists()


def test_the_stage_ends_with_the_message_and_no_traceback(tmp_path):
    run = run_stage(tmp_path, "handwriting: {more: [svhn]}\n")
    assert run.returncode == 1
    assert run.stderr.startswith("error: params.yaml: handwriting.more.0 = 'svhn'")
    assert len(run.stderr.splitlines()) == 1
