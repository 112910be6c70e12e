"""Report 003, exercise 5: what pruning leaves."""

from retrial.running.stage import run_study
from retrial.studies import pruning

if __name__ == "__main__":
    run_study(
        pruning,
        data=["data/raw/mnist", "data/splits/full_mnist"],
        results="data/results/pruning",
    )
