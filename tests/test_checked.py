import math
from collections.abc import Iterator

import numpy as np
import pytest

from retrial.training.checked import check_steps, train


def orders(examples: int) -> Iterator[np.ndarray]:
    while True:
        yield np.arange(examples)


def test_moments_by_hand() -> None:
    # 100 examples in batches of 30 are 4 steps an epoch; 2.5 epochs are 10 steps.
    assert check_steps(100, 30, 2.5, [0.25, 0.5]) == [1, 2, 4, 8, 10]
    # Half an epoch: what lies beyond falls away, the end stays.
    assert check_steps(100, 30, 0.5, [0.25, 0.75, 1.0]) == [1, 2]
    # A moment before the first step is none; there is at least one step.
    assert check_steps(100, 30, 0.01, [0.01]) == [1]


def test_images_losses_and_accuracies_between_checks() -> None:
    losses = iter([4.0, 1.0, 2.0, 8.0, 0.5])
    answers = iter([np.array([0, 0], np.uint8), np.array([0, 1], np.uint8)])
    history = train(
        lambda rows: next(losses), lambda: next(answers), np.array([0, 1]), orders(5), 3, [2, 4]
    )
    # Batches of 3, 2, 3, 2: (3·4 + 2·1)/5 and (3·2 + 2·8)/5.
    assert history.images_seen == [5, 10]
    assert history.loss == pytest.approx([2.8, 4.4])
    assert history.accuracy == [0.5, 1.0]
    assert history.predictions.tolist() == [0, 1]
    assert history.diverged is None


def test_every_image_is_seen_once_an_epoch() -> None:
    seen: list[int] = []

    def step(rows: np.ndarray) -> float:
        seen.extend(rows.tolist())
        return 1.0

    train(step, lambda: np.zeros(1, np.uint8), np.zeros(1), orders(7), 3, [3])
    assert seen == list(range(7))


def test_ends_at_the_first_check_that_is_good_enough() -> None:
    answers = iter(np.array([[0, 0], [0, 1]], np.uint8))
    history = train(
        lambda rows: 1.0, lambda: next(answers), np.array([0, 1]), orders(4), 1, [1, 2, 3], 0.75
    )
    assert history.images_seen == [1, 2]


def test_divergence_names_epoch_and_step_and_is_checked_at_once() -> None:
    losses = iter([1.0, 1.0, 1.0, math.nan])
    history = train(
        lambda rows: next(losses), lambda: np.zeros(1, np.uint8), np.ones(1), orders(3), 1, [9]
    )
    assert history.diverged == (2, 1)
    assert history.images_seen == [4]
    assert history.accuracy == [0.0]
    assert math.isnan(history.loss[0])
