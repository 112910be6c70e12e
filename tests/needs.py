"""Installs Debian's packages that some tests need, where that is allowed: `make test` does it once.

It is for root on a machine with apt-get, such as a container's. Anywhere else, and when a package
cannot be had, one line says which tests are skipped; nothing fails for it.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping

from servers import programs

# What tests need by the package that brings it, and whether it is there.
NEEDS: Mapping[str, Callable[[], object]] = {
    "chromium": lambda: shutil.which("chromium") or shutil.which("chromium-browser"),
    "qemu-user": lambda: shutil.which("qemu-x86_64"),
    "postgresql": programs,
}
# Seconds for one command of apt-get.
PATIENCE = 600


def install(packages: list[str]) -> str:
    """Install packages; the last line of what apt-get said where it fails, else ""."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *packages]):
        try:
            done = subprocess.run(
                ["apt-get", *words], env=quiet, capture_output=True, text=True, timeout=PATIENCE
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode:
            return ((done.stdout + done.stderr).strip().splitlines() or ["no reason given"])[-1]
    return ""


def main() -> None:
    lacking = [package for package, there in NEEDS.items() if not there()]
    if not lacking:
        return
    named = ", ".join(lacking)
    if os.geteuid() or shutil.which("apt-get") is None:
        print(f"Tests that need {named} will be skipped: only root may install them, with apt-get.")
        return
    print(f"Installing {named} for the tests that need them: minutes.", flush=True)
    if reason := install(lacking):
        print(f"Tests that need {named} will be skipped: {reason}")


if __name__ == "__main__":
    main()
