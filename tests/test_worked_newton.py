import mpmath
import numpy as np
import pytest

from retrial.worked.newton import FUNCTIONS, Given, Path, lowest_of_parabolas, newton, order, sheet
from retrial.worked.newton import error as error_of
from retrial.worked.newton import step as step_of
from retrial.worked.sheet import holds, worked_out

GIVEN = Given(
    starts={"exponential": 1.5, "quartic": 1.0, "barrier": 1.75, "cosine": 1.0},
    steps=7,
    digits=400,
)
SHEET = sheet(GIVEN, np.random.default_rng(0))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_of_each_function(name: str) -> None:
    one = FUNCTIONS[name]
    with mpmath.workdps(40):
        x = mpmath.mpf("0.8")
        for upper, lower in ((one.g, one.f), (one.f, one.slope), (one.slope, one.bend)):
            assert abs(mpmath.diff(upper, x) - lower(x)) < mpmath.mpf("1e-25")
        # The minimum lies where f changes from negative to positive.
        assert one.f(mpmath.mpf(one.bracket[0]) + mpmath.mpf("1e-9")) < 0 < one.f(one.bracket[1])


def test_barrier_by_hand() -> None:
    # f = x − 1/x from 7/4: f = 33/28, f′ = 65/49, so x₁ = 7/4 − 231/260 = 56/65.
    with mpmath.workdps(40):
        first = newton(FUNCTIONS["barrier"], mpmath.mpf("1.75"), 1)[1]
        assert abs(first - mpmath.mpf(56) / 65) < mpmath.mpf("1e-35")


def test_minima_and_rates_of_the_literature() -> None:
    values = worked_out(SHEET)
    # ln 2; the real root of x³ + x − 1; 1; the Dottie number.
    assert [float(one) for one in values["minimum"]] == pytest.approx(
        [np.log(2), 0.6823278038280193, 1, 0.7390851332151607], rel=1e-15
    )
    # f″/(2f′): e^x/(2e^x), and −2/(2·2): the error changes sign at every step.
    assert [float(values["rate"][k]) for k in (0, 2)] == pytest.approx([0.5, -0.5], rel=1e-30)


def test_cutting_the_denominator_turns_the_sign_only() -> None:
    cut = worked_out(SHEET, "denominator_cut")["rate"]
    assert [float(one) for one in cut] == pytest.approx(
        [-float(one) for one in worked_out(SHEET)["rate"]]
    )


def test_the_step_is_not_bounded_even_where_the_error_is() -> None:
    # Of the four, only the cosine's constant is below a quarter.
    constants = SHEET.arrays["constants"]
    assert (constants < 0.25).tolist() == [False, False, False, True]
    later = slice(-GIVEN.steps + 1, None)
    assert all(worked_out(SHEET)["bound"][later])
    for slip in ("quarter_of_square", "step_for_error"):
        assert not any(worked_out(SHEET, slip)["bound"][later])
        assert not holds(SHEET, "bound", slip)


def test_a_parabola_is_minimised_in_one_step() -> None:
    parabola = FUNCTIONS["cosine"]._replace(g=lambda x: 3 * (x - 2) ** 2)
    with mpmath.workdps(40):
        first, *_ = lowest_of_parabolas(parabola, mpmath.mpf(5))
        assert abs(first - 2) < mpmath.mpf("1e-25")


def test_orders_of_a_sequence_that_squares_its_error() -> None:
    iterates = [mpmath.mpf(10) ** -(2**k) for k in range(1, 6)]
    path = Path(iterates, mpmath.mpf(0))
    assert float(order(path, error_of)) == pytest.approx(2)
    assert float(order(path, step_of)) == pytest.approx(1, abs=1e-7)


def test_arrays_fall_within_float64() -> None:
    assert SHEET.arrays["errors"].shape == (len(FUNCTIONS), GIVEN.steps + 1)
    assert (SHEET.arrays["errors"] > 0).all()
    assert (np.diff(SHEET.arrays["errors"], axis=1) < 0).all()
