import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from programs import PROFILES, ROOT, configured
from safetensors.numpy import load_file
from tiny_digits import mnist_shaped
from wrong_sections import changed, refused

from retrial import image_classification
from retrial.core import records
from retrial.core.config import read_sections, validated
from retrial.core.errors import RetrialError
from retrial.core.records import Finished
from retrial.core.seeds import generator
from retrial.core.trial import Result, Trial
from retrial.image_classification import Budget, Protocol, classifier_of
from retrial.running.store import pack
from retrial.studies import classifier_cifar10, classifier_mnist
from retrial.training import device
from retrial.training.augmented import as_tensor

STUDIES = {"classifier_mnist": classifier_mnist, "classifier_cifar10": classifier_cifar10}
# Of each study: what the arms are, and which of them a profile leaves out.
ARMS = {
    "classifier_mnist": {"plain", "recipe", "robust"},
    "classifier_cifar10": {"plain", "brief", "recipe", "robust"},
}
SKIPPED = {
    ("classifier_mnist", "smoke"): set(),
    ("classifier_mnist", "quick"): {"robust"},
    ("classifier_mnist", "paper"): set(),
    ("classifier_cifar10", "smoke"): set(),
    ("classifier_cifar10", "quick"): {"robust"},
    ("classifier_cifar10", "paper"): set(),
}
TRAIN, TEST = 60, 20

CYCLE = {
    "name": "one_cycle", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 5e-4,
    "warm_up": 0.25,
}  # fmt: skip
RECIPE: dict[str, Any] = {
    "epochs": 3, "batch": 16, "optimiser": CYCLE, "label_smoothing": 0.1, "shift": 2,
    "flip": False, "robust": None,
}  # fmt: skip
ADAM = {"optimiser": {"name": "adam", "learning_rate": 1e-3}}
ROBUST = {"robust": {"epsilon": 0.1, "step": 0.125}, "label_smoothing": 0.0}
SECTION = {
    "device": "cpu",
    "arms": {
        "plain": {"network": "plain", "widths": [4, 6, 8], "recipe": RECIPE | ADAM},
        "brief": {
            "network": "whitened", "widths": [4, 8, 8], "recipe": RECIPE | {"flip": True},
        },
        "recipe": {"network": "pooled", "widths": [4, 6, 6, 8], "recipe": RECIPE},
        "robust": {"network": "pooled", "widths": [4, 6, 6, 8], "recipe": RECIPE | ROBUST},
    },
}  # fmt: skip
PROTOCOL = validated(SECTION, Protocol, "classifier_mnist")
ONE_EACH = dict.fromkeys(SECTION["arms"], 1)
NAMES = list(ONE_EACH)


def budget(**rest: Any) -> Budget:
    whole = {"seeds": ONE_EACH, "epochs_at_most": {}, "train_at_most": None, "test_at_most": None}
    return Budget(**whole | rest)


def trial(arm: str, seed: int = 0, protocol: Protocol = PROTOCOL, **rest: Any) -> Trial:
    listed = image_classification.trials("tiny", protocol, budget(seeds={arm: seed + 1}, **rest))
    return next(one for one in listed if one.seed == seed)


