"""Report 003, exercise 3: how weights begin, what that does to signals and gradients in depth.

Multilayer perceptrons on MNIST, softmax cross-entropy, biases that begin at 0. The report names
three strategies: plain random, He, Xavier (Glorot).

    signal/<activation>/<beginning>           untrained wide networks: moments layer by layer
    map/<activation>/<depth>/<sigma>          plain random weights, trained for a short while
    pairing/<activation>/<beginning>          He, Glorot, LeCun for each activation, trained
    library                                   the variances that torch's own functions use

A beginning is an initialiser or "normal-<deviation>", plain random with one standard deviation in
every layer. In the map the deviation is sigma/√width, so that theory has one axis for all widths.
All arms of a seed share their orders of batches, and networks of one shape their draws but for a
factor.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from retrial import deep_networks
from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.trial import Metric, Result, Trial
from retrial.deep_networks import (
    CLASSES,
    PIXELS,
    PLAIN,
    Config,
    Seeds,
    Start,
    Training,
    begun,
    digits,
    finite,
    scores,
    trained,
)
from retrial.deep_results import correct_bits, result
from retrial.mean_field import fate
from retrial.nets.activations import ActivationName, activation
from retrial.nets.stacked import StackedNetwork
from retrial.training.sgd import Labelled
from retrial.training.stacked_descent import evaluate

Array = NDArray[Any]

NAME = "initialisation"
AT_ONCE = 10
# Layers at either end in which moments are still on their way to what theory says of depth.
ENDS = 5

# σ of initialisers between layers of one width: what theory knows them by.
SIGMAS = {"he_normal": math.sqrt(2), "glorot_normal": 1.0, "lecun_normal": 1.0}
Scaled = Literal["he_normal", "glorot_normal", "lecun_normal"]
Activations = Annotated[tuple[ActivationName, ...], Field(min_length=1)]
Counts = Annotated[tuple[Count, ...], Field(min_length=1)]


class Signal(FrozenModel):
    """Untrained networks: their shape, the images they look at, and how they begin."""

    width: Count
    depth: Annotated[int, Field(ge=2 * ENDS + 3)]
    images: Count
    activations: Activations
    initialisers: tuple[Scaled, ...]
    deviations: tuple[Positive, ...]


class Map(FrozenModel):
    """Where networks can be trained: `sigmas` are standard deviations times √width."""

    activations: Activations
    depths: Counts
    sigmas: Annotated[tuple[Positive, ...], Field(min_length=1)]
    epochs: Count


class Pairing(FrozenModel):
    """Which beginning suits which activation."""

    activations: Activations
    initialisers: Annotated[tuple[Start, ...], Field(min_length=1)]
    depth: Count
    epochs: Count


class Protocol(FrozenModel):
    """What is done with what; `training` is that of the map and of the pairing."""

    training: Training
    signal: Signal
    map: Map
    pairing: Pairing


class Budget(FrozenModel):
    """Seeds by group of arms, 0 to leave it out; null images mean all of them."""

    signal_seeds: Seeds
    map_seeds: Seeds
    pairing_seeds: Seeds
    pairing_epochs_at_most: Count | None
    train_at_most: Count | None

    def seeds_of(self, arm: str) -> int:
        """The number of seeds of an arm; torch's own variances have no chance in them."""
        named = {
            "signal": self.signal_seeds,
            "map": self.map_seeds,
            "pairing": self.pairing_seeds,
            "library": 1,
        }
        return named[group(arm)]


def group(arm: str) -> str:
    """The group of an arm: what its name begins with."""
    return arm.split("/")[0]


def arms(protocol: Protocol) -> dict[str, Config]:
    """The config of every arm at its full length, by name."""
    shared = protocol.training.config()
    signal, grid, pairing = protocol.signal, protocol.map, protocol.pairing
    beginnings: dict[str, Config] = {
        name: {"initialiser": name, "deviation": None} for name in signal.initialisers
    }
    beginnings |= {
        f"normal-{deviation!r}": {"initialiser": PLAIN, "deviation": deviation}
        for deviation in signal.deviations
    }
    untrained = {"width": signal.width, "depth": signal.depth, "batch": signal.images, "epochs": 0}
    found: dict[str, Config] = {
        f"signal/{name}/{start}": shared | untrained | {"activation": name} | beginning
        for name in signal.activations
        for start, beginning in beginnings.items()
    }
    for name in grid.activations:
        for depth in grid.depths:
            for sigma in grid.sigmas:
                found[f"map/{name}/{depth}/{sigma!r}"] = shared | {
                    "activation": name,
                    "depth": depth,
                    "initialiser": PLAIN,
                    "deviation": sigma / math.sqrt(protocol.training.width),
                    "epochs": grid.epochs,
                }
    for name in pairing.activations:
        for initialiser in pairing.initialisers:
            found[f"pairing/{name}/{initialiser}"] = shared | {
                "activation": name,
                "depth": pairing.depth,
                "initialiser": initialiser,
                "epochs": pairing.epochs,
            }
    found["library"] = {"functions": ["kaiming_normal_", "xavier_normal_"]}
    return found


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed."""
    found = []
    for arm, full in arms(protocol).items():
        config, whole, cost = full, True, 0.1
        if group(arm) in ("map", "pairing"):
            at_most = budget.pairing_epochs_at_most if group(arm) == "pairing" else None
            epochs = min(full["epochs"], at_most or full["epochs"])
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
    """What trials must share to be one program; torch's own variances run by themselves."""
    kind = group(trial.arm)
    return kind if kind == "library" else (kind, deep_networks.together(trial))


