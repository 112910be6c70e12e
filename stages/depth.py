"""Report 004, exercise 1: depth, activations, gradients by layer."""

from retrial.running.stage import run_study
from retrial.studies import depth

if __name__ == "__main__":
    run_study(
        depth,
        data=["data/raw/mnist", "data/splits/full_mnist"],
        results="data/results/depth",
    )
