"""Report 001, P3: four losses for who survived the Titanic, as printed and done right.

A perceptron sees the class, sex, age and fare of 714 passengers. Each seed draws a split, initial
weights and orders of batches, which all of its arms share. The features are standardised over all
rows, as the report does it.

    <loss>/<rate>               trained on each passenger's own label, at both rates of the report
    <loss>/continued            the report's order: from the weights that the losses before it left
    <loss>/broadcast            each output meets all labels of its batch, as in the printed loop
    <loss>/broadcast/continued  both
    majority, one_rule          the class of most training rows; the best threshold of one feature
    <loss>/printed              whether the printed loop runs at all (one seed: no chance in it)
    setup                       sizes of the split, layers of the network (one seed)
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from numpy.typing import NDArray
from pydantic import Field, field_validator

from retrial.core.errors import RetrialError
from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.trial import Result, Trial

Array = NDArray[Any]
Config = dict[str, Any]
# As `retrial.training.binary_losses` names them, which loads torch.
LossName = Literal["l1", "mse", "bce", "nll"]

NAME = "titanic_losses"
BASELINES = ("majority", "one_rule")
Share = Annotated[float, Field(gt=0, lt=1)]


class Protocol(FrozenModel):
    """What is trained on what: `rates` hold each loss at the rate that the report has for it.

    `sequence` are the losses that the report trains one after the other on the same weights.
    """

    hidden: Count
    hidden_layers: Count
    printed_hidden_layers: Count
    train_share: Share
    batch: Count
    epochs: Count
    rates: Annotated[dict[LossName, Positive], Field(min_length=1)]
    sequence: tuple[Literal["l1", "mse"], ...]

    @field_validator("sequence")
    @classmethod
    def each_once(cls, losses: tuple[str, ...]) -> tuple[str, ...]:
        """A loss that came twice would name two arms alike."""
        if len(set(losses)) != len(losses):
            raise ValueError("expected each loss once")
        return losses


class Budget(FrozenModel):
    """Seeds at the report's rates: of the losses that it trains in sequence, in each way of it.

    `compared_seeds` of the losses beside these and of the baselines, `other_seeds` of other rates
    and of both faults at once.
    """

    seeds: Count
    compared_seeds: Count
    other_seeds: Annotated[int, Field(ge=0)]


def arms(protocol: Protocol) -> dict[str, Config]:
    """The config of every arm, by name."""
    shared = {
        name: getattr(protocol, name)
        for name in ("hidden", "hidden_layers", "train_share", "batch", "epochs")
    }
    rates, split = protocol.rates, {"train_share": protocol.train_share}

    def trained(*losses: LossName, broadcast: bool = False) -> Config:
        steps = [{"loss": loss, "rate": rates[loss]} for loss in losses]
        return shared | {"task": "train", "steps": steps, "broadcast": broadcast}

    printed = {"printed_hidden_layers": protocol.printed_hidden_layers}
    found: dict[str, Config] = {"setup": shared | printed | {"task": "setup"}}
    for loss, own in rates.items():
        found[f"{loss}/printed"] = shared | {"task": "printed", "loss": loss, "rate": own}
    found |= {name: split | {"task": name} for name in BASELINES}
    for loss in rates:
        for rate in sorted(set(rates.values())):
            steps = [{"loss": loss, "rate": rate}]
            found[f"{loss}/{rate!r}"] = trained(loss) | {"steps": steps}
    for place, loss in enumerate(protocol.sequence):
        if loss not in rates:
            raise RetrialError(
                f"params.yaml: {NAME}.sequence.{place} = {loss!r}: expected one of the losses "
                f"of {NAME}.rates, {', '.join(rates)}"
            )
        found[f"{loss}/broadcast"] = trained(loss, broadcast=True)
        if place:
            before = protocol.sequence[: place + 1]
            found[f"{loss}/continued"] = trained(*before)
            found[f"{loss}/broadcast/continued"] = trained(*before, broadcast=True)
    return found


def seeds_of(arm: str, config: Config, protocol: Protocol, budget: Budget) -> int:
    """The number of seeds of an arm: one where there is no chance in it."""
    if config["task"] in ("setup", "printed"):
        return 1
    if config["task"] in BASELINES:
        return max(budget.seeds, budget.compared_seeds, budget.other_seeds)
    steps = config["steps"]
    as_printed = all(step["rate"] == protocol.rates[step["loss"]] for step in steps)
    if not as_printed or arm.endswith("/broadcast/continued"):
        return budget.other_seeds
    in_sequence = steps[-1]["loss"] in protocol.sequence
    return budget.seeds if in_sequence else budget.compared_seeds


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed; every budget trains whole."""
    return [
        Trial(NAME, arm, seed, config, cost=0.02 + 0.12 * len(config.get("steps", ())))
        for arm, config in arms(protocol).items()
        for seed in range(seeds_of(arm, config, protocol, budget))
    ]


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """The arms that the budget has no seeds for."""
    return [
        arm for arm, config in arms(protocol).items() if not seeds_of(arm, config, protocol, budget)
    ]


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Run one trial on the table `titanic_714`, a structured array with a field for each column.

    Metrics of what predicts: `train_accuracy`, `validation_accuracy`, and of the probabilities of
    validation rows `validation_nll` (nats), `validation_brier` and `validation_ece`; of a network
    `train_loss`, the mean of the batches' losses in the last epoch as they were trained on, and
    `validation_loss`, both means over batches as the report takes them. Under l1 and mse also, with
    a fault put in: `validation_loss_as_printed` and `validation_accuracy_as_printed` (the
    log-softmax of the one output), `validation_loss_broadcast` (each output meets all labels); and
    of training rows the standard deviation of the outputs, `train_spread`, and what survivors' mean
    output is above the others', `train_separation`. Of `<loss>/printed`: `raises`,
    `raises_with_whole_targets` and `warns`, 0 or 1; `detail` has the errors. Arrays: `given`, the
    probability of a validation row's own label, in split order; of seed 0 `outputs` (2, rows),
    outputs and labels.

    Raises RetrialError for a split that leaves out a class.
    """
    # torch and scikit-learn take longer to load than all else of a stage, and only workers run.
    from retrial.titanic import measured

    return measured(trial, data)
