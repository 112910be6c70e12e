import re

import numpy as np
import pytest
from programs import TRAINING
from tiny_digits import mnist_shaped

from retrial import deep_networks
from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.seeds import generator
from retrial.core.trial import Trial
from retrial.deep_networks import Training, begun, digits, initialise, orders, scores, together
from retrial.nets.stacked import StackedNetwork
from retrial.training.stacked_descent import Evaluation, History

CONFIG = {
    **validated(TRAINING, Training, "depth.training").config(),
    "activation": "tanh",
    "depth": 2,
    "epochs": 3,
    "train_at_most": None,
}
# No two layers and no two directions have one variance in common.
SIZES = (100, 400, 200, 300)


def trial(arm: str = "a", seed: int = 0, **changes) -> Trial:
    return Trial("test", arm, seed, CONFIG | changes)


def drawn(start: str, deviation: float | None = None) -> StackedNetwork:
    network = StackedNetwork(SIZES, "sigmoid", 1, dtype=np.float64)
    config = {"initialiser": start, "deviation": deviation}
    initialise(network, 0, config, generator("test", "variances"))
    return network


@pytest.mark.parametrize(
    ("start", "variance"),
    [
        ("glorot_uniform", lambda inputs, outputs: 2 / (inputs + outputs)),
        ("glorot_normal", lambda inputs, outputs: 2 / (inputs + outputs)),
        ("he_normal", lambda inputs, outputs: 2 / inputs),
        ("lecun_normal", lambda inputs, outputs: 1 / inputs),
        ("default", lambda inputs, outputs: 1 / (3 * inputs)),
        ("normal", lambda inputs, outputs: 0.7**2),
    ],
)
def test_weights_have_the_variance_of_their_beginning(start, variance):
    network = drawn(start, 0.7 if start == "normal" else None)
    for layer, weight in enumerate(network.weights):
        expected = variance(SIZES[layer], SIZES[layer + 1])
        assert weight[0, :, :-1].var() == pytest.approx(expected, rel=0.03)
        assert abs(weight[0, :, :-1].mean()) < 4 * np.sqrt(expected / weight[0, :, :-1].size)
        assert (weight[0, :, -1] == 0).all() == (start != "default")


def test_biases_of_the_library_s_default_are_uniform_to_one_over_the_root_of_the_inputs():
    network = drawn("default")
    for layer, weight in enumerate(network.weights):
        half_width = 1 / np.sqrt(SIZES[layer])
        biases = np.abs(weight[0, :, -1])
        assert 0.95 * half_width < biases.max() <= half_width
        assert biases.mean() == pytest.approx(half_width / 2, rel=0.1)


def test_a_beginning_as_tanh_is_glorot_s_by_factors_of_two():
    plain, scaled = drawn("glorot_uniform"), drawn("as_tanh")
    for layer, factor in enumerate((2, 4, 2)):
        weight = plain.weights[layer][0, :, :-1]
        assert scaled.weights[layer][0, :, :-1].tolist() == (factor * weight).tolist()
        biases = (0, -2, -1)[layer] * weight.sum(axis=1)
        np.testing.assert_allclose(scaled.weights[layer][0, :, -1], biases, rtol=1e-12)


def test_arms_of_a_seed_share_their_draws_and_seeds_do_not():
    shared = {"epochs": 9, "optimiser": "adam", "activation": "relu", "learning_rate": 0.5}
    first, other_arm, other_seed = (
        begun("test", [one]).parameters for one in (trial(), trial("b", **shared), trial(seed=1))
    )
    assert first.dtype == np.float32
    assert first.tobytes() == other_arm.tobytes()
    weights = first != 0
    assert (first[weights] != other_seed[weights]).mean() > 0.99
    assert begun("other", [trial()]).parameters.tobytes() != first.tobytes()


@pytest.mark.parametrize(
    ("start", "twin"), [("default", "glorot_uniform"), ("he_normal", "glorot_normal")]
)
def test_beginnings_of_one_distribution_are_one_draw_but_for_a_factor(start, twin):
    for one, other in zip(drawn(start).weights, drawn(twin).weights, strict=True):
        ratio = one[0, :, :-1] / other[0, :, :-1]
        assert ratio.max() == pytest.approx(ratio.min(), rel=1e-9)


