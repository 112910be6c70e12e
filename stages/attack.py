"""Report 004, exercise 2: attacks on the classifiers of one data set."""

import sys

from retrial.running.stage import run_study
from retrial.studies import attack_cifar10, attack_mnist

STUDIES = {"mnist": attack_mnist, "cifar10": attack_cifar10}

if __name__ == "__main__":
    name = sys.argv[1]
    run_study(
        STUDIES[name],
        data=[
            f"data/raw/{name}",
            f"data/splits/full_{name}",
            f"data/results/classifier_{name}/weights.safetensors",
        ],
        results=f"data/results/attack_{name}",
    )
