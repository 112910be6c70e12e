"""Shift invariance: do LeNet and a multilayer perceptron bear a digit that moves?

Report 000, section 3. Networks are trained on full MNIST, digits in their usual place; then test
digits are moved by every (dx, dy) in -8…8 and classified again. On the `canvas` of 28 + 2·8 pixels
no shift cuts ink off; `clipped` arms keep the 28 x 28 frame, in which it does. The report leaves
open the widths of its perceptron, its LeNet's activation and pooling, the budgets, the shift, and
which digit it moved; the protocol in params.yaml chooses.

    mlp                 canvas-hidden-10, ReLU, plain SGD
    mlp/clipped         784-hidden-10, the ordinary one
    mlp/shifted         like mlp, each training digit moved at random anew in every epoch
    lenet               LeNet-5 on the canvas
    lenet/clipped       LeNet-5 as usual, 28 x 28
    lenet/blurpool      2 x 2 averages replaced by blur-pool (Zhang 2019)
    lenet/global_pool   C5 is 3 x 3, and only the maxima of its maps over the canvas go on
    lenet/matched       lenet, stopped as soon as it classifies as well as mlp of the same seed
    ink                 no network: the share of digits that each shift cuts in the 28 x 28 frame
"""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from retrial import shifts
from retrial.core.models import Count, FrozenModel, Positive
from retrial.core.seeds import generator, integer
from retrial.core.trial import Metric, Result, Trial
from retrial.nets import initialisers
from retrial.nets.convolutional import AVERAGE, BLUR, STRIDE, LeNet, field_side
from retrial.nets.dense import DenseNetwork
from retrial.training import sgd
from retrial.training.checked import History, check_steps, train
from retrial.training.torch_sgd import Descent, as_input, classes, keep_freed_memory

NAME = "shift"
CLASSES = 10
SIDE = 28  # MNIST's frame
TRAINING_IMAGES = 60_000
FIRST_SEED = 100  # the protocol's learning rates were picked on seeds below
NEAR = 4  # the smaller square of shifts for which means are recorded as well

Data = Mapping[str, NDArray[Any]]
Config = dict[str, Any]
Images = NDArray[np.uint8]
Grid = NDArray[np.uint8]
Arm = Literal[
    "mlp",
    "mlp/clipped",
    "mlp/shifted",
    "lenet",
    "lenet/clipped",
    "lenet/blurpool",
    "lenet/global_pool",
    "lenet/matched",
    "ink",
]

# What distinguishes the arms; and the seconds that an epoch and 1000 digits at all shifts take
# on one core under the pins, which only order the work (lenet/matched stops early).
_LENET = {"network": "lenet", "frame": "canvas", "taps": AVERAGE, "pooled": False}
_MLP = {"network": "mlp", "frame": "canvas", "moved": False}
ARMS: dict[str, dict[str, Any]] = {
    "mlp": _MLP,
    "mlp/clipped": {**_MLP, "frame": "clipped"},
    "mlp/shifted": {**_MLP, "moved": True},
    "lenet": _LENET,
    "lenet/clipped": {**_LENET, "frame": "clipped"},
    "lenet/blurpool": {**_LENET, "taps": BLUR},
    "lenet/global_pool": {**_LENET, "pooled": True},
    "lenet/matched": _LENET,
}
SECONDS: dict[str, tuple[float, float]] = {
    "mlp": (0.5, 1.5),
    "mlp/clipped": (0.5, 1.5),
    "mlp/shifted": (1.3, 1.5),
    "lenet": (12, 3.5),
    "lenet/clipped": (5, 7),
    "lenet/blurpool": (20, 4),
    "lenet/global_pool": (28, 5),
    "lenet/matched": (6, 3.5),
}


class Recipe(FrozenModel):
    """How long and how fast one kind of network learns."""

    epochs: Positive
    learning_rate: Positive


class Protocol(FrozenModel):
    """What is trained on what.

    `max_shift` is in pixels and a multiple of LeNet's stride. `checks` are the moments of the
    first epoch, as fractions of it, at which the test accuracy is taken; later epochs have one at
    their end. `matched_every` is the time between two checks of lenet/matched, in epochs. `digit`
    is the place in the test file of the one digit that stands for that of Table 3.1.
    """

    max_shift: Annotated[int, Field(ge=STRIDE, le=SIDE, multiple_of=STRIDE)]
    batch: Count
    momentum: Annotated[float, Field(ge=0, lt=1)]
    hidden: Count
    mlp: Recipe
    lenet: Recipe
    checks: tuple[Annotated[float, Field(gt=0, le=1)], ...]
    matched_every: Annotated[float, Field(gt=0, le=1)]
    digit: Annotated[int, Field(ge=0, lt=10_000)]


