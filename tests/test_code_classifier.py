import re

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tiny_clothes import tiny_clothes

from retrial import fashion
from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.trial import Trial
from retrial.nets.library_mlp import LibraryNetwork
from retrial.running.store import pack
from retrial.studies import code_classifier
from retrial.studies.code_classifier import SOURCES, Budget, Protocol
from retrial.training.library_fit import fit
from retrial.training.sgd import Labelled

SECTION = {
    "network": {
        "hidden": [16, 8],
        "solver": "adam",
        "learning_rate": 5e-3,
        "batch": 16,
        "epochs": 3,
        "tolerance": 1e-4,
    },
    "smaller": [5],
    "budgets": [20, 60],
    "budget_activation": "relu",
    "probe": {"C": 1.0, "iterations": 1000},
}
PROTOCOL = validated(SECTION, Protocol, "code_classifier")
COUNTS = {"seeds": 2, "converged_seeds": 1, "budget_seeds": 2}
UNCUT = {"epochs_at_most": None, "train_at_most": None, "encoders_whole": True}
WHOLE = Budget(**COUNTS, **UNCUT)
PARTS = ("train", "validation", "test")
KINDS = ("code", "raw", "smaller", "converged", "pca", "random")
SCORES = {f"{part}_{of}" for part in PARTS for of in ("loss", "accuracy")}
CORRECT = {"validation_correct", "test_correct"}
FURTHER = {f"{p}_{of}" for p in ("validation", "test") for of in ("predictions", "confusion")}


def with_codes():
    """The images and codes of six numbers: another projection for each encoder and seed."""
    data = tiny_clothes()
    places = {(arm, seed) for arm in ("relu", "identity", "random") for seed in (0, 1)}
    places |= {("converged/relu", 0), ("converged/identity", 0), ("pca", 0)}
    for number, (arm, seed) in enumerate(sorted(places)):
        matrix = np.random.default_rng(number).normal(size=(64, 6)).astype(np.float32)
        for part in PARTS:
            data[f"{arm}:{seed}:{part}"] = fashion.part(tiny_clothes(), part).inputs @ matrix
    return data


def trial(arm, seed=0, budget=WHOLE, protocol=PROTOCOL) -> Trial:
    listed = code_classifier.trials(protocol, budget)
    return next(t for t in listed if (t.arm, t.seed) == (arm, seed))


def values(result):
    return {name: metric.value for name, metric in result.metrics.items()}


def test_every_arm_has_the_seeds_of_its_group():
    listed = code_classifier.trials(PROTOCOL, WHOLE)
    seeds = {arm: [t.seed for t in listed if t.arm == arm] for arm in (t.arm for t in listed)}
    expected = {f"{kind}/{one}": [0, 1] for kind in KINDS for one in ("relu", "identity")}
    expected |= {f"probe/{source}": [0, 1] for source in SOURCES}
    expected |= {f"budget/{source}/{n}": [0, 1] for source in SOURCES for n in (20, 60)}
    expected |= {"converged/relu": [0], "converged/identity": [0]}
    # Nothing is drawn for these, neither codes nor initial weights.
    expected |= {"probe/raw": [0], "probe/pca": [0]}
    assert seeds == expected
    assert all(t.whole for t in listed)
    assert code_classifier.skipped(PROTOCOL, WHOLE) == []


def test_configs_say_what_distinguishes_the_arms():
    raw, code, smaller = (trial(f"{kind}/relu").config for kind in ("raw", "code", "smaller"))
    assert {key for key in raw if raw[key] != code[key]} == {"source"}
    assert {key for key in code if code[key] != smaller[key]} == {"hidden"}
    assert (code["source"], code["hidden"], smaller["hidden"]) == ("relu", [16, 8], [5])
    converged = trial("converged/identity").config
    assert (converged["source"], converged["activation"]) == ("converged/identity", "identity")
    budget = trial("budget/identity/20").config
    assert (budget["source"], budget["activation"]) == ("identity", "relu")
    assert (budget["train_size"], budget["tolerance"]) == (20, None)


def test_a_budget_of_images_makes_as_many_updates_within_the_limit():
    # 8,000 images in batches of 128 are 63 updates, 3,000 are 24, 1,000 are 8, 300 are 3.
    assert code_classifier.budget_epochs(128, 100, 8000) == 100
    assert code_classifier.budget_epochs(128, 100, 3000) == round(100 * 63 / 24)
    assert code_classifier.budget_epochs(128, 100, 1000) == round(100 * 63 / 8)
    assert code_classifier.budget_epochs(128, 100, 300) == 2000
    assert trial("budget/raw/60").config["epochs"] == 60
    fewer = Budget(**COUNTS, **(UNCUT | {"epochs_at_most": 1}))
    assert trial("budget/raw/60", budget=fewer).config["epochs"] == 20


