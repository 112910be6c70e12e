"""Report 001, part 2: the search for what its networks leave open, on seeds of its own."""

from retrial.running.stage import run_study
from retrial.studies import mse_search

if __name__ == "__main__":
    run_study(
        mse_search,
        data=["data/raw/mnist", "data/splits/full_mnist"],
        results="data/results/mse_search",
    )
