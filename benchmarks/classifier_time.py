"""Classifiers of report 004, exercise 2, trained to a stated accuracy beside a plain torch CNN.

    python benchmarks/classifier_time.py [--data mnist] [--seeds N] [--batches 160] [--smoke]

Ours is the study's own trial, with the protocol of `params.yaml` and the budget of the paper
profile: all of the training images, a look at all of the test images after each epoch. Its arms
are `recipe` on MNIST and `brief` on CIFAR-10. The peer is the network that introductions show, in
torch as they would write it: 3 × 3 convolutions of 32, 64 and 128 maps with `same` padding, each
followed by ReLU and a 2 × 2 maximum, dense layers of 128 and 10, Adam at 1e-3, a DataLoader that
shuffles float32 images in batches of 128, for 20 epochs on MNIST and 50 on CIFAR-10. It is shown
with `valid` padding too, for comparison only.

Whole, the peers would take more than an hour. They are timed over `--batches` batches each, in
slices between our trainings, about a minute for all by default, and extrapolated to their epochs;
evaluation, which they would do as well, is not counted. Each contender lives in a process of its
own, with one thread, on the same core, and they take turns; the peers run without the
instruction-set pins that `import retrial` sets and that ours runs under. CPU seconds, which for
one thread are the wall's seconds on a quiet machine and still compare on a busy one.

Goals: a mean test accuracy over the seeds of at least 0.995 on MNIST, of more than 0.8159 on
CIFAR-10, each in at most a tenth of the peer's time. Needs `data/raw` and `data/splits`.
"""

import argparse
import itertools
import math
import operator
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from taking_turns import answer, contend, entry, started

ROOT = Path(__file__).resolve().parent.parent
WIDTHS, HIDDEN, CLASSES = (32, 64, 128), 128, 10
BATCH, LEARNING_RATE = 128, 1e-3
OURS, SAME, VALID = "retrial", "torch, same padding", "torch, valid padding"
PEERS = {SAME: "same", VALID: "valid"}
# Turns that each peer takes before the first of our trainings, between them and after the last.
TURNS = 2
FASTER = 10.0


class Case(NamedTuple):
    """A data set: its peer's images and epochs, our arm and seeds, and the accuracy to reach."""

    images: int
    epochs: int
    arm: str
    seeds: int
    accuracy: float
    reached: Callable[[float, float], bool]
    sign: str


CASES = {
    "mnist": Case(60_000, 20, "recipe", 3, 0.995, operator.ge, "≥"),
    "cifar10": Case(50_000, 50, "brief", 1, 0.8159, operator.gt, ">"),
}


def files(name: str) -> dict[str, Any]:
    """The images and labels of a data set and the rows of its split, mapped into memory."""
    import numpy as np

    folders = ROOT / "data/raw" / name, ROOT / "data/splits" / f"full_{name}"
    paths = [path for folder in folders for path in folder.glob("*.npy")]
    return {path.stem: np.load(path, mmap_mode="r", allow_pickle=False) for path in paths}


def ours(chosen: argparse.Namespace) -> None:
    """Our process: for each line read, it trains the next seed and prints seconds and accuracy."""
    sys.path.insert(0, str(ROOT / "src"))
    import retrial  # noqa: F401  sets the pins before NumPy loads
    from retrial.core.config import section

    study = import_module(f"retrial.studies.classifier_{chosen.data}")
    protocol = section(ROOT / "params.yaml", study.NAME, study.Protocol)
    budget = section(ROOT / "profiles/paper.yaml", study.NAME, study.Budget)
    arm, cuts = CASES[chosen.data].arm, {}
    if chosen.smoke:
        cuts = {"epochs_at_most": {arm: 1}, "train_at_most": 1000, "test_at_most": 500}
    trials = study.trials(
        protocol.model_copy(update={"device": "cpu"}),
        budget.model_copy(update={"seeds": {arm: chosen.seeds}} | cuts),
    )
    data = files(chosen.data)
    print("ready", flush=True)
    for trial, _ in zip(trials, sys.stdin, strict=False):
        start = time.process_time()
        accuracy = study.run(trial, data).metrics["test_accuracy"].value
        print(time.process_time() - start, accuracy, flush=True)


