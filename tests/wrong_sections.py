"""Sections of configuration with a mistake in them, and what is said of it."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from retrial.core.config import section
from retrial.core.errors import RetrialError


def refused(tmp_path: Path, name: str, content: dict[str, Any], model: type) -> str:
    """What is said of a section of a file."""
    path = tmp_path / "params.yaml"
    with path.open("w") as stream:
        YAML(typ="safe").dump({name: content}, stream)
    with pytest.raises(RetrialError) as error:
        section(path, name, model)
    said = str(error.value)
    assert said.startswith(f"{path}: {name}.")
    assert "\n" not in said
    return said.removeprefix(f"{path}: {name}.")


def changed(content: dict[str, Any], keys: str, value: Any) -> dict[str, Any]:
    """`content` with another value at `keys`."""
    first, *rest = keys.split(".", 1)
    return content | {first: changed(content[first], rest[0], value) if rest else value}
