"""Which width, batch, optimiser, learning rate and initialiser report 004's depth table points to.

The six printed numbers of five hidden layers, against the shallow round of the search: a pure
choice, on the scales of `retrial.judging.choose` (log-odds and logarithms, absolute differences
averaged). One choice serves the whole table. The twelve numbers of 20 and 40 layers are left to be
judged; the deep round only says what other readings would have given for them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.choose import scaled, within_margin
from retrial.judging.ledger import Claim

QUANTITIES = ("test_loss", "test_accuracy")


@dataclass(frozen=True)
class Choice:
    """One reading of the table.

    `score` is the mean over activations and quantities of the absolute difference in log-odds or
    logarithm, so 0.1 means that odds and losses are 10% off on average; `of_activation` the same
    of each activation, in the order of the table.
    """

    PARAMETERS: ClassVar = ("width", "batch", "optimiser", "learning_rate", "initialiser")

    width: int
    batch: int
    optimiser: str
    learning_rate: float
    initialiser: str
    score: float
    of_activation: tuple[float, ...]

    def __str__(self) -> str:
        told = ", ".join(f"{distance:.3f}" for distance in self.of_activation)
        return (
            f"{self.optimiser} at {self.learning_rate:g}, {self.initialiser}, width {self.width}, "
            f"batches of {self.batch}: {self.score:.4f} ({told})"
        )


def printed_cells(claims: Sequence[Claim]) -> dict[str, dict[str, float]]:
    """The printed numbers that are fitted, by arm ("relu/5") and quantity."""
    cells: dict[str, dict[str, float]] = {}
    for claim in claims:
        if claim.kind == "value" and claim.fitted:
            metric = claim.evidence.metric or ""
            cells.setdefault(claim.evidence.arm, {})[metric] = float(claim.printed) / claim.scale
    for arm, cell in cells.items():
        if set(cell) != set(QUANTITIES):
            raise RetrialError(f"fitted numbers of {arm}: expected {', '.join(QUANTITIES)}")
    return cells


def readings(claims: Sequence[Claim], records: Records) -> list[Choice]:
    """All readings of the table in `claims` that a search's records allow, the best first."""
    cells = printed_cells(claims)
    distances: dict[tuple[int, int, str, float, str], dict[str, float]] = {}
    for arm in records.arms():
        config = records.of(arm)[0]["config"]
        cell = f"{config['activation']}/{config['depth']}"
        if cell in cells:
            key = (
                config["width"],
                config["batch"],
                config["optimiser"],
                config["learning_rate"],
                config["initialiser"],
            )
            found = {name: float(records.metric(arm, name).mean()) for name in QUANTITIES}
            distances.setdefault(key, {})[cell] = _distance(found, cells[cell])
    choices = []
    for key, of_cell in distances.items():
        each = tuple(of_cell.get(cell, np.nan) for cell in cells)
        if np.isfinite(each).all():
            choices.append(Choice(*key, float(np.mean(each)), each))
    return sorted(
        choices, key=lambda c: (c.score, *(getattr(c, name) for name in Choice.PARAMETERS))
    )


def deep_candidates(choices: Sequence[Choice]) -> list[Choice]:
    """What the deep round trains: of each optimiser and initialiser the best of the best's width.

    `choices` as `readings` returns them.
    """
    best: dict[tuple[str, str], Choice] = {}
    for choice in choices:
        if choice.width == choices[0].width:
            best.setdefault((choice.optimiser, choice.initialiser), choice)
    return list(best.values())


def other_reading(claim: Claim, records: Records, margin: float) -> str | None:
    """What speaks against a contradiction: a searched reading within `margin` of a claim's print.

    As `retrial.judging.choose.other_reading`, after the epochs that the report states.
    """
    activation, depth = claim.evidence.arm.split("/")
    nearest, told = margin, None
    for arm in records.arms():
        config = records.of(arm)[0]["config"]
        metric = claim.evidence.metric
        if metric is None or (config["activation"], str(config["depth"])) != (activation, depth):
            continue
        distance = abs(
            claim.scale * float(records.metric(arm, metric).mean()) - float(claim.printed)
        )
        if distance <= nearest:
            nearest = distance
            told = (
                f"{config['optimiser']} at learning rate {config['learning_rate']:g} from "
                f"{config['initialiser']}, width {config['width']}, batches of {config['batch']},"
            )
    return within_margin(told)


def _distance(found: Mapping[str, float], printed: Mapping[str, float]) -> float:
    terms = [
        abs(float(scaled(name, np.asarray(found[name])) - scaled(name, np.asarray(printed[name]))))
        for name in QUANTITIES
    ]
    return float(np.mean(terms))
