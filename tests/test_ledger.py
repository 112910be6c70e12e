from pathlib import Path

import pytest

from retrial.core.errors import RetrialError
from retrial.judging.ledger import find, load_claims, of_family

ROOT = Path(__file__).parents[1]

GROUP = """
report: "009"
groups:
  - where: Table 1
    family: toy
    kind: value
    unit: percent
    quantity: accuracy
    claims:
      - {id: a, quote: q, statement: s, printed: "91.2", evidence: {arm: x, metric: m}}
      - {id: b, quote: q, statement: s, printed: "nan", kind: statement,
         evidence: {arm: x, test: t}}
"""


def ledger(tmp_path: Path, text: str) -> Path:
    (tmp_path / "009.yaml").write_text(text)
    return tmp_path


def test_a_group_speaks_for_its_claims_unless_they_speak_for_themselves(tmp_path: Path) -> None:
    first, second = load_claims(ledger(tmp_path, GROUP))
    assert (first.where, first.kind, second.kind) == ("Table 1", "value", "statement")
    assert first.scale == 100
    assert find([first, second], "b") is second


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("id: b", "id: a", "id a: stands twice"),
        ("kind: value", "kind: valu", r"009.yaml: a.kind = 'valu'"),
        ("quote: q", "qoute: q", r"a.qoute = 'q': unknown key, expected one of"),
        ('printed: "91.2"', "printed: 91.2", r"a.printed = 91.2: .*string"),
        ('printed: "91.2"', 'printed: "91.2", margin: 0.1', "margin_reason: missing"),
        ('printed: "91.2"', 'printed: "91.2", margin_floor: 0', "margin_reason: missing"),
        (
            'printed: "91.2"',
            'printed: "91.2", margin: 0.1, margin_floor: 0, margin_reason: r',
            "a.margin_floor: expected only for an accuracy without margin",
        ),
        ("groups:", "group:", "expected the keys report and groups"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(RetrialError, match=message) as caught:
        load_claims(ledger(tmp_path, GROUP.replace(old, new, 1)))
    assert "\n" not in str(caught.value)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    claims = load_claims(ledger(tmp_path, GROUP))
    with pytest.raises(RetrialError, match="no claim 'c'"):
        find(claims, "c")
    with pytest.raises(RetrialError, match="family 'other' owns no claim"):
        of_family(claims, "other")


def test_the_studys_own_ledger_is_whole() -> None:
    claims = load_claims(ROOT / "claims")
    ids = {claim.id for claim in claims}
    for claim in claims:
        assert claim.quote
        assert claim.statement
        if claim.possible.accuracy is not None:
            assert claim.possible.accuracy in ids
        if claim.kind == "value":
            assert claim.printed
