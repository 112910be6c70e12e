"""Report 002, section C: autoencoders with a code of 32."""

from retrial.running.stage import run_study
from retrial.studies import autoencoder

if __name__ == "__main__":
    run_study(
        autoencoder,
        data=["data/raw/fashion_mnist", "data/splits/report002_fashion"],
        results="data/results/autoencoder",
    )
