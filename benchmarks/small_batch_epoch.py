"""One epoch in batches of 32 of report 001's networks beside scikit-learn and torch, on one core.

    python benchmarks/small_batch_epoch.py [--rounds 5]

Same work for all: 784-128-10 and 784-1024-512-256-128-64-10, ReLU, mean squared error on one-hot
targets, plain SGD, one shuffled pass over 60,000 rows, forward and backward, running loss and
accuracy where the contender keeps them, no evaluation. The rows are random numbers: the time does
not depend on them. Each contender lives in a process of its own, with one thread, on the same
core, and they take turns; peers run at their own fastest settings, without the instruction-set pins
that `import retrial` sets and that ours runs under. CPU seconds, which for one thread are the
wall's seconds on a quiet machine and still compare on a busy one.

torch reads its batches from memory; unlike ours it keeps no running loss or accuracy. Dropout is
shown for comparison; scikit-learn has none. Expected on 2 cores of Zen 4: at least 1.5× against
torch at the small network, 1× at the deep one.
"""

import argparse
import itertools
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from taking_turns import contend, entry, in_turns

NETWORKS = {"small": (784, 128, 10), "deep": (784, 1024, 512, 256, 128, 64, 10)}
ROWS, BATCH, LEARNING_RATE = 60_000, 32, 0.01
ROOT = Path(__file__).resolve().parent.parent
# Ratios that the project promises against torch; other contenders are shown beside it.
GOALS = {"small": 1.5, "deep": 1.0}
OURS, OURS_MASKED, RIVAL = "retrial", "retrial, dropout 0.5", "torch, in memory"


def rows() -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.random((ROWS, 784), dtype=np.float32), rng.integers(0, 10, ROWS)


def retrial_epoch(sizes: tuple[int, ...], rate: float) -> Callable[[], object]:
    sys.path.insert(0, str(ROOT / "src"))
    import retrial  # noqa: F401  sets the pins before NumPy loads
    from retrial.core.seeds import generator
    from retrial.nets.regularised import RegularisedNetwork, initialise
    from retrial.training.small_batches import Labelled, train

    examples = Labelled(*rows())
    nothing = Labelled(examples.inputs[:1], examples.labels[:1])
    draws = generator("benchmark")
    chance = generator("benchmark", "masks")
    network = RegularisedNetwork(sizes, "relu", BATCH, "mse", rate, "inverted", chance)
    initialise(network, "he_normal", draws)
    return lambda: train(
        network, examples, nothing, [draws.permutation(ROWS)], BATCH, LEARNING_RATE
    )


def scikit_learn_epoch(sizes: tuple[int, ...]) -> Callable[[], object]:
    import numpy as np
    from sklearn.neural_network import MLPRegressor

    x, y = rows()
    targets = np.eye(10, dtype=np.float32)[y]
    model = MLPRegressor(
        hidden_layer_sizes=sizes[1:-1],
        activation="relu",
        solver="sgd",
        batch_size=BATCH,
        learning_rate_init=LEARNING_RATE,
        momentum=0,
        nesterovs_momentum=False,
        alpha=0,
        random_state=0,
    )
    return lambda: model.partial_fit(x, targets)


def torch_epoch(sizes: tuple[int, ...], rate: float) -> Callable[[], object]:
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, y = (torch.from_numpy(array) for array in rows())
    targets = torch.nn.functional.one_hot(y, 10).float()
    layers: list[torch.nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
        layers += [torch.nn.Dropout(rate)] if rate else []
    model = torch.nn.Sequential(*layers[: -2 if rate else -1])
    # At this batch faster than the fused and the foreach steps, and than indexing with brackets.
    optimiser = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, foreach=False)

    def epoch() -> None:
        for chosen in torch.randperm(ROWS).split(BATCH):
            optimiser.zero_grad(set_to_none=True)
            outputs = model(x.index_select(0, chosen))
            torch.nn.functional.mse_loss(outputs, targets.index_select(0, chosen)).backward()
            optimiser.step()

    return epoch


MAKERS: dict[str, Callable[..., Callable[[], object]]] = {
    OURS: partial(retrial_epoch, rate=0),
    RIVAL: partial(torch_epoch, rate=0),
    "scikit-learn float32": scikit_learn_epoch,
    OURS_MASKED: partial(retrial_epoch, rate=0.5),
    "torch, dropout 0.5": partial(torch_epoch, rate=0.5),
}
CONTENDERS = {
    f"{network}: {name}": partial(make, sizes)
    for network, sizes in NETWORKS.items()
    for name, make in MAKERS.items()
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5, help="timed epochs of each (default 5)")
    parser.add_argument("--network", choices=list(NETWORKS), help="only this one (default both)")
    parser.add_argument("--contender", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        contend(CONTENDERS[arguments.contender]())
        return
    chosen = [arguments.network] if arguments.network else list(NETWORKS)
    print(
        f"one epoch, one core, CPU seconds, median of {arguments.rounds} alternated runs (min–max)"
    )
    for network in chosen:
        show(network, arguments.rounds)


def show(network: str, rounds: int) -> None:
    """Time the contenders of one network in turns and print them beside ours."""
    names = [name for name in CONTENDERS if name.startswith(f"{network}: ")]
    seconds = in_turns(__file__, names, rounds)
    for name in MAKERS:
        ours = OURS_MASKED if "dropout" in name else OURS
        beside = None if name == ours else seconds[f"{network}: {ours}"]
        goal = GOALS[network] if name == RIVAL else None
        print(entry(f"{network:5s} {name:21s}", seconds[f"{network}: {name}"], beside, goal))


if __name__ == "__main__":
    main()
