"""Perceptrons for two classes under torch's losses, trained as report 001 (P3) trains them.

    l1, mse     one output, beside a label of 0 or 1
    bce         one output, a logit
    nll         two outputs, whose log-softmax are log-probabilities

Right, a loss takes outputs (n, 1) and targets (n, 1), or outputs (n, 2) and whole targets (n,). The
report's code flattens its targets to (n,) before the loss and takes the log-softmax of one output
at the evaluation: `broadcast`, `first_epoch_as_printed` and `evaluate_as_printed` do as it does.
"""

import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init

from retrial.calibration import softmax

LossName = Literal["l1", "mse", "bce", "nll"]
OUTPUTS: dict[LossName, int] = {"l1": 1, "mse": 1, "bce": 1, "nll": 2}
# What the printed criteria call.
CRITERIA: dict[LossName, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": functional.l1_loss,
    "mse": functional.mse_loss,
    "bce": functional.binary_cross_entropy_with_logits,
    "nll": functional.nll_loss,
}

# A uniform draw of a named tensor: its name, its shape and the largest absolute value.
Draw = Callable[[str, tuple[int, ...], float], NDArray[np.floating[Any]]]


@dataclass(frozen=True)
class Fit:
    """What a training left: the mean of the batches' losses of each epoch, as trained on.

    `divergence` says where the first loss that is not finite was met (epoch, step, tensor); empty
    where none was.
    """

    losses: list[float]
    divergence: dict[str, Any] = field(default_factory=dict)


class Raised(NamedTuple):
    """What the printed loop raised in its first epoch ("" for nothing), and torch's warning."""

    kind: str
    message: str
    warning: str


def perceptron(
    inputs: int, hidden: int, outputs: int, hidden_layers: int, draw: Draw
) -> nn.Sequential:
    """Report 001's `SimpleMLP`: `hidden_layers` linear layers with ReLU, and a linear one.

    Weights and biases are uniform within 1/√inputs of their layer, torch's default for `nn.Linear`,
    and drawn by `draw` under the names `weight 0`, `bias 0`, `weight 1` …
    """
    widths = [inputs, *[hidden] * hidden_layers, outputs]
    layers: list[nn.Module] = []
    for place, (below, above) in enumerate(pairwise(widths)):
        layer = skip_init(nn.Linear, below, above)
        with torch.no_grad():
            for part, tensor in (("weight", layer.weight), ("bias", layer.bias)):
                drawn = draw(f"{part} {place}", tuple(tensor.shape), below**-0.5)
                tensor.copy_(torch.from_numpy(drawn.astype(np.float32)))
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def linear_layers(network: nn.Sequential) -> int:
    """How many linear layers a perceptron has: one more than it has hidden ones."""
    return sum(isinstance(layer, nn.Linear) for layer in network)


def targets_for(name: LossName, labels: NDArray[np.integer[Any]]) -> Tensor:
    """Labels (n,) of 0 and 1 as a loss takes them: float32 (n, 1), or int64 (n,) for `nll`."""
    if OUTPUTS[name] == 1:
        return torch.from_numpy(labels.astype(np.float32)).view(-1, 1)
    return torch.from_numpy(labels.astype(np.int64))


def loss_of(name: LossName, outputs: Tensor, targets: Tensor, broadcast: bool = False) -> Tensor:
    """The mean loss of outputs (n, 1) and targets (n, 1); of (n, 2) and (n,) for `nll`.

    `broadcast`: each output meets all targets, as where outputs (n, 1) meet flat targets (n,);
    torch does so under l1 and mse, and refuses under the others (ValueError here).
    """
    if broadcast:
        if name not in ("l1", "mse"):
            raise ValueError(f"loss {name!r}: torch broadcasts under l1 and mse only")
        # What torch does itself, with a warning, where the shapes differ.
        outputs, targets = torch.broadcast_tensors(outputs, targets.view(-1))
    elif name == "nll":
        outputs = functional.log_softmax(outputs, 1)
    return CRITERIA[name](outputs, targets)


