"""Report 001, P3: four losses for who survived the Titanic, as printed and done right."""

from retrial.running.stage import run_study
from retrial.studies import titanic_losses

if __name__ == "__main__":
    run_study(
        titanic_losses,
        data=["data/raw/titanic"],
        results="data/results/titanic_losses",
    )
