"""What machines do to a whole run of the pipeline: full disks, a second run, a clock set back."""

import os
import subprocess
import time
from pathlib import Path

import pytest
from disks import remount, small_disk
from fire import results, stored
from miniature import miniature

SEEDS = 8
DAY = 86_400


def undisturbed(folder: Path) -> dict[str, bytes]:
    """What a run leaves that nothing disturbs."""
    clone = miniature(folder, SEEDS)
    done = clone("dvc", "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    return results(clone)


def errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of ours that say what went wrong."""
    told = (done.stdout + done.stderr).splitlines()
    return [line for line in told if line.startswith("error: ")]


@pytest.mark.parametrize(
    ("full", "size", "file"),
    [
        ("cache/trials", "80k", ".trial"),
        ("clone/data", "60k", "arrays.npz"),
        ("clone/data", "100k", "weights.safetensors"),
    ],
)
def test_a_disk_that_fills_up_in_mid_run_costs_no_finished_trial(
    full: str, size: str, file: str, tmp_path: Path
) -> None:
    clone = miniature(tmp_path, SEEDS)
    with small_disk(tmp_path / full, size) as disk:
        done = clone("dvc", "repro")
        assert done.returncode != 0
        [told] = errors(done)
        assert f"{file}: cannot be written: no space left on device" in told
        assert "Traceback" not in done.stdout + done.stderr
        before = stored(clone)
        assert before
        remount(disk, "size=50m")
        done = clone("dvc", "repro")
        assert done.returncode == 0, done.stdout + done.stderr
        assert before.items() <= stored(clone).items()
        assert results(clone) == undisturbed(tmp_path / "other")


def test_a_second_run_beside_the_first_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    clone = miniature(tmp_path, SEEDS)
    first = clone.start("dvc", "repro")
    while not stored(clone):
        assert first.poll() is None
        time.sleep(0.05)
    second = clone("dvc", "repro")
    told = second.stderr.splitlines()
    assert second.returncode != 0
    assert "is busy, it is being blocked by:" in told[0]
    assert f"(PID {first.pid}): " in told[1]
    assert first.wait() == 0
    assert results(clone) == undisturbed(tmp_path / "other")


def shift(root: Path, seconds: int) -> None:
    """Move the times of all files, as if the clock had been set back by so much since."""
    for path in root.rglob("*"):
        if not path.is_symlink():
            about = path.stat()
            os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns + seconds * 10**9))


def test_a_clock_set_back_makes_nothing_stale_and_nothing_fresh(tmp_path: Path) -> None:
    clone = miniature(tmp_path, SEEDS)
    assert clone("dvc", "repro").returncode == 0
    before = results(clone)
    shift(tmp_path, DAY)
    trials = stored(clone)
    done = clone("dvc", "repro")
    assert (done.returncode, stored(clone)) == (0, trials)
    assert "Running stage" not in done.stdout
    assert results(clone) == before
    # What changes is older by the clock than what was made of it.
    clone.replace("params.yaml", "heirs: {draws: 1000}", "heirs: {draws: 500}")
    done = clone("dvc", "repro")
    assert done.returncode == 0
    assert "Running stage 'heirs'" in done.stdout
    assert "Running stage 'copies'" not in done.stdout
    assert len(stored(clone)) == len(trials) + SEEDS
    clone.replace("params.yaml", "heirs: {draws: 500}", "heirs: {draws: 1000}")
    assert clone("dvc", "repro").returncode == 0
    assert results(clone) == before
