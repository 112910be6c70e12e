"""When each margin of the ledger got its numbers: before the first paper records that it judges.

A margin that is set after its records were seen proves nothing. Git says when: the commit from
which on the ledger gives a claim its present numbers, and the first commit in which the records
of the claim's family are published. A moved line or a reworded reason changes no number.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from retrial.core.errors import RetrialError
from retrial.core.records import RECORDS, canonical
from retrial.judging.ledger import CLAIMS, Claim, read_ledger
from retrial.tools.locks import git, git_show
from retrial.tools.places import PUBLISHED, ROWS
from retrial.tools.published import archive_of


class Numbers(NamedTuple):
    """What a claim sets itself: its margin or the floor of one, and the thresholds of its test."""

    margin: float | None = None
    floor: float | None = None
    thresholds: str = "{}"

    @classmethod
    def of(cls, claim: Claim) -> "Numbers":
        """The numbers of a claim; thresholds as canonical JSON."""
        return cls(claim.margin, claim.margin_floor, canonical(claim.evidence.thresholds))

    def own(self) -> bool:
        """True when the claim sets any."""
        return self != Numbers()

    def without_thresholds(self) -> "Numbers":
        """The margin alone."""
        return self._replace(thresholds=Numbers().thresholds)


Ledger = Mapping[str, Numbers]


@dataclass(frozen=True)
class History:
    """The ledger's numbers by claim at each commit that changed the ledger, the latest first.

    The oldest commits, from one on whose ledger had a form that is not read any more, are left out.
    """

    root: Path
    ledgers: Sequence[tuple[str, Ledger]]

    @classmethod
    def read(cls, root: Path) -> "History":
        """Read it from git; RetrialError where there is no git, or not all of its history."""
        shallow = git(["rev-parse", "--is-shallow-repository"], root)
        if shallow.returncode or shallow.stdout.strip() != "false":
            raise RetrialError(f"{root.resolve()}: no git repository with its whole history")
        commits = git(["log", "--format=%H", "--", CLAIMS.as_posix()], root).stdout.split()
        return cls(root, list(_ledgers(commits, root)))

    def touched(self, claim: Claim, read: Callable[[Numbers], Numbers] = lambda one: one) -> str:
        """The commit since which the claim has its present numbers; "" while uncommitted.

        `read` takes from a claim's numbers those that are asked about.
        """
        numbers, found = read(Numbers.of(claim)), ""
        for commit, ledger in self.ledgers:
            if claim.id not in ledger or read(ledger[claim.id]) != numbers:
                break
            found = commit
        return found

    def precedes(self, commit: str, first: str) -> bool:
        """True when `commit` came before `first`, or when there is no `first` yet."""
        if not first:
            return True
        older = git(["merge-base", "--is-ancestor", commit or "HEAD", first], self.root)
        return bool(commit) and commit != first and older.returncode == 0


def _ledgers(commits: Iterable[str], root: Path) -> Iterator[tuple[str, Ledger]]:
    blobs: dict[str, Ledger] = {}
    with tempfile.TemporaryDirectory() as name:
        for commit in commits:
            ledger: dict[str, Numbers] = {}
            for line in git(["ls-tree", commit, f"{CLAIMS}/"], root).stdout.splitlines():
                head, path = line.split("\t")
                blob = head.split()[2]
                if not path.endswith(".yaml"):
                    continue
                if blob not in blobs:
                    place = Path(name) / Path(path).name
                    text = git(["cat-file", "blob", blob], root).stdout
                    place.write_text(text, encoding="utf-8")
                    try:
                        blobs[blob] = {one.id: Numbers.of(one) for one in read_ledger(place)}
                    except RetrialError:
                        return
                ledger |= blobs[blob]
            yield commit, ledger


def first_published(study: str, root: Path) -> str:
    """The first commit in which records of `study` are published; "" while there is none.

    Before they were archived, records lay in a folder for each study.
    """
    paths = [archive_of(study).as_posix(), (PUBLISHED / study / RECORDS).as_posix()]
    log = ["log", "--no-renames", "--diff-filter=A", "--format=%H", "--", *paths]
    return (git(log, root).stdout.split() or [""])[-1]


def commits(claims: Iterable[Claim], history: History) -> dict[str, str]:
    """For each claim that sets numbers of its own: the commit since which it has them."""
    return {one.id: history.touched(one) for one in claims if Numbers.of(one).own()}


class Late(NamedTuple):
    """Claims of one family whose numbers are later than its first paper records.

    `margins`: those whose margin is; `thresholds`: those of which only a test's thresholds are.
    `stated`: how many margins, own and default, hold.
    """

    first: str
    margins: list[str]
    thresholds: list[str]
    stated: int


def late(
    family: str, claims: Iterable[Claim], rows: Iterable[Mapping[str, Any]], history: History
) -> Late:
    """What of a family's numbers is later than its first paper records.

    `rows` are its present verdict rows: a margin by the default rule must be the one in the first
    published row of its claim.
    """
    first = first_published(family, history.root)
    before = first_margins(family, first, history.root)
    margins, thresholds, stated = [], [], 0
    present = {row["id"]: row.get("margin") for row in rows}
    for claim in claims:
        own, margin = Numbers.of(claim), present.get(claim.id)
        fresh = margin is not None and before.get(claim.id) not in (None, margin)
        if own.without_thresholds().own():
            since = history.touched(claim, Numbers.without_thresholds)
            fresh |= not history.precedes(since, first)
        if fresh:
            margins.append(claim.id)
            continue
        stated += margin is not None
        if own.own() and not history.precedes(history.touched(claim), first):
            thresholds.append(claim.id)
    return Late(first, margins, thresholds, stated)


def first_margins(family: str, first: str, root: Path) -> dict[str, float | None]:
    """The margins of the verdict rows that were first published for a family, by claim."""
    if not first:
        return {}
    for path in (PUBLISHED / family / ROWS, PUBLISHED / ROWS):
        try:
            rows = json.loads(git_show(first, path.as_posix(), root))
        except RetrialError:
            continue
        return {row["id"]: row.get("margin") for row in rows}
    return {}
