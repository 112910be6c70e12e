"""Report 004, exercise 2: the convolutional classifiers of one data set."""

import sys

from retrial.running.stage import run_study
from retrial.studies import classifier_cifar10, classifier_mnist

STUDIES = {"mnist": classifier_mnist, "cifar10": classifier_cifar10}

if __name__ == "__main__":
    name = sys.argv[1]
    run_study(
        STUDIES[name],
        data=[f"data/raw/{name}", f"data/splits/full_{name}"],
        results=f"data/results/classifier_{name}",
    )
