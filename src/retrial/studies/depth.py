"""Report 004, exercise 1: how deep a network can be, by activation, and what its gradients do.

Multilayer perceptrons on MNIST, softmax cross-entropy, hidden layers of one width. The report
states the depths, the activations and the epochs; width, batch, optimiser, learning rate and
initialisation are one choice for the whole table, made by `depth_search`.

    <activation>/<depth>                             the report's table; "lecun" for its question D
    gradients/<optimiser>/<activation>/<depth>       a few epochs, and the gradients of one batch
    other/<initialiser>/<activation>/<depth>         the same from other weights
    remedy/<remedy>/<depth>                          sigmoid networks with one thing changed

Gradients are those of the first images of the training file, as many as a batch, before training
and after it, in every layer. The remedies are batch normalisation, residual connections, and
weights with which a sigmoid network computes at first what a tanh network does. All arms of a seed
share their orders of batches, and networks of one depth their draws.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from retrial import deep_networks
from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.trial import Metric, Result, Trial
from retrial.deep_networks import (
    CLASSES,
    Config,
    Seeds,
    Start,
    Training,
    begun,
    digits,
    scores,
    trained,
)
from retrial.deep_results import correct_bits, result
from retrial.gradient_flow import decay_metrics, layer_gradients
from retrial.nets.activations import ActivationName
from retrial.training.optimisers import OptimiserName
from retrial.training.sgd import Labelled
from retrial.training.stacked_descent import evaluate

Array = NDArray[Any]

NAME = "depth"
# Five narrow networks share what a call costs; more gain little and leave workers idle at the end.
AT_ONCE = 5

Group = Literal["table", "gradients", "remedy"]
Activations = Annotated[tuple[ActivationName, ...], Field(min_length=1)]
# What is changed of a sigmoid network.
REMEDIES: dict[str, Config] = {
    "normalised": {"block": "normalised"},
    "residual": {"block": "residual"},
    "as_tanh": {"initialiser": "as_tanh"},
}


class Gradients(FrozenModel):
    """For which activations gradients are looked at, and after how many epochs of what.

    Each optimiser has a learning rate; the other initialisers go with the table's own.
    """

    activations: Activations
    optimisers: Annotated[dict[OptimiserName, Positive], Field(min_length=1)]
    other_initialisers: tuple[Start, ...]
    epochs: Count


class Remedies(FrozenModel):
    """At which depths the remedies are tried, and for how many epochs."""

    depths: Annotated[tuple[Count, ...], Field(min_length=1)]
    epochs: Count


class Protocol(FrozenModel):
    """What is trained on what."""

    training: Training
    depths: Annotated[tuple[Count, ...], Field(min_length=1)]
    activations: Activations
    epochs: Count
    gradients: Gradients
    remedies: Remedies


class Budget(FrozenModel):
    """How much of it: seeds, 0 to leave arms out; those of gradients by optimiser.

    `epochs_at_most` cuts the training of the groups that it names; null images mean all of them.
    """

    seeds: Count
    lecun_seeds: Seeds
    gradient_seeds: dict[OptimiserName, Seeds]
    other_seeds: Seeds
    remedy_seeds: Seeds
    epochs_at_most: dict[Group, Count]
    train_at_most: Count | None

    def seeds_of(self, arm: str) -> int:
        """The number of seeds of an arm."""
        if arm.startswith("lecun/"):
            return self.lecun_seeds
        first, second, *_ = arm.split("/")
        if first == "gradients":
            return {str(name): n for name, n in self.gradient_seeds.items()}.get(second, 0)
        return {"other": self.other_seeds, "remedy": self.remedy_seeds}.get(first, self.seeds)


def group(arm: str) -> Group:
    """The group of an arm."""
    groups: dict[str, Group] = {"gradients": "gradients", "other": "gradients", "remedy": "remedy"}
    return groups.get(arm.split("/")[0], "table")


def arms(protocol: Protocol) -> dict[str, Config]:
    """The config of every arm at its full length, by name."""
    shared = protocol.training.config()
    found: dict[str, Config] = {
        f"{activation}/{depth}": shared
        | {"activation": activation, "depth": depth, "epochs": protocol.epochs}
        for activation in protocol.activations
        for depth in protocol.depths
    }
    gradients = protocol.gradients
    changes: dict[str, Config] = {
        f"gradients/{optimiser}": {"optimiser": optimiser, "learning_rate": rate}
        for optimiser, rate in gradients.optimisers.items()
    }
    changes |= {f"other/{name}": {"initialiser": name} for name in gradients.other_initialisers}
    for name, change in changes.items():
        for activation in gradients.activations:
            for depth in protocol.depths:
                found[f"{name}/{activation}/{depth}"] = (
                    shared
                    | {"activation": activation, "depth": depth, "epochs": gradients.epochs}
                    | change
                )
    for remedy, change in REMEDIES.items():
        for depth in protocol.remedies.depths:
            found[f"remedy/{remedy}/{depth}"] = (
                shared
                | {"activation": "sigmoid", "depth": depth, "epochs": protocol.remedies.epochs}
                | change
            )
    return found


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed."""
    found = []
    for arm, full in arms(protocol).items():
        epochs = min(full["epochs"], budget.epochs_at_most.get(group(arm), full["epochs"]))
        config = full | {"epochs": epochs, "train_at_most": budget.train_at_most}
        whole = epochs == full["epochs"] and budget.train_at_most is None
        cost = deep_networks.cost(config)
        found += [
            Trial(NAME, arm, seed, config, whole, cost) for seed in range(budget.seeds_of(arm))
        ]
    return found


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """The arms that the budget has no seeds for."""
    return [arm for arm in arms(protocol) if not budget.seeds_of(arm)]


