"""One epoch of reports 003 and 004's deep networks beside torch and scikit-learn, on one core.

    python benchmarks/deep_epoch.py [--rounds 5] [--case wide]

Forty hidden layers, ReLU, softmax cross-entropy, plain SGD, Glorot's uniform weights: one shuffled
pass over 60,000 rows, forward and backward, no evaluation (ours evaluates one row). The rows are
random numbers: the time does not depend on them.

    wide      784-128×40-10 in batches of 64, those of the depth table, one network
    large     the same in batches of 128, for comparison: the larger the batch, the more of the
              time is matrix products, in which nobody has an advantage
    narrow    784-32×40-10 in batches of 32: ours trains five networks in one stack, each on an
              order of its own, as the studies do; its seconds are a fifth of the stack's

Each contender lives in a process of its own, with one thread, on the same core, and they take
turns; peers run without the instruction-set pins that `import retrial` sets and that ours runs
under. CPU seconds, which for one thread are the wall's seconds on a quiet machine and still compare
on a busy one. torch reads its batches from memory and takes its steps in the way that a few batches
find fastest beforehand; unlike ours it keeps no running loss or accuracy.

Expected on 2 cores of Zen 4: wide, at least 1.25× against torch, 1.5× against scikit-learn with
float32 inputs, 3× with float64; narrow, 3× against torch.
"""

import argparse
import itertools
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from taking_turns import contend, cpu_seconds, entry, in_turns

DEPTH, LEARNING_RATE = 40, 0.01
ROOT = Path(__file__).resolve().parent.parent
OURS, ALONE, TORCH = "retrial", "retrial, one network", "torch, in memory"
FLOAT32, FLOAT64 = "scikit-learn float32", "scikit-learn float64"
# Ways in which torch takes a step, and how many times so many batches decide between them.
WAYS: tuple[dict[str, bool], ...] = ({"foreach": False}, {"foreach": True}, {"fused": True})
TIMES, BATCHES = 5, 20


class Case(NamedTuple):
    """Networks of one shape, how many ours trains at once, and who stands beside it.

    `goals` are the ratios that the project promises; None: shown for comparison only.
    """

    width: int
    batch: int
    members: int
    goals: Mapping[str, float | None]


CASES = {
    "wide": Case(128, 64, 1, {TORCH: 1.25, FLOAT32: 1.5, FLOAT64: 3.0}),
    "large": Case(128, 128, 1, {TORCH: None, FLOAT32: None, FLOAT64: None}),
    "narrow": Case(32, 32, 5, {TORCH: 3.0, FLOAT32: None, ALONE: None}),
}


def random_rows(count: int) -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.random((count, 784), dtype=np.float32), rng.integers(0, 10, count)


def retrial_epoch(case: Case, rows: int) -> Callable[[], object]:
    sys.path.insert(0, str(ROOT / "src"))
    import retrial  # noqa: F401  sets the pins before NumPy loads
    from retrial.core.trial import Trial
    from retrial.deep_networks import begun, orders
    from retrial.training.optimisers import optimiser
    from retrial.training.sgd import Labelled
    from retrial.training.stacked_descent import train, with_ones

    x, y = random_rows(rows)
    examples = Labelled(with_ones(x), y)
    nothing = Labelled(examples.inputs[:1], examples.labels[:1])
    config = {"width": case.width, "depth": DEPTH, "activation": "relu"}
    config |= {"block": "plain", "initialiser": "glorot_uniform"}
    seeds = range(case.members)
    network = begun("benchmark", [Trial("benchmark", "deep", seed, config) for seed in seeds])
    shuffles = [orders("benchmark", seed, rows) for seed in seeds]
    step = optimiser("sgd", network.parameters, network.gradients, LEARNING_RATE)
    return lambda: train(network, examples, nothing, shuffles, case.batch, 1, step)


def scikit_learn_epoch(case: Case, rows: int, dtype: str) -> Callable[[], object]:
    import numpy as np
    from sklearn.neural_network import MLPClassifier

    x, y = random_rows(rows)
    inputs = x.astype(dtype)
    plain = {"solver": "sgd", "momentum": 0, "alpha": 0, "learning_rate_init": LEARNING_RATE}
    widths = (case.width,) * DEPTH
    model = MLPClassifier(widths, activation="relu", batch_size=case.batch, random_state=0, **plain)
    return lambda: model.partial_fit(inputs, y, classes=np.arange(10))


def torch_epoch(case: Case, rows: int) -> Callable[[], object]:
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, y = (torch.from_numpy(array) for array in random_rows(rows))
    layers: list[torch.nn.Module] = []
    for inputs, outputs in itertools.pairwise((784, *[case.width] * DEPTH, 10)):
        layer = torch.nn.Linear(inputs, outputs)
        torch.nn.init.xavier_uniform_(layer.weight)
        layers += [layer, torch.nn.ReLU(inplace=True)]
    model = torch.nn.Sequential(*layers[:-1])

    def descend(optimiser: torch.optim.Optimizer, batches: int | None = None) -> None:
        for chosen in torch.randperm(rows).split(case.batch)[:batches]:
            optimiser.zero_grad(set_to_none=True)
            outputs = model(x.index_select(0, chosen))
            torch.nn.functional.cross_entropy(outputs, y.index_select(0, chosen)).backward()
            optimiser.step()

    optimisers = [torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, **way) for way in WAYS]
    turns = [
        [cpu_seconds(partial(descend, one, BATCHES)) for one in optimisers] for _ in range(TIMES)
    ]
    least = [min(seconds) for seconds in zip(*turns, strict=True)]
    fastest = least.index(min(least))
    print(f"torch takes its steps with {WAYS[fastest]}", file=sys.stderr)
    return partial(descend, optimisers[fastest])


MAKERS: dict[str, Callable[[Case, int], Callable[[], object]]] = {
    OURS: retrial_epoch,
    TORCH: torch_epoch,
    FLOAT32: partial(scikit_learn_epoch, dtype="float32"),
    FLOAT64: partial(scikit_learn_epoch, dtype="float64"),
    ALONE: lambda case, rows: retrial_epoch(case._replace(members=1), rows),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5, help="timed epochs of each (default 5)")
    parser.add_argument("--case", choices=list(CASES), help="only this one (default all)")
    parser.add_argument("--rows", type=int, default=60_000, help="of an epoch (default 60000)")
    parser.add_argument("--contender", choices=list(MAKERS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        contend(MAKERS[arguments.contender](CASES[arguments.case], arguments.rows))
        return
    print(f"one epoch of {arguments.rows} rows, one core, CPU seconds of one network,")
    print(f"median of {arguments.rounds} alternated runs (min–max)")
    for name in [arguments.case] if arguments.case else list(CASES):
        show(name, arguments.rows, arguments.rounds)


def show(name: str, rows: int, rounds: int) -> None:
    """Time the contenders of one case in turns and print them beside ours."""
    case = CASES[name]
    options = ["--case", name, "--rows", str(rows)]
    seconds = in_turns(__file__, [OURS, *case.goals], rounds, options)
    ours = [spent / case.members for spent in seconds[OURS]]
    label = OURS if case.members == 1 else f"{OURS}, {case.members} at once"
    print(entry(f"{name:6s} {label:20s}", ours))
    for peer, goal in case.goals.items():
        print(entry(f"{name:6s} {peer:20s}", seconds[peer], ours, goal))


if __name__ == "__main__":
    main()
