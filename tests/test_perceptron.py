"""The study of perceptron and logistic regression: its sets, its pairing, its numbers, its errors.

Small sets and few epochs.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.seeds import generator
from retrial.core.trial import Result, Trial
from retrial.studies import perceptron
from retrial.two_classes import Examples, bayes_accuracy, drawn, halves, separable, standardised

SECTION: dict[str, Any] = {
    "train": 40,
    "test": 60,
    "gaussians": {
        "separable": {"distance": 5.0, "margin": 1.0},
        "overlapping": {"distance": 1.5, "margin": None},
    },
    "flowers": {"virginica": {"classes": [1, 2], "columns": [0, 1]}},
    "overlapping": ["overlapping", "virginica"],
    "units": ["perceptron", "adaline", "sigmoid_squared", "logistic", "perceptron_sigmoid"],
    "learning_rate": 0.1,
    "epochs": 6,
    "window": 3,
    "limit": {"learning_rate": 0.2, "slower_after": 5.0, "epochs": 60},
    "update": {"inputs": 20, "features": 3},
}
ALL = perceptron.Budget(seeds=4, other_seeds=4, epochs_at_most=None)


def protocol(**changes: Any) -> perceptron.Protocol:
    return validated({**SECTION, **changes}, perceptron.Protocol, "params.yaml: perceptron")


@pytest.fixture(scope="module")
def data() -> Mapping[str, np.ndarray]:
    iris = load_iris()
    return {"features": iris.data, "labels": iris.target.astype(np.uint8)}


def of(arm: str, **changes: Any) -> list[Trial]:
    return [one for one in perceptron.trials(protocol(**changes), ALL) if one.arm == arm]


def values(result: Result) -> dict[str, float | int | None]:
    return {name: metric.value for name, metric in result.metrics.items()}


def test_drawn_classes_keep_their_distance_and_their_margin() -> None:
    chance = np.random.default_rng(1)
    wide = drawn(3.0, None, 4000, chance)
    means = [wide.inputs[wide.labels == label].mean(axis=0) for label in (0, 1)]
    assert np.array(means) == pytest.approx(np.array([[-1.5, 0], [1.5, 0]]), abs=0.1)
    assert wide.inputs[wide.labels == 1].std(axis=0) == pytest.approx([1, 1], abs=0.1)
    assert wide.labels.mean() == 0.5
    apart = drawn(2.0, 0.7, 4000, chance)
    ahead = (2 * apart.labels - 1) * apart.inputs[:, 0]
    assert 0.7 <= ahead.min() < 0.71
    # Those that fell short were drawn again, and the others are as they were.
    assert (ahead > 1).mean() == pytest.approx(0.5 / 0.6179, abs=0.03)


def test_no_rule_is_right_more_often_than_the_normal_distribution_says() -> None:
    assert bayes_accuracy(2.0, None) == pytest.approx(0.8413447)
    assert bayes_accuracy(2.0, 0.1) == 1
    examples = drawn(2.0, None, 20000, np.random.default_rng(2))
    right = (examples.inputs[:, 0] > 0) == examples.labels
    assert right.mean() == pytest.approx(0.8413, abs=0.01)


def test_halves_hold_half_of_each_class_and_every_row_once(data) -> None:
    split = halves(data, (1, 2), (0, 3), np.random.default_rng(0))
    for part in (split.train, split.test):
        assert np.bincount(part.labels.astype(int)).tolist() == [25, 25]
    both = np.concatenate([split.train.inputs, split.test.inputs])
    own = data["features"][50:][:, [0, 3]]
    assert sorted(map(tuple, both)) == sorted(map(tuple, own))
    assert (split.test.inputs == own[split.rows]).all()
    # The second class that is named is 1.
    turned = halves(data, (2, 1), (0, 3), np.random.default_rng(0))
    assert (turned.test.labels == (turned.rows < 50)).all()


def test_a_class_that_a_part_would_lack_is_one_line(data) -> None:
    rows = np.arange(101)
    few = {name: array[rows] for name, array in data.items()}
    with pytest.raises(RetrialError) as error:
        halves(few, (1, 2), (0, 1), np.random.default_rng(0))
    told = "iris: class 2 has 1 rows, expected at least 2, one for each half"
    assert str(error.value) == told


def test_sets_are_separable_where_a_line_parts_them() -> None:
    square = np.array([[0.0, 0], [1, 1], [0, 1], [1, 0]])
    assert separable(Examples(square, np.array([0.0, 1, 0, 1])))
    assert separable(Examples(square + 100, np.array([0.0, 1, 0, 0])))
    # Exclusive or, and a point in two classes.
    assert not separable(Examples(square, np.array([0.0, 0, 1, 1])))
    assert not separable(Examples(square[[0, 0, 1]], np.array([0.0, 1, 1])))


def test_inputs_are_standardised_by_the_training_set_alone(data) -> None:
    split = halves(data, (0, 1), (0, 1), np.random.default_rng(0))
    scaled, mean, sd = standardised(split)
    assert scaled.train.inputs.mean(axis=0) == pytest.approx([0, 0], abs=1e-12)
    assert scaled.train.inputs.std(axis=0) == pytest.approx([1, 1])
    assert scaled.test.inputs * sd + mean == pytest.approx(split.test.inputs)


def test_arms_and_what_a_budget_cuts_short() -> None:
    names = list(perceptron.arms(protocol()))
    assert len(names) == 3 * 5 + 2 + 1
    assert {"overlapping/limit", "virginica/limit", "separable/logistic", "update"} <= set(names)
    assert "separable/limit" not in names
    cut = perceptron.trials(protocol(), perceptron.Budget(seeds=2, other_seeds=1, epochs_at_most=6))
    # The units have as many epochs as that, and steps of one update none.
    assert {one.arm for one in cut if not one.whole} == {"overlapping/limit", "virginica/limit"}
    assert {one.config.get("epochs") for one in cut} == {6, None}
    # What is compared has seeds of its own.
    seeds = Counter(one.arm for one in cut)
    assert {arm for arm, count in seeds.items() if count == 2} == {
        "separable/logistic",
        *(f"{name}/{unit}" for name in ("overlapping", "virginica")
          for unit in ("logistic", "perceptron")),
    }  # fmt: skip
    assert all(one.whole for one in perceptron.trials(protocol(), ALL))
    assert perceptron.skipped(protocol(), ALL) == []


@pytest.mark.parametrize("arm", ["overlapping/logistic", "virginica/perceptron", "virginica/limit"])
def test_a_trial_s_bytes_do_not_depend_on_its_group(arm: str, data) -> None:
    trials = of(arm)
    together = perceptron.run_together(trials, data)
    for trial, member in zip(trials, together, strict=True):
        alone = perceptron.run(trial, data)
        assert alone.metrics == member.metrics
        assert alone.curves == member.curves
        assert list(alone.arrays) == list(member.arrays)
        assert all((alone.arrays[name] == member.arrays[name]).all() for name in alone.arrays)


def test_units_of_a_seed_share_split_and_order(data) -> None:
    trials = [of(f"virginica/{unit}")[1] for unit in SECTION["units"]]
    left_out = [perceptron.run(one, data).arrays["tested"] < 0 for one in trials]
    assert left_out[0].sum() == 50
    assert all((one == left_out[0]).all() for one in left_out)
    orders = [perceptron._orders(one, 50) for one in trials]
    assert all((one == orders[0]).all() for one in orders)
    # Fewer epochs are the first of more.
    longer = of("virginica/logistic", epochs=9)[1]
    assert (perceptron._orders(longer, 50)[:6] == orders[0]).all()
    assert not (perceptron._orders(of("virginica/logistic")[2], 50) == orders[0]).all()


def test_a_sigmoid_after_the_training_changes_no_decision(data) -> None:
    plain, after = (
        [values(one) for one in perceptron.run_together(of(f"overlapping/{unit}"), data)]
        for unit in ("perceptron", "perceptron_sigmoid")
    )
    assert [one["test_accuracy"] for one in plain] == [one["test_accuracy"] for one in after]
    assert not {"log_loss", "ece"} & set(plain[0])
    assert {"log_loss", "ece", "scaled_log_loss"} <= set(after[0])


def test_metrics_are_those_of_the_last_weights(data) -> None:
    trial = of("overlapping/logistic")[0]
    found = perceptron.run(trial, data)
    told = values(found)
    chance = generator("perceptron", 0, "overlapping")
    train, test = (drawn(1.5, None, n, chance) for n in (40, 60))
    assert (found.arrays["points"] == train.inputs.astype(np.float32)).all()
    *slopes, offset = found.arrays["line"]
    z = test.inputs @ slopes + offset
    assert told["test_accuracy"] == ((z > 0) == test.labels).mean()
    # The border in the data's own units is the one that was learned.
    p = 1 / (1 + np.exp(-z))
    assert told["log_loss"] == pytest.approx(log_loss(test.labels, p))
    assert told["prior_log_loss"] == pytest.approx(np.log(2))
    curve = found.curves["test_accuracy"]
    assert told["oscillation"] == np.std(curve[-3:])
    assert told["test_accuracy"] == curve[-1]
    assert told["mistakes"] == found.curves["mistakes"][-1]
    assert found.arrays["reliability"][0].sum() == 60
    scaled, _, _ = standardised(perceptron._split(trial, data))
    theirs = LogisticRegression(C=np.inf, tol=1e-8).fit(*scaled.train)
    assert told["reference_accuracy"] == theirs.score(*scaled.test)
    own = log_loss(train.labels, theirs.predict_proba(scaled.train.inputs))
    assert told["reference_train_log_loss"] == pytest.approx(own)
    # The least that any weights have on the training set.
    assert told["reference_train_log_loss"] < told["train_log_loss"]
    assert told["separable"] == 0
    assert told["bayes_accuracy"] == bayes_accuracy(1.5, None)


def test_the_border_of_the_delta_rule_is_at_one_half(data) -> None:
    trial = of("overlapping/adaline")[0]
    found = perceptron.run(trial, data)
    *slopes, offset = found.arrays["line"]
    test = perceptron._split(trial, data).test
    right = ((test.inputs @ slopes + offset > 0) == test.labels).mean()
    assert values(found)["test_accuracy"] == right


def test_halves_of_flowers_are_looked_at_in_all_columns_too(data) -> None:
    trial = of("virginica/logistic")[1]
    found = values(perceptron.run(trial, data))
    chance = generator("perceptron", 1, "virginica")
    every = halves(data, (1, 2), (0, 1, 2, 3), chance)
    assert (found["separable"], found["separable_in_all"]) == (0, separable(every.train))
    own = perceptron._split(trial, data)
    assert (every.rows == own.rows).all()
    assert (every.train.inputs[:, :2] == own.train.inputs).all()


def test_a_separable_set_ends_a_perceptron_s_mistakes(data) -> None:
    found = perceptron.run(of("separable/perceptron")[0], data)
    told, mistakes = values(found), found.curves["mistakes"]
    assert told["first_clean_epoch"] == mistakes.index(0) + 1
    assert told["changing"] == np.mean(np.array(mistakes) > 0)
    assert told["oscillation"] == 0
    assert set(found.arrays) == {"line"}
    busy = values(perceptron.run(of("virginica/perceptron")[0], data))
    assert (busy["first_clean_epoch"], busy["changing"]) == (None, 1)


def test_curves_and_pictures_are_kept_of_the_first_seed(data) -> None:
    found = perceptron.run_together(of("separable/logistic"), data)
    for kept in ("curves", "arrays"):
        assert [bool(getattr(one, kept)) for one in found] == [True, False, False, False]
    after = perceptron.run(of("separable/perceptron_sigmoid")[0], data)
    assert after.curves == {}


def test_ever_smaller_steps_come_to_the_library_s_weights(data) -> None:
    # Near enough for every seed's weights to be short.
    near = {"gaussians": {"overlapping": {"distance": 0.8, "margin": None}}}
    late = of("overlapping/limit", **near)
    found = [values(one) for one in perceptron.run_together(late, data)]
    assert max(one["weights_apart"] for one in found) < 0.02
    early = of("overlapping/limit", **near, limit={**SECTION["limit"], "epochs": 2})
    soon = [values(one) for one in perceptron.run_together(early, data)]
    assert min(one["weights_apart"] for one in soon) > 0.05
    assert all(one["train_log_loss"] >= one["reference_train_log_loss"] for one in found + soon)


def test_a_rate_that_is_too_large_diverges_and_says_when(data) -> None:
    found = perceptron.run(of("overlapping/adaline", learning_rate=1.0e6, epochs=20)[0], data)
    assert found.status == "diverged"
    assert found.detail["tensor"] == "weights"
    assert 1 < found.detail["epoch"] <= 20
    assert found.metrics["test_accuracy"].value == 0.5


def test_a_step_is_the_gradient_of_the_cross_entropy(data) -> None:
    found = perceptron.run_together(of("update"), data)
    assert max(one.metrics["largest_difference"].value for one in found) < 1e-14
    assert found[0].metrics["largest_difference"].n == 20
    assert found[0].metrics != found[1].metrics


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"gaussians": {"near": {"distance": -1.0, "margin": None}}},
            "gaussians.near.distance = -1.0: input should be greater than 0",
        ),
        (
            {"gaussians": {"near": {"distance": 1.0, "margin": 0.0}}},
            "gaussians.near.margin = 0.0: input should be greater than 0",
        ),
        (
            {"gaussians": {"near": {"distance": 1.0, "margin": 0.6}}},
            "gaussians.near.margin = 0.6: value error, expected at most half the distance, 0.5",
        ),
        ({"epochs": 0}, "epochs = 0: input should be greater than or equal to 1"),
        ({"train": 41}, "train = 41: input should be a multiple of 2"),
        (
            {"units": ["perceptron", "svm"]},
            "units.1 = 'svm': input should be 'perceptron', 'adaline', 'sigmoid_squared', "
            "'logistic' or 'perceptron_sigmoid'",
        ),
        (
            {"overlapping": ["setosa"]},
            "overlapping = ('setosa',): value error, expected some of separable, overlapping, "
            "virginica",
        ),
        (
            {"flowers": {"virginica": {"classes": [1, 1], "columns": [0, 1]}}, "overlapping": []},
            "flowers.virginica.classes = (1, 1): value error, expected two different ones",
        ),
    ],
)  # fmt: skip
def test_mistakes_in_params_are_one_line(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(RetrialError) as error:
        protocol(**changes)
    assert str(error.value).split(" (and ")[0] == f"params.yaml: perceptron.{told}"


def test_mistakes_in_a_profile_are_one_line() -> None:
    with pytest.raises(RetrialError) as error:
        validated(
            {"seeds": 0, "other_seeds": 1, "epochs_at_most": None},
            perceptron.Budget,
            "quick.yaml: perceptron",
        )
    told = "quick.yaml: perceptron.seeds = 0: input should be greater than or equal to 1"
    assert str(error.value) == told