def torch_batches(chosen: argparse.Namespace, padding: str) -> Callable[[], object]:
    """A slice of the peer's training."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = files(chosen.data)
    images = torch.tensor(data["train_images"])
    images = images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2)
    examples = TensorDataset(
        images.float().div(255).contiguous(), torch.tensor(data["train_labels"]).long()
    )
    loader = DataLoader(examples, batch_size=BATCH, shuffle=True)

    layers: list[nn.Module] = []
    side = images.shape[2]
    for inputs, width in itertools.pairwise((images.shape[1], *WIDTHS)):
        layers += [nn.Conv2d(inputs, width, 3, padding=padding), nn.ReLU(), nn.MaxPool2d(2)]
        side = (side if padding == "same" else side - 2) // 2
    layers += [nn.Flatten(), nn.Linear(WIDTHS[-1] * side**2, HIDDEN), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(HIDDEN, CLASSES))
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    loss = nn.CrossEntropyLoss()

    def endlessly() -> Iterator[Any]:
        while True:
            yield from loader

    batches = endlessly()

    def descend() -> None:
        for inputs, labels in itertools.islice(batches, slice_of(chosen)):
            optimiser.zero_grad()
            loss(model(inputs), labels).backward()
            optimiser.step()

    return descend


def slices(chosen: argparse.Namespace) -> int:
    """How many slices a peer's batches are timed in."""
    return TURNS * (int(chosen.seeds) + 1)


def slice_of(chosen: argparse.Namespace) -> int:
    """The batches of a slice."""
    return math.ceil(chosen.batches / slices(chosen))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--data", choices=list(CASES), help="only this one (default both)")
    parser.add_argument(
        "--seeds", type=int, help="trainings of ours (default 3 on mnist, 1 on cifar10)"
    )
    parser.add_argument(
        "--batches", type=int, default=160, help="timed batches of each peer (default 160)"
    )
    parser.add_argument(
        "--smoke", action="store_true", help="one short epoch of ours: the figures mean nothing"
    )
    parser.add_argument("--contender", choices=[OURS, *PEERS], help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.contender == OURS:
        ours(chosen)
    elif chosen.contender:
        contend(torch_batches(chosen, PEERS[chosen.contender]))
    else:
        if chosen.smoke:
            print("smoke: the figures mean nothing")
        for name in [chosen.data] if chosen.data else list(CASES):
            seeds = chosen.seeds or CASES[name].seeds
            show(argparse.Namespace(**vars(chosen) | {"data": name, "seeds": seeds}))


def show(chosen: argparse.Namespace) -> None:
    """Train ours, time the peers before and after each training, and print both and the goals."""
    case, label = CASES[chosen.data], f"{chosen.data:7s}"
    options = ["--data", chosen.data, "--seeds", str(chosen.seeds)]
    options += ["--batches", str(chosen.batches), *["--smoke"] * chosen.smoke]
    core = max(os.sched_getaffinity(0))
    processes = {name: started(__file__, name, core, options) for name in (OURS, *PEERS)}
    peers: dict[str, list[float]] = {name: [] for name in PEERS}
    trained: list[tuple[float, float]] = []
    batches = case.epochs * math.ceil(case.images / BATCH)
    for training in range(chosen.seeds + 1):
        if training:
            seconds, accuracy = map(float, turn(processes[OURS]).split())
            trained.append((seconds, accuracy))
        for _, name in itertools.product(range(TURNS), PEERS):
            peers[name].append(float(turn(processes[name])) / slice_of(chosen) * batches)
    for process in processes.values():
        process.communicate()

    timed = slices(chosen) * slice_of(chosen)
    print(f"{label} {case.epochs} epochs of torch, extrapolated from {timed} of {batches} batches")
    print(f"{label} in {slices(chosen)} slices that alternate with ours, arm {case.arm};")
    print(f"{label} one core, CPU seconds, median (min–max)")
    spent = [seconds for seconds, _ in trained]
    print(entry(f"{label} {OURS:20s}", spent))
    for name in PEERS:
        goal = FASTER if name == SAME else None
        print(entry(f"{label} {name:20s}", peers[name], spent, goal))
    accuracies = [accuracy for _, accuracy in trained]
    # Rounded: a sum of thousandths may fall short of the goal that it equals.
    mean = round(statistics.fmean(accuracies), 8)
    met = case.reached(mean, case.accuracy)
    print(
        f"{label} test accuracy {mean:.5f} ({min(accuracies):.4f}–{max(accuracies):.4f}), mean of "
        f"{len(trained)}, goal {case.sign} {case.accuracy}: {'met' if met else 'MISSED'}"
    )


def turn(process: subprocess.Popen[str]) -> str:
    """What a contender answers when it is told to go."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    return answer(process)


if __name__ == "__main__":
    main()
