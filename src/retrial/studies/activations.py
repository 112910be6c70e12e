"""Report 003, exercise 4: what activations do in trained networks, and what a call costs.

Multilayer perceptrons on MNIST, softmax cross-entropy, at the table of report 004's choices.

    <activation>/<factor>           trained at the learning rate times the factor

All arms of a seed share their draws and their orders of batches. What a call costs is counted, in
elementwise operations: times differ from machine to machine and belong to no record, so that
`benchmarks/activation_cost.py` takes them.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from retrial import deep_networks
from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.trial import Metric, Result, Trial
from retrial.deep_networks import (
    Config,
    Seeds,
    Training,
    begun,
    digits,
    scores,
    trained,
)
from retrial.deep_results import result
from retrial.gradient_flow import decay_metrics, layer_gradients
from retrial.nets.activations import ActivationName, activation
from retrial.nets.stacked import StackedNetwork
from retrial.training.sgd import Labelled
from retrial.training.stacked_descent import CHUNK, evaluate

Array = NDArray[Any]

NAME = "activations"
AT_ONCE = 5
# A unit is saturated on an image where its slope is below this share of the largest slope.
SATURATED = 0.05
# The derivative's largest value.
STEEPEST = {
    "relu": 1.0,
    "leakyrelu": 1.0,
    "gelu": 1.13,
    "tanh": 1.0,
    "lecun": 1.15,
    "sigmoid": 0.25,
}
# What takes many instructions a value where others take one.
TRANSCENDENTAL = ("exp", "tanh", "ndtr")

Activations = Annotated[tuple[ActivationName, ...], Field(min_length=1)]


class Protocol(FrozenModel):
    """What is trained on what: `factors` multiply the learning rate, 1 is as it is."""

    training: Training
    activations: Activations
    depth: Count
    factors: Annotated[tuple[Positive, ...], Field(min_length=1)]
    epochs: Count


class Budget(FrozenModel):
    """Seeds of the arms at the learning rate as it is, and of the others; null: all of it."""

    seeds: Count
    faster_seeds: Seeds
    epochs_at_most: Count | None
    train_at_most: Count | None

    def seeds_of(self, arm: str) -> int:
        """The number of seeds of an arm."""
        return self.seeds if arm.endswith("/1.0") else self.faster_seeds


def arms(protocol: Protocol) -> dict[str, Config]:
    """The config of every arm at its full length, by name."""
    shared = protocol.training.config() | {"depth": protocol.depth, "epochs": protocol.epochs}
    return {
        f"{name}/{factor!r}": shared
        | {"activation": name, "learning_rate": protocol.training.learning_rate * factor}
        for name in protocol.activations
        for factor in protocol.factors
    }


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed."""
    found = []
    for arm, full in arms(protocol).items():
        epochs = min(full["epochs"], budget.epochs_at_most or full["epochs"])
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
    return deep_networks.together(trial)


def run_together(trials: Sequence[Trial], data: Mapping[str, Array]) -> list[Result]:
    """Train networks that share a program and look at their hidden units.

    `data` as in `retrial.deep_networks.digits`. Metrics: those of `deep_networks.scores` and, for
    `untrained` and `trained` networks, of the gradients of a batch (`gradient_flow.decay_metrics`)
    and of the hidden units over all training images: `<when>_dead`, the share of units whose slope
    is 0 on every image; `<when>_sparse`, the share of values that are exactly 0; `<when>_saturated`
    the share of values at which the slope is below a twentieth of its largest; `<when>_mean`,
    `<when>_lowest` and `<when>_highest` value. Arrays: `<when>_layers` (3, hidden layers): dead,
    sparse, saturated by layer. Curves as in `depth`.

    `passes` are the elementwise operations per value of one call of forward and backward together,
    `transcendental` those among them that are exponentials or their like.
    """
    config = trials[0].config
    examples = digits(data, "train", config["train_at_most"])
    tests = digits(data, "test")
    batch = Labelled(*(part[: config["batch"]] for part in examples))
    looks = {"untrained": _look(begun(NAME, trials), examples, batch)}
    network, histories = trained(NAME, trials, examples, tests)
    looks["trained"] = _look(network, examples, batch)
    of_train, of_test = (evaluate(network, part) for part in (examples, tests))
    counted = operations(config["activation"])
    counts = {
        "passes": Metric(sum(counted.values()), 0),
        "transcendental": Metric(sum(counted[one] for one in TRANSCENDENTAL), 0),
    }
    results = []
    for member, history in enumerate(histories):
        metrics = scores(of_train[member], of_test[member]) | counts
        arrays = {}
        for when, look in looks.items():
            own, layers = look[member]
            metrics |= {f"{when}_{name}": metric for name, metric in own.items()}
            arrays[f"{when}_layers"] = layers
        results.append(result(config, history, metrics, arrays))
    return results