def data(arm: str) -> dict[str, np.ndarray]:
    """MNIST's shape, or CIFAR-10's for the whitened network: a bright square for each class."""
    found = mnist_shaped(TRAIN, TEST)
    if arm != "brief":
        return found
    for part in ("train", "test"):
        padded = np.pad(found[f"{part}_images"], ((0, 0), (2, 2), (2, 2)))
        noise = np.random.default_rng(2).integers(0, 20, (*padded.shape, 3))
        found[f"{part}_images"] = (padded[..., None] // [1, 2, 3] + noise).clip(0, 255).astype("u1")
    return found


def run(arm: str, seed: int = 0, protocol: Protocol = PROTOCOL, **rest: Any) -> Result:
    return image_classification.run(trial(arm, seed, protocol, **rest), data(arm))


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_runs_the_arms_of_params(name: str, profile: str) -> None:
    study = STUDIES[name]
    protocol, given = configured(study, profile)
    assert set(protocol.arms) == ARMS[name]
    assert set(given.seeds) <= ARMS[name]
    assert set(given.epochs_at_most) <= ARMS[name]
    listed, skipped = study.trials(protocol, given), study.skipped(protocol, given)
    assert set(skipped) == SKIPPED[name, profile]
    assert {one.arm for one in listed} == ARMS[name] - set(skipped)
    assert {one.study for one in listed} == {name}
    for arm in ARMS[name] - set(skipped):
        seeds = [one.seed for one in listed if one.arm == arm]
        assert seeds == list(range(given.seeds[arm]))
    # Only the paper's profile is the protocol itself; verdicts need three seeds of it.
    assert all(one.whole == (profile == "paper") for one in listed)
    if profile == "paper":
        assert min(given.seeds.values()) >= 3


@pytest.mark.parametrize("name", STUDIES)
def test_the_trials_are_those_of_the_protocol(name: str) -> None:
    protocol, given = configured(STUDIES[name], "paper")
    for one in STUDIES[name].trials(protocol, given):
        stated = protocol.arms[one.arm].model_dump(mode="json")
        assert {key: one.config[key] for key in stated} == stated
        assert image_classification.read_recipe(one.config) == protocol.arms[one.arm].recipe
        assert (one.config["train_at_most"], one.config["test_at_most"]) == (None, None)
        assert one.config["device"] in ("cpu", "cuda")
        assert one.cost > 0


def test_the_stand_in_trains_for_the_epochs_that_are_printed() -> None:
    for name, epochs in (("classifier_mnist", 20), ("classifier_cifar10", 50)):
        protocol, _ = configured(STUDIES[name], "paper")
        recipe = protocol.arms["plain"].recipe
        assert recipe.epochs == epochs
        assert (recipe.shift, recipe.flip, recipe.robust) == (0, False, None)


def test_a_trial_is_whole_unless_something_is_cut() -> None:
    assert trial("plain").whole
    # As many as are stated, or more, cut nothing.
    assert trial("plain", epochs_at_most={"plain": 3}).whole
    assert trial("plain", epochs_at_most={"plain": 9}).config["recipe"]["epochs"] == 3
    cut = trial("plain", epochs_at_most={"plain": 2})
    assert (cut.whole, cut.config["recipe"]["epochs"]) == (False, 2)
    # Another arm's cut is no concern.
    assert trial("recipe", epochs_at_most={"plain": 2}).whole
    assert not trial("plain", train_at_most=30).whole
    assert not trial("plain", test_at_most=30).whole


def test_an_arm_without_seeds_is_left_out() -> None:
    given = budget(seeds={"plain": 2, "recipe": 0})
    listed = image_classification.trials("tiny", PROTOCOL, given)
    assert [(one.arm, one.seed) for one in listed] == [("plain", 0), ("plain", 1)]
    assert image_classification.skipped(PROTOCOL, given) == ["brief", "recipe", "robust"]


def test_more_work_costs_more() -> None:
    assert trial("robust").cost == 2 * trial("recipe").cost
    assert trial("plain", epochs_at_most={"plain": 1}).cost < trial("plain").cost
    assert trial("plain", train_at_most=30).cost < trial("plain").cost


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        ("arms.recipe.network", "resnet", "arms.recipe.network = 'resnet': input should be"),
        ("arms.recipe.widths", [], "arms.recipe.widths = (): "),
        ("arms.recipe.widths", [16, 0], "arms.recipe.widths.1 = 0: "),
        ("arms.recipe.recipe.epochs", 0, "arms.recipe.recipe.epochs = 0: "),
        ("arms.recipe.recipe.batch", 2.5, "arms.recipe.recipe.batch = 2.5: "),
        (
            "arms.recipe.recipe.optimiser.weight_decay",
            -1e-4,
            "arms.recipe.recipe.optimiser.one_cycle.weight_decay = -0.0001: ",
        ),
        ("arms.recipe.recipe.optimiser.name", "sgd", "arms.recipe.recipe.optimiser = {"),
        ("arms.recipe.recipe.robust", {"epsilon": -1, "step": 1}, "arms.recipe.recipe.robust.eps"),
        ("arms.recipe.recipe.momentum", 0.9, "arms.recipe.recipe.momentum = 0.9: unknown key"),
        ("device", "tpu", "device = 'tpu': input should be 'auto', 'cpu' or 'cuda'"),
    ],
)
@pytest.mark.parametrize("name", STUDIES)
def test_params_that_are_wrong_are_told_in_one_line(
    tmp_path: Path, name: str, keys: str, value: Any, said: str
) -> None:
    content = read_sections(ROOT / "params.yaml")[name]
    assert refused(tmp_path, name, changed(content, keys, value), Protocol).startswith(said)


