"""Runs trials anew in this process, with no store and no pipeline, and leaves their records.

`python -m retrial.tools.rerun STUDY OUT DATA...` reads trials as JSON from standard input, and
prints the most resident memory that it had, in bytes, as its last line. `verify` starts it in a
fresh process, on an emulated CPU too where there is an emulator.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from retrial.core import records
from retrial.core.errors import RetrialError, reported
from retrial.core.records import Finished
from retrial.core.trial import Trial
from retrial.running.memory import own_peak
from retrial.running.sweep import execute


def rerun(
    study: str, trials: Sequence[Trial], data: Sequence[str], out: Path, module: str | None = None
) -> None:
    """Run `trials` of a study on the arrays of `data`; write their records to `out`.

    `module` has the study's code, by default that of its name. Raises RetrialError for a trial
    that raised.
    """
    finished = []
    for index, trial in enumerate(trials):
        code = module or f"retrial.studies.{study}"
        answer = execute(code, (index,), (trial,), tuple(data))[0]
        if answer.unfit:
            raise RetrialError(answer.unfit)
        if answer.result is None:
            last = answer.traceback.strip().splitlines()[-1]
            raise RetrialError(f"{study}: trial {trial.arm} with seed {trial.seed} raised: {last}")
        finished.append(Finished(trial, answer.result, ""))
    records.write(out, study, finished, (), {})


def trial_of(study: str, entry: dict[str, Any]) -> Trial:
    """The trial that an entry of records.json came from."""
    return Trial(study, entry["arm"], entry["seed"], entry["config"], entry["whole"])


@reported
def main() -> None:
    """The entry point of `python -m retrial.tools.rerun`."""
    study, out, *data = sys.argv[1:]
    trials = [trial_of(study, entry) for entry in json.load(sys.stdin)]
    rerun(study, trials, data, Path(out))
    print(own_peak())


if __name__ == "__main__":
    main()
