import re

import numpy as np
import pytest
from tiny_clothes import SIDE, tiny_clothes

from retrial import fashion
from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.trial import Trial
from retrial.images import edge_ratio, structural_similarity
from retrial.nets.library_mlp import LibraryNetwork
from retrial.running.store import pack
from retrial.studies import autoencoder
from retrial.studies.autoencoder import Budget, Protocol
from retrial.training.library_fit import fit

SECTION = {
    "hidden": [12, 4, 12],
    "batch": 20,
    "solver": "adam",
    "learning_rate": 1e-3,
    "epochs": 3,
    "sweep": [2e-3, 5e-3],
    "converged": {"learning_rate": 5e-3, "epochs": 40},
}
PROTOCOL = validated(SECTION, Protocol, "autoencoder")
SEEDS = {"seeds": 2, "sweep_seeds": 1, "converged_seeds": 1}
WHOLE = Budget(**SEEDS, epochs_at_most=None, train_at_most=None)
PARTS = ("train", "validation", "test")
METRICS = {
    *(f"{part}_mse" for part in PARTS), "validation_ssim", "validation_edges",
    "validation_variance_explained", "dead_units",
}  # fmt: skip


def trial(arm, seed=0, budget=WHOLE, protocol=PROTOCOL) -> Trial:
    return next(t for t in autoencoder.trials(protocol, budget) if (t.arm, t.seed) == (arm, seed))


def values(result):
    return {name: metric.value for name, metric in result.metrics.items()}


def test_every_arm_has_the_seeds_of_its_group():
    listed = autoencoder.trials(PROTOCOL, WHOLE)
    seeds = {arm: [t.seed for t in listed if t.arm == arm] for arm in (t.arm for t in listed)}
    assert seeds == {
        "relu": [0, 1],
        "identity": [0, 1],
        "rate/relu/0.002": [0],
        "rate/relu/0.005": [0],
        "rate/identity/0.002": [0],
        "rate/identity/0.005": [0],
        "converged/relu": [0],
        "converged/identity": [0],
        "pca": [0],
    }
    assert all(t.whole for t in listed)
    assert autoencoder.skipped(PROTOCOL, WHOLE) == []
    assert trial("converged/relu").config["epochs"] == 40
    assert trial("rate/relu/0.005").config["learning_rate"] == 0.005
    assert trial("converged/relu").cost > trial("relu").cost > 0


def test_a_budget_leaves_out_groups_and_cuts_what_it_says():
    budget = Budget(seeds=1, sweep_seeds=0, converged_seeds=0, epochs_at_most=2, train_at_most=None)
    listed = autoencoder.trials(PROTOCOL, budget)
    assert {t.arm: t.whole for t in listed} == {"relu": False, "identity": False, "pca": True}
    assert trial("relu", budget=budget).config["epochs"] == 2
    left = {t.arm for t in listed}
    assert {*autoencoder.skipped(PROTOCOL, budget), *left} == set(autoencoder.arms(PROTOCOL))
    fewer = Budget(**SEEDS, epochs_at_most=None, train_at_most=50)
    assert not any(t.whole for t in autoencoder.trials(PROTOCOL, fewer))


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"hidden": [12, 4]}, "autoencoder.hidden = (12, 4): value error, 2 hidden layers"),
        ({"hidden": [900, 785, 900]}, "autoencoder.hidden = (900, 785, 900)"),
        ({"hidden": [12, 0, 12]}, "autoencoder.hidden.1 = 0"),
        ({"solver": "lbfgs"}, "autoencoder.solver = 'lbfgs'"),
        ({"sweep": [0.0]}, "autoencoder.sweep.0 = 0.0"),
        ({"momentum": 0.9}, "autoencoder.momentum = 0.9"),
    ],
)
def test_a_protocol_refuses_and_names_the_key(part, named):
    with pytest.raises(RetrialError, match=f"^{re.escape(named)}"):
        validated(SECTION | part, Protocol, "autoencoder")


@pytest.mark.parametrize("arm", ["relu", "identity", "converged/relu"])
def test_a_result_holds_what_is_promised(arm):
    one = trial(arm)
    result = autoencoder.run(one, tiny_clothes())
    found = values(result)
    assert set(found) == METRICS
    assert set(result.curves) == {"running_loss", "validation_mse"}
    assert {len(curve) for curve in result.curves.values()} == {one.config["epochs"]}
    assert result.curves["validation_mse"][-1] == found["validation_mse"]
    assert {name: array.shape for name, array in result.arrays.items()} == {
        "errors": (40,),
        "edges": (40,),
        "reconstructions": (10, SIDE, SIDE),
    }
    assert result.arrays["errors"].dtype == result.arrays["edges"].dtype == np.float32
    assert result.arrays["errors"].mean() == pytest.approx(found["validation_mse"], rel=1e-5)
    assert result.arrays["edges"].mean() == pytest.approx(found["validation_edges"], rel=1e-5)
    assert {name: one.shape for name, one in result.weights.items()} == {
        "weight_0": (64, 12),
        "bias_0": (12,),
        "weight_1": (12, 4),
        "bias_1": (4,),
    }
    assert result.metrics["train_mse"].n == 200
    assert -1 <= found["validation_ssim"] <= 1


