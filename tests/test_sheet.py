"""Worked sheets: lines in order, slips that reach what stands below, exact differences."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from retrial.worked.sheet import (
    Line,
    Sheet,
    Slip,
    difference,
    holds,
    number,
    rational,
    worked_out,
    written,
)


def toy() -> Sheet:
    """Circumference and area of a circle of radius 3/2; the slip takes the diameter."""
    slip = Slip("diameter", "The diameter stands for the radius.", lambda v: 4 * v.pi * v.r)
    return Sheet(
        {"r": Fraction(3, 2), "pi": Fraction(22, 7)},
        {
            "around": Line("2 \\pi r", lambda v: 2 * v.pi * v.r, Fraction(66, 7), (slip,)),
            "area": Line("r c / 2", lambda v: v.r * v.around / 2, Fraction(99, 14)),
        },
    )


def test_lines_see_what_stands_above_them() -> None:
    assert worked_out(toy()) == {"around": Fraction(66, 7), "area": Fraction(99, 14)}


def test_a_slip_reaches_the_lines_below() -> None:
    assert worked_out(toy(), "diameter")["area"] == Fraction(99, 7)


def test_a_slip_fails_the_proof_of_its_line() -> None:
    assert holds(toy(), "around")
    assert holds(toy(), "area")
    assert not holds(toy(), "around", "diameter")


def test_two_slips_of_one_name_are_a_mistake() -> None:
    line = toy().lines["around"]
    with pytest.raises(ValueError, match="a name stands twice"):
        Sheet({}, {"a": line, "b": line}).slips()


def test_irrational_lines_have_forty_digits() -> None:
    sheet = Sheet({}, {"root": Line("", lambda v: mpmath.sqrt(2), 2**0.5)})
    (text,) = written(worked_out(sheet)["root"]) or [""]
    assert text.startswith("1.414213562373095048801688724209")


@pytest.mark.parametrize(
    ("value", "truth", "apart"),
    [
        (Fraction(1, 3), 1 / 3, 0.0),
        (1.0, 2.0, 0.5),
        ([1.0, 2.0], [1.0, 2.5], 0.2),
        ([0, 0], [0, 0], 0.0),
        (1e-30, 0.0, 1e-30),
        (mpmath.inf, float("inf"), 0.0),
        (mpmath.inf, 1.0, float("inf")),
        ([0.5, mpmath.inf], [1.0, mpmath.inf], 0.5),
        (float("nan"), 1.0, float("inf")),
        (float("nan"), float("nan"), float("inf")),
        ([1.0], 1.0, float("inf")),
        (np.ones((2, 3)), np.ones((3, 2)), float("inf")),
        (np.array([True, False]), [1, 0], 0.0),
    ],
)
def test_difference(value: object, truth: object, apart: float) -> None:
    assert difference(value, truth) == pytest.approx(apart, abs=1e-16)


def test_a_difference_far_below_float64_is_seen() -> None:
    assert difference(1 + Fraction(1, 10**30), Fraction(1)) == pytest.approx(1e-30)


def test_written_is_exact_or_none() -> None:
    assert written(Fraction(59, 16)) == ["59/16"]
    assert written([Fraction(1, 2), 3, True]) == ["1/2", "3.0", "1.0"]
    assert written(np.zeros(17)) is None
    assert Fraction((written(0.1) or [""])[0]) == pytest.approx(Fraction(0.1), abs=1e-30)


def test_rational_is_the_decimal_that_is_meant() -> None:
    assert rational(0.3) == Fraction(3, 10)
    assert number(rational(0.1)) != number(0.1)
