"""The ledger: every printed claim, as the YAML files below claims/ state it.

A file holds the claims of one report in groups. What a group says (`where`, `family`, `assumes`,
…) holds for each of its claims unless the claim says otherwise. A group is no table of tests:
single sentences are judged each for itself, without Holm's correction. A printed curve stands in a
group as `curve`, which is short for one claim an epoch (`retrial.judging.curve_groups`).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from retrial.core.config import read_yaml, validated
from retrial.core.errors import RetrialError
from retrial.core.models import Count, FrozenModel
from retrial.core.names import NAME
from retrial.judging.curve_groups import expand

CLAIMS = Path("claims")
# The claims that were read out of the five reports, in this ledger or still to come.
TOTAL = 599

Name = Annotated[str, Field(pattern=f"^{NAME}$")]
# A name that is also a file's.
FileName = Annotated[str, Field(pattern=f"^{NAME.replace('/', '')}$")]

Kind = Literal["value", "order", "curve", "choice", "count", "exact", "formula", "statement"]


class Evidence(FrozenModel):
    """Which records decide a claim.

    `arm` and `metric` name what is measured; `against` is the arm that an order claim compares
    with; `others` are further arms that a test reads. `test` names a statement test, `thresholds`
    its numbers, fixed beforehand. `deterministic`: there is no chance in the number, one run
    decides it by exact comparison. `slip`: of a line of a calculation, the slip that the printed
    line is, where it is not the right line.
    """

    arm: Name
    metric: Name | None = None
    against: Name | None = None
    others: tuple[Name, ...] = ()
    test: Name | None = None
    slip: Name | Literal[""] = ""
    deterministic: bool = False
    thresholds: dict[Name, float | int | str] = Field(default_factory=dict)

    @property
    def arms(self) -> list[str]:
        """All arms that the verdict rests on."""
        return [arm for arm in (self.arm, self.against, *self.others) if arm is not None]

    def rival(self) -> str:
        """The arm to compare with; RetrialError when none is named."""
        if self.against is None:
            raise RetrialError("evidence.against: missing, expected the arm to compare with")
        return self.against

    def threshold(self, name: str) -> float | int | str:
        """A number of the test; RetrialError when it is not stated."""
        if name not in self.thresholds:
            raise RetrialError(f"evidence.thresholds.{name}: missing")
        return self.thresholds[name]


class Possible(FrozenModel):
    """Checks that need no compute.

    `of`: an accuracy must be some j/of. `accuracy`: the id of the claim that prints the accuracy
    belonging to a cross-entropy, which bounds it jointly. `sums`: ids of the counts that must sum
    to the printed number.
    """

    of: Annotated[int, Field(ge=1)] | None = None
    accuracy: str | None = None
    sums: tuple[str, ...] = ()


class Claim(FrozenModel):
    """One printed number, formula or conclusion.

    `printed` keeps the decimals as printed; `unit` says whether an accuracy is a fraction or a
    percentage. `margin` replaces the default of its `quantity`, `margin_floor` (a fraction) only
    the least that the default of an accuracy may be; either needs a `margin_reason`.
    `choices` are what the report leaves open and the study had to choose. `fitted`: which of them
    were made with this very number in view; such a claim can be contradicted but does not count as
    reproduced in a headline. `guesses`: what is ours alone in `assumes`, with nothing in the report
    to choose it by; no contradiction rests on one (`retrial.judging.sensitivity`). `regardless`
    says why a contradiction hangs on none of them, where it rests on arithmetic or on what the
    report itself prints. `lost` says what a claim that cannot be tested lacks. `fault` names
    the fault that is tried as an explanation. Of a line of a calculation, `tex` is the printed
    line, typeset, `arithmetic` its right side in the numbers that are printed there, and `takes`
    what it takes, as printed, from other lines by metric; `remark` says what no slip explains.
    `epoch` is the place of a printed number on its curve: claims with the same evidence are one
    curve.
    """

    id: FileName
    report: Name
    family: FileName
    where: str
    quote: str
    rendering: str = ""
    statement: str
    kind: Kind
    printed: str = ""
    unit: Literal["fraction", "percent", "count", ""] = ""
    quantity: Literal["accuracy", "loss", ""] = ""
    evidence: Evidence
    possible: Possible = Possible()
    margin: Annotated[float, Field(gt=0)] | None = None
    margin_floor: Annotated[float, Field(ge=0)] | None = None
    margin_reason: str = ""
    assumes: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    fitted: tuple[str, ...] = ()
    guesses: tuple[str, ...] = ()
    regardless: str = ""
    lost: str = ""
    fault: Name | None = None
    tex: str = ""
    arithmetic: str = ""
    takes: dict[Name, Name] = Field(default_factory=dict)
    remark: str = ""
    epoch: Count | None = None

    @property
    def scale(self) -> float:
        """What a measured fraction is multiplied with to be in the unit of the print."""
        return 100.0 if self.unit == "percent" else 1.0


def load_claims(folder: Path = CLAIMS) -> list[Claim]:
    """All claims of the ledger by report and position; ids are unique."""
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise RetrialError(f"{folder}: no *.yaml file, expected the ledger of the reports")
    claims = [claim for path in paths for claim in read_ledger(path)]
    seen: set[str] = set()
    for claim in claims:
        if claim.id in seen:
            raise RetrialError(f"{folder}: id {claim.id}: stands twice, expected once")
        seen.add(claim.id)
    return claims


def read_ledger(path: Path) -> list[Claim]:
    """The claims of one report's file."""
    content = yaml_of(path)
    if not isinstance(content, dict) or set(content) != {"report", "groups"}:
        raise RetrialError(f"{path}: expected the keys report and groups at the top")
    claims = []
    for group in listed(content["groups"], f"{path}: groups"):
        shared = {key: value for key, value in group.items() if key not in ("claims", "curve")}
        stated = listed(group.get("claims", []), f"{path}: claims")
        if "curve" in group:
            stated += expand(group["curve"], f"{path}: curve")
        for own in stated:
            merged: dict[str, Any] = {"report": content["report"], **shared, **own}
            for key in ("evidence", "possible"):
                if isinstance(shared.get(key), dict) and isinstance(own.get(key), dict):
                    merged[key] = {**shared[key], **own[key]}
            name = str(own.get("id", "a claim without an id"))
            shown = name if name.isprintable() else repr(name)
            claim = validated(merged, Claim, f"{path}: {shown}")
            own_rule = claim.margin is not None or claim.margin_floor is not None
            if own_rule and not claim.margin_reason:
                raise RetrialError(f"{path}: {claim.id}.margin_reason: missing, a margin needs one")
            if claim.margin_floor is not None and (claim.margin or claim.quantity != "accuracy"):
                raise RetrialError(
                    f"{path}: {claim.id}.margin_floor: expected only for an accuracy without margin"
                )
            if (claim.kind == "curve") != (claim.epoch is not None):
                raise RetrialError(
                    f"{path}: {claim.id}.epoch: expected one for, and only for, a curve"
                )
            claims.append(claim)
    return claims


