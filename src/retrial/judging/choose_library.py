"""Which network and schedule report 002's table of four activations points to.

The four printed validation losses against the search's records: a pure choice, on the scale of
`retrial.judging.choose` (absolute differences of logarithms, averaged). One choice serves the whole
table: widths, solver, learning rate, batch, number of epochs, and whether the library's rule for
stopping was at work. The training columns and all accuracies are left to be judged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.choose import Array, scaled, within_margin
from retrial.judging.ledger import Claim

ACTIVATIONS = ("logistic", "tanh", "relu", "identity")
FITTED = "validation_loss"
QUANTITIES = ("validation_loss", "validation_accuracy")
# The library's defaults: it stops once more epochs than this many have not improved the running
# loss by the tolerance.
PATIENCE = 10
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Candidate:
    """A searched network; its curves are (seeds, epochs), losses in nats."""

    activation: str
    hidden: tuple[int, ...]
    solver: str
    learning_rate: float
    batch: int
    running_loss: Array
    validation_loss: Array

    @property
    def parameters(self) -> tuple[tuple[int, ...], str, float, int]:
        """What all activations of a reading share."""
        return self.hidden, self.solver, self.learning_rate, self.batch


@dataclass(frozen=True)
class Choice:
    """One reading of the table.

    With a `tolerance`, `epochs` is the most that an activation is trained for. `score` is the mean
    of `of_activation`, which holds for each activation, in the order of ACTIVATIONS, the absolute
    difference of the losses' logarithms: 0.1 means that losses are 10% off on average.
    """

    PARAMETERS: ClassVar = ("hidden", "solver", "learning_rate", "batch", "epochs", "tolerance")

    hidden: tuple[int, ...]
    solver: str
    learning_rate: float
    batch: int
    epochs: int
    tolerance: float | None
    score: float
    of_activation: tuple[float, ...]

    def __str__(self) -> str:
        losses = zip(ACTIVATIONS, self.of_activation, strict=True)
        told = ", ".join(f"{activation} {distance:.3f}" for activation, distance in losses)
        stopped = "no tolerance" if self.tolerance is None else f"tolerance {self.tolerance:g}"
        schedule = _told(self.hidden, self.solver, self.learning_rate, self.batch)
        return f"{schedule}, {self.epochs} epochs, {stopped}: {self.score:.4f} ({told})"


def candidates(records: Records) -> list[Candidate]:
    """The candidates that `retrial.studies.library_search` recorded, one per arm."""
    found = []
    for arm in records.arms():
        config = records.of(arm)[0]["config"]
        found.append(
            Candidate(
                activation=config["activation"],
                hidden=tuple(config["hidden"]),
                solver=config["solver"],
                learning_rate=config["learning_rate"],
                batch=config["batch"],
                running_loss=records.curve(arm, "running_loss"),
                validation_loss=records.curve(arm, FITTED),
            )
        )
    return found


def printed_losses(claims: Sequence[Claim]) -> dict[str, float]:
    """The printed numbers that are fitted, by activation, as `ranked` wants them.

    RetrialError when another number than a validation loss of an activation is fitted.
    """
    found = {}
    for claim in claims:
        if not claim.fitted:
            continue
        arm, metric = claim.evidence.arm, claim.evidence.metric
        if arm not in ACTIVATIONS or metric != FITTED:
            raise RetrialError(f"{claim.id}: fitted, expected only the {FITTED} of an activation")
        found[arm] = float(claim.printed)
    return found


def readings(claims: Sequence[Claim], records: Records) -> list[Choice]:
    """All readings of the table in `claims` that a search's records allow, the best first."""
    return ranked(candidates(records), printed_losses(claims))


