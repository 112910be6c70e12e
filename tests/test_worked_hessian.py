from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from retrial.worked.hessian import Given, jacobian, mixed_by_quotients, peano_u, peano_v, sheet
from retrial.worked.sheet import worked_out


def test_jacobian_has_the_derivatives_of_one_variable_in_a_column() -> None:
    # Not a gradient, so not symmetric: (x, y) → (xy, y²) at (2, 3).
    found = jacobian(lambda x: torch.stack([x[0] * x[1], x[1] ** 2]), np.array([2.0, 3.0]))
    assert found.tolist() == [[3, 2], [0, 6]]


@pytest.mark.parametrize("seed", range(3))
def test_symmetric_where_second_derivatives_are_continuous(seed: int) -> None:
    found = worked_out(sheet(Given(waves=4), np.random.default_rng(seed)))["jacobian"]
    assert found == pytest.approx(found.T, rel=1e-12)


def test_mixed_derivatives_of_peano_differ_in_sign() -> None:
    # Peano's textbook example.
    found = worked_out(sheet(Given(waves=1), np.random.default_rng(0)))["mixed"]
    assert found == [-1, 1]
    assert [round(float(one), 12) for one in mixed_by_quotients()] == [-1, 1]


@given(u=st.integers(1, 50), v=st.integers(1, 50))
def test_gradient_of_peano_is_antisymmetric(u: int, v: int) -> None:
    # f(u, v) = −f(v, u), hence ∂f/∂u (u, v) = −∂f/∂v (v, u).
    assert peano_u(Fraction(u), Fraction(v)) == -peano_v(Fraction(v), Fraction(u))
