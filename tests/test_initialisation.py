import re

import numpy as np
import pytest
from programs import CURVES, PROFILES, TRAINING, configured, is_whole, packed, packed_beside, right
from tiny_digits import mnist_shaped

from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.trial import Trial
from retrial.running.store import pack, unpack
from retrial.studies import initialisation
from retrial.studies.initialisation import Budget, Protocol, theory

SIGNAL = {
    "width": 9,
    "depth": 14,
    "images": 20,
    "activations": ["relu", "sigmoid"],
    "initialisers": ["he_normal", "glorot_normal"],
    "deviations": [0.5],
}
SECTION = {
    "training": TRAINING | {"width": 4},
    "signal": SIGNAL,
    "map": {"activations": ["relu"], "depths": [2, 3], "sigmas": [0.5, 2.0], "epochs": 2},
    "pairing": {
        "activations": ["relu", "sigmoid"],
        "initialisers": ["he_normal", "lecun_normal"],
        "depth": 3,
        "epochs": 3,
    },
}
PROTOCOL = validated(SECTION, Protocol, "initialisation")
SEEDS = {"signal_seeds": 2, "map_seeds": 2, "pairing_seeds": 1}
WHOLE = Budget(**SEEDS, pairing_epochs_at_most=None, train_at_most=None)
SCORES = {"train_loss", "train_accuracy", "test_loss", "test_accuracy", "gap", "predicted_classes"}
DATA = mnist_shaped(60, 30)


def trial(arm: str, seed: int = 0, budget: Budget = WHOLE, protocol: Protocol = PROTOCOL) -> Trial:
    found = initialisation.trials(protocol, budget)
    return next(one for one in found if (one.arm, one.seed) == (arm, seed))


def test_every_arm_has_the_seeds_of_its_group() -> None:
    listed = initialisation.trials(PROTOCOL, WHOLE)
    seeds = {one.arm: [t.seed for t in listed if t.arm == one.arm] for one in listed}
    starts = ("he_normal", "glorot_normal", "normal-0.5")
    assert seeds == {
        **{f"signal/{act}/{start}": [0, 1] for act in ("relu", "sigmoid") for start in starts},
        **{f"map/relu/{depth}/{sigma}": [0, 1] for depth in (2, 3) for sigma in (0.5, 2.0)},
        **{
            f"pairing/{act}/{start}": [0]
            for act in ("relu", "sigmoid")
            for start in ("he_normal", "lecun_normal")
        },
        "library": [0],
    }
    assert all(one.whole for one in listed)
    assert initialisation.skipped(PROTOCOL, WHOLE) == []


def test_configs_say_what_distinguishes_the_arms() -> None:
    random, he = trial("signal/relu/normal-0.5").config, trial("signal/relu/he_normal").config
    assert (random["initialiser"], random["deviation"]) == ("normal", 0.5)
    assert {**random, "initialiser": "he_normal", "deviation": None} == he
    assert (he["width"], he["depth"], he["batch"], he["epochs"]) == (9, 14, 20, 0)
    grid = trial("map/relu/3/2.0").config
    # σ/√width, at width 4.
    assert (grid["initialiser"], grid["deviation"], grid["width"]) == ("normal", 1.0, 4)
    assert (grid["depth"], grid["epochs"]) == (3, 2)
    pair = trial("pairing/sigmoid/lecun_normal").config
    assert (pair["activation"], pair["initialiser"]) == ("sigmoid", "lecun_normal")
    assert (pair["depth"], pair["epochs"], pair["deviation"]) == (3, 3, None)


def test_groups_without_seeds_are_skipped_and_the_library_never_is() -> None:
    none = {"signal_seeds": 0, "map_seeds": 0, "pairing_seeds": 0}
    budget = Budget(**none, pairing_epochs_at_most=None, train_at_most=None)
    assert [one.arm for one in initialisation.trials(PROTOCOL, budget)] == ["library"]
    skipped = initialisation.skipped(PROTOCOL, budget)
    assert skipped == [arm for arm in initialisation.arms(PROTOCOL) if arm != "library"]


