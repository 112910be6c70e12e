import re

import numpy as np
import pytest
from tiny_digits import tiny_digits

from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.trial import Trial
from retrial.digit_networks import build, labelled
from retrial.running.store import pack
from retrial.studies import mse_mlp
from retrial.studies.mse_mlp import Budget, Protocol

SECTION = {
    "batch": 8,
    "small": {"hidden": [6], "epochs": 3},
    "deep": {"hidden": [12, 8], "epochs": 4},
    "dropout": {"rate": 0.5, "epochs": 2},
    "initialiser": "glorot_uniform",
    "inputs": "unit",
    "learning_rate": {"small": 0.2, "deep": 0.5},
    "grid": {
        "initialisers": ["glorot_uniform", "default"],
        "rates": [0.1, 0.5],
        "learning_rate": {"mse": 0.5, "ce": 0.05},
    },
    "grid_epochs": 2,
    "noise_levels": [0.0, 0.2, 0.4],
    "sizes": [40, 160],
    "overfit_epochs": 2,
    "overfit_epochs_at_most": 5,
}
PROTOCOL = validated(SECTION, Protocol, "mse_mlp")
SEEDS = {"seeds": 2, "deep_seeds": 2, "dropout_seeds": 3, "grid_seeds": 1, "overfit_seeds": 2}
WHOLE = Budget(**SEEDS, epochs_at_most={}, train_at_most=None)
COMMON = {
    "train_loss", "train_accuracy", "test_loss", "test_accuracy", "gap", "masked_train_accuracy",
    "masked_test_accuracy", "predicted_classes", *(f"share_{k}" for k in range(10)),
    *(f"masked_share_{k}" for k in range(10)),
}  # fmt: skip
CURVES = {"running_loss", "running_accuracy", "test_loss", "test_accuracy"}


def tiny():
    return {
        **tiny_digits(160, 50),
        "train": np.arange(160, dtype=np.int32),
        "test": np.arange(50, dtype=np.int32),
    }


def trial(arm, seed=0, budget=WHOLE) -> Trial:
    return next(t for t in mse_mlp.trials(PROTOCOL, budget) if (t.arm, t.seed) == (arm, seed))


def values(arm, seed=0, budget=WHOLE):
    result = mse_mlp.run(trial(arm, seed, budget), tiny())
    return {name: metric.value for name, metric in result.metrics.items()}


def given_labels(arm, seed=0):
    """The labels that an arm learns from."""
    config = trial(arm, seed).config
    right = mse_mlp._training(config, seed, tiny()).labels
    return right, mse_mlp._mislabelled(right, config, seed)


def test_every_arm_has_the_seeds_of_its_group():
    listed = mse_mlp.trials(PROTOCOL, WHOLE)
    seeds = {arm: [t.seed for t in listed if t.arm == arm] for arm in (t.arm for t in listed)}
    assert len(listed) == sum(len(found) for found in seeds.values())
    assert seeds["sigmoid"] == seeds["relu"] == seeds["deep"] == [0, 1]
    assert seeds["dropout"] == seeds["dropout/unscaled"] == [0, 1, 2]
    grid = [arm for arm in seeds if arm.startswith("grid/")]
    assert len(grid) == 2 * 2 * 2 * 2
    assert "grid/unscaled/ce/default/0.5" in grid
    assert all(seeds[arm] == [0] for arm in grid)
    overfit = {arm for arm in seeds if arm.startswith(("noise/", "size/"))}
    assert overfit == {
        *(f"noise/{network}/{level}" for network in ("deep", "relu") for level in (0.0, 0.2, 0.4)),
        *(f"size/{network}/{size}" for network in ("deep", "relu") for size in (40, 160)),
    }
    assert all(t.whole for t in listed)
    assert mse_mlp.skipped(PROTOCOL, WHOLE) == []


