"""What one call to a worker holds."""

import pytest
import toy_group
import toy_study

from retrial.running.calls import AT_MOST, BUSY, HEAVY, calls, expected, grouped


def test_seconds_are_cost_times_what_was_measured() -> None:
    trials = toy_group.trials(4)  # costs 1, 2, 3, 4 of the arms 0, 1, 0, 1
    assert expected(trials, {}) == [1.0, 2.0, 3.0, 4.0]
    assert expected(trials, {"arm0": 0.5, "arm1": 2.0}) == [0.5, 4.0, 1.5, 8.0]
    # An arm that was not measured is like the others.
    assert expected(trials, {"arm1": 2.0, "gone": 9.0}) == [2.0, 4.0, 6.0, 8.0]


def test_light_programs_share_a_call_and_heavy_ones_have_their_own() -> None:
    seconds = [0.2, 7.0, 0.1, 0.3, 0.2, BUSY]
    found = calls([[0], [1], [2], [3], [4], [5]], seconds, workers=2)
    assert found == [[[1]], [[5]], [[3], [0]], [[4], [2]]]
    for call in found[:-1]:
        assert sum(seconds[i] for program in call for i in program) >= BUSY


def test_no_call_grows_without_end_where_nothing_takes_time() -> None:
    found = calls([[i] for i in range(3 * AT_MOST - 1)], [0.0] * (3 * AT_MOST), workers=2)
    assert [len(call) for call in found] == [AT_MOST, AT_MOST, AT_MOST - 1]


def test_a_heavy_program_is_split_where_workers_would_wait_for_it() -> None:
    seconds = [0.5 * HEAVY] * 5
    program = [0, 1, 2, 3, 4]
    assert calls([program], seconds, workers=None) == [[[1, 2]], [[3, 4]], [[0]]]
    # Two workers with many such programs have enough to do.
    many = [[5 * i + place for place in program] for i in range(20)]
    assert sorted(calls(many, seconds * 20, workers=2)) == [[one] for one in many]
    # A single trial cannot be split.
    assert calls([[0]], [9 * HEAVY], workers=None) == [[[0]]]


@pytest.mark.parametrize("workers", [1, 2, 1000, None])
def test_every_trial_is_in_one_call_whatever_it_takes(workers: int | None) -> None:
    trials = [*toy_group.trials(40), *toy_group.trials(9, factor=5.0)]
    programs = grouped("toy_group", trials, range(len(trials)))
    for scale in (1e-3, 1.0, 100.0):
        seconds = [scale * trial.cost for trial in trials]
        found = calls(programs, seconds, workers)
        assert sorted(i for call in found for one in call for i in one) == list(range(49))
        for piece in (one for call in found for one in call):
            assert any(set(piece) <= set(program) for program in programs)


def test_nothing_waiting_is_no_call() -> None:
    assert calls(grouped("toy_study", toy_study.trials(2), []), [1.0, 1.0], workers=2) == []
