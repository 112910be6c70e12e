"""The classifiers of the classic table, against values worked by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from retrial import classic_classifiers as classic

CHANCE = np.random.default_rng(7)
ROWS = CHANCE.random((60, 3)).astype(np.float32)
LABELS = np.arange(60) % 10


def test_linear_weights_are_those_of_ridge_regression() -> None:
    of = classic.moments(ROWS, LABELS)
    weights = classic.linear_weights(of, 1e-6)
    # The constant is shrunk as well, by next to nothing.
    total = of.products.sum(axis=0)
    model = Ridge(1e-6 * np.trace(total) / 4).fit(ROWS.astype(float), np.eye(10)[LABELS])
    np.testing.assert_allclose(weights[:3].T, model.coef_, atol=1e-4)
    np.testing.assert_allclose(weights[3], model.intercept_, atol=1e-4)


def test_moments_by_hand() -> None:
    of = classic.moments(np.array([[2.0], [3.0]]), np.array([1, 1]))
    np.testing.assert_array_equal(of.products[1], [[13, 5], [5, 2]])
    np.testing.assert_array_equal(of.sums[1], [5, 2])
    assert not of.products[0].any()


def test_a_pairwise_unit_sees_its_two_classes_alone() -> None:
    units = classic.pairwise_units(classic.moments(ROWS, LABELS), 1e-9)
    place = classic.PAIRS.index((2, 5))
    rows = np.isin(LABELS, (2, 5))
    target = np.where(LABELS[rows] == 2, 1.0, -1.0)
    expected = np.linalg.lstsq(classic.with_one(ROWS[rows]), target, rcond=None)[0]
    np.testing.assert_allclose(units[:, place], expected, atol=1e-5)
    assert units.shape == (4, 45)


@pytest.mark.parametrize("squash", [None, classic.squashed])
def test_pairwise_scores_are_sums_over_pairs(squash: object) -> None:
    units = classic.pairwise_units(classic.moments(ROWS, LABELS), 1e-6)
    given = squash if callable(squash) else (lambda x: x)
    outputs = given(classic.with_one(ROWS) @ units)
    scores = np.zeros((60, 10))
    for k, (i, j) in enumerate(classic.PAIRS):
        scores[:, i] += outputs[:, k]
        scores[:, j] -= outputs[:, k]
    found = classic.pairwise_classes(ROWS, units, squash if callable(squash) else None)
    np.testing.assert_array_equal(found, scores.argmax(axis=1))


def test_the_squashing_function_keeps_its_targets() -> None:
    np.testing.assert_allclose(classic.squashed(np.array([-1.0, 0.0, 1.0])), [-1, 0, 1], atol=1e-4)


def test_neighbours_and_their_vote_by_hand() -> None:
    rows = np.array([[0], [10], [11], [30]], np.uint8)
    labels = np.array([4, 7, 7, 1])
    nearest = classic.neighbour_classes(rows, labels, np.array([[1], [29]], np.uint8), 3)
    np.testing.assert_array_equal(nearest, [[4, 7, 7], [1, 7, 7]])
    np.testing.assert_array_equal(classic.vote(nearest), [7, 7])
    # Three different votes: the nearest one counts.
    np.testing.assert_array_equal(classic.vote(np.array([[3, 1, 2], [5, 1, 5]])), [3, 5])


def test_a_box_is_cut_and_put_in_the_middle() -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 20:22, 3] = 9
    box = classic.boxes(image.reshape(1, -1), 4).reshape(4, 4)
    np.testing.assert_array_equal(np.argwhere(box == 9), [[1, 1], [2, 1]])
    assert box.sum() == 18
    assert not classic.boxes(np.zeros((1, 784), np.uint8), 4).any()


def test_products_of_pairs_by_hand() -> None:
    np.testing.assert_array_equal(classic.quadratic(np.array([[1, 2, 3]])), [[1, 2, 3, 4, 6, 9]])
    # 40 components have 820 of them; with a constant these are the paper's 821 inputs.
    assert classic.with_one(classic.quadratic(np.ones((1, 40)))).shape == (1, 821)


def test_principal_components_are_scikit_learns_but_for_signs() -> None:
    rows = CHANCE.random((80, 6)).astype(np.float32)
    found, tests = classic.principal_components(rows, rows[:5], 3)
    expected = PCA(3, svd_solver="full").fit_transform(rows.astype(float))
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-5)
    np.testing.assert_array_equal(tests, found[:5])


def test_centres_are_means_of_their_class_and_as_many_as_there_are_rows() -> None:
    rows = np.array([[0.0], [0.2], [10.0], [5.0]])
    centres = classic.class_centres(rows, np.array([0, 0, 0, 1]), 2, 3)
    assert sorted(centres[:2, 0].tolist()) == pytest.approx([0.1, 10.0], abs=1e-5)
    assert centres[2:, 0].tolist() == [5.0]


def test_width_and_radial_units_by_hand() -> None:
    centres = np.array([[0.0], [1.0], [3.0]], np.float32)
    width = classic.unit_width(centres)
    assert width == pytest.approx((1 + 1 + 2) / 3)
    units = classic.radial(np.array([[1.0]], np.float32), centres, 2.0)
    np.testing.assert_allclose(units, [np.exp([-1 / 8, 0, -4 / 8])], rtol=1e-6)