def test_metrics_are_those_of_the_network_that_was_fitted():
    data, one = tiny_clothes(), trial("relu")
    train, held = (fashion.part(data, name).inputs for name in ("train", "validation"))
    network = LibraryNetwork(
        (64, 12, 4, 12, 64), "relu", "regress", 20, fashion.random_state(one.seed)
    )
    losses = fit(network, train, train, fashion.schedule(one.config)).losses
    result = autoencoder.run(one, data)
    assert result.curves["running_loss"] == losses
    found, rebuilt = values(result), network.outputs(held)
    squares = (rebuilt.astype(float) - held) ** 2
    assert found["validation_mse"] == pytest.approx(squares.mean(), rel=1e-5)
    around = (held - train.mean(axis=0, dtype=float)) ** 2
    explained = 1 - squares.mean() / around.mean()
    assert found["validation_variance_explained"] == pytest.approx(explained, abs=1e-5)
    seen, plain = (x.reshape(-1, SIDE, SIDE) for x in (rebuilt, held))
    assert found["validation_ssim"] == structural_similarity(seen, plain).mean()
    assert found["validation_edges"] == edge_ratio(seen, plain).mean()
    codes = network.hidden_outputs(train, 2)
    assert found["dead_units"] == (codes.max(axis=0) == 0).sum()


def test_only_the_lowest_seed_shows_pictures_and_only_some_arms_hand_weights_on():
    assert "reconstructions" not in autoencoder.run(trial("relu", 1), tiny_clothes()).arrays
    assert autoencoder.run(trial("rate/relu/0.002"), tiny_clothes()).weights == {}


def test_pictures_are_of_the_first_validation_image_of_each_class():
    data = tiny_clothes()
    data["validation"] = data["validation"][::-1]
    shown = autoencoder.run(trial("pca"), data).arrays["originals"]
    # 40 images in the order 9, 8, … 0, 9, …
    np.testing.assert_array_equal(shown, data["test_images"][30:40])


def test_no_linear_autoencoder_comes_below_the_principal_components():
    data = tiny_clothes()
    floor = autoencoder.run(trial("pca"), data)
    longer = SECTION | {"converged": {"learning_rate": 1e-2, "epochs": 300}}
    protocol = validated(longer, Protocol, "autoencoder")
    result = autoencoder.run(trial("converged/identity", protocol=protocol), data)
    least, found = values(floor)["train_mse"], values(result)["train_mse"]
    # It comes near the floor, so that the comparison says something.
    assert least <= found < 1.1 * least
    assert floor.curves == {}
    assert set(floor.metrics) == METRICS
    assert floor.weights["weight_0"].shape == (64, 4)
    assert floor.weights["weight_0"].dtype == np.float32


def test_a_code_larger_than_the_images_is_refused():
    protocol = validated(SECTION | {"hidden": [80, 65, 80]}, Protocol, "autoencoder")
    for arm in ("relu", "pca"):
        with pytest.raises(ValueError, match="code size 65 is larger than the input of 64 values"):
            autoencoder.run(trial(arm, protocol=protocol), tiny_clothes())


def test_a_network_that_diverges_says_where():
    wild = validated(SECTION | {"learning_rate": 1e30}, Protocol, "autoencoder")
    result = autoencoder.run(trial("identity", protocol=wild), tiny_clothes())
    assert (result.status, result.decided) == ("diverged", True)
    assert result.detail["epoch"] == len(result.curves["running_loss"])
    assert result.curves["validation_mse"][-1] is None
    assert values(result)["train_mse"] is None


def test_seeds_share_their_draws_between_arms():
    # The first epoch's loss of two rates begins at the same weights, in the same order.
    one, other = (
        autoencoder.run(trial(arm), tiny_clothes()) for arm in ("relu", "rate/relu/0.002")
    )
    first, second = (r.curves["running_loss"][0] for r in (one, other))
    assert first == pytest.approx(second, rel=0.05)
    assert first != second


@pytest.mark.parametrize("arm", ["relu", "pca"])
def test_the_same_trial_gives_the_same_bytes(arm):
    one, other = (pack(autoencoder.run(trial(arm), tiny_clothes()), 0.0) for _ in range(2))
    assert one == other
    if arm != "pca":
        assert one != pack(autoencoder.run(trial(arm, 1), tiny_clothes()), 0.0)
