"""Batch normalisation in small: what it does to layers' inputs, rates and overfitting (001, T2).

The report says that batch normalisation reduces the internal covariate shift, allows a larger
learning rate, and regularises by the noise in the statistics of small batches. It runs nothing, so
this does, on a problem small enough to run in a moment: Gaussian clusters, a perceptron with two
hidden ReLU layers, plain gradient descent on batches, float64. Networks that are compared start
with the same weights and see the same batches.

Networks are stacked along a first axis, one for each learning rate, and trained together.
"""

from itertools import pairwise
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from retrial.core.models import Count, FrozenModel, Positive

Array = NDArray[np.float64]
# (mean, variance) of a hidden layer's pre-activations, each (stack, 1, width).
Statistics = list[tuple[Array, Array]]

EPSILON = 1e-5


class Given(FrozenModel):
    """The problem, the network and three short trainings.

    Each of `classes` has `centres` clusters of unit variance in `dimensions`, their centres drawn
    with standard deviation `spread`; `train` and `test` examples; hidden layers of `width`.

    Rates: `steps` on batches of `batch` at each of `rates`; a rate serves when the training loss
    ends below `share` of the entropy of the training labels. Shift: the same batches at
    `shift_rate`, gradients looked at every `look_every` steps. Noise: `noise_steps` on batches of
    `noise_batch` at `noise_rate`, tested every `test_every` steps.
    """

    classes: Annotated[int, Field(ge=2)]
    centres: Count
    dimensions: Count
    spread: Positive
    train: Count
    test: Count
    width: Count
    rates: Annotated[tuple[Positive, ...], Field(min_length=1)]
    share: Positive
    batch: Count
    steps: Count
    shift_rate: Positive
    look_every: Count
    noise_batch: Count
    noise_steps: Count
    noise_rate: Positive
    test_every: Count


class Network(NamedTuple):
    """Parameters of stacked networks.

    `weights` (stack, inputs, outputs) of three layers, `shifts` (stack, 1, outputs) of three, and
    `scales` (stack, 1, width) of the two hidden layers, empty without batch normalisation. With it,
    the shifts of the hidden layers are those of the normalisation.
    """

    weights: list[Array]
    shifts: list[Array]
    scales: list[Array]

    def parameters(self) -> list[Array]:
        """All arrays, in one order."""
        return [*self.weights, *self.shifts, *self.scales]


class Passed(NamedTuple):
    """A forward pass: the layers' inputs, (stack, n, ·) each, and what the way back needs."""

    inputs: list[Array]
    logits: Array
    standardised: list[Array]
    statistics: Statistics


def measure(given: Given, seed_generator: np.random.Generator) -> dict[str, float]:
    """Train on a problem drawn from `seed_generator`; losses in nats.

    `largest_rate_*`: the largest of the rates that serves, nan where none does. `input_shift_*`:
    how far the distributions of the inputs of the second and third layer move per step, see
    `moved`. `gradient_shift_*`: how far the gradient of the second layer's weights moves when the
    first layer alone takes its step, relative to its length. `*_small_batch`, `*_whole_set`:
    training and test loss, their gap, the test accuracy, and the lowest test loss on the way, of
    training with the statistics of the small batch, or of the whole training set; `*_plain`:
    without batch normalisation.
    """
    x, y, test_x, test_y = problem(given, seed_generator)
    start = initial_weights(given, seed_generator)
    batches = batch_order(given.train, given.batch, given.steps, seed_generator)
    noise_batches = batch_order(given.train, given.noise_batch, given.noise_steps, seed_generator)
    found: dict[str, float] = {}
    for name, normalised in (("plain", False), ("batch_norm", True)):
        network = built(start, normalised, len(given.rates))
        # Rates that are too large overflow: that is what is looked for.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for rows in batches:
                descend(network, gradients(network, x[rows], y[rows]), np.array(given.rates))
            losses = cross_entropy(forward(network, x).logits, y)
        serves = losses < given.share * entropy(y, given.classes)
        rates = np.array(given.rates)[serves]
        found[f"largest_rate_{name}"] = float(rates.max()) if len(rates) else float("nan")
        shifts = shifts_of(built(start, normalised, 1), given, x, y, batches)
        found[f"input_shift_{name}"], found[f"gradient_shift_{name}"] = shifts
    for name, normalised, whole in (
        ("small_batch", True, False),
        ("whole_set", True, True),
        ("plain", False, False),
    ):
        network = built(start, normalised, 1)
        test_losses = []
        for number, rows in enumerate(noise_batches, start=1):
            step = gradients(network, x, y, rows) if whole else gradients(network, x[rows], y[rows])
            descend(network, step, np.array([given.noise_rate]))
            if number % given.test_every == 0 or number == len(noise_batches):
                trained = forward(network, x)
                tested = forward(network, test_x, trained.statistics).logits
                test_losses.append(float(cross_entropy(tested, test_y)[0]))
        train_loss = float(cross_entropy(trained.logits, y)[0])
        found |= {
            f"train_loss_{name}": train_loss,
            f"test_loss_{name}": test_losses[-1],
            f"best_test_loss_{name}": min(test_losses),
            f"gap_{name}": test_losses[-1] - train_loss,
            f"test_accuracy_{name}": float((tested[0].argmax(axis=1) == test_y).mean()),
        }
    return found


