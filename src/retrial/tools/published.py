"""What lies in reports/published, laid out as a run of the pipeline leaves it, or judged again."""

import json
import tempfile
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from retrial.core.partitioned import load_records
from retrial.judging.judge import Family, judge_family
from retrial.judging.ledger import Claim
from retrial.judging.searches import SEARCHES
from retrial.judging.verdicts import VERDICTS, read_rows
from retrial.tools.archive import SUFFIX, unpack
from retrial.tools.places import ARCHIVES, PUBLISHED, ROWS

# The profile whose results are published.
PROFILE = "paper"


def archive_of(study: str, folder: Path = PUBLISHED) -> Path:
    """Where the published records of a study lie below the published `folder`."""
    return folder / ARCHIVES / f"{study}{SUFFIX}"


def published_studies(folder: Path = PUBLISHED) -> list[str]:
    """The studies with published records, by name."""
    found = (folder / ARCHIVES).glob(f"*{SUFFIX}")
    return sorted(path.name.removesuffix(SUFFIX) for path in found)


def published_rows(folder: Path = PUBLISHED) -> list[dict[str, Any]]:
    """The published verdict rows of all families; none when nothing is published."""
    path = folder / ROWS
    return read_rows(path) if path.exists() else []


def by_family(rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Verdict rows by the family that owns their claims, in the order of `rows`."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["family"], []).append(row)
    return found


@contextmanager
def laid_out(
    folder: Path = PUBLISHED, studies: Iterable[str] | None = None, within: Path | None = None
) -> Iterator[Path]:
    """A temporary folder that holds what a run leaves in data/results.

    <study>/records.json and the files beside it of `studies` (default: all that are published),
    and verdicts/<family>.json. It is made in the folder `within`, or where the system keeps such.
    Raises RetrialError for a study that is not published, or whose archive is not fit.
    """
    wanted = published_studies(folder) if studies is None else list(studies)
    with tempfile.TemporaryDirectory(dir=within) as name:
        view = Path(name)
        for study in wanted:
            unpack(archive_of(study, folder), view / study)
        (view / VERDICTS.name).mkdir()
        for family, rows in by_family(published_rows(folder)).items():
            text = json.dumps(rows, indent=1, sort_keys=True, ensure_ascii=False)
            (view / VERDICTS.name / f"{family}.json").write_text(f"{text}\n", encoding="utf-8")
        yield view


def judged_again(
    name: str, claims: Sequence[Claim], ids: Container[str], folder: Path
) -> list[dict[str, Any]]:
    """The verdict rows of the claims `ids`, which the family `name` owns, from its archives."""
    search = SEARCHES.get(name)
    with laid_out(folder, [name, *([search.study] if search else [])]) as view:
        family = Family(
            load_records(view / name),
            {claim.id: claim for claim in claims},
            PROFILE,
            load_records(view / search.study) if search else None,
        )
        return judge_family([claim for claim in claims if claim.id in ids], family)
