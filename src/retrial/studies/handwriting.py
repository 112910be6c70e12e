"""Report 004, exercise 3: a network of MNIST before handwriting that it has never seen.

    none                  a small network, digits as they are
    report                the same with zoom and width shift, as the report has it
    report/STEP           one more step: height shift, rotation, flips, blur, brightness or gamma
    all, all/STEP         all eight steps; all but one
    large/none|report     a network of four times as many parameters
    SOURCE[/WAY]          as `report`, with a second source of digits beside MNIST; the second ones
                          transposed, as the publisher's files of EMNIST hold them, or inverted
    digits/alone          the second source without MNIST

The second source is the first half of UCI's digits; EMNIST and the public repository of numbers
come in where params.yaml asks for them. Each network is looked at on every domain of
`retrial.handwriting.domains`, and `moved` alone chooses.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, field_validator

from retrial.calibration import Reliability, calibration_error, log_loss, reliability, softmax
from retrial.core.models import Count, FrozenModel
from retrial.core.records import finite
from retrial.core.seeds import generator, integer
from retrial.core.trial import Metric, Result, Trial
from retrial.nets.image_classifiers import build, tensors
from retrial.training.augmented import as_tensor
from retrial.training.image_classifier import Recipe, train
from retrial.training.memory import keep_large_blocks
from retrial.training.torch_sgd import CHUNK
from retrial.training.views import Ranges, Views

NAME = "handwriting"
# What the files of corrupted digits, and of sheets brought to size, begin with.
CORRUPTED, PAGES = "corrupted_", "pages_"

Array = NDArray[Any]
Data = Mapping[str, Array]
Config = dict[str, Any]
More = Literal["emnist", "numbers"]
Widths = Annotated[tuple[Count, ...], Field(min_length=1)]

STEPS = tuple(Ranges.model_fields)
REPORT = ("zoom", "width")
ADDED = tuple(step for step in STEPS if step not in REPORT)
WAYS = ("transposed", "inverted")
# Those that a claim compares have more seeds.
CLAIMED = ("none", "report", *(f"report/{step}" for step in ADDED), "large/none", "large/report")
# Of an epoch on 60,000 images and of a look at all domains, on one core; only order the work.
SECONDS, LARGE, LOOK = 6.0, 4, 4.0


class Repeats(FrozenModel):
    """How often each of UCI's digits, which are few, is shown in an epoch."""

    beside: Count
    alone: Count


class Protocol(FrozenModel):
    """Networks by their channels, how they are trained, and how far each step goes.

    `more`: further second sources, which are downloaded where this names them.
    """

    small: Widths
    large: Widths
    recipe: Recipe
    ranges: Ranges
    repeats: Repeats
    more: tuple[More, ...]

    @field_validator("recipe")
    @classmethod
    def _moved_by_ranges(cls, recipe: Recipe) -> Recipe:
        if recipe.shift or recipe.flip:
            raise ValueError("expected shift 0 and flip false: ranges say how digits are changed")
        return recipe

    @field_validator("more")
    @classmethod
    def _each_once(cls, more: tuple[More, ...]) -> tuple[More, ...]:
        if len(set(more)) < len(more):
            raise ValueError("expected each source at most once")
        return more


class Budget(FrozenModel):
    """Seeds of the arms that claims compare, and of the others; null leaves nothing out."""

    seeds: Count
    other_seeds: Annotated[int, Field(ge=0)]
    epochs_at_most: Count | None
    train_at_most: Count | None
    corrupted_at_most: Count | None