def ranked(candidates: Sequence[Candidate], printed: Mapping[str, float]) -> list[Choice]:
    """All readings that the candidates allow, the best first.

    `printed` maps each activation to its validation loss in nats. A reading needs a candidate of
    every activation whose loss is finite at its epoch. A tolerance that stops nobody before
    `epochs` is no other reading than none, nor are more epochs once all have stopped. RetrialError
    where `printed` lacks an activation.
    """
    missing = [one for one in ACTIVATIONS if one not in printed]
    if missing:
        raise RetrialError(f"no fitted {FITTED} of {missing[0]!r}, expected one per activation")
    by_parameters: dict[tuple[tuple[int, ...], str, float, int], dict[str, Candidate]] = {}
    for one in candidates:
        by_parameters.setdefault(one.parameters, {})[one.activation] = one
    choices = []
    for parameters, networks in by_parameters.items():
        if any(activation not in networks for activation in ACTIVATIONS):
            continue
        table = [networks[activation] for activation in ACTIVATIONS]
        epochs = min(one.validation_loss.shape[1] for one in table)
        stops = [stopping_epochs(one.running_loss[:, :epochs], TOLERANCE) for one in table]
        first, last = min(one.min() for one in stops), max(one.max() for one in stops)
        never = [np.full(len(one), epochs) for one in stops]
        for tolerance, stopped, longest in ((None, never, epochs), (TOLERANCE, stops, last)):
            distances = np.stack(
                [
                    _distances(one, stop, printed[one.activation], epochs)
                    for one, stop in zip(table, stopped, strict=True)
                ]
            )
            scores = distances.mean(axis=0)
            shortest = 1 if tolerance is None else first + 1
            choices += [
                Choice(*parameters, epoch, tolerance, float(score), tuple(map(float, each)))
                for epoch, (score, each) in enumerate(
                    zip(scores, distances.T, strict=True), start=1
                )
                if shortest <= epoch <= longest and np.isfinite(score)
            ]
    return sorted(choices, key=lambda c: (c.score, c.epochs, c.tolerance or 0.0, *_parameters(c)))


def stopping_epochs(losses: Array, tolerance: float) -> Array:
    """The epoch after which the library stops, per seed, from running losses (seeds, epochs).

    The last epoch where its rule stops later or not at all.
    """
    seeds, epochs = losses.shape
    found = np.full(seeds, epochs)
    for seed, row in enumerate(losses):
        best, stalled = np.inf, 0
        for epoch, loss in enumerate(row, start=1):
            stalled = stalled + 1 if loss > best - tolerance else 0
            best = min(best, loss)
            if stalled > PATIENCE:
                found[seed] = epoch
                break
    return found


def other_reading(claim: Claim, records: Records, margin: float) -> str | None:
    """What speaks against a contradiction: a searched reading within `margin` of a claim's print.

    As `retrial.judging.choose.other_reading`, among epochs at which nothing has stopped. Of numbers
    that the search has no curve of, which are those of the training images, no reading can be
    excluded.
    """
    activation, metric = claim.evidence.arm, claim.evidence.metric
    if metric not in QUANTITIES:
        return "what other readings of the search would have given is not recorded"
    nearest, told = margin, None
    for arm in records.arms():
        config = records.of(arm)[0]["config"]
        if config["activation"] != activation:
            continue
        curve = claim.scale * records.curve(arm, metric).mean(axis=0)
        distance = np.abs(curve - float(claim.printed))
        if np.isfinite(distance).any() and np.nanmin(distance) <= nearest:
            epoch = int(np.nanargmin(distance))
            nearest = float(distance[epoch])
            schedule = _told(
                config["hidden"], config["solver"], config["learning_rate"], config["batch"]
            )
            told = f"{schedule} and {epoch + 1} epochs"
    return within_margin(told)


def _distances(candidate: Candidate, stops: Array, printed: float, epochs: int) -> Array:
    """Absolute differences (epochs,) from a printed loss, each seed held at its stop (seeds,)."""
    at = np.minimum(np.arange(epochs), stops[:, None] - 1)
    losses = np.take_along_axis(candidate.validation_loss, at, axis=1)
    found: Array = np.abs(scaled(FITTED, losses).mean(axis=0) - np.log(printed))
    return found


def _parameters(choice: Choice) -> tuple[tuple[int, ...], str, float, int]:
    return choice.hidden, choice.solver, choice.learning_rate, choice.batch


def _told(hidden: Sequence[int], solver: str, learning_rate: float, batch: int) -> str:
    widths = "-".join(map(str, hidden))
    return f"widths {widths}, {solver} at learning rate {learning_rate:g}, batches of {batch}"
