"""Report 003, exercise 2: cross-entropy against mean squared error."""

from retrial.running.stage import run_study
from retrial.studies import cross_entropy

if __name__ == "__main__":
    run_study(
        cross_entropy,
        data=["data/raw/mnist", "data/splits/full_mnist"],
        results="data/results/cross_entropy",
    )
