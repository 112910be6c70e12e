"""The study of report 001's losses on a made-up crew: its arms, their pairing, their numbers."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import brier_score_loss, log_loss
from wrong_sections import changed, refused

from retrial import titanic
from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.trial import Result, Trial
from retrial.studies import titanic_losses as study
from retrial.training.binary_losses import (
    evaluate_as_printed,
    fit,
    probability_of_one,
    targets_for,
)

ROWS = 60
SECTION: dict[str, Any] = {
    "hidden": 6,
    "hidden_layers": 1,
    "printed_hidden_layers": 2,
    "train_share": 0.75,
    "batch": 16,
    "epochs": 8,
    "rates": {"l1": 0.02, "mse": 0.05, "bce": 0.02, "nll": 0.05},
    "sequence": ["l1", "mse"],
}
BUDGET = study.Budget(seeds=2, compared_seeds=2, other_seeds=1)
ONE_OUTPUT_METRICS = {
    "validation_loss_as_printed",
    "validation_accuracy_as_printed",
    "validation_loss_broadcast",
    "train_spread",
    "train_separation",
}


def protocol(**changes: Any) -> study.Protocol:
    return validated({**SECTION, **changes}, study.Protocol, "params.yaml: titanic_losses")


@pytest.fixture(scope="module")
def data() -> Mapping[str, np.ndarray]:
    """Sixty passengers of whom nearly all women and few men survive."""
    chance = np.random.default_rng(0)
    table = np.zeros(ROWS, [("Pclass", int), ("Sex", "U6"), ("Age", float), ("Fare", float),
                            ("Survived", int)])  # fmt: skip
    female = np.arange(ROWS) % 5 < 2
    table["Pclass"] = chance.integers(1, 4, ROWS)
    table["Sex"] = np.where(female, "female", "male")
    table["Age"] = chance.uniform(1, 70, ROWS)
    table["Fare"] = chance.exponential(30, ROWS)
    table["Survived"] = np.where(chance.random(ROWS) < 0.1, ~female, female)
    return {"titanic_714": table}


def trial(arm: str, seed: int = 0, **changes: Any) -> Trial:
    found = study.trials(protocol(**changes), BUDGET)
    return next(one for one in found if (one.arm, one.seed) == (arm, seed))


def values(result: Result) -> dict[str, float | int | None]:
    return {name: metric.value for name, metric in result.metrics.items()}


def parts(data: Mapping[str, np.ndarray], seed: int) -> tuple[titanic.Part, titanic.Part]:
    return titanic.split(seed, titanic.passengers(data), SECTION["train_share"])


def test_arms_and_their_seeds() -> None:
    count: dict[str, int] = {}
    for one in study.trials(protocol(), BUDGET):
        count[one.arm] = count.get(one.arm, 0) + 1
    judged = ("l1/0.02", "mse/0.05", "bce/0.02", "nll/0.05", "mse/continued", "l1/broadcast",
              "mse/broadcast", "majority", "one_rule")  # fmt: skip
    others = ("l1/0.05", "mse/0.02", "bce/0.05", "nll/0.02", "mse/broadcast/continued")
    once = ("setup", "l1/printed", "mse/printed", "bce/printed", "nll/printed")
    assert count == dict.fromkeys(judged, 2) | dict.fromkeys((*others, *once), 1)
    assert study.skipped(protocol(), BUDGET) == []
    few = study.Budget(seeds=2, compared_seeds=3, other_seeds=0)
    assert set(study.skipped(protocol(), few)) == set(others)
    seeds = Counter(one.arm for one in study.trials(protocol(), few))
    # Of what is compared over seeds there may be more: the losses beside the sequence, baselines.
    assert {arm for arm, count in seeds.items() if count == 3} == {
        "bce/0.02", "nll/0.05", *study.BASELINES
    }  # fmt: skip
    assert all(one.whole for one in study.trials(protocol(), BUDGET))


def test_passengers_are_standardised_over_all_rows(data: Mapping[str, np.ndarray]) -> None:
    found, table = titanic.passengers(data), data["titanic_714"]
    assert found.features.dtype == np.float32
    raw = np.column_stack([table["Pclass"], table["Sex"] == "female", table["Age"], table["Fare"]])
    np.testing.assert_allclose(
        found.features, (raw - raw.mean(axis=0)) / raw.std(axis=0), rtol=1e-5, atol=1e-6
    )
    assert found.labels.tolist() == table["Survived"].tolist()


def test_a_split_takes_every_passenger_once(data: Mapping[str, np.ndarray]) -> None:
    train, validation = parts(data, 0)
    assert (len(train.labels), len(validation.labels)) == (45, 15)
    both = np.concatenate([train.features, validation.features])
    everyone = titanic.passengers(data).features
    assert sorted(map(tuple, both.tolist())) == sorted(map(tuple, everyone.tolist()))
    assert parts(data, 1)[1].features.tolist() != validation.features.tolist()


def test_arms_of_a_seed_share_weights_and_orders() -> None:
    config = trial("l1/0.02").config
    one, two = (titanic.begun(0, config, outputs, 1) for outputs in (1, 2))
    torch.testing.assert_close(one[0].weight, two[0].weight, rtol=0, atol=0)
    torch.testing.assert_close(one[-1].weight[0], two[-1].weight[0], rtol=0, atol=0)
    other = titanic.begun(1, config, 1, 1)
    assert not torch.equal(one[0].weight, other[0].weight)
    first, again = (list(titanic.orders(0, 45, 3)) for _ in range(2))
    assert [order.tolist() for order in first] == [order.tolist() for order in again]
    assert first[0].tolist() != first[1].tolist()
    assert sorted(first[2].tolist()) == list(range(45))


@pytest.mark.parametrize("arm", ["mse/continued", "mse/broadcast"])
def test_a_network_is_trained_as_its_arm_says(arm: str, data: Mapping[str, np.ndarray]) -> None:
    one = trial(arm, 1)
    train, validation = parts(data, 1)
    network = titanic.begun(1, one.config, 1, 1)
    losses = []
    for loss, rate in (("l1", 0.02), ("mse", 0.05)):
        if loss == "l1" and arm == "mse/broadcast":
            continue
        orders = titanic.orders(1, len(train.labels), SECTION["epochs"])
        aims = targets_for(loss, train.labels)
        inputs = torch.from_numpy(train.features)
        losses += fit(network, loss, rate, inputs, aims, orders, 16, arm == "mse/broadcast").losses
    result = study.run(one, data)
    assert result.metrics["train_loss"] == (losses[-1], len(train.labels))
    inputs = torch.from_numpy(validation.features)
    outputs = network(inputs).detach()
    own = probability_of_one("mse", outputs.numpy())
    told = values(result)
    assert told["validation_accuracy"] == np.mean((own > 0.5) == validation.labels)
    assert told["validation_brier"] == pytest.approx(brier_score_loss(validation.labels, own))
    aims = targets_for("mse", validation.labels)
    as_printed = evaluate_as_printed(network, "mse", inputs, aims, 16)
    assert told["validation_loss_as_printed"] == as_printed[0]
    assert told["validation_accuracy_as_printed"] == as_printed[1]
    # One batch holds all 15.
    assert told["validation_loss"] == pytest.approx(torch.mean((outputs - aims) ** 2).item())
    all_pairs = torch.mean((outputs - aims.view(-1)) ** 2).item()
    assert told["validation_loss_broadcast"] == pytest.approx(all_pairs)
    on_train = network(torch.from_numpy(train.features)).detach().numpy()[:, 0].astype(float)
    apart = on_train[train.labels == 1].mean() - on_train[train.labels == 0].mean()
    assert told["train_separation"] == pytest.approx(apart)
    assert told["train_spread"] == pytest.approx(on_train.std())


@pytest.mark.parametrize("arm", ["bce/0.02", "nll/0.05"])
def test_probabilities_are_scored_as_by_scikit_learn(
    arm: str, data: Mapping[str, np.ndarray]
) -> None:
    result = study.run(trial(arm), data)
    labels = parts(data, 0)[1].labels
    given = result.arrays["given"].astype(float)
    survival = np.where(labels == 1, given, 1 - given)
    told = values(result)
    # `given` has the three digits of a half-precision number.
    assert told["validation_nll"] == pytest.approx(log_loss(labels, survival), rel=1e-2)
    assert told["validation_brier"] == pytest.approx(brier_score_loss(labels, survival), rel=1e-2)
    assert told["validation_loss"] == pytest.approx(told["validation_nll"], rel=1e-4)
    assert told["validation_accuracy"] == np.mean(given > 0.5)
    assert not ONE_OUTPUT_METRICS & set(told)
    assert "outputs" not in result.arrays


def test_the_first_seed_keeps_its_outputs(data: Mapping[str, np.ndarray]) -> None:
    first, second = (study.run(trial("l1/0.02", seed), data) for seed in (0, 1))
    outputs, labels = first.arrays["outputs"]
    assert labels.tolist() == parts(data, 0)[1].labels.tolist()
    clipped = np.clip(outputs, 0, 1)
    given = np.where(labels == 1, clipped, 1 - clipped)
    np.testing.assert_allclose(first.arrays["given"], given, atol=1e-3)
    assert "outputs" not in second.arrays
    assert set(values(second)) >= ONE_OUTPUT_METRICS


def test_baselines_by_hand(data: Mapping[str, np.ndarray]) -> None:
    train, validation = parts(data, 0)
    found = {name: study.run(trial(name), data) for name in study.BASELINES}
    told = values(found["majority"])
    assert train.labels.mean() < 0.5
    assert told["train_accuracy"] == pytest.approx(1 - train.labels.mean())
    assert told["validation_accuracy"] == pytest.approx(1 - validation.labels.mean())
    rate = train.labels.mean()
    entropy = -np.mean(np.where(validation.labels == 1, np.log(rate), np.log(1 - rate)))
    assert told["validation_nll"] == pytest.approx(entropy)
    # On these passengers the best single threshold is that between men and women.
    female = validation.features[:, 1] > 0
    right = np.mean(female == validation.labels)
    assert values(found["one_rule"])["validation_accuracy"] == pytest.approx(right)


def test_the_setup_counts_rows_and_hidden_layers(data: Mapping[str, np.ndarray]) -> None:
    assert values(study.run(trial("setup"), data)) == {
        "rows": 60,
        "train_size": 45,
        "validation_size": 15,
        "hidden_layers": 1,
        "printed_hidden_layers": 2,
    }


def test_of_the_printed_loop_two_losses_raise(data: Mapping[str, np.ndarray]) -> None:
    found = {loss: study.run(trial(f"{loss}/printed"), data) for loss in SECTION["rates"]}
    told = {loss: values(result) for loss, result in found.items()}
    assert {loss: one["raises"] for loss, one in told.items()} == {
        "l1": 0, "mse": 0, "bce": 1, "nll": 1,
    }  # fmt: skip
    assert {loss: one["warns"] for loss, one in told.items()} == {
        "l1": 1, "mse": 1, "bce": 0, "nll": 0,
    }  # fmt: skip
    assert told["nll"]["raises_with_whole_targets"] == 1
    assert found["nll"].detail["float"]["kind"] == "RuntimeError"
    assert found["nll"].detail["whole"]["message"] == "Target 1 is out of bounds."


def test_same_trial_same_bytes(data: Mapping[str, np.ndarray]) -> None:
    first, again = (study.run(trial("nll/0.05", 1), data) for _ in range(2))
    assert first.metrics == again.metrics
    assert first.arrays["given"].tobytes() == again.arrays["given"].tobytes()


def test_a_network_that_diverges_is_a_result(data: Mapping[str, np.ndarray]) -> None:
    rates = {"l1": 0.02, "mse": 1e30, "bce": 0.02, "nll": 0.05}
    result = study.run(trial("mse/continued", rates=rates), data)
    assert result.status == "diverged"
    assert result.detail["tensor"] == "loss"
    assert values(result)["train_loss"] is None
    kept = study.run(trial("mse/continued"), data)
    assert set(result.metrics) == set(kept.metrics)


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        ("hidden", 0, "hidden = 0: input should be greater than or equal to 1"),
        ("rates.l1", 0.0, "rates.l1 = 0.0: input should be greater than 0"),
        ("rates.mse", -0.01, "rates.mse = -0.01: input should be greater than 0"),
        (
            "rates.huber",
            0.01,
            "rates.huber.[key] = 'huber': input should be 'l1', 'mse', 'bce' or 'nll'",
        ),
        ("sequence", ["l1", "bce"], "sequence.1 = 'bce': input should be 'l1' or 'mse'"),
        (
            "sequence",
            ["l1", "l1"],
            "sequence = ('l1', 'l1'): value error, expected each loss once",
        ),
        ("train_share", 1.0, "train_share = 1.0: input should be less than 1"),
        ("batch", 0, "batch = 0: input should be greater than or equal to 1"),
    ],
)
def test_a_mistake_in_params_is_one_line(keys: str, value: Any, said: str, tmp_path: Path) -> None:
    wrong = changed(SECTION, keys, value)
    assert refused(tmp_path, "titanic_losses", wrong, study.Protocol) == said


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (
            {"seeds": 0, "compared_seeds": 1, "other_seeds": 0},
            "seeds = 0: input should be greater than or equal to 1",
        ),
        (
            {"seeds": 1, "compared_seeds": 1, "other_seeds": -1},
            "other_seeds = -1: input should be greater than or equal to 0",
        ),
    ],
)
def test_a_mistake_in_a_budget_is_one_line(
    budget: dict[str, int], said: str, tmp_path: Path
) -> None:
    assert refused(tmp_path, "titanic_losses", budget, study.Budget) == said


def test_a_sequence_of_a_loss_without_a_rate_is_one_line() -> None:
    with pytest.raises(RetrialError) as caught:
        study.arms(protocol(rates={"l1": 0.02}))
    assert str(caught.value) == (
        "params.yaml: titanic_losses.sequence.1 = 'mse': expected one of the losses of "
        "titanic_losses.rates, l1"
    )


def test_a_split_without_a_class_is_one_line(data: Mapping[str, np.ndarray]) -> None:
    nobody = data["titanic_714"].copy()
    nobody["Survived"] = 0
    with pytest.raises(RetrialError) as caught:
        study.run(trial("majority", 1), {"titanic_714": nobody})
    assert str(caught.value) == (
        "params.yaml: titanic_losses.train_share = 0.75: seed 1 leaves no passenger of class 1 in "
        "the training part, expected both classes in each"
    )
    with pytest.raises(RetrialError, match="of class 0 in the training part"):
        study.run(trial("majority", 1, train_share=0.01), data)
    with pytest.raises(RetrialError, match="in the validation part"):
        study.run(trial("majority", 1, train_share=0.99), data)
