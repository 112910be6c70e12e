"""Readings of what is left open: what they say of a claim, worked by hand, and what they undo."""

from typing import Any

import numpy as np
import pytest

from retrial.judging.ledger import Claim, Evidence
from retrial.judging.sensitivity import (
    Print,
    Reading,
    counts,
    deciding,
    favours,
    of_runs,
    shares,
    standing,
    unsettled,
)

# statistics.md, "value": reproduced and contradicted against .9312.
NEAR = (0.9301, 0.9325, 0.9310, 0.9318, 0.9296)
FAR = (0.978, 0.976, 0.979, 0.977, 0.980)


def claim(**changes: Any) -> Claim:
    base: dict[str, Any] = {
        "id": "c", "report": "009", "family": "toy", "where": "Table 1", "quote": "q",
        "statement": "s", "kind": "value", "printed": "0.9312", "unit": "fraction",
        "quantity": "accuracy", "evidence": Evidence(arm="near", metric="accuracy"),
        "choices": ("the rate",),
    }  # fmt: skip
    return Claim(**(base | changes))


def reading(rate: str, state: str = "open", distance: float | None = None, **rest: Any) -> Reading:
    levels = {"the rate": rate}
    known: dict[str, Any] = {"n": 1, "mean": None, "agrees": False} | rest
    return Reading("toy", rate, levels, distance=distance, state=state, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("runs", "state", "agrees"),
    [
        (NEAR, "holds", True),
        (FAR, "breaks", False),
        # Two seeds decide nothing, however near or far.
        (NEAR[:2], "open", True),
        (FAR[:2], "open", False),
        # statistics.md, "value": a lottery is open, and its mean is far.
        ((0.1135, 0.1135, 0.1135, 0.951, 0.948, 0.953, 0.949, 0.95, 0.947, 0.952), "open", False),
        # Every run has lost its number; one of three has; two of two have.
        ((np.nan,) * 3, "breaks", False),
        ((0.9312, np.nan, 0.9312), "open", False),
        ((np.nan,) * 2, "open", False),
    ],
)
def test_a_reading_is_judged_by_the_rule_of_values(
    runs: tuple[float, ...], state: str, agrees: bool
) -> None:
    found = of_runs(Print.of(claim()), runs, "toy", "arm", {})
    assert (found.state, found.agrees, found.n) == (state, agrees, len(runs))


def test_a_distance_is_in_margins_and_has_a_sign() -> None:
    # The margin of an accuracy of .9312 is .01.
    found = of_runs(Print.of(claim()), [0.9212, 0.9212], "toy", "arm", {})
    assert found.distance == pytest.approx(-1.0)
    assert found.mean == pytest.approx(0.9212)


def test_a_number_without_chance_is_compared_exactly() -> None:
    exact = claim(printed="0.94", evidence=Evidence(arm="a", metric="accuracy", deterministic=True))
    assert of_runs(Print.of(exact), [0.94], "toy", "a", {}).state == "holds"
    off = of_runs(Print.of(exact), [0.93], "toy", "a", {})
    # Within the margin of an accuracy, and yet another number.
    assert (off.state, off.agrees) == ("breaks", False)
    assert off.distance == pytest.approx(-0.01 / 0.01)


def test_counts_leave_the_judged_reading_out() -> None:
    own = reading("1", "holds", judged=True)
    others = [reading("2", "holds"), reading("3", "breaks"), reading("4"),
              reading("5", agrees=True)]  # fmt: skip
    assert counts([own, *others]) == {"hold": 1, "break": 1, "open": 2, "near": 1}
    assert counts([own]) == {}


def test_shares_and_the_choice_that_decides() -> None:
    def at(rate: str, width: str, agrees: bool) -> Reading:
        levels = {"the rate": rate, "the width": width, "the batch": "1"}
        return Reading("toy", "a", levels, 1, None, None, "open", agrees)

    known = [at("1", "8", True), at("1", "9", True), at("2", "8", True), at("2", "9", False)]
    known += [at("3", "8", False), at("3", "9", False)]
    assert shares(known) == {
        "the rate": {"1": (2, 2), "2": (1, 2), "3": (0, 2)},
        "the width": {"8": (2, 3), "9": (1, 3)},
    }
    # Rates: 1.5 in all, .5 within with 3 degrees of freedom, so (1.5 - .5 - 2/3·.5)/1.5 = .44;
    # widths: 4/3 within with 4, so (1.5 - 4/3 - 1/3)/1.5 < 0.
    assert deciding(known) == "the rate"
    assert deciding([at("1", "8", True), at("2", "9", True)]) is None


