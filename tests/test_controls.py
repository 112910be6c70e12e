"""The study of the positive controls: what a profile runs, and what the trials record."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

from retrial.core.config import section, validated
from retrial.core.errors import RetrialError
from retrial.core.trial import Trial
from retrial.studies import controls

ROOT = Path(__file__).parents[1]
PROTOCOL = section(ROOT / "params.yaml", controls.NAME, controls.Protocol)


def budget(seeds: int = 1, slow: bool = True, images: int | None = 40) -> controls.Budget:
    return controls.Budget(
        seeds=seeds, slow=slow, train_at_most=images, epochs_at_most=None if images is None else 1
    )


@pytest.fixture(scope="module")
def data() -> dict[str, np.ndarray]:
    """Forty digits to train on and twenty to test on, and the library's own small sets."""
    chance = np.random.default_rng(3)
    digits = load_digits()
    return {
        "train_images": chance.integers(0, 256, (40, 28, 28), dtype=np.uint8),
        "train_labels": (np.arange(40) % 10).astype(np.uint8),
        "test_images": chance.integers(0, 256, (20, 28, 28), dtype=np.uint8),
        "test_labels": (np.arange(20) % 10).astype(np.uint8),
        "images": digits.images.astype(np.uint8),
        "labels": digits.target.astype(np.uint8),
        "features": load_iris().data,
    }


def test_seeds_multiply_the_arms_with_chance_alone() -> None:
    found = controls.trials(PROTOCOL, budget(3, images=None))
    seeds = {arm: sum(one.arm == arm for one in found) for arm in controls.arms(PROTOCOL)}
    drawn = {arm for arm, count in seeds.items() if count == 3}
    assert drawn == {"mnist/rbf", "mnist/mlp/mse_300", "mnist/mlp/ce_800", "mnist/lenet"}
    assert all(seeds[arm] == 1 for arm in seeds if arm not in drawn)
    assert all(one.whole for one in found)


def test_what_is_left_out_or_cut_short_is_said() -> None:
    without = budget(0, slow=False, images=None)
    assert set(controls.skipped(PROTOCOL, without)) == {
        *controls.SLOW, "mnist/rbf", "mnist/mlp/mse_300", "mnist/mlp/ce_800", "mnist/lenet"
    }  # fmt: skip
    assert {one.arm for one in controls.trials(PROTOCOL, without)} | set(
        controls.skipped(PROTOCOL, without)
    ) == set(controls.arms(PROTOCOL))
    short = {one.arm: one.whole for one in controls.trials(PROTOCOL, budget())}
    assert [arm for arm, whole in short.items() if whole] == list(controls.LIBRARY)


@pytest.mark.parametrize("arm", controls.arms(PROTOCOL))
def test_every_arm_gives_the_same_record_twice(arm: str, data: dict[str, np.ndarray]) -> None:
    trial = next(one for one in controls.trials(PROTOCOL, budget()) if one.arm == arm)
    first, again = controls.run(trial, data), controls.run(trial, data)
    assert first.metrics == again.metrics
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(array, again.arrays[name])
    for name, metric in first.metrics.items():
        if name.endswith("error"):
            assert metric.n == 20
            assert metric.value is not None
            assert 0 <= metric.value <= 1
    if "correct_bits" in first.arrays:
        right = np.unpackbits(first.arrays["correct_bits"], count=20).sum()
        name = "nearest_error" if "neighbours" in arm else "test_error"
        assert first.metrics[name].value == (20 - right) / 20


def test_seeds_differ(data: dict[str, np.ndarray]) -> None:
    trials = [one for one in controls.trials(PROTOCOL, budget(2)) if one.arm == "mnist/mlp/ce_800"]
    first, second = (controls.run(one, data).arrays["correct_bits"] for one in trials)
    assert not np.array_equal(first, second)


def test_a_network_that_diverges_is_a_result(data: dict[str, np.ndarray]) -> None:
    full = controls.arms(PROTOCOL)["mnist/mlp/mse_300"]
    config = full | {"train_at_most": 40, "epochs": 2, "learning_rate": 1e6}
    with np.errstate(all="ignore"):
        found = controls.run(Trial(controls.NAME, "mnist/mlp/mse_300", 0, config), data)
    assert found.status == "diverged"
    assert found.detail["epoch"] >= 1


def test_the_labels_of_iris_are_the_librarys() -> None:
    np.testing.assert_array_equal(controls.IRIS_LABELS, load_iris().target)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"neighbours": 1}, r"params: controls.neighbours = 1: .*greater than or equal to 2"),
        ({"cost": 0.0}, r"params: controls.cost = 0.0: .*greater than 0"),
        ({"networks": {"A b": {}}}, r"params: controls.networks"),
        ({"centers": 1}, r"params: controls.centers = 1: unknown key, expected one of"),
    ],
)
def test_a_mistake_is_one_line(change: dict[str, object], message: str) -> None:
    content = PROTOCOL.model_dump() | change
    with pytest.raises(RetrialError, match=message) as caught:
        validated(content, controls.Protocol, "params: controls")
    assert "\n" not in str(caught.value)