def together(trial: Trial) -> Hashable:
    """What trials must share to be trained in one program."""
    return group(trial.arm), deep_networks.together(trial)


def run_together(trials: Sequence[Trial], data: Mapping[str, Array]) -> list[Result]:
    """Train networks that share a program; `data` as in `retrial.deep_networks.digits`.

    Metrics: loss (nats) and accuracy (0…1) of `train`, the images that it learned from, and of
    `test`; `gap`, their accuracies' difference; `predicted_classes`, how many the test images are
    given; `prior_loss`, the test loss of predicting the shares of the training classes whatever
    the image. Of the gradients group also those of `gradient_flow.decay_metrics`, `untrained` and
    `trained`.

    Curves, per epoch: `running_loss`, `running_accuracy`, averages over the batches as they were
    trained on; `test_loss`, `test_accuracy`. Arrays of the table: `correct_bits`, whether each test
    image is right, eight images a byte; of the gradients group `untrained` and `trained` as
    `gradient_flow.layer_gradients`.
    """
    config = trials[0].config
    examples = digits(data, "train", config["train_at_most"])
    tests = digits(data, "test")
    batch = Labelled(*(part[: config["batch"]] for part in examples))
    kind = group(trials[0].arm)
    gradients = {}
    if kind == "gradients":
        gradients["untrained"] = layer_gradients(begun(NAME, trials), batch)
    network, histories = trained(NAME, trials, examples, tests)
    if kind == "gradients":
        gradients["trained"] = layer_gradients(network, batch)
    of_train, of_test = (evaluate(network, part) for part in (examples, tests))
    constant = Metric(prior_loss(examples.labels, tests.labels), len(tests.labels))
    results = []
    for member, history in enumerate(histories):
        metrics = scores(of_train[member], of_test[member]) | {"prior_loss": constant}
        arrays = {when: quantiles[member] for when, quantiles in gradients.items()}
        for when, quantiles in arrays.items():
            metrics |= decay_metrics(when, quantiles)
        if kind == "table":
            arrays["correct_bits"] = correct_bits(of_test[member], tests)
        results.append(result(config, history, metrics, arrays))
    return results


def prior_loss(training: Array, test: Array) -> float:
    """Cross-entropy (nats) of the training labels' shares (n,) as a prediction of (m,) others."""
    shares = np.bincount(training, minlength=CLASSES) / len(training)
    with np.errstate(divide="ignore"):
        return float(-np.log(shares[test]).mean())


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Train one network."""
    return run_together([trial], data)[0]