def arms_of(protocol: Protocol) -> dict[str, Config]:
    """What distinguishes the arms: size, steps, second source, way, and whether MNIST is there."""
    plain = {"size": "small", "steps": REPORT, "second": None, "way": None, "mnist": True}
    found: dict[str, Config] = {"none": {**plain, "steps": ()}, "report": plain}
    for step in ADDED:
        found[f"report/{step}"] = {**plain, "steps": (*REPORT, step)}
    found["all"] = {**plain, "steps": STEPS}
    for step in STEPS:
        found[f"all/{step}"] = {**plain, "steps": tuple(one for one in STEPS if one != step)}
    found["large/none"] = {**plain, "size": "large", "steps": ()}
    found["large/report"] = {**plain, "size": "large"}
    more = sorted(protocol.more)
    for source in ("digits", *more):
        second = {**plain, "second": [source]}
        found[source] = second
        for way in WAYS:
            found[f"{source}/{way}"] = {**second, "way": way}
    found["digits/alone"] = {**plain, "second": ["digits"], "mnist": False}
    if len(more) > 1:
        found["+".join(more)] = {**plain, "second": more}
    return found


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed."""
    return [
        Trial(NAME, arm, seed, *_plan(fixed, protocol, budget))
        for arm, fixed in arms_of(protocol).items()
        for seed in range(budget.seeds if arm in CLAIMED else budget.other_seeds)
    ]


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """The arms that the budget or the choice of sources leaves out."""
    everything = protocol.model_copy(update={"more": ("emnist", "numbers")})
    run = arms_of(protocol) if budget.other_seeds else CLAIMED
    return [arm for arm in arms_of(everything) if arm not in run]


def _plan(fixed: Config, protocol: Protocol, budget: Budget) -> tuple[Config, bool, float]:
    """The config of an arm, whether it is the whole protocol, and its cost in seconds."""
    stated = protocol.recipe.epochs
    epochs = min(stated, budget.epochs_at_most or stated)
    ranges = protocol.ranges.model_dump(mode="json")
    large = fixed["size"] == "large"
    repeats = protocol.repeats.beside if fixed["mnist"] else protocol.repeats.alone
    config: Config = {
        "widths": list(protocol.large if large else protocol.small),
        "recipe": {**protocol.recipe.model_dump(mode="json"), "epochs": epochs},
        "ranges": {step: ranges[step] if step in fixed["steps"] else 0.0 for step in STEPS},
        "second": fixed["second"],
        "way": fixed["way"],
        "mnist": fixed["mnist"],
        "repeats": repeats if fixed["second"] else None,
        "train_at_most": budget.train_at_most,
        "corrupted_at_most": budget.corrupted_at_most,
    }
    cuts = budget.train_at_most, budget.corrupted_at_most
    share = min(budget.train_at_most or 60_000, 60_000) / 60_000
    cost = SECONDS * (LARGE if large else 1) * epochs * share + LOOK
    return config, epochs == stated and cuts == (None, None), cost


def run(trial: Trial, data: Data) -> Result:
    """Train one network and look at it on every domain.

    `data`: MNIST's `train_images`, `test_images` and labels, with the rows `train` and `test`; the
    files of `retrial.handwriting.domains`; and of each further source, `SOURCE_images` and
    `_labels`, of EMNIST also `emnist_test_`. Metrics: `accuracy_`, `loss_` (nats) and `ece_` of
    each domain; the mean `accuracy_corrupted`, and that of each corruption over its severities;
    `accuracy_pages_` of each way to bring a sheet to size; `parameters`. Curves by severity:
    accuracy of each corruption, `ece` and `confidence` over all. Arrays: of the second half's
    digits `predictions`, `correct` (uint8) and `confidence` (float32); `correct_corrupted`
    (float32), the share of corruptions and severities under which a test digit is right;
    `reliability` (domains and
    severities, 3, bins). Weights: those of the first seed.
    """
    keep_large_blocks()
    config, key = trial.config, (trial.study, trial.seed)
    recipe = TypeAdapter(Recipe).validate_python(config["recipe"])
    images, labels = training_digits(config, data)
    tests, test_labels = data["test_images"][data["test"]], data["test_labels"][data["test"]]
    draws = torch.Generator().manual_seed(integer(*key, "network"))
    network = build("plain", config["widths"], 1, images.shape[1], draws)
    ranges = TypeAdapter(Ranges).validate_python(config["ranges"])
    history = train(
        network,
        Views(images, ranges, generator(*key, "views")),
        torch.from_numpy(labels.astype(np.int64)),
        as_tensor(tests),
        test_labels,
        _orders(generator(*key, "order"), len(labels)),
        recipe,
        draws,
    )
    lost = history.divergence
    domains: dict[str, tuple[Array, Array]] = {
        "mnist": (tests, test_labels),
        "moved": (data["moved_images"], data["test_labels"]),
        "digits": (data["digits_images"], data["digits_labels"]),
    }
    if "emnist_test_images" in data:
        domains["emnist"] = data["emnist_test_images"], data["emnist_test_labels"]
    metrics = {"parameters": Metric(sum(one.numel() for one in network.parameters()), 0)}
    arrays: dict[str, Array] = {}
    tables: list[Reliability] = []
    for name, (pictures, right) in domains.items():
        found = probabilities(network, pictures)
        tables.append(reliability(found, right))
        given = found.argmax(axis=1)
        metrics[f"accuracy_{name}"] = Metric(float((given == right).mean()), len(right))
        loss = log_loss(found, right) if lost is None else None
        metrics[f"loss_{name}"] = Metric(finite(loss), len(right))
        metrics[f"ece_{name}"] = Metric(calibration_error(tables[-1]), len(right))
        if name == "digits":
            arrays["predictions"] = given.astype(np.uint8)
            arrays["correct"] = (given == right).astype(np.uint8)
            arrays["confidence"] = found.max(axis=1).astype(np.float32)
    curves, severe, arrays["correct_corrupted"] = _by_severity(
        network, data, config["corrupted_at_most"], metrics
    )
    for name in sorted(one for one in data if one.startswith(PAGES)):
        right = data["digits_labels"]
        share = float((probabilities(network, data[name]).argmax(axis=1) == right).mean())
        metrics[f"accuracy_{name}"] = Metric(share, len(right))
    arrays["reliability"] = np.stack([np.stack(one) for one in [*tables, *severe]])
    return Result(
        metrics,
        status="ok" if lost is None else "diverged",
        detail={} if lost is None else lost._asdict(),
        curves={name: list(curve) for name, curve in curves.items()},
        arrays=arrays,
        weights=tensors(network) if trial.seed == 0 else {},
    )


def training_digits(config: Config, data: Data) -> tuple[Array, Array]:
    """The training images (n, 28, 28) uint8 of an arm and their labels (n,).

    The digits of second sources follow MNIST's, those of UCI, which are few, each `repeats` times;
    `train_at_most` keeps the same share of each source.
    """
    images, labels = [], []
    at_most = config["train_at_most"]
    rows = data["train"][:at_most]
    if config["mnist"]:
        images.append(data["train_images"][rows])
        labels.append(data["train_labels"][rows])
    for source in config["second"] or ():
        name = "second" if source == "digits" else source
        pictures, known = data[f"{name}_images"], data[f"{name}_labels"]
        kept = max(1, len(known) * len(rows) // len(data["train"]))
        turned = _turned(pictures[:kept], config["way"])
        repeats = config["repeats"] if source == "digits" else 1
        images.append(np.tile(turned, (repeats, 1, 1)))
        labels.append(np.tile(known[:kept], repeats))
    return np.concatenate(images), np.concatenate(labels)


def _turned(pictures: Array, way: str | None) -> Array:
    if way == "transposed":
        return pictures.transpose(0, 2, 1)
    return 255 - pictures if way == "inverted" else pictures


@torch.inference_mode()
def probabilities(network: torch.nn.Module, pictures: Array) -> NDArray[np.float64]:
    """Class probabilities (n, 10) of uint8 pictures (n, 28, 28); in evaluation mode after."""
    network.eval()
    parts = range(0, len(pictures), CHUNK)
    logits = [network(as_tensor(pictures[at : at + CHUNK])).numpy() for at in parts]
    return softmax(np.concatenate(logits))


def _by_severity(
    network: torch.nn.Module, data: Data, at_most: int | None, metrics: dict[str, Metric]
) -> tuple[dict[str, list[float]], list[Reliability], NDArray[np.float32]]:
    """Curves and reliability by severity, and each image's share of right answers.

    The means over severities go to `metrics`.
    """
    pictures = {
        name.removeprefix(CORRUPTED): data[name][:, :at_most]
        for name in sorted(data)
        if name.startswith(CORRUPTED)
    }
    severities, many = next(iter(pictures.values())).shape[:2]
    everything = np.tile(data["test_labels"][:many], len(pictures))
    curves: dict[str, list[float]] = {"ece": [], "confidence": []}
    shares, tables, answers = [], [], np.zeros(many)
    for severity in range(severities):
        found = np.concatenate([probabilities(network, one[severity]) for one in pictures.values()])
        correct = (found.argmax(axis=1) == everything).reshape(len(pictures), many)
        shares.append(correct.mean(axis=1))
        answers += correct.mean(axis=0) / severities
        tables.append(reliability(found, everything))
        curves["ece"].append(calibration_error(tables[-1]))
        curves["confidence"].append(float(found.max(axis=1).mean()))
    for name, of_severities in zip(pictures, np.transpose(shares), strict=True):
        curves[name] = of_severities.tolist()
        metrics[f"accuracy_{name}"] = Metric(float(of_severities.mean()), many * severities)
    metrics["accuracy_corrupted"] = Metric(float(np.mean(shares)), many)
    return curves, tables, answers.astype(np.float32)


def _orders(chance: np.random.Generator, examples: int) -> Iterator[NDArray[np.int64]]:
    """A new permutation of the examples for each epoch; arms of equally many share it."""
    while True:
        yield chance.permutation(examples)
