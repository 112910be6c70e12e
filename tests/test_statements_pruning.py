"""Tests of what report 003 says of pruning, on made records."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import made

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.judge import Family, judge_claim
from retrial.judging.ledger import CLAIMS, Claim, find, read_ledger
from retrial.judging.outcome import Outcome
from retrial.judging.statements import TESTS
from retrial.judging.statements.pruning import falls_of, harmless

AXIS = [0.0, 0.5, 0.7, 0.8, 0.9, 0.99]
CRITERIA = ("obd", "sensitivity", "magnitude")
MODES = ("one_shot", "iterative")
ARMS = (*(f"global/{mode}/{name}" for mode in MODES for name in CRITERIA), "unpruned")
# Falls in points along the axis: the harmless sparsity is .8, as far as "significant" asks.
GOOD = (0, 0.1, 0.3, 0.6, 4, 30)
# No further than .7; never harmed; harmed at once.
SHORT, ENDLESS, HARMED = (0, 0.1, 0.3, 2, 9, 30), (0, 0, 0, 0, 0.1, 0.2), (0, 5, 9, 20, 40, 60)


@cache
def ledger() -> list[Claim]:
    return read_ledger(CLAIMS / "003.yaml")


def claim(name: str) -> Claim:
    return find(ledger(), f"003-5-{name}")


def networks(
    folder: Path,
    falls: Mapping[str, tuple[float, ...]] | None = None,
    seeds: int = 10,
    status: Mapping[str, str] | None = None,
    whole: bool = True,
) -> Records:
    """Networks whose accuracy falls so many points below that of the seed's unpruned one."""

    def one(arm: str, seed: int) -> dict[str, Any]:
        top = 97 + 0.01 * seed
        # Training on gains half a point by itself.
        gained = np.array([0, *[0.5] * (len(AXIS) - 1)]) * ("one_shot" not in arm)
        fall = np.zeros(len(AXIS)) if arm == "unpruned" else np.array((falls or {}).get(arm, GOOD))
        # A little chance, none of it across the threshold of a point.
        chance = 0.01 * (seed % 3) * (np.arange(len(AXIS)) > 0)
        accuracy = (top + gained - fall - chance * (arm != "unpruned")) / 100
        return {
            "metrics": {"base_accuracy": (top / 100, 10_000)},
            "curves": {"sparsity": AXIS, "test_accuracy": accuracy.tolist()},
            "config": {"sparsities": AXIS},
            "status": (status or {}).get(arm, "ok"),
            "whole": whole,
        }

    return made(folder, "pruning", dict.fromkeys(ARMS, seeds), one)


def judged(name: str, records: Records) -> Outcome:
    one = claim(name)
    return TESTS[one.evidence.test or ""](one, records)


def in_both(name: str, falls: tuple[float, ...]) -> dict[str, tuple[float, ...]]:
    return {f"global/{mode}/{name}": falls for mode in MODES}


@pytest.mark.parametrize(("name", "criterion"), [("sens", "sensitivity"), ("mag", "magnitude")])
@pytest.mark.parametrize(
    ("falls", "verdict", "failing"),
    [
        (GOOD, "reproduced", None),
        (SHORT, "contradicted", "the harmless sparsity 0.7 [0.7, 0.7], at least 0.8: fails"),
        # Half of the weights do harm.
        (HARMED, "contradicted", "the fall at 0.5 is 5.01 [5, 5.01] points, at most 1: fails"),
        # A change of accuracy that is a gain is no small one either.
        ((0, -2, 0, 0, 0, 30), "contradicted", "points, at most 1: fails"),
        # Nearly all of them do none.
        (ENDLESS, "contradicted", "the fall at 0.99 0.209 [0.204, 0.214] points, above 1: fails"),
        # A fall that lies about at a point.
        ((0, 0.1, 0.3, 0.6, 4, 0.99), "inconclusive", "points, above 1: open"),
    ],
)
def test_size_can_be_reduced_where_all_three_parts_hold(
    tmp_path: Path, name: str, criterion: str, falls: tuple, verdict: str, failing: str | None
) -> None:
    found = judged(name, networks(tmp_path, in_both(criterion, falls)))
    assert found.verdict == verdict
    assert found.n == 10
    if failing is None:
        assert found.reason.count(": holds") == 6
    else:
        assert found.reason.count(failing) == 2
    assert found.reason.startswith("in one shot the fall at 0.5 is ")
    assert "; step by step the fall at 0.5 is " in found.reason


@pytest.mark.parametrize("mode", MODES)
def test_one_mode_in_which_it_can_shows_it(tmp_path: Path, mode: str) -> None:
    found = judged("mag", networks(tmp_path, {f"global/{mode}/magnitude": SHORT}))
    assert found.verdict == "reproduced"
    # What is measured is the network in one shot, whichever mode shows it.
    assert found.measured == pytest.approx(0.7 if mode == "one_shot" else 0.8)
    assert (found.low, found.high) == (pytest.approx(found.measured), pytest.approx(found.measured))


def test_a_mode_that_is_open_leaves_the_sentence_open(tmp_path: Path) -> None:
    nearly = (0, 0.1, 0.3, 0.6, 4, 0.99)
    falls = {"global/one_shot/magnitude": SHORT, "global/iterative/magnitude": nearly}
    found = judged("mag", networks(tmp_path, falls))
    assert found.verdict == "inconclusive"
    # Falls of .99, 1.00 and 1.01 four, three and three times: mean .999, sd .0088. The half width
    # of the interval is at most .001 from 210 seeds on: 1.652 · .0088 / √210.
    assert found.seeds_needed == pytest.approx(210, abs=1)
    assert (
        judged("mag", networks(tmp_path / "short", in_both("magnitude", SHORT))).seeds_needed
        is None
    )


