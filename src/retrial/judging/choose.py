"""Which parameters a printed table points to: a pure choice among recorded curves.

The table of report 002, section B prints, for each network that learned, four numbers. One choice
serves the whole table: a draw that "random" stands for, a standard deviation that "normal" stands
for, one learning rate, one number of epochs. The cells are compared on scales on which a
difference means the same everywhere: log-odds for accuracies, logarithms for losses. Absolute
differences are averaged, not squares, so that one cell that no reading comes near does not pull
the reading away from all the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from retrial.core.records import Records
from retrial.judging.ledger import Claim

Array = NDArray[Any]

# Few on purpose: what the search has seen cannot count as reproduced. The training columns of the
# same cells are left to be judged.
QUANTITIES = ("validation_loss", "validation_accuracy")
CLASSES = 10


@dataclass(frozen=True)
class Curves:
    """A candidate network: its curves are (seeds, epochs), losses in nats, accuracies in 0…1."""

    activation: str
    distribution: str
    scale: float
    learning_rate: float
    curves: Mapping[str, Array]


@dataclass(frozen=True)
class Choice:
    """One reading of the whole table.

    `random` is (distribution, scale), `normal` a standard deviation. `score` is the mean over cells
    and quantities of the absolute difference in log-odds or logarithm, so 0.1 means that odds and
    losses are 10% off on average.
    """

    PARAMETERS: ClassVar = ("random", "normal", "learning_rate", "epochs")

    random: tuple[str, float]
    normal: float
    learning_rate: float
    epochs: int
    score: float


def candidates(records: Records) -> list[Curves]:
    """The candidates that `retrial.studies.scratch_search` recorded, one per arm."""
    found = []
    for arm in records.arms():
        config = records.of(arm)[0]["config"]
        found.append(
            Curves(
                activation=config["activation"],
                distribution=config["draw"]["distribution"],
                scale=config["draw"]["scale"],
                learning_rate=config["learning_rate"],
                curves={name: records.curve(arm, name) for name in QUANTITIES},
            )
        )
    return found


def printed_cells(claims: Sequence[Claim]) -> dict[str, dict[str, float]]:
    """What the table prints for the networks that learned, as `ranked` wants it.

    The printed losses are averages over samples and classes (they are impossible otherwise), so
    they are multiplied with the number of classes here.
    """
    cells: dict[str, dict[str, float]] = {}
    for claim in claims:
        arm, metric = claim.evidence.arm, claim.evidence.metric
        if claim.kind == "value" and metric in QUANTITIES and not arm.endswith("/zero"):
            value = float(claim.printed)
            comparable = value * CLASSES if claim.quantity == "loss" else value / claim.scale
            cells.setdefault(arm, {})[metric] = comparable
    return cells


def readings(claims: Sequence[Claim], records: Records) -> list[Choice]:
    """All readings of the table in `claims` that a search's records allow, the best first."""
    return ranked(candidates(records), printed_cells(claims))


def ranked(
    candidates: Sequence[Curves], printed: Mapping[str, Mapping[str, float]]
) -> list[Choice]:
    """All readings of the table that the candidates allow, the best first.

    `printed` maps "<activation>/random" and "<activation>/normal" to the `QUANTITIES`, losses
    in nats and accuracies in 0…1. A reading needs a candidate for each of these cells; one whose
    curve is not finite at an epoch does not take part in that epoch.
    """
    cells = [cell.split("/") for cell in printed]
    activations = {
        role: sorted(activation for activation, initial in cells if initial == role)
        for role in ("random", "normal")
    }
    mean = {
        (c.activation, c.distribution, c.scale, c.learning_rate): _per_epoch(c) for c in candidates
    }
    draws = sorted({(c.distribution, c.scale) for c in candidates})
    choices = []
    for rate in sorted({c.learning_rate for c in candidates}):
        errors: dict[str, dict[tuple[str, float], Array]] = {"random": {}, "normal": {}}
        for role, per_draw in errors.items():
            for draw in draws:
                keys = [(activation, *draw, rate) for activation in activations[role]]
                if all(key in mean for key in keys):
                    terms = [_distances(mean[key], printed[f"{key[0]}/{role}"]) for key in keys]
                    shortest = min(term.shape[1] for term in terms)
                    per_draw[draw] = np.concatenate([term[:, :shortest] for term in terms])
        for random, of_random in errors["random"].items():
            for normal, of_normal in errors["normal"].items():
                if normal[0] != "normal":
                    continue
                shortest = min(of_random.shape[1], of_normal.shape[1])
                both = np.concatenate([of_random[:, :shortest], of_normal[:, :shortest]])
                scores = both.mean(axis=0)
                choices += [
                    Choice(random, normal[1], rate, epoch, float(score))
                    for epoch, score in enumerate(scores, start=1)
                    if np.isfinite(score)
                ]
    return sorted(choices, key=lambda c: (c.score, c.epochs, c.learning_rate, c.random, c.normal))


def other_reading(claim: Claim, records: Records, margin: float) -> str | None:
    """What speaks against a contradiction: a searched reading within `margin` of a claim's print.

    One choice serves the whole table, so this reproduces nothing; but a number that some reading
    gives is not contradicted by another.
    """
    activation, initial = claim.evidence.arm.split("/")
    metric = claim.evidence.metric
    nearest, told = margin, None
    for arm in records.arms():
        config = records.of(arm)[0]["config"]
        named_otherwise = initial == "normal" and config["draw"]["distribution"] != "normal"
        if metric is None or config["activation"] != activation or named_otherwise:
            continue
        curve = claim.scale * records.curve(arm, metric).mean(axis=0)
        distance = np.abs(curve - float(claim.printed))
        if np.nanmin(distance) <= nearest:
            epoch, draw = int(np.nanargmin(distance)), config["draw"]
            nearest = float(distance[epoch])
            told = (
                f"{draw['distribution']} {draw['scale']:g} at learning rate "
                f"{config['learning_rate']:g} and {epoch + 1} epochs"
            )
    return within_margin(told)


def within_margin(reading: str | None) -> str | None:
    """What a verdict says of another reading that comes within the margin, where there is one."""
    if reading is None:
        return None
    return f"{reading} comes within the margin, but one choice serves the whole table"


def runners_up(choices: Sequence[Any]) -> dict[str, Any]:
    """For each of the readings' PARAMETERS, the best that differs from the best one in it.

    A score close to the best one's says that the print does not pin the parameter; None, that
    the search had no other value of it.
    """
    best = choices[0]
    return {
        name: next((c for c in choices if getattr(c, name) != getattr(best, name)), None)
        for name in best.PARAMETERS
    }


def _per_epoch(candidate: Curves) -> Array:
    """Seed means on the comparison scale, (quantities, epochs)."""
    return np.stack(
        [scaled(name, np.asarray(candidate.curves[name])).mean(axis=0) for name in QUANTITIES]
    )


def _distances(per_epoch: Array, printed: Mapping[str, float]) -> Array:
    """Absolute differences from the printed values, (quantities, epochs)."""
    target = np.array([scaled(name, np.asarray(printed[name])) for name in QUANTITIES])
    return np.abs(per_epoch - target[:, None])


def scaled(name: str, values: Array) -> Array:
    """Log-odds of an accuracy, kept half a thousandth from 0 and 1; logarithm of a loss."""
    if name.endswith("accuracy"):
        inside = np.clip(values, 5e-4, 1 - 5e-4)
        return np.log(inside / (1 - inside))
    return np.log(values)
