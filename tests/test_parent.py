"""Stages that lose DVC: at work, or before they have begun to watch it."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
from processes import alive, wait_for

from retrial.running.parent import STAGE_VARIABLE

STAGE = """
import sys, time
from pathlib import Path
Path(sys.argv[1]).touch()
while not Path(sys.argv[2]).exists():
    time.sleep(0.01)
from retrial.running.parent import end_with_dvc
end_with_dvc()
Path(sys.argv[3]).touch()
time.sleep(600)
"""
# As DVC: the stage is a child in its own process group.
DVC = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', *sys.argv[1:]]).wait()"


class Stage:
    """A stage below a process like DVC's; `loaded`, `go` and `watching` mark how far it is."""

    def __init__(self, folder: Path, name: str | None = "one") -> None:
        self.marks = [folder / name for name in ("loaded", "go", "watching")]
        self.loaded, self.go, self.watching = self.marks
        self.told = folder / "told"
        environment = {key: value for key, value in os.environ.items() if key != STAGE_VARIABLE}
        environment |= {STAGE_VARIABLE: name} if name else {}
        path = os.pathsep.join(part for part in sys.path if part)
        with self.told.open("wb") as told:
            self.dvc = subprocess.Popen(
                [sys.executable, "-c", DVC, STAGE, *map(str, self.marks)],
                env={**environment, "PYTHONPATH": path},
                start_new_session=True, stderr=told,
            )  # fmt: skip
        wait_for(self.loaded.exists)
        (self.process,) = psutil.Process(self.dvc.pid).children()

    def kill_dvc(self) -> None:
        self.dvc.kill()
        self.dvc.wait()


def test_a_stage_ends_with_dvc(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.go.touch()
    wait_for(stage.watching.exists)
    assert alive(stage.process)
    stage.kill_dvc()
    wait_for(lambda: not alive(stage.process))


def test_a_stage_that_lost_dvc_while_it_loaded_does_not_begin(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.kill_dvc()
    stage.go.touch()
    wait_for(lambda: not alive(stage.process))
    assert not stage.watching.exists()
    assert stage.told.read_text() == "error: DVC has ended, and its stage with it\n"


def test_what_dvc_did_not_start_outlives_who_did(tmp_path: Path) -> None:
    stage = Stage(tmp_path, None)
    stage.kill_dvc()
    stage.go.touch()
    wait_for(stage.watching.exists)
    assert alive(stage.process)
    stage.process.kill()
