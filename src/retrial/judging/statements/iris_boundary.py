"""Tests of what report 001 states of its boundaries on Iris (P4): the rows, and the animated GIF.

There is no chance in either: one trial decides.
"""

import math

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.outcome import Outcome

PARTS = ("train", "test")
NO_END = 0


def iris_setup(claim: Claim, records: Records) -> Outcome:
    """The stated rows, split, features and scaling: do they hold together on the pinned data?

    `rows` distinct ones, of them `train` and `test`, both classes equally often over both parts;
    `columns` of Iris, by number, are what the study has looked at. Standardised by the training
    rows: there every mean is 0 and every deviation 1, to within `tolerance`, and on the test rows
    none of them is (a scaler that had seen these as well would leave neither so).
    """
    arm, thresholds = claim.evidence.arm, claim.evidence.thresholds
    config = records.of(arm)[0]["config"]
    columns = " ".join(str(column) for column in config["columns"])
    if columns != thresholds["columns"]:
        raise RetrialError(
            f"evidence.thresholds.columns = {thresholds['columns']!r}: the study has {columns!r}"
        )

    def of(name: str) -> float:
        return float(records.metric(arm, name)[0])

    sizes = {part: int(of(f"{part}_size")) for part in PARTS}
    counts = [sum(int(of(f"{part}_class_{label}")) for part in PARTS) for label in (0, 1)]
    rows = int(of("distinct_rows"))
    tolerance = float(claim.evidence.threshold("tolerance"))
    off = {
        part: [
            max(abs(of(f"{part}_mean_{place}")), abs(of(f"{part}_deviation_{place}") - 1))
            for place in range(2)
        ]
        for part in PARTS
    }
    holds = (
        sizes == {part: claim.evidence.threshold(part) for part in PARTS}
        and rows == claim.evidence.threshold("rows")
        and counts[0] == counts[1]
        and max(off["train"]) <= tolerance < min(off["test"])
    )
    return Outcome(
        "reproduced" if holds else "contradicted",
        None,
        n=1,
        reason=f"{rows} rows, {counts[0]} of class 0 and {counts[1]} of class 1, "
        f"{sizes['train']} for training and {sizes['test']} for the test; means and deviations of "
        f"the standardised features are off 0 and 1 by at most {max(off['train']):.1g} on the "
        f"training rows and by up to {max(off['test']):.2g} on the test rows; nothing of the "
        "report is tested by this but that what it states fits together",
    )


def endless_frames(claim: Claim, records: Records) -> Outcome:
    """A GIF of as many `frames` as there are alphas, each of `duration` ms, repeated without end.

    The file is written by the study from the same networks and read back. Beside it stands what
    hangs on the drawing and on the place of one line.
    """
    arm = claim.evidence.arm

    def of(name: str) -> float:
        return float(records.metric(arm, name)[0])

    duration = float(claim.evidence.threshold("duration"))
    frames, loop = int(of("frames")), of("loop")
    holds = (
        frames == claim.evidence.threshold("frames")
        and of("shortest") == of("longest") == duration
        and loop == NO_END
    )
    spread = f"{of('shortest'):g}" + (
        "" if of("shortest") == of("longest") else f" to {of('longest'):g}"
    )
    if loop == NO_END:
        repeats = "repeated without end"
    else:
        # A file that says nothing of repetition has no such number.
        repeats = "played once" if math.isnan(loop) else f"repeated {loop:g} times"
    return Outcome(
        "reproduced" if holds else "contradicted",
        frames,
        n=1,
        reason=f"{frames} frames of {spread} ms, {repeats}; without a mark that tells alpha "
        f"{int(of('bare_frames'))} would be left, of up to {of('bare_longest'):g} ms, since equal "
        f"neighbours are merged; appended after the loop, as the printed indentation has it, "
        f"{int(of('once_frames'))}",
    )