def run_together(trials: Sequence[Trial], data: Mapping[str, Array]) -> list[Result]:
    """Look at, or train, networks that share a program; `data` as in `deep_networks.digits`.

    Metrics of signal arms: `forward_factor` and `gradient_factor`, by how much the second moment of
    pre-activations, and of the gradients with respect to them going back, changes per layer (the
    geometric mean over the hidden layers but five at either end), `forward_total` and
    `gradient_total` the log₁₀ of it over all hidden layers, and what theory says,
    `predicted_forward_factor` and `predicted_gradient_factor`; a factor is null where a moment is 0
    or not finite. Arrays: `moments` (2, hidden layers), of pre-activations and of gradients.

    Metrics of map and pairing arms: loss (nats), accuracy (0…1) of `train` and `test`, `gap`,
    `predicted_classes`. Curves and `correct_bits` (of pairing arms) as in `depth`.
    """
    kind = group(trials[0].arm)
    if kind == "library":
        return [_library()]
    return _signals(trials, data) if kind == "signal" else _trained(trials, data)


def _trained(trials: Sequence[Trial], data: Mapping[str, Array]) -> list[Result]:
    examples = digits(data, "train", trials[0].config["train_at_most"])
    tests = digits(data, "test")
    network, histories = trained(NAME, trials, examples, tests)
    of_train, of_test = (evaluate(network, part) for part in (examples, tests))
    pairing = group(trials[0].arm) == "pairing"
    return [
        result(
            trials[0].config,
            history,
            scores(of_train[member], of_test[member]),
            {"correct_bits": correct_bits(of_test[member], tests)} if pairing else {},
        )
        for member, history in enumerate(histories)
    ]


def _signals(trials: Sequence[Trial], data: Mapping[str, Array]) -> list[Result]:
    config = trials[0].config
    part = digits(data, "train", config["batch"])
    batch = Labelled(part.inputs.astype(np.float64), part.labels)
    network = begun(NAME, trials, np.float64)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        found = moments(network, batch)
    results = []
    for trial, of_member in zip(trials, found, strict=True):
        metrics = {}
        for name, values, predicted in zip(
            ("forward", "gradient"), of_member, theory(trial.config), strict=True
        ):
            logs = _logs(values)
            inner = logs[ENDS:-ENDS]
            # Gradients are read from the output back.
            sign = 1 if name == "forward" else -1
            metrics[f"{name}_factor"] = Metric(
                finite(10 ** (sign * (inner[-1] - inner[0]) / (len(inner) - 1))), config["batch"]
            )
            metrics[f"{name}_total"] = Metric(finite(sign * (logs[-1] - logs[0])), config["batch"])
            metrics[f"predicted_{name}_factor"] = Metric(predicted, 0)
        results.append(Result(metrics=metrics, arrays={"moments": of_member}))
    return results


def _logs(values: Array) -> Array:
    known = np.isfinite(values) & (values > 0)
    return np.log10(np.where(known, values, np.nan))


def moments(network: StackedNetwork, batch: Labelled) -> Array:
    """Second moments (members, 2, hidden layers) of pre-activations, and of the loss's gradients
    with respect to them, over units and examples; of plain networks in float64.
    """
    hidden, (n, _) = len(network.weights) - 1, batch.inputs.shape
    found = np.empty((network.members, 2, hidden))
    for member in range(network.members):
        weights = [weight[member] for weight in network.weights]
        functions = [activation(network.act, len(weight), n, np.float64) for weight in weights]
        x, ones = batch.inputs.T, np.ones((1, n))
        for layer in range(hidden):
            z = weights[layer] @ x
            found[member, 0, layer] = (z**2).mean()
            x = np.concatenate([functions[layer].forward(z), ones])
        logits = weights[-1] @ x
        delta = np.exp(logits - logits.max(axis=0))
        delta /= delta.sum(axis=0)
        delta[batch.labels, np.arange(n)] -= 1
        for layer in reversed(range(hidden)):
            delta = functions[layer].backward(weights[layer + 1][:, :-1].T @ delta)
            found[member, 1, layer] = (delta**2).mean()
    return found


def theory(config: Mapping[str, Any]) -> tuple[float, float]:
    """The factors per layer, of pre-activations and of gradients, that mean field predicts.

    Between hidden layers of one width, where plain random weights have σ = deviation · √width.
    """
    if config["initialiser"] == PLAIN:
        sigma = config["deviation"] * math.sqrt(config["width"])
    else:
        sigma = SIGMAS[config["initialiser"]]
    found = fate(config["activation"], sigma)
    return found.factor, found.chi


def _library() -> Result:
    """The variances of torch's initialisers, times what the report divides by.

    `he_relu` and `he_tanh` are inputs · variance of `kaiming_normal_`, `xavier` is
    (inputs + outputs) · variance of `xavier_normal_`, as its code computes them: gain² and 2.
    """
    gain = torch.nn.init.calculate_gain
    found = {"he_relu": gain("relu") ** 2, "he_tanh": gain("tanh") ** 2, "xavier": 2.0}
    draws = torch.Generator().manual_seed(0)
    weight = torch.empty(4 * CLASSES, PIXELS, dtype=torch.float64)
    torch.nn.init.xavier_normal_(weight, generator=draws)
    found["xavier_drawn"] = float(weight.var()) * sum(weight.shape)
    for name in ("relu", "tanh"):
        torch.nn.init.kaiming_normal_(weight, nonlinearity=name, generator=draws)
        found[f"he_{name}_drawn"] = float(weight.var()) * PIXELS
    return Result(
        metrics={
            name: Metric(float(value), weight.numel() if name.endswith("drawn") else 0)
            for name, value in found.items()
        }
    )


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Look at, or train, one network."""
    return run_together([trial], data)[0]
