"""What report 002, section B leaves open: candidates for its scales, learning rate and epochs.

Trains the networks of `scratch_grid` that learn at all, sigmoid and tanh, over a grid of initial
distributions and learning rates, and keeps their curves, so that every epoch is a candidate as
well. Which candidate the printed table points to is for `retrial.judging.choose`; nothing here
sees a printed value. The seeds begin at 1000 and have a key of their own, so that the judgement's
seeds had no part in the choice.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.trial import Metric, Result, Trial
from retrial.studies.scratch_grid import Draw, build, fit, load_parts

Array = NDArray[Any]

NAME = "scratch_search"
FIRST_SEED = 1000


class Protocol(FrozenModel):
    """The grid: every activation with every draw and every learning rate, for all epochs."""

    activations: Annotated[tuple[Literal["sigmoid", "tanh"], ...], Field(min_length=1)]
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)]
    batch: Count
    draws: Annotated[tuple[Draw, ...], Field(min_length=1)]
    learning_rates: Annotated[tuple[Positive, ...], Field(min_length=1)]
    epochs: Count


class Budget(FrozenModel):
    """0 seeds: the search is left to another profile."""

    seeds: Annotated[int, Field(ge=0)]


def arm(activation: str, draw: Draw, learning_rate: float) -> str:
    """The name of a candidate, for example "tanh/uniform-1.0/0.03"."""
    return f"{activation}/{draw.distribution}-{draw.scale!r}/{learning_rate!r}"


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per activation, draw, learning rate and seed; none without seeds."""
    return [
        Trial(
            study=NAME,
            arm=arm(activation, draw, learning_rate),
            seed=FIRST_SEED + seed,
            config={
                "activation": activation,
                "draw": draw.model_dump(),
                "hidden": list(protocol.hidden),
                "batch": protocol.batch,
                "learning_rate": learning_rate,
                "epochs": protocol.epochs,
            },
            cost=1.1 * protocol.epochs,
        )
        for activation in protocol.activations
        for draw in protocol.draws
        for learning_rate in protocol.learning_rates
        for seed in range(budget.seeds)
    ]


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """Every arm, where the budget has no seeds."""
    if budget.seeds:
        return []
    return [
        arm(activation, draw, learning_rate)
        for activation in protocol.activations
        for draw in protocol.draws
        for learning_rate in protocol.learning_rates
    ]


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Train one candidate; `data` as in `scratch_grid`, whose test part is not looked at.

    Curves: loss in nats and accuracy in 0…1 of train and validation after each epoch. Metrics:
    the same at the last epoch.
    """
    parts = load_parts(data, None, ("train", "validation"))
    network = build(trial.config, parts["train"].inputs.shape[1], NAME, trial.seed)
    history = fit(network, trial.config, parts, NAME, trial.seed)
    curves: dict[str, list[float | None]] = {
        name: [value if np.isfinite(value) else None for value in values]
        for name, values in history.curves.items()
    }
    sizes = {part: len(labelled.labels) for part, labelled in parts.items()}
    divergence = history.divergence
    return Result(
        metrics={
            name: Metric(values[-1], sizes[name.split("_")[0]]) for name, values in curves.items()
        },
        status="ok" if divergence is None else "diverged",
        decided=divergence is not None,
        detail={} if divergence is None else divergence._asdict(),
        curves=curves,
    )
