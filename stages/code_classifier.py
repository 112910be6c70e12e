"""Report 002, section C: classifiers on the codes, beside raw pixels."""

from retrial.running.stage import run_study
from retrial.studies import code_classifier

if __name__ == "__main__":
    run_study(
        code_classifier,
        data=[
            "data/raw/fashion_mnist",
            "data/splits/report002_fashion",
            "data/results/features/weights.safetensors",
        ],
        results="data/results/code_classifier",
    )