def test_configs_say_what_distinguishes_the_arms():
    grid = trial("grid/unscaled/ce/default/0.1").config
    assert (grid["scaling"], grid["loss"], grid["initialiser"]) == ("unscaled", "ce", "default")
    assert (grid["rate"], grid["learning_rate"], grid["epochs"]) == (0.1, 0.05, 2)
    assert trial("grid/inverted/mse/default/0.1").config["learning_rate"] == 0.5
    dropout, deep, small = (trial(arm).config for arm in ("dropout", "deep", "sigmoid"))
    assert {key for key in deep if deep[key] != dropout[key]} == {"rate", "epochs"}
    assert trial("dropout/unscaled").config == dropout | {"scaling": "unscaled"}
    assert (small["hidden"], small["activation"], small["learning_rate"]) == ([6], "sigmoid", 0.2)


def test_groups_without_seeds_are_skipped_and_the_others_are_not():
    budget = Budget(
        **(SEEDS | {"grid_seeds": 0, "overfit_seeds": 0}), epochs_at_most={}, train_at_most=None
    )
    left = {t.arm for t in mse_mlp.trials(PROTOCOL, budget)}
    assert left == {"sigmoid", "relu", "deep", "dropout", "dropout/unscaled"}
    assert {*mse_mlp.skipped(PROTOCOL, budget), *left} == set(mse_mlp.arms(PROTOCOL))


def test_a_budget_that_cuts_a_group_says_so_of_that_group_only():
    budget = Budget(**SEEDS, epochs_at_most={"deep": 1, "noise": 2, "grid": 1}, train_at_most=None)
    cut = {t.arm for t in mse_mlp.trials(PROTOCOL, budget) if not t.whole}
    assert cut == {"deep", *(a for a in mse_mlp.arms(PROTOCOL) if a.startswith("grid/"))}
    assert trial("deep", budget=budget).config["epochs"] == 1
    assert trial("noise/deep/0.4", budget=budget).config["epochs"] == 2
    fewer = Budget(**SEEDS, epochs_at_most={}, train_at_most=100)
    assert not any(t.whole for t in mse_mlp.trials(PROTOCOL, fewer))


def test_heavy_arms_cost_more():
    costs = [trial(arm).cost for arm in ("deep", "grid/inverted/mse/default/0.5", "relu")]
    assert costs == sorted(costs, reverse=True)
    fewer = Budget(**SEEDS, epochs_at_most={}, train_at_most=100)
    assert trial("deep", budget=fewer).cost < trial("deep").cost


def test_fewer_images_are_seen_in_as_many_steps_within_the_limit():
    # 60,000 images in batches of 8 are 7,500 steps, of which an epoch of 12,000 makes 1,500.
    assert mse_mlp.size_epochs(PROTOCOL, 60_000) == 2
    longer = validated(SECTION | {"overfit_epochs_at_most": 100}, Protocol, "mse_mlp")
    assert mse_mlp.size_epochs(longer, 12_000) == 10
    assert mse_mlp.size_epochs(PROTOCOL, 12_000) == 5


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ({"dropout": {"rate": 1.0, "epochs": 2}}, "mse_mlp.dropout.rate = 1.0"),
        ({"dropout": {"rate": -0.1, "epochs": 2}}, "mse_mlp.dropout.rate = -0.1"),
        ({"deep": {"hidden": [12, 0], "epochs": 2}}, "mse_mlp.deep.hidden.1 = 0"),
        ({"initialiser": "xavier"}, "mse_mlp.initialiser = 'xavier'"),
        ({"inputs": "bytes"}, "mse_mlp.inputs = 'bytes'"),
        ({"noise_levels": [0.2, 1.5]}, "mse_mlp.noise_levels.1 = 1.5"),
        ({"sizes": [70_000]}, "mse_mlp.sizes.0 = 70000"),
        ({"learning_rate": {"small": 0.0, "deep": 0.5}}, "mse_mlp.learning_rate.small = 0.0"),
        ({"momentum": 0.9}, "mse_mlp.momentum = 0.9"),
    ],
)
def test_a_protocol_refuses_and_names_the_key(section, named):
    with pytest.raises(RetrialError, match=rf"^{re.escape(named)}: .+$"):
        validated(SECTION | section, Protocol, "mse_mlp")


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"grid_seeds": -1}, "mse_mlp.grid_seeds = -1"),
        ({"seeds": 0}, "mse_mlp.seeds = 0"),
        ({"epochs_at_most": {"grids": 1}}, "mse_mlp.epochs_at_most.grids"),
        ({"train_at_most": 0}, "mse_mlp.train_at_most = 0"),
    ],
)
def test_a_budget_refuses_and_names_the_key(part, named):
    with pytest.raises(RetrialError, match=f"^{re.escape(named)}"):
        validated(WHOLE.model_dump() | part, Budget, "mse_mlp")


