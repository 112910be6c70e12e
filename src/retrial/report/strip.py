"""A claim's runs on one line: a small inline picture for its row in the table of all claims.

Each run is a dot; the printed number is a line, its margin a band. Where a claim compares two arms
the dots are the paired differences, and the line is at zero. Colours and widths stand in the
report's style sheet, so that a picture takes some hundred bytes.
"""

import html
from collections.abc import Mapping
from typing import Any

import numpy as np

from retrial.core.records import Records
from retrial.report.numbers import MINUS

Row = Mapping[str, Any]

WIDTH, HEIGHT, PAD = 300, 34, 8  # units of the picture; shown as wide as its cell allows
LINE, ROWS = 14, 4  # where the dots lie, and how far up and down they are spread
MOST = 60  # dots: beyond that, as many quantiles stand for the runs
NEAR = 1e-6


def runs_of(row: Row, records: Records) -> np.ndarray | None:
    """(n,) runs whose mean is what a verdict row calls measured, in the unit of its print.

    They are the metric of the row's arm, at the row's epoch of a curve, or else its paired
    difference from the arm that it is compared with, in either direction. None where these are not
    what was measured, where fewer than two runs are finite, or where an arm or metric is not there.
    """
    evidence, wanted = row["evidence"], row["measured"]
    arm, against, metric = evidence["arm"], evidence["against"], evidence["metric"]
    present = records.arms()
    if metric is None or not isinstance(wanted, float | int) or arm not in present:
        return None
    scale = 100.0 if row["unit"] == "percent" else 1.0
    if row["kind"] == "curve":
        curves = records.curve(arm, metric)
        if curves.shape[1] < row["epoch"]:
            return None
        return _as_measured([scale * curves[:, row["epoch"] - 1]], wanted)
    if any(metric not in trial["metrics"] for trial in records.of(arm)):
        return None
    own = scale * records.metric(arm, metric)
    found = [own]
    if against in present and all(metric in one["metrics"] for one in records.of(against)):
        other = scale * records.metric(against, metric)
        if len(other) == len(own):
            found = [own - other, other - own]
    return _as_measured(found, wanted)


def _as_measured(candidates: list[np.ndarray], wanted: float) -> np.ndarray | None:
    for runs in candidates:
        kept = runs[np.isfinite(runs)]
        if len(kept) > 1 and abs(kept.mean() - wanted) <= NEAR * max(1.0, abs(wanted)):
            return kept
    return None


def strip(
    runs: np.ndarray, printed: float | None = None, margin: float | None = None, what: str = "runs"
) -> str:
    """(n,) runs as an SVG of less than a kilobyte; the text that stands for it is its label.

    `printed` is a line; `margin` a band of ±margin around it. Deterministic: equal runs give equal
    bytes.
    """
    shown = runs if len(runs) <= MOST else np.quantile(runs, np.linspace(0, 1, MOST))
    band = [] if printed is None or margin is None else [printed - margin, printed + margin]
    marks = [*shown.tolist(), *band, *([] if printed is None else [printed])]
    low, high = min(marks), max(marks)
    width = (high - low) or 1.0

    def place(value: float) -> str:
        return f"{PAD + (WIDTH - 2 * PAD) * (value - low) / width:.0f}"

    parts = []
    if band and printed is not None and margin is not None:
        wide = (WIDTH - 2 * PAD) * 2 * margin / width
        parts.append(f'<rect x="{place(band[0])}" y="2" width="{wide:.1f}" height="24"/>')
    # The golden ratio's multiples fill the height evenly for any count.
    up = LINE + ROWS * (2 * ((np.arange(len(shown)) * 0.6180339887498949) % 1) - 1)
    dots = "".join(f"M{place(x)} {y:.0f}h0" for x, y in zip(shown, up, strict=True))
    parts.append(f'<path d="{dots}"/>')
    if printed is not None:
        parts.append(f'<path class="p" d="M{place(printed)} 1v26"/>')
    ends = (_short(low), _short(high))
    parts.append(f'<text y="33">{ends[0]}</text>')
    if low != high:
        parts.append(f'<text x="{WIDTH}" y="33" class="e">{ends[1]}</text>')
    told = f"{len(runs)} {what} from {_short(runs.min())} to {_short(runs.max())}"
    if printed is not None:
        told += f"; line at {_short(printed)}"
    if band:
        told += f", band of ±{_short(margin or 0.0)}"
    return (
        f'<svg class="strip" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{html.escape(told)}">{"".join(parts)}</svg>'
    )


def picture(row: Row, records: Records) -> str:
    """The strip of a verdict row; "" where its runs are not what was measured."""
    runs = runs_of(row, records)
    if runs is None:
        return ""
    try:
        line = float(row["printed"])
    except (TypeError, ValueError):
        line = float("nan")
    if np.isfinite(line):
        return strip(runs, line, row["margin"])
    if row["evidence"]["against"]:
        return strip(runs, 0.0, None, "paired differences")
    return strip(runs)


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", MINUS)
