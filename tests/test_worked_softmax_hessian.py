import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retrial.worked.sheet import worked_out
from retrial.worked.softmax_hessian import (
    Given,
    drawn,
    hessian,
    off_diagonal,
    on_diagonal,
    positive,
    probabilities,
    sheet,
    variance,
)


def test_hessian_of_three_even_classes_by_hand() -> None:
    found = hessian(np.full(3, 1 / 3))
    assert 9 * found == pytest.approx(np.array([[2, -1, -1], [-1, 2, -1], [-1, -1, 2]]))
    assert np.linalg.eigvalsh(found) == pytest.approx([0, 1 / 3, 1 / 3], abs=1e-15)


def test_sign_is_exact_at_the_direction_of_ones() -> None:
    # 1/3 has no float: in floats the form at (1, 1, 1) would only be near zero.
    assert positive([1, 1, 1], [(1, 1, 1), (-1, -1, -1), (1, 1, 0)]) == [False, False, True]


def test_printed_inequality_fails_at_two_directions_only() -> None:
    work = sheet(Given(classes=4), np.random.default_rng(3))
    right = worked_out(work)["definiteness"]
    printed = worked_out(work, "definite")["definiteness"]
    wrong = [v for v, a, b in zip(work.given["directions"], right, printed, strict=True) if a != b]
    assert wrong == [(-1, -1, -1, -1), (1, 1, 1, 1)]


def test_corner_sign_changes_one_entry() -> None:
    work = sheet(Given(classes=4), np.random.default_rng(4))
    changed = worked_out(work, "corner_sign")["hessian"]
    right = worked_out(work)["hessian"]
    assert np.argwhere(changed != right).tolist() == [[0, 3]]
    assert changed[0, 3] == -right[3, 0]


vectors = arrays(float, 5, elements=st.floats(-3, 3))


@given(z=vectors, v=vectors)
def test_form_is_a_variance_and_not_negative(z: np.ndarray, v: np.ndarray) -> None:
    yhat = probabilities(z)
    matrix = hessian(yhat)
    form = on_diagonal(v, matrix) + off_diagonal(v, matrix)
    assert form == pytest.approx(variance(v, yhat), abs=1e-12)
    assert form == pytest.approx(v @ matrix @ v, abs=1e-12)
    assert np.linalg.eigvalsh(matrix)[0] == pytest.approx(0, abs=1e-12)


def test_drawn_form_touches_zero_at_ones_only() -> None:
    found = drawn(np.array([0.3, -1.2, 0.7, 0.1]))
    at_ones = found["angles"] == 0
    assert found["form"][:, at_ones] == pytest.approx(0, abs=1e-15)
    assert (found["form"][:, ~at_ones] > 1e-6).all()
    # Even classes: ŷ = 1/4 each, eigenvalues 0 and three times 1/4.
    assert found["eigenvalues"][0] == pytest.approx([0, 0.25, 0.25, 0.25], abs=1e-12)
