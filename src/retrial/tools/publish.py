"""Copies paper-profile results into reports/published/, where git keeps them.

What is published must be what committed code makes of the paper profile: the tree is clean but for
the profile itself, and every stage behind the results agrees with dvc.lock file by file, which a
failed stage, or one whose inputs changed later, does not. Families that are published already and
are not run again keep their records, and are judged again from them: all verdicts follow from one
ledger and one set of rules. The published report is made anew from all that is published. All of it
is put together elsewhere first: what is refused changes nothing.
"""

import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from retrial.core.config import PARAMS, profile_path, read_yaml
from retrial.core.errors import RetrialError
from retrial.core.records import RECORDS, canonical
from retrial.judging.ledger import CLAIMS, load_claims, of_family
from retrial.judging.searches import SEARCHES
from retrial.judging.verdicts import RESULTS, TABLE, VERDICTS, read_rows, table
from retrial.report.book import CHAPTERS, HTML, PDF, RAW, write_report
from retrial.tools.archive import pack
from retrial.tools.locks import (
    LOCK,
    Stage,
    git,
    git_show,
    judge_stage,
    read_lock,
    stale,
    stale_params,
    study_stage,
    upstream,
)
from retrial.tools.manifest import manifest, read_manifest, write_manifest
from retrial.tools.margins import History, late
from retrial.tools.places import PUBLISHED, ROWS
from retrial.tools.published import (
    PROFILE,
    archive_of,
    by_family,
    judged_again,
    laid_out,
    published_rows,
    published_studies,
)

# Studies that a family's own study runs on, and that no claim belongs to.
BEFORE = {"code_classifier": ["features"]}
# Studies that no claim of the ledger belongs to, published like a family without verdicts.
WITHOUT_CLAIMS = ("controls",)
# Bytes of all that is published together.
SIZE_AT_MOST = 20_000_000
# How the names of stages begin that make something of records.
JUDGING = ("judge", "verdicts", "report")


def publish(families: Sequence[str] = (), root: Path = Path()) -> list[Path]:
    """Publish `families` (default: all that were run); the files that were written.

    Raises RetrialError, and writes nothing, when code is uncommitted, a stage failed or is out of
    date, results are of another profile, a margin is later than the first paper records that it
    judges, or the whole would be too large.
    """
    require_committed(root)
    lock = read_lock(root / LOCK)
    chosen = chosen_families(families, root)
    for family in chosen:
        require_paper(family, lock, root)
    require_margins(chosen, root)
    with tempfile.TemporaryDirectory(dir=root / RESULTS.parent) as name:
        new = Path(name) / PUBLISHED.name
        if (root / PUBLISHED).exists():
            shutil.copytree(root / PUBLISHED, new)
        new.mkdir(exist_ok=True)
        studies = {family: studies_of(family) for family in chosen}
        written = [
            pack(root / RESULTS / study, archive_of(study, new))
            for found in studies.values()
            for study in found
        ]
        written += [write_lock(chosen, lock, new, root), *write_tables(chosen, new, root)]
        written += write_published(new, PROFILE, root)
        content = manifest(read_manifest(new), studies, root / RESULTS, new, root)
        written.append(write_manifest(new, content))
        require_small(new)
        shutil.rmtree(root / PUBLISHED, ignore_errors=True)
        (root / PUBLISHED).parent.mkdir(exist_ok=True)
        shutil.move(new, root / PUBLISHED)
    return [root / PUBLISHED / path.relative_to(new) for path in written]


def chosen_families(families: Sequence[str], root: Path) -> list[str]:
    """`families`, or all with results when none is named; RetrialError for one without."""
    found = sorted(path.stem for path in (root / VERDICTS).glob("*.json"))
    found += [study for study in WITHOUT_CLAIMS if (root / RESULTS / study / RECORDS).exists()]
    for family in families:
        if family not in found:
            known = ", ".join(found) or "none"
            raise RetrialError(f"{VERDICTS}: no verdicts of family {family!r}, found {known}")
    if not found:
        raise RetrialError(f"{VERDICTS}: no verdicts, run `make study PROFILE={PROFILE}` first")
    return list(families) or found


