from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.seeds import generator
from retrial.training.augmented import Augmented, as_tensor
from retrial.training.image_classifier import (
    Adam,
    OneCycle,
    Recipe,
    Robust,
    attacked,
    confusion,
    evaluate,
    rate,
    stepper,
    train,
)
from retrial.training.torch_sgd import CHUNK

CYCLE = OneCycle(name="one_cycle", learning_rate=0.2, momentum=0.9, weight_decay=5e-4, warm_up=0.25)
ADAM = Adam(name="adam", learning_rate=0.01)
SIDE, CLASSES = 4, 4
CURVES = {"running_loss", "running_accuracy", "test_loss", "test_accuracy"}
# Of the pixels' range; beyond what float32 rounds.
ROUNDING = 1e-6


class Linear(nn.Module):
    """Logits W·x + b, from zeros; counts the images that it saw in training."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.utils.skip_init(nn.Linear, SIDE**2, CLASSES)
        nn.init.zeros_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)
        self.batches: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.batches.append(x.detach().clone())
        logits: torch.Tensor = self.layer(x.flatten(1))
        return logits


def recipe(**rest: Any) -> Recipe:
    settings: dict[str, Any] = {
        "epochs": 3, "batch": 8, "optimiser": CYCLE, "label_smoothing": 0.0, "shift": 0,
        "flip": False, "robust": None,
    }  # fmt: skip
    return Recipe(**settings | rest)


def corners(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Four classes of 4 × 4 images: a bright corner each, on noise."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % CLASSES).astype(np.uint8)
    images = rng.integers(0, 60, (count, SIDE, SIDE), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[3 * (label // 2), 3 * (label % 2)] = 255
    return images, labels


def orders(count: int, seed: int = 0) -> Iterator[np.ndarray]:
    chance = generator("test", seed)
    while True:
        yield chance.permutation(count)


def trained(network: nn.Module, how: Recipe, count: int = 40, chance: int = 0):
    """The history of a network on the corners; 24 of them are tests."""
    images, labels = corners(count)
    tests, test_labels = corners(24, 1)
    return train(
        network,
        Augmented(images, how.shift, how.flip, generator("views")),
        torch.from_numpy(labels.astype(np.int64)),
        as_tensor(tests),
        test_labels,
        orders(count),
        how,
        torch.Generator().manual_seed(chance),
    )


def rates(optimiser: OneCycle, steps: int) -> np.ndarray:
    how = recipe(optimiser=optimiser)
    return np.array([rate(how, step, steps) for step in range(steps)])


def test_one_cycle_rises_and_falls_on_two_lines() -> None:
    # 39 steps, so that step 9 is a quarter of the way and has the largest rate.
    found = rates(CYCLE, 39)
    assert found.argmax() == 9
    assert found[9] == pytest.approx(0.2)
    np.testing.assert_allclose(np.diff(found[:10]), 0.02)
    np.testing.assert_allclose(np.diff(found[9:]), -0.2 / 30)
    # It neither begins nor ends with an idle step.
    assert found[0] == pytest.approx(0.02)
    assert found[-1] == pytest.approx(0.2 / 30)


def test_one_cycle_without_a_rise_falls_from_the_first_step() -> None:
    found = rates(CYCLE.model_copy(update={"warm_up": 0.0}), 9)
    np.testing.assert_allclose(found, 0.2 * np.arange(9, 0, -1) / 10)


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_a_rate_is_positive_and_at_most_its_largest(steps: int) -> None:
    found = rates(CYCLE, steps)
    assert found.min() > 0
    assert found.max() <= 0.2 + 1e-12


def test_adam_has_one_rate() -> None:
    how = recipe(optimiser=ADAM)
    assert {rate(how, step, 50) for step in range(50)} == {0.01}


def test_the_optimiser_is_the_recipes() -> None:
    network = Linear()
    (sgd,) = stepper(network, recipe()).param_groups
    assert (sgd["momentum"], sgd["weight_decay"], sgd["nesterov"]) == (0.9, 5e-4, True)
    still = CYCLE.model_copy(update={"momentum": 0.0})
    assert not stepper(network, recipe(optimiser=still)).param_groups[0]["nesterov"]
    (adam,) = stepper(network, recipe(optimiser=ADAM)).param_groups
    # Kingma and Ba 2015, algorithm 1.
    assert (adam["betas"], adam["eps"], adam["weight_decay"]) == ((0.9, 0.999), 1e-8, 0)
    assert adam["fused"]


@pytest.mark.parametrize(
    "how",
    [recipe(epochs=12), recipe(epochs=12, optimiser=ADAM), recipe(epochs=12, label_smoothing=0.1)],
)
def test_what_is_separable_is_learnt(how: Recipe) -> None:
    history = trained(Linear(), how)
    assert history.divergence is None
    assert history.final is not None
    assert history.final.accuracy == 1
    np.testing.assert_array_equal(history.final.predictions, corners(24, 1)[1])
    assert set(history.curves) == CURVES
    assert {len(curve) for curve in history.curves.values()} == {12}
    # Zero weights give the uniform distribution.
    assert history.curves["running_loss"][-1] < history.curves["running_loss"][0] < np.log(4)
    assert history.curves["test_loss"][-1] == history.final.loss
    assert history.curves["test_accuracy"][-1] == 1


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_one_epoch_by_hand(smoothing: float) -> None:
    # Two steps of SGD with Nesterov's momentum m and decay d, at a third and then two thirds of
    # the way: g += d·w, v = m·v + g, w -= rate·(g + m·v).
    cycle = CYCLE.model_copy(update={"weight_decay": 0.1})
    how = recipe(epochs=1, batch=16, optimiser=cycle, label_smoothing=smoothing)
    network = Linear()
    history = trained(network, how, 32)
    images, labels = corners(32)
    order = next(orders(32))
    x = images.reshape(32, -1) / 255
    truth = (1 - smoothing) * np.eye(CLASSES)[labels] + smoothing / CLASSES
    w, v, losses, right = np.zeros((CLASSES, 16)), np.zeros((CLASSES, 16)), [], 0
    b, u = np.zeros(CLASSES), np.zeros(CLASSES)
    for step, done in enumerate((1 / 3, 2 / 3)):
        rows = order[16 * step : 16 * step + 16]
        logits = x[rows] @ w.T + b
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        losses.append(-(np.log(p) * truth[rows]).sum(axis=1).mean())
        right += (logits.argmax(axis=1) == labels[rows]).sum()
        slope = (p - truth[rows]) / 16
        g, h = slope.T @ x[rows] + 0.1 * w, slope.sum(axis=0) + 0.1 * b
        v, u = 0.9 * v + g, 0.9 * u + h
        now = 0.2 * (1 - done) / 0.75
        w, b = w - now * (g + 0.9 * v), b - now * (h + 0.9 * u)
    np.testing.assert_allclose(network.layer.weight.detach(), w, atol=1e-6)
    np.testing.assert_allclose(network.layer.bias.detach(), b, atol=1e-6)
    assert history.curves["running_loss"] == [pytest.approx(np.mean(losses), rel=1e-6)]
    assert history.curves["running_accuracy"] == [right / 32]


def test_full_batches_only_through_one_order_an_epoch() -> None:
    network = Linear()
    trained(network, recipe(epochs=2, batch=8), 27)
    images, drawn = as_tensor(corners(27)[0]), orders(27)
    # 27 = 3 · 8 + 3.
    assert len(network.batches) == 6
    for start in (0, 3):
        order = next(drawn)
        for step, batch in enumerate(network.batches[start : start + 3]):
            expected = images[torch.from_numpy(order[8 * step : 8 * step + 8])]
            assert torch.equal(batch, expected)


def test_a_batch_larger_than_the_data_is_all_of_it() -> None:
    network = Linear()
    trained(network, recipe(epochs=2, batch=100), 20)
    assert [len(batch) for batch in network.batches] == [20, 20]


def test_views_change_from_epoch_to_epoch() -> None:
    network = Linear()
    trained(network, recipe(epochs=3, batch=20, shift=1), 20)
    first, *others = (batch.sum(0) for batch in network.batches)
    assert all(not torch.equal(first, other) for other in others)


def test_training_leaves_the_global_generator_and_evaluates() -> None:
    state = torch.get_rng_state()
    network = Linear()
    trained(network, recipe(robust=Robust(epsilon=0.1, step=0.1)))
    assert torch.equal(torch.get_rng_state(), state)
    assert not network.training


def test_a_rate_that_diverges_stops_where_the_loss_did() -> None:
    wild = CYCLE.model_copy(update={"learning_rate": 1e30})
    history = trained(Linear(), recipe(epochs=5, optimiser=wild))
    assert history.divergence is not None
    epoch, step, tensor = history.divergence
    assert (epoch, tensor) == (1, "loss")
    # The first loss is that of zero weights.
    assert 2 <= step <= 5
    assert {name: len(curve) for name, curve in history.curves.items()} == dict.fromkeys(CURVES, 1)
    assert not np.isfinite(history.curves["running_loss"][0])
    assert history.final is not None
    assert not np.isfinite(history.final.loss)


def taught() -> Linear:
    network = Linear()
    trained(network, recipe(epochs=12))
    return network.train()


@pytest.mark.parametrize("step", [0.05, 0.125])
def test_an_attacked_batch_stays_in_the_ball_and_has_a_larger_loss(step: float) -> None:
    images, labels = as_tensor(corners(40)[0]), torch.from_numpy(corners(40)[1].astype(np.int64))
    network, robust = taught(), Robust(epsilon=0.1, step=step)
    before = [weight.detach().clone() for weight in network.parameters()]
    for weight in network.parameters():
        weight.grad = None
    moved = attacked(network, images, labels, robust, torch.Generator().manual_seed(0))
    away = (moved - images).abs()
    assert away.max().item() == pytest.approx(0.1, abs=ROUNDING)
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert not moved.requires_grad
    each = functional.cross_entropy(network(moved), labels, reduction="none")
    assert (each > functional.cross_entropy(network(images), labels, reduction="none")).all()
    # Nothing is learnt from it.
    assert all(
        weight.grad is None and torch.equal(weight, one)
        for weight, one in zip(network.parameters(), before, strict=True)
    )


def test_an_attack_by_hand() -> None:
    # Logits (x, 0, 0, 0) of the one bright pixel; the slope of the loss is negative in x for the
    # images of class 0 and positive for others, and 0 for all other pixels.
    network = Linear()
    with torch.no_grad():
        network.layer.weight[0, 0] = 1.0
    images = torch.full((4, 1, SIDE, SIDE), 0.5)
    images[2:, 0, 0, 0] = 0.02
    labels = torch.tensor([0, 1, 0, 1])
    robust = Robust(epsilon=0.1, step=0.25)
    moved = attacked(network, images, labels, robust, torch.Generator().manual_seed(3))
    # From anywhere in the ball a step of 0.25 ends on its border, or at black.
    expected = torch.tensor([0.4, 0.6, 0.0, 0.12])
    torch.testing.assert_close(moved[:, 0, 0, 0], expected, atol=ROUNDING, rtol=0)
    # The others stay where they began: anywhere in the ball.
    others = (moved - images).flatten(1)[:, 1:]
    assert others.abs().max() <= 0.1 + ROUNDING
    assert others.min() < -0.08
    assert others.max() > 0.08
    assert abs(others.mean().item()) < 0.03


def test_an_attack_begins_where_its_generator_says() -> None:
    images, labels = as_tensor(corners(8)[0]), torch.zeros(8, dtype=torch.long)
    network, robust = Linear(), Robust(epsilon=0.1, step=0.01)
    one, same, other = (
        attacked(network, images, labels, robust, torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_adversarial_training_is_on_attacked_batches() -> None:
    network = Linear()
    robust = Robust(epsilon=0.1, step=0.05)
    trained(network, recipe(epochs=1, batch=40, robust=robust))
    # The attack looks at the batch where it begins, training where it ends.
    start, seen = network.batches
    images = as_tensor(corners(40)[0])[torch.from_numpy(next(orders(40)))]
    assert (seen - images).abs().max().item() <= 0.1 + ROUNDING
    assert (start - images).abs().max().item() <= 0.1 + ROUNDING
    # Zero weights have no slope, so that the step is none.
    assert torch.equal(start, seen)
    assert not torch.equal(seen, images)


def test_evaluation_is_the_plain_one_across_chunks() -> None:
    network = taught()
    images, labels = corners(CHUNK + 7, 2)
    labels[::5] = 0
    found = evaluate(network, as_tensor(images), labels)
    assert not network.training
    x = images.reshape(len(images), -1) / 255
    w, b = (one.detach().double().numpy() for one in network.parameters())
    logits = x @ w.T + b
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert found.loss == pytest.approx(-logs[np.arange(len(labels)), labels].mean(), rel=1e-5)
    np.testing.assert_array_equal(found.predictions, logits.argmax(axis=1))
    assert found.predictions.dtype == np.uint8
    assert found.accuracy == (logits.argmax(axis=1) == labels).mean() < 1


def test_a_network_that_is_trained_on_learns_as_if_it_had_not_been_evaluated() -> None:
    # Evaluation leaves no tensor behind that later steps could not use.
    looked, unseen = Linear(), Linear()
    evaluate(looked, as_tensor(corners(4)[0]), corners(4)[1])
    trained(looked, recipe())
    trained(unseen, recipe())
    assert torch.equal(looked.layer.weight, unseen.layer.weight)


def test_confusion_by_hand() -> None:
    labels = np.array([0, 0, 1, 2, 2, 2], np.uint8)
    predictions = np.array([0, 2, 1, 0, 2, 0], np.uint8)
    found = confusion(labels, predictions, 4)
    expected = [[1, 0, 1, 0], [0, 1, 0, 0], [2, 0, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(found, expected)


def test_confusion_of_many_classes_does_not_overflow() -> None:
    last = np.full(3, 99, np.uint8)
    assert confusion(last, last, 100)[99, 99] == 3


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"epochs": 0}, "recipe.epochs = 0"),
        ({"label_smoothing": 1.0}, "recipe.label_smoothing = 1.0"),
        ({"shift": -1}, "recipe.shift = -1"),
        ({"robust": {"epsilon": 0.0, "step": 0.1}}, "recipe.robust.epsilon = 0.0"),
        ({"robust": {"epsilon": 0.1}}, "recipe.robust.step"),
        ({"optimiser": {"name": "adam", "learning_rate": 0.0}}, "recipe.optimiser.adam.learn"),
        ({"optimiser": {"name": "sgd", "learning_rate": 0.1}}, "recipe.optimiser = {'name': 'sgd'"),
    ],
)
def test_a_recipe_refuses_and_names_the_key(part: dict[str, Any], named: str) -> None:
    content = recipe().model_dump() | part
    with pytest.raises(RetrialError) as refused:
        validated(content, Recipe, "recipe")
    assert str(refused.value).startswith(named)
    assert "\n" not in str(refused.value)
