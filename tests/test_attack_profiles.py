"""Tests of the attack studies: profiles, budgets, and what is refused."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attacked_digits import ONE_EACH, PROTOCOL, SECTION, budget, data, trial
from programs import PROFILES, ROOT, configured
from wrong_sections import changed, refused

from retrial import image_attacks
from retrial.core import records
from retrial.core.config import read_sections, validated
from retrial.core.errors import RetrialError
from retrial.image_attacks import Budget, Protocol
from retrial.judging.ledger import load_claims
from retrial.studies import attack_cifar10, attack_mnist, classifier_cifar10, classifier_mnist

STUDIES = {"attack_mnist": attack_mnist, "attack_cifar10": attack_cifar10}
CLASSIFIERS = {"attack_mnist": classifier_mnist, "attack_cifar10": classifier_cifar10}
# Of each study: what the arms are, and which of them a profile runs.
ARMS = {
    "attack_mnist": {
        f"{kind}/{victim}" for kind in ("image", "amortised")
        for victim in ("plain", "recipe", "robust")
    },
    "attack_cifar10": {
        f"{kind}/{victim}" for kind in ("image", "amortised") for victim in ("brief", "robust")
    },
}  # fmt: skip
RUN = {
    ("attack_mnist", "smoke"): {"image/plain", "amortised/plain", "amortised/robust"},
    ("attack_mnist", "quick"): {"image/plain", "amortised/plain"},
    ("attack_mnist", "paper"): ARMS["attack_mnist"] - {"amortised/recipe"},
    ("attack_cifar10", "smoke"): {"image/brief", "amortised/brief"},
    ("attack_cifar10", "quick"): {"image/brief", "amortised/brief"},
    ("attack_cifar10", "paper"): ARMS["attack_cifar10"],
}


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_runs_the_arms_of_params(name: str, profile: str) -> None:
    study = STUDIES[name]
    protocol, given = configured(study, profile)
    assert set(image_attacks.arms(protocol)) == ARMS[name]
    assert set(given.seeds) == RUN[name, profile]
    listed, skipped = study.trials(protocol, given), study.skipped(protocol, given)
    assert {one.arm for one in listed} == RUN[name, profile]
    assert len(skipped) == len(set(skipped))
    assert set(skipped) == ARMS[name] - RUN[name, profile]
    assert {one.study for one in listed} == {name}
    for arm, seeds in given.seeds.items():
        assert [one.seed for one in listed if one.arm == arm] == list(range(seeds))
    # Only the paper's profile is the protocol itself; verdicts need three seeds of it.
    assert all(one.whole == (profile == "paper") for one in listed)
    if profile == "paper":
        assert min(given.seeds.values()) >= 3


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("profile", PROFILES)
def test_the_trials_are_those_of_the_protocol(name: str, profile: str) -> None:
    protocol, given = configured(STUDIES[name], profile)
    stated = protocol.model_dump(mode="json")
    most = given.steps_at_most or 10**9
    for one in STUDIES[name].trials(protocol, given):
        config = one.config
        records.canonical(config)
        assert config["device"] in ("cpu", "cuda")
        assert one.cost > 0
        assert one.arm.endswith(f"/{config['victim']}")
        assert config["referee"] == stated["victims"][config["victim"]]
        assert config["classifiers"] == {
            key: stated["classifiers"][key] for key in (config["victim"], config["referee"])
        }
        if one.arm.startswith("image/"):
            assert config["images"] == given.images
            expected = stated["generator"]
            for step in ("reconstruction", "fooling"):
                steps = min(expected[step]["steps"], most)
                assert config["generator"][step] == expected[step] | {"steps": steps}
            assert config["generator"]["channels"] == expected["channels"]
            assert config["generator"]["learning_rate"] == expected["learning_rate"]
        else:
            assert (config["held_out"], config["ladder_images"]) == (given.held_out, given.ladder)
            assert config["ladder"] == stated["ladder"]
            expected = stated["amortised"]
            cut = {
                key: min(expected[key], most) for key in ("reconstruction_steps", "fooling_steps")
            }
            assert config["amortised"] == expected | cut


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_attacked_has_been_trained(name: str, profile: str) -> None:
    listed = STUDIES[name].trials(*configured(STUDIES[name], profile))
    before = CLASSIFIERS[name].trials(*configured(CLASSIFIERS[name], profile))
    trained = {(one.arm, one.seed) for one in before}
    for one in listed:
        assert (one.config["victim"], one.seed) in trained
        referees = {seed for arm, seed in trained if arm == one.config["referee"]}
        assert referees
        # There is a referee of another seed for each victim.
        assert profile != "paper" or referees - {one.seed}
    needed = {arm for one in listed for arm in (one.config["victim"], one.config["referee"])}
    whole = all(one.whole for one in before if one.arm in needed)
    assert configured(STUDIES[name], profile)[1].classifiers_whole == whole


@pytest.mark.parametrize("name", STUDIES)
def test_the_architectures_are_those_that_were_trained(name: str) -> None:
    protocol, _ = configured(STUDIES[name], "paper")
    before, _ = configured(CLASSIFIERS[name], "paper")
    for arm, architecture in protocol.classifiers.items():
        trained = before.arms[arm]
        assert (architecture.network, architecture.widths) == (trained.network, trained.widths)
    for one, referee in protocol.victims.items():
        assert {one, referee} <= set(protocol.classifiers)
        assert one != referee


@pytest.mark.parametrize("name", STUDIES)
def test_the_ledger_asks_for_arms_that_are_run(name: str) -> None:
    claims = [one for one in load_claims(ROOT / "claims") if one.family == name]
    assert claims
    assert {arm for one in claims for arm in one.evidence.arms} <= RUN[name, "paper"]


@pytest.mark.parametrize("arm", ONE_EACH)
def test_a_trial_is_whole_unless_something_is_cut(arm: str) -> None:
    kind, most = arm.split("/")[0], {"image": 20, "amortised": 30}
    assert trial(arm).whole
    assert not trial(arm, classifiers_whole=False).whole
    # As many steps as are stated, or more, cut nothing.
    for steps in (most[kind], 99):
        assert trial(arm, steps_at_most=steps).config == trial(arm).config
        assert trial(arm, steps_at_most=steps).whole
    cut = trial(arm, steps_at_most=most[kind] - 1)
    assert cut.config != trial(arm).config
    assert not cut.whole
    assert not trial(arm, steps_at_most=most[kind], classifiers_whole=False).whole


def test_each_step_of_a_training_is_cut() -> None:
    cut = trial("image/recipe", steps_at_most=10).config["generator"]
    assert (cut["reconstruction"]["steps"], cut["fooling"]["steps"]) == (10, 8)
    cut = trial("amortised/recipe", steps_at_most=12).config["amortised"]
    assert (cut["reconstruction_steps"], cut["fooling_steps"]) == (10, 12)
    cut = trial("amortised/recipe", steps_at_most=1).config["amortised"]
    assert (cut["reconstruction_steps"], cut["fooling_steps"]) == (1, 1)


def test_an_arm_without_seeds_is_left_out() -> None:
    given = budget(seeds={"image/plain": 2})
    listed = image_attacks.trials("tiny", PROTOCOL, given)
    assert [(one.arm, one.seed) for one in listed] == [("image/plain", 0), ("image/plain", 1)]
    skipped = image_attacks.skipped(PROTOCOL, given)
    assert skipped == ["image/recipe", "amortised/recipe", "amortised/plain"]


def test_more_work_costs_more() -> None:
    assert trial("image/recipe", images=2).cost == 2 * trial("image/recipe").cost
    assert trial("amortised/recipe", steps_at_most=2).cost < trial("amortised/recipe").cost


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        ("ladder.epsilons", [0.0, -0.1], "ladder.epsilons.1 = -0.1: "),
        ("ladder.epsilons", [0.0, 1.5], "ladder.epsilons.1 = 1.5: "),
        ("ladder.epsilons", [float("nan")], "ladder.epsilons.0 = nan: "),
        ("ladder.steps", 0, "ladder.steps = 0: "),
        ("ladder.reach", 0.0, "ladder.reach = 0.0: "),
        ("generator.fooling.confidence", 1.0, "generator.fooling.confidence = 1.0: "),
        ("generator.fooling.confidence", 1, "generator.fooling.confidence = 1: "),
        ("generator.fooling.distance", 0.0, "generator.fooling.distance = 0.0: "),
        ("generator.reconstruction.error", -1.0, "generator.reconstruction.error = -1.0: "),
        ("generator.channels", [], "generator.channels = (): "),
        ("generator.channels", [8, 0], "generator.channels.1 = 0: "),
        ("amortised.channels", [], "amortised.channels = (): "),
        ("amortised.batch", 0, "amortised.batch = 0: "),
        ("amortised.distance", -1.0, "amortised.distance = -1.0: "),
        ("amortised.confidence", 0.5, "amortised.confidence = 0.5: unknown key"),
        ("classifiers.robust.network", "resnet", "classifiers.robust.network = 'resnet': input"),
        ("classifiers.robust.widths", [], "classifiers.robust.widths = (): "),
        ("device", "tpu", "device = 'tpu': input should be 'auto', 'cpu' or 'cuda'"),
    ],
)
def test_params_that_are_wrong_are_told_in_one_line(
    tmp_path: Path, keys: str, value: Any, said: str
) -> None:
    name = "attack_mnist"
    content = read_sections(ROOT / "params.yaml")[name]
    assert refused(tmp_path, name, changed(content, keys, value), Protocol).startswith(said)


@pytest.mark.parametrize("victims", [{"resnet": "robust"}, {"robust": "resnet"}])
def test_a_classifier_that_is_not_stated_is_told_in_one_line(
    tmp_path: Path, victims: dict[str, str]
) -> None:
    name = "attack_mnist"
    content = read_sections(ROOT / "params.yaml")[name]
    said = refused(tmp_path, name, changed(content, "victims", victims), Protocol)
    assert said.startswith("victims")
    assert "resnet" in said


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        ("images", 0, "images = 0: "),
        ("held_out", 0, "held_out = 0: "),
        ("ladder", 0.5, "ladder = 0.5: "),
        ("steps_at_most", 0, "steps_at_most = 0: "),
        ("classifiers_whole", "yes", "classifiers_whole = 'yes': "),
        ("seeds.image/robust", -1, "seeds.image/robust = -1: "),
    ],
)
def test_a_budget_that_is_wrong_is_told_in_one_line(
    tmp_path: Path, keys: str, value: Any, said: str
) -> None:
    name = "attack_cifar10"
    content = read_sections(ROOT / "profiles" / "paper.yaml")[name]
    assert refused(tmp_path, name, changed(content, keys, value), Budget).startswith(said)


def test_seeds_of_an_arm_that_is_not_there_are_told_in_one_line() -> None:
    given = budget(seeds={"image/recipe": 1, "image/resnet": 1})
    with pytest.raises(RetrialError, match=r"image/resnet[^\n]*: expected [^\n]*image/recipe"):
        image_attacks.trials("attack_mnist", PROTOCOL, given)


def without(prefix: str) -> dict[str, np.ndarray]:
    return {key: one for key, one in data().items() if not key.startswith(prefix)}


@pytest.mark.parametrize("kind", ["image", "amortised"])
@pytest.mark.parametrize(
    ("lost", "seed", "named"),
    [
        ("recipe:0:", 0, "no weights of recipe:0, found plain:0, plain:1, recipe:1"),
        ("none", 2, "no weights of recipe:2, found plain:0, plain:1, recipe:0, recipe:1"),
        ("plain:", 0, "no weights of plain:0, found recipe:0, recipe:1"),
    ],
)
def test_weights_that_are_not_there_are_named_in_one_line(
    kind: str, lost: str, seed: int, named: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(named)}$"):
        image_attacks.run(trial(f"{kind}/recipe", seed), without(lost))


@pytest.mark.parametrize("kind", ["image", "amortised"])
@pytest.mark.parametrize("name", ["recipe", "plain"])
def test_weights_of_another_architecture_are_refused_in_one_line(kind: str, name: str) -> None:
    content = changed(SECTION, f"classifiers.{name}.widths", [4, 6, 6])
    protocol = validated(content, Protocol, "attack_mnist")
    with pytest.raises(ValueError, match=r"^weights of another architecture: [^\n]*$"):
        image_attacks.run(trial(f"{kind}/recipe", 0, protocol), data())
