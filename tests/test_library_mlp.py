import re

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier
from tiny_fashion import tiny_fashion

from retrial import fashion
from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.trial import Trial
from retrial.running.store import pack
from retrial.studies import library_mlp
from retrial.studies.library_mlp import ACTIVATIONS, Budget, Protocol

NETWORK = {
    "hidden": [12, 8],
    "solver": "adam",
    "learning_rate": 0.01,
    "batch": 32,
    "epochs": 6,
    "tolerance": None,
}
SECTION = {"network": NETWORK, "longer": {"epochs": 9}, "faster": {"learning_rate": 0.05}}
PROTOCOL = validated(SECTION, Protocol, "library_mlp")
SEEDS = {"seeds": 4, "leak_seeds": 2, "longer_seeds": 3, "library_seeds": 1}
WHOLE = Budget(**SEEDS, epochs_at_most=None)
METRICS = {
    *(f"{part}_{of}" for part in ("train", "validation", "test") for of in ("loss", "accuracy")),
    "gap", "settled", "epochs",
}  # fmt: skip
CURVES = {
    "running_loss", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy",
}  # fmt: skip
ARRAYS = {
    "validation_predictions", "validation_correct", "test_predictions", "test_correct",
}  # fmt: skip


def trial(arm, seed=0, budget=WHOLE) -> Trial:
    listed = library_mlp.trials(PROTOCOL, budget)
    return next(t for t in listed if (t.arm, t.seed) == (arm, seed))


def changed(arm, **config) -> Trial:
    one = trial(arm)
    return Trial(one.study, one.arm, one.seed, one.config | config)


def test_every_arm_has_the_seeds_of_its_group():
    listed = library_mlp.trials(PROTOCOL, WHOLE)
    seeds = {arm: [t.seed for t in listed if t.arm == arm] for arm in (t.arm for t in listed)}
    assert seeds == {
        **{one: [0, 1, 2, 3] for one in ACTIVATIONS},
        **{f"leak/{one}": [0, 1] for one in ACTIVATIONS},
        "longer/logistic": [0, 1, 2],
        "faster/logistic": [0, 1, 2],
        **{f"library/{one}": [0] for one in ACTIVATIONS},
    }
    assert all(t.whole for t in listed)
    assert library_mlp.skipped(PROTOCOL, WHOLE) == []


def test_configs_say_what_distinguishes_the_arms():
    stopped = validated(
        SECTION | {"network": NETWORK | {"tolerance": 1e-4}}, Protocol, "library_mlp"
    )
    arms = library_mlp.arms(stopped)

    def differs(arm, other):
        return {key for key in arms[arm] if arms[arm][key] != arms[other][key]}

    assert differs("relu", "identity") == {"activation"}
    assert differs("leak/tanh", "tanh") == {"leak"}
    assert differs("library/tanh", "tanh") == {"library"}
    assert differs("faster/logistic", "logistic") == {"learning_rate"}
    assert differs("longer/logistic", "logistic") == {"epochs", "tolerance"}
    assert (arms["longer/logistic"]["epochs"], arms["longer/logistic"]["tolerance"]) == (9, None)
    assert arms["relu"]["hidden"] == [12, 8]


def test_groups_without_seeds_are_skipped_and_the_others_are_not():
    budget = Budget(seeds=1, leak_seeds=0, longer_seeds=0, library_seeds=0, epochs_at_most=None)
    assert [t.arm for t in library_mlp.trials(PROTOCOL, budget)] == list(ACTIVATIONS)
    skipped = library_mlp.skipped(PROTOCOL, budget)
    assert {*skipped, *ACTIVATIONS} == set(library_mlp.arms(PROTOCOL))


