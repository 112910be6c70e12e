"""Which initialiser, pixel scale and learning rate report 001's training logs point to.

The first three printed epochs of all four networks, losses and accuracies, against the search's
records: a pure choice, on the scales of `retrial.judging.choose` (log-odds and logarithms, absolute
differences averaged). One choice serves all networks; the learning rate is that of the two small
ones, since the report states that of the deep ones. All other printed epochs are left to be judged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.choose import Array, scaled
from retrial.judging.curves import epoch_of
from retrial.judging.ledger import Claim

QUANTITIES = ("running_loss", "running_accuracy")
SMALL, DEEP = ("sigmoid", "relu"), ("deep", "dropout")


@dataclass(frozen=True)
class Candidate:
    """A searched network; its curves are (seeds, epochs), losses as MSE, accuracies in 0…1."""

    network: str
    initialiser: str
    inputs: str
    learning_rate: float
    curves: Mapping[str, Array]


@dataclass(frozen=True)
class Choice:
    """One reading of the four logs.

    `score` is the mean of `of_network`, which holds for each network, in the order of SMALL + DEEP,
    the mean over quantities and epochs of the absolute difference in log-odds or logarithm: 0.1
    means that odds and losses are 10% off on average.
    """

    PARAMETERS: ClassVar = ("initialiser", "inputs", "learning_rate")

    initialiser: str
    inputs: str
    learning_rate: float
    score: float
    of_network: tuple[float, ...]

    def __str__(self) -> str:
        networks = zip(SMALL + DEEP, self.of_network, strict=True)
        told = ", ".join(f"{network} {distance:.3f}" for network, distance in networks)
        return (
            f"{self.initialiser}, {self.inputs} pixels, learning rate {self.learning_rate:g}: "
            f"{self.score:.4f} ({told})"
        )


def candidates(records: Records) -> list[Candidate]:
    """The candidates that `retrial.studies.mse_search` recorded, one per arm."""
    found = []
    for arm in records.arms():
        config = records.of(arm)[0]["config"]
        found.append(
            Candidate(
                network=arm.split("/")[0],
                initialiser=config["initialiser"],
                inputs=config["inputs"],
                learning_rate=config["learning_rate"],
                curves={name: records.curve(arm, name) for name in QUANTITIES},
            )
        )
    return found


def printed_epochs(claims: Sequence[Claim]) -> dict[str, dict[str, list[float]]]:
    """The printed numbers that are fitted, by network and curve, as `ranked` wants them.

    Raises RetrialError when the fitted epochs of a curve are not its first ones.
    """
    fitted = [claim for claim in claims if claim.kind == "curve" and claim.fitted]
    found: dict[str, dict[str, list[float]]] = {}
    for claim in sorted(fitted, key=epoch_of):
        metric = claim.evidence.metric or ""
        curve = found.setdefault(claim.evidence.arm, {}).setdefault(metric, [])
        curve.append(float(claim.printed) / claim.scale)
        if epoch_of(claim) != len(curve):
            raise RetrialError(f"{claim.id}: fitted, expected the first epochs of its curve")
    return found


def ranked(
    candidates: Sequence[Candidate], printed: Mapping[str, Mapping[str, Sequence[float]]]
) -> list[Choice]:
    """All readings that the candidates allow, the best first.

    `printed` maps each network to its curves' first epochs. A reading needs a candidate of every
    network whose curves are finite in these epochs. RetrialError where `printed` lacks one.
    """
    networks = SMALL + DEEP
    missing = [one for one in networks if set(printed.get(one, ())) != set(QUANTITIES)]
    if missing:
        raise RetrialError(f"no fitted epochs of {missing[0]!r}, expected {', '.join(QUANTITIES)}")
    distance = {
        (c.network, c.initialiser, c.inputs, c.learning_rate): _distance(c, printed[c.network])
        for c in candidates
        if c.network in printed
    }
    deep_rates = {c.learning_rate for c in candidates if c.network in DEEP}
    if len(deep_rates) > 1:
        told = ", ".join(f"{rate:g}" for rate in sorted(deep_rates))
        raise RetrialError(f"deep networks at learning rates {told}: expected the stated one")
    small_rates = sorted({c.learning_rate for c in candidates if c.network in SMALL})
    choices = []
    for initialiser, inputs in sorted({(c.initialiser, c.inputs) for c in candidates}):
        for rate in small_rates:
            keys = [(network, initialiser, inputs, rate) for network in SMALL]
            keys += [(network, initialiser, inputs, one) for network in DEEP for one in deep_rates]
            of_network = tuple(distance.get(key, np.nan) for key in keys)
            if len(of_network) == len(networks) and np.isfinite(of_network).all():
                score = float(np.mean(of_network))
                choices.append(Choice(initialiser, inputs, rate, score, of_network))
    return sorted(choices, key=lambda c: (c.score, c.initialiser, c.inputs, c.learning_rate))


def readings(claims: Sequence[Claim], records: Records) -> list[Choice]:
    """All readings of the logs in `claims` that a search's records allow, the best first."""
    return ranked(candidates(records), printed_epochs(claims))


def _distance(candidate: Candidate, printed: Mapping[str, Sequence[float]]) -> float:
    """Mean absolute difference over quantities and printed epochs; nan if a curve is too short."""
    terms = []
    for name in QUANTITIES:
        target = scaled(name, np.asarray(printed[name], dtype=float))
        curve = scaled(name, np.asarray(candidate.curves[name], dtype=float)).mean(axis=0)
        if len(curve) < len(target):
            return float("nan")
        terms.append(np.abs(curve[: len(target)] - target).mean())
    return float(np.mean(terms))
