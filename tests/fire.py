"""Kills a run at random moments and looks at what `dvc repro` then makes of it.

`python tests/fire.py --kills 50` does it 50 times to a miniature of two study stages, each time
from nothing, and prints one line each and the sums: `make fire`. docs/fire.md says more.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
from clones import Clone
from miniature import STUDIES, miniature
from processes import alive

from retrial.tools.pipeline import mend

VICTIMS = ("group", "dvc", "stage", "worker")
# Seconds after the end of a run within which its last helpers must be gone.
LEAVE = 10


class Outcome(NamedTuple):
    """What one kill led to.

    `kept` trials were finished at the kill; `twice` of them were run again; `different` bytes of
    results and lock are not those of an undisturbed run, all in `files`; `orphans` processes were
    left. `mended` is the last line of a `dvc repro` that would not start before `retrial study`'s
    mending, "" where it did; `failed` that of one that failed all the same.
    """

    victim: str
    moment: float
    kept: int
    twice: int
    different: int
    files: list[str]
    orphans: int
    mended: str
    failed: str


def results(clone: Clone) -> dict[str, bytes]:
    """What a run leaves, by path: its results but for their times, and the lock."""
    paths = [path for path in (clone.root / "data/results").rglob("*") if path.is_file()]
    lock = clone.root / "dvc.lock"
    return {
        str(path.relative_to(clone.root)): path.read_bytes()
        for path in [*paths, *([lock] if lock.exists() else [])]
        if path.name != "timings.json"
    }


def differing(found: dict[str, bytes], expected: dict[str, bytes]) -> int:
    """How many bytes differ between two sets of files; all of a file that only one has."""
    count = 0
    for name in found.keys() | expected.keys():
        one, other = found.get(name, b""), expected.get(name, b"")
        count += sum(a != b for a, b in zip(one, other, strict=False)) + abs(len(one) - len(other))
    return count


def stored(clone: Clone) -> dict[str, tuple[int, int]]:
    """The finished trials, each with what changes when it is written again."""
    found = {}
    for path in (Path(clone.environment["RETRIAL_CACHE"]) / "trials").rglob("*.trial"):
        about = path.stat()
        found[path.name] = about.st_ino, about.st_mtime_ns
    return found


def running(clone: Clone) -> Iterator[psutil.Process]:
    """The processes that work for this project, told by their trial store."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("RETRIAL_CACHE") == clone.environment["RETRIAL_CACHE"]:
                yield process
        except psutil.Error:
            continue


def clear(clone: Clone) -> None:
    """Take back all that a run leaves."""
    root = clone.root
    for folder in (root / "data", root / ".dvc/cache", root / ".dvc/tmp"):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(Path(clone.environment["RETRIAL_CACHE"]) / "trials", ignore_errors=True)
    (root / "dvc.lock").unlink(missing_ok=True)


def kill(run: subprocess.Popen[bytes], victim: str) -> str:
    """Kill `victim` of a run, or DVC where there is no such process yet; what was killed."""
    if victim == "group":
        os.killpg(run.pid, signal.SIGKILL)
        return victim
    try:
        family = psutil.Process(run.pid).children(recursive=True)
        named = {
            "stage": [one for one in family if "stages/" in " ".join(one.cmdline()[:2])],
            "worker": [one for one in family if "popen_loky" in " ".join(one.cmdline())],
        }.get(victim, [])
        if named:
            named[0].kill()
            return victim
    except psutil.Error:
        pass
    run.kill()
    return "dvc"


def again(clone: Clone) -> str:
    """Run `dvc repro`; "" where it goes through, else the last line that it says."""
    done = clone("dvc", "repro")
    return (done.stderr.strip().splitlines() or ["?"])[-1] if done.returncode else ""


def strike(clone: Clone, expected: dict[str, bytes], victim: str, moment: float) -> Outcome | None:
    """Run the project from nothing, kill `victim` after `moment` seconds, and run it again.

    None where the run has ended by then.
    """
    clear(clone)
    run = clone.start("dvc", "repro")
    time.sleep(moment)
    if run.poll() is not None:
        assert run.returncode == 0
        return None
    victim = kill(run, victim)
    run.wait()
    before = stored(clone)
    failed, mended = again(clone), ""
    if failed:
        mend(clone.root)
        mended, failed = failed, again(clone)
    deadline = time.monotonic() + LEAVE
    while (left := sum(map(alive, running(clone)))) and time.monotonic() < deadline:
        time.sleep(0.1)
    after = stored(clone)
    twice = sum(after.get(name) != about for name, about in before.items())
    found = results(clone)
    names = sorted(found.keys() | expected.keys())
    files = [name for name in names if found.get(name) != expected.get(name)]
    different = differing(found, expected)
    return Outcome(victim, moment, len(before), twice, different, files, left, mended, failed)


def fire(folder: Path, kills: int, seed: int) -> Iterator[Outcome]:
    """The outcomes of so many kills of a miniature below `folder`, at moments drawn by `seed`.

    Kills are spread evenly: one at a random moment of each of as many parts of a run.
    """
    clone = miniature(folder)
    start = time.monotonic()
    done = clone("dvc", "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    length = time.monotonic() - start
    expected = results(clone)
    assert len([name for name in expected if name.endswith("records.json")]) == len(STUDIES)
    drawn = random.Random(seed)
    parts = list(range(kills))
    drawn.shuffle(parts)
    for part in parts:
        outcome = None
        while outcome is None:
            moment = length * (part + drawn.random()) / kills
            outcome = strike(clone, expected, drawn.choice(VICTIMS), moment)
            # Runs differ in length: where one had ended, those to come are as short.
            length = length if outcome else min(length, moment)
        yield outcome


def told(what: list[str]) -> str:
    """What goes wrong, in brackets; "" where nothing does."""
    named = ", ".join(filter(None, what))
    return f" ({named})" if named else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        for outcome in fire(Path(folder), chosen.kills, chosen.seed):
            outcomes.append(outcome)
            print(
                f"{len(outcomes):3} {outcome.victim:6} after {outcome.moment:5.2f} s, "
                f"{outcome.kept:2} trials kept: {outcome.twice} run twice, "
                f"{outcome.different} bytes different{told(outcome.files)}, "
                f"{outcome.orphans} orphans{told([outcome.mended, outcome.failed])}",
                flush=True,
            )
    victims = Counter(outcome.victim for outcome in outcomes)
    kept = sum(outcome.kept for outcome in outcomes)
    print(f"{len(outcomes)} kills: " + ", ".join(f"{victims[one]} {one}" for one in VICTIMS))
    print(f"DVC's own lock cut short, and mended: {sum(bool(one.mended) for one in outcomes)}")
    print(f"runs that failed afterwards: {sum(bool(one.failed) for one in outcomes)}")
    print(f"trials finished at a kill: {kept}, run twice: {sum(one.twice for one in outcomes)}")
    print(f"bytes different from an undisturbed run: {sum(one.different for one in outcomes)}")
    print(f"orphans: {sum(one.orphans for one in outcomes)}")
    sys.exit(any(one.failed or one.twice or one.different or one.orphans for one in outcomes))


if __name__ == "__main__":
    main()
