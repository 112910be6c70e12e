"""Report 004, exercise 3: networks of MNIST before handwriting that they have never seen."""

from retrial.running.stage import run_study
from retrial.studies import handwriting

if __name__ == "__main__":
    run_study(
        handwriting,
        data=["data/raw/mnist", "data/splits/full_mnist", "data/raw/more", "data/domains"],
        results="data/results/handwriting",
    )