def test_a_budget_that_cuts_an_arm_says_so_of_that_arm_only():
    budget = Budget(**SEEDS, epochs_at_most=6)
    cut = {t.arm for t in library_mlp.trials(PROTOCOL, budget) if not t.whole}
    assert cut == {"longer/logistic"}
    assert trial("longer/logistic", budget=budget).config["epochs"] == 6
    fewer = Budget(**SEEDS, epochs_at_most=1)
    assert not any(t.whole for t in library_mlp.trials(PROTOCOL, fewer))
    assert trial("relu", budget=fewer).cost < trial("relu").cost < trial("library/relu").cost


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ({"network": NETWORK | {"solver": "lbfgs"}}, "library_mlp.network.solver = 'lbfgs'"),
        ({"network": NETWORK | {"hidden": [0]}}, "library_mlp.network.hidden.0 = 0"),
        ({"longer": {"epochs": 0}}, "library_mlp.longer.epochs = 0"),
        ({"faster": {"learning_rate": 0.0}}, "library_mlp.faster.learning_rate = 0.0"),
        ({"momentum": 0.9}, "library_mlp.momentum = 0.9"),
    ],
)
def test_a_protocol_refuses_and_names_the_key(section, named):
    with pytest.raises(RetrialError, match=rf"^{re.escape(named)}: .+$"):
        validated(SECTION | section, Protocol, "library_mlp")


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"seeds": 0}, "library_mlp.seeds = 0"),
        ({"leak_seeds": -1}, "library_mlp.leak_seeds = -1"),
        ({"epochs_at_most": 0}, "library_mlp.epochs_at_most = 0"),
        ({"train_at_most": 5}, "library_mlp.train_at_most = 5"),
    ],
)
def test_a_budget_refuses_and_names_the_key(part, named):
    with pytest.raises(RetrialError, match=f"^{re.escape(named)}"):
        validated(WHOLE.model_dump() | part, Budget, "library_mlp")


@pytest.mark.parametrize("arm", ["logistic", "leak/relu", "longer/logistic", "library/tanh"])
def test_a_result_holds_what_is_promised(arm):
    data = tiny_fashion()
    result = library_mlp.run(trial(arm), data)
    found = {name: metric.value for name, metric in result.metrics.items()}
    assert (result.status, set(found), set(result.arrays)) == ("ok", METRICS, ARRAYS)
    by_library = arm.startswith("library/")
    assert set(result.curves) == ({"running_loss"} if by_library else CURVES)
    epochs = 9 if arm == "longer/logistic" else 6
    assert {len(curve) for curve in result.curves.values()} == {found["epochs"]} == {epochs}
    assert found["gap"] == found["train_accuracy"] - found["validation_accuracy"]
    for name in CURVES & set(result.curves) - {"running_loss"}:
        assert result.curves[name][-1] == found[name]
    assert (found["settled"] is None) is by_library
    for part in ("validation", "test"):
        correct = result.arrays[f"{part}_correct"]
        predictions = result.arrays[f"{part}_predictions"]
        assert predictions.dtype == correct.dtype == np.uint8
        assert correct.mean() == found[f"{part}_accuracy"]
        if not arm.startswith("leak/"):
            labels = data["test_labels"][data[part]]
            assert correct.tolist() == (predictions == labels).tolist()
    sizes = {"train": 120, "validation": 30, "test": 30}
    for part, size in sizes.items():
        assert {result.metrics[f"{part}_{of}"].n for of in ("loss", "accuracy")} == {size}


def test_a_network_learns():
    found = library_mlp.run(changed("relu", epochs=40), tiny_fashion()).metrics
    assert found["test_accuracy"].value > 0.9
    assert 1 <= found["settled"].value <= 40


def test_a_leak_changes_what_a_network_is_judged_on_and_nothing_else():
    data = tiny_fashion()
    apart, leak = (library_mlp.run(trial(arm), data) for arm in ("relu", "leak/relu"))
    for name in ("running_loss", "train_loss", "train_accuracy"):
        assert apart.curves[name] == leak.curves[name]
    assert apart.curves["validation_loss"] != leak.curves["validation_loss"]
    parts = library_mlp._parts(trial("leak/relu").config, data)
    train = parts["train"].inputs
    # The first rows of the training file, then the next ones.
    assert parts["validation"].inputs.tolist() == train[:30].tolist()
    assert parts["test"].inputs.tolist() == train[30:60].tolist()
    assert parts["test"].labels.tolist() == parts["train"].labels[30:60].tolist()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("tolerance", [None, 0.05])
