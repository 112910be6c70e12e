"""Report 002, section C: the search for what its classifiers leave open, on seeds of its own."""

from retrial.running.stage import run_study
from retrial.studies import library_search

if __name__ == "__main__":
    run_study(
        library_search,
        data=["data/raw/fashion_mnist", "data/splits/report002_fashion"],
        results="data/results/library_search",
    )
