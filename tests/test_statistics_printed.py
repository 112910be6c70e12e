from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrial.core.errors import RetrialError
from retrial.statistics import default_margin, exact, parse_printed, printed_at


@pytest.mark.parametrize(
    ("numerator", "denominator", "printed", "matches", "truncated"),
    [
        (6967, 8000, ".87088", True, False),
        (1135, 10000, ".113", True, True),
        (366263, 10**6, ".368", False, False),
        (6967, 8000, ".87087", True, True),  # .870875 cut off
        (6967, 8000, ".87086", False, False),
        (1125, 10000, ".112", True, False),  # half to even
        (1125, 10000, ".113", True, False),  # half up
        (1139, 10000, ".113", True, True),
        (1140, 10000, ".113", False, False),
        (1, 1, "1", True, False),
        (-1139, 10000, "-.113", True, True),  # digits are cut off towards 0
        (-1125, 10000, "-.113", True, False),
        (-1140, 10000, "-.113", False, False),
    ],
)
def test_exact_worked_numbers(numerator, denominator, printed, matches, truncated):
    assert exact(Fraction(numerator, denominator), printed) == (matches, truncated)


def test_exact_of_a_percentage_is_scaled_by_the_caller():
    assert exact(100 * Fraction(6967, 8000), "87.09").matches


@pytest.mark.parametrize(
    ("text", "value", "decimals"),
    [
        (".5041", Fraction(5041, 10000), 4),
        ("0.870", Fraction(87, 100), 3),
        ("12", Fraction(12), 0),
        ("12.", Fraction(12), 0),
        ("−0.5", Fraction(-1, 2), 1),
        ("3.2e-4", Fraction(32, 100000), 5),
        ("1.5e3", Fraction(1500), -2),
    ],
)
def test_parse_printed(text, value, decimals):
    number = parse_printed(text)
    assert (number.value, number.decimals) == (value, decimals)
    assert number.half_unit == Fraction(10) ** -decimals / 2


@pytest.mark.parametrize("text", ["", "nan", "inf", "12%", "1,5", "1_0", ".", "1e999999999", "٣"])
def test_parse_printed_refuses(text):
    with pytest.raises(RetrialError, match="printed number"):
        parse_printed(text)


def test_printed_at_forgives_a_floats_own_error_only():
    assert printed_at(87.09 / 100, 4).value == Fraction(8709, 10000)
    with pytest.raises(RetrialError, match="no more than 3 decimals"):
        printed_at(0.8709, 3)
    with pytest.raises(RetrialError, match="finite"):
        printed_at(float("nan"), 3)


@given(st.integers(0, 10**7), st.integers(1, 10**7), st.integers(0, 8))
def test_every_rounding_of_a_fraction_matches_it(j, n, decimals):
    x = Fraction(j, n)
    unit = Fraction(10) ** -decimals
    for ticks in (round(x / unit), int(x / unit)):
        printed = f"{ticks}e-{decimals}"
        assert exact(x, printed).matches
        assert exact(x, printed).truncated <= (ticks * unit < x)
    assert not exact(x, f"{int(x / unit) + 2}e-{decimals}").matches


@pytest.mark.parametrize(
    ("kind", "p", "h", "margin"),
    [
        ("accuracy", 0.9312, 0.00005, 0.01),
        ("accuracy", 0.98, 0.005, 0.005),
        ("accuracy", 0.999, 0.0005, 0.002),
        ("accuracy", 1.0, 0.5, 0.002),
        ("loss", 2.3, 0.05, 0.23),
        ("loss", 0.01, 0.005, 0.01),
    ],
)
def test_default_margin(kind, p, h, margin):
    assert default_margin(kind, p, h) == pytest.approx(margin)


def test_the_floor_is_the_least_margin_of_an_accuracy_alone():
    assert default_margin("accuracy", 0.999, 0.0005, 0.0001) == pytest.approx(0.00025)
    assert default_margin("accuracy", 1.0, 0.0005, 0.0001) == pytest.approx(0.0001)
    assert default_margin("loss", 0.01, 0.005, 5.0) == pytest.approx(0.01)


@pytest.mark.parametrize(("kind", "p"), [("accuracy", 98.0), ("accuracy", float("nan")), ("f", 1)])
def test_default_margin_refuses(kind, p):
    with pytest.raises(RetrialError):
        default_margin(kind, p, 0.005)
