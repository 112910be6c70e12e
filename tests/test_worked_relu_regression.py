"""One step of gradient descent by hand: values worked with a pencil, in rationals."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from retrial.worked.relu_regression import Given, sheet
from retrial.worked.sheet import holds, worked_out

GIVEN = Given(
    x=(1.0, 2.0, 3.0), y=(3.0, 4.0, 5.0), w1=0.5, b1=0.0, w2=0.3, b2=0.0, learning_rate=0.01
)


def lines(factor: int, slip: str | None = None, given: Given = GIVEN) -> dict[str, Any]:
    return worked_out(sheet(given, np.random.default_rng(0), factor), slip)


def test_by_hand() -> None:
    found = lines(1)
    assert found["squares"] == Fraction("42.515")  # 8.1225 + 13.69 + 20.7025
    assert found["step_w2"] == Fraction("0.1195") / 3  # 0.01 (1.425 + 3.7 + 6.825) / 3
    assert found["new_w1"] == Fraction("0.5239")  # 0.5 + 0.01 · 0.3 (2.85 + 7.4 + 13.65) / 3
    assert found["new_b1"] == Fraction("0.0111")
    assert found["new_b2"] == Fraction("0.037")


def test_gradient_steps_twice_as_far_as_the_delta_rule() -> None:
    rule, gradient = lines(1), lines(2)
    assert gradient["step_w2"] == 2 * rule["step_w2"]
    for name, start in (("w1", "0.5"), ("b1", "0"), ("w2", "0.3"), ("b2", "0")):
        new = f"new_{name}"
        assert gradient[new] - Fraction(start) == 2 * (rule[new] - Fraction(start))
    assert gradient["deltas"] == rule["deltas"]


@pytest.mark.parametrize("factor", [1, 2])
def test_the_loss_falls_and_rises_uphill(factor: int) -> None:
    found = lines(factor)
    assert found["new_loss"] < found["loss"]
    assert not lines(factor, "uphill")["decreases"]


def test_an_inactive_sample_sends_no_error_back() -> None:
    given = GIVEN.model_copy(update={"x": (-1.0, 2.0, 3.0)})
    found = lines(2, given=given)
    assert found["hidden_deltas"][0] == 0
    assert found["hidden_deltas"][1] != 0
    made = sheet(given, np.random.default_rng(0), 2)
    assert all(holds(made, name) for name in made.lines)


def test_slips_that_the_report_made() -> None:
    assert lines(1, "output_for_hidden")["step_w2"] == Fraction("0.01195")
    wrong_way_back = lines(1, "hidden_weight_for_output_weight")
    assert wrong_way_back["mean_hidden_delta"] == Fraction("1.85")
    # w1 needs a second slip.
    assert wrong_way_back["new_w1"] != Fraction("0.5185")
    assert lines(1, "hidden_weight_and_first_input")["new_w1"] == Fraction("0.5185")
