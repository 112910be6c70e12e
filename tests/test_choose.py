import numpy as np
import pytest

from retrial.core.records import Records
from retrial.judging.choose import QUANTITIES, Curves, candidates, ranked, runners_up


def candidate(activation, distribution, scale, rate, accuracies, loss=1.0):
    """Curves with the given accuracies (seeds, epochs) for train and validation, constant loss."""
    values = np.asarray(accuracies, float)
    curves = {
        name: values if name.endswith("accuracy") else np.full_like(values, loss)
        for name in QUANTITIES
    }
    return Curves(activation, distribution, scale, rate, curves)


def printed(accuracy, loss=1.0):
    return {name: accuracy if name.endswith("accuracy") else loss for name in QUANTITIES}


def test_the_reading_that_fits_exactly_comes_first_with_score_0():
    tried = [
        candidate("tanh", "uniform", 1.0, 0.1, [[0.3, 0.8]]),
        candidate("tanh", "normal", 1.0, 0.1, [[0.2, 0.5]]),
        candidate("tanh", "normal", 2.0, 0.1, [[0.1, 0.2]]),
    ]
    choices = ranked(tried, {"tanh/random": printed(0.8), "tanh/normal": printed(0.5)})
    best = choices[0]
    assert (best.random, best.normal, best.learning_rate, best.epochs) == (
        ("uniform", 1.0), 1.0, 0.1, 2,
    )  # fmt: skip
    assert best.score == pytest.approx(0)
    # 3 draws for "random" × 2 for "normal" × 2 epochs.
    assert len(choices) == 12


def test_the_score_is_a_mean_of_log_odds_and_logarithms():
    tried = [candidate("tanh", "normal", 1.0, 0.1, [[0.5]], loss=np.e)]
    table = {"tanh/random": printed(0.5, 1.0), "tanh/normal": printed(0.5, np.e)}
    # Of 4 numbers, one loss of "random" is off by one unit.
    assert ranked(tried, table)[0].score == pytest.approx(0.25)


def test_one_choice_serves_all_activations():
    tried = [
        candidate("tanh", "normal", 1.0, 0.1, [[0.9]]),
        candidate("tanh", "normal", 2.0, 0.1, [[0.5]]),
        candidate("sigmoid", "normal", 1.0, 0.1, [[0.2]]),
        candidate("sigmoid", "normal", 2.0, 0.1, [[0.5]]),
        candidate("sigmoid", "normal", 3.0, 0.1, [[0.9]]),
    ]
    table = {
        f"{activation}/{role}": printed(0.9)
        for activation in ("tanh", "sigmoid")
        for role in ("random", "normal")
    }
    # Scale 3 fits sigmoid exactly but tanh was not run there, so it is no reading of the table.
    assert {c.normal for c in ranked(tried, table)} == {1.0, 2.0}


def test_runners_up_say_what_is_not_pinned():
    tried = [
        candidate("tanh", "normal", 1.0, 0.1, [[0.5, 0.6]]),
        candidate("tanh", "normal", 2.0, 0.1, [[0.9, 0.9]]),
    ]
    choices = ranked(tried, {"tanh/random": printed(0.5), "tanh/normal": printed(0.5)})
    others = runners_up(choices)
    assert others["epochs"] is not None
    assert others["epochs"].epochs == 2
    assert others["normal"] is not None
    assert others["normal"].score > others["epochs"].score
    assert others["learning_rate"] is None


def test_epochs_that_diverged_take_no_part():
    tried = [candidate("tanh", "normal", 1.0, 0.1, [[0.5, np.nan]])]
    choices = ranked(tried, {"tanh/random": printed(0.5), "tanh/normal": printed(0.5)})
    assert [c.epochs for c in choices] == [1]


def test_candidates_are_read_from_the_search_records(monkeypatch):
    config = {
        "activation": "tanh",
        "draw": {"distribution": "uniform", "scale": 1.0},
        "learning_rate": 0.03,
    }
    curves = {name: np.full((2, 3), 0.5) for name in QUANTITIES}
    monkeypatch.setattr(Records, "arms", lambda self: ["tanh/uniform-1.0/0.03"])
    monkeypatch.setattr(Records, "of", lambda self, arm: [{"config": config}])
    monkeypatch.setattr(Records, "curve", lambda self, arm, name: curves[name])
    (read,) = candidates(object.__new__(Records))
    assert (read.activation, read.distribution, read.scale) == ("tanh", "uniform", 1.0)
    assert read.learning_rate == 0.03
    assert read.curves["validation_loss"].shape == (2, 3)