class Budget(FrozenModel):
    """How much of it: `shift_images` test digits go through all shifts.

    `epochs_at_most` cuts the training of the arms that it names; 0 leaves an arm out.
    """

    seeds: Count
    shift_images: Count
    train_at_most: Count | None
    test_at_most: Count | None
    epochs_at_most: dict[Arm, Annotated[float, Field(ge=0)]]


def trials(protocol: Protocol, budget: Budget) -> list[Trial]:
    """One trial per arm and seed; `ink`, which has no chance in it, has one."""
    found = [
        Trial(NAME, arm, seed, *_plan(arm, protocol, budget))
        for arm in ARMS
        if arm not in skipped(protocol, budget)
        for seed in range(FIRST_SEED, FIRST_SEED + budget.seeds)
    ]
    if "ink" not in skipped(protocol, budget):
        found.append(Trial(NAME, "ink", FIRST_SEED, {"max_shift": protocol.max_shift}))
    return found


def skipped(protocol: Protocol, budget: Budget) -> list[str]:
    """The arms whose epochs the budget sets to 0."""
    return [str(arm) for arm, epochs in budget.epochs_at_most.items() if epochs == 0]


def _plan(arm: str, protocol: Protocol, budget: Budget) -> tuple[Config, bool, float]:
    """The config of an arm, whether it is the whole protocol, and its cost in seconds."""
    fixed = ARMS[arm]
    recipe = protocol.mlp if fixed["network"] == "mlp" else protocol.lenet
    limits: Mapping[str, float] = {str(name): at for name, at in budget.epochs_at_most.items()}
    epochs = min(recipe.epochs, limits.get(arm, math.inf))
    config: Config = {
        **fixed,
        "epochs": epochs,
        "learning_rate": recipe.learning_rate,
        "batch": protocol.batch,
        "checks": list(protocol.checks),
        "max_shift": protocol.max_shift,
        "digit": protocol.digit,
        "train_at_most": budget.train_at_most,
        "test_at_most": budget.test_at_most,
        "shift_images": budget.shift_images,
    }
    uncut = budget.train_at_most is None and budget.test_at_most is None
    whole = uncut and epochs == recipe.epochs
    share = min(budget.train_at_most or TRAINING_IMAGES, TRAINING_IMAGES) / TRAINING_IMAGES
    per_epoch, per_thousand = SECONDS[arm]
    cost = epochs * per_epoch * share + per_thousand * budget.shift_images / 1000
    if fixed["network"] == "mlp":
        config["hidden"] = protocol.hidden
    else:
        config["taps"] = list(fixed["taps"])
        config["momentum"] = protocol.momentum
    if arm == "lenet/matched":
        rival, rival_whole, rival_cost = _plan("mlp", protocol, budget)
        every = protocol.matched_every
        count = math.ceil(epochs / every)
        config["checks"] = [every * number for number in range(1, count + 1)]
        config |= {"rival": rival, "rival_whole": rival_whole}
        cost += rival_cost
    return config, whole, cost


def run(trial: Trial, data: Data) -> Result:
    """Train one network and move the test digits before it.

    Arrays: `predictions` and `correct` (uint8, all test images, unshifted); `accuracy_map` and
    `consistency_map` over the shifts, [dy + max_shift, dx + max_shift]; `consistent` and
    `accurate` (per moved test image, the share of true shifts) and the same `_near` for shifts of
    at most 4 px; `digit_map` (uint8), the classes of the one digit. Curves have a point per check.
    """
    config = trial.config
    if trial.arm == "ink":
        return _ink(config, data)
    if config["network"] == "mlp":
        return _result(config, *_mlp(trial.seed, config, data), data)
    if "rival" not in config:
        return _result(config, *_lenet(trial.seed, config, data), data)
    rival, _ = _mlp(trial.seed, config["rival"], data)
    target = rival.accuracy[-1]
    history, grid = _lenet(trial.seed, config, data, enough=target)
    # Epochs that the budget cuts after the goal would not have been run anyway.
    decided = config["rival_whole"] and history.accuracy[-1] >= target
    extra = {"target_accuracy": Metric(target, len(rival.predictions))}
    return _result(config, history, grid, data, extra, decided)


