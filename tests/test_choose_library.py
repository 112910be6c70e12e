"""The choice of report 002's library network and schedule, on made-up searches."""

import numpy as np
import pytest

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging import choose_library
from retrial.judging.choose import runners_up
from retrial.judging.choose_library import (
    ACTIVATIONS,
    PATIENCE,
    Candidate,
    candidates,
    other_reading,
    printed_losses,
    ranked,
    stopping_epochs,
)
from retrial.judging.ledger import Claim, Evidence
from retrial.training import library_fit

PRINTED = {"logistic": 1.6, "tanh": 0.5, "relu": 0.45, "identity": 0.55}
FALLING = np.linspace(3.0, 1.0, 20)


def network(activation, factors, hidden=(100,), rate=2e-5, batch=64, running=FALLING):
    """A network of one seed whose validation losses are the printed one times `factors`."""
    losses = PRINTED[activation] * np.asarray(factors, float)[None]
    running = np.asarray(running, float)[None, : losses.shape[1]]
    return Candidate(activation, hidden, "adam", rate, batch, running, losses)


def table(factors, **settings):
    return [network(activation, factors, **settings) for activation in ACTIVATIONS]


def claim(activation, metric="validation_loss", fitted=("the schedule",), printed=None):
    return Claim(
        id=f"002-C2-{activation}-{metric}",
        report="002",
        family="library_mlp",
        where="table 2",
        quote="a number",
        statement="a number",
        kind="value",
        printed=printed or str(PRINTED[activation]),
        evidence=Evidence(arm=activation, metric=metric),
        fitted=fitted,
    )


def test_the_reading_that_fits_exactly_comes_first_with_score_0():
    tried = table([2, 1, 2]) + table([np.e, np.e, np.e], batch=128)
    best, *others = ranked(tried, PRINTED)
    assert (best.hidden, best.solver, best.learning_rate, best.batch) == ((100,), "adam", 2e-5, 64)
    assert (best.epochs, best.tolerance) == (2, None)
    assert best.score == pytest.approx(0)
    # Two networks of three epochs each; nothing stops, so that a tolerance is no other reading.
    assert len(others) == 5
    assert others[-1].of_activation == pytest.approx((1, 1, 1, 1))
    assert others[-1].score == pytest.approx(1)
    assert str(best).startswith(
        "widths 100, adam at learning rate 2e-05, batches of 64, 2 epochs, no tolerance: 0.0000"
    )


def test_the_score_is_a_mean_of_logarithms_over_activations():
    tried = [network(activation, [1]) for activation in ACTIVATIONS[:3]]
    tried.append(network("identity", [1 / np.e]))
    (only,) = ranked(tried, PRINTED)
    assert only.of_activation == pytest.approx((0, 0, 0, 1))
    assert only.score == pytest.approx(0.25)


def test_one_choice_serves_all_activations():
    tried = table([2])[:2] + table([1])[2:] + table([1], rate=1e-3)[:2] + table([3], rate=1e-3)[2:]
    scores = [choice.score for choice in ranked(tried, PRINTED)]
    assert scores == pytest.approx([np.log(2) / 2, np.log(3) / 2])


def test_a_reading_needs_all_activations_with_numbers():
    lost = table([1, 1], batch=128)
    lost[2].validation_loss[0, 1] = np.nan
    partial = table([1, 1], batch=256)[1:]
    found = {(c.batch, c.epochs) for c in ranked(table([1, 1]) + lost + partial, PRINTED)}
    assert found == {(64, 1), (64, 2), (128, 1)}
    assert ranked([], PRINTED) == []


def test_a_shorter_curve_bounds_the_epochs():
    tried = [*table([1, 1, 1])[:3], network("identity", [1, 1])]
    assert sorted(c.epochs for c in ranked(tried, PRINTED)) == [1, 2]


def test_a_tolerance_holds_each_activation_where_it_stopped():
    # One activation's running loss stands still from epoch 2 on: it stops PATIENCE + 1 epochs
    # later, with a loss that is the printed one; the others come to theirs in the last epoch.
    still = np.full(20, 1.0)
    stop = PATIENCE + 2
    tried = table([2] * 19 + [1])
    tried[0] = network("logistic", [9] * (stop - 1) + [1] + [5] * (20 - stop), running=still)
    best = ranked(tried, PRINTED)[0]
    assert (best.epochs, best.tolerance) == (20, choose_library.TOLERANCE)
    assert best.score == pytest.approx(0)
    tolerant = [c.epochs for c in ranked(tried, PRINTED) if c.tolerance is not None]
    # Before its stop, a tolerance is no other reading.
    assert sorted(tolerant) == list(range(stop + 1, 21))


