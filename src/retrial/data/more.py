"""Further digits to train on, fetched where params.yaml names them: EMNIST and numbers.

    emnist     the digits of EMNIST: 240,000 to train on, 40,000 to test on
    numbers    the public repository kensanata/numbers: scanned digits, in folders by writer

Each is one zip archive: in the cache folder, placed by hand, or at the publisher. No SHA-256 of
either payload is known. EMNIST's archive has the MD5 that torchvision states; the archive of
numbers is of one commit, whose id pins its content, and is fetched over HTTPS. GitHub packs it anew
at will, so its own bytes are not pinned.
"""

import gzip
import hashlib
import io
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retrial.core.config import read_sections, validated
from retrial.core.errors import RetrialError
from retrial.core.files import cache_folder
from retrial.core.models import FrozenModel
from retrial.data.arrays import write_array
from retrial.data.cache import Cache
from retrial.data.decode import idx
from retrial.data.download import HTML, SourceError, download, looks_like_a_page
from retrial.data.sources import Tell, say
from retrial.data.unpacking import gunzipped, zip_member
from retrial.handwriting.grey import in_grey
from retrial.handwriting.normalise import SIDE, BlankError, normalised

SECTION, KEY = "handwriting", "more"

EMNIST_PARTS = {"emnist": "train", "emnist_test": "test"}
EMNIST_FILES = {
    f"{stem}_{kind}": f"gzip/emnist-digits-{part}-{kind}-idx{dimensions}-ubyte.gz"
    for stem, part in EMNIST_PARTS.items()
    for kind, dimensions in (("images", 3), ("labels", 1))
}
NUMBERS_COMMIT = "0497c6d270e98520c88073917893955477f189bd"
NUMBERS_ADDRESS = f"https://github.com/kensanata/numbers/archive/{NUMBERS_COMMIT}.zip"
STEMS = (*EMNIST_FILES, "numbers_images", "numbers_labels")

Images = NDArray[np.uint8]


class Wanted(FrozenModel):
    """The further sources that params.yaml names, each once."""

    more: tuple[Literal["emnist", "numbers"], ...]


@dataclass(frozen=True)
class Digits:
    """Arrays by the stem of their file, and in a few words what they hold."""

    arrays: Mapping[str, Images]
    content: str


@dataclass(frozen=True)
class Archive:
    """A source's archive: the file's name, its address, what pins it, and how it is decoded.

    `decoded` raises SourceError, RetrialError, or what a damaged file makes `zipfile` and `gzip`
    raise.
    """

    name: str
    file: str
    address: str
    pinned_by: str
    decoded: Callable[[Path], Digits]


def wanted(params: Path) -> tuple[str, ...]:
    """The key `more` of the section `handwriting`; RetrialError when it is no list of sources."""
    section = read_sections(params).get(SECTION)
    if not isinstance(section, dict) or KEY not in section:
        raise RetrialError(f"{params}: key {SECTION}.{KEY} is missing, expected a list of sources")
    names = validated({KEY: section[KEY]}, Wanted, f"{params}: {SECTION}").more
    if len(set(names)) < len(names):
        raise RetrialError(
            f"{params}: {SECTION}.{KEY} = {list(names)}: expected each source at most once"
        )
    return names


def fetch_more(
    names: Sequence[str], folder: Path, cache: Cache | None = None, tell: Tell = say
) -> None:
    """Write the arrays of each source into `folder`, one .npy file each; none when none is named.

    The files are SOURCE_images (n, 28, 28), light ink on black and right side up, and SOURCE_labels
    (n,) in 0…9, uint8; of EMNIST also emnist_test_images and emnist_test_labels.

    Args:
        names: of "emnist" and "numbers".
        folder: is made when it is not there; files of sources that are not named are removed.
        cache: the data cache, which keeps the archives; None means the user's.
        tell: is called with one line for each failure, and for each source what it held.

    Raises:
        RetrialError: a source cannot be had; nothing has been written then.
    """
    cache = cache or Cache(cache_folder())
    arrays: dict[str, Images] = {}
    for name in names:
        arrays |= obtain_digits(ARCHIVES[name](), cache, tell).arrays
    folder.mkdir(parents=True, exist_ok=True)
    for stem in STEMS:
        (folder / f"{stem}.npy").unlink(missing_ok=True)
    for stem, array in arrays.items():
        write_array(folder / f"{stem}.npy", array)


