"""What of a family's verdicts can be posed to the judge."""

from pathlib import Path
from typing import Any

import numpy as np
from made_records import made

from retrial.core.records import Records
from retrial.judging.posed import is_accuracy, posed_curves, posed_orders, posed_values

CHANCE = np.random.default_rng(5)
RIGHT = CHANCE.integers(0, 2, (2, 10, 30)).astype(np.uint8)
ARMS = {"a": 10, "b": 10, "few": 3, "lost": 10}


def records(tmp_path: Path, bits: bool = False) -> Records:
    def make(arm: str, seed: int) -> dict[str, Any]:
        right = RIGHT[0 if arm == "a" else 1, seed]
        array = {"correct_bits": np.packbits(right)} if bits else {"correct": right}
        return {
            "metrics": {
                "test_accuracy": (float(right.mean()), 30),
                "test_loss": (0.1 * seed, 30),
            },
            "curves": {"test_accuracy": [0.1 * seed, 0.2, 0.3]},
            "arrays": array,
            "status": "diverged" if arm == "lost" and seed == 4 else "ok",
        }

    return made(tmp_path, "toy", ARMS, make)


def row(kind: str, arm: str = "a", **more: Any) -> dict[str, Any]:
    evidence = {"arm": arm, "metric": "test_accuracy", "against": None, "others": ()}
    return {
        "kind": kind,
        "evidence": {**evidence, "deterministic": False, **more.pop("evidence", {})},
        "margin": 0.5,
        "printed": "0.91",
        "unit": "",
        "fitted": [],
        **more,
    }


def test_values_with_enough_runs_and_a_margin(tmp_path: Path) -> None:
    found = posed_values(
        [
            row("value", unit="percent"),
            row("value", printed="0.911"),
            row("value", printed="0.912"),
            row("value", "few"),
            row("value", "lost"),
            row("value", margin=None),
            row("order"),
        ],
        records(tmp_path),
    )
    # The same runs at the same margin and decimals are posed once.
    assert len(found.names) == 2
    assert found.decimals == (2, 3)
    np.testing.assert_allclose(found.runs[0], 100 * RIGHT[0].mean(axis=1))


def test_curves_on_their_judged_epochs(tmp_path: Path) -> None:
    rows = [row("curve", epoch=epoch, printed=f"0.{epoch}") for epoch in (1, 3)]
    rows.append(row("curve", epoch=2, fitted=["rate"]))
    found = posed_curves(rows, records(tmp_path))
    assert found.runs[0].shape == (10, 2)
    np.testing.assert_allclose(found.runs[0][:, 0], 0.1 * np.arange(10))
    np.testing.assert_array_equal(found.margins[0], [0.5, 0.5])
    assert posed_curves([row("curve", epoch=4)], records(tmp_path)).runs == ()


def test_orders_against_every_arm_that_they_name(tmp_path: Path) -> None:
    for bits in (False, True):
        rows = [row("order", evidence={"against": "b", "others": ("few", "lost")})]
        (pair,) = posed_orders(rows, records(tmp_path / str(bits), bits))
        difference = RIGHT[0].astype(float) - RIGHT[1]
        np.testing.assert_allclose(pair.seeds, difference.mean(axis=1))
        assert pair.images is not None
        np.testing.assert_array_equal(pair.images, difference)
        assert is_accuracy(pair)


def test_a_metric_of_another_kind_has_no_images(tmp_path: Path) -> None:
    evidence = {"against": "b", "metric": "test_loss"}
    (pair,) = posed_orders([row("order", evidence=evidence)], records(tmp_path))
    assert pair.images is None
    assert not is_accuracy(pair)


def test_accuracy_stands_in_where_no_metric_is_named(tmp_path: Path) -> None:
    evidence = {"against": "b", "metric": None}
    (pair,) = posed_orders([row("order", evidence=evidence)], records(tmp_path))
    assert pair.name == "a − b test_accuracy"


def test_exact_orders_are_not_posed(tmp_path: Path) -> None:
    rows = [row("order", evidence={"against": "b", "deterministic": True})]
    assert posed_orders(rows, records(tmp_path)) == []
