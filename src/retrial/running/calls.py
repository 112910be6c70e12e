"""What one call to a worker holds: neither so little that sending it takes longer than running it,
nor so much that the others wait.

A trial's bytes do not depend on it.
"""

import importlib
from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise

from retrial.core.trial import Trial

# Places of trials that are run as one program.
Program = list[int]

# Seconds that a call should take at least: sending one and keeping its result takes milliseconds.
BUSY = 0.5
# Seconds above which a program of several trials is split, unless each worker has its share of
# calls anyway: a program is faster than its trials one by one, but one worker's.
HEAVY = 30.0
SHARE = 4
# Programs in one call at most, where nothing is known of their time.
AT_MOST = 64


def expected(trials: Sequence[Trial], factors: Mapping[str, float]) -> list[float]:
    """Seconds that each trial will take: its own rough cost, corrected by what was measured.

    `factors` are seconds per unit of cost by arm, from an earlier run. An arm that was not
    measured has the mean of the others, and 1 where none was.
    """
    known = [factors[trial.arm] for trial in trials if trial.arm in factors]
    rest = sum(known) / len(known) if known else 1.0
    return [trial.cost * factors.get(trial.arm, rest) for trial in trials]


def grouped(study: str, trials: Sequence[Trial], waiting: Sequence[int]) -> list[Program]:
    """The places of trials that are run as one program each, the heaviest first.

    A study whose trials can be one program says by `together(trial)` what such trials share, and
    by `AT_ONCE` how many there are at most in one; all others run trial by trial.
    """
    module = importlib.import_module(study)
    if not hasattr(module, "together"):
        return [[index] for index in waiting]
    kinds: dict[Hashable, Program] = {}
    for index in sorted(waiting):
        kinds.setdefault(module.together(trials[index]), []).append(index)
    groups = []
    for kind in kinds.values():
        # As equal as can be: 7 of at most 5 are programs of 3 and 4.
        groups += parts(kind, -(-len(kind) // module.AT_ONCE))
    return sorted(groups, key=lambda group: -sum(trials[index].cost for index in group))


def parts(program: Program, count: int) -> list[Program]:
    """`program` in `count` parts whose sizes differ by one at most."""
    ends = [len(program) * i // count for i in range(count + 1)]
    return [program[start:end] for start, end in pairwise(ends)]


def calls(
    programs: Sequence[Program], seconds: Sequence[float], workers: int | None
) -> list[list[Program]]:
    """The programs of each call for so many `workers` (None: many), the longest call first.

    `seconds` are what each trial is expected to take. A program that is heavy is split by its
    trials, which differ by seed or setting; light ones share a call of at least BUSY seconds.
    """

    def length(program: Program) -> float:
        return sum(seconds[index] for index in program)

    share = sum(map(length, programs)) / (SHARE * workers) if workers else 0.0
    limit = max(HEAVY, share)
    pieces: list[Program] = []
    for program in programs:
        count = min(len(program), max(1, -int(-length(program) // limit)))
        pieces += parts(program, count)
    found: list[list[Program]] = []
    spent = BUSY
    for piece in sorted(pieces, key=length, reverse=True):
        if spent >= BUSY or len(found[-1]) >= AT_MOST:
            found.append([])
            spent = 0.0
        found[-1].append(piece)
        spent += length(piece)
    return found
