import pytest

from retrial.core.errors import RetrialError
from retrial.statistics import judge_choice, selection_frequency

SCORES = [[0.91, 0.94, 0.94], [0.92, 0.95, 0.93], [0.96, 0.95, 0.90], [0.9, 0.94 + 1e-15, 0.94]]


def test_frequency_lists_ties_as_ties():
    found = selection_frequency(SCORES)
    assert found.best == ((1, 2), (1,), (0,), (1, 2))
    assert found.selected == pytest.approx([0.25, 0.75, 0.5])
    assert found.alone == pytest.approx([0.25, 0.25, 0.0])


def test_choice_tied_for_best_is_reproduced():
    found = judge_choice(SCORES[0], 2, SCORES)
    assert (found.verdict, found.best, found.tied) == ("reproduced", (1, 2), True)
    assert (found.frequency, found.alone) == (0.5, 0.0)


def test_choice_selected_elsewhere_only_is_contradicted():
    found = judge_choice(SCORES[1], 0, SCORES)
    assert (found.verdict, found.frequency, found.tied) == ("contradicted", 0.25, False)


def test_bad_input():
    with pytest.raises(RetrialError, match="index below 3"):
        judge_choice(SCORES[0], 3, SCORES)
    with pytest.raises(RetrialError, match="expected the same"):
        judge_choice([0.1, 0.2], 1, SCORES)
    with pytest.raises(RetrialError, match="expected finite"):
        selection_frequency([[0.1, float("nan")]])
