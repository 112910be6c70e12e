"""The report's chapters in their order, and the report of some results as HTML and PDF."""

import tempfile
from pathlib import Path

from retrial.core.records import ARRAYS
from retrial.judging.ledger import TOTAL
from retrial.report.render import render

SOURCES = Path("reports")
HTML, PDF = SOURCES / "report.html", SOURCES / "report.pdf"
RAW, RESULTS = Path("data/raw"), Path("data/results")

# The overview stands first, then the families, each with its notebooks in order.
CHAPTERS = {
    "scratch_grid": ["scratch_grid"],
    "mse_mlp": ["mse_mlp/networks", "mse_mlp/overfitting"],
    "library_mlp": ["library/activations", "library/activations_compared"],
    "library_grid": ["library/grid"],
    "autoencoder": ["library/autoencoder"],
    "code_classifier": ["library/codes", "library/codes_compared"],
    "depth": [f"depth/{part}" for part in ("table", "search", "gradients", "decay", "remedies")],
    "initialisation": ["initialisation"],
    "activations": ["activations"],
    "classifier_mnist": ["classifiers/mnist"],
    "classifier_cifar10": ["classifiers/cifar10"],
    "attack_mnist": ["attacks/mnist"],
    "attack_cifar10": ["attacks/cifar10"],
    "handwriting": ["handwriting"],
    "titanic_losses": ["titanic_losses"],
    "iris_boundary": ["iris_boundary"],
    "cross_entropy": ["cross_entropy"],
    "perceptron": ["perceptron"],
    "pruning": ["pruning"],
    "kernels": ["kernels"],
    "shift": ["shift"],
    "worked": [
        f"worked/{part}"
        for part in ("networks", "gradients", "margins", "descent", "training", "by_hand")
    ],
}


def write_report(results: Path, profile: str, html: Path, pdf: Path, root: Path = Path()) -> None:
    """Write the report of the records and verdicts below `results`, which ran under `profile`.

    `root` is the project, whose notebooks, ledger and raw data the report is made with.
    """
    notebooks = ["overview", *(name for names in CHAPTERS.values() for name in names)]
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


def write_published(published: Path, profile: str, root: Path) -> list[Path]:
    """Write the report of what lies in `published`, there; nothing while a chapter lacks results.

    A study has a folder there, with its family's verdicts in it where it has such; arrays that are
    too large to publish are what a chapter may lack.
    """
    verdicts = {family: published / family / "verdicts.json" for family in CHAPTERS}
    arrays = [path.with_name(ARRAYS) for path in verdicts.values()]
    if not all(path.exists() for path in (*verdicts.values(), *arrays)):
        return []
    html, pdf = published / HTML.name, published / PDF.name
    # Laid out as a run leaves its results, two folders below the project as notebooks expect.
    with tempfile.TemporaryDirectory(dir=root / RAW.parent) as name:
        view = Path(name)
        for folder in (path for path in published.iterdir() if path.is_dir()):
            (view / folder.name).symlink_to(folder.resolve(), target_is_directory=True)
        (view / "verdicts").mkdir()
        for family, path in verdicts.items():
            (view / "verdicts" / f"{family}.json").symlink_to(path.resolve())
        write_report(view, profile, html, pdf, root)
    return [html, pdf]
