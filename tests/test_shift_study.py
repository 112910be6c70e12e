import json

import numpy as np
import pytest
from pydantic import ValidationError

from retrial import shifts
from retrial.core.trial import Result, Trial
from retrial.nets.dense import DenseNetwork
from retrial.studies import shift

NETWORKS = list(shift.ARMS)


def protocol(**changes: object) -> shift.Protocol:
    settings = {
        "max_shift": 4,
        "batch": 16,
        "momentum": 0.5,
        "hidden": 8,
        "mlp": {"epochs": 2, "learning_rate": 0.1},
        "lenet": {"epochs": 2, "learning_rate": 0.02},
        "checks": (0.5,),
        "matched_every": 0.5,
        "digit": 3,
    }
    return shift.Protocol.model_validate({**settings, **changes})


def budget(**changes: object) -> shift.Budget:
    settings = {
        "seeds": 1,
        "shift_images": 6,
        "train_at_most": None,
        "test_at_most": None,
        "epochs_at_most": {},
    }
    return shift.Budget.model_validate({**settings, **changes})


def bars(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Digits of a kind: a bar whose height is its class."""
    labels = (np.arange(count) * 7 % 10).astype(np.uint8)
    images = np.zeros((count, 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 : 6 + 2 * label, 10:16] = 200
    return images, labels


@pytest.fixture(scope="module")
def data() -> dict[str, np.ndarray]:
    train, test = bars(70), bars(20)
    return {
        "train_images": train[0],
        "train_labels": train[1],
        "test_images": test[0],
        "test_labels": test[1],
    }


def trial(arm: str, seed: int = 0, **changes: object) -> Trial:
    found = shift.trials(protocol(**changes), budget(seeds=seed + 1))
    return next(one for one in found if (one.arm, one.seed) == (arm, shift.FIRST_SEED + seed))


@pytest.fixture(scope="module")
def results(data: dict) -> dict[str, Result]:
    """One result of every network, for the tests that only look at it."""
    return {arm: shift.run(trial(arm), data) for arm in NETWORKS}


def content(result: Result) -> tuple[object, ...]:
    arrays = {name: array.tobytes() for name, array in result.arrays.items()}
    return result.metrics, result.curves, arrays, result.status


@pytest.mark.parametrize("arm", NETWORKS)
def test_a_trial_gives_the_same_bytes_after_any_other(
    arm: str, data: dict, results: dict[str, Result]
) -> None:
    assert content(shift.run(trial(arm, 1), data)) != content(results[arm])
    assert content(shift.run(trial(arm), data)) == content(results[arm])


@pytest.mark.parametrize("arm", NETWORKS)
def test_what_a_trial_records(arm: str, results: dict[str, Result]) -> None:
    result = results[arm]
    assert result.status == "ok"
    assert result.metrics["test_accuracy"].n == 20
    assert result.metrics["consistency"].n == 6
    shares = [result.metrics[f"digit_shift_share_{digit}"].value for digit in range(10)]
    assert sum(shares) == pytest.approx(1)
    middle = result.arrays["digit_map"][4, 4]
    assert result.metrics["digit_original"].value == middle == result.arrays["predictions"][3]
    assert result.arrays["consistency_map"].shape == (9, 9)
    assert result.arrays["consistency_map"][4, 4] == 1
    assert result.arrays["consistent"].shape == (6,)
    assert result.metrics["consistency"].value == pytest.approx(result.arrays["consistent"].mean())
    assert result.arrays["correct"].mean() == pytest.approx(result.curves["test_accuracy"][-1])
    lengths = {len(curve) for curve in result.curves.values()}
    assert len(lengths) == 1
    if arm != "lenet/matched":
        # 70 images in batches of 16 are 5 steps; checks after step 2, both epochs' ends.
        assert result.curves["images_seen"] == [32, 70, 140]


def test_unshifted_grid_agrees_with_the_plain_forward_pass(results: dict[str, Result]) -> None:
    for arm, result in results.items():
        # The 6 images are rows 0, 3, 6, 10, 13 and 16 of 20.
        some = result.arrays["correct"][[0, 3, 6, 10, 13, 16]].mean()
        assert result.metrics["unshifted_accuracy"].value == pytest.approx(some), arm


def test_matched_stops_as_soon_as_it_is_as_good_as_the_perceptron(
    results: dict[str, Result],
) -> None:
    result = results["lenet/matched"]
    target = results["mlp"].metrics["test_accuracy"].value
    assert result.metrics["target_accuracy"].value == target
    curve = result.curves["test_accuracy"]
    assert all(accuracy < target for accuracy in curve[:-1])


def test_small_network_learns_for_the_canvas(data: dict) -> None:
    # The whole canvas trained step by step is the reference.
    one = trial("mlp")
    history, grid = shift._mlp(0, one.config, data)
    canvas = DenseNetwork((36 * 36, 8, 10), "relu", 16)
    shift.initialisers.fill(
        canvas.weights, shift.initialisers.he_normal, shift.generator("shift", 0, "init")
    )
    planes = shifts.place(data["train_images"], 36, 4, 4).reshape(70, -1) / np.float32(255)
    orders = shift._orders(0, 70)
    for _ in range(2):
        order = next(orders)
        for start in range(0, 70, 16):
            rows = order[start : start + 16]
            canvas.loss.forward(canvas.forward(planes[rows]), data["train_labels"][rows])
            canvas.backward()
            canvas.descend(0.1)
    inputs = shift._pixels(shift._moved(one.config, data))
    expected = shifts.dense_grid(canvas.weights, canvas.biases, inputs, 4)
    assert np.mean(grid == expected) > 0.99
    assert history.images_seen[-1] == 140


def test_divergence_is_a_result(data: dict) -> None:
    huge = {"epochs": 2, "learning_rate": 1e30}
    with np.errstate(all="ignore"):
        results = [
            shift.run(trial("mlp", mlp=huge), data),
            shift.run(trial("lenet", lenet=huge), data),
        ]
    for result in results:
        assert result.status == "diverged"
        assert result.detail["epoch"] == 1
        assert result.detail["tensor"] == "loss"


def test_ink_counts_what_leaves_the_frame(data: dict) -> None:
    result = shift.run(trial("ink"), data)
    # Bars end in row 5 + 2·class: 4 down leaves the frame from row 24 on, which none reaches.
    assert result.metrics["lost_down_4"].value == 0
    # They begin in row 4, so 4 up is still inside too.
    assert not result.arrays["lost_map"].any()


def test_trials_say_what_the_budget_cuts() -> None:
    cut = budget(seeds=2, epochs_at_most={"lenet": 0.5, "lenet/blurpool": 0, "mlp": 5})
    found = shift.trials(protocol(), cut)
    assert shift.skipped(protocol(), cut) == ["lenet/blurpool"]
    whole = {one.arm: one.whole for one in found}
    assert "lenet/blurpool" not in whole
    assert [arm for arm, uncut in whole.items() if not uncut] == ["lenet"]
    assert sum(one.arm == "mlp" for one in found) == 2
    assert sum(one.arm == "ink" for one in found) == 1
    small = shift.trials(protocol(), budget(train_at_most=30))
    assert [one.arm for one in small if one.whole] == ["ink"]
    assert all(json.loads(json.dumps(one.config)) == one.config for one in found)
    assert all(one.cost > 0 for one in found)


def test_a_budget_cuts_images_and_epochs(data: dict) -> None:
    cut = budget(train_at_most=30, test_at_most=10, epochs_at_most={"mlp": 0.5})
    result = shift.run(shift.trials(protocol(), cut)[0], data)
    assert result.curves["images_seen"] == [16]
    assert result.metrics["test_accuracy"].n == 10


@pytest.mark.parametrize(
    "change", [{"max_shift": 6}, {"batch": 0}, {"momentum": 1.0}, {"checks": (0.0,)}, {"width": 3}]
)
def test_protocol_refuses(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        protocol(**change)


def test_budget_refuses_an_unknown_arm() -> None:
    with pytest.raises(ValidationError):
        budget(epochs_at_most={"lenet/blur": 1})
