import re

import numpy as np
import pytest
from tiny_fashion import tiny_fashion

from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.trial import Trial
from retrial.running.store import pack
from retrial.studies import library_search
from retrial.studies.library_search import Budget, Protocol

SECTION = {
    "activations": ["logistic", "relu"],
    "hidden": [[8], [8, 6]],
    "solvers": {"adam": [2.0e-3, 1.0e-2], "sgd": [1.0e-1]},
    "batches": [16, 32],
    "epochs": 3,
}
PROTOCOL = validated(SECTION, Protocol, "library_search")
WHOLE = Budget(seeds=2)
CURVES = {"running_loss", "validation_loss", "validation_accuracy"}


def trial(arm) -> Trial:
    return next(t for t in library_search.trials(PROTOCOL, WHOLE) if t.arm == arm)


def test_the_grid_is_every_combination_on_seeds_of_its_own():
    trials = library_search.trials(PROTOCOL, WHOLE)
    assert len(trials) == 2 * 2 * 3 * 2 * 2 == len({(t.arm, t.seed) for t in trials})
    assert {t.seed for t in trials} == {1000, 1001}
    assert "relu/adam/0.002/8-6/32" in {t.arm for t in trials}
    assert all(t.whole for t in trials)
    assert library_search.skipped(PROTOCOL, WHOLE) == []
    assert trial("relu/adam/0.002/8-6/32").cost > trial("relu/adam/0.002/8/32").cost


def test_an_arm_is_what_its_name_says():
    for arm, config in library_search.arms(PROTOCOL).items():
        activation, solver, rate, hidden, batch = arm.split("/")
        assert (config["activation"], config["solver"]) == (activation, solver)
        assert config["learning_rate"] == float(rate)
        assert config["hidden"] == [int(width) for width in hidden.split("-")]
        assert config["batch"] == int(batch)
        assert (config["epochs"], config["tolerance"]) == (3, None)


def test_without_seeds_every_arm_is_skipped():
    assert library_search.trials(PROTOCOL, Budget(seeds=0)) == []
    skipped = library_search.skipped(PROTOCOL, Budget(seeds=0))
    assert skipped == list(library_search.arms(PROTOCOL))


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"activations": ["sigmoid"]}, "library_search.activations.0 = 'sigmoid'"),
        ({"hidden": [[8], []]}, "library_search.hidden.1"),
        ({"hidden": [[8, 0]]}, "library_search.hidden.0.1 = 0"),
        ({"solvers": {"lbfgs": [0.1]}}, "library_search.solvers.lbfgs"),
        ({"solvers": {"adam": [-0.1]}}, "library_search.solvers.adam.0 = -0.1"),
        ({"solvers": {}}, "library_search.solvers"),
        ({"batches": [0]}, "library_search.batches.0 = 0"),
        ({"epochs": 0}, "library_search.epochs = 0"),
        ({"tolerance": 0.1}, "library_search.tolerance = 0.1"),
    ],
)
def test_a_protocol_refuses_and_names_the_key(part, named):
    with pytest.raises(RetrialError, match=f"^{re.escape(named)}"):
        validated(SECTION | part, Protocol, "library_search")


@pytest.mark.parametrize("arm", ["logistic/sgd/0.1/8/16", "relu/adam/0.01/8-6/32"])
def test_a_candidate_keeps_every_epoch_and_never_looks_at_the_test_part(arm):
    data = tiny_fashion()
    del data["test"]
    result = library_search.run(trial(arm), data)
    assert result.status == "ok"
    assert set(result.curves) == set(result.metrics) == CURVES
    for name, curve in result.curves.items():
        assert len(curve) == 3
        assert result.metrics[name].value == curve[-1]
        assert result.metrics[name].n == (120 if name == "running_loss" else 30)
    assert pack(result, 0.0) == pack(library_search.run(trial(arm), data), 0.0)


def test_a_candidate_learns_and_activations_differ():
    data = tiny_fashion()
    config = trial("relu/adam/0.01/8/16").config | {"epochs": 40}
    relu, logistic = (
        library_search.run(Trial("", "", 1000, config | {"activation": activation}), data)
        for activation in ("relu", "logistic")
    )
    assert relu.metrics["validation_accuracy"].value > 0.9
    assert relu.curves["running_loss"] != logistic.curves["running_loss"]


def test_a_candidate_that_diverges_says_when_and_keeps_what_was_before():
    config = trial("relu/sgd/0.1/8/16").config | {"learning_rate": 1e12, "epochs": 9}
    result = library_search.run(Trial("", "", 1000, config), tiny_fashion())
    assert (result.status, result.decided) == ("diverged", True)
    lengths = {len(curve) for curve in result.curves.values()}
    assert lengths == {result.detail["epoch"]}
    assert {metric.value for metric in result.metrics.values()} == {None}


def test_the_search_and_the_study_draw_from_different_seeds():
    assert library_search.FIRST_SEED >= 1000
    assert library_search.NAME == "library_search"


def test_validation_rows_are_of_the_test_file():
    data = tiny_fashion()
    one = library_search.run(trial("relu/adam/0.01/8/16"), data)
    elsewhere = data | {"test_labels": np.roll(data["test_labels"], 1)}
    other = library_search.run(trial("relu/adam/0.01/8/16"), elsewhere)
    assert one.curves["running_loss"] == other.curves["running_loss"]
    assert one.curves["validation_loss"] != other.curves["validation_loss"]
