"""The pruning study on small digits: its arms, what they share, and what it says of a network."""

import math
from typing import Any

import numpy as np
import pytest
from programs import PROFILES, is_whole, packed, packed_beside
from tiny_digits import mnist_shaped
from wrong_sections import changed, refused

from retrial.core.config import validated
from retrial.core.trial import Result, Trial
from retrial.nets.hessian_diagonal import hessian_diagonal
from retrial.nets.initialisers import fill, he_normal
from retrial.nets.sparsity import MaskedNetwork, prune, saliencies
from retrial.pruned_networks import Base, digits
from retrial.running.store import pack, unpack
from retrial.studies import pruning
from retrial.studies.pruning import NAME, Budget, Protocol
from retrial.training.sgd import evaluate

SECTION: dict[str, Any] = {
    "hidden": [6, 5],
    "batch": 16,
    "learning_rate": 0.1,
    "epochs": 3,
    "images": 60,
    "criteria": ["magnitude", "sensitivity", "obd", "random"],
    "sparsities": [0.0, 0.5, 0.8, 0.95],
    "finetune_epochs": 2,
    "curvature_images": 20,
}
PROTOCOL = validated(SECTION, Protocol, "pruning")
WHOLE = Budget(
    seeds=2, layer_seeds=1, epochs_at_most=None, train_at_most=None, test_at_most=None
)  # fmt: skip
CURVES = {"sparsity", "test_accuracy", "test_loss", "weights", "sparse_bytes", "multiply_adds",
          "cut_off", "kept_1", "kept_2", "kept_3"}  # fmt: skip
DAMAGE = {"predicted_rise", "actual_rise", "alike"}
DATA = mnist_shaped(70, 30)
WEIGHTS = 784 * 6 + 6 * 5 + 5 * 10


def trial(arm: str, seed: int = 0, budget: Budget = WHOLE, protocol: Protocol = PROTOCOL) -> Trial:
    found = pruning.trials(protocol, budget)
    return next(one for one in found if (one.arm, one.seed) == (arm, seed))


def results(*listed: Trial) -> list[Result]:
    return pruning.run_together(listed, DATA)


def trained(seed: int = 0) -> Base:
    """The network that all arms of a seed begin with."""
    config = trial("unpruned", seed).config
    network = MaskedNetwork((784, 6, 5, 10), "relu", 500)
    fill(network.weights, he_normal, pruning.generator(NAME, seed, "init"))
    return Base(network, digits(config, DATA), config, (NAME, seed))


def test_arms_and_their_seeds() -> None:
    listed = pruning.trials(PROTOCOL, WHOLE)
    seeds = {one.arm: [t.seed for t in listed if t.arm == one.arm] for one in listed}
    assert seeds == {
        **{f"global/{mode}/{name}": [0, 1] for mode in ("one_shot", "iterative")
           for name in SECTION["criteria"]},
        **{f"layer/{mode}/{name}": [0] for mode in ("one_shot", "iterative")
           for name in SECTION["criteria"]},
        "unpruned": [0, 1],
    }  # fmt: skip
    assert list(seeds) == list(pruning.arms(PROTOCOL))
    assert all(one.whole for one in listed)
    assert pruning.skipped(PROTOCOL, WHOLE) == []


def test_a_budget_says_what_it_leaves_out_and_what_it_cuts() -> None:
    budget = WHOLE.model_copy(update={"layer_seeds": 0, "train_at_most": 15})
    left = {one.arm for one in pruning.trials(PROTOCOL, budget)}
    assert len(left) == 9
    assert not any(arm.startswith("layer/") for arm in left)
    assert {*pruning.skipped(PROTOCOL, budget), *left} == set(pruning.arms(PROTOCOL))
    cut = trial("unpruned", budget=budget)
    assert not cut.whole
    assert (cut.config["images"], cut.config["curvature_images"]) == (15, 15)
    assert cut.cost < trial("unpruned").cost
    for change in ({"epochs_at_most": 1}, {"test_at_most": 10}):
        assert not trial("unpruned", budget=WHOLE.model_copy(update=change)).whole
    enough = {"epochs_at_most": 9, "train_at_most": 60}
    assert trial("unpruned", budget=WHOLE.model_copy(update=enough)) == trial("unpruned")


def test_more_work_costs_more() -> None:
    shot, steps = trial("global/one_shot/magnitude").cost, trial("global/iterative/magnitude").cost
    assert 0 < shot < steps < trial("global/iterative/obd").cost


def test_profiles_of_this_project() -> None:
    assert [is_whole(pruning, profile) for profile in PROFILES] == [False, False, True]


