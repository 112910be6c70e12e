"""Stage: the report, from records and verdicts to one HTML file and one PDF."""

from pathlib import Path

from retrial.core.config import profile_name
from retrial.core.errors import reported
from retrial.judging.ledger import TOTAL
from retrial.report.render import render

# The overview stands first, then the families in the order of their reports' sections.
FAMILIES = ("scratch_grid", "kernels", "shift")


@reported
def main() -> None:
    render(
        [Path("reports") / f"{name}.py" for name in ("overview", *FAMILIES)],
        template=Path("reports/template"),
        parameters={
            "profile": profile_name(),
            "results": Path("data/results"),
            "raw": Path("data/raw"),
            "families": list(FAMILIES),
            "total": TOTAL,
        },
        html=Path("reports/report.html"),
        pdf=Path("reports/report.pdf"),
    )


if __name__ == "__main__":
    main()
