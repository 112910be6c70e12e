"""The records of one study as one file: a tar.xz of the four files that its stage leaves.

The bytes follow from the records alone: members in the order of their names, without times or
owners. Reading takes nothing on trust, since an archive may come from anywhere.
"""

import io
import lzma
import tarfile
from collections.abc import Iterator
from pathlib import Path

from retrial.core.errors import RetrialError
from retrial.core.files import write_atomically
from retrial.core.partitions import PARTS
from retrial.core.records import ARRAYS, CURVES, PROVENANCE, RECORDS

SUFFIX = ".tar.xz"
MEMBERS = tuple(sorted((ARRAYS, CURVES, PROVENANCE, RECORDS)))
# Bytes of one member: ten times the largest that any study leaves.
LARGEST = 100_000_000
# Bytes that reading an archive may take beside what it holds.
MEMORY = 100_000_000
# The preset's own dictionary of 64 MiB would take 700 MB to write and gain nothing.
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": 1 << 25}]


def pack(folder: Path, target: Path) -> Path:
    """Write the records of `folder` to the archive `target`; returns `target`.

    Raises RetrialError when one of the files is missing, and for records in parts.
    """
    if (folder / PARTS).exists():
        raise RetrialError(f"{folder / PARTS}: too large to publish, expected records in {RECORDS}")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in MEMBERS:
            try:
                content = (folder / name).read_bytes()
            except FileNotFoundError:
                message = f"{folder / name}: no such file, run `dvc repro` first"
                raise RetrialError(message) from None
            # What TarInfo starts with is a regular file, 644, of nobody and of no time.
            head = tarfile.TarInfo(name)
            head.size = len(content)
            tar.addfile(head, io.BytesIO(content))
    write_atomically(target, lzma.compress(buffer.getvalue(), filters=FILTERS))
    return target


def unpack(archive: Path, folder: Path) -> None:
    """Write the members of `archive` into `folder`, and nothing anywhere else.

    Raises RetrialError as `contents` does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents(archive):
        (folder / name).write_bytes(content)


def member(archive: Path, name: str) -> bytes:
    """One member of `archive`; raises RetrialError as `contents` does."""
    return dict(contents(archive))[name]


def contents(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The name and the bytes of each member.

    Raises RetrialError for an archive that is missing or damaged, or whose members are anything
    but one regular file of each name in MEMBERS with at most LARGEST bytes.
    """
    left = set(MEMBERS)
    expected = f"expected one regular file of at most {LARGEST} bytes each of {', '.join(MEMBERS)}"
    try:
        with tarfile.open(fileobj=io.BytesIO(decompressed(archive)), mode="r:") as tar:
            for one in tar:
                if one.name not in left or one.type != tarfile.REGTYPE or one.size > LARGEST:
                    raise RetrialError(f"{archive}: member {one.name!r}: {expected}")
                stream = tar.extractfile(one)
                content = stream.read() if stream else b""
                if len(content) != one.size:
                    raise EOFError
                left.discard(one.name)
                yield one.name, content
    except FileNotFoundError:
        raise RetrialError(f"{archive}: no such file, its study is not published") from None
    except (tarfile.TarError, lzma.LZMAError, EOFError):
        raise RetrialError(f"{archive}: damaged, run `git checkout {archive}`") from None
    if left:
        raise RetrialError(f"{archive}: no member {min(left)!r}: {expected}")


def decompressed(archive: Path) -> bytes:
    """The tar in `archive`; LZMAError or EOFError unless it is one whole stream of a sane size."""
    stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)
    content = stream.decompress(archive.read_bytes(), max_length=len(MEMBERS) * LARGEST + MEMORY)
    if not stream.eof or stream.unused_data:
        raise EOFError
    return content
