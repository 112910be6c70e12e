"""The chapter on what reports work out by hand: its exercises, and how their lines came out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from retrial.report.numbers import counted
from retrial.report.tables import VERDICTS, small_table

Row = Mapping[str, Any]

# Anchor of each exercise's section, its title, and how the ids of its claims begin.
EXERCISES: dict[str, tuple[str, tuple[str, ...]]] = {
    "plain-layers": ("layers without activations", ("000-Q1a", "000-Q1b")),
    "threshold-networks": ("a threshold network", ("000-Q1c",)),
    "step-networks": ("a step network", ("000-Q1d",)),
    "universal-networks": ("networks for any region", ("000-Q1e",)),
    "chain-rule": ("the chain rule", ("000-Q2a",)),
    "logistic-gradient": ("logistic regression's gradients", ("001-T1",)),
    "softmax-backprop": ("softmax, leaky ReLU, dropout", ("001-T3",)),
    "softmax-hessian": ("Hessian of the cross-entropy", ("001-T7",)),
    "hessian": ("Jacobian of the gradient", ("001-T4",)),
    "gradient-ranges": ("ranges of gradients", ("004-1A", "004-1D")),
    "hard-margin": ("a machine of hard margin", ("000-4.1",)),
    "feature-maps": ("maps that separate", ("000-4.2",)),
    "kernel-theorems": ("kernels and their theorems", ("000-5",)),
    "descent": ("gradient descent and Newton", ("000-Q2b",)),
    "newton": ("Newton's method", ("001-T6",)),
    "rosenbrock": ("Rosenbrock's function", ("001-P1",)),
    "batch-norm": ("batch normalisation", ("001-T2",)),
    "dropout-regression": ("regression with dropout", ("001-T5",)),
    "relu-regression": ("one step on a regression", ("002-A1",)),
    "hand-backprop": ("back-propagation by hand", ("003-6",)),
    "margins": ("margins and support vectors", ("002-A3",)),
}


def of_exercise(rows: Sequence[Row], exercise: str) -> list[Row]:
    """The claims of an exercise, by its anchor in EXERCISES."""
    return [row for row in rows if row["id"].startswith(EXERCISES[exercise][1])]


def by_exercise(rows: Sequence[Row], caption: str) -> str:
    """How many lines of each exercise came out how, as a table with links to the sections."""
    found = {name: of_exercise(rows, name) for name in EXERCISES}
    shown = [name for name in VERDICTS if any(row["verdict"] == name for row in rows)]
    lines = []
    for name, own in found.items():
        if not own:
            continue
        tally = Counter(row["verdict"] for row in own)
        cells = (_cell(tally[verdict], own, verdict) for verdict in shown)
        lines.append(
            [f"{own[0]['report']}: [{EXERCISES[name][0]}](#worked-{name})",
             counted(len(own), f"claims of the exercise {name}"), *cells]
        )  # fmt: skip
    return small_table(["Exercise", "Claims", *shown], lines, caption)


def of_kind(rows: Sequence[Row], kinds: Sequence[str], named: str) -> str:
    """How the claims of some kinds came out, in words: "12 formulas: 8 reproduced, 4 …"."""
    own = [row for row in rows if row["kind"] in kinds]
    tally = Counter(row["verdict"] for row in own)
    parts = [f"{_cell(tally[name], own, name)} {name}" for name in VERDICTS if tally[name]]
    return f"{counted(len(own), f'claims that are {named}')} {named}: {', '.join(parts)}"


def hardest(rows: Sequence[Row]) -> tuple[str, list[Row], list[Row]]:
    """The exercise with the most printed lines that are not right: anchor, claims, wrong claims."""
    own = {name: of_exercise(rows, name) for name in EXERCISES}
    wrong = {
        name: [
            row for row in found if row["verdict"] in ("contradicted", "explained", "impossible")
        ]
        for name, found in own.items()
    }
    most = max(wrong, key=lambda name: len(wrong[name]))
    return most, own[most], wrong[most]


def _cell(count: int, rows: Sequence[Row], verdict: str) -> str:
    ids = " ".join(row["id"] for row in rows if row["verdict"] == verdict)
    return counted(count, f"{verdict}: {ids}") if count else ""