def obtain_digits(archive: Archive, cache: Cache, tell: Tell = say) -> Digits:
    """The digits of an archive: of the kept one, one placed by hand, or the publisher's.

    Raises:
        RetrialError: none could be had; the message says how each failed and what a user can do.
    """
    kept = cache.root / "data" / "archives" / archive.file
    placed = cache.placed(archive.name)
    tried: list[str] = []

    def attempt(label: str, path: Path) -> Digits | None:
        try:
            with readable(path):
                digits = archive.decoded(path)
        except SourceError as failure:
            tried.append(f"{label}: {failure}")
            tell(f"{archive.name}: {tried[-1]}")
            return None
        tell(f"{archive.name}: {label}: {digits.content}")
        return digits

    if not kept.is_file():
        tried.append(f"cache: holds no {archive.file}")
    elif digits := attempt("cache", kept):
        return digits
    found = sorted(placed.glob("*.zip"))
    if not found:
        tried.append(f"files placed by hand: no *.zip in {placed}")
    for path in found:
        if digits := attempt("files placed by hand", path):
            return digits
    kept.parent.mkdir(parents=True, exist_ok=True)
    # Within the cache folder: there is room for it, and a rename suffices to keep it.
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".retrial-") as name:
        target = Path(name, archive.file)
        try:
            download((archive.address,), target, {})
        except SourceError as failure:
            tried.append(f"publisher: {failure}")
            tell(f"{archive.name}: {tried[-1]}")
        else:
            if digits := attempt("publisher", target):
                target.replace(kept)
                return digits
    raise RetrialError(hopeless(archive, tried, placed))


def hopeless(archive: Archive, tried: Sequence[str], placed: Path) -> str:
    """The message when no source is left: what was tried, how it failed, what a user can do."""
    return "\n".join(
        [
            f"{archive.name}: no source delivered its digits",
            "  tried, in this order:",
            *(f"    {reason}" for reason in tried),
            f"  to place the file by hand, put it into {placed} as it is, then run again:",
            f"    {archive.address}  {archive.pinned_by}",
            f"  or take {archive.name} out of {SECTION}.{KEY} in params.yaml",
        ]
    )


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what a damaged archive makes a reader raise into a SourceError of one line."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, gzip.BadGzipFile, EOFError) as error:
        what = HTML if is_page(path) else f"truncated or damaged archive ({error})"
        raise SourceError(f"{path.name}: {what}") from None
    except (NotImplementedError, RuntimeError) as error:
        # A way of packing that zipfile does not know, or a password.
        raise SourceError(f"{path.name}: cannot be unpacked ({error})") from None
    except RetrialError as error:
        raise SourceError(f"{path.name}: {error}") from None
    except OSError as error:
        raise SourceError(f"{path.name}: {(error.strerror or str(error)).lower()}") from None


def is_page(path: Path) -> bool:
    """Whether a file is an HTML page, as a log-in portal sends it in place of data."""
    with path.open("rb") as stream:
        return looks_like_a_page(stream.read(512))


def emnist() -> Archive:
    """EMNIST's archive of all its parts, 536 MB; RetrialError without torchvision."""
    from retrial.nets.torchvision_ops import import_torchvision

    try:
        known = import_torchvision().datasets.EMNIST
    except ImportError as error:
        raise RetrialError(f"emnist: its address cannot be read ({error})") from None
    md5: str = known.md5

    def decoded(path: Path) -> Digits:
        check_md5(path, md5)
        return emnist_digits(path)

    return Archive("emnist", Path(known.url).name, known.url, f"MD5 {md5}", decoded)


def check_md5(path: Path, expected: str) -> None:
    """Compare the MD5 of a file; SourceError says whether it is a page, damaged, or another."""
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found == expected:
        return
    what = "wrong MD5" if zipfile.is_zipfile(path) else "truncated or damaged archive, MD5"
    reason = HTML if is_page(path) else f"{what}: expected {expected}, found {found}"
    raise SourceError(f"{path.name}: {reason}")


