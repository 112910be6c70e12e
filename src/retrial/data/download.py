"""Downloads over HTTP, with a progress bar, that fail soon and say why in a few words."""

import http.client
import queue
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

# A machine behind a firewall should reach the registries soon, whatever its resolver does.
CONNECT_SECONDS = 6.0
STALL_SECONDS = 15.0
CHUNK = 1 << 18

HTML = "an HTML page in place of data"


class SourceError(Exception):
    """A source did not deliver; the message says why, in a few words."""


class NoNetworkError(SourceError):
    """Nothing answered: trying another file at the same place would only take time."""


def looks_like_a_page(content: bytes) -> bool:
    """Whether `content` starts as an HTML or XML page does (log-in portals, error pages)."""
    start = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<error"))


def download(addresses: Sequence[str], target: Path, silent: dict[str, NoNetworkError]) -> None:
    """Write what lies at the first address that delivers to `target`.

    Args:
        addresses: tried in this order.
        target: the file to write.
        silent: hosts that did not answer, with the reason. They are passed over, and hosts that
            turn out silent are added, so that each is waited for once.

    Raises:
        NoNetworkError: no address could be connected to.
        SourceError: none delivered a whole file; the message has the reason of each.
    """
    reasons: list[SourceError] = []
    for address in addresses:
        host = urllib.parse.urlsplit(address).netloc
        if host in silent:
            reasons.append(silent[host])
            continue
        try:
            _download_one(address, target)
        except NoNetworkError as failure:
            silent[host] = failure
            reasons.append(failure)
        except SourceError as failure:
            reasons.append(failure)
        else:
            return
    kind = (
        NoNetworkError
        if all(isinstance(reason, NoNetworkError) for reason in reasons)
        else SourceError
    )
    raise kind("; ".join(dict.fromkeys(str(reason) for reason in reasons)))


def _download_one(address: str, target: Path) -> None:
    response = _open(address)
    with response, target.open("wb") as stream, _progress() as progress:
        length = response.headers.get("Content-Length")
        expected = int(length) if length and length.isdigit() else None
        task = progress.add_task(target.name, total=expected)
        received = 0
        try:
            while chunk := response.read(CHUNK):
                if received == 0 and looks_like_a_page(chunk):
                    raise SourceError(f"{target.name}: {HTML}")
                received += len(chunk)
                stream.write(chunk)
                progress.advance(task, len(chunk))
        except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = str(error) or type(error).__name__
            raise SourceError(f"{target.name}: broke off at byte {received}: {reason}") from None
    if expected is not None and received != expected:
        raise SourceError(f"{target.name}: truncated: {received} of {expected} bytes")


def _open(address: str) -> http.client.HTTPResponse:
    """The response at `address`, within CONNECT_SECONDS.

    A thread waits for it, since the time-out of a socket does not bound the look-up of its name.
    """
    if not address.startswith(("https://", "http://")):
        raise SourceError(f"{address}: expected an address of http or https")
    # Schemes are checked above.
    request = urllib.request.Request(address, headers={"User-Agent": "retrial"})  # noqa: S310
    answers: queue.SimpleQueue[http.client.HTTPResponse | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(urllib.request.urlopen(request, timeout=STALL_SECONDS))  # noqa: S310
        except (OSError, http.client.HTTPException, ValueError) as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        raise NoNetworkError(f"no network (no answer within {CONNECT_SECONDS:.0f} s)") from None
    if isinstance(answer, urllib.error.HTTPError):
        answer.close()
        raise SourceError(
            f"{Path(request.selector).name}: HTTP status {answer.code} {answer.reason}"
        )
    if isinstance(answer, urllib.error.URLError):
        raise NoNetworkError(f"no network ({answer.reason})")
    if isinstance(answer, Exception):
        raise NoNetworkError(f"no network ({answer or type(answer).__name__})")
    return answer


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