def test_what_a_profile_cuts_short_is_not_whole():
    epochs = Budget(**COUNTS, **(UNCUT | {"epochs_at_most": 1}))
    whole = {t.arm for t in code_classifier.trials(PROTOCOL, epochs) if t.whole}
    assert whole == {f"probe/{source}" for source in SOURCES}
    images = Budget(**COUNTS, **(UNCUT | {"train_at_most": 50}))
    assert not any(t.whole for t in code_classifier.trials(PROTOCOL, images))
    encoders = Budget(**COUNTS, **(UNCUT | {"encoders_whole": False}))
    listed = code_classifier.trials(PROTOCOL, encoders)
    assert {t.config["source"] for t in listed if t.whole} == {"raw", "random"}
    assert all(not t.whole for t in listed if t.config["source"] not in ("raw", "random"))


def test_groups_without_seeds_are_skipped():
    budget = Budget(seeds=1, converged_seeds=0, budget_seeds=0, **UNCUT)
    skipped = code_classifier.skipped(PROTOCOL, budget)
    assert {arm.split("/")[0] for arm in skipped} == {"converged", "budget"}
    left = {t.arm for t in code_classifier.trials(PROTOCOL, budget)}
    assert {*skipped, *left} == set(code_classifier.arms(PROTOCOL))


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"smaller": []}, "code_classifier.smaller"),
        ({"budgets": [9000]}, "code_classifier.budgets.0 = 9000"),
        ({"budget_activation": "elu"}, "code_classifier.budget_activation = 'elu'"),
        ({"probe": {"C": 0.0, "iterations": 9}}, "code_classifier.probe.C = 0.0"),
        ({"network": SECTION["network"] | {"solver": "lbfgs"}}, "code_classifier.network.solver"),
        ({"momentum": 0.9}, "code_classifier.momentum = 0.9"),
    ],
)
def test_a_protocol_refuses_and_names_the_key(part, named):
    with pytest.raises(RetrialError, match=f"^{re.escape(named)}"):
        validated(SECTION | part, Protocol, "code_classifier")


@pytest.mark.parametrize(
    "arm", ["raw/relu", "code/identity", "smaller/relu", "probe/random", "budget/relu/20"]
)
def test_a_result_holds_what_is_promised(arm):
    data, one = with_codes(), trial(arm)
    result = code_classifier.run(one, data)
    found, kind = values(result), arm.split("/")[0]
    own = "iterations" if kind == "probe" else "epochs"
    assert set(found) == SCORES | {"tops_share", "tops_expected", own}
    assert set(result.arrays) == (CORRECT if kind == "budget" else CORRECT | FURTHER)
    for part in ("validation", "test"):
        labels = fashion.part(data, part).labels
        correct = result.arrays[f"{part}_correct"]
        assert correct.mean() == found[f"{part}_accuracy"]
        if kind != "budget":
            predictions = result.arrays[f"{part}_predictions"]
            assert predictions.dtype == correct.dtype == np.uint8
            assert correct.tolist() == (predictions == labels).tolist()
            expected = confusion_matrix(labels, predictions, labels=range(10))
            assert result.arrays[f"{part}_confusion"].tolist() == expected.tolist()
    if kind in ("probe", "budget"):
        assert result.curves == {}
    else:
        assert set(result.curves) == {"running_loss", "validation_loss", "validation_accuracy"}
        assert {len(curve) for curve in result.curves.values()} == {one.config["epochs"]}
        assert result.curves["validation_accuracy"][-1] == found["validation_accuracy"]
        assert result.curves["validation_loss"][-1] == found["validation_loss"]
    assert result.metrics["train_accuracy"].n == (20 if kind == "budget" else 200)


def test_a_classifier_is_the_library_network_on_the_codes_as_they_are():
    data, one = with_codes(), trial("code/identity", 1)
    codes = {
        name: Labelled(data[f"identity:1:{name}"], fashion.part(data, name).labels)
        for name in PARTS
    }
    network = LibraryNetwork((6, 16, 8, 10), "identity", "classify", 16, fashion.random_state(1))
    losses = fit(network, *codes["train"], fashion.schedule(one.config)).losses
    result = code_classifier.run(one, data)
    assert result.curves["running_loss"] == losses
    assert values(result)["test_loss"] == fashion.score(network, codes["test"]).loss


def test_a_probe_is_scikit_learns_on_standardised_codes():
    data = with_codes()
    x, y = data["relu:1:train"].astype(float), fashion.part(data, "train").labels
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x, y)
    result = code_classifier.run(trial("probe/relu", 1), data)
    held, labels = data["relu:1:validation"].astype(float), fashion.part(data, "validation").labels
    assert result.arrays["validation_predictions"].tolist() == model.predict(held).tolist()
    loss = log_loss(labels, model.predict_proba(held))
    assert values(result)["validation_loss"] == pytest.approx(loss)
    assert values(result)["iterations"] == model[-1].n_iter_[0]


