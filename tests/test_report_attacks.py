"""What the chapters on classifiers and attacks count, on arrays made by hand."""

import ast
import inspect
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from retrial.core import records
from retrial.core.records import Finished, Records
from retrial.core.trial import Metric, Result, Trial
from retrial.report import attack_pictures, attacks, classifiers, examples
from retrial.report.pictures import CIFAR10, MNIST

NONE: tuple[str, ...] = ()


def image_arrays() -> dict[str, np.ndarray]:
    """Three images of the classes 0, 1, 2, each led to ten targets; the 2 was wrong before."""
    labels = np.array([0, 1, 2], np.uint8)
    predicted = np.tile(np.arange(10, dtype=np.uint8), (3, 1))
    predicted[0, 3:5] = 0  # two targets that the 0 does not reach
    predicted[2, 2] = 7
    refereed = np.repeat(labels[:, None], 10, axis=1)
    refereed[0, 9] = 9
    refereed[1, 1] = 8
    quality = np.zeros((6, 3, 10))
    quality[4] = np.arange(10)
    return {
        "labels": labels,
        "before": np.array([0, 1, 7], np.uint8),
        "predicted": predicted,
        "refereed": refereed,
        "known": np.array([1, 0, 1], np.uint8),  # the referee has the original 1 wrong
        "confidence": np.full((3, 10), 0.5, np.float32),
        "quality": quality,
        "steps": np.arange(30).reshape(3, 10),
    }


def many_arrays() -> dict[str, np.ndarray]:
    """Four held-out images with one target each."""
    return {
        "labels": np.array([0, 1, 2, 3], np.uint8),
        "before": np.array([0, 1, 2, 4], np.uint8),
        "predicted": np.array([[5], [1], [5], [5]], np.uint8),
        "refereed": np.array([[5], [1], [2], [5]], np.uint8),
        "known": np.array([1, 1, 0, 1], np.uint8),
        "confidence": np.full((4, 1), 0.5, np.float32),
        "quality": np.zeros((6, 4, 1)),
        "targets": np.array([5, 5, 5, 5], np.uint8),
    }


def written(folder: Path, arm: str, arrays: list[dict[str, np.ndarray]]) -> Records:
    done = [
        Finished(Trial("attack", arm, seed, {"victim": "plain"}), Result({}, arrays=one), f"{seed}")
        for seed, one in enumerate(arrays)
    ]
    records.write(folder, "attack", done, NONE, {"stage": "attack"})
    return Records.load(folder)


def test_examples_of_single_images_leave_out_what_was_wrong_before(tmp_path: Path) -> None:
    made = written(tmp_path, "image/plain", [image_arrays()] * 2)
    found = examples.examples(made, "image/plain")
    assert (found.images, found.misclassified, len(found.hit)) == (6, 2, 2 * 18)
    assert found.hit.sum() == 2 * 16
    assert found.by_seed() == [16 / 18, 16 / 18]
    assert found.known is not None
    # Of the 0, whose original the referee has right, nine targets a seed.
    assert (found.source[found.known] == 0).all()
    assert found.known.sum() == 18
    assert sorted(set(found.measure("levels"))) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    reached, tried = found.counts(10)
    assert tried.sum(axis=1).tolist() == [18, 18] + [0] * 8
    assert (tried.diagonal() == 0).all()
    assert np.argwhere(reached < tried).tolist() == [[0, 3], [0, 4]]


def test_examples_of_one_generator_for_all(tmp_path: Path) -> None:
    made = written(tmp_path, "amortised/plain", [many_arrays()])
    found = examples.examples(made, "amortised/plain")
    assert (found.images, found.misclassified) == (4, 1)
    assert found.hit.tolist() == [True, False, True]
    assert (found.refereed == found.target).tolist() == [True, False, False]
    assert found.asked.tolist() == [True, False, False]
    assert found.steps is None