def require_committed(root: Path) -> None:
    """Refuse a tree with changes besides the profile's line, its dvc.lock and published files."""
    status = git(["status", "--porcelain", "-uall", "--no-renames", "-z"], root)
    if status.returncode:
        raise RetrialError(f"{root.resolve()}: no git repository, publishing needs a commit")
    for entry in status.stdout.split("\0"):
        path = Path(entry[3:])
        if not entry or path == Path(LOCK) or path.is_relative_to(PUBLISHED):
            continue
        if path == PARAMS and only_the_profile_differs(root):
            continue
        raise RetrialError(
            f"{path}: uncommitted ({entry[:2].strip()}); publishing allows the profile in {PARAMS} "
            "as the only change, commit or undo this one"
        )


def only_the_profile_differs(root: Path) -> bool:
    """True when params.yaml differs from the committed one in the profile's line at most."""
    committed = git_show("HEAD", PARAMS.as_posix(), root).splitlines()
    present = (root / PARAMS).read_text(encoding="utf-8").splitlines()
    differing = [pair for pair in zip(committed, present, strict=False) if pair[0] != pair[1]]
    return len(committed) == len(present) and all(
        line.startswith("profile:") for pair in differing for line in pair
    )


def require_paper(family: str, lock: Mapping[str, Stage], root: Path) -> None:
    """Refuse a family whose verdicts are of another profile, or do not follow from this tree."""
    path = root / VERDICTS / f"{family}.json"
    for row in read_rows(path) if family not in WITHOUT_CLAIMS else []:
        if row["profile"] != PROFILE:
            raise RetrialError(
                f"{path}: profile = {row['profile']!r}: expected {PROFILE!r}, run "
                f"`make study PROFILE={PROFILE}` first"
            )
    require_fresh(last_stage(lock, family), lock, root)
    budget = f"{profile_path(PROFILE).as_posix()}: "
    for study in studies_of(family):
        stage = study_stage(lock, study)
        require_fresh(stage, lock, root)
        if not any(key.startswith(budget) for key in lock[stage].params):
            raise RetrialError(f"{LOCK}: stage {stage} did not read profiles/{PROFILE}.yaml")


def require_fresh(stage: str, lock: Mapping[str, Stage], root: Path) -> None:
    """Refuse a stage that failed, or that would run again: its files are not those of the lock."""
    if stage not in lock:
        raise RetrialError(f"{LOCK}: stage {stage} has not run, or failed; run `dvc repro {stage}`")
    for name in upstream(lock, stage):
        # The profile's own line is put back after a paper run.
        params = [key for key in stale_params(lock[name], root) if key != f"{PARAMS}: profile"]
        for path in [*stale(lock[name], root), *params]:
            raise RetrialError(
                f"{path}: not what stage {name} had in {LOCK}: the stage failed or is out of date, "
                f"run `make study PROFILE={PROFILE}` again"
            )


def last_stage(lock: Mapping[str, Stage], family: str) -> str:
    """The stage that judges a family; that of its study where no claim belongs to it."""
    if family in WITHOUT_CLAIMS:
        return study_stage(lock, family)
    return judge_stage(lock, family) or f"judge@{family}"


def studies_of(family: str) -> list[str]:
    """The family's study, the search for its open choices, and what it runs on, where there are."""
    search = [SEARCHES[family].study] if family in SEARCHES else []
    return [family, *search, *BEFORE.get(family, [])]


def require_margins(families: Iterable[str], root: Path) -> None:
    """Refuse a margin that is later than the first paper records of its family.

    A clone without all of its history cannot tell, and `retrial verify` says so.
    """
    try:
        history = History.read(root)
    except RetrialError:
        return
    claims = load_claims(root / CLAIMS)
    for family in families:
        if family in WITHOUT_CLAIMS:
            continue
        rows = read_rows(root / VERDICTS / f"{family}.json")
        if (found := late(family, of_family(claims, family), rows, history)).margins:
            raise RetrialError(
                f"{CLAIMS}: margin of {', '.join(found.margins)}: later than the first paper "
                f"records of {family}, commit {found.first[:12]}; expected the margin of then"
            )


