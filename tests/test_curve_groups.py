"""The ledger's short way to state printed curves."""

from pathlib import Path

import pytest

from retrial.core.errors import RetrialError
from retrial.judging.ledger import load_claims, read_ledger
from retrial.judging.rules import margin_of
from retrial.statistics import parse_printed

ROOT = Path(__file__).parents[1]

GROUP = """
report: "009"
groups:
  - where: Part 1
    family: toy
    choices: [the rate]
    evidence: {arm: net}
    curve:
      id: "009-net-e{epoch:02d}-{column}"
      quote: "Epoch [{epoch}] loss: {loss}, accuracy: {acc}"
      statement: "in epoch {epoch}, the {name} is {printed}"
      fitted_epochs: 1
      fitted: [the rate]
      columns:
        loss: {name: loss, metric: running_loss, quantity: loss, printed: 0.50 0.40}
        acc: {name: accuracy, metric: running_accuracy, quantity: accuracy, printed: 0.3000 0.6000}
    claims:
      - {id: a, quote: q, statement: s, kind: value, printed: "0.5", quantity: loss,
         evidence: {metric: loss}}
"""


def ledger(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "009.yaml"
    path.write_text(text)
    return path


def test_a_curve_is_a_claim_an_epoch_with_one_evidence(tmp_path: Path) -> None:
    value, *curve = read_ledger(ledger(tmp_path, GROUP))
    assert (value.id, value.epoch) == ("a", None)
    assert [claim.id for claim in curve] == [
        "009-net-e01-loss", "009-net-e01-acc", "009-net-e02-loss", "009-net-e02-acc",
    ]  # fmt: skip
    loss, accuracy, later, _ = curve
    assert loss.evidence == later.evidence != accuracy.evidence
    assert {(one.kind, one.evidence.arm) for one in curve} == {("curve", "net")}
    assert {one.choices for one in curve} == {("the rate",)}
    # Decimals stay as printed.
    assert [one.printed for one in curve] == ["0.50", "0.3000", "0.40", "0.6000"]
    assert loss.quote == accuracy.quote == "Epoch [1] loss: 0.50, accuracy: 0.3000"
    assert later.statement == "in epoch 2, the loss is 0.40"
    assert [one.epoch for one in curve] == [1, 1, 2, 2]
    assert [one.fitted for one in curve] == [("the rate",), ("the rate",), (), ()]


FLOOR = "quantity: accuracy, margin_floor: 0, margin_reason: many images,"


def test_a_column_states_the_floor_of_its_margins(tmp_path: Path) -> None:
    text = GROUP.replace("quantity: accuracy,", FLOOR)
    _, loss, accuracy, *_ = read_ledger(ledger(tmp_path, text))
    assert (loss.margin_floor, loss.margin_reason) == (None, "")
    assert (accuracy.margin_floor, accuracy.margin_reason) == (0, "many images")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.50 0.40", "0.50 0.40 0.30", "columns: loss 3, acc 2 numbers, expected equally many"),
        ("0.50 0.40", "0.5", r"curve.columns.loss.printed = 0.5: .*string"),
        ("{epoch:02d}", "{epcoh}", r"curve.id = .*'epcoh', expected of acc, column, epoch"),
        ("fitted_epochs: 1", "fitted_epochs: 0", "curve.fitted: expected choices where"),
        ("fitted_epochs: 1", "fittedepochs: 1", "curve.fittedepochs = 1: unknown key"),
        ("kind: value", "kind: curve", "a.epoch: expected one for, and only for, a curve"),
        ("kind: value", "kind: value, epoch: 2", "a.epoch: expected one for"),
        ("quantity: accuracy,", "quantity: accuracy, margin_floor: 0,", "e01-acc.margin_reason"),
        ("quantity: accuracy,", FLOOR.replace("0", "-1"), "e01-acc.margin_floor = -1"),
        (
            "quantity: accuracy,",
            FLOOR.replace("accuracy", "loss"),
            "e01-acc.margin_floor: expected",
        ),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(RetrialError, match=message) as caught:
        read_ledger(ledger(tmp_path, GROUP.replace(old, new, 1)))
    assert "009.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_report_001s_deep_accuracies_alone_have_no_floor() -> None:
    claims = [one for one in load_claims(ROOT / "claims") if one.margin_floor is not None]
    assert {(one.evidence.arm, one.evidence.metric) for one in claims} == {
        ("deep", "running_accuracy")
    }
    margins = {one.epoch: margin_of(one, parse_printed(one.printed)) for one in claims}
    assert sorted(margins) == list(range(1, 51))
    # Printed .9884, .9921, .9981 and 1.0000.
    assert [margins[epoch] for epoch in (4, 5, 9, 50)] == pytest.approx(
        [0.0029, 0.001975, 0.000475, 0.0001]
    )


def test_report_001s_curves_are_whole() -> None:
    curves: dict[tuple[str, str | None], list] = {}
    for claim in load_claims(ROOT / "claims"):
        if claim.kind == "curve" and claim.family == "mse_mlp":
            curves.setdefault((claim.evidence.arm, claim.evidence.metric), []).append(claim)
    epochs = {"sigmoid": 20, "relu": 20, "deep": 50, "dropout": 30}
    assert set(curves) == {
        (arm, metric) for arm in epochs for metric in ("running_loss", "running_accuracy")
    }
    for (arm, _), claims in curves.items():
        assert [claim.epoch for claim in claims] == list(range(1, epochs[arm] + 1))
        assert [bool(claim.fitted) for claim in claims] == [e < 3 for e in range(epochs[arm])]
        assert all(len(claim.printed) == len("0.0000") for claim in claims)
