"""Formulas, worked numbers and small constructions of all five reports."""

from retrial.running.stage import run_study
from retrial.studies import worked

if __name__ == "__main__":
    run_study(worked, data=[], results="data/results/worked")
