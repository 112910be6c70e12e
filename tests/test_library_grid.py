import re
import statistics
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.trial import Trial
from retrial.fashion import part, random_seed
from retrial.running.store import pack
from retrial.studies import library_grid
from retrial.studies.library_grid import Budget, Protocol

NETWORK = {
    "hidden": [12, 8],
    "solver": "adam",
    "learning_rate": 0.5,
    "batch": 7,
    "epochs": 6,
    "tolerance": None,
}
SECTION = {
    "network": NETWORK,
    "activation": "relu",
    "solvers": ["adam", "sgd"],
    "learning_rates": [0.02, 2.0e-7],
    "batches": [16, 64],
    "folds": 5,
}
PROTOCOL = validated(SECTION, Protocol, "library_grid")
WHOLE = Budget(seeds=2, epochs_at_most=None, train_at_most=None)
IMAGES = 300


@pytest.fixture(scope="module")
def data():
    """Digits of 8 × 8 pixels; rows in an order of their own."""
    small, labels = load_digits(return_X_y=True)
    return {
        "train_images": (small * 255 / 16).astype(np.uint8).reshape(-1, 8, 8),
        "train_labels": labels.astype(np.uint8),
        "train": np.random.default_rng(0).permutation(len(labels))[:IMAGES].astype(np.int32),
    }


def trial(arm, seed=0, section=SECTION, budget=WHOLE) -> Trial:
    protocol = validated(section, Protocol, "library_grid")
    found = library_grid.trials(protocol, budget)
    return next(t for t in found if (t.arm, t.seed) == (arm, seed))


def values(result):
    return {name: metric.value for name, metric in result.metrics.items()}


def grid_search(config, rates, seed, examples, dtype):
    """(rates, folds) scores of scikit-learn's own search."""
    network = MLPClassifier(
        config["hidden"],
        solver=config["solver"],
        batch_size=config["batch"],
        max_iter=config["epochs"],
        tol=config["tolerance"] or 0,
        n_iter_no_change=10 if config["tolerance"] else config["epochs"],
        random_state=random_seed(seed),
    )
    search = GridSearchCV(network, {"learning_rate_init": rates}, cv=5, refit=False)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", FitFailedWarning)
        warnings.filterwarnings("ignore", "One or more of the test scores are non-finite")
        search.fit(examples.inputs.astype(dtype), examples.labels)
    results = search.cv_results_
    scores = np.stack([results[f"split{fold}_test_score"] for fold in range(5)], axis=1)
    np.testing.assert_array_equal(results["mean_test_score"], scores.mean(axis=1))
    return scores


def scores_of(result):
    return np.array([result.metrics[f"fold_{k}"].value for k in range(1, 6)], float)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("batch", [16, 64])
def test_a_cells_scores_are_grid_searchs(solver, batch, dtype, data):
    # Rounding may turn one image of a fold's 60, where the right answer is a close call.
    image = 1 / (IMAGES / 5)
    one = trial(f"{solver}/0.02/{batch}", seed=1)
    result = library_grid.run(one, data)
    mine = scores_of(result)
    theirs = grid_search(one.config, [0.02], 1, part(data, "train"), dtype)[0]
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=image * 1.001)
    assert result.metrics["score"].value == mine.mean()
    assert result.metrics["score"].value == pytest.approx(theirs.mean(), abs=image / 5 * 1.001)
    # Other draws score otherwise.
    others = scores_of(library_grid.run(trial(one.arm, seed=0), data))
    assert abs(others - theirs).max() > 2 * image


def test_a_cells_scores_are_grid_searchs_where_a_tolerance_ends_training(data):
    section = SECTION | {"network": NETWORK | {"epochs": 200, "tolerance": 1e-2}}
    one = trial("sgd/0.02/16", section=section)
    result = library_grid.run(one, data)
    assert 11 < result.metrics["epochs"].value < 200
    assert result.decided
    theirs = grid_search(one.config, [0.02], 0, part(data, "train"), np.float64)[0]
    np.testing.assert_allclose(scores_of(result), theirs, rtol=0, atol=1.001 / 60)


def test_a_cell_that_diverges_has_no_score_like_grid_searchs(data):
    section = SECTION | {"learning_rates": [0.02, 1e30]}
    one = trial("sgd/1e+30/16", section=section)
    result = library_grid.run(one, data)
    assert (result.status, result.decided, result.detail) == (
        "diverged",
        True,
        {"fold": 1, "epoch": 1},
    )
    found = values(result)
    assert {found[name] for name in ("score", "spread", "train_accuracy", "fold_1")} == {None}
    theirs = grid_search(one.config, [0.02, 1e30], 0, part(data, "train"), np.float32)
    assert np.isnan(theirs).tolist() == [[False] * 5, [True] * 5]
    assert result.curves["running_loss"] == [None]


def test_one_fold_that_diverges_leaves_the_others_their_scores(data, monkeypatch):
    trained, calls = library_grid.fit, []

    def fit(network, *rest):
        found = trained(network, *rest)
        calls.append(found)
        if len(calls) == 2:
            found.divergence = 4
            del found.losses[4:]
        return found

    monkeypatch.setattr(library_grid, "fit", fit)
    result = library_grid.run(trial("adam/0.02/16"), data)
    found = values(result)
    assert (result.status, result.detail) == ("diverged", {"fold": 2, "epoch": 4})
    assert not result.decided
    assert found["score"] is found["fold_2"] is found["spread"] is None
    assert all(0 < found[f"fold_{k}"] <= 1 for k in (1, 3, 4, 5))
    assert found["epochs"] == (4 * 6 + 4) / 5
    assert len(result.curves["running_loss"]) == 4


