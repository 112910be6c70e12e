"""What the attacks on MNIST's and on CIFAR-10's classifiers share: protocol, trials, and both arms.

    image/<victim>        one generator f an image and target, as the report has them
    amortised/<victim>    one f for all images and targets, judged on images it has not seen; beside
                          it, on the same images, FGSM, PGD and noise at growing L∞ distances

A victim is a classifier that another stage has trained; seed s attacks the victim of seed s. What
an attack has reached is read off the stored 8-bit image. A referee, another classifier of another
seed, then sees the same image: it says whether the attack transfers, and stands for a viewer.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator
from torch import Tensor, nn

from retrial.adversarial.generators import Recipe, amortise, per_image
from retrial.adversarial.gradient_attacks import (
    fgsm,
    from_bytes,
    judged,
    pgd,
    sign_noise,
    to_bytes,
)
from retrial.adversarial.quality import Quality, quality
from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.records import finite
from retrial.core.seeds import generator, integer
from retrial.core.trial import Metric, Result, Trial
from retrial.image_classification import classifier_of, part
from retrial.nets.image_classifiers import CLASSES, NetworkName
from retrial.training.device import Device, resolve
from retrial.training.memory import keep_large_blocks

Array = NDArray[Any]
Config = dict[str, Any]
Bytes = NDArray[np.uint8]

KINDS = ("image", "amortised")
PICTURED_SEED = 0


class Architecture(FrozenModel):
    """A classifier's network, as the stage before has trained it."""

    network: NetworkName
    widths: Annotated[tuple[Count, ...], Field(min_length=1)]


class Amortised(FrozenModel):
    """One generator for many images: hidden channels, Adam's rate, batch, updates of both steps.

    `distance` is the weight of the mean square distance, as for one image.
    """

    channels: Annotated[tuple[Count, ...], Field(min_length=1)]
    learning_rate: Positive
    batch: Count
    reconstruction_steps: Count
    fooling_steps: Count
    distance: Positive


class Ladder(FrozenModel):
    """The L∞ distances that are tried, in units of the pixels' range, and PGD's steps.

    A step of PGD is `reach` / `steps` of the distance long.
    """

    epsilons: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1)]
    steps: Count
    reach: Positive


class Protocol(FrozenModel):
    """The attacks: `victims` names the referee of each victim, both among `classifiers`."""

    device: Device
    classifiers: dict[str, Architecture]
    victims: dict[str, str]
    generator: Recipe
    amortised: Amortised
    ladder: Ladder

    @field_validator("victims")
    @classmethod
    def _stated(cls, victims: dict[str, str], known: ValidationInfo) -> dict[str, str]:
        unknown = {*victims, *victims.values()} - set(known.data.get("classifiers", victims))
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))} not among `classifiers`")
        alone = [victim for victim, referee in victims.items() if victim == referee]
        if alone:
            raise ValueError(f"{', '.join(alone)}: expected another classifier as the referee")
        return victims


class Budget(FrozenModel):
    """How much of it: seeds by arm, where none leaves it out.

    `images` of each class have generators of their own; `held_out` test images judge the amortised
    one, the first `ladder` of them climb the ladder. `steps_at_most` cuts every step of a training,
    and `classifiers_whole` is false when another stage's budget cuts that of the classifiers.
    """

    seeds: dict[str, Count]
    images: Count
    held_out: Count
    ladder: Count
    steps_at_most: Count | None
    classifiers_whole: bool


class Stage(NamedTuple):
    """Two classifiers on a device before test images (n, channels, side, side)."""

    victim: nn.Module
    referee: nn.Module
    originals: Bytes
    labels: NDArray[np.int64]
    device: torch.device


