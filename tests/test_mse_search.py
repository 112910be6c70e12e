import re

import numpy as np
import pytest

from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.digit_networks import labelled
from retrial.running.store import pack
from retrial.studies import mse_search
from retrial.studies.mse_search import Budget, Protocol

SECTION = {
    "batch": 8,
    "small_hidden": [6],
    "deep_hidden": [8, 6],
    "dropout": 0.5,
    "initialisers": ["he_normal", "default"],
    "inputs": ["unit", "standardised"],
    "learning_rates": [0.1, 0.3],
    "deep_learning_rate": 0.5,
    "epochs": 2,
}
PROTOCOL = validated(SECTION, Protocol, "mse_search")
WHOLE = Budget(small_seeds=2, deep_seeds=1)


def tiny():
    rng = np.random.default_rng(3)
    labels = (np.arange(40) % 10).astype(np.uint8)
    return {
        "train_images": rng.integers(0, 255, (40, 3, 3), dtype=np.uint8),
        "train_labels": labels,
        "train": np.arange(40, dtype=np.int32),
    }


def test_the_grid_is_every_combination_on_seeds_of_its_own():
    trials = mse_search.trials(PROTOCOL, WHOLE)
    small = [t for t in trials if t.arm.startswith(("sigmoid/", "relu/"))]
    deep = [t for t in trials if t.arm.startswith(("deep/", "dropout/"))]
    assert len(small) == 2 * 2 * 2 * 2 * 2
    assert len(deep) == 2 * 2 * 2
    assert len(trials) == len(small) + len(deep) == len({(t.arm, t.seed) for t in trials})
    assert {t.seed for t in small} == {1000, 1001}
    assert {t.seed for t in deep} == {1000}
    assert "sigmoid/he_normal/unit/0.1" in {t.arm for t in small}
    # The stated learning rate is no candidate of the deep networks: it is the only one.
    assert {t.config["learning_rate"] for t in deep} == {0.5}
    assert all(t.whole for t in trials)
    assert mse_search.skipped(PROTOCOL, WHOLE) == []
    assert min(t.cost for t in deep) > max(t.cost for t in small)


def test_an_arm_is_what_its_name_says():
    for arm, config in mse_search.arms(PROTOCOL).items():
        network, initialiser, inputs, rate = arm.split("/")
        assert (config["initialiser"], config["inputs"]) == (initialiser, inputs)
        assert config["learning_rate"] == float(rate)
        assert config["rate"] == (0.5 if network == "dropout" else 0.0)
        assert config["hidden"] == ([6] if network in ("sigmoid", "relu") else [8, 6])
        assert config["activation"] == ("sigmoid" if network == "sigmoid" else "relu")


def test_without_seeds_every_arm_is_skipped():
    assert mse_search.trials(PROTOCOL, Budget(small_seeds=0, deep_seeds=0)) == []
    skipped = mse_search.skipped(PROTOCOL, Budget(small_seeds=0, deep_seeds=0))
    assert skipped == list(mse_search.arms(PROTOCOL))
    half = mse_search.skipped(PROTOCOL, Budget(small_seeds=1, deep_seeds=0))
    assert {arm.split("/")[0] for arm in half} == {"deep", "dropout"}


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"dropout": 1.0}, "mse_search.dropout = 1.0"),
        ({"initialisers": ["zero"]}, "mse_search.initialisers.0 = 'zero'"),
        ({"inputs": []}, "mse_search.inputs"),
        ({"small_hidden": [0]}, "mse_search.small_hidden.0 = 0"),
        ({"learning_rates": [-0.1]}, "mse_search.learning_rates.0 = -0.1"),
    ],
)
def test_a_protocol_refuses_and_names_the_key(part, named):
    with pytest.raises(RetrialError, match=f"^{re.escape(named)}"):
        validated(SECTION | part, Protocol, "mse_search")


@pytest.mark.parametrize("network", ["sigmoid/default/unit/0.3", "dropout/he_normal/unit/0.5"])
def test_a_candidate_keeps_every_epoch_and_never_looks_at_the_test_part(network):
    trial = next(t for t in mse_search.trials(PROTOCOL, WHOLE) if t.arm == network)
    result = mse_search.run(trial, tiny())
    assert result.status == "ok"
    assert set(result.curves) == {"running_loss", "running_accuracy"}
    assert all(len(curve) == 2 for curve in result.curves.values())
    assert result.metrics["running_accuracy"].n == 40
    assert result.metrics["running_loss"].value == result.curves["running_loss"][-1]
    assert pack(result, 0.0) == pack(mse_search.run(trial, tiny()), 0.0)


def test_standardised_pixels_have_the_training_set_s_mean_and_deviation():
    data = tiny()
    unit, standardised = (labelled(data, "train", kind).inputs for kind in ("unit", "standardised"))
    assert unit.dtype == standardised.dtype == np.float32
    assert unit.shape == (40, 9)
    assert 0 <= unit.min() < unit.max() <= 1
    np.testing.assert_allclose(standardised * 0.3081 + 0.1307, unit, atol=1e-6)


def test_the_search_and_the_study_draw_from_different_seeds():
    assert mse_search.FIRST_SEED >= 1000
    assert mse_search.NAME == "mse_search"
