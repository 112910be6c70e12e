"""Texts that try to be more than text, and a report made of claims and arms that hold them."""

import json
from pathlib import Path
from typing import Any

import synthetic_report as synthetic

from retrial.core import records
from retrial.report.render import render
from retrial.report.tables import VERDICTS

TEXTS = {
    "a tag": '"><script>window.owned = 1</script><img src=x onerror="window.owned = 1">',
    "a single quote": "'><script>window.owned = 1</script><svg onload='window.owned = 1'>",
    "typst": '#panic("owned") ]#panic("owned")[ #eval("panic()") #read("/etc/passwd") "',
    "raw parts": '`#panic("owned")`{=typst} `<script>window.owned = 1</script>`{=html} \\',
    "raw blocks": 'x\n\n```{=typst}\n#panic("owned")\n```\n\n```{=html}\n<b class="owned">\n```',
    "a long fence": 'x\n````````\n````````{=typst}\n#panic("owned")\n````````\n<script>owned\ny',
    "links": '[x](javascript:owned) ![x](http://127.0.0.1:9/owned.png) <http://owned.example/>',
    "an attribute": 'x"} onclick="owned" [y]{#owned .owned} ::: {.owned}',
    "a shell": "$(touch owned) `touch owned`; touch owned && touch owned | touch owned",
    "SQL": "'; DROP TABLE runs; --",
    "a formula": '$ <script>window.owned = 1</script> $ `#panic("owned")`{=typst} $$',
    "TeX": r"\def\x{\x\x}\x \input{/etc/passwd} \url{javascript:owned} \text{#panic(1)} \\",
    "a table": "a | b |\n\n| c | d |\n|---|---|\n: owned {.owned}",
    "entities": "&lt;script&gt; &amp; &#60;b&#62; <!-- --> <![CDATA[ ]]> ${item} {{ item }} %",
}  # fmt: skip
# The first is one name that no claim file may hold: the tables show it as it is all the same.
NAME = '"><script>window.owned = 1</script>]#panic("owned")['

NOTEBOOK = (
    synthetic.NOTEBOOK
    + """
# %%
from retrial.report.entries import entry
from retrial.report.numbers import claimed, counted, setting
from retrial.report.stories import quiet, story
from retrial.report.tables import badge, chapter

arm = next(name for name in records.arms() if "script" in name)
named = [row for row in rows if "script" not in row["id"]]
say(
    *(entry(row, records) for row in named),
    story("told", *(quiet("label", row["where"]) for row in named[:4])),
    small_table(
        ["Claim", "Printed", "Where"],
        [
            [badge(row), *(claimed(rows, row["id"], key) for key in ("printed", "where"))]
            for row in named
        ],
        f"Settings: {setting(records, arm, 'rate')} {counted(1, arm)}, "
        f"{number(records, arm, 'loss')}.",
    ),
    chapter(arm),
    family_table(rows, named[0]["quote"]),
)
"""
)


def row(place: int, text: str) -> dict[str, Any]:
    """A verdict row whose every text is `text`."""
    verdict = [name for name in VERDICTS if name != "explained"][place % 5]
    hostile = ("where", "quote", "rendering", "statement", "printed", "unit", "reason", "why")
    return {
        **synthetic.row(place, verdict), **dict.fromkeys(hostile, text),
        "tex": text if place % 2 else "", "right": text, "assumes": [text], "choices": [text],
        "fitted": [text] if verdict == "reproduced" else [], "fault": text, "seeds_needed": text,
        "inputs_md5": text, "margin": text, "fingerprints": [text], "measured": 0.9,
    }  # fmt: skip


def rows() -> list[dict[str, Any]]:
    """One claim for each of TEXTS, and one that is called NAME."""
    every = [row(place, text) for place, text in enumerate(TEXTS.values())]
    return [*every, {**synthetic.row(99, "explained"), "id": NAME, "stage": NAME}]


def write_results(folder: Path) -> Path:
    """Records of which an arm, a setting and the data are called NAME, and their verdicts."""
    results = folder / "data/results"
    trials = [synthetic.finished(arm, seed) for arm in (*synthetic.ARMS, NAME) for seed in (0, 1)]
    settings = [one.trial for one in trials if one.trial.arm == NAME]
    for trial in settings:
        trial.config.update({"rate": NAME, NAME: NAME})  # type: ignore[attr-defined]
    records.write(results / "toy", "toy", trials, [], {"stage": NAME, "data": {NAME: NAME}})
    (results / "verdicts").mkdir()
    (results / "verdicts/toy.json").write_text(json.dumps(rows()), encoding="utf-8")
    return results


def render_hostile(folder: Path) -> tuple[Path, Path]:
    """The overview and a notebook of such claims as HTML and PDF below `folder`."""
    results = write_results(folder)
    notebook = folder / "toy.py"
    notebook.write_text(NOTEBOOK, encoding="utf-8")
    html, pdf = folder / "report.html", folder / "report.pdf"
    given = synthetic.parameters(results)
    render([synthetic.ROOT / "reports/overview.py", notebook], synthetic.TEMPLATE, given, html, pdf)
    return html, pdf
