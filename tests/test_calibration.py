import math

import numpy as np
import pytest
from scipy import special
from sklearn import metrics

from retrial.calibration import (
    BINS,
    Reliability,
    calibration_error,
    log_loss,
    reliability,
    softmax,
)


def logits(count: int = 50, classes: int = 10, spread: float = 3.0) -> np.ndarray:
    return np.random.default_rng(0).normal(0, spread, (count, classes))


def two_classes(confidences: list[float]) -> np.ndarray:
    """Probabilities (n, 2) that give the first class."""
    first = np.array(confidences)
    return np.stack([first, 1 - first], axis=1)


def test_softmax_is_scipys() -> None:
    found = softmax(logits())
    np.testing.assert_allclose(found, special.softmax(logits(), axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_softmax_of_large_logits_neither_overflows_nor_divides_by_zero() -> None:
    large = np.array([[1000.0, 999, -1000], [-1000, -1001, -3000], [1e30, 0, -1e30]])
    found = softmax(large)
    np.testing.assert_allclose(found, special.softmax(large, axis=1), rtol=1e-12)
    assert found[0, 0] == pytest.approx(1 / (1 + math.exp(-1)))
    assert found[2].tolist() == [1, 0, 0]


def test_softmax_of_float32_is_float64_and_leaves_the_logits_alone() -> None:
    single = logits().astype(np.float32)
    for given in (single, single.astype(np.float64)):
        before = given.copy()
        found = softmax(given)
        assert found.dtype == np.float64
        np.testing.assert_allclose(
            found, special.softmax(before.astype(np.float64), axis=1), rtol=1e-12
        )
        np.testing.assert_array_equal(given, before)


def test_reliability_of_six_images_by_hand() -> None:
    probabilities = np.array(
        [
            [0.5, 0.3, 0.2],  # third bin of five: right
            [0.2, 0.55, 0.25],  # third: wrong
            [0.1, 0.2, 0.7],  # fourth: right
            [0.62, 0.2, 0.18],  # fourth: wrong
            [0.0, 0.75, 0.25],  # fourth: right
            [0.35, 0.33, 0.32],  # second: wrong
        ]
    )
    found = reliability(probabilities, np.array([0, 2, 2, 1, 1, 2], np.uint8), bins=5)
    assert found.many.tolist() == [0, 1, 2, 3, 0]
    assert found.many.dtype.kind == "i"
    np.testing.assert_allclose(found.confidence, [0, 0.35, 0.525, (0.7 + 0.62 + 0.75) / 3, 0])
    np.testing.assert_allclose(found.accuracy, [0, 0, 1 / 2, 2 / 3, 0])
    # Gaps 0.35, 0.025 and 0.69 - 2/3, weighted 1, 2 and 3 of 6.
    assert calibration_error(found) == pytest.approx((0.35 + 0.05 + 2.07 - 2) / 6)


def test_a_certain_image_is_in_the_last_bin() -> None:
    found = reliability(two_classes([1.0, 0.95]), np.array([0, 1]))
    assert found.many.tolist() == [0] * (BINS - 1) + [2]
    assert found.confidence[-1] == pytest.approx(0.975)
    assert found.accuracy[-1] == 0.5


@pytest.mark.parametrize("bins", [2, 4, 10, BINS])
def test_a_border_belongs_to_the_bin_above_it(bins: int) -> None:
    for place in range(bins // 2 + 1, bins):
        on, below = (
            reliability(two_classes([place / bins - less]), np.array([0]), bins).many
            for less in (0, 1e-12)
        )
        assert np.flatnonzero(on).tolist() == [place]
        assert np.flatnonzero(below).tolist() == [place - 1]


def test_bins_hold_every_image_once() -> None:
    probabilities = softmax(logits(1000))
    labels = np.random.default_rng(1).integers(0, 10, 1000)
    found = reliability(probabilities, labels)
    assert all(len(one) == BINS for one in found)
    assert found.many.sum() == 1000
    right = probabilities.argmax(axis=1) == labels
    assert (found.many * found.accuracy).sum() == pytest.approx(right.sum())
    confidence = probabilities.max(axis=1)
    assert (found.many * found.confidence).sum() == pytest.approx(confidence.sum())
    for place in np.flatnonzero(found.many):
        assert place / BINS <= found.confidence[place] <= (place + 1) / BINS


def test_the_error_of_a_perfectly_calibrated_classifier_is_0() -> None:
    # Of four images at 3/4 three are right, of ten at 9/10 nine, of two at 1 both.
    labels = np.array([0, 0, 0, 1] + [0] * 9 + [1] + [0, 0])
    found = reliability(two_classes([0.75] * 4 + [0.9] * 10 + [1.0] * 2), labels)
    assert np.count_nonzero(found.many) == 3
    assert calibration_error(found) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("right", [0, 1])
def test_the_error_of_a_classifier_that_is_always_certain_is_its_share_of_errors(
    right: int,
) -> None:
    found = reliability(two_classes([1.0] * 5), np.full(5, 1 - right))
    assert calibration_error(found) == 1 - right


def test_gaps_in_either_direction_add_up() -> None:
    found = Reliability(np.array([3, 1, 0]), np.array([0.2, 0.9, 0]), np.array([0.4, 0.5, 0]))
    assert calibration_error(found) == pytest.approx((3 * 0.2 + 0.4) / 4)


def test_log_loss_is_that_of_scikit_learn() -> None:
    probabilities = softmax(logits())
    labels = np.random.default_rng(1).integers(0, 10, 50).astype(np.uint8)
    expected = metrics.log_loss(labels, probabilities, labels=range(10))
    assert log_loss(probabilities, labels) == pytest.approx(expected, rel=1e-12)
    assert log_loss(np.full((3, 10), 0.1), labels[:3]) == pytest.approx(math.log(10))


def test_log_loss_of_an_impossible_label_is_large_and_finite() -> None:
    probabilities, labels = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([1, 0])
    least = np.finfo(np.float64).tiny
    assert log_loss(probabilities, labels) == pytest.approx(-math.log(least) / 2)
    assert log_loss(probabilities, np.array([0, 0])) == 0


def test_log_loss_of_a_small_probability_is_not_cut_off() -> None:
    # scikit-learn's own would be cut off at 2.2e-16, a loss of 36 nats.
    found = log_loss(softmax(np.array([[0.0, 100.0]])), np.array([0]))
    assert found == pytest.approx(100)


def test_a_network_that_has_lost_its_numbers_has_no_confidence() -> None:
    lost = np.array([[math.nan, 0, 1], [math.inf, 0, 1], [math.nan] * 3, [0, -math.inf, -math.inf]])
    found = softmax(lost)
    assert found.tolist() == [[0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0]]
    table = reliability(found, np.array([1, 2, 1, 0]))
    assert table.many.tolist() == [3] + [0] * (BINS - 2) + [1]
    assert table.confidence[0] == table.accuracy[0] == 0
    assert calibration_error(table) == 0
