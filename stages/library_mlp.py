"""Report 002, section C: library networks with four activations."""

from retrial.running.stage import run_study
from retrial.studies import library_mlp

if __name__ == "__main__":
    run_study(
        library_mlp,
        data=["data/raw/fashion_mnist", "data/splits/report002_fashion"],
        results="data/results/library_mlp",
    )