def test_an_unknown_arm_is_told_in_one_line(tmp_path: Path) -> None:
    content = read_sections(ROOT / "params.yaml")["classifier_mnist"]
    more = changed(content, "arms.resnet", content["arms"]["plain"])
    said = refused(tmp_path, "classifier_mnist", more, Protocol)
    assert re.match(r"arms\.resnet\.\[key\] = 'resnet': input should be 'plain', 'brief'", said)


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        ("seeds.plain", -1, "seeds.plain = -1: "),
        ("seeds.resnet", 1, "seeds.resnet.[key] = 'resnet': "),
        ("epochs_at_most.plain", 0, "epochs_at_most.plain = 0: "),
        ("train_at_most", 0, "train_at_most = 0: "),
    ],
)
def test_a_budget_that_is_wrong_is_told_in_one_line(
    tmp_path: Path, keys: str, value: Any, said: str
) -> None:
    content = read_sections(ROOT / "profiles" / "paper.yaml")["classifier_mnist"]
    name = "classifier_mnist"
    assert refused(tmp_path, name, changed(content, keys, value), Budget).startswith(said)


def test_the_device_is_resolved_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert (device.resolve("auto"), device.resolve("cpu")) == ("cpu", "cpu")
    with pytest.raises(RetrialError, match=r"^params\.yaml: device = 'cuda': "):
        device.resolve("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    found = [device.resolve(one) for one in ("auto", "cpu", "cuda")]
    assert found == ["cuda", "cpu", "cuda"]


@pytest.mark.parametrize("arm", NAMES)
def test_a_result_holds_what_is_promised(arm: str) -> None:
    result, labels = run(arm), data(arm)["test_labels"]
    assert result.status == "ok"
    assert set(result.metrics) == {
        "test_loss", "test_accuracy", "running_loss", "running_accuracy",
    }  # fmt: skip
    assert {name: len(curve) for name, curve in result.curves.items()} == dict.fromkeys(
        result.metrics, 3
    )
    for name, metric in result.metrics.items():
        assert result.curves[name][-1] == metric.value
    predictions, table = result.arrays["predictions"], result.arrays["confusion"]
    assert predictions.dtype == np.uint8
    assert predictions.shape == (TEST,)
    accuracy = float((predictions == labels).mean())
    assert result.metrics["test_accuracy"] == (accuracy, TEST)
    assert table.shape == (10, 10)
    assert np.trace(table) == (predictions == labels).sum()
    np.testing.assert_array_equal(table.sum(axis=1), np.bincount(labels, minlength=10))
    np.testing.assert_array_equal(table.sum(axis=0), np.bincount(predictions, minlength=10))
    assert result.weights
    assert all(np.isfinite(one).all() for one in result.weights.values())


def test_training_sees_training_images_and_tests_the_others() -> None:
    whole = data("recipe")
    # The split's rows decide, whatever lies in the file.
    shuffled = generator("test").permutation(TRAIN).astype(np.int32)
    other = whole | {"train": np.argsort(shuffled).astype(np.int32)}
    for kind in ("images", "labels"):
        other[f"train_{kind}"] = whole[f"train_{kind}"][shuffled]
    one = trial("recipe")
    expected = pack(image_classification.run(one, whole), 0.0)
    assert pack(image_classification.run(one, other), 0.0) == expected


def test_a_cut_takes_the_first_images() -> None:
    result = run("recipe", train_at_most=30, test_at_most=10)
    assert result.metrics["test_accuracy"].n == len(result.arrays["predictions"]) == 10
    fewer = data("recipe")
    fewer |= {"train": fewer["train"][:30], "test": fewer["test"][:10]}
    by_hand = image_classification.run(trial("recipe"), fewer)
    assert pack(by_hand, 0.0) == pack(result, 0.0)


def test_the_recipe_learns() -> None:
    content = changed(SECTION, "arms.recipe.recipe", RECIPE | {"epochs": 30, "shift": 0})
    result = run("recipe", protocol=validated(content, Protocol, "classifier_mnist"))
    assert (result.metrics["test_accuracy"].value or 0) > 0.9
    losses = result.curves["running_loss"]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("arm", NAMES)
def test_the_same_trial_gives_the_same_bytes(arm: str) -> None:
    state = torch.get_rng_state()
    one, other = (pack(run(arm), 0.0) for _ in range(2))
    assert one == other
    assert one != pack(run(arm, 1), 0.0)
    assert torch.equal(torch.get_rng_state(), state)


def test_arms_of_a_seed_share_their_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[tuple[str, int], np.ndarray] = {}
    train = image_classification.train

    def spied(*given: Any):
        place, orders = next(
            (place, one) for place, one in enumerate(given) if isinstance(one, Iterator)
        )
        first = [next(orders) for _ in range(3)]
        seen[now] = np.stack(first)
        return train(*given[:place], chain(first, orders), *given[place + 1 :])

    monkeypatch.setattr(image_classification, "train", spied)
    for now in (("plain", 0), ("recipe", 0), ("robust", 0), ("brief", 0), ("plain", 1)):
        run(*now)
    for arm in NAMES:
        np.testing.assert_array_equal(seen[arm, 0], seen["plain", 0])
    orders = [*seen["plain", 0], *seen["plain", 1]]
    assert all(sorted(order) == list(range(TRAIN)) for order in orders)
    # A new one each epoch, and each seed.
    assert len({order.tobytes() for order in orders}) == 6


def test_studies_draw_for_themselves() -> None:
    one = trial("recipe")
    other = Trial("other", one.arm, one.seed, one.config)
    found = data("recipe")
    assert pack(image_classification.run(one, found), 0.0) != pack(
        image_classification.run(other, found), 0.0
    )


def test_a_study_is_the_shared_training_under_its_name() -> None:
    given = budget(seeds={"recipe": 1})
    for name, study in STUDIES.items():
        (one,) = study.trials(PROTOCOL, given)
        assert one.study == name == study.NAME
        found = data("recipe")
        expected = image_classification.run(Trial(name, "recipe", 0, one.config), found)
        assert pack(study.run(one, found), 0.0) == pack(expected, 0.0)


def test_a_network_that_diverges_says_where() -> None:
    wild = changed(SECTION, "arms.recipe.recipe.optimiser.learning_rate", 1e30)
    result = run("recipe", protocol=validated(wild, Protocol, "classifier_mnist"))
    assert (result.status, result.decided) == ("diverged", False)
    assert set(result.detail) == {"epoch", "step", "tensor"}
    assert result.detail["epoch"] == len(result.curves["running_loss"])
    assert result.metrics["running_loss"].value is None
    assert result.metrics["test_loss"].value is None
    pack(result, 0.0)


def left(tmp_path: Path, study: ModuleType, arms: list[str]) -> tuple[Any, dict[str, Any]]:
    """The weights that a study leaves in a file, and its results by arm."""
    results = {arm: run(arm) for arm in arms}
    finished = [Finished(trial(arm), result, arm) for arm, result in results.items()]
    records.write(tmp_path, study.NAME, finished, [], {})
    return load_file(tmp_path / records.WEIGHTS), results


@pytest.mark.parametrize("arm", NAMES)
def test_what_a_study_left_is_the_classifier_that_it_tested(tmp_path: Path, arm: str) -> None:
    weights, results = left(tmp_path, classifier_mnist, [arm])
    images = data(arm)["test_images"]
    network = classifier_of(weights, arm, 0, trial(arm).config, images.shape)
    assert not network.training
    with torch.inference_mode():
        logits = network(as_tensor(images))
    np.testing.assert_array_equal(logits.argmax(1).numpy(), results[arm].arrays["predictions"])
    loss = torch.nn.functional.cross_entropy(
        logits.double(), torch.from_numpy(data(arm)["test_labels"].astype(np.int64))
    )
    assert loss.item() == results[arm].metrics["test_loss"].value


def test_weights_that_are_not_there_are_named_in_one_line(tmp_path: Path) -> None:
    weights, _ = left(tmp_path, classifier_mnist, ["plain", "recipe"])
    # Beside them lie the images, as a later stage gets them.
    weights |= data("plain")
    config, shape = trial("plain").config, (TEST, 28, 28)
    for arm, seed in (("robust", 0), ("plain", 1), ("plai", 0)):
        message = f"no weights of {arm}:{seed}, found plain:0, recipe:0"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            classifier_of(weights, arm, seed, config, shape)


def test_weights_of_another_architecture_are_refused_in_one_line(tmp_path: Path) -> None:
    weights, _ = left(tmp_path, classifier_mnist, ["plain"])
    config = trial("plain").config | {"widths": [4, 6]}
    with pytest.raises(ValueError, match=r"^weights of another architecture: [^\n]*$"):
        classifier_of(weights, "plain", 0, config, (TEST, 28, 28))
    # Images of three channels have another first layer.
    with pytest.raises(ValueError, match=r"architecture: convolutions\.0\.weight"):
        classifier_of(weights, "plain", 0, trial("plain").config, (TEST, 28, 28, 3))


def test_a_seed_is_not_taken_for_another_that_begins_alike() -> None:
    weights = {f"plain:11:{name}": one for name, one in run("plain").weights.items()}
    with pytest.raises(ValueError, match=r"^no weights of plain:1, found plain:11$"):
        classifier_of(weights, "plain", 1, trial("plain").config, (TEST, 28, 28))