def test_a_fall_is_below_the_network_that_was_trained_as_often(tmp_path: Path) -> None:
    records = networks(tmp_path)
    for arm in ("global/one_shot/obd", "global/iterative/obd"):
        falls = falls_of(records, arm, [2, 0])
        np.testing.assert_allclose(falls[1], GOOD, atol=1e-9)
        np.testing.assert_allclose(falls[0], np.array(GOOD) + 0.02 * (np.arange(6) > 0), atol=1e-9)


def test_the_harmless_sparsity_by_hand() -> None:
    falls = np.array(
        [
            [0, 0.5, 0.9, 1.0, 3],
            # Harmed early on, and well again later: the first harm counts.
            [0, 1.1, 0.2, 0.3, 0.4],
            [0, 0, 0, 0, 0],
            [0, 2, 2, 2, np.nan],
            # A hundred of ten thousand images, but for its last bits.
            [0, 100 * (0.97 - 0.96), 0.1, 0.1, 2],
        ]
    )
    axis = [0.0, 0.2, 0.4, 0.6, 0.8]
    assert harmless(axis, falls, 1.0).tolist() == [0.6, 0.0, 0.8, 0.0, 0.6]


def test_obd_removes_little_where_it_removes_less_than_the_others(tmp_path: Path) -> None:
    others = in_both("sensitivity", ENDLESS) | in_both("magnitude", (0, 0, 0, 0, 0.5, 2))
    found = judged("obd", networks(tmp_path, others))
    # At least four fifths, but less than the others' .99 and .9.
    assert found.verdict == "reproduced"
    assert found.measured == pytest.approx(0.8)
    assert "sensitivity less obd +0.190 [+0.190, +0.190]" in found.reason
    assert "magnitude less obd +0.100 [+0.100, +0.100]" in found.reason


def test_obd_removes_little_where_it_does_not_reach_four_fifths(tmp_path: Path) -> None:
    found = judged("obd", networks(tmp_path, in_both("obd", SHORT) | in_both("magnitude", HARMED)))
    assert found.verdict == "reproduced"
    assert found.reason.count(": holds") == 2


@pytest.mark.parametrize(
    "falls",
    [
        {},
        in_both("obd", ENDLESS),
        # Less than one of the others is not less than both.
        in_both("sensitivity", ENDLESS),
    ],
)
def test_obd_that_removes_much_and_no_less_than_both_others_contradicts(
    tmp_path: Path, falls: dict
) -> None:
    found = judged("obd", networks(tmp_path, falls))
    assert found.verdict == "contradicted"
    assert found.reason.count(": fails") == 2
    assert found.seeds_needed is None


def test_obd_is_open_where_the_modes_differ(tmp_path: Path) -> None:
    found = judged("obd", networks(tmp_path, {"global/one_shot/obd": SHORT}))
    assert found.verdict == "inconclusive"
    assert found.reason.startswith("reading: whether training follows is not stated; in one shot")
    assert found.seeds_needed is None


@pytest.mark.parametrize(("name", "seeds"), [("sens", 2), ("obd", 2), ("obd", 5)])
def test_too_few_seeds_decide_nothing(tmp_path: Path, name: str, seeds: int) -> None:
    found = judged(name, networks(tmp_path, seeds=seeds))
    assert found.verdict == "inconclusive"
    assert "seeds" in found.reason
    assert found.seeds_needed == 10


def test_networks_that_diverged_are_no_evidence(tmp_path: Path) -> None:
    lost = networks(tmp_path, status={"global/iterative/magnitude": "diverged"})
    for name in ("obd", "mag"):
        found = judged(name, lost)
        assert found.verdict == "inconclusive"
        assert found.reason == "10 of 10 runs of global/iterative/magnitude diverged"
    assert judged("sens", lost).verdict == "reproduced"


def test_a_threshold_off_the_axis_is_one_line(tmp_path: Path) -> None:
    one = claim("mag")
    thresholds = {**one.evidence.thresholds, "moderate": 0.45}
    evidence = one.evidence.model_copy(update={"thresholds": thresholds})
    said = r"^sparsity 0\.45: expected one of params\.yaml: pruning\.sparsities = 0\.0, 0\.5, 0\.7"
    with pytest.raises(RetrialError, match=said):
        TESTS["prunes_substantially"](
            one.model_copy(update={"evidence": evidence}), networks(tmp_path)
        )


@pytest.mark.parametrize("name", ["obd", "sens", "mag"])
def test_a_budget_that_cuts_the_arms_leaves_the_sentences_open(tmp_path: Path, name: str) -> None:
    one = claim(name)
    for folder, seeds in (("few", 1), ("many", 10)):
        records = networks(tmp_path / folder, seeds=seeds, whole=False)
        row = judge_claim(one, Family(records, {one.id: one}, "quick"))
        assert row["verdict"] == "inconclusive"
        assert row["reason"].startswith("budget: ")


@pytest.mark.parametrize("name", ["obd", "sens", "mag"])
def test_whole_records_give_a_verdict_with_its_number(tmp_path: Path, name: str) -> None:
    one = claim(name)
    row = judge_claim(one, Family(networks(tmp_path), {one.id: one}, "paper"))
    assert row["verdict"] == ("contradicted" if name == "obd" else "reproduced")
    assert (row["measured"], row["n"]) == (pytest.approx(0.8), 10)
