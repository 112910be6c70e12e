"""The choice of report 001's initialiser, pixel scale and learning rate, on made-up searches."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from retrial.cli import cli
from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.choose import runners_up
from retrial.judging.choose_mse import (
    DEEP,
    QUANTITIES,
    SMALL,
    Candidate,
    candidates,
    printed_epochs,
    ranked,
)
from retrial.judging.ledger import load_claims, of_family

ROOT = Path(__file__).parents[1]
LOG = {"running_loss": [0.08, 0.05, 0.04], "running_accuracy": [0.5, 0.7, 0.8]}
PRINTED = {network: LOG for network in SMALL + DEEP}


def candidate(network, initialiser, inputs, rate, factor=1.0):
    """Curves of two seeds whose losses are the printed ones times `factor`."""
    curves = {
        "running_loss": np.array([LOG["running_loss"]] * 2) * factor,
        "running_accuracy": np.array([LOG["running_accuracy"]] * 2),
    }
    return Candidate(network, initialiser, inputs, rate, curves)


def reading(initialiser, inputs, rates, small=1.0, deep=1.0):
    found = [candidate(n, initialiser, inputs, 0.5, deep) for n in DEEP]
    return found + [candidate(n, initialiser, inputs, r, small) for n in SMALL for r in rates]


def test_the_reading_that_fits_exactly_comes_first_with_score_0():
    tried = reading("default", "unit", [0.01]) + reading("he_normal", "unit", [0.01], 1.0, np.e)
    best, other = ranked(tried, PRINTED)
    assert (best.initialiser, best.inputs, best.learning_rate) == ("default", "unit", 0.01)
    assert best.score == pytest.approx(0)
    # The losses of two of four networks are off by one unit of the logarithm, no accuracy is.
    assert other.of_network == pytest.approx((0, 0, 0.5, 0.5))
    assert other.score == pytest.approx(0.25)
    assert "he_normal, unit pixels, learning rate 0.01: 0.2500 (sigmoid 0.000" in str(other)


def test_small_and_deep_networks_share_initialiser_and_pixels():
    # Each fits the half of the networks that the other does not: no mixture is a reading.
    tried = reading("default", "unit", [0.1], small=2.0) + reading("he_normal", "unit", [0.1], 1, 2)
    scores = [choice.score for choice in ranked(tried, PRINTED)]
    assert scores == pytest.approx([np.log(2) / 4] * 2)


def test_a_reading_needs_all_networks_with_numbers():
    tried = reading("default", "unit", [0.1])
    lost = reading("he_normal", "unit", [0.1])
    lost[0].curves["running_loss"][0, 2] = np.nan
    partial = reading("glorot_normal", "unit", [0.1])[1:]
    assert [c.initialiser for c in ranked(tried + lost + partial, PRINTED)] == ["default"]
    assert ranked([], PRINTED) == []


def test_runners_up_say_what_is_not_pinned():
    tried = reading("default", "unit", [0.1])
    tried += [candidate(n, "default", "unit", 0.2, 1.1) for n in SMALL]
    tried += reading("he_normal", "unit", [0.1], small=3.0)
    others = runners_up(ranked(tried, PRINTED))
    assert others["learning_rate"] is not None
    assert others["learning_rate"].learning_rate == 0.2
    assert others["initialiser"] is not None
    assert others["initialiser"].score > others["learning_rate"].score
    assert others["inputs"] is None


def test_a_network_without_fitted_epochs_is_named():
    some = {network: LOG for network in SMALL}
    with pytest.raises(RetrialError, match="no fitted epochs of 'deep'"):
        ranked(reading("default", "unit", [0.1]), some)


def test_the_fitted_epochs_come_from_the_ledger():
    claims = of_family(load_claims(ROOT / "claims"), "mse_mlp")
    printed = printed_epochs(claims)
    assert set(printed) == {*SMALL, *DEEP}
    assert printed["sigmoid"] == {
        "running_loss": [0.0771, 0.0556, 0.0506], "running_accuracy": [0.4956, 0.7378, 0.7836],
    }  # fmt: skip
    assert all(len(curve) == 3 for curves in printed.values() for curve in curves.values())
    later = [claim for claim in claims if claim.epoch != 1]
    with pytest.raises(RetrialError, match="e02-loss: fitted, expected the first epochs"):
        printed_epochs(later)


def test_candidates_are_read_from_the_search_records(monkeypatch):
    config = {"initialiser": "default", "inputs": "unit", "learning_rate": 0.03}
    monkeypatch.setattr(Records, "arms", lambda self: ["relu/default/unit/0.03"])
    monkeypatch.setattr(Records, "of", lambda self, arm: [{"config": config}])
    monkeypatch.setattr(Records, "curve", lambda self, arm, name: np.full((2, 3), 0.5))
    (read,) = candidates(object.__new__(Records))
    assert (read.network, read.initialiser, read.inputs) == ("relu", "default", "unit")
    assert read.learning_rate == 0.03
    assert set(read.curves) == set(QUANTITIES)


def test_the_command_knows_the_families_that_were_searched_for(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(RetrialError, match=r"--family = 'kernels': .*mse_mlp, scratch_grid"):
        CliRunner().invoke(cli, ["choose", "--family", "kernels"], catch_exceptions=False)
    with pytest.raises(RetrialError, match=r"there/records.json: no such file"):
        CliRunner().invoke(cli, ["choose", "there", "--family", "mse_mlp"], catch_exceptions=False)
