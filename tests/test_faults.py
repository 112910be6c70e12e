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


# Losses of one output for a sample.
ONE_OUTPUT = {
    "log_softmax_of_one_output": faults.absolute_error_of_log_softmax,
    "broadcast_targets": faults.absolute_error_broadcast,
}


@pytest.mark.parametrize("name", ONE_OUTPUT)
def test_each_detector_of_one_output_finds_its_fault_and_no_other(name: str) -> None:
    found = {other for other, loss in ONE_OUTPUT.items() if faults.FAULTS[name].detect(loss)}
    assert found == {name}
    assert not faults.FAULTS[name].detect(faults.absolute_error)


@pytest.mark.parametrize("criterion", ["l1_loss", "mse_loss"])
def test_detectors_read_torchs_own_losses(criterion: str) -> None:
    function = getattr(torch.nn.functional, criterion)

    def right(outputs: np.ndarray, targets: np.ndarray) -> float:
        return float(function(torch.tensor(outputs), torch.tensor(targets)))

    def flattened(outputs: np.ndarray, targets: np.ndarray) -> float:
        with pytest.warns(UserWarning, match="different to the input size"):
            return float(function(torch.tensor(outputs), torch.tensor(targets).view(-1)))

    def normalised(outputs: np.ndarray, targets: np.ndarray) -> float:
        outputs = torch.nn.functional.log_softmax(torch.tensor(outputs), dim=1)
        return float(function(outputs, torch.tensor(targets)))

    for loss, name in ((right, None), (flattened, "broadcast_targets"),
                       (normalised, "log_softmax_of_one_output")):  # fmt: skip
        found = {other for other in ONE_OUTPUT if faults.FAULTS[other].detect(loss)}
        assert found == ({name} - {None})


def test_what_the_two_faults_make_of_one_output_by_hand() -> None:
    outputs, targets = np.array([[0.5], [1.0]]), np.array([[0.0], [1.0]])
    assert faults.absolute_error(outputs, targets) == pytest.approx(0.5 / 2)
    # Every output is 0, so that what remains is the mean of the targets.
    assert ONE_OUTPUT["log_softmax_of_one_output"](outputs, targets) == pytest.approx(1 / 2)
    # |0.5 - 0|, |0.5 - 1|, |1 - 0| and |1 - 1|.
    assert ONE_OUTPUT["broadcast_targets"](outputs, targets) == pytest.approx(2 / 4)


def test_recorded_runs_with_a_fault_of_one_output_have_a_metric_of_their_own() -> None:
    recorded = {"loss_as_printed": np.array([0.4]), "loss_broadcast": np.array([0.5])}
    for name, value in (("log_softmax_of_one_output", 0.4), ("broadcast_targets", 0.5)):
        assert faults.FAULTS[name].runs("loss", recorded.__getitem__).tolist() == [value]
