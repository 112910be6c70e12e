"""Report 000, section 3: what a shift of the image does to an MLP and to LeNet-5."""

from retrial.running.stage import run_study
from retrial.studies import shift

if __name__ == "__main__":
    run_study(
        shift,
        data=["data/raw/mnist", "data/splits/full_mnist"],
        results="data/results/shift",
    )