def test_the_library_itself_gives_the_same_network(activation, tolerance):
    data = tiny_fashion()
    epochs = 60 if tolerance else 6
    ours, theirs = (
        library_mlp.run(changed(arm, tolerance=tolerance, epochs=epochs), data)
        for arm in (activation, f"library/{activation}")
    )
    assert ours.metrics["epochs"] == theirs.metrics["epochs"]
    if tolerance:
        assert ours.metrics["epochs"].value < epochs
    losses = [result.curves["running_loss"] for result in (ours, theirs)]
    np.testing.assert_allclose(*losses, rtol=1e-4)
    for name in ("train_loss", "validation_loss", "test_loss"):
        assert ours.metrics[name].value == pytest.approx(theirs.metrics[name].value, rel=1e-3)
    for name in ARRAYS:
        assert ours.arrays[name].tolist() == theirs.arrays[name].tolist()


def test_the_library_s_arm_is_its_own_fit_as_users_call_it():
    data = tiny_fashion()
    model = MLPClassifier(
        (12, 8),
        activation="tanh",
        learning_rate_init=0.01,
        batch_size=32,
        # Its own patience of 10 ends this fit, so that it warns of nothing.
        max_iter=100,
        tol=0.05,
        random_state=fashion.random_seed(0),
    )
    images = data["train_images"].reshape(120, -1) / 255.0
    model.fit(images, data["train_labels"])
    result = library_mlp.run(changed("library/tanh", tolerance=0.05, epochs=100), data)
    assert result.curves["running_loss"] == model.loss_curve_
    assert result.metrics["epochs"].value == model.n_iter_ < 100
    tests = data["test_images"][data["test"]].reshape(30, -1) / 255.0
    assert result.arrays["test_predictions"].tolist() == model.predict(tests).tolist()
    accuracy = model.score(tests, data["test_labels"][data["test"]])
    assert result.metrics["test_accuracy"].value == accuracy


def test_pixels_in_float64_are_the_bytes_over_255():
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    found = library_mlp._float64(fashion.pixels(images, np.array([0])))
    assert found.dtype == np.float64
    assert found[0].tolist() == (np.arange(256) / 255.0).tolist()


def test_a_batch_larger_than_the_data_is_the_data():
    found = library_mlp.run(changed("library/relu", batch=500, epochs=2), tiny_fashion())
    assert len(found.curves["running_loss"]) == 2


@pytest.mark.parametrize(
    ("losses", "epoch"),
    [
        ([2.0, 1.06, 1.05, 1.0], 3),
        ([1.0, 3.0, 1.0], 1),
        ([5.0, 1.0], 2),
        ([1.0, None], None),
        ([], None),
    ],
)
def test_a_network_has_settled_within_a_twentieth_of_its_last_loss(losses, epoch):
    assert library_mlp._settled(losses) == epoch


@pytest.mark.parametrize("arm", ["relu", "library/relu"])
def test_a_network_that_diverges_says_when_and_is_decided(arm):
    wild = changed(arm, learning_rate=1e20, solver="sgd")
    result = library_mlp.run(wild, tiny_fashion())
    assert (result.status, result.decided) == ("diverged", True)
    assert result.detail["epoch"] >= 1
    assert result.metrics["train_loss"].value is None
    assert result.metrics["settled"].value is None
    assert result.curves["running_loss"][-1] is None
    assert len({len(curve) for curve in result.curves.values()}) == 1
    assert set(result.metrics) == METRICS


def test_arms_of_a_seed_share_draws_and_seeds_differ():
    data = tiny_fashion()
    faster = library_mlp.run(changed("faster/logistic", learning_rate=0.01), data)
    assert faster.curves == library_mlp.run(trial("logistic"), data).curves
    assert faster.curves != library_mlp.run(trial("logistic", seed=1), data).curves


@pytest.mark.parametrize("arm", ["identity", "leak/logistic", "library/relu"])
def test_the_same_trial_gives_the_same_bytes(arm):
    one, other = (pack(library_mlp.run(trial(arm), tiny_fashion()), 0.0) for _ in range(2))
    assert one == other
