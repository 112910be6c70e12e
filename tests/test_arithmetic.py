"""Printed factors, taken at their word."""

from fractions import Fraction

import pytest

from retrial.core.errors import RetrialError
from retrial.judging.arithmetic import evaluate


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1 + 0.2", Fraction(3, 10)),
        ("-15 * 0.8 + 0.35", Fraction(-233, 20)),
        ("(0.15 - 3) ** 2 / 3", Fraction(361, 400) * 3),
        ("max(0.5 * 2 - 3, 0)", Fraction(0)),
        ("1 / (1 + exp(0))", Fraction(1, 2)),
    ],
)
def test_evaluate(text: str, value: Fraction) -> None:
    assert evaluate(text) == value


def test_exp_has_more_digits_than_a_float() -> None:
    assert abs(evaluate("exp(1) * exp(-1)") - 1) < Fraction(1, 10**35)


@pytest.mark.parametrize("text", ["", "a + 1", "__import__('os')", "1 / 0", "1 +", "2 if 1 else 3"])
def test_anything_else_is_one_line(text: str) -> None:
    with pytest.raises(RetrialError, match=r"arithmetic = .*: expected numbers"):
        evaluate(text)