def emnist_digits(path: Path) -> Digits:
    """The digits in EMNIST's archive, which holds its other parts too.

    Raises:
        RetrialError: a file is missing, or its shape is not as expected.
        zipfile.BadZipFile, zlib.error, EOFError, OSError: the archive is damaged.
    """
    arrays: dict[str, Images] = {}
    with zipfile.ZipFile(path) as archive:
        for stem, name in EMNIST_FILES.items():
            if name not in archive.namelist():
                raise RetrialError(f"holds no {name}")
            arrays[stem] = idx(gunzipped(zip_member(archive, name), name), name)
    for stem in EMNIST_PARTS:
        arrays[f"{stem}_images"] = upright(arrays[f"{stem}_images"], arrays[f"{stem}_labels"], stem)
    train, test = (len(arrays[f"{stem}_labels"]) for stem in EMNIST_PARTS)
    return Digits(arrays, f"{train} and {test} digits")


def upright(images: Images, labels: Images, name: str) -> Images:
    """EMNIST's images (n, 28, 28) right side up: the files hold them transposed.

    Raises:
        RetrialError: images or labels (n,) have another shape, or a label is above 9.
    """
    if images.shape != (len(images), SIDE, SIDE) or labels.shape != (len(images),):
        raise RetrialError(
            f"{name}: expected images (n, {SIDE}, {SIDE}) and labels (n,), "
            f"found {images.shape} and {labels.shape}"
        )
    if labels.max(initial=0) > 9:
        raise RetrialError(f"{name}: label {labels.max()}, expected 0 to 9")
    return np.ascontiguousarray(images.transpose(0, 2, 1))


def numbers() -> Archive:
    """The archive of one commit of the repository numbers (CC0)."""
    return Archive(
        "numbers",
        f"numbers-{NUMBERS_COMMIT}.zip",
        NUMBERS_ADDRESS,
        f"commit {NUMBERS_COMMIT}",
        numbers_digits,
    )


def numbers_digits(path: Path) -> Digits:
    """The digits of all writers in an archive of the commit, sorted by path, made MNIST's size.

    Blank and unreadable pictures are left out and counted. So is, uncounted, what is not named
    numbers-COMMIT/WRITER/DIGIT/number-N.png: the folder UNCATEGORIZED of later commits tells no
    writers.

    Raises:
        RetrialError: there is no digit.
        zipfile.BadZipFile, zlib.error, EOFError, OSError: the archive is damaged.
    """
    named = re.compile(
        rf"numbers-{NUMBERS_COMMIT}/([0-9]{{4}}_[A-Z0-9]+)/([0-9])/number-[0-9]+\.(?:png|PNG)"
    )
    images: list[Images] = []
    labels: list[int] = []
    writers: set[str] = set()
    blank = unreadable = 0
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            match = named.fullmatch(name)
            if match is None:
                continue
            picture = grey(zip_member(archive, name))
            if picture is None:
                unreadable += 1
                continue
            try:
                images.append(normalised(picture))
            except BlankError:
                blank += 1
                continue
            labels.append(int(match[2]))
            writers.add(match[1])
    if not images:
        raise RetrialError(f"holds no digit in numbers-{NUMBERS_COMMIT}/WRITER/DIGIT/number-N.png")
    content = f"{len(images)} digits of {len(writers)} writers, left out {blank} blank"
    arrays = {"numbers_images": np.stack(images), "numbers_labels": np.array(labels, np.uint8)}
    return Digits(arrays, f"{content}, {unreadable} unreadable")


def grey(png: bytes) -> Images | None:
    """A PNG picture (h, w) in grey, on white where it is transparent; None when unreadable."""
    try:
        with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
            return np.asarray(in_grey(image), np.uint8)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        # Pillow reports some broken chunks as SyntaxError or ValueError.
        return None


ARCHIVES: Mapping[str, Callable[[], Archive]] = {"emnist": emnist, "numbers": numbers}
