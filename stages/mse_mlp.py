"""Report 001, part 2: digits by squared error, dropout, overfitting."""

from retrial.running.stage import run_study
from retrial.studies import mse_mlp

if __name__ == "__main__":
    run_study(
        mse_mlp,
        data=["data/raw/mnist", "data/splits/full_mnist"],
        results="data/results/mse_mlp",
    )