def trials(study: str, protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed."""
    device = resolve(protocol.device)
    uncut = arms(protocol)
    unknown = sorted(set(budget.seeds) - set(uncut))
    if unknown:
        raise RetrialError(
            f"profiles: {study}.seeds = {unknown}: expected some of {', '.join(sorted(uncut))}"
        )
    found = []
    for arm, full in arms(protocol, budget.steps_at_most).items():
        whole = budget.classifiers_whole and full == uncut[arm]
        config: Config = {**full, "device": device}
        if arm.startswith("image/"):
            config["images"] = budget.images
            cost = 40.0 * budget.images
        else:
            config |= {"held_out": budget.held_out, "ladder_images": budget.ladder}
            cost = 0.2 * full["amortised"]["fooling_steps"]
        found += [
            Trial(study, arm, seed, config, whole, cost) for seed in range(budget.seeds.get(arm, 0))
        ]
    return found


def arms(protocol: Protocol, steps_at_most: int | None = None) -> dict[str, Config]:
    """The config of every arm by name, its steps cut to `steps_at_most`."""

    def cut(section: Config, *keys: str) -> Config:
        most = {key: min(section[key], steps_at_most or section[key]) for key in keys}
        return section | most

    of_image = protocol.generator.model_dump(mode="json")
    for step in ("reconstruction", "fooling"):
        of_image[step] = cut(of_image[step], "steps")
    amortised = protocol.amortised.model_dump(mode="json")
    amortised = cut(amortised, "reconstruction_steps", "fooling_steps")
    found: dict[str, Config] = {}
    for kind in KINDS:
        for victim, referee in protocol.victims.items():
            config: Config = {
                "victim": victim,
                "referee": referee,
                "classifiers": {
                    name: protocol.classifiers[name].model_dump(mode="json")
                    for name in (victim, referee)
                },
            }
            if kind == "image":
                config["generator"] = of_image
            else:
                config["amortised"] = amortised
                config["ladder"] = protocol.ladder.model_dump(mode="json")
            found[f"{kind}/{victim}"] = config
    return found


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """The arms that the budget has no seeds for."""
    return [arm for arm in arms(protocol) if not budget.seeds.get(arm, 0)]


def run(trial: Trial, data: Mapping[str, Array]) -> Result:
    """One victim under attack.

    `data`: as for the classifiers, and their weights by `arm:seed:name`. Images that the victim
    has wrong before are counted apart: `misclassified` of all; all other metrics are about the
    rest. `success`: the victim says the target, n is images × targets; of the successes on images
    whose original the referee has right, `transfer` is the share where it says the target as well,
    `referee_right` where it says what the image shows; of all successes, `linf`, `l2`, `psnr` (dB),
    `ssim`, `levels`, `changed` are means of `Quality`.

    Arrays, one row an image: `labels`, `rows` (in the test file), `before` (the victim's class of
    the original), `predicted` and `refereed` (classes by target, 10 columns in `image`, where the
    own class's is the original's; one in `amortised`, whose `targets` say which), `known` (the
    referee has the original right), `confidence` of the victim in what it predicts, `quality` (6
    measures first). `image`: `steps`, and of one seed `pictures`, the first image of each class by
    target. `amortised`: curves over `epsilon` of the victim's accuracy after `fgsm`, `pgd`, `noise`
    and `f`, whose perturbation is clipped to it.
    """
    keep_large_blocks()
    return _images(trial, data) if trial.arm.startswith("image/") else _amortised(trial, data)


def _images(trial: Trial, data: Mapping[str, Array]) -> Result:
    """One generator for each image and target."""
    config = trial.config
    recipe = validated(config["generator"], Recipe, "generator")
    chance = generator(trial.study, trial.seed, "images")
    every = part(data, "test", None)[1]
    fewest = int(np.bincount(every, minlength=CLASSES).min())
    if fewest < config["images"]:
        raise ValueError(f"images = {config['images']}: a class has {fewest} test images")
    rows = np.concatenate(
        [
            chance.permutation(np.flatnonzero(every == one))[: config["images"]]
            for one in range(CLASSES)
        ]
    )
    stage = _stage(trial, data, rows)
    draws = torch.Generator().manual_seed(integer(trial.study, trial.seed, "generators"))
    count = len(rows)
    stored = np.repeat(stage.originals[:, None], CLASSES, axis=1)
    steps = np.zeros((count, CLASSES), np.int32)
    for place, label in enumerate(stage.labels):
        targets = torch.tensor([one for one in range(CLASSES) if one != label], device=stage.device)
        image = from_bytes(stage.originals[place : place + 1]).to(stage.device)
        found = per_image(stage.victim, image, int(label), targets, recipe, draws)
        for target, fooled in zip(targets.tolist(), found, strict=True):
            stored[place, target] = to_bytes(fooled.images)[0]
            steps[place, target] = fooled.steps
    targets_of = np.tile(np.arange(CLASSES), (count, 1))
    aimed = targets_of != stage.labels[:, None]
    metrics, arrays = _look(stage, stored, targets_of, aimed)
    arrays |= {"rows": data["test"][rows].astype(np.int32), "steps": steps}
    if trial.seed == PICTURED_SEED:
        arrays["pictures"] = stored[:: config["images"]]
    return Result(metrics, arrays=arrays)


def _amortised(trial: Trial, data: Mapping[str, Array]) -> Result:
    """One generator for all; the ladder."""
    config, key = trial.config, (trial.study, trial.seed)
    chance = generator(*key, "held out")
    rows = chance.permutation(len(data["test"]))[: config["held_out"]]
    stage = _stage(trial, data, rows)
    recipe = validated(config["amortised"], Amortised, "amortised")
    draws = torch.Generator().manual_seed(integer(*key, "generators"))
    batches = _batches(data, recipe.batch, generator(*key, "order"), stage.device)
    f = amortise(
        stage.victim,
        batches,
        recipe.channels,
        recipe.learning_rate,
        recipe.reconstruction_steps,
        recipe.fooling_steps,
        recipe.distance,
        draws,
    )
    moves = chance.integers(1, CLASSES, len(rows))
    targets = (stage.labels + moves) % CLASSES
    images = from_bytes(stage.originals).to(stage.device)
    changed = _given(f, images, torch.from_numpy(targets).to(stage.device))
    stored = to_bytes(changed)[:, None]
    metrics, arrays = _look(stage, stored, targets[:, None], np.ones((len(rows), 1), bool))
    arrays |= {"rows": data["test"][rows].astype(np.int32), "targets": targets.astype(np.uint8)}
    few = config["ladder_images"]
    curves = _ladder(stage, images[:few], changed[:few], config["ladder"], draws)
    return Result(metrics, curves=curves, arrays=arrays)


def _stage(trial: Trial, data: Mapping[str, Array], rows: Array) -> Stage:
    """The victim of the trial's seed, the referee of the next seed, and the test images."""
    config = trial.config
    images, labels = part(data, "test", None)
    shape = images.shape
    device = torch.device(config["device"])

    def trained(name: str, seed: int) -> nn.Module:
        return classifier_of(data, name, seed, config["classifiers"][name], shape).to(device)

    seeds = sorted(
        {int(key.split(":")[1]) for key in data if key.startswith(f"{config['referee']}:")}
    )
    later = [seed for seed in seeds if seed > trial.seed]
    other = later[0] if later else seeds[0] if seeds else trial.seed
    whole = images if images.ndim == 4 else images[..., None]
    originals = np.ascontiguousarray(whole[rows].transpose(0, 3, 1, 2))
    return Stage(
        trained(config["victim"], trial.seed),
        trained(config["referee"], other),
        originals,
        labels[rows].astype(np.int64),
        device,
    )


def _look(
    stage: Stage, stored: Bytes, targets: Array, aimed: Array
) -> tuple[dict[str, Metric], dict[str, Array]]:
    """Metrics and arrays of stored images (n, k, …) with their targets (n, k).

    `aimed` (n, k) is false where an image is its own original.
    """
    count, wide = targets.shape
    flat = stored.reshape(count * wide, *stored.shape[2:])
    before = judged(stage.victim, stage.originals).classes
    right = before == stage.labels
    word = judged(stage.victim, flat)
    predicted = word.classes.reshape(count, wide)
    refereed = judged(stage.referee, flat).classes.reshape(count, wide)
    known = judged(stage.referee, stage.originals).classes == stage.labels
    measures = quality(flat, np.repeat(stage.originals, wide, axis=0))
    tried = aimed & right[:, None]
    hit = tried & (predicted == targets)
    hits, asked = int(hit.sum()), hit & known[:, None]
    metrics = {
        "misclassified": Metric(int((~right).sum()), count),
        "success": _share(predicted == targets, tried),
        "transfer": _share(refereed == targets, asked),
        "referee_right": _share(refereed == stage.labels[:, None], asked),
    }
    for name, values in measures._asdict().items():
        kept = values.reshape(count, wide)[hit]
        mean = float(kept.mean()) if hits else float("nan")
        metrics[name] = Metric(finite(mean), hits)
    arrays = {
        "labels": stage.labels.astype(np.uint8),
        "before": before,
        "predicted": predicted,
        "refereed": refereed,
        "known": known.astype(np.uint8),
        "confidence": word.confidences.max(axis=1).reshape(count, wide),
        "quality": _measured(measures, count, wide),
    }
    return metrics, arrays


def _share(found: Array, among: Array) -> Metric:
    """The share of `found` within the mask `among`, and how many these are."""
    n = int(among.sum())
    return Metric(float(found[among].mean()) if n else None, n)


def _measured(measures: Quality, count: int, wide: int) -> NDArray[np.float32]:
    """(6, n, k) of the measures in their order; that of equal images has an infinite PSNR."""
    return np.stack([one.reshape(count, wide) for one in measures]).astype(np.float32)


def _ladder(
    stage: Stage, images: Tensor, changed: Tensor, ladder: Config, draws: torch.Generator
) -> dict[str, list[float | None]]:
    """The victim's accuracy at each distance, read off stored images."""
    labels = stage.labels[: len(images)]
    truth = torch.from_numpy(labels).to(stage.device)
    curves: dict[str, list[float | None]] = {"epsilon": list(ladder["epsilons"])}
    start = (2 * torch.rand(images.shape, generator=draws) - 1).to(
        stage.device, memory_format=torch.channels_last
    )
    for epsilon in ladder["epsilons"]:
        step = ladder["reach"] * epsilon / ladder["steps"]
        moved = {
            "fgsm": fgsm(stage.victim, images, truth, epsilon),
            "pgd": pgd(
                stage.victim, images, truth, epsilon, step, ladder["steps"], start=epsilon * start
            ),
            "noise": sign_noise(images, epsilon, draws),
            "f": (images + (changed - images).clamp(-epsilon, epsilon)).clamp(0, 1),
        }
        for name, one in moved.items():
            found = judged(stage.victim, to_bytes(one)).classes
            curves.setdefault(name, []).append(float(np.mean(found == labels)))
    return curves


def _batches(
    data: Mapping[str, Array], batch: int, chance: np.random.Generator, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Training images and labels, a new order each time through."""
    images, labels = part(data, "train", None)
    whole = images if images.ndim == 4 else images[..., None]
    size = min(batch, len(labels))
    while True:
        order = chance.permutation(len(labels))
        for start in range(0, len(order) - size + 1, size):
            rows = order[start : start + size]
            yield (
                from_bytes(np.ascontiguousarray(whole[rows].transpose(0, 3, 1, 2))).to(device),
                torch.from_numpy(labels[rows].astype(np.int64)).to(device),
            )


@torch.inference_mode()
def _given(f: nn.Module, images: Tensor, targets: Tensor, chunk: int = 250) -> Tensor:
    """f(x) for each image and its target, in chunks."""
    parts = zip(images.split(chunk), targets.split(chunk), strict=True)
    return torch.cat([f(x, t) for x, t in parts])