def problem(
    given: Given, chance: np.random.Generator
) -> tuple[Array, NDArray[np.int64], Array, NDArray[np.int64]]:
    """Training and test examples (n, dimensions) of Gaussian clusters, with their classes (n,)."""
    clusters = given.classes * given.centres
    means = given.spread * chance.standard_normal((clusters, given.dimensions))
    cluster = chance.integers(clusters, size=given.train + given.test)
    x = means[cluster] + chance.standard_normal((len(cluster), given.dimensions))
    y = cluster % given.classes
    return x[: given.train], y[: given.train], x[given.train :], y[given.train :]


def initial_weights(given: Given, chance: np.random.Generator) -> list[Array]:
    """Three weight matrices (inputs, outputs), normal with variance 2/inputs (He et al. 2015)."""
    sizes = [given.dimensions, given.width, given.width, given.classes]
    return [
        chance.standard_normal((inputs, outputs)) * np.sqrt(2 / inputs)
        for inputs, outputs in pairwise(sizes)
    ]


def batch_order(
    examples: int, batch: int, steps: int, chance: np.random.Generator
) -> list[NDArray[np.int64]]:
    """The rows of each step's batch: epochs in random order, an incomplete last batch left out."""
    rows: list[NDArray[np.int64]] = []
    while len(rows) < steps:
        order = chance.permutation(examples)
        rows += [order[i : i + batch] for i in range(0, examples - batch + 1, batch)]
    return rows[:steps]


def built(start: list[Array], normalised: bool, stack: int) -> Network:
    """`stack` equal networks with the given weights; shifts at 0, scales at 1."""
    return Network(
        [np.repeat(weight[None], stack, axis=0) for weight in start],
        [np.zeros((stack, 1, weight.shape[1])) for weight in start],
        [np.ones((stack, 1, weight.shape[1])) for weight in start[:-1]] if normalised else [],
    )


def forward(network: Network, x: Array, statistics: Statistics | None = None) -> Passed:
    """Pass `x` (n, dimensions) or (stack, n, dimensions) through all networks of the stack.

    Pre-activations are normalised by their statistics over x, or by the ones that are handed in.
    """
    passed = Passed([x], x, [], [])
    for k, weight in enumerate(network.weights[:-1]):
        z = passed.inputs[k] @ weight
        if network.scales:
            mean, variance = (
                (z.mean(axis=1, keepdims=True), z.var(axis=1, keepdims=True))
                if statistics is None
                else statistics[k]
            )
            passed.statistics.append((mean, variance))
            z = (z - mean) / np.sqrt(variance + EPSILON)
            passed.standardised.append(z)
            z = network.scales[k] * z
        passed.inputs.append(np.maximum(z + network.shifts[k], 0))
    return passed._replace(logits=passed.inputs[-1] @ network.weights[-1] + network.shifts[-1])


