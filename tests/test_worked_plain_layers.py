import math

import numpy as np
import pytest
import torch

from retrial.worked.plain_layers import (
    chained,
    differentiated,
    masked_product,
    product,
    searched_reach,
)

SWAP, STRETCH = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[2.0, 0.0], [0.0, 3.0]])


def test_the_first_layer_is_the_last_factor() -> None:
    expected = [[0.0, 2.0], [3.0, 0.0]]
    np.testing.assert_array_equal(product([SWAP, STRETCH], np.eye(2)), expected)


def test_a_relu_changes_the_jacobian_only_where_it_blocks() -> None:
    biases = [np.zeros(2), np.zeros(2)]
    open_everywhere = masked_product([SWAP, STRETCH], biases, np.array([1.0, 2.0]))
    np.testing.assert_array_equal(open_everywhere, [[0.0, 2.0], [3.0, 0.0]])
    one_blocked = masked_product([SWAP, STRETCH], biases, np.array([1.0, -2.0]))
    np.testing.assert_array_equal(one_blocked, [[0.0, 0.0], [3.0, 0.0]])


def test_the_last_layer_has_no_relu() -> None:
    found = masked_product([np.eye(1), -np.eye(1)], [np.zeros(1)] * 2, np.ones(1))
    assert found == -1


def test_the_sigmoids_derivative_at_known_points() -> None:
    # σ(ln 3) = 3/4.
    found = differentiated(torch.sigmoid, np.array([0.0, math.log(3), -math.log(3)]))
    np.testing.assert_allclose(found, [1 / 4, 3 / 16, 3 / 16], rtol=1e-14)


def test_three_quarters_of_the_largest_derivative_are_left_at_ln_3() -> None:
    assert float(searched_reach(0.75)) == pytest.approx(math.log(3), rel=1e-14)


def test_relu_passes_all_or_nothing_through_any_depth() -> None:
    np.testing.assert_array_equal(chained(torch.relu, 0.5, 3), [1, 1, 1])
    np.testing.assert_array_equal(chained(torch.relu, -0.5, 3), [0, 0, 0])
