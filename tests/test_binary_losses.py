"""Losses of two classes: by hand, beside torch's own, and as report 001's loops have them."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from retrial.training.binary_losses import (
    OUTPUTS,
    LossName,
    evaluate_as_printed,
    first_epoch_as_printed,
    fit,
    linear_layers,
    loss_of,
    mean_of_batches,
    perceptron,
    probability_of_one,
    targets_for,
)

ROWS, BATCH = 143, 32


def draw(name: str, shape: tuple[int, ...], bound: float) -> np.ndarray:
    return np.random.default_rng(len(name)).uniform(-bound, bound, shape)


def rows(n: int = ROWS) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32))


def labels_with(ones: int, last: int) -> np.ndarray:
    """Labels of which `ones` are 1, `last` of them in the last, smaller batch."""
    labels = np.zeros(ROWS, np.int64)
    labels[: ones - last] = 1
    labels[ROWS - last :] = 1
    return labels


def test_a_perceptron_by_hand() -> None:
    network = perceptron(4, 3, 1, 2, draw)
    assert (linear_layers(network), len(network)) == (3, 5)
    assert isinstance(network[-1], nn.Linear)
    x = rows(5)
    found = x.numpy()
    for place, (below, above) in enumerate(((4, 3), (3, 3), (3, 1))):
        weight = draw(f"weight {place}", (above, below), below**-0.5).astype(np.float32)
        bias = draw(f"bias {place}", (above,), below**-0.5).astype(np.float32)
        found = found @ weight.T + bias
        found = np.maximum(found, 0) if place < 2 else found
    np.testing.assert_allclose(network(x).detach().numpy(), found, rtol=1e-5, atol=1e-6)


def test_weights_begin_within_torchs_own_bound() -> None:
    network = perceptron(4, 16, 1, 1, draw)
    own = nn.Linear(4, 16)
    for mine, theirs in ((network[0].weight, own.weight), (network[0].bias, own.bias)):
        assert mine.shape == theirs.shape
        assert 0.4 < float(mine.detach().abs().max()) <= 0.5
        assert float(theirs.detach().abs().max()) <= 0.5


def test_losses_by_hand() -> None:
    outputs, labels = torch.tensor([[0.25], [2.0]]), np.array([0, 1])
    aims = {name: targets_for(name, labels) for name in OUTPUTS}
    assert loss_of("l1", outputs, aims["l1"]).item() == pytest.approx((0.25 + 1) / 2)
    assert loss_of("mse", outputs, aims["mse"]).item() == pytest.approx((0.0625 + 1) / 2)
    own = np.log1p(np.exp([0.25, -2.0])).mean()
    assert loss_of("bce", outputs, aims["bce"]).item() == pytest.approx(own)
    two = torch.tensor([[0.0, 0.25], [0.0, 2.0]])
    assert loss_of("nll", two, aims["nll"]).item() == pytest.approx(own)
    # |.25 - 0|, |.25 - 1|, |2 - 0| and |2 - 1|.
    assert loss_of("l1", outputs, aims["l1"], broadcast=True).item() == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["l1", "mse"])
def test_broadcasting_is_what_torch_makes_of_flat_targets(name: LossName) -> None:
    outputs, targets = rows()[:, :1], targets_for(name, labels_with(57, 7))
    with pytest.warns(UserWarning, match="different to the input size"):
        theirs = getattr(functional, f"{name}_loss")(outputs, targets.view(-1))
    assert loss_of(name, outputs, targets, broadcast=True).item() == theirs.item()


def test_a_loss_that_torch_does_not_broadcast_is_refused() -> None:
    with pytest.raises(ValueError, match="loss 'bce': torch broadcasts under l1 and mse only"):
        loss_of("bce", rows()[:, :1], torch.ones(ROWS, 1), broadcast=True)


def test_under_broadcasting_no_gradient_knows_its_own_label() -> None:
    labels = labels_with(57, 7)
    gradients = []
    for some in (labels, 1 - labels[::-1], np.random.default_rng(3).permutation(labels)):
        outputs = (0.1 * rows()[:, :1]).requires_grad_()
        loss_of("mse", outputs, targets_for("mse", some), broadcast=True).backward()
        gradients.append(outputs.grad.numpy())
    # The third has as many ones as the first, elsewhere; the second has others.
    np.testing.assert_allclose(gradients[2], gradients[0], rtol=1e-6, atol=1e-9)
    assert np.abs(gradients[1] - gradients[0]).max() > 1e-4


def test_the_first_step_of_adam_is_the_rate_along_each_sign() -> None:
    network = perceptron(4, 8, 1, 1, draw)
    before = [p.detach().clone() for p in network.parameters()]
    targets = targets_for("mse", labels_with(57, 7))
    loss_of("mse", network(rows()), targets).backward()
    slopes = [p.grad.clone() for p in network.parameters()]
    found = fit(network, "mse", 0.01, rows(), targets, [np.arange(ROWS)], ROWS)
    assert len(found.losses) == 1
    assert found.divergence == {}
    for old, slope, new in zip(before, slopes, network.parameters(), strict=True):
        moved = (new.detach() - old)[slope.abs() > 1e-4]
        expected = -0.01 * slope.sign()[slope.abs() > 1e-4]
        torch.testing.assert_close(moved, expected, rtol=1e-3, atol=1e-6)


def test_the_last_batch_of_an_epoch_is_smaller_and_counts_as_much() -> None:
    outputs, targets = torch.zeros(ROWS, 1), targets_for("l1", labels_with(57, 7))
    assert mean_of_batches("l1", outputs, targets, BATCH) == pytest.approx((50 / 32 + 7 / 15) / 5)
    network = perceptron(4, 8, 1, 1, draw)
    still = [p.detach().clone() for p in network.parameters()]
    own = mean_of_batches("l1", network(rows()), targets, BATCH)
    # At a rate of next to nothing the losses of an epoch are those of the network as it was.
    found = fit(network, "l1", 1e-12, rows(), targets, [np.arange(ROWS)], BATCH)
    assert found.losses == [pytest.approx(own, rel=1e-5)]
    for old, new in zip(still, network.parameters(), strict=True):
        torch.testing.assert_close(new.detach(), old)


def test_a_loss_without_bound_ends_as_a_divergence() -> None:
    network = perceptron(4, 8, 1, 1, draw)
    targets = targets_for("mse", labels_with(57, 7))
    orders = [np.arange(ROWS)] * 3
    found = fit(network, "mse", 1e30, rows(), targets, orders, BATCH)
    assert found.divergence == {"epoch": 1, "step": 2, "tensor": "loss"}
    assert found.losses == []
    outputs = network(rows()).detach().numpy()
    assert not np.isfinite(outputs).all()


@pytest.mark.parametrize("name", ["l1", "mse"])
@pytest.mark.parametrize("factor", [1.0, 30.0])
def test_the_printed_evaluation_sees_no_output(name: LossName, factor: float) -> None:
    targets = targets_for(name, labels_with(57, 7))
    network = perceptron(4, 8, 1, 1, lambda *drawn: factor * draw(*drawn))
    loss, accuracy = evaluate_as_printed(network, name, rows(), targets, BATCH)
    # What report 001 prints for both losses.
    assert f"{loss:.4f}" == "0.4058"
    assert f"{accuracy:.2%}" == "60.14%"


def test_what_the_printed_loop_raises() -> None:
    labels = labels_with(57, 7)
    found = {}
    for name in OUTPUTS:
        for kind in (np.float32, np.int64):
            network = perceptron(4, 8, 1, 1, draw)
            aims = torch.from_numpy(labels.astype(kind))
            found[name, kind] = first_epoch_as_printed(network, name, 0.01, rows(), aims, BATCH)
    for name in ("l1", "mse"):
        assert found[name, np.float32].kind == ""
        assert "different to the input size" in found[name, np.float32].warning
    assert found["bce", np.float32].kind == "ValueError"
    assert found["bce", np.float32].message.startswith("Target size")
    assert found["nll", np.float32].kind == "RuntimeError"
    assert "Long" in found["nll", np.float32].message
    assert found["nll", np.int64] == ("IndexError", "Target 1 is out of bounds.", "")


def test_probabilities_by_hand() -> None:
    outputs = np.array([[-0.5], [0.25], [1.5], [np.nan]], np.float32)
    assert probability_of_one("mse", outputs).tolist() == [0, 0.25, 1, 0]
    sigmoid = 1 / (1 + np.exp([0.5, -0.25, -1.5]))
    assert probability_of_one("bce", outputs)[:3] == pytest.approx(sigmoid, rel=1e-6)
    two = np.hstack([np.ones_like(outputs), outputs + 1])
    assert probability_of_one("nll", two)[:3] == pytest.approx(sigmoid, rel=1e-6)
    assert probability_of_one("bce", outputs)[3] == 0
    assert probability_of_one("bce", np.array([[-1e30]], np.float32)).tolist() == [0]
