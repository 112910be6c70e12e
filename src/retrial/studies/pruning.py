"""Report 003, exercise 5: what pruning by three criteria leaves of a network, beside chance.

A multilayer perceptron with ReLU learns MNIST by plain SGD on the softmax cross-entropy, and then
loses more and more of its weights along one axis of sparsity, the share that has gone. Biases stay.

    <scope>/one_shot/<criterion>     the trained network without the share of lowest score
    <scope>/iterative/<criterion>    step by step, scores taken anew, and trained on after each step
    unpruned                         trained on as often, with all its weights

Scope `global` ranks all weights together, `layer` removes the same share of each layer. Criteria:
magnitude |w|; sensitivity, the mean over training images of |w · dL/dw|; obd, ½ h w² with h the
exact diagonal of the Hessian; random. All arms of a seed share the trained network and the orders
of batches. The report prints no experiment: widths, training and axis are ours. How long a sparse
product takes is a clock's to say: `benchmarks/pruning_latency.py`.
"""

import itertools
from collections.abc import Hashable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator

from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.records import canonical
from retrial.core.seeds import generator
from retrial.core.trial import Metric, Result, Trial
from retrial.digit_networks import CHUNK, CLASSES
from retrial.nets.initialisers import fill, he_normal
from retrial.nets.sparsity import Criterion, MaskedNetwork, Scope, dense_bytes, emptied
from retrial.pruned_networks import Base, Damage, digits, iterative, look, one_shot

Array = NDArray[Any]
Config = dict[str, Any]

NAME = "pruning"
AT_ONCE = 9
SCOPES: tuple[Scope, ...] = ("global", "layer")
MODES = {"one_shot": one_shot, "iterative": iterative}
UNPRUNED = "unpruned"
PIXELS = 28 * 28
# What distinguishes the arms; all else of a config makes the trained network.
APART = ("scope", "mode", "criterion")
# Seconds on one core, which only order the work: an image in training, a look at a network, and of
# the criteria that look at images one of those that they look at.
PER_IMAGE, LOOK = 8.0e-6, 0.06
DERIVED = {"sensitivity": ("images", 6.0e-6), "obd": ("curvature_images", 3.0e-5)}


