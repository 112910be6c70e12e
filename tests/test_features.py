import re

import numpy as np
import pytest
from tiny_clothes import tiny_clothes

from retrial import fashion
from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.records import array_key
from retrial.core.trial import Trial
from retrial.encoders import principal_components
from retrial.nets.library_mlp import LibraryNetwork
from retrial.running.store import pack
from retrial.studies import autoencoder, features
from retrial.studies.features import Budget, Protocol
from retrial.training.library_fit import fit

HIDDEN = [12, 4, 12]
PROTOCOL = validated({"hidden": HIDDEN}, Protocol, "features")
WHOLE = Budget(seeds=2, converged_seeds=1, encoders_whole=True)
AUTOENCODER = validated(
    {
        "hidden": HIDDEN,
        "batch": 20,
        "solver": "adam",
        "learning_rate": 1e-3,
        "epochs": 3,
        "sweep": [],
        "converged": {"learning_rate": 5e-3, "epochs": 5},
    },
    autoencoder.Protocol,
    "autoencoder",
)
TRAINED = autoencoder.Budget(
    seeds=2, sweep_seeds=0, converged_seeds=1, epochs_at_most=None, train_at_most=None
)
ENCODED = ["relu", "identity", "converged/relu", "converged/identity", "pca", "random"]


@pytest.fixture(scope="module")
def data():
    """The images, and what the autoencoders leave."""
    found = tiny_clothes()
    for one in autoencoder.trials(AUTOENCODER, TRAINED):
        for name, array in autoencoder.run(one, tiny_clothes()).weights.items():
            found[array_key(one.arm, one.seed, name)] = array
    return found


def trial(arm, seed=0) -> Trial:
    return next(t for t in features.trials(PROTOCOL, WHOLE) if (t.arm, t.seed) == (arm, seed))


def test_there_are_codes_of_every_encoder_that_is_handed_on(data):
    listed = features.trials(PROTOCOL, WHOLE)
    handed_on = {tuple(key.split(":")[:2]) for key in data if ":" in key}
    drawn = {("random", "0"), ("random", "1")}
    assert {(t.arm, str(t.seed)) for t in listed} == handed_on | drawn
    assert list(dict.fromkeys(t.arm for t in listed)) == ENCODED
    assert all(t.whole for t in listed)
    assert trial("relu").config == {"widths": [12, 4], "activation": "relu"}
    assert trial("pca").config == {"widths": [4], "activation": "identity"}


def test_encoders_that_a_budget_cuts_short_leave_no_whole_codes():
    cut = Budget(seeds=1, converged_seeds=0, encoders_whole=False)
    listed = features.trials(PROTOCOL, cut)
    whole = {t.arm: t.whole for t in listed}
    assert whole == {"relu": False, "identity": False, "pca": False, "random": True}
    assert features.skipped(PROTOCOL, cut) == ["converged/relu", "converged/identity"]


@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_codes_from_stored_weights_are_the_networks_own(activation, part, data):
    config = next(t.config for t in autoencoder.trials(AUTOENCODER, TRAINED) if t.arm == activation)
    train, wanted = (fashion.part(data, name).inputs for name in ("train", part))
    network = LibraryNetwork((64, *HIDDEN, 64), activation, "regress", 20, fashion.random_state(1))
    fit(network, train, train, fashion.schedule(config))
    codes = features.run(trial(activation, 1), data).weights[part]
    assert codes.dtype == np.float32
    assert codes.any()
    # The network goes through the images in batches; BLAS may sum in another order.
    np.testing.assert_allclose(codes, network.hidden_outputs(wanted, 2), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("arm", ENCODED)
def test_a_result_holds_what_is_promised(arm, data):
    result = features.run(trial(arm), data)
    shapes = {name: codes.shape for name, codes in result.weights.items()}
    assert shapes == {"train": (200, 4), "validation": (40, 4), "test": (40, 4)}
    assert set(result.metrics) == {"dead_units", "code_sd", "effective_rank"}
    train = result.weights["train"].astype(float)
    assert result.metrics["code_sd"].value == pytest.approx(train.std(axis=0).mean(), rel=1e-6)
    assert 1 <= result.metrics["effective_rank"].value <= 4
    spectrum = np.linalg.eigvalsh(np.cov(train.T))
    expected = spectrum.sum() ** 2 / (spectrum**2).sum()
    assert result.metrics["effective_rank"].value == pytest.approx(expected)
    assert result.arrays["labels"].tolist() == fashion.part(data, "validation").labels.tolist()
    components = principal_components(train, 2)
    plane = (result.weights["validation"] - components.mean) @ components.axes
    assert result.arrays["plane"].dtype == np.float32
    np.testing.assert_allclose(result.arrays["plane"], plane, rtol=1e-5, atol=1e-5)


def test_codes_of_the_principal_components_have_falling_variances(data):
    train = features.run(trial("pca"), data).weights["train"]
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-5)
    covariance = np.cov(train.T)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-5)
    assert (np.diff(np.diag(covariance)) < 0).all()


def test_a_random_projection_is_drawn_per_seed_and_learns_nothing(data):
    one, other = (features.run(trial("random", seed), data).weights["test"] for seed in (0, 1))
    assert not np.allclose(one, other)
    without = {key: array for key, array in data.items() if ":" not in key}
    np.testing.assert_array_equal(features.run(trial("random"), without).weights["test"], one)
    assert features.run(trial("random", 1), data).arrays == {}


def test_a_missing_tensor_is_named_with_its_file(data):
    without = {key: array for key, array in data.items() if key != "relu:1:bias_1"}
    features.run(trial("relu", 0), without)
    named = "autoencoder/weights.safetensors: no tensor 'relu:1:bias_1', expected it from"
    with pytest.raises(RetrialError, match=f"^{re.escape(named)}"):
        features.run(trial("relu", 1), without)


def test_an_encoder_of_other_widths_is_refused(data):
    protocol = validated({"hidden": [12, 5, 12]}, Protocol, "features")
    one = next(t for t in features.trials(protocol, WHOLE) if t.arm == "pca")
    named = "pca:0:weight_0 has shape (64, 4), expected (64, 5)"
    with pytest.raises(ValueError, match=re.escape(named)):
        features.run(one, data)
    larger = validated({"hidden": [65]}, Protocol, "features")
    one = next(t for t in features.trials(larger, WHOLE) if t.arm == "random")
    with pytest.raises(ValueError, match="code size 65 is larger than the input of 64 values"):
        features.run(one, data)


def test_codes_that_are_not_finite_are_a_result(data):
    broken = data | {"relu:0:weight_0": np.full((64, 12), np.nan, np.float32)}
    result = features.run(trial("relu"), broken)
    assert result.status == "diverged"
    assert {metric.value for metric in result.metrics.values()} == {None}
    assert set(result.weights) == {"train", "validation", "test"}


def test_units_that_are_always_off_are_counted(data):
    off = data["relu:0:bias_1"].copy()
    off[2] = -1e6
    result = features.run(trial("relu"), data | {"relu:0:bias_1": off})
    alive = features.run(trial("relu"), data)
    assert result.metrics["dead_units"].value == alive.metrics["dead_units"].value + 1


@pytest.mark.parametrize("arm", ["relu", "pca", "random"])
def test_the_same_trial_gives_the_same_bytes(arm, data):
    one, other = (pack(features.run(trial(arm), data), 0.0) for _ in range(2))
    assert one == other
