"""One epoch of the scratch grid's network beside scikit-learn and torch, on one core.

    python benchmarks/scratch_epoch.py [--rounds 9]

Same work for all: 784-256-128-64-32-10, ReLU, softmax cross-entropy, plain SGD, batch 128, one
shuffled pass over 60,000 rows, forward and backward, no evaluation. The rows are random numbers:
the time does not depend on them. Each contender lives in a process of its own, with one thread,
on the same core, and they take turns; peers run at their own fastest settings, without the
instruction-set pins that `import retrial` sets and that ours runs under. CPU seconds, which for
one thread are the wall's seconds on a quiet machine and still compare on a busy one.

Expected on 2 cores of Zen 4: at least 2.5× against scikit-learn float64, 1.3× against float32,
1.5× against a torch module fed by a `DataLoader`.
"""

import argparse
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from taking_turns import contend, entry, in_turns

SIZES = (784, 256, 128, 64, 32, 10)
ROWS, BATCH, LEARNING_RATE = 60_000, 128, 0.01
ROOT = Path(__file__).resolve().parent.parent
# Ratios that the project promises; the last contender is shown for comparison only.
GOALS = {
    "scikit-learn float64": 2.5,
    "scikit-learn float32": 1.3,
    "torch float32, DataLoader": 1.5,
    "torch float32, in memory": None,
}
OURS = "retrial float32"


def rows(dtype: str) -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.random((ROWS, SIZES[0]), dtype=np.float32).astype(dtype), rng.integers(0, 10, ROWS)


def retrial_epoch() -> Callable[[], object]:
    sys.path.insert(0, str(ROOT / "src"))
    import retrial  # noqa: F401  sets the pins before NumPy loads
    from retrial.core.seeds import generator
    from retrial.nets import initialisers
    from retrial.nets.dense import DenseNetwork
    from retrial.training.sgd import Labelled, train

    examples = Labelled(*rows("float32"))
    network = DenseNetwork(SIZES, "relu", BATCH)
    draws = generator("benchmark")
    initialisers.fill(network.weights, initialisers.he_normal, draws)
    return lambda: train(network, examples, {}, [draws.permutation(ROWS)], BATCH, LEARNING_RATE)


def scikit_learn_epoch(dtype: str) -> Callable[[], object]:
    import numpy as np
    from sklearn.neural_network import MLPClassifier

    x, y = rows(dtype)
    model = MLPClassifier(
        SIZES[1:-1],
        activation="relu",
        solver="sgd",
        batch_size=BATCH,
        learning_rate_init=LEARNING_RATE,
        momentum=0,
        alpha=0,
        random_state=0,
    )
    return lambda: model.partial_fit(x, y, classes=np.arange(10))


def torch_epoch(in_memory: bool) -> Callable[[], object]:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, y = (torch.from_numpy(array) for array in rows("float32"))
    layers: list[torch.nn.Module] = []
    for inputs, outputs in itertools.pairwise(SIZES):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimiser = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, fused=True)
    loader = DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True)

    def shuffled() -> Any:
        for chosen in torch.randperm(ROWS).split(BATCH):
            yield x[chosen], y[chosen]

    def epoch() -> None:
        for inputs, labels in shuffled() if in_memory else loader:
            optimiser.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(model(inputs), labels).backward()
            optimiser.step()

    return epoch


CONTENDERS: dict[str, Callable[[], Callable[[], object]]] = {
    OURS: retrial_epoch,
    "scikit-learn float64": lambda: scikit_learn_epoch("float64"),
    "scikit-learn float32": lambda: scikit_learn_epoch("float32"),
    "torch float32, DataLoader": lambda: torch_epoch(in_memory=False),
    "torch float32, in memory": lambda: torch_epoch(in_memory=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9, help="timed epochs of each (default 9)")
    parser.add_argument("--contender", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        contend(CONTENDERS[arguments.contender]())
        return
    seconds = in_turns(__file__, list(CONTENDERS), arguments.rounds)
    print(
        f"one epoch, one core, CPU seconds, median of {arguments.rounds} alternated runs (min–max)"
    )
    for name, times in seconds.items():
        print(entry(f"{name:28s}", times, None if name == OURS else seconds[OURS], GOALS.get(name)))


if __name__ == "__main__":
    main()
