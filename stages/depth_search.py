"""Report 004, exercise 1: the search for what its networks leave open."""

from retrial.running.stage import run_study
from retrial.studies import depth_search

if __name__ == "__main__":
    run_study(
        depth_search,
        data=["data/raw/mnist", "data/splits/full_mnist"],
        results="data/results/depth_search",
    )
