"""Report 000, section 6: kernels on 1,000 digits, and logistic regression."""

from retrial.running.stage import run_study
from retrial.studies import kernels

if __name__ == "__main__":
    run_study(
        kernels,
        data=["data/raw/mnist", "data/splits/report000_mnist"],
        results="data/results/kernels",
    )
