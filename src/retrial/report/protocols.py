"""A claim's protocol in words: on what, with which settings, how many times.

Drawn from records: the data of their provenance, the config of the arms behind the verdict, and
whether the profile ran them whole.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retrial.core.records import Records

Row = Mapping[str, Any]

# Folders of data/raw and data/domains as readers know them.
DATA = {
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "iris": "Iris",
    "titanic": "the passengers of the Titanic",
    "digits": "UCI's digits",
    "domains": "digits from elsewhere",
}
ALL_ARMS = 4  # arms told with what sets them apart; more are only named
ITEMS = 16  # settings that are told of an arm, and of a group of settings
LIST = 6  # entries that are told of a list
NOT_TOLD = ("device",)


def protocol(row: Row, records: Records) -> str:
    """What was run for a verdict row, in a few lines of plain text."""
    evidence = row["evidence"]
    named = [arm for arm in (evidence["arm"], evidence["against"], *evidence["others"]) if arm]
    arms = [arm for arm in dict.fromkeys(named) if arm not in records.skipped]
    lost = [arm for arm in dict.fromkeys(named) if arm in records.skipped]
    parts = [_data(records)]
    if evidence["deterministic"]:
        parts.append("There is no chance in it: one run decides.")
    parts += list(_arms(arms, records))
    if lost:
        parts.append(f"Not run in this profile: {', '.join(lost)}.")
    if any(not trial["whole"] for arm in arms for trial in records.of(arm)):
        parts.append("This profile cuts the protocol short.")
    return " ".join(parts)


def _data(records: Records) -> str:
    folders = dict.fromkeys(name.partition("/")[0] for name in records.provenance.get("data", {}))
    if not folders:
        return "Worked out, without data or training."
    names = [DATA[folder] for folder in folders if folder in DATA]
    splits = [split for split in map(_split, folders) if split]
    stages = [folder for folder in folders if folder not in DATA and not _split(folder)]
    told = [f"Data: {', '.join([*names, *splits])}."] if names else []
    if stages:
        told.append(f"Takes the results of {', '.join(stages)}.")
    return " ".join(told)


def _split(folder: str) -> str:
    """How a folder of data/splits divides its data, in words; "" for another folder."""
    found = re.fullmatch(r"(full|report)(\d*)_\w+", folder)
    if found is None:
        return ""
    return f"split as report {found[2]} has it" if found[2] else "split as it is published"


def _arms(arms: Sequence[str], records: Records) -> Iterator[str]:
    """The first arm whole, the others by what sets them apart from it."""
    first: dict[str, str] | None = None
    for arm in arms[:ALL_ARMS]:
        trials = records.of(arm)
        settings = dict(_settings(trials[0]["config"]))
        runs = f"{arm} ({len(trials)} run{'s' if len(trials) > 1 else ''})"
        known = first or {}
        items = [f"{key} {text}" for key, text in settings.items() if known.get(key) != text]
        items += [f"no {key}" for key in known if key not in settings]
        if items:
            yield f"{runs}: {_first(items)}."
        else:
            yield f"{runs}." if first is None else f"{runs}: the same settings."
        first = first if first is not None else settings
    if len(arms) > ALL_ARMS:
        yield f"{len(arms) - ALL_ARMS} further arms: {', '.join(arms[ALL_ARMS:])}."


def _settings(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The settings of a config as names and texts; those that are not set are left out."""
    for key, value in config.items():
        if value is not None and key not in NOT_TOLD:
            yield key.replace("_", " "), _text(value)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        items = [f"{name} {text}" for name, text in _settings(value)]
        return f"({_first(items)})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        shown = [_text(one) for one in value[:LIST]]
        more = f" … ({len(value)} in all)" if len(value) > LIST else ""
        return f"[{', '.join(shown)}{more}]"
    return str(value)


def _first(items: Sequence[str]) -> str:
    more = f" and {len(items) - ITEMS} more" if len(items) > ITEMS else ""
    return ", ".join(items[:ITEMS]) + more