def _ink(config: Config, data: Data) -> Result:
    """How many test digits lose ink when they move in their own frame."""
    images, reach = data["test_images"], config["max_shift"]
    lost = shifts.ink_loss(images, reach)
    metrics = {
        f"lost_down_{step}": Metric(float(lost[reach + step, reach]), len(images))
        for step in range(1, reach + 1)
    }
    return Result(metrics, arrays={"lost_map": lost})


def _mlp(seed: int, config: Config, data: Data) -> tuple[History, Grid]:
    """Train a perceptron; its history and its classes at every shift."""
    reach, batch, hidden = config["max_shift"], config["batch"], config["hidden"]
    side = SIDE + 2 * reach
    on_canvas = config["frame"] == "canvas"
    images, labels = _training(config, data)
    tests, test_labels = _tests(config, data)
    canvas = DenseNetwork(((side if on_canvas else SIDE) ** 2, hidden, CLASSES), "relu", batch)
    initialisers.fill(canvas.weights, initialisers.he_normal, generator(NAME, seed, "init"))
    network = canvas
    if on_canvas and not config["moved"]:
        # Weights of pixels that are blank in all training images have no gradient and keep their
        # initial values, so a smaller network can learn in the place of the canvas's.
        network = DenseNetwork((SIDE**2, hidden, CLASSES), "relu", batch)
        network.weights[0].reshape(SIDE, SIDE, -1)[...] = _middle(canvas.weights[0])
        network.weights[1][...] = canvas.weights[1]
    where = generator(NAME, seed, "shifts")

    def inputs(rows: NDArray[Any]) -> NDArray[np.float32]:
        if not config["moved"]:
            return _pixels(images[rows])
        tops, lefts = where.integers(0, 2 * reach + 1, (2, len(rows)))
        return _pixels(shifts.place_each(images[rows], side, tops, lefts))

    def step(rows: NDArray[Any]) -> float:
        loss = network.loss.forward(network.forward(inputs(rows)), labels[rows])
        if math.isfinite(loss):
            network.backward()
            network.descend(config["learning_rate"])
        return loss

    seen = _pixels(shifts.place(tests, side, reach, reach) if config["moved"] else tests)
    tested = sgd.Labelled(seen, test_labels)
    history = train(
        step,
        lambda: sgd.evaluate(network, tested).predictions,
        test_labels,
        _orders(seed, len(labels)),
        batch,
        check_steps(len(labels), batch, config["epochs"], config["checks"]),
    )
    plane = canvas.weights[0] if on_canvas else np.zeros((side**2, hidden), np.float32)
    if network is not canvas or not on_canvas:
        _middle(plane)[...] = network.weights[0].reshape(SIDE, SIDE, -1)
    weights = [plane, network.weights[1]]
    return history, shifts.dense_grid(weights, network.biases, _pixels(_moved(config, data)), reach)


def _lenet(seed: int, config: Config, data: Data, enough: float = math.inf) -> tuple[History, Grid]:
    """Train a LeNet until its accuracy is `enough`; its history and its classes at every shift."""
    keep_freed_memory()
    reach, batch, taps = config["max_shift"], config["batch"], config["taps"]
    images, labels = _training(config, data)
    tests, test_labels = _tests(config, data)
    on_canvas = config["frame"] == "canvas"
    # The map before C5 has a fourth of the frame's side, less the 2 positions that C3 takes.
    cells = (SIDE + (2 * reach if on_canvas else 0)) // STRIDE - 2
    if config["pooled"]:
        cells += 2  # blank positions around a digit that moves far, so that none is lost
    field = field_side(cells, taps)
    margin = (field - SIDE) // 2
    chance = torch.Generator().manual_seed(integer(NAME, seed, "init"))
    network = LeNet(chance, cells, taps, config["pooled"])
    descent = Descent(network, config["learning_rate"], config["momentum"])
    targets = torch.from_numpy(labels.astype(np.int64))
    history = train(
        lambda rows: descent.step(as_input(images[rows], margin), targets[rows]),
        lambda: classes(network, tests, margin)[:, 0, 0],
        test_labels,
        _orders(seed, len(labels)),
        batch,
        check_steps(len(labels), batch, config["epochs"], config["checks"]),
        enough,
    )
    moved = _moved(config, data)
    if on_canvas:
        return history, shifts.windows_grid(
            lambda planes: classes(network, planes), moved, field, STRIDE, reach
        )
    return history, shifts.clipped_grid(
        lambda frames: classes(network, frames, margin)[:, 0, 0], moved, reach
    )


