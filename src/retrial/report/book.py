"""The report's chapters in their order, and the report of some results as HTML and PDF."""

from pathlib import Path

from retrial.judging.ledger import TOTAL
from retrial.report.render import render

SOURCES = Path("reports")
HTML, PDF = SOURCES / "report.html", SOURCES / "report.pdf"
RAW, RESULTS = Path("data/raw"), Path("data/results")

# The overview stands first, then the families, each with its notebooks in order: report by report,
# 004 before 003, whose networks are those of 004's first chapter. dvc.yaml and params.yaml have
# the same order.
CHAPTERS = {
    "shift": ["shift"],
    "kernels": ["kernels"],
    "mse_mlp": ["mse_mlp/networks", "mse_mlp/overfitting"],
    "titanic_losses": ["titanic_losses"],
    "iris_boundary": ["iris_boundary"],
    "scratch_grid": ["scratch_grid"],
    "library_mlp": ["library/activations", "library/activations_compared"],
    "library_grid": ["library/grid"],
    "autoencoder": ["library/autoencoder"],
    "code_classifier": ["library/codes", "library/codes_compared"],
    "depth": [f"depth/{part}" for part in ("table", "search", "gradients", "decay", "remedies")],
    "classifier_mnist": ["classifiers/mnist"],
    "classifier_cifar10": ["classifiers/cifar10"],
    "attack_mnist": ["attacks/mnist"],
    "attack_cifar10": ["attacks/cifar10"],
    "handwriting": ["handwriting"],
    "perceptron": ["perceptron"],
    "cross_entropy": ["cross_entropy"],
    "initialisation": ["initialisation"],
    "activations": ["activations"],
    "pruning": ["pruning"],
    "worked": [
        f"worked/{part}"
        for part in ("networks", "gradients", "margins", "descent", "training", "by_hand")
    ],
}

# What stands behind the families: chapters on all of them.
AFTER = ["sensitivity", "judge"]


def write_report(results: Path, profile: str, html: Path, pdf: Path, root: Path = Path()) -> None:
    """Write the report of the records and verdicts below `results`, which ran under `profile`.

    `root` is the project, whose notebooks, ledger and raw data the report is made with.
    """
    notebooks = ["overview", *(name for names in CHAPTERS.values() for name in names), *AFTER]
    render(
        [root / SOURCES / f"{name}.py" for name in notebooks],
        template=root / SOURCES / "template",
        parameters={
            "profile": profile,
            "results": results,
            "raw": root / RAW,
            "families": list(CHAPTERS),
            "total": TOTAL,
        },
        html=html,
        pdf=pdf,
    )
