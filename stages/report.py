"""Stage: the report, from records and verdicts to one HTML file and one PDF."""

from pathlib import Path

from retrial.core.config import profile_name
from retrial.core.errors import reported
from retrial.judging.ledger import TOTAL
from retrial.report.render import render

# The overview stands first, then the families, each with its notebooks in order.
NOTEBOOKS = {
    "scratch_grid": ["scratch_grid"],
    "mse_mlp": ["mse_mlp/networks", "mse_mlp/overfitting"],
    "library_mlp": ["library/activations", "library/activations_compared"],
    "library_grid": ["library/grid"],
    "autoencoder": ["library/autoencoder"],
    "code_classifier": ["library/codes", "library/codes_compared"],
    "kernels": ["kernels"],
    "shift": ["shift"],
    "worked": [
        f"worked/{part}"
        for part in ("networks", "gradients", "margins", "descent", "training", "by_hand")
    ],
}


@reported
def main() -> None:
    render(
        [
            Path("reports") / f"{name}.py"
            for name in ("overview", *(name for names in NOTEBOOKS.values() for name in names))
        ],
        template=Path("reports/template"),
        parameters={
            "profile": profile_name(),
            "results": Path("data/results"),
            "raw": Path("data/raw"),
            "families": list(NOTEBOOKS),
            "total": TOTAL,
        },
        html=Path("reports/report.html"),
        pdf=Path("reports/report.pdf"),
    )


if __name__ == "__main__":
    main()