def _result(
    config: Config,
    history: History,
    grid: Grid,
    data: Data,
    extra: Mapping[str, Metric] | None = None,
    decided: bool = False,
) -> Result:
    """The records of one network; `grid` holds the one digit first, then the moved test images."""
    reach = config["max_shift"]
    near = min(NEAR, reach)
    _, labels = _tests(config, data)
    digit, grid = grid[:, :, 0], grid[:, :, 1:]
    moved_labels = _spread(labels, config["shift_images"])
    far, close = (
        shifts.invariance(part, moved_labels) for part in (grid, shifts.inner(grid, near))
    )
    tested, moved, true_shifts = len(labels), len(moved_labels), (2 * reach + 1) ** 2 - 1
    metrics = {
        "test_accuracy": Metric(history.accuracy[-1], tested),
        "best_test_accuracy": Metric(max(history.accuracy), tested),
        "train_loss": Metric(history.loss[-1], 0),
        "images_seen": Metric(history.images_seen[-1], 0),
        "consistency": Metric(float(far.consistent.mean()), moved),
        "consistency_near": Metric(float(close.consistent.mean()), moved),
        "shifted_accuracy": Metric(float(far.accurate.mean()), moved),
        "shifted_accuracy_near": Metric(float(close.accurate.mean()), moved),
        "unshifted_accuracy": Metric(float(far.accuracy[reach, reach]), moved),
        "digit_original": Metric(int(digit[reach, reach]), 1),
        **(extra or {}),
    }
    # The unshifted digit is no shift: it is left out of the shares.
    counts = np.bincount(digit.ravel(), minlength=CLASSES)
    counts[digit[reach, reach]] -= 1
    for number, count in enumerate(counts):
        metrics[f"digit_shift_share_{number}"] = Metric(int(count) / true_shifts, true_shifts)
    arrays = {
        "predictions": history.predictions,
        "correct": (history.predictions == labels).astype(np.uint8),
        "digit_map": digit,
        "accuracy_map": far.accuracy,
        "consistency_map": far.consistency,
        "consistent": far.consistent,
        "consistent_near": close.consistent,
        "accurate": far.accurate,
        "accurate_near": close.accurate,
    }
    curves: dict[str, list[float | None]] = {
        "images_seen": list(history.images_seen),
        "test_accuracy": list(history.accuracy),
        "train_loss": list(history.loss),
    }
    if history.diverged is None:
        return Result(metrics, decided=decided, curves=curves, arrays=arrays)
    epoch, step = history.diverged
    detail = {"epoch": epoch, "step": step, "tensor": "loss"}
    return Result(metrics, "diverged", decided, detail, curves, arrays)


def _training(config: Config, data: Data) -> tuple[Images, Images]:
    """The first `train_at_most` training images and labels, in memory."""
    count = config["train_at_most"]
    return np.array(data["train_images"][:count]), np.array(data["train_labels"][:count])


def _tests(config: Config, data: Data) -> tuple[Images, Images]:
    """`test_at_most` test images and labels, spread over the file."""
    count = config["test_at_most"]
    return _spread(data["test_images"], count), _spread(data["test_labels"], count)


def _moved(config: Config, data: Data) -> Images:
    """The one digit, then the test images that go through all shifts."""
    digit = data["test_images"][config["digit"]][None]
    return np.concatenate([digit, _spread(_tests(config, data)[0], config["shift_images"])])


def _spread(values: NDArray[Any], count: int | None) -> NDArray[Any]:
    """`count` of the rows at equal distances: halves of MNIST's test file differ in difficulty."""
    total = len(values)
    if count is None or count >= total:
        return np.array(values)
    return np.array(values[np.arange(count) * total // count])


def _orders(seed: int, examples: int) -> Iterator[NDArray[np.int64]]:
    """A new permutation of the examples for each epoch; the same for every arm."""
    order = generator(NAME, seed, "order")
    while True:
        yield order.permutation(examples)


def _pixels(images: Images) -> NDArray[np.float32]:
    """uint8 (n, h, w) as float32 (n, h·w) in 0…1."""
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def _middle(weights: NDArray[Any]) -> NDArray[Any]:
    """View (28, 28, h) of the rows of a square canvas's weights that read its middle."""
    side = math.isqrt(len(weights))
    begin = (side - SIDE) // 2
    kept = slice(begin, begin + SIDE)
    return weights.reshape(side, side, -1)[kept, kept]
