"""The content-addressed cache of data files, in the user's cache folder.

A file's name is the SHA-256 of its content, and every read proves it: a cache that is trusted
unread would turn one flipped bit into a wrong verdict.
"""

from dataclasses import dataclass
from pathlib import Path

from retrial.core.errors import RetrialError
from retrial.core.files import sha256, write_atomically


@dataclass(frozen=True)
class Cache:
    """Files by content below `root`: data/sha256/<hash>, and data/discarded/ for damaged ones."""

    root: Path

    def path(self, digest: str) -> Path:
        """Where the content with this SHA-256 lies."""
        return self.root / "data" / "sha256" / digest

    def placed(self, dataset: str) -> Path:
        """The folder where a user puts files of `dataset` by hand."""
        return self.root / "placed" / dataset

    def get(self, digest: str, name: str) -> bytes | None:
        """The content with this SHA-256, or None when it was never cached.

        Args:
            digest: 64 hexadecimal digits.
            name: what the file is called in its data set, for the message.

        Raises:
            RetrialError: the file cannot be read, or its content has another hash. In this case it
                has been moved aside, so that the next run fetches it anew.
        """
        path = self.path(digest)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise RetrialError(f"{path}: {name} cannot be read: {reason}") from None
        found = sha256(content)
        if found == digest:
            return content
        aside = self.root / "data" / "discarded" / f"{digest}-{found[:16]}"
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
            path.replace(aside)
            fate = f"moved to {aside}, run again to fetch it anew"
        except OSError as error:
            fate = f"left in place ({(error.strerror or str(error)).lower()})"
        raise RetrialError(
            f"{path}: damaged copy of {name}: expected SHA-256 {digest}, found {found}; {fate}"
        )

    def put(self, content: bytes) -> str:
        """Keep `content` and return its SHA-256.

        Raises:
            RetrialError: the cache folder cannot be written, or there is no space left on it.
        """
        digest = sha256(content)
        write_atomically(self.path(digest), content)
        return digest
