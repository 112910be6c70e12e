"""Positive controls: published numbers on the same data, for the judge to be tried with."""

from retrial.running.stage import run_study
from retrial.studies import controls

if __name__ == "__main__":
    run_study(
        controls,
        data=["data/raw/mnist", "data/raw/iris", "data/raw/digits"],
        results="data/results/controls",
    )
