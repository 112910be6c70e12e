"""Report 001, P4: the boundary of a network under a growing penalty."""

from retrial.running.stage import run_study
from retrial.studies import iris_boundary

if __name__ == "__main__":
    run_study(
        iris_boundary,
        data=["data/raw/iris", "data/splits/iris"],
        results="data/results/iris_boundary",
    )
