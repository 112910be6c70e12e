"""A small family with records, verdicts and a notebook, for tests of the report."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from retrial.core import records
from retrial.core.records import Finished
from retrial.core.trial import Metric, Result, Trial
from retrial.report.render import render
from retrial.report.tables import VERDICTS

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "reports/template"
ARMS = ("good", "bad", "worse")
NOTEBOOK = """\
# %% tags=["parameters"]
profile = ""
results = ""
raw = ""
families = []
total = 0

# %%
from pathlib import Path

from retrial.core.records import Records
from retrial.report import figures as fig
from retrial.report.numbers import number, seeds
from retrial.report.show import say, summary, verdicts
from retrial.report.tables import family_table, small_table, sources

records = Records.load(Path(results) / "toy")
rows = verdicts(Path(results), families)

# %% [markdown]
# # Toys {#family-toy}
#
# The entropy is $-\\sum_c \\pi_c \\ln \\pi_c$, and this is wider than a telephone:
# $a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p + q + r + s + t + u + v + w + x$.

# %%
print("a stream")
print("in two chunks")
figure, axes = fig.canvas(2, 1, 1)
fig.strip(axes[0, 0], {arm: records.metric(arm, "accuracy") for arm in records.arms()})
say(
    f"{seeds(records, 'good')} seeds reach {number(records, 'good', 'accuracy')}, at best "
    f"{number(records, 'good', 'accuracy', reduce='max')}, "
    f"at a loss of {number(records, 'good', 'loss')}.",
    summary(rows, "toys"),
    fig.saved(figure, "toy", "Accuracy.", "Two groups of dots."),
    small_table(["Arm", "Accuracy"], [["a|b", number(records, "bad", "accuracy")]], "A table."),
    family_table(rows, "Toys"),
    sources(records, "Sources of toys"),
)
"""


def finished(arm: str, seed: int) -> Finished:
    accuracy = (0.9 if arm == "good" else 0.1) + seed / 100
    result = Result(
        {"accuracy": Metric(accuracy, 100), "loss": Metric(1 - accuracy, 100)},
        arrays={"predicted": np.arange(3, dtype="u1")},
    )
    trial = Trial("toy", arm, seed, {"rate": 0.1, "draw": {"scale": 2.0}})
    return Finished(trial, result, f"{arm}{seed}".ljust(32, "0"))


def row(place: int, verdict: str) -> dict[str, Any]:
    return {
        "id": f"000-6.{place}-{verdict}", "report": "000", "where": "Table 6", "family": "toy",
        "kind": "value" if place % 2 else "statement", "quote": 'a <b> & "c" | `d` ``` $e$',
        "rendering": "", "statement": f"toy {place}", "verdict": verdict, "printed": "0.91",
        "unit": "fraction", "measured": 0.9, "low": 0.88, "high": 0.92, "n": 3,
        "profile": "quick", "reason": f"reason {place} < `x`", "assumes": ["a"],
        "choices": ["b"], "fitted": ["b"] if verdict == "reproduced" else [],
        "fault": None, "margin": 0.01, "seeds_needed": None,
        "evidence": {
            "arm": "good", "metric": "accuracy", "against": None, "others": ["bad", "worse"],
            "thresholds": {"share": 0.5}, "deterministic": False,
        },
        "stage": "toy", "inputs_md5": "0" * 32, "fingerprints": ["f" * 32],
    }  # fmt: skip


def rows() -> list[dict[str, Any]]:
    """One claim for each verdict."""
    return [row(place, verdict) for place, verdict in enumerate(VERDICTS)]


def write_results(folder: Path) -> Path:
    """Records of five seeds of each of ARMS, and their verdicts."""
    results = folder / "data/results"
    trials = [finished(arm, seed) for arm in ARMS for seed in range(5)]
    records.write(results / "toy", "toy", trials, [], {"stage": "toy", "data": {"a": "b"}})
    (results / "verdicts").mkdir()
    (results / "verdicts/toy.json").write_text(json.dumps(rows()), encoding="utf-8")
    return results


def parameters(results: Path) -> dict[str, Any]:
    """What every notebook is given, for what `write_results` left."""
    return {
        "profile": "quick", "results": str(results), "raw": str(results.parents[1]),
        "families": ["toy"], "total": 599,
    }  # fmt: skip


def render_toys(folder: Path, **extra: Any) -> tuple[Path, Path]:
    """The overview of this project and a notebook of toys as HTML and PDF below `folder`."""
    results = write_results(folder)
    notebook = folder / "toy.py"
    notebook.write_text(NOTEBOOK, encoding="utf-8")
    html, pdf = folder / "report.html", folder / "report.pdf"
    given = parameters(results) | extra
    render([ROOT / "reports/overview.py", notebook], TEMPLATE, given, html, pdf)
    return html, pdf
