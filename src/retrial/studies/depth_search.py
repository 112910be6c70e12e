"""What report 004, exercise 1 leaves open: width, batch, optimiser, learning rate, beginning.

Two rounds, both recorded, one seed each. The shallow one trains the networks of five hidden layers
over all combinations of each grid, for the printed 50 epochs; the deep one those of 20 and 40
layers, for candidates that the shallow round's record puts first (`retrial.judging.choose_depth`
says which). Which candidate the printed table points to is for `retrial.judging` as well; nothing
here sees a printed value. The seeds begin at 1000, so that the judgement's seeds had no part in the
choice.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Annotated, Any

from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator

from retrial import deep_networks
from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.trial import Metric, Result, Trial
from retrial.deep_networks import Config, Seeds, Start, Training, curves, digits, finite, trained
from retrial.nets.activations import ActivationName
from retrial.training.optimisers import OptimiserName

Array = NDArray[Any]

NAME = "depth_search"
FIRST_SEED = 1000
# Three candidates that differ in their beginning share a program.
AT_ONCE = 3

Counts = Annotated[tuple[Count, ...], Field(min_length=1)]


class Grid(FrozenModel):
    """All combinations of these; `optimisers` holds the learning rates of each."""

    widths: Counts
    batches: Counts
    optimisers: Annotated[dict[OptimiserName, tuple[Positive, ...]], Field(min_length=1)]
    initialisers: Annotated[tuple[Start, ...], Field(min_length=1)]

    def candidates(self) -> list[Training]:
        """The combinations."""
        return [
            Training(
                width=width,
                batch=batch,
                optimiser=optimiser,
                learning_rate=rate,
                initialiser=initialiser,
            )
            for width in self.widths
            for batch in self.batches
            for optimiser, rates in self.optimisers.items()
            for rate in rates
            for initialiser in self.initialisers
        ]


class Protocol(FrozenModel):
    """The grids of the shallow round, which may overlap, and the candidates of the deep one.

    Every candidate is trained with each activation, for all epochs.
    """

    activations: Annotated[tuple[ActivationName, ...], Field(min_length=1)]
    epochs: Count
    shallow: Count
    grids: Annotated[tuple[Grid, ...], Field(min_length=1)]
    deep: Counts
    deep_candidates: tuple[Training, ...]

    @field_validator("deep")
    @classmethod
    def _deeper(cls, deep: tuple[int, ...], known: ValidationInfo) -> tuple[int, ...]:
        if min(deep) <= known.data.get("shallow", 0):
            raise ValueError("each must be above `shallow`")
        return deep


class Budget(FrozenModel):
    """Seeds of the two rounds; 0: the round is left to another profile."""

    shallow_seeds: Seeds
    deep_seeds: Seeds


def arms(protocol: Protocol) -> dict[str, Config]:
    """The config of every candidate, for example "5/relu/sgd/0.01/glorot_uniform/32/32".

    The parts are depth, activation, optimiser, learning rate, initialiser, width, batch.
    """
    rounds = [(protocol.shallow, one) for grid in protocol.grids for one in grid.candidates()]
    rounds += [(depth, one) for depth in protocol.deep for one in protocol.deep_candidates]
    return {
        f"{depth}/{activation}/{one.optimiser}/{one.learning_rate!r}/{one.initialiser}"
        f"/{one.width}/{one.batch}": {
            **one.config(),
            "activation": activation,
            "depth": depth,
            "epochs": protocol.epochs,
            "train_at_most": None,
        }
        for depth, one in rounds
        for activation in protocol.activations
    }


def _seeds(config: Config, protocol: Protocol, budget: Budget) -> int:
    shallow = config["depth"] == protocol.shallow
    return budget.shallow_seeds if shallow else budget.deep_seeds


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per candidate and seed; none without seeds."""
    return [
        Trial(NAME, arm, FIRST_SEED + seed, config, cost=deep_networks.cost(config))
        for arm, config in arms(protocol).items()
        for seed in range(_seeds(config, protocol, budget))
    ]


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """The candidates that the budget has no seeds for."""
    return [arm for arm, config in arms(protocol).items() if not _seeds(config, protocol, budget)]


def together(trial: Trial) -> Hashable:
    """What candidates must share to be trained in one program."""
    return deep_networks.together(trial)


def run_together(trials: Sequence[Trial], data: Mapping[str, Array]) -> list[Result]:
    """Train candidates that differ in their beginning or seed only; `data` as in `digits`.

    Curves, per epoch: `running_loss` in nats and `running_accuracy` in 0…1, averages over the
    batches as they were trained on; `test_loss`, `test_accuracy`. Metrics: the last two at the end.
    """
    examples, tests = digits(data, "train"), digits(data, "test")
    _, histories = trained(NAME, trials, examples, tests)
    results = []
    for history in histories:
        n, divergence = len(tests.labels), history.divergence
        last = {name: history.curves[name][-1] for name in ("test_loss", "test_accuracy")}
        results.append(
            Result(
                metrics={name: Metric(finite(value), n) for name, value in last.items()},
                status="ok" if divergence is None else "diverged",
                decided=divergence is not None,
                detail={} if divergence is None else divergence._asdict(),
                curves=curves(history),
            )
        )
    return results


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Train one candidate."""
    return run_together([trial], data)[0]
