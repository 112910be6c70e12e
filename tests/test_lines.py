"""Exact values as text: against a print, for a reason, typeset."""

import pytest

from retrial.judging.lines import agrees, shown, typeset


@pytest.mark.parametrize(
    ("texts", "printed", "agree"),
    [
        (["6239/20000"], "0.31195", True),
        (["2039/6000"], "0.340", True),
        (["2039/6000"], "0.31195", False),
        (["-1/2", "1/2"], "[-0.5, 0.5]", True),
        (["-1/2", "-1/2"], "[-0.5, 0.5]", False),
        (["-1/2"], "[-0.5, -0.5]", False),
        (["0", "+inf"], "[0, inf]", True),
        (["-1", "+inf"], "[0, inf]", False),
        (["-inf", "0"], "[inf, 0]", False),
        (["8.0707e-6"], "8.0707e-6", True),
        (["8.0707e-5"], "8.0707e-6", False),
        # A whole number has as many decimals as its neighbour.
        (["-0.25", "0.25"], "[0, 0.25]", False),
        (["0", "0.25"], "[0, 0.25]", True),
        # Digits that were cut off still agree, as in statistics.md.
        (["0.20452"], "0.204", True),
    ],
)
def test_agrees(texts: list[str], printed: str, agree: bool) -> None:
    assert agrees(texts, printed) is agree


@pytest.mark.parametrize(
    ("texts", "printed", "text"),
    [
        (["2039/6000"], "0.31195", "0.3398333"),
        (["1/2"], "0.31195", "0.5"),
        (["17"], "12", "17"),
        (["-1/3", "+inf"], "[0, inf]", "[-0.33, inf]"),
        (["0.00000123456"], "0.1", "1.235e-6"),
        (["0.0000081"], "8.0707e-6", "8.100000e-6"),
        (["0"], "0.5", "0"),
    ],
)
def test_shown(texts: list[str], printed: str, text: str) -> None:
    assert shown(texts, printed) == text


def test_typeset_says_whether_digits_are_left_out() -> None:
    assert typeset("w", ["1/2"], "0.31") == "w = 0.5"
    assert typeset("w", ["1/3"], "0.31") == r"w \approx 0.3333"
    assert typeset("r", ["-inf", "0"], "[0, 1]") == r"r = \left[-\infty,\,0\right]"
    assert typeset("w", ["1/3000000"], "8.07e-6") == r"w \approx 3.3333 \times 10^{-7}"
