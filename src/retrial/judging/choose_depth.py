"""Which width, batch, optimiser, learning rate and initialiser report 004's depth table points to.

The six printed numbers of five hidden layers, against the shallow round of the search: a pure
choice, on the scales of `retrial.judging.choose` (log-odds and logarithms, absolute differences
averaged). One choice serves the whole table. The twelve numbers of 20 and 40 layers are left to be
judged; the deep round only says what other readings would have given for them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

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

    As `retrial.judging.choose.other_reading`, after the epochs that the report states. Numbers that
    made the choice are judged by it alone: among all readings some comes near each of them.
    """
    if claim.fitted:
        return None
    nearest, told = margin, None
    for arm in records.arms():
        config = records.of(arm)[0]["config"]
        metric = claim.evidence.metric
        if metric is None or f"{config['activation']}/{config['depth']}" != claim.evidence.arm:
            continue
        distance = abs(
            claim.scale * float(records.metric(arm, metric).mean()) - float(claim.printed)
        )
        if distance <= nearest:
            nearest, told = distance, _told(config)
    return within_margin(told)


# Test accuracy, and training accuracy as a log prints it, after the stated epochs, by cell.
Reading = dict[str, tuple[float, float]]


def other_statement(claim: Claim, records: Records) -> str | None:
    """What speaks against a contradicted sentence on the table: a searched reading that has it."""
    for _, config, holds in of_sentence(claim, records):
        if holds:
            return f"{_told(config)} has it as claimed, with one seed"
    return None


def of_sentence(claim: Claim, records: Records) -> list[tuple[str, Mapping[str, Any], bool]]:
    """Whether each searched reading has a sentence on the table: an arm, its config, and that.

    Of the candidates that were trained at all its depths, with one seed: those whose accuracies are
    ordered as claimed (`best_where_shallow`), or in which the gap carries more than half of every
    loss (`fails_to_generalise`). Empty for all other sentences.
    """
    holds = {"best_where_shallow": _ordered, "fails_to_generalise": _carried}.get(
        claim.evidence.test or ""
    )
    if holds is None:
        return []
    cells = claim.evidence.arms
    fewest = min((arm.split("/")[1] for arm in cells), key=int)
    deeper = [(arm, f"{arm.split('/')[0]}/{fewest}") for arm in cells if not arm.endswith(fewest)]
    found = []
    for arm, config, reading in _whole_readings(records, cells):
        losses = [
            (reading[shallow][0] - reading[deep][0], reading[shallow][1] - reading[deep][1])
            for deep, shallow in deeper
        ]
        found.append((arm, config, holds(losses)))
    return found


def levels(config: Mapping[str, Any]) -> dict[str, str]:
    """The choices of a deep network, by the names that the ledger has for them."""
    return {
        "the width": str(config["width"]),
        "the batch": str(config["batch"]),
        "the optimiser": str(config["optimiser"]),
        "the learning rate": f"{config['learning_rate']:g}",
        "the initialiser": str(config["initialiser"]),
    }


def _ordered(losses: Sequence[tuple[float, float]]) -> bool:
    return all(test > 0 for test, _ in losses)


def _carried(losses: Sequence[tuple[float, float]]) -> bool:
    lost = [(test, training) for test, training in losses if test > 0]
    return bool(lost) and all(training < test / 2 for test, training in lost)


def _whole_readings(
    records: Records, cells: Sequence[str]
) -> list[tuple[str, Mapping[str, Any], Reading]]:
    """The candidates that have every cell: an arm, its config, and what they reach in each."""
    found: dict[tuple[Any, ...], tuple[str, Mapping[str, Any], Reading]] = {}
    for arm in records.arms():
        config = records.of(arm)[0]["config"]
        key = tuple(config[name] for name in Choice.PARAMETERS)
        test = float(records.metric(arm, "test_accuracy").mean())
        training = float(records.curve(arm, "running_accuracy")[:, -1].mean())
        *_, reading = found.setdefault(key, (arm, config, {}))
        reading[f"{config['activation']}/{config['depth']}"] = test, training
    return [one for one in found.values() if set(cells) <= set(one[2])]


def _told(config: Mapping[str, Any]) -> str:
    return (
        f"{config['optimiser']} at learning rate {config['learning_rate']:g} from "
        f"{config['initialiser']}, width {config['width']}, batches of {config['batch']},"
    )


def _distance(found: Mapping[str, float], printed: Mapping[str, float]) -> float:
    terms = [
        abs(float(scaled(name, np.asarray(found[name])) - scaled(name, np.asarray(printed[name]))))
        for name in QUANTITIES
    ]
    return float(np.mean(terms))