def test_a_budget_says_what_it_cuts() -> None:
    shorter = Budget(**SEEDS, pairing_epochs_at_most=1, train_at_most=None)
    cut = {one.arm for one in initialisation.trials(PROTOCOL, shorter) if not one.whole}
    assert cut == {arm for arm in initialisation.arms(PROTOCOL) if arm.startswith("pairing/")}
    assert trial("pairing/relu/he_normal", budget=shorter).config["epochs"] == 1
    # The untrained networks look at images of their own number.
    fewer = Budget(**SEEDS, pairing_epochs_at_most=None, train_at_most=25)
    cut = {one.arm.split("/")[0] for one in initialisation.trials(PROTOCOL, fewer) if not one.whole}
    assert cut == {"map", "pairing"}
    found = initialisation.run(trial("map/relu/2/0.5", budget=fewer), DATA)
    assert found.metrics["train_loss"].n == 25


@pytest.mark.parametrize("arm", ["map/relu/2/2.0", "pairing/sigmoid/he_normal"])
def test_a_trained_network_keeps_what_is_promised(arm: str) -> None:
    result = initialisation.run(trial(arm), DATA)
    found = {name: metric.value for name, metric in result.metrics.items()}
    assert set(found) == SCORES
    assert set(result.curves) == CURVES
    assert {len(curve) for curve in result.curves.values()} == {trial(arm).config["epochs"]}
    assert found["test_loss"] == result.curves["test_loss"][-1]
    assert set(result.arrays) == ({"correct_bits"} if arm.startswith("pairing/") else set())
    if result.arrays:
        assert right(result).mean() == pytest.approx(found["test_accuracy"])


@pytest.mark.parametrize(
    "arm", ["signal/sigmoid/normal-0.5", "map/relu/3/2.0", "pairing/relu/lecun_normal"]
)
def test_bytes_do_not_depend_on_what_a_trial_is_run_with(arm: str) -> None:
    alone = packed(initialisation, trial(arm), DATA)
    assert alone == packed(initialisation, trial(arm), DATA)
    listed = initialisation.trials(PROTOCOL, WHOLE)
    assert alone == packed_beside(initialisation, trial(arm), listed, DATA)
    library = trial("library")
    assert packed(initialisation, library, {}) == packed(initialisation, library, DATA)
    more = Budget(**SEEDS | {"pairing_seeds": 2}, pairing_epochs_at_most=None, train_at_most=None)
    assert alone != packed(initialisation, trial(arm, 1, more), DATA)


@pytest.mark.parametrize("arm", ["map/relu/2/0.5", "pairing/relu/he_normal"])
def test_a_network_that_diverges_says_where_and_is_decided(arm: str) -> None:
    wild = SECTION | {"training": TRAINING | {"learning_rate": 1e9}}
    protocol = validated(wild, Protocol, "initialisation")
    result = initialisation.run(trial(arm, protocol=protocol), DATA)
    assert (result.status, result.decided) == ("diverged", True)
    assert result.detail["epoch"] == 1
    kept, _ = unpack(pack(result, 0.0))
    assert kept.metrics["train_loss"].value is None
    fewer = Budget(**SEEDS, pairing_epochs_at_most=None, train_at_most=40)
    assert not initialisation.run(trial(arm, budget=fewer, protocol=protocol), DATA).decided


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"signal": SIGNAL | {"depth": 12}}, "initialisation.signal.depth = 12: "),
        ({"signal": SIGNAL | {"deviations": [0.0]}}, "initialisation.signal.deviations.0 = 0.0: "),
        ({"signal": SIGNAL | {"widths": 9}}, "initialisation.signal.widths = 9: unknown key"),
    ],
)
def test_a_protocol_refuses_and_names_the_key(part: dict, named: str) -> None:
    with pytest.raises(RetrialError, match=f"^{re.escape(named)}"):
        validated(SECTION | part, Protocol, "initialisation")


@pytest.mark.parametrize("profile", PROFILES)
def test_the_project_s_own_configuration_is_valid(profile: str) -> None:
    assert is_whole(initialisation, profile) == (profile == "paper")
    protocol, _ = configured(initialisation, profile)
    for arm, config in initialisation.arms(protocol).items():
        if arm.startswith("signal/relu/"):
            assert np.isfinite(theory(config)).all()
