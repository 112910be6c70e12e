"""Rosenbrock's function: steps by hand, stopping rules, what is counted."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from retrial.worked import rosenbrock
from retrial.worked.sheet import worked_out

GIVEN = rosenbrock.Given(
    start=(0.0, 2.0),
    step_length=1e-3,
    tolerance=1e-10,
    most_steps=1_000_000,
    newton_step_length=1.0,
    near=0.01,
    shown=3,
    points=4,
)
COORDINATE = st.floats(-3, 3)


@pytest.fixture(scope="module")
def sheet():
    """The sheet of both methods."""
    return rosenbrock.descents(GIVEN, np.random.default_rng(0))


def test_the_first_step_of_each_method_by_hand():
    # At (0, 2): f = 100·4 + 1, ∇f = (−2, 400), ∇²f = diag(−798, 200).
    assert rosenbrock.value(0, 2) == 401
    assert rosenbrock.descended(GIVEN, rosenbrock.gradient)[1] == pytest.approx((0.002, 1.6))
    assert rosenbrock.newton(GIVEN, 0)[1] == pytest.approx((-1 / 399, 0), abs=1e-15)


@drawn(COORDINATE, COORDINATE)
def test_complex_steps_give_the_gradient(x0, x1):
    found = rosenbrock.gradient_by_complex_steps(x0, x1)
    assert found == pytest.approx(rosenbrock.gradient(x0, x1), rel=1e-9, abs=1e-9)


def test_gradient_descent_stops_at_the_first_small_improvement():
    path = rosenbrock.descended(GIVEN, rosenbrock.gradient)
    gains = -np.diff([rosenbrock.value(*x) for x in path])
    assert (gains > 0).all()
    assert gains[-1] < GIVEN.tolerance <= gains[:-1].min()


def test_neither_method_takes_more_steps_than_allowed():
    few = GIVEN.model_copy(update={"most_steps": 3})
    assert len(rosenbrock.descended(few, rosenbrock.gradient)) == 4
    assert len(rosenbrock.newton(few, 0)) == 4
    assert len(rosenbrock.newton_by_differentiation(few)) == 4


def test_whole_newton_steps_go_uphill_and_a_line_search_does_not():
    whole, searched = (
        [rosenbrock.value(*x) for x in rosenbrock.newton(GIVEN, halvings)]
        for halvings in (0, rosenbrock.HALVINGS)
    )
    assert any(b > a for a, b in pairwise(whole))
    assert all(b < a for a, b in pairwise(searched))
    assert searched[-1] == pytest.approx(0, abs=1e-20)


def test_the_history_holds_two_entries_more_than_there_are_steps(sheet):
    steps = worked_out(sheet)["steps"]
    assert worked_out(sheet, "entries_counted")["steps"] == steps + 2 == 16855
    assert worked_out(sheet, "last_step_uncounted")["steps"] == steps - 1


def test_the_text_and_the_output_differ_by_the_order_of_coordinates(sheet):
    found = worked_out(sheet, "coordinates_exchanged")["optimum"]
    assert [f"{x:.8f}" for x in found] == ["0.99929219", "0.99964674"]


def test_figures_get_both_ends_of_the_path(sheet):
    assert sheet.arrays["descent_path"][0].tolist() == [0.0, 2.0]
    assert sheet.arrays["descent_steps"][-1] == worked_out(sheet)["steps"]
    assert sheet.arrays["descent_values"][0] == sheet.arrays["newton_values"][0] == 401
