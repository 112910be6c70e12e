"""Where published results lie."""

from pathlib import Path

PUBLISHED = Path("reports/published")
# Below PUBLISHED: hashes and measurements, the archives of the studies, the rows of all families.
MANIFEST = "manifest.json"
ARCHIVES = "records"
ROWS = "verdicts.json"
