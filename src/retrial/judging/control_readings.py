"""The recorded readings of the positive controls: what their sources leave open and we ran twice.

Arms and metrics are those of `retrial.studies.controls`. Two controls share arms with others that
were run for another claim; a control whose open choice was run one way only has no reading, and its
contradiction rests on a guess.
"""

from collections.abc import Mapping
from typing import NamedTuple

from retrial.core.records import Records
from retrial.judging.ledger import Claim
from retrial.judging.sensitivity import Print, Reading, of_runs
from retrial.judging.sentences import recorded

UNITS, NEIGHBOURS, FRAME = "the units", "the neighbours", "the frame"
WIDTH, PASSES = "the width", "the passes"


class Run(NamedTuple):
    """Where another reading lies: an arm, its metric, and what stands for each choice."""

    arm: str
    metric: str
    levels: Mapping[str, str]


def _neighbours(arm: str, frame: str) -> list[Run]:
    return [
        Run(arm, metric, {NEIGHBOURS: count, FRAME: frame})
        for metric, count in (("vote_error", "several"), ("nearest_error", "one"))
    ]


# By claim; the judged reading is the one with the claim's own arm and metric.
RUNS: Mapping[str, list[Run]] = {
    "control-pairwise": [
        Run("mnist/pairwise", "test_error", {UNITS: "linear"}),
        Run("mnist/pairwise/squashed", "test_error", {UNITS: "squashed"}),
    ],
    "control-neighbours": [
        *_neighbours("mnist/neighbours", "as it is"),
        *_neighbours("mnist/neighbours/box", "the box of the ink"),
    ],
    "control-radial": [
        Run("mnist/rbf", "test_error", {WIDTH: "as is usual"}),
        Run("mnist/rbf", "wider_error", {WIDTH: "wider"}),
    ],
}


def control_readings(claim: Claim, records: Records, search: Records | None) -> list[Reading]:
    """The readings of a control; of a network with open passes, one after each of them."""
    if claim.margin is None and not claim.quantity:
        return []
    printed, own = Print.of(claim), (claim.evidence.arm, claim.evidence.metric)
    if PASSES in claim.guesses:
        return _by_pass(printed, records)
    return [
        of_runs(
            printed,
            claim.scale * records.metric(run.arm, run.metric),
            records.study,
            run.arm,
            run.levels,
            (run.arm, run.metric) == own,
        )
        for run in RUNS.get(claim.id, ())
        if recorded(records, [run.arm])
    ]


def _by_pass(printed: Print, records: Records) -> list[Reading]:
    """A reading after each pass of a network; the last one is judged."""
    arm = printed.claim.evidence.arm
    if not recorded(records, [arm]):
        return []
    errors = printed.claim.scale * (1 - records.curve(arm, "test_accuracy"))
    last = errors.shape[1]
    return [
        of_runs(printed, runs, records.study, arm, {PASSES: str(one)}, one == last)
        for one, runs in enumerate(errors.T, start=1)
    ]