def fit(
    network: nn.Sequential,
    name: LossName,
    rate: float,
    inputs: Tensor,
    targets: Tensor,
    orders: Iterable[NDArray[np.int64]],
    batch: int,
    broadcast: bool = False,
) -> Fit:
    """Train a network in place by Adam at one `rate`, an epoch for each order (n,) of the rows.

    Batches follow the order, the last one may be smaller. Stops at a loss that is not finite.
    """
    # Fused: the square root of the default one has other last bits on other CPUs.
    optimiser = torch.optim.Adam(network.parameters(), rate, fused=True)
    losses: list[float] = []
    for epoch, order in enumerate(orders, 1):
        parts = torch.from_numpy(order).split(batch)
        total = 0.0
        for step, rows in enumerate(parts, 1):
            loss = loss_of(name, network(inputs[rows]), targets[rows], broadcast)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()
            if not math.isfinite(total):
                return Fit(losses, {"epoch": epoch, "step": step, "tensor": "loss"})
        losses.append(total / len(parts))
    return Fit(losses)


def probability_of_one(name: LossName, outputs: NDArray[Any]) -> NDArray[np.float64]:
    """What outputs (n, 1) or (n, 2) say of class 1: probabilities (n,), in float64.

    Outputs of l1 and mse are clipped to 0…1; above 1/2 they say class 1, as a logit does above 0.
    Where a network has lost its numbers it is 0.
    """
    if name in ("l1", "mse"):
        return np.clip(np.nan_to_num(outputs[:, 0].astype(np.float64), nan=0.0), 0.0, 1.0)
    logits = outputs if name == "nll" else np.column_stack([np.zeros_like(outputs), outputs])
    return softmax(logits)[:, 1]


@torch.no_grad()
def mean_of_batches(
    name: LossName, outputs: Tensor, targets: Tensor, batch: int, broadcast: bool = False
) -> float:
    """The mean of the batches' mean losses, a smaller last batch counting as much as the others."""
    parts = zip(outputs.split(batch), targets.split(batch), strict=True)
    losses = [loss_of(name, some, aims, broadcast).item() for some, aims in parts]
    return math.fsum(losses) / len(losses)


@torch.no_grad()
def evaluate_as_printed(
    network: nn.Sequential, name: LossName, inputs: Tensor, targets: Tensor, batch: int
) -> tuple[float, float]:
    """Loss and accuracy as report 001's `evaluate` has them, with the log-softmax of one output.

    Under l1 and mse. Flat targets (n,), one class for each column, the mean of the batches' losses.
    """
    losses, correct = [], 0
    for some, aims in zip(inputs.split(batch), targets.view(-1).split(batch), strict=True):
        outputs = functional.log_softmax(network(some), dim=1)
        losses.append(loss_of(name, outputs, aims, broadcast=True).item())
        correct += int((outputs.argmax(1) == aims).sum())
    return math.fsum(losses) / len(losses), correct / len(targets)


def first_epoch_as_printed(
    network: nn.Sequential, name: LossName, rate: float, inputs: Tensor, targets: Tensor, batch: int
) -> Raised:
    """What report 001's `train` raises within an epoch on flat targets (n,), float or whole.

    Its loop hands the criterion the network's outputs as they are, without a log-softmax.
    """
    optimiser = torch.optim.Adam(network.parameters(), rate, fused=True)
    kind = message = ""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            for some, aims in zip(inputs.split(batch), targets.view(-1).split(batch), strict=True):
                loss = CRITERIA[name](network(some), aims)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        except (RuntimeError, ValueError, IndexError) as error:
            kind, message = type(error).__name__, str(error).splitlines()[0]
    warning = next((str(one.message).splitlines()[0] for one in told), "")
    return Raised(kind, message, warning)