class Protocol(FrozenModel):
    """What is trained on what, and how far it is pruned.

    `images` are the first of the training file; the diagonal of the Hessian is that of the loss on
    the first `curvature_images` of them. `sparsities` begin at 0.
    """

    hidden: Annotated[tuple[Count, ...], Field(min_length=1)]
    batch: Count
    learning_rate: Positive
    epochs: Count
    images: Count
    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1)]
    sparsities: Annotated[tuple[float, ...], Field(min_length=2)]
    finetune_epochs: Count
    curvature_images: Count

    @field_validator("criteria")
    @classmethod
    def _each_once(cls, criteria: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
        if len(set(criteria)) < len(criteria):
            raise ValueError("expected each criterion at most once")
        return criteria

    @field_validator("sparsities")
    @classmethod
    def _an_axis(cls, axis: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        if axis[0] != 0 or not all(a < b for a, b in itertools.pairwise(axis)):
            raise ValueError("expected shares that begin at 0 and increase")
        if not axis[-1] < 1:
            raise ValueError("expected shares below 1, which would leave no weight")
        problem = emptied(_weights(info.data.get("hidden", ())), axis[-1])
        if problem:
            raise ValueError(f"at {axis[-1]!r} {problem}, expected at least 1")
        return axis


class Budget(FrozenModel):
    """Seeds of the arms with one ranking, and of those with one in each layer; null: all of it."""

    seeds: Count
    layer_seeds: Annotated[int, Field(ge=0)]
    epochs_at_most: Count | None
    train_at_most: Count | None
    test_at_most: Count | None

    def seeds_of(self, arm: str) -> int:
        """The number of seeds of an arm."""
        return self.layer_seeds if arm.startswith("layer/") else self.seeds


def _sizes(hidden: Sequence[int]) -> tuple[int, ...]:
    return (PIXELS, *hidden, CLASSES)


def _weights(hidden: Sequence[int]) -> list[int]:
    """How many weights each layer has."""
    sizes = _sizes(hidden)
    return [before * after for before, after in itertools.pairwise(sizes)]


def arms(protocol: Protocol) -> dict[str, Config]:
    """The config of every arm at its full length, by name."""
    shared = protocol.model_dump(mode="json", exclude={"criteria"}) | {"test_at_most": None}
    found: dict[str, Config] = {
        f"{scope}/{mode}/{criterion}": shared
        | {"scope": scope, "mode": mode, "criterion": criterion}
        for scope in SCOPES
        for mode in MODES
        for criterion in protocol.criteria
    }
    return found | {UNPRUNED: shared | {"scope": None, "mode": "iterative", "criterion": None}}


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed."""
    found = []
    for arm, full in arms(protocol).items():
        images = min(full["images"], budget.train_at_most or full["images"])
        cuts = {
            "epochs": min(full["epochs"], budget.epochs_at_most or full["epochs"]),
            "images": images,
            "curvature_images": min(full["curvature_images"], images),
            "test_at_most": budget.test_at_most,
        }
        config = full | cuts
        cost = _cost(config)
        found += [
            Trial(NAME, arm, seed, config, config == full, cost)
            for seed in range(budget.seeds_of(arm))
        ]
    return found


def _cost(config: Mapping[str, Any]) -> float:
    """A rough number of seconds, in which a group's base network is only partly an arm's own."""
    steps = len(config["sparsities"]) - 1
    epochs, scored = config["epochs"] / AT_ONCE, 1
    if config["mode"] == "iterative":
        epochs, scored = epochs + steps * config["finetune_epochs"], steps
    looked_at, seconds = DERIVED.get(config["criterion"], ("images", 0.0))
    scores = scored * seconds * config[looked_at]
    return float(PER_IMAGE * epochs * config["images"] + LOOK * steps + scores)


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """The arms that the budget has no seeds for."""
    return [arm for arm in arms(protocol) if not budget.seeds_of(arm)]


def together(trial: Trial) -> Hashable:
    """What trials must share to be run in one program: the trained network, so that it is one.

    Those whose criterion looks at images stand apart, so that one seed keeps two workers busy.
    """
    base = {name: value for name, value in trial.config.items() if name not in APART}
    return trial.seed, trial.config["criterion"] in DERIVED, canonical(base)


def run_together(trials: Sequence[Trial], data: Mapping[str, Array]) -> list[Result]:
    """Train the network of one seed, and prune it as each of the trials says.

    `data` as in `retrial.digit_networks.labelled`, images of 28 × 28. Metrics: `base_accuracy`
    (0…1) and `base_loss` (nats) of the trained network on the test images; its `weights`, `hidden`
    neurons and `dense_bytes`. Curves have one value for each sparsity of the axis: `sparsity`;
    `test_accuracy`, `test_loss`; `weights` left, `kept_k` those of layer k from 1; `sparse_bytes`,
    `multiply_adds` and `cut_off` (`retrial.nets.sparsity`). Of obd in one shot also, on the images
    of the curvature, `predicted_rise` of the loss in nats (the sum of ½ h w² over what has gone)
    and `actual_rise`; and `alike`, the share of the weights left that LeCun's recursion leaves too.
    Where training diverges, the rest of the curves is null. Arrays, of the first seed in one shot:
    `pixels` (sparsities, 784), how many weights of each pixel are left.
    """
    config, key = trials[0].config, (NAME, trials[0].seed)
    network = MaskedNetwork(_sizes(config["hidden"]), "relu", max(config["batch"], CHUNK))
    fill(network.weights, he_normal, generator(*key, "init"))
    base = Base(network, digits(config, data), config, key)
    return [_pruned(trial, base) for trial in trials]


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """Train one network and prune it in one way."""
    return run_together([trial], data)[0]


def _pruned(trial: Trial, base: Base) -> Result:
    """The network of `base` along the axis, as the arm of a trial prunes it."""
    config, curves, pixels = trial.config, dict[str, list[float | None]](), []
    lost = base.history.divergence
    if lost is None:
        steps = MODES[config["mode"]](config, base)
        with_damage = config["mode"] == "one_shot" and config["criterion"] == "obd"
        damage = Damage(base) if with_damage else None
        for sparsity, (masks, lost) in zip(config["sparsities"], steps, strict=False):
            if lost is not None:
                break
            found = {"sparsity": sparsity} | look(base, masks)
            if damage is not None:
                found |= damage.of(masks, sparsity, config["scope"])
            for name, value in found.items():
                curves.setdefault(name, []).append(value)
            pixels.append(masks[0].sum(axis=1))
    for curve in curves.values():
        curve += [None] * (len(config["sparsities"]) - len(curve))
    drawn = trial.seed == 0 and config["mode"] == "one_shot" and lost is None
    kind = np.min_scalar_type(config["hidden"][0])
    return Result(
        _metrics(base, config),
        status="ok" if lost is None else "diverged",
        detail={} if lost is None else lost._asdict(),
        curves=curves,
        arrays={"pixels": np.array(pixels, kind)} if drawn else {},
    )


def _metrics(base: Base, config: Config) -> dict[str, Metric]:
    """What the trained network is, which all arms of a seed begin with."""
    tested, network = base.history.final["test"], base.network
    n = len(base.images.tests.labels)
    return {
        "base_accuracy": Metric(tested.accuracy, n),
        "base_loss": Metric(tested.loss, n),
        "weights": Metric(sum(weight.size for weight in network.weights), 0),
        "hidden": Metric(sum(config["hidden"]), 0),
        "dense_bytes": Metric(dense_bytes(network), 0),
    }
