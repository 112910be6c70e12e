"""Report 003, exercise 3: how weights begin."""

from retrial.running.stage import run_study
from retrial.studies import initialisation

if __name__ == "__main__":
    run_study(
        initialisation,
        data=["data/raw/mnist", "data/splits/full_mnist"],
        results="data/results/initialisation",
    )