def test_arms_of_a_seed_are_one_program_or_two() -> None:
    listed = pruning.trials(PROTOCOL, WHOLE)
    groups = {pruning.together(one) for one in listed}
    # Two of each seed; seed 1 has no arms by layer.
    assert len(groups) == 4
    largest = max(sum(pruning.together(one) == group for one in listed) for group in groups)
    assert largest == pruning.AT_ONCE


@pytest.mark.parametrize(
    "arm", ["global/one_shot/obd", "layer/iterative/sensitivity", "global/iterative/random",
            "unpruned"],
)  # fmt: skip
def test_a_trial_has_the_same_bytes_alone_and_beside_others(arm: str) -> None:
    one = trial(arm)
    listed = pruning.trials(PROTOCOL, WHOLE)
    assert packed(pruning, one, DATA) == packed_beside(pruning, one, listed, DATA)


def test_a_result_holds_what_is_promised() -> None:
    arms = pruning.arms(PROTOCOL)
    found = dict(zip(arms, results(*(trial(arm) for arm in arms)), strict=True))
    for arm, result in found.items():
        damaged = arm.endswith("/one_shot/obd")
        assert set(result.curves) == CURVES | (DAMAGE if damaged else set())
        assert {len(curve) for curve in result.curves.values()} == {4}
        assert result.curves["sparsity"] == SECTION["sparsities"]
        assert result.metrics == found["unpruned"].metrics
        assert set(result.arrays) == ({"pixels"} if "/one_shot/" in arm else set())
        # Nothing has gone at the axis' beginning, and all arms have one network there.
        first = {name: curve[0] for name, curve in result.curves.items()}
        assert first["test_accuracy"] == result.metrics["base_accuracy"].value
        assert first["test_loss"] == result.metrics["base_loss"].value
        assert first["weights"] == first["multiply_adds"] == WEIGHTS
        again, _ = unpack(pack(result, 1.0))
        assert again.curves == result.curves
        if arm != "unpruned":
            left = [WEIGHTS - round(s * WEIGHTS) for s in SECTION["sparsities"]]
            if arm.startswith("layer/"):
                left = [
                    sum(n - round(s * n) for n in (784 * 6, 30, 50)) for s in SECTION["sparsities"]
                ]
            assert result.curves["weights"] == left
    metrics = {name: metric.value for name, metric in found["unpruned"].metrics.items()}
    assert metrics["weights"] == WEIGHTS
    assert metrics["hidden"] == 11
    assert metrics["dense_bytes"] == 4 * (WEIGHTS + 21)
    assert found["unpruned"].metrics["base_accuracy"].n == 30
    assert found["unpruned"].curves["weights"] == [WEIGHTS] * 4


def test_kept_weights_add_up_and_pixels_show_the_first_layer_s() -> None:
    shot = pruning.run(trial("global/one_shot/obd"), DATA)
    kept = np.array([shot.curves[f"kept_{layer}"] for layer in (1, 2, 3)])
    assert kept.sum(axis=0).tolist() == shot.curves["weights"]
    assert shot.arrays["pixels"].shape == (4, 784)
    assert shot.arrays["pixels"].dtype == np.uint8
    assert shot.arrays["pixels"].sum(axis=1, dtype=int).tolist() == shot.curves["kept_1"]
    # Of the first seed only.
    assert pruning.run(trial("global/one_shot/obd", 1), DATA).arrays == {}


def test_one_shot_is_the_trained_network_without_its_weights_of_lowest_score() -> None:
    (result,) = results(trial("layer/one_shot/magnitude"))
    base = trained()
    masks = prune([np.abs(weight) for weight in base.network.weights], 0.8, "layer")
    base.network.keep(masks)
    found = evaluate(base.network, base.images.tests)
    assert result.curves["test_accuracy"][2] == found.accuracy
    assert result.curves["test_loss"][2] == found.loss


def test_step_by_step_prunes_what_training_has_left() -> None:
    (result,) = results(trial("global/iterative/magnitude"))
    base = trained()
    config, masks = trial("unpruned").config, None
    for step, sparsity in enumerate((0.5, 0.8), start=1):
        masks = prune(
            [np.abs(weight) for weight in base.network.weights], sparsity, "global", masks
        )
        base.network.keep(masks)
        base.trained(config, step, 2)
    found = evaluate(base.network, base.images.tests)
    assert result.curves["test_loss"][2] == found.loss
    # A network that is not pruned sees the same batches.
    (unpruned,) = results(trial("unpruned"))
    base.restore()
    base.trained(config, 1, 2)
    assert unpruned.curves["test_loss"][1] == evaluate(base.network, base.images.tests).loss


