"""Back-propagation by hand: against differences of the error, and values worked by hand."""

from fractions import Fraction
from typing import Any, get_args

import mpmath
import numpy as np
import pytest

from retrial.worked import backprop_rules
from retrial.worked.hand_backprop import Given, Reading, sheet
from retrial.worked.sheet import DIGITS, holds, number, worked_out

GIVEN = Given(
    inputs=(0.8, 0.2),
    targets=(0.9, 0.1),
    hidden_weights=(-15.0, 20.0, -25.0, 30.0),
    given_weights=(40.0, 45.0, 50.0, 55.0),
    assumed_weights=(0.1, -0.2, 0.3, -0.4),
    hidden_bias=0.35,
    output_bias=0.6,
    learning_rate=0.3,
)
PARAMETERS = [*(f"w{n}" for n in range(1, 9)), "b1", "b2"]
ALL = get_args(Reading)


def lines(reading: Reading, slip: str | None = None) -> dict[str, Any]:
    return worked_out(sheet(GIVEN, np.random.default_rng(0), reading), slip)


def error(stated: dict[str, Any]) -> mpmath.mpf:
    """½Σ(o − t)² from the definition, in many digits."""
    v = {name: number(value) for name, value in stated.items() if name != "others"}

    def sigmoid(z: mpmath.mpf) -> mpmath.mpf:
        return mpmath.mpf(1) / (1 + mpmath.exp(-z))

    h1 = sigmoid(v["w1"] * v["i1"] + v["w2"] * v["i2"] + v["b1"])
    h2 = sigmoid(v["w3"] * v["i1"] + v["w4"] * v["i2"] + v["b1"])
    o1 = sigmoid(v["w5"] * h1 + v["w6"] * h2 + v["b2"])
    o2 = sigmoid(v["w7"] * h1 + v["w8"] * h2 + v["b2"])
    return ((o1 - v["t1"]) ** 2 + (o2 - v["t2"]) ** 2) / 2


@pytest.mark.parametrize("reading", ALL)
def test_increments_are_central_differences_of_the_error(reading: Reading) -> None:
    made = sheet(GIVEN, np.random.default_rng(0), reading)
    found = worked_out(made)
    with mpmath.workdps(DIGITS):
        step = mpmath.mpf(10) ** -12
        for name in PARAMETERS:
            here = number(made.given[name])
            up, down = (error(dict(made.given) | {name: here + s}) for s in (step, -step))
            slope = (up - down) / (2 * step)
            expected = -mpmath.mpf("0.3") * slope
            assert abs(found[f"step_{name}"] - expected) < abs(expected) * mpmath.mpf(10) ** -12
            assert abs(found[f"new_{name}"] - here - expected) < abs(expected) * 1e-12


@pytest.mark.parametrize("reading", ALL)
def test_the_step_lowers_the_error(reading: Reading) -> None:
    made = sheet(GIVEN, np.random.default_rng(0), reading)
    found = worked_out(made)
    with mpmath.workdps(DIGITS):
        after = dict(made.given) | {name: found[f"new_{name}"] for name in PARAMETERS}
        assert error(after) < error(dict(made.given))


def test_hidden_sums_are_exact_rationals() -> None:
    found = lines("given")
    assert (found["z1"], found["z2"]) == (Fraction(-153, 20), Fraction(-273, 20))


def test_readings_differ_only_behind_the_hidden_layer() -> None:
    one, other = lines("given"), lines("assumed")
    assert {n for n in one if one[n] == other[n]} == {"z1", "z2", "exponents", "h1", "h2"}


def test_backward_through_other_weights_is_neither_readings_gradient() -> None:
    mixed = lines("given", "weights_exchanged")["backward"]
    for reading in ALL:
        right = lines(reading)["backward"]
        assert all(abs(a - b) > abs(b) / 10**3 for a, b in zip(mixed, right, strict=True))


def test_slips_that_the_report_made() -> None:
    assert lines("given", "second_input_dropped_1")["z1"] == Fraction("-11.65")
    # The same slip in the second sum is not what the report prints there.
    assert lines("given", "second_input_dropped_2")["z2"] == Fraction("-19.65")
    saturated = lines("given", "exponent_sign")
    assert all(1 - saturated[name] < 1e-30 for name in ("o1", "o2"))


def test_weight_tolerance_sees_the_smallest_increment() -> None:
    made = sheet(GIVEN, np.random.default_rng(0), "assumed")
    assert holds(made, "new_w4")
    assert not holds(made, "new_w4", "step_sign_w4")


def test_rules_are_checked_on_other_networks_at_every_draw() -> None:
    first, second = (
        worked_out(backprop_rules.sheet(GIVEN, np.random.default_rng(seed))) for seed in (1, 2)
    )
    assert np.all(first["new_weights"] != second["new_weights"])