def test_a_probe_that_is_cut_short_says_how_many_iterations_it_took():
    short = validated(SECTION | {"probe": {"C": 1.0, "iterations": 2}}, Protocol, "c")
    result = code_classifier.run(trial("probe/raw", protocol=short), with_codes())
    assert values(result)["iterations"] == 2


def test_budgets_are_nested_and_the_same_for_every_source():
    def images(arm, seed=0):
        return code_classifier._rows(trial(arm, seed), 200).tolist()

    few, many = images("budget/raw/20"), images("budget/raw/60")
    assert (len(set(few)), len(set(many))) == (20, 60)
    assert set(few) < set(many)
    for source in SOURCES:
        assert images(f"budget/{source}/20") == few
        assert images(f"budget/{source}/60") == many
    assert images("budget/raw/20", 1) != few
    assert images("raw/relu") == list(range(200))
    cut = Budget(**COUNTS, **(UNCUT | {"train_at_most": 50}))
    assert code_classifier._rows(trial("raw/relu", budget=cut), 200).tolist() == list(range(50))
    assert set(code_classifier._rows(trial("budget/pca/60", budget=cut), 200)) == set(range(50))


def test_a_budget_sees_the_codes_and_labels_of_its_own_images():
    data, one = with_codes(), trial("budget/pca/20", 1)
    rows = code_classifier._rows(one, 200)
    found = code_classifier._parts(one, data)["train"]
    # Principal components have one encoder; it goes with the classifiers of all seeds.
    np.testing.assert_array_equal(found.inputs, data["pca:0:train"][rows])
    assert found.labels.tolist() == data["train_labels"][rows].tolist()


def test_missing_codes_are_named_with_their_file():
    data = with_codes()
    del data["random:1:test"]
    code_classifier.run(trial("random/relu", 0), data)
    named = "features/weights.safetensors: no tensor 'random:1:test', expected it from"
    with pytest.raises(RetrialError, match=f"^{re.escape(named)}"):
        code_classifier.run(trial("random/relu", 1), data)
    data["random:1:test"] = np.zeros((3, 6), np.float32)
    with pytest.raises(ValueError, match="random:1:test has 3 rows, expected 40"):
        code_classifier.run(trial("random/relu", 1), data)


def test_the_share_of_errors_among_the_tops_worked_by_hand():
    # True and given classes; tops are 0, 2, 4, 6. Six errors, three of them among tops.
    labels = np.array([0, 0, 2, 4, 6, 1, 6, 9, 3, 5])
    given = np.array([6, 0, 4, 3, 0, 2, 6, 9, 5, 5], np.uint8)
    scores = {part: fashion.Scores(0.5, 0.4, given) for part in PARTS}
    parts = {part: Labelled(np.zeros((10, 1)), labels) for part in PARTS}
    found = code_classifier._metrics(scores, parts)
    assert found["tops_share"] == (0.5, 6)
    # Six images of ten are tops, and three of nine other classes are.
    assert found["tops_expected"].value == pytest.approx(0.6 * 3 / 9)
    right = {part: fashion.Scores(0.5, 1.0, labels.astype(np.uint8)) for part in PARTS}
    assert code_classifier._metrics(right, parts)["tops_share"] == (None, 0)


def test_codes_that_tell_the_classes_apart_are_learned():
    longer = SECTION | {"network": SECTION["network"] | {"epochs": 60}}
    protocol = validated(longer, Protocol, "code_classifier")
    data = with_codes()
    for arm in ("raw/relu", "code/relu", "probe/raw"):
        result = code_classifier.run(trial(arm, protocol=protocol), data)
        assert values(result)["validation_accuracy"] > 0.7


def test_a_network_that_diverges_says_where():
    wild = SECTION | {"network": SECTION["network"] | {"learning_rate": 1e30}}
    protocol = validated(wild, Protocol, "code_classifier")
    result = code_classifier.run(trial("code/identity", protocol=protocol), with_codes())
    assert (result.status, result.decided) == ("diverged", True)
    assert result.detail == {"epoch": len(result.curves["running_loss"])}
    assert result.curves["running_loss"][-1] is None
    assert len({len(curve) for curve in result.curves.values()}) == 1
    assert values(result)["train_loss"] is None


@pytest.mark.parametrize("arm", ["raw/relu", "code/identity", "probe/relu", "budget/random/60"])
def test_the_same_trial_gives_the_same_bytes(arm):
    one, other = (pack(code_classifier.run(trial(arm), with_codes()), 0.0) for _ in range(2))
    assert one == other
    assert one != pack(code_classifier.run(trial(arm, 1), with_codes()), 0.0)
