"""Report 003, exercise 1: perceptron against logistic regression."""

from retrial.running.stage import run_study
from retrial.studies import perceptron

if __name__ == "__main__":
    run_study(perceptron, data=["data/raw/iris"], results="data/results/perceptron")
