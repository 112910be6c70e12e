"""Report 002, section B: scratch networks over activations and initialisations."""

from retrial.running.stage import run_study
from retrial.studies import scratch_grid

if __name__ == "__main__":
    run_study(
        scratch_grid,
        data=["data/raw/mnist", "data/splits/report002_mnist"],
        results="data/results/scratch_grid",
    )
