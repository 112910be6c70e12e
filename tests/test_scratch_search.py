import numpy as np
import pytest

from retrial.studies import scratch_search
from retrial.studies.scratch_grid import Draw
from retrial.studies.scratch_search import Budget, Protocol

PROTOCOL = Protocol(
    activations=("sigmoid", "tanh"),
    hidden=(6,),
    batch=8,
    draws=(
        Draw(distribution="uniform", scale=1.0),
        Draw(distribution="normal", scale=0.5),
    ),
    learning_rates=(0.1, 0.3),
    epochs=2,
)


def tiny():
    rng = np.random.default_rng(3)
    labels = (np.arange(40) % 10).astype(np.uint8)
    images = rng.integers(0, 255, (40, 3, 3), dtype=np.uint8)
    rows = np.arange(40, dtype=np.int32)
    return {
        "train_images": images,
        "train_labels": labels,
        "test_images": images,
        "test_labels": labels,
        "train": rows,
        "validation": rows[20:],
        "test": rows[:20],
    }


def test_the_grid_is_every_combination_on_seeds_of_its_own():
    trials = scratch_search.trials(PROTOCOL, Budget(seeds=2))
    assert len(trials) == 2 * 2 * 2 * 2
    assert {t.seed for t in trials} == {1000, 1001}
    assert trials[0].arm == "sigmoid/uniform-1.0/0.1"
    assert len({(t.arm, t.seed) for t in trials}) == len(trials)
    assert scratch_search.skipped(PROTOCOL, Budget(seeds=2)) == []


def test_without_seeds_every_arm_is_skipped():
    assert scratch_search.trials(PROTOCOL, Budget(seeds=0)) == []
    arms = scratch_search.skipped(PROTOCOL, Budget(seeds=0))
    assert sorted(arms) == sorted({t.arm for t in scratch_search.trials(PROTOCOL, Budget(seeds=1))})


def test_a_candidate_keeps_every_epoch_and_never_looks_at_the_test_part():
    data = tiny()
    del data["test"]
    result = scratch_search.run(scratch_search.trials(PROTOCOL, Budget(seeds=1))[0], data)
    assert result.status == "ok"
    assert sorted(result.curves) == [
        "train_accuracy", "train_loss", "validation_accuracy", "validation_loss",
    ]  # fmt: skip
    assert all(len(curve) == 2 for curve in result.curves.values())
    assert result.metrics["validation_accuracy"].n == 20
    assert result.metrics["train_loss"].value == pytest.approx(result.curves["train_loss"][-1])
