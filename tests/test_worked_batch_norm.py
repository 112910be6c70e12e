"""Batch normalisation by hand: small batches worked by hand, and what the gradients must obey."""

from types import SimpleNamespace

import numpy as np
import pytest

from retrial.worked import batch_norm
from retrial.worked.batch_norm import Given
from retrial.worked.sheet import Sheet, holds, worked_out

GIVEN = Given(
    gain=2.0,
    shift=0.5,
    sizes=(1, 2, 5),
    pattern=4,
    large=64,
    signs=3,
    spread=1.0,
    common=0.5,
    inputs=3,
    units=2,
    weight_scale=4.0,
)


def sheet(**changes: object) -> Sheet:
    given = GIVEN.model_copy(update=changes)
    return batch_norm.sheet(given, np.random.default_rng(1))


def test_two_examples_by_hand() -> None:
    # x = (1, 3), γ = 2, ∂L/∂y = (1, 0): the first example loses what the second gains.
    found = batch_norm.differentiated(
        np.array([1.0, 3.0]), np.array([[1.0, 0.0], [0.0, 0.0]]), 2.0, 0.5, linear=True
    )
    assert found["normalised"].tolist() == [-1, 1]
    assert found["gradient"].tolist() == [1, -1]
    assert found["gain"].tolist() == [-1]
    assert found["shift"].tolist() == [1]


def test_a_single_example_teaches_the_shift_alone() -> None:
    values = worked_out(sheet())
    assert values["alone"].tolist() == [0, 0, 0]
    assert values["alone_shift"][0] != 0


def test_without_a_common_component_the_printed_limit_is_right() -> None:
    made = sheet()
    given = SimpleNamespace(**made.given)
    given.pattern = given.pattern - given.pattern.mean()
    right = made.lines["limit"].work(given)
    dropped = made.slips()["mean_term_dropped"][1].work(given)
    np.testing.assert_allclose(right, dropped, rtol=1e-12)


def test_gradients_of_normalised_values_move_neither_mean_nor_deviation() -> None:
    chance = np.random.default_rng(2)
    z, target = chance.standard_normal((2, 9, 3))
    found = batch_norm.full_backward(z, target, 1.5)
    np.testing.assert_allclose(found.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose((found * z).sum(axis=0), 0, atol=1e-12)
    held = batch_norm.full_backward(z, target, 1.5, held=True)
    assert np.abs((held * z).sum(axis=0)).min() > 1e-3


@pytest.mark.parametrize("scale", [0.25, 32.0])
def test_the_gradient_shrinks_as_the_weights_grow(scale: float) -> None:
    made = sheet(weight_scale=scale)
    assert holds(made, "scaled_gradient")
    assert not holds(made, "scaled_gradient", "scaled_up")


def test_what_the_printed_limit_leaves_out_falls_only_without_a_common_component() -> None:
    arrays = batch_norm.fall(GIVEN, np.random.default_rng(3))
    centred, common = np.sqrt((arrays["left_out"] ** 2).mean(axis=1))
    n = arrays["left_out_sizes"]
    # One over the square root of n, and m / √(m² + s²).
    assert centred[-1] == pytest.approx(1 / np.sqrt(n[-1]), rel=0.35)
    assert common[-1] == pytest.approx(0.5 / np.sqrt(1.25), rel=0.05)
    assert [centred[0], common[0]] == pytest.approx([1, 1], rel=0.1)


def test_the_pattern_must_fill_the_large_batch() -> None:
    with pytest.raises(ValueError, match="large = 62"):
        sheet(large=62)
