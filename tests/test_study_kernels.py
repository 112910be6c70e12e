"""The kernels study on small digits: its arms, its pairing, its numbers beside scikit-learn's."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from retrial.core.config import validated
from retrial.core.errors import RetrialError
from retrial.core.trial import Result, Trial
from retrial.studies import kernels

SECTION: dict[str, Any] = {
    "kernels": ["linear", "rbf", "poly"],
    "pixel_tops": [255, 1],
    "degree": 2,
    "C": [1.0e-6, 1.0e-2, 10.0, 1000.0],
    "folds": 5,
    "other_folds": [3],
    "logistic": {
        "logistic": {"solver": "lbfgs", "tolerance": 1.0e-4, "iterations": 500},
        "logistic-2": {"solver": "lbfgs", "tolerance": 1.0e-7, "iterations": 2},
    },
    "logistic_cost": 1.0,
    "subset_arms": ["rbf/255", "logistic/1"],
    "subset_train": 120,
    "subset_test": 20,
    "full": [{"kernel": "rbf", "pixel_top": 1, "C": 10.0}],
}


def protocol(**changes: Any) -> kernels.Protocol:
    return validated({**SECTION, **changes}, kernels.Protocol, "params.yaml: kernels")


@pytest.fixture(scope="module")
def data() -> Mapping[str, np.ndarray]:
    """Digits of 8 × 8 pixels in the middle of images of MNIST's shape and type."""
    small, labels = load_digits(return_X_y=True)
    images = np.zeros((len(small), 28, 28), np.uint8)
    images[:, 10:18, 10:18] = (small * 255 / 16).reshape(-1, 8, 8)
    return {
        "train_images": images[:1200],
        "train_labels": labels[:1200].astype(np.uint8),
        "test_images": images[1200:],
        "test_labels": labels[1200:].astype(np.uint8),
        "train": np.arange(200, dtype=np.int32),
        "test": np.arange(50, dtype=np.int32),
    }


def trial(arm: str, seed: int = 0) -> Trial:
    found = kernels.trials(protocol(), kernels.Budget(subsets=2, full=True))
    return next(each for each in found if (each.arm, each.seed) == (arm, seed))


def values(result: Result) -> dict[str, float | int | None]:
    return {name: metric.value for name, metric in result.metrics.items()}


def test_arms_and_what_a_budget_leaves_out() -> None:
    large = kernels.trials(protocol(), kernels.Budget(subsets=2, full=True))
    small = kernels.trials(protocol(), kernels.Budget(subsets=0, full=False))
    left_out = kernels.skipped(protocol(), kernels.Budget(subsets=0, full=False))
    assert {each.arm for each in large} - {each.arm for each in small} == set(left_out)
    assert left_out == ["subset/rbf/255", "subset/logistic/1", "full/rbf/1"]
    assert kernels.skipped(protocol(), kernels.Budget(subsets=2, full=True)) == []
    assert [each.seed for each in large if each.arm == "subset/rbf/255"] == [0, 1]
    assert len({(each.arm, each.seed) for each in large}) == len(large)


def test_split_counts(data: Mapping[str, np.ndarray]) -> None:
    result = kernels.run(trial("split"), data)
    counted = values(result)
    assert [counted[f"train_count_{digit}"] for digit in range(10)] == np.bincount(
        data["train_labels"][:200]
    ).tolist()
    assert (counted["train_size"], counted["test_size"]) == (200, 50)
    assert result.metrics["train_count_0"].n == 200
    assert result.arrays["test_images"].shape == (50, 28, 28)


@pytest.mark.parametrize("arm", ["linear/255", "rbf/1", "poly/1"])
def test_grid_arm_is_grid_search(arm: str, data: Mapping[str, np.ndarray]) -> None:
    kind, top = arm.split("/")
    x = data["train_images"][:200].reshape(200, -1) / (255.0 if top == "1" else 1.0)
    held = data["test_images"].reshape(-1, 784) / (255.0 if top == "1" else 1.0)
    search = GridSearchCV(SVC(kernel=kind, degree=2), {"C": SECTION["C"]}, cv=5)
    search.fit(x, data["train_labels"][:200])
    result = kernels.run(trial(arm), data)
    told = values(result)
    theirs = [search.cv_results_[f"split{fold}_test_score"] for fold in range(5)]
    np.testing.assert_array_equal(result.arrays["scores"], np.array(theirs).T)
    assert told["best_C"] == search.best_params_["C"]
    assert told["n_tied"] == result.arrays["tied"].sum()
    predicted = search.predict(held)
    np.testing.assert_array_equal(result.arrays["predictions"], predicted)
    assert told["test_accuracy"] == np.mean(predicted == data["test_labels"])
    assert told["test100_accuracy"] == np.mean((predicted == data["test_labels"])[:50])
    assert result.metrics["test100_accuracy"].n == 50
    assert result.arrays["scores_folds3"].shape == (4, 3)


def test_logistic_says_whether_it_converged(data: Mapping[str, np.ndarray]) -> None:
    assert values(kernels.run(trial("logistic/1"), data))["converged"] == 1
    cut = values(kernels.run(trial("logistic-2/1"), data))
    assert (cut["converged"], cut["iterations"]) == (0, 2)


def test_subset_arms_share_their_draw(data: Mapping[str, np.ndarray]) -> None:
    sizes = {"train": 120, "test": 20}
    train, test = kernels._draw(0, sizes, data)
    other, _ = kernels._draw(1, sizes, data)
    assert (len(set(train.tolist())), len(set(test.tolist()))) == (120, 20)
    assert train.tolist() != other.tolist()
    for arm in ("subset/rbf/255", "subset/logistic/1"):
        arrays = kernels.run(trial(arm), data).arrays
        np.testing.assert_array_equal(arrays["correct100"], arrays["correct"][test])


def test_full_arm_is_svc(data: Mapping[str, np.ndarray]) -> None:
    result = kernels.run(trial("full/rbf/1"), data)
    x = data["train_images"].reshape(1200, -1) / 255.0
    machine = SVC(C=10.0).fit(x, data["train_labels"])
    predicted = machine.predict(data["test_images"].reshape(-1, 784) / 255.0)
    np.testing.assert_array_equal(result.arrays["predictions"], predicted)


def test_same_trial_same_bytes(data: Mapping[str, np.ndarray]) -> None:
    first, again = (kernels.run(trial("subset/rbf/255", 1), data) for _ in range(2))
    assert first.metrics == again.metrics
    assert all(
        first.arrays[name].tobytes() == again.arrays[name].tobytes() for name in first.arrays
    )


def test_mistakes_are_told_in_one_line() -> None:
    with pytest.raises(RetrialError, match=r"kernels\.C .*ascending"):
        protocol(C=[1.0, 0.1])
    with pytest.raises(RetrialError, match=r"kernels\.kernels\.0 = 'cubic'"):
        protocol(kernels=["cubic"])
    with pytest.raises(RetrialError, match=r"kernels\.subset_arms .*rbf/7"):
        kernels.trials(protocol(subset_arms=["rbf/7"]), kernels.Budget(subsets=1, full=False))
