"""The chain through three layers at other widths, in the other convention, and by hand."""

import numpy as np
import pytest

from retrial.worked.chain_rule import (
    Given,
    Network,
    backward,
    cosine,
    differentiated,
    forward,
    printed_backward,
    random_network,
    softmax_jacobian,
)

SQUARE = Given(inputs=3, hidden=(2, 2), networks=50)


def test_the_right_chain_holds_where_the_printed_product_is_not_defined() -> None:
    network = random_network(Given(inputs=5, hidden=(4, 3), networks=1), np.random.default_rng(1))
    top = -np.log(network.desired)
    found = backward(network, top)
    truth = differentiated(network, "printed")
    np.testing.assert_allclose(found, truth["d_z1"], rtol=1e-10)
    np.testing.assert_allclose(found @ network.x.T, truth["d_w1"], rtol=1e-10)
    with pytest.raises(ValueError, match="matmul"):
        printed_backward(network, top)


def test_weights_stored_from_to_need_no_transposes_but_another_outer_product() -> None:
    """With Z = Wᵀ a + b the printed product is ∂L/∂Z⁽¹⁾, and its product with Xᵀ the transpose."""
    network = random_network(SQUARE, np.random.default_rng(2))
    stored = Network(
        *(one.T if name in ("w1", "w2", "w3") else one for name, one in network._asdict().items())
    )
    top = -np.log(network.desired)
    # The forward pass of `network` is that of `stored` in the other convention.
    state = forward(network)
    slopes = [one * (1 - one) * np.eye(2) for one in (state.a1, state.a2)]
    printed = slopes[0] @ stored.w2 @ slopes[1] @ stored.w3 @ softmax_jacobian(state.z3) @ top
    truth = differentiated(network, "printed")
    np.testing.assert_allclose(printed, truth["d_z1"], rtol=1e-10)
    by_stored_weights = truth["d_w1"].T
    np.testing.assert_allclose((printed @ network.x.T).T, by_stored_weights, rtol=1e-10)


def test_softmax_jacobian_by_hand() -> None:
    """Equal sums give both classes one half; a gap of ln 3 gives three quarters and a quarter."""
    np.testing.assert_allclose(
        softmax_jacobian(np.zeros((2, 1))), [[0.25, -0.25], [-0.25, 0.25]], rtol=1e-15
    )
    gap = softmax_jacobian(np.array([[np.log(3.0)], [0.0]]))
    np.testing.assert_allclose(gap, [[0.1875, -0.1875], [-0.1875, 0.1875]], rtol=1e-14)


def test_softmax_and_cross_entropy_meet_in_the_residual() -> None:
    """The usual reading gives y − O at the last layer, as every textbook has it."""
    network = random_network(SQUARE, np.random.default_rng(3))
    truth = differentiated(network, "exchanged")
    np.testing.assert_allclose(truth["d_z3"], truth["y"] - network.desired, rtol=1e-12)


def test_a_stack_of_networks_is_each_of_them() -> None:
    stack = random_network(SQUARE, np.random.default_rng(4), 7)
    top = -np.log(stack.desired)
    each = [
        backward(Network(*(one[i] for one in stack)), top[i]) for i in range(len(stack.desired))
    ]
    np.testing.assert_allclose(backward(stack, top), each, rtol=1e-13)


def test_symmetric_weights_hide_the_missing_transposes() -> None:
    network = random_network(SQUARE, np.random.default_rng(5))
    alike = network._replace(w2=network.w2 + network.w2.T, w3=network.w3 + network.w3.T)
    top = np.log(alike.desired)
    np.testing.assert_allclose(printed_backward(alike, top), backward(alike, top), rtol=1e-13)
    assert cosine(backward(alike, -top), printed_backward(alike, top)) == pytest.approx(-1)
    assert not np.allclose(printed_backward(network, top), backward(network, top))


def test_cosine_by_hand() -> None:
    a, b = np.array([[[3.0], [4.0]], [[1.0], [0.0]]]), np.array([[[4.0], [3.0]], [[0.0], [-2.0]]])
    np.testing.assert_allclose(cosine(a, b), [0.96, 0.0], rtol=1e-15)
