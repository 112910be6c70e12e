"""The deep networks of reports 003 and 004: how they begin, and how several are trained at once.

Apart from the studies that use them, so that a change of one leaves the others' finished trials
as they are.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.seeds import generator
from retrial.core.trial import Metric, Trial
from retrial.digit_networks import CLASSES, labelled
from retrial.nets.initialisers import Initialiser, normal
from retrial.nets.regularised import INITIALISERS
from retrial.nets.stacked import StackedNetwork
from retrial.training.optimisers import OptimiserName, optimiser
from retrial.training.sgd import Labelled
from retrial.training.stacked_descent import Evaluation, History, train, with_ones

Array = NDArray[Any]
Config = dict[str, Any]

PIXELS = 28 * 28
TRAINING_IMAGES = 60_000
Start = Literal[
    "glorot_uniform", "glorot_normal", "he_normal", "lecun_normal", "default", "as_tanh"
]
# One standard deviation in every layer, the config's `deviation`.
PLAIN = "normal"
# What networks may differ in and still be trained in one program.
APART = ("initialiser", "deviation")


class Training(FrozenModel):
    """How a network is trained: hidden width, batch, optimiser with its learning rate, beginning.

    Pixels are in 0…1, biases begin at zero (but those of torch's `default`), the loss is the
    cross-entropy of a softmax.
    """

    width: Count
    batch: Count
    optimiser: OptimiserName
    learning_rate: Positive
    initialiser: Start

    def config(self) -> Config:
        """The part of a trial's config that says so; plain layers."""
        return {**self.model_dump(mode="json"), "block": "plain", "deviation": None}


Seeds = Annotated[int, Field(ge=0)]


def lecun_normal(inputs: int, outputs: int, generator: np.random.Generator) -> Array:
    """Normal with variance 1/inputs: LeCun et al. 1998, "Efficient BackProp", equation 16."""
    return generator.standard_normal((inputs, outputs)) / np.sqrt(inputs)


def drawing(config: Mapping[str, Any]) -> Initialiser:
    """How the weights of a config are drawn."""
    name = config["initialiser"]
    if name == PLAIN:
        return normal(config["deviation"])
    own = {"lecun_normal": lecun_normal, "as_tanh": INITIALISERS["glorot_uniform"]}
    return own[name] if name in own else INITIALISERS[name]


def initialise(
    network: StackedNetwork, member: int, config: Mapping[str, Any], chance: np.random.Generator
) -> None:
    """Draw the weights and biases of one member; equal generators give equal draws.

    The draws are made in float64, all weights before any bias. "as_tanh" makes a sigmoid network
    compute what a tanh network with Glorot's weights W and no biases computes, by
    tanh(z) = 2σ(2z) − 1: first 2W, then 4W with biases −2ΣW, at the output 2W with −ΣW.
    """
    draw = drawing(config)
    drawn = [draw(w.shape[2] - 1, w.shape[1], chance).T for w in network.weights]
    last = len(drawn) - 1
    for k, (weight, values) in enumerate(zip(network.weights, drawn, strict=True)):
        bias: Any = 0.0
        if config["initialiser"] == "default":
            half_width = 1 / np.sqrt(values.shape[1])
            bias = chance.uniform(-half_width, half_width, values.shape[0])
        if config["initialiser"] == "as_tanh":
            bias = -(1 if k == last else 2) * values.sum(axis=1) * (k > 0)
            values = values * (4 if 0 < k < last else 2)
        weight[member, :, :-1] = values
        weight[member, :, -1] = bias


def sizes(config: Mapping[str, Any]) -> tuple[int, ...]:
    """Widths from the pixels to the classes."""
    return (PIXELS, *[config["width"]] * config["depth"], CLASSES)


def begun(study: str, trials: Sequence[Trial], dtype: Any = np.float32) -> StackedNetwork:
    """The networks of some trials at their first weights, which arms of one seed share."""
    config = trials[0].config
    network = StackedNetwork(
        sizes(config), config["activation"], len(trials), config["block"], dtype
    )
    for member, trial in enumerate(trials):
        initialise(network, member, trial.config, generator(study, trial.seed, "init"))
    return network


def digits(data: Mapping[str, Array], part: str, at_most: int | None = None) -> Labelled:
    """Images of a part as (n, 785) float32 in 0…1 with a column of ones, and their labels (n,).

    `data` as in `retrial.digit_networks.labelled`; `at_most` takes the first ones.
    """
    rows = None if at_most is None else np.arange(len(data[part][:at_most]))
    found = labelled(data, part, "unit", rows)
    return Labelled(with_ones(found.inputs), found.labels)


def orders(study: str, seed: int, examples: int) -> Iterator[Array]:
    """A new permutation (examples,) for each epoch; the same for every arm of a seed."""
    shuffle = generator(study, seed, "order")
    while True:
        yield shuffle.permutation(examples)


def together(trial: Trial) -> Hashable:
    """What trials must share to be trained in one program."""
    return tuple(sorted((k, v) for k, v in trial.config.items() if k not in APART))


def trained(
    study: str, trials: Sequence[Trial], examples: Labelled, tests: Labelled
) -> tuple[StackedNetwork, list[History]]:
    """The networks of some trials that may be trained together, after their epochs."""
    config = trials[0].config
    network = begun(study, trials)
    histories = train(
        network,
        examples,
        tests,
        [orders(study, trial.seed, len(examples.labels)) for trial in trials],
        config["batch"],
        config["epochs"],
        optimiser(
            config["optimiser"], network.parameters, network.gradients, config["learning_rate"]
        ),
    )
    return network, histories


def scores(train_: Evaluation, test: Evaluation) -> dict[str, Metric]:
    """Loss in nats and accuracy in 0…1 on both parts, the gap of accuracies, classes predicted."""
    metrics = {}
    for part, found in (("train", train_), ("test", test)):
        metrics[f"{part}_loss"] = Metric(finite(found.loss), len(found.predictions))
        metrics[f"{part}_accuracy"] = Metric(found.accuracy, len(found.predictions))
    tested = len(test.predictions)
    metrics["gap"] = Metric(train_.accuracy - test.accuracy, tested)
    metrics["predicted_classes"] = Metric(len(np.unique(test.predictions)), tested)
    return metrics


def curves(history: History) -> dict[str, list[float | None]]:
    """The curves of a history as a result holds them."""
    return {name: [finite(one) for one in curve] for name, curve in history.curves.items()}


def finite(value: float) -> float | None:
    """A number that JSON can hold."""
    return float(value) if np.isfinite(value) else None


def cost(config: Mapping[str, Any]) -> float:
    """Seconds of a trial on one core among others of its kind, which only order the work."""
    width, batch = config["width"], config["batch"]
    layers = [PIXELS * width, *[width * width] * (config["depth"] - 1)]
    images = min(config["train_at_most"] or TRAINING_IMAGES, TRAINING_IMAGES)
    products = 6 * sum(layers) / 7e10 * images
    steps = images / batch
    calls = 1e-5 * steps * len(layers)
    passes = {"sgd": 1, "momentum": 2, "adam": 5}[config["optimiser"]] * 3e-10
    return float(config["epochs"] * (products + calls + passes * sum(layers) * steps))
