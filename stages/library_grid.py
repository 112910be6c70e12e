"""Report 002, section C: a grid search over solver, learning rate and batch."""

from retrial.running.stage import run_study
from retrial.studies import library_grid

if __name__ == "__main__":
    run_study(
        library_grid,
        data=["data/raw/fashion_mnist", "data/splits/report002_fashion"],
        results="data/results/library_grid",
    )
