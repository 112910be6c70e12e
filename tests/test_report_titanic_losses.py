"""What the chapter on report 001's loss functions counts and draws, on made records."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrial.core import records as disk
from retrial.core.records import Finished, Records
from retrial.core.trial import Metric, Result, Trial
from retrial.report import titanic_losses as chapter

RATES = {"l1": 0.001, "mse": 0.01, "bce": 0.001, "nll": 0.01}
PRINTED = {
    f"001-P3-{loss}-{kind}": {"printed": text}
    for loss in ("l1", "mse")
    for kind, text in (("loss", "0.4058"), ("acc", "60.14"))
}
METRICS = ("validation_loss", "validation_loss_as_printed", "validation_accuracy_as_printed",
           "validation_nll", "validation_brier", "validation_ece", "train_loss",
           "train_accuracy", "train_spread", "train_separation")  # fmt: skip


def steps(*losses: str, **rest: Any) -> dict[str, Any]:
    """The config of a trained arm."""
    found = [{"loss": loss, "rate": rest.get("rate", RATES[loss])} for loss in losses]
    return {"task": "train", "steps": found, "broadcast": rest.get("broadcast", False)}


ARMS: dict[str, dict[str, Any]] = {
    "setup": {"task": "setup"},
    **{f"{loss}/printed": {"task": "printed", "rate": rate} for loss, rate in RATES.items()},
    "majority": {"task": "majority"},
    "one_rule": {"task": "one_rule"},
    "l1/0.001": steps("l1"),
    "mse/0.01": steps("mse"),
    "bce/0.001": steps("bce"),
    "nll/0.01": steps("nll"),
    "mse/0.001": steps("mse", rate=0.001),
    "l1/broadcast": steps("l1", broadcast=True),
    "mse/broadcast": steps("mse", broadcast=True),
    "mse/continued": steps("l1", "mse"),
}


def result(arm: str, seed: int) -> Result:
    """L1 is right on seven and eight of ten rows, all others on one less in the second split."""
    if arm.endswith("/printed"):
        raised = {"kind": "IndexError", "message": "Target 1 is out", "warning": ""}
        warned = {"kind": "", "message": "", "warning": "Sizes [3] differ. Mend them."}
        own = warned if arm.startswith(("l1", "mse")) else raised
        return Result({}, detail={"float": own, "whole": raised})
    accuracy = 0.7 + 0.1 * seed - (0 if arm.startswith("l1") else 0.1 * seed)
    metrics = {name: Metric(0.25, 10) for name in METRICS}
    metrics["validation_accuracy"] = Metric(accuracy, 10)
    arrays = {"given": np.array([0.9] * 7 + [0.2] * 3, np.float16)}
    if seed == 0:
        arrays["outputs"] = np.stack([np.linspace(0, 1, 10), np.arange(10) % 2]).astype("f4")
    return Result(metrics, arrays=arrays)


def networks(folder: Path, seeds: int = 2) -> Records:
    found = []
    for arm, config in ARMS.items():
        once = config["task"] in ("setup", "printed")
        for seed in range(1 if once else seeds):
            trial = Trial("titanic_losses", arm, seed, config)
            found.append(Finished(trial, result(arm, seed), f"{arm}:{seed}"))
    disk.write(folder, "titanic_losses", found, [], {})
    return Records.load(folder)


def texts(markdown: str) -> list[str]:
    """The numbers of a piece of Markdown, in order."""
    return re.findall(r"\[((?:[^\[\]\\]|\\.)*)\]\(#", markdown)


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_arms_are_found_by_their_configs(tmp_path: Path) -> None:
    records = networks(tmp_path)
    own = {"l1": "l1/0.001", "mse": "mse/0.01", "bce": "bce/0.001", "nll": "nll/0.01"}
    assert chapter.own_arms(records) == own
    assert chapter.all_rates(records) == [*own.values(), "mse/0.001"]


def test_survivors_are_counted_out_of_the_two_prints() -> None:
    stated = {"loss": "0.4058", "accuracy": "60.14", "rows": 143, "batch": 32}
    row = {"id": "001-P3-l1-loss", "evidence": {"thresholds": stated}}
    told = texts(chapter.zero_counts({"001-P3-l1-loss": row}))
    assert told == ["143", "32", "1", "57", "7", "15"]
    none = {**row, "evidence": {"thresholds": {**stated, "loss": "0.9"}}}
    assert texts(chapter.zero_counts({"001-P3-l1-loss": none})) == ["143", "32", "0"]


def test_losses_are_compared_in_pairs_with_holm(tmp_path: Path) -> None:
    found = chapter.differences(networks(tmp_path))
    rows = [line for line in found.splitlines() if " less " in line]
    # Six pairs of four losses, and four with the one rule.
    assert len(rows) == 10
    # L1 less MSE: 0 and 10 points.
    assert texts(rows[0])[0] == "+5.00"
    # MSE less BCE: nothing in either split.
    same = next(line for line in rows if line.startswith("| MSE less BCE"))
    assert texts(same) == ["+0.00", "+0.00", "+0.00", "1"]


def test_one_split_compares_nothing(tmp_path: Path) -> None:
    records = networks(tmp_path, seeds=1)
    assert chapter.differences(records) == "One split allows no paired comparison."
    assert texts(chapter.by_rate(records))[:2] == ["0.001", "0.700"]


def test_reliability_is_pooled_over_splits_by_hand(tmp_path: Path) -> None:
    found = chapter.pooled_reliability(networks(tmp_path), "l1/0.001")
    # Fourteen rows at 0.9, all right, and six at 0.8, all wrong.
    assert found.many[found.many > 0].tolist() == [6, 14]
    assert found.accuracy[found.many > 0].tolist() == [0, 1]
    assert found.confidence[found.many > 0] == pytest.approx([0.8, 0.9], abs=1e-3)


def test_what_follows_from_going_on_is_paired(tmp_path: Path) -> None:
    (row,) = [line for line in chapter.continued(networks(tmp_path)).splitlines() if "*" in line]
    assert row.startswith("| *mse/continued* less *mse/0.01* |")
    assert texts(row)[0] == "+0.0000"
    assert texts(row)[-1] == "2"


def test_what_the_printed_loop_raises_stands_in_words(tmp_path: Path) -> None:
    records = networks(tmp_path)
    rows = [line for line in chapter.raised(records).splitlines() if line.startswith("| ")]
    assert texts(rows[1]) == ["runs, with a warning", "IndexError\\: Target 1 is out"]
    assert texts(rows[4])[0] == "IndexError\\: Target 1 is out"
    assert texts(chapter.warning(records, ["nll/printed", "l1/printed"])) == [
        "Sizes \\[3\\] differ"
    ]
    assert chapter.warning(records, ["nll/printed"]) == ""


@pytest.mark.parametrize("seeds", [1, 2])
def test_all_figures_are_drawn_from_what_is_there(working_folder: Path, seeds: int) -> None:
    records = networks(working_folder / "records", seeds)
    chapter.against_print(records, PRINTED)
    chapter.accuracies(records)
    chapter.calibration(records)
    chapter.outputs(records)
    assert "majority" in chapter.broadcast(records)
    drawn = sorted(path.stem for path in working_folder.glob("*.svg"))
    assert drawn == [f"titanic-losses-{name}" for name in
                     ("accuracy", "calibration", "outputs", "print")]  # fmt: skip
