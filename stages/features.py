"""Report 002, section C: the codes of all images by each encoder."""

from retrial.running.stage import run_study
from retrial.studies import features

if __name__ == "__main__":
    run_study(
        features,
        data=[
            "data/raw/fashion_mnist",
            "data/splits/report002_fashion",
            "data/results/autoencoder/weights.safetensors",
        ],
        results="data/results/features",
    )
