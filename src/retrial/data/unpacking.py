"""Archives taken apart in memory, on no trust: nothing is written, no link is followed.

Whoever made an archive decides the names, kinds and sizes in it. A member is read only when it is
a regular file with a name that the caller knows and at most as many bytes as the caller allows,
whatever its header says; everything else is passed over.
"""

import gzip
import io
import re
import tarfile
import zipfile
from pathlib import Path

from retrial.core.errors import RetrialError

# Bytes of one file, unpacked: the largest that any source holds are EMNIST's 188 million.
LARGEST = 300_000_000


def tar_members(path: Path, pattern: str, largest: int = LARGEST) -> dict[str, bytes]:
    """The members of a tar file, compressed or not, whose whole name matches, by base name.

    Raises:
        RetrialError: a member that matches is larger than `largest` bytes.
        tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError: the archive is damaged.
    """
    found = {}
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and re.fullmatch(pattern, member.name):
                if member.size > largest:
                    raise RetrialError(f"{path.name}: {_too_large(member.name, largest)}")
                stream = archive.extractfile(member)
                if stream is not None:
                    found[Path(member.name).name] = stream.read()
    return found


def zip_member(archive: zipfile.ZipFile, name: str, largest: int = LARGEST) -> bytes:
    """One member of an open zip file; it unpacks to no more than its header says.

    Raises:
        KeyError: there is no such member.
        RetrialError: it is larger than `largest` bytes.
        zipfile.BadZipFile, zlib.error, EOFError, OSError: the archive is damaged.
    """
    if archive.getinfo(name).file_size > largest:
        raise RetrialError(_too_large(name, largest))
    return archive.read(name)


def gunzipped(content: bytes, name: str, largest: int = LARGEST) -> bytes:
    """A gzip file unpacked, of which no more than `largest` bytes are ever held.

    Raises:
        RetrialError: it unpacks to more; the message begins with `name`.
        gzip.BadGzipFile, zlib.error, EOFError: it is no whole gzip file.
    """
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
        found = stream.read(largest + 1)
    if len(found) > largest:
        raise RetrialError(f"{name}: unpacks to more than {largest} bytes, expected fewer")
    return found


def _too_large(name: str, largest: int) -> str:
    return f"member {name!r}: larger than {largest} bytes, expected fewer"
