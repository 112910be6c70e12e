"""The study of the two losses on small digits: its arms, its pairing, what it picks and tests."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from programs import PROFILES, configured
from sklearn.metrics import average_precision_score
from tiny_digits import mnist_shaped
from wrong_sections import changed, refused

from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.trial import Result, Trial
from retrial.digit_draws import Parts, balanced_parts, imbalanced_parts
from retrial.nets.brier import SoftmaxBrier
from retrial.running.store import pack
from retrial.studies import cross_entropy
from retrial.training.ladder import descend, logits_of
from retrial.training.sgd import Labelled

SECTION: dict[str, Any] = {
    "hidden": [12],
    "batch": 20,
    "learning_rates": [0.001, 0.1, 0.3],
    "checks": [0.2, 0.5],
    "balanced": {"train": 200, "validation": 100, "epochs": 3},
    "imbalanced": {
        "train": 50, "validation": 30, "epochs": 4, "common": 3, "rare": 5, "rare_share": 0.1,
    },
    "wrong": {"confidence": 0.99, "watched": 60, "epochs": 8},
    "confidence": {"highest": 15.0, "points": 31},
    "formulas": {"draws": 2, "samples": 30},
}  # fmt: skip
TASKS = ("balanced", "imbalanced", "wrong")
TEST = 100


@pytest.fixture(scope="module")
def data() -> dict[str, np.ndarray]:
    return mnist_shaped(900, TEST)


def protocol(**changes: Any) -> cross_entropy.Protocol:
    return validated({**SECTION, **changes}, cross_entropy.Protocol, "params.yaml: cross_entropy")


def budget(**changes: Any) -> cross_entropy.Budget:
    whole = {"seeds": 2, "train_at_most": None, "test_at_most": None, "epochs_at_most": None}
    return cross_entropy.Budget.model_validate(whole | changes)


def trial(arm: str, seed: int = 0, **changes: Any) -> Trial:
    found = cross_entropy.trials(protocol(**changes), budget())
    return next(one for one in found if (one.arm, one.seed) == (arm, seed))


@pytest.fixture(scope="module")
def results(data: dict[str, np.ndarray]) -> dict[str, Result]:
    """One result of every arm, for the tests that only look at it."""
    return {arm: cross_entropy.run(trial(arm), data) for arm in cross_entropy.arms(protocol())}


def values(result: Result) -> dict[str, float | int | None]:
    return {name: metric.value for name, metric in result.metrics.items()}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_runs_every_arm(profile: str) -> None:
    stated, given = configured(cross_entropy, profile)
    listed = cross_entropy.trials(stated, given)
    assert {one.arm for one in listed} == set(cross_entropy.arms(stated))
    assert cross_entropy.skipped(stated, given) == []
    assert all(one.whole for one in listed) == (profile == "paper")
    assert given.seeds >= 10 or profile != "paper"


def test_arms_without_chance_have_one_trial_and_are_never_cut() -> None:
    found = cross_entropy.trials(protocol(), budget(train_at_most=100, test_at_most=50))
    assert [one.seed for one in found if one.arm == "balanced/squared_error"] == [0, 1]
    alone = [one for one in found if "/" not in one.arm]
    assert [(one.arm, one.seed, one.whole) for one in alone] == [
        ("confidence", 0, True),
        ("formulas", 0, True),
    ]


@pytest.mark.parametrize(
    ("cut", "whole"),
    [
        ({}, (True, True)),
        ({"train_at_most": 50}, (False, True)),
        ({"train_at_most": 40}, (False, False)),
        ({"test_at_most": 50}, (False, False)),
        ({"epochs_at_most": 3}, (True, False)),
    ],
)
def test_a_trial_is_whole_where_nothing_of_it_is_cut(
    cut: dict[str, int], whole: tuple[bool, bool]
) -> None:
    found = {one.arm: one.whole for one in cross_entropy.trials(protocol(), budget(**cut))}
    assert (found["balanced/cross_entropy"], found["imbalanced/squared_error"]) == whole


def test_fewer_images_are_cut_alike() -> None:
    found = cross_entropy.trials(protocol(), budget(train_at_most=20))
    sizes = {one.arm: (one.config["train"], one.config["validation"]) for one in found[:-2]}
    assert sizes["balanced/cross_entropy"] == (20, 10)
    assert sizes["imbalanced/cross_entropy"] == (20, 12)


def trained(config: dict[str, Any], rate: float, parts: Parts) -> tuple[np.ndarray, np.ndarray]:
    """Logits of validation and test images after training at one rate, without a ladder."""
    classes = 10 if config["task"] == "balanced" else 2
    network = cross_entropy.network_of(config, 0, 784, classes)
    last = config["epochs"] * -(-config["train"] // config["batch"])
    orders = cross_entropy._orders(0, config["train"])
    list(descend(network, parts.train, orders, config["batch"], rate, [last]))
    return tuple(logits_of(network, part.inputs) for part in (parts.validation, parts.test))  # type: ignore[return-value]


@pytest.mark.parametrize("loss", cross_entropy.LOSSES)
def test_the_best_rate_on_validation_images_is_tested(
    loss: str, results: dict[str, Result], data: dict[str, np.ndarray]
) -> None:
    arm = f"balanced/{loss}"
    config, result = trial(arm).config, results[arm]
    parts = balanced_parts("cross_entropy", 0, config, data)
    found = [trained(config, rate, parts) for rate in config["learning_rates"]]
    scores = [np.mean(one.argmax(axis=1) == parts.validation.labels) for one, _ in found]
    np.testing.assert_array_equal(result.arrays["validation"], scores)
    best = int(np.argmax(scores))
    told = values(result)
    assert told["picked_rate"] == config["learning_rates"][best]
    assert told["picked_end"] == (best in (0, 2))
    correct = found[best][1].argmax(axis=1) == parts.test.labels
    np.testing.assert_array_equal(np.unpackbits(result.arrays["correct_bits"], count=TEST), correct)
    assert told["test_accuracy"] == correct.mean()
    assert result.metrics["test_accuracy"].n == TEST


@pytest.mark.parametrize("loss", cross_entropy.LOSSES)
def test_a_rare_digit_picks_by_average_precision(
    loss: str, results: dict[str, Result], data: dict[str, np.ndarray]
) -> None:
    arm = f"imbalanced/{loss}"
    config, result = trial(arm).config, results[arm]
    parts = imbalanced_parts("cross_entropy", 0, config, data)
    found = [trained(config, rate, parts) for rate in config["learning_rates"]]
    scores = [
        average_precision_score(parts.validation.labels, np.diff(one.astype(float))[:, 0])
        for one, _ in found
    ]
    np.testing.assert_allclose(result.arrays["validation"], scores)
    test = found[int(np.argmax(scores))][1].astype(float)
    expected = average_precision_score(
        parts.test.labels, np.diff(test)[:, 0], sample_weight=parts.weights
    )
    assert values(result)["test_pr_auc"] == pytest.approx(expected)


@pytest.mark.parametrize("task", TASKS[:2])
def test_curves_end_where_the_metrics_are(task: str, results: dict[str, Result]) -> None:
    for loss in cross_entropy.LOSSES:
        result = results[f"{task}/{loss}"]
        epochs = result.curves["epochs"]
        assert epochs[-1] == pytest.approx(SECTION[task]["epochs"], rel=0.25)
        assert {len(curve) for curve in result.curves.values()} == {len(epochs)}
        for name, curve in result.curves.items():
            assert name == "epochs" or curve[-1] == result.metrics[name].value
        assert set(result.metrics) == {
            "picked_rate", "picked_end", "diverged_rates", *cross_entropy.TESTED[task]
        }  # fmt: skip


def test_speed_is_the_first_check_near_the_end(results: dict[str, Result]) -> None:
    result = results["balanced/cross_entropy"]
    accuracy = [one or 0 for one in result.curves["test_accuracy"]]
    first = next(i for i, one in enumerate(accuracy) if one >= 0.9 * accuracy[-1])
    assert values(result)["epochs_to_90"] == result.curves["epochs"][first]


def test_both_losses_share_draws_beginnings_and_orders(data: dict[str, np.ndarray]) -> None:
    for task in TASKS[:2]:
        configs = [trial(f"{task}/{loss}").config for loss in cross_entropy.LOSSES]
        draw = balanced_parts if task == "balanced" else imbalanced_parts
        first, second = (draw("cross_entropy", 0, config, data) for config in configs)
        np.testing.assert_array_equal(first.train.inputs, second.train.inputs)
        networks = [cross_entropy.network_of(config, 0, 784, 10) for config in configs]
        np.testing.assert_array_equal(networks[0].parameters, networks[1].parameters)
        assert [isinstance(one.loss, SoftmaxBrier) for one in networks] == [False, True]
    other = cross_entropy.network_of(configs[0], 1, 784, 10)
    assert not np.array_equal(networks[0].parameters, other.parameters)


def test_a_network_that_begins_wrong_is_sure_of_one_class(
    results: dict[str, Result], data: dict[str, np.ndarray]
) -> None:
    steps = {}
    for loss in cross_entropy.LOSSES:
        result = results[f"wrong/{loss}"]
        told, half_way = values(result), result.arrays["half_way"]
        assert told["start_confidence"] == pytest.approx(0.99, abs=0.01)
        # One class for all of sixty images, six of each digit or so.
        assert told["start_accuracy"] == pytest.approx(0.1, abs=0.07)
        assert told["half_way"] == np.nanmin(half_way)
        assert told["fastest_rate"] == SECTION["learning_rates"][int(np.nanargmin(half_way))]
        steps[loss] = half_way
    # The lowest rate gets nowhere in these few steps.
    assert np.isnan(steps["cross_entropy"][0])
    assert (steps["cross_entropy"][1:] < steps["squared_error"][1:]).all()


def test_half_of_what_lacks_at_the_start_is_half_way(data: dict[str, np.ndarray]) -> None:
    arm = "wrong/cross_entropy"
    config, result = trial(arm).config, cross_entropy.run(trial(arm), data)
    parts = balanced_parts("cross_entropy", 0, config, data)
    watched = Labelled(*(part[:60] for part in parts.validation))
    network = cross_entropy.network_of(config, 0, 784, 10)
    chance = cross_entropy.generator("cross_entropy", 0, "wrong")
    network.biases[-1][chance.integers(10)] = np.log(0.99 / 0.01 * 9)

    def accuracy() -> float:
        found = logits_of(network, watched.inputs).argmax(axis=1)
        return float(np.mean(found == watched.labels))

    start = accuracy()
    at = int(result.arrays["half_way"][2])
    orders = cross_entropy._orders(0, 200)
    seen = [
        accuracy() for _ in descend(network, parts.train, orders, 20, 0.3, list(range(1, at + 1)))
    ]
    assert seen[-1] >= (1 + start) / 2
    assert seen[0] < (1 + start) / 2


def test_shapes_and_formulas(results: dict[str, Result]) -> None:
    shapes = results["confidence"]
    assert {name: array.shape for name, array in shapes.arrays.items()} == {
        "logit": (31,), "probability": (31,), "cross_entropy": (2, 31), "squared_error": (2, 31),
    }  # fmt: skip
    # At one half: ln 2 and 1/4, with derivatives of 1/2 and 1/4.
    assert shapes.arrays["cross_entropy"][:, 0] == pytest.approx([np.log(2), 0.5])
    assert shapes.arrays["squared_error"][:, 0] == pytest.approx([0.25, 0.25])
    formulas = results["formulas"]
    told = values(formulas)
    assert told.pop("decimals") == 12
    assert {formulas.metrics[name].n for name in told} == {60}
    assert max(value or 0 for value in told.values()) < 1e-9


@pytest.mark.parametrize("arm", ["balanced/squared_error", "imbalanced/cross_entropy", "formulas"])
def test_the_same_trial_has_the_same_bytes(
    arm: str, results: dict[str, Result], data: dict[str, np.ndarray]
) -> None:
    assert pack(cross_entropy.run(trial(arm), data), 0.0) == pack(results[arm], 0.0)


@pytest.mark.parametrize("task", TASKS[:2])
def test_a_rate_that_diverges_is_not_picked(task: str, data: dict[str, np.ndarray]) -> None:
    one = trial(f"{task}/cross_entropy", learning_rates=[0.1, 0.2, 1e30])
    result = cross_entropy.run(one, data)
    assert np.isnan(result.arrays["validation"]).tolist() == [False, False, True]
    assert (result.status, values(result)["diverged_rates"]) == ("ok", 1)


@pytest.mark.parametrize("task", TASKS[:2])
def test_a_trial_that_diverges_at_every_rate_says_so(
    task: str, data: dict[str, np.ndarray]
) -> None:
    result = cross_entropy.run(trial(f"{task}/squared_error", learning_rates=[1e29, 1e30]), data)
    assert result.status == "diverged"
    assert values(result)["diverged_rates"] == 2
    assert {values(result)[name] for name in cross_entropy.TESTED[task]} == {None}
    assert result.detail["tensor"] == "loss"


def test_a_network_that_never_gets_half_way_has_no_number(data: dict[str, np.ndarray]) -> None:
    result = cross_entropy.run(trial("wrong/squared_error", learning_rates=[1e-6, 1e-5]), data)
    assert (values(result)["half_way"], values(result)["fastest_rate"]) == (None, None)
    assert np.isnan(result.arrays["half_way"]).all()


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        ("imbalanced.rare_share", 0.0, "= 0.0: input should be greater than 0"),
        ("imbalanced.rare_share", 1.0, "= 1.0: input should be less than 1"),
        (
            "imbalanced.rare_share",
            0.001,
            "= 0.001: value error, expected an image of either digit among 30 for validation",
        ),
        (
            "imbalanced.rare",
            3,
            "= 3: value error, expected another digit than the common one",
        ),
        ("imbalanced.common", 10, "= 10: input should be less than 10"),
        (
            "balanced.validation",
            200,
            "= 200: value error, expected fewer validation images than the 200 of training",
        ),
        (
            "learning_rates",
            [0.1],
            "= (0.1,): value error, expected at least two rates, ascending, each once",
        ),
        (
            "learning_rates",
            [0.2, 0.1],
            "= (0.2, 0.1): value error, expected at least two rates, ascending, each once",
        ),
        ("wrong.confidence", 1.0, "= 1.0: input should be less than 1"),
        ("checks", [0.0], ".0 = 0.0: input should be greater than 0"),
        ("batch", 1001, "= 1001: input should be less than or equal to 1000"),
    ],
)
def test_mistakes_in_params_are_told_in_one_line(
    keys: str, value: Any, said: str, tmp_path: Path
) -> None:
    content = changed(SECTION, keys, value)
    found = refused(tmp_path, "cross_entropy", content, cross_entropy.Protocol)
    join = "" if said.startswith(".") else " "
    assert found == f"{keys}{join}{said}"


@pytest.mark.parametrize("rate", [0.0, -0.1, float("inf")])
def test_a_rate_that_is_none_is_refused(rate: float, tmp_path: Path) -> None:
    content = changed(SECTION, "learning_rates", [rate, 0.1])
    found = refused(tmp_path, "cross_entropy", content, cross_entropy.Protocol)
    assert found.startswith(f"learning_rates.0 = {rate}: input should be ")


def test_a_budget_that_leaves_a_digit_out_is_told() -> None:
    with pytest.raises(RetrialError) as error:
        cross_entropy.trials(protocol(), budget(train_at_most=5))
    assert str(error.value) == (
        "cross_entropy.train_at_most = 5: leaves a digit of the imbalanced arms without a "
        "validation image, expected more of the 50 images"
    )


def test_a_budget_without_seeds_is_refused(tmp_path: Path) -> None:
    content = budget().model_dump() | {"seeds": 0}
    found = refused(tmp_path, "cross_entropy", content, cross_entropy.Budget)
    assert found == "seeds = 0: input should be greater than or equal to 1"
