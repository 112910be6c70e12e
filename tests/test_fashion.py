import re

import numpy as np
import pytest
from tiny_fashion import tiny_fashion

from retrial import fashion
from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.fashion import Network
from retrial.nets.library_mlp import LibraryNetwork
from retrial.training.sgd import Labelled

NETWORK = {
    "hidden": [12, 6],
    "solver": "adam",
    "learning_rate": 2.0e-5,
    "batch": 64,
    "epochs": 5,
    "tolerance": None,
}


def test_a_network_s_schedule_is_all_but_its_widths():
    network = validated(NETWORK, Network, "library_mlp.network")
    assert network.hidden == (12, 6)
    config = network.model_dump() | {"activation": "relu"}
    plan = fashion.schedule(config).model_dump()
    assert plan == {name: value for name, value in NETWORK.items() if name != "hidden"}


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"hidden": []}, "network.hidden"),
        ({"hidden": [12, 0]}, "network.hidden.1 = 0"),
        ({"solver": "lbfgs"}, "network.solver = 'lbfgs'"),
        ({"learning_rate": 0.0}, "network.learning_rate = 0.0"),
        ({"batch": 0}, "network.batch = 0"),
        ({"epochs": 0}, "network.epochs = 0"),
        ({"tolerance": -0.1}, "network.tolerance = -0.1"),
        ({"activation": "relu"}, "network.activation = 'relu'"),
    ],
)
def test_a_network_refuses_and_names_the_key(part, named):
    with pytest.raises(RetrialError, match=f"^{re.escape(named)}"):
        validated(NETWORK | part, Network, "network")


def test_pixels_are_bytes_over_255_in_the_order_of_the_rows():
    images = np.arange(3 * 4, dtype=np.uint8).reshape(3, 2, 2) * 20
    found = fashion.pixels(images, np.array([2, 0]))
    assert found.dtype == np.float32
    assert found.shape == (2, 4)
    assert found[1].tolist() == [np.float32(b) / np.float32(255) for b in (0, 20, 40, 60)]
    top = fashion.pixels(np.full((1, 2, 2), 255, np.uint8), np.array([0]))
    assert top.tolist() == [[1.0] * 4]


def test_train_comes_from_the_training_file_and_the_others_from_the_test_file():
    data = tiny_fashion()
    for name, source, first in (("train", "train", 0), ("validation", "test", 0)):
        part = fashion.part(data, name)
        assert (
            part.inputs[0].tolist() == fashion.pixels(data[f"{source}_images"], [first])[0].tolist()
        )
        assert len(part.labels) == len(data[name])
    tested = fashion.part(data, "test")
    assert tested.labels.dtype == np.int64
    assert tested.labels.tolist() == data["test_labels"][30:].tolist()
    assert tested.inputs.tolist() == fashion.pixels(data["test_images"], data["test"]).tolist()


def test_a_seed_stands_for_one_whole_number_that_the_library_takes():
    numbers = [fashion.random_seed(seed) for seed in range(50)]
    assert len(set(numbers)) == 50
    assert all(0 <= number < 2**32 for number in numbers)
    assert numbers[3] == fashion.random_seed(3)
    draws = fashion.random_state(3).uniform(size=4).tolist()
    assert draws == np.random.RandomState(numbers[3]).uniform(size=4).tolist()


def test_scores_by_hand():
    network = LibraryNetwork((2, 2), "relu", "classify", 8, np.random.RandomState(0))
    network.weights[0][:] = np.log([[3, 1], [1, 7]])
    network.biases[0][:] = 0
    # Probabilities 3/4 and 1/4, then 1/8 and 7/8; the last image's label is the improbable one.
    inputs = np.array([[1, 0], [0, 1], [0, 1]], np.float32)
    found = fashion.score(network, Labelled(inputs, np.array([0, 1, 0])))
    assert found.loss == pytest.approx(-np.log([3 / 4, 7 / 8, 1 / 8]).mean(), rel=1e-6)
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.predictions.dtype == np.uint8
    assert found.predictions.tolist() == [0, 1, 1]


def test_seconds_grow_with_weights_images_and_epochs():
    base = fashion.seconds((784, 100, 10), 8000, 10)
    assert fashion.seconds((784, 100, 10), 8000, 20) == 2 * base
    assert fashion.seconds((784, 100, 10), 16_000, 10) == 2 * base
    # Weights: 784 · 100 + 100 · 10 against twice as many.
    assert fashion.seconds((784, 200, 10), 8000, 10) == pytest.approx(2 * base)


def test_ten_classes_of_784_pixels():
    assert (fashion.CLASSES, len(set(fashion.NAMES)), fashion.PIXELS) == (10, 10, 28 * 28)
