"""What report 002, section C leaves open of its classifiers: widths, solver, rate, batch, epochs.

Trains scikit-learn's multilayer perceptron with each of four activations over hidden widths,
solvers with their learning rates, and batches, and keeps the curves of every epoch: each epoch is a
candidate as well, and the library's rule for stopping can be read off the running loss. Which
candidate the printed table points to is for `retrial.judging`; nothing here sees a printed value.
The seeds begin at 1000, so that the judgement's seeds had no part in the choice.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from retrial import fashion
from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.trial import Metric, Result, Trial
from retrial.fashion import CLASSES, PIXELS, Array
from retrial.nets.library_mlp import Hidden, LibraryNetwork
from retrial.training.library_fit import SolverName, fit

Config = dict[str, Any]

NAME = "library_search"
FIRST_SEED = 1000
TRAINING_IMAGES = 8_000

Widths = Annotated[tuple[Count, ...], Field(min_length=1)]


class Protocol(FrozenModel):
    """The grid: every activation with all widths, learning rates and batches, for all epochs.

    `hidden` holds the candidates' widths from the input on, `solvers` the learning rates of each
    solver. No candidate stops early.
    """

    activations: Annotated[tuple[Hidden, ...], Field(min_length=1)]
    hidden: Annotated[tuple[Widths, ...], Field(min_length=1)]
    solvers: Annotated[dict[SolverName, tuple[Positive, ...]], Field(min_length=1)]
    batches: Annotated[tuple[Count, ...], Field(min_length=1)]
    epochs: Count


class Budget(FrozenModel):
    """How many seeds; 0: the search is left to another profile."""

    seeds: Annotated[int, Field(ge=0)]


def arms(protocol: Protocol) -> dict[str, Config]:
    """The config of every candidate by name, for example "relu/adam/0.001/128-64-32/256"."""
    return {
        f"{activation}/{solver}/{rate!r}/{'-'.join(map(str, hidden))}/{batch}": {
            "activation": activation,
            "hidden": list(hidden),
            "solver": solver,
            "learning_rate": rate,
            "batch": batch,
            "epochs": protocol.epochs,
            "tolerance": None,
        }
        for activation in protocol.activations
        for solver, rates in protocol.solvers.items()
        for rate in rates
        for hidden in protocol.hidden
        for batch in protocol.batches
    }


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per candidate and seed; none without seeds."""
    return [
        Trial(NAME, arm, FIRST_SEED + seed, config, cost=cost(config))
        for arm, config in arms(protocol).items()
        for seed in range(budget.seeds)
    ]


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """The candidates that the budget has no seeds for: all or none."""
    return [] if budget.seeds else list(arms(protocol))


def cost(config: Config) -> float:
    """Seconds of a trial on one core, which only order the work."""
    sizes = (PIXELS, *config["hidden"], CLASSES)
    return fashion.seconds(sizes, TRAINING_IMAGES, config["epochs"])


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Train one candidate; `data` as in `retrial.fashion.part`, whose test part is not looked at.

    Curves, per epoch: `running_loss`, the penalised loss in nats as the library has it, averaged
    over the batches as they were trained on; `validation_loss` in nats and `validation_accuracy` in
    0…1. Metrics: the same in the last epoch. In an epoch that diverges, all three are null.
    """
    config = trial.config
    examples, validation = (fashion.part(data, name) for name in ("train", "validation"))
    network = LibraryNetwork(
        (examples.inputs.shape[1], *config["hidden"], CLASSES),
        config["activation"],
        "classify",
        config["batch"],
        fashion.random_state(trial.seed),
    )
    scores: list[fashion.Scores] = []
    found = fit(
        network,
        examples.inputs,
        examples.labels,
        fashion.schedule(config),
        lambda: scores.append(fashion.score(network, validation)),
    )
    curves: dict[str, list[float | None]] = {
        "running_loss": [_finite(loss) for loss in found.losses[: len(scores)]],
        "validation_loss": [_finite(score.loss) for score in scores],
        "validation_accuracy": [score.accuracy for score in scores],
    }
    if found.divergence is not None:
        for curve in curves.values():
            curve.append(None)
    seen = {name: validation if name.startswith("validation") else examples for name in curves}
    return Result(
        metrics={name: Metric(curve[-1], len(seen[name].labels)) for name, curve in curves.items()},
        status="ok" if found.divergence is None else "diverged",
        decided=found.divergence is not None,
        detail={} if found.divergence is None else {"epoch": found.divergence},
        curves=curves,
    )


def _finite(value: float) -> float | None:
    """A number that JSON can hold."""
    return float(value) if np.isfinite(value) else None
