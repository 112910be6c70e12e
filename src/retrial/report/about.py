"""What a claim's row opens to beyond its verdict: protocol, picture of its runs, its figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retrial.core.partitioned import load_records
from retrial.report.protocols import protocol
from retrial.report.strip import picture

Row = Mapping[str, Any]

# The figure of a family that shows its claims; where there are two, by what a metric ends in.
FIGURES: Mapping[str, Mapping[str, str]] = {
    "scratch_grid": {"loss": "scratch-loss", "": "scratch-accuracy"},
    "mse_mlp": {"": "mse-epochs"},
    "library_mlp": {"": "library-epochs"},
    "library_grid": {"": "library-grid-scores"},
    "autoencoder": {"": "autoencoder-sharp"},
    "code_classifier": {"": "codes-table"},
    "depth": {"": "depth-seeds"},
    "initialisation": {"": "initialisation-moments"},
    "activations": {"": "activations-layers"},
    "classifier_mnist": {"": "classifier-mnist-accuracy"},
    "classifier_cifar10": {"": "classifier-cifar10-accuracy"},
    "attack_mnist": {"": "attack-mnist-image-matrix"},
    "attack_cifar10": {"": "attack-cifar10-image-matrix"},
    "handwriting": {"": "handwriting-matrix"},
    "titanic_losses": {"": "titanic-losses-accuracy"},
    "iris_boundary": {"": "iris-boundary-accuracy"},
    "cross_entropy": {"": "cross-entropy-curves"},
    "perceptron": {"": "perceptron-curves"},
    "pruning": {"": "pruning-falls"},
    "kernels": {"": "kernels-grid"},
    "shift": {"": "shift-consistency"},
}
# Its chapter sets each line as an entry of its own.
BY_LINE = "worked"


def about(rows: Sequence[Row], results: Path) -> dict[str, dict[str, str]]:
    """For each claim its `protocol`, `picture` (an SVG) and `figure` (an id), as far as it has one.

    The records of the rows' families are read below `results`; raises RetrialError when a family
    has none.
    """
    records = {family: load_records(results / family) for family in {r["family"] for r in rows}}
    return {
        row["id"]: {
            "protocol": protocol(row, records[row["family"]]),
            "picture": picture(row, records[row["family"]]),
            "figure": figure_of(row),
        }
        for row in rows
    }


def figure_of(row: Row) -> str:
    """The id, within the report, of what shows a claim in its chapter; "" where that is not one."""
    if row["family"] == BY_LINE:
        return f"line-{row['id']}"
    metric = str(row["evidence"]["metric"] or "")
    for end, name in FIGURES.get(row["family"], {}).items():
        if metric.endswith(end):
            return f"figure-{name}"
    return ""