def test_the_grid_is_every_combination_with_the_seeds_of_the_budget():
    trials = library_grid.trials(PROTOCOL, WHOLE)
    assert len(trials) == len({(t.arm, t.seed) for t in trials}) == 2 * 2 * 2 * 2
    assert {t.seed for t in trials} == {0, 1}
    assert all(t.whole for t in trials)
    assert library_grid.skipped(PROTOCOL, WHOLE) == []
    for arm, config in library_grid.arms(PROTOCOL).items():
        solver, rate, batch = arm.split("/")
        assert config == {
            "hidden": [12, 8],
            "activation": "relu",
            "epochs": 6,
            "tolerance": None,
            "folds": 5,
            "solver": solver,
            "learning_rate": float(rate),
            "batch": int(batch),
        }
    assert "sgd/2e-07/64" in {t.arm for t in trials}


def test_a_budget_that_cuts_says_so():
    for cut in ({"epochs_at_most": 2}, {"train_at_most": 100}):
        budget = Budget(**(WHOLE.model_dump() | cut))
        trials = library_grid.trials(PROTOCOL, budget)
        assert not any(t.whole for t in trials)
        assert trials[0].cost < library_grid.trials(PROTOCOL, WHOLE)[0].cost
    generous = Budget(seeds=1, epochs_at_most=100, train_at_most=None)
    assert all(t.whole for t in library_grid.trials(PROTOCOL, generous))
    assert {t.config["epochs"] for t in library_grid.trials(PROTOCOL, generous)} == {6}


def test_a_result_holds_what_is_promised(data):
    result = library_grid.run(trial("adam/0.02/64"), data)
    found = values(result)
    folds = [found[f"fold_{k}"] for k in range(1, 6)]
    assert set(found) == {
        *("score", "spread", "train_accuracy", "epochs", "multiply_adds"),
        *(f"fold_{k}" for k in range(1, 6)),
    }
    assert found["spread"] == statistics.stdev(folds) > 0
    assert found["train_accuracy"] > found["score"] > 0.3
    assert found["epochs"] == 6
    assert len(result.curves["running_loss"]) == 6
    assert result.curves["running_loss"][-1] < result.curves["running_loss"][0]
    assert sum(result.metrics[f"fold_{k}"].n for k in range(1, 6)) == IMAGES
    assert result.metrics["score"].n == IMAGES
    assert (result.status, result.decided) == ("ok", False)


def test_a_budget_of_images_takes_the_first(data):
    budget = Budget(seeds=1, epochs_at_most=None, train_at_most=100)
    cut = library_grid.run(trial("adam/0.02/64", budget=budget), data)
    shorter = data | {"train": data["train"][:100]}
    assert values(cut) == values(library_grid.run(trial("adam/0.02/64"), shorter))
    assert cut.metrics["score"].n == 100


def test_multiply_adds_worked_by_hand(data):
    # 784 × 12 + 12 × 8 + 8 × 10 weights, 30 biases; 240 images are 15 batches of 16.
    weights, first, parameters = 9408 + 96 + 80, 9408, 9408 + 96 + 80 + 30
    config = trial("sgd/0.02/16").config
    assert library_grid.multiply_adds(config, 240) == (
        240 * (3 * weights - first) + 15 * 4 * parameters
    )
    # 241 images are one batch more, and Adam does more per batch.
    more = library_grid.multiply_adds(config | {"solver": "adam"}, 241)
    assert more == 241 * (3 * weights - first) + 16 * 6 * parameters
    found = values(library_grid.run(trial("sgd/0.02/16"), data))
    whole = 5 * 6 * library_grid.multiply_adds(config, 240)
    assert found["multiply_adds"] == pytest.approx(whole / 1e9, rel=1e-12)


@pytest.mark.parametrize("images", [4, 0])
def test_a_class_that_a_fold_would_miss_is_named(images, data):
    labels = data["train_labels"][data["train"]]
    sevens = np.flatnonzero(labels == 7)[images:]
    short = data | {"train": np.delete(data["train"], sevens)}
    named = (
        f"library_grid.folds = 5: class 7 (sneaker) has {images} of {len(short['train'])} "
        "images, expected at least one for each fold"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(named)}$"):
        library_grid.run(trial("adam/0.02/64"), short)


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ({"solvers": ["adam", "lbfgs"]}, "library_grid.solvers.1 = 'lbfgs'"),
        ({"learning_rates": [0.0]}, "library_grid.learning_rates.0 = 0.0"),
        ({"batches": [0]}, "library_grid.batches.0 = 0"),
        ({"folds": 1}, "library_grid.folds = 1"),
        ({"activation": "elu"}, "library_grid.activation = 'elu'"),
        ({"network": NETWORK | {"hidden": [8, 0]}}, "library_grid.network.hidden.1 = 0"),
    ],
)
def test_a_protocol_refuses_and_names_the_key(section, named):
    with pytest.raises(RetrialError, match=rf"^{re.escape(named)}: .+$"):
        validated(SECTION | section, Protocol, "library_grid")


def test_the_same_trial_gives_the_same_bytes(data):
    one, other = (pack(library_grid.run(trial("adam/0.02/16"), data), 0.0) for _ in range(2))
    assert one == other
    assert one != pack(library_grid.run(trial("adam/0.02/16", seed=1), data), 0.0)
