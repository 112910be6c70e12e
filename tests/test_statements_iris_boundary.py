"""Tests of what report 001 states of its boundaries on Iris, on made records."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import made

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.judge import Family, judge_claim
from retrial.judging.ledger import find, load_claims, of_family

CLAIMS = load_claims(Path(__file__).parents[1] / "claims")
ALPHAS = [f"{place:02d}" for place in range(1, 21)]
ROWS: dict[str, float] = {
    "distinct_rows": 100, "train_size": 70, "test_size": 30,
    "train_class_0": 33, "train_class_1": 37, "test_class_0": 17, "test_class_1": 13,
    "train_mean_0": 1e-16, "train_mean_1": -2e-16,
    "train_deviation_0": 1.0, "train_deviation_1": 1.0,
    "test_mean_0": 0.02, "test_mean_1": -0.1, "test_deviation_0": 0.9, "test_deviation_1": 1.01,
}  # fmt: skip
FILM: dict[str, float | None] = {
    "frames": 20, "shortest": 500, "longest": 500, "loop": 0,
    "bare_frames": 9, "bare_longest": 2500, "once_frames": 1,
}  # fmt: skip


def made_records(folder: Path, whole: bool = True, **changes: Any) -> Records:
    """Records of all arms; `changes` replace metrics, columns and alphas by their names."""

    def one(arm: str, seed: int) -> dict[str, Any]:
        if arm == "data":
            columns = changes.get("columns", [0, 2])
            metrics = {name: changes.get(name, value) for name, value in ROWS.items()}
            return {"metrics": metrics, "config": {"columns": columns}}
        if arm == "gif":
            metrics = {name: changes.get(name, value) for name, value in FILM.items()}
            return {"metrics": metrics, "whole": whole}
        alpha = float(np.logspace(-3, 3, 20)[int(arm) - 1])
        return {"metrics": {"alpha": (changes.get(f"alpha{arm}", alpha), 0)}}

    return made(folder, "iris_boundary", {"data": 1, "gif": 1} | dict.fromkeys(ALPHAS, 2), one)


def judged(name: str, records: Records) -> dict[str, Any]:
    claim = find(CLAIMS, f"001-P4-{name}")
    return judge_claim(claim, Family(records, {claim.id: claim}, "quick"))


def test_the_rows_as_stated(tmp_path: Path) -> None:
    row = judged("data", made_records(tmp_path))
    assert row["verdict"] == "reproduced"
    assert row["measured"] is None
    assert row["reason"].startswith(
        "100 rows, 50 of class 0 and 50 of class 1, 70 for training and 30 for the test; means and "
        "deviations of the standardised features are off 0 and 1 by at most 2e-16 on the training "
        "rows and by up to 0.1 on the test rows"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"train_size": 69},
        {"test_size": 31},
        {"distinct_rows": 99},
        {"test_class_0": 18},
        # A scaler that was fitted on all rows leaves no part at 0 and 1.
        {"train_mean_1": 0.03},
        {"train_deviation_0": 1.02},
        # One that was fitted on each part leaves both so.
        {"test_mean_0": 0.0, "test_deviation_0": 1.0},
    ],
)
def test_rows_that_are_not_as_stated(tmp_path: Path, change: dict[str, float]) -> None:
    assert judged("data", made_records(tmp_path, **change))["verdict"] == "contradicted"


def test_other_columns_are_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(RetrialError) as error:
        judged("data", made_records(tmp_path, columns=[0, 1]))
    assert str(error.value) == (
        "claims/001.yaml: 001-P4-data: evidence.thresholds.columns = '0 2': the study has '0 1'"
    )


def test_an_endless_film_of_twenty_frames(tmp_path: Path) -> None:
    row = judged("gif", made_records(tmp_path))
    assert (row["verdict"], row["measured"]) == ("reproduced", 20)
    assert row["reason"] == (
        "20 frames of 500 ms, repeated without end; without a mark that tells alpha 9 would be "
        "left, of up to 2500 ms, since equal neighbours are merged; appended after the loop, as "
        "the printed indentation has it, 1"
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"frames": 19}, "19 frames of 500 ms, repeated without end"),
        ({"longest": 1000}, "20 frames of 500 to 1000 ms, repeated without end"),
        ({"shortest": 100, "longest": 100}, "20 frames of 100 ms, repeated without end"),
        ({"loop": 3}, "20 frames of 500 ms, repeated 3 times; "),
        ({"loop": None}, "20 frames of 500 ms, played once; "),
    ],
)
def test_another_film(tmp_path: Path, change: dict[str, float | None], told: str) -> None:
    row = judged("gif", made_records(tmp_path, **change))
    assert row["verdict"] == "contradicted"
    assert row["reason"].startswith(told)


def test_a_film_of_networks_that_were_cut_short_decides_nothing(tmp_path: Path) -> None:
    row = judged("gif", made_records(tmp_path, whole=False))
    assert row["verdict"] == "inconclusive"
    assert row["reason"].startswith("budget: ")


def test_every_printed_alpha_is_reproduced_by_the_printed_call(tmp_path: Path) -> None:
    records = made_records(tmp_path)
    rows = [judged(f"alpha{arm}", records) for arm in ALPHAS]
    assert {row["verdict"] for row in rows} == {"reproduced"}
    # None of them has digits cut off, and each is told apart from its neighbours.
    assert not [row for row in rows if "cut off" in row["reason"]]
    assert len({row["printed"] for row in rows}) == 20


@pytest.mark.parametrize("arm", ["01", "10", "20"])
def test_another_alpha_is_contradicted(tmp_path: Path, arm: str) -> None:
    printed = float(find(CLAIMS, f"001-P4-alpha{arm}").printed)
    row = judged(f"alpha{arm}", made_records(tmp_path, **{f"alpha{arm}": printed - 0.0001}))
    assert row["verdict"] == "contradicted"


def test_each_alpha_has_the_arm_of_its_place() -> None:
    claims = {one.id: one for one in of_family(CLAIMS, "iris_boundary")}
    assert len(claims) == 22
    for arm in ALPHAS:
        claim = claims[f"001-P4-alpha{arm}"]
        assert claim.evidence.arms == [arm]
        assert f"alpha={claim.printed} ({int(arm)}/20)" in claim.quote
