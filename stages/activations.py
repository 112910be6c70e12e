"""Report 003, exercise 4: what activations do."""

from retrial.running.stage import run_study
from retrial.studies import activations

if __name__ == "__main__":
    run_study(
        activations,
        data=["data/raw/mnist", "data/splits/full_mnist"],
        results="data/results/activations",
    )
