"""Report 002, section B: the search for what its Table 1 leaves open, on seeds of its own."""

from retrial.running.stage import run_study
from retrial.studies import scratch_search

if __name__ == "__main__":
    run_study(
        scratch_search,
        data=["data/raw/mnist", "data/splits/report002_mnist"],
        results="data/results/scratch_search",
    )
