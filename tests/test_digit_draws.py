from typing import Any

import numpy as np
import pytest
from tiny_digits import mnist_shaped

from retrial.core.errors import RetrialError
from retrial.digit_draws import balanced_parts, digit_counts, imbalanced_parts

TRAIN, TEST = 500, 100
BALANCED: dict[str, Any] = {"train": 200, "validation": 100, "test_at_most": None}
RARE = BALANCED | {"train": 30, "validation": 20, "common": 3, "rare": 5, "rare_share": 0.1}


@pytest.fixture(scope="module")
def data() -> dict[str, np.ndarray]:
    return mnist_shaped(TRAIN, TEST)


def rows(inputs: np.ndarray) -> set[bytes]:
    return {one.tobytes() for one in inputs}


def test_balanced_parts_share_no_image(data: dict[str, np.ndarray]) -> None:
    train, validation, test, weights = balanced_parts("study", 0, BALANCED, data)
    assert (train.inputs.shape, train.inputs.dtype) == ((200, 784), np.float32)
    assert (len(validation.labels), len(test.labels)) == (100, TEST)
    assert rows(train.inputs).isdisjoint(rows(validation.inputs))
    assert train.inputs.max() == 1
    assert weights.tolist() == [1] * TEST
    # One bright pixel in place of the label: images and labels belong together.
    bright = train.inputs.reshape(-1, 4, 7, 4, 7)[:, :, 0, :, 0].reshape(-1, 16).argmax(axis=1)
    np.testing.assert_array_equal(bright, train.labels)


def test_a_seed_draws_the_same_and_another_others(data: dict[str, np.ndarray]) -> None:
    for draw, config in ((balanced_parts, BALANCED), (imbalanced_parts, RARE)):
        first, again, other = (draw("study", seed, config, data) for seed in (0, 0, 1))
        np.testing.assert_array_equal(first.train.inputs, again.train.inputs)
        assert not np.array_equal(first.train.inputs, other.train.inputs)


def test_a_shorter_draw_begins_a_longer_one(data: dict[str, np.ndarray]) -> None:
    short = balanced_parts("study", 0, BALANCED | {"train": 100}, data)
    whole = balanced_parts("study", 0, BALANCED, data)
    np.testing.assert_array_equal(short.train.inputs, whole.train.inputs[:100])


def test_a_rare_digit_has_its_share(data: dict[str, np.ndarray]) -> None:
    train, validation, test, weights = imbalanced_parts("study", 0, RARE, data)
    assert np.bincount(train.labels).tolist() == [27, 3]
    assert np.bincount(validation.labels).tolist() == [18, 2]
    assert rows(train.inputs).isdisjoint(rows(validation.inputs))
    # All test images of both digits, the rare ones weighted to a tenth.
    assert np.bincount(test.labels).tolist() == [10, 10]
    assert set(weights[test.labels == 0]) == {1.0}
    rare = weights[test.labels == 1].sum()
    assert rare / weights.sum() == pytest.approx(0.1)
    bright = train.inputs.reshape(-1, 4, 7, 4, 7)[:, :, 0, :, 0].reshape(-1, 16).argmax(axis=1)
    np.testing.assert_array_equal(np.where(train.labels == 1, 5, 3), bright)


@pytest.mark.parametrize(
    ("share", "many", "counts"),
    [(0.01, 2000, (1980, 20)), (0.01, 333, (330, 3)), (0.9, 10, (1, 9)), (0.01, 49, (49, 0))],
)
def test_counts(share: float, many: int, counts: tuple[int, int]) -> None:
    assert digit_counts({"rare_share": share}, many) == counts


@pytest.mark.parametrize(
    ("rare", "changes", "message"),
    [
        (
            False,
            {"train": 450},
            "cross_entropy.balanced: train + validation = 550: expected at most 500 images",
        ),
        (
            False,
            {"train": 9},
            "cross_entropy.balanced: train = 9: the draw of seed 0 leaves out digit 1, expected an "
            "image of each of 10",
        ),
        (
            True,
            {"train": 40},
            "cross_entropy.imbalanced: train + validation = 54 images of digit 3: expected at most "
            "50",
        ),
        (
            True,
            {"train": 40, "rare_share": 0.9},
            "cross_entropy.imbalanced: train + validation = 54 images of digit 5: expected at most "
            "50",
        ),
        (
            True,
            {"test_at_most": 5},
            "cross_entropy: test_at_most = 5: leaves no test image of digit 5, expected more",
        ),
        (
            True,
            {"test_at_most": 2},
            "cross_entropy: test_at_most = 2: leaves no test image of digit 3, expected more",
        ),
    ],
)
def test_a_draw_that_cannot_be_made_is_told_in_one_line(
    rare: bool, changes: dict[str, Any], message: str, data: dict[str, np.ndarray]
) -> None:
    draw, config = (imbalanced_parts, RARE) if rare else (balanced_parts, BALANCED)
    with pytest.raises(RetrialError) as error:
        draw("cross_entropy", 0, config | changes, data)
    assert str(error.value) == message