def test_a_choice_of_many_levels_does_not_win_by_their_number() -> None:
    def at(epoch: int, draw: str, agrees: bool) -> Reading:
        levels = {"the epochs": str(epoch), "the draw": draw}
        return Reading("toy", "a", levels, 1, None, None, "open", agrees)

    known = [at(epoch, "a", epoch > 2) for epoch in range(12)]
    known += [at(epoch, "b", False) for epoch in range(12)]
    # The one reading of an epoch agrees: its share of 1 is the largest of all levels.
    known += [at(99, "b", True)]
    assert deciding(known) == "the draw"


def test_what_speaks_for_a_claim() -> None:
    assert favours(reading("1", "holds"))
    assert favours(reading("1", "open", agrees=True))
    assert not favours(reading("1", "open"))
    # Its mean lies within the margin, its rule says that the print is no run of it.
    assert not favours(reading("1", "breaks", agrees=True))


JUDGED = reading("1", "breaks", 9.0, judged=True, n=10)


def test_a_reading_that_holds_undoes_a_contradiction() -> None:
    told = unsettled(claim(), [JUDGED, reading("2", "holds", -0.2, n=10)])
    assert told == "read otherwise (the rate: 2) it holds, over 10 seeds"
    told = unsettled(claim(), [JUDGED, reading("2", "open", 0.9, agrees=True)])
    assert told == "read otherwise (the rate: 2) it comes within the margin, over 1 seed"


def test_a_choice_of_which_nothing_else_was_recorded_undoes_it() -> None:
    both = claim(choices=("the rate",), guesses=("the width",))
    told = unsettled(both, [JUDGED, reading("2", "breaks", 7.0)])
    assert told == "nothing else was recorded for the width; other runs would decide"
    told = unsettled(both, [])
    assert told == "nothing else was recorded for the rate, the width; other runs would decide"


def test_readings_on_both_sides_of_the_print_undo_it() -> None:
    beyond = reading("2", "breaks", -3.0, mean=0.9012)
    told = unsettled(claim(), [JUDGED, reading("3", "breaks", 2.0, mean=0.9512), beyond])
    assert told == (
        "recorded readings lie on both sides of the print (0.90120 with the rate: 2 and 0.95120 "
        "with the rate: 3); one between may give it"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"choices": ()},
        {"regardless": "whatever the rate"},
        # It made the choice itself: among all readings some comes near it.
        {"fitted": ("the rate",)},
    ],
)
def test_a_contradiction_that_rests_on_no_choice_stands(changes: dict[str, Any]) -> None:
    assert unsettled(claim(**changes), [JUDGED, reading("2", "holds", 0.0)]) is None


def test_a_contradiction_that_every_reading_shares_stands_and_says_so() -> None:
    known = [JUDGED, reading("2", "breaks", 7.0), reading("3", "breaks", 8.0)]
    assert unsettled(claim(), known) is None
    assert standing(claim(), known) == (
        "and so in all 2 other readings of what is left open that was recorded"
    )
    assert standing(claim(), known[:2]).startswith("and so in the one other reading")
    assert standing(claim(), [*known, reading("4", "open", 8.0)]) == ""
    assert standing(claim(choices=()), known) == ""
    assert standing(claim(regardless="whatever"), known) == "whatever"


def test_the_first_epochs_of_a_curve_say_nothing_of_its_end() -> None:
    part = [
        reading("1", "breaks", 4.0, judged=True, partial=True),
        reading("2", "holds", 0.1, agrees=True, partial=True),
    ]
    assert unsettled(claim(), part) == (
        "nothing else was recorded for the rate; other runs would decide"
    )
