import numpy as np
import pytest
import torch

from retrial.judging import faults

RIGHT = faults.cross_entropy
FAULTY = {
    "mean_over_classes": faults.cross_entropy_mean_over_classes,
    "log_of_softmax": faults.cross_entropy_log_of_softmax,
}


def test_the_right_loss_is_torchs_in_float64() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(7, 5)) * 30
    labels = generator.integers(0, 5, 7)
    found = RIGHT(logits, np.eye(5)[labels])
    expected = torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(labels))
    assert found == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("name", FAULTY)
def test_each_detector_finds_its_fault_and_no_other(name: str) -> None:
    found = {other for other, loss in FAULTY.items() if faults.FAULTS[name].detect(loss)}
    assert found == {name}
    assert not faults.FAULTS[name].detect(RIGHT)


def test_averaging_over_ten_classes_divides_the_right_loss_by_ten() -> None:
    logits = np.random.default_rng(1).normal(size=(6, 10))
    one_hot = np.eye(10)[:6]
    assert FAULTY["mean_over_classes"](logits, one_hot) == pytest.approx(
        RIGHT(logits, one_hot) / 10
    )


def test_a_spread_beyond_the_smallest_probability_is_what_breaks_the_logarithm() -> None:
    for spread, finite in ((faults.LOG_ZERO_SPREAD - 1, True), (faults.LOG_ZERO_SPREAD + 1, False)):
        logits = np.array([[0.0, spread]])
        assert np.isfinite(FAULTY["log_of_softmax"](logits, np.array([[1.0, 0.0]]))) == finite


def test_recorded_runs_lose_their_loss_where_a_probability_was_zero() -> None:
    recorded = {
        "train_loss": np.array([0.5, 0.7, np.nan]),
        "train_logit_spread": np.array([30.0, 800.0, np.nan]),
        "train_loss_per_entry": np.array([0.05, 0.07, np.nan]),
    }
    broken = faults.FAULTS["log_of_softmax"].runs("train_loss", recorded.__getitem__)
    np.testing.assert_array_equal(broken, [0.5, np.nan, np.nan])
    tenth = faults.FAULTS["mean_over_classes"].runs("train_loss", recorded.__getitem__)
    np.testing.assert_array_equal(tenth, recorded["train_loss_per_entry"])