def require_small(folder: Path) -> None:
    """Refuse a folder of more than SIZE_AT_MOST bytes."""
    sizes = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    if (total := sum(sizes.values())) > SIZE_AT_MOST:
        largest = sorted(sizes, key=lambda path: -sizes[path])[:3]
        named = ", ".join(f"{path.relative_to(folder)} {sizes[path]}" for path in largest)
        raise RetrialError(
            f"{PUBLISHED}: {total} bytes: expected at most {SIZE_AT_MOST}; the largest are {named}"
        )


def write_lock(
    families: Iterable[str], lock: Mapping[str, Stage], folder: Path, root: Path
) -> Path:
    """Put the stages of `families` into the published lock; other studies keep theirs.

    Not their judges, nor what is made of all: other families are judged again without the pipeline.
    """
    target = folder / LOCK
    fresh = read_yaml(root / LOCK)
    merged = read_yaml(target) if target.exists() else {"schema": fresh["schema"], "stages": {}}
    merged["stages"] = {
        name: stage for name, stage in merged["stages"].items() if not name.startswith(JUDGING)
    }
    names = {name for one in families for name in upstream(lock, last_stage(lock, one))}
    merged["stages"] |= {name: fresh["stages"][name] for name in names}
    merged["stages"] = dict(sorted(merged["stages"].items()))
    yaml = YAML()
    yaml.default_flow_style = False
    with target.open("w", encoding="utf-8") as stream:
        yaml.dump(merged, stream)
    return target


def write_tables(families: Iterable[str], folder: Path, root: Path) -> list[Path]:
    """The verdicts of all published families as one table and as one list.

    Those of `families` from this run, the others from their published records.
    """
    claims, old = load_claims(root / CLAIMS), by_family(published_rows(folder))
    rows = {
        family: read_rows(root / VERDICTS / f"{family}.json")
        for family in families
        if family not in WITHOUT_CLAIMS
    }
    for family in old.keys() - rows.keys():
        own = {claim.id for claim in claims if claim.family == family}
        rows[family] = judged_again(family, claims, own, folder)
    return write_rows([row for found in rows.values() for row in found], folder, root)


def write_rows(rows: Iterable[dict[str, Any]], folder: Path, root: Path) -> list[Path]:
    """`rows` in the ledger's order as verdicts.csv and verdicts.json; of no claim, left out.

    The latter has one row a line, so that a difference between two publications can be read.
    """
    found = {row["id"]: row for row in rows}
    ordered = [found[one.id] for one in load_claims(root / CLAIMS) if one.id in found]
    csv_path, json_path = folder / TABLE.name, folder / ROWS
    csv_path.write_text(table(ordered), encoding="utf-8")
    text = ",\n".join(canonical(row) for row in ordered)
    json_path.write_text(f"[\n{text}\n]\n", encoding="utf-8")
    return [csv_path, json_path]


def write_published(folder: Path, profile: str, root: Path) -> list[Path]:
    """Write the report of what lies in the published `folder`, there; the files written.

    Nothing while a chapter's family has no published records or no verdicts, or a study without
    claims, which a chapter reads as well, no records.
    """
    judged, studies = by_family(published_rows(folder)), published_studies(folder)
    if not (set(CHAPTERS) <= set(judged) and {*CHAPTERS, *WITHOUT_CLAIMS} <= set(studies)):
        return []
    html, pdf = folder / HTML.name, folder / PDF.name
    # Two folders below the project, as notebooks expect.
    with laid_out(folder, within=root / RAW.parent) as view:
        write_report(view, profile, html, pdf, root)
    return [html, pdf]