def test_the_predicted_rise_is_that_of_the_saliencies_and_the_actual_one_is_measured() -> None:
    (result,) = results(trial("global/one_shot/obd"))
    base = trained()
    looked_at = base.images.looked_at
    assert len(looked_at.labels) == 20
    scores = saliencies(base.network.weights, hessian_diagonal(base.network, looked_at.inputs))
    before = evaluate(base.network, looked_at).loss
    for place, sparsity in enumerate(SECTION["sparsities"]):
        masks = prune(scores, sparsity, "global")
        gone = sum(score[~mask].sum() for score, mask in zip(scores, masks, strict=True))
        assert result.curves["predicted_rise"][place] == pytest.approx(gone, rel=1e-12)
        base.restore()
        base.network.keep(masks)
        actual = evaluate(base.network, looked_at).loss - before
        assert result.curves["actual_rise"][place] == pytest.approx(actual, abs=1e-12)
    assert (result.curves["predicted_rise"][0], result.curves["actual_rise"][0]) == (0, 0)
    assert result.curves["predicted_rise"][3] > 0
    assert result.curves["alike"][0] == 1
    assert all(0 < share <= 1 for share in result.curves["alike"])


def test_random_weights_go_alike_in_both_modes_and_differ_between_seeds() -> None:
    shot, steps = results(trial("global/one_shot/random"), trial("global/iterative/random"))
    other = pruning.run(trial("global/one_shot/random", 1), DATA)
    assert shot.curves["kept_1"] == steps.curves["kept_1"]
    assert shot.curves["kept_1"] != other.curves["kept_1"]


def test_divergence_is_a_result() -> None:
    wild = validated(SECTION | {"learning_rate": 1.0e30}, Protocol, "pruning")
    for arm in ("global/one_shot/obd", "unpruned"):
        result = pruning.run(trial(arm, protocol=wild), DATA)
        assert result.status == "diverged"
        assert set(result.detail) == {"epoch", "step", "tensor"}
        assert result.curves == {}
        unpack(pack(result, 1.0))


def test_divergence_while_training_on_leaves_the_rest_open(monkeypatch) -> None:
    step_by_step = trial("global/iterative/magnitude")
    whole = pruning.run(step_by_step, DATA)
    trained_on = Base.trained

    def breaking(self: Base, config: Any, step: int, epochs: int) -> Any:
        if step == 2:
            self.network.parameters[0] = np.nan
        return trained_on(self, config, step, epochs)

    monkeypatch.setattr(Base, "trained", breaking)
    result = pruning.run(step_by_step, DATA)
    assert result.status == "diverged"
    for name, curve in result.curves.items():
        assert curve == [*whole.curves[name][:2], None, None]
    assert result.arrays == {}


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        ("sparsities", [0.0, 0.5, 1.0],
         "sparsities = (0.0, 0.5, 1.0): value error, expected shares below 1, which would leave no "
         "weight"),
        ("sparsities", [-0.5, 0.0],
         "sparsities = (-0.5, 0.0): value error, expected shares that begin at 0 and increase"),
        ("sparsities", [0.0, 0.5, 0.5],
         "sparsities = (0.0, 0.5, 0.5): value error, expected shares that begin at 0 and increase"),
        ("sparsities", [0.0, 0.99],
         "sparsities = (0.0, 0.99): value error, at 0.99 layer 2 keeps none of its 30 weights, "
         "expected at least 1"),
        ("criteria", ["magnitude", "surgeon"],
         "criteria.1 = 'surgeon': input should be 'magnitude', 'sensitivity', 'obd' or 'random'"),
        ("criteria", ["obd", "obd"],
         "criteria = ('obd', 'obd'): value error, expected each criterion at most once"),
        ("hidden", [6, 0], "hidden.1 = 0: input should be greater than or equal to 1"),
        ("curvature_images", 0, "curvature_images = 0: input should be greater than or equal to 1"),
    ],
)  # fmt: skip
def test_a_mistake_in_params_is_one_line(tmp_path, keys: str, value: Any, said: str) -> None:
    assert refused(tmp_path, NAME, changed(SECTION, keys, value), Protocol) == said


def test_a_mistake_in_a_budget_is_one_line(tmp_path) -> None:
    section = WHOLE.model_dump() | {"layer_seeds": -1}
    said = "layer_seeds = -1: input should be greater than or equal to 0"
    assert refused(tmp_path, NAME, section, Budget) == said


def test_a_loss_of_one_network_is_finite_at_every_sparsity() -> None:
    for result in results(trial("global/one_shot/random"), trial("layer/iterative/obd")):
        assert all(math.isfinite(value) for value in result.curves["test_loss"])