@pytest.mark.parametrize(
    "arm", ["sigmoid", "deep", "dropout", "grid/unscaled/ce/default/0.5", "size/relu/40"]
)
def test_a_result_holds_what_is_promised(arm):
    result = mse_mlp.run(trial(arm), tiny())
    found = {name: metric.value for name, metric in result.metrics.items()}
    assert set(found) == COMMON
    assert set(result.curves) == CURVES
    assert {len(curve) for curve in result.curves.values()} == {trial(arm).config["epochs"]}
    assert found["gap"] == found["train_accuracy"] - found["test_accuracy"]
    assert found["test_accuracy"] == result.curves["test_accuracy"][-1]
    assert found["test_loss"] == result.curves["test_loss"][-1]
    predictions, correct = result.arrays["predictions"], result.arrays["correct"]
    assert predictions.dtype == correct.dtype == np.uint8
    assert correct.tolist() == (predictions == tiny()["test_labels"]).tolist()
    assert correct.mean() == found["test_accuracy"]
    for prefix in ("", "masked_"):
        assert sum(found[f"{prefix}share_{k}"] for k in range(10)) == pytest.approx(1)
    assert found["predicted_classes"] == sum(found[f"share_{k}"] > 0 for k in range(10))
    assert result.metrics["test_accuracy"].n == 50


def test_masks_change_what_a_network_with_dropout_predicts_and_no_other():
    for arm, same in (("deep", True), ("grid/inverted/mse/default/0.5", False)):
        found = values(arm)
        off, on = ([found[f"{p}share_{k}"] for k in range(10)] for p in ("", "masked_"))
        assert (off == on) is same
        assert same is (found["masked_train_accuracy"] == found["train_accuracy"])


def test_a_network_learns():
    longer = SECTION | {"small": {"hidden": [16], "epochs": 40}}
    protocol = validated(longer, Protocol, "mse_mlp")
    one = next(t for t in mse_mlp.trials(protocol, WHOLE) if t.arm == "relu")
    assert mse_mlp.run(one, tiny()).metrics["test_accuracy"].value > 0.9


@pytest.mark.parametrize(("level", "wrong"), [(0.0, 0), (0.2, 32), (0.4, 64)])
def test_the_share_of_wrong_labels_is_exact(level, wrong):
    right, given = given_labels(f"noise/relu/{level}")
    assert (right != given).sum() == wrong
    assert right.tolist() == tiny()["train_labels"].tolist()
    assert ((given >= 0) & (given < 10)).all()


def test_wrong_labels_of_one_level_are_wrong_at_the_next_and_for_every_network():
    right, few = given_labels("noise/relu/0.2")
    _, many = given_labels("noise/relu/0.4")
    _, other = given_labels("noise/deep/0.4")
    assert many.tolist() == other.tolist()
    touched = few != right
    assert many[touched].tolist() == few[touched].tolist()
    # Any other class may take the right one's place.
    assert len(set((many - right)[many != right] % 10)) > 3
    assert given_labels("noise/relu/0.4", seed=1)[1].tolist() != many.tolist()


def test_accuracy_on_wrong_labels_and_on_the_right_ones():
    longer = SECTION | {"overfit_epochs": 60, "overfit_epochs_at_most": 60}
    protocol = validated(longer, Protocol, "mse_mlp")
    noisy, pure = (
        mse_mlp.run(t, tiny()).metrics
        for arm in ("noise/relu/0.4", "noise/relu/0.0")
        for t in mse_mlp.trials(protocol, WHOLE)
        if (t.arm, t.seed) == (arm, 0)
    )
    assert pure["clean_train_accuracy"] == pure["train_accuracy"]
    # The wrong labels have nothing to do with the image, the right ones have.
    assert noisy["clean_train_accuracy"].value > noisy["train_accuracy"].value


