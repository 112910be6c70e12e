"""What a call of each activation costs beside ReLU, and the operations that it is made of.

    python benchmarks/activation_cost.py [--rounds 50]

Report 003 calls activations computationally efficient or expensive. Here is one forward and one
backward call of each on 256,000 float32 numbers, as a layer of 1,000 units makes them on a batch
of 256: standard normal inputs, which both calls overwrite and which are laid out anew, untimed,
before each. Beside the CPU seconds stand the elementwise operations that the study counts, over
all numbers, and how many of them are exponentials or their like; copies are not counted. Counts
are the same everywhere, seconds are not.

All activations take turns within one process, with one thread and under the pins that
`import retrial` sets, since these are calls of one library, not peers. After one round to warm up,
the figure is the median of the rounds, relative to that of ReLU.
"""

import argparse
import statistics
import sys
from functools import partial
from pathlib import Path
from typing import Any

from taking_turns import cpu_seconds

ROOT = Path(__file__).resolve().parent.parent
VALUES = 256 * 1000
HEADINGS = ("activation", "ms (min–max)", "× ReLU", "operations", "transcendental")
ROW = "{:10s}  {:>21s}  {:>6s}  {:>10s}  {:>14s}  {}"


def both(function: Any, inputs: Any, slopes: Any) -> None:
    """One forward and one backward call, each in the memory of its argument."""
    function.forward(inputs)
    function.backward(slopes)


def measured(rounds: int) -> dict[str, list[float]]:
    """CPU seconds of one forward and one backward call, by activation."""
    import numpy as np

    from retrial.nets.activations import NAMES, activation

    rng = np.random.default_rng(0)
    x, delta = rng.standard_normal((2, 1, VALUES), dtype=np.float32)
    inputs, slopes = np.empty_like(x), np.empty_like(delta)
    functions = {name: activation(name, 1, VALUES, np.float32) for name in NAMES}
    seconds: dict[str, list[float]] = {name: [] for name in NAMES}
    for _ in range(1 + rounds):
        for name, function in functions.items():
            inputs[...], slopes[...] = x, delta
            seconds[name].append(cpu_seconds(partial(both, function, inputs, slopes)))
    return {name: times[1:] for name, times in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=50, help="timed calls of each (default 50)")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT / "src"))
    import retrial  # noqa: F401  sets the pins before NumPy loads
    from retrial.nets.activations import NAMES
    from retrial.studies.activations import TRANSCENDENTAL, operations

    seconds = measured(arguments.rounds)
    relu = statistics.median(seconds["relu"])
    print(f"forward and backward of {VALUES} float32 numbers, median of {arguments.rounds} calls")
    print(ROW.format(*HEADINGS, "by name").rstrip())
    for name in NAMES:
        times, counts = seconds[name], operations(name)
        median = statistics.median(times)
        spread = f"{median * 1e3:.3f} ({min(times) * 1e3:.3f}–{max(times) * 1e3:.3f})"
        heavy = sum(counts[one] for one in TRANSCENDENTAL)
        names = ", ".join(f"{count} {one}" for one, count in sorted(counts.items()))
        columns = (name, spread, f"{median / relu:.1f}", str(sum(counts.values())), str(heavy))
        print(ROW.format(*columns, names))


if __name__ == "__main__":
    main()