def gradients(
    network: Network, x: Array, y: NDArray[np.int64], rows: NDArray[np.int64] | None = None
) -> list[Array]:
    """Gradients of the mean cross-entropy over `rows` of x (all by default), as `parameters()`.

    The statistics are those of all of x, whatever the rows, and their derivative is taken.
    """
    passed = forward(network, x)
    chosen = np.arange(len(y)) if rows is None else rows
    logits = passed.logits[:, chosen]
    delta = np.exp(logits - logits.max(axis=2, keepdims=True))
    delta /= delta.sum(axis=2, keepdims=True)
    delta[:, np.arange(len(chosen)), y[chosen]] -= 1
    above = np.zeros_like(passed.logits)
    above[:, chosen] = delta / len(chosen)
    weights, shifts, scales = [], [], []
    for k in reversed(range(len(network.weights))):
        if k < len(network.weights) - 1:
            above = above * (passed.inputs[k + 1] > 0)
        shifts.append(above.sum(axis=1, keepdims=True))
        if network.scales and k < len(network.scales):
            standardised = passed.standardised[k]
            scales.append((above * standardised).sum(axis=1, keepdims=True))
            above = above * network.scales[k]
            above = (
                above
                - above.mean(axis=1, keepdims=True)
                - standardised * (above * standardised).mean(axis=1, keepdims=True)
            )
            above = above / np.sqrt(passed.statistics[k][1] + EPSILON)
        weights.append(np.swapaxes(passed.inputs[k], -1, -2) @ above)
        above = above @ np.swapaxes(network.weights[k], 1, 2)
    return [*weights[::-1], *shifts[::-1], *scales[::-1]]


def descend(network: Network, step: list[Array], rates: Array) -> None:
    """One step of gradient descent in place, each network of the stack at its own rate."""
    for parameter, gradient in zip(network.parameters(), step, strict=True):
        parameter -= rates[:, None, None] * gradient


def shifts_of(
    network: Network,
    given: Given,
    x: Array,
    y: NDArray[np.int64],
    batches: list[NDArray[np.int64]],
) -> tuple[float, float]:
    """Train one network; the mean shift of inner layers' inputs and of the second's gradient."""
    rate = np.array([given.shift_rate])
    inputs, gradient = [], []
    before = forward(network, x).inputs[1:]
    for number, rows in enumerate(batches):
        step = gradients(network, x[rows], y[rows])
        if number % given.look_every == 0:
            # Only what stands below the second layer takes its step.
            below = Network(*(list(part) for part in network))
            for part, place in ((0, 0), (1, 3), *(((2, 6),) if network.scales else ())):
                below[part][0] = below[part][0] - rate * step[place]
            moved_step = gradients(below, x[rows], y[rows])[1]
            gradient.append(np.linalg.norm(moved_step - step[1]) / np.linalg.norm(step[1]))
        descend(network, step, rate)
        after = forward(network, x).inputs[1:]
        inputs += [moved(a, b) for a, b in zip(before, after, strict=True)]
        before = after
    return float(np.mean(inputs)), float(np.mean(gradient))


def moved(before: Array, after: Array) -> float:
    """How far the distribution of a layer's inputs (1, n, width) has moved, unit by unit.

    The distance in mean and standard deviation, which is Wasserstein's for normal distributions,
    root mean square over the units, in units of their root mean square standard deviation before.
    """
    (mean, sd), (new_mean, new_sd) = (
        (one.mean(axis=1), one.std(axis=1)) for one in (before, after)
    )
    distance = (new_mean - mean) ** 2 + (new_sd - sd) ** 2
    return float(np.sqrt(distance.mean() / (sd**2).mean()))


def cross_entropy(logits: Array, y: NDArray[np.int64]) -> Array:
    """Mean cross-entropy of each network of the stack, (stack,); not finite after a divergence."""
    top = logits.max(axis=2, keepdims=True)
    lost = np.log(np.exp(logits - top).sum(axis=2)) + top[..., 0]
    return np.asarray((lost - logits[:, np.arange(len(y)), y]).mean(axis=1))


def entropy(y: NDArray[np.int64], classes: int) -> float:
    """Entropy of the labels' frequencies: the loss of the best constant prediction."""
    shares = np.bincount(y, minlength=classes) / len(y)
    kept = shares[shares > 0]
    return float(-(kept * np.log(kept)).sum())
