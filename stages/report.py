"""Stage: the report, from records and verdicts to one HTML file and one PDF."""

from retrial.core.config import profile_name
from retrial.core.errors import reported
from retrial.report.book import HTML, PDF, RAW, RESULTS, write_report
from retrial.running.integrity import require_intact
from retrial.running.parent import end_with_dvc


@reported
def main() -> None:
    end_with_dvc()
    require_intact([RESULTS, RAW])
    write_report(RESULTS, profile_name(), HTML, PDF)


if __name__ == "__main__":
    main()
