"""What a forward pass of the pruned network takes, dense in NumPy and sparse in SciPy.

    python benchmarks/pruning_latency.py [--rounds 30]

Report 003 says that sparse connectivity improves efficiency. Here is one forward pass of the
study's network, on one image and on 128, with the weights that each sparsity of the study's axis
leaves, drawn at random: dense, with zeros where weights have gone, as float32 matrices; and sparse,
as SciPy's compressed rows, which multiply and add for the weights that are left only. Both have
their inputs in the order that suits them.

All take turns within one process, with one thread and under the pins that `import retrial` sets.
After one round to warm up, the figure is the median of the rounds, each of many passes; a ratio
above 1 says that the sparse network is the faster one.
"""

import argparse
import itertools
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from taking_turns import cpu_seconds

ROOT = Path(__file__).resolve().parent.parent
BATCHES = (1, 128)
# Passes of one timing, so that it is long beside the clock.
PASSES = {1: 50, 128: 10}
HEADINGS = ("batch", "sparsity", "dense, µs (min–max)", "sparse, µs (min–max)", "dense / sparse")
ROW = "{:>5s}  {:>8s}  {:>26s}  {:>26s}  {:>14s}"


def dense_pass(weights: list[Any], biases: list[Any], x: Any) -> Callable[[], Any]:
    """A forward pass of `weights` (inputs, outputs) on x (images, inputs)."""
    import numpy as np

    def forward() -> Any:
        y = x
        for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            y = y @ weight
            y += bias
            if k < len(weights) - 1:
                np.maximum(y, 0, out=y)
        return y

    return forward


def sparse_pass(weights: list[Any], biases: list[Any], x: Any) -> Callable[[], Any]:
    """The same of compressed rows (outputs, inputs) on columns of images."""
    import numpy as np
    from scipy.sparse import csr_array

    rows = [csr_array(weight.T) for weight in weights]
    columns = np.ascontiguousarray(x.T)
    offsets = [bias[:, None] for bias in biases]

    def forward() -> Any:
        y = columns
        for k, (row, offset) in enumerate(zip(rows, offsets, strict=True)):
            y = row @ y
            y += offset
            if k < len(rows) - 1:
                np.maximum(y, 0, out=y)
        return y

    return forward


def several(forward: Callable[[], object], passes: int) -> Callable[[], object]:
    """So many passes as one piece of work."""

    def work() -> None:
        for _ in range(passes):
            forward()

    return work


def measured(
    sizes: tuple[int, ...], axis: tuple[float, ...], rounds: int
) -> dict[tuple[int, float, str], list[float]]:
    """Seconds a pass, by batch, sparsity and kind."""
    import numpy as np

    from retrial.nets.sparsity import prune

    rng = np.random.default_rng(0)
    shapes = list(itertools.pairwise(sizes))
    full = [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]
    biases = [rng.standard_normal(outputs, dtype=np.float32) for _, outputs in shapes]
    scores = [rng.random(shape) for shape in shapes]
    work = {}
    for sparsity in axis:
        masks = prune(scores, sparsity, "global")
        weights = [weight * mask for weight, mask in zip(full, masks, strict=True)]
        for batch in BATCHES:
            x = rng.random((batch, sizes[0]), dtype=np.float32)
            dense, sparse = (make(weights, biases, x) for make in (dense_pass, sparse_pass))
            np.testing.assert_allclose(np.transpose(sparse()), dense(), rtol=1e-3, atol=1e-3)
            for kind, forward in (("dense", dense), ("sparse", sparse)):
                work[batch, sparsity, kind] = several(forward, PASSES[batch])
    seconds: dict[tuple[int, float, str], list[float]] = {key: [] for key in work}
    for _ in range(1 + rounds):
        for key, passes in work.items():
            seconds[key].append(cpu_seconds(passes) / PASSES[key[0]])
    return {key: times[1:] for key, times in seconds.items()}


def entry(times: list[float]) -> str:
    """A median with its range, in microseconds."""
    median, low, high = (
        1e6 * value for value in (statistics.median(times), min(times), max(times))
    )
    return f"{median:.1f} ({low:.1f}–{high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=30, help="timings of each (default 30)")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT / "src"))
    import retrial  # noqa: F401  sets the pins before NumPy loads
    from retrial.core.config import section
    from retrial.digit_networks import CLASSES
    from retrial.studies.pruning import NAME, PIXELS, Protocol

    protocol = section(ROOT / "params.yaml", NAME, Protocol)
    sizes = (PIXELS, *protocol.hidden, CLASSES)
    seconds = measured(sizes, protocol.sparsities, arguments.rounds)
    print(f"a forward pass of {'-'.join(map(str, sizes))}, CPU time, median of {arguments.rounds}")
    print(ROW.format(*HEADINGS))
    for batch in BATCHES:
        for sparsity in protocol.sparsities:
            dense, sparse = (seconds[batch, sparsity, kind] for kind in ("dense", "sparse"))
            ratio = statistics.median(dense) / statistics.median(sparse)
            columns = (str(batch), f"{sparsity:g}", entry(dense), entry(sparse), f"{ratio:.2f}")
            print(ROW.format(*columns))


if __name__ == "__main__":
    main()
