"""All that is known of one claim, as labelled lines for a terminal."""

import json
import re
from collections.abc import Mapping
from typing import Any

from retrial.judging.ledger import Claim
from retrial.report.terminal import in_terminal

SHOWN = 12  # hexadecimal digits of a fingerprint: enough to find an MLflow run


def card(claim: Claim, row: Mapping[str, Any] | None, published: str) -> list[tuple[str, str]]:
    """Labels and texts of a claim; what is empty is left out.

    `row` is its verdict row, None where nothing was run; `published` its verdict in the paper
    profile.
    """
    content = row or {**claim.model_dump(mode="json"), "verdict": "(not run here yet)"}
    lines = [
        ("claim", claim.id),
        ("where", f"report {claim.report}, {claim.where}"),
        ("quote", f"“{claim.quote}”"),
        ("rendering", claim.rendering),
        ("statement", claim.statement),
        ("printed", f"{claim.printed} {claim.unit}".strip()),
        ("line", in_terminal(claim.tex)),
        ("right", in_terminal(content.get("right", ""))),
        ("why", content.get("why", "")),
        ("verdict", content["verdict"]),
        ("published", published),
        ("measured", measured(content)),
        ("reason", content.get("reason", "")),
        ("margin", _margin(content, claim.margin_reason)),
        ("fault", content.get("fault") or ""),
        ("assumes", "; ".join(claim.assumes)),
        ("choices", "; ".join(claim.choices)),
        ("fitted", "; ".join(claim.fitted)),
        ("evidence", _evidence(content["evidence"])),
        ("profile", content.get("profile", "")),
        ("stage", f"{content['stage']}, inputs {content['inputs_md5']}" if row else ""),
        ("trials", " ".join(one[:SHOWN] for one in content.get("fingerprints", ()))),
    ]
    # A claim file may hold what moves a terminal's cursor or writes its title.
    return [(label, re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text)) for label, text in lines if text]


def short(number: str | float | None) -> str:
    """A number with five significant digits; a dash for none."""
    return f"{float(number):.5g}" if number not in (None, "") else "–"


def measured(row: Mapping[str, Any]) -> str:
    """What was measured with its interval, as far as there is one.

    Nothing for a worked line, which stands beside it with all its digits.
    """
    if row.get("measured") is None or row.get("right"):
        return ""
    interval = f" [{short(row['low'])}, {short(row['high'])}]" if row["low"] is not None else ""
    return f"{short(row['measured'])}{interval}, n = {row['n']}"


def _margin(row: Mapping[str, Any], reason: str) -> str:
    if row.get("margin") is None:
        return ""
    return f"±{row['margin']:g} ({reason or 'the default of its quantity'})"


def _evidence(evidence: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key} {value if isinstance(value, str) else json.dumps(value)}"
        for key, value in evidence.items()
        if value
    )