Look = tuple[dict[str, Metric], Array]


def _look(network: StackedNetwork, examples: Labelled, batch: Labelled) -> list[Look]:
    """Each member's hidden units on all examples, and its gradients on a batch."""
    gradients = layer_gradients(network, batch)
    found = []
    for member in range(network.members):
        layers, extremes = hidden_units(
            network.act, [weight[member] for weight in network.weights], examples.inputs
        )
        of_gradients = {
            name.removeprefix("_"): metric
            for name, metric in decay_metrics("", gradients[member]).items()
        }
        n = len(examples.labels)
        shares = zip(("dead", "sparse", "saturated"), layers.mean(axis=1), strict=True)
        metrics = {name: Metric(float(share), n) for name, share in shares}
        metrics |= {name: Metric(value, n) for name, value in extremes.items()}
        found.append((metrics | of_gradients, layers))
    return found


def hidden_units(
    name: ActivationName, weights: Sequence[Array], inputs: Array
) -> tuple[Array, dict[str, float]]:
    """Shares (3, hidden layers) of dead units, of zeros, of saturated values; and extreme values.

    `weights` of each layer (outputs, inputs + 1), `inputs` (n, inputs + 1). A diverged network has
    nothing but dead units.
    """
    hidden = len(weights) - 1
    alive = [np.zeros(len(weight), bool) for weight in weights[:-1]]
    counts = np.zeros((2, hidden))
    total, lowest, highest = 0.0, np.inf, -np.inf
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for start in range(0, len(inputs), CHUNK):
            x: Array = inputs[start : start + CHUNK].T
            ones = np.ones((1, x.shape[1]), x.dtype)
            for layer, weight in enumerate(weights[:-1]):
                function = activation(name, len(weight), x.shape[1], x.dtype)
                value = function.forward(weight @ x)
                slope = np.abs(function.backward(np.ones_like(value)))
                alive[layer] |= (slope > 0).any(axis=1)
                counts[0, layer] += (value == 0).sum()
                counts[1, layer] += (slope < SATURATED * STEEPEST[name]).sum()
                total += float(value.sum(dtype=np.float64))
                lowest, highest = min(lowest, float(value.min())), max(highest, float(value.max()))
                x = np.concatenate([value, ones])
    width = np.array([len(weight) for weight in weights[:-1]])
    dead = [1 - one.mean() for one in alive]
    return np.array([dead, *(counts / (width * len(inputs)))]), {
        "mean": total / float(width.sum() * len(inputs)),
        "lowest": lowest,
        "highest": highest,
    }


class _Counted(np.ndarray):
    """An array that notes the elementwise operations that it takes part in."""

    seen: Counter[str]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            raise TypeError(f"{ufunc.__name__}.{method}: expected an elementwise call")
        _Counted.seen[ufunc.__name__] += 1
        plain = [x.view(np.ndarray) if isinstance(x, _Counted) else x for x in inputs]
        if "out" in kwargs:
            kwargs["out"] = tuple(x.view(np.ndarray) for x in kwargs["out"])
        found = getattr(ufunc, method)(*plain, **kwargs)
        return found.view(_Counted) if isinstance(found, np.ndarray) else found


def operations(name: ActivationName) -> Counter[str]:
    """The elementwise operations of one forward and one backward call, by NumPy's names."""
    x = np.linspace(-3, 3, CHUNK, dtype=np.float32)[None]
    function = activation(name, 1, CHUNK, np.float32)
    for attribute, value in vars(function).items():
        if isinstance(value, np.ndarray):
            setattr(function, attribute, value.view(_Counted))
    _Counted.seen = Counter()
    function.forward(x.view(_Counted))
    function.backward(np.ones_like(x).view(_Counted))
    return _Counted.seen


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Train and look at one network."""
    return run_together([trial], data)[0]
