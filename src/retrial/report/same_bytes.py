"""Which families do not hold their bytes on every machine, as the report's limits say it.

`same_bytes.json`, beside this file, is what `retrial same-bytes --record` found: by study and
condition, what differed. It is empty where every family holds.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from retrial.core.errors import RetrialError

RECORDED = Path(__file__).with_suffix(".json")


def recorded(path: Path = RECORDED) -> dict[str, dict[str, str]]:
    """By study and condition what differed; RetrialError when the file is not what was recorded."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or not all(
        isinstance(one, dict) and all(isinstance(told, str) for told in one.values())
        for one in found.values()
    ):
        raise RetrialError(f"{path}: damaged, expected what differed by study and condition")
    return found


def limitation(study: str, found: Mapping[str, Mapping[str, str]]) -> str:
    """The sentence for a study whose bytes depend on the machine; "" for one that holds."""
    conditions = found.get(study)
    if not conditions:
        return ""
    return (
        "The bytes of this family depend on where it runs: a trial that was run again gave others "
        f"under these conditions: {', '.join(sorted(conditions))}."
    )