def test_members_begin_as_they_would_alone():
    listed = [trial(initialiser="default"), trial(seed=5, initialiser="he_normal"), trial(seed=1)]
    together_ = begun("test", listed, np.float64)
    for member, one in enumerate(listed):
        alone = begun("test", [one], np.float64)
        assert alone.parameters[0].tobytes() == together_.parameters[member].tobytes()


def test_only_beginning_and_seed_may_differ_in_one_program():
    joined = [
        trial(),
        trial("b", 7),
        trial(initialiser="he_normal"),
        trial(initialiser="normal", deviation=0.3),
    ]
    assert len({together(one) for one in joined}) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"width": 7},
        {"batch": 8},
        {"optimiser": "adam"},
        {"learning_rate": 0.2},
        {"block": "residual"},
        {"activation": "relu"},
        {"depth": 3},
        {"epochs": 4},
        {"train_at_most": 20},
    ],
)
def test_what_changes_the_program_separates(change):
    assert together(trial(**change)) != together(trial())


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"optimiser": "nadam"}, "depth.training.optimiser = 'nadam': "),
        ({"width": 0}, "depth.training.width = 0: "),
        ({"initialiser": "zero"}, "depth.training.initialiser = 'zero': "),
        ({"learning_rate": 0.0}, "depth.training.learning_rate = 0.0: "),
        ({"learning_rates": 0.1}, "depth.training.learning_rates = 0.1: unknown key, expected one"),
    ],
)
def test_a_mistake_in_the_training_is_one_line_with_key_and_value(part, named):
    with pytest.raises(RetrialError, match=f"^{re.escape(named)}.+$") as caught:
        validated(TRAINING | part, Training, "depth.training")
    assert "\n" not in str(caught.value)


def test_digits_end_in_ones_and_a_limit_takes_the_first():
    data = mnist_shaped(30, 20)
    # The first images of a part are those that its indices name first.
    data["train"] = data["train"][::-1].copy()
    whole, few = digits(data, "train"), digits(data, "train", 12)
    assert whole.inputs.shape == (30, 785)
    assert whole.inputs.dtype == np.float32
    assert (whole.inputs[:, -1] == 1).all()
    assert whole.inputs.min() == 0
    assert whole.inputs[:, :-1].max() == 1
    assert few.inputs.tolist() == whole.inputs[:12].tolist()
    assert (
        few.labels.tolist() == whole.labels[:12].tolist() == data["train_labels"][:17:-1].tolist()
    )
    assert len(digits(data, "test", 1000).labels) == 20


def test_orders_are_new_permutations_in_every_epoch_and_the_same_for_a_seed():
    first, again, other = (orders("test", seed, 50) for seed in (3, 3, 4))
    epochs = [next(first).tolist() for _ in range(3)]
    assert [next(again).tolist() for _ in range(3)] == epochs
    assert all(sorted(one) == [*range(50)] for one in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert next(other).tolist() != epochs[0]


def test_scores_and_curves_by_hand():
    train = Evaluation(0.5, 0.75, np.array([0, 1, 1, 2], np.uint8))
    test = Evaluation(float("nan"), 0.5, np.array([3, 3], np.uint8))
    assert {name: tuple(metric) for name, metric in scores(train, test).items()} == {
        "train_loss": (0.5, 4),
        "train_accuracy": (0.75, 4),
        "test_loss": (None, 2),
        "test_accuracy": (0.5, 2),
        "gap": (0.25, 2),
        "predicted_classes": (1, 2),
    }
    found = deep_networks.curves(History({"test_loss": [1.0, float("inf")]}))
    assert found == {"test_loss": [1.0, None]}


def test_more_work_costs_more():
    base = deep_networks.cost(CONFIG)
    for change in ({"depth": 9}, {"epochs": 4}, {"width": 60}, {"optimiser": "adam"}, {"batch": 1}):
        assert deep_networks.cost(CONFIG | change) > base > 0
    assert deep_networks.cost(CONFIG | {"train_at_most": 100}) < base
    assert deep_networks.cost(CONFIG | {"train_at_most": 100_000}) == base