def test_tables_stand_where_nothing_was_right_before(tmp_path: Path) -> None:
    arrays = image_arrays() | {"before": np.array([9, 9, 9], np.uint8)}
    made = written(tmp_path, "image/plain", [arrays])
    table = attacks.successes(made)
    assert "| [3](" in table
    assert "nan" not in table + attacks.how_far(made) + attacks.second_look(made)
    assert "nothing to count" in attack_pictures.matrices(made, "image", MNIST, "x")
    assert "no change to measure" in attacks.spread_of_change(made, "x")


def test_share_by_hand(tmp_path: Path) -> None:
    made = written(tmp_path, "image/plain", [image_arrays()])
    cells = examples.share_cells(np.array([True, True, False]), made, ["image/plain"], "share")
    assert cells[0].startswith("[0.667](")
    # Wilson with z = 1.96: centre (2/3 + z²/6)/(1 + z²/3), half width 0.365 around 0.574.
    assert [part.split("](")[0] for part in cells[1].split(" to ")] == ["[0.208", "[0.939"]
    assert examples.share_cells(np.zeros(0, bool), made, ["image/plain"], "s") == ["–", "–"]


def classifier_records(folder: Path, arms: dict[str, dict]) -> Records:
    recipe = {"epochs": 4, "label_smoothing": 0.1}
    protocol = {
        arm: {"network": "pooled", "widths": [8], "recipe": recipe | changes}
        for arm, changes in arms.items()
    }
    done = [
        Finished(
            Trial("classifier", arm, seed, protocol[arm]),
            Result({"test_accuracy": Metric(0.9 - 0.1 * (arm == "robust") + seed / 100, 100)}),
            f"{arm}{seed}",
        )
        for arm in arms
        for seed in range(3)
    ]
    records.write(folder, "classifier", done, NONE, {"protocol": {"arms": protocol}})
    return Records.load(folder)


@pytest.mark.parametrize(
    ("arms", "usual"),
    [
        ({"plain": {"epochs": 20}, "recipe": {}, "robust": {"label_smoothing": 0.0}}, "recipe"),
        ({"plain": {"epochs": 20}, "robust": {}}, None),
        ({"plain": {"epochs": 20}, "recipe": {}}, None),
    ],
)
def test_counterpart(tmp_path: Path, arms: dict[str, dict], usual: str | None) -> None:
    assert classifiers.counterpart(classifier_records(tmp_path, arms)) == usual


def test_adversarial_training_costs_what_pairs_of_seeds_differ_by(tmp_path: Path) -> None:
    made = classifier_records(tmp_path, {"recipe": {}, "robust": {"label_smoothing": 0.0}})
    text = re.sub(r"\[([^]]*)\]\([^)]*\)\{[^}]*\}", r"\1", classifiers.robustness_costs(made))
    assert "the difference is −10.00 percentage points (−10.00 to −10.00, 3 pairs)" in text
    assert "label smoothing differs as well, 0 against 0.1" in text


def test_names_of_classes() -> None:
    assert (MNIST.one[8], MNIST.one[1]) == ("an 8", "a 1")
    assert CIFAR10.one[CIFAR10.classes.index("airplane")] == "an airplane"
    assert len(CIFAR10.classes) == len(MNIST.classes) == 10
    assert CIFAR10.classes[6] == "frog"


@pytest.mark.parametrize("module", [attacks, attack_pictures, classifiers])
def test_no_numeral_in_prose_is_typed_by_hand(module: ModuleType) -> None:
    tree = ast.parse(inspect.getsource(module))
    computed = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.FormattedValue)
        for part in ast.walk(node)
    }
    prose = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and " " in node.value
        and id(node) not in computed
    ]
    # Within a formula, digits are exponents; the key of a figure names its level.
    typed = [text for text in prose if re.search(r"\d", re.sub(r"\$[^$]*\$", "", text))]
    assert set(typed) <= {"mean, 95% interval"}