def test_sizes_are_nested_and_the_whole_set_is_the_network_without_noise():
    data = tiny()
    few, many = (
        mse_mlp._training(trial(f"size/deep/{size}").config, 0, data) for size in (40, 160)
    )
    assert (len(few.labels), len(many.labels)) == (40, 160)
    assert many.inputs.tolist() == labelled(data, "train", "unit").inputs.tolist()
    whole = {tuple(row) for row in many.inputs.tolist()}
    assert {tuple(row) for row in few.inputs.tolist()} <= whole
    middle = mse_mlp._training(trial("size/deep/40").config | {"train_size": 90}, 0, data)
    assert {tuple(r) for r in few.inputs.tolist()} < {tuple(r) for r in middle.inputs.tolist()}
    other = mse_mlp._training(trial("size/deep/40").config, 1, data)
    assert other.inputs.tolist() != few.inputs.tolist()


def test_a_budget_of_images_bounds_the_sizes():
    budget = Budget(**SEEDS, epochs_at_most={}, train_at_most=100)
    config = trial("size/relu/160", budget=budget).config
    assert len(mse_mlp._training(config, 0, tiny()).labels) == 100


def test_arms_of_a_seed_share_draws_and_seeds_differ():
    configs = [trial(arm).config for arm in ("deep", "dropout", "grid/unscaled/ce/default/0.1")]
    deep, dropout, default = (build(config, 16, mse_mlp.NAME, 0) for config in configs)
    assert deep.parameters.tolist() == dropout.parameters.tolist()
    # The other uniform initialiser is the same draw on another scale.
    ratio = default.weights[0] / deep.weights[0]
    assert ratio.max() == pytest.approx(ratio.min(), rel=1e-5)
    other = build(configs[0], 16, mse_mlp.NAME, 1)
    assert (deep.weights[0] != other.weights[0]).all()


def test_arms_of_a_seed_share_masks():
    configs = [trial(f"grid/{kind}/default/0.5").config for kind in ("inverted/mse", "unscaled/ce")]
    ones = np.ones((5, 12), np.float32)
    masks = []
    for config in configs:
        layer = build(config, 16, mse_mlp.NAME, 0).dropout[0]
        masks.append(layer.forward(ones) > 0)
    assert (masks[0] == masks[1]).all()
    assert 0 < masks[0].mean() < 1


def test_networks_that_differ_in_nothing_but_their_arm_are_the_same():
    whole, pure = values("size/relu/160"), values("noise/relu/0.0")
    epochs = {trial(arm).config["epochs"] for arm in ("size/relu/160", "noise/relu/0.0")}
    assert epochs == {5, 2}
    one = trial("size/relu/160")
    shortened = Trial(one.study, one.arm, one.seed, one.config | {"epochs": 2})
    again = {name: m.value for name, m in mse_mlp.run(shortened, tiny()).metrics.items()}
    assert again == {name: value for name, value in pure.items() if name in COMMON}
    assert again != whole


def test_a_network_that_diverges_says_where_and_is_decided():
    wild = SECTION | {"learning_rate": {"small": 1e20, "deep": 1e20}}
    protocol = validated(wild, Protocol, "mse_mlp")
    one = next(t for t in mse_mlp.trials(protocol, WHOLE) if t.arm == "relu")
    result = mse_mlp.run(one, tiny())
    assert (result.status, result.decided) == ("diverged", True)
    assert result.detail["epoch"] == 1
    assert result.metrics["train_loss"].value is None
    assert result.metrics["predicted_classes"].value == 1
    cut = Budget(**SEEDS, epochs_at_most={}, train_at_most=100)
    one = next(t for t in mse_mlp.trials(protocol, cut) if t.arm == "relu")
    assert not mse_mlp.run(one, tiny()).decided


@pytest.mark.parametrize("arm", ["sigmoid", "dropout", "noise/deep/0.4", "size/relu/40"])
def test_the_same_trial_gives_the_same_bytes(arm):
    one, other = (pack(mse_mlp.run(trial(arm), tiny()), 0.0) for _ in range(2))
    assert one == other
    assert one != pack(mse_mlp.run(trial(arm, seed=1), tiny()), 0.0)
