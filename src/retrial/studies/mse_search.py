"""What report 001, part 2 leaves open: candidates for initialisation, pixel scale, learning rate.

Trains the four networks of `mse_mlp` for a few epochs over initialisers, pixel scales and, for the
two small networks, learning rates (that of the deep ones is stated), and keeps their curves. Which
candidate the printed epochs point to is for `retrial.judging`; nothing here sees a printed value.
The seeds begin at 1000 and have a key of their own, so that the judgement's seeds had no part in
the choice.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.trial import Metric, Result, Trial
from retrial.digit_networks import SECONDS, Initialiser, Pixels, build, labelled, orders
from retrial.training.sgd import Labelled
from retrial.training.small_batches import train

Array = NDArray[Any]
Config = dict[str, Any]

NAME = "mse_search"
FIRST_SEED = 1000


class Protocol(FrozenModel):
    """The grid: every network with every initialiser and pixel scale, for all epochs.

    The small networks go through `learning_rates`, the deep ones have theirs stated.
    """

    batch: Count
    small_hidden: Annotated[tuple[Count, ...], Field(min_length=1)]
    deep_hidden: Annotated[tuple[Count, ...], Field(min_length=1)]
    dropout: Annotated[float, Field(gt=0, lt=1)]
    initialisers: Annotated[tuple[Initialiser, ...], Field(min_length=1)]
    inputs: Annotated[tuple[Pixels, ...], Field(min_length=1)]
    learning_rates: Annotated[tuple[Positive, ...], Field(min_length=1)]
    deep_learning_rate: Positive
    epochs: Count


class Budget(FrozenModel):
    """Seeds of the small and of the deep networks; 0: they are left to another profile."""

    small_seeds: Annotated[int, Field(ge=0)]
    deep_seeds: Annotated[int, Field(ge=0)]


def arms(protocol: Protocol) -> dict[str, Config]:
    """The config of every candidate by name, for example "relu/he_normal/unit/0.03"."""
    small = {"hidden": list(protocol.small_hidden), "rate": 0.0}
    deep = {"hidden": list(protocol.deep_hidden), "activation": "relu"}
    networks: dict[str, Config] = {
        "sigmoid": small | {"activation": "sigmoid"},
        "relu": small | {"activation": "relu"},
        "deep": deep | {"rate": 0.0},
        "dropout": deep | {"rate": protocol.dropout},
    }
    shared = {
        "batch": protocol.batch,
        "epochs": protocol.epochs,
        "loss": "mse",
        "scaling": "inverted",
    }
    return {
        f"{name}/{initialiser}/{inputs}/{learning_rate!r}": shared
        | network
        | {"initialiser": initialiser, "inputs": inputs, "learning_rate": learning_rate}
        for name, network in networks.items()
        for initialiser in protocol.initialisers
        for inputs in protocol.inputs
        for learning_rate in (
            protocol.learning_rates if _small(name) else (protocol.deep_learning_rate,)
        )
    }


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per candidate and seed; none without seeds."""
    return [
        Trial(NAME, arm, FIRST_SEED + seed, config, cost=_cost(arm, config))
        for arm, config in arms(protocol).items()
        for seed in range(_seeds(arm, budget))
    ]


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """The candidates that the budget has no seeds for."""
    return [arm for arm in arms(protocol) if not _seeds(arm, budget)]


def _small(arm: str) -> bool:
    return arm.split("/")[0] in ("sigmoid", "relu")


def _seeds(arm: str, budget: Budget) -> int:
    return budget.small_seeds if _small(arm) else budget.deep_seeds


def _cost(arm: str, config: Config) -> float:
    return float(config["epochs"] * SECONDS["small" if _small(arm) else "deep"].trained)


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Train one candidate; `data` as in `digit_networks`, whose test part is not looked at.

    Curves, per epoch: `running_loss`, the mean square over examples × classes, and
    `running_accuracy` in 0…1, averages over the batches as they were trained on, masks on.
    Metrics: the same in the last epoch.
    """
    config = trial.config
    examples = labelled(data, "train", config["inputs"])
    network = build(config, examples.inputs.shape[1], NAME, trial.seed)
    # The loop tests after each epoch; what it finds on one image is of no interest here.
    one = Labelled(examples.inputs[:1], examples.labels[:1])
    order = orders(NAME, trial.seed, len(examples.labels), config["epochs"])
    history = train(network, examples, one, order, config["batch"], config["learning_rate"])
    curves: dict[str, list[float | None]] = {
        name: [float(value) if np.isfinite(value) else None for value in history.curves[name]]
        for name in ("running_loss", "running_accuracy")
    }
    divergence = history.divergence
    return Result(
        metrics={name: Metric(curve[-1], len(examples.labels)) for name, curve in curves.items()},
        status="ok" if divergence is None else "diverged",
        decided=divergence is not None,
        detail={} if divergence is None else divergence._asdict(),
        curves=curves,
    )