def test_epochs_after_all_have_stopped_are_no_other_reading():
    tried = table([1] * 20, running=np.full(20, 1.0))
    tried[0] = network("logistic", [1] * 20, running=[2.0] + [1.0] * 19)
    tolerant = [c.epochs for c in ranked(tried, PRINTED) if c.tolerance is not None]
    assert tolerant == [PATIENCE + 3]


def test_the_rule_for_stopping_is_the_library_s():
    assert PATIENCE == library_fit.PATIENCE
    # Improvements by less than the tolerance do not count as such, though the best is kept.
    slow = 1 - 1e-5 * np.arange(20)
    late = np.concatenate([np.linspace(3, 2, 6), np.full(14, 2.0)])
    found = stopping_epochs(np.stack([slow, FALLING, late]), 1e-4)
    assert found.tolist() == [PATIENCE + 2, 20, 6 + PATIENCE + 1]
    assert stopping_epochs(np.array([[1.0, np.nan, np.nan]]), 1e-4).tolist() == [3]


def test_each_seed_stops_for_itself():
    running = np.stack([np.full(20, 1.0), FALLING])
    tried = [
        Candidate(
            activation,
            (100,),
            "adam",
            2e-5,
            64,
            running,
            np.stack([np.full(20, 1.0), np.linspace(2, 1, 20)]) * PRINTED[activation],
        )
        for activation in ACTIVATIONS
    ]
    best = ranked(tried, PRINTED)[0]
    assert (best.epochs, best.score) == (20, pytest.approx(0))
    stops = stopping_epochs(running, choose_library.TOLERANCE)
    assert stops.tolist() == [PATIENCE + 2, 20]


def test_runners_up_say_what_is_not_pinned():
    tried = table([1, 2]) + table([1.1, 2], rate=1e-3) + table([3, 2], hidden=(64, 32))
    others = runners_up(ranked(tried, PRINTED))
    assert others["learning_rate"] is not None
    assert others["learning_rate"].learning_rate == 1e-3
    assert others["hidden"] is not None
    assert others["hidden"].score > others["learning_rate"].score
    assert others["epochs"] is not None
    assert others["solver"] is others["batch"] is others["tolerance"] is None


def test_an_activation_without_a_printed_loss_is_named():
    with pytest.raises(RetrialError, match="no fitted validation_loss of 'tanh'"):
        ranked(table([1]), {"logistic": 1.0})


def test_only_validation_losses_are_fitted():
    claims = [claim(activation) for activation in ACTIVATIONS]
    judged = claim("relu", "validation_accuracy", fitted=())
    assert printed_losses([*claims, judged]) == PRINTED
    wrong = claim("relu", "train_loss")
    with pytest.raises(RetrialError, match="002-C2-relu-train_loss: fitted, expected only"):
        printed_losses([wrong])


@pytest.fixture
def search(monkeypatch):
    """Records of one network with losses that fall from 2 to 1, for every activation."""
    shared = {"hidden": [128, 64], "solver": "sgd", "learning_rate": 0.01, "batch": 64}
    configs = {f"{activation}/x": shared | {"activation": activation} for activation in ACTIVATIONS}
    monkeypatch.setattr(Records, "arms", lambda self: list(configs))
    monkeypatch.setattr(Records, "of", lambda self, arm: [{"config": configs[arm]}])
    monkeypatch.setattr(Records, "curve", lambda self, arm, name: np.array([[2.0, 1.5, 1.0]]))
    return object.__new__(Records)


def test_candidates_are_read_from_the_search_records(search):
    read = candidates(search)
    assert [one.activation for one in read] == list(ACTIVATIONS)
    assert {one.parameters for one in read} == {((128, 64), "sgd", 0.01, 64)}
    assert read[0].running_loss.tolist() == [[2.0, 1.5, 1.0]]
    claims = [claim(activation, printed="1.5") for activation in ACTIVATIONS]
    best = choose_library.readings(claims, search)[0]
    assert (best.epochs, best.score) == (2, 0)


def test_another_reading_is_told_within_the_margin_only(search):
    near = claim("relu", printed="1.45")
    assert other_reading(near, search, 0.1) == (
        "widths 128-64, sgd at learning rate 0.01, batches of 64 and 2 epochs comes within the "
        "margin, but one choice serves the whole table"
    )
    assert other_reading(near, search, 0.01) is None
    # The search has no curve of training images: another reading cannot be excluded.
    trained = other_reading(claim("relu", "train_loss", printed="1.5"), search, 0.1)
    assert trained == "what other readings of the search would have given is not recorded"
