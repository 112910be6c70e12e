"""scikit-learn's stochastic solvers on its network: Adam, SGD with Nesterov momentum, when to stop.

Kingma and Ba 2015; Nesterov's momentum as in Sutskever et al. 2013; the constants are the
library's. An update works on the flat array of all parameters, without a temporary.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from retrial.core.models import Count, FrozenModel, Positive
from retrial.nets.library_mlp import LibraryNetwork

Array = NDArray[Any]
SolverName = Literal["adam", "sgd"]

MOMENTUM = 0.9
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
# Epochs without progress that the library allows.
PATIENCE = 10


class Solver(Protocol):
    """What a fit asks of a solver."""

    def step(self) -> None:
        """Change the network's parameters by its gradients."""
        ...


class Adam:
    """Adam on a network's parameters."""

    def __init__(self, network: LibraryNetwork, rate: float) -> None:
        self.rate, self.steps = rate, 0
        self._parameters, self._gradients = network.parameters, network.gradients
        self._mean = np.zeros_like(network.parameters)
        self._square = np.zeros_like(network.parameters)

    def step(self) -> None:
        """Change the parameters by the network's gradients, which are overwritten."""
        self.steps += 1
        # The means leave out their factors of 1 - beta, which the rate and epsilon take up.
        root = math.sqrt(1 - BETA_2)
        rate = self.rate * math.sqrt(1 - BETA_2**self.steps) / (1 - BETA_1**self.steps)
        rate *= (1 - BETA_1) / root
        step = self._gradients
        self._mean *= BETA_1
        self._mean += step
        step *= step
        self._square *= BETA_2
        self._square += step
        np.sqrt(self._square, out=step)
        step += EPSILON / root
        np.divide(self._mean, step, out=step)
        step *= rate
        self._parameters -= step


class Nesterov:
    """Gradient descent with Nesterov's momentum of 0.9, the library's "sgd"."""

    def __init__(self, network: LibraryNetwork, rate: float) -> None:
        self.rate = rate
        self._parameters, self._gradients = network.parameters, network.gradients
        self._velocity = np.zeros_like(network.parameters)

    def step(self) -> None:
        """Change the parameters by the network's gradients, which are overwritten."""
        step = self._gradients
        step *= self.rate
        self._velocity *= MOMENTUM
        self._velocity -= step
        # The step goes on from where the momentum is about to lead.
        self._parameters -= step
        np.multiply(self._velocity, MOMENTUM, out=step)
        self._parameters += step


SOLVERS: dict[str, Callable[[LibraryNetwork, float], Solver]] = {"adam": Adam, "sgd": Nesterov}


class Schedule(FrozenModel):
    """How a library network is fitted; `tolerance` null never stops before `epochs`.

    With a tolerance, training ends once the loss has not fallen by it for more than `PATIENCE`
    epochs, as the library's `tol` has it.
    """

    solver: SolverName
    learning_rate: Positive
    batch: Count
    epochs: Count
    tolerance: Positive | None


@dataclass
class Fit:
    """What a fit leaves behind: the penalised running loss per epoch, and where it diverged.

    `divergence` is the epoch (from 1) in which a parameter or the loss ceased to be finite.
    """

    losses: list[float] = field(default_factory=list)
    divergence: int | None = None


def fit(
    network: LibraryNetwork,
    inputs: Array,
    targets: Array,
    schedule: Schedule,
    after_epoch: Callable[[], None] = lambda: None,
) -> Fit:
    """Train on `inputs` (n, features) against `targets`: classes (n,) or values (n, outputs).

    The network's `chance` shuffles the examples before each epoch, on top of the last order.
    """
    solver = SOLVERS[schedule.solver](network, schedule.learning_rate)
    found, order, best, stalled = Fit(), np.arange(len(inputs)), math.inf, 0
    size = min(schedule.batch, len(inputs))
    rows = np.empty((size, inputs.shape[1]), inputs.dtype)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        for epoch in range(1, schedule.epochs + 1):
            shuffled = np.arange(len(inputs))
            network.chance.shuffle(shuffled)
            order = order[shuffled]
            total = 0.0
            for start in range(0, len(order), size):
                chosen = order[start : start + size]
                # "clip" reads straight into the buffer; the default mode makes a copy first.
                x = np.take(inputs, chosen, axis=0, out=rows[: len(chosen)], mode="clip")
                y = x if targets is inputs else targets[chosen]
                total += network.backpropagate(x, y) * len(chosen)
                solver.step()
            loss = total / len(inputs)
            found.losses.append(loss)
            if not (math.isfinite(loss) and np.isfinite(network.parameters).all()):
                found.divergence = epoch
                break
            after_epoch()
            stalled = stalled + 1 if loss > best - (schedule.tolerance or 0) else 0
            best = min(best, loss)
            if schedule.tolerance is not None and stalled > PATIENCE:
                break
    return found
