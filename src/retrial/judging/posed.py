"""What the judge is tried with: the runs and paired differences behind a family's verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retrial.core.errors import RetrialError
from retrial.core.records import Records
from retrial.judging.order_trial import Array, Paired
from retrial.judging.statements.compared import BITS, lost, of_seeds, shared_seeds
from retrial.statistics import FEWEST_SEEDS, FEWEST_SEEDS_ORDER, parse_printed

Row = dict[str, Any]
# What an order claim compares where it names no metric, the first that is recorded.
ACCURACIES = ("test_accuracy", "validation_accuracy")
# Kinds without chance in the number, or whose rule has neither margin nor level.
NOT_TRIED = ("exact", "count", "formula", "choice", "statement")


@dataclass(frozen=True)
class Posed:
    """Runs that can be posed as printed, with what the rule asks for; in the unit of the print.

    names of the arms; runs (n,) of each for values, (n, T) for curves; margins: Δ of each, or
    (T,); decimals of each print.
    """

    names: tuple[str, ...]
    runs: tuple[Array, ...]
    margins: tuple[Any, ...]
    decimals: tuple[int, ...]


def _scale(row: Row) -> float:
    return 100.0 if row["unit"] == "percent" else 1.0


def _posed(found: dict[str, tuple[Array, Any, int]]) -> Posed:
    runs, margins, decimals = zip(*found.values(), strict=True) if found else ((), (), ())
    return Posed(tuple(found), runs, margins, decimals)


def posed_values(rows: Sequence[Row], records: Records) -> Posed:
    """Each printed value with a margin whose arm has at least four runs, all finite.

    Values with the same runs, margin and decimals are posed once.
    """
    found: dict[str, tuple[Array, Any, int]] = {}
    for row in rows:
        evidence = row["evidence"]
        if row["kind"] != "value" or row["margin"] is None or evidence["metric"] is None:
            continue
        arm = evidence["arm"]
        if arm in records.skipped or lost(records, arm):
            continue
        runs = _scale(row) * records.metric(arm, evidence["metric"])
        decimals = parse_printed(str(row["printed"])).decimals
        name = f"{arm} {evidence['metric']} {row['margin']!r} {decimals}"
        if len(runs) > FEWEST_SEEDS and np.isfinite(runs).all():
            found[name] = runs, row["margin"], decimals
    return _posed(found)


def posed_curves(rows: Sequence[Row], records: Records) -> Posed:
    """Each printed curve, on its judged epochs, whose arm has at least four whole runs."""
    curves: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        evidence = row["evidence"]
        if row["kind"] == "curve" and not row["fitted"] and row["margin"] is not None:
            curves.setdefault((evidence["arm"], evidence["metric"]), []).append(row)
    found: dict[str, tuple[Array, Any, int]] = {}
    for (arm, metric), epochs in curves.items():
        if arm in records.skipped:
            continue
        runs = _scale(epochs[0]) * records.curve(arm, metric)
        if len(runs) <= FEWEST_SEEDS or runs.shape[1] < max(row["epoch"] for row in epochs):
            continue
        of_epochs = runs[:, [row["epoch"] - 1 for row in epochs]]
        if np.isfinite(of_epochs).all():
            margins = np.array([row["margin"] for row in epochs])
            decimals = max(parse_printed(str(row["printed"])).decimals for row in epochs)
            found[f"{arm} {metric}"] = of_epochs, margins, decimals
    return _posed(found)


def posed_orders(rows: Sequence[Row], records: Records) -> list[Paired]:
    """The arm of each order claim against each other arm that it names, on at least ten seeds.

    Differences are of the claim's metric, or of accuracy where it names none; pairs with a run that
    diverged are left out.
    """
    found: dict[tuple[str, str, str], Paired] = {}
    for row in rows:
        evidence = row["evidence"]
        if row["kind"] != "order" or evidence["deterministic"]:
            continue
        first = evidence["arm"]
        for second in (evidence["against"], *evidence["others"]):
            if second is None or any(a in records.skipped for a in (first, second)):
                continue
            metric = evidence["metric"] or _accuracy(records, first, second)
            if metric and not lost(records, first) and not lost(records, second):
                pair = _pair(records, first, second, metric)
                if pair is not None:
                    found[first, second, metric] = pair
    return list(found.values())


def is_accuracy(pair: Paired) -> bool:
    """Whether the differences of a pair are in accuracy, so that the default δ is in their unit."""
    return pair.name.endswith("accuracy")


def _accuracy(records: Records, first: str, second: str) -> str | None:
    """The first of ACCURACIES that both arms have."""
    shared = [set(records.of(arm)[0]["metrics"]) for arm in (first, second)]
    return next((name for name in ACCURACIES if all(name in one for one in shared)), None)


def _pair(records: Records, first: str, second: str, metric: str) -> Paired | None:
    """The paired differences of two arms; None where too few seeds are shared or a value lacks."""
    if any(metric not in records.of(arm)[0]["metrics"] for arm in (first, second)):
        return None
    seeds = shared_seeds(records, (first, second))
    if len(seeds) < FEWEST_SEEDS_ORDER:
        return None
    differences = of_seeds(records, first, metric, seeds) - of_seeds(records, second, metric, seeds)
    if not np.isfinite(differences).all():
        return None
    images = _images(records, first, second, metric, seeds)
    if images is not None and not np.allclose(images.mean(axis=1), differences, atol=1e-6):
        images = None  # the bits are of other images than the metric
    return Paired(f"{first} − {second} {metric}", differences, images)


def _images(
    records: Records, first: str, second: str, metric: str, seeds: Sequence[int]
) -> Array | None:
    """Differences (seeds, images) of what both arms get right; None where they do not record it."""
    size = records.sample_size(first, metric)
    for name in ("correct", BITS):
        try:
            read = [[records.array(arm, seed, name) for seed in seeds] for arm in (first, second)]
        except RetrialError:
            continue
        one, other = (
            np.array([np.unpackbits(a, count=size) if name == BITS else a for a in arm], float)
            for arm in read
        )
        if one.shape == other.shape and one.ndim == 2:
            return one - other
    return None
