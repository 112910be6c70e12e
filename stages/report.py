"""Stage: the report, from records and verdicts to one HTML file and one PDF."""

from retrial.core.config import profile_name
from retrial.core.errors import reported
from retrial.report.book import HTML, PDF, RESULTS, write_report


@reported
def main() -> None:
    write_report(RESULTS, profile_name(), HTML, PDF)


if __name__ == "__main__":
    main()
