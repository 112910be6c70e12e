"""Where published results lie."""

from pathlib import Path

PUBLISHED = Path("reports/published")
MANIFEST = "manifest.json"