def yaml_of(path: Path) -> Any:
    """The content of a YAML file; RetrialError too for what no error could name in one line.

    That is a value that its own tag does not allow, and a key of line ends or the like.
    """
    try:
        content = read_yaml(path)
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # Such as a date with a month 13, `!!int x`, or brackets without end.
        reason = (str(error).splitlines() or [""])[0]
        raise RetrialError(f"{path}: not YAML: {type(error).__name__}: {reason[:100]}") from None
    for key in keys(content):
        if not str(key).isprintable():
            raise RetrialError(f"{path}: key {key!r:.100}: expected a name that can be printed")
    return content


def keys(content: Any) -> Iterator[Any]:
    """The keys of all sections of a document, whose parts may hold each other."""
    waiting, seen = [content], set()
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict | list) and id(part) not in seen:
            seen.add(id(part))
            if isinstance(part, dict):
                yield from part
            waiting += part.values() if isinstance(part, dict) else part


def listed(content: Any, where: str) -> list[dict[Any, Any]]:
    """`content` as a list of sections; RetrialError, which begins with `where`, otherwise."""
    if not isinstance(content, list):
        raise RetrialError(f"{where} = {content!r:.100}: expected a list")
    for one in content:
        if not isinstance(one, dict):
            raise RetrialError(f"{where}: {one!r:.100}: expected keys and values")
    return list(content)


def of_family(claims: Iterable[Claim], family: str) -> list[Claim]:
    """The claims that a family owns; RetrialError when it owns none."""
    found = [claim for claim in claims if claim.family == family]
    if not found:
        raise RetrialError(f"{CLAIMS}: family {family!r} owns no claim")
    return found


def find(claims: Iterable[Claim], claim_id: str) -> Claim:
    """The claim of an id."""
    for claim in claims:
        if claim.id == claim_id:
            return claim
    raise RetrialError(f"{CLAIMS}: no claim {claim_id!r}; `retrial verdicts` lists them")
